"""The harness's own distances, against scipy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from skimage.metrics import structural_similarity

from imgsim.benchmark import distances
from imgsim.comparators import registry
from imgsim.neighbours import engine


def rows(spec: str, n: int, seed: int) -> np.ndarray:
    extractor = registry.parse(spec).extractor
    made = np.random.default_rng(seed).integers(0, 256, (n, *extractor.shape)).astype(np.uint8)
    made[1] = made[0]
    return made


@pytest.mark.parametrize("block", [1, 5000, 1 << 26])
@pytest.mark.parametrize(
    ("spec", "metric"), [("euclidean", "euclidean"), ("cosine", "cosine"), ("phash", "hamming")]
)
def test_vectors_as_scipy_has_them(
    spec: str, metric: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BLOCK_BYTES", block)
    left, right = rows(spec, 9, 1), rows(spec, 14, 2)
    right[3] = left[0]
    bits = metric == "hamming"
    x, y = (np.unpackbits(a, axis=1) if bits else a.astype(float) for a in (left, right))
    expected = cdist(x, y, metric) * (x.shape[1] if bits else 1)
    comparator = registry.parse(spec)
    measured = distances.between(comparator, left, right)
    np.testing.assert_allclose(measured, expected, rtol=1e-12, atol=1e-14)
    assert measured[0, 3] == measured[1, 3] == 0.0  # not a rounding error
    np.testing.assert_array_equal(
        distances.of_pairs(comparator, left, right[:9]) == 0, np.diag(measured) == 0
    )
    np.testing.assert_allclose(
        distances.of_pairs(comparator, left, right[:9]), np.diag(expected), rtol=1e-12, atol=1e-14
    )


def test_near_vectors_do_not_cancel() -> None:
    """Of distances far below the length of the vectors, products of them would leave nothing."""
    rng = np.random.default_rng(3)
    base = rng.normal(1000, 1, 1280)
    left = np.stack([base, base]).astype(np.float64)
    right = left + rng.normal(0, 1e-6, left.shape)
    for spec in ("efficientnet-euclidean", "efficientnet-cosine"):
        if registry.load(spec).missing():
            pytest.skip(registry.load(spec).missing())
        measured = distances.between(registry.parse(spec), left, right)
        exact = np.linalg.norm(left[:, None] - right[None], axis=2)
        if spec.endswith("cosine"):
            long = [v.astype(np.longdouble) for v in (left, right)]
            unit = [v / np.sqrt((v * v).sum(axis=1))[:, None] for v in long]
            exact = (((unit[0][:, None] - unit[1][None]) ** 2).sum(axis=2) / 2).astype(float)
        np.testing.assert_allclose(measured, exact, rtol=1e-3)


def test_vectors_of_zeros() -> None:
    left = np.zeros((2, 3072), np.uint8)
    left[1] = 7
    measured = distances.between(registry.parse("cosine"), left, left)
    np.testing.assert_allclose(measured, [[0, 1], [1, 0]], atol=1e-15)


def test_pairs_as_scikit_image_has_them() -> None:
    left, right = rows("ssim", 3, 4), rows("ssim", 5, 5)
    comparator = registry.parse("ssim")
    measured = distances.between(comparator, left, right)
    for i in range(3):
        for j in range(5):
            images = (a.reshape(64, 64) for a in (left[i], right[j]))
            expected = 1 - structural_similarity(*images, data_range=255)
            assert measured[i, j] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(
        distances.of_pairs(comparator, left, right[:3]), np.diag(measured), atol=1e-12
    )
