"""Proposed pairs as the cache keeps them, so that the same pictures are not compared once more.

What is proposed of two pictures may depend on others, which resemble them: pairs are known of a
whole run alone, and found again if all of its pictures are there, and no others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.propose.proposals import Proposals

VERSION = 2
"""Raised whenever other pairs may be proposed of the same rows: those that are stored are void."""

MOST_PAIRS = 1 << 20
"""More are not kept: 20 MB."""

_KEY_BYTES = 32
_PLACES = 8


def key_of(digests: Sequence[str], *given: NDArray[np.int64]) -> bytes:
    """Return a digest of all that proposals follow from.

    Parameters
    ----------
    digests : sequence of str
        Of the contents, in the order of their rows.
    *given : ndarray of int64, any shape
        What else is known of the rows.
    """
    key = hashlib.sha256(" ".join(digests).encode())
    for values in given:
        key.update(f" {values.shape} ".encode() + values.astype("<i8").tobytes())
    return key.digest()


def place_of(key: bytes, n: int) -> int:
    """Which of n contents proposals are kept by: few, so that those of older runs do not pile up.

    More than one, since a run may ask twice, the second time with a file that turned out damaged.
    """
    return key[0] % min(_PLACES, n)


def pack(key: bytes, proposals: Proposals) -> bytes:
    """Write proposals and their key as bytes."""
    numbers = (len(proposals.left), len(proposals.crowded), proposals.left_out)
    some = (numbers, proposals.crowded, proposals.weight)
    ends = (proposals.left, proposals.right, proposals.why)
    return b"".join(
        [
            key,
            *(np.asarray(values, "<i8").tobytes() for values in some),
            *(np.asarray(values, "<i4").tobytes() for values in ends),
        ]
    )


def unpack(key: bytes, data: bytes) -> Proposals | None:
    """Read what `pack` wrote; None if that is nothing, or of another key."""
    if data[:_KEY_BYTES] != key:
        return None
    pairs, crowded, left_out = np.frombuffer(data, "<i8", 3, _KEY_BYTES).tolist()
    place = _KEY_BYTES + 3 * 8
    found = []
    for kind, count in (("<i8", crowded), ("<i8", pairs), *[("<i4", pairs)] * 3):
        found.append(np.frombuffer(data, kind, count, place).astype(np.int64))
        place += count * int(kind[-1])
    crowded_ones, weight, left, right, why = found
    return Proposals(left, right, why, weight, left_out, crowded_ones)
