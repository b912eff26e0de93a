"""A file that changes while it is read, or between two reads."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from imgsim import RunOptions, find_duplicates
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeError, NeedsMemory
from imgsim.executors.base import Heartbeat
from imgsim.read import content, hashing
from imgsim.read.content import ChangedFile, Content, read_bytes
from imgsim.read.equal_samples import SampleBatch
from imgsim.read.hashing import hash_files
from imgsim.stamps import FileStamp
from imgsim.types import ImageFile

ONE, TWO = b"one content", b"two content"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(ONE)
    return file


def test_a_file_and_its_stamp(file: Path) -> None:
    stamp = FileStamp.of(file.stat())
    assert read_bytes(str(file)) == (ONE, stamp)
    listed = ImageFile(str(file), len(ONE), 0, "")
    assert list(hash_files([listed], 1, 60)) == [(listed, (digest(ONE), stamp), "")]
    assert stamp[:2] == (len(ONE), file.stat().st_mtime_ns)
    with pytest.raises(DecodeError, match=r"^needs 11 bytes, --max-memory is 10 bytes$"):
        read_bytes(str(file), Decoder(max_memory=10))
    with pytest.raises(NeedsMemory):
        read_bytes(str(file), Decoder(share=10))


def test_a_file_that_is_written_to_meanwhile_is_no_content(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = content.check_unchanged

    def write_first(stream: object, stamp: FileStamp) -> None:
        with file.open("ab") as writer:
            writer.write(b"!")
        check(stream, stamp)  # type: ignore[arg-type]

    monkeypatch.setattr(content, "check_unchanged", write_first)
    with pytest.raises(ChangedFile):
        read_bytes(str(file))
    monkeypatch.setattr(hashing, "check_unchanged", write_first)
    listed = ImageFile(str(file), len(ONE), 0, "")
    assert list(hash_files([listed], 1, 60)) == [(listed, None, "")]


def test_another_content_is_noticed_and_another_stamp_alone_is_none(file: Path) -> None:
    stamp = FileStamp.of(file.stat())
    assert Content(str(file), digest(ONE), stamp).read() == ONE
    os.utime(file, (1, 1))
    assert Content(str(file), digest(ONE), stamp).read() == ONE
    file.write_bytes(TWO)
    with pytest.raises(ChangedFile):
        Content(str(file), digest(ONE), stamp).read()
    # a file that was changed shortly before is not believed by its stamp
    now = FileStamp.of(file.stat())
    with pytest.raises(ChangedFile):
        Content(str(file), digest(ONE), None).read()
    assert Content(str(file), digest(ONE), now).read() == TWO  # what a settled stamp would mean


def test_no_digest_of_another_content_is_kept(file: Path, photo) -> None:
    """Else two files would be equal for good that never were."""
    stream = io.BytesIO()
    photo(1).save(stream, "PNG")
    file.write_bytes(stream.getvalue())
    right = Content(str(file), digest(stream.getvalue()))
    wrong = Content(str(file), digest(ONE))
    whole, other = SampleBatch((right, wrong), Decoder()).run(Heartbeat())
    assert whole.digest
    assert whole.lasting
    assert other == (None, "it is gone, or was changed meanwhile")
    assert SampleBatch((right,), Decoder()).failure("killed") == (None, "killed")


@pytest.mark.parametrize(
    ("times", "settled"),
    [
        ((0, 0), True),
        ((0, 10**9), False),  # only the time of the change tells
        ((10**9, 0), False),
        ((10**18, 0), False),  # a clock that is wrong
    ],
)
def test_a_stamp_is_settled_when_both_times_are_old(times: tuple[int, int], settled: bool) -> None:
    assert FileStamp(1, *times).is_settled(3 * 10**9 - 1) is settled


def test_a_file_with_its_stamp() -> None:
    file = ImageFile("a", 1, 2, ".", ctime_ns=3, inode=4)
    assert file.stamp == (1, 2, 3, 4)
    assert file.with_stamp(file.stamp) is file
    assert file.with_stamp(FileStamp(5, 6, 7, 8)) == ImageFile("a", 5, 6, ".", ctime_ns=7, inode=8)


def test_a_file_replaced_during_the_run_leaves_nothing_wrong(
    tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decode and the verification: the verdict is not one of the content."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    photo(1).save(folder / "a.jpg", quality=95)
    photo(1).resize((600, 400)).save(folder / "b.jpg", quality=80)
    photo(2).save(folder / "other", "JPEG")
    expected = find_duplicates(folder, options=RunOptions(executor="threads"))
    assert len(expected.groups) == 1
    cache = tmp_path / "cache.sqlite"

    from imgsim.verify import batch

    judge = batch.judge

    def replace_first(*arguments: object) -> object:
        (folder / "b.jpg").write_bytes((folder / "other").read_bytes())
        return judge(*arguments)  # type: ignore[arg-type]

    kept = (folder / "b.jpg").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(batch, "judge", replace_first)
        # nothing is kept from the first decode, so that the files are read again
        patch.setattr("imgsim.read.spool.MAX_BYTES", 0)
        changed = find_duplicates(folder, options=RunOptions(executor="threads", cache=cache))
        assert changed.groups == ()
    (folder / "b.jpg").write_bytes(kept)
    again = find_duplicates(folder, options=RunOptions(executor="threads", cache=cache))
    assert [len(group.members) for group in again.groups] == [2]
