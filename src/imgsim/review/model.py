"""What a review is about: groups, as they were found and as a person decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from imgsim.addresses import Address
from imgsim.decode.metadata import Metadata
from imgsim.types import Group, Member, Picture

GroupAnswer = Literal["keep", "keep-all", "not-duplicates", "mixed"]
"""``keep``: the kept file stays, the others may go; ``mixed``: a part of the group is decided."""


@dataclass(slots=True)
class ReviewGroup:
    """A group of a review.

    Attributes
    ----------
    id : str
    proposed : Group
        As it was found, with the file kept that the rules choose.
    current : Group
        With the file kept that a person chose, and what was decided of its members.
    answer : str or None
        None for one that nobody decided on.
    pending : bool
        The others were not compared with the file that is to be kept yet: none is free to remove.
    chosen : mapping of str to bool, or None
        By path, whether a plan removes a file, where the group is of a plan and its file is kept.
    accepted : frozenset of str
        Paths of files that were accepted to go, also where others of the group are still open.
    moved : frozenset of str
        Paths of files that an apply of this review moved away.
    changed : frozenset of str
        Paths of files that changed since they were shown: nothing of the group is removed then.
    """

    id: str
    proposed: Group
    current: Group
    answer: GroupAnswer | None = None
    pending: bool = False
    chosen: Mapping[str, bool] | None = None
    accepted: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()
    changed: frozenset[str] = field(default_factory=frozenset)

    @property
    def pictures(self) -> list[Picture]:
        """All files of it, that which is kept first."""
        return [member.picture for member in self.current.members]

    @property
    def kept(self) -> Picture:
        return self.current.kept

    def is_removable(self, member: Member) -> bool:
        """Whether a file is not needed beside the one that is kept."""
        if self.pending or member.kind == "kept" or isinstance(self.kept.file.path, Address):
            return False
        of_plan = self.chosen is not None and self.kept.file.path == self.proposed.kept.file.path
        if self.chosen is None or not of_plan or member.decision == "remove":
            return member.removable
        free = not (member.picture.file.reference or member.decision)
        return free and self.chosen.get(member.picture.file.path, False)

    @property
    def removable(self) -> list[Member]:
        """The files that go if the group is accepted."""
        return [member for member in self.current.members if self.is_removable(member)]

    def going(self, *, undecided: bool = False) -> list[Member]:
        """The files that go by what was answered.

        Parameters
        ----------
        undecided : bool
            Also of a group that nobody decided on.
        """
        if self.answer == "keep" or (undecided and self.answer is None):
            return self.removable
        return [m for m in self.removable if m.picture.file.path in self.accepted]

    def can_be_removed(self, member: Member) -> bool:
        """Whether a person may say of one file that it goes, whatever it is to the kept one."""
        if self.pending or member.kind == "kept" or isinstance(self.kept.file.path, Address):
            return False
        return replace(member, decision="remove").removable and not self.kept.facts.damage

    @property
    def gain(self) -> int:
        """Bytes that are free once these are gone."""
        return sum(member.picture.file.freed_bytes for member in self.removable)


@dataclass(frozen=True, slots=True)
class Found:
    """Groups that a source found, with the figures of the run.

    Attributes
    ----------
    groups : tuple of Group
    metadata : mapping of str to Metadata
        By the digest of the content.
    images, skipped : int
    complete : bool
        False for the first groups, before the others are found.
    chosen : tuple of (mapping of str to bool), or None
        See `ReviewGroup.chosen`; one for each group.
    warnings : tuple of str
    """

    groups: tuple[Group, ...]
    metadata: Mapping[str, Metadata]
    images: int
    skipped: int
    complete: bool = True
    chosen: tuple[Mapping[str, bool], ...] | None = None
    warnings: tuple[str, ...] = ()
