"""What every registered comparator must hold."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, PairComparator, VectorComparator
from imgsim.search.build import vector_engine
from imgsim.search.pairs import PairEngine
from tests.conftest import random_images

COMPARATORS = [one.comparator() for one in registry.registered() if one.comparator]


@pytest.fixture(params=COMPARATORS, ids=lambda c: c.name)
def comparator(request: pytest.FixtureRequest):
    return request.param


def _images(comparator, n: int = 7) -> np.ndarray:
    wants = comparator.extractor.wants
    channels = 1 if wants.colour == "grey" else 3
    rng = np.random.default_rng(5)
    return random_images(rng, n, wants.height or 40, wants.width or 50, channels)


def _distances(comparator, rows: np.ndarray) -> np.ndarray:
    """All distances, from the search that users get."""
    engine = (
        vector_engine(comparator, rows, 1)
        if isinstance(comparator, VectorComparator)
        else PairEngine(comparator, rows, 1)
    )
    near = engine.nearest(np.arange(len(rows)), len(rows) - 1)
    distances = np.zeros((len(rows), len(rows)))
    np.put_along_axis(distances, near.rows, near.distance, axis=1)
    return distances


def test_rows_are_as_declared(comparator) -> None:
    extractor = comparator.extractor
    rows = extractor.extract(_images(comparator))
    assert rows.shape == (7, *extractor.shape)
    assert rows.dtype == extractor.dtype
    assert extractor.row_bytes == rows[0].nbytes


def test_batch_equals_singles_and_input_is_not_modified(comparator) -> None:
    images = _images(comparator)
    before = images.copy()
    images.setflags(write=False)
    rows = comparator.extractor.extract(images)
    np.testing.assert_array_equal(images, before)
    for image, row in zip(images, rows, strict=True):
        np.testing.assert_array_equal(comparator.extractor.extract(image[None])[0], row)


def test_distance_is_symmetric_and_zero_for_itself(comparator) -> None:
    images = _images(comparator)
    rows = comparator.extractor.extract(np.concatenate([images, images[:2]]))
    distances = _distances(comparator, rows)
    np.testing.assert_array_equal(distances, distances.T)
    assert distances[0, 7] == distances[1, 8] == 0.0
    assert (distances >= 0).all()
    assert (distances <= comparator.scale.worst * 2).all()


def test_scale_is_its_own_inverse(comparator) -> None:
    scale = comparator.scale
    assert scale.similarity(0.0) == 100.0
    assert scale.similarity(scale.worst) == 0.0
    for distance in np.linspace(0, scale.worst, 5):
        assert scale.distance(scale.score(distance)) == pytest.approx(distance)
        percent = scale.similarity(distance)
        assert scale.distance_of_similarity(percent) == pytest.approx(distance)


def test_presets_widen(comparator) -> None:
    strict, normal, loose = (comparator.preset_distance(p) for p in PRESETS)
    assert 0 <= strict <= normal <= loose < comparator.scale.worst
    rates = [comparator.false_pair_rate(d) for d in (strict, normal, loose)]
    assert rates == sorted(rates)


def test_configuration_and_pickle_round_trip(comparator) -> None:
    assert registry.parse(comparator.spec) == comparator
    assert pickle.loads(pickle.dumps(comparator)) == comparator
    assert comparator.extractor == pickle.loads(pickle.dumps(comparator)).extractor


def test_a_pair_comparator_takes_one_against_many(comparator) -> None:
    if not isinstance(comparator, PairComparator):
        pytest.skip("compares vectors")
    prepared = comparator.prepare(comparator.extractor.extract(_images(comparator)))
    first = tuple(array[:1] for array in prepared)
    many = comparator.distance(first, prepared)
    for i in range(7):
        one = comparator.distance(first, tuple(array[i : i + 1] for array in prepared))
        assert one[0] == many[i]
