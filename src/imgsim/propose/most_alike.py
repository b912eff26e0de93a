"""Limits the pairs of pictures that resemble many others, such as frames of a fixed camera.

Their number would grow with the square of the pictures, and nearly all of them are no copies. Each
such picture is compared with those that it resembles most, and with one that stands for all around
it: the first in the order of the keep policy, so that frames which differ in noise alone become one
group.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS, Orientation
from imgsim.propose.proposals import Proposals
from imgsim.propose.reasons import KEYPOINTS, NEGATIVE

FEW = 32
"""Pictures that one resembles, up to which it is compared with all of them."""

MOST_ALIKE = 4
"""Those by each measure that it is compared with where there are more. Of 350 frames of two fixed
scenes and their copies of 18 kinds the frame itself was among so many by light and colours in
nearly all cases but for vignettes (0.86), grey and sepia (0.75) and crops (0.69)."""

_AT_ONCE = 512


def most_alike(
    proposals: Proposals,
    colours: NDArray[np.uint8],
    rank: NDArray[np.int64],
    closed: NDArray[np.bool_] | None = None,
    equal: NDArray[np.bool_] | None = None,
) -> Proposals:
    """Leave out pairs of pictures that resemble many others.

    A picture wants all of its pairs if there are at most `FEW`, else the `MOST_ALIKE` nearest by
    each of three measures (light, light and colours, votes of keypoints) and the one with the
    picture that stands for it. What one of the two wants is kept.

    Parameters
    ----------
    proposals : Proposals
    colours : ndarray of uint8, shape (n, side, side, 3)
        Of each picture, in YCbCr, as in `comparators.local.LAYOUT`.
    rank : ndarray of int64, shape (n,)
        Place of each picture in the order of the keep policy.
    closed : ndarray of bool, shape (n,), optional
        Pictures that are compared with others alone, such as an archive: these want nothing.
    equal : ndarray of bool, shape (pairs,), optional
        Pairs of one content: these are kept, and do not count. By default none is.

    Returns
    -------
    Proposals
        Some of the pairs, in their order.
    """
    n = len(rank)
    left, right = proposals.left, proposals.right
    equal = np.zeros(len(left), np.bool_) if equal is None else equal
    crowded = np.bincount(np.concatenate([left[~equal], right[~equal]]), minlength=n) > FEW
    if not crowded.any():
        return proposals
    asking = np.ones(n, np.bool_) if closed is None else ~closed
    content = asking & ~crowded
    wanted = equal | content[left] | content[right]
    some = np.flatnonzero(~equal & (crowded[left] | crowded[right]))
    left, right = left[some], right[some]
    wanted[some] |= _leads_to_first(left, right, rank)
    by_light, by_colours = (
        _nearness(left, right, proposals.why[some], colours[..., :channels]) for channels in (1, 3)
    )
    for nearness in (by_light, by_colours, proposals.weight[some].astype(np.float32)):
        wanted[some] |= _is_among_nearest(left, right, nearness, asking & crowded)
    return proposals.only(wanted)


def _leads_to_first(
    left: NDArray[np.int64], right: NDArray[np.int64], rank: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which pairs join a picture with the one that stands for it.

    That is the first around it which no earlier one stands for.
    """
    left_first = rank[left] < rank[right]
    first, second = np.where(left_first, left, right), np.where(left_first, right, left)
    order = np.argsort(rank[first], kind="stable")
    starts = np.flatnonzero(np.diff(first[order], prepend=-1))
    has_one = np.zeros(len(rank), np.bool_)
    leads = np.zeros(len(left), np.bool_)
    for pairs in np.split(order, starts[1:]):
        if not has_one[first[pairs[0]]]:
            free = pairs[~has_one[second[pairs]]]
            leads[free] = True
            has_one[second[free]] = True
    return leads


def _is_among_nearest(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    nearness: NDArray[np.float32],
    asking: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Which pairs are among the nearest of one of their two pictures, if that one asks."""
    pair = np.concatenate([np.flatnonzero(asking[left]), np.flatnonzero(asking[right])])
    one, other = np.concatenate([left, right]), np.concatenate([right, left])
    use = np.concatenate([asking[left], asking[right]])
    one, other = one[use], other[use]
    order = np.lexsort((other, -nearness[pair], one))
    one, pair = one[order], pair[order]
    starts = np.flatnonzero(np.diff(one, prepend=-1))
    place = np.arange(len(one)) - np.repeat(starts, np.diff(starts, append=len(one)))
    chosen = np.zeros(len(left), np.bool_)
    chosen[pair[place < MOST_ALIKE]] = True
    return chosen


def _nearness(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    why: NDArray[np.int64],
    colours: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Correlations of the channels of pairs, in the best of the orientations that are proposed."""
    nearness = np.full(len(left), -1, np.float32)
    upright, *others = ((1 << i, how) for i, how in enumerate(ORIENTATIONS))
    by_hash = KEYPOINTS - 1 | NEGATIVE
    for bit, how in [upright, *others, (NEGATIVE, None)]:
        pairs = np.flatnonzero((why & bit > 0) | ((why & by_hash == 0) & (bit == upright[0])))
        pairs = pairs[np.argsort(left[pairs], kind="stable")]
        for start in range(0, len(pairs), _AT_ONCE * FEW):
            part = pairs[start : start + _AT_ONCE * FEW]
            found = _correlations(left[part], right[part], colours, how)
            nearness[part] = np.maximum(nearness[part], found)
    return nearness


def _correlations(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    colours: NDArray[np.uint8],
    how: Orientation | None,
) -> NDArray[np.float32]:
    """Correlations of the colours of pairs, the right one turned, or negative if that is None.

    The left ones ascend: few pictures are on the left of many pairs.
    """
    lefts, row = np.unique(left, return_inverse=True)
    rights, column = np.unique(right, return_inverse=True)
    one = _normalised(colours[lefts])
    found = np.empty(len(left), np.float32)
    order = np.argsort(column, kind="stable")
    ends = np.searchsorted(column[order], np.arange(_AT_ONCE, len(rights) + _AT_ONCE, _AT_ONCE))
    start = 0
    for number, stop in enumerate(ends.tolist()):
        first = number * _AT_ONCE
        turned = colours[rights[first : first + _AT_ONCE]]
        other = _normalised(turned if how is None else _turned(turned, how))
        here = order[start:stop]
        found[here] = (one @ other.T)[row[here], column[here] - first]
        start = stop
    return -found if how is None else found


def _turned(colours: NDArray[np.uint8], how: Orientation) -> NDArray[np.uint8]:
    if how.transpose:
        colours = colours.transpose(0, 2, 1, 3)
    if how.mirror:
        colours = colours[:, :, ::-1]
    return colours[:, ::-1] if how.flip else colours


def _normalised(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Levels of each channel less their mean, all together of length 1, shape (n, d)."""
    levels = colours.reshape(len(colours), -1, colours.shape[-1]).astype(np.float32)
    levels -= levels.mean(axis=1, keepdims=True)
    vectors = levels.reshape(len(colours), -1)
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.asarray(vectors / np.maximum(length, 1e-6)[:, None])
