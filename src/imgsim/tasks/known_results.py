"""The answers to which files an archive knows."""

from __future__ import annotations

from dataclasses import dataclass

from imgsim.comparators.base import Comparator, Preset
from imgsim.results import Result
from imgsim.tasks.matching import Seconds
from imgsim.types import Match, Skipped


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """Whether one file is known.

    Attributes
    ----------
    path : str
    matches : tuple of Match
        Files of the archive that it matches, the nearest first; `Match.member` says what it is to
        each. It is not known by itself, where it is a file of the archive.
    reason : str
        Why it could not be read, or compared; empty if it was.
    judged : bool
        It can be told from others by more than its pixels: it is neither too small nor too plain.
    damage : str
        What is damaged of it; empty for a whole file.
    in_archive : bool
        It is a file of the archive.
    not_compared : str
        A file of the archive that it might match and could not be compared with, where no other
        matches, of an index the nearest; empty if there is none. Whether it is known cannot be
        told then.
    gone : bool
        That file is gone, was changed meanwhile, or cannot be read: `reason` says which.
    decided : int
        Matches that do not count, since a person decided on them.
    not_checked : tuple of Skipped
        Which of it and its matches could not be read once more, to look for damage and equal
        pixels, and why.
    """

    path: str
    matches: tuple[Match, ...] = ()
    reason: str = ""
    judged: bool = False
    damage: str = ""
    in_archive: bool = False
    not_compared: str = ""
    gone: bool = False
    decided: int = 0
    not_checked: tuple[Skipped, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the archive holds a copy of it, or it one of a file there."""
        return bool(self.matches)


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What files are compared with, and how.

    Attributes
    ----------
    comparator : Comparator
    preset : str
    max_distance : float
    images : int
        Readable images of the archive.
    skipped : tuple of Skipped
        Files of the archive that could not be read.
    decoded : int
        Those that were decoded now.
    by_decisions : bool
        There are decisions that are taken into account.
    """

    comparator: Comparator
    preset: Preset
    max_distance: float
    images: int
    skipped: tuple[Skipped, ...]
    decoded: int
    by_decisions: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Known(Result[KnownAnswer]):
    """Which of some files an archive knows.

    Attributes
    ----------
    archive : ArchiveFacts
    answers : tuple of KnownAnswer
        In order of the paths.
    seconds : Seconds
        What the run took, in all and for each of its stages, by the clock.
    """

    archive: ArchiveFacts
    answers: tuple[KnownAnswer, ...]
    seconds: Seconds

    def _items(self) -> tuple[KnownAnswer, ...]:
        return self.answers

    @property
    def decided_pairs(self) -> int | None:
        """Pairs that are left out by decisions; None without these."""
        decided = sum(answer.decided for answer in self.answers)
        return decided if self.archive.by_decisions else None
