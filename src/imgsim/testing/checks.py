"""The checks of the conformance kit."""

from __future__ import annotations

import io
import pickle
from contextlib import redirect_stdout
from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator, PairComparator, VectorComparator
from imgsim.comparators.contract import class_fault, instance_fault, rows_fault
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.listing import described_elsewhere
from imgsim.neighbours.build import vector_engine
from imgsim.neighbours.pairs import PairEngine
from imgsim.testing.golden import check_golden


def check_comparator(
    comparator: Comparator,
    *,
    tolerance: float = 0.0,
    registered: bool = True,
    golden: str | PathLike[str] | None = None,
) -> None:
    """Check a comparator against the contract.

    Parameters
    ----------
    comparator : Comparator
    tolerance : float
        Largest difference between the row of an image alone and in a batch; 0 for hashes.
    registered : bool
        It is installed under its name, so its spec must lead back to it.
    golden : path, optional
        A golden file that its rows must equal, see `golden.check_golden`.

    Raises
    ------
    AssertionError
        It breaks the contract; the message says where.
    """
    fault = class_fault(type(comparator)) or instance_fault(comparator)
    assert not fault, f"{type(comparator).__name__} {fault}"
    images = sample_images(comparator, 7)
    rows = check_rows(comparator, images, tolerance)
    if comparator.ranks:
        extremes = _extracted(comparator.extractor, _extreme_images(images))
        check_distances(comparator, np.concatenate([rows, extremes, rows[:2]]))
    check_scale(comparator)
    assert pickle.loads(pickle.dumps(comparator)) == comparator, "it does not survive pickling"
    if registered:
        check_import(comparator.name)
        assert registry.parse(comparator.spec).spec == comparator.spec, "its spec leads elsewhere"
    if isinstance(comparator, PairComparator):
        check_pairs(comparator, rows)
    if golden is not None:
        check_golden(comparator, golden, tolerance=tolerance)


def check_import(name: str) -> None:
    """Check that a comparator of another package imports in time, and quietly.

    Parameters
    ----------
    name : str
        The name it is registered under; built-in ones are not tried.

    Raises
    ------
    AssertionError
        It does not, and so is not listed; or it prints.
    """
    if registry.is_built_in(name):
        return
    listed = described_elsewhere(name)
    assert listed.available, listed.cause
    assert not listed.prints, "importing it prints something"


def sample_images(comparator: Comparator, n: int, seed: int = 5) -> NDArray[np.uint8]:
    """Make smooth random images of the size and colour that a comparator wants.

    Parameters
    ----------
    comparator : Comparator
    n : int
        How many.
    seed : int
        Another seed gives other images.

    Returns
    -------
    ndarray of uint8, shape (n, height, width, channels)
    """
    from PIL import Image

    wants = comparator.extractor.wants
    channels = 1 if wants.colour == "grey" else 3
    size = (wants.width or 50, wants.height or 40)
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 6, 6, channels), np.uint8)
    images = [
        np.asarray(Image.fromarray(c.squeeze()).resize(size, Image.Resampling.BICUBIC))
        for c in coarse
    ]
    return np.stack(images).reshape(n, size[1], size[0], channels)


def _extreme_images(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Black, white, and two boards that are each other's negative, in the size of some images."""
    board = np.indices(images.shape[1:3]).sum(axis=0) // 4 % 2 * 255
    board = np.broadcast_to(board[..., None], images.shape[1:])
    black = np.zeros(images.shape[1:])
    return np.stack([black, black + 255, board, 255 - board]).astype(np.uint8)


def check_rows(
    comparator: Comparator, images: NDArray[np.uint8], tolerance: float
) -> NDArray[np.generic]:
    """Check that rows are as declared, and the same in a batch and alone.

    Parameters
    ----------
    comparator : Comparator
    images : ndarray of uint8, shape (n, height, width, channels)
        As the extractor wants them, not all the same; they are made read-only.
    tolerance : float
        Largest difference between the row of an image alone and in a batch.

    Returns
    -------
    ndarray of the extractor's dtype, shape (n, \\*extractor.shape)
        The rows of the images.

    Raises
    ------
    AssertionError
        They are not, or the images were modified.
    """
    extractor = comparator.extractor
    before = images.copy()
    images.setflags(write=False)
    rows: NDArray[np.generic] = _extracted(extractor, images)
    fault = rows_fault(extractor, rows, images)
    assert not fault, f"{type(extractor).__name__} {fault}"
    assert rows[0].nbytes == extractor.row_bytes, "row_bytes is wrong"
    assert np.array_equal(images, before), "the images were modified"
    assert np.array_equal(_extracted(extractor, images), rows), "the same images give other rows"
    for image, row in zip(images, rows, strict=True):
        alone = _extracted(extractor, image[None])[0]
        difference = np.abs(alone.astype(np.float64) - row.astype(np.float64)).max()
        assert difference <= tolerance, f"a row depends on its batch: off by {difference}"
    assert len({row.tobytes() for row in rows}) > 1, "all images give the same row"
    return rows


def _extracted(extractor: Extractor, images: NDArray[np.uint8]) -> Any:
    """Call `extract`; that it raises, writes into its images or prints breaks the contract."""
    name, printed = type(extractor).__name__, io.StringIO()
    try:
        with redirect_stdout(printed):
            rows = extractor.extract(images)
    except (Exception, SystemExit) as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        hint = " (its images are not its own to write into)" * ("read-only" in cause)
        raise AssertionError(f"{name}.extract failed: {cause}{hint}") from error
    assert not printed.getvalue(), f"{name}.extract prints: standard output is for results"
    return rows


def check_distances(comparator: Comparator, rows: NDArray[np.generic]) -> None:
    """Check that distances are symmetric, from 0 to the worst, and 0 between equal rows.

    Parameters
    ----------
    comparator : Comparator
    rows : ndarray of the extractor's dtype, shape (n, \\*extractor.shape)
        The last two equal the first two.

    Raises
    ------
    AssertionError
        They are not.
    """
    engine = (
        vector_engine(comparator, rows, 1)
        if isinstance(comparator, VectorComparator)
        else PairEngine(_pair_comparator(comparator), rows, 1)
    )
    near = engine.nearest(np.arange(len(rows)), len(rows) - 1)
    distances = np.zeros((len(rows), len(rows)))
    np.put_along_axis(distances, near.rows, near.distance, axis=1)
    assert np.array_equal(distances, distances.T), "distances are not symmetric"
    assert (distances >= 0).all(), "distances are negative"
    scale = comparator.scale
    # a score that is better the higher it is may lie below 0, as a correlation does: 0 percent too
    worst = scale.worst if scale.better == "lower" else max(scale.worst, 2.0)
    assert distances.max() <= worst * (1 + 1e-6), (
        f"a distance is {distances.max():g}, and the worst of its scale is {worst:g}"
    )
    assert distances[0, -2] == distances[1, -1] == 0.0, "equal images are not at distance 0"


def check_scale(comparator: Comparator) -> None:
    """Check that scores and percent lead back to their distances, and that presets widen.

    Raises
    ------
    AssertionError
        They do not.
    """
    scale = comparator.scale
    assert scale.similarity(0.0) == 100.0, "distance 0 is not 100 %"
    assert scale.similarity(scale.worst) == 0.0, "the worst distance is not 0 %"
    for distance in np.linspace(0, scale.worst, 5):
        assert np.isclose(scale.distance(scale.score(distance)), distance), "the score is one-way"
        percent = scale.similarity(distance)
        assert np.isclose(scale.distance_of_similarity(percent), distance), "percent is one-way"
    limits = [0.0, *(comparator.preset_distance(p) for p in PRESETS), scale.worst]
    assert all(a <= b for a, b in pairwise(limits)), f"presets do not widen: {limits}"


def check_pairs(comparator: PairComparator, rows: NDArray[np.generic]) -> None:
    """Check that one against many gives what pairs give, and that rough distances err as they say.

    Parameters
    ----------
    comparator : PairComparator
    rows : ndarray of the extractor's dtype, shape (n, \\*extractor.shape)

    Raises
    ------
    AssertionError
        They do not.
    """
    prepared = comparator.prepare(rows)
    first = tuple(array[:1] for array in prepared)
    many = comparator.distance(first, prepared)
    assert many.dtype == np.float64, f"distances are {many.dtype}"
    for i in range(len(rows)):
        one = comparator.distance(first, tuple(array[i : i + 1] for array in prepared))
        assert one[0] == many[i], "one against many differs from one against one"
    rough = comparator.rough(rows)
    if rough is not None:
        distances = rough.to(rows, len(rows))
        assert distances.shape == (len(rows), len(rows)), (
            f"rough distances have shape {distances.shape}"
        )
        error = np.abs(distances[0] - many).max()
        assert error <= rough.error, f"a rough distance is off by {error}, not {rough.error}"


def _pair_comparator(comparator: Comparator) -> PairComparator:
    assert isinstance(comparator, PairComparator), "neither a vector nor a pair comparator"
    return comparator
