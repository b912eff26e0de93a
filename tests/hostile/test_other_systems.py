"""What Windows and macOS do otherwise: calls that are not there, and rules of names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgsim.act.paths import check_relative
from imgsim.act.plan import Plan, PlanGroup, Removal
from imgsim.act.systems import PathFileSystem
from imgsim.act.undo import undo
from imgsim.errors import UsageError
from imgsim.pictures.generate import landscape
from imgsim.read.discover import DiscoverOptions, discover
from tests.act.library import ALL, do, files, plan_of, planned

_MAIN = (
    "import json, sys; from imgsim.cli.main import main;"
    "[print('ended with', main(words)) for words in json.loads(sys.argv[1])]"
)


@pytest.mark.skipif(sys.platform != "linux", reason="Windows is imitated by means of Linux")
def test_commands_do_their_work_without_the_calls_that_windows_lacks(tmp_path: Path) -> None:
    from PIL import Image

    root = tmp_path / "photos"
    for folder in ("new", "old"):
        (root / folder).mkdir(parents=True)
    for seed in range(3):
        Image.fromarray(landscape(seed, 96, 72)).save(root / f"old/{seed}.png")
        (root / f"new/{seed} again.png").write_bytes((root / f"old/{seed}.png").read_bytes())
    plan = str(tmp_path / "plan.json")
    apply: list[Any] = ["apply", plan, "--yes", "--yes-folders"]
    runs = [
        (0, ["find-dupes", str(root), "--plan", plan, "-j", "1"]),
        (0, apply), (0, ["undo", "last"]),
        (0, [*apply, "--hardlink"]), (0, ["undo", "last"]),
        (0, [*apply, "--move", str(tmp_path / "moved")]), (0, ["undo", "last"]),
        (3, [*apply, "--symlink"]),  # refused there, but nothing breaks
        (1, ["leaks", str(root / "old"), str(root / "new"), "--executor", "threads"]),
        (0, ["cache", "info"]), (0, ["cache", "prune"]), (0, ["cache", "clear"]),
        (0, [*apply, "--delete", "--yes-delete"]),
    ]  # fmt: skip
    before = files(root)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "as_windows"), *sys.path])
    }
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, json.dumps([words for _, words in runs[:-1]])],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    ended = [int(line[11:]) for line in done.stdout.splitlines() if line.startswith("ended with")]
    assert ended == [code for code, _ in runs[:-1]], done.stdout + done.stderr
    assert {path: seen for path, seen in files(root).items() if "trash" not in path} == before
    assert "Traceback" not in done.stderr
    code, words = runs[-1]
    deleted = subprocess.run(
        [sys.executable, "-c", _MAIN, json.dumps([words])],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"ended with {code}" in deleted.stdout, deleted.stdout + deleted.stderr
    assert len([path for path in files(root) if "trash" not in path]) == 3


_OF_DEVICES = (
    "con", "CON.jpg", "a/Aux.tar.gz", "nul .txt", "COM1.jpg", "lpt0", "com¹.png", "conin$/b.jpg",
    "prn/a.jpg",
)  # fmt: skip
_NOT_THERE = (
    "a:b.jpg", "a\\b.jpg", "what?.jpg", "a*.jpg", "<.jpg", "dot./a.jpg", "space ", "tab\t.jpg",
    'quote".jpg', "a|b",
)  # fmt: skip
_PLAIN = ("console.jpg", "com10.jpg", "nula", "x.con", "e\u0301.jpg", " a.jpg", "~1.jpg", "$a")


@pytest.mark.parametrize("name", [*_OF_DEVICES, *_NOT_THERE])
def test_names_that_mean_something_else_on_windows_are_refused_there(name: str) -> None:
    path = name.encode()
    assert check_relative(path, windows=False) == path
    with pytest.raises(UsageError, match="Windows"):
        check_relative(path, windows=True)


@pytest.mark.parametrize("name", _PLAIN)
def test_other_names_are_taken_as_they_are(name: str) -> None:
    assert check_relative(name.encode(), windows=True) == name.encode()


class Folding(PathFileSystem):
    """Names that differ in case or in how accents are composed are one, as on macOS."""

    def _stored(self, folder: Any, name: bytes) -> bytes:
        there = os.listdir(os.fsencode(folder))
        new = unicodedata.normalize("NFD", os.fsdecode(name)).encode()
        return next((one for one in there if _folded(one) == _folded(name)), new)

    def enter(self, folder: Any, name: bytes) -> Any:
        return super().enter(folder, self._stored(folder, name))

    def make_folder(self, folder: Any, name: bytes) -> None:
        super().make_folder(folder, self._stored(folder, name))

    def status(self, folder: Any, name: bytes) -> Any:
        return super().status(folder, self._stored(folder, name))

    def open_file(self, folder: Any, name: bytes) -> int:
        return super().open_file(folder, self._stored(folder, name))

    def create_file(self, folder: Any, name: bytes) -> int:
        return super().create_file(folder, self._stored(folder, name))

    def rename_within(self, folder: Any, name: bytes, new: bytes) -> None:
        super().rename_within(folder, self._stored(folder, name), self._stored(folder, new))

    def link(self, folder: Any, name: bytes, to: Any, new: bytes) -> None:
        super().link(folder, self._stored(folder, name), to, self._stored(to, new))

    def remove(self, folder: Any, name: bytes) -> None:
        super().remove(folder, self._stored(folder, name))


def _folded(name: bytes) -> str:
    return unicodedata.normalize("NFD", os.fsdecode(name)).casefold()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "keep.jpg").write_bytes(b"one")
    (root / "cafe\u0301.jpg").write_bytes(b"one")
    return root


def test_a_file_that_has_two_spellings_is_not_removed_for_itself(library: Path) -> None:
    file = planned(library, "keep.jpg")
    group = PlanGroup(file, (Removal(replace(file, path=b"KEEP.JPG"), "exact"),))
    plan: Plan = replace(plan_of(library, "keep.jpg", "cafe\u0301.jpg"), groups=(group,))
    before = files(library)
    for action in ("quarantine", "delete", "hardlink"):
        applied = do(plan, replace(ALL, action=action), fs=Folding())  # type: ignore[arg-type]
        assert not applied.removed
        assert {p: f for p, f in files(library).items() if "trash" not in p} == before


def test_a_plan_finds_a_name_that_the_disk_stores_decomposed(library: Path) -> None:
    plan = plan_of(library, "keep.jpg", "cafe\u0301.jpg")
    removal = plan.groups[0].removals[0]
    composed = replace(removal, file=replace(removal.file, path="caf\u00e9.jpg".encode()))
    plan = replace(plan, groups=(replace(plan.groups[0], removals=(composed,)),))
    before = files(library)
    assert do(plan, fs=Folding()).complete
    assert not (library / "cafe\u0301.jpg").exists()
    assert undo(fs=Folding()).complete
    assert {p: f for p, f in files(library).items() if "trash" not in p} == before


def test_names_that_another_disk_cannot_tell_apart_do_not_replace_each_other(
    tmp_path: Path,
) -> None:
    root, moved = tmp_path / "root", tmp_path / "moved"
    root.mkdir()
    for name, data in (("k.jpg", b"1"), ("A.jpg", b"1"), ("l.jpg", b"2"), ("a.jpg", b"2")):
        (root / name).write_bytes(data)
    first, second = plan_of(root, "k.jpg", "A.jpg"), plan_of(root, "l.jpg", "a.jpg")
    plan = replace(first, groups=first.groups + second.groups)

    class Elsewhere(Folding):
        def _stored(self, folder: Any, name: bytes) -> bytes:
            return super()._stored(folder, name) if str(folder).startswith(str(moved)) else name

    applied = do(plan, replace(ALL, action="move", move_to=str(moved)), fs=Elsewhere())
    assert len(applied.removed) == 1
    contents = sorted(p.read_bytes() for p in tmp_path.rglob("*.jpg"))
    assert contents == [b"1", b"1", b"2", b"2"]


@pytest.mark.skipif(os.name == "nt", reason="it makes the folders by their descriptors")
def test_paths_that_are_too_long_are_skipped_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("n" * 200, dir_fd=folder)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    found = discover([str(tmp_path)], DiscoverOptions())
    assert [os.path.basename(file.path) for file in found.files] == ["a.jpg"]
    assert [skipped.reason for skipped in found.skipped] == [
        "folder cannot be read: File name too long"
    ]
    import shutil

    shutil.rmtree(tmp_path / ("n" * 200))
