"""Which pairs of images are worth verifying: by hashes in all eight orientations and of negatives,
by keypoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS
from imgsim.neighbours.hamming import HammingEngine
from imgsim.progress import Progress
from imgsim.propose.figures import are_figures, near_figures
from imgsim.propose.hashes import HASH_RADIUS
from imgsim.propose.keypoint_votes import Votes, votes_of
from imgsim.propose.likeness import Squares
from imgsim.propose.most_alike import (
    FEW,
    FEW_BY_KEYPOINTS,
    MOST_BY_KEYPOINTS,
    Found,
    MostAlike,
    PairClass,
)
from imgsim.propose.near_hashes import NearHashes, hash_bits
from imgsim.propose.reasons import FIGURE, INSET, KEYPOINTS, MIRRORED, NEGATIVE
from imgsim.stage_times import staged

_BY_HASH = (KEYPOINTS - 1) | NEGATIVE
_QUERIES, _FEWEST_QUERIES = 512, 16
_MOST_PAIRS = 1 << 21  # of one block
_ROWS = 4096


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
    left_out : int
        Pairs that may show the same picture and are not among these: of rows that resemble many
        others, see `most_alike`.
    crowded : ndarray of int64, shape (m,)
        Rows that more than `most_alike.FEW` others resemble by their hashes, ascending.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    why: NDArray[np.int64]
    weight: NDArray[np.int64]
    left_out: int = 0
    crowded: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def pairs(self) -> list[tuple[int, int]]:
        """Left and right row of each."""
        return list(zip(self.left.tolist(), self.right.tolist(), strict=True))

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Proposals:
        """Keep some of the pairs.

        Parameters
        ----------
        chosen : ndarray of bool, shape (n,), or of int64
            Which, or their places.
        """
        return replace(
            self,
            left=self.left[chosen],
            right=self.right[chosen],
            why=self.why[chosen],
            weight=self.weight[chosen],
        )

    def with_pairs(self, pairs: NDArray[np.int64]) -> Proposals:
        """Add pairs that need no reason; those that are there already keep theirs.

        Parameters
        ----------
        pairs : ndarray of int64, shape (m, 2)
            The lesser row of each first, no pair twice.
        """
        n = 1 + max((int(ends.max()) for ends in (pairs, self.right) if ends.size), default=0)
        new = pairs[~np.isin(pairs @ [n, 1], self.left * n + self.right)]
        left, right = np.concatenate([np.stack([self.left, self.right]), new.T], 1)
        nothing = np.zeros(len(new), np.int64)
        why, weight = (np.concatenate([known, nothing]) for known in (self.why, self.weight))
        order = np.lexsort((right, left))
        new_pairs = Proposals(left, right, why, weight, self.left_out, self.crowded)
        return new_pairs.only(order)


@dataclass(frozen=True, slots=True)
class PairRules:
    """What else is known of rows whose pairs are proposed.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        The rows, those that may stand for others first.
    content : ndarray of int64, shape (n,)
        Equal for rows of one content, all pairs of which are kept.
    pair_class : callable
        Takes left and right rows, and returns 1 where two may match, 0 where not, and 2 where they
        are looked at for the sake of others. Pairs are limited among those of one class.
    """

    order: NDArray[np.int64]
    content: NDArray[np.int64]
    pair_class: PairClass

    @classmethod
    def none(cls, n: int) -> PairRules:
        """All of some rows may match, and each is a content of its own."""
        return cls(np.arange(n), np.arange(n), lambda left, right: np.ones(len(left), np.uint8))

    def among(self, some: NDArray[np.int64]) -> PairRules:
        """The rules of some rows, as places in these.

        Parameters
        ----------
        some : ndarray of int64, shape (m,)
            Ascending.
        """
        place = np.full(len(self.order), -1, np.int64)
        place[some] = np.arange(len(some))
        order = place[self.order]
        return PairRules(
            order[order >= 0],
            self.content[some],
            lambda left, right: self.pair_class(some[left], some[right]),
        )


@staged("proposing")
def propose(
    rows: NDArray[Any],
    *,
    hashes: bool,
    jobs: int,
    flat: NDArray[np.bool_] | None = None,
    closed: NDArray[np.bool_] | None = None,
    votes: Votes | None = None,
    rules: PairRules | None = None,
    progress: Progress | None = None,
) -> Proposals:
    """Find pairs of images worth verifying.

    Of an image that resembles many others, not all: see `most_alike`.

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
    rules : PairRules, optional
        By default all pairs may match.
    progress : Progress, optional
    """
    n = len(rows)
    flat = np.zeros(n, np.bool_) if flat is None else flat
    rules = PairRules.none(n) if rules is None else rules
    detailed = np.flatnonzero(~flat)
    usual = _propose_usual(
        rows,
        detailed,
        hashes=hashes,
        jobs=jobs,
        closed=None if closed is None else closed[detailed],
        votes=votes,
        rules=rules.among(detailed),
        progress=progress,
    )
    figures = np.flatnonzero(are_figures(rows, flat)) if hashes else np.empty(0, np.int64)
    one, other = near_figures(rows[figures])
    one, other = figures[one], figures[other]
    wanted = rules.pair_class(one, other) > 0
    if closed is not None:
        wanted &= ~(closed[one] & closed[other])
    one, other = one[wanted], other[wanted]
    codes = [detailed[usual.left] * n + detailed[usual.right], one * n + other]
    pairs, bits = _united(codes, [usual.why, np.full(len(one), FIGURE, np.int64)])
    left, right = np.divmod(pairs, max(1, n))
    weights = _weights(pairs, codes[0], usual.weight)
    return Proposals(left, right, bits, weights, usual.left_out, detailed[usual.crowded])


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
    rules: PairRules,
    progress: Progress | None,
) -> Proposals:
    """Propose pairs among some rows, as places in `among`, by keypoints and by hashes."""
    n = len(among)
    asking = np.ones(n, np.bool_) if closed is None else ~closed
    usual = _Usual(rows, among, rules, asking, by_hashes=hashes)
    if n > 1 and asking.any():
        usual.add_near_hashes(jobs, progress)
    if votes is not None:
        usual.add_votes(votes)
    else:
        votes_of(rows, among=among, closed=closed, take=usual.add_votes, progress=progress)
    return usual.proposals()


def limited(
    proposals: Proposals,
    rows: NDArray[Any],
    closed: NDArray[np.bool_],
    rules: PairRules,
) -> Proposals:
    """Leave out pairs of images that resemble many others, as `propose` does.

    Parameters
    ----------
    proposals : Proposals
        All pairs that are worth verifying.
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    closed : ndarray of bool, shape (n,)
    rules : PairRules
    """
    usual = _Usual(rows, np.arange(len(rows)), rules, ~closed, by_hashes=True)
    usual.add_known(proposals)
    found = usual.proposals()
    figures = proposals.only((proposals.why & (FIGURE - 1)) == 0)  # these are no others
    n = max(1, len(rows))
    codes = [found.left * n + found.right, figures.left * n + figures.right]
    pairs, _ = _united(codes, [found.why, figures.why])
    chosen = np.isin(proposals.left * n + proposals.right, pairs)
    return replace(proposals.only(chosen), left_out=found.left_out, crowded=found.crowded)


class _Usual:
    """Pairs by keypoints and by hashes, each kind of which is limited by itself.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (m,)
    among : ndarray of int64, shape (n,)
        Some of them.
    rules : PairRules
        For these.
    asking : ndarray of bool, shape (n,)
        Those that are not closed.
    by_hashes : bool
    """

    def __init__(
        self,
        rows: NDArray[Any],
        among: NDArray[np.int64],
        rules: PairRules,
        asking: NDArray[np.bool_],
        *,
        by_hashes: bool,
    ) -> None:
        self.n = len(among)
        self._by_hashes = by_hashes
        self._rules = rules
        self._asking = asking
        self._hashes = np.ascontiguousarray(rows["hash"][among])
        self._inset_hashes = np.ascontiguousarray(rows["inset_hash"][among])
        self._holding = np.concatenate(
            [
                rows["inset"][among[start : start + _ROWS]].any(axis=1)
                for start in range(0, max(1, self.n), _ROWS)
            ]
        )
        self._colours = rows["colours"], among
        self._kept = np.zeros(0, np.int64)
        self._codes: list[NDArray[np.int64]] = []
        self._why: list[NDArray[np.int64]] = []
        self._crowded = np.zeros(0, np.int64)
        self._by_hash = 0  # pairs that may match
        self._left_out = 0  # of others
        self._votes_most = np.full(self.n, MOST_BY_KEYPOINTS)
        self._votes = _Limits(self.n, 1, asking, rules, FEW_BY_KEYPOINTS, self._votes_most)

    def add_near_hashes(self, jobs: int, progress: Progress | None) -> None:
        """Add the pairs with near hashes, before any votes."""
        squares = Squares(*self._colours)
        search = NearHashes(self._hashes, squares, self._rules.order, ~self._asking, jobs, progress)
        near = _Limits(self.n, 2, self._asking, self._rules)
        for found, levels in search.blocks():
            allowed = near.classes(found) == 1
            found.always[:] = search.represented(found, levels, allowed)
            near.add(found)
        if not self._by_hashes:
            kept = near.wanted()[0]
            self._kept = np.unique(self._codes_of(kept.only(kept.always)))
            return
        self._by_hash = near.may_match
        self._crowded = near.crowded
        self._votes_most[self._crowded] = 1
        self._keep(near.wanted()[0])
        inset = _Limits(self.n, 2, self._asking, self._rules)
        for found in self._near_insets(search.engine, search.order, squares):
            self._leave_out(inset.add(found), votes=False)
        wanted, dropped = inset.wanted()
        self._leave_out(dropped, votes=False)
        self._keep(wanted)
        self._kept = np.unique(np.concatenate(self._codes))

    def add_known(self, pairs: Proposals) -> None:
        """Add pairs that are known to be worth a look."""
        squares = Squares(*self._colours)
        search = NearHashes(self._hashes, squares, self._rules.order, ~self._asking, 1)
        by_hash = pairs.only(pairs.why & _BY_HASH > 0)
        near, inset = (_Limits(self.n, 2, self._asking, self._rules) for _ in range(2))
        found, levels = search.of_pairs(by_hash.left, by_hash.right, by_hash.why & _BY_HASH)
        found.always[:] = search.represented(found, levels, near.classes(found) == 1)
        near.add(found)
        self._by_hash = near.may_match
        self._crowded = near.crowded
        self._votes_most[self._crowded] = 1
        self._keep(near.wanted()[0])
        insets = pairs.only(pairs.why & INSET > 0)
        self._leave_out(inset.add(_insets(insets.left, insets.right, squares)), votes=False)
        wanted, dropped = inset.wanted()
        self._leave_out(dropped, votes=False)
        self._keep(wanted)
        self._kept = np.unique(np.concatenate(self._codes))
        for bit in (KEYPOINTS, MIRRORED):
            some = pairs.only(pairs.why & bit > 0)
            mirrored = np.full(len(some.why), bit == MIRRORED)
            self.add_votes(Votes(some.left, some.right, mirrored, some.weight))

    def _near_insets(
        self, engine: HammingEngine, order: NDArray[np.int64], squares: Squares
    ) -> Iterator[Found]:
        """Images whose hash is like that of a picture set into another one, of those holding one.

        No pair twice: of two that hold pictures the one with the lesser number asks.
        """
        holding = np.flatnonzero(self._holding)
        size = max(_FEWEST_QUERIES, min(_QUERIES, _MOST_PAIRS // max(1, self.n)))
        for start in range(0, len(holding), size):
            part = holding[start : start + size]
            number, row = engine.around(self._inset_hashes[part], HASH_RADIUS)
            own, other = part[number], order[row]
            use = (own != other) & (self._asking[own] | self._asking[other])
            own, other = own[use], other[use]
            twice = self._holding[other] & (other < own)
            twice[twice] = self._are_inset(other[twice], own[twice])
            own, other = own[~twice], other[~twice]
            yield _insets(own, other, squares)

    def _are_inset(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the hash of the other one is like that of what is set into the one."""
        apart = self._inset_hashes[one].view("<u8") ^ self._hashes[other].view("<u8")
        near = np.bitwise_count(apart).sum(axis=1) <= HASH_RADIUS
        return np.asarray(self._holding[one] & near)

    def add_votes(self, votes: Votes) -> None:
        """Add pairs that share keypoints."""
        left, right = votes.left, votes.right
        some = self._asking[left] | self._asking[right]
        left, right = left[some], right[some]
        found = Found(
            left,
            right,
            np.where(votes.mirrored[some], MIRRORED, KEYPOINTS).astype(np.int64),
            votes.weight[some].astype(np.float32)[None],
            _are_among(left * self.n + right, self._kept),
        )
        self._leave_out(self._votes.add(found), votes=True)

    def _leave_out(self, dropped: Found, *, votes: bool) -> None:
        """Count pairs that are looked at for no other reason."""
        left, right = (fold(dropped.own, dropped.other) for fold in (np.minimum, np.maximum))
        other_reason = np.zeros(len(left), np.bool_)
        if self._by_hashes and len(left):
            other_reason = hash_bits(self._hashes, left, right) > 0
            if votes:
                other_reason |= self._are_inset(left, right) | self._are_inset(right, left)
        self._left_out += int((~other_reason & (self._rules.pair_class(left, right) == 1)).sum())

    def _codes_of(self, pairs: Found) -> NDArray[np.int64]:
        own, other = pairs.own, pairs.other
        return np.minimum(own, other) * self.n + np.maximum(own, other)

    def _keep(self, pairs: Found) -> None:
        self._codes.append(self._codes_of(pairs))
        self._why.append(pairs.why)

    def proposals(self) -> Proposals:
        """Return all that is wanted, each pair with all of its reasons."""
        votes, dropped = self._votes.wanted()
        self._leave_out(dropped, votes=True)
        self._keep(votes)
        pairs, bits = _united(self._codes, self._why)
        left, right = np.divmod(pairs, max(1, self.n))
        weight = _weights(pairs, self._codes[-1], votes.nearness[0].astype(np.int64))
        left_out = self._left_out
        if self._by_hashes:
            near = hash_bits(self._hashes, left, right)
            inset = self._are_inset(left, right) | self._are_inset(right, left)
            bits |= near | np.where(inset, INSET, 0)
            looked_at = (near > 0) & (self._rules.pair_class(left, right) == 1)
            left_out += self._by_hash - int(looked_at.sum())
        return Proposals(left, right, bits, weight, left_out, self._crowded)


def _insets(own: NDArray[np.int64], other: NDArray[np.int64], squares: Squares) -> Found:
    details, colours, _ = squares.of(own, other, ORIENTATIONS[0])
    why = np.full(len(own), INSET, np.int64)
    return Found(own, other, why, np.stack([details, colours]), np.zeros(len(own), np.bool_))


class _Limits:
    """Limits the pairs of each class by themselves.

    Attributes
    ----------
    may_match : int
        Pairs of the first class so far.
    """

    def __init__(
        self,
        n: int,
        measures: int,
        asking: NDArray[np.bool_],
        rules: PairRules,
        few: int = FEW,
        most: NDArray[np.int64] | None = None,
    ) -> None:
        self._few = few
        self._rules = rules
        self._measures = measures
        self._asking = asking
        self._n = n
        self._most = most
        self._limits: dict[int, MostAlike] = {}
        self.may_match = 0

    def classes(self, pairs: Found) -> NDArray[np.uint8]:
        """The class of each pair."""
        own, other = pairs.own, pairs.other
        return self._rules.pair_class(np.minimum(own, other), np.maximum(own, other))

    @property
    def crowded(self) -> NDArray[np.int64]:
        """Images that many others resemble which they may match."""
        first = self._limits.get(1)
        return np.zeros(0, np.int64) if first is None else np.flatnonzero(first.count > FEW)

    def add(self, pairs: Found) -> Found:
        """Take pairs, and return those that nobody wants any more."""
        classes = self.classes(pairs)
        equal = self._rules.content[pairs.own] == self._rules.content[pairs.other]
        always = pairs.always | equal
        pairs = Found(pairs.own, pairs.other, pairs.why, pairs.nearness, always)
        self.may_match += int((classes == 1).sum())
        dropped = []
        for number in np.unique(classes).tolist():
            if number:
                limit = self._limits.get(number)
                if limit is None:
                    limit = self._limits[number] = MostAlike(
                        self._n, self._measures, self._asking, self._few, self._most
                    )
                some = classes == number
                dropped.append(limit.add(pairs.only(some), ~equal[some]))
        return Found.joined(dropped, self._measures)

    def wanted(self) -> tuple[Found, Found]:
        """Return the pairs that are wanted, and of what is left by now those that are not."""
        both = [limit.wanted() for limit in self._limits.values()]
        wanted, dropped = ([pair[i] for pair in both] for i in (0, 1))
        return Found.joined(wanted, self._measures), Found.joined(dropped, self._measures)


def _are_among(codes: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which codes are among some that ascend: few are asked for at a time, and these are many."""
    place = np.minimum(np.searchsorted(kept, codes), max(0, len(kept) - 1))
    return np.asarray(kept[place] == codes) if len(kept) else np.zeros(len(codes), np.bool_)


def _weights(
    pairs: NDArray[np.int64], codes: NDArray[np.int64], weight: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The largest weight of each of some pairs, which ascend; 0 without one."""
    found = np.zeros(len(pairs), np.int64)
    np.maximum.at(found, np.searchsorted(pairs, codes), weight)
    return found
