"""Best-first grouping: of the proposed pairs, those are verified that decide the groups.

Verifying is expensive, so a picture is compared with the best one around it first, and no more
once it belongs to a group: the pictures of a group of k cost about k verifications, not k * k / 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.propose.proposals import Proposals
from imgsim.propose.reasons import KEYPOINTS
from imgsim.types import Verdict
from imgsim.verify.verdicts import Verdicts

_RIVALS = 3
_SMALLER = 2
_MANY = 64  # pairs of a round, from which on it is worth it to look ahead
_MOST_ROUNDS = 64
_FASTER = 4


def best_first(
    verdicts: Verdicts,
    proposals: Proposals,
    rank: NDArray[np.int64],
    accepts: Callable[[Verdict], bool],
    *,
    by_content: bool,
    closing_allowed: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Verify the pairs that decide the groups.

    Parameters
    ----------
    verdicts : Verdicts
    proposals : Proposals
    rank : ndarray of int64, shape (n,)
        Place of each picture in the order of the keep policy.
    accepts : callable
    by_content : bool
        A picture that shows more than another, or that more of the others match, comes before
        it, whatever their rank.
    closing_allowed : ndarray of bool, shape (n,)
        Pictures that belong to one group at most.

    Returns
    -------
    order : ndarray of int64, shape (n,)
        The pictures, those to keep first.
    pairs : list of (int, int)
        Accepted pairs.
    """
    back = _positions_back(proposals, len(rank)) * by_content
    damaged = np.array([bool(p.facts.damage) or p.suspect for p in verdicts.pictures], bool)
    back += 2 * len(rank) * damaged  # behind all whole ones, whatever they show
    grouping = _Grouping(verdicts, proposals, rank, back, damaged, accepts)
    ahead, rounds = 0, 1
    while True:
        first, second = grouping.pairs_of_the_best(grouping.placed)
        if len(first) == 0:
            return np.argsort(grouping.position, kind="stable"), list(grouping.accepted)
        if ahead == 0 and len(first) >= _MANY:
            if rounds > 1:
                grouping.verify_ahead(rounds)
            ahead, rounds = rounds, min(_FASTER * rounds, _MOST_ROUNDS)
        matched = grouping.verify(list(zip(first.tolist(), second.tolist(), strict=True)))
        ahead, rounds = (0, 1) if matched else (max(0, ahead - 1), rounds)
        own: dict[int, list[int]] = {}
        missed: dict[int, list[int]] = {}
        for centre, around in _by_first(first, second).items():
            own[centre] = [other for other in around if (centre, other) in matched]
            if by_content and grouping.demote_if_one_shows_more(centre, own[centre]):
                del own[centre]
            elif by_content and len(own[centre]) < len(around):
                missed[centre] = own[centre]
        for centre in own.keys() - grouping.demote_if_one_matches_more(missed):
            grouping.placed[centre] = True
            grouping.placed[[other for other in own[centre] if closing_allowed[other]]] = True


def _positions_back(proposals: Proposals, n: int) -> NDArray[np.int64]:
    """Compute what to add to the positions of pictures that are hardly the whole one.

    Bordered, cut and turned ones have fewer pictures of like hash around them than others there.
    """
    by_hash = (proposals.why & (KEYPOINTS - 1)) > 0
    left, right = proposals.left, proposals.right
    alike = np.bincount(np.concatenate([left[by_hash], right[by_hash]]), minlength=n)
    most = alike.copy()
    np.maximum.at(most, left, alike[right])
    np.maximum.at(most, right, alike[left])
    return np.asarray(n * (2 * alike < most), np.int64)


class _Grouping:
    """The state of one grouping: which pictures are still to be placed, and in which order."""

    def __init__(
        self,
        verdicts: Verdicts,
        proposals: Proposals,
        rank: NDArray[np.int64],
        back: NDArray[np.int64],
        damaged: NDArray[np.bool_],
        accepts: Callable[[Verdict], bool],
    ) -> None:
        self.verdicts = verdicts
        self.proposals = proposals
        self.accepts = accepts
        self.rank = rank
        self.damaged = damaged
        self.position = (rank + back).astype(np.float64)
        self.placed = np.zeros(len(rank), bool)
        self.accepted: dict[tuple[int, int], None] = {}
        self._demoted: dict[str, set[int]] = {"more": set(), "wider": set()}
        self._step = 0.5 / (len(rank) + 2)
        left, right = proposals.left, proposals.right
        first, second = np.concatenate([left, right]), np.concatenate([right, left])
        order = np.lexsort((second, first))
        self._around = second[order].astype(np.int32)  # those of each picture, ascending
        self._starts = np.searchsorted(first[order], np.arange(len(rank) + 1))

    def pairs_of_the_best(
        self, placed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs to be verified: of those pictures that have nothing better around them."""
        left, right = self.proposals.left, self.proposals.right
        alive = ~placed[left] & ~placed[right]
        left, right = left[alive], right[alive]
        left_first = self.position[left] < self.position[right]
        first, second = np.where(left_first, left, right), np.where(left_first, right, left)
        waiting = np.zeros(len(self.position), bool)
        waiting[second] = True
        now = ~waiting[first]
        return first[now], second[now]

    def verify_ahead(self, rounds: int) -> None:
        """Verify the pairs of the next rounds at once, as if none of them matched.

        Of look-alikes that are all different each is compared with all others, and read for each of
        these rounds anew; together they are read once.
        """
        placed = self.placed.copy()
        pairs: list[tuple[int, int]] = []
        for _ in range(rounds):
            first, second = self.pairs_of_the_best(placed)
            if len(first) == 0:
                break
            pairs += zip(first.tolist(), second.tolist(), strict=True)
            placed[first] = True
        self.verdicts.verify_ahead(pairs)

    def verify(self, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """Verify pairs, and return those that are accepted."""
        self.verdicts.verify(pairs)
        taken = [pair for pair in pairs if self.accepts(self.verdicts[pair])]
        self.accepted.update(dict.fromkeys(taken))
        return set(taken)

    def demote_if_one_shows_more(self, centre: int, others: Sequence[int]) -> bool:
        """Put the first one that shows more than a picture before it, or one that shows as much
        and only stood back.

        A small one shows more only of the frame: what was fine in the larger one would be lost.
        """
        if centre in self._demoted["more"]:
            return False
        better = [
            other
            for other in others
            if self._large(other, [centre])
            and not self.damaged[other]
            and (
                shows_more(self.verdicts, other, centre)
                or (
                    self.rank[other] < self.rank[centre]
                    and not shows_more(self.verdicts, centre, other)
                )
            )
        ]
        if better:
            self._demoted["more"].add(centre)
            first = min(better, key=lambda other: float(self.position[other]))
            self.position[first] = self.position[centre] - self._step
        return bool(better)

    def demote_if_one_matches_more(self, centres: Mapping[int, Sequence[int]]) -> set[int]:
        """Put a picture first that is matched with more of those around than a centre is.

        Never a small one: somebody may delete the others.

        Parameters
        ----------
        centres : dict of int to sequence of int
            What each centre is matched with.

        Returns
        -------
        set of int
            Centres that gave way.
        """
        tried = {c: self._rivals(c, own) for c, own in centres.items()}
        # who matches nothing of what the centre misses is matched with no more than the centre is
        missed = [
            (rival, other)
            for centre, rivals in tried.items()
            for rival, around in rivals.items()
            for other in set(around) - {centre, *centres[centre]}
        ]
        gains = Counter(rival for rival, _ in self.verify(missed))
        best = {
            centre: max(rivals, key=gains.__getitem__)
            for centre, rivals in tried.items()
            if any(gains[rival] for rival in rivals)
        }
        taken: dict[int, list[int]] = {rival: [] for rival in best.values()}
        around_best = [(rival, other) for c, rival in best.items() for other in tried[c][rival]]
        for rival, other in self.verify(around_best):
            taken[rival].append(other)
        demoted = set()
        for centre, rival in best.items():
            others = taken[rival]
            if len(others) > len(centres[centre]) and self._large(rival, others):
                self._demoted["wider"].add(rival)
                self._demoted["more"].add(rival)
                self.position[rival] = self.position[centre] - self._step
                demoted.add(centre)
        return demoted

    def _large(self, one: int, others: Iterable[int]) -> bool:
        """Whether a picture is not much smaller than the largest of others."""
        pixels = self.verdicts.pictures
        return _SMALLER * pixels[one].pixels >= max((pixels[i].pixels for i in others), default=0)

    def _rivals(self, centre: int, others: Sequence[int]) -> dict[int, list[int]]:
        """Pictures that may be matched with more than a centre, and what is around them."""
        if centre in self._demoted["wider"] or not others:
            return {}
        self._demoted["wider"].add(centre)
        large = [o for o in others if self._large(o, others) and not self.damaged[o]]
        around = {other: self._open_around(other) for other in large}
        wide = [i for i in large if len(around[i]) > len(others)]
        wide.sort(key=lambda i: (-len(around[i]), float(self.position[i])))
        return {rival: around[rival] for rival in wide[:_RIVALS]}

    def _open_around(self, centre: int) -> list[int]:
        around = self._around[self._starts[centre] : self._starts[centre + 1]]
        return list(around[~self.placed[around]].tolist())


def _by_first(first: NDArray[np.int64], second: NDArray[np.int64]) -> dict[int, list[int]]:
    """The second numbers beside each first one; the first ones ascend."""
    order = np.lexsort((second, first))
    numbers, starts = np.unique(first[order], return_index=True)
    parts = np.split(second[order], starts[1:])
    return {int(number): part.tolist() for number, part in zip(numbers, parts, strict=False)}


def shows_more(verdicts: Verdicts, one: int, other: int) -> bool:
    """Return whether a picture shows more than another that it was verified with.

    Parameters
    ----------
    verdicts : Verdicts
    one, other : int
        Places among `Verdicts.pictures`.
    """
    more = verdicts[one, other].more
    return more < 0 if one < other else more > 0
