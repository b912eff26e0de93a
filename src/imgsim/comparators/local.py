"""What `local` and `auto` know of an image: a hash that can be turned, and keypoints.

Sources: the DCT hash follows N. Krawetz, "Looks like it" (hackerfactor.com, 2011), with the signs
of the coefficients instead of their median, so that a flip of the picture flips known bits and a
transposition swaps them. Keypoints are ORB: E. Rublee et al., "ORB: an efficient alternative to
SIFT or SURF", ICCV 2011, doi:10.1109/ICCV.2011.6126544, as OpenCV has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Extractor
from imgsim.decode import InputSpec, dct_basis

LONG_SIDE = 400
"""Keypoints are looked for in a grey image of this longer side, in pixels."""

KEYPOINTS = 256
"""Keypoints of an image, at most."""

MIRRORED = 96
"""Those of them that are also described as a mirror would show them."""

_HASH_SIDE = 16
_POINTS = 64
_CONTRASTS = (20, 10)  # of a corner, in grey levels; the lesser where there are too few
_PLENTY = 200
_MIN_SIDE = 42  # what the margins of the detector leave of it is nothing

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
    ]
)
"""A row. `hash`: 256 bits. `size`: width and height of the grey image. `count`: keypoints; what
lies behind them is zero. `place`: x and y in 1/64 pixels. `octave`: of the scale, each 1.2 times
the last. `angle`: in 1/256 turns. `descriptor`: of each keypoint. `mirrored`: of the first
`MIRRORED` keypoints, in the mirrored image."""

PLACE_UNIT = 64.0
SCALE_STEP = 1.2


@dataclass(frozen=True)
class LocalFeatures(Extractor):
    """Hash and keypoints of the grey image, one `LAYOUT` record as bytes."""

    name: ClassVar[str] = "local-features"
    version: ClassVar[int] = 2
    seen_again: ClassVar[bool] = True

    @property
    def wants(self) -> InputSpec:
        return InputSpec(0, 0, "grey", at_least=128, at_most=LONG_SIDE)

    @property
    def shape(self) -> tuple[int, ...]:
        return (LAYOUT.itemsize,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        rows = np.zeros(len(images), LAYOUT)
        for row, image in zip(rows, images, strict=True):
            _describe(image[..., 0], row)
        return rows.view(np.uint8).reshape(len(images), LAYOUT.itemsize)


def records(rows: NDArray[np.generic]) -> NDArray[Any]:
    """Rows of `LocalFeatures` as an array of `LAYOUT`."""
    return np.ascontiguousarray(rows).view(LAYOUT)[:, 0]


def _describe(small: NDArray[np.uint8], row: Any) -> None:
    import cv2

    cv2.setNumThreads(1)  # there is a worker for every core
    square = cv2.resize(small, (_POINTS, _POINTS), interpolation=cv2.INTER_AREA)
    row["hash"] = np.packbits(_signs(np.asarray(square)))
    row["size"] = small.shape[1], small.shape[0]
    if min(small.shape) < _MIN_SIDE:
        return
    for threshold in _CONTRASTS:
        orb = cv2.ORB.create(KEYPOINTS, SCALE_STEP, 8, 20, fastThreshold=threshold)
        found, descriptors = orb.detectAndCompute(small, None)
        if len(found) >= _PLENTY:
            break
    if not found:
        return
    known = np.array([(*k.pt, k.octave, k.angle, k.size, k.response) for k in found])
    order = _by_strength(known)
    known = known[order]
    x, y, octave, angle, size, _ = known.T
    n = len(known)
    row["count"] = n
    row["descriptor"][:n] = descriptors[order]
    row["place"][:n] = np.rint(known[:, :2] * PLACE_UNIT)
    row["octave"][:n] = octave
    row["angle"][:n] = np.rint(angle * (256 / 360)).astype(int) % 256
    columns = x[:MIRRORED], y, size, (180 - angle) % 360, octave.astype(int)
    across = small.shape[1] - 1 - columns[0]
    seen = [
        cv2.KeyPoint(u, v, s, turn, 0, level, i)
        for i, (u, v, s, turn, level) in enumerate(
            zip(across.tolist(), *(c.tolist() for c in columns[1:]), strict=False)
        )
    ]
    kept, mirrored = orb.compute(np.ascontiguousarray(small[:, ::-1]), seen)
    if kept:
        row["mirrored"][[k.class_id for k in kept]] = mirrored


def _by_strength(known: NDArray[np.float64]) -> NDArray[np.intp]:
    """The strongest first, in turn from every octave, ties by place."""
    x, y, octave, response = known[:, 0], known[:, 1], known[:, 2].astype(int), known[:, 5]
    members = np.bincount(octave)
    strongest = np.lexsort((y, x, -response, octave))
    first = np.cumsum(members) - members
    share = np.empty(len(known))
    share[strongest] = np.arange(len(known)) - first[octave[strongest]] + 0.5
    return np.lexsort((octave, share / members[octave]))[:KEYPOINTS]


# The hash in its eight orientations --------------------------------------------------------------


def _signs(square: NDArray[Any]) -> NDArray[np.bool_]:
    """Signs of the 16 x 16 lowest DCT coefficients; the mean's is left out."""
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
    """The hashes of the same images in another orientation.

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
