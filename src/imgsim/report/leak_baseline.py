"""Leaks and divided groups that an earlier output has already; see `report.baseline`.

A leak is known by its content and by what it matches: a surer match, one more match or another
label is new. A divided group is known by its contents in each split, whatever it is called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from imgsim.comparators.base import Scale
from imgsim.tasks.leaks.results import GroupLeak, Leak, Leaks
from imgsim.types import SURENESS, Member

_DIGITS = 9  # a distance is computed back from a score

MatchKey = tuple[str, str, str, str]
"""Of a match: its split, digest and kind, and its label where labels count, else nothing."""


@dataclass(frozen=True, slots=True)
class KnownLeak:
    """A leak of an earlier output.

    Attributes
    ----------
    split, digest : str
        Of the picture in the smaller split.
    matched, conflicts : int
        As of `Leak`.
    matches : tuple of (MatchKey, float)
        Those that are listed, and their scores, in order of the keys.
    label : str or None
        As of `Leak`.
    """

    split: str
    digest: str
    matched: int
    conflicts: int
    matches: tuple[tuple[MatchKey, float | None], ...]
    label: str | None

    def has(self, leak: Leak, scale: Scale) -> bool:
        """Return whether all that a leak of the same content says was said already.

        Where more files match than are listed, one that was not listed may be among the others, if
        it is no nearer than all that were.
        """
        if leak.matched > self.matched:
            return False
        with_labels = leak.conflicts > 0
        if with_labels and (leak.label != self.label or leak.conflicts > self.conflicts):
            return False
        left = Counter(_key(*key[:3], key[3] if with_labels else "") for key, _ in self.matches)
        last = self._last(scale) if len(self.matches) < self.matched else None
        for match in leak.matches:
            key = _match_key(match, with_labels=with_labels)
            if left[key]:
                left[key] -= 1
                continue
            other_label = with_labels and match.label and match.label != leak.label
            if other_label or last is None:
                return False
            if (round(match.distance or 0.0, _DIGITS), SURENESS[match.kind]) < last:
                return False
        return True

    def _last(self, scale: Scale) -> tuple[float, int]:
        """Return the distance of the last that is listed, and how sure its kind is."""
        return max(
            (0.0 if score is None else round(scale.distance(score), _DIGITS), SURENESS[key[2]])
            for key, score in self.matches
        )


def _key(split: str, digest: str, kind: str, label: str) -> MatchKey:
    return split, digest, kind, label


def _match_key(match: Member, *, with_labels: bool) -> MatchKey:
    label = match.label or "" if with_labels else ""
    return _key(match.picture.file.root, match.picture.digest, match.kind, label)


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


def known_leak(document: Mapping[str, Any]) -> KnownLeak:
    """Read a leak of an earlier output; raises as `digest_of` does."""
    matches = [
        (_key(str(m["split"]), digest_of(m), str(m["kind"]), m.get("label") or ""), m.get("score"))
        for m in document["matches"]
    ]
    return KnownLeak(
        str(document["split"]),
        digest_of(document),
        int(document["matched"]),
        int(document.get("conflicts") or 0),
        tuple(sorted(matches, key=lambda match: match[0])),
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
    marked = []
    for leak in leaks.leaks:
        candidates = left.get((leak.picture.file.root, leak.picture.digest), Counter())
        same = next((k for k, n in candidates.items() if n and k.has(leak, scale)), None)
        marked.append(replace(leak, new=same is None))
        if same is not None:
            candidates[same] -= 1
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
