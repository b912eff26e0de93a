"""Metadata of pictures: read once by content, and taken from the cache."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsim import find_duplicates
from imgsim.decode import metadata as reader
from imgsim.read import metadata
from imgsim.read.metadata import metadata_of
from imgsim.read.options import RunOptions
from imgsim.types import Picture


@pytest.fixture
def pictures(tmp_path: Path) -> list[Picture]:
    """Two equal files and one that is like them, with a time each."""
    noise = np.random.default_rng(5).integers(0, 256, (12, 16, 3), np.uint8)
    image = Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC)
    for name, quality, time in (
        ("a", 90, "2020:01:01 00:00:00"),
        ("b", 90, "2020:01:01 00:00:00"),
        ("c", 60, "2021:01:01 00:00:00"),
    ):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = time
        image.save(tmp_path / f"{name}.jpg", quality=quality, exif=exif)
    (group,) = find_duplicates(tmp_path).groups
    return sorted((m.picture for m in group.members), key=lambda p: p.file.path)


def test_each_content_is_read_once_and_remembered(
    pictures: list[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RunOptions(executor="threads", cache=tmp_path / "cache")
    read = []

    def counted(data: bytes, max_pixels: int, *, history: bool) -> reader.Metadata:
        read.append(data)
        return reader.read_metadata(data, max_pixels, history=history)

    monkeypatch.setattr(metadata, "read_metadata", counted)
    duplicates = find_duplicates(tmp_path, options=options)
    first = metadata_of(pictures, options)
    assert first.keys() == {p.digest for p in pictures}
    assert first[pictures[0].digest].date_taken == "2020-01-01T00:00:00"
    assert (first[pictures[2].digest].date_taken, first[pictures[2].digest].jpeg_quality) == (
        "2021-01-01T00:00:00", 60,
    )  # fmt: skip
    assert duplicates.metadata == first
    assert len(read) == 2  # two of the three are equal
    assert metadata_of(pictures, options) == first
    assert len(read) == 2
    assert first[pictures[0].digest].compressed_twice is None
    # what takes a decode is read only if it is asked for
    history = metadata_of(pictures, options, history=True)
    assert history[pictures[0].digest].compressed_twice is False
    assert len(read) == 4
    assert metadata_of(pictures, options, history=True) == history
    assert len(read) == 4


def test_a_file_that_is_gone_or_changed_says_nothing(pictures: list[Picture]) -> None:
    Path(pictures[2].file.path).unlink()
    first = Path(pictures[0].file.path)
    first.write_bytes(first.read_bytes() + b"changed")
    read = metadata_of([pictures[0], pictures[2]], RunOptions(executor="threads"))
    assert read == {p.digest: reader.Metadata() for p in (pictures[0], pictures[2])}


def test_a_record_that_was_changed_is_read_again(pictures: list[Picture], tmp_path: Path) -> None:
    options = RunOptions(executor="threads", cache=tmp_path / "cache")
    duplicates = find_duplicates(tmp_path, options=options)
    with closing(sqlite3.connect(tmp_path / "cache")) as db, db:
        db.execute("UPDATE metadata SET metadata = replace(metadata, '2020', '1920')")
    assert metadata_of(pictures, options) == duplicates.metadata
