"""Files of rows, byte by byte."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from imgsim.cache.rowfile import RowFile, all_files, row_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "not yet" / "there" / "one.rows"


def test_rows_lie_one_after_the_other(path: Path) -> None:
    RowFile(path, 3).write(0, [b"aaa", b"bbb"])
    assert path.read_bytes() == b"aaabbb"
    RowFile(path, 3).write(2, [b"ccc"])
    assert path.read_bytes() == b"aaabbbccc"
    RowFile(path, 3).write(1, [b"BBB"])  # what a killed process left there
    assert path.read_bytes() == b"aaaBBBccc"
    rows = RowFile(path, 3)
    with closing(rows):
        assert [rows.read(place) for place in (2, 0, 1)] == [b"ccc", b"aaa", b"BBB"]


@pytest.mark.parametrize("content", [None, b"", b"aa"])
def test_a_file_without_a_whole_row_has_none(content: bytes | None, path: Path) -> None:
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    with closing(RowFile(path, 3)) as rows:
        assert rows.read(0) == (content or b"")


@pytest.mark.parametrize("place", [-1, 1.5, "0", b"0", 10**30])
def test_a_place_that_is_none_has_no_row(place: object, path: Path) -> None:
    RowFile(path, 3).write(0, [b"aaa"])
    with closing(RowFile(path, 3)) as rows:
        assert rows.read(place) == b""


@pytest.mark.parametrize(
    ("last", "place"), [(None, 0), (0, 1), (1, 2), (7, 2), (10**15, 2), ("x", 0), (-3, 0)]
)
def test_the_next_place_lies_within_the_file_whatever_the_database_says(
    last: object, place: int, path: Path
) -> None:
    """A number that was edited by hand must not make a file of a petabyte."""
    RowFile(path, 3).write(0, [b"aaa", b"b"])
    assert RowFile(path, 3).next_place(last) == place


def test_a_row_that_is_not_all_there_is_short(path: Path) -> None:
    RowFile(path, 3).write(0, [b"aaa", b"b"])
    with closing(RowFile(path, 3)) as rows:
        assert rows.read(0) == b"aaa"
        assert rows.read(1) == b"b"
        assert rows.read(2) == b""


def test_a_file_of_just_one_row_is_read(path: Path) -> None:
    RowFile(path, 3).write(0, [b"aaa"])
    with closing(RowFile(path, 3)) as rows:
        assert rows.read(0) == b"aaa"


def test_the_names_of_row_files_stay_the_same_between_versions() -> None:
    """Else the rows of the caches that exist are lost."""
    assert row_path(Path("folder/cache.sqlite"), "an extractor") == Path(
        "folder/cache.sqlite-rows/1d1d2759b640325ebb5de1d1bee0e8f5.rows"
    )


def test_all_files_of_a_cache_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    assert all_files(path) == []
    rows = tmp_path / "cache.sqlite-rows"
    rows.mkdir()
    own = [path, *(tmp_path / f"cache.sqlite-{end}" for end in ("wal", "shm", "journal"))]
    own += [tmp_path / "cache.sqlite-lock", tmp_path / "cache.sqlite-damaged"]
    own += [rows / "a.rows", rows / "b.rows"]
    for file in (*reversed(own), rows / "a.txt", tmp_path / "cache.sqlite-other"):
        file.touch()
    (rows / "folder.rows").mkdir()
    assert all_files(path) == own
