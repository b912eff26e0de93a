"""Chains of images, against every order there is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from skimage.metrics import structural_similarity

from imgsim import UsageError, compare, sort_images
from imgsim.comparators import registry
from imgsim.folders import safe_name
from imgsim.neighbours import matrix as matrices
from imgsim.neighbours.build import make_engine
from imgsim.neighbours.matrix import distance_matrix
from imgsim.pictures.fixed_camera import cycle, frame
from imgsim.read import scratch as scratches
from imgsim.tasks.sort.tour import better_chain, greedy_chain, shortened, spanning_tree
from tests.conftest import random_images


def points(seed: int, n: int) -> np.ndarray:
    places = np.random.default_rng(seed).random((n, 2))
    return cdist(places, places).astype(np.float32)


def chain_length(matrix: np.ndarray, order: np.ndarray) -> float:
    return float(sum(matrix[a, b] for a, b in pairwise(order)))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 7), fixed=st.booleans(), start=st.integers(0))
def test_against_every_order(seed: int, n: int, fixed: bool, start: int) -> None:
    matrix, first = points(seed, n), start % n
    greedy = greedy_chain(matrix, first)
    better = better_chain(matrix, greedy, fixed=fixed)
    lengths = [
        chain_length(matrix, np.array(order))
        for order in permutations(range(n))
        if not fixed or order[0] == first
    ]
    assert sorted(better.order) == sorted(greedy.order) == list(range(n))
    assert greedy.order[0] == first
    assert better.order[0] == first or not fixed
    assert min(lengths) - 1e-6 <= better.total <= greedy.total + 1e-6
    assert spanning_tree(matrix) <= min(lengths) + 1e-6


def test_nearly_every_short_chain_is_the_shortest() -> None:
    """Local search promises it of none: of seven points one chain was longer by a ninth."""
    shortest = 0
    for seed in range(20):
        matrix = points(seed, 6)
        better = better_chain(matrix, greedy_chain(matrix, 0), fixed=True)
        lengths = [chain_length(matrix, np.array((0, *rest))) for rest in permutations(range(1, 6))]
        shortest += better.total <= min(lengths) + 1e-6
    assert shortest >= 18


def test_the_greedy_chain_step_by_step() -> None:
    places = np.array([0.0, 1.0, -1.5, 3.0, 7.0])
    matrix = np.abs(places[:, None] - places).astype(np.float32)
    greedy = greedy_chain(matrix, 0)
    assert greedy.order.tolist() == [0, 1, 3, 4, 2]  # 4 is as far from 3 as 2 is not
    assert greedy.total == 1 + 2 + 4 + 8.5
    assert better_chain(matrix, greedy, fixed=False).order.tolist() == [2, 0, 1, 3, 4]
    assert better_chain(matrix, greedy, fixed=True).total == pytest.approx(1.5 + 2.5 + 2 + 4)
    assert spanning_tree(matrix) == 8.5


def test_no_turn_and_no_move_shortens_further() -> None:
    matrix = points(5, 40)
    order = shortened(matrix, np.arange(40), fixed=False)
    best = chain_length(matrix, order) - 1e-5
    for i in range(40):
        for j in range(i + 1, 41):
            turned = np.concatenate([order[:i], order[i:j][::-1], order[j:]])
            assert chain_length(matrix, turned) >= best
            if j - i > 3:
                continue
            piece, rest = order[i:j], np.concatenate([order[:i], order[j:]])
            for k in range(len(rest) + 1):
                for way in (piece, piece[::-1]):
                    moved = np.concatenate([rest[:k], way, rest[k:]])
                    assert chain_length(matrix, moved) >= best


@pytest.mark.parametrize("n", [300, 600])
def test_larger_chains_against_scipy_and_the_bound(n: int) -> None:
    matrix = points(n, n)
    greedy = greedy_chain(matrix, 0)
    better = better_chain(matrix, greedy, fixed=False)
    bound = spanning_tree(matrix)
    assert bound == pytest.approx(minimum_spanning_tree(matrix.astype(float)).sum())
    assert sorted(better.order) == list(range(n))
    assert better.total == pytest.approx(chain_length(matrix, better.order))
    assert bound < better.total < 0.95 * greedy.total
    assert better.total < 1.25 * bound


@pytest.mark.parametrize("spec", ["ssim", "euclidean", "cosine", "phash", "dhash"])
def test_the_matrix(spec: str, monkeypatch: pytest.MonkeyPatch, threads) -> None:
    monkeypatch.setattr(matrices, "_BLOCK", 7)  # several blocks, the last one short
    monkeypatch.setattr(scratches, "_IN_MEMORY", 100)  # in a file
    comparator = registry.parse(spec)
    wants = comparator.extractor.wants
    channels = 1 if wants.colour == "grey" else 3
    images = random_images(np.random.default_rng(1), 17, wants.height, wants.width, channels)
    rows = comparator.extractor.extract(images)
    engine = make_engine(comparator, rows, threads)
    if spec == "ssim":
        monkeypatch.setattr(engine, "block", 5)
        grey = rows.reshape(17, 64, 64)
        expected = [[1 - structural_similarity(a, b) for b in grey] for a in grey]
    elif spec in ("phash", "dhash"):
        bits = np.unpackbits(rows, axis=1)
        expected = cdist(bits, bits, "cityblock")
    else:
        expected = cdist(rows.astype(float), rows.astype(float), spec)
    found = distance_matrix(comparator, rows, engine)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-6)
    assert (found == found.T).all()
    monkeypatch.setattr(matrices, "MAX_ROWS", 16)
    with pytest.raises(UsageError, match="too many"):
        distance_matrix(comparator, rows, engine)


def test_frames_come_back_in_their_order(tmp_path: Path, threads) -> None:
    """A lift that goes up, with the names shuffled."""
    state = cycle(8)[3]
    names = np.random.default_rng(0).permutation(10)
    for step, name in enumerate(names):
        pixels = frame(replace(state, level=1 - step / 9, arm=step / 12), seed=step)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    for spec in ("ssim", "euclidean"):
        for start in (None, tmp_path / f"{names[0]}.png"):
            found = sort_images(tmp_path, spec, start=start, options=threads)
            paths = [found.pictures[i].file.path for i in found.better.order[:2]]
            (truly,) = compare(*paths, spec, options=threads)
            assert found.better.steps[0] == pytest.approx(truly.distance, rel=1e-6)
            order = [int(Path(found.pictures[i].file.path).stem) for i in found.better.order]
            assert order in (list(names), list(names[::-1]))
            assert start is None or order == list(names)
    with pytest.raises(UsageError, match="not among"):
        sort_images(tmp_path, start="elsewhere.png", options=threads)
    with pytest.raises(UsageError, match="auto has no distance"):
        sort_images(tmp_path, "auto", options=threads)
    with pytest.raises(UsageError, match="no such path"):
        sort_images(tmp_path / "nowhere", options=threads)


def test_folders_of_one_and_none(tmp_path: Path, photo, threads) -> None:
    assert sort_images(tmp_path, options=threads).better.order.tolist() == []
    photo(1).save(tmp_path / "a.png")
    found = sort_images(tmp_path, options=threads)
    assert (found.greedy.total, found.better.order.tolist(), found.at_least) == (0.0, [0], 0.0)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a b.jpg", "a b.jpg"),
        ("ü\n.jpg", "ü_.jpg"),
        ('a<>:"|?*.png', "a_______.png"),
        ("con.txt", "_con.txt"),
        ("console.txt", "console.txt"),
        ("x. ", "x"),
        ("é" * 300 + ".jpeg", "é" * 97 + ".jpeg"),
        ("\udcff.png", "_.png"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe
