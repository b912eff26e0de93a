"""Makes a plan of what find-dupes found."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from imgsim import __version__
from imgsim.act import paths
from imgsim.act.beside import with_company
from imgsim.act.history import History
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.addresses import Address
from imgsim.decode.metadata import Metadata
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeMode
from imgsim.errors import UsageError, check_kind
from imgsim.group.roles import only_in
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.leaks.results import Leaks
from imgsim.types import NEVER_REMOVED, REMOVABLE_ROLES, Group, Member, Picture, Role


def new_run_name(now_ns: int) -> str:
    """Return a name for a run: the time of day, and letters that make it the only one."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_ns / 1e9))
    return f"{stamp}-{secrets.token_hex(3)}"


def make_plan(
    duplicates: Duplicates,
    include: Iterable[Role] = (),
    *,
    history: Path | None = None,
    now_ns: int | None = None,
) -> Plan:
    """Make a plan of the duplicates that are not needed beside the kept files.

    Parameters
    ----------
    duplicates : Duplicates
    include : iterable of str
        Roles beyond the four removable ones that are listed too, not chosen.
    history : Path, optional
        The folder of the runs; the user's own by default.
    now_ns : int, optional

    Raises
    ------
    UsageError
        A role is never removed, or the files have no root in common.

    Examples
    --------
    >>> import imgsim
    >>> plan = imgsim.plan(imgsim.find_duplicates("photos", "phash"))
    >>> [removal.file.path for _, removal in plan.removals]
    [b'IMG_0001 copy.jpg']
    """
    check_kind(duplicates, Duplicates, "result of find_duplicates", "plan takes what it returned")
    wanted = frozenset(include)
    if never := wanted & NEVER_REMOVED:
        raise UsageError(f"{', '.join(never)} is never removed", "leave it out")
    groups = [
        (group, [m for m in group.members[1:] if _is_listed(m, wanted)])
        for group in duplicates.groups
    ]
    # nothing can vouch for what lies in an archive while files are removed
    groups = [(g, members) for g, members in groups if members and not _in_container(g.kept)]
    real = _RealPaths()
    root = _common_root(
        real, [m.picture for group, members in groups for m in (group.members[0], *members)]
    )
    pictures = [member.picture for group in duplicates.groups for member in group.members]
    listed = [member.picture for _, members in groups for member in members]
    plan = _without_groups(duplicates, real, root, pictures, listed, history, now_ns)

    def file(picture: Picture) -> PlannedFile:
        return _planned(picture, real, root)

    planned = (planned_group(group, some, file, duplicates.metadata) for group, some in groups)
    return with_company(replace(plan, groups=tuple(planned)))


def not_planned(duplicates: Duplicates) -> tuple[int, int]:
    """Count the copies that no plan names, since they or the files kept for them are no files.

    Returns
    -------
    inside : int
        Copies that lie in archives.
    beside : int
        Copies on disk of what is kept in an archive.
    """
    inside = beside = 0
    for group in duplicates.groups:
        for member in group.members[1:]:
            if member.decision not in (None, "remove") or member.picture.file.reference:
                continue
            if member.role not in REMOVABLE_ROLES and member.decision is None:
                continue
            if _in_container(member.picture):
                inside += 1
            elif _in_container(group.kept):
                beside += 1
    return inside, beside


def _in_container(picture: Picture) -> bool:
    return isinstance(picture.file.path, Address)


def _is_listed(member: Member, include: frozenset[Role]) -> bool:
    file = member.picture.file
    if member.role is None or file.reference or member.conflict or _in_container(member.picture):
        return False
    if member.decision not in (None, "remove"):  # it stays, whatever roles are asked for
        return False
    if os.path.islink(file.path):
        return False
    return member.removable or member.role in include


class _RealPaths:
    """Paths without symbolic links; folders are resolved once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str) -> str:
        if os.path.islink(path):
            return os.path.realpath(path)
        folder, name = os.path.split(os.path.abspath(path))
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)

    def folder(self, root: str) -> str:
        real = os.path.realpath(root)
        return real if os.path.isdir(real) else os.path.dirname(real)

    def inside(self, path: str, root: str) -> bytes | None:
        """A path below the root; None if it is not below it."""
        real = os.path.realpath(path)
        if real == root:
            return b"."
        if os.path.commonpath([real, root]) != root:
            return None
        return paths.below(real, root)


def _scanned_folders(real: _RealPaths, pictures: Iterable[Picture], root: str) -> tuple[bytes, ...]:
    """The folders in which files were looked for; of files named one by one the one above all."""
    folders: set[str] = set()
    named: dict[int, set[str]] = {}
    walked: dict[str, bool] = {}
    for picture in pictures:
        scanned = picture.file.root
        if scanned not in walked:
            walked[scanned] = os.path.isdir(scanned)
            if walked[scanned]:
                folders.add(real.folder(scanned))
        if not walked[scanned]:
            folder = os.path.dirname(real.of(picture.file.path))
            named.setdefault(_device(folder), set()).add(folder)
    for some in named.values():
        above = os.path.commonpath(list(some))
        folders |= some if above == os.path.dirname(above) else {above}
    return tuple(sorted(path for one in folders if (path := real.inside(one, root)) is not None))


def _device(folder: str) -> int:
    try:
        return os.stat(folder).st_dev
    except OSError:  # it is gone meanwhile
        return -1


def _common_root(real: _RealPaths, pictures: Iterable[Picture]) -> str:
    roots: set[str] = set()
    for root in {picture.file.root for picture in pictures}:
        roots.add(real.folder(root))
    for picture in pictures:
        roots.add(os.path.dirname(real.of(picture.file.path)))
    if not roots:
        return os.path.realpath(os.getcwd())
    try:
        return os.path.commonpath(list(roots))
    except ValueError:  # drives of Windows
        raise UsageError(
            "the files have no folder in common: they are on several drives",
            "make a plan for each drive",
        ) from None


def _without_groups(
    result: Duplicates | Leaks,
    real: _RealPaths,
    root: str,
    pictures: Iterable[Picture],
    listed: Iterable[Picture],
    history: Path | None,
    now_ns: int | None,
) -> Plan:
    """A plan that names no files yet.

    Parameters
    ----------
    result : Duplicates or Leaks
    real : _RealPaths
    root : str
    pictures : iterable of Picture
        Those of them that are references lie where nothing is removed.
    listed : iterable of Picture
        That may be removed: where they were searched for.
    history : Path or None
    now_ns : int or None
    """
    now = time.time_ns() if now_ns is None else now_ns
    runs = History(history)
    found = result if isinstance(result, Duplicates) else None
    references = {
        path
        for one in _reference_paths(real, pictures, listed)
        if (path := real.inside(one, root)) is not None
    }
    return Plan(
        root,
        new_run_name(now),
        __version__,
        now,
        result.comparator.spec,
        result.preset,
        result.comparator.scale.score(result.max_distance),
        (),
        tuple(sorted(references)),
        runs.name,
        runs.number_of_runs(),
        DecodeMode.REDUCED if found is None else found.decode,
        DEFAULT_MAX_PIXELS if found is None else found.max_pixels,
        () if found is None else tuple(map(_text, found.keep)),
        _scanned_folders(real, listed, root),
        index="" if found is None else found.index,
    )


def planned_group(
    group: Group,
    members: Iterable[Member],
    file: Callable[[Picture], PlannedFile],
    metadata: Mapping[str, Metadata],
) -> PlanGroup:
    """Return a group as a plan has it.

    Parameters
    ----------
    group : Group
    members : iterable of Member
        That are listed; those of a removable role, or that a person decided to remove, are chosen.
    file : callable
        Makes the plan's name of a picture.
    metadata : mapping of str to Metadata
        By the digest of the content.
    """
    return PlanGroup(
        file(group.kept),
        tuple(
            replace(
                planned_removal(group, member, file, metadata),
                chosen=member.role in REMOVABLE_ROLES or member.decision == "remove",
            )
            for member in members
        ),
        _text(group.keep_rule),
        _text(group.keep_reason),
    )


def planned_removal(
    group: Group,
    member: Member,
    file: Callable[[Picture], PlannedFile],
    metadata: Mapping[str, Metadata],
) -> Removal:
    """Return a member as a plan removes it; see `planned_group`."""
    return Removal(
        file(member.picture),
        member.role or "near",
        _text(member.why),
        member.changes,
        only_in(member, group, metadata),
        by_decision=member.decision == "remove",
    )


def _planned(picture: Picture, real: _RealPaths, root: str) -> PlannedFile:
    file = picture.file
    path = paths.below(real.of(file.path), root)
    return PlannedFile(path, picture.digest, file.size_bytes, file.mtime_ns)


def _text(text: str) -> str:
    """A text that UTF-8 can hold: a rule may name a folder of other bytes."""
    return os.fsencode(text).decode("utf-8", "replace")


def _reference_paths(
    real: _RealPaths, pictures: Iterable[Picture], listed: Iterable[Picture]
) -> set[str]:
    """The folders that were given as references; where files to be removed lie in one, its files.

    So it is with a lasting index: files that were added to its folders since are no references.
    """
    folders: set[str] = set()
    for picture in listed:
        folder = os.path.dirname(real.of(picture.file.path))
        while folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    return {
        picture.file.path if os.path.realpath(picture.file.root) in folders else picture.file.root
        for picture in pictures
        if picture.file.reference
    }


class PlanFrame:
    """A plan without groups, and files as it names them: for choices that are made elsewhere.

    Parameters
    ----------
    result : Duplicates or Leaks
        By its method and threshold the plan is verified again.
    pictures : sequence of Picture
        All that the plan may name; those in archives are left out.
    roots : mapping of str to str
        What `ImageFile.root` stands for, where that is no folder: the split of a data set.

    Attributes
    ----------
    plan : Plan
    """

    def __init__(
        self,
        result: Duplicates | Leaks,
        pictures: Iterable[Picture],
        roots: Mapping[str, str] = MappingProxyType({}),
        *,
        history: Path | None = None,
        now_ns: int | None = None,
    ) -> None:
        named = [_rooted(picture, roots) for picture in pictures if not _in_container(picture)]
        self._real = _RealPaths()
        root = _common_root(self._real, named)
        own = [picture for picture in named if not picture.file.reference]
        self.plan = _without_groups(result, self._real, root, named, own, history, now_ns)

    def file(self, picture: Picture) -> PlannedFile:
        """Return a file as the plan names it: where it really lies."""
        return _planned(picture, self._real, self.plan.root)


def can_be_kept(picture: Picture) -> bool:
    """Whether a plan may keep a picture: what lies in an archive vouches for nothing."""
    return not _in_container(picture)


def can_be_removed(picture: Picture) -> bool:
    """Whether a plan may remove a picture: a file of its own, and no symbolic link."""
    return not _in_container(picture) and not os.path.islink(picture.file.path)


def _rooted(picture: Picture, roots: Mapping[str, str]) -> Picture:
    root = roots.get(picture.file.root)
    return picture if root is None else replace(picture, file=replace(picture.file, root=root))
