"""Runs a recipe over pictures: proposes pairs, verifies them, and tells which match.

find-dupes, leaks and bench all come through here, so that a pair gets the same answer in each.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Preset
from imgsim.comparators.local import lack_detail, records
from imgsim.comparators.recipes import Recipe
from imgsim.decode.decoder import decoder_id
from imgsim.group.best_first import best_first
from imgsim.group.complete import complete
from imgsim.group.rules import Classes, MayMatch, Rules, classes_of, flat_keys, numbered, split_flat
from imgsim.group.shot_series import LookAlikes
from imgsim.propose.figures import are_figures
from imgsim.propose.proposals import PairRules, Proposals, propose
from imgsim.propose.remembered import MOST_PAIRS, VERSION, key_of, pack, place_of, unpack
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.types import Candidates, NotCompared, Picture, Transform, Verdict, in_path_order
from imgsim.verify.judge import EQUAL
from imgsim.verify.needed import ALL, needed_for
from imgsim.verify.verdicts import Verdicts

_WAYS = 4
"""Pictures by way of which one is compared with others, and these, at most."""


def split_judged(
    recipe: Recipe, collection: Collection, pictures: Sequence[Picture]
) -> tuple[list[Picture], list[Picture]]:
    """Divide pictures into those that a recipe compares, and flat ones that equal pixels match.

    Flat ones with many keypoints are compared as others are, those that show something on an even
    ground as figures. Those with equal pixels stay together.

    Parameters
    ----------
    recipe : Recipe
    collection : Collection
        Where the pictures were read.
    pictures : sequence of Picture

    Returns
    -------
    compared, others : list of Picture
        In their order.
    """
    detailed, flat = split_flat(pictures)
    possible = [p for p in flat if p.facts.frames == 1 and not p.facts.damage and not p.facts.raw]
    if not possible:
        return detailed, flat
    rows = records(collection.features(recipe.extractor, possible).rows)
    every = np.ones(len(rows), np.bool_)
    shown = ~lack_detail(every, rows)
    if recipe.hashes:
        shown |= are_figures(rows, every)
    keys = dict(zip([p.identity for p in flat], flat_keys(flat), strict=True))
    known = {keys[p.identity] for p, is_shown in zip(possible, shown, strict=True) if is_shown}
    others = {p.identity for p in flat if keys[p.identity] not in known}
    compared = [p for p in pictures if p.identity not in others]
    return compared, [p for p in flat if p.identity in others]


class RecipeRun:
    """One run of a recipe over pictures; to be closed.

    Parameters
    ----------
    recipe : Recipe
    collection : Collection
        Where the pictures were read.
    pictures : sequence of Picture
        None of them flat, but for figures; see `split_judged`.
    rules : Rules
        Pairs that may not match are not looked for.
    max_distance : float
        The largest residual of a duplicate.
    preset : str or None
        See `Recipe.accepts`.
    options : RunOptions
    residuals : bool
        Those of pairs that do not match have to be right too.
    prefer : callable, optional
        What pictures are ordered by, the least first: where what stands for others, and is the
        centre of a group, is the file that is kept of it, its members need not be verified with
        that once more. By default they are in their order.
    proposed : callable, optional
        Returns the pairs of some pictures, in order of their digests, that are worth verifying,
        where that is known; see `ProposalIndex`.

    Attributes
    ----------
    classes : list of ndarray of int64
        Places of pictures with equal bytes, samples, or pixels of flat ones, that the rules treat
        alike; the classes in order of their first picture. Pairs are pairs of classes.
    """

    def __init__(
        self,
        recipe: Recipe,
        collection: Collection,
        pictures: Sequence[Picture],
        rules: Rules,
        max_distance: float,
        preset: Preset | None,
        options: RunOptions,
        *,
        residuals: bool = False,
        prefer: Callable[[Picture], Any] | None = None,
        proposed: Callable[[Sequence[Picture], PairRules], Proposals] | None = None,
    ) -> None:
        self.recipe = recipe
        self.max_distance = max_distance
        self.preset = preset
        self.rules = rules
        keys = flat_keys(pictures)
        # by their identities; of most both are the same
        self._content = {
            p.identity: key for p, key in zip(pictures, keys, strict=True) if key != p.identity
        }
        self.classes = classes_of(
            (key, rules.key(p)) for p, key in zip(pictures, keys, strict=True)
        )
        self._all = pictures
        # an order that does not depend on that of the files
        firsts: list[int] = self.classes.firsts.tolist()
        self._class = sorted(range(len(firsts)), key=lambda i: (pictures[firsts[i]].digest, i))
        self._pictures: list[Picture] = [pictures[firsts[i]] for i in self._class]
        self._place_of_several = {
            (self._content_of(p), rules.key(p)): place
            for place, (p, number) in enumerate(zip(self._pictures, self._class, strict=True))
            if len(self.classes[number]) > 1
        }
        self._rank = self._ranked(prefer)
        contents = numbered(map(self._content_of, self._pictures))[0]
        self._may_match = MayMatch(self._pictures, rules)
        table = collection.tables[recipe.extractor]
        rows = table.rows([picture.digest for picture in self._pictures])
        pair_rules = self._pair_rules(contents)
        self._proposed = _with_copies(
            proposed(self._pictures, pair_rules)
            if proposed
            else self._propose(rows, options, pair_rules),
            contents,
        )
        allowed = self._may_match(self._proposed.left, self._proposed.right)
        self._proposals = self._proposed.only(allowed)
        self._verdicts = Verdicts(
            self._pictures,
            rows,
            self._proposals,
            collection.slots,
            collection.executor,
            options,
            contents,
            ALL if residuals else needed_for(max_distance, contained=preset != "loose"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._verdicts.close()

    def _propose(
        self, rows: NDArray[np.generic], options: RunOptions, rules: PairRules
    ) -> Proposals:
        """Pairs worth verifying: known of the last run over the same pictures, or found."""
        flat = lack_detail((p.facts.flat for p in self._pictures), records(rows))
        if len(flat) < 2:
            return self._find_pairs(rows, options, rules, flat)
        digests = [p.digest for p in self._pictures]
        given = flat.astype(np.int64), rules.order, rules.content, self._may_match.numbers()
        key = key_of(digests, np.array([self.recipe.hashes], np.int64), *given)
        label = f"proposals/{VERSION} {self.recipe.extractor.key} {decoder_id(options.decode)}"
        with closing(options.open_cache()) as cache:
            place = digests[place_of(key, len(digests))]
            proposals = unpack(key, cache.proposals(label, place))
            if proposals is None:
                proposals = self._find_pairs(rows, options, rules, flat)
                if len(proposals.left) <= MOST_PAIRS:
                    cache.keep_proposals(label, place, pack(key, proposals))
        return proposals

    def _find_pairs(
        self,
        rows: NDArray[np.generic],
        options: RunOptions,
        rules: PairRules,
        flat: NDArray[np.bool_],
    ) -> Proposals:
        references = np.array([p.file.reference for p in self._pictures], np.bool_)
        votes = None
        if options.executor == "ray" and not references.any():
            from imgsim.propose.join_plan import votes_by_joins

            options.start_engine()
            votes = votes_by_joins(records(rows)[~flat])  # the same, by all machines
        return propose(
            records(rows),
            hashes=self.recipe.hashes,
            jobs=options.jobs,
            flat=flat,
            closed=references if references.any() else None,  # no two of them may match
            votes=votes,
            rules=rules,
            progress=options.progress,
        )

    def _pair_rules(self, contents: NDArray[np.int64]) -> PairRules:
        """Which pairs may match, or could if they did not lie below one argument."""
        may_match = self._may_match
        could_match = MayMatch(self._pictures, Rules()) if self.rules.isolate else None

        def pair_class(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.uint8]:
            allowed = may_match(left, right)
            others = 0 if could_match is None else np.where(could_match(left, right), 2, 0)
            return np.where(allowed, 1, others).astype(np.uint8)

        return PairRules(np.argsort(self._rank), contents, pair_class)

    @property
    def left_out(self) -> int:
        """Pairs that may match and are not verified, of files like many others."""
        return self._proposed.left_out

    def _beside(self) -> Proposals:
        """Proposed pairs that could match if they did not lie below one argument."""
        ends = self._proposed.left, self._proposed.right
        return self._proposed.only(
            MayMatch(self._pictures, Rules())(*ends) & ~self._may_match(*ends)
        )

    def look_alikes(self) -> LookAlikes:
        """Return the proposed pairs, with all their files, and what resembles many others."""
        proposals = self._proposals
        upright = (proposals.why & 1).astype(bool)  # the first of the orientations
        contents = [[self._all[i] for i in self.classes[number]] for number in self._class]
        crowded = proposals.crowded
        hashes = np.ascontiguousarray(records(self._verdicts.rows)["hash"][crowded])
        return LookAlikes(
            contents, proposals.left, proposals.right, upright, crowded, hashes, self._may_match
        )

    def accepts(self, verdict: Verdict) -> bool:
        """Whether two pictures are duplicates."""
        return self.recipe.accepts(verdict, self.max_distance, self.preset)

    def transform(self, kept: Picture, other: Picture) -> Transform | None:
        """How a picture lies upon the kept one, if the two were verified."""
        if kept.identity == other.identity:
            return None
        return self._verdicts.transform(self._first_like(kept), self._first_like(other))

    def verdict(self, left: Picture, right: Picture) -> Verdict | None:
        """The verdict on two pictures, with the first as the left one, if they were verified."""
        one, other = self._first_like(left), self._first_like(right)
        return EQUAL if one is other else self._verdicts.seen_from(one, other)

    def match(self, pairs: Sequence[tuple[Picture, Picture, Picture]]) -> list[float | None]:
        """Verify pictures with the one that is to be kept, through a third where none said how.

        Parameters
        ----------
        pairs : sequence of (Picture, Picture, Picture)
            The kept one, the other, and a third that both matched.

        Returns
        -------
        list of float or None
            The distances of those that match.
        """
        firsts = [tuple(map(self._first_like, pair)) for pair in pairs]
        chains: dict[tuple[str, str], tuple[int, int, int]] = {}
        for kept, other, third in firsts:
            if kept is other or third in (kept, other) or self._accepted(kept, other) is not None:
                continue
            one, two = sorted((kept, other), key=lambda p: p.digest)
            places = map(self._place_like, (one, third, two))
            chains[one.digest, two.digest] = tuple(places)  # type: ignore[assignment]
        self._verdicts.verify_through(list(chains.values()))
        return [0.0 if kept is other else self._accepted(kept, other) for kept, other, _ in firsts]

    def _accepted(self, one: Picture, other: Picture) -> float | None:
        """The residual of two pictures that match."""
        verdict = self._verdicts.between(one, other)
        return verdict.residual if verdict is not None and self.accepts(verdict) else None

    def _content_of(self, picture: Picture) -> str:
        """Equal for pictures with equal bytes, samples, or pixels of flat ones."""
        return self._content.get(picture.identity, picture.identity)

    def _first_like(self, picture: Picture) -> Picture:
        """The picture that stands for those with equal bytes or samples."""
        return self._pictures[self._place_like(picture)]

    def _place_like(self, picture: Picture) -> int:
        """Its place."""
        key = self.rules.key(picture)
        place = self._place_of_several.get((self._content_of(picture), key))
        if place is None:
            place = bisect_left(self._pictures, picture.digest, key=lambda p: p.digest)
            while self.rules.key(self._pictures[place]) != key:  # below another argument, say
                place += 1
        return place

    def verify_all(self) -> dict[tuple[int, int], Verdict]:
        """Verify every proposed pair; see `residuals` for those that do not match.

        Returns
        -------
        dict of (int, int) to Verdict
            By two classes, the lesser first, in ascending order. Which picture is the left one of
            the verdict is another matter, see `transform`.
        """
        pairs = self._proposals.pairs()
        self._verdicts.verify(pairs)
        by_class = {
            (min(classes), max(classes)): self._verdicts[pair]
            for pair in pairs
            for classes in [(self._class[pair[0]], self._class[pair[1]])]
        }
        return dict(sorted(by_class.items()))

    def unverified(self) -> dict[tuple[int, int], str]:
        """Return the pairs of classes, the lesser first, that `verify_all` could not verify.

        Returns
        -------
        dict of (int, int) to str
            And why.
        """
        return {
            (min(classes), max(classes)): reason
            for pair in self._proposals.pairs()
            if (reason := self._verdicts.why_failed(pair))
            for classes in [(self._class[pair[0]], self._class[pair[1]])]
        }

    def not_compared(self) -> tuple[NotCompared, ...]:
        """Return the pairs that were asked for and could not be verified, in order of paths.

        Of pictures with equal bytes or samples the first stands for all.
        """
        found = []
        for pair, reason in self._verdicts.failed():
            # it may have been verified by way of a third
            if self._may_match(*pair) and not self.accepts(self._verdicts[pair]):
                paths = sorted((self._pictures[i].file.path for i in pair), key=os.fsencode)
                found.append(NotCompared(paths[0], paths[1], reason))
        return in_path_order(found)

    def all_matches(self) -> Candidates:
        """Verify every proposed pair, and return the classes that match.

        With `Rules.isolate`, a picture without a match is also compared through those pictures
        below its own argument that it matches and that have one: a crop in one folder and a
        stretched copy in another may only be laid upon each other by way of the whole picture.
        """
        self._verdicts.verify(self._proposals.pairs())
        if self.rules.isolate:
            self._verify_through_neighbours()
        matches = {
            (min(classes), max(classes)): verdict.residual
            for (one, other), verdict in self._verdicts.asked()
            if self._may_match(one, other) and self.accepts(verdict)
            for classes in [(self._class[one], self._class[other])]
        }
        return _in_order(list(matches), list(matches.values()))

    def _verify_through_neighbours(self) -> None:
        matches: dict[int, list[int]] = {}
        for (one, other), verdict in self._verdicts.asked():
            if self.accepts(verdict):
                matches.setdefault(one, []).append(other)
                matches.setdefault(other, []).append(one)
        beside = self._beside()
        ends = np.stack([beside.left, beside.right], axis=1)
        matched = np.isin(ends, list(matches))
        useful = matched[:, 0] != matched[:, 1]
        ways: dict[int, list[int]] = {}
        for pair, first_is in zip(ends[useful].tolist(), matched[useful, 0].tolist(), strict=True):
            neighbour, alone = pair if first_is else pair[::-1]
            if len(ways.setdefault(alone, [])) < _WAYS:
                ways[alone].append(neighbour)
        self._verdicts.propose(beside.only(useful))
        self._verdicts.verify([(alone, by) for alone, some in ways.items() for by in some])
        chains = {
            (alone, other): (alone, by, other)
            for alone, some in ways.items()
            for by in reversed(some)
            if self.accepts(self._verdicts[alone, by])
            for other in matches[by][:_WAYS]
            if self._may_match(alone, other)
        }
        self._verdicts.verify_through(list(chains.values()))

    def accepted(self) -> Iterator[tuple[Picture, Picture, float]]:
        """Yield the pairs of pictures that were verified and match, and their residuals.

        Of pictures with equal bytes or samples the first stands for all.
        """
        for (one, other), verdict in self._verdicts.asked():
            if self._may_match(one, other) and self.accepts(verdict):
                yield self._pictures[one], self._pictures[other], verdict.residual

    def deciding_matches(self, *, by_content: bool = True) -> tuple[list[int], Candidates]:
        """Verify the pairs that decide the groups, see `best_first`.

        Parameters
        ----------
        by_content : bool
            What a picture shows comes before the order of the pictures.

        Returns
        -------
        order : list of int
            The classes, those to be centres first, references before all, damaged ones last.
        matches : Candidates
            The numbers are places in `order`.
        """
        free = [not self.rules.isolate and not p.file.reference for p in self._pictures]
        places, pairs = best_first(
            self._verdicts,
            self._proposals,
            self._rank,
            self.accepts,
            by_content=by_content,
            closing_allowed=np.array(free, bool),
        )
        places, pairs = complete(
            self._verdicts,
            self._proposals,
            places,
            pairs,
            self.accepts,
            self._may_match,
            by_content=by_content,
        )
        order = sorted(places.tolist(), key=lambda i: _precedence(self._pictures[i]))
        number = {place: i for i, place in enumerate(order)}
        ends = [(number[a], number[b]) for a, b in pairs]
        residual = [self._verdicts[pair].residual for pair in pairs]
        return [self._class[place] for place in order], _in_order(ends, residual)

    def _ranked(self, prefer: Callable[[Picture], Any] | None) -> NDArray[np.int64]:
        """The place of each picture among all, by what its class has of the best."""
        numbers = np.array(self._class, np.int64)
        if prefer is None:
            return numbers
        best = [min(prefer(self._all[i]) for i in members) for members in self.classes]
        rank = np.empty(len(best), np.int64)
        rank[sorted(range(len(best)), key=lambda i: (best[i], i))] = np.arange(len(best))
        return rank[numbers]


def _with_copies(proposals: Proposals, contents: NDArray[np.int64]) -> Proposals:
    """Pairs worth verifying, and all copies of a content, whether worth it or not."""
    several = np.flatnonzero(np.bincount(contents)[contents] > 1)
    copies = [
        pair
        for places in Classes(np.unique(contents[several], return_inverse=True)[1])
        for pair in combinations(several[places].tolist(), 2)
    ]
    return proposals.with_pairs(np.array(copies, np.int64).reshape(-1, 2))


def _precedence(picture: Picture) -> tuple[bool, bool, bool]:
    return bool(picture.facts.damage), not picture.file.reference, picture.suspect


def _in_order(pairs: Sequence[tuple[int, int]], distance: Sequence[float]) -> Candidates:
    """Pairs in ascending order, the lesser of each on the left."""
    ends = np.sort(np.array(pairs, np.int64).reshape(-1, 2), axis=1)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    return Candidates(
        ends[order, 0], ends[order, 1], np.array(distance, np.float64).reshape(-1)[order]
    )
