"""Words of keypoints in a segment: in C and in NumPy the same, and C checks what it is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsim.comparators.local import LAYOUT
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError
from imgsim.index import words
from imgsim.index.manifest import Maker
from imgsim.index.pieces import PIECE
from imgsim.index.rows import _distinct_words
from imgsim.index.segment import FileRecord, NewContent, NewFile
from imgsim.index.words import Words
from imgsim.index.writer import Batch, IndexWriter
from imgsim.propose.keypoints import Keypoints
from imgsim.types import ImageFacts

needs_c = pytest.mark.skipif(
    words._compiled is None, reason="the parts in C are not compiled: there was no C compiler"
)
FACTS = ImageFacts(400, 300, "PNG", True, False, 1, 63, None)


def _rows(seed: int, n: int) -> np.ndarray:
    """Images whose keypoints come in families, so that many share words and many are near."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(n, LAYOUT)
    rows["size"], rows["count"] = (400, 300), rng.integers(0, 40, n)
    family = np.random.default_rng(1).integers(0, 256, (8, 32), np.uint8)
    for row in rows:
        for name, most in (("descriptor", 40), ("mirrored", 20)):
            turned = rng.random((most, 256)) < rng.choice([0.0, 0.02, 0.12], (most, 1))
            row[name][:most] = family[rng.integers(0, 8, most)] ^ np.packbits(turned, axis=1)
    return rows


@pytest.fixture
def segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Words]:
    def written(bits: int) -> Words:
        """The words of a segment whose table has so many bits."""
        monkeypatch.setattr(words, "_LEAST_BITS", bits)
        rows = _rows(2, 40)
        digests = [f"{i:064x}" for i in range(len(rows))]
        contents = [NewContent(digest, FACTS, i) for i, digest in enumerate(digests)]
        files = [NewFile(FileRecord(f"{i}.png", "/p"), d) for i, d in enumerate(digests)]
        with IndexWriter.create(tmp_path / "F", Maker.own(DecodeMode.REDUCED)) as writer:
            writer.append(Batch(contents, lambda some: rows[list(some)], files))
            return writer.snapshot.segments[0].words

    return written


@needs_c
@pytest.mark.parametrize("bits", [8, 15, 16])
def test_c_and_numpy_find_the_same(
    segment: Callable[[int], Words], bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = segment(bits)
    rng = np.random.default_rng(3)
    asking = np.concatenate([_rows(2, 40)[5:8], _rows(3, 3)])
    own = Keypoints.of(asking, np.arange(6))
    live = np.where(rng.random(40) < 0.3, -1, np.arange(40))
    counted = rng.integers(0, 1 << 15, len(own.image)).astype(np.uint16)
    (asked,) = _distinct_words(own)
    found = []
    for part in (words._compiled, None):
        monkeypatch.setattr(words, "_compiled", part)
        checked = there.nothing_checked()
        first, end = there.find(asked, checked)
        pairs = there.near(asked, first, end, own, counted, live, checked)
        found.append([column.tolist() for column in (first, end, *pairs)])
    assert found[0] == found[1]
    first, end, one, *_ = found[0]
    assert np.array(end).max() > 100  # some in the middle of the order
    assert (np.subtract(end, first) == 0).sum() > 50
    assert len(one) > 1000


@needs_c
def test_c_finds_nothing_that_is_not_as_it_was_written(segment: Callable[[int], Words]) -> None:
    there = segment(8)
    own = Keypoints.of(_rows(2, 1), np.arange(1))
    (asked,) = _distinct_words(own)
    counted = np.full(len(own.image), 0x7FFF, np.uint16)
    first, end = there.find(asked, there.nothing_checked())
    sums = there._pieces.sums
    for begin in (there._begins.starts, there._begins.order, there._begins.rows + 1600):
        there._pieces.sums = sums.copy()
        there._pieces.sums[begin // PIECE : (begin + 20000) // PIECE] ^= 1

        def look_up() -> None:
            checked = there.nothing_checked()
            there.find(asked, checked)
            there.near(asked, first, end, own, counted, np.arange(40), checked)

        with pytest.raises(UsageError, match="a check sum of what was looked up is wrong"):
            look_up()


WHOLE = np.zeros(64 * 1024, np.uint8)
SEGMENT: dict[str, Any] = {
    "whole": WHOLE,
    "sums": np.zeros(1024, np.uint32),
    "factors": np.zeros(9, np.uint64),
    "checked": np.zeros(128, np.uint8),
    "rows": 0,
    "contents": 2,
    "row_bytes": 512,
    "descriptors": 0,
    "mirrored": 256,
    "behind": 320,
    "starts": 1024,
    "order": 32768,
    "width": 257,
    "keypoints": 2,
    "item": 4,
}
NEAR: dict[str, Any] = {
    "word": np.zeros(2, np.int64),
    "first": np.zeros(2, np.int64),
    "end": np.ones(2, np.int64),
    "owners": np.arange(3),
    "own": np.array([0, 1], np.uint32),
    "descriptors": np.zeros((2, 32), np.uint8),
    "mirrored": np.zeros(2, np.bool_),
    "counted": np.full(2, 0x7FFF, np.uint16),
    "live": np.zeros(2, np.int64),
    "one": np.zeros(4, np.uint32),
    "other": np.zeros(4, np.uint32),
    "of_word": np.zeros(4, np.uint8),
    "bits": np.zeros(4, np.uint8),
}


def _near(segment: dict[str, Any], **change: Any) -> int:
    checked = {"checked": np.zeros_like(SEGMENT["checked"])}
    given = tuple((SEGMENT | checked | segment).values())
    return words._compiled.near(given, 64, *(NEAR | change).values())


@needs_c
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rows": 1 << 63}, "out of range"),
        ({"contents": 1 << 60}, "out of range"),
        ({"contents": 129}, "out of range"),
        ({"row_bytes": 0}, "out of range"),
        ({"mirrored": 400}, "out of range"),
        ({"behind": 513}, "out of range"),
        ({"width": 258}, "out of range"),
        ({"width": 2}, "out of range"),
        ({"width": (1 << 12) + 1}, "out of range"),
        ({"keypoints": 1 << 40}, "out of range"),
        ({"item": 2}, "out of range"),
        ({"item": 3}, "out of range"),
        ({"sums": np.zeros(1023, np.uint32)}, "sums: 1024 items"),
        ({"whole": WHOLE[:-1]}, "whole: 65472 items"),
        ({"checked": np.zeros(127, np.uint8)}, "checked: 128 items"),
        ({"factors": np.zeros(8, np.uint64)}, "factors: 9 items"),
    ],
)
def test_c_checks_a_segment(change: dict[str, Any], told: str) -> None:
    assert _near({}) == 2
    with pytest.raises(ValueError, match=told):
        _near(change)


@needs_c
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"word": np.array([0, 15])}, "no such place"),
        ({"first": np.array([0, 2])}, "no such place"),
        ({"end": np.array([1, 3])}, "no such place"),
        ({"owners": np.array([0, 3, 2])}, "no such place"),
        ({"owners": np.array([0, 1, 3])}, "no such place"),
        ({"owners": np.array([1, 1, 2])}, "no such place"),
        ({"own": np.array([0, 2], np.uint32)}, "no such place"),
        ({"live": np.zeros(3, np.int64)}, "live: 2 items"),
        ({"descriptors": np.zeros((2, 31), np.uint8)}, "descriptors: 64 items"),
        ({name: NEAR[name][:1] for name in ("one", "other", "of_word", "bits")}, "too little room"),
        ({"one": NEAR["one"][:3]}, "other: 3 items"),
    ],
)
def test_c_checks_what_is_asked(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        _near({}, **change)


@needs_c
def test_c_follows_no_keypoint_to_another_place() -> None:
    for keypoint in (160, 500, (1 << 32) - 1):  # behind those of a row, of all rows, of the file
        whole = WHOLE.copy()
        whole[32768:32772] = np.array([keypoint], "<u4").view(np.uint8)
        # all factors are 0, so that all check sums are right
        assert _near({"whole": whole}) == -2
    whole = WHOLE.copy()
    whole[1024:1032] = 255  # places where words begin
    given = tuple((SEGMENT | {"whole": whole, "checked": np.zeros(128, np.uint8)}).values())
    found = np.zeros(1, np.int64), np.zeros(1, np.int64)
    assert words._compiled.find(given, np.zeros(1, np.int64), np.zeros(1, np.uint32), *found) == -2
    first = np.array([0, -1, 1 << 40])
    assert words._compiled.check(given, first[:1], first[:1]) == 0
    assert words._compiled.check(given, first, first) == -2
