"""Where people are in a picture, by its own metadata and those of its sidecars."""

from __future__ import annotations

import pytest

from imgsim.decode.regions import Regions, read_regions
from tests.act.test_carry import MICROSOFT, described, faces


def test_what_a_sidecar_says_of_a_person_comes_before_what_the_file_does() -> None:
    first, second = described(faces(Ida="0.1")), described(faces(Ida="0.9", Rosa="0.5") + MICROSOFT)
    regions = read_regions(b"", [first, second])
    assert regions is not None
    assert [(row[0], row[2]) for row in regions.of_mwg] == [("Ida", "0.1"), ("Rosa", "0.5")]
    assert regions.of(["Rosa & co"]).rows == (("Rosa & co", "0.1, 0.2, 0.3, 0.4"),)
    assert read_regions(b"", [described("".join(regions.xmp()))]) == regions


@pytest.mark.parametrize(
    "changed",
    [
        faces(Ida="0.1").replace("normalized", "pixel"),
        faces(Ida="0.1").replace("stArea:unit", 'stArea:d="0.2" stArea:unit'),
        faces(Ida="0.1", Rosa="0.5").replace('mwg-rs:Name="Ida"', ""),
    ],
)
def test_regions_that_cannot_all_be_read_are_none(changed: str) -> None:
    assert read_regions(b"", [described(changed)]) is None


def test_formats_that_turn_pictures_in_another_way_have_no_orientation_of_exif() -> None:
    assert read_regions(b"\0\0\0\x18ftypheic") == Regions(None)
    assert read_regions(b"\xff\xd8\xff\xd9") == Regions(1)
