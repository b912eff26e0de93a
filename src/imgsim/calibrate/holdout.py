"""The two halves of a labelled data set, and the distances of the pairs within each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.bench import distances
from imgsim.bench.intervals import Interval, wilson
from imgsim.bench.metrics import PairCounts
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
class Outcome:
    """What a threshold gives on one part of the data.

    Attributes
    ----------
    verdicts : PairCounts
        Matching pairs found, others found, matching pairs missed.
    others : int
        Pairs that do not match.
    labels : int
        Labels with matching pairs.
    """

    verdicts: PairCounts
    others: int
    labels: int

    @property
    def false_positive_rate(self) -> float | None:
        return self.verdicts.false / self.others if self.others else None

    @property
    def precision_interval(self) -> Interval | None:
        """Of 95 percent, by Wilson's score; it takes the pairs found for independent."""
        found = self.verdicts.true + self.verdicts.false
        return wilson(self.verdicts.true, found)

    @property
    def recall_interval(self) -> Interval | None:
        """Of 95 percent, by Wilson's score with as many trials as labels.

        The pairs of one label are found and missed together; to count each would make the
        interval too narrow.
        """
        return wilson(self.verdicts.recall * self.labels, self.labels)

    @property
    def false_positive_interval(self) -> Interval | None:
        """Of 95 percent, by Wilson's score; it takes the pairs for independent."""
        return wilson(self.verdicts.false, self.others)


@dataclass(frozen=True, slots=True)
class Part:
    """The pairs of one half of the data, for one method.

    Attributes
    ----------
    matching : ndarray of float64
        Distances of the pairs that match.
    others : sequence of ndarray of float64
        Those of the pairs that do not, in blocks.
    labels : int
        Labels with matching pairs.
    """

    matching: NDArray[np.float64]
    others: Sequence[NDArray[np.float64]]
    labels: int

    def outcome(self, max_distance: float) -> Outcome:
        """What a threshold gives."""
        true = int(np.count_nonzero(self.matching <= max_distance))
        false = sum(int(np.count_nonzero(block <= max_distance)) for block in self.others)
        verdicts = PairCounts(true, false, len(self.matching) - true)
        return Outcome(verdicts, sum(map(len, self.others)), self.labels)


@dataclass(frozen=True, slots=True)
class Split:
    """A labelled data set, read and cut into halves.

    Attributes
    ----------
    halves : tuple of LabelledImages
        What thresholds are chosen on, and what they are reported on.
    rows : dict
        By comparator: feature rows of the images of either half.
    source, flat, copies, skipped, fingerprint, seed, first
        As of `calibrate.Calibration`.
    options : RunOptions
    """

    halves: tuple[LabelledImages, LabelledImages]
    rows: dict[Comparator, tuple[NDArray[Any], NDArray[Any]]]
    source: str
    flat: int
    copies: int
    skipped: tuple[Skipped, ...]
    fingerprint: str
    seed: int
    first: str | None
    options: RunOptions

    def parts(self, comparator: Comparator) -> tuple[Part, Part]:
        """The distances of all pairs within each half."""
        return self.part(comparator, 0), self.part(comparator, 1)

    def part(self, comparator: Comparator, half: int) -> Part:
        """The distances of all pairs within one half."""
        return _part(comparator, self.halves[half], self.rows[comparator][half], self.options)


def split(
    data: LabelledImages,
    comparators: Sequence[Comparator],
    *,
    seed: int = 0,
    first: str | None = None,
    options: RunOptions | None = None,
) -> Split:
    """Read the images, and cut their labels into halves.

    Images of one label stand in one half, so nothing seen when a threshold is chosen is seen again
    when it is reported. Of a list of pairs, images that are linked by matching pairs stay
    together, and other pairs between the halves are left out.

    Parameters
    ----------
    data : LabelledImages
    comparators : sequence of Comparator
    seed : int
        Draws the halves.
    first : str, optional
        The split that is the first half; the other half is all else. Drawn, if left out.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        There are too few labels, or one stands in both halves, or there is no such split.
    """
    options = options or RunOptions()
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    collection = collect(list(data.paths), extractors, options)
    kept, pictures, flat, copies = _usable(data, collection)
    halves = _halves(kept, seed) if first is None else _by_split(kept, first)
    shown = {picture.file.path: picture for picture in pictures}
    rows: dict[Comparator, tuple[NDArray[Any], NDArray[Any]]] = {}
    for comparator in comparators:
        one, other = (
            collection.features(comparator.extractor, [shown[path] for path in half.paths]).rows
            for half in halves
        )
        rows[comparator] = (one, other)
    fingerprint = _fingerprint(kept, pictures)
    return Split(
        halves,
        rows,
        data.source,
        flat,
        copies,
        collection.skipped,
        fingerprint,
        seed,
        first,
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


def _halves(data: LabelledImages, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Half of the labels each."""
    label = _linked(data) if data.pairs else data.classes
    names = np.unique(label)
    if len(names) < 4:
        raise UsageError(
            f"{data.source}: {len(names)} labels are too few to choose on one half and report on"
            " the other",
            "give it at least four, and rather a hundred",
        )
    first = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    return _cut(data, np.isin(label, first), "give it more images of one label, or another --seed")


def _by_split(data: LabelledImages, first: str) -> tuple[LabelledImages, LabelledImages]:
    """The images of one split, and all others."""
    data.only(first)  # complains where there is none
    if data.pairs:
        sides = {place: p.split == first for p in data.pairs for place in (p.left, p.right)}
        in_first = np.array([sides[place] for place in range(len(data.paths))])
        label = np.arange(len(data.paths))
        for pair in data.pairs:
            for place in (pair.left, pair.right):
                if in_first[place] != (pair.split == first):
                    raise UsageError(
                        f"{data.source}: {printable(data.paths[place])} stands in both splits",
                        "leave out --split, and the pairs are divided for you",
                    )
    else:
        in_first = np.array([name == first for name in data.splits])
        label = data.classes
    both = np.intersect1d(label[in_first], label[~in_first])
    if len(both):
        name = data.labels[int(np.flatnonzero(label == both[0])[0])]
        raise UsageError(
            f"{data.source}: {_labels(len(both))} in both splits, such as {name}:"
            " thresholds would be reported on what they were chosen on",
            "leave out --split, and the labels are divided for you",
        )
    return _cut(data, in_first, "give it more images of one label, or another --split")


def _labels(number: int) -> str:
    return f"{number} label stands" if number == 1 else f"{number} labels stand"


def _cut(
    data: LabelledImages, in_first: NDArray[np.bool_], hint: str
) -> tuple[LabelledImages, LabelledImages]:
    """Both sides, each with pairs to measure."""
    places = np.arange(len(in_first))
    halves = tuple(data.keep(places[side].tolist()) for side in (in_first, ~in_first))
    for half in halves:
        if not (half.pairs and any(p.same for p in half.pairs)) and not (
            half.labels and len(set(half.labels)) < len(half.labels)
        ):
            raise UsageError(f"{data.source}: one half of the labels has no matching pair", hint)
    return halves[0], halves[1]


def _linked(data: LabelledImages) -> NDArray[np.int64]:
    """A number per image, the same for those that matching pairs link."""
    number = np.arange(len(data.paths))
    for pair in data.pairs:
        if pair.same and number[pair.left] != number[pair.right]:
            number[number == number[pair.right]] = number[pair.left]
    return number


def matching_labels(data: LabelledImages) -> int:
    """Labels with matching pairs."""
    if data.pairs:
        linked = _linked(data)
        return len({int(linked[p.left]) for p in data.pairs if p.same})
    return int(np.count_nonzero(np.bincount(data.classes) > 1))


def _part(
    comparator: Comparator, data: LabelledImages, rows: NDArray[Any], options: RunOptions
) -> Part:
    if data.pairs:
        left, right = (np.array([getattr(p, s) for p in data.pairs]) for s in ("left", "right"))
        same = np.array([p.same for p in data.pairs])
        found = distances.of_pairs(comparator, rows[left], rows[right])
        return Part(found[same], [found[~same]], matching_labels(data))
    matching, others = [], []
    options.progress.start(f"comparing by {comparator.name}", len(rows), "image")
    try:
        for near, far in _blocks(comparator, data.classes, rows):
            matching.append(near)
            others.append(far)
            options.progress.advance(_BLOCK_ROWS)
    finally:
        options.progress.finish()
    return Part(np.concatenate(matching), others, matching_labels(data))


def _blocks(
    comparator: Comparator, classes: NDArray[np.int64], rows: NDArray[Any]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Distances of matching and of other pairs, each pair once."""
    n = len(rows)
    for start in range(0, n, _BLOCK_ROWS):
        stop = min(n, start + _BLOCK_ROWS)
        block = distances.between(comparator, rows[start:stop], rows[start:])
        later = np.arange(start, n)[None, :] > np.arange(start, stop)[:, None]
        same = classes[start:stop, None] == classes[None, start:]
        yield block[later & same], block[later & ~same]


def _fingerprint(data: LabelledImages, pictures: Sequence[Picture]) -> str:
    """Of contents and what is known of them, however the files are named and ordered."""
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
