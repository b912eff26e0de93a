"""Clusters of pictures whose states are known."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score, silhouette_score

from imgsim import UsageError, cluster_images
from imgsim.comparators import registry
from imgsim.pictures.fixed_camera import cycle, frame
from imgsim.tasks.cluster.colouring import with_cluster_labels
from imgsim.tasks.cluster.methods import elbow, points
from imgsim.tasks.cluster.results import NO_CLUSTER
from imgsim.tasks.query import query_file

STATES, FRAMES = 5, 6


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of five states, named ``STATE_NUMBER.jpg``."""
    folder = tmp_path_factory.mktemp("frames")
    for place, state in enumerate(cycle(STATES)):
        for number in range(FRAMES):
            image = Image.fromarray(frame(state, seed=100 * place + number))
            image.save(folder / f"{place}_{number}.jpg")
    return folder


def states(found) -> list[int]:
    return [int(Path(p.file.path).name.split("_")[0]) for p in found.pictures]


@pytest.mark.parametrize("spec", ["cosine", "euclidean", "phash:size=16"])
def test_the_states_of_a_process_are_its_clusters(spec: str, frames: Path, threads) -> None:
    found = cluster_images(frames, spec, max_clusters=9, options=threads)
    assert adjusted_rand_score(states(found), found.labels) == 1
    assert found.chosen_by == "silhouette"
    assert [q.k for q in found.qualities] == list(range(2, 10))
    best = max(found.qualities, key=lambda q: q.silhouette)
    assert best.k == STATES == len(found.clusters)
    assert found.silhouette == best.silhouette
    rows = points(found.comparator, _rows(found, spec, threads))
    assert found.silhouette == pytest.approx(silhouette_score(rows, found.labels), abs=1e-4)
    for cluster in found.clusters:
        assert (found.labels[cluster.members] == cluster.number).all()
        assert cluster.typical in cluster.members
        inside = found.positions[cluster.members]
        outside = np.delete(found.positions, cluster.members, axis=0)
        assert cdist(inside, inside).max() < cdist(inside, outside).min()  # islands on the map
    again = cluster_images(frames, spec, max_clusters=9, options=threads)
    assert (again.labels == found.labels).all()
    assert (again.positions == found.positions).all()


def _rows(found, spec: str, options) -> np.ndarray:
    from imgsim.read.collect import collect

    paths = [p.file.path for p in found.pictures]
    extractor = found.comparator.extractor
    collection = collect(paths, [extractor], options)
    return collection.features(extractor, found.pictures).rows


def test_other_ways_to_the_same(frames: Path, threads) -> None:
    bend = cluster_images(frames, choose="elbow", projection="pca", max_clusters=9, options=threads)
    assert adjusted_rand_score(states(bend), bend.labels) == 1
    dense = cluster_images(frames, algorithm="hdbscan", options=threads)
    assert adjusted_rand_score(states(dense), dense.labels) == 1
    assert dense.chosen_by is None
    fixed = cluster_images(frames, n=3, options=threads)
    assert len(fixed.clusters) == 3
    sizes = [len(c.members) for c in fixed.clusters]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == STATES * FRAMES


def test_what_stands_alone(frames: Path, tmp_path: Path, photo, threads) -> None:
    for seed in range(3):
        photo(seed).save(tmp_path / f"9_{seed}.png")
    found = cluster_images([frames, tmp_path], algorithm="hdbscan", options=threads)
    alone = [state for state, label in zip(states(found), found.labels, strict=True) if not label]
    assert set(alone) == {9}
    assert NO_CLUSTER not in [c.number for c in found.clusters]


def test_labels_and_how_well_clusters_agree(frames: Path, tmp_path: Path, threads) -> None:
    for path in frames.iterdir():
        state = path.stem[0]
        folder = tmp_path / ("both" if state in "01" else state)  # two states have one label
        folder.mkdir(exist_ok=True)
        os.link(path, folder / path.name)
    os.link(frames / "2_0.jpg", tmp_path / "loose.jpg")
    found = cluster_images(tmp_path, n=STATES, options=threads)
    labelled = with_cluster_labels(found).labelled
    assert labelled.names == ("both", *"234")
    told = [Path(p.file.path).parent.name for p in found.pictures]
    named = [(labelled.names[n - 1] if n else tmp_path.name) for n in labelled.numbers]
    assert named == told
    have = labelled.numbers > 0
    assert labelled.purity == 1
    expected = adjusted_rand_score(labelled.numbers[have], found.labels[have])
    assert labelled.adjusted_rand == pytest.approx(expected)
    assert expected < 1
    swapped = replace(found, labels=np.where(found.labels == 1, 2, found.labels))
    half = with_cluster_labels(swapped).labelled
    assert half.purity < 1
    with pytest.raises(UsageError, match="no image has a label"):
        with_cluster_labels(cluster_images(frames, n=2, options=threads))


def test_queries_by_their_neighbours(frames: Path, tmp_path: Path, threads) -> None:
    new = tmp_path / "new.png"
    Image.fromarray(frame(cycle(STATES)[3], seed=9999)).save(new)
    queries = [query_file(new), query_file(frames / "1_0.jpg")]
    found = cluster_images(frames, n=STATES, queries=queries, voters=5, similar=7, options=threads)
    label = dict(zip(states(found), found.labels.tolist(), strict=True))
    outside, inside = found.queries
    assert (outside.cluster, inside.cluster) == (label[3], label[1])
    assert outside.votes == ((label[3], 5),)
    assert [number for _, number in outside.matches[:6]] == [label[3]] * 6
    assert outside.matches[6][1] != label[3]
    assert str(frames / "1_0.jpg") not in [match.path for match, _ in inside.matches]
    assert inside.votes == ((label[1], 5),)


def test_vectors_become_points() -> None:
    """Squared distances of points are bits, or twice 1 - cosine."""
    rng = np.random.default_rng(0)
    packed = rng.integers(0, 256, (9, 5), np.uint8)
    bits = [[int(b) for byte in row for b in f"{byte:08b}"] for row in packed]
    found = points(registry.parse("phash"), packed)
    expected = cdist(bits, bits, "hamming") * 40
    np.testing.assert_allclose(cdist(found, found, "sqeuclidean"), expected)
    vectors = rng.normal(size=(9, 7)).astype(np.float32)
    found = points(registry.parse("cosine"), vectors)
    expected = 2 * cdist(vectors, vectors, "cosine")
    np.testing.assert_allclose(cdist(found, found, "sqeuclidean"), expected, atol=1e-6)
    assert points(registry.parse("cosine"), np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]
    np.testing.assert_array_equal(points(registry.parse("euclidean"), vectors), vectors)


def test_where_a_curve_bends() -> None:
    assert elbow([100, 50, 10, 9, 8, 7]) == 2
    assert elbow([100, 10, 9, 8, 7, 6, 5]) == 1


def test_few_images_and_the_same_image(tmp_path: Path, photo, threads) -> None:
    none = cluster_images(tmp_path, options=threads)
    assert (none.clusters, none.labels.tolist(), none.positions.shape) == ((), [], (0, 2))
    for number, seed in enumerate((1, 1, 1, 2, 3), 1):
        photo(seed).save(tmp_path / f"{number}.png")
        for algorithm in ("kmeans", "hdbscan"):
            found = cluster_images(tmp_path, algorithm=algorithm, min_size=2, options=threads)
            assert found.positions.shape == (number, 2)
            assert np.isfinite(found.positions).all()
            if number > 1:
                assert found.labels[0] == found.labels[1]
    assert len(set(cluster_images(tmp_path, n=3, options=threads).labels[2:])) == 3
    for wrong in (
        {"n": 4}, {"n": 0}, {"method": "ssim"}, {"algorithm": "dbscan"}, {"max_clusters": 1},
        {"similar": 0}, {"choose": "gap"}, {"projection": "umap"},
    ):  # fmt: skip
        with pytest.raises(UsageError):
            cluster_images(tmp_path, **wrong, options=threads)


def test_varieties_of_fruit(shared, threads) -> None:
    folder = shared("fruits96")
    found = cluster_images(folder, n=24, projection="pca", options=threads)
    varieties = [Path(p.file.path).parent.name for p in found.pictures]
    assert adjusted_rand_score(varieties, found.labels) > 0.9
