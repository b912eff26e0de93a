"""Single steps on the file system; `reverting` takes them back."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from imgsim.act.files import Attributes, FileSystem, Folder, NotSupported, Status, write_all
from imgsim.act.journal import Area, Copy, Journal, Step
from imgsim.act.walk import Different, OpenFile, folder_of, open_hashed

_PIECE = 1 << 20


@dataclass(slots=True)
class Stage:
    """Where steps are made.

    Attributes
    ----------
    fs : FileSystem
    areas : dict of str to Folder
        The open roots.
    run : str
        Its name is a part of the names of files that are there for a moment.
    lost : dict of bytes to tuple of str
        What files that were copied could not keep, by their paths.
    """

    fs: FileSystem
    areas: dict[Area, Folder]
    run: str
    lost: dict[bytes, tuple[str, ...]] = field(default_factory=dict)

    def temporary(self, step: Step, ending: str) -> bytes:
        """Return the name of a file that is there during a step."""
        return f".imgsim-{self.run}-{step.number}.{ending}".encode()


def status_at(fs: FileSystem, folder: Folder, name: bytes) -> Status | None:
    """Return the status of what has a name; None if nothing has."""
    try:
        return fs.status(folder, name)
    except FileNotFoundError:
        return None


def move(stage: Stage, step: Step, opened: OpenFile, journal: Journal) -> None:
    """Move the opened file to its target, without replacing anything there.

    Parameters
    ----------
    stage : Stage
    step : Step
        Of the kind ``move``.
    opened : OpenFile
        What is to be found at the origin.
    journal : Journal

    Raises
    ------
    Different
        Another file was moved, since it took the place of the opened one; it went back.
    OSError
        The origin is as it was.
    """
    fs = stage.fs
    with (
        folder_of(fs, stage.areas[step.origin.area], step.origin.path) as (source, name),
        folder_of(fs, stage.areas[step.target.area], step.target.path, make=True) as (target, new),
    ):
        try:
            fs.rename(source, name, target, new)
        except NotSupported:
            try:
                _move_by_link(stage, step, opened, (source, name), (target, new))
            except NotSupported:
                _move_by_copy(stage, step, opened, journal, (source, name), (target, new))
        except OSError as error:
            if error.errno != errno.EXDEV or step.target.area == "root":
                raise
            _move_by_copy(stage, step, opened, journal, (source, name), (target, new))
        else:
            if not opened.is_at(target, new):
                fs.rename(target, new, source, name)
                raise Different("it was replaced at the last moment")
        fs.sync_folder(target)
        fs.sync_folder(source)


Named = tuple[Folder, bytes]


def _move_by_link(stage: Stage, step: Step, opened: OpenFile, source: Named, target: Named) -> None:
    fs = stage.fs
    fs.link(*source, *target)
    if not opened.is_at(*target):
        fs.remove(*target)
        raise Different("it was replaced at the last moment")
    fs.sync_folder(target[0])
    _take_away(stage, step, opened, source, target)


def _move_by_copy(
    stage: Stage, step: Step, opened: OpenFile, journal: Journal, source: Named, target: Named
) -> None:
    fs = stage.fs
    if status_at(fs, *target) is not None:
        raise FileExistsError(errno.EEXIST, "something has its name there")
    part = stage.temporary(step, "part")
    attributes = fs.attributes(opened.file)
    copy, lost = copy_file(fs, opened, target[0], part, attributes)
    with _removed_on_failure(fs, target[0], part), closing(copy):
        if copy.sha256 != opened.sha256:
            raise Different("its copy came out different")
        journal.copied(step, Copy(copy.status.device, copy.status.inode, attributes))
        if lost:
            stage.lost[step.origin.path] = lost
        rename_within(fs, target[0], part, target[1])
    fs.sync_folder(target[0])
    _take_away(stage, step, opened, source, target)


def _take_away(stage: Stage, step: Step, opened: OpenFile, source: Named, target: Named) -> None:
    """Remove the name of the opened file, but not what may have taken it a moment ago."""
    fs, gone = stage.fs, stage.temporary(step, "gone")
    folder, name = source
    fs.rename_within(folder, name, gone)
    if not opened.is_at(folder, gone):
        rename_within(fs, folder, gone, name)
        fs.remove(*target)
        raise Different("it was replaced at the last moment")
    fs.remove(folder, gone)


def rename_within(fs: FileSystem, folder: Folder, name: bytes, new: bytes) -> None:
    """Rename a file that only this run knows, without replacing anything, on any file system.

    Where it has both names, as after a link whose first name could not be removed, it loses one.
    """
    try:
        try:
            fs.rename(folder, name, folder, new)
        except NotSupported:
            fs.link(folder, name, folder, new)
            fs.remove(folder, name)
    except FileExistsError:
        one, other = fs.status(folder, name), fs.status(folder, new)
        if one.links < 2 or not one.is_same_file(other):  # some file systems number no files
            raise
        fs.remove(folder, name)
    except NotSupported:
        if status_at(fs, folder, new) is not None:
            raise FileExistsError(errno.EEXIST, "something has its name there") from None
        fs.rename_within(folder, name, new)


def copy_file(
    fs: FileSystem,
    opened: OpenFile,
    folder: Folder,
    name: bytes,
    attributes: Attributes,
    like: Step | None = None,
) -> tuple[OpenFile, tuple[str, ...]]:
    """Copy an open file, wait until the copy is on disk, and hash that.

    Parameters
    ----------
    fs : FileSystem
    opened : OpenFile
    folder : Folder
    name : bytes
        Of the copy.
    attributes : Attributes
        That the copy gets.
    like : Step, optional
        Whose permissions and time the copy gets; those of the open file by default.

    Returns
    -------
    tuple of (OpenFile, tuple of str)
        The copy, which is removed where it fails, and what it could not keep.

    Raises
    ------
    OSError
        The disk is full, or a file has the name.
    """
    file = fs.create_file(folder, name)
    with _removed_on_failure(fs, folder, name):
        try:
            fs.rewind(opened.file)
            while piece := fs.read(opened.file, _PIECE):
                write_all(fs, file, piece)
            mode, mtime_ns = opened.status.mode, opened.status.mtime_ns
            if like is not None:
                mode, mtime_ns = like.mode, like.mtime_ns
            lost = fs.set_attributes(file, mode, mtime_ns, attributes)
            fs.sync_file(file)
        finally:
            fs.close(file)
        return open_hashed(fs, folder, name), lost


@contextmanager
def _removed_on_failure(fs: FileSystem, folder: Folder, name: bytes) -> Iterator[None]:
    """Remove a file that was begun, where what is done with it fails or is interrupted."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            fs.remove(folder, name)
        raise


def create(stage: Stage, step: Step, data: bytes) -> None:
    """Make a file of some bytes where there is none.

    Raises
    ------
    OSError
    """
    fs = stage.fs
    with folder_of(fs, stage.areas[step.target.area], step.target.path) as (folder, name):
        part = stage.temporary(step, "part")
        file = fs.create_file(folder, part)
        with _removed_on_failure(fs, folder, part):
            try:
                write_all(fs, file, data)
                fs.set_attributes(file, step.mode, step.mtime_ns)
                fs.sync_file(file)
            finally:
                fs.close(file)
            rename_within(fs, folder, part, name)
        fs.sync_folder(folder)


def make_link(stage: Stage, step: Step) -> None:
    """Put a link to the kept file in the place of one that was moved away.

    Raises
    ------
    Different
        The kept file is another one by now.
    OSError
    """
    fs, root = stage.fs, stage.areas["root"]
    with folder_of(fs, stage.areas[step.target.area], step.target.path) as (folder, name):
        if step.kind == "symlink":
            fs.make_symlink(step.link, folder, name)
        else:
            with folder_of(fs, root, step.kept) as (place, kept):
                fs.link(place, kept, folder, name)
        fs.sync_folder(folder)


def make_clone(stage: Stage, step: Step, kept: OpenFile) -> None:
    """Put a file that shares all blocks of the kept one in the place of one that was moved away.

    It has the permissions and the time of that one, and its content is compared.

    Raises
    ------
    Different
        Its content is not that of the file that was moved away.
    OSError
        `NotSupported` where there are no shared blocks.
    """
    fs = stage.fs
    with folder_of(fs, stage.areas[step.target.area], step.target.path) as (folder, name):
        part = stage.temporary(step, "part")
        file = fs.clone(kept.file, folder, part)
        with _removed_on_failure(fs, folder, part):
            try:
                fs.set_attributes(file, step.mode, step.mtime_ns)
                fs.sync_file(file)
            finally:
                fs.close(file)
            made = open_hashed(fs, folder, part)
            made.close()
            if made.sha256 != step.sha256:
                raise Different("its copy came out different")
            rename_within(fs, folder, part, name)
        fs.sync_folder(folder)


def delete(stage: Stage, step: Step) -> None:
    """Remove for good what this run moved away before.

    Raises
    ------
    OSError
    """
    fs = stage.fs
    with folder_of(fs, stage.areas[step.origin.area], step.origin.path) as (folder, name):
        fs.remove(folder, name)
        fs.sync_folder(folder)
