"""What is left of the difference of two aligned images when brightness, contrast, sharpness and
noise are taken away.

It is looked at block by block. A block differs when *both* images have structure there that the
other does not explain: other print, another smile, another window of the same program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.alignment import Aligned, Band, Grey, joint_levels, shrink_mask, tone

_SOFTEN = 0.8
_SOFTER = 0.005  # of the longer side
_SOFTEST = 2.0
_SOFTEST_PAPER = 1.3
_BLURS = (0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
_CONTRAST = 50.0
_MIN_CONTRAST = 25.0
_UNEXPLAINED = 0.55
_STRUCTURE = 4.0
_NOISY = 3.0
_DRAWN = 10.0
_EVEN = 3.0
_LIGHT = 190
_MIN_LIGHT = 0.15  # of the pixels: a third of half of the regions
_REGIONS = 8
_NEAR_GROUND = 15
_WEAK = 4.0
_BOLD = 8.0
_EDGE = 0.3
_MIN_AROUND = 60
_BAR = 0.95
_MOST, _NEARLY_ALL = 0.8, 0.9
_AS_MUCH = 0.85
_MORE_OR_LESS = 0.95
_PLACE = 24
_ROWS = 4
_LIVELY = 16.0

Map = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Residual:
    """What two aligned images differ in.

    Grey levels are scaled so that the images have a standard deviation of 50.

    Attributes
    ----------
    difference : float
        Of the block that differs most, in scaled grey levels, flukes of single blocks left out
        and overlays taken away.
    noise : float
        Median over all blocks of what neither image explains of the other.
    blur : float
        Standard deviation, in pixels, of the blur that makes them equally sharp.
    blocks : int
        Blocks in which both have structure.
    overlay : float
        Share of the blocks that an overlay covers.
    bands : tuple of (float, float)
        Rows of the left image that it lies on, from and to, as shares of its height.
    covered : int
        -1 if the overlay lies on the right image, 1 if on the left one, 0 if there is none.
    paper : bool
        Most of it is of one level, as of a page of text.
    """

    difference: float
    noise: float
    blur: float
    blocks: int
    overlay: float
    bands: tuple[Band, ...]
    covered: int
    paper: bool


def compare(aligned: Aligned) -> Residual | None:
    """Compare what lies upon each other, or None if it is too little."""
    mask = shrink_mask(aligned.covered, 5)
    blocks = _Blocks(mask, 8 if max(mask.shape) < 240 else 12)
    if np.count_nonzero(mask) < 400 or np.count_nonzero(blocks.whole) < 12:
        return None
    found = _compare(aligned, mask, blocks, _SOFTEN)
    if found.noise > _NOISY:
        # coarse compression, or grain: what is real is seen through a softer lens as well
        softest = _SOFTEST_PAPER if found.paper else _SOFTEST  # digits are soon blurred away
        soften = float(np.clip(max(aligned.left.shape) * _SOFTER, _SOFTEN, softest))
        found = _compare(aligned, mask, blocks, soften, paper=found.paper)
    return found


def _compare(
    aligned: Aligned,
    mask: NDArray[np.uint8],
    blocks: _Blocks,
    soften: float,
    *,
    paper: bool = False,
) -> Residual:
    import cv2

    left, right, blur = _equally_sharp(aligned.left, aligned.right, mask, soften)
    rounded = [np.asarray(cv2.convertScaleAbs(x), np.uint8) for x in (left, right)]
    joint = joint_levels(rounded[0], rounded[1], mask)
    own, structure = [], []
    for one, other, way in ((left, rounded[1], joint.T), (right, rounded[0], joint)):
        expected = np.asarray(cv2.LUT(other, tone(way).astype(np.float32)))
        unexplained, variance, spread = blocks.unexplained(one, expected)
        scale = _CONTRAST / max(_MIN_CONTRAST, spread)
        own.append(np.sqrt(unexplained) * scale)
        structure.append(np.sqrt(variance) * scale)
    both = np.minimum(*own)
    share = np.minimum(*(o / np.maximum(s, 1e-3) for o, s in zip(own, structure, strict=True)))
    differs = np.where(share > _UNEXPLAINED, both, 0)
    # what is drawn where the other one is even is no less a difference
    least = np.minimum(*structure)
    added = np.where(least < _EVEN, np.maximum(*own) - _DRAWN, 0)
    differs = np.where(blocks.whole, np.maximum(differs, added), 0).astype(np.float32)
    structured = blocks.whole & (least > _STRUCTURE)
    drawn = blocks.whole & (least > 1.5 * _DRAWN)
    paper = paper or _are_paper(rounded, blocks, drawn)
    rows = [] if paper else _overlay(differs, structured, blocks.whole)
    sides = {1 if own[0][part].sum() > own[1][part].sum() else -1 for part in rows}
    overlay, bands = 0.0, []
    # words were written on one of the two
    if len(sides) == 1 and not _on_both(structure, differs, rows, blocks.whole):
        for part in rows:
            overlay += float(np.count_nonzero(blocks.whole[part]) / np.count_nonzero(blocks.whole))
            bands.append(blocks.share_of_height(part))
            differs[part] = 0
    return Residual(
        float(_without_flukes(differs).max()),
        float(np.median(both[structured])) if structured.any() else 0.0,
        blur,
        int(np.count_nonzero(structured)),
        overlay,
        tuple(bands),
        sides.pop() if bands else 0,
        paper,
    )


def _overlay(differs: Map, structured: NDArray[np.bool_], whole: NDArray[np.bool_]) -> list[slice]:
    """Rows of blocks of words or a logo at the upper edge, at the lower one, or at both.

    Elsewhere the picture has to go on as it was; a band is no overlay where it differs little.
    """
    strong = _without_flukes(differs) > _WEAK
    if not strong.any() or np.count_nonzero(structured) < _MIN_AROUND:
        return []
    covered = np.flatnonzero(whole.any(axis=1))
    top, height = int(covered[0]), int(covered[-1] - covered[0] + 1)
    rows = np.flatnonzero(strong.any(axis=1))
    upper = rows < top + height / 2
    bands = [slice(r[0], r[-1] + 1) for r in (rows[upper], rows[~upper]) if len(r)]
    near, far = top + _EDGE * height, top + (1 - _EDGE) * height
    if all((b.stop <= near or b.start >= far) and differs[b].max() >= _BOLD for b in bands):
        return bands
    return []


def _on_both(
    structure: Sequence[Map], differs: Map, rows: Sequence[slice], whole: NDArray[np.bool_]
) -> bool:
    """Whether there are words on both images, and other ones: as much is drawn where they differ
    on the one as on the other, and more than elsewhere. Not if a bar hides what was there."""
    within = np.zeros_like(whole)
    for part in rows:
        within[part] = whole[part]
    strong = within & (differs > _WEAK)
    around = whole & ~within
    if np.count_nonzero(strong) > _BAR * np.count_nonzero(within) or not around.any():
        return False
    drawn = [float(np.quantile(one[strong], _MOST)) for one in structure]
    usual = [max(_EVEN, float(np.quantile(one[around], _NEARLY_ALL))) for one in structure]
    alike = min(drawn) > _AS_MUCH * max(drawn)
    return alike and all(d > _MORE_OR_LESS * u for d, u in zip(drawn, usual, strict=True))


def _without_flukes(differs: Map) -> Map:
    """Values that four neighbouring, overlapping blocks all reach."""
    import cv2

    return np.asarray(cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)))


def _are_paper(images: list[Grey], blocks: _Blocks, drawn: NDArray[np.bool_]) -> bool:
    """Whether both are of one level, one of them light, also where they are drawn upon."""
    import cv2

    if not drawn.any() or max((x[::4, ::4] > _LIGHT).mean() for x in images) < _MIN_LIGHT:
        return False
    grounds = [_ground(image) for image in images]
    if max(float(np.median(ground)) for ground in grounds) <= _LIGHT:
        return False
    for image, ground in zip(images, grounds, strict=True):
        level = cv2.resize(ground, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
        near = blocks.mean((cv2.absdiff(image, level) <= _NEAR_GROUND).astype(np.float32))
        if near[drawn].mean() < 0.45 or (near[blocks.whole] < 0.1).mean() > 0.2:
            return False
    return True


def _ground(image: Grey) -> Grey:
    """Level of most of the light pixels of every region, shape (8, 8).

    A page lit from one side has another one in every region.
    """
    height, width = (n // _REGIONS for n in image.shape)
    regions = image[: height * _REGIONS, : width * _REGIONS]
    regions = regions.reshape(_REGIONS, height, _REGIONS, width)[:, ::4, :, ::4]
    pixels = regions.transpose(0, 2, 1, 3).reshape(_REGIONS, _REGIONS, -1)
    place = pixels.shape[2] * 2 // 3
    return np.ascontiguousarray(np.partition(pixels, place, axis=2)[:, :, place])


class _Blocks:
    """Square blocks at half their side from each other, those that lie in the mask as a whole."""

    def __init__(self, mask: NDArray[np.uint8], side: int) -> None:
        self.half = side // 2
        self.shape = mask.shape[0] // self.half, mask.shape[1] // self.half  # in cells
        self.whole = self.mean(mask.astype(np.float32)) > 0.999

    def share_of_height(self, rows: slice) -> Band:
        """Where some rows of blocks begin and end, and a block more."""
        height = self.shape[0]
        return max(0, rows.start - 2) / height, min(height, rows.stop + 3) / height

    def mean(self, image: Map) -> Map:
        cells = np.empty((1, *self.shape), np.float32)
        self._cells(self._inner(image), cells[0])
        return np.asarray(self._joined(cells)[0])

    def _inner(self, image: Map) -> Map:
        """Without what is no whole cell."""
        return image[: self.shape[0] * self.half, : self.shape[1] * self.half]

    def _cells(self, image: Map, means: Map) -> None:
        """Write the means of the cells, of a half block's side, of an inner image."""
        import cv2

        cv2.resize(image, self.shape[::-1], means, interpolation=cv2.INTER_AREA)

    def _joined(self, cells: Map) -> Map:
        """Means of blocks, four cells each."""
        pairs = cells[:, :, 1:] + cells[:, :, :-1]
        return np.asarray((pairs[:, 1:] + pairs[:, :-1]) * np.float32(0.25))

    def unexplained(self, image: Map, expected: Map) -> tuple[Map, Map, float]:
        """Variance that no line through the expected values explains, all variance of a block,
        and the standard deviation over all blocks."""
        import cv2

        image, expected = self._inner(image), self._inner(expected)
        cells = np.empty((5, *self.shape), np.float32)
        self._cells(image, cells[0])
        self._cells(expected, cells[1])
        product = np.empty(image.shape, np.float32)  # new memory costs more than the product
        self._cells(cv2.multiply(image, image, product), cells[2])
        self._cells(cv2.multiply(expected, expected, product), cells[3])
        self._cells(cv2.multiply(image, expected, product), cells[4])
        mean, other, power, other_power, both = self._joined(cells)
        variance = np.maximum(power - mean * mean, 0)
        spread = np.maximum(other_power - other * other, 0)
        joint = both - mean * other
        explained = np.where(spread > 0.01, joint * joint / np.maximum(spread, 0.01), 0)
        overall = power[self.whole].mean() - float(mean[self.whole].mean()) ** 2
        return np.maximum(variance - explained, 0), variance, float(np.sqrt(max(0.0, overall)))


def _equally_sharp(
    left: Grey, right: Grey, mask: NDArray[np.uint8], soften: float
) -> tuple[Map, Map, float]:
    """Soften both, and blur the sharper one until they are equally sharp."""
    import cv2

    images = [cv2.GaussianBlur(x.astype(np.float32), (0, 0), soften) for x in (left, right)]
    seen = _Sharpness(mask)
    sharpness = [seen.of(x) for x in images]
    ratio = seen.ratio(sharpness[0], sharpness[1])
    sharper = int(ratio < 1)
    source = (left, right)[sharper].astype(np.float32)
    blur = 0.0
    for sigma in _BLURS:
        if max(ratio, 1 / ratio) < 1.05 or (ratio < 1) != sharper:
            break
        blur = sigma
        images[sharper] = cv2.GaussianBlur(source, (0, 0), float(np.hypot(sigma, soften)))
        sharpness[sharper] = seen.of(images[sharper])
        ratio = seen.ratio(sharpness[0], sharpness[1])
    return np.asarray(images[0]), np.asarray(images[1]), blur


class _Sharpness:
    """Compares the gradients of two images, relative to their contrast, place by place.

    What covers a part of one image is sharp or not on its own account: half of the places are of
    one mind. Every fourth row is enough.
    """

    def __init__(self, mask: NDArray[np.uint8]) -> None:
        rows, columns = (max(1, (n - 1) // _PLACE) for n in mask.shape)
        self.size = columns, rows
        # whole places, if there are any: their means are taken much faster
        bottom, end = (
            min(count * _PLACE, n - 1) for count, n in zip((rows, columns), mask.shape, strict=True)
        )
        self.rows = slice(0, bottom, _ROWS), slice(0, end)
        self.beside = slice(0, bottom, _ROWS), slice(1, end + 1)
        self.below = slice(1, bottom + 1, _ROWS), slice(0, end)
        self.whole = self._mean(mask[self.rows].astype(np.float32)) > 0.5

    def _mean(self, values: Map) -> Map:
        import cv2

        return np.asarray(cv2.resize(values, self.size, interpolation=cv2.INTER_AREA))

    def of(self, image: Map) -> tuple[Map, Map]:
        """Mean squared gradient, and variance, of every place."""
        rows = np.ascontiguousarray(image[self.rows])
        across, down = image[self.beside] - rows, image[self.below] - rows
        across *= across
        down *= down
        across += down
        mean = self._mean(rows)
        rows *= rows
        return self._mean(across), self._mean(rows) - mean * mean

    def ratio(self, left: tuple[Map, Map], right: tuple[Map, Map]) -> float:
        """How much sharper the left image is than the right one."""
        lively = self.whole & (np.minimum(left[1], right[1]) > _LIVELY)
        if not lively.any():
            return 1.0
        ratios = left[0][lively] * right[1][lively] / (left[1][lively] * right[0][lively] + 1e-6)
        return float(np.sqrt(max(1e-6, np.median(ratios))))
