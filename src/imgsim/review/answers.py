"""What a person decided of groups: read from the decisions, written there, and taken back."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from types import MappingProxyType

from imgsim.addresses import absolute
from imgsim.decisions.lookup import NOT_KEPT, Decided, PairAnswer, SeenFile
from imgsim.decisions.records import Answer, DecidedFile, Decision
from imgsim.decisions.store import Decisions, without_pairs
from imgsim.errors import UsageError
from imgsim.review.model import GroupAnswer, ReviewGroup
from imgsim.types import Group, Member, Picture

_MOST_PAIRED = 100
"""Files of a group of which each pair is looked at."""


@dataclass(frozen=True, slots=True)
class Step:
    """One answer, to one group or many, that can be taken back.

    Attributes
    ----------
    groups : tuple of str
        Ids.
    added, forgotten : tuple of Decision
    """

    groups: tuple[str, ...]
    added: tuple[Decision, ...]
    forgotten: tuple[Decision, ...]


class DecidedGroup:
    """What was decided of the files of one group, whichever of them is kept.

    Parameters
    ----------
    answers : Answers
    about : sequence of Decision
        Those that name one of its files.
    decided : Decided
    """

    def __init__(self, answers: Answers, about: Sequence[Decision], decided: Decided) -> None:
        self._answers = answers
        self._about = about
        self._decided = decided

    def kept_instead(self, group: Group) -> str | None:
        """Return the path of the file that a person wants to be kept; None for no wish."""
        if not self._about:
            return None
        pictures = [member.picture for member in group.members]
        able = [p for p in pictures if not p.facts.damage] or pictures
        first = min(able, key=self._decided.keep_rank)  # of equal ones the first
        best = self._decided.keep_rank(first)
        if best != NOT_KEPT:
            return None if self._decided.keep_rank(group.kept) == best else first.file.path
        # of equal files one is as good as another, but for what was said to stay, or to go
        equal = [p for p in able if p.digest == group.kept.digest]
        named = min(equal, key=self._equal_rank, default=group.kept)
        better = self._equal_rank(named) < self._equal_rank(group.kept)
        return named.file.path if better else None

    def _equal_rank(self, picture: Picture) -> tuple[int, int]:
        return self._decided.stay_rank(picture), self._decided.let_go_rank(picture)

    def is_named(self, picture: Picture) -> bool:
        """Whether a person decided to keep this very file, and did not turn it round."""
        return self._decided.is_named(picture)

    def between(self, one: Picture, other: Picture) -> PairAnswer | None:
        """Return what was decided of two files of the group."""
        return self._decided.between(one, other)

    def mark(self, group: Group) -> Group:
        """Return a group whose members say what was decided of them and the kept file."""
        decided, kept = self._decided, group.kept
        if not self._about:
            if not any(m.decision or m.decided for m in group.members):
                return group
            clean = tuple(replace(m, decision=None, decided=False) for m in group.members)
            return replace(group, members=clean)
        others = [member.picture for member in group.members[1:]]
        between = {p.file.path: decided.between(kept, p) for p in others}
        contradicting = decided.contradict([p for p in others if between[p.file.path] is None])
        is_kept = decided.is_kept(kept, others)
        members = [replace(group.members[0], decision="keep" if is_kept else None)]
        for member in group.members[1:]:
            path = member.picture.file.path
            answer = between[path]
            if answer is not None:
                members.append(replace(member, decision=answer, decided=True))
                continue
            staying = decided.stays(member.picture, kept)
            if staying is None and path in contradicting:
                members.append(replace(member, decision="not-duplicates", decided=False))
            elif staying is None and decided.removed_for(member.picture, kept):
                members.append(replace(member, decision="remove", decided=False))
            else:
                members.append(replace(member, decision=staying, decided=False))
        return replace(group, members=tuple(members))

    def answer(self, group: Group) -> GroupAnswer | None:
        """Return what was decided of a group as a whole, whose members are marked.

        It is accepted by decisions that keep the file that is kept and name all others of which no
        decision says that they stay.
        """
        others = group.members[1:]
        open_ones = [m for m in others if not m.decided]
        unsaid = [m for m in open_ones if m.decision in (None, "remove")]
        stated = {m.decision for m in others if m.decided}
        accepted = self.accepted(group)
        if unsaid and all(m.picture.file.path in accepted for m in unsaid):
            return "keep"
        if not stated:
            return "mixed" if accepted else None
        if open_ones or self._have_open_pairs(group):
            return "mixed"
        if stated == {"not-duplicates"} or self._is_told_apart(group):
            return "not-duplicates"
        return "keep-all"

    def _have_open_pairs(self, group: Group) -> bool:
        """Whether two files that stay beside the kept one were not decided on with each other."""
        others = [member.picture for member in group.members[1:]]
        return len(others) <= _MOST_PAIRED and any(
            self._decided.between(one, other) is None for one, other in combinations(others, 2)
        )

    def _is_told_apart(self, group: Group) -> bool:
        """Whether all files of different contents were decided to be no duplicates."""
        kept = group.members[0].picture
        different = [m for m in group.members[1:] if m.picture.identity != kept.identity]
        return bool(different) and all(m.decision == "not-duplicates" for m in different)

    def accepted(self, group: Group) -> frozenset[str]:
        """Return which files of a marked group were accepted to go, by their paths.

        A decision is on so many files of a content as it names. If there are more, those count that
        are where they were. Of files of the kept one's content none counts while nobody knows
        whether it is the one that was to be kept: both were moved.
        """
        kept, decided = group.kept, self._decided
        own = set(self._answers.keys(kept))
        about = [d for d in self._about if d.answer == "keep" and own & set(d.files[0].keys)]
        others = [m for m in group.members[1:] if not m.decided]
        accepted = {m.picture.file.path for m in others if m.decision == "remove"}
        unsaid = [m.picture for m in others if m.decision is None]
        if not about or not unsaid:
            return frozenset(accepted)
        rank = decided.keep_rank(kept)
        unsaid = [p for p in unsaid if p.digest != kept.digest or decided.keep_rank(p) > rank]
        known = {key: p.digest for p in (*unsaid, kept) for key in self._answers.keys(p)}
        needed = Counter(p.digest for p in unsaid)
        for decision in about:
            turned = any(f.is_at(absolute(kept.file.path)) for f in decision.files[1:])
            named: dict[str, list[DecidedFile]] = {}
            for file in decision.files[1:]:
                found = next((known[key] for key in file.keys if key in known), "")
                named.setdefault(found, []).append(file)
            for picture in unsaid:
                files = named.get(picture.digest, ())
                path = absolute(picture.file.path)
                if turned and picture.digest == kept.digest:
                    continue  # it was said the other way round
                if len(files) >= needed[picture.digest] or any(f.is_at(path) for f in files):
                    accepted.add(picture.file.path)
        return frozenset(accepted)


class Answers:
    """The decisions on the files of a review.

    Parameters
    ----------
    decisions : Decisions
        In a file, or in memory where there is none.
    """

    def __init__(self, decisions: Decisions) -> None:
        self.decisions = decisions
        self.steps: list[Step] = []
        self.samples: dict[str, str] = {}
        self._by_key: dict[str, list[Decision]] = {}
        self._indexed = -1
        self._stamp: tuple[int, int] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Take in what other programs decided meanwhile.

        Raises
        ------
        DecisionsUnusable
        """
        self.decisions.refresh()
        self._index()

    def changed_outside(self) -> bool:
        """Whether another program wrote decisions since the last look."""
        return self._stamp != self._file_stamp()

    def _file_stamp(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.decisions.path or "")
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def _index(self, added: Sequence[Decision] | None = None) -> None:
        """Index all decisions, or those that were added where no others came."""
        if added is None or self._indexed + len(added) != len(self.decisions):
            self._by_key, added = {}, list(self.decisions)
        self._indexed, self._stamp = len(self.decisions), self._file_stamp()
        for decision in added:
            for key in dict.fromkeys(key for file in decision.files for key in file.keys):
                self._by_key.setdefault(key, []).append(decision)

    def note_samples(self, samples: dict[str, str]) -> None:
        """Take digests of samples, by those of the bytes."""
        self.samples |= samples

    def keys(self, picture: Picture) -> tuple[str, ...]:
        """By which a picture is known in decisions."""
        samples = picture.sample_digest or self.samples.get(picture.digest)
        return (picture.digest,) if samples is None else (picture.digest, samples)

    def _about(self, pictures: Iterable[Picture]) -> list[Decision]:
        """The decisions that name one of some pictures, in order."""
        found = {
            id(one): one
            for picture in pictures
            for key in self.keys(picture)
            for one in self._by_key.get(key, ())
        }
        return sorted(found.values(), key=lambda one: one.decided_at)

    def of(self, group: Group) -> DecidedGroup:
        """What was decided of the files of a group."""
        pictures = [member.picture for member in group.members]
        about = self._about(pictures)
        if not about:
            return DecidedGroup(self, (), Decided())
        pixels: dict[str, str | None] = {
            p.digest: keys[1] for p in pictures if len(keys := self.keys(p)) > 1
        }
        decided = Decided(about, map(SeenFile.of, pictures), pixels, implied=True)
        return DecidedGroup(self, about, decided)

    # Writing ------------------------------------------------------------------------------

    def give(
        self,
        groups: Sequence[ReviewGroup],
        answer: Answer,
        keep: dict[str, Picture],
        stay: Mapping[str, Sequence[Picture]] = MappingProxyType({}),
    ) -> Step:
        """Write an answer to some groups down; it is on disk when this returns.

        What is not open stays as it was decided: "keep" is said of those files alone of which no
        decision says that they stay, and it replaces no other answer than "keep". "keep-all" and
        "not-duplicates" replace what was decided of the pairs that they are about. "remove" is of
        one file, see `give_one`.

        Parameters
        ----------
        groups : sequence of ReviewGroup
        answer : {"keep", "keep-all", "not-duplicates"}
        keep : dict of str to Picture
            The file that is to be kept of each group, by its id, for "keep".
        stay : mapping of str to sequence of Picture
            Files that stay beside it, by the id of the group, for "keep": they may go neither.

        Raises
        ------
        UsageError
            It makes no sense of one of the groups; nothing is written then.
        DecisionsUnusable
            It cannot be written; what was there before stays.
        """
        new: list[tuple[Answer, list[DecidedFile]]] = []
        replaced: list[list[Picture]] = []
        for group in groups:
            pictures = self._asked(group, answer, keep.get(group.id))
            staying = stay.get(group.id, ())
            if staying:
                paths = {picture.file.path for picture in staying}
                pictures = [picture for picture in pictures if picture.file.path not in paths]
            new += self._files(answer, pictures)
            beside = self._beside(group, pictures[0], staying)
            if len(beside) > 1:  # last: of two decisions on files of one content the later counts
                new += self._files("keep-all", beside)
            replaced.append(pictures)
        forgotten, added = self._exchange(replaced, new, answer)
        step = Step(tuple(group.id for group in groups), added, forgotten)
        self.steps.append(step)
        return step

    def give_one(self, group: ReviewGroup, picture: Picture) -> Step:
        """Write down that one file of a group may go, whatever it is to the kept one.

        That takes the place of what was decided of the two before.

        Raises
        ------
        DecisionsUnusable
            It cannot be written; what was there before stays.
        """
        pictures = [group.kept, picture]
        forgotten, added = self._exchange(
            [pictures], [("remove", [self._file(one) for one in pictures])], "remove"
        )
        step = Step((group.id,), added, forgotten)
        self.steps.append(step)
        return step

    def forget(self, groups: Sequence[ReviewGroup]) -> Step:
        """Forget what was decided of some groups."""
        forgotten, added = self._exchange([group.pictures for group in groups], [])
        step = Step(tuple(group.id for group in groups), added, forgotten)
        self.steps.append(step)
        return step

    def take_back(self) -> Step:
        """Take the last answer back.

        Raises
        ------
        UsageError
            There is none.
        DecisionsUnusable
        """
        if not self.steps:
            raise UsageError("there is no answer to take back", "answers are taken back in order")
        step = self.steps[-1]
        self.decisions.exchange(step.added, step.forgotten)
        self.steps.pop()
        self._index()
        return step

    def complete(self, contents: set[tuple[object, ...]], pictures: dict[str, Picture]) -> None:
        """Write into decisions what is known of their files by now: digests of samples, sizes.

        Parameters
        ----------
        contents : set of tuple
            `Decision.content` of those that are to be completed.
        pictures : dict of str to Picture
            By the digests of their bytes.

        Raises
        ------
        DecisionsUnusable
        """

        def file(one: DecidedFile) -> DecidedFile:
            picture = pictures.get(one.digest)
            if picture is None or one.pixel_digest is not None:
                return one
            return replace(self._file(picture), path=one.path)

        def change(decision: Decision) -> tuple[Decision, ...]:
            if decision.content not in contents:
                return (decision,)
            return (replace(decision, files=tuple(map(file, decision.files))),)

        self.decisions.replace(change)
        self._index()

    def open_beside(self, group: ReviewGroup, kept: Picture) -> list[Picture]:
        """The files of a group of which no decision says that they stay if one of it is kept."""
        path, before = kept.file.path, set(self.keys(group.kept))
        others = [m for m in group.current.members if m.picture.file.path != path]
        members = (Member(kept, "kept", None), *others)
        decided, shown = self.of(group.proposed), group.kept.file.path
        marked = decided.mark(replace(group.current, members=members))
        return [
            m.picture
            for m in marked.members[1:]
            if m.decision in (None, "remove")
            # it was kept, and another one now is; one that was named itself is not let go so
            or (
                m.decision == "keep"
                and not m.decided
                and before & set(self.keys(m.picture))
                and (m.picture.file.path == shown or not decided.is_named(m.picture))
            )
        ]

    def _asked(self, group: ReviewGroup, answer: Answer, keep: Picture | None) -> list[Picture]:
        """The files that an answer is about, the kept one first."""
        kept = keep or group.kept
        others = [p for p in group.pictures if p.file.path != kept.file.path]
        if answer == "keep":
            left = self.open_beside(group, kept)
            if not left and group.answer == "mixed":
                raise UsageError(
                    "all files were decided on with the kept one, and not with each other",
                    "keep another one, or keep all",
                )
            if not left:
                raise UsageError(
                    "it was decided that the other files of this group stay",
                    "take that answer back first, or use imgsim decisions forget",
                )
            return [kept, *left]
        if group.answer == "mixed" and kept.file.path == group.kept.file.path:
            decided = {m.picture.file.path for m in group.current.members if m.decided}
            left = [p for p in others if p.file.path not in decided]
            # files of one content count by their number, so all of them are named
            contents = {p.identity for p in (kept, *left)}
            others = [p for p in others if p in left or p.identity in contents] if left else others
        return [kept, *others]

    def _beside(
        self, group: ReviewGroup, kept: Picture, staying: Sequence[Picture]
    ) -> list[Picture]:
        """A kept file and those that are now decided to stay beside it.

        What was decided of two contents before, such as that they are no duplicates, stays so.
        """
        decided = self.of(group.proposed)
        return [
            kept,
            *(
                picture
                for picture in staying
                if picture.identity == kept.identity or decided.between(kept, picture) is None
            ),
        ]

    def _files(
        self, answer: Answer, pictures: Sequence[Picture]
    ) -> list[tuple[Answer, list[DecidedFile]]]:
        files = [self._file(picture) for picture in pictures]
        if answer != "not-duplicates":
            return [(answer, files)]
        contents: dict[str, list[DecidedFile]] = {}
        for picture, file in zip(pictures, files, strict=True):
            contents.setdefault(picture.identity, []).append(file)
        if len(contents) < 2:
            raise UsageError("these files hold the same picture", "keep all says that all stay")
        made: list[tuple[Answer, list[DecidedFile]]] = [
            (answer, [some[0] for some in contents.values()])
        ]
        # "not duplicates" lets nothing go, so files of one content stay too
        made += [("keep-all", some) for some in contents.values() if len(some) > 1]
        return made

    def _file(self, picture: Picture) -> DecidedFile:
        return DecidedFile.of(picture, picture.sample_digest or self.samples.get(picture.digest))

    def _exchange(
        self,
        replaced: Sequence[Sequence[Picture]],
        new: Sequence[tuple[Answer, Sequence[DecidedFile]]],
        answer: Answer | None = None,
    ) -> tuple[tuple[Decision, ...], tuple[Decision, ...]]:
        """Put new decisions in the place of what was decided of the pairs of some pictures.

        An answer replaces what was said of these very files. Of other files of the same content,
        and for "keep" of files that were decided to stay, the decisions stay.
        """
        old: dict[tuple[object, ...], Decision] = {}
        left: list[Decision] = []
        rest_of: dict[tuple[object, ...], list[Decision]] = {}
        for pictures in replaced:
            for decision in self._about(pictures):
                if answer == "keep" and decision.answer != "keep":
                    continue
                known = rest_of.get(decision.content, [decision])
                rest = [part for one in known for part in self._without(one, pictures, answer)]
                if rest != known:
                    old[decision.content] = decision
                    rest_of[decision.content] = rest
        for parts in rest_of.values():
            left += parts
        added = self.decisions.exchange(tuple(old.values()), left, new)
        self._index(None if old else added)
        return tuple(old.values()), added

    def _without(
        self, decision: Decision, pictures: Sequence[Picture], answer: Answer | None
    ) -> tuple[Decision, ...]:
        """What is left of a decision without the pairs of some pictures."""
        paths: dict[str, list[str]] = {}
        for picture in pictures:
            for key in self.keys(picture):
                paths.setdefault(key, []).append(absolute(picture.file.path))
        places = [
            place
            for place, file in enumerate(decision.files)
            for there in [[path for key in file.keys for path in paths.get(key, ())]]
            if there and (answer is None or any(map(file.is_at, there)))
        ]
        if decision.answer == "keep" and len(decision.files) == 1:
            return () if places else (decision,)
        return without_pairs(decision, [{place} for place in places])
