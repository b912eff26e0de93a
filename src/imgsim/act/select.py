"""Decides which removals of a plan may be carried out, before anything is touched."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imgsim.act.file_names import is_picture, is_xmp
from imgsim.act.files import FileSystem, Folder, Status
from imgsim.act.guards import matches, reason_by_owner, reason_to_leave
from imgsim.act.listings import Listings, join_path, split_path
from imgsim.act.options import FOR_GOOD, IN_PLACE, ApplyOptions
from imgsim.act.paths import shown
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.sidecar_losses import SidecarLoss, sidecar_losses
from imgsim.act.targets import Targets
from imgsim.act.walk import Different, folder_of, reason_of

FOLDER = "most of its folder would go (--yes-folders)"
"""Why a file stays of whose folder too much would go, and nobody said that this is wanted."""


@dataclass(frozen=True, slots=True)
class Left:
    """A file that a plan removes and that stays.

    Attributes
    ----------
    path : bytes
        Below the root.
    reason : str
    asked_for : bool
        It was to be removed; else it was only listed.
    """

    path: bytes
    reason: str
    asked_for: bool = True


@dataclass(frozen=True, slots=True)
class Chosen:
    """A removal that may be carried out.

    Attributes
    ----------
    keep : PlannedFile
    removal : Removal
    sidecars : tuple of bytes
        Paths below the root of what goes along.
    described_by : tuple of bytes
        Paths of XMP sidecars that will not be beside the picture any more, if what they say is to
        be carried.
    losses : tuple of SidecarLoss
        Which of the sidecars hold what would be lost with them.
    written : bytes
        The path of the sidecar that what the file says is carried to; empty where there is none.
    """

    keep: PlannedFile
    removal: Removal
    sidecars: tuple[bytes, ...] = ()
    described_by: tuple[bytes, ...] = ()
    losses: tuple[SidecarLoss, ...] = ()
    written: bytes = b""


class Selection:
    """Selects among the removals of a plan.

    Parameters
    ----------
    fs : FileSystem
    root : Folder
    plan : Plan
    options : ApplyOptions
    busy : dict of bytes to str
        Why groups with these paths are not to be touched.
    targets : Targets

    Attributes
    ----------
    left : list of Left
    """

    def __init__(
        self,
        fs: FileSystem,
        root: Folder,
        plan: Plan,
        options: ApplyOptions,
        busy: dict[bytes, str],
        targets: Targets,
    ) -> None:
        self.fs = fs
        self.root = root
        self.plan = plan
        self.options = options
        self.busy = busy
        self.targets = targets
        self.left: list[Left] = []
        self.listings = Listings(fs, root, options.sidecar_endings)
        self._asked: dict[bytes, list[Removal]] = defaultdict(list)  # by their folders

    def chosen(self) -> list[PlanGroup]:
        """Return the groups with those removals that may be carried out, by all but sidecars."""
        groups = []
        for group in self.plan.groups:
            removals = tuple(self._of_group(group))
            if removals:
                groups.append(replace(group, removals=removals))
        return groups

    def with_sidecars(self, groups: Sequence[PlanGroup]) -> list[Chosen]:
        """Return the removals that their sidecars and folders let go."""
        chosen = [Chosen(group.keep, one) for group in groups for one in group.removals]
        chosen = [one for one in chosen if self._is_listable(one)]
        if self.options.action in IN_PLACE:
            return chosen
        if self.options.carry_metadata:
            chosen = list(self._described(chosen))
        if self.options.sidecars != "leave":
            chosen = list(self._sidecars(chosen))
        return list(self._folders(chosen))

    def _leave(self, removal: Removal, reason: str, *, asked_for: bool = True) -> None:
        self.left.append(Left(removal.file.path, reason, asked_for))

    def _of_group(self, group: PlanGroup) -> Iterator[Removal]:
        wanted: list[Removal] = []
        for one in group.removals:
            if one.chosen or one.role in self.options.include:
                wanted.append(one)
            else:
                self._leave(one, f"not chosen ({one.role})", asked_for=False)
        if not wanted:
            return
        for one in wanted:
            if not self._is_protected(one.file.path):
                self._asked[split_path(one.file.path)[0]].append(one)
        reason = self._group_reason(group, wanted)
        if reason:
            for one in wanted:
                self._leave(one, reason)
            return
        for one in wanted:
            try:
                reason = self._reason(one, group.keep, self._status(group.keep.path))
            except (OSError, Different) as error:
                reason = reason_of(error)
            if reason:
                self._leave(one, reason)
            else:
                yield one

    def _group_reason(self, group: PlanGroup, wanted: Sequence[Removal]) -> str:
        """Why nothing of a group is touched; empty if nothing speaks against it."""
        for path in (group.keep.path, *(one.file.path for one in wanted)):
            if path in self.busy:
                return self.busy[path]
        for file, name in [(group.keep, "the kept file"), *((one.file, "") for one in wanted)]:
            try:
                status = self._status(file.path)
            except (OSError, Different) as error:
                why = reason_of(error)
            else:
                why = "" if status.size_bytes == file.size_bytes else "its size has changed"
                if not status.size_bytes:
                    why = "it is empty"
            if why:
                said = f"{name}: {why}" if name else why
                return (
                    said if name or len(wanted) == 1 else f"of its group, {shown(file.path)}: {why}"
                )
        return ""

    def _status(self, path: bytes) -> Status:
        with folder_of(self.fs, self.root, path) as (folder, name):
            status = self.fs.status(folder, name)
        if not status.is_file:
            raise Different("not a regular file")
        return status

    def _reason(self, removal: Removal, keep: PlannedFile, kept: Status) -> str:
        """Why a file is not removed, by what the system tells of it; empty if nothing does."""
        path, action = removal.file.path, self.options.action
        if self._is_protected(path):
            return "protected"
        if action in ("hardlink", "reflink") and removal.role != "exact":
            return "only the same bytes can be shared"
        with folder_of(self.fs, self.root, path) as (folder, name):
            status = self.fs.status(folder, name)
            place = self.fs.folder_status(folder)
            reason = reason_to_leave(status, kept, place)
            if reason:
                return reason
            if action != "reflink" and self.fs.is_folder_immutable(folder):
                return "its folder is immutable"
            reason = self.fs.why_not_to_write(folder) or self.targets.obstacle(path)
            if reason:
                return reason
            file = self.fs.open_file(folder, name)
            try:
                if self.fs.is_immutable(file):
                    return "immutable"
                if action == "reflink" and not self.fs.can_share(file):
                    return "not supported here: shared blocks"
                if action == "reflink" and self._shares_blocks(file, keep):
                    return "frees nothing: it shares its blocks already"
            finally:
                self.fs.close(file)
        if action == "hardlink" and status.device != kept.device:
            return "on another file system than the kept file"
        return ""

    def _is_protected(self, path: bytes) -> bool:
        full = os.path.join(self.plan.root, os.fsdecode(path))
        return any(matches(full, os.fsdecode(path), one) for one in self.options.protect)

    def _shares_blocks(self, file: int, keep: PlannedFile) -> bool:
        with folder_of(self.fs, self.root, keep.path) as (folder, name):
            other = self.fs.open_file(folder, name)
            try:
                return self.fs.shares_blocks(file, other)
            finally:
                self.fs.close(other)

    # Sidecars -------------------------------------------------------------------------------

    def _is_listable(self, one: Chosen) -> bool:
        try:
            self.listings.names_in(split_path(one.removal.file.path)[0])
        except OSError as error:
            self._leave(one.removal, f"its folder cannot be listed: {reason_of(error)}")
            return False
        return True

    def _described(self, chosen: Sequence[Chosen]) -> Iterator[Chosen]:
        going = _going(chosen)
        for one in chosen:
            folder, name = split_path(one.removal.file.path)
            sidecars = self.listings.names_in(folder).company(name, going[folder]).metadata
            packets = tuple(join_path(folder, sidecar) for sidecar in filter(is_xmp, sidecars))
            yield replace(one, described_by=packets)

    def _sidecars(self, chosen: Sequence[Chosen]) -> Iterator[Chosen]:
        going = _going(chosen)
        named = {path for _, one in self.plan.removals for path in one.sidecars or ()}
        claimed: set[bytes] = set()
        carried: dict[bytes, list[bytes]] = defaultdict(list)
        for one in chosen:
            folder, name = split_path(one.removal.file.path)
            company = self.listings.names_in(folder).company(name, going[folder])
            sidecars = [*company.metadata, *company.media]
            reason = ""
            if company.shots:
                reason = "the raw or JPEG file of the same shot stays"
            elif sidecars and self.options.sidecars == "hold":
                reason = "it has a sidecar"
            elif self.options.sidecars == "auto":
                careful = self.options.action in FOR_GOOD
                for sidecar in sidecars if careful else company.media:
                    if not self.listings.kept_has(join_path(folder, sidecar), one.keep.path):
                        kind = "sidecar" if sidecar in company.metadata else "film or sound"
                        reason = f"it has a {kind} that the kept file lacks"
            reason = reason or self._sidecar_reason(folder, sidecars)
            if not reason and one.removal.sidecars is not None:
                reason = self._new_sidecar(folder, sidecars, named)
            if reason:
                self._leave(one.removal, reason)
                continue
            along = [join_path(folder, s) for s in sidecars if join_path(folder, s) not in claimed]
            claimed.update(along)
            carry = self.options.carry_metadata
            before = carried[one.keep.path]
            losses = sidecar_losses(self.listings, along, one.keep.path, carry=carry, before=before)
            before.extend(filter(is_xmp, along))
            yield replace(one, sidecars=tuple(along), losses=losses)

    def _sidecar_reason(self, folder: bytes, sidecars: Sequence[bytes]) -> str:
        """Why a file is not removed, by what its sidecars are; empty if nothing does."""
        for sidecar in sidecars:
            path = join_path(folder, sidecar)
            try:
                status = self._status(path)
                why = "protected" if self._is_protected(path) else reason_by_owner(status)
                why = why or self.targets.obstacle(path)
            except (OSError, Different) as error:
                why = reason_of(error)
            if why:
                return f"its sidecar {os.fsdecode(sidecar)}: {why}"
        return ""

    def _new_sidecar(self, folder: bytes, sidecars: Sequence[bytes], named: set[bytes]) -> str:
        """Why a file is not removed that has a sidecar which the plan does not name; else empty.

        Somebody may have worked on it since. Endings that are asked for now are in no plan.
        """
        endings = tuple(ending.lower().encode() for ending in self.options.sidecar_endings)
        for sidecar in sidecars:
            if join_path(folder, sidecar) not in named and not sidecar.lower().endswith(endings):
                return f"its sidecar {os.fsdecode(sidecar)}: it came after the plan was made"
        return ""

    # Folders --------------------------------------------------------------------------------

    def _folders(self, chosen: Sequence[Chosen]) -> Iterator[Chosen]:
        """Hold back what goes from folders that would lose most of their pictures.

        What counts is what the plan asks for in all and what the folder held when it was made, or
        holds now, if that is less: that some of it stays for another reason, or that files were
        added, makes nothing go that was held back before.
        """
        planned = {folder.path: folder for folder in self.plan.folders}
        by_folder: dict[bytes, list[Chosen]] = defaultdict(list)
        for one in chosen:
            by_folder[split_path(one.removal.file.path)[0]].append(one)
        held: set[bytes] = set()
        for folder, some in sorted(by_folder.items()):
            names = self.listings.names_in(folder).all
            there = {join_path(folder, name) for name in names}
            asked = {one.file.path for one in self._asked[folder]} & there
            going = asked | {sidecar for one in some for sidecar in one.sidecars}
            going |= {s for one in self._asked[folder] for s in one.sidecars or () if s in there}
            pictures, before = sum(map(is_picture, names)), planned.get(folder)
            if before is not None:
                pictures = min(pictures, before.pictures)
            what = ""
            if len(going) >= (len(names) if before is None else min(len(names), before.names)):
                what = "it would be left empty"
            elif 2 * len(asked) > pictures:
                what = f"{len(asked)} of its {pictures} pictures would go"
            if what and not self.options.yes_folders:
                ask = self.options.ask_folder
                if ask is None or not ask(folder, what):
                    held.add(folder)
        for one in chosen:
            if split_path(one.removal.file.path)[0] in held:
                self._leave(one.removal, FOLDER)
            else:
                yield one


def _going(chosen: Sequence[Chosen]) -> dict[bytes, set[bytes]]:
    """The names that go, by their folders."""
    going: dict[bytes, set[bytes]] = defaultdict(set)
    for one in chosen:
        folder, name = split_path(one.removal.file.path)
        going[folder].add(name)
    return going
