from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from imgsim.errors import UsageError
from imgsim.read import time_limited
from imgsim.read.discover import DiscoverOptions, discover, printable, read_file_list
from imgsim.types import Skipped


def tree(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def found(*paths: Path | str, **options: object) -> list[str]:
    base = str(paths[0])
    result = discover([str(p) for p in paths], DiscoverOptions(**options))
    return [os.path.relpath(f.path, base).replace(os.sep, "/") for f in result.files]


def test_default_excludes_can_be_switched_off(tmp_path: Path) -> None:
    noise = [".hidden.jpg", ".cache/a.jpg", "@eaDir/a.jpg", "x/Catalog.lrdata/1.jpg", "Thumbs.db"]
    tree(tmp_path, "a.jpg", "x/b.jpg", *noise)
    assert found(tmp_path) == ["a.jpg", "x/b.jpg"]
    everything = found(tmp_path, default_excludes=False)
    assert sorted(everything) == sorted(["a.jpg", "x/b.jpg", *noise])


def test_own_excludes_by_name_and_by_path(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "raw/a.jpg", "x/raw/b.jpg", "x/c.tmp.jpg")
    assert found(tmp_path, exclude=["raw"]) == ["a.jpg", "x/c.tmp.jpg"]
    assert found(tmp_path, exclude=["x/raw/*", "*.tmp.*"]) == ["a.jpg", "raw/a.jpg"]
    assert found(tmp_path, recursive=False) == ["a.jpg"]


def test_an_argument_is_looked_at_even_if_its_name_is_excluded(tmp_path: Path) -> None:
    tree(tmp_path, ".hidden/a.jpg")
    assert found(tmp_path / ".hidden") == ["a.jpg"]
    assert found(tmp_path / ".hidden" / "a.jpg") == ["."]


def test_hard_links_are_one_file(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "c.jpg")
    os.link(tmp_path / "a.jpg", tmp_path / "b.jpg")
    result = discover([str(tmp_path)])
    assert [(Path(f.path).name, [Path(n).name for n in f.links]) for f in result.files] == [
        ("a.jpg", ["b.jpg"]),
        ("c.jpg", []),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_symbolic_links_and_loops(tmp_path: Path) -> None:
    tree(tmp_path, "x/a.jpg", "x/y/b.jpg")
    (tmp_path / "x/y/up").symlink_to(tmp_path / "x")
    (tmp_path / "x/link.jpg").symlink_to(tmp_path / "x/a.jpg")
    (tmp_path / "x/dangling.jpg").symlink_to(tmp_path / "nowhere")
    assert found(tmp_path) == ["x/a.jpg", "x/y/b.jpg"]
    assert discover([str(tmp_path)]).links == 3
    followed = discover([str(tmp_path)], DiscoverOptions(follow_symlinks=True))
    assert [Path(f.path).name for f in followed.files] == ["a.jpg", "b.jpg"]
    assert "link.jpg" in {Path(name).name for name in followed.files[0].links}
    nowhere = Skipped(str(tmp_path / "x/dangling.jpg"), "symbolic link that leads nowhere")
    assert (followed.skipped, followed.links) == ((nowhere,), 0)
    # an argument is followed in any case
    assert len(discover([str(tmp_path / "x/link.jpg")]).files) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_folders_of_nothing_but_links_are_named(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "links/README.txt", "both/a.jpg")
    (tmp_path / "links/class").symlink_to(tmp_path)
    (tmp_path / "both/b.jpg").symlink_to(tmp_path / "a.jpg")
    folders = [str(tmp_path / name) for name in ("links", "both")]
    assert discover(folders).only_links == (folders[0],)
    assert discover(folders, DiscoverOptions(follow_symlinks=True)).only_links == ()


def test_overlapping_arguments_list_a_file_once(tmp_path: Path) -> None:
    tree(tmp_path, "x/a.jpg", "b.jpg")
    paths = [str(tmp_path), str(tmp_path / "x"), str(tmp_path / "x" / "a.jpg")]
    one = discover(paths)
    assert one == discover(paths[::-1])
    assert len(one.files) == 2
    by_name = {Path(f.path).name: f for f in one.files}
    assert by_name["a.jpg"].named
    assert by_name["a.jpg"].links == ()


def test_reference_files_are_marked(tmp_path: Path) -> None:
    tree(tmp_path, "new/a.jpg", "old/a.jpg")
    result = discover([str(tmp_path)], DiscoverOptions(reference=[str(tmp_path / "old")]))
    assert [f.reference for f in result.files] == [False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that takes any bytes")
def test_any_file_name(tmp_path: Path) -> None:
    names = [b"new\nline.jpg", b"\xff\xfe.jpg", "grün.jpg".encode(), b" .jpg", b"-rf.jpg"]
    for name in names:
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_bytes(name)
    result = discover([str(tmp_path)])
    assert {os.fsencode(os.path.basename(f.path)) for f in result.files} == set(names)
    shown = {printable(os.path.basename(f.path)) for f in result.files}
    assert shown == {"new\\nline.jpg", "\\xff\\xfe.jpg", "grün.jpg", " .jpg", "-rf.jpg"}


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such path"):
        discover([str(tmp_path / "nothing")])
    listed = discover([], DiscoverOptions(listed=[str(tmp_path / "nothing")]))
    assert [s.reason for s in listed.skipped] == ["no such path"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read anything")
def test_a_folder_without_permission_is_skipped(tmp_path: Path) -> None:
    tree(tmp_path, "closed/a.jpg", "b.jpg")
    (tmp_path / "closed").chmod(0)
    try:
        result = discover([str(tmp_path)])
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert len(result.files) == 1
    assert "cannot be read" in result.skipped[0].reason


def test_lists_of_files() -> None:
    assert read_file_list(b"a b.jpg\nc.jpg\r\n\n") == ["a b.jpg", "c.jpg"]
    assert read_file_list(b"a\nb.jpg\0c.jpg\0") == ["a\nb.jpg", "c.jpg"]
    assert read_file_list(b"a\nb.jpg", null=True) == ["a\nb.jpg"]


def test_a_mount_that_does_not_answer_costs_its_limit_once_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "a.jpg", "dead/b.jpg", "dead/c.jpg", "z/d.jpg")
    ended = threading.Event()
    asked: list[str] = []

    def hanging(call):
        def instead(path, *rest, **options):
            if str(path).endswith(("dead", "b.jpg", "c.jpg")):
                asked.append(path)
                ended.wait()
            return call(path, *rest, **options)

        return instead

    monkeypatch.setattr(time_limited, "SECONDS", 0.05)
    monkeypatch.setattr(os, "scandir", hanging(os.scandir))
    monkeypatch.setattr(os, "stat", hanging(os.stat))
    try:
        walked = discover([str(tmp_path)])
        assert [Path(f.path).name for f in walked.files] == ["a.jpg", "d.jpg"]
        assert [(Path(s.path).name, s.reason[:38]) for s in walked.skipped] == [
            ("dead", "folder cannot be read: no answer in 0.")
        ]
        listed = [str(tmp_path / "dead" / name) for name in ("b.jpg", "c.jpg")]
        skipped = discover([], DiscoverOptions(listed=listed)).skipped
        assert [s.path for s in skipped] == listed
        assert asked == [str(tmp_path / "dead"), listed[0]]
        with pytest.raises(UsageError, match=r"cannot look at .*dead: no answer in 0.05 s"):
            discover([str(tmp_path / "dead")])
    finally:
        ended.set()


def test_a_folder_that_is_slow_and_gets_on_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = time_limited.TimeLimited(0.05)

    def slow() -> str:
        for _ in range(8):
            time.sleep(0.02)
            calls.step()
        return "all"

    assert calls(slow) == "all"
    with pytest.raises(ZeroDivisionError):
        calls(lambda: 1 / 0)
    calls.close()
