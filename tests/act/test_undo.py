"""What undo and purge say of each file, and the folders that undo makes again."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from imgsim.act.files import NotSupported
from imgsim.act.purge import purge
from imgsim.act.run_list import list_runs
from imgsim.act.steps import rename_within
from imgsim.act.systems import DescriptorFileSystem
from imgsim.act.undo import undo
from imgsim.report.runs import undone_summary

from .library import ALL, do, files, plan_of, posix
from .test_attributes import Far
from .test_carry import CARRY, packet


def test_a_carried_sidecar_that_was_edited_is_what_undo_names(root: Path) -> None:
    (root / "copies/a.xmp").write_bytes(packet(4))
    before = files(root)
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), CARRY)
    (root / "keep/a.jpg.xmp").write_bytes(packet(5, "mine"))
    undone = undo()
    assert undone.restored == (b"copies/a.jpg",)
    (left,) = undone.left
    assert left.path == b"keep/a.jpg.xmp"
    assert "changed since" in left.reason
    assert files(root) == before | {"keep/a.jpg.xmp": files(root)["keep/a.jpg.xmp"]}
    again = undo(applied.run)  # which has nothing more to bring back
    assert (again.restored, [one.path for one in again.left]) == ((), [b"keep/a.jpg.xmp"])
    (root / "keep/a.jpg.xmp").unlink()
    assert undo(applied.run).complete
    assert list_runs()[0].state == "undone"


def test_a_sidecar_in_the_way_is_what_undo_names(root: Path) -> None:
    (root / "copies/a.xmp").write_bytes(b"sidecar")
    do(plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg"))
    (root / "copies/a.xmp").write_bytes(b"new")
    undone = undo()
    assert [one.path for one in undone.left] == [b"copies/a.xmp"]
    assert undone.restored == (b"copies/a.jpg", b"copies/b.jpg")


@posix
def test_a_link_in_the_way_is_named_by_the_file_it_stands_for(root: Path) -> None:
    do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), replace(ALL, action="symlink"))
    (root / "copies/a.jpg").unlink()
    (root / "copies/a.jpg").write_bytes(b"new")
    undone = undo()
    assert [one.path for one in undone.left] == [b"copies/a.jpg"]
    assert undone.restored == ()


def test_undo_says_below_which_folder_files_are_back(root: Path) -> None:
    do(plan_of(root, "keep/a.jpg", "copies/a.jpg"))
    undone = undo()
    assert undone.root == str(root)
    assert list(undone_summary(undone))[-1] == f"run {undone.run}: restored 1 file below {root}"


@posix
@pytest.mark.parametrize("renames", [True, False])
def test_a_renaming_that_stopped_half_way_is_finished(root: Path, renames: bool) -> None:
    """By a link, whose first name could not be removed: both are names of one file."""

    class Linking(DescriptorFileSystem):
        def rename(self, folder, name, to, new) -> None:
            if not renames:
                raise NotSupported("renaming without replacing")
            super().rename(folder, name, to, new)

    fs = Linking()
    folder = fs.open_root(str(root / "copies"))
    fs.link(folder, b"a.jpg", folder, b"half")
    rename_within(fs, folder, b"a.jpg", b"half")
    assert sorted(os.listdir(root / "copies")) == ["b.jpg", "half", "other.jpg"]
    rename_within(fs, folder, b"half", b"a.jpg")
    with pytest.raises(FileExistsError):
        rename_within(fs, folder, b"a.jpg", b"b.jpg")
    assert sorted(os.listdir(root / "copies")) == ["a.jpg", "b.jpg", "other.jpg"]
    fs.leave(folder)


@posix
@pytest.mark.parametrize(
    "names", [("away",), ("away", "back"), ("back",), ("a.jpg", "away", "back")]
)
def test_a_copy_back_that_stopped_at_its_end_leaves_nothing(
    root: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """By links: of each file the new name is there already, and the old one still."""
    moved = tmp_path / "moved/copies"
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    before = files(root)
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far())
    copy, mine = moved / "a.jpg", root / "copies/a.jpg"
    mine.write_bytes(copy.read_bytes())
    os.utime(mine, ns=(5, before["copies/a.jpg"][1]))
    if "away" in names:
        os.link(copy, moved / f".imgsim-{applied.run}-1.away")
        if "a.jpg" not in names:
            copy.unlink()
    if "back" in names:
        os.link(mine, mine.with_name(f".imgsim-{applied.run}-1.back"))
    assert undo(fs=Far()).complete
    assert files(root) == before
    assert files(tmp_path / "moved") == {}


def test_undo_removes_the_folders_that_a_move_made(root: Path, tmp_path: Path) -> None:
    """Not those that were there, nor those in which something lies by now."""
    deep = root / "copies/one/two"
    deep.mkdir(parents=True)
    for name in ("one/two/a.jpg", "one/b.jpg"):
        shutil.copy(root / "copies/a.jpg", root / "copies" / name)
    moved = tmp_path / "moved"
    (moved / "copies").mkdir(parents=True)
    options = replace(ALL, action="move", move_to=str(moved))
    removed = ("copies/one/two/a.jpg", "copies/one/b.jpg")
    do(plan_of(root, "keep/a.jpg", *removed), options)
    assert (moved / removed[0]).exists()
    assert undo().complete
    assert list(moved.rglob("*")) == [moved / "copies"]
    do(plan_of(root, "keep/a.jpg", *removed), options)
    (moved / "copies/one/mine.txt").write_text("mine")
    assert undo().complete
    assert sorted(moved.rglob("*")) == [
        moved / "copies", moved / "copies/one", moved / "copies/one/mine.txt",
    ]  # fmt: skip


@posix
def test_folders_that_are_made_again_have_their_permissions(root: Path) -> None:
    deep = root / "copies/one/two"
    deep.mkdir(parents=True)
    (root / "copies/a.jpg").rename(deep / "a.jpg")
    modes = {root / "copies": 0o755, root / "copies/one": 0o2750, deep: 0o711}
    for folder, mode in modes.items():
        folder.chmod(mode)
    do(plan_of(root, "keep/a.jpg", "copies/one/two/a.jpg"))
    deep.rmdir()
    deep.parent.rmdir()
    (root / "copies").chmod(0o700)  # what is there still stays as it is
    mask = os.umask(0o077)
    try:
        assert undo().complete
    finally:
        os.umask(mask)
    modes[root / "copies"] = 0o700
    assert {folder: stat.S_IMODE(folder.stat().st_mode) for folder in modes} == modes


@posix
def test_a_folder_that_another_program_makes_is_as_that_has_it(root: Path) -> None:
    class Slow(DescriptorFileSystem):
        def make_folder(self, folder, name) -> None:
            if name == b"copies":
                os.mkdir(name, 0o700, dir_fd=folder)
                raise FileExistsError
            super().make_folder(folder, name)

    (root / "copies/b.jpg").unlink()
    (root / "copies/other.jpg").unlink()
    (root / "copies").chmod(0o755)
    do(plan_of(root, "keep/a.jpg", "copies/a.jpg"))
    (root / "copies").rmdir()
    assert undo(fs=Slow()).complete
    assert stat.S_IMODE((root / "copies").stat().st_mode) == 0o700


def test_purge_leaves_what_is_not_what_was_moved(root: Path) -> None:
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg"))
    held = root / f".imgsim-trash/{applied.run}/copies/a.jpg"
    status = held.stat()
    held.write_bytes(b"THE SAME")  # as many bytes
    os.utime(held, ns=(status.st_atime_ns, status.st_mtime_ns))
    purged = purge(applied.run)
    assert (purged.files, purged.freed_bytes) == (1, 8)
    assert [(one.path, one.reason) for one in purged.left] == [
        (b"copies/a.jpg", "it was changed after it was moved away")
    ]
    assert held.read_bytes() == b"THE SAME"
    held.write_bytes(b"the same")
    assert purge(applied.run).files == 1


def test_purge_leaves_what_lies_on_a_disk_that_is_not_there(root: Path, tmp_path: Path) -> None:
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"))
    away = tmp_path / "away"
    (root / ".imgsim-trash").rename(away)  # as when what is mounted below the root is not
    purged = purge(applied.run)
    assert [(one.path, one.reason) for one in purged.left] == [
        (b"copies/a.jpg", "the waste folder that holds it is not there: is its disk connected?")
    ]
    away.rename(root / ".imgsim-trash")
    assert purge(applied.run).files == 1
    (root / ".imgsim-trash").mkdir(exist_ok=True)
    again = do(plan_of(root, "keep/a.jpg", "copies/b.jpg"))
    (root / f".imgsim-trash/{again.run}/copies/b.jpg").unlink()  # by the user
    assert not purge(again.run).left
