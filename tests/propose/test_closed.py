"""Images that are not compared with each other, such as an archive, change no other pair."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from imgsim.comparators.local import ORIENTATIONS, LocalFeatures, records, turned
from imgsim.neighbours.hamming import HammingEngine
from imgsim.pictures.generate import landscape
from imgsim.propose import keypoints
from imgsim.propose.index import ProposalIndex, RowArray, nearest_turned
from imgsim.propose.proposals import Proposals, propose
from imgsim.propose.reasons import KEYPOINTS, MIRRORED


def _changed(picture: Image.Image) -> list[Image.Image]:
    """Copies of every kind that something proposes."""
    framed = Image.new("RGB", (700, 600), (30, 60, 90))
    framed.paste(picture.resize((300, 225)), (150, 120))
    turns = list(Image.Transpose)
    return [
        picture,
        picture.resize((200, 150)),
        *(picture.transpose(turn) for turn in turns),
        ImageOps.invert(picture),
        picture.crop((60, 40, 380, 290)),
        ImageOps.mirror(picture.crop((60, 40, 380, 290))),
        framed,
    ]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    pictures = [Image.fromarray(landscape(seed, 400, 300)) for seed in (71, 72, 73, 74)]
    icons = [
        Image.fromarray(np.full((side, side, 3), 240, np.uint8)) for side in (64, 128, 64, 128)
    ]
    for place, icon in enumerate(icons):
        side = icon.width
        mark = Image.new("RGB", (side // 4, side // 4), (200 - 90 * (place // 2), 20, 40))
        icon.paste(mark, (side // 4, side // 4))
    images = [*(one for picture in pictures for one in _changed(picture)), *icons]
    extractor = LocalFeatures()
    made = [extractor.extract(_ycbcr(image)[None])[0] for image in images]
    return records(np.stack(made))


def _ycbcr(image: Image.Image) -> np.ndarray:
    small = image.copy()
    small.thumbnail((400, 400))
    return np.asarray(small.convert("YCbCr"))


def _listed(pairs: Proposals) -> list[tuple[int, int, int, int]]:
    columns = pairs.left, pairs.right, pairs.why, pairs.weight
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("few", [True, False])
def test_no_other_pair_is_lost_and_hashes_propose_the_same(
    rows: np.ndarray, seed: int, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few:
        monkeypatch.setattr(keypoints, "_FEW", 0)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    closed = rng.random(len(rows)) < (0.2, 0.5, 0.9)[seed % 3]
    flat = np.asarray(order >= len(rows) - 4)
    every = propose(rows[order], hashes=True, jobs=1, flat=flat)
    chosen = propose(rows[order], hashes=True, jobs=1, flat=flat, closed=closed)
    expected = every.only(~(closed[every.left] & closed[every.right]))
    assert 0 < len(expected.left) < len(every.left)
    # how common keypoints are among the closed ones is not known, so these may propose more
    told = {(left, right): why for left, right, why, _ in _listed(chosen)}
    by_keypoints = KEYPOINTS | MIRRORED
    for left, right, why, _ in _listed(expected):
        assert told[left, right] & why == why
    wanted = {(left, right): why & ~by_keypoints for left, right, why, _ in _listed(expected)}
    for pair, why in told.items():
        assert why & ~by_keypoints == wanted.get(pair, 0)
        assert not closed[list(pair)].all()


def test_every_reason_stands_among_the_pairs_compared(rows: np.ndarray) -> None:
    """Else the test above would not tell."""
    flat = np.arange(len(rows)) >= len(rows) - 4
    why = propose(rows, hashes=True, jobs=1, flat=flat).why
    assert int(np.bitwise_or.reduce(why)).bit_count() == 13  # 8 orientations and 5 more


def test_nothing_is_proposed_among_closed_images_alone(rows: np.ndarray) -> None:
    closed = np.ones(len(rows), np.bool_)
    assert _listed(propose(rows, hashes=True, jobs=1, closed=closed)) == []


@pytest.mark.parametrize("hashes", [True, False])
def test_an_index_proposes_the_same_for_each_image_alone(rows: np.ndarray, hashes: bool) -> None:
    rng = np.random.default_rng(9)
    order = rng.permutation(len(rows))
    rows, flat = rows[order], np.asarray(order >= len(rows) - 4)
    digests = [f"{i:04}" for i in range(len(rows))]
    proposed = 0
    for place in range(len(rows)):
        others = np.arange(len(rows)) != place
        lying = rng.permutation(len(rows))  # rows may lie in any order, with others among them
        index = ProposalIndex(
            RowArray(rows[lying], flat[others], np.argsort(lying)[others]),
            [d for i, d in enumerate(digests) if i != place],
            hashes=hashes,
            jobs=1,
        )
        every = propose(rows, hashes=hashes, jobs=1, flat=flat, closed=others)
        expected = {}
        for left, right, why, weight in _listed(every):
            other = right if left == place else left
            expected[other - (other > place)] = why, weight
        assert index.propose(rows[place : place + 1], digests[place], flat=flat[place]) == expected
        proposed += len(expected)
    assert proposed > 40


def test_the_nearest_hashes_in_any_orientation(rows: np.ndarray) -> None:
    bits = np.unpackbits(np.ascontiguousarray(rows["hash"]), axis=1)
    engine = HammingEngine(np.ascontiguousarray(rows["hash"]), 1)
    near = nearest_turned(engine, engine.rows, 5)
    for place in range(len(rows)):
        asked = [np.unpackbits(turned(engine.rows[place][None], how)) for how in ORIENTATIONS]
        apart = np.min([(bits != one).sum(axis=1) for one in asked], axis=0)
        expected = np.lexsort((np.arange(len(rows)), apart))[:5]
        assert near.rows[place].tolist() == expected.tolist()
        assert near.distance[place].tolist() == apart[expected].tolist()
