"""What carrying out or taking back a plan came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from imgsim.act.options import Action
from imgsim.act.select import Chosen, Left
from imgsim.act.sidecar_losses import SidecarLoss
from imgsim.results import Result


@dataclass(frozen=True, slots=True)
class Removed:
    """A file that was removed, or would be.

    Attributes
    ----------
    path, kept : bytes
        Below the root.
    role : str
    size_bytes : int
    sidecars : tuple of bytes
        What went along.
    losses : tuple of SidecarLoss
        Which of the sidecars hold what the kept file lacks.
    by_decision : bool
        A person said of this very file that it may go.
    only_here : tuple of str
        What its metadata say and the kept file's do not, such as "rating".
    carried : bool
        That is written beside the kept file.
    written : bytes
        The new sidecar of the kept file with what only this one, or its sidecar, says; empty where
        there is none.
    """

    path: bytes
    kept: bytes
    role: str
    size_bytes: int
    sidecars: tuple[bytes, ...] = ()
    losses: tuple[SidecarLoss, ...] = ()
    by_decision: bool = False
    only_here: tuple[str, ...] = ()
    carried: bool = False
    written: bytes = b""

    @classmethod
    def of(cls, chosen: Chosen, *, carried: bool) -> Self:
        """The outcome of a removal that was carried out, or would be."""
        file, removal = chosen.removal.file, chosen.removal
        return cls(
            file.path,
            chosen.keep.path,
            removal.role,
            file.size_bytes,
            chosen.sidecars,
            chosen.losses,
            removal.by_decision,
            removal.only_here,
            carried,
            chosen.written,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Applied(Result[Removed]):
    """What `apply` did, or would do.

    Attributes
    ----------
    run : str
        Its name, for undo; empty where there was nothing to do, and for a dry run but that of
        `resume`.
    action : str
    dry_run : bool
    removed : tuple of Removed
    left : tuple of Left
        What stays, and why.
    freed_bytes : int
        That are free on the disk by now.
    links : tuple of (bytes, bytes)
        Symbolic links below the root, and the removed file that each points to.
    stopped : str
        Why the run ended before its time; empty if it did not.
    root : str
        Of the plan.
    lost : mapping of bytes to tuple of str
        What files could not keep on another file system, by their paths. The journal has it.
    before : tuple of Removed
        For a dry run of `resume`: what the run had removed when it was interrupted.
    """

    run: str
    action: Action
    dry_run: bool
    removed: tuple[Removed, ...]
    left: tuple[Left, ...]
    freed_bytes: int = 0
    links: tuple[tuple[bytes, bytes], ...] = ()
    stopped: str = ""
    root: str = ""
    lost: Mapping[bytes, tuple[str, ...]] = field(default_factory=dict)
    before: tuple[Removed, ...] = ()

    def _items(self) -> tuple[Removed, ...]:
        return self.removed

    @property
    def moved_bytes(self) -> int:
        """Bytes of the pictures that were removed."""
        return sum(one.size_bytes for one in self.removed)

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was done."""
        return not self.stopped and not any(one.asked_for for one in self.left)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why files stay, and how many of them, the most frequent reason first."""
        counted = Counter(one.reason for one in self.left)
        return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True, slots=True, repr=False)
class Undone(Result[bytes]):
    """What `undo` did.

    Attributes
    ----------
    run : str
    restored : tuple of bytes
        Removed files that are back, by their paths below the root.
    left : tuple of Left
        Those that are not, and why.
    passed_over : tuple of (str, str)
        Later runs of which nothing can be brought back, and why, the latest first.
    stopped : str
        Why it ended before its time; empty if it did not.
    root : str
        The folder below which they are.
    lost : mapping of bytes to tuple of str
        What could not be set again, by paths.
    """

    run: str
    restored: tuple[bytes, ...]
    left: tuple[Left, ...]
    passed_over: tuple[tuple[str, str], ...] = ()
    stopped: str = ""
    root: str = ""
    lost: Mapping[bytes, tuple[str, ...]] = field(default_factory=dict)

    def _items(self) -> tuple[bytes, ...]:
        return self.restored

    @property
    def complete(self) -> bool:
        """Whether everything is as it was."""
        return not self.left and not self.stopped


@dataclass(frozen=True, slots=True)
class Purged:
    """What `purge` did.

    Attributes
    ----------
    run : str
    files, freed_bytes : int
    left : tuple of Left
        What stays in the waste folder, and why.
    """

    run: str
    files: int
    freed_bytes: int
    left: tuple[Left, ...]
