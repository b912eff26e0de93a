"""Scripts for sh: what they follow, and how what they moved comes back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsim.cli.main import main

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]


@pytest.fixture
def library(tmp_path: Path, photo) -> Path:
    folder = tmp_path / "photos"
    copies = folder / "copies\n/-x\n"
    copies.mkdir(parents=True)
    (folder / "keep").mkdir()
    photo(1).save(folder / "keep/one.png")
    for seed in (2, 3):
        photo(seed).save(copies / f"{seed}.png")
    (copies / "it's\\n.png").write_bytes((folder / "keep/one.png").read_bytes())
    (copies / "it's\\n.xmp").write_text("stars")
    return folder


@pytest.fixture
def script(library: Path, tmp_path: Path) -> Path:
    return _script(tmp_path, library)


def _script(tmp_path: Path, *paths: Path, options: tuple[str, ...] = ()) -> Path:
    plan, file = tmp_path / "plan.json", tmp_path / "do it.sh"
    words = ["find-dupes", *map(str, paths), "--keep", "folder:keep", "--plan", str(plan)]
    assert main([*words, "--executor", "threads"]) == 0
    assert main(["apply", str(plan), "--script", str(file), *options]) == 0
    return file


def run(script: Path, *words: str, shell: str = "sh") -> subprocess.CompletedProcess[str]:
    program = [shell, "sh"] if shell == "busybox" else [shell]
    return subprocess.run(
        [*program, str(script), *words], capture_output=True, text=True, check=False
    )


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("moves", [False, True])
def test_what_a_script_moved_comes_back(
    shell: str, moves: bool, library: Path, tmp_path: Path
) -> None:
    before = tree(library)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")  # one that is named is followed
    options = ("--move", str(tmp_path / "link/far")) if moves else ()
    script = _script(tmp_path, library, options=options)
    done = run(script, shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f'"sh {script} undo" brings them back'
    assert "copies\n/-x\n/it's\\n.png" not in tree(library)
    if moves:
        assert (tmp_path / "real/far/copies\n/-x\n/it's\\n.xmp").read_text() == "stars"
    back = run(script, "undo", shell=shell)
    assert (back.returncode, back.stderr) == (0, "")
    assert back.stdout == "moved 1 files and 1 sidecars back, skipped 0\n"
    assert tree(library) == before
    assert not (library / ".imgsim-trash").exists()
    assert run(script, "undo", shell=shell).stdout.startswith("moved 0 files and 0 sidecars back")
    assert run(script, "no", shell=shell).returncode == 2


def test_undo_of_a_script_replaces_nothing_and_checks(library: Path, script: Path) -> None:
    assert run(script).returncode == 0
    (moved,) = (library / ".imgsim-trash").rglob("*.png")
    whole = moved.read_bytes()
    moved.write_bytes(b"another")
    copy = library / "copies\n/-x\n/it's\\n.png"
    undone = run(script, "undo")
    assert (undone.returncode, copy.exists()) == (3, False)
    assert "it was changed after it was moved away" in undone.stderr
    moved.write_bytes(whole)
    copy.write_bytes(b"new")
    undone = run(script, "undo")
    assert (undone.returncode, copy.read_bytes()) == (3, b"new")
    assert "something is there" in undone.stderr


def _swap(folder: Path, elsewhere: Path) -> None:
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)


LINKS: dict[str, Callable[[Path, Path], None]] = {
    "the waste folder": lambda library, away: (
        away.mkdir(), (library / ".imgsim-trash").symlink_to(away)
    )[0],
    "the folder of the removed file": lambda library, away: _swap(library / "copies\n/-x\n", away),
    "a folder above it": lambda library, away: _swap(library / "copies\n", away),
    "the folder of the kept file": lambda library, away: _swap(library / "keep", away),
    "the root": lambda library, away: _swap(library, away),
    "a folder above the root": lambda library, away: _swap(library.parent, away),
}  # fmt: skip


@pytest.mark.parametrize("which", LINKS)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_follows_no_link(which: str, shell: str, tmp_path: Path, photo) -> None:
    above = tmp_path / "above"
    folder = above / "photos"
    (folder / "copies\n/-x\n").mkdir(parents=True)
    (folder / "keep").mkdir()
    photo(1).save(folder / "keep/one.png")
    for seed in (2, 3, 4):
        photo(seed).save(folder / f"copies\n/-x\n/{seed}.png")
    (folder / "copies\n/-x\n/copy.png").write_bytes((folder / "keep/one.png").read_bytes())
    script = _script(tmp_path, folder, options=("--yes-folders",))
    away = tmp_path / "away"
    LINKS[which](folder, away)
    before = tree(tmp_path)
    done = run(script, shell=shell)
    assert done.returncode in (2, 3), done.stdout
    assert "symbolic link" in done.stderr or "not the folder of the plan" in done.stderr
    assert tree(tmp_path) == before


def test_each_root_has_its_own_waste_folder_in_scripts(tmp_path: Path, photo) -> None:
    one, two = tmp_path / "keep", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    photo(1).save(one / "a.png")
    (two / "a.png").write_bytes((one / "a.png").read_bytes())
    for seed in (3, 4):
        photo(seed).save(two / f"{seed}.png")
    before = tree(two)
    script = _script(tmp_path, one, two)
    assert run(script).returncode == 0
    assert [path.name for path in (two / ".imgsim-trash").rglob("*.png")] == ["a.png"]
    assert not (tmp_path / ".imgsim-trash").exists()
    assert run(script, "undo").returncode == 0
    assert tree(two) == before
