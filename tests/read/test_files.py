"""Files are read as they are now, whatever they were when the folder was listed."""

from __future__ import annotations

import errno
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

import imgsim
from imgsim import RunOptions
from imgsim.read import collect, files, hashing
from imgsim.read.files import FileTooLarge, open_regular, read_file, read_stream
from imgsim.read.hashing import hash_files
from imgsim.types import ImageFile


def image_file(path: Path) -> ImageFile:
    return ImageFile(str(path), path.stat().st_size, 0, str(path.parent), False, False)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (5 << 19) + 3])
def test_a_file_is_read_as_a_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    told: list[int] = []
    with open_regular(tmp_path / "a") as stream:
        assert read_stream(stream, lambda: told.append(1)) == content
    assert len(told) == (-(-size // (1 << 20)) if size >= 1 << 20 else 0)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with a name are POSIX's")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, photo, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is read: to be decoded, hashed, compared, verified, or shown."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "pipe.png")
    with pytest.raises(imgsim.ImgsimError, match="not a regular file"):
        imgsim.compare(tmp_path / "pipe.png", tmp_path / "pipe.png")
    listed = image_file(tmp_path / "pipe.png")
    assert list(hash_files([listed], 1, 60)) == [(listed, None, "")]

    photo(1).save(tmp_path / "a.png")
    walked = collect.discover

    def walk(*arguments):
        seen = walked(*arguments)
        first = replace(seen.files[0], path=str(tmp_path / "pipe.png"))
        return replace(seen, files=(*seen.files, first))

    monkeypatch.setattr(collect, "discover", walk)
    result = imgsim.find_duplicates(tmp_path, options=threads)
    assert [(Path(s.path).name, s.reason) for s in result.skipped] == [
        ("pipe.png", "not a regular file"),  # by the walk
        ("pipe.png", "cannot be read: not a regular file"),
    ]


def test_a_lease_that_is_given_up_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    system_open = os.open
    refusals = [BlockingIOError(errno.EAGAIN, "leased")] * 2

    def leased(path: Path, flags: int) -> int:
        if refusals:
            raise refusals.pop()
        return system_open(path, flags)

    monkeypatch.setattr(files.os, "open", leased)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    assert read_file(tmp_path / "a") == b"abc"


def test_a_file_over_the_limit_is_neither_read_nor_hashed(
    tmp_path: Path, photo, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png"):
        photo(1).save(tmp_path / name)
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 1000)
    with pytest.raises(FileTooLarge):
        read_file(tmp_path / "a.png")
    monkeypatch.setattr(collect, "MAX_FILE_BYTES", 1000)
    hashed: list[str] = []
    monkeypatch.setattr(
        hashing._Hashing, "_digest", lambda self, reader, file: hashed.append(file.path)
    )
    result = imgsim.find_duplicates(tmp_path, options=threads)
    assert [s.reason for s in result.skipped] == ["more than 1,000 bytes"] * 2
    assert hashed == []


def test_a_file_that_grows_over_the_limit_is_not_hashed_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(bytes(3 << 20))
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 2 << 20)
    listed = image_file(tmp_path / "a")
    assert list(hash_files([listed], 1, 60)) == [(listed, None, "")]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with a name are POSIX's")
def test_a_list_comes_through_a_pipe_or_it_is_said_that_nothing_does(
    tmp_path: Path, photo, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "list.csv"
    os.mkfifo(pipe)
    photo(1).save(tmp_path / "a.png")
    options = replace(threads, discover=replace(threads.discover, manifests=(str(pipe),)))
    writer = threading.Thread(target=lambda: pipe.write_text("path\na.png\n"))
    writer.start()
    assert imgsim.find_duplicates([], options=options).images == 1
    writer.join()
    monkeypatch.setattr(files, "_PIPE_SECONDS", 0.01)
    with pytest.raises(imgsim.UsageError, match="nothing came through it"):
        imgsim.find_duplicates([], options=options)


@pytest.mark.skipif(sys.platform == "win32", reason="devices with a name are POSIX's")
def test_a_device_that_never_ends_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_DEVICE_BYTES", 1 << 21)
    with pytest.raises(OSError, match="more than 2,097,152 bytes"):
        files.open_input("/dev/zero")
    assert files.open_input("/dev/null").read() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with a name are POSIX's")
def test_a_pipe_that_drips_has_a_limit_for_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(files, "_WHOLE_PIPE_SECONDS", 0.05)
    ended = threading.Event()

    def drip() -> None:
        with pipe.open("r+b", buffering=0) as stream:
            while not ended.wait(0.005):
                stream.write(b"x")

    source = threading.Thread(target=drip)
    source.start()
    try:
        with pytest.raises(OSError, match="did not end in"):
            files.open_input(pipe)
    finally:
        ended.set()
        source.join()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with a name are POSIX's")
def test_what_has_the_name_of_a_picture_and_is_none_is_named(
    tmp_path: Path, threads: RunOptions
) -> None:
    for name in ("pipe.jpg", "pipe"):
        os.mkfifo(tmp_path / name)
    skipped = imgsim.find_duplicates([tmp_path], options=threads).skipped
    assert [(Path(s.path).name, s.reason) for s in skipped] == [("pipe.jpg", "not a regular file")]
