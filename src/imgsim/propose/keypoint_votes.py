"""Which images share keypoints: descriptors with an equal word vote for a pair of images.

Votes of a pair count together when they tell of the same turn, scale and shift
(weak geometric consistency: H. Jegou, M. Douze, C. Schmid, ECCV 2008,
doi:10.1007/978-3-540-88682-2_24), and for more the nearer their descriptors are. What is common
says little: a keypoint that is like several of the other image votes once (letters, leaves and
tiles are), and one that is like those of many images for less, as rare words count for more in the
search for texts (inverse document frequency: K. Sparck Jones, 1972, doi:10.1108/eb026526).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.progress import Progress
from imgsim.propose.alike import FEW_LIKENESSES, NO_WEIGHT, Collisions
from imgsim.propose.keypoints import Keypoints
from imgsim.propose.nearest import MOST_COUNTED, STEPS, steps_of

try:
    from imgsim.compiled import _alike
except ImportError:
    _alike = None  # type: ignore[assignment]

MIN_VOTES = 2
"""Consistent votes that a proposed pair of images has, at least."""

MIN_WEIGHT = 3500
"""Their weights together, at least. Among 700 photos with crops and copies 5,225 pairs of images
have as much; with 5,200, three votes and every likeness counted in full 20,295 had, 659 of which
match; all but one of these still have. Of 16 photos and their copies by each change of
`benchmarks/reach.py`, that it was not chosen on, 386 pairs that match had as much when counted so;
385 of them have now, and 9 more, most of them small parts."""

MIN_WEIGHT_SINGLE = 3000
"""Weight from which one vote will do, in no mirror, of keypoints that are like few others
(`alike.FEW_LIKENESSES`): of a small part of a picture hardly any other is left. Of 120 photos and
parts of an eighth of them 55 are proposed without it, 61 with it; of the pairs of 700 pictures that
are all different 298 and 329, with 2,600 it would be 418."""

MIN_WEIGHT_MIRRORED = 9000
"""The same for one of them in a mirror: of a picture and its mirrored crop nearly all have as much,
of 100 different pictures proposed with less three in four have not."""

_ANGLE = 30.0
_SCALE = 0.8
_SHIFT = 100.0

_FEWEST_LIKENESSES = 8
_LIKENESSES = 32
_LIKENESSES_AMONG = 640


@dataclass(frozen=True, slots=True)
class Votes:
    """Pairs of rows that may show the same picture.

    Attributes
    ----------
    left, right : ndarray of int64, shape (n,)
        left < right, no pair twice for one value of `mirrored`.
    mirrored : ndarray of bool, shape (n,)
        One of them as in a mirror.
    weight : ndarray of int64, shape (n,)
        Of the votes of the transformation that has most.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    weight: NDArray[np.int64]


def votes_of(
    rows: NDArray[Any],
    min_votes: int = MIN_VOTES,
    min_weight: int = MIN_WEIGHT,
    min_weight_mirrored: int = MIN_WEIGHT_MIRRORED,
    among: NDArray[np.int64] | None = None,
    closed: NDArray[np.bool_] | None = None,
    *,
    min_weight_single: int = MIN_WEIGHT_SINGLE,
    take: Callable[[Votes], object] | None = None,
    progress: Progress | None = None,
) -> Votes:
    """Find pairs of images with consistent votes, or a single sure one.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    min_votes, min_weight, min_weight_mirrored : int
        Of the votes of one transformation.
    among : ndarray of int64, shape (m,), optional
        Some of the rows: the pairs are places in this, and no other rows are copied.
    closed : ndarray of bool, shape (m,), optional
        Images that are not compared with each other. How common a keypoint is among them is not
        known then, so some more pairs may be found.
    min_weight_single : int
        Of one vote that is enough by itself.
    take : callable, optional
        See `votes_of_keypoints`.
    progress : Progress, optional

    Notes
    -----
    Memory grows with the images, and time, by `COMMON_WORD`, at last no faster: what keypoints have
    in common waits in temporary files, a block of images at a time.
    """
    among = np.arange(len(rows)) if among is None else among
    keypoints = Keypoints.of(rows, among)
    if closed is not None:
        keypoints = keypoints.of_open(closed)
    least = min_votes, min_weight, min_weight_mirrored, min_weight_single
    return votes_of_keypoints(keypoints, len(among), *least, take=take, progress=progress)


def votes_of_keypoints(
    keypoints: Keypoints,
    n: int,
    min_votes: int = MIN_VOTES,
    min_weight: int = MIN_WEIGHT,
    min_weight_mirrored: int = MIN_WEIGHT_MIRRORED,
    min_weight_single: int = MIN_WEIGHT_SINGLE,
    take: Callable[[Votes], object] | None = None,
    known: tuple[NDArray[np.uint64], NDArray[np.uint16]] | None = None,
    progress: Progress | None = None,
) -> Votes:
    """Find pairs of images with consistent votes, see `votes_of`, by their keypoints.

    Parameters
    ----------
    keypoints : Keypoints
    n : int
        Number of images.
    min_votes, min_weight, min_weight_mirrored : int
        Of the votes of one transformation.
    min_weight_single : int
        Of one vote that is enough by itself, in no mirror.
    take : callable, optional
        Takes the pairs, some at a time, a mirrored one perhaps twice; none are returned then.
    known : tuple of ndarray of uint64, shape (p,), and of uint16, shape (k, STEPS), optional
        Which keypoints are alike, see `Collisions`.
    progress : Progress, optional
    """
    parts = [np.zeros((2, 0), np.int64)]
    collisions = Collisions(keypoints, n, usual_likenesses(n), known, progress)
    # most pairs of images have too few, whatever they tell
    of_either = min(min_weight, min_weight_mirrored)
    for query, other in collisions.found(min_votes, of_either, min_weight_single):
        pair = _pair_codes(keypoints, query, other, n)
        weight, sure = collisions.weigh(query, other, min_weight_single)
        parts.append(np.stack([pair[sure], weight[sure]]))
        for cell in _cells(keypoints, query, other):
            votes = pair, cell, query, other, weight
            parts.append(_agreeing(*votes, n, min_votes, (min_weight, min_weight_mirrored)))
        if take is not None:
            take(_distinct_votes(parts, n))
            parts = parts[:1]
    return _distinct_votes(parts, n)


@dataclass(frozen=True, slots=True)
class Alike:
    """Keypoints of one image and those of others that are alike, a pair each.

    Attributes
    ----------
    one : ndarray of uint32, shape (p,)
        Place of the keypoint among those of the image.
    image : ndarray of int64, shape (p,)
        The other image.
    mirrored : ndarray of bool, shape (p,)
        Its keypoint is described as a mirror would show it.
    other : ndarray of int64, shape (p,)
        Number of that keypoint among those that are alike to any, ascending.
    bits : ndarray of uint8, shape (p,)
        By which they differ.
    """

    one: NDArray[np.uint32]
    image: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    other: NDArray[np.int64]
    bits: NDArray[np.uint8]


def votes_of_alike(
    own: Keypoints,
    before: int,
    alike: Alike,
    n: int,
    take: Callable[[NDArray[np.int64]], Keypoints],
) -> Votes:
    """Find consistent votes of one image and others, see `votes_of`, by which keypoints are alike.

    Parameters
    ----------
    own : Keypoints
        Of that image.
    before : int
        How many of the others come before it.
    alike : Alike
    n : int
        Number of images, with that one.
    take : callable
        Returns the keypoints of other images with some numbers, ndarray of int64, shape (k,), in
        their order.
    """
    step = steps_of(alike.bits.astype(np.int64))
    of_own = _by_steps(alike.one, step, len(own.image))
    of_others = _by_steps(alike.other, step, int(alike.other[-1]) + 1 if len(step) else 0)
    kept = _may_be_enough(own, alike, n)
    chosen, other = np.unique(alike.other[kept], return_inverse=True)
    closed = np.arange(n) != before
    keypoints, places = take(chosen).with_images(own, np.array([before]), closed)
    a, b = places[other], places[len(chosen) + alike.one[kept]]
    pairs = np.minimum(a, b).astype(np.uint64) << np.uint64(32) | np.maximum(a, b).astype(np.uint64)
    histogram = np.empty((len(places), STEPS), np.uint16)
    histogram[places] = np.concatenate([of_others[chosen], of_own])
    return votes_of_keypoints(keypoints, n, known=(pairs, histogram))


def _by_steps(
    keypoint: NDArray[np.integer[Any]], step: NDArray[np.int64], n: int
) -> NDArray[np.uint16]:
    """How many each of n keypoints is like, by steps of distance."""
    counts = np.bincount(keypoint.astype(np.int64) * STEPS + step, minlength=n * STEPS)
    return np.minimum(counts, MOST_COUNTED).astype(np.uint16).reshape(n, STEPS)


def _may_be_enough(own: Keypoints, alike: Alike, n: int) -> NDArray[np.int64]:
    """The pairs of those images that have enough, whatever the votes tell of.

    `Collisions` does the same, for fewer: where they lie need not be read of the others.
    """
    ends = alike.one.astype(np.int64), alike.other
    likenesses = np.maximum(*(np.bincount(end)[end] for end in ends))
    usual = usual_likenesses(n)
    weight = np.square(NO_WEIGHT - alike.bits.astype(np.int64)) * usual
    weight //= np.maximum(usual, likenesses)
    own_mirrored = own.mirrored[alike.one]
    key = 3 * alike.image + alike.mirrored + 2 * own_mirrored
    enough = np.bincount(key, minlength=3 * n) >= MIN_VOTES
    enough &= np.bincount(key, weight, 3 * n) >= min(MIN_WEIGHT, MIN_WEIGHT_MIRRORED)
    sure = (likenesses <= FEW_LIKENESSES) & (weight >= MIN_WEIGHT_SINGLE)
    enough[key[sure & ~alike.mirrored & ~own_mirrored]] = True
    return np.flatnonzero(enough[key])


def temporary_bytes(images: int) -> int:
    """Return how many bytes of temporary files finding pairs among so many images takes, at least.

    Three quarters of what 6,000 and 20,000 pictures took that have all keypoints: 16 kB for the row
    of each, 31 kB for its keypoints and, in the larger folder, 16 kB for which of these are alike.

    Parameters
    ----------
    images : int
    """
    return round(images * (35_000 + min(12_000, 32_000 * math.sqrt(images / 20_000))))


def _distinct_votes(parts: list[NDArray[np.int64]], n: int) -> Votes:
    """Each pair once, with its largest weight, of codes and weights of some, shape (2, m)."""
    chosen, weight = np.concatenate(parts, axis=1)
    mirrored, rest = np.divmod(chosen, n**2)
    query_image, other_image = np.divmod(rest, n)
    left, right = np.minimum(query_image, other_image), np.maximum(query_image, other_image)
    # in several cells, and each of the two may have been seen in the other one's mirror
    order = np.lexsort((-weight, right, left, mirrored))
    code = ((mirrored * n + left) * n + right)[order]
    once = order[np.flatnonzero(np.diff(code, prepend=-1))]
    return Votes(left[once], right[once], mirrored[once].astype(bool), weight[once])


def usual_likenesses(images: int) -> int:
    """Return how many keypoints of other images one may be like and still vote with full weight.

    What a twentieth of the images have in common (the bars of an app, the print of a form, leaves)
    tells little of any two of them. Among many images as many keypoints are alike by chance, and
    say more: from 640 images on the number grows with their root.

    Parameters
    ----------
    images : int
    """
    share = images / _LIKENESSES_AMONG
    return max(_FEWEST_LIKENESSES, int(_LIKENESSES * min(share, share**0.5)))


def _pair_codes(
    keypoints: Keypoints, query: NDArray[np.int64], other: NDArray[np.int64], n: int
) -> NDArray[np.int64]:
    """One number for two images and whether the second is mirrored."""
    a, b = keypoints.image[query].astype(np.int64), keypoints.image[other].astype(np.int64)
    return (keypoints.mirrored[other] * n + a) * n + b


def _agreeing(
    pair: NDArray[np.int64],
    cell: NDArray[np.int64],
    query: NDArray[np.int64],
    other: NDArray[np.int64],
    weight: NDArray[np.int64],
    n: int,
    min_votes: int,
    min_weights: tuple[int, int],
) -> NDArray[np.int64]:
    """Pairs with enough votes in one cell, of different keypoints of either image, and of weight.

    Of a keypoint the best of its votes in a cell counts. All votes of a query image stand together.

    Parameters
    ----------
    pair, cell, query, other, weight : ndarray of int64, shape (p,)
        Of each vote.
    n, min_votes : int
    min_weights : tuple of int
        Of a plain pair, and of a mirrored one.

    Returns
    -------
    ndarray of int64, shape (2, m)
        Codes of pairs, some of them more than once, and their weights.
    """
    if _alike is not None:
        found = np.empty((2, len(pair)), np.int64)
        arrays = pair, cell, query, other, weight
        count = _alike.agreeing(*arrays, n, min_votes, *min_weights, found[0], found[1])
        return found[:, :count].copy()
    group, votes, code = _in_cells(pair, cell)
    least = np.where(code < n**2, *min_weights)
    enough = np.bincount(group) >= min_votes
    enough &= np.bincount(group, weight[votes]) >= least
    open_ = enough[group]  # most are settled when all of their votes count
    group, votes = group[open_], votes[open_]
    weights = np.full(len(code), np.inf)
    for keypoint in (query, other):
        count, total = _of_different(group, keypoint[votes], weight[votes], len(code))
        enough &= (count >= min_votes) & (total >= least)
        weights = np.minimum(weights, total)
    return np.stack([code[enough], weights[enough].astype(np.int64)])


def _in_cells(
    pair: NDArray[np.int64], cell: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Group votes by their pair and cell.

    Returns
    -------
    group, votes : ndarray of int64, shape (n,)
        The number of the group of each vote, ascending, and the vote.
    code : ndarray of int64, shape (groups,)
        The pair of each group.
    """
    votes = np.lexsort((cell, pair))
    pair, cell = pair[votes], cell[votes]
    is_first = np.r_[True, (pair[1:] != pair[:-1]) | (cell[1:] != cell[:-1])][: len(pair)]
    return np.cumsum(is_first) - 1, votes, pair[is_first]


def _of_different(
    group: NDArray[np.int64], keypoint: NDArray[np.int64], weight: NDArray[np.int64], groups: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How many keypoints vote in each group, and the weight of the best vote of each together."""
    order = np.lexsort((weight, keypoint, group))
    group, keypoint, weight = group[order], keypoint[order], weight[order]
    best = np.r_[(group[1:] != group[:-1]) | (keypoint[1:] != keypoint[:-1]), True][: len(group)]
    group, weight = group[best], weight[best]
    count = np.bincount(group, minlength=groups).astype(np.int64)
    return count, np.bincount(group, weight, groups).astype(np.float64)


def _cells(
    keypoints: Keypoints, query: NDArray[np.int64], other: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """Cells of turn, scale and shift that each vote speaks for, in two overlapping grids."""
    # a mirrored keypoint is always `other`: it comes later in the row
    log_scale = keypoints.scale[other] - keypoints.scale[query]
    turn = (keypoints.angle[other] - keypoints.angle[query]) % 360
    scale = 2.0**log_scale
    radians = np.deg2rad(turn)
    cosine, sine = np.cos(radians) * scale, np.sin(radians) * scale
    # where the middle of the query image lies in the other
    dx, dy = 200 - keypoints.x[query], 150 - keypoints.y[query]
    x = keypoints.x[other] + cosine * dx - sine * dy
    y = keypoints.y[other] + sine * dx + cosine * dy
    for offset in (0.0, 0.5):
        t = np.floor(turn / _ANGLE + offset).astype(np.int64) % round(360 / _ANGLE)
        s = np.floor(log_scale / _SCALE + offset).astype(np.int64) + 16
        u = np.clip(np.floor(x / _SHIFT + offset).astype(np.int64) + 128, 0, 255)
        v = np.clip(np.floor(y / _SHIFT + offset).astype(np.int64) + 128, 0, 255)
        yield ((t * 32 + s) * 256 + u) * 256 + v
