"""Explanations of SSIM and of features, as a library and as a user runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.metrics import structural_similarity

from imgsim import RunOptions, compare
from imgsim.comparators import registry
from imgsim.comparators.evidence import Evidence, Explains
from imgsim.comparators.recipes import Recipe
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError
from imgsim.pictures.generate import landscape
from imgsim.report.explanation import draw_explanation, explanation_json, explanation_text
from imgsim.schemas import schema
from imgsim.tasks.explain import explain, explains, over_grid

BOX = (96, 32, 160, 80)
"""Left, top, right, bottom of what differs."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two copies of a picture, with another one laid into a part of the second."""
    folder = tmp_path_factory.mktemp("pair")
    picture = Image.fromarray(landscape(3, 256, 128))
    picture.save(folder / "a.png")
    picture.paste(Image.fromarray(landscape(8, 64, 48)), BOX[:2])
    picture.save(folder / "b.png")
    return folder / "a.png", folder / "b.png"


def test_the_map_is_that_of_scikit_image(pair) -> None:
    options = RunOptions(decode=DecodeMode.FULL)
    found = explain(*pair, "ssim", options=options)
    grey = [
        np.asarray(Image.open(path).convert("L").resize((64, 64), Image.Resampling.LANCZOS))
        for path in pair
    ]
    mean, whole = structural_similarity(*grey, full=True, data_range=255)
    inside = whole[3:-3, 3:-3]
    evidence = found.evidence
    assert np.allclose(evidence.left[3:-3, 3:-3], (1 - inside) / inside.size, atol=1e-6)
    assert evidence.total == pytest.approx(1 - mean, abs=1e-6)
    assert found.distance == pytest.approx(evidence.total, abs=1e-6)
    assert not evidence.left[:3].any()
    (same,) = compare(*pair, "ssim", options=options)
    assert found.distance == same.distance


def test_what_differs_is_found_where_it_was_planted(pair) -> None:
    evidence = explain(*pair, "ssim").evidence
    left, top, right, bottom = (v * 64 // side for v, side in zip(BOX, (256, 128) * 2, strict=True))
    reach = slice(top - 4, bottom + 4), slice(left - 4, right + 4)  # of a window
    assert evidence.left[reach].sum() > 0.97 * evidence.total
    area = (bottom - top + 8) * (right - left + 8) / 64**2
    assert area < 0.4


def test_nothing_differs_between_an_image_and_itself(pair, tmp_path: Path) -> None:
    found = explain(pair[0], pair[0])
    assert found.distance == 0
    assert found.evidence.total == pytest.approx(0, abs=1e-12)
    draw_explanation(found, tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as drawn, Image.open(pair[0]) as picture:
        shown, own = drawn.convert("RGB"), picture.resize((420, 210), Image.Resampling.BICUBIC)
    # no rounding error is drawn as heat, nor a scale of it
    assert np.array_equal(np.asarray(shown.crop((12, 34, 432, 244))), np.asarray(own))
    below = np.asarray(shown.crop((0, 246, *shown.size)), int)
    assert (np.ptp(below, axis=2) == 0).all()
    assert (below < 128).any()
    text = "".join(explanation_text(found))
    assert "1 - SSIM 0, by the parts" in text
    assert "e-" not in text


def test_the_edge_of_ssim_is_hatched_and_named(pair, tmp_path: Path) -> None:
    found = explain(*pair)
    assert found.evidence.edge == pytest.approx(3 / 64)
    text = "at the edge (hatched in the picture), where no window of 7 x 7 pixels has its middle:"
    assert text in " ".join("".join(explanation_text(found)).split())


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(1, 5))
def test_a_map_over_another_grid_keeps_its_sum(
    high: int, wide: int, rows: int, columns: int
) -> None:
    parts = np.random.default_rng(high * 10 + wide).normal(0, 1, (high, wide))
    grid = over_grid(parts, rows, columns)
    assert grid.shape == (rows, columns)
    assert grid.sum() == pytest.approx(parts.sum(), abs=1e-9)
    fine = np.kron(parts, np.ones((rows, columns))) / (rows * columns)  # equal pieces
    blocks = fine.reshape(rows, high, columns, wide).sum(axis=(1, 3))
    assert np.allclose(grid, blocks)


def test_only_some_methods_explain() -> None:
    for name in explains():
        assert issubclass(registry.load(name), Explains | Recipe)
    assert "ssim" in explains()
    assert "phash" not in explains()
    with pytest.raises(UsageError, match="phash cannot say") as caught:
        explain("a", "b", "phash")
    assert "ssim" in caught.value.hint


def test_the_command(imgsim, pair, tmp_path: Path) -> None:
    target = tmp_path / "map.png"
    done = imgsim("explain", *pair, "-f", "json", "-o", target)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema(document["schema"]))
    for side in ("left", "right"):
        assert (document[side]["width"], document[side]["height"]) == (256, 128)
        assert np.sum(document[side]["map"]) == pytest.approx(document["total"])
        assert np.sum(document[side]["thirds"]) == pytest.approx(1)
        assert np.sum(document[side]["shares"]) == pytest.approx(1)
        peak = document[side]["peak"]["box"]
        assert BOX[0] - 16 <= peak[0] < peak[2] <= BOX[2] + 16
        assert BOX[1] - 8 <= peak[1] < peak[3] <= BOX[3] + 8
    with Image.open(target) as drawn:
        assert len(drawn.convert("RGB").getcolors(1 << 24)) > 1000
    text = imgsim("explain", pair[0].name, pair[1].name, cwd=pair[0].parent).stdout
    assert "second image" in text
    assert max(map(len, text.splitlines())) <= 80
    itself = imgsim("explain", pair[0], pair[0])
    assert (itself.returncode, "nothing of it" in itself.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.png",), "only one image"),
        (("a.png", "nowhere.png"), "cannot read nowhere.png"),
        (("a.png", "text.png"), "cannot read text.png"),
        (("a.png", "b.png", "-m", "dhash"), "cannot say where"),
        (("a.png", "b.png", "--layer", "2"), "--layer shows one image"),
        (("a.png", "b.png", "-o", "no/such/map.png"), "no such folder"),
        (("a.png", "b.png", "-m", "siamese"), "needs a value for weights"),
    ],
)
def test_what_cannot_be_explained(imgsim, arguments: tuple[str, ...], message: str, pair) -> None:
    folder = pair[0].parent
    (folder / "text.png").write_text("no picture")
    done = imgsim("explain", *arguments, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of EfficientNet-b0."""
    torch = pytest.importorskip("torch", reason="needs the extra deep: torch")
    package = pytest.importorskip("efficientnet_pytorch", reason="needs the extra deep")
    path = tmp_path_factory.mktemp("weights") / "b0.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = package.EfficientNet.from_name("efficientnet-b0").train()
        with torch.no_grad():
            model.extract_features(torch.rand(4, 3, 96, 96) * 4 - 2)
    torch.save(model.state_dict(), path)
    return path


@pytest.mark.parametrize("pool", ["avg", "gem", "none"])
def test_the_parts_of_features_add_up_to_the_cosine(pool: str, pair, weights: Path) -> None:
    method = f'efficientnet-cosine:weights="{weights}",size=96,pool={pool}'
    found = explain(*pair, method)
    evidence = found.evidence
    assert evidence.total == pytest.approx(1 - found.distance, abs=1e-5)
    assert evidence.left.shape == (6, 6)  # halves of cells
    for parts in (evidence.left, evidence.right):
        assert parts.sum() == pytest.approx(evidence.total, abs=1e-6)
    for link in evidence.links:
        assert all(0 <= v <= 1 for v in (*link.left, *link.right))


@pytest.mark.parametrize("mirrored", [False, True])
def test_matched_keypoints_of_a_crop_lie_in_it_and_links_follow_it(
    mirrored: bool, tmp_path: Path
) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV")
    picture = Image.fromarray(landscape(5, 480, 360))
    picture.save(tmp_path / "whole.png")
    box = (120, 90, 420, 315)
    part = picture.crop(box)
    if mirrored:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    part.save(tmp_path / "part.png")
    found = explain(tmp_path / "whole.png", tmp_path / "part.png", "local")
    evidence = found.evidence
    assert found.distance < 1
    assert evidence.total == len(evidence.links) >= 10
    assert evidence.left.sum() == evidence.right.sum() == evidence.total
    for link in evidence.links:
        x, y = link.right
        x = 1 - x if mirrored else x
        there = (box[0] + x * (box[2] - box[0])) / 480, (box[1] + y * (box[3] - box[1])) / 360
        assert np.allclose(link.left, there, atol=0.03)
    inside = over_grid(evidence.left, 4, 4)
    assert inside[0].sum() <= 0.05 * evidence.total  # the crop begins a quarter down
    draw_explanation(found, tmp_path / "map.png")


def test_pictures_that_cannot_be_laid_upon_each_other(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV")
    for seed in (1, 2):
        Image.fromarray(landscape(seed, 320, 240)).save(tmp_path / f"{seed}.png")
    found = explain(tmp_path / "1.png", tmp_path / "2.png", "local")
    assert found.evidence.total == 0
    document = json.loads("".join(explanation_json(found)))
    jsonschema.validate(document, schema(document["schema"]))
    assert document["score"] is None
    assert "could not be laid" in "".join(explanation_text(found))


def test_shares_add_up_whatever_speaks_against(pair) -> None:
    explained = explain(*pair)
    rng = np.random.default_rng(5)
    for _ in range(50):
        parts = rng.normal(0.01, 1, (7, 5))
        evidence = Evidence("cosine", "similarity", float(parts.sum()), parts, parts[::-1])
        shown = "".join(explanation_text(replace(explained, evidence=evidence)))
        table = [line.split("%")[:-1] for line in shown.splitlines() if line.count("%") == 6]
        shares = np.array(table, np.float64)
        assert shares.shape == (3, 6)
        assert (shares >= 0).all()
        assert shares[:, :3].sum() == pytest.approx(100)
        assert shares[:, 3:].sum() == pytest.approx(100)
        assert "other parts speak against it" in shown
