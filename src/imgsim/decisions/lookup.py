"""What decisions say of the files of a run: which pairs were decided, and which files stay."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from imgsim.addresses import absolute
from imgsim.decisions.records import DecidedFile, Decision, in_order
from imgsim.executors.base import Executor
from imgsim.read.equal_samples import MAX_DIFFERENCE, sample_digests_of
from imgsim.read.options import RunOptions
from imgsim.types import Picture

PairAnswer = Literal["not-duplicates", "keep-all"]
Staying = Literal["keep", "keep-all"]

NOT_KEPT = (3, 2)
"""The `Decided.keep_rank` of a file that nobody decided to keep."""


_NAMED = 0
"""The first part of the rank of a file that was named itself, and is where it was."""


class SeenFile(NamedTuple):
    """A file of a run.

    Attributes
    ----------
    digest : str
        sha256 of its bytes.
    path : str
        Absolute.
    """

    digest: str
    path: str

    @classmethod
    def of(cls, picture: Picture) -> SeenFile:
        """The file of a picture."""
        return cls(picture.digest, absolute(picture.file.path))


class Decided:
    """What was decided of some files.

    Of two decisions on one pair the later one counts. Files of one content, by bytes or samples,
    are told apart by their number: if it was decided that two of them stay, and there are three,
    those stay that are where they were, then the first by path, and the third is undecided.

    With `implied`, two contents are also decided, as keep-all, if one of them was decided to stay
    beside a third, and the other one later: neither can be removed, so there is nothing to ask.
    (Of what was decided at one time the pair of them would be a part, but that it was forgotten.)

    Parameters
    ----------
    decisions : iterable of Decision
    files : iterable of SeenFile
        All of the run that may stand in a pair.
    pixel_digests : mapping of str to (str or None)
        By the digests of the bytes, as far as they are known. Those that the decisions name are
        known besides.
    implied : bool
        Not for gates: what nobody decided on is still the same picture twice.
    """

    def __init__(
        self,
        decisions: Iterable[Decision] = (),
        files: Iterable[SeenFile] = (),
        pixel_digests: Mapping[str, str | None] | None = None,
        *,
        implied: bool = False,
    ) -> None:
        self._implied = implied
        self._beside: dict[str, dict[str, set[str]]] = {}
        self._covered: dict[tuple[int, str], set[SeenFile]] = {}
        self._known: dict[str, dict[int, set[int]]] = {}
        self._ranks: dict[SeenFile, tuple[int, int]] = {}
        self._decisions = in_order(list(decisions))
        self._places: dict[str, dict[int, set[int]]] = {}  # by key, of decisions: in their files
        self._pixels = dict(pixel_digests or {})
        for number, decision in enumerate(self._decisions):
            for place, file in enumerate(decision.files):
                if file.pixel_digest is not None and self._pixels.get(file.digest) is None:
                    self._pixels[file.digest] = file.pixel_digest
                for key in file.keys:
                    self._places.setdefault(key, {}).setdefault(number, set()).add(place)
        self._alike: dict[str, list[SeenFile]] = {}  # the files of each content
        if self._decisions:
            for seen in dict.fromkeys(files):
                if self._of(seen.digest):
                    self._alike.setdefault(self._content(seen), []).append(seen)

    def __bool__(self) -> bool:
        return bool(self._decisions)

    def _content(self, file: SeenFile) -> str:
        return self._pixels.get(file.digest) or file.digest

    def _of(self, digest: str) -> dict[int, set[int]]:
        """The decisions that name a content, and the places of its files there."""
        pixels = self._pixels.get(digest)
        by_bytes = self._places.get(digest, {})
        if pixels is None or pixels not in self._places:
            return by_bytes
        if digest not in self._known:
            merged = {number: set(places) for number, places in by_bytes.items()}
            for number, places in self._places[pixels].items():
                merged.setdefault(number, set()).update(places)
            self._known[digest] = merged
        return self._known[digest]

    # Pairs --------------------------------------------------------------------------------

    def between(self, one: Picture, other: Picture) -> PairAnswer | None:
        """Return what was decided of two pictures; None if nothing, or to keep one of them."""
        if not self._of(one.digest) or one.file.path == other.file.path:
            return None
        return self.between_files(SeenFile.of(one), SeenFile.of(other))

    def between_files(self, one: SeenFile, other: SeenFile) -> PairAnswer | None:
        """Return the same of two files."""
        own = self._of(one.digest)
        others = self._of(other.digest) if own else own
        same = self._content(one) == self._content(other)
        for number in sorted(own.keys() & others.keys(), reverse=True):
            answer = self._decisions[number].answer
            places, other_places = own[number], others[number]
            if same:
                if answer == "keep" or answer == "remove":
                    if len(places) > 1 and 0 in places:
                        return None
                elif {one, other} <= self._staying(number, one):
                    return answer
            elif answer != "keep" and answer != "remove":
                return answer
            elif 0 in places | other_places:
                return None  # one of them was preferred, and the other one may go
        if self._implied and not same and others:
            return "keep-all" if self._stay_beside_a_third(one, other) else None
        return None

    def _staying(self, number: int, file: SeenFile) -> set[SeenFile]:
        """The files of one content about which a decision is."""
        content = self._content(file)
        if (number, content) not in self._covered:
            named = [self._decisions[number].files[i] for i in self._of(file.digest)[number]]
            seen = sorted(
                self._alike.get(content, ()),
                key=lambda f: (not any(one.is_at(f.path) for one in named), os.fsencode(f.path)),
            )
            self._covered[number, content] = set(seen[: len(named)]) if len(named) > 1 else set()
        return self._covered[number, content]

    def count(self, pictures: Sequence[Picture]) -> int:
        """Count the pairs among some pictures that were decided."""
        contents, number = self._named(pictures)
        across = sum(
            number[one.digest] * number[other.digest] for one, other in self._across(contents)
        )
        return across + sum(1 for _ in self._within(pictures))

    def pairs(self, pictures: Sequence[Picture]) -> Iterator[tuple[Picture, Picture]]:
        """Yield the pairs among some pictures that were decided; of equal bytes, the first's."""
        yield from self._across(self._named(pictures)[0])
        yield from self._within(pictures)

    def _named(self, pictures: Sequence[Picture]) -> tuple[list[Picture], Counter[str]]:
        """One picture of each content that decisions name, and how many there are by digest."""
        if not self._decisions:
            return [], Counter()
        some = [p for p in pictures if self._of(p.digest)]
        return list({p.digest: p for p in some}.values()), Counter(p.digest for p in some)

    def _across(self, contents: Sequence[Picture]) -> Iterator[tuple[Picture, Picture]]:
        for one, other in combinations(contents, 2):
            files = SeenFile.of(one), SeenFile.of(other)
            if self._content(files[0]) != self._content(files[1]) and self.between_files(*files):
                yield one, other

    def _within(self, pictures: Sequence[Picture]) -> Iterator[tuple[Picture, Picture]]:
        """Pairs of one content."""
        by_content: dict[str, list[Picture]] = {}
        for picture in pictures if self._decisions else ():
            file = SeenFile.of(picture)
            if any(file in self._staying(n, file) for n in self._of(file.digest)):
                by_content.setdefault(self._content(file), []).append(picture)
        for some in by_content.values():
            for one, other in combinations(some, 2):
                if self.between(one, other):
                    yield one, other

    # Files --------------------------------------------------------------------------------

    def keep_rank(self, picture: Picture) -> tuple[int, int]:
        """Return a key by which what a person decided to keep comes first; else `NOT_KEPT`.

        Of files with its samples those come first that were named themselves and are where they
        were, and last those that were named as ones that may go; then its bytes.
        """
        return self._keep_rank(SeenFile.of(picture)) if self._of(picture.digest) else NOT_KEPT

    def _keep_rank(self, file: SeenFile) -> tuple[int, int]:
        if file not in self._ranks:
            self._ranks[file] = self._rank_of(file)
        return self._ranks[file]

    def _rank_of(self, file: SeenFile) -> tuple[int, int]:
        said = self._said_of(file)
        if said is not None and said[1] == 0:
            return _NAMED, int(self._decisions[said[0]].files[0].digest != file.digest)
        latest = next(iter(self._preferring(file)), None)
        if latest is None or 0 not in self._of(file.digest)[latest]:  # another one is to be kept
            return NOT_KEPT
        other_bytes = self._decisions[latest].files[0].digest != file.digest
        return 1 + (said is not None), int(other_bytes)

    def _preferring(self, file: SeenFile) -> list[int]:
        """The decisions on a content that prefer a file, the last one first."""
        return sorted(
            (n for n in self._of(file.digest) if self._decisions[n].prefers), reverse=True
        )

    def _said_of(self, file: SeenFile) -> tuple[int, int] | None:
        """The last preferring decision that names this very file, and its place there: 0 stays."""
        for number in self._preferring(file):
            files = self._decisions[number].files
            places = [p for p in self._of(file.digest)[number] if _is_at(files[p], file.path)]
            if places:
                return number, max(places)
        return None

    def let_go_rank(self, picture: Picture) -> int:
        """Return 1 for a file that was decided to go, while another of its content was not; else 0.

        The one that it was to go for may not be in this run, and must not be the only reason that
        the others of its content go too.
        """
        if not self._of(picture.digest):
            return 0
        file = SeenFile.of(picture)
        if not self._goes(file):
            return 0
        alike = self._alike.get(self._content(file), ())
        return int(any(one != file and not self._goes(one) for one in alike))

    def _goes(self, file: SeenFile) -> bool:
        said = self._said_of(file)
        return said is not None and said[1] > 0

    def is_kept(self, kept: Picture, others: Iterable[Picture]) -> bool:
        """Whether a person decided to keep a file, and none of some others may be that file.

        Files of one content are told apart by their places. If none of them is where they were,
        nobody knows which one was meant.
        """
        rank = self.keep_rank(kept)
        if rank[0] == _NAMED:
            return True
        return rank != NOT_KEPT and all(self.keep_rank(one) > rank for one in others)

    def is_named(self, picture: Picture) -> bool:
        """Whether a person decided to keep this very file, where it is, and did not turn it round.

        A later decision turns it round only if it names this file as one that may go.
        """
        return self.keep_rank(picture)[0] == _NAMED

    def stay_rank(self, picture: Picture) -> int:
        """Return a key by which what stays anyhow comes first, and first of it what was named."""
        if self.stays(picture) is None:
            return 2
        file = SeenFile.of(picture)
        return int(not any(self._names(n, file) for n in self._of(file.digest)))

    def removed_for(self, picture: Picture, kept: Picture) -> bool:
        """Whether a person decided that this very file may go, whatever it is to the kept one."""
        if not self._of(picture.digest):
            return False
        files = SeenFile.of(picture), SeenFile.of(kept)
        if self.between_files(*files) or self.file_stays(*files):
            return False
        own, others = self._of(picture.digest), self._of(kept.digest)
        return any(
            self._removes(number, files[0])
            for number in own.keys() & others.keys()
            if 0 in others[number]
        )

    def _removes(self, number: int, file: SeenFile) -> bool:
        """Whether a decision is that this very file may go: one of its content elsewhere may be
        the last one, also where a symbolic link leads to it by now."""
        decision = self._decisions[number]
        places = self._of(file.digest)[number]
        return decision.answer == "remove" and 1 in places and decision.files[1].is_at(file.path)

    def _let_go(self, file: SeenFile, kept: SeenFile) -> int:
        """The last decision that names this very file as one that may go for another; else -1.

        Of two contents that is "remove" alone: "keep" is of a pair, and the file may have been
        decided to stay beside a third.
        """
        own, others = self._of(file.digest), self._of(kept.digest)
        same = self._content(file) == self._content(kept)
        for number in sorted(own.keys() & others.keys(), reverse=True):
            decision = self._decisions[number]
            if 0 not in others[number]:
                continue
            places = own[number] - {0}
            if self._removes(number, file) or (
                same
                and decision.answer == "keep"
                and any(_is_at(decision.files[place], file.path) for place in places)
            ):
                return number
        return -1

    def _names(self, number: int, file: SeenFile) -> bool:
        """Whether a decision, that all stay, names this very file: by its content and its place."""
        decision = self._decisions[number]
        places = self._of(file.digest)[number]
        return decision.answer == "keep-all" and any(
            _is_at(decision.files[place], file.path) for place in places
        )

    def stays(self, picture: Picture, kept: Picture | None = None) -> Staying | None:
        """Return the decision by which a file stays, whatever else is kept.

        Parameters
        ----------
        picture : Picture
        kept : Picture, optional
            Stays in its place. One of the same content is as good, unless the file itself was
            named, or it was decided that so many files of that content stay.
        """
        if not self._of(picture.digest):
            return None
        return self.file_stays(SeenFile.of(picture), None if kept is None else SeenFile.of(kept))

    def file_stays(self, file: SeenFile, kept: SeenFile | None = None) -> Staying | None:
        """Return the same of a file."""
        same = kept is not None and self._content(file) == self._content(kept)
        rank = self._keep_rank(file)
        if rank[0] == _NAMED:
            return "keep"
        if rank != NOT_KEPT and not (same and kept and self._keep_rank(kept) <= rank):
            return "keep"
        let_go = -1 if kept is None else self._let_go(file, kept)
        for number in self._of(file.digest):
            if self._decisions[number].answer != "keep-all" or number < let_go:
                continue
            if file in self._staying(number, file):
                return "keep-all"
            named = not same or self._names(number, file)
            if named and any(True for _ in self._others(number, file)):
                return "keep-all"
        return None

    def _stay_beside_a_third(self, one: SeenFile, other: SeenFile) -> bool:
        own, others = self._beside_which(one), self._beside_which(other)
        return any(len(own[third] | others[third]) > 1 for third in own.keys() & others.keys())

    def _beside_which(self, file: SeenFile) -> dict[str, set[str]]:
        """The contents that stay together with one, and when that was decided."""
        if file.digest not in self._beside:
            beside: dict[str, set[str]] = {}
            for number in self._of(file.digest):
                decision = self._decisions[number]
                for other in self._others(number, file) if decision.answer == "keep-all" else ():
                    content = self._pixels.get(other.digest) or other.digest
                    beside.setdefault(content, set()).add(decision.decided_at)
            self._beside[file.digest] = beside
        return self._beside[file.digest]

    def _others(self, number: int, file: SeenFile) -> Iterator[DecidedFile]:
        """The other contents of a decision of which no later one says otherwise."""
        own = self._of(file.digest)
        for place, other in enumerate(self._decisions[number].files):
            if place in own[number]:
                continue
            later = [n for n in own.keys() & self._of(other.digest).keys() if n > number]
            if not any(self._says_of(n, own[n], self._of(other.digest)[n]) for n in later):
                yield other

    def _says_of(self, number: int, places: set[int], others: set[int]) -> bool:
        """Whether a decision on two contents is one on the pair of them."""
        return not self._decisions[number].prefers or 0 in places | others

    def contradict(self, pictures: Sequence[Picture]) -> set[str]:
        """Paths of those pictures of which two are no duplicates: no third can stand for both."""
        return {
            picture.file.path
            for pair in self.pairs(pictures)
            if self.between(*pair) == "not-duplicates"
            for picture in pair
        }


def _is_at(file: DecidedFile, path: str) -> bool:
    """Whether a file was at an absolute path, by whichever symbolic links."""
    if file.is_at(path):
        return True
    return os.path.isabs(file.path) and os.path.realpath(file.path) == os.path.realpath(path)


def decided_of(
    decisions: Iterable[Decision] | None,
    pictures: Sequence[Picture],
    options: RunOptions,
    executor: Executor | None = None,
    *,
    implied: bool = False,
) -> Decided:
    """Return what was decided of some pictures.

    A content whose bytes no decision names may be one that does with other metadata. Its samples
    tell, and taking their digest costs a decode in full. So this is done only for pictures of the
    size and thumbnail of a content that is named and not there; the cache keeps the digest.

    Parameters
    ----------
    decisions : iterable of Decision or None
    pictures : sequence of Picture
    options : RunOptions
    executor : Executor or None
        Where files are decoded; it stays open.
    implied : bool
        See `Decided`.
    """
    known = list(decisions or ())
    if not known:
        return Decided()
    pixels: dict[str, str | None] = {
        p.digest: p.sample_digest for p in pictures if p.sample_digest is not None
    }
    pixels |= samples_of_named(known, pictures, options, executor)
    return Decided(known, map(SeenFile.of, pictures), pixels, implied=implied)


def samples_of_named(
    decisions: Iterable[Decision],
    pictures: Sequence[Picture],
    options: RunOptions,
    executor: Executor | None = None,
) -> dict[str, str | None]:
    """Take the digests of samples of pictures that decisions may name by these alone.

    Parameters
    ----------
    decisions : iterable of Decision
    pictures : sequence of Picture
    options : RunOptions
    executor : Executor or None
        As for `decided_of`.

    Returns
    -------
    dict of str to (str or None)
        By the digests of the bytes.
    """
    files = [file for decision in decisions for file in decision.files]
    candidates = _may_be_named(files, pictures)
    return dict(sample_digests_of(candidates, options, executor)) if candidates else {}


def _may_be_named(files: Sequence[DecidedFile], pictures: Sequence[Picture]) -> list[Picture]:
    """Pictures of other bytes than those named that may have the samples of one that is gone."""
    there = {p.digest for p in pictures}
    named = {file.digest for file in files}
    gone: dict[tuple[int, int], list[DecidedFile]] = {}
    for file in {f.digest: f for f in files}.values():
        if file.pixel_digest is not None and file.digest not in there:
            gone.setdefault((file.width, file.height), []).append(file)
    if not gone:
        return []
    unsized = gone.get((0, 0), [])
    chosen: dict[str, Picture] = {}
    for picture in pictures:
        facts = picture.facts
        if picture.digest in named or picture.sample_digest is not None:
            continue
        if facts.raw or facts.damage or picture.digest in chosen:
            continue
        like = [*gone.get((facts.width, facts.height), ()), *unsized]
        if any(_near(file.thumbnail, facts.thumbnail) for file in like):
            chosen[picture.digest] = picture
    return list(chosen.values())


def _near(one: str, other: str) -> bool:
    """Whether two thumbnails may be of equal samples."""
    if not one or not other:
        return True
    left, right = (np.frombuffer(bytes.fromhex(t), np.uint8).astype(int) for t in (one, other))
    return bool(np.abs(left - right).max() <= MAX_DIFFERENCE)
