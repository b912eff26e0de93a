"""Leaks and divided groups that an earlier output has already; see `report.baseline`.

A leak is known by its content and by the contents of all that it matches, listed or not: a surer
match, one more match or another label is new. A divided group is known by its contents in each
split, whatever it is called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from imgsim.comparators.base import Scale
from imgsim.tasks.leaks.results import GroupLeak, Leak, Leaks, MatchedContent
from imgsim.types import SURENESS

_DIGITS = 9  # a distance is computed back from a score


class ListedMatch(NamedTuple):
    """A match that an earlier output lists.

    Attributes
    ----------
    split, digest, kind : str
    label : str
        Empty if it has none.
    score : float or None
        None for 0.
    """

    split: str
    digest: str
    kind: str
    label: str
    score: float | None


@dataclass(frozen=True, slots=True)
class KnownLeak:
    """A leak of an earlier output.

    Attributes
    ----------
    split, digest : str
        Of the picture in the smaller split.
    matched, conflicts : int
        As of `Leak`.
    matches : tuple of ListedMatch
        In order.
    contents : tuple of MatchedContent
        Of all that it matched; where the output has only the nearest, of these.
    label : str or None
        As of `Leak`.
    """

    split: str
    digest: str
    matched: int
    conflicts: int
    matches: tuple[ListedMatch, ...]
    contents: tuple[MatchedContent, ...]
    label: str | None

    @property
    def whole(self) -> bool:
        """Whether the output has all that it matched; that of an earlier version may not."""
        return sum(content.files for content in self.contents) >= self.matched

    def has(self, leak: Leak, scale: Scale) -> bool:
        """Return whether all that a leak of the same content says was said already."""
        if leak.matched > self.matched:
            return False
        with_labels = leak.conflicts > 0
        if with_labels and (leak.label != self.label or leak.conflicts > self.conflicts):
            return False
        return not self._surer(leak) and (
            _count(_contents_of(leak), with_labels=with_labels)
            <= _count(self.contents, with_labels=with_labels)
            if self.whole
            else self._may_have(leak, scale, with_labels=with_labels)
        )

    def _surer(self, leak: Leak) -> bool:
        """Whether a match is of another kind than that of the same content was."""
        kinds: dict[tuple[str, str], set[str]] = {}
        for one in self.matches:
            kinds.setdefault((one.split, one.digest), set()).add(one.kind)
        keys = (((m.picture.file.root, m.picture.digest), m.kind) for m in leak.matches)
        return any(key in kinds and kind not in kinds[key] for key, kind in keys)

    def _may_have(self, leak: Leak, scale: Scale, *, with_labels: bool) -> bool:
        """Tell as far as can be told where only the nearest of those that matched are known.

        One that was not listed may be among the others, if it is no nearer than all that were.
        """
        left = _count(self.contents, with_labels=with_labels)
        if not self.matches:
            return False
        last = max(
            (0.0 if m.score is None else round(scale.distance(m.score), _DIGITS), SURENESS[m.kind])
            for m in self.matches
        )
        for match in leak.matches:
            label = (match.label or "") if with_labels else ""
            content = (match.picture.file.root, match.picture.digest, label)
            if left[content]:
                left[content] -= 1
                continue
            if with_labels and match.label and match.label != leak.label:
                return False
            if (round(match.distance or 0.0, _DIGITS), SURENESS[match.kind]) < last:
                return False
        return True


class KnownPairs:
    """Pairs of contents that an earlier output has, whichever of the two was the leak.

    A leak stands in the smaller split: where another split is the smaller one now, it is the other
    picture's.

    Parameters
    ----------
    leaks : Counter of KnownLeak
    """

    def __init__(self, leaks: Counter[KnownLeak]) -> None:
        self._left: dict[bool, Counter[_Pair]] = {False: Counter(), True: Counter()}
        self._kinds: dict[_Pair, set[str]] = {}
        for leak, times in leaks.items():
            for with_labels, left in self._left.items():
                own = leak.split, leak.digest, (leak.label or "") if with_labels else ""
                for other, files in _count(leak.contents, with_labels=with_labels).items():
                    left[_pair(own, other)] += files * times
            for match in leak.matches:
                pair = _pair((leak.split, leak.digest, ""), (match.split, match.digest, ""))
                self._kinds.setdefault(pair, set()).add(match.kind)

    def take(self, leak: Leak) -> bool:
        """Return whether all pairs of a leak are left, and take them away if so."""
        with_labels = leak.conflicts > 0
        place = leak.picture.file.root, leak.picture.digest
        own = *place, (leak.label or "") if with_labels else ""
        counts = _count(_contents_of(leak), with_labels=with_labels)
        wanted = {_pair(own, other): files for other, files in counts.items()}
        left = self._left[with_labels]
        if any(left[pair] < files for pair, files in wanted.items()):
            return False
        for match in leak.matches:
            pair = _pair((*place, ""), (match.picture.file.root, match.picture.digest, ""))
            if match.kind not in self._kinds.get(pair, (match.kind,)):
                return False
        left.subtract(wanted)
        return True


_Content = tuple[str, str, str]
_Pair = tuple[_Content, _Content]


def _pair(one: _Content, other: _Content) -> _Pair:
    return (one, other) if one <= other else (other, one)


def _contents_of(leak: Leak) -> Sequence[MatchedContent]:
    return leak.contents or [
        MatchedContent(m.picture.file.root, m.picture.digest, m.label or "", 1)
        for m in leak.matches
    ]


def _count(contents: Iterable[MatchedContent], *, with_labels: bool) -> Counter[_Content]:
    """Files by split, digest, and label where labels count."""
    counts: Counter[_Content] = Counter()
    for one in contents:
        counts[one.split, one.digest, one.label if with_labels else ""] += one.files
    return counts


@dataclass(frozen=True, slots=True)
class KnownDivision:
    """A divided group of an earlier output.

    Attributes
    ----------
    name : str
        Decides only where there are no digests.
    splits : frozenset of str
    contents : Counter of (str, str) or None
        How many of its files are in which split and have which digest; None where the output has
        no digests.
    """

    name: str
    splits: frozenset[str]
    contents: Counter[tuple[str, str]] | None


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the digest of a document, without the name of its method.

    Raises
    ------
    KeyError, TypeError
        It has none.
    """
    return _plain(document["digest"])


def _plain(digest: object) -> str:
    if not isinstance(digest, str):
        raise TypeError("a digest is text")
    return digest.removeprefix("sha256:")


def known_leaks(document: Mapping[str, Any]) -> Counter[KnownLeak]:
    """Read the leaks of an earlier output; raises as `digest_of` does, or an IndexError."""
    contents = [
        (str(one["split"]), digest_of(one), str(one["label"]))
        for one in document.get("contents") or ()
    ]
    return Counter(_known_leak(leak, contents) for leak in document["leaks"])


def _known_leak(document: Mapping[str, Any], contents: Sequence[tuple[str, str, str]]) -> KnownLeak:
    matches = tuple(
        sorted(
            ListedMatch(
                str(m["split"]), digest_of(m), str(m["kind"]), m.get("label") or "", m.get("score")
            )
            for m in document["matches"]
        )
    )
    if document.get("contents"):
        every = [
            MatchedContent(split, digest, label, int(files))
            for (split, digest, label), files in (
                (contents[place], files) for place, files in document["contents"]
            )
        ]
    else:
        every = [MatchedContent(m.split, m.digest, m.label, 1) for m in matches]
    return KnownLeak(
        str(document["split"]),
        digest_of(document),
        int(document["matched"]),
        int(document.get("conflicts") or 0),
        matches,
        tuple(every),
        document.get("label"),
    )


def known_division(document: Mapping[str, Any]) -> KnownDivision:
    """Read a divided group of an earlier output; raises as `digest_of` does."""
    splits = document["splits"]
    names = frozenset(str(split["name"]) for split in splits)
    if not all("digests" in split for split in splits):
        return KnownDivision(str(document["name"]), names, None)
    contents = Counter((str(s["name"]), _plain(d)) for s in splits for d in s["digests"])
    return KnownDivision(str(document["name"]), names, contents)


class KnownDivisions:
    """Finds divided groups again among those of a baseline."""

    def __init__(self, divisions: Iterable[KnownDivision]) -> None:
        self._by_name: dict[str, frozenset[str]] = {}
        self._by_content: dict[tuple[str, str], list[Counter[tuple[str, str]]]] = {}
        for division in divisions:
            if division.contents is None:
                self._by_name[division.name] = division.splits
                continue
            for content in division.contents:
                self._by_content.setdefault(content, []).append(division.contents)

    def has(self, group: GroupLeak) -> bool:
        """Return whether one known group has every file, in the same splits."""
        if {name for name, _ in group.splits} <= self._by_name.get(group.name, frozenset()):
            return True
        own = Counter(group.contents)
        candidates = self._by_content.get(group.contents[0], ()) if group.contents else ()
        return any(own <= known for known in candidates)


def mark_new_leaks(
    leaks: Leaks, known: Counter[KnownLeak] | None, divided: Iterable[KnownDivision]
) -> Leaks:
    """Return the leaks and the divided groups with `Leak.new` and `GroupLeak.new` set.

    Parameters
    ----------
    leaks : Leaks
    known : Counter of KnownLeak or None
        Of the baseline; None where there is none yet: all is new.
    divided : iterable of KnownDivision
        Likewise.
    """
    left: dict[tuple[str, str], Counter[KnownLeak]] = {}
    for one, times in (known or {}).items():
        left.setdefault((one.split, one.digest), Counter())[one] += times
    scale = leaks.comparator.scale
    pairs = KnownPairs(known or Counter())
    marked = []
    for leak in leaks.leaks:
        candidates = left.get((leak.picture.file.root, leak.picture.digest), Counter())
        same = next((k for k, n in candidates.items() if n and k.has(leak, scale)), None)
        if same is not None:
            candidates[same] -= 1
        all_known = pairs.take(leak)  # of a known one too: no other may have them
        marked.append(replace(leak, new=same is None and not all_known))
    divisions = KnownDivisions(divided)
    groups = [replace(group, new=not divisions.has(group)) for group in leaks.groups]
    return replace(leaks, leaks=tuple(marked), groups=tuple(groups))


def only_new_leaks(leaks: Leaks) -> Leaks:
    """Return what `mark_new_leaks` found to be new."""
    return replace(
        leaks,
        leaks=tuple(leak for leak in leaks.leaks if leak.new),
        groups=tuple(group for group in leaks.groups if group.new),
    )
