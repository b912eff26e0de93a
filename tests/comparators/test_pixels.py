"""Euclidean, cosine and SSIM agree with scipy, numpy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance as scipy_distance
from skimage.metrics import structural_similarity

from imgsim.comparators.pixels import Cosine, Euclidean
from imgsim.comparators.ssim import Ssim
from imgsim.errors import UsageError
from imgsim.neighbours.build import vector_engine
from imgsim.neighbours.pairs import PairEngine
from tests.conftest import random_images


def _nearest(engine, n: int) -> np.ndarray:
    near = engine.nearest(np.arange(n), n - 1)
    distances = np.zeros((n, n))
    np.put_along_axis(distances, near.rows, near.distance, axis=1)
    return distances


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    images = random_images(np.random.default_rng(0), 20, 32, 32, 3).reshape(20, -1)
    near = np.clip(
        images[:3].astype(int) + np.random.default_rng(1).integers(-1, 2, (3, 3072)), 0, 255
    )
    return np.concatenate([images, near.astype(np.uint8), np.zeros((1, 3072), np.uint8)])


def test_euclidean_agrees_with_scipy(rows: np.ndarray) -> None:
    expected = scipy_distance.cdist(rows.astype(float), rows.astype(float))
    distances = _nearest(vector_engine(Euclidean(), rows, 1), len(rows))
    np.testing.assert_allclose(distances, expected, rtol=1e-13)


def test_euclidean_gives_the_mean_squared_error(rows: np.ndarray) -> None:
    left, right = rows[0].astype(float), rows[1].astype(float)
    distance = float(np.linalg.norm(left - right))
    assert Euclidean().mean_squared_error(distance) == pytest.approx(np.mean((left - right) ** 2))


def test_cosine_agrees_with_scipy(rows: np.ndarray) -> None:
    distances = _nearest(vector_engine(Cosine(), rows, 1), len(rows))
    expected = scipy_distance.cdist(rows[:-1].astype(float), rows[:-1].astype(float), "cosine")
    np.testing.assert_allclose(distances[:-1, :-1], expected, atol=1e-14)
    assert (distances[-1, :-1] == 1.0).all()  # black has no direction


@pytest.mark.parametrize(("side", "win_size"), [(64, 7), (64, 11), (33, 5), (128, 7), (16, 3)])
def test_ssim_agrees_with_scikit_image(side: int, win_size: int) -> None:
    rng = np.random.default_rng(side)
    images = random_images(rng, 6, side, side, 1)[..., 0]
    noisy = np.clip(images[0] + rng.normal(0, 9, (side, side)), 0, 255).astype(np.uint8)
    images = np.concatenate([images, noisy[None], np.full((1, side, side), 255, np.uint8)])
    comparator = Ssim(side=side, win_size=win_size)
    distances = _nearest(PairEngine(comparator, images.reshape(8, -1), 2), 8)
    for i in range(8):
        for j in range(8):
            if i != j:
                expected = structural_similarity(images[i], images[j], win_size=win_size)
                assert 1 - distances[i, j] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("side", "win_size"), [(64, 7), (64, 11), (33, 5), (16, 3)])
def test_rough_ssim_is_as_near_as_it_says(side: int, win_size: int) -> None:
    """Also where its numbers are largest and its denominators least: flat, black and white."""
    rng = np.random.default_rng(side)
    images = [
        *random_images(rng, 66, side, side, 1)[..., 0],
        *(np.full((side, side), level, np.uint8) for level in (0, 1, 128, 254, 255)),
        *rng.integers(253, 256, (3, side, side), np.uint8),
        *(255 * rng.integers(0, 2, (3, side, side), np.uint8)),
    ]
    comparator = Ssim(side=side, win_size=win_size)
    rows = np.stack(images).reshape(len(images), -1)
    rough = comparator.rough(rows)
    distances = rough.to(rows[10:], 70)  # in tiles that are not full
    assert distances.shape == (70, len(rows) - 10)
    prepared = comparator.prepare(rows)
    for i in range(70):
        one = tuple(array[i : i + 1] for array in prepared)
        exact = comparator.distance(one, tuple(array[10:] for array in prepared))
        assert np.abs(distances[i] - exact).max() <= rough.error
    assert rough.error < 1e-3


def test_brightening_is_nearer_by_ssim_and_farther_by_mse(photo) -> None:
    """The classic example of what MSE does not see."""
    grey, other = (
        (np.asarray(photo(seed).convert("L").resize((64, 64))) // 2).astype(np.uint8)
        for seed in (3, 5)
    )
    images = np.stack([grey, grey + 100, other])
    mse = [np.mean((images[0].astype(float) - other) ** 2) for other in images[1:]]
    ssim = _nearest(PairEngine(Ssim(), images.reshape(3, -1), 1), 3)[0]
    assert mse[0] > mse[1]
    assert ssim[1] < ssim[2]


@pytest.mark.parametrize(
    "make", [lambda: Ssim(win_size=6), lambda: Ssim(side=5), lambda: Cosine(side=1)]
)
def test_impossible_fields_are_refused(make) -> None:
    with pytest.raises(UsageError):
        make()
