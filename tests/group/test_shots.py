"""Which dates, exposures and names say that two pictures are two shots, and how near."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imgsim.decode.metadata import Metadata
from imgsim.group.shots import (
    Shot,
    other_shot_text,
    relation_of,
    same_instant,
    same_moment,
    shot_stem,
)
from imgsim.types import ImageFacts, ImageFile, Picture


def shot(
    time: str = "", name: str = "a.jpg", *, size: tuple[int, int] = (400, 300), mtime: int = 0,
    **facts: Any,
) -> Shot:  # fmt: skip
    """A shot of 1 May 2024, at `time`, by one camera unless another is given."""
    given = {"make": "Canon", "model": "R5", **facts}
    date = f"2024-05-01T{time}" if time else ""
    file = ImageFile(name, 1, mtime * 10**9, root=".")
    picture = Picture(file, name, ImageFacts(*size, "JPEG", False, False, 1, 63, None))
    return Shot(picture, Metadata(date_taken=date, **given))


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        ("10:00:00.12", "10:00:00.37", "burst"),
        ("10:00:00.12", "10:00:00.12", None),
        ("10:00:00.456", "10:00:00.46", None),  # rounded
        ("10:00:00.1", "10:00:00.2", "burst"),
        ("10:00:00.123456", "10:00:00.123456", None),
        ("10:00:00.12", "10:00:00", None),  # the fraction was lost
        ("10:00:00.96", "10:00:01", None),  # or rounded
        ("10:00:00.12", "10:00:02", "burst"),
        ("10:00:00.00", "10:00:00", None),  # zeros are no fraction
        ("10:00:00", "10:00:01", "burst"),
        ("10:00:00+02:00", "10:00:00", None),
        ("10:00:00", "10:00:20", "moment"),
        ("10:00:00", "10:02:01", None),
        ("10:00", "10:01", None),  # to the minute
        ("10:00+02:00", "10:01+02:00", None),
        ("10:00:00", "", None),
    ],
)
def test_dates_tell_two_shots_of_one_camera(one: str, other: str, relation: str | None) -> None:
    for left, right in ((one, other), (other, one)):
        assert relation_of(shot(left), shot(right), matched=True) == relation
        assert relation_of(shot(left), shot(right, model="R6"), matched=True) is None
        assert relation_of(shot(left, make="", model=""), shot(right), matched=True) is None


def test_within_a_second_numbers_tell_those_that_do_not_match() -> None:
    times = "10:00:00", "10:00:00"
    first, second = (shot(t, f"x/DSC_010{i}.JPG") for i, t in enumerate(times))
    assert relation_of(first, second, matched=False) == "burst"
    assert relation_of(first, second, matched=True) is None
    edit = shot(times[1], "DSC_0100-edit.jpg")
    assert relation_of(first, edit, matched=False) is None
    finer = shot("10:00:00.5", "DSC_0101.JPG")
    assert relation_of(finer, shot("10:00:00.5", "DSC_0102.JPG"), matched=False) is None


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        ({"exposure_bias": 0.0}, {"exposure_bias": -1.0}, "bracket"),
        ({"exposure_bias": 0.0}, {"exposure_bias": 0.0}, "burst"),
        ({"exposure_seconds": 1 / 250}, {"exposure_seconds": 1 / 200}, "burst"),
        ({"exposure_seconds": 1 / 250}, {"exposure_seconds": 1 / 60}, "bracket"),
        ({"exposure_seconds": 1 / 250, "iso": 100}, {"exposure_seconds": 1 / 125, "iso": 50},
         "burst"),
        ({"exposure_seconds": 1 / 250, "iso": 100}, {"exposure_seconds": 1 / 60}, "burst"),
        ({"auto_bracket": True}, {"auto_bracket": True}, "bracket"),
    ],
)  # fmt: skip
def test_exposures_tell_a_bracket(one: dict, other: dict, relation: str) -> None:
    left, right = shot("10:00:00.1", **one), shot("10:00:00.6", **other)
    assert relation_of(left, right, matched=True) == relation


def test_a_long_exposure_lies_between_two_shots() -> None:
    long, next_one = shot("10:00:00.1", exposure_seconds=8.0), shot("10:00:16", iso=100)
    assert relation_of(long, next_one, matched=False) == "burst"
    assert relation_of(shot("10:00:00.1"), next_one, matched=False) == "moment"


def test_what_is_said_of_another_shot() -> None:
    kept = shot("10:00:01.5")
    assert other_shot_text(kept, shot("10:00:01.25")) == (
        "another shot of the burst, taken 0.25 s earlier"
    )
    assert other_shot_text(kept, shot("10:00:31.5")) == "another shot, taken 30 s later"
    assert other_shot_text(kept, shot("12:11:47.5")) == "another shot, taken at another time"
    # a clock that was put right, or the time zone
    for hours in range(11, 23):
        assert other_shot_text(shot("10:00:01.12"), shot(f"{hours}:00:01.12")) == ""
    assert other_shot_text(kept, shot("12:00:01")) == ""
    assert other_shot_text(kept, shot("12:00:03")) != ""
    assert other_shot_text(kept, shot("10:00:01")) == ""


def test_the_raw_file_and_the_picture_of_one_shot() -> None:
    assert same_instant(shot("10:00:00.5"), shot("10:00:00"))
    assert not same_instant(shot("10:00:00.5"), shot("10:00:00.7"))
    assert not same_instant(shot("10:00:00", model="R6"), shot("10:00:00"))
    assert not same_instant(shot(), shot())
    names = "a/IMG_1.CR3", "b/img_1.jpg"
    assert shot_stem(names[0]) == shot_stem(names[1]) != shot_stem("IMG_1-edit.jpg")
    assert shot_stem("PXL_1.RAW-01.COVER.jpg") == shot_stem("PXL_1.RAW-02.ORIGINAL.dng")


def test_screenshots_of_one_moment() -> None:
    def screen(name: str = "a.png", **more: Any) -> Shot:
        return shot(name=name, make="", model="", **{"size": (1080, 2160), **more})

    assert same_moment(screen(), screen(mtime=60))
    assert not same_moment(screen(), screen(mtime=600))
    pages = [screen(mtime=after) for after in (0, 60)]
    pages = [
        replace(s, picture=replace(s.picture, facts=replace(s.picture.facts, frames=3)))
        for s in pages
    ]
    assert not same_moment(*pages), "a document is no screenshot"
    assert not same_moment(screen(), screen(size=(1080, 1920)))
    page = {"size": (1240, 1754)}  # A4: pages of one date are copied together
    assert not same_moment(screen(**page), screen(**page))
    photo = {"size": (1500, 1000)}
    assert not same_moment(screen(**photo), screen(**photo))
    names = "Screenshot_20240501-095959.png", "Screenshot 2024-05-01 at 10.01.02.png"
    assert same_moment(screen(names[0]), screen(names[1], mtime=10**6))
    assert not same_moment(screen(names[0]), screen("Screenshot_20240501-101000.png"))
    assert not same_moment(screen(names[0]), screen())
    assert not same_moment(screen("20241399-995959.png"), screen(names[0]))
