"""Images that are asked about again and again, prepared once.

What it proposes for an image are the pairs that `propose` has for it beside the same images as
closed ones, for the same reasons, before any are left out of images that resemble many others (see
`proposals.limited`). It does not depend on what else is asked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import LAYOUT
from imgsim.neighbours.engine import Neighbours, best
from imgsim.neighbours.hamming import HammingEngine
from imgsim.propose.figures import are_figures, may_be_near, near_figures
from imgsim.propose.hashes import HASH_RADIUS, wanted_hashes
from imgsim.propose.keypoint_votes import Votes, votes_of_keypoints
from imgsim.propose.keypoints import Keypoints
from imgsim.propose.reasons import FIGURE, INSET, KEYPOINTS, MIRRORED, NEGATIVE, bit_back
from imgsim.read.scratch import release

_AT_ONCE = 1024
"""Images that are looked at together."""


class ArchiveRows(Protocol):
    """Rows of the images of an archive, each by its place in the order of their digests.

    Attributes
    ----------
    flat : ndarray of bool, shape (n,)
        Images with so little detail that they are compared as figures alone.
    """

    flat: NDArray[np.bool_]

    def take(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """Some of the rows.

        Parameters
        ----------
        places : ndarray of int64, shape (m,)

        Returns
        -------
        ndarray of dtype `comparators.local.LAYOUT`, shape (m,)
        """

    def column(self, name: str, places: NDArray[np.int64]) -> NDArray[Any]:
        """One field of some of the rows: ``hash``, ``inset_hash`` or ``colours``.

        Parameters
        ----------
        name : str
        places : ndarray of int64, shape (m,)

        Returns
        -------
        ndarray of uint8, shape (m, ...)
        """

    def holding(self) -> NDArray[np.bool_]:
        """Which images hold another picture, ndarray of bool, shape (n,)."""

    def figures(self) -> NDArray[np.bool_]:
        """Which images are figures, see `are_figures`, ndarray of bool, shape (n,)."""

    def keypoints_like(self, own: Keypoints) -> Keypoints:
        """Those keypoints of images with detail that share a word with others.

        Their images are places among those with detail. A word that too many share is left out,
        or all of its keypoints that are alike to one of those are there.
        """

    def votes_with(self, own: Keypoints, before: int) -> Votes:
        """Which images with detail share keypoints with one from outside.

        Parameters
        ----------
        own : Keypoints
            Of that image.
        before : int
            Images with detail that come before it; the votes are of places among them and it.
        """
        n = int((~self.flat).sum()) + 1
        closed = np.arange(n) != before
        near = self.keypoints_like(own)
        return votes_of_keypoints(near.with_images(own, np.array([before]), closed)[0], n)


class RowArray(ArchiveRows):
    """`ArchiveRows` in one array.

    Parameters
    ----------
    rows : ndarray of dtype `comparators.local.LAYOUT`, shape (m,)
        They are not copied.
    flat : ndarray of bool, shape (n,)
    places : ndarray of int64, shape (n,), optional
        Where the row of each image lies, if not in this order.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        flat: NDArray[np.bool_],
        places: NDArray[np.int64] | None = None,
    ) -> None:
        self.flat = flat
        self._rows = rows
        self._places = np.arange(len(rows)) if places is None else places
        detailed = self._places[np.flatnonzero(~flat)]
        self._keypoints = Keypoints.of(rows, detailed, by_halves=True)

    def take(self, places: NDArray[np.int64]) -> NDArray[Any]:
        return self._rows[self._places[places]]

    def column(self, name: str, places: NDArray[np.int64]) -> NDArray[Any]:
        return np.ascontiguousarray(self._rows[name][self._places[places]])

    def holding(self) -> NDArray[np.bool_]:
        return np.asarray(self._rows["inset"][self._places].any(axis=1))

    def figures(self) -> NDArray[np.bool_]:
        parts = [np.zeros(0, np.bool_)]
        for start in range(0, len(self.flat), _AT_ONCE):
            here = slice(start, start + _AT_ONCE)
            parts.append(are_figures(self._rows[self._places[here]], self.flat[here]))
            release(self._rows)
        return np.concatenate(parts)

    def keypoints_like(self, own: Keypoints) -> Keypoints:
        return self._keypoints.with_words(self._keypoints.shared_words(own))


class ProposalIndex:
    """Proposes pairs of an image from outside with those of an archive.

    Parameters
    ----------
    rows : ArchiveRows
    digests : sequence of str
        Of the contents, in ascending order.
    hashes : bool
        By their hashes too, and not by keypoints alone.
    jobs : int
        Threads.
    """

    def __init__(
        self, rows: ArchiveRows, digests: Sequence[str], *, hashes: bool, jobs: int
    ) -> None:
        self._digests = digests
        self._hashes = hashes
        self._rows = rows
        self._jobs = jobs
        self._detailed = np.flatnonzero(~rows.flat)

    @cached_property
    def _every(self) -> HammingEngine:
        return self._engine("hash", np.arange(len(self._rows.flat)))

    @cached_property
    def _near(self) -> HammingEngine:
        return self._engine("hash", self._detailed)

    @cached_property
    def _holding(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._rows.holding()[self._detailed])

    @cached_property
    def _insets(self) -> HammingEngine:
        return self._engine("inset_hash", self._detailed[self._holding])

    def _engine(self, name: str, places: NDArray[np.int64]) -> HammingEngine:
        return HammingEngine(self._rows.column(name, places), self._jobs)

    @cached_property
    def _figures(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """The places of the figures, and their colours as records."""
        places = np.flatnonzero(self._rows.figures())
        colours = np.empty(len(places), [("colours", LAYOUT["colours"])])
        colours["colours"] = self._rows.column("colours", places)
        return places, colours

    def propose(
        self, row: NDArray[Any], digest: str, *, flat: bool, keypoints: bool = True
    ) -> dict[int, tuple[int, int]]:
        """Find the images of the archive that are worth verifying with one from outside.

        Parameters
        ----------
        row : ndarray of dtype `comparators.local.LAYOUT`, shape (1,)
        digest : str
            Says which one of a pair is the left one; of equal ones the image from outside.
        flat : bool
            It has little detail.
        keypoints : bool
            By its keypoints too.

        Returns
        -------
        dict of int to (int, int)
            By the place of each image the reasons and the weight, see `Proposals`.
        """
        place = bisect_left(self._digests, digest)
        why: dict[int, int] = {}
        weights: dict[int, int] = {}

        def add(places: NDArray[np.int64], bit: int) -> None:
            for one in places.tolist():
                why[one] = why.get(one, 0) | bit

        if not flat and len(self._detailed):
            before = int(np.searchsorted(self._detailed, place))
            votes = self._votes(row, before) if keypoints else np.empty((0, 3), np.int64)
            for is_mirrored, bit in ((False, KEYPOINTS), (True, MIRRORED)):
                add(self._detailed[votes[votes[:, 1] == is_mirrored, 0]], bit)
            for other, _, weight in votes.tolist():
                known = int(self._detailed[other])
                weights[known] = max(weight, weights.get(known, 0))
            if self._hashes:
                self._add_hashes(row, before, add)
        if self._hashes and are_figures(row, np.array([flat]))[0]:
            places, colours = self._figures
            near = places[may_be_near(row[0], colours)]
            left, right = near_figures(np.concatenate([row, self._rows.take(near)]))
            add(near[right[left == 0] - 1], FIGURE)
        return {known: (bits, weights.get(known, 0)) for known, bits in why.items()}

    def _votes(self, row: NDArray[Any], before: int) -> NDArray[np.int64]:
        """Images that share keypoints, shape (m, 3): the place, whether mirrored, the weight."""
        votes = self._rows.votes_with(Keypoints.of(row, np.arange(1)), before)
        other = np.where(votes.left == before, votes.right, votes.left)
        return np.stack(
            [other - (other > before), votes.mirrored.astype(np.int64), votes.weight], axis=1
        )

    def votes(self, rows: NDArray[Any], digests: Sequence[str]) -> tuple[Votes, NDArray[np.int64]]:
        """Find which images share keypoints with some from outside, or these with each other.

        What is common is told of all of them together, as `propose` tells it.

        Parameters
        ----------
        rows : ndarray of dtype `comparators.local.LAYOUT`, shape (m,)
            Of images with detail.
        digests : sequence of str
            In ascending order.

        Returns
        -------
        votes : Votes
            Of places among the images of the archive with detail and these.
        before : ndarray of int64, shape (m,)
            How many of the archive come before each of these: of one content it comes after.
        """
        places = [bisect_right(self._digests, digest) for digest in digests]
        before = np.searchsorted(self._detailed, np.array(places, np.int64))
        own = Keypoints.of(rows, np.arange(len(rows)))
        n = len(self._detailed) + len(rows)
        closed = np.ones(n, np.bool_)
        closed[before + np.arange(len(rows))] = False
        near = self._rows.keypoints_like(own)
        return votes_of_keypoints(near.with_images(own, before, closed)[0], n), before

    @property
    def detailed(self) -> NDArray[np.int64]:
        """Places of the images with detail, ndarray of int64, shape (d,)."""
        return self._detailed

    def _add_hashes(self, row: NDArray[Any], before: int, add: Any) -> None:
        asked = wanted_hashes(np.ascontiguousarray(row["hash"]))
        if row["inset"].any():
            asked.append((INSET, row["inset_hash"]))
        number, every = self._near.around(np.concatenate([one for _, one in asked]), HASH_RADIUS)
        for i, (bit, _) in enumerate(asked):
            near = every[number == i]
            add(self._detailed[near[near < before]], bit)
            # it is the left one of those behind it: their hashes are turned
            add(self._detailed[near[near >= before]], bit_back(bit))
        if len(self._holding):
            _, near = self._insets.around(np.ascontiguousarray(row["hash"]), HASH_RADIUS)
            add(self._detailed[self._holding[near]], INSET)

    def nearest(self, rows: NDArray[Any], k: int) -> Neighbours:
        """Find the images of the archive with the nearest hashes, in any of eight orientations.

        Parameters
        ----------
        rows : ndarray of dtype `comparators.local.LAYOUT`, shape (q,)
        k : int
        """
        return nearest_turned(self._every, np.ascontiguousarray(rows["hash"]), k)


def bits_between(row: NDArray[Any], others: NDArray[Any]) -> NDArray[np.int64]:
    """Count the bits by which hashes differ from one, in the orientation in which it is nearest.

    Parameters
    ----------
    row : ndarray of dtype `LAYOUT`, shape (1,)
    others : ndarray of dtype `LAYOUT`, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    hashes = np.ascontiguousarray(others["hash"])
    wanted = wanted_hashes(np.ascontiguousarray(row["hash"]))
    bits = [
        np.bitwise_count(asked ^ hashes).sum(axis=1, dtype=np.int64)
        for bit, asked in wanted
        if bit != NEGATIVE
    ]
    return np.asarray(np.min(bits, axis=0))


def nearest_turned(engine: HammingEngine, hashes: NDArray[np.uint8], k: int) -> Neighbours:
    """Find the rows with the nearest hashes, in any of eight orientations.

    Parameters
    ----------
    engine : HammingEngine
    hashes : ndarray of uint8, shape (q, 32)
    k : int

    Returns
    -------
    Neighbours
        Distances in bits; of equally near rows the first.
    """
    k = min(k, engine.n)
    if k == 0:
        return Neighbours(
            np.empty((len(hashes), 0), np.int64), np.empty((len(hashes), 0), np.float64)
        )
    least: dict[tuple[int, int], float] = {}
    for bit, asked in wanted_hashes(hashes):
        if bit == NEGATIVE:
            continue
        near = engine.nearest_to(asked, k)
        for query, (rows, distances) in enumerate(
            zip(near.rows.tolist(), near.distance.tolist(), strict=True)
        ):
            for row, distance in zip(rows, distances, strict=True):
                if row >= 0:
                    key = query, row
                    least[key] = min(distance, least.get(key, np.inf))
    pairs = np.array(list(least), np.int64).reshape(-1, 2)
    distance = np.array(list(least.values()), np.float64)
    return best(len(hashes), k, pairs[:, 0], pairs[:, 1], distance)
