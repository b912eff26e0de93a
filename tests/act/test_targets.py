"""Where removed files go, and that a dry run foresees what is in the way there."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from imgsim.act.apply import apply
from imgsim.act.options import Action
from imgsim.act.outcome import Applied
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.plan_file import read_plan, write_plan
from imgsim.act.planning import make_plan
from imgsim.act.undo import undo
from imgsim.errors import UsageError
from imgsim.read.options import RunOptions
from imgsim.tasks.find_duplicates import find_duplicates

from .library import ALL, Trusting, files, plan_of, posix, reasons
from .memory import MemoryFiles


def _both(plan: Plan, options=ALL, fs=None) -> Applied:
    """A dry run and the run, which have to say the same."""
    dry = apply(plan, options, fs=fs)
    done = apply(plan, options, yes=True, verifier=Trusting(), fs=fs)
    assert (dry.removed, dry.left, dry.complete) == (done.removed, done.left, done.complete)
    return done


@posix
@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink", "delete"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: (r / ".imgsim-trash").write_text("x"), ".imgsim-trash is a file"),
        (lambda r: (r / ".imgsim-trash").symlink_to(r), ".imgsim-trash is a symbolic link"),
    ],
)
def test_what_is_no_waste_folder_holds_all_files(
    root: Path, change: Callable[[Path], object], why: str, action: Action
) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    change(root)
    before = files(root)
    done = _both(plan, replace(ALL, action=action))
    assert reasons(done) == {"copies/a.jpg": f"{why}, so nothing can be moved there"}
    assert not done.complete
    assert files(root) == before


@posix
@pytest.mark.parametrize("action", ["quarantine", "delete", "reflink", "trash"])
def test_a_mount_that_is_read_only_is_foreseen(
    root: Path, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fstatvfs

    def read_only(folder: int) -> os.statvfs_result:
        values = list(real(folder))
        if os.fstat(folder).st_ino == (root / "copies").stat().st_ino:
            values[8] |= os.ST_RDONLY
        return os.statvfs_result(values)

    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    monkeypatch.setattr(os, "fstatvfs", read_only)
    done = _both(plan, replace(ALL, action=action))
    expected = "its file system is mounted read-only"
    if action == "reflink":
        expected = next(iter(reasons(done).values()))  # or that there are no shared blocks
    assert reasons(done) == {"copies/a.jpg": expected}


@posix
def test_a_waste_folder_that_cannot_be_made_is_foreseen(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access

    def closed(path, mode, **more) -> bool:
        if more.get("dir_fd") and os.fstat(more["dir_fd"]).st_ino == root.stat().st_ino:
            return False
        return real(path, mode, **more)

    monkeypatch.setattr(os, "access", closed)
    assert reasons(_both(plan_of(root, "keep/a.jpg", "copies/a.jpg"))) == {
        "copies/a.jpg": ".imgsim-trash cannot be made: no permission to change its folder"
    }


@posix
def test_what_is_in_the_folder_of_move_is_foreseen(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "moved"
    options = replace(ALL, action="move", move_to=str(target))
    (root / "copies/b.xmp").write_text("sidecar")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")
    (target / "copies").mkdir(parents=True)
    (target / "copies/a.jpg").write_bytes(b"mine")
    (target / "copies/b.xmp").write_bytes(b"mine")
    taken = f"something has its name in {target}"
    assert reasons(_both(plan, options)) == {
        "copies/a.jpg": taken, "copies/b.jpg": f"its sidecar b.xmp: {taken}",
    }  # fmt: skip
    for path in (target / "copies/a.jpg", target / "copies/b.xmp"):
        path.unlink()
    (target / "copies").rmdir()
    (target / "copies").write_text("a file")
    assert set(reasons(_both(plan, options)).values()) == {f"a folder cannot be made in {target}"}


@pytest.mark.parametrize("yes", [False, True])
def test_a_folder_of_move_that_cannot_be_made_ends_both(
    root: Path, tmp_path: Path, yes: bool
) -> None:
    (tmp_path / "file").write_text("x")
    options = replace(ALL, action="move", move_to=str(tmp_path / "file/below"))
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    with pytest.raises(UsageError, match=r"cannot move files to .*Not a directory"):
        apply(plan, options, yes=yes, verifier=Trusting())
    assert not (tmp_path / "moved").exists()
    fine = replace(options, move_to=str(tmp_path / "new/moved"))
    assert apply(plan, fine).complete
    assert not (tmp_path / "new").exists()


# Each root has a waste folder of its own --------------------------------------------------------


def _on_disks(*devices: str) -> tuple[MemoryFiles, tuple[PlanGroup, ...]]:
    memory = MemoryFiles(("/", *devices))
    data = b"the same"
    for path in ("/media/me/photos/keep/a.jpg", "/srv/pictures/x/a.jpg"):
        memory.put(path, data)
    for device in devices:
        above, _, name = device.rpartition("/")
        if above and (folder := memory.find(above)) is not None:
            memory.nodes[folder].entries[name.encode()] = memory.mounts[device]
    memory.settle()
    digest = hashlib.sha256(data).hexdigest()
    keep, gone = (
        PlannedFile(path, digest, 8, 1)
        for path in (b"media/me/photos/keep/a.jpg", b"srv/pictures/x/a.jpg")
    )
    return memory, (PlanGroup(keep, (Removal(gone, "exact"),)),)


@pytest.mark.parametrize(
    ("roots", "waste"),
    [
        ((b"media/me/photos", b"srv/pictures"), b"srv/pictures/.imgsim-trash"),
        ((b"media/me/photos", b"srv/pictures/x"), b"srv/pictures/x/.imgsim-trash"),
        ((b".",), b".imgsim-trash"),
        ((), b".imgsim-trash"),
    ],
)
def test_two_roots_with_nothing_in_common_have_their_own_waste_folders(
    roots: tuple[bytes, ...], waste: bytes
) -> None:
    memory, groups = _on_disks()
    plan = Plan("/", "r", "0", 1, "auto", "normal", 1.0, groups, roots=roots)
    history = Path("/home/runs")
    applied = apply(plan, ALL, yes=True, verifier=Trusting(), fs=memory, history=history)
    assert applied.complete
    moved = waste + f"/{applied.run}/".encode() + b"srv/pictures/x/a.jpg"
    assert moved in memory.tree("/")
    assert undo(fs=memory, history=history).complete  # type: ignore[arg-type]
    assert set(memory.tree("/srv")) == {b"pictures/x/a.jpg"}


def _plan_of(*paths: Path | str, keep: Sequence[str] = ()) -> Plan:
    options = RunOptions(executor="threads")
    named = [str(path) for path in paths]
    return make_plan(find_duplicates(named, options=options, keep=keep))


def test_a_plan_names_the_folders_that_were_scanned(tmp_path: Path, photo) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    (first / "deep").mkdir(parents=True)
    (second / "deep").mkdir(parents=True)
    photo(1).save(first / "deep/a.png")
    (second / "deep/a.png").write_bytes((first / "deep/a.png").read_bytes())
    plan = _plan_of(first, second)
    (removed,) = (one.file.path for _, one in plan.removals)
    assert plan.root == str(tmp_path)
    assert plan.roots == (removed.partition(b"/")[0],)
    assert read_plan("".join(write_plan(plan)).encode()).roots == plan.roots
    assert _plan_of(tmp_path).roots == (b".",)
    # files that are named one by one have the folder above them all
    assert _plan_of(first / "deep/a.png", second / "deep/a.png").roots == (
        removed.rpartition(b"/")[0],
    )
    (first / "other").mkdir()
    for path in (first / "other/b.png", second / "deep/b.png"):
        photo(2).save(path)
    keep = [f"folder:{second}"]
    named = _plan_of(
        first / "deep/a.png", second / "deep/a.png", first / "other/b.png", second / "deep/b.png",
        keep=keep,
    )  # fmt: skip
    assert len(list(named.removals)) == 2
    assert named.roots == (b"one",)
    with pytest.raises(UsageError, match="leads out of the root"):
        read_plan("".join(write_plan(replace(plan, roots=(b"../x",)))).encode())


def test_plans_of_earlier_versions_have_no_roots(root: Path) -> None:
    text = "".join(write_plan(plan_of(root, "keep/a.jpg", "copies/a.jpg")))
    older = text.replace(' "roots": [],\n', "")
    assert older != text
    assert read_plan(older.encode()).roots == ()


@pytest.mark.parametrize("yes", [False, True])
def test_a_folder_of_move_that_the_next_scan_would_read_is_refused(
    root: Path, tmp_path: Path, yes: bool
) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    before = files(root)

    def act(folder: Path, of: Plan = plan) -> Applied:
        options = replace(ALL, action="move", move_to=str(folder))
        return apply(of, options, yes=yes, verifier=Trusting())

    (tmp_path / "link").symlink_to(root)
    for inside in (root / "new/moved", root / "copies", tmp_path / "link/moved"):
        with pytest.raises(UsageError, match="lies in the folder that is cleaned up"):
            act(inside)
    parts = replace(plan, roots=(b"keep", b"copies"))
    for inside in (root / "keep", root / "copies/moved"):
        with pytest.raises(UsageError, match="lies in the folder that is cleaned up") as told:
            act(inside, parts)
        assert told.value.hint.endswith("the next scan would find the moved files again")
    assert files(root) == before
    assert not (root / "new").exists()
    assert act(root / "copies2", parts).complete  # beside what was scanned


def test_a_folder_of_move_in_the_waste_folder_is_not_scanned(root: Path, tmp_path: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    options = replace(ALL, action="move", move_to=str(root / ".imgsim-trash/mine"))
    assert _both(plan, options).complete


@posix
@pytest.mark.parametrize("roots", [(), (b"keep", b"copies")])
def test_what_was_moved_can_be_copied_back_without_a_journal(
    root: Path, roots: tuple[bytes, ...]
) -> None:
    """As docs/clean-up.md has it for a folder of journals that is lost."""
    (root / "copies/a.xmp").write_text("sidecar")
    before = files(root)
    plan = replace(plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg"), roots=roots)
    done = apply(plan, ALL, yes=True, verifier=Trusting())
    assert len(done.removed) == 2
    for place in (root, root / "copies"):
        moved = place / ".imgsim-trash" / done.run
        if moved.exists():
            shutil.copytree(moved, root, dirs_exist_ok=True)
            shutil.rmtree(place / ".imgsim-trash")
    assert files(root) == before


@posix
def test_what_lies_behind_a_link_is_moved_within_its_own_folder(root: Path) -> None:
    plan = replace(plan_of(root, "keep/a.jpg", "copies/a.jpg"), roots=(b"keep",))
    done = _both(plan)
    assert not (root / ".imgsim-trash").exists()  # above what was scanned
    assert (root / f"copies/.imgsim-trash/{done.run}/copies/a.jpg").exists()
    assert undo(done.run).complete
    assert (root / "copies/a.jpg").exists()
