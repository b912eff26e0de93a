"""Which names in a folder belong to a picture."""

from __future__ import annotations

import random
import string

import pytest

from imgsim.act.sidecars import Names

MIDDLE = ".supplemental-metadata"


def metadata(picture: str, *names: str, going: tuple[str, ...] = ()) -> set[str]:
    known = Names([name.encode() for name in (picture, *names)])
    company = known.company(picture.encode(), [one.encode() for one in going])
    return {name.decode() for name in company.metadata}


LONG = "a_very_long_takeout_name_that_goes_beyond_46_characters"


@pytest.mark.parametrize(
    ("picture", "json"),
    [
        ("IMG_1.jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-me.json"),
        ("IMG_1.jpg", "IMG_1.JPG.s.json"),
        ("IMG_1.jpg", "IMG_1.jpg..json"),
        ("IMG_1(1).jpg", "IMG_1.jpg(1).json"),
        ("IMG_1(1).jpg", "IMG_1.jpg.supplemental-metadata(1).json"),
        ("IMG_1(12).jpg", "IMG_1.jpg.supplemental-me(12).json"),
        ("IMG_1(1).jpg", "IMG_1(1).jpg.json"),
        (f"{LONG}.jpg", f"{LONG[:46]}.json"),
        (f"{LONG[:44]}.jpg", f"{LONG[:44]}.j.json"),
        (f"{LONG[:46]}.jpg", f"{LONG[:46]}.json"),
        (f"{LONG[:44]}(3).jpg", f"{LONG[:44]}.j(3).json"),
        (f"{LONG}.jpg", f"{LONG}.jpg.json"),
        ("Grüße " * 10 + ".jpg", ("Grüße " * 10)[:46] + ".json"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg.supplemental-metadata.json"),
        ("l-edited.jpg", "l.jpg.json"),
        ("l-bearbeitet(2).jpg", "l.jpg.supplemental-metadata(2).json"),
        ("IMG_0001.JPG", "IMG_O0001.AAE"),
        ("IMG_E0001.HEIC", "IMG_0001.AAE"),
        ("IMG_E0001.HEIC", "img_o0001.aae"),
    ],
)
def test_names_of_takeout_and_iphones(picture: str, json: str) -> None:
    assert metadata(picture, json) == {json}
    assert metadata(picture, json, "another.jpg", "zzz.png.json") == {json}


@pytest.mark.parametrize(
    ("picture", "other"),
    [
        ("IMG_1.jpg", "IMG_1.jpg(1).json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata(1).json"),
        ("IMG_1(1).jpg", "IMG_1.jpg.json"),
        ("IMG_1(1).jpg", "IMG_1.jpg.supplemental-metadata(2).json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadatas.json"),
        ("IMG_1.jpg", "IMG_1.jp.json"),
        ("IMG_1.jpg", "IMG_1.png.json"),
        (f"{LONG}.jpg", f"{LONG[:45]}.json"),
        ("l-cropped.jpg", "l.jpg.json"),
        ("l.jpg", "l-edited.jpg.json"),
        ("IMG_0001.JPG", "IMG_O0002.AAE"),
        ("IMG_00010.JPG", "IMG_O0001.AAE"),
        ("DSC_O1.JPG", "DSC_1.AAE"),
    ],
)
def test_names_that_are_of_no_sidecar(picture: str, other: str) -> None:
    assert metadata(picture, other) == set()


@pytest.mark.parametrize(
    ("first", "second", "sidecar"),
    [
        ("l.jpg", "l-edited.jpg", "l.jpg.json"),
        ("l.jpg", "l-edited.jpg", "l.jpg.supplemental-metadata.json"),
        ("IMG_1.JPG", "IMG_E1.JPG", "IMG_1.AAE"),
        ("IMG_1.JPG", "IMG_E1.JPG", "IMG_O1.AAE"),
        (f"{LONG}1.jpg", f"{LONG}2.jpg", f"{LONG[:46]}.json"),
    ],
)
def test_what_two_pictures_share_stays_with_the_one_that_stays(
    first: str, second: str, sidecar: str
) -> None:
    for picture, other in ((first, second), (second, first)):
        assert metadata(picture, other, sidecar) == set()
        assert metadata(picture, other, sidecar, going=(other,)) == {sidecar}


def test_any_name_is_found_however_takeout_cuts_it() -> None:
    chance = random.Random(18)
    for _ in range(300):
        name = "".join(chance.choices(string.ascii_letters + "-_ é", k=chance.randint(1, 60)))
        number = f"({chance.randint(1, 99)})" if chance.random() < 0.5 else ""
        json = (f"{name}.jpg" + MIDDLE)[:46] + number + ".json"
        assert metadata(f"{name}{number}.jpg", json) == {json}, json
