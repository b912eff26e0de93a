"""Which pairs are proposed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from imgsim.comparators.local import LAYOUT, PLACE_UNIT
from imgsim.progress import Silent
from imgsim.propose import alike
from imgsim.propose.proposals import propose
from imgsim.propose.reasons import INSET, KEYPOINTS, MIRRORED, NEGATIVE
from tests.verify.pictures import SMALL, picture, rows


def test_hashes_and_keypoints_propose_what_they_should() -> None:
    one, other = picture(1), picture(2)
    made = rows(one, one.rotate(90, expand=True), one.crop((80, 40, 440, 330)), other)
    found = propose(made, hashes=True, jobs=1)
    listed = zip(found.left.tolist(), found.right.tolist(), found.why.tolist(), strict=True)
    why = {(left, right): bits for left, right, bits in listed}
    assert set(why) >= {(0, 1), (0, 2), (1, 2)}
    assert why[0, 1] & (KEYPOINTS - 1)  # an orientation
    assert why[0, 2] & KEYPOINTS
    by_keypoints = propose(made, hashes=False, jobs=1)
    assert not (by_keypoints.why & (KEYPOINTS - 1)).any()


def test_a_mirrored_crop_is_proposed_as_mirrored_from_either_side() -> None:
    one = picture(1)
    part = ImageOps.mirror(one).crop((60, 30, 430, 320))
    for pair in ((one, part), (part, one)):
        found = propose(rows(*pair), hashes=True, jobs=1)
        assert found.why[0] & MIRRORED


def test_a_dull_half_has_keypoints_beside_a_lively_one() -> None:
    grain = np.random.default_rng(0).integers(0, 2, (60, 90), np.uint8) * 255
    whole = picture(1).resize((360, 480))
    whole.paste(Image.fromarray(grain).resize((360, 240), Image.Resampling.NEAREST), (0, 0))
    row = rows(whole)[0]
    below = row["place"][: row["count"], 1] > PLACE_UNIT * row["size"][1] / 2
    assert below.mean() > 0.25


def test_images_without_texture_propose_nothing() -> None:
    made = np.zeros(3, LAYOUT)
    made["hash"] = np.random.default_rng(0).integers(0, 256, (3, 32))
    assert len(propose(made, hashes=True, jobs=1).left) == 0
    assert len(propose(made[:1], hashes=True, jobs=1).left) == 0
    assert len(propose(made[:0], hashes=True, jobs=1).left) == 0


def test_a_negative_is_proposed_as_such() -> None:
    negative = ImageOps.invert(picture(3))
    found = propose(rows(picture(3), negative, picture(4)), hashes=True, jobs=1)
    pairs = np.array(found.pairs())[(found.why & NEGATIVE) > 0]
    assert pairs.tolist() == [[0, 1]]


def test_a_picture_on_a_page_is_proposed_from_either_side() -> None:
    page = Image.new("RGB", (400, 250), "white")
    page.paste(picture(3, SMALL).resize((120, 90), Image.Resampling.LANCZOS), (230, 40))
    for images in ((page, picture(3), picture(4)), (picture(3), page, picture(4))):
        found = propose(rows(*images), hashes=True, jobs=1)
        assert found.pairs() == [(0, 1)]
        assert found.why[0] & INSET


@pytest.mark.parametrize("closed", [None, [True, True, False]])
def test_stages_of_proposing_are_told_to_their_ends(
    closed: list[bool] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []
    done: list[int] = []
    ended: list[str] = []

    class Told(Silent):
        def start(self, stage: str, total: int, unit: str) -> None:
            told.append((stage, total))
            done.append(0)

        def advance(self, n: int) -> None:
            done[-1] += n

        def finish(self) -> None:
            ended.append(told[-1][0])

    archive = None if closed is None else np.array(closed)
    every = rows(*(picture(seed) for seed in (1, 2, 3)))
    propose(every, hashes=True, jobs=1, closed=archive, progress=Told())
    assert [stage for stage, _ in told] == ended == ["comparing hashes", "comparing keypoints"]
    assert done == [total for _, total in told]
    assert done[0] == (3 if closed is None else 1)
    assert done[1] > 0
    monkeypatch.setattr(alike, "_IN_MEMORY", -1)  # the first pass is given up
    several = rows(picture(1), picture(1).crop((20, 20, 460, 340)))
    told.clear(), ended.clear()
    propose(several, hashes=True, jobs=1, progress=Told())
    assert [stage for stage, _ in told] == ended
    assert ended.count("comparing keypoints") == 3
