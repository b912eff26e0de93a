"""The features of `local` and `auto`: a hash that can be turned, keypoints and colours.

Sources: the DCT hash follows N. Krawetz, "Looks like it" (hackerfactor.com, 2011), with the signs
of the coefficients instead of their median, so that a flip of the picture flips known bits and a
transposition swaps them. Keypoints are ORB: E. Rublee et al., "ORB: an efficient alternative to
SIFT or SURF", ICCV 2011, doi:10.1109/ICCV.2011.6126544, as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.extractor import Extractor
from imgsim.comparators.inset import find_inset
from imgsim.decode.detail import dct_basis
from imgsim.decode.spec import InputSpec

LONG_SIDE = 400
"""Keypoints are detected in a grey image of this longer side, in pixels."""

KEYPOINTS = 256
"""Keypoints of an image, at most."""

MIRRORED = 96
"""Those of them that are also described as a mirror would show them."""

COLOURS_SIDE = 32
"""Side, in pixels, of the square that holds the colours of an image."""

_HASH_SIDE = 16
_POINTS = 64
_CONTRASTS = (20, 10)  # of a corner, in grey levels; the lesser where there are too few
_PLENTY = 200
_DETECTED = 640
_PARTS = 3  # to a side
_MANY_KEYPOINTS = 100
"""From which on a flat picture has detail: of flat drawings and icons among 8,000 files none has
more than 52 keypoints, of screens with some twenty short lines of text none fewer than 246."""
_MIN_SIDE = 42  # the margins of the detector take all of it

LAYOUT = np.dtype(
    [
        ("hash", np.uint8, 32),
        ("size", np.uint16, 2),
        ("count", np.uint16),
        ("place", np.uint16, (KEYPOINTS, 2)),
        ("octave", np.uint8, KEYPOINTS),
        ("angle", np.uint8, KEYPOINTS),
        ("descriptor", np.uint8, (KEYPOINTS, 32)),
        ("mirrored", np.uint8, (MIRRORED, 32)),
        ("colours", np.uint8, (COLOURS_SIDE, COLOURS_SIDE, 3)),
        ("inset", np.uint16, 4),
        ("inset_hash", np.uint8, 32),
    ]
)
"""A row. `hash`: 256 bits. `size`: width and height of the grey image. `count`: keypoints; behind
them are zeros. `place`: x and y, so many to the pixel as `place_unit` says. `octave`: of the scale,
each 1.2 times the last. `angle`: in 1/256 turns. `descriptor`: of each keypoint. `mirrored`: of the
first `MIRRORED` keypoints, in the mirrored image. `colours`: the image in YCbCr, as a square.
`inset`: left, top, right and bottom, in pixels, of a picture on an even ground; zeros if there is
none. `inset_hash`: of that picture alone."""

PLACE_UNIT = 64.0
_PLACE_UNIT_LONG = 16.0
_LONG = 1000
SCALE_STEP = 1.2


@dataclass(frozen=True)
class LocalFeatures(Extractor):
    """Hash and keypoints of the grey image, and its colours, one `LAYOUT` record as bytes."""

    name: ClassVar[str] = "local-features"
    version: ClassVar[int] = 6
    needs_pixels_again: ClassVar[bool] = True

    @property
    def wants(self) -> InputSpec:
        return InputSpec(0, 0, "ycbcr", at_least=128, at_most=LONG_SIDE)

    @property
    def shape(self) -> tuple[int, ...]:
        return (LAYOUT.itemsize,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        import cv2

        rows = np.zeros(len(images), LAYOUT)
        for row, image in zip(rows, images, strict=True):
            _describe(np.ascontiguousarray(image[..., 0]), row)
            size = COLOURS_SIDE, COLOURS_SIDE
            row["colours"] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return rows.view(np.uint8).reshape(len(images), LAYOUT.itemsize)


def records(rows: NDArray[np.generic]) -> NDArray[Any]:
    """View rows of `LocalFeatures` as records.

    Parameters
    ----------
    rows : ndarray of uint8, shape (n, LAYOUT.itemsize)

    Returns
    -------
    ndarray of dtype `LAYOUT`, shape (n,)
    """
    return np.ascontiguousarray(rows).view(LAYOUT)[:, 0]


def lack_detail(flat: Iterable[bool], rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pictures cannot be told by their hash and keypoints.

    A page with a few lines of text is flat, but its letters are plenty of keypoints.

    Parameters
    ----------
    flat : iterable of bool
        Of each, see `ImageFacts.flat`.
    rows : ndarray of dtype `LAYOUT`, shape (n,)
        Those of pictures that are not flat are not read.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    plain = np.fromiter(flat, np.bool_)
    plain[plain] = rows["count"][plain] < _MANY_KEYPOINTS
    return plain


def place_unit(size: NDArray[Any]) -> NDArray[np.float32]:
    """Return by how much the places of keypoints are multiplied: less in long images.

    Parameters
    ----------
    size : ndarray of uint16, shape (..., 2)
        Width and height.

    Returns
    -------
    ndarray of float32, shape (...)
    """
    units = np.where(size.max(axis=-1) > _LONG, _PLACE_UNIT_LONG, PLACE_UNIT)
    return np.asarray(units, np.float32)


def _describe(small: NDArray[np.uint8], row: Any) -> None:
    """Write the hash and the keypoints of a grey image to a record."""
    import cv2

    cv2.setNumThreads(1)  # there is a worker for every core
    square = cv2.resize(small, (_POINTS, _POINTS), interpolation=cv2.INTER_AREA)
    row["hash"] = np.packbits(_signs(np.asarray(square)))
    row["size"] = small.shape[1], small.shape[0]
    place = find_inset(small)
    if place is not None:
        left, top, right, bottom = row["inset"] = place
        part = cv2.resize(
            small[top:bottom, left:right], (_POINTS, _POINTS), interpolation=cv2.INTER_AREA
        )
        row["inset_hash"] = np.packbits(_signs(np.asarray(part)))
    if min(small.shape) < _MIN_SIDE:
        return
    for threshold in _CONTRASTS:
        orb = cv2.ORB.create(_DETECTED, SCALE_STEP, 8, 20, fastThreshold=threshold)
        keypoints, descriptors = orb.detectAndCompute(small, None)
        if len(keypoints) >= _PLENTY:
            break
    if not keypoints:
        return
    known = np.empty((len(keypoints), 4))
    known[:, :2] = cv2.KeyPoint.convert(keypoints)
    known[:, 2] = [k.octave for k in keypoints]
    known[:, 3] = [k.response for k in keypoints]
    order = _spread(known, small.shape)
    n = len(order)
    row["count"] = n
    row["descriptor"][:n] = descriptors[order]
    row["place"][:n] = np.rint(known[order, :2] * place_unit(row["size"]))
    row["octave"][:n] = known[order, 2]
    chosen = [keypoints[i] for i in order.tolist()]
    row["angle"][:n] = np.rint([k.angle * (256 / 360) for k in chosen]).astype(int) % 256
    last = small.shape[1] - 1
    seen = [
        cv2.KeyPoint(last - k.pt[0], k.pt[1], k.size, (180 - k.angle) % 360, 0, k.octave, i)
        for i, k in enumerate(chosen[:MIRRORED])
    ]
    kept, mirrored = orb.compute(cv2.flip(small, 1), seen)
    if kept:
        row["mirrored"][[k.class_id for k in kept]] = mirrored


def _spread(known: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Choose keypoints, the strongest first, in turn from every part of the image and octave.

    A part that is cut off may hold all of the strongest ones. Ties by place.
    """
    x, y, octave, response = known[:, 0], known[:, 1], known[:, 2].astype(int), known[:, 3]
    share = _rank(np.lexsort((y, x, -response)), octave) / np.bincount(octave)[octave]
    part = (x * _PARTS / shape[1]).astype(int) * _PARTS + (y * _PARTS / shape[0]).astype(int)
    by_share = np.lexsort((octave, share))
    return np.lexsort((octave, share, _rank(by_share, part)))[:KEYPOINTS]


def _rank(order: NDArray[np.intp], group: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rank each among those of its group in an order; the first has 0.5."""
    grouped = order[np.argsort(group[order], kind="stable")]
    members = np.bincount(group)
    first = np.cumsum(members) - members
    rank = np.empty(len(order))
    rank[grouped] = np.arange(len(order)) - first[group[grouped]] + 0.5
    return rank


# The hash in its eight orientations --------------------------------------------------------------


def _signs(square: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the signs of the 16 x 16 lowest DCT coefficients, False for the mean's."""
    basis = dct_basis(_HASH_SIDE, _POINTS)
    signs = (basis @ square.astype(np.float64) @ basis.T) > 0
    signs[0, 0] = False
    return np.asarray(signs)


@dataclass(frozen=True, slots=True)
class Orientation:
    """A turn or flip: first transposed, then mirrored left-right, then upside down."""

    transpose: bool
    mirror: bool
    flip: bool


ORIENTATIONS = tuple(
    Orientation(t, m, f) for t in (False, True) for m in (False, True) for f in (False, True)
)
"""All eight, the unchanged one first."""


def turned(hashes: NDArray[np.uint8], how: Orientation) -> NDArray[np.uint8]:
    """Compute the hashes of the same images in another orientation.

    A mirrored image has the opposite sign in every odd column of its DCT, a flipped one in every
    odd row, a transposed one rows and columns swapped.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, 32)
    how : Orientation

    Returns
    -------
    ndarray of uint8, shape (n, 32)
    """
    bits = np.unpackbits(hashes, axis=1).reshape(-1, _HASH_SIDE, _HASH_SIDE)
    if how.transpose:
        bits = bits.transpose(0, 2, 1)
    odd = np.arange(_HASH_SIDE, dtype=np.uint8) % 2
    change = (odd[None, :] * how.mirror) ^ (odd[:, None] * how.flip)
    change[0, 0] = 0
    return np.packbits((bits ^ change.astype(np.uint8)).reshape(len(hashes), -1), axis=1)


def negative(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Compute the hashes of the same images with light and dark exchanged.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, 32)

    Returns
    -------
    ndarray of uint8, shape (n, 32)
    """
    exchanged = ~hashes
    exchanged[:, 0] &= 127  # the mean's sign, which no hash has
    return exchanged
