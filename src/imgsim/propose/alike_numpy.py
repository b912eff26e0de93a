"""What `compiled/_alike.c` does, by NumPy: for machines that could not compile it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.propose.keypoints import WORD_STARTS
from imgsim.propose.nearest import MAX_BITS, MOST_COUNTED, STEPS, among_nearest, steps_of

_AT_ONCE = 1 << 18
"""Pairs of keypoints that are compared together; each takes some 200 bytes then."""

_IMAGE, _MIRRORED, _FIRST = np.uint64(32), np.uint64(16), np.uint64(32)
"""Where bits begin: of what is known of a keypoint, and of a pair of them as one number."""


def search(
    start: int,
    number: int,
    most: int,
    first: int,
    last: int,
    order: NDArray[np.uint32],
    words: NDArray[np.uint32],
    descriptors: NDArray[np.uint8],
    about: NDArray[np.uint64],
    closed: NDArray[np.bool_] | None,
    codes: NDArray[np.uint32],
    histogram: NDArray[np.uint16] | None,
    limit: NDArray[np.uint8] | None,
    share: NDArray[np.uint16] | None,
    found: NDArray[np.uint64] | None,
) -> tuple[int, int]:
    """Compare keypoints that share a word, as many as there is room for what may be found.

    Parameters
    ----------
    start : int
        Place in `order`: where to begin.
    number : int
        Which of the words.
    most : int
        Keypoints that share a word; of more it is common, and in `about` it counts no more.
    first, last : int
        Pairs whose lesser keypoint is among these, from and to, are looked for; all of them where
        images are closed.
    order : ndarray of uint32, shape (m,)
        Keypoints in order of their words, those with equal words ascending.
    words : ndarray of uint32, shape (m,)
        Those, ascending.
    descriptors : ndarray of uint8, shape (n, 32)
    about : ndarray of uint64, shape (n,)
        Image, whether mirrored, and words that count, a bit each: see `alike`.
    closed : ndarray of bool, shape (images,), or None
        Images that are not compared with each other.
    codes : ndarray of uint32, shape (images,)
        See `nearest.codes_of`.
    histogram : ndarray of uint16, shape (n, STEPS), or None
        Where to count how many each is like.
    limit, share : ndarray of uint8 and uint16, shape (n,), or None
        If they are given, only the nearest are found: see `nearest.Nearest`.
    found : ndarray of uint64, or None
        Where to write the pairs, the lesser keypoint in the upper half.

    Returns
    -------
    tuple of (int, int)
        Where to go on, and how many pairs were found.
    """
    begins = np.flatnonzero(np.r_[True, words[1:] != words[:-1]])
    length = np.diff(begins, append=len(words))
    about[order[np.repeat(length > most, length)]] &= ~np.uint64(1 << number)
    group = np.searchsorted(begins, np.arange(start, len(order)), "right") - 1
    here = np.arange(start, len(order))
    begin = here + 1 if closed is None else begins[group]
    end = begins[group] + length[group]
    asked = (length[group] <= most) & (order[here] >= first) & (order[here] < last)
    if closed is not None:
        asked &= ~closed[about[order[here]] >> _IMAGE]
    count = np.where(asked, end - begin, 0)
    room = _AT_ONCE if found is None else len(found)
    some = max(1, int(np.searchsorted(np.cumsum(count), room, "right")))
    here, begin, count = here[:some], begin[:some], count[:some]
    one = np.repeat(here, count)
    other = np.arange(len(one)) + np.repeat(begin - (np.cumsum(count) - count), count)
    if closed is not None:
        apart = (other > one) | ((other < one) & closed[about[order[other]] >> _IMAGE])
        one, other = one[apart], other[apart]
    a, b = order[one], order[other]
    a, b = np.minimum(a, b), np.maximum(a, b)
    use = about[a] >> _IMAGE != about[b] >> _IMAGE
    use &= ((about[a] & about[b]) >> _MIRRORED & np.uint64(1)) == 0
    a, b = a[use], b[use]
    differing = descriptors[a] ^ descriptors[b]
    bits = np.bitwise_count(differing.view("<u8")).sum(axis=1, dtype=np.int64)
    use = bits <= MAX_BITS
    counted = about[a] & about[b]
    for earlier in range(number):
        before = slice(WORD_STARTS[earlier], WORD_STARTS[earlier] + 4)
        equal = ~differing[:, before].any(axis=1)
        use &= ~(equal & (counted >> np.uint64(earlier) & np.uint64(1)).astype(bool))
    a, b, step = a[use], b[use], steps_of(bits[use])
    if histogram is not None:
        for end_ in (a, b):
            place, more = np.unique(end_.astype(np.int64) * STEPS + step, return_counts=True)
            flat = histogram.reshape(-1)
            flat[place] = np.minimum(flat[place].astype(np.int64) + more, MOST_COUNTED)
    if limit is not None:
        assert share is not None
        images = codes[about[a] >> _IMAGE], codes[about[b] >> _IMAGE]
        near = among_nearest([(limit[end], share[end]) for end in (a, b)], step, images)
        a, b = a[near], b[near]
    if found is not None:
        found[: len(a)] = a.astype(np.uint64) << _FIRST | b
    return start + some, len(a) if found is not None else 0
