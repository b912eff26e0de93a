"""Where the groups of a review come from: a search below paths, or a plan."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from imgsim.act import paths as plan_paths
from imgsim.act.beside import with_company
from imgsim.act.plan import Plan, PlanGroup, PlannedFile
from imgsim.act.planning import make_plan, new_run_name, planned_group
from imgsim.addresses import Address, printable
from imgsim.comparators.base import Comparator
from imgsim.decisions.records import DecidedFile, Decision
from imgsim.decode.metadata import Metadata
from imgsim.decode.names import has_name_of_image
from imgsim.errors import UsageError
from imgsim.group.keep import Candidate, Rule, narrow, parse_keep
from imgsim.group.rules import MayMatch, Rules
from imgsim.progress import Progress
from imgsim.read.collect import collect
from imgsim.read.discover import DiscoverOptions, discover
from imgsim.read.hashing import hash_files
from imgsim.read.metadata import metadata_of
from imgsim.read.options import RunOptions
from imgsim.report.text import not_compared_lines
from imgsim.review.model import Found, ReviewGroup
from imgsim.tasks.find_duplicates import Duplicates, find_duplicates
from imgsim.types import (
    Group,
    ImageFacts,
    ImageFile,
    Kind,
    Member,
    Picture,
    kind_of,
)  # fmt: skip


class KeepWish(NamedTuple):
    """A file of a group that is to be kept instead of another one."""

    group: Group
    path: str


class Source(Protocol):
    """Finds groups, and makes plans of them."""

    kind: str
    title: str

    @property
    def paths(self) -> Sequence[str]:
        """The paths that it was asked for."""

    @property
    def roots(self) -> Sequence[str]:
        """Real paths of folders or files in which its files lie."""

    def find(self, progress: Progress) -> Iterator[Found]:
        """Yield the first groups, if they can be had soon, and then all."""

    def settle_at_once(self, wish: KeepWish) -> Group | None:
        """Return a group with another file kept, where nothing has to be compared for it."""

    def settle(self, wishes: Sequence[KeepWish], progress: Progress) -> list[Group | None]:
        """Compare the files of groups with others that are to be kept.

        Returns
        -------
        list of Group or None
            With that file kept. Members that do not match it have no role. None for a group whose
            files cannot be read any more.
        """

    def plan(
        self,
        groups: Sequence[ReviewGroup],
        metadata: Mapping[str, Metadata],
        *,
        undecided: bool = False,
    ) -> Plan:
        """Make a plan that removes what goes from some groups; see `ReviewGroup.going`."""


@dataclass(frozen=True, slots=True)
class Search:
    """How pairs are judged.

    Attributes
    ----------
    method : str or Comparator
    criterion : mapping of str to object
        Further arguments of `find_duplicates`: preset, threshold and so on, `keep` and `isolate`.
    """

    method: str | Comparator
    criterion: Mapping[str, Any]

    @property
    def rules(self) -> Rules:
        """What may match at all."""
        return Rules(bool(self.criterion.get("isolate")))

    def find(
        self, paths: Sequence[str], options: RunOptions, decisions: Sequence[Decision] = ()
    ) -> Duplicates:
        """Find the groups below some paths."""
        return find_duplicates(
            paths, self.method, **self.criterion, decisions=decisions, options=options
        )


class FolderSource:
    """Groups of a search below paths.

    Parameters
    ----------
    paths : sequence of str
    search : Search
    options : RunOptions
    """

    kind = "folders"

    def __init__(self, paths: Sequence[str], search: Search, options: RunOptions) -> None:
        self.paths: Sequence[str] = tuple(paths)
        self.roots: Sequence[str] = tuple(map(os.path.realpath, paths))
        self.title = ", ".join(map(printable, paths)) or "listed files"
        self._search = search
        self._options = options
        self._found: Duplicates | None = None

    def find(self, progress: Progress) -> Iterator[Found]:
        """Yield files of equal bytes, then all groups."""
        options = replace(self._options, progress=progress)
        rules = parse_keep(self._search.criterion.get("keep", "original"))
        first = equal_groups(self.paths, rules, self._search.rules, options)
        if first:
            yield Found(tuple(first), {}, 0, 0, complete=False)
        found = self._search.find(self.paths, options)
        self._found = found
        yield Found(
            found.groups, found.metadata, found.images, len(found.skipped), warnings=_notes(found)
        )

    def settle_at_once(self, wish: KeepWish) -> Group | None:
        """See `Source`."""
        return _exchanged(wish, self._search.rules)

    def settle(self, wishes: Sequence[KeepWish], progress: Progress) -> list[Group | None]:
        """See `Source`."""
        return settle_again(self._search, wishes, replace(self._options, progress=progress))

    def plan(
        self,
        groups: Sequence[ReviewGroup],
        metadata: Mapping[str, Metadata],
        *,
        undecided: bool = False,
    ) -> Plan:
        """See `Source`."""
        if self._found is None:
            raise UsageError("the pictures are still being read", "wait until that is done")
        chosen = [_only_going(group, undecided) for group in groups]
        return make_plan(replace(self._found, groups=tuple(chosen), metadata=metadata))


class PlanSource:
    """The groups of a plan, whose files are read and compared with their digests.

    Nothing is searched. A group of which a file is gone or holds something else is left out.

    Parameters
    ----------
    name : str
        Of the plan's file.
    plan : Plan
    options : RunOptions
    search : Search
        By which files are compared where another one is to be kept.
    """

    kind = "plan"

    def __init__(self, name: str, plan: Plan, options: RunOptions, search: Search) -> None:
        self.paths: Sequence[str] = (name,)
        self.roots: Sequence[str] = (plan.root,)
        self.title = printable(name)
        self._plan = plan
        self._options = options
        self._search = search
        self._groups: dict[str, PlanGroup] = {}

    def find(self, progress: Progress) -> Iterator[Found]:
        """Yield the groups of the plan of which every file is as it was."""
        plan, options = self._plan, replace(self._options, progress=progress)
        files = [f for g in plan.groups for f in (g.keep, *(one.file for one in g.removals))]
        there = [path for path in map(self._path, files) if os.path.lexists(path)]
        pictures: dict[str, Picture] = {}
        metadata: dict[str, Metadata] = {}
        if there:
            discover_named = DiscoverOptions(default_excludes=False)
            read = collect(there, [], replace(options, discover=discover_named))
            pictures = {
                name: self._named(picture, name)
                for picture in read.pictures
                for name in (picture.file.path, *picture.file.links)
            }
            metadata = metadata_of(read.pictures, options)
        groups: list[Group] = []
        chosen: list[dict[str, bool]] = []
        changed = 0
        for planned in plan.groups:
            if not planned.removals:  # they were struck out
                continue
            group = self._group(planned, pictures)
            if group is None:
                changed += 1
                continue
            groups.append(group)
            chosen.append({self._path(one.file): one.chosen for one in planned.removals})
            self._groups[group.kept.file.path] = planned
        said = [f"{changed} of {len(plan.groups)} groups are left out: their files changed since"
                " the plan was made, or are gone"] if changed else []  # fmt: skip
        yield Found(
            tuple(groups), metadata, len(pictures), 0, chosen=tuple(chosen), warnings=tuple(said)
        )

    def _named(self, picture: Picture, path: str) -> Picture:
        """A picture by one of its names, and whether the plan says that it is never removed."""
        root = self._plan.root
        places = [os.path.normpath(os.path.join(root, plan_paths.native(one)))
                  for one in self._plan.references]  # fmt: skip
        kept = any(path == one or path.startswith(os.path.join(one, "")) for one in places)
        return replace(picture, file=replace(picture.file, path=path, reference=kept))

    def _path(self, file: PlannedFile) -> str:
        return os.path.join(self._plan.root, plan_paths.native(file.path))

    def _group(self, planned: PlanGroup, pictures: Mapping[str, Picture]) -> Group | None:
        members: list[Member] = []
        for file, removal in ((planned.keep, None), *((one.file, one) for one in planned.removals)):
            picture = pictures.get(self._path(file))
            if picture is None or picture.digest != file.sha256:
                return None
            if removal is None:
                members.append(Member(picture, "kept", None))
                continue
            kind: Kind = kind_of(members[0].picture, picture)
            if removal.role == "pixels":
                kind = "pixels"
            role, changes, why = removal.role, removal.changes, removal.evidence
            members.append(Member(picture, kind, None, None, role, changes, why))
        return Group(tuple(members), planned.reason, planned.rule)

    def settle_at_once(self, wish: KeepWish) -> Group | None:
        """See `Source`."""
        return _exchanged(wish, self._search.rules)

    def settle(self, wishes: Sequence[KeepWish], progress: Progress) -> list[Group | None]:
        """See `Source`."""
        if "weights=" in self._plan.method:
            raise UsageError(
                "the plan's method would load a file that the plan names", "review the folder"
            )
        return settle_again(self._search, wishes, replace(self._options, progress=progress))

    def plan(
        self,
        groups: Sequence[ReviewGroup],
        metadata: Mapping[str, Metadata],
        *,
        undecided: bool = False,
    ) -> Plan:
        """See `Source`."""
        made = [
            one
            for group in groups
            if (one := self._planned(group, group.going(undecided=undecided), metadata)).removals
        ]
        now_ns = time.time_ns()
        new = replace(self._plan, groups=tuple(made), run=new_run_name(now_ns), created_ns=now_ns)
        return with_company(new)

    def _planned(
        self, group: ReviewGroup, going: Sequence[Member], metadata: Mapping[str, Metadata]
    ) -> PlanGroup:
        by_decision = {m.picture.file.path: m.decision == "remove" for m in going}
        known = self._groups.get(group.kept.file.path)
        if known is not None and group.chosen is not None:
            rest = [one for one in known.removals if self._path(one.file) in by_decision]
        else:
            known = planned_group(group.current, going, self._planned_file, metadata)
            rest = list(known.removals)
        return replace(
            known,
            removals=tuple(
                replace(one, chosen=True, by_decision=by_decision[self._path(one.file)])
                for one in rest
            ),
        )

    def _planned_file(self, picture: Picture) -> PlannedFile:
        file = picture.file
        path = plan_paths.below(os.path.abspath(file.path), self._plan.root)
        return PlannedFile(path, picture.digest, file.size_bytes, file.mtime_ns)


def _only_going(group: ReviewGroup, undecided: bool) -> Group:
    """A group of which a plan lists what is to go, and nothing else."""
    kept, *others = group.current.members
    going = {m.picture.file.path for m in group.going(undecided=undecided)}
    members = (
        m if m.picture.file.path in going else replace(m, role="near", decision=None)
        for m in others
    )
    return replace(group.current, members=(kept, *members))


def _notes(found: Duplicates) -> tuple[str, ...]:
    notes = list(not_compared_lines(found.not_compared, verbose=False))
    if found.expected_false_pairs is not None and found.expected_false_pairs > 1:
        notes.append(
            f"about {found.expected_false_pairs:.0f} pairs may be alike by chance: look at each,"
            " or use --preset strict"
        )
    return tuple(notes)


def equal_groups(
    paths: Sequence[str], keep: Sequence[Rule], rules: Rules, options: RunOptions
) -> list[Group]:
    """Find files that are byte for byte equal, which takes no decoding.

    Parameters
    ----------
    paths : sequence of str
    keep : sequence of Rule
        What chooses the kept file; the contents are the same, so names, places and dates tell.
    rules : Rules
    options : RunOptions
    """
    files = discover(paths, options.discover).files
    by_size: dict[int, list[ImageFile]] = {}
    for file in files:
        if not isinstance(file.path, Address) and _is_named_as_picture(file):
            by_size.setdefault(file.size_bytes, []).append(file)
    wanted = [file for some in by_size.values() if len(some) > 1 for file in some]
    by_digest: dict[str, list[Picture]] = {}
    options.progress.start("comparing bytes", len(wanted), "file")
    try:
        for file, content, _ in hash_files(wanted, options.jobs, options.file_timeout):
            options.progress.advance(1)
            if content is not None:
                digest, stamp = content
                facts = ImageFacts(0, 0, "", False, False, 1, 0, None)
                picture = Picture(file.with_stamp(stamp), digest, facts)
                by_digest.setdefault(digest, []).append(picture)
    finally:
        options.progress.finish()
    groups = []
    for pictures in by_digest.values():
        pictures.sort(key=lambda one: os.fsencode(one.file.path))
        group = _equal_group(pictures, keep, rules)
        if len(group.members) > 1:
            groups.append(group)
    return sorted(groups, key=lambda group: os.fsencode(group.kept.file.path))


def _is_named_as_picture(file: ImageFile) -> bool:
    return file.size_bytes > 0 and has_name_of_image(file.path)


def _equal_group(pictures: Sequence[Picture], keep: Sequence[Rule], rules: Rules) -> Group:
    left = [Candidate(picture) for picture in pictures]
    chosen, reason, rule = left, "", keep[0]
    references = [c for c in left if c.picture.file.reference]
    if references and len(references) < len(left):
        chosen, reason = references, "a reference file"
    for rule in keep:
        if len(chosen) == 1:
            break
        chosen, decided = narrow(chosen, rule.criteria)
        reason = decided or reason
    kept = chosen[0].picture
    may_match = MayMatch([kept, *pictures], rules)
    others = [
        Member(picture, "exact", 0.0, None, "exact", (), "the same bytes")
        for place, picture in enumerate(pictures, 1)
        if picture is not kept and bool(may_match(0, place))
    ]
    return Group((Member(kept, "kept", None), *others), reason, rule.text)


# Another file is kept ---------------------------------------------------------------------


def settle_again(
    search: Search, wishes: Sequence[KeepWish], options: RunOptions
) -> list[Group | None]:
    """Compare the files of groups with others that are to be kept, as a search does.

    What a file is to the kept one holds for that one alone, so the files of the groups are searched
    once more, by the same method, with the wish as a decision. What was read and verified before
    comes from the cache.

    Parameters
    ----------
    search : Search
    wishes : sequence of KeepWish
    options : RunOptions

    Returns
    -------
    list of Group or None
        See `Source.settle`.
    """
    pictures = {m.picture.file.path: m.picture for w in wishes for m in w.group.members}
    references = [path for path, one in pictures.items() if one.file.reference]
    named = DiscoverOptions(default_excludes=False, reference=references)
    options = replace(options, discover=named, min_pixels=0)
    own = [path for path in pictures if path not in set(references)]
    criterion = {k: v for k, v in search.criterion.items() if k not in ("isolate", "skip_masks")}
    found = Search(search.method, criterion).find(own, options, list(map(_as_decision, wishes)))
    by_kept = {group.kept.file.path: group for group in found.groups}
    read = {m.picture.file.path: m.picture for g in found.groups for m in g.members}
    return [_joined(wish, by_kept.get(wish.path), read, search.rules) for wish in wishes]


def _member_of(group: Group, path: str) -> Member:
    return next(member for member in group.members if member.picture.file.path == path)


def _exchanged(wish: KeepWish, rules: Rules) -> Group | None:
    """The group with another file of the same bytes kept; None where more has to be known."""
    group = wish.group
    chosen = _member_of(group, wish.path)
    pictures = [chosen.picture, *(m.picture for m in group.members if m is not chosen)]
    may_match = MayMatch(pictures, rules)
    if chosen.picture.digest != group.kept.digest or not all(
        bool(may_match(0, place)) for place in range(1, len(pictures))
    ):
        return None
    before = replace(
        group.members[0], kind="exact", distance=0.0, role="exact", why="the same bytes"
    )
    rest = [m for m in group.members[1:] if m is not chosen]
    kept = Member(chosen.picture, "kept", None)
    return replace(group, members=(kept, before, *rest), keep_reason="chosen by you", keep_rule="")


def _as_decision(wish: KeepWish) -> Decision:
    kept = _member_of(wish.group, wish.path)
    others = [m for m in wish.group.members if m is not kept]
    files = tuple(DecidedFile.of(m.picture, m.picture.sample_digest) for m in (kept, *others))
    return Decision("keep", files, "2000-01-01T00:00:00.000000Z")


def _joined(
    wish: KeepWish, found: Group | None, read: Mapping[str, Picture], rules: Rules
) -> Group | None:
    """The group of a wish: members that match the file that is kept, then the others."""
    before = {member.picture.file.path: member.picture for member in wish.group.members}
    for path, picture in before.items():
        if path in read and read[path].digest != picture.digest:
            return None
    kept = before[wish.path]
    matched = found.members[1:] if found is not None else ()
    may_match = MayMatch([kept, *before.values()], rules)
    place = {path: number for number, path in enumerate(before, 1)}
    members = [
        replace(m, picture=before[path], decision=None, decided=False)
        for m in matched
        if (path := m.picture.file.path) in before and bool(may_match(0, place[path]))
    ]
    there = {m.picture.file.path for m in members} | {wish.path}
    others = [
        Member(picture, kind_of(kept, picture), None, why="does not match the file that you keep")
        for path, picture in before.items()
        if path not in there
    ]
    first = Member(kept, "kept", None)
    return replace(
        wish.group,
        members=(first, *members, *others),
        keep_reason="chosen by you",
        keep_rule="",
        decided=(),
    )
