"""The leaks of a data set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from imgsim.comparators.base import Comparator, Preset
from imgsim.results import Result
from imgsim.tasks.matching import Seconds
from imgsim.types import Member, NotCompared, Picture, Skipped, paths_not_there


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """A part of a data set.

    Attributes
    ----------
    name : str
    images : int
        Readable ones.
    leaked : int
        Those that match one of another split.
    not_judged : int
        Those that are too small or too plain to be compared by more than their pixels.
    """

    name: str
    images: int
    leaked: int
    not_judged: int = 0


@dataclass(frozen=True, slots=True)
class Crossing:
    """The images that two splits share.

    Attributes
    ----------
    smaller, larger : str
        Names of the splits.
    leaked : int
        Images of the smaller one that match one of the larger.
    pairs : int
    """

    smaller: str
    larger: str
    leaked: int
    pairs: int


class MatchedContent(NamedTuple):
    """Files of one content that a leak matches in one split.

    Attributes
    ----------
    split, digest : str
    label : str
        Of the files; empty where they have none, or none was asked for.
    files : int
    """

    split: str
    digest: str
    label: str
    files: int


@dataclass(frozen=True, slots=True)
class Leak:
    """A picture that stands in a larger split too.

    Attributes
    ----------
    picture : Picture
        In the smaller split; `picture.file.root` is the name of the split, as in all matches.
    matched : int
        Files of larger splits that it matches.
    matches : tuple of Member
        The nearest of them, nearest first.
    new : bool or None
        Not in the baseline that it was compared with; None without one.
    label : str or None
        Of the picture, empty if it has none; None where no labels were asked for. Those of the
        matches are `Member.label`.
    conflicts : int
        Files of larger splits that it matches and that have another label. One of them is among
        the matches, as one more if need be.
    contents : tuple of MatchedContent
        Of all that it matches, in order, where that is more than `matches` has; else empty.
    """

    picture: Picture
    matched: int
    matches: tuple[Member, ...]
    new: bool | None = None
    label: str | None = None
    conflicts: int = 0
    contents: tuple[MatchedContent, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupLeak:
    """Files that belong together, such as the frames of one video, in several splits.

    Attributes
    ----------
    name : str
    splits : tuple of (str, int)
        Names of the splits and how many of its images each holds, the smallest split first.
    example : str
        Its first path in the smallest split.
    new : bool or None
        As of `Leak`.
    contents : tuple of (str, str)
        The split and the digest of each of its images, in order.
    """

    name: str
    splits: tuple[tuple[str, int], ...]
    example: str
    new: bool | None = None
    contents: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CorrectedSplits:
    """Splits without leaks.

    Attributes
    ----------
    splits : tuple of (str, str)
        Every file, in order of path, and its split; those that cannot be read keep theirs.
    moved : int
        Files that stood in another split before.
    before, after : mapping of str to int
        Files of each split, the smallest first.
    """

    splits: tuple[tuple[str, str], ...]
    moved: int
    before: Mapping[str, int]
    after: Mapping[str, int]

    @property
    def empty(self) -> tuple[str, ...]:
        """Splits that are left without a file: all of theirs hang together with others."""
        return tuple(name for name, files in self.after.items() if not files)


@dataclass(frozen=True, slots=True, repr=False)
class Leaks(Result[Leak]):
    """The leaks of a data set, and the figures of the run that found them.

    Attributes
    ----------
    comparator : Comparator
    preset : str or None
        None when a threshold was given.
    max_distance : float
        Pairs up to this distance are leaks.
    splits : tuple of SplitSummary
        The smallest first.
    crossings : tuple of Crossing
        Of all pairs of splits.
    leaks : tuple of Leak
        In order of the split, then of the path.
    groups : tuple of GroupLeak
        In order of their names.
    drop : tuple of str
        Paths to drop from larger splits so that neither a leak nor a divided group remains.
    images : int
    skipped : tuple of Skipped
    damaged : tuple of Skipped
        Files that were read, but are damaged; see `find_leaks`.
    decoded : int
    pairs_compared : int
        Pairs of different contents across splits.
    pairs_left_out : int
        As in `Duplicates`.
    expected_false_pairs : float or None
        How many unrelated pairs to expect among them; None where nothing is known.
    seconds : Seconds
        What the run took, in all and for each of its stages, by the clock.
    not_judged : tuple of str
        As in `Duplicates`; a file of two splits counts in both.
    judged : int
        Images that the method compares, without damaged ones, which match no other of these.
    ungrouped : int
        Images that are in no group, where groups were asked for.
    corrected : CorrectedSplits or None
        Splits without leaks; None where they were not asked for.
    masks : int
        Masks and label maps: those that were left out, else those among the matched files.
    masks_left_out : bool
        Whether masks and label maps were left out.
    decided_pairs : int or None
        Pairs across splits that are left out, since a person decided on them; None without
        decisions.
    in_no_split : tuple of str or None
        Files with names of pictures below the folder of a split file that it names no split for,
        which were not read. None without such a folder.
    not_compared : tuple of NotCompared
        As in `Duplicates`; of pairs within splits only those that corrected splits need.
    not_checked : tuple of Skipped
        As in `Duplicates`.
    """

    comparator: Comparator
    preset: Preset | None
    max_distance: float
    splits: tuple[SplitSummary, ...]
    crossings: tuple[Crossing, ...]
    leaks: tuple[Leak, ...]
    groups: tuple[GroupLeak, ...]
    drop: tuple[str, ...]
    images: int
    skipped: tuple[Skipped, ...]
    damaged: tuple[Skipped, ...]
    decoded: int
    pairs_compared: int
    pairs_left_out: int
    expected_false_pairs: float | None
    seconds: Seconds
    not_judged: tuple[str, ...] = ()
    judged: int = 0
    ungrouped: int = 0
    corrected: CorrectedSplits | None = None
    masks: int = 0
    masks_left_out: bool = False
    decided_pairs: int | None = None
    in_no_split: tuple[str, ...] | None = None
    not_compared: tuple[NotCompared, ...] = ()
    not_checked: tuple[Skipped, ...] = ()

    @property
    def conflicts(self) -> tuple[Leak, ...]:
        """Leaks of which a match has another label."""
        return tuple(leak for leak in self.leaks if leak.conflicts)

    @property
    def missing(self) -> tuple[str, ...]:
        """Paths that a list names and that are not there; they are skipped too."""
        return paths_not_there(self.skipped)

    def _items(self) -> tuple[Leak, ...]:
        return self.leaks

    @property
    def clean(self) -> bool:
        """Nothing stands in two splits."""
        return not self.leaks and not self.groups


def path_order(picture: Picture) -> bytes:
    """A key that sorts pictures by path."""
    return os.fsencode(picture.file.path)
