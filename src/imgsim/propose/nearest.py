"""Which of the keypoints that one is like count: the nearest ones.

In a large folder a keypoint is like more and more others by chance. It is a rule over contents
alone, the same wherever the comparing is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.propose.keypoints import Keypoints, parts

MAX_BITS = 64
"""By which keypoints that are alike differ, at most."""

NEAREST = 64
"""A keypoint is compared with this many others that it is like, and with those to whose nearest it
belongs."""

STEPS = 8
_STEP_BITS = 3
"""Distances are told apart in so many steps of 8 bits; the last of them has the largest too."""

MOST_COUNTED = 65535
"""Likenesses of one step that are counted."""

_AT_ONCE = 1 << 18

_MIX = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64
)
"""Odd numbers, by which descriptors become a number of their image."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """How far the nearest of each keypoint go.

    Attributes
    ----------
    limit : ndarray of uint8, shape (n,)
        Steps of distance that count whole.
    share : ndarray of uint16, shape (n,)
        Of 65,536 pairs of images how many count in the step behind those. All keypoints of two
        images draw one lot, so that a pair of images has all of its votes, or few.
    """

    limit: NDArray[np.uint8]
    share: NDArray[np.uint16]


def steps_of(bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the step of each distance, ndarray of int64, shape (p,)."""
    return np.asarray(np.minimum(bits >> _STEP_BITS, STEPS - 1))


def nearest_of(
    histogram: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Tell how far the nearest of some keypoints go, see `Nearest`.

    Parameters
    ----------
    histogram : ndarray of int, shape (n, STEPS)
        How many others each is like, by steps of distance, up to `MOST_COUNTED`.

    Returns
    -------
    limit : ndarray of uint8, shape (n,)
    share : ndarray of uint16, shape (n,)
    """
    steps = histogram.astype(np.int64)
    until = np.cumsum(steps, axis=1)
    limit = (until <= NEAREST).sum(axis=1)
    share = np.zeros(len(limit), np.uint16)
    further = np.flatnonzero(limit < STEPS)
    step = limit[further]
    room = NEAREST - until[further, step] + steps[further, step]
    share[further] = room * 65536 // steps[further, step]
    return limit.astype(np.uint8), share


def codes_of(keypoints: Keypoints, images: int) -> NDArray[np.uint32]:
    """Return a number of each image that follows from its keypoints, for `among_nearest`.

    Parameters
    ----------
    keypoints : Keypoints
    images : int

    Returns
    -------
    ndarray of uint32, shape (images,)
    """
    codes = np.zeros(images, np.uint64)
    for part in parts(keypoints.plain, _AT_ONCE):
        values = keypoints.descriptor[part].view("<u8") * _MIX
        np.add.at(codes, keypoints.image[part], np.bitwise_xor.reduce(values, axis=1))
    return (codes >> np.uint64(32)).astype(np.uint32)


def among_nearest(
    ends: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint16]]],
    step: NDArray[np.int64],
    codes: tuple[NDArray[np.uint32], NDArray[np.uint32]],
) -> NDArray[np.bool_]:
    """Tell which pairs of keypoints are among the nearest of one of the two.

    Parameters
    ----------
    ends : two of (ndarray of uint8, ndarray of uint16), shape (p,)
        Limit and share of the keypoints of each pair.
    step : ndarray of int64, shape (p,)
        Of their distance.
    codes : two ndarrays of uint32, shape (p,)
        Of their images.

    Returns
    -------
    ndarray of bool, shape (p,)
    """
    lot = _lots(*codes)
    counted = np.zeros(len(step), np.bool_)
    for limit, share in ends:
        counted |= (step < limit) | ((step == limit) & (lot < share))
    return counted


def _lots(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The lot that two images draw, in 0..65535, by their codes (the end of MurmurHash 3)."""
    lot = one ^ other
    lot ^= lot >> np.uint32(16)
    lot *= np.uint32(0x85EBCA6B)
    lot ^= lot >> np.uint32(13)
    lot *= np.uint32(0xC2B2AE35)
    lot ^= lot >> np.uint32(16)
    return lot >> np.uint32(16)
