"""The journal of a run: a line before and after each step, on disk before the next one.

A line is a check sum and JSON. One that was cut off by a power cut is as if it were not there.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from imgsim.act import paths
from imgsim.act.files import Attributes, FileSystem, Folder, write_all

JOURNAL = b"journal"
PLAN = b"plan.json"
SCHEMA = "imgsim.run/1"

Kind = Literal["move", "create", "hardlink", "symlink", "clone", "delete", "share", "trash"]
Area = Literal["root", "target"]

NAMING: frozenset[Kind] = frozenset(("move", "share", "trash"))
"""Kinds of steps that begin where the removed file was."""

LINKING: frozenset[Kind] = frozenset(("hardlink", "symlink", "clone"))
"""Kinds of steps that put something in the place of a file that was moved away."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is: below the root of the plan, or below the folder that ``--move`` names."""

    area: Area
    path: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the file system.

    Attributes
    ----------
    unit, number : int
        The removal that it is a part of, and its number in the run.
    kind : str
        ``move``: `origin` goes to `target`; ``create``, ``hardlink``, ``symlink``, ``clone``:
        something is made at `target`; ``delete``: the file at `origin` is removed for good;
        ``share``: it shares the blocks of the kept one now; ``trash``: it went to the system's
        waste basket.
    origin, target : Place
        The same for what has one only.
    sha256 : str
        Of the content of the file that is moved or made.
    size_bytes, mtime_ns, mode : int
    kept : bytes
        The kept file, below the root.
    kept_sha256 : str
    link : bytes
        What a symbolic link points to.
    folder_modes : tuple of int
        Permissions of the folders in which `origin` lies, from the root on.
    made_folders : int
        How many of the folders in which `target` lies, counted from it, were missing.
    """

    unit: int
    number: int
    kind: Kind
    origin: Place
    target: Place
    sha256: str
    size_bytes: int
    mtime_ns: int = 0
    mode: int = 0
    kept: bytes = b""
    kept_sha256: str = ""
    link: bytes = b""
    folder_modes: tuple[int, ...] = ()
    made_folders: int = 0


@dataclass(frozen=True, slots=True)
class Copy:
    """The copy of a file that was moved to another file system.

    Attributes
    ----------
    device, inode : int
        Of the copy.
    attributes : Attributes
        Of the file that was copied.
    """

    device: int
    inode: int
    attributes: Attributes = field(default_factory=Attributes)


@dataclass(slots=True)
class Unit:
    """The steps of one removal, as far as the journal tells.

    Attributes
    ----------
    steps : list of Step
        That were begun.
    copies : dict of int to Copy
        Those that were made, by the number of their step.
    back : bool
        The file is where it was, though not every step could be taken back. Not in the journal.
    complete, reverted, purged : bool
        All steps are done; all were taken back; what was moved away is deleted.
    """

    steps: list[Step] = field(default_factory=list)
    copies: dict[int, Copy] = field(default_factory=dict)
    back: bool = False
    complete: bool = False
    reverted: bool = False
    purged: bool = False


@dataclass(slots=True)
class Record:
    """What the journal of a run tells.

    Attributes
    ----------
    head : dict
        What the run was begun with.
    units : dict of int to Unit
    finished : bool
        It came to its end.
    undone : bool
        Everything was taken back.
    purged : bool
    """

    head: dict[str, Any]
    units: dict[int, Unit] = field(default_factory=dict)
    finished: bool = False
    undone: bool = False
    purged: bool = False

    @property
    def unfinished(self) -> bool:
        """Whether it has to be resumed or undone: it did something, and did not come to its end."""
        return bool(self.units) and not self.finished and not self.undone

    @property
    def interrupted(self) -> list[int]:
        """Units that were begun and neither completed nor taken back."""
        return [n for n, u in self.units.items() if not u.complete and not u.reverted]

    @property
    def standing(self) -> list[int]:
        """Units whose removal holds."""
        return [n for n, u in self.units.items() if u.complete and not u.reverted]

    @property
    def next_step(self) -> int:
        """A number that no step has."""
        return 1 + max((s.number for u in self.units.values() for s in u.steps), default=0)


class Journal:
    """Writes the journal of a run.

    Parameters
    ----------
    fs : FileSystem
    folder : Folder
        Of the run; stays open.

    Attributes
    ----------
    copies : dict of int to Copy
        Those that steps made, by their numbers.
    begun : bool
        It tells of a step, or of how the run ended.
    """

    def __init__(self, fs: FileSystem, folder: Folder) -> None:
        self.fs = fs
        self._file = fs.open_to_append(folder, JOURNAL)
        self.copies: dict[int, Copy] = {}
        self.begun = True

    @classmethod
    def begin(cls, fs: FileSystem, folder: Folder, head: dict[str, Any], plan: bytes) -> Journal:
        """Make the journal of a new run, and keep its plan beside it."""
        file = fs.create_file(folder, PLAN)
        try:
            write_all(fs, file, plan)
            fs.sync_file(file)
        finally:
            fs.close(file)
        fs.close(fs.create_file(folder, JOURNAL))
        journal = cls(fs, folder)
        journal.write({"event": "begin", "schema": SCHEMA, **head})
        fs.sync_folder(folder)
        journal.begun = False
        return journal

    def write(self, record: dict[str, Any]) -> None:
        """Add a line, and wait until it is on disk.

        Raises
        ------
        OSError
            It may be there or not.
        """
        self.begun = True
        text = json.dumps(record, ensure_ascii=True).encode()
        # a line end before it too: what an earlier failure left must not swallow it
        write_all(self.fs, self._file, b"\n%08x %s\n" % (zlib.crc32(text), text))
        self.fs.sync_file(self._file)

    def begin_step(self, step: Step) -> None:
        """Say that a step is about to be made."""
        self.write({"event": "step", **_step_document(step)})

    def end_step(self, step: Step, *, last: bool) -> None:
        """Say that a step is done, and whether it was the last of its unit."""
        self.write({"event": "done", "unit": step.unit, "step": step.number, "last": last})

    def copied(self, step: Step, copy: Copy) -> None:
        """Say which file is the copy that a step makes, and what it might not keep."""
        self.copies[step.number] = copy
        more = copy.attributes
        extended = {name: base64.b64encode(value).decode() for name, value in more.extended}
        self.write(
            {"event": "copy", "unit": step.unit, "step": step.number,
             "file": [copy.device, copy.inode], "group": more.group, "extended": extended}
        )  # fmt: skip

    def of_unit(
        self, event: Literal["reverting", "reverted", "complete", "purged"], unit: int
    ) -> None:
        """Say what happens to a unit as a whole."""
        self.write({"event": event, "unit": unit})

    def of_run(self, event: Literal["finished", "undone", "purged", "resumed"]) -> None:
        """Say what happened to the run."""
        self.write({"event": event})

    def close(self) -> None:
        """Close the file."""
        self.fs.close(self._file)


def read_journal(data: bytes) -> Record | None:
    """Return what a journal tells; None if not even its first line is there.

    Parameters
    ----------
    data : bytes
    """
    record: Record | None = None
    for line in _lines(data):
        if line.get("event") == "begin":
            record = Record(line)
        elif record is not None:
            _add(record, line)
    return record


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.split(b"\n"):
        head, _, text = line.partition(b" ")
        try:
            if int(head, 16) != zlib.crc32(text):
                continue
            document = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            yield document


def _add(record: Record, line: dict[str, Any]) -> None:
    event = line["event"]
    if event in ("finished", "undone"):
        record.finished = record.finished or event == "finished"
        record.undone = record.undone or event == "undone"
        return
    if event == "resumed":
        return
    if "unit" not in line:
        record.purged = record.purged or event == "purged"
        return
    unit = record.units.setdefault(line["unit"], Unit())
    if event == "step":
        if unit.reverted:  # tried once more, after it was taken back
            unit = record.units[line["unit"]] = Unit()
        unit.steps.append(_step(line))
    elif event == "copy":
        unit.copies[line["step"]] = _copy(line)
    elif event == "complete" or (event == "done" and line["last"]):
        unit.complete = True
    elif event == "reverted":
        unit.reverted = True
    elif event == "purged":
        unit.purged = True


_PLACES = ("origin", "target")


def _step_document(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = {
        "unit": step.unit, "step": step.number, "kind": step.kind, "sha256": step.sha256,
        "bytes": step.size_bytes, "mtime_ns": step.mtime_ns, "mode": step.mode,
        "kept_sha256": step.kept_sha256, "areas": [step.origin.area, step.target.area],
        "folder_modes": step.folder_modes, "made_folders": step.made_folders,
    }  # fmt: skip
    named = {"origin": step.origin.path, "target": step.target.path}
    for key, path in {**named, "kept": step.kept, "link": step.link}.items():
        document |= paths.to_document(path, key)
    return document


def _step(line: dict[str, Any]) -> Step:
    origin, target = (
        Place(area, paths.from_document(line, key))
        for area, key in zip(line["areas"], _PLACES, strict=True)
    )
    return Step(
        line["unit"], line["step"], line["kind"], origin, target, line["sha256"], line["bytes"],
        line["mtime_ns"], line["mode"], paths.from_document(line, "kept"), line["kept_sha256"],
        paths.from_document(line, "link"), tuple(line.get("folder_modes", ())),
        line.get("made_folders", 0),
    )  # fmt: skip


def _copy(line: dict[str, Any]) -> Copy:
    device, inode = line["file"]
    extended = ((n, base64.b64decode(value)) for n, value in line.get("extended", {}).items())
    return Copy(device, inode, Attributes(line.get("group", -1), tuple(extended)))
