"""Which pairs of images are worth verifying: by hashes in all eight orientations and of negatives,
by keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.neighbours.hamming import HammingEngine
from imgsim.propose.figures import are_figures, near_figures
from imgsim.propose.hashes import HASH_RADIUS, near_hashes, wanted_hashes
from imgsim.propose.keypoint_votes import Votes, votes_of
from imgsim.propose.reasons import FIGURE, INSET, KEYPOINTS, MIRRORED, bit_back
from imgsim.stage_times import staged

_QUERIES = 512


@dataclass(frozen=True, slots=True)
class Proposals:
    """Pairs of rows that may show the same picture, no pair twice.

    Attributes
    ----------
    left, right : ndarray of int64, shape (n,)
        left < right; ordered by (left, right).
    why : ndarray of int64, shape (n,)
        Bits, see `reasons`.
    weight : ndarray of int64, shape (n,)
        Of the votes of their keypoints, see `keypoint_votes`; 0 without.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    why: NDArray[np.int64]
    weight: NDArray[np.int64]

    def pairs(self) -> list[tuple[int, int]]:
        """Left and right row of each."""
        return list(zip(self.left.tolist(), self.right.tolist(), strict=True))

    def only(self, chosen: NDArray[np.bool_]) -> Proposals:
        """Keep some of the pairs.

        Parameters
        ----------
        chosen : ndarray of bool, shape (n,)
        """
        columns = self.left, self.right, self.why, self.weight
        return Proposals(*(column[chosen] for column in columns))

    def with_pairs(self, pairs: NDArray[np.int64]) -> Proposals:
        """Add pairs that need no reason; those that are there already keep theirs.

        Parameters
        ----------
        pairs : ndarray of int64, shape (m, 2)
            The lesser row of each first, no pair twice.
        """
        known = set(self.pairs())
        new = np.array([p for p in pairs.tolist() if tuple(p) not in known], np.int64)
        left, right = np.concatenate([np.stack([self.left, self.right]), new.reshape(-1, 2).T], 1)
        nothing = np.zeros(len(new), np.int64)
        why, weight = (np.concatenate([known, nothing]) for known in (self.why, self.weight))
        order = np.lexsort((right, left))
        return Proposals(left[order], right[order], why[order], weight[order])


@staged("proposing")
def propose(
    rows: NDArray[Any],
    *,
    hashes: bool,
    jobs: int,
    flat: NDArray[np.bool_] | None = None,
    closed: NDArray[np.bool_] | None = None,
    votes: Votes | None = None,
) -> Proposals:
    """Find pairs of images worth verifying.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    hashes : bool
        By their hashes too, and not by keypoints alone.
    jobs : int
        Threads.
    flat : ndarray of bool, shape (n,), optional
        Images with so little detail that they are compared as figures alone. By default none is.
    closed : ndarray of bool, shape (n,), optional
        Images that are not compared with each other, such as an archive. Time grows with their
        number then, and not with its square. Of the other pairs none is lost; some more may be
        found by keypoints, see `votes_of`.
    votes : Votes, optional
        Of places among the images that are not flat, where it is known which share keypoints.
    """
    flat = np.zeros(len(rows), np.bool_) if flat is None else flat
    detailed = np.flatnonzero(~flat)
    usual = _propose_usual(
        rows,
        detailed,
        hashes=hashes,
        jobs=jobs,
        closed=None if closed is None else closed[detailed],
        votes=votes,
    )
    figures = np.flatnonzero(are_figures(rows, flat)) if hashes else np.empty(0, np.int64)
    one, other = near_figures(rows[figures])
    if closed is not None:
        wanted = ~(closed[figures[one]] & closed[figures[other]])
        one, other = one[wanted], other[wanted]
    n = max(1, len(rows))
    codes = [detailed[usual.left] * n + detailed[usual.right], figures[one] * n + figures[other]]
    pairs, bits = _united(codes, [usual.why, np.full(len(one), FIGURE, np.int64)])
    left, right = np.divmod(pairs, n)
    return Proposals(left, right, bits, _weights(pairs, codes[0], usual.weight))


def _united(
    codes: list[NDArray[np.int64]], why: list[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each code once, ascending, with all of its bits."""
    pairs, place = np.unique(np.concatenate(codes), return_inverse=True)
    bits = np.zeros(len(pairs), np.int64)
    np.bitwise_or.at(bits, place, np.concatenate(why))
    return pairs, bits


def _propose_usual(
    rows: NDArray[Any],
    among: NDArray[np.int64],
    *,
    hashes: bool,
    jobs: int,
    closed: NDArray[np.bool_] | None,
    votes: Votes | None,
) -> Proposals:
    """Propose pairs among some rows, as places in `among`, by keypoints and by hashes."""
    n = len(among)
    if votes is None:
        votes = votes_of(rows, among=among, closed=closed)
    codes = [votes.left * n + votes.right]
    why = [np.where(votes.mirrored, MIRRORED, KEYPOINTS).astype(np.int64)]
    if hashes and n > 1 and not (closed is not None and closed.all()):
        own_hashes = np.ascontiguousarray(rows["hash"][among])
        inset_hashes = rows["inset_hash"][among]
        holding = np.asarray(rows["inset"][among].any(axis=1))
        near: list[tuple[NDArray[np.int64], int]] = []
        if closed is None:
            left, right, how = near_hashes(own_hashes, jobs)
            codes.append(left * n + right)
            why.append(how)
            if holding.any():
                engine = HammingEngine(own_hashes, jobs)
                near = _near_insets(inset_hashes, np.flatnonzero(holding), engine)
        else:
            some, engine = np.flatnonzero(~closed), HammingEngine(own_hashes, jobs)
            insets = _near_insets_of(some, inset_hashes, holding, engine, jobs)
            near = [*_near_hashes_of(some, engine), *insets]
        for code, bit in near:
            codes.append(code)
            why.append(np.full(len(code), bit, np.int64))
    pairs, bits = _united(codes, why)
    left, right = np.divmod(pairs, max(1, n))
    return Proposals(left, right, bits, _weights(pairs, codes[0], votes.weight))


def _weights(
    pairs: NDArray[np.int64], codes: NDArray[np.int64], weight: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The largest weight of each pair, all of which ascend; 0 without one."""
    found = np.zeros(len(pairs), np.int64)
    np.maximum.at(found, np.searchsorted(pairs, codes), weight)
    return found


def _near_hashes_of(
    some: NDArray[np.int64], engine: HammingEngine
) -> list[tuple[NDArray[np.int64], int]]:
    """The same of the pairs with one of some rows."""
    n, near = engine.n, []
    for bit, asked in wanted_hashes(engine.rows[some]):
        for start in range(0, len(some), _QUERIES):
            query, row = engine.around(asked[start : start + _QUERIES], HASH_RADIUS)
            own = some[start + query]
            earlier, later = row < own, row > own
            near.append((row[earlier] * n + own[earlier], bit))
            # the other one's hash, turned back, is like this one's
            near.append((own[later] * n + row[later], bit_back(bit)))
    return near


def _near_insets(
    inset_hashes: NDArray[np.uint8], holding: NDArray[np.int64], engine: HammingEngine
) -> list[tuple[NDArray[np.int64], int]]:
    """Images whose hash is like that of a picture set into another one, of those holding one."""
    near = []
    for start in range(0, len(holding), _QUERIES):
        part = holding[start : start + _QUERIES]
        query, row = engine.around(inset_hashes[part], HASH_RADIUS)
        own = part[query]
        codes = np.minimum(own, row) * engine.n + np.maximum(own, row)
        near.append((np.unique(codes[own != row]), INSET))
    return near


def _near_insets_of(
    some: NDArray[np.int64],
    inset_hashes: NDArray[np.uint8],
    holding: NDArray[np.bool_],
    engine: HammingEngine,
    jobs: int,
) -> list[tuple[NDArray[np.int64], int]]:
    """The same of the pairs with one of some rows."""
    near = _near_insets(inset_hashes, some[holding[some]], engine)
    of_some = HammingEngine(engine.rows[some], jobs)
    others = np.setdiff1d(np.flatnonzero(holding), some)
    for start in range(0, len(others), _QUERIES):
        part = others[start : start + _QUERIES]
        query, place = of_some.around(inset_hashes[part], HASH_RADIUS)
        own, row = part[query], some[place]
        near.append((np.minimum(own, row) * engine.n + np.maximum(own, row), INSET))
    return near
