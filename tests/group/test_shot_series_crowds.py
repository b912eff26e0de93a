"""Shots that resemble many others are linked by their time, whichever pairs were compared."""

from __future__ import annotations

import numpy as np

from imgsim.decode.metadata import Metadata
from imgsim.group.rules import MayMatch, Rules
from imgsim.group.shot_series import LookAlikes, find_links
from imgsim.types import ImageFacts, ImageFile, Picture

N = 40


def shots() -> list[Picture]:
    facts = ImageFacts(640, 480, "JPEG", False, False, 1, 60, None)
    return [Picture(ImageFile(f"{i:02}.jpg", 1, 1, "."), f"{i:02}", facts) for i in range(N)]


def crowd(pictures: list[Picture], hashes: np.ndarray, *, isolate: bool = False) -> LookAlikes:
    nothing = np.zeros(0, np.int64)
    contents = [[picture] for picture in pictures]
    rules = MayMatch(pictures, Rules(isolate))
    no_pair = nothing, nothing, np.zeros(0, bool)
    return LookAlikes(contents, *no_pair, np.arange(N), hashes, rules)


def links(hashes: np.ndarray, *, isolate: bool = False) -> set[tuple[str, str, str]]:
    pictures = shots()
    order = np.random.default_rng(3).permutation(N)
    metadata = {
        pictures[one].digest: Metadata(
            date_taken=f"2024-05-01T10:00:{10 + place // 2:02}.{3 + 5 * (place % 2)}",
            make="Canon",
            model="EOS R5",
            exposure_seconds=0.004,
        )
        for place, one in enumerate(order.tolist())
    }
    alike = crowd(pictures, hashes, isolate=isolate)
    rules = Rules(isolate)
    found, _ = find_links([], alike, pictures, rules, lambda some: metadata)
    assert all(link.one.digest != link.other.digest for link in found)
    place = {f"{one:02}": i for i, one in enumerate(order.tolist())}
    assert all(place[link.other.digest] - place[link.one.digest] == 1 for link in found)
    return {(link.one.digest, link.other.digest, link.relation) for link in found}


def test_each_shot_of_a_crowd_is_linked_with_the_one_before_it() -> None:
    found = links(np.zeros((N, 32), np.uint8))
    assert len(found) == N - 1
    assert {relation for _, _, relation in found} == {"burst"}


def test_other_pictures_and_those_that_may_not_match_are_no_series() -> None:
    unlike = np.random.default_rng(5).integers(0, 256, (N, 32)).astype(np.uint8)
    assert links(unlike) == set()
    assert links(np.zeros((N, 32), np.uint8), isolate=True) == set()
