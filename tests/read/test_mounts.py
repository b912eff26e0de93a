"""A mount that dies while files are read costs its limit once, not once a file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsim.comparators.registry import parse
from imgsim.decode.decoder import Decoder
from imgsim.executors.processes import ProcessesExecutor
from imgsim.read import hashing
from imgsim.read.collect import _OnMounts
from imgsim.read.extract import ExtractBatch, Extracted
from imgsim.read.hashing import _Hashing, hash_files
from imgsim.read.mounts import NO_ANSWER, Mounts
from imgsim.types import ImageFile

DEAD, ALIVE = 7, 8


def _files(folder: Path) -> list[ImageFile]:
    files = []
    for number in range(12):
        path = folder / str(number)
        path.write_bytes(b"x")
        device = DEAD if number % 2 else ALIVE
        files.append(ImageFile(str(path), 1, 0, str(folder), device=device))
    return files


@pytest.fixture
def never() -> Callable[[str], None]:
    """Read like from a disk that is gone, until the test has ended."""
    ended = threading.Event()

    def read(path: str) -> None:
        ended.wait()

    yield read
    ended.set()


def test_a_file_alone_that_hangs_is_no_dead_mount(tmp_path: Path) -> None:
    files = _files(tmp_path)
    mounts = Mounts(files, 0.05)
    mounts.gave_up(files[1].path)
    assert not any(mounts.why_not(file.path) for file in files)


def test_of_a_mount_that_answers_no_more_one_file_is_hashed_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, never: Callable[[str], None]
) -> None:
    files = _files(tmp_path)
    tried: list[str] = []
    real = _Hashing._digest

    def digest(self: _Hashing, reader: object, file: ImageFile) -> object:
        if file.device == DEAD:
            tried.append(file.path)
            never(file.path)
        return real(self, reader, file)  # type: ignore[arg-type]

    monkeypatch.setattr(_Hashing, "_digest", digest)
    monkeypatch.setattr(hashing, "_CHECK_SECONDS", 0.01)
    results = list(hash_files(files, 1, 0.05, Mounts(files, 0.05, never)))
    assert [content is None for _, content, _ in results] == [bool(i % 2) for i in range(12)]
    reasons = [reason for file, _, reason in results if file.device == DEAD]
    assert reasons == ["cannot be read: no progress in 0.05 s", *[NO_ANSWER] * 5]
    assert len(tried) == 1


def test_of_a_mount_that_answers_no_more_one_file_is_decoded_in_vain(
    tmp_path: Path, never: Callable[[str], None]
) -> None:
    files = _files(tmp_path)
    mounts = Mounts(files, 0.05, never)
    lost = _OnMounts(mounts)
    extractor = parse("phash").extractor  # type: ignore[attr-defined]
    batch = ExtractBatch(tuple(f.path for f in files), (extractor,), Decoder())
    assert lost.before(batch) == {}
    assert lost.after_hang(batch, 3) == NO_ANSWER
    assert lost.before(batch) == dict.fromkeys(range(1, 12, 2), NO_ANSWER)
    (results,) = dict(ProcessesExecutor(1).run([batch], lost=lost)).values()
    reasons = [r.reason if isinstance(r, Extracted) else "" for r in results]
    assert [reason == NO_ANSWER for reason in reasons] == [bool(i % 2) for i in range(12)]
    assert not any(r.opened for r in results[1::2])  # a copy on another disk may be read
