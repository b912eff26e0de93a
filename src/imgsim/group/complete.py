"""Unites groups whose members match, and keeps no stretched copy in place of the picture.

A crop and a stretched copy of one photo may not be laid upon each other, though each was laid upon
the photo. How they lie then follows from both verdicts; whether they match, from their pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.group.best_first import shows_more
from imgsim.group.rules import MayMatch
from imgsim.group.shapes import CAMERA_SHAPES
from imgsim.propose.proposals import Proposals
from imgsim.types import Verdict
from imgsim.verify.matrix import Matrix, inverse, matrix_of
from imgsim.verify.transform import stretch_of
from imgsim.verify.verdicts import Verdicts

_LINKS = 4
"""Pairs that are verified between two groups, and ways by which a picture is compared with a
centre, at most."""

_CENTRES = 4
"""Pictures that are tried as the centre of a group, at most."""

_SMALLER = 2
_STRETCHED = 1.05
_SHAPE_TOLERANCE = 0.02


def complete(
    verdicts: Verdicts,
    proposals: Proposals,
    order: NDArray[np.int64],
    pairs: Sequence[tuple[int, int]],
    accepts: Callable[[Verdict], bool],
    may_match: MayMatch,
    *,
    by_content: bool,
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Unite groups with a picture that all of their members match.

    That is the centre of one of them, or, where that is stretched or not all match it, another
    one. A picture without a group counts as a group of its own.

    Parameters
    ----------
    verdicts : Verdicts
    proposals : Proposals
    order : ndarray of int64, shape (n,)
        The pictures, those to keep first.
    pairs : sequence of (int, int)
        Accepted pairs.
    accepts : callable
    may_match : MayMatch
        For the pictures.
    by_content : bool
        Other pictures than the centres so far may become centres.

    Returns
    -------
    order : ndarray of int64, shape (n,)
    pairs : list of (int, int)
        With those that were accepted now.
    """
    groups = _Groups(verdicts, order, pairs, accepts, may_match, by_content=by_content)
    groups.unite(groups.verify_links(proposals))
    return np.argsort(groups.place, kind="stable"), groups.accepted


class _Groups:
    """Groups that grow: the centre of each picture, and what was verified between pictures."""

    def __init__(
        self,
        verdicts: Verdicts,
        order: NDArray[np.int64],
        pairs: Sequence[tuple[int, int]],
        accepts: Callable[[Verdict], bool],
        may_match: MayMatch,
        *,
        by_content: bool,
    ) -> None:
        self.verdicts = verdicts
        self.accepts = accepts
        self.may_match = may_match
        self.by_content = by_content
        self.place = np.empty(len(order), np.float64)
        self.place[order] = np.arange(len(order))
        self.accepted = list(pairs)
        self.matches: dict[int, dict[int, None]] = {}
        for one, other in pairs:
            self._add(one, other)
        self.centre = self._first_centres(order)
        self._tried: dict[tuple[int, int], set[int]] = {}

    def _add(self, one: int, other: int) -> None:
        self.matches.setdefault(one, {})[other] = None
        self.matches.setdefault(other, {})[one] = None

    def _first_centres(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """The centre of the group of each picture; a lone one is its own."""
        centre = np.full(len(order), -1, np.int64)
        for one in order.tolist():
            if centre[one] < 0:
                centre[one] = one
                for other in self.matches.get(one, ()):
                    if centre[other] < 0:
                        centre[other] = one
        return centre

    def verify_links(self, proposals: Proposals) -> list[tuple[int, int]]:
        """Verify some of the proposed pairs between two groups, and return those accepted."""
        ends = np.stack([proposals.left, proposals.right], axis=1)
        groups = np.sort(self.centre[ends], axis=1)
        between = groups[:, 0] != groups[:, 1]
        between[between] = ~self._are_refused(ends[between])
        ends, groups = ends[between], groups[between]
        place = np.sort(self.place[ends], axis=1)
        order = np.lexsort((place[:, 1], place[:, 0], groups[:, 1], groups[:, 0]))
        ends, groups = ends[order], groups[order]
        # those that have fewer than so many of the same groups before them
        first = np.ones(len(ends), bool)
        first[_LINKS:] = (groups[_LINKS:] != groups[:-_LINKS]).any(axis=1)
        chosen = [(int(one), int(other)) for one, other in ends[first]]
        self.verdicts.verify(chosen)
        links = [pair for pair in chosen if self.accepts(self.verdicts[pair])]
        for one, other in links:
            self._add(one, other)
        return links

    def _are_refused(self, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether what pictures stand for was compared already and does not match.

        A whole, unstretched copy of a centre tells no more than the centre does.
        """
        stands_for = np.arange(len(self.centre))
        for picture, centre in enumerate(self.centre.tolist()):
            if (
                picture != centre
                and self.verdicts[picture, centre].whole
                and self._are_of_one_shape(picture, centre)
            ):
                stands_for[picture] = centre
        return np.array(
            [
                self.verdicts.was_asked(pair) and not self.accepts(self.verdicts[pair])
                for pair in map(tuple, stands_for[pairs].tolist())
            ],
            bool,
        )

    def unite(self, links: Sequence[tuple[int, int]]) -> None:
        """Unite groups between which there are links, and give stretched centres' place away."""
        members = self._members()
        self._recentre([some for some in members.values() if len(some) > 1 and self.by_content])
        done: set[frozenset[int]] = set()
        while True:
            members = self._members()
            unions: list[list[int]] = []
            busy: set[int] = set()
            for one, other in sorted(links, key=lambda pair: sorted(self.place[list(pair)])):
                groups = frozenset((int(self.centre[one]), int(self.centre[other])))
                if len(groups) == 2 and groups not in done and not groups & busy:
                    done.add(groups)
                    busy |= groups
                    unions.append([i for centre in groups for i in members[centre]])
            if not unions:
                return
            self._recentre(unions)

    def _members(self) -> dict[int, list[int]]:
        members: dict[int, list[int]] = {}
        for picture, centre in enumerate(self.centre.tolist()):
            members.setdefault(centre, []).append(picture)
        return members

    def _recentre(self, groups: Sequence[Sequence[int]]) -> None:
        """Make the first picture of each group that all others match its centre."""
        waiting = {tuple(sorted(some)): self._candidates(some) for some in groups}
        while waiting := {some: left for some, left in waiting.items() if left}:
            now = {some: left.pop(0) for some, left in waiting.items()}
            self._compare({centre: some for some, centre in now.items()})
            for some, centre in now.items():
                others = [i for i in some if i != centre]
                if all(other in self.matches.get(centre, ()) for other in others):
                    self.accepted.extend((centre, other) for other in others)
                    first = min(some, key=lambda i: self.place[i])
                    self.place[centre] = np.nextafter(self.place[first], -np.inf)
                    self.centre[list(some)] = centre
                    waiting[some].clear()

    def _candidates(self, members: Sequence[int]) -> list[int]:
        """Pictures that may become the centre, in the order in which they are tried."""
        stretched = self._stretched(members)
        centres = {int(i) for i in self.centre[list(members)]}
        if len(centres) == 1 and not centres & stretched:
            return []
        pictures = self.verdicts.pictures
        largest = max(pictures[i].pixels for i in members if i not in stretched)
        every, among = np.array(members), set(members)
        fit = [
            i
            for i in sorted(members, key=lambda i: self.place[i])
            if i not in stretched
            and not (pictures[i].facts.damage or pictures[i].suspect)
            and _SMALLER * pictures[i].pixels >= largest
            and (self.may_match(every, i) | (every == i)).all()
            and (self.by_content or i in centres)
            and not any(j in among and self._shows_more(j, i) for j in self.matches.get(i, ()))
        ]
        # the centres so far, then those that match most
        fit.sort(key=lambda i: (i not in centres, -len(self.matches.get(i, ()))))
        rest = [i for i in stretched if i in centres] if len(centres) > 1 else []
        return (fit + sorted(rest, key=lambda i: self.place[i]))[:_CENTRES]

    def _stretched(self, members: Sequence[int]) -> set[int]:
        """Pictures of another shape than most members have, and so made from one of these.

        Of equally many the shape of a camera's picture is the original one. (Parts and pictures
        set into others have the shape of their whole: what counts is how they lie upon it.)
        """
        shape: dict[int, int] = {}
        for first in sorted(members, key=lambda i: self.place[i]):
            if first in shape:
                continue
            shape[first], open_ends = first, [first]
            rest = [i for i in members if i not in shape]
            while open_ends and rest:
                one = open_ends.pop()
                alike = {i for i in rest if self._are_of_one_shape(one, i)}
                shape |= dict.fromkeys(alike, first)
                open_ends += alike
                rest = [i for i in rest if i not in alike]
        count = Counter(shape.values())
        if len(count) == 1:
            return set()
        camera = {i for first in count for i in members if shape[i] == first and self._camera(i)}
        natural = max(
            count,
            key=lambda first: (
                count[first],
                any(shape[i] == first for i in camera),
                -self.place[first],
            ),
        )
        return {i for i in members if shape[i] != natural}

    def _are_of_one_shape(self, one: int, other: int) -> bool:
        """Whether neither is stretched upon the other, by how both lie upon a third if need be."""
        own, others = self.matches.get(one, {}), self.matches.get(other, {})
        if other in own:
            matrix = self._matrix(one, other)
        else:
            third = min(own.keys() & others.keys(), key=lambda i: self.place[i], default=None)
            if third is None:
                return False
            matrix = self._matrix(one, third) @ self._matrix(third, other)
        left, right = (self.verdicts.pictures[i].facts for i in (one, other))
        return stretch_of(matrix, left, right) <= _STRETCHED

    def _matrix(self, to: int, of: int) -> Matrix:
        """Unit coordinates of a picture to those of another that it matches."""
        matrix = matrix_of(self.verdicts[to, of])
        return matrix if to < of else inverse(matrix)

    def _shows_more(self, one: int, other: int) -> bool:
        return other in self.matches.get(one, ()) and shows_more(self.verdicts, one, other)

    def _camera(self, one: int) -> bool:
        facts = self.verdicts.pictures[one].facts
        shape = max(facts.width, facts.height) / min(facts.width, facts.height)
        return any(abs(shape / camera - 1) < _SHAPE_TOLERANCE for camera in CAMERA_SHAPES)

    def _compare(self, groups: dict[int, Iterable[int]]) -> None:
        """Compare members with the pictures that may become their centres, by what both match."""
        wanted = [(member, c) for c, some in groups.items() for member in some if member != c]
        while True:
            chains = []
            for member, centre in wanted:
                third = self._third(member, centre)
                if third is not None:
                    chains.append((member, third, centre))
            if not chains:
                return
            self.verdicts.verify_through(chains)
            for member, _, centre in chains:
                if self.accepts(self.verdicts[member, centre]):
                    self._add(member, centre)

    def _third(self, member: int, centre: int) -> int | None:
        """A picture by which two are to be compared, if they do not match yet."""
        tried = self._tried.setdefault((min(member, centre), max(member, centre)), set())
        own, others = self.matches.get(member, {}), self.matches.get(centre, {})
        if centre in own or len(tried) == _LINKS:
            return None
        both = (own.keys() & others.keys()) - tried
        third = min(both, key=lambda one: self.place[one], default=None)
        if third is not None:
            tried.add(third)
        return third
