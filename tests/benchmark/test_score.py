"""Quality of a method from its distances: against counting by hand and scikit-learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from imgsim.benchmark import score
from imgsim.comparators import registry
from imgsim.comparators.base import Scale

BITS = Scale("bits", "lower", 64.0)


def setting(seed: int, sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Whole distances with ties; images of a class tend to be near."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    n = len(classes)
    far = rng.integers(2, 20, (n, n)) + 8 * (classes[:, None] != classes[None])
    upper = np.triu(far, 1).astype(float)
    return upper + upper.T, classes


@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_counted_once(seed: int) -> None:
    distance, classes = setting(seed, (4, 3, 5, 1, 2))
    names = [f"{i}" for i in range(len(classes))]
    scores = score.score_classes(distance, classes, names, BITS, 12.0)
    pairs = list(itertools.combinations(range(len(classes)), 2))
    same = np.array([classes[i] == classes[j] for i, j in pairs])
    values = np.array([distance[i, j] for i, j in pairs])
    detection = scores.detection
    expected = precision_recall_fscore_support(same, values <= 12, average="binary")[:3]
    assert detection.precision is not None
    measured = (detection.precision.value, detection.recall.value, detection.f1.value)
    assert measured == pytest.approx(expected)
    assert (detection.found, detection.wrong) == (
        np.sum(same & (values <= 12)),
        np.sum(~same & (values <= 12)),
    )
    assert (detection.pairs, detection.matching) == (len(pairs), same.sum())
    average = detection.micro_average_precision
    assert average is not None
    assert average.value == pytest.approx(average_precision_score(same, -values))
    assert scores.histogram is not None
    assert sum(scores.histogram.matching) == same.sum()
    assert sum(scores.histogram.other) == np.sum(~same)
    low, high = detection.precision.low, detection.precision.high
    assert low is not None
    assert high is not None
    assert low <= detection.precision.value <= high
    nearest = min(values[~same])
    assert scores.wrong[0].score == nearest
    assert scores.missed[0].score == max(values[same])
    listed = score.score_pairs(values, same, [(names[i], names[j]) for i, j in pairs], BITS, 12.0)
    assert listed.detection.micro_average_precision is not None
    assert listed.detection.micro_average_precision.value == average.value
    assert (listed.detection.found, listed.detection.wrong) == (detection.found, detection.wrong)
    assert listed.wrong[0].score == nearest
    assert listed.retrieval is None


def test_accuracy_is_hits_over_what_could_be_hit() -> None:
    """Three classes of 4, 2 and 1; by hand."""
    classes = np.array([0, 0, 0, 0, 1, 1, 2])
    place = np.array([0.0, 1.0, 2.5, 9.0, 3.2, 50.0, 9.6])
    distance = np.abs(place[:, None] - place[None])
    names = [str(i) for i in range(7)]
    retrieval = score.score_classes(distance, classes, names, BITS, 1.0).retrieval
    assert retrieval is not None
    # nearest three: 0: 1 2 4; 1: 0 2 4; 2: 4 1 0; 3: 6 4 2; 4: 2 1 0; 5: 6 3 4; 6 is no query
    hits = [2 / 3, 2 / 3, 2 / 3, 1 / 3, 0 / 1, 1 / 1]
    assert retrieval.queries == 6
    assert retrieval.accuracy.value == pytest.approx(np.mean(hits))
    assert retrieval.ns_score is None
    assert retrieval.recall_at_1 == pytest.approx(2 / 6)


def test_the_articles_accuracy_and_the_score_of_ukbench() -> None:
    classes = np.repeat([0, 1], 4)
    place = np.array([0.0, 1.0, 2.0, 6.0, 7.0, 8.0, 9.0, 3.0])
    distance = np.abs(place[:, None] - place[None])
    names = [str(i) for i in range(8)]
    retrieval = score.score_classes(distance, classes, names, BITS, 1.0, queries=[0, 4]).retrieval
    assert retrieval is not None
    # of 0 (at 0): 1 2 7, two hits; of 4 (at 7): 3 5 6, two hits
    assert retrieval.article_accuracy == pytest.approx(4 / (8 - 2))
    assert retrieval.ns_score == pytest.approx(1 + 4 / 2)
    every = score.score_classes(distance, classes, names, BITS, 1.0).retrieval
    assert every is not None
    assert every.article_accuracy is None


def test_a_few_classes_without_a_mistake_prove_little() -> None:
    classes = np.repeat([0, 1], 4)
    distance = 9.0 * (classes[:, None] != classes[None])
    scores = score.score_classes(distance, classes, list("abcdefgh"), BITS, 1.0)
    assert scores.retrieval is not None
    accuracy = scores.retrieval.accuracy
    assert accuracy.value == 1.0
    assert accuracy.low == pytest.approx(0.342, abs=1e-3)  # Wilson's of 2 out of 2
    assert scores.detection.precision is not None
    assert scores.detection.precision.low == accuracy.low


@pytest.mark.parametrize("spec", ["euclidean", "cosine", "phash", "ssim"])
@pytest.mark.parametrize("in_memory", [0, 1 << 28])
def test_the_matrix_is_symmetric_and_the_engines_agree(
    spec: str, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim.neighbours.build import make_engine
    from imgsim.read import scratch
    from imgsim.read.options import RunOptions

    monkeypatch.setattr(scratch, "_IN_MEMORY", in_memory)
    comparator = registry.parse(spec)
    shape = comparator.extractor.shape
    rows = np.random.default_rng(5).integers(0, 256, (37, *shape)).astype(np.uint8)
    rows[20] = rows[3]
    distances = np.array(score.matrix(comparator, rows, jobs=2))
    np.testing.assert_array_equal(distances, distances.T)
    assert np.all(np.diag(distances) == 0)
    assert distances[3, 20] == 0
    near = make_engine(comparator, rows, RunOptions()).nearest(np.arange(37), 3)
    others = distances + np.where(np.eye(37), np.inf, 0)
    np.testing.assert_allclose(np.sort(others, axis=1)[:, :3], near.distance, atol=1e-9)
