"""Measures in which ways two pictures of one subject differ, at their full resolution.

The verdict says that two pictures show the same, and how one lies upon the other. Here it is
measured what happened to the one or the other: other tones or colours, noise, blur, detail that is
there or only claimed by the number of pixels, compression.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgsim.measure.cut_off import cut_off
from imgsim.measure.extent import area_shares, narrow_border, share_of_one_colour
from imgsim.measure.frame import Frame, common_frame, finer_windows
from imgsim.measure.generation import compare_generations
from imgsim.measure.quantisation import Steps, about_steps, block_coefficients
from imgsim.measure.residue import Residue, failing_as_enlarged, residue_of_copy
from imgsim.measure.spectra import compare_spectra, detail_beyond
from imgsim.verify.matrix import Matrix
from imgsim.verify.median import median, quantile

VERSION = 14
"""Raised whenever a pair can get other differences: stored ones are void then."""

MIN_WINDOWS = 4
_FINER = 1.1
_EVEN_SHARE = 0.2
_DARK, _LIGHT = 16, 239
_BEYOND = 0.07
"""Share of the coefficients beyond half a step from which on no compression explains a copy."""
_SPOT_SIDE = 512
_SAME_CONTRAST = 0.02

_HARDLY_BEYOND = -7.5
"""Decibels of detail up to which a picture may have been enlarged."""

_SAME_TONE, _SAME_SPOT = 1.5, 10.0
"""Levels up to which a picture may be a mere copy of another one: else what is left of it beside
compression is not measured."""


@dataclass(frozen=True, slots=True)
class MeasuredPicture:
    """An upright picture, and how it was compressed.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        RGB.
    table : ndarray of int64, shape (8, 8), or None
        Steps of the luma of a JPEG whose pixels are stored upright; None for others.
    mean_errors : (float, float)
        Levels by which a JPEG may change the mean light and colour of a block; 0 of others.
    """

    pixels: NDArray[np.uint8]
    table: NDArray[np.int64] | None = None
    mean_errors: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Differences:
    """How two pictures of one subject differ. The left one comes first in every pair of fields.

    Attributes
    ----------
    windows : int
        Parts that were compared in detail; with fewer than `MIN_WINDOWS` only the fields up to
        `filled` are known, the others are 0 or None.
    placed : bool
        All of the one lies upon all of the other, perhaps turned or mirrored by quarters.
    scale : float
        Pixels of the left picture per pixel of the right one.
    turned, mirrored : bool
        By quarters, and in a mirror (which counts as turned).
    angle : float
        Degrees from the nearest quarter turn, 0 to 45.
    stretch : float
        Ratio of the scales of two directions at right angles; 1 or more.
    area : tuple of float
        Share of the area of each that the other shows.
    filled : tuple of float
        Share of the rest of each that has one colour: borders, filled corners.
    tone : float
        Root mean square, in grey levels, of the change of tones.
    saturation : float
        Colour of the right picture per colour of the left one; 1 where the left one has none.
    tint : float
        Levels by which the mean colour differs.
    chroma : tuple of float
        Mean distance from grey, in levels.
    spot : float
        Levels by which the most different small part differs, in light or colour, when the change
        of the whole is made up for.
    noise : tuple of float
        Levels of fine structure in even parts.
    gain, gain_back : tuple of float
        By how much the right picture shows the details of the left one, and the left one those of
        the right one, from coarse to fine, in equal parts of the frequencies of the one with fewer
        pixels.
    own : tuple of (tuple of float)
        Levels, by the same parts, that only the left and only the right picture has.
    beyond : float or None
        Detail of the picture with more pixels that the other one cannot have, in decibels; see
        `spectra.detail_beyond`. None if their resolution is nearly the same.
    steps : tuple of (tuple of float or None)
        How the other lies about the steps of each that is a JPEG, see `quantisation.Steps`.
    step_ratio : float
        Steps of the left picture per step of the right one, if both are JPEGs; else 0.
    generation : tuple of (tuple of float) or None
        Of two JPEGs, which was compressed from the other: the fields of `generation.Generation`.
    border : {-1, 0, 1}
        Which has a border of a few pixels, see `extent.narrow_border`.
    residue : tuple of (tuple of float or None)
        The fields of `residue.Residue`, if the left one is taken for a copy of the right one, and
        the other way round; None for one that has more pixels, or that is no mere copy anyhow.
    not_enlarged : float or None
        Of the one with more pixels, if it is a JPEG: share that no enlarging of the other one
        explains, see `residue.failing_as_enlarged`. None where the detail says enough.
    mean_errors : (float, float)
        Levels by which the coarser compression of both may change the mean light and colour of a
        block; 0 if both are no JPEGs.
    cut : tuple of float
        Share of each that is cut off at white or black where the other one has gradations.
    own_colour : tuple of float
        Share of the colour that is no matter of light: hardly any of a picture that was toned. 1
        unless the other one is grey.
    """

    windows: int
    placed: bool
    scale: float
    turned: bool
    mirrored: bool
    angle: float
    stretch: float
    area: tuple[float, float]
    filled: tuple[float, float]
    tone: float = 0.0
    saturation: float = 1.0
    tint: float = 0.0
    chroma: tuple[float, float] = (0.0, 0.0)
    spot: float = 0.0
    noise: tuple[float, float] = (0.0, 0.0)
    gain: tuple[float, ...] = ()
    gain_back: tuple[float, ...] = ()
    own: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    beyond: float | None = None
    steps: tuple[tuple[float, ...] | None, tuple[float, ...] | None] = (None, None)
    step_ratio: float = 0.0
    generation: tuple[tuple[float, float], ...] | None = None
    border: int = 0
    residue: tuple[tuple[float, ...] | None, tuple[float, ...] | None] = (None, None)
    not_enlarged: float | None = None
    mean_errors: tuple[float, float] = (0.0, 0.0)
    cut: tuple[float, float] = (0.0, 0.0)
    own_colour: tuple[float, float] = (1.0, 1.0)

    @property
    def turn_text(self) -> str:
        """In words, how it is turned by quarters."""
        return "mirrored" if self.mirrored else "turned by quarters"

    def swapped(self) -> Differences:
        """The same differences with left and right in the other order."""
        return replace(
            self,
            scale=1 / self.scale,
            area=self.area[::-1],
            filled=self.filled[::-1],
            saturation=1 / max(self.saturation, 0.01),
            chroma=self.chroma[::-1],
            cut=self.cut[::-1],
            own_colour=self.own_colour[::-1],
            noise=self.noise[::-1],
            gain=self.gain_back,
            gain_back=self.gain,
            own=self.own[::-1],
            steps=self.steps[::-1],
            border=-self.border,
            residue=self.residue[::-1],
            step_ratio=1 / self.step_ratio if self.step_ratio else 0.0,
            generation=self.generation and tuple(pair[::-1] for pair in self.generation),
        )


def measure_differences(
    left: MeasuredPicture, right: MeasuredPicture, matrix: Matrix
) -> Differences:
    """Measure the differences of two pictures that were laid upon each other.

    Parameters
    ----------
    left, right : MeasuredPicture
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    Differences
    """
    frame = common_frame(left.pixels, right.pixels, matrix)
    areas = area_shares(matrix)
    measured = Differences(
        len(frame.left),
        frame.placed,
        frame.scale,
        frame.turned,
        frame.mirrored,
        frame.angle,
        frame.stretch,
        (1.0, 1.0) if frame.placed else areas,
        (0.0, 0.0) if frame.placed else share_of_one_colour(left.pixels, right.pixels, matrix),
    )
    if frame.placed and not frame.turned:
        measured = replace(measured, border=narrow_border(left.pixels, right.pixels))
    if len(frame.left) < MIN_WINDOWS:
        return measured
    return _with_pixels(measured, frame, left, right, matrix)


def _with_pixels(
    measured: Differences,
    frame: Frame,
    left: MeasuredPicture,
    right: MeasuredPicture,
    matrix: Matrix,
) -> Differences:
    smooth = tuple(_planes(_blurred(windows, 2.0)) for windows in (frame.left, frame.right))
    even_levels = smooth[0][0], smooth[1][0]
    tone, contrast = _tone(*even_levels)
    saturation, tint, chroma = _colours(*(np.stack(planes[1:]).reshape(2, -1) for planes in smooth))
    lumas = frame.left[..., 0] * contrast, frame.right[..., 0].copy()
    spectra = compare_spectra(lumas[0], lumas[1], shifted=not frame.exact)
    beyond = None
    if max(frame.scale, 1 / frame.scale) > _FINER:
        fine, predictions, cut = finer_windows(left.pixels, right.pixels, matrix, frame)
        beyond = detail_beyond(fine, predictions, cut) if len(fine) else None
    coefficients = _Coefficients(frame)
    steps = (
        _steps(frame, coefficients, left, 0, contrast),
        _steps(frame, coefficients, right, 1, 1 / contrast),
    )
    spot = _spot(frame, saturation)
    mere_copy = tone <= _SAME_TONE and spot <= _SAME_SPOT
    return replace(
        measured,
        tone=tone,
        saturation=saturation,
        tint=tint,
        chroma=chroma,
        spot=spot,
        cut=(0.0, 0.0) if mere_copy else cut_off(*smooth),
        noise=_noise(lumas, even_levels),
        gain=_rounded(spectra.gain),
        gain_back=_rounded(spectra.gain_back),
        own=(_rounded(spectra.own_left), _rounded(spectra.own_right)),
        beyond=beyond,
        steps=steps,
        step_ratio=_step_ratio(left, right),
        generation=_generation(frame, coefficients, left, right),
        residue=_residues(frame, left, right, steps) if mere_copy else (None, None),
        not_enlarged=_not_enlarged(frame, left, right, beyond) if mere_copy else None,
        mean_errors=(
            max(left.mean_errors[0], right.mean_errors[0]),
            max(left.mean_errors[1], right.mean_errors[1]),
        ),
        own_colour=_own_colours(smooth, chroma),
    )


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def _blurred(windows: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur windows, shape (n, h, w) or (n, h, w, c), each for itself."""
    import cv2

    blurred = np.empty_like(windows)
    for window, place in zip(windows, blurred, strict=True):
        cv2.GaussianBlur(window, (0, 0), sigma, place)
    return blurred


def _planes(windows: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The channels of windows, shape (n, h, w, c), each by itself: they are worked on faster."""
    import cv2

    count, height, width, _ = windows.shape
    planes = cv2.split(windows.reshape(count * height, width, -1))
    return [np.asarray(plane, np.float32).reshape(count, height, width) for plane in planes]


def _tone(left: NDArray[np.float32], right: NDArray[np.float32]) -> tuple[float, float]:
    """Change of tones in levels, and of contrast, by the smoother half of the pixels.

    Blur changes levels beside edges, and is no change of tones.
    """
    slope = np.sqrt(np.maximum(*(_squared_slope(image) for image in (left, right))))
    even = np.flatnonzero(slope <= quantile(slope.ravel(), 0.5))
    x, y = left.ravel()[even], right.ravel()[even]
    levels = np.rint(x).clip(0, 255).astype(np.int64)
    count = np.bincount(levels, minlength=256)
    total, own = (np.bincount(levels, values, 256) for values in (y, x))
    seen = np.flatnonzero(count > len(x) / 2000)
    change = total[seen] / count[seen] - own[seen] / count[seen]
    weight = count[seen] / count[seen].sum()
    varied = left.ravel() - left.mean(), right.ravel() - right.mean()
    contrast = float((varied[0] @ varied[1]) / max(1e-6, float(varied[0] @ varied[0])))
    return float(np.sqrt((weight * change**2).sum())), min(max(contrast, 0.2), 5.0)


def _squared_slope(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared levels per pixel, shape (n, h, w), as by `numpy.gradient`."""
    down, across = np.empty_like(images), np.empty_like(images)
    for slope, values in ((down, images), (across.swapaxes(1, 2), images.swapaxes(1, 2))):
        np.subtract(values[:, 2:], values[:, :-2], out=slope[:, 1:-1])
        slope[:, 1:-1] *= np.float32(0.5)
        np.subtract(values[:, 1], values[:, 0], out=slope[:, 0])
        np.subtract(values[:, -1], values[:, -2], out=slope[:, -1])
        slope *= slope
    down += across
    return down


def _colours(
    left: NDArray[np.float32], right: NDArray[np.float32]
) -> tuple[float, float, tuple[float, float]]:
    """Saturation, tint and mean chroma of Cr and Cb, shape (2, n)."""
    one, other = (x - np.float32(128) for x in (left, right))
    squares = one * one
    power = float(squares.sum())
    chroma = (
        float(np.sqrt(squares[0] + squares[1]).mean()),
        float(np.sqrt(other[0] * other[0] + other[1] * other[1]).mean()),
    )
    saturation = float((one * other).sum()) / power if chroma[0] > 1 else 1.0
    return saturation, float(np.hypot(*(other.mean(axis=1) - one.mean(axis=1)))), chroma


def _own_colours(
    smooth: tuple[list[NDArray[np.float32]], ...], chroma: tuple[float, float]
) -> tuple[float, float]:
    """Share of the colour of each that its light does not tell, where the other one is grey."""
    shares = [1.0, 1.0]
    which = int(chroma[1] > chroma[0])
    if chroma[1 - which] < 1 < chroma[which]:
        light, *colours = (plane.ravel() for plane in smooth[which])
        levels = np.rint(light).clip(0, 255).astype(np.int64)
        count = np.maximum(np.bincount(levels, minlength=256), 1)
        rest = 0.0
        for colour in colours:
            mean = np.bincount(levels, colour, 256) / count
            rest += float(np.square(colour - mean[levels]).mean())
        shares[which] = float(np.sqrt(rest)) / chroma[which]
    return shares[0], shares[1]


def _spot(frame: Frame, saturation: float) -> float:
    """Levels by which the most different part of about one percent of a side differs."""
    import cv2

    height, width = frame.mask.shape
    share = min(1.0, _SPOT_SIDE / max(height, width))
    size = max(1, round(width * share / 8)), max(1, round(height * share / 8))
    small = [
        cv2.resize(x, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for x in (frame.whole_left, frame.whole_right)
    ]
    if frame.placed:  # all pixels lie in the mask
        inside = np.ones(size[::-1], np.bool_)
    else:
        cover = cv2.resize(frame.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        inside = cover > 0.999
    if np.count_nonzero(inside) < 16:
        return 0.0
    x, y = small[0][inside], small[1][inside]
    slope, offset = np.polyfit(x[:, 0], y[:, 0], 1) if x[:, 0].std() > 1 else (1.0, 0.0)
    light = np.abs(y[:, 0] - slope * x[:, 0] - offset)
    colour = y[:, 1:] - 128 - saturation * (x[:, 1:] - 128)
    colour -= np.array([median(np.ascontiguousarray(x)) for x in colour.T], colour.dtype)
    return float(max(light.max(), np.hypot(*colour.T).max()))


def _noise(
    lumas: tuple[NDArray[np.float32], NDArray[np.float32]],
    smooth: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> tuple[float, float]:
    """Fine structure in the evenest parts that both pictures have, in levels."""
    cells = [_cells(image) for image in smooth]
    means = [one.mean(axis=1) for one in cells]
    spread = np.maximum(*(one.std(axis=1) for one in cells))
    usable = np.ones(len(spread), bool)
    for mean in means:
        usable &= (mean > _DARK) & (mean < _LIGHT)
    if np.count_nonzero(usable) < 16:
        return 0.0, 0.0
    even = usable & (spread <= quantile(spread[usable], _EVEN_SHARE))
    by_window = even.reshape(len(lumas[0]), -1)
    has_even = by_window.any(axis=1)
    of_these = by_window[has_even].ravel()
    levels = []
    for luma in lumas:
        some = luma[has_even]
        # not the finest structure, of which laying pixels between pixels takes a part away
        fine = _cells(_blurred(some, 0.7) - _blurred(some, 1.6))[of_these]
        levels.append(median(fine.std(axis=1)))
    return levels[0], levels[1]


def _cells(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Parts of 8 x 8 pixels of windows, shape (parts, 64)."""
    n, side = len(windows), windows.shape[1] // 8
    return windows.reshape(n, side, 8, side, 8).swapaxes(2, 3).reshape(-1, 64)


def _step_ratio(left: MeasuredPicture, right: MeasuredPicture) -> float:
    if left.table is None or right.table is None:
        return 0.0
    return round(float(np.exp((np.log(left.table) - np.log(right.table)).mean())), 4)


class _Coefficients:
    """Coefficients of the blocks of both pictures of a frame, made when they are asked for.

    Those of a JPEG's own blocks: of two pictures that are turned towards each other, each has them
    in its own way.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._made: dict[bool, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def of(self, which: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the left and of the right one, in the pixels of the left (0) or right (1) one."""
        frame = self._frame
        how, is_frame = frame.how, frame.frame_is_left == (which == 0)
        as_stored = how is None or is_frame or not (how.flip or how.mirror or how.transpose)
        if as_stored not in self._made:
            left, right = (
                block_coefficients(frame.unturned(whole[..., 0].astype(np.float32), which))
                for whole in (frame.whole_left, frame.whole_right)
            )
            self._made[as_stored] = left, right
        return self._made[as_stored]


def _steps(
    frame: Frame,
    coefficients: _Coefficients,
    picture: MeasuredPicture,
    which: int,
    contrast: float,
) -> tuple[float, ...] | None:
    """How the other picture lies about the steps of a JPEG, pixel upon pixel."""
    if picture.table is None or not frame.same_pixels:
        return None
    both = coefficients.of(which)
    if abs(contrast - 1) < _SAME_CONTRAST:
        contrast = 1.0
    steps: Steps | None = about_steps(both[which], both[1 - which], picture.table, contrast)
    return None if steps is None else astuple(steps)


def _generation(
    frame: Frame, coefficients: _Coefficients, left: MeasuredPicture, right: MeasuredPicture
) -> tuple[tuple[float, float], ...] | None:
    """Which of two JPEGs that lie pixel upon pixel was compressed from the other."""
    if left.table is None or right.table is None or not frame.same_pixels or frame.turned:
        return None
    found = compare_generations(*coefficients.of(0), (left.table, right.table))
    return None if found is None else (found.failing, found.expected, found.spread)


def _residues(
    frame: Frame,
    left: MeasuredPicture,
    right: MeasuredPicture,
    steps: tuple[tuple[float, ...] | None, tuple[float, ...] | None],
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """What is left of each, as a copy of the other one."""
    if not frame.placed or frame.turned:
        return None, None
    wholes = frame.whole_left, frame.whole_right
    found: list[tuple[float, ...] | None] = []
    for which, copy, source in ((0, left, right), (1, right, left)):
        away = steps[which]
        if not (frame.same_pixels or frame.frame_is_left == (which == 0)) or (
            away is not None and away[2] > _BEYOND
        ):
            found.append(None)
            continue
        luma = wholes[1 - which][..., 0] if frame.same_pixels else _luma(source.pixels)
        residue = residue_of_copy(wholes[which], luma, wholes[1 - which], copy.pixels, copy.table)
        found.append(None if residue is None else _as_floats(residue))
    return found[0], found[1]


def _not_enlarged(
    frame: Frame, left: MeasuredPicture, right: MeasuredPicture, beyond: float | None
) -> float | None:
    larger, smaller = (right, left) if frame.frame_is_left else (left, right)
    if beyond is None or beyond > _HARDLY_BEYOND or larger.table is None:
        return None
    if not frame.placed or frame.turned:
        return None
    return failing_as_enlarged(_luma(larger.pixels), _luma(smaller.pixels), larger.table)


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), np.uint8)


def _as_floats(residue: Residue) -> tuple[float, ...]:
    return tuple(float(value) for value in astuple(residue))
