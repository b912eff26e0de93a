"""What is left of the difference of a copy and its source beside resampling and compression.

A copy is predicted from its source by the kernel that explains it best. The coefficients of the
blocks of a JPEG may differ from those of the prediction by half a step and what rounding pixels
adds; what goes beyond that was done to the picture: a mark, a retouched spot, noise, sharpening,
smoothing. Of other encodings the steps are estimated from the pair, so that only what differs
more in some places than in most is seen.

Source: the bound that quantisation sets, ITU-T T.81; kernels as in Pillow (wider where they shrink)
and OpenCV (as they are).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from imgsim.measure.quantisation import block_basis
from imgsim.verify.median import quantile

_BLOCK = 8
_PATCH = 10
"""Blocks of a side of the parts by which a kernel is chosen; those at its rim do not count."""

_PATCHES = 4
"""Of such parts along each side."""

_ROUNDING = 1.2
"""Levels that rounding pixels and colours adds to a coefficient, hardly ever more."""

_ANTIALIASED = ("BICUBIC", "LANCZOS", "BILINEAR", "HAMMING", "MKS2013", "MKS2021", "BOX")
"""Pillow's kernels; the magic ones, which some networks use, are not in every version of it."""
_STEPPED = ("BOX", "NEAREST")
"""Kernels with edges: which pixels count is decided by rounding, so parts have to be cut out of the
whole."""

_PLAIN = ("INTER_LINEAR", "INTER_CUBIC", "INTER_LANCZOS4", "INTER_AREA")
_NOTHING = 5e-3
"""Power that a kernel leaves of a part at most, if no other needs to be tried."""

_ENLARGING = ("BILINEAR", "BICUBIC", "LANCZOS")
_ENLARGED = 0.02
"""Share that a kind of interpolation leaves unexplained, if no other needs to be tried."""

_ENLARGED_PIXELS = 4_000_000
"""Pixels from which on OpenCV's kinds are not tried, which are made as a whole."""

_LEAST_STEP = 2
_LARGE_STEP = 4
_LEAST_COUNT = 50
_LEAST_DISTANCES = 300
_USUAL_STEP = 8.0
_CLIPPED = 3.0
"""The same beside a whole step, where decoders cut off levels."""

_BLACK, _WHITE = 1, 254
_CROWD = 7
_FEW_FAIL = 0.01
_NEARLY_ALL = 0.9995
_ROWS = 64
"""Rows of blocks that are worked on at once."""

_ALL_BLOCKS = 16_000
"""From twice as many on, a megapixel, every second block in both directions is looked at."""

Blocks = NDArray[np.float32]
Levels = NDArray[np.float32] | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Residue:
    """What neither resampling nor the steps of a copy explain.

    Attributes
    ----------
    top, top_clipped : float
        Root mean square, in levels, where most is left: the mean of 3 x 3 blocks. Of blocks that
        reach an end of the scale, where decoders cut off, by themselves: they may differ more.
    mean : float
        The same of all blocks.
    beyond : float
        Share of the coefficients of the copy that are too far away.
    lost : float
        Share of the prediction's coefficients that should have been stored, and are not.
    crowded : float
        By how many standard deviations there are more of these two among 7 x 7 blocks than one of a
        hundred, at most.
    level : float
        Levels by which the mean of a block differs, at most.
    colour : float
        The same of colours, in parts of 16 x 16 pixels.
    edge : float
        Levels by which the mean of 8 pixels in a row differs beyond the last whole block, at the
        right or lower edge, over the most of nearly all such rows of the same direction elsewhere.
    error, shape : float
        Root mean square distance of the prediction from the coefficients of a JPEG, in steps, and
        its kurtosis: 0.29 and 1.8 if the JPEG was compressed from it. 0 where steps are unknown.
    step : float
        Median of the steps of the coarser frequencies.
    steps_known : bool
        The steps are those of a JPEG, not estimated.
    """

    top: float
    top_clipped: float
    mean: float
    beyond: float
    lost: float
    crowded: float
    level: float
    colour: float
    edge: float
    error: float
    shape: float
    step: float
    steps_known: bool


def residue_of_copy(
    copy: NDArray[np.uint8],
    source: NDArray[np.uint8],
    laid: NDArray[np.uint8],
    pixels: NDArray[np.uint8],
    table: NDArray[np.int64] | None,
) -> Residue | None:
    """Compare a copy with what its source predicts.

    Parameters
    ----------
    copy : ndarray of uint8, shape (h, w, 3)
        YCrCb, as it is stored.
    source : ndarray of uint8, shape (H, W)
        Luma, of the same size or larger.
    laid : ndarray of uint8, shape (h, w, 3)
        The source in the pixels of the copy, each the mean of an area, YCrCb.
    pixels : ndarray of uint8, shape (h, w, 3)
        The copy in RGB.
    table : ndarray of int64, shape (8, 8), or None
        Steps of the luma of the copy by frequency, if it is a JPEG.

    Returns
    -------
    Residue or None
        None if the copy has no block that can be compared.
    """
    luma = copy[..., 0]
    usable = _whole_blocks(pixels)
    if not usable.any():
        return None
    steps = None if table is None else table.astype(np.float32)
    predicted = _prediction(luma, source, laid[..., 0], usable, steps)
    if steps is None:
        steps = _estimated_steps(luma, predicted, usable)
    some = np.s_[:: _every(usable), :: _every(usable)]
    usable_ones = usable[some]
    seen = _Sums(usable_ones.shape)
    row = 0
    for stored, apart in _coefficients(luma, predicted, _every(usable)):
        seen.add(row, stored, apart, usable_ones[row : row + len(stored)], steps)
        row += len(stored)
    return Residue(
        *seen.results(),
        _colour(copy, laid, usable),
        _edge(copy, predicted, laid),
        *(seen.distances() if table is not None else (0.0, 0.0)),
        round(float(np.median(steps[:4, :4])), 4),
        table is not None,
    )


class _Sums:
    """What is left of blocks, gathered from rows of them."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.power, self.clipped = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.asked, self.failing = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.level = self.count = self.beyond = self.wanted = self.lost = 0.0
        self.squares = np.zeros(3)

    def add(
        self, row: int, stored: Blocks, apart: Blocks, usable: NDArray[np.bool_], steps: Blocks
    ) -> None:
        away = np.abs(apart)
        allowed = np.where(usable[..., None, None], steps / 2 + _ROUNDING, steps + _CLIPPED)
        rest = np.maximum(away - allowed, 0)
        rows = np.s_[row : row + len(stored)]
        power = np.einsum("rcij,rcij->rc", rest, rest) / _BLOCK**2
        self.power[rows], self.clipped[rows] = power * usable, power * ~usable
        self.level = max(self.level, float((away[..., 0, 0] * usable).max()) / _BLOCK)
        used, wanted, beyond, lost = _failing(stored, apart, usable, steps)
        self.count += np.count_nonzero(used)
        self.beyond += np.count_nonzero(beyond)
        self.wanted += np.count_nonzero(wanted)
        self.lost += np.count_nonzero(lost)
        large = used & (steps >= _LARGE_STEP)
        distances = away[large] / np.broadcast_to(steps, away.shape)[large]
        squares = np.square(distances, dtype=np.float64)
        self.squares += len(squares), squares.sum(), np.square(squares).sum()
        self.asked[rows] = _counts(used | wanted)
        self.failing[rows] = _counts(beyond | lost)

    def distances(self) -> tuple[float, float]:
        """Of the prediction from the coefficients, in steps: root mean square and kurtosis."""
        count, second, fourth = self.squares
        if count < _LEAST_DISTANCES:
            return 0.0, 0.0
        shape = fourth * count / max(second**2, 1e-12)
        return round(float(np.sqrt(second / count)), 4), round(float(shape), 4)

    def results(self) -> tuple[float, float, float, float, float, float, float]:
        import cv2

        asked, failing = (
            cv2.blur(x, (_CROWD, _CROWD), borderType=cv2.BORDER_CONSTANT) * _CROWD**2
            for x in (self.asked, self.failing)
        )
        few = _FEW_FAIL * asked
        crowded = ((failing - few) / np.sqrt(few + 1)).max()
        top, top_clipped = (
            np.sqrt(max(0.0, float(cv2.blur(x, (3, 3), borderType=cv2.BORDER_REFLECT).max())))
            for x in (self.power, self.clipped)
        )
        mean = np.sqrt(float(self.power.mean()))
        beyond, lost = self.beyond / max(1.0, self.count), self.lost / max(1.0, self.wanted)
        values = (top, top_clipped, mean, beyond, lost, crowded, self.level)
        a, b, c, d, e, f, g = (round(float(value), 4) for value in values)
        return a, b, c, d, e, f, g


def _counts(which: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How many coefficients of each block."""
    ones = which.reshape(*which.shape[:2], -1).view(np.uint8)
    return np.asarray(ones @ np.ones(ones.shape[2], np.uint8), np.float32)


_FIRST = np.zeros((_BLOCK, _BLOCK), np.bool_)
_FIRST[0, 0] = True


def _whole_blocks(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which blocks have no pixel at an end of the scale, where decoders cut off."""
    import cv2

    bands = 1 if image.ndim == 2 else image.shape[2]
    inside = cv2.inRange(image, (_BLACK + 1,) * bands, (_WHITE - 1,) * bands)
    rows, columns = inside.shape[0] // _BLOCK, inside.shape[1] // _BLOCK
    if not rows or not columns:
        return np.zeros((rows, columns), np.bool_)
    inside = inside[: rows * _BLOCK, : columns * _BLOCK]
    share = cv2.resize(inside, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(share == 255).reshape(rows, columns)


def _every(usable: NDArray[np.bool_]) -> int:
    """Which blocks are looked at: every so many-th in both directions."""
    return 1 if usable.size < 2 * _ALL_BLOCKS else 2


def _blocks(luma: Levels, every: int = 1) -> Blocks:
    """Coefficients of whole blocks, shape (rows, columns, 8, 8)."""
    basis = block_basis().astype(np.float32)
    rows, columns = luma.shape[0] // _BLOCK, luma.shape[1] // _BLOCK
    pixels = luma[: rows * _BLOCK, : columns * _BLOCK]
    parts = pixels.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)[::every, ::every]
    return np.asarray(basis @ parts.astype(np.float32, order="C") @ basis.T)


def _coefficients(
    luma: NDArray[np.uint8], predicted: Levels, every: int
) -> Iterator[tuple[Blocks, Blocks]]:
    """Coefficients, and how far the predicted ones lie from them, of some rows of blocks."""
    for row in range(0, luma.shape[0] // _BLOCK, _ROWS):
        part = slice(row * _BLOCK, (row + _ROWS) * _BLOCK)
        stored = _blocks(luma[part], every)
        stored[..., 0, 0] -= 128 * _BLOCK
        expected = _blocks(predicted[part], every)
        expected[..., 0, 0] -= 128 * _BLOCK
        yield stored, stored - expected


def _estimated_steps(
    luma: NDArray[np.uint8], predicted: Levels, usable: NDArray[np.bool_]
) -> Blocks:
    """Steps that would leave such differences where the copy has something, by frequency."""
    every = _every(usable)
    parts = list(_coefficients(luma, predicted, every))
    usable = usable[::every, ::every]
    stored = np.concatenate([part[0] for part in parts])[usable]
    away = np.abs(np.concatenate([part[1] for part in parts])[usable])
    steps = np.full((_BLOCK, _BLOCK), np.nan, np.float32)
    for place in np.ndindex(_BLOCK, _BLOCK):
        here = away[:, *place]
        used = np.abs(stored[:, *place]) > 2 * np.median(here) + 1
        if np.count_nonzero(used) >= _LEAST_COUNT:
            steps[place] = 4 * np.median(here[used])  # rounding leaves a quarter of a step
    most = np.nanmax(steps) if np.isfinite(steps).any() else _USUAL_STEP
    return np.where(np.isnan(steps), np.float32(most), steps)


def _prediction(
    luma: NDArray[np.uint8],
    source: NDArray[np.uint8],
    laid: NDArray[np.uint8],
    usable: NDArray[np.bool_],
    steps: Blocks | None,
) -> Levels:
    """The source in the size of the copy, by the kernel that explains the copy best."""
    if source.shape == luma.shape:
        return source
    from PIL import Image

    places = _places(usable)
    size = luma.shape[1], luma.shape[0]
    image = Image.fromarray(source)
    least, chosen = np.inf, ""
    whole: dict[str, Levels] = {_PLAIN[-1]: laid}
    for name in (*_ANTIALIASED, *reversed(_PLAIN)):
        if name in _PLAIN and name not in whole:
            whole[name] = _plain(source, size, name)
        elif name in _STEPPED:
            whole[name] = _antialiased(image, name, size, luma.shape, (0, 0))
        elif name not in Image.Resampling.__members__ and name not in whole:
            continue
        left = 0.0
        for top, start in places:
            part = np.s_[top : top + _PATCH * _BLOCK, start : start + _PATCH * _BLOCK]
            if name in whole:
                predicted = whole[name][part]
            else:
                predicted = _antialiased(image, name, size, luma[part].shape, (top, start))
            blocks = usable[top // _BLOCK :, start // _BLOCK :][:_PATCH, :_PATCH]
            left += _left(luma[part], predicted, steps, blocks[1:-1, 1:-1])
        if left < least:
            least, chosen = left, name
        if steps is not None and least <= _NOTHING * len(places):
            break
    if chosen in whole:
        return whole[chosen]
    return _antialiased(image, chosen, size, luma.shape, (0, 0))


def failing_as_enlarged(
    larger: NDArray[np.uint8], smaller: NDArray[np.uint8], table: NDArray[np.int64]
) -> float | None:
    """Tell whether a JPEG was enlarged from a picture with fewer pixels.

    Parameters
    ----------
    larger : ndarray of uint8, shape (H, W)
        Luma, as it is stored.
    smaller : ndarray of uint8, shape (h, w)
    table : ndarray of int64, shape (8, 8)
        Steps of the luma of the larger one.

    Returns
    -------
    float or None
        Share of the coefficients of some parts that no kind of interpolation explains; about 0 of
        an enlarged picture. None if there are too few.
    """
    from PIL import Image

    shape = larger.shape[0] // _BLOCK, larger.shape[1] // _BLOCK
    places = _places(np.ones(shape, np.bool_))
    size = larger.shape[1], larger.shape[0]
    image, steps = Image.fromarray(smaller), table.astype(np.float32)
    whole: dict[str, Levels] = {}
    least: float | None = None
    further = _PLAIN[1:3] if larger.size < _ENLARGED_PIXELS else ()
    for name in (*_ENLARGING, "NEAREST", *further):
        if least is not None and least <= _ENLARGED:
            break
        if name == "NEAREST":
            whole[name] = np.asarray(image.resize(size, Image.Resampling.NEAREST))
        elif name in _PLAIN:
            whole[name] = _plain(smaller, size, name)
        asked = failing = 0
        for top, start in places:
            part = np.s_[top : top + _PATCH * _BLOCK, start : start + _PATCH * _BLOCK]
            some = larger[part]
            if name in whole:
                predicted = whole[name][part]
            else:
                predicted = _antialiased(image, name, size, some.shape, (top, start))
            inner = np.s_[1:-1, 1:-1]
            stored = _blocks(some.astype(np.float32) - 128)[inner]
            apart = _blocks(some.astype(np.float32) - predicted)[inner]
            usable = _whole_blocks(some)[inner]
            used, wanted, beyond, lost = _failing(stored, apart, usable, steps)
            asked += int(np.count_nonzero(used | wanted))
            failing += int(np.count_nonzero(beyond | lost))
        if asked >= _LEAST_COUNT and (least is None or failing / asked < least):
            least = failing / asked
    return None if least is None else round(least, 4)


def _failing(
    stored: Blocks, apart: Blocks, usable: NDArray[np.bool_], steps: Blocks
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Coefficients that a copy has, those that it should have, those of both that are wrong."""
    inner = usable[..., None, None] & ~_FIRST
    away, size = np.abs(apart), np.abs(stored)
    used = inner & (size > 0.75 * steps) & (steps >= _LEAST_STEP)
    wanted = inner & (np.abs(stored - apart) > steps / 2 + _ROUNDING)
    return used, wanted, used & (away > steps / 2 + _ROUNDING), wanted & (size < steps / 2)


def _left(
    luma: NDArray[np.uint8], predicted: Levels, steps: Blocks | None, usable: NDArray[np.bool_]
) -> float:
    """What a kernel leaves unexplained of a part, without the blocks at its rim."""
    inner = np.s_[1:-1, 1:-1]
    apart = np.abs(_blocks(luma.astype(np.float32) - predicted)[inner])
    if steps is not None:
        rest = np.maximum(apart - (steps / 2 + _ROUNDING), 0)
        rest = np.einsum("rcij,rcij->rc", rest, rest) / _BLOCK**2
        return float((np.minimum(rest, 1) * usable).sum())
    stored = np.abs(_blocks(luma.astype(np.float32) - 128)[inner])
    used = (stored > _USUAL_STEP) & ~_FIRST & usable[..., None, None]
    return float(np.square(np.minimum(apart, 20) * used).sum())


def _places(usable: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Rows and columns of pixels at which parts begin, spread over the picture."""

    def spread(blocks: int) -> list[int]:
        last = max(0, blocks - _PATCH)
        return sorted({round(x) for x in np.linspace(0, last, _PATCHES)})

    rows, columns = usable.shape
    return [(_BLOCK * y, _BLOCK * x) for y in spread(rows) for x in spread(columns)]


def _plain(source: NDArray[np.uint8], size: tuple[int, int], name: str) -> Levels:
    import cv2

    levels = source.astype(np.float32)
    return np.asarray(cv2.resize(levels, size, interpolation=getattr(cv2, name)), np.float32)


def _antialiased(
    image: Any, name: str, size: tuple[int, int], shape: tuple[int, ...], corner: tuple[int, int]
) -> Levels:
    """A part of an image that is brought to a size by one of Pillow's kernels."""
    from PIL import Image

    across, down = image.width / size[0], image.height / size[1]
    top, left = corner
    reach = 4  # pixels around it that the kernels look at
    box = (
        int(max(0, (left - reach) * across)),
        int(max(0, (top - reach) * down)),
        min(image.width, int((left + shape[1] + reach) * across) + 1),
        min(image.height, int((top + shape[0] + reach) * down) + 1),
    )
    part = Image.fromarray(np.asarray(image.crop(box), np.float32))
    within = (
        max(0.0, left * across - box[0]),
        max(0.0, top * down - box[1]),
        min(float(part.width), (left + shape[1]) * across - box[0]),
        min(float(part.height), (top + shape[0]) * down - box[1]),
    )
    kernel = getattr(Image.Resampling, name)
    return np.asarray(part.resize((shape[1], shape[0]), kernel, box=within), np.float32)


def _colour(copy: NDArray[np.uint8], laid: NDArray[np.uint8], usable: NDArray[np.bool_]) -> float:
    """The most by which the mean colour of a part of two by two blocks differs, in levels."""
    import cv2

    rows, columns = usable.shape[0] // 2, usable.shape[1] // 2
    if not rows or not columns:
        return 0.0
    whole = usable[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).all(axis=(1, 3))
    means = [
        cv2.resize(
            x[: 16 * rows, : 16 * columns].astype(np.float32),
            (columns, rows),
            interpolation=cv2.INTER_AREA,
        ).reshape(rows, columns, 3)
        for x in (copy, laid)
    ]
    apart = np.abs(means[0] - means[1])[..., 1:].max(axis=2) * whole
    return round(float(apart.max()), 4)


def _edge(copy: NDArray[np.uint8], predicted: Levels, laid: NDArray[np.uint8]) -> float:
    """By how much the rest of the rows and columns, which makes no whole block, differs more.

    Encoders fill up such blocks as they like, so that steps say nothing of them; means do.
    """
    height, width = copy.shape[:2]
    most = 0.0
    for band, known in enumerate((predicted, laid[..., 1], laid[..., 2])):
        # columns are looked at as the rows of the turned picture
        for turned, rest in ((False, height % _BLOCK), (True, width % _BLOCK)):
            if not rest:
                continue
            stored = copy[..., band].T if turned else copy[..., band]
            expected = known.T if turned else known
            highest = float(_apart(stored[-rest:], expected[-rest:]).max())
            if highest > most:  # else it cannot be the most, whatever is usual
                inner = _apart(stored[:-rest], expected[:-rest]).ravel()
                most = max(most, highest - (quantile(inner, _NEARLY_ALL) if len(inner) else 0.0))
    return round(most, 4)


def _apart(stored: NDArray[np.uint8], expected: Levels) -> NDArray[np.float32]:
    """Levels by which means of 8 pixels of each row differ."""
    import cv2

    if not len(stored):
        return np.empty(stored.shape, np.float32)
    one, other = np.ascontiguousarray(stored), np.ascontiguousarray(expected)
    apart = np.asarray(cv2.subtract(one, cast(Levels, other), dtype=cv2.CV_32F))
    means = cv2.blur(apart, (_BLOCK, 1), borderType=cv2.BORDER_REFLECT)
    return np.abs(np.asarray(means, np.float32))
