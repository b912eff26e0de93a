"""The state of one review: its groups, what was decided of them, and who may write."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from imgsim.addresses import Address, printable
from imgsim.decisions.lookup import samples_of_named
from imgsim.decisions.records import ManyAnswer
from imgsim.decode.metadata import Metadata
from imgsim.errors import ImgsimError, UsageError
from imgsim.escapes import escaped_rest
from imgsim.read.content import read_bytes
from imgsim.read.equal_samples import sample_digests_of
from imgsim.read.metadata import metadata_of
from imgsim.read.options import RunOptions
from imgsim.review.answers import Answers, Step
from imgsim.review.documents import Folders, entry_document, group_document, in_order
from imgsim.review.model import Found, ReviewGroup
from imgsim.review.progress import Ended, Shown
from imgsim.review.sources import KeepWish, Source
from imgsim.review.writers import Writers
from imgsim.types import NEVER_REMOVED, Group, Member, Picture

Phase = Literal["reading", "ready", "failed"]

_IDLE_SECONDS = 0.2
_WISHES_AT_ONCE = 500
_SAMPLED_AT_ONCE = 64
_WRITTEN_AT_ONCE = 2000
_LOOK_OUTSIDE_SECONDS = 1.0


class NotThere(UsageError):
    """A group or a file that was asked for is none of this review."""


class NotNow(UsageError):
    """What was asked for cannot be done as things stand; nothing was changed."""


class Session:
    """One review. Its methods may be called from any thread.

    Parameters
    ----------
    source : Source
    answers : Answers
    options : RunOptions
    writers : Writers
        Who may write.

    Attributes
    ----------
    warnings, notes : list of str
        What the page says above the groups: of the reading, and of what was there before.
    real_paths : dict of str to str
        Where each file really lay when it was shown, by its path; empty for one that did not lie
        below what was scanned.
    """

    def __init__(
        self, source: Source, answers: Answers, options: RunOptions, writers: Writers
    ) -> None:
        self.source = source
        self.answers = answers
        self.options = options
        self.writers = writers
        self.lock = threading.RLock()
        self.ended = threading.Event()
        self.phase: Phase = "reading"
        self.error: dict[str, str] | None = None
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self.generation = 0
        self.revision = 0
        self.version = 0
        self.groups: dict[str, ReviewGroup] = {}
        self.metadata: dict[str, Metadata] = {}
        self.folders = Folders()
        self.images = 0
        self.skipped = 0
        self.reading = Shown(self.touch, self.ended)
        self.extra: Callable[[], dict[str, Any]] = dict
        self._counted: tuple[tuple[int, int], dict[str, Any]] | None = None
        self._changed_at: dict[str, int] = {}
        self._settled: dict[str, dict[str, Group]] = {}
        self._wishes: dict[str, str] = {}
        self._file_ids: dict[str, str] = {}
        self._entries: dict[str, tuple[int, dict[str, Any]]] = {}
        self._files: dict[str, tuple[Picture, str]] = {}
        self._unsampled: dict[tuple[object, ...], list[Picture]] = {}
        self._same: dict[str, tuple[int, int]] = {}
        self.real_paths: dict[str, str] = {}
        self._roots = _all_roots(source, options)
        self._looked_outside = time.monotonic()
        self._sampled: dict[tuple[object, ...], None] = {}
        self._wake = threading.Condition(self.lock)
        self._threads: list[threading.Thread] = []

    # Threads ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read, and to compare in the background."""
        for work in (self._read, self._work):
            thread = threading.Thread(target=work, name=f"review{work.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self) -> None:
        """End what runs; answers are on disk."""
        self.ended.set()
        with self._wake:
            self._wake.notify_all()
        self.touch()

    def join(self, seconds: float) -> None:
        """Wait for the threads, each so long at most."""
        for thread in self._threads:
            thread.join(seconds)

    def touch(self) -> None:
        """Note that the state is another one now."""
        self.version += 1

    def _read(self) -> None:
        try:
            for found in self.source.find(self.reading):
                self._take(found)
        except Ended:
            return
        except Exception as error:
            if not self.ended.is_set():
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        text, hint = said_of(error)
        with self.lock:
            self.phase = "failed"
            self.error = {"text": escaped_rest(text), "hint": escaped_rest(hint)}
            self.touch()

    def _take(self, found: Found) -> None:
        """Put groups in the place of those that were there."""
        if found.complete:
            self._look_up_samples(found.groups)
        real_paths = self._really(member.picture for g in found.groups for member in g.members)
        with self.lock:
            self.real_paths = real_paths
            self.generation += 1
            self.metadata = dict(found.metadata)
            self.images, self.skipped = found.images, found.skipped
            self.warnings = [*found.warnings, *self.reading.notes]
            chosen = found.chosen or (None,) * len(found.groups)
            groups = [
                ReviewGroup(f"{self.generation}-{number}", group, group, chosen=own)
                for number, (group, own) in enumerate(zip(found.groups, chosen, strict=True), 1)
            ]
            self._settled, self._wishes, self._files, self._entries = {}, {}, {}, {}
            self.folders = Folders()
            self.groups = {group.id: group for group in in_order(groups)}
            for group in self.groups.values():
                for picture in group.pictures:
                    self._files[self.file_id(picture.file.path)] = picture, group.id
                self._refresh(group)
                self._entry(group)  # the page asks for all of them first
            self.revision += 1
            if found.complete:
                self.phase = "ready"
                self._sample_what_was_left()
            self._wake.notify_all()
            self.touch()

    def _really(self, pictures: Iterable[Picture]) -> dict[str, str]:
        """Say where files really lie, by their paths."""
        roots = self._roots
        real_paths: dict[str, str] = {}
        for picture in pictures:
            path = picture.file.path
            if not isinstance(path, Address):
                real = os.path.realpath(path)
                real_paths[path] = real if not roots or _lies_in(real, roots) else ""
        return real_paths

    def _look_up_samples(self, groups: Iterable[Group]) -> None:
        """Find pictures that decisions name by their samples alone."""
        pictures = [member.picture for group in groups for member in group.members]
        options = replace(self.options, progress=self.reading)
        known = samples_of_named(self.answers.decisions, pictures, options)
        self.answers.note_samples({k: v for k, v in known.items() if v is not None})

    def _work(self) -> None:
        """Compare files with those that are to be kept, then take digests of samples."""
        while not self.ended.is_set():
            try:
                busy = self._tried(self._settle_some, self._give_up_wishes)
                busy = busy or self._tried(self._sample_some, self._unsampled.clear)
                self._tried(self._take_in_from_outside, lambda: None)
            except Ended:
                return
            if not busy:
                with self._wake:
                    self._wake.wait(_IDLE_SECONDS)

    def _tried(self, work: Callable[[], bool], give_up: Callable[[], None]) -> bool:
        """Do some work; what goes wrong is said on the page, and not tried again."""
        try:
            return work()
        except Exception as error:
            with self.lock:
                text = ": ".join(filter(None, said_of(error)))
                if text not in self.warnings:
                    self.warnings.append(text)
                give_up()
                self.touch()
            return False

    def _give_up_wishes(self) -> None:
        """Leave groups as they are whose files cannot be compared: nothing of them is removed."""
        for group_id, path in self._wishes.copy().items():
            group = self.groups[group_id]
            self._settled[group_id][path] = _with_kept(group.proposed, path)
            self._refresh(group)
            self._note(group)

    def _take_in_from_outside(self) -> bool:
        """Take in what was decided by another review, or on the command line."""
        if time.monotonic() - self._looked_outside < _LOOK_OUTSIDE_SECONDS:
            return False
        self._looked_outside = time.monotonic()
        if self.phase != "ready" or not self.answers.changed_outside():
            return False
        self.take_in()
        return True

    def take_in_if_changed(self) -> None:
        """Take in what was decided elsewhere, if there is anything; see `take_in`."""
        if self.answers.changed_outside():
            self.take_in()

    def take_in(self) -> None:
        """Read what was decided elsewhere, and note the groups that it changes.

        Raises
        ------
        DecisionsUnusable
        """
        with self.lock:
            self.answers.refresh()
            changed = []
            for group in self.groups.values():
                before = group.current, group.answer
                self._refresh(group)
                if before != (group.current, group.answer):
                    changed.append(group)
            self.note_groups(changed)

    def wait_until_settled(self) -> None:
        """Wait until every file was compared with the one that is to be kept."""
        while self._wishes and not self.ended.is_set():
            time.sleep(0.05)

    def _settle_some(self) -> bool:
        with self.lock:
            some = dict(list(self._wishes.items())[:_WISHES_AT_ONCE])
            wishes = [KeepWish(self.groups[i].proposed, path) for i, path in some.items()]
        if not wishes:
            return False
        silent = Shown(self.touch, self.ended)
        settled = self.source.settle(wishes, silent)
        fresh = [m.picture for group in settled if group for m in group.members]
        unknown = [p for p in fresh if p.digest not in self.metadata]
        options = replace(self.options, progress=silent)
        more = metadata_of(unknown, options) if unknown else {}
        with self.lock:
            self.metadata |= more
            for (group_id, path), group in zip(some.items(), settled, strict=True):
                if self._wishes.get(group_id) == path:
                    del self._wishes[group_id]
                review = self.groups.get(group_id)
                if review is None:
                    continue
                if group is None:
                    self.look_for_changes(review)
                    group = _with_kept(review.proposed, path)
                self._settled.setdefault(group_id, {})[path] = group
                before = review.current, review.answer, review.pending
                self._refresh(review)
                if before != (review.current, review.answer, review.pending):
                    self._note(review)  # else the wish was taken back meanwhile
            self.touch()
        return True

    def _sample_some(self) -> bool:
        """Take digests of samples for decisions that were made without, and write them there.

        Decisions are written anew for it, so many are completed at once.
        """
        with self.lock:
            if self.phase != "ready" or not (self._unsampled or self._sampled):
                return False
            some = dict(list(self._unsampled.items())[:_SAMPLED_AT_ONCE])
            read = {picture.digest: picture for picture, _ in self._files.values()}
        pictures = {p.digest: read.get(p.digest, p) for own in some.values() for p in own}
        wanted = [
            p for d, p in pictures.items()
            if not (p.sample_digest or d in self.answers.samples or p.facts.raw or p.facts.damage)
        ]  # fmt: skip
        silent = Shown(self.touch, self.ended)
        known = sample_digests_of(wanted, replace(self.options, progress=silent)) if wanted else {}
        with self.lock:
            self.answers.note_samples({k: v for k, v in known.items() if v is not None})
            for content in some:
                self._unsampled.pop(content, None)
            self._sampled |= dict.fromkeys(some)
            if len(self._sampled) >= _WRITTEN_AT_ONCE or not self._unsampled:
                contents, self._sampled = set(self._sampled), {}
                self.answers.complete(contents, read)
        return True

    # What the page asks -------------------------------------------------------------------

    def file_id(self, path: str) -> str:
        """The id of a file, which stays when the groups are replaced."""
        return self._file_ids.setdefault(path, f"f{len(self._file_ids) + 1}")

    def group(self, group_id: str) -> ReviewGroup:
        """Return a group by its id.

        Raises
        ------
        NotThere
        """
        group = self.groups.get(group_id)
        if group is None:
            raise NotThere("this group is not there any more", "look at the list again")
        return group

    def picture(self, file_id: str) -> Picture:
        """Return a picture by its id.

        Raises
        ------
        NotThere
        """
        known = self._files.get(file_id)
        if known is None:
            raise NotThere("this file is none of the review", "look at the list again")
        return known[0]

    def state(self, tab: str) -> dict[str, Any]:
        """Return the state as one tab sees it."""
        with self.lock:
            return {
                "phase": self.phase,
                "progress": self.reading.document() if self.phase == "reading" else None,
                "error": self.error,
                "source": {
                    "kind": self.source.kind,
                    "title": self.source.title,
                    "paths": [printable(path) for path in self.source.paths],
                },
                "generation": self.generation,
                "revision": self.revision,
                **self.figures(),
                "images": self.images,
                "skipped": self.skipped,
                "settling": len(self._wishes),
                "can_take_back": bool(self.answers.steps),
                "writer": self.writers.may_write(tab),
                "warnings": [*map(escaped_rest, (*self.notes, *self.warnings)), *self._of_others()],
                **self.extra(),
            }

    def figures(self) -> dict[str, Any]:
        """How many groups there are and were decided, and the bytes of them."""
        key = self.generation, self.revision
        if self._counted is None or self._counted[0] != key:
            groups = list(self.groups.values())
            here = [(group, group.gain) for group in groups if not group.moved]
            figures = {
                "groups": len(groups),
                "decided": sum(group.answer not in (None, "mixed") for group in groups),
                "removable_bytes": str(sum(gain for _, gain in here)),
                "decided_bytes": str(
                    sum(m.picture.file.freed_bytes for g, _ in here for m in g.going())
                ),
            }
            self._counted = key, figures
        return self._counted[1]

    def _of_others(self) -> list[str]:
        if not self.writers.other_review:
            return []
        return ["another review of these files decides; take over to decide here"]

    def entries(self, since: int | None = None) -> dict[str, Any]:
        """Return the entries of all groups, or of those that changed after a revision."""
        with self.lock:
            groups = [
                group
                for group in self.groups.values()
                if since is None or self._changed_at.get(group.id, 0) > since
            ]
            made = [self._entry(group) for group in groups]
            return {
                "generation": self.generation,
                "revision": self.revision,
                "groups": made,
                "folders": self.folders.names,
            }

    def _entry(self, group: ReviewGroup) -> dict[str, Any]:
        """The entry of a group, made once for each change of it."""
        changed = self._changed_at.get(group.id, 0)
        known = self._entries.get(group.id)
        if known is None or known[0] != changed:
            made = entry_document(group, self.metadata, self.folders, self.file_id)
            self._entries[group.id] = known = changed, made
        return known[1]

    def details(self, group_id: str) -> dict[str, Any]:
        """Return the details of a group; its files are looked at for changes."""
        group = self.group(group_id)
        self.look_for_changes(group)
        with self.lock:
            document = group_document(group, self.metadata, self.file_id)
            return {**document, "generation": self.generation, "revision": self.revision}

    # Answers ------------------------------------------------------------------------------

    def check_writer(self, tab: str) -> None:
        """Raise `NotNow` if a tab may not write."""
        if not self.writers.may_write(tab):
            raise NotNow("another tab or person decides here", "take over to decide in this one")

    def check_shown(self, ids: Sequence[str], revision: int) -> None:
        """Refuse to answer groups that are another by now than they were shown.

        Parameters
        ----------
        ids : sequence of str
        revision : int
            Up to which the page knows what was decided.

        Raises
        ------
        NotNow
            It was shown as it was before.
        NotThere, DecisionsUnusable
        """
        with self.lock:
            if self.phase == "ready":
                self.take_in_if_changed()
            groups = [self.group(one) for one in ids]
            later = [g for g in groups if self._changed_at.get(g.id, 0) > revision]
            if len(groups) == 1 and later and later[0].changed:
                raise _changed_files(later[0])
            if later or not 0 <= revision <= self.revision:
                raise NotNow("something else was decided of this since it was shown", "look again")

    def answer(self, ids: Sequence[str], answer: ManyAnswer, keep: str | None = None) -> list[str]:
        """Answer groups; what was decided is on disk when this returns.

        Parameters
        ----------
        ids : sequence of str
        answer : {"keep", "keep-all", "not-duplicates"}
        keep : str, optional
            The id of the file that is to be kept, of one group; by default the one that is kept.

        Returns
        -------
        list of str
            The groups that were answered.

        Raises
        ------
        NotThere, NotNow, UsageError, DecisionsUnusable
            Nothing was changed.
        """
        groups = [self.group(one) for one in ids]
        wanted: dict[str, Picture] = {}
        if keep is not None:
            if len(groups) != 1:
                raise UsageError("a file is kept in one group", "name one group")
            picture = self.picture(keep)
            if all(picture.file.path != p.file.path for p in groups[0].pictures):
                raise NotThere("this file is not in the group", "look at the group again")
            wanted[groups[0].id] = picture
        return self.answer_each(groups, answer, wanted)

    def answer_each(
        self,
        groups: Sequence[ReviewGroup],
        answer: ManyAnswer,
        keep: dict[str, Picture],
        stay: Mapping[str, Sequence[Picture]] = MappingProxyType({}),
    ) -> list[str]:
        """Answer groups, each with the files that are to be kept in it; see `Answers.give`."""
        for group in groups:
            self.look_for_changes(group)
            kept = keep.get(group.id) or group.kept
            if group.changed:
                if len(groups) == 1:
                    raise _changed_files(group)
            elif answer == "keep" and kept.facts.damage and _has_whole(group):
                raise NotNow("a damaged file is not kept for its whole copy", "keep the whole one")
        able = [group for group in groups if not group.changed and not group.moved]
        if not able:
            raise NotNow("the files of these groups were changed or moved", "")
        with self.lock:
            shown = {
                group.id: {m.picture.file.path for m in group.removable}
                for group in able
                if answer == "keep" and not group.pending
                and (keep.get(group.id) or group.kept).file.path == group.kept.file.path
            }  # fmt: skip
            step = self.answers.give(able, answer, keep, stay)
            self._sample_later(step, able)
            self._take_step(step)
            for group in able:
                may_go = {m.picture.file.path for m in group.removable}
                if group.id in shown and not may_go <= shown[group.id]:
                    self.take_back()
                    raise NotNow("more of these files may go than was shown", "look again")
        return [group.id for group in able]

    def remove_one(self, group_id: str, file_id: str) -> list[str]:
        """Answer that one file of a group may go, whatever it is to the kept one.

        Parameters
        ----------
        group_id, file_id : str

        Returns
        -------
        list of str
            The group.

        Raises
        ------
        NotThere, NotNow, DecisionsUnusable
            Nothing was changed.
        """
        group, picture = self.group(group_id), self.picture(file_id)
        self.look_for_changes(group)
        with self.lock:
            path = picture.file.path
            member = next((m for m in group.current.members if m.picture.file.path == path), None)
            if member is None or member.kind == "kept":
                raise NotThere("this file is not beside the kept one", "look at the group again")
            if group.changed or group.moved:
                raise NotNow("files of this group were changed or moved", "")
            if not group.can_be_removed(member):
                raise NotNow(
                    f"{printable(os.path.basename(path))} cannot be removed: {_why_never(member)}",
                    "keep that one instead, or leave both",
                )
            step = self.answers.give_one(group, member.picture)
            self._sample_later(step, [group])
            self._take_step(step)
        return [group.id]

    def forget(self, ids: Sequence[str]) -> None:
        """Forget what was decided of some groups; see `answer`."""
        with self.lock:
            self._take_step(self.answers.forget([self.group(one) for one in ids]))

    def take_back(self) -> list[str]:
        """Take the last answer back, or the last answers if they were given at once.

        Raises
        ------
        NotNow
            Files of these groups are in the quarantine.
        UsageError, DecisionsUnusable
        """
        with self.lock:
            last = self.answers.steps[-1].groups if self.answers.steps else ()
            if any(self.groups[one].moved for one in last if one in self.groups):
                raise NotNow("files of this answer were moved by the apply", "undo that first")
            step = self.answers.take_back()
            self._take_step(step)
        return [one for one in step.groups if one in self.groups]

    def _take_step(self, step: Step) -> None:
        known = [self.groups[one] for one in step.groups if one in self.groups]
        if len(known) < len(step.groups):  # of groups that were replaced since
            known = list(self.groups.values())
        self.revision += 1
        for group in known:
            self._refresh(group)
            self._changed_at[group.id] = self.revision
        self._wake.notify_all()
        self.touch()

    def _sample_later(self, step: Step, groups: Sequence[ReviewGroup]) -> None:
        pictures = {p.digest: p for group in groups for p in group.pictures}
        for decision in step.added:
            own = [pictures[f.digest] for f in decision.files if f.digest in pictures]
            if any(file.pixel_digest is None for file in decision.files):
                self._unsampled[decision.content] = own

    def _sample_what_was_left(self) -> None:
        """Remember decisions that were made without digests of samples, before this review too."""
        pictures = {
            picture.digest: picture
            for picture, _ in self._files.values()
            if not (picture.facts.raw or picture.facts.damage)
        }
        for decision in self.answers.decisions:
            lacking = [file.digest for file in decision.files if file.pixel_digest is None]
            own = [pictures[digest] for digest in lacking if digest in pictures]
            if own:
                self._unsampled[decision.content] = own

    def _refresh(self, group: ReviewGroup) -> None:
        """Bring a group to what the decisions say."""
        decided = self.answers.of(group.proposed)
        path = decided.kept_instead(group.proposed)
        group.pending = False
        self._wishes.pop(group.id, None)
        if path is None:
            current = group.proposed
        else:
            settled = self._settled.setdefault(group.id, {})
            known = settled.get(path)
            if known is None:
                known = self.source.settle_at_once(KeepWish(group.proposed, path))
            if known is not None:
                settled[path] = known
            else:
                self._wishes[group.id] = path
                group.pending = True
            current = known or _with_kept(group.proposed, path)
        group.current = decided.mark(current)
        group.answer = decided.answer(group.current)
        group.accepted = decided.accepted(group.current)

    def _note(self, group: ReviewGroup) -> None:
        self.revision += 1
        self._changed_at[group.id] = self.revision
        self.touch()

    def note_groups(self, groups: Iterable[ReviewGroup]) -> None:
        """Let the page ask for some groups again."""
        some = list(groups)
        if not some:
            return
        with self.lock:
            self.revision += 1
            for group in some:
                self._changed_at[group.id] = self.revision
            self.touch()

    # Files that change --------------------------------------------------------------------

    def look_for_changes(self, group: ReviewGroup) -> bool:
        """Note which files of a group hold something else than when they were read, if any."""
        changed = frozenset(
            picture.file.path
            for picture in group.pictures
            if picture.file.path not in group.moved
            and (self._lies_elsewhere(picture.file.path) or has_changed(picture, self._same))
        )
        with self.lock:
            if changed != group.changed:
                group.changed = changed
                self._note(group)
        return bool(changed)

    def _lies_elsewhere(self, path: str) -> bool:
        """Whether a path leads to another place than when it was shown, by a symbolic link."""
        known = self.real_paths.get(path)
        return known is not None and known != os.path.realpath(path)


def _changed_files(group: ReviewGroup) -> NotNow:
    """The refusal of an answer to a group of which files hold something else by now."""
    return NotNow(
        f"{printable(min(group.changed))} changed since it was shown",
        "start the review again to see it as it is",
    )


def _all_roots(source: Source, options: RunOptions) -> tuple[str, ...]:
    """Real paths below which all files lie; none where links are followed, or files are listed."""
    asked = options.discover
    if asked.follow_symlinks or asked.manifests:
        return ()
    return (*source.roots, *map(os.path.realpath, (*asked.reference, *asked.listed)))


def _lies_in(real: str, roots: Sequence[str]) -> bool:
    """Whether a real path is one of some, or lies below one."""
    return any(real == root or real.startswith(os.path.join(root, "")) for root in roots)


def has_changed(picture: Picture, same: dict[str, tuple[int, int]]) -> bool:
    """Whether a file is gone, or holds something else than when it was read.

    Parameters
    ----------
    picture : Picture
    same : dict of str to (int, int)
        Takes the times and sizes of files that were hashed and are as they were.
    """
    path, file = picture.file.path, picture.file
    try:
        if isinstance(path, Address):
            if path.container and os.path.exists(path.container):
                return False
            return hashlib.sha256(read_bytes(path)[0]).hexdigest() != picture.digest
        status = os.stat(path)
        stamp = status.st_mtime_ns, status.st_size
        if stamp == (file.mtime_ns, file.size_bytes) or same.get(path) == stamp:
            return False
        if hashlib.sha256(read_bytes(path)[0]).hexdigest() != picture.digest:
            return True
        same[path] = stamp
        return False
    except OSError:
        return True


def _why_never(member: Member) -> str:
    """Why nobody may say of a file that it goes."""
    if member.picture.file.reference:
        return "it lies below --reference"
    if isinstance(member.picture.file.path, Address):
        return "it lies in an archive"
    if member.role is None:
        return "it does not match the kept file, or is still being compared with it"
    if member.role in NEVER_REMOVED:
        return "it shows more than the kept file"
    return "the kept file is damaged, or lies in an archive"


def _has_whole(group: ReviewGroup) -> bool:
    return any(not picture.facts.damage for picture in group.pictures)


def _with_kept(group: Group, path: str) -> Group:
    """A group with another file kept, before the others were compared with it."""
    kept = next(m for m in group.members if m.picture.file.path == path)
    others = [Member(m.picture, "near", None) for m in group.members if m.picture.file.path != path]
    first = Member(kept.picture, "kept", None)
    return replace(
        group, members=(first, *others), keep_reason="chosen by you", keep_rule="", decided=()
    )


def said_of(error: Exception) -> tuple[str, str]:
    """Return what is wrong, in one line, and what to do about it."""
    if isinstance(error, ImgsimError):
        return error.message, error.hint
    if isinstance(error, OSError):
        return str(error.strerror or error), "see whether the disk is full or gone"
    text = " ".join(str(error).split())
    return f"internal error: {type(error).__name__}: {text}"[:300], "report it"
