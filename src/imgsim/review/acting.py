"""What ends a review: plans are written, carried out and taken back."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from imgsim.act.apply import apply
from imgsim.act.interrupted import how_to_go_on
from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Applied, Undone
from imgsim.act.paths import native, shown
from imgsim.act.plan import Plan
from imgsim.act.plan_file import write_plan
from imgsim.act.run_list import RunInfo, list_runs
from imgsim.act.select import FOLDER, Left
from imgsim.act.undo import undo
from imgsim.act.verify import ContentVerifier
from imgsim.addresses import printable
from imgsim.decisions.store import Decisions
from imgsim.errors import ImgsimError, UsageError
from imgsim.escapes import escaped_rest
from imgsim.read.discover import DiscoverOptions
from imgsim.report.units import count
from imgsim.review.model import ReviewGroup
from imgsim.review.progress import Ended, Shown
from imgsim.review.session import NotNow, Session, said_of

Kind = Literal["plan", "dry-run", "apply", "undo"]

_SHOWN = 200
"""Files that an outcome names; the others are counted."""


@dataclass(slots=True)
class Job:
    """Something that takes its time.

    Attributes
    ----------
    kind : str
    progress : Shown
    running : bool
    result : dict or None
        What came of it.
    error : dict or None
        What went wrong.
    done : Event
    """

    kind: Kind
    progress: Shown
    running: bool = True
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class _DryRun:
    """What a dry run was about, and what it said.

    Attributes
    ----------
    of : (int, bool), or None
        The revision of the answers, and whether groups without an answer count.
    left_out : frozenset of str
        Groups of which files had changed.
    moved, whole_folders : frozenset of bytes
        Files that would go; and that stay, since most of their folder would.
    plan : Plan or None
        What it was a dry run of, with the sidecars and folders as they were then.
    """

    of: tuple[int, bool] | None = None
    left_out: frozenset[str] = frozenset()
    moved: frozenset[bytes] = frozenset()
    whole_folders: frozenset[bytes] = frozenset()
    plan: Plan | None = None


class Acting:
    """Writes plans, and carries them out, one thing at a time.

    Parameters
    ----------
    session : Session
    plan_path : Path or None
        Where plans are written; by default to a new file in the working directory.
    history : Path, optional
        The folder of the runs; the user's own by default.
    """

    def __init__(
        self, session: Session, plan_path: Path | None = None, history: Path | None = None
    ) -> None:
        self._session = session
        self._history = history
        self._plan_path = plan_path
        self._written_at: int | None = None
        self._dry_run: _DryRun | None = None
        self._job: Job | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.runs: list[dict[str, Any]] = []
        self.interrupted = False
        session.extra = self.document
        session.notes = [
            f"run {run.name} was interrupted: its files are left alone; {how_to_go_on(run.name)}"
            for run in self.interrupted_runs()
        ]

    def interrupted_runs(self) -> list[RunInfo]:
        """Return the runs that are not finished and whose files may be some of the review's."""
        roots = self._session.source.roots
        try:
            runs = list_runs(self._history)
        except (ImgsimError, OSError):  # an apply will say so
            return []
        return [
            run
            for run in runs
            if run.state == "interrupted" and any(_overlap(run.root, root) for root in roots)
        ]

    def document(self) -> dict[str, Any]:
        """The parts of the state that are about plans and runs."""
        job, path = self._job, self._plan_path
        written = self._written_at is not None
        return {
            "plan": {
                "path": printable(str(path)) if path else None,
                "written": written,
                "stale": written and self._written_at != self._session.revision,
            },
            "run": self.runs[-1] if self.runs else None,
            "job": None
            if job is None
            else {
                "kind": job.kind,
                "running": job.running,
                "progress": job.progress.document() if job.running else None,
                "result": job.result,
                "error": job.error,
            },
        }

    # Jobs ---------------------------------------------------------------------------------

    def write_plan(self, name: str | None, *, undecided: bool) -> Job:
        """Write a plan of the accepted groups.

        Parameters
        ----------
        name : str or None
            Of a new file in the working directory.
        undecided : bool
            Also of the groups that nobody decided on.
        """
        path = self._plan_path if name is None else _new_file(name)
        return self._start("plan", lambda job: self._write(path, undecided))

    def dry_run(self, *, undecided: bool) -> Job:
        """Say what `apply` would do."""
        return self._start("dry-run", lambda job: self._apply(job, undecided, False, yes=False))

    def apply(self, *, undecided: bool, whole_folders: bool) -> Job:
        """Move what is not needed beside the accepted files into the quarantine.

        Parameters
        ----------
        undecided : bool
            As for the dry run before it.
        whole_folders : bool
            Also where most of a folder goes.

        Raises
        ------
        NotNow
            There was no dry run of the answers as they are.
        """
        self._check_agreed(self._session.revision, undecided)
        return self._start(
            "apply", lambda job: self._apply(job, undecided, whole_folders, yes=True)
        )

    def undo(self, run: str) -> Job:
        """Bring back what a run of this review moved."""
        if run not in [one["id"] for one in self.runs if not one["undone"]]:
            raise NotNow("this run is none of the review, or was undone", "imgsim runs lists all")
        return self._start("undo", lambda job: self._undo(job, run))

    def _start(self, kind: Kind, work: Callable[[Job], dict[str, Any]]) -> Job:
        session = self._session
        if session.phase != "ready":
            raise NotNow("the pictures are still being read", "wait until that is done")
        with self._lock:
            self.check_idle()
            progress = Shown(session.touch, session.ended)
            job = self._job = Job(kind, progress)
        self._thread = threading.Thread(target=self._run, args=(job, work), name=f"review-{kind}")
        self._thread.start()
        session.touch()
        return job

    def _run(self, job: Job, work: Callable[[Job], dict[str, Any]]) -> None:
        try:
            job.result = work(job)
        except Ended:
            self.interrupted = job.kind in ("apply", "undo")
            job.error = {"error": "it was stopped", "hint": "imgsim runs says how far it came"}
        except Exception as error:
            text, hint = said_of(error)
            job.error = {"error": text, "hint": hint}
        finally:
            job.running = False
            job.done.set()
            self._session.touch()

    def check_idle(self) -> None:
        """Raise `NotNow` while something is done."""
        if self._job is not None and self._job.running:
            raise NotNow("something is being done", "wait until it is done; Ctrl-C stops it")

    def join(self) -> None:
        """Wait until what runs has ended; it stops before the next file once the review ends."""
        if self._thread is not None:
            self._thread.join()

    # What they do -------------------------------------------------------------------------

    def _plan(self, undecided: bool) -> tuple[Plan, list[ReviewGroup], int]:
        """A plan, the groups that are left out since a file of them changed, and its revision.

        Decisions are read anew for it, whoever made them.

        Raises
        ------
        DecisionsUnusable
        """
        session = self._session
        session.wait_until_settled()
        with session.lock:
            session.take_in()
            wanted = [
                group
                for group in session.groups.values()
                if not group.pending and not group.moved and group.going(undecided=undecided)
            ]
            changed = [group for group in wanted if session.look_for_changes(group)]
            revision = session.revision
            plan = session.source.plan(
                [group for group in wanted if not group.changed],
                session.metadata,
                undecided=undecided,
            )
            self._check_places(plan)
        return plan, changed, revision

    def _check_places(self, plan: Plan) -> None:
        """Refuse a plan that names files elsewhere than they were when they were shown.

        Raises
        ------
        NotNow
        """
        shown_at = {os.path.normcase(path) for path in self._session.real_paths.values()}
        for group in plan.groups:
            for file in (group.keep, *(one.file for one in group.removals)):
                path = _absolute(plan.root, file.path)
                if os.path.normcase(path) not in shown_at:
                    raise NotNow(
                        f"{printable(path)} is not where it was when it was shown",
                        "nothing was moved; start the review again",
                    )

    def _write(self, path: Path | None, undecided: bool) -> dict[str, Any]:
        plan, changed, revision = self._plan(undecided)
        removals = [removal for _, removal in plan.removals]
        if path is None:
            path = Path.cwd() / f"imgsim-plan-{time.strftime('%Y%m%d-%H%M%S')}.json"
            path = _free(path)
        _write_whole(path, "".join(write_plan(plan)).encode())
        self._plan_path = path
        self._written_at = revision
        return {
            "path": printable(str(path)),
            "groups": len(plan.groups),
            "removals": len(removals),
            "bytes": str(sum(one.file.size_bytes for one in removals)),
            "left_out": len(changed),
        }

    def _apply(
        self, job: Job, undecided: bool, whole_folders: bool, *, yes: bool
    ) -> dict[str, Any]:
        session = self._session
        plan, changed, revision = self._plan(undecided)
        if yes:
            said = self._dry_run or _DryRun()
            changed_since = {group.id for group in changed} - said.left_out
            if changed_since:
                raise NotNow(
                    f"files of {count(len(changed_since), 'group')} changed since they were shown",
                    "nothing was moved; look at what would be done again",
                )
            self._check_agreed(revision, undecided)
            # what the dry run held back stays, whatever has come to its folder since
            plan = _only(plan, said.moved | (said.whole_folders if whole_folders else frozenset()))
            plan = _with_company_of(said.plan or plan, plan)
            if not list(plan.removals):
                raise NotNow("there is nothing that could be moved", "accept groups first")
        # `apply` leaves alone what is decided meanwhile; it reads the file in its own thread
        store = session.answers.decisions
        decisions = store if store.path is None else Decisions(store.path)
        # what it reads is named one by one
        options = replace(session.options, progress=job.progress, discover=DiscoverOptions())
        applied = apply(
            plan,
            ApplyOptions(yes_folders=whole_folders),
            yes=yes,
            verifier=ContentVerifier(options),
            history=self._history,
            progress=job.progress,
            decisions=decisions,
        )
        if yes:
            self._moved(applied)
        else:
            self._dry_run = _DryRun(
                (revision, undecided),
                frozenset(group.id for group in changed),
                frozenset(one.path for one in applied.removed),
                frozenset(one.path for one in applied.left if one.reason == FOLDER),
                plan,
            )
        return _applied_document(applied, len(changed))

    def _check_agreed(self, revision: int, undecided: bool) -> None:
        """Refuse what the last dry run was not about.

        Raises
        ------
        NotNow
        """
        if self._dry_run is None or self._dry_run.of != (revision, undecided):
            raise NotNow("the answers changed since it was said what would be done", "look again")

    def _moved(self, applied: Applied) -> None:
        run = {
            "id": applied.run,
            "moved": len(applied.removed),
            "bytes": str(applied.moved_bytes),
            "undone": False,
            "complete": applied.complete,
        }
        self.runs.append(run)
        paths = {_absolute(applied.root, one.path) for one in applied.removed}
        self._mark(lambda path, moved: moved or path in paths)

    def _undo(self, job: Job, run: str) -> dict[str, Any]:
        undone = undo(run, history=self._history, progress=job.progress)
        entry = next(one for one in self.runs if one["id"] == run)
        entry["undone"] = undone.complete
        paths = {_absolute(undone.root, path) for path in undone.restored}
        self._mark(lambda path, moved: moved and path not in paths)
        return _undone_document(undone)

    def _mark(self, is_moved: Callable[[str, bool], bool]) -> None:
        """Note which files are in the quarantine."""
        session = self._session
        changed = []
        for group in session.groups.values():
            moved = frozenset(
                p.file.path
                for p in group.pictures
                if is_moved(_real(p.file.path), p.file.path in group.moved)
            )
            if moved != group.moved:
                group.moved = moved
                changed.append(group)
        session.note_groups(changed)


def _overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or lies below it."""
    paths = sorted(os.path.join(os.path.normcase(path), "") for path in (one, other))
    return paths[1].startswith(paths[0])


def _real(path: str) -> str:
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _absolute(root: str, path: bytes) -> str:
    return os.path.join(root, native(path))


def _new_file(name: str) -> Path:
    """A new file of the working directory."""
    if not name or name != os.path.basename(name) or name.startswith(".") or "\0" in name:
        raise UsageError("a plan is written into the working directory", "give a name alone")
    path = Path.cwd() / (name if name.endswith(".json") else f"{name}.json")
    if path.exists():
        raise UsageError(f"{printable(path.name)} is there already", "give another name")
    return path


def _free(path: Path) -> Path:
    """A path at which nothing is."""
    number, free = 2, path
    while free.exists():
        free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return free


def _write_whole(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            with part.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write {printable(str(path))}: {error.strerror}", "nothing was lost"
        ) from None


def _only(plan: Plan, paths: frozenset[bytes]) -> Plan:
    """A plan without the removals of other files."""
    groups = (
        replace(group, removals=tuple(one for one in group.removals if one.file.path in paths))
        for group in plan.groups
    )
    return replace(plan, groups=tuple(group for group in groups if group.removals))


def _with_company_of(before: Plan, plan: Plan) -> Plan:
    """A plan with the sidecars and folders of an earlier one: none that came since goes along."""
    beside = {one.file.path: one.sidecars for _, one in before.removals}
    groups = (
        replace(
            group,
            removals=tuple(
                replace(one, sidecars=beside.get(one.file.path, ())) for one in group.removals
            ),
        )
        for group in plan.groups
    )
    return replace(plan, groups=tuple(groups), folders=before.folders)


def _applied_document(applied: Applied, left_out: int) -> dict[str, Any]:
    asked = [one for one in applied.left if one.asked_for]
    return {
        "dry_run": applied.dry_run,
        "run": applied.run or None,
        "root": printable(applied.root),
        "moved": len(applied.removed),
        "bytes": str(applied.moved_bytes),
        "sidecars": sum(len(one.sidecars) for one in applied.removed),
        "losses": [
            f"{shown(loss.path)} {loss.why}" for one in applied.removed for loss in one.losses
        ][:_SHOWN],
        "files": [
            {
                "path": shown(one.path),
                "kept": shown(one.kept),
                "role": one.role,
                "by_decision": one.by_decision,
            }
            for one in applied.removed[:_SHOWN]
        ],
        "left": _left_documents(asked),
        "reasons": [{"reason": escaped_rest(reason), "files": n} for reason, n in applied.reasons],
        "whole_folders": sum(one.reason == FOLDER for one in asked),
        "left_out": left_out,
        "stopped": applied.stopped,
        "complete": applied.complete,
    }


def _left_documents(left: list[Left]) -> list[dict[str, str]]:
    return [{"path": shown(o.path), "reason": escaped_rest(o.reason)} for o in left[:_SHOWN]]


def _undone_document(undone: Undone) -> dict[str, Any]:
    return {
        "run": undone.run,
        "restored": len(undone.restored),
        "left": _left_documents(list(undone.left)),
        "stopped": undone.stopped,
        "complete": undone.complete,
    }
