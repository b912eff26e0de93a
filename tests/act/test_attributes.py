"""Groups, extended attributes and access lists on the way to another disk and back."""

from __future__ import annotations

import errno
import os
import stat
import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from imgsim.act.files import Attributes
from imgsim.act.systems import DescriptorFileSystem
from imgsim.act.undo import undo
from imgsim.report.runs import applied_summary, undone_summary

from .library import ALL, do, files, plan_of

pytestmark = pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux alone")


class Far(DescriptorFileSystem):
    """Each folder is a disk of its own."""

    def rename(self, folder, name, to, new) -> None:
        if os.fstat(folder).st_ino != os.fstat(to).st_ino:
            raise OSError(errno.EXDEV, "another disk")
        super().rename(folder, name, to, new)


def access_list(user: int) -> bytes:
    """An access list that gives a user the right to read, as Linux keeps it."""
    entries = [(1, 6, -1), (2, 4, user), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, mode, who & 0xFFFFFFFF) for tag, mode, who in entries
    )


def all_of(path: Path) -> tuple[int, int, int, dict[str, bytes]]:
    status = path.stat()
    extended = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return status.st_gid, stat.S_IMODE(status.st_mode), status.st_mtime_ns, extended


@pytest.fixture
def rich(root: Path) -> Path:
    """A file with all that a file system keeps."""
    path = root / "copies/a.jpg"
    if os.geteuid() == 0:
        os.chown(path, 0, 4711)
    try:
        os.setxattr(path, "user.comment", b"at the beach\0\xff")
    except OSError:
        pytest.skip("no extended attributes here")
    with suppress(OSError):  # a file system without access lists has the others still
        os.setxattr(path, "system.posix_acl_access", access_list(1234))
    os.utime(path, ns=(5, 1_234_567_891))
    return path


def test_a_copy_on_another_disk_has_everything_and_so_has_the_file_that_comes_back(
    root: Path, rich: Path, tmp_path: Path
) -> None:
    was = all_of(rich)
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far())
    assert applied.complete
    assert applied.lost == {}
    assert all_of(tmp_path / "moved/copies/a.jpg") == was
    undone = undo(fs=Far())
    assert (undone.complete, undone.lost) == (True, {})
    assert all_of(rich) == was


def test_what_the_other_disk_cannot_keep_is_said_and_comes_back(
    root: Path, rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on FAT: neither groups, attributes nor permissions."""

    def refuse(*given: object) -> None:
        raise OSError(errno.ENOTSUP, "not here")

    def chmod(path: int, mode: int) -> None:
        if stat.S_ISDIR(os.fstat(path).st_mode):
            real(path, mode)

    was, real = all_of(rich), os.chmod
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "setxattr", refuse)
        patch.setattr(os, "fchown", refuse)
        patch.setattr(os, "chmod", chmod)
        patch.setattr(os, "supports_fd", {*os.supports_fd, chmod})
        applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far())
    assert applied.complete
    lost = set(applied.lost[b"copies/a.jpg"])
    assert {"the attribute user.comment", "permissions"} <= lost
    assert ("the group" in lost) == (os.geteuid() == 0)
    assert "the attribute user.comment of 1 file" in "\n".join(applied_summary(applied))
    assert "user.comment" not in all_of(tmp_path / "moved/copies/a.jpg")[3]
    undone = undo(fs=Far())
    assert (undone.complete, undone.lost) == (True, {})
    assert all_of(rich) == was


@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0, reason="needs a group to give away")
def test_a_group_that_is_lost_without_an_error_is_said(
    root: Path, rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fchown", lambda *given: None)
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far())
    assert applied.lost == {b"copies/a.jpg": ("the group",)}


def test_undo_says_what_it_cannot_set_again(
    root: Path, rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise PermissionError(errno.EPERM, "not yours")

    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far())
    monkeypatch.setattr(os, "setxattr", refuse)
    undone = undo(fs=Far())
    assert undone.restored == (b"copies/a.jpg",)
    assert "the attribute user.comment" in undone.lost[b"copies/a.jpg"]
    assert "the attribute user.comment of 1 file" in "\n".join(undone_summary(undone))


def test_a_disk_error_is_no_attribute_that_cannot_be_kept(
    root: Path, rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    before = files(root)
    monkeypatch.setattr(os, "setxattr", fail)
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far())
    assert [one.reason for one in applied.left] == ["Input/output error"]
    assert files(root) == before


def test_an_access_list_of_the_folder_is_none_of_the_file(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "moved"
    (target / "copies").mkdir(parents=True)
    try:
        os.setxattr(target / "copies", "system.posix_acl_default", access_list(1234))
    except OSError:
        pytest.skip("no access lists here")
    (target / "copies/new").write_text("x")
    assert "system.posix_acl_access" in os.listxattr(target / "copies/new")
    was = all_of(root / "copies/a.jpg")
    options = replace(ALL, action="move", move_to=str(target))
    assert do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far()).lost == {}
    assert all_of(target / "copies/a.jpg") == was


def test_the_journal_has_what_a_copy_might_not_keep() -> None:
    from imgsim.act.journal import Copy, Place, Step, _copy, _step, _step_document

    step = Step(1, 2, "move", Place("root", b"a/b\xff"), Place("target", b"a/b\xff"), "0" * 64, 3,
                folder_modes=(0o755, 0o2750))  # fmt: skip
    assert _step(_step_document(step)) == step
    older = {k: v for k, v in _step_document(step).items() if k != "folder_modes"}
    assert _step(older) == replace(step, folder_modes=())
    line = {"step": 2, "file": [3, 4], "group": 5, "extended": {"user.x": "AP8="}}
    assert _copy(line) == Copy(3, 4, Attributes(5, (("user.x", b"\0\xff"),)))
    assert _copy({"step": 2, "file": [3, 4]}) == Copy(3, 4)
