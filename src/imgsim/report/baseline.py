"""Groups and leaks that an earlier output has already: the baseline of a gate.

They are known by their contents, that is by the digests of their files, found by the same method
at the same threshold. Paths are for people to read: a folder may be moved, and another picture
under a known name is new. Two files of one digest count twice: one more copy is new. Where a group
stands under two labels, its files are known by their digests and labels: a conflict that the
baseline does not have is new, and one made without labels has none. Leaks: `report.leak_baseline`.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imgsim import __version__
from imgsim.errors import UsageError
from imgsim.read.discover import printable
from imgsim.read.files import open_input
from imgsim.report.document import path_document
from imgsim.report.leak_baseline import (
    KnownDivision,
    KnownLeak,
    digest_of,
    known_division,
    known_leaks,
)
from imgsim.tasks.arguments import Criterion
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.types import Group, Member

FIND_DUPES = ("imgsim.find-dupes/1", "imgsim.find-dupes/2")
LEAKS = ("imgsim.leaks/1",)
_COMMANDS = {FIND_DUPES: "find-dupes PATH", LEAKS: "leaks TRAIN VALID"}


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A group of an earlier output.

    Attributes
    ----------
    contents : Counter of str or None
        How many of its files have which digest; None where the output has none.
    paths : frozenset of str
        See `_names`; only where there are no digests do they decide anything.
    labelled : Counter of (str, str) or None
        How many of its files have which digest and label; None without digests or labels.
    """

    contents: Counter[str] | None
    paths: frozenset[str]
    labelled: Counter[tuple[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier output of find-dupes or leaks.

    Attributes
    ----------
    path : Path
    method : str
    threshold : float
        In the method's own terms.
    version : str
        Of imgsim.
    groups : tuple of KnownGroup
        Of find-dupes.
    leaks : Counter of KnownLeak
        Of leaks.
    divided : tuple of KnownDivision
        Of leaks: the divided groups.
    """

    path: Path
    method: str
    threshold: float
    version: str
    groups: tuple[KnownGroup, ...] = ()
    leaks: Counter[KnownLeak] | None = None
    divided: tuple[KnownDivision, ...] = ()

    def require_same(self, criterion: Criterion) -> None:
        """Check that this run tells duplicates by the method and threshold of the earlier one.

        Raises
        ------
        UsageError
            It does not: what is new would be a matter of the method.
        """
        scale = criterion.comparator.scale
        now = scale.score(criterion.max_distance)
        if self.method == criterion.comparator.spec and math.isclose(
            self.threshold, now, rel_tol=1e-9, abs_tol=1e-12
        ):
            return
        raise UsageError(
            f"{printable(str(self.path))} was made by {self.method} ({scale_text(self.threshold)}),"
            f" this run is by {criterion.comparator.spec} ({scale_text(now)})",
            "give the options that it was made with, or accept what is there with"
            " --update-baseline",
        )

    def notes(self, *, labels: bool = False) -> Iterator[str]:
        """Yield what this baseline cannot tell.

        Parameters
        ----------
        labels : bool
            Labels were asked for now.
        """
        unlabelled = any(group.labelled is None for group in self.groups)
        if labels and (unlabelled or any(leak.label is None for leak in self.leaks or ())):
            yield (
                f"{printable(str(self.path))} was made without labels: every conflict of labels is"
                " new"
            )
        if any(not leak.whole for leak in self.leaks or ()):
            yield (
                f"{printable(str(self.path))} has only the nearest matches of some leaks: another"
                " one that is no nearer is not noticed; --update-baseline writes a whole one"
            )
        if any(division.contents is None for division in self.divided):
            yield (
                f"{printable(str(self.path))} has no digests of divided groups: these are known by"
                " their names; --update-baseline writes a whole one"
            )
        if any(group.contents is None for group in self.groups):
            yield (
                f"{printable(str(self.path))} has no digests: groups are known by their paths, and"
                " other pictures under these are not noticed; --update-baseline writes a whole one"
            )
        if self.version != __version__:
            yield (
                f"{printable(str(self.path))} was written by imgsim {self.version}: what is new may"
                " come of another version"
            )


def scale_text(threshold: float) -> str:
    """Return a threshold as messages name it."""
    return f"threshold {threshold:.6g}"


def read_baseline(path: Path, schemas: Sequence[str] = FIND_DUPES) -> Baseline:
    """Read the JSON output of an earlier run.

    Parameters
    ----------
    path : Path
    schemas : sequence of str
        `FIND_DUPES` or `LEAKS`.

    Raises
    ------
    UsageError
        It cannot be read, or is no such output.
    """
    command = _COMMANDS[tuple(schemas)]
    hint = f"make one: imgsim {command} --format json -o FILE"
    shown = printable(str(path))
    try:
        with open_input(path) as stream:
            document = json.loads(stream.read())
    except OSError as error:
        raise UsageError(f"cannot read baseline {shown}: {error.strerror}", hint) from None
    except (ValueError, RecursionError):
        raise UsageError(f"baseline {shown} is no JSON", hint) from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema not in schemas:
        said = f"its schema is {schema}" if isinstance(schema, str) else "it names no schema"
        raise UsageError(f"baseline {shown} is no output of {command.split()[0]}: {said}", hint)
    try:
        return _baseline(path, document)
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError):
        raise UsageError(f"baseline {shown} is not whole, or was changed by hand", hint) from None


def _baseline(path: Path, document: dict[str, Any]) -> Baseline:
    """Read a document; anything may be missing in it, or of another type."""
    facts = path, str(document["method"]), float(document["threshold"]), str(document["version"])
    if document["schema"] in LEAKS:
        leaks = known_leaks(document)
        divided = tuple(known_division(group) for group in document["groups"])
        return Baseline(*facts, leaks=leaks, divided=divided)
    cwd = str(document.get("cwd", ""))
    return Baseline(*facts, groups=tuple(_known_group(g, cwd) for g in document["groups"]))


def _known_group(document: dict[str, Any], cwd: str) -> KnownGroup:
    members: list[dict[str, Any]] = document["members"]
    paths = [_path_names(m["path"], m.get("path_bytes"), cwd) for m in members]
    if any(not member.get("digest") for member in members):
        return KnownGroup(None, frozenset().union(*paths))
    contents = Counter(digest_of(member) for member in members)
    labelled = None
    if all(isinstance(member.get("label"), str) for member in members):
        labelled = Counter((digest_of(member), member["label"]) for member in members)
    return KnownGroup(contents, frozenset().union(*paths), labelled)


def _path_names(path: str, path_bytes: str | None, cwd: str) -> frozenset[str]:
    """Return a path as it was given and from the root, without the ``./`` that change nothing."""
    given = os.path.normpath(path_bytes or path)
    return frozenset((given, given if path_bytes else os.path.join(cwd, given)))


def _names(path: str) -> frozenset[str]:
    shown = path_document(path)
    return _path_names(shown["path"], shown.get("path_bytes"), os.getcwd())


class KnownGroups:
    """Finds groups again among those of a baseline."""

    def __init__(self, groups: Iterable[KnownGroup]) -> None:
        self._groups = list(groups)
        self._by_key: dict[str, list[int]] = {}
        for number, group in enumerate(self._groups):
            keys: Iterable[str] = group.paths if group.contents is None else group.contents
            for key in keys:
                self._by_key.setdefault(key, []).append(number)

    def new_members(self, members: Sequence[Member]) -> list[bool]:
        """Tell which files of a group are not in the one known group that has most of them.

        Parameters
        ----------
        members : sequence of Member

        Returns
        -------
        list of bool
            All False where one known group has every file.
        """
        names = [_names(m.picture.file.path) for m in members]
        keys = {m.picture.digest for m in members}.union(*names)
        numbers = sorted({number for key in keys for number in self._by_key.get(key, ())})
        verdicts = [_not_in(self._groups[number], members, names) for number in numbers]
        return min(verdicts, key=sum, default=[True] * len(members))

    def has(self, members: Sequence[Member]) -> bool:
        """Return whether one known group has every file."""
        return not any(self.new_members(members))


def _not_in(
    known: KnownGroup, members: Sequence[Member], names: Sequence[frozenset[str]]
) -> list[bool]:
    """Tell which files are not in one known group; of equal ones, those at other places."""
    conflict = len({member.label for member in members if member.label}) > 1
    new = [True] * len(members)
    if conflict and known.labelled is None:
        return new
    if known.contents is None:
        return [not name & known.paths for name in names]
    keys: list[Any] = [
        (m.picture.digest, m.label) if conflict else m.picture.digest for m in members
    ]
    left: Counter[Any] = Counter(known.labelled if conflict else known.contents)
    by_place = sorted(range(len(members)), key=lambda i: not names[i] & known.paths)
    for i in by_place:
        if left[keys[i]]:
            left[keys[i]] -= 1
            new[i] = False
    return new


def mark_new(duplicates: Duplicates, baseline: Baseline | None) -> Duplicates:
    """Return the groups with `Member.new` set.

    Parameters
    ----------
    duplicates : Duplicates
    baseline : Baseline or None
        None where there is none yet: all is new.
    """
    known = KnownGroups(baseline.groups if baseline else ())
    groups = []
    for group in duplicates.groups:
        new = known.new_members(group.members)
        members = tuple(replace(m, new=n) for m, n in zip(group.members, new, strict=True))
        groups.append(replace(group, members=members))
    return replace(duplicates, groups=tuple(groups))


def only_new(duplicates: Duplicates) -> Duplicates:
    """Return the groups that `mark_new` found to be new."""
    return replace(duplicates, groups=tuple(group for group in duplicates.groups if group.new))


def unknown_groups(groups: Sequence[Group], baseline: Baseline) -> list[Group]:
    """Return the groups with a file that was not in one known group with all the others."""
    known = KnownGroups(baseline.groups)
    return [group for group in groups if not known.has(group.members)]
