"""Takes single steps back.

A step may have been interrupted between any two system calls. How far it came is found out from
what is there, so it can be taken back after any of them, and more than once.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from imgsim.act.files import Folder, NotSupported
from imgsim.act.journal import LINKING, Copy, Place, Step
from imgsim.act.steps import Named, Stage, copy_file, rename_within, status_at
from imgsim.act.walk import Different, Gone, OpenFile, folder_of, open_hashed, reason_of


@dataclass(frozen=True, slots=True)
class NotReverted:
    """A file that a step changed and that is not as it was.

    Attributes
    ----------
    path : bytes
        Where it was, or where it was made.
    reason : str
    gone : bool
        There is nothing more to be done: it is in none of its places.
    """

    path: bytes
    reason: str
    gone: bool


def revert(stage: Stage, step: Step, copy: Copy | None = None) -> None:
    """Take a step back, however far it came.

    Parameters
    ----------
    stage : Stage
    step : Step
    copy : Copy, optional
        That it made.

    Raises
    ------
    Different
        It cannot be taken back: something stands in the way, or is gone. Nothing was changed.
    OSError
    """
    by_kind: dict[str, Callable[[], None]] = {
        "move": lambda: _revert_move(stage, step, copy),
        "create": lambda: _revert_created(stage, step),
        "hardlink": lambda: _revert_link(stage, step),
        "symlink": lambda: _revert_link(stage, step),
        "clone": lambda: _revert_link(stage, step),
    }
    if step.kind in by_kind:
        by_kind[step.kind]()
    elif step.kind == "trash":
        with folder_of(stage.fs, stage.areas["root"], step.origin.path) as at:
            if status_at(stage.fs, *at) is None:
                raise Different("it is in the system's waste basket")


def revert_all(
    stage: Stage, steps: Sequence[Step], copies: Mapping[int, Copy]
) -> list[NotReverted]:
    """Take the steps of a removal back, the last one first.

    Parameters
    ----------
    stage : Stage
    steps : sequence of Step
    copies : mapping of int to Copy
        Those that they made, by their numbers.

    Returns
    -------
    list of NotReverted
        The files that could not be taken back; the others were.
    """
    failures: list[NotReverted] = []
    in_the_way: set[Place] = set()
    for step in reversed(steps):
        if step.origin in in_the_way:
            continue  # a link of the same bytes would be taken for the file itself
        try:
            revert(stage, step, copies.get(step.number))
        except (Different, OSError) as error:
            if step.kind in LINKING:
                in_the_way.add(step.target)
            made = step.kind == "create" or step.kind in LINKING
            path = (step.target if made else step.origin).path
            failures.append(NotReverted(path, reason_of(error), isinstance(error, Gone)))
    return failures


def _revert_move(stage: Stage, step: Step, copy: Copy | None) -> None:
    fs = stage.fs
    root = stage.areas[step.origin.area]
    way = folder_of(fs, root, step.origin.path, make=True, modes=step.folder_modes)
    with way as origin:
        source, name = origin
        gone = stage.temporary(step, "gone")
        if status_at(fs, source, gone) is not None:
            try:
                rename_within(fs, source, gone, name)
            except FileExistsError:
                raise Different("something else has its name now") from None
        with ExitStack() as stack:
            way = folder_of(fs, stage.areas[step.target.area], step.target.path)
            try:
                target = stack.enter_context(way)
            except OSError as error:  # nothing can have been moved there, or it is gone with it
                fs.sync_folder(source)
                if status_at(fs, source, name) is not None and _has_content(stage, step, *origin):
                    return
                if isinstance(error, FileNotFoundError):
                    raise Gone("what was moved away is gone") from None
                raise
            part = stage.temporary(step, "part")
            if status_at(fs, target[0], part) is not None:
                fs.remove(target[0], part)
            _move_back(stage, step, copy, origin, target)
            back = stage.temporary(step, "back")
            if status_at(fs, source, back) is not None and _has_content(stage, step, *origin):
                fs.remove(source, back)  # its other name, of an undo that was interrupted
            fs.sync_folder(source)
            fs.sync_folder(target[0])


def _move_back(stage: Stage, step: Step, copy: Copy | None, origin: Named, target: Named) -> None:
    fs, away = stage.fs, stage.temporary(step, "away")
    copied = status_at(fs, target[0], away)
    if copied is not None:  # it was copied back, but for the last steps
        if status_at(fs, *origin) is not None and _has_content(stage, step, *origin):
            there = status_at(fs, *target)
            if there is not None and there.is_same_file(copied):  # a name that was not removed yet
                fs.remove(*target)
            fs.remove(target[0], away)
            return
        rename_within(fs, target[0], away, target[1])
    there, here = status_at(fs, *target), status_at(fs, *origin)
    if there is None:
        if here is None:
            raise Gone("what was moved away is gone")
        return
    if here is not None and here.is_same_file(there):
        fs.remove(*target)
        return
    if here is not None:
        if not _has_content(stage, step, *origin):
            raise Different("something else has its name now")
        ours = copy is not None and (copy.device, copy.inode) == (there.device, there.inode)
        if step.target.area == "root" or ours:
            fs.remove(*target)  # our copy, whole or not; what others put there stays
        return
    moved = open_hashed(fs, *target)
    try:
        if moved.sha256 != step.sha256:
            raise Different("it was changed after it was moved away")
        try:
            fs.rename(*target, *origin)
        except NotSupported:
            try:
                fs.link(*target, *origin)
                fs.sync_folder(origin[0])
                fs.remove(*target)
            except NotSupported:
                _copy_back(stage, step, moved, origin, target, copy)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_back(stage, step, moved, origin, target, copy)
    finally:
        moved.close()


def _copy_back(
    stage: Stage, step: Step, moved: OpenFile, origin: Named, target: Named, made: Copy | None
) -> None:
    fs, back = stage.fs, stage.temporary(step, "back")
    if status_at(fs, origin[0], back) is not None:
        fs.remove(origin[0], back)  # of an undo that was interrupted
    # what the other file system could not keep is in the journal
    attributes = fs.attributes(moved.file) if made is None else made.attributes
    copy, lost = copy_file(fs, moved, origin[0], back, attributes, step)
    copy.close()
    if lost:
        stage.lost[step.origin.path] = lost
    if copy.sha256 != step.sha256:
        fs.remove(origin[0], back)
        raise Different("its copy came out different")
    # first a name that nobody else has: a copy at its old one might be somebody's
    away = stage.temporary(step, "away")
    rename_within(fs, *target, away)
    try:
        if not moved.is_at(target[0], away):
            raise Different("it was changed after it was moved away")
        rename_within(fs, origin[0], back, origin[1])
    except BaseException:
        with suppress(OSError):
            rename_within(fs, target[0], away, target[1])
            fs.remove(origin[0], back)
        raise
    fs.sync_folder(origin[0])
    fs.remove(target[0], away)


def _revert_created(stage: Stage, step: Step) -> None:
    try:
        _revert_made(stage, step, lambda *at: _has_content(stage, step, *at))
    except Different:
        raise Different("imgsim wrote it, and it was changed since: it stays") from None


def _revert_made(stage: Stage, step: Step, is_ours: Callable[[Folder, bytes], bool]) -> None:
    fs = stage.fs
    with folder_of(fs, stage.areas[step.target.area], step.target.path) as (folder, name):
        part = stage.temporary(step, "part")
        if status_at(fs, folder, part) is not None:
            fs.remove(folder, part)
        if status_at(fs, folder, name) is None:
            return
        if not is_ours(folder, name):
            raise Different("something else has its name now")
        fs.remove(folder, name)
        fs.sync_folder(folder)


def _revert_link(stage: Stage, step: Step) -> None:
    """Remove a link, once it is sure that the file can come back in its place."""
    with folder_of(stage.fs, stage.areas[step.target.area], step.target.path) as at:
        part = stage.temporary(step, "part")
        if status_at(stage.fs, *at) is None and status_at(stage.fs, at[0], part) is None:
            return
    with folder_of(stage.fs, stage.areas[step.origin.area], step.origin.path) as at:
        if status_at(stage.fs, *at) is None and _is_back(stage, step):
            return  # all but the end of an undo that was interrupted was done
        if not _has_content(stage, step, *at):
            raise Different("it was changed after it was moved away")
    if step.kind == "symlink":
        _revert_made(stage, step, lambda *at: _points(stage, step, *at))
        return
    _revert_made(
        stage, step, lambda *at: _is_kept(stage, step, *at) or _has_content(stage, step, *at)
    )


def _is_back(stage: Stage, step: Step) -> bool:
    """Whether the file itself has its name, and no link any more."""
    with folder_of(stage.fs, stage.areas[step.target.area], step.target.path) as at:
        return not _is_kept(stage, step, *at) and _has_content(stage, step, *at)


def _is_kept(stage: Stage, step: Step, folder: Folder, name: bytes) -> bool:
    try:
        with folder_of(stage.fs, stage.areas["root"], step.kept) as (place, kept):
            return stage.fs.status(place, kept).is_same_file(stage.fs.status(folder, name))
    except OSError:
        return False


def _has_content(stage: Stage, step: Step, folder: Folder, name: bytes) -> bool:
    try:
        opened = open_hashed(stage.fs, folder, name, step.size_bytes)
    except Different:
        return False
    opened.close()
    return opened.sha256 == step.sha256


def _points(stage: Stage, step: Step, folder: Folder, name: bytes) -> bool:
    try:
        return stage.fs.link_target(folder, name) == step.link
    except OSError:
        return False
