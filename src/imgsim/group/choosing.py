"""Which file of a group is kept, by the rules."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imgsim.addresses import printable
from imgsim.decisions.lookup import Decided
from imgsim.decode.metadata import Metadata
from imgsim.group.comparisons import Comparisons
from imgsim.group.evidence import LESS_DETAIL, MORE_DETAIL, WHICH_FIRST, Sign, derived_by
from imgsim.group.keep import (
    ALWAYS,
    CAMERA,
    NATURAL,
    ORIGINAL,
    ORIGINAL_BY_EVIDENCE,
    WHOLE,
    Candidate,
    Criterion,
    Rule,
    narrow,
)
from imgsim.group.rules import Rules, may_match_all
from imgsim.group.shapes import Shape, are_stretched
from imgsim.group.shots import Shot, other_shot_text
from imgsim.measure.extent import area_shares
from imgsim.types import Group, Picture, Verdict
from imgsim.verify.matrix import matrix_of
from imgsim.verify.transform import stretch_along_width

KEPT_BY_DECISION = "decided: keep this one"
STAYS_BY_DECISION = "decided: keep all"
NOT_LET_GO = "decided: the other one may go"

_ROUNDS = 4
"""Times that another file may turn out to be what the chosen one was made from."""

_RIVALS = 8
"""Files that are tried in place of a kept one that not all of its group match, at most."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Members of a group that is not decided yet, and a picture that all of them match."""

    members: tuple[Candidate, ...]
    centre: Picture


@dataclass(slots=True)
class Choice:
    """The file that is to be kept of some members.

    Attributes
    ----------
    group : Undecided
    kept : Candidate
    rule : Rule
    reason : str
    pool : list of Candidate
        Those among which `original` chose it; empty if another rule did.
    """

    group: Undecided
    kept: Candidate
    rule: Rule
    reason: str
    pool: list[Candidate] = field(default_factory=list)


class Choosing:
    """Chooses the kept files of groups.

    Parameters
    ----------
    keep : sequence of Rule
    rules : Rules
    comparisons : Comparisons
    metadata : mapping of str to Metadata
        By the digest of the content.
    decided : Decided
        What a person decided to keep is kept, whatever the rules say, but for damaged files. Then
        what stays anyhow is, so that a new file is asked about beside it.
    paired : collection of str
        Paths of the files that lie beside the other file of their shot.
    """

    def __init__(
        self,
        keep: Sequence[Rule],
        rules: Rules,
        comparisons: Comparisons,
        metadata: Mapping[str, Metadata],
        decided: Decided,
        paired: Collection[str] = (),
    ) -> None:
        self.keep = keep
        self.paired = paired
        self.rules = rules
        self.comparisons = comparisons
        self.metadata = metadata
        whole, *others = ALWAYS
        self._always: tuple[Criterion, ...] = (
            whole,
            (KEPT_BY_DECISION, lambda c: decided.keep_rank(c.picture)),
            *others,
            (STAYS_BY_DECISION, lambda c: decided.stay_rank(c.picture)),
            (NOT_LET_GO, lambda c: decided.let_go_rank(c.picture)),
        )

    def undecided(self, group: Group) -> Undecided:
        """The candidates of a group, by how they lie upon its centre."""
        centre = group.kept
        shows_less: set[str] = set()
        stretches: dict[str, float] = {}
        own: dict[str, float] = {}
        for member in group.members:
            one = member.picture
            own[one.identity] = one.pixels
            verdict = (
                None if one.identity == centre.identity else self.comparisons.verdict(centre, one)
            )
            if verdict is None:
                continue
            measured = self.comparisons.differences(centre, one)
            signs = self.comparisons.signs(centre, one).signs if measured else None
            lesser = _part_of(verdict, signs)
            if lesser:
                shows_less.add(one.identity if lesser > 0 else centre.identity)
            if lesser > 0 and verdict.matrix:
                own[one.identity] *= area_shares(matrix_of(verdict))[1]
            if verdict.matrix:
                ratio = stretch_along_width(matrix_of(verdict), centre.facts, one.facts)
                stretches[one.identity] = math.log(ratio)
        everything = {m.picture.identity for m in group.members} <= shows_less
        stretched = are_stretched(
            [Shape(stretches.get(m.picture.identity, 0.0), m.picture.facts) for m in group.members]
        )
        candidates = [
            Candidate(
                m.picture,
                self.metadata.get(m.picture.digest, Metadata()),
                own[m.picture.identity],
                m.picture.identity in shows_less and not everything,
                m.picture.identity == centre.identity,
                has_other_shape,
                m.picture.file.path in self.paired,
            )
            for m, has_other_shape in zip(group.members, stretched, strict=True)
        ]
        if not any(c.names_camera for c in candidates if not c.partial):
            # what a camera wrote is no part of a file that none did: that one was framed
            candidates = [
                replace(c, partial=False) if c.partial and c.has_taken_size else c
                for c in candidates
            ]
        return Undecided(tuple(candidates), centre)

    def measure_parts(self, groups: Sequence[Group]) -> None:
        """Measure those members of which one may be a part of the other."""
        pairs = [(g.kept, m.picture) for g in groups for m in g.members[1:]]
        verdicts = [(pair, self.comparisons.verdict(*pair)) for pair in pairs]
        self.comparisons.measure(
            pair for pair, verdict in verdicts if verdict is not None and not verdict.whole
        )

    def choose(self, groups: Sequence[Undecided]) -> list[Choice]:
        """Choose the kept file of each group by the rules."""
        choices: list[Choice] = []
        asked: list[tuple[int, list[Candidate]]] = []
        for group in groups:
            left, reason = narrow(self._eligible(group), self._always)
            decisive = self.keep[0]
            if reason in (KEPT_BY_DECISION, STAYS_BY_DECISION, NOT_LET_GO):
                decisive = _DECISION
            for rule in (*self.keep, _FIRST):
                if len(left) == 1:
                    break
                decisive = rule
                if rule.text == "original":
                    asked.append((len(choices), left))
                    break
                left, decided = narrow(left, rule.criteria)
                reason = decided or reason
            choices.append(Choice(group, left[0], decisive, reason))
        self._choose_originals(choices, asked)
        return choices

    def _eligible(self, group: Undecided) -> list[Candidate]:
        """Members that may match all others."""
        able = may_match_all([c.picture for c in group.members], self.rules)
        some = [c for c, is_able in zip(group.members, able.tolist(), strict=True) if is_able]
        return some or list(group.members[:1])

    def _choose_originals(
        self, choices: list[Choice], asked: Sequence[tuple[int, list[Candidate]]]
    ) -> None:
        """Choose what the others were made from."""
        pools: dict[int, list[Candidate]] = {}
        for number, left in asked:
            pool, reason = narrow(left, (WHOLE, CAMERA, NATURAL))
            pools[number] = pool
            choices[number].reason = reason or choices[number].reason
            choices[number].kept = self._like(self._first(pool), pool)
        tried: dict[int, set[str]] = {number: set() for number in pools}
        pending = dict(pools)
        for _ in range(_ROUNDS):
            self._compare_with_kept([(choices[n], c) for n, p in pending.items() for c in p])
            for number, pool in list(pending.items()):
                kept = choices[number].kept
                tried[number].add(kept.picture.identity)
                sources = self._sources(kept, pool)
                sources = [c for c in sources if c.picture.identity not in tried[number]]
                if sources:
                    choices[number].kept = self._like(self._first(sources), pool)
                else:
                    del pending[number]
            if not pending:
                break
        for number, pool in pools.items():
            choices[number].reason = self._reason(choices[number], pool)
            choices[number].pool = pool

    def rivals(self, choice: Choice) -> list[Candidate]:
        """Return files that nothing but age, bytes and path tells from the kept one.

        The best first, each content once.
        """
        kept, pool = choice.kept, choice.pool
        others = [c for c in pool if c.picture.identity != kept.picture.identity]
        open_ones = [c for c in others if self._derivation(kept, c)[0] <= 0]
        equal, _ = narrow([kept, *open_ones], ORIGINAL_BY_EVIDENCE)
        if kept not in equal:
            return []
        equal.remove(kept)
        rivals: list[Candidate] = []
        while equal and len(rivals) < _RIVALS:
            rivals.append(self._like(self._first(equal), pool))
            equal = [c for c in equal if c.picture.identity != rivals[-1].picture.identity]
        return rivals

    def _compare_with_kept(self, pairs: Sequence[tuple[Choice, Candidate]]) -> None:
        """Verify files with the one that may be kept, and measure those that match it."""
        ends = [(choice.kept.picture, c.picture, choice.group.centre) for choice, c in pairs]
        distances = self.comparisons.match(ends)
        self.comparisons.measure(
            (kept, other)
            for (kept, other, _), distance in zip(ends, distances, strict=True)
            if distance is not None
        )

    def _first(self, pool: Sequence[Candidate]) -> Candidate:
        return narrow(pool, ORIGINAL)[0][0]

    def _like(self, kept: Candidate, pool: Sequence[Candidate]) -> Candidate:
        """Of the files with the pixels of the kept one, that which the others were made from."""
        like = [c for c in pool if c.picture.identity == kept.picture.identity]
        return self._first(narrow(like, (_LOSSY,))[0])

    def _sources(self, kept: Candidate, pool: Sequence[Candidate]) -> list[Candidate]:
        """Files from which the kept one was made, or of which most of the group are."""
        related = [(c, self._derivation(kept, c)[0]) for c in pool if not _are_two_shots(kept, c)]
        sources = [c for c, derived in related if derived < 0]
        return sources or self._majority(kept, pool)

    def _derivation(self, one: Candidate, other: Candidate) -> tuple[int, str]:
        """Tell as `evidence.derivation` does, where that is unsure by how the files begin."""
        pictures = one.picture, other.picture
        if one.begins_as_cameras == other.begins_as_cameras:
            return self.comparisons.derivation(*pictures)
        sure = derived_by(self.comparisons.signs(*pictures).signs)
        if sure[0] or pictures[0].identity == pictures[1].identity:
            return sure
        return 1 if one.begins_as_cameras else -1, "saved by a program, as its first bytes say"

    def _majority(self, kept: Candidate, pool: Sequence[Candidate]) -> list[Candidate]:
        """Files with tones in which more contents agree than in those of the kept one.

        Which of two versions was edited, pixels alone do not tell; but of an edit there is one,
        and of the original there are exports and copies.
        """
        contents = {c.picture.identity: c for c in pool}
        versions: dict[tuple[int, int], list[Candidate]] = {}
        for one in contents.values():
            version = self._version(kept, one)
            if version is not None:
                versions.setdefault(version, []).append(one)
        own = versions.get(_SAME_TONES, [])
        most = max(versions.values(), key=len, default=[])
        if len(most) <= len(own):
            return []
        identities = {one.picture.identity for one in most}
        return [c for c in pool if c.picture.identity in identities]

    def _version(self, kept: Candidate, other: Candidate) -> tuple[int, int] | None:
        """Equal numbers for files with the same tones and colours, seen from the kept one.

        None for what was made from it: that says nothing of which of the others came first.
        """
        measured = self.comparisons.differences(kept.picture, other.picture)
        signs = self.comparisons.signs(kept.picture, other.picture).signs
        if measured is None or not signs:
            return _SAME_TONES
        if any(sign.derived and sign.role != "reencoded" for sign in signs):
            return None
        if not any(sign.role == "edited" for sign in signs):
            return _SAME_TONES
        return round(measured.tone / 3) + 1, round(10 * measured.saturation) + 1

    def _reason(self, choice: Choice, pool: Sequence[Candidate]) -> str:
        """What the kept file has over the next one, after what earlier rules preferred."""
        kept, before = choice.kept, choice.reason
        if len(pool) == 1:
            return before
        others = [c for c in pool if c.picture.identity != kept.picture.identity]
        if not others:
            reason = narrow(pool, (_LOSSY, *ORIGINAL))[1]
        else:
            reason = self._made_from(choice, self._first(others))
            ordered = [kept, *others]
            left, decided = narrow(ordered, ORIGINAL)
            if not reason and left[0] is kept:
                reason = decided
            # else it is kept for what was made from it, or as most of the group have its tones
            made = (self._made_from(choice, one) for one in others)
            reason = reason or next(filter(None, made), "more files agree with its tones")
        return f"{before}; then {reason}" if before and reason else before or reason

    def _made_from(self, choice: Choice, other: Candidate) -> str:
        """How it shows that a file was made from the kept one; empty if it does not."""
        derived, why = self._derivation(choice.kept, other)
        if derived <= 0:
            return ""
        several = len(choice.group.members) > 2
        name = _short_name(other.picture.file.path) if several else "the other"
        told = self.comparisons.signs(choice.kept.picture, other.picture)
        is_sure = derived_by(told.signs)[0] > 0 and _OF_ORDER.isdisjoint(told.unsure)
        probably = "" if is_sure else "probably "
        return f"{name} was {probably}made from it: {why}"


def _are_two_shots(one: Candidate, other: Candidate) -> bool:
    """Whether a camera took both, at different times: then none was made from the other."""
    return bool(other_shot_text(*(Shot(c.picture, c.metadata) for c in (one, other))))


def _short_name(path: str) -> str:
    return printable(os.path.join(*path.split(os.sep)[-2:]))


def _part_of(verdict: Verdict, signs: Sequence[Sign] | None) -> int:
    """Tell which of two pictures is a part of the other: 1 the right one, -1 the left, 0 none."""
    if signs is None:
        return -verdict.more
    if any(sign.role in ("cropped", "inset", "overlaid") for sign in signs):
        return 1
    if any(sign.role == "rotated" and sign.derived for sign in signs):
        return 1
    return -1 if verdict.more and any(sign.role == "fuller" for sign in signs) else 0


_LOSSY: Criterion = (
    "the lossless one was made from it",
    lambda c: c.picture.facts.lossless or c.picture.facts.format == "GIF",
)
"""For equal samples: saving them with loss would have changed them; a GIF keeps 256 colours."""

_OF_ORDER = {WHICH_FIRST, LESS_DETAIL, MORE_DETAIL}
"""What is unsure of the member, too, if it is unsure which of two was made from the other."""

_SAME_TONES = (0, 0)
_DECISION = Rule("decision", ())
_FIRST = Rule("first", (("first by path", lambda c: os.fsencode(c.picture.file.path)),))
