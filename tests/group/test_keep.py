"""Which file a rule prefers, and which rule decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imgsim.decode.metadata import Metadata
from imgsim.errors import UsageError
from imgsim.group.file_names import lies_aside, matches_folder, name_additions
from imgsim.group.keep import (
    Candidate,
    narrow,
    parse_keep,
    place_as_original,
    rank,
)
from tests.group.test_stars import picture

CAMERA = {"make": "Canon", "model": "EOS", "date_taken": "2012-07-03T10:00:00"}


def candidate(name: str, data: dict[str, Any] | None = None, **changes: Any) -> Candidate:
    return Candidate(picture(name, **changes), Metadata(**data or {}))


def chosen(rules: list[str], *candidates: Candidate) -> tuple[str, str]:
    """The file that rules prefer, and the rule that decided."""
    left, decisive = list(candidates), ""
    for rule in parse_keep(rules):
        fewer, _ = narrow(left, rule.criteria)
        if len(fewer) < len(left):
            left, decisive = fewer, rule.text
    return left[0].picture.file.path, decisive


BASE = {"width": 100, "lossless": False, "size_bytes": 100, "mtime_ns": 100}


@pytest.mark.parametrize(
    ("rule", "better"),
    [
        ("best", {"width": 101, "size_bytes": 1, "mtime_ns": 200}),
        ("best", {"lossless": True, "size_bytes": 1, "mtime_ns": 200}),
        ("best", {"size_bytes": 101, "mtime_ns": 200}),
        ("largest", {"size_bytes": 101, "width": 1, "mtime_ns": 200}),
        ("smallest", {"size_bytes": 99, "width": 1, "mtime_ns": 200}),
        ("oldest", {"mtime_ns": 99, "width": 1, "size_bytes": 1}),
        ("newest", {"mtime_ns": 101, "width": 1, "size_bytes": 1}),
        ("format:heic,raw,jpg", {"format": "HEIF"}),
        ("format:raw,jpg", {"raw": True, "format": "JPEG"}),
    ],
)
def test_what_each_rule_prefers(rule: str, better: dict) -> None:
    """The better one comes last by path."""
    one = candidate("b", **{**BASE, **better})
    other = candidate("a", **{**BASE, "format": "PNG"})
    assert chosen([rule], one, other) == chosen([rule], other, one) == ("b", rule)


def test_dates_taken_count_where_all_have_one() -> None:
    old = {"date_taken": "2011-01-01T00:00:00"}, {"date_taken": "2012-01-01T00:00:00"}
    one, other = candidate("a", old[0], mtime_ns=9), candidate("b", old[1], mtime_ns=1)
    assert chosen(["oldest"], one, other)[0] == "a"
    assert chosen(["newest"], one, other)[0] == "b"
    assert chosen(["oldest"], one, candidate("b", mtime_ns=1))[0] == "b"


def test_of_heic_files_without_a_date_taken_the_least_compressed_one_comes_first() -> None:
    small = candidate("a", format="HEIF", size_bytes=100, mtime_ns=1)
    large = candidate("b", format="HEIF", size_bytes=101, mtime_ns=2)
    assert chosen(["original"], small, large)[0] == "b"
    dated = [
        replace(one, metadata=Metadata(date_taken=f"2012-01-01T00:00:0{second}"))
        for second, one in enumerate((small, large))
    ]
    assert chosen(["original"], *dated)[0] == "a"


def test_of_what_a_camera_took_a_file_that_says_nothing_is_not_better_than_an_export() -> None:
    """What has no metadata has lost them, and is no better; else it is, than what was edited."""
    stripped = candidate("a", mtime_ns=2)
    for camera, kept in ((CAMERA, "b"), ({}, "a")):
        export = candidate("b", {**camera, "software": "GIMP 2.10"}, mtime_ns=1)
        assert chosen(["original"], stripped, export)[0] == kept
        assert chosen(["original"], export, stripped)[0] == kept


def test_what_a_jpeg_was_before_decides_nothing() -> None:
    """It is told with --facts alone, and an edit hides it."""
    source = candidate("b", {"compressed_twice": True, "jpeg_quality": 90}, mtime_ns=1)
    edit = candidate("a", {"compressed_twice": False, "jpeg_quality": 90}, mtime_ns=2)
    assert chosen(["original"], source, edit) == ("b", "original")


def test_the_first_rule_that_tells_two_apart_decides() -> None:
    one, other = candidate("x/a", size_bytes=1), candidate("DCIM/b", size_bytes=1)
    assert chosen(["largest", "folder:DCIM"], one, other) == ("DCIM/b", "folder:DCIM")
    assert chosen(["not-folder:DCIM", "folder:DCIM"], one, other) == ("x/a", "not-folder:DCIM")
    assert chosen(["has:exif,gps"], one, candidate("z", {"place": True}))[0] == "z"
    assert chosen(["plain-name"], candidate("a (1).jpg"), candidate("b.jpg"))[0] == "b.jpg"


@pytest.mark.parametrize(
    "text", ["bset", "folder", "folder:", "has:soul", "format:hiec", "largest:x", ""]
)
def test_rules_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_keep([text])


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        (CAMERA, True),
        ({**CAMERA, "taken_width": 100, "taken_height": 100}, True),
        ({**CAMERA, "taken_width": 100, "taken_height": 90}, False),
        ({**CAMERA, "software": "Ver.1.02"}, True),
        ({**CAMERA, "software": "Adobe Photoshop Lightroom 6.1"}, False),
        ({**CAMERA, "derived_from": ("xmp.did:1",)}, False),
        ({"make": "Canon", "model": "EOS"}, False),
        ({}, False),
    ],
)
def test_whether_a_file_is_as_the_camera_wrote_it(data: dict, fits: bool) -> None:
    assert candidate("a", data).camera_fits is fits


@pytest.mark.parametrize(
    ("name", "additions"),
    [
        ("IMG_1.jpg", 0), ("DSC_0001-2.JPG", 0), ("Holiday 2012.jpg", 0), ("IMG_1(1).jpg", 1),
        ("IMG_1 - Copy.jpg", 1), ("IMG_1 - Copy (2).jpg", 1), ("Copy of IMG_1.jpg", 1),
        ("IMG_1 - Kopie.jpg", 1), ("Copie de IMG_1.jpg", 1), ("DSC_4-Edit.jpg", 1),
        ("IMG_E1234.JPG", 1), ("IMG_EAST.jpg", 0), ("IMG_1-COLLAGE.jpg", 1), ("copia_IMG_1.jpg", 1),
        ("IMG_1 - コピー.jpg", 1), ("editorial.jpg", 0), ("copyright.jpg", 0), ("(1).jpg", 0),
    ],
)  # fmt: skip
def test_what_was_added_to_a_name(name: str, additions: int) -> None:
    assert name_additions(f"folder/{name}") == additions


@pytest.mark.parametrize(
    ("path", "root", "aside"),
    [
        ("Backup/a.jpg", ".", True), ("Photos/2012/a.jpg", ".", False),
        ("my_backups/x/a.jpg", ".", True), ("Zu löschen/a.jpg", ".", True),
        ("回收站/a.jpg", ".", True), ("Photocopies/a.jpg", ".", False),
        ("yedek/a.jpg", ".", True), ("نسخة احتياطية/a.jpg", ".", True),
        ("النسخ الاحتياطي/a.jpg", ".", True),
        ("/mnt/backup/photos/2012/a.jpg", "/mnt/backup/photos", False),
        ("/mnt/backup/a.jpg", "/mnt/backup", True),
    ],
)  # fmt: skip
def test_which_folders_are_of_copies(path: str, root: str, aside: bool) -> None:
    assert lies_aside(path, root) is aside


@pytest.mark.parametrize(
    ("path", "pattern", "matches"),
    [
        ("x/DCIM/100/a.jpg", "DCIM", True), ("x/DCIM/100/a.jpg", "DCIM/1*", True),
        ("x/DCIM/100/a.jpg", "x/100", False), ("DCIM.jpg", "DCIM", False),
        ("x/DCIM2/a.jpg", "DCIM", False), ("/p/q/a.jpg", "/p", True), ("/p/q/a.jpg", "/q", False),
    ],
)  # fmt: skip
def test_folders_by_patterns(path: str, pattern: str, matches: bool) -> None:
    assert matches_folder(path, pattern) is matches


def test_a_lossy_format_that_no_camera_writes_comes_after_a_jpeg() -> None:
    jpeg, other = candidate("b", **BASE), candidate("a", **{**BASE, "format": "JPEG2000"})
    assert chosen(["original"], other, jpeg)[0] == "b"
    lossless = candidate("a", **{**BASE, "format": "WEBP", "lossless": True})
    assert chosen(["original"], lossless, jpeg)[0] == "a"


def test_whole_files_come_before_references_and_these_before_all() -> None:
    damaged = picture("a", damage="broken", width=900, reference=True)
    reference, plain = picture("z", reference=True), picture("b", width=900)
    assert rank([plain, damaged, reference]) == [reference, plain, damaged]


def test_by_themselves_files_are_ordered_as_original_chooses() -> None:
    """The older of two of one size comes before the larger file, which `best` would keep."""
    older = picture("z", **BASE)
    larger = picture("b", **{**BASE, "size_bytes": 200, "mtime_ns": 200})
    copied = picture("a copy", **{**BASE, "mtime_ns": 50})
    smaller = picture("a", **{**BASE, "width": 99, "mtime_ns": 50})
    damaged = picture("a", **{**BASE, "width": 900, "damage": "broken"})
    ordered = [older, larger, copied, smaller, damaged]
    assert sorted([*reversed(ordered)], key=place_as_original) == ordered
    assert rank([older, larger]) == [larger, older]
