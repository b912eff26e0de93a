"""Hashing waits neither for Ctrl-C nor for a disk that hangs."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from imgsim.read import hashing
from imgsim.read.hashing import _Hashing, _Reader, hash_files
from imgsim.stamps import FileStamp
from imgsim.types import ImageFile


@pytest.fixture
def listed(tmp_path: Path) -> list[ImageFile]:
    files = []
    for i in range(5):
        (tmp_path / str(i)).write_bytes(bytes([i]) * (1 << 20) * i)
        files.append(ImageFile(str(tmp_path / str(i)), i << 20, 0, str(tmp_path), False, False))
    return files


def test_digests_are_those_of_the_contents(listed: list[ImageFile]) -> None:
    expected = {
        f.path: (
            hashlib.sha256(Path(f.path).read_bytes()).hexdigest(),
            FileStamp.of(os.stat(f.path)),
        )
        for f in listed
    }
    for threads in (1, 3, 9):
        assert {file.path: d for file, d, _ in hash_files(listed, threads, 60)} == expected
    assert list(hash_files([], 2, 60)) == []


def _hang_in(hanging: ImageFile, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let hashing a file hang until the event is set."""
    hang = threading.Event()
    real = _Hashing._digest

    def digest(self: _Hashing, reader: _Reader, file: ImageFile) -> object:
        if file is hanging:
            hang.wait()
        return real(self, reader, file)

    monkeypatch.setattr(_Hashing, "_digest", digest)
    return hang


def test_a_consumer_that_stops_waits_for_no_file(
    listed: list[ImageFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that hangs in the system would never let this test end."""
    hang = _hang_in(listed[1], monkeypatch)
    hashed = hash_files(listed, 2, 60)
    assert next(hashed)[0] is not listed[1]
    hashed.close()
    hang.set()


def test_a_file_of_which_nothing_comes_is_given_up_and_the_others_are_not(
    listed: list[ImageFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = _hang_in(listed[1], monkeypatch)
    monkeypatch.setattr(hashing, "_CHECK_SECONDS", 0.01)
    results = list(hash_files(listed, 1, 0.05))
    assert [file.path for file, _, _ in results] == [f.path for f in listed]
    assert [reason for _, _, reason in results] == [
        "", "cannot be read: no progress in 0.05 s", "", "", "",
    ]  # fmt: skip
    assert [digest is None for _, digest, _ in results] == [False, True, False, False, False]
    hang.set()


def test_a_slow_reader_is_not_given_up(listed: list[ImageFile]) -> None:
    state = _Hashing(listed, timeout=60)
    reader = _Reader(file=listed[0])
    state.readers.append(reader)
    for _ in range(100):
        reader.pieces_read += 1
        state.check_readers(59)
    assert state.results.empty()
    assert not reader.given_up
