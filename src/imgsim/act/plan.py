"""Plans: which files are to be removed, what stands in their place, and why.

A plan is a file that people edit and others may hand on, so everything in it is checked when it is
read, and its digests again when it is carried out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeMode
from imgsim.errors import UsageError
from imgsim.results import Result
from imgsim.types import NEVER_REMOVED, Role


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file as it was when the plan was made.

    Attributes
    ----------
    path : bytes
        Below the plan's root, see `paths`.
    sha256 : str
        Of its bytes, in hexadecimal.
    size_bytes, mtime_ns : int
    """

    path: bytes
    sha256: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Removal:
    """A file that is to be removed.

    Attributes
    ----------
    file : PlannedFile
    role : str
        What it is to the kept file.
    evidence : str
        How that was found, in words.
    changes : tuple of str
        The other roles that apply.
    only_here : tuple of str
        What its metadata say and those of the kept file do not.
    chosen : bool
        It is to be removed indeed; else it is only listed.
    by_decision : bool
        A person said of this very file that it may go, whatever its role.
    sidecars : tuple of bytes, or None
        Paths below the root of the sidecars that it had when the plan was made, and that may go
        along; None if nobody looked.
    """

    file: PlannedFile
    role: Role
    evidence: str = ""
    changes: tuple[Role, ...] = ()
    only_here: tuple[str, ...] = ()
    chosen: bool = True
    by_decision: bool = False
    sidecars: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True)
class PlannedFolder:
    """A folder of which files are to be removed, as it was when the plan was made.

    Attributes
    ----------
    path : bytes
        Below the plan's root; empty for the root itself.
    names, pictures : int
        How many it had in it, and how many of them were pictures by their names.
    """

    path: bytes
    names: int
    pictures: int


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """A kept file and what is to be removed in its favour.

    Attributes
    ----------
    keep : PlannedFile
    removals : tuple of Removal
    rule, reason : str
        The keep rule that chose the kept file, and what that has over the others.
    """

    keep: PlannedFile
    removals: tuple[Removal, ...]
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Result[PlanGroup]):
    """What find-dupes proposes to remove.

    Attributes
    ----------
    root : str
        Absolute, without symbolic links. All paths are below it.
    run, version : str
        Which run of which version of imgsim made it.
    created_ns : int
        When, since 1970.
    method : str
        By which pairs were judged.
    preset : str or None
    threshold : float
        Worst score of a duplicate, in the method's own terms; with a preset it follows from that.
    groups : tuple of PlanGroup
    references : tuple of bytes
        Folders and files of which nothing is removed.
    history : str
        Which list of runs `runs_before` counts in.
    runs_before : int
        Runs of apply that there had been.
    decode : DecodeMode
        How pictures were decoded; they are verified again likewise.
    max_pixels : int
        Up to which size they were read, and are read again.
    keep : tuple of str
        The rules that chose the kept files.
    roots : tuple of bytes
        Folders that were scanned; each has a waste folder of its own. ``.`` is the root.
    folders : tuple of PlannedFolder
        Those of the removals; none if nobody looked.
    index : str
        The absolute path of the index with whose files they were compared; empty for none. Nothing
        that is a file of it when the plan is carried out is removed.
    """

    root: str
    run: str
    version: str
    created_ns: int
    method: str
    preset: str | None
    threshold: float
    groups: tuple[PlanGroup, ...]
    references: tuple[bytes, ...] = ()
    history: str = ""
    runs_before: int = 0
    decode: DecodeMode = DecodeMode.REDUCED
    max_pixels: int = DEFAULT_MAX_PIXELS
    keep: tuple[str, ...] = ()
    roots: tuple[bytes, ...] = ()
    folders: tuple[PlannedFolder, ...] = ()
    index: str = ""

    def _items(self) -> tuple[PlanGroup, ...]:
        return self.groups

    @property
    def removals(self) -> Iterator[tuple[PlanGroup, Removal]]:
        """Every removal, with its group."""
        return ((group, removal) for group in self.groups for removal in group.removals)


def parse_roles(texts: tuple[str, ...]) -> frozenset[Role]:
    """Return the roles that ``--include`` names, separated by commas.

    Raises
    ------
    UsageError
        There is no such role, or no plan may remove it.
    """
    roles: set[Role] = set()
    for text in ",".join(texts).split(","):
        name = text.strip()
        if not name:
            continue
        known = [role for role in get_args(Role) if role not in NEVER_REMOVED]
        if name not in known:
            why = "is never removed" if name in NEVER_REMOVED else "is no role"
            raise UsageError(f"--include: {name} {why}", f"one of {', '.join(known)}")
        roles.update(role for role in known if role == name)
    return frozenset(roles)


def choose(plan: Plan, roles: frozenset[Role]) -> Plan:
    """Return a plan in which all removals of some roles are chosen."""
    if not roles:
        return plan
    return replace(
        plan,
        groups=tuple(
            replace(
                group,
                removals=tuple(
                    replace(one, chosen=True) if one.role in roles else one
                    for one in group.removals
                ),
            )
            for group in plan.groups
        ),
    )
