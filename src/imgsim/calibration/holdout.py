"""A labelled data set divided: thresholds are tuned on one part and reported on the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark import distances
from imgsim.benchmark.intervals import Interval, wilson
from imgsim.benchmark.metrics import PairCounts
from imgsim.comparators.base import Comparator
from imgsim.dataset.labelled import LabelledImages
from imgsim.errors import UsageError
from imgsim.read.collect import collect
from imgsim.read.discover import printable
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.types import Picture, Skipped

_BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True)
class ThresholdAccuracy:
    """The accuracy of a threshold on one part of the data.

    Attributes
    ----------
    counts : PairCounts
        Matching pairs within the threshold, others within it, and matching pairs beyond it.
    others : int
        Pairs that do not match.
    labels : int
        Labels with matching pairs.
    """

    counts: PairCounts
    others: int
    labels: int

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the other pairs that lie within the threshold; None where there are none."""
        return self.counts.false / self.others if self.others else None

    @property
    def precision_interval(self) -> Interval | None:
        """Of 95 percent, by Wilson's score; it takes the pairs within it for independent."""
        return wilson(self.counts.true, self.counts.true + self.counts.false)

    @property
    def recall_interval(self) -> Interval | None:
        """Of 95 percent, by Wilson's score with as many trials as labels.

        The pairs of one label are found and missed together; to count each would make the
        interval too narrow.
        """
        return wilson(self.counts.recall * self.labels, self.labels)

    @property
    def false_positive_interval(self) -> Interval | None:
        """Of 95 percent, by Wilson's score; it takes the pairs for independent."""
        return wilson(self.counts.false, self.others)


@dataclass(frozen=True, slots=True)
class PairDistances:
    """The distances of the pairs of one part of the data, by one method.

    Attributes
    ----------
    matching : ndarray of float64, shape (m,)
        Of the pairs that match.
    others : sequence of ndarray of float64, each of shape (o,)
        Of the pairs that do not, in blocks.
    labels : int
        Labels with matching pairs.
    """

    matching: NDArray[np.float64]
    others: Sequence[NDArray[np.float64]]
    labels: int

    def accuracy_at(self, max_distance: float) -> ThresholdAccuracy:
        """Compute the accuracy of a threshold."""
        true = int(np.count_nonzero(self.matching <= max_distance))
        false = sum(int(np.count_nonzero(block <= max_distance)) for block in self.others)
        counts = PairCounts(true, false, len(self.matching) - true)
        return ThresholdAccuracy(counts, sum(map(len, self.others)), self.labels)


@dataclass(frozen=True, slots=True)
class Holdout:
    """A labelled data set, read and divided into two parts.

    Attributes
    ----------
    tuning, held_out : LabelledImages
        The part that thresholds are chosen on, and the one that they are reported on.
    rows : dict of Comparator to tuple of ndarray
        Feature rows of the images of either part, by comparator.
    source, flat, copies, skipped, fingerprint, seed, tuning_split
        As of `calibrate.Calibration`.
    options : RunOptions
    """

    tuning: LabelledImages
    held_out: LabelledImages
    rows: dict[Comparator, tuple[NDArray[Any], NDArray[Any]]]
    source: str
    flat: int
    copies: int
    skipped: tuple[Skipped, ...]
    fingerprint: str
    seed: int
    tuning_split: str | None
    options: RunOptions

    def tuning_distances(self, comparator: Comparator) -> PairDistances:
        """Compute the distances of all pairs within the tuning part."""
        return _pair_distances(comparator, self.tuning, self.rows[comparator][0], self.options)

    def held_out_distances(self, comparator: Comparator) -> PairDistances:
        """Compute the distances of all pairs within the held-out part."""
        return _pair_distances(comparator, self.held_out, self.rows[comparator][1], self.options)


def read_holdout(
    data: LabelledImages,
    comparators: Sequence[Comparator],
    *,
    seed: int = 0,
    tuning_split: str | None = None,
    options: RunOptions | None = None,
) -> Holdout:
    """Read the images, and hold out those of half of the labels.

    Images of one label stand in one part, so nothing seen when a threshold is chosen is seen again
    when it is reported. Of a list of pairs, images that are linked by matching pairs stay
    together, and other pairs between the parts are left out.

    Parameters
    ----------
    data : LabelledImages
    comparators : sequence of Comparator
    seed : int
        Draws the parts.
    tuning_split : str, optional
        The split that is the tuning part; all else is held out. Drawn, if left out.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        There are too few labels, or one stands in both parts, or there is no such split.
    """
    options = options or RunOptions()
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    collection = collect(list(data.paths), extractors, options)
    kept, pictures, flat, copies = _usable(data, collection)
    if tuning_split is None:
        tuning, held_out = _divide_by_label(kept, seed)
    else:
        tuning, held_out = _divide_by_split(kept, tuning_split)
    shown = {picture.file.path: picture for picture in pictures}
    rows: dict[Comparator, tuple[NDArray[Any], NDArray[Any]]] = {}
    for comparator in comparators:
        one, other = (
            collection.features(comparator.extractor, [shown[path] for path in part.paths]).rows
            for part in (tuning, held_out)
        )
        rows[comparator] = (one, other)
    fingerprint = _fingerprint(kept, pictures)
    return Holdout(
        tuning,
        held_out,
        rows,
        data.source,
        flat,
        copies,
        collection.skipped,
        fingerprint,
        seed,
        tuning_split,
        options,
    )


def _usable(
    data: LabelledImages, collection: Collection
) -> tuple[LabelledImages, list[Picture], int, int]:
    """Leave out what was skipped, what no threshold decides on, and all but one of equal files."""
    by_path = {picture.file.path: picture for picture in collection.pictures}
    kept: list[int] = []
    seen: set[str] = set()
    flat = copies = 0
    for place, path in enumerate(data.paths):
        picture = by_path.get(path)
        if picture is None:
            continue
        if picture.facts.flat:
            flat += 1
        elif picture.digest in seen and not data.pairs:
            copies += 1
        else:
            seen.add(picture.digest)
            kept.append(place)
    data = data.keep(kept)
    return data, [by_path[path] for path in data.paths], flat, copies


def _divide_by_label(data: LabelledImages, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Draw half of the labels for each part."""
    label = _linked(data) if data.pairs else data.classes
    names = np.unique(label)
    if len(names) < 4:
        raise UsageError(
            f"{data.source}: {len(names)} labels are too few to choose on one half and report on"
            " the other",
            "give it at least four, and rather a hundred",
        )
    drawn = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    hint = "give it more images of one label, or another --seed"
    return _both_parts(data, np.isin(label, drawn), hint)


def _divide_by_split(
    data: LabelledImages, tuning_split: str
) -> tuple[LabelledImages, LabelledImages]:
    """Take the images of one split, and all others."""
    data.only(tuning_split)  # raises where there is none
    if data.pairs:
        sides = {place: p.split == tuning_split for p in data.pairs for place in (p.left, p.right)}
        in_tuning = np.array([sides[place] for place in range(len(data.paths))])
        label = np.arange(len(data.paths))
        for pair in data.pairs:
            for place in (pair.left, pair.right):
                if in_tuning[place] != (pair.split == tuning_split):
                    raise UsageError(
                        f"{data.source}: {printable(data.paths[place])} stands in both splits",
                        "leave out --split, and the pairs are divided for you",
                    )
    else:
        in_tuning = np.array([name == tuning_split for name in data.splits])
        label = data.classes
    both = np.intersect1d(label[in_tuning], label[~in_tuning])
    if len(both):
        name = data.labels[int(np.flatnonzero(label == both[0])[0])]
        raise UsageError(
            f"{data.source}: {_labels_stand(len(both))} in both splits, such as {name}:"
            " thresholds would be reported on what they were chosen on",
            "leave out --split, and the labels are divided for you",
        )
    return _both_parts(data, in_tuning, "give it more images of one label, or another --split")


def _labels_stand(number: int) -> str:
    return f"{number} label stands" if number == 1 else f"{number} labels stand"


def _both_parts(
    data: LabelledImages, in_tuning: NDArray[np.bool_], hint: str
) -> tuple[LabelledImages, LabelledImages]:
    """Divide the images, and check that there are pairs to measure in each part."""
    places = np.arange(len(in_tuning))
    tuning, held_out = (data.keep(places[side].tolist()) for side in (in_tuning, ~in_tuning))
    for part in (tuning, held_out):
        if not (part.pairs and any(p.same for p in part.pairs)) and not (
            part.labels and len(set(part.labels)) < len(part.labels)
        ):
            raise UsageError(f"{data.source}: one half of the labels has no matching pair", hint)
    return tuning, held_out


def _linked(data: LabelledImages) -> NDArray[np.int64]:
    """Number the images, the same for those that matching pairs link."""
    number = np.arange(len(data.paths))
    for pair in data.pairs:
        if pair.same and number[pair.left] != number[pair.right]:
            number[number == number[pair.right]] = number[pair.left]
    return number


def matching_labels(data: LabelledImages) -> int:
    """Count the labels with matching pairs."""
    if data.pairs:
        linked = _linked(data)
        return len({int(linked[p.left]) for p in data.pairs if p.same})
    return int(np.count_nonzero(np.bincount(data.classes) > 1))


def _pair_distances(
    comparator: Comparator, data: LabelledImages, rows: NDArray[Any], options: RunOptions
) -> PairDistances:
    """Compute the distances of all pairs of one part."""
    if data.pairs:
        left, right, same = data.pair_arrays()
        listed = distances.of_pairs(comparator, rows[left], rows[right])
        return PairDistances(listed[same], [listed[~same]], matching_labels(data))
    matching, others = [], []
    options.progress.start(f"comparing by {comparator.name}", len(rows), "image")
    try:
        for near, far in _blocks(comparator, data.classes, rows):
            matching.append(near)
            others.append(far)
            options.progress.advance(_BLOCK_ROWS)
    finally:
        options.progress.finish()
    return PairDistances(np.concatenate(matching), others, matching_labels(data))


def _blocks(
    comparator: Comparator, classes: NDArray[np.int64], rows: NDArray[Any]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield distances of matching and of other pairs, each pair once."""
    n = len(rows)
    for start in range(0, n, _BLOCK_ROWS):
        stop = min(n, start + _BLOCK_ROWS)
        block = distances.between(comparator, rows[start:stop], rows[start:])
        later = np.arange(start, n)[None, :] > np.arange(start, stop)[:, None]
        same = classes[start:stop, None] == classes[None, start:]
        yield block[later & same], block[later & ~same]


def _fingerprint(data: LabelledImages, pictures: Sequence[Picture]) -> str:
    """Digest contents and what is known of them, however the files are named and ordered."""
    if data.pairs:
        lines = []
        for pair in data.pairs:
            one, other = sorted((pictures[pair.left].digest, pictures[pair.right].digest))
            lines.append(f"{one} {other} {int(pair.same)}")
    else:
        # labels by what they hold, so that their names do not matter
        members: dict[str, list[str]] = {}
        for label, picture in zip(data.labels, pictures, strict=True):
            members.setdefault(label, []).append(picture.digest)
        lines = [" ".join(sorted(digests)) for digests in members.values()]
    text = "\n".join(sorted(lines))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
