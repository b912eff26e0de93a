"""Thresholds for a target: chosen on one half of a labelled data set, reported on the other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.bench import distances
from imgsim.bench.labelled import Labelled
from imgsim.bench.metrics import CurveCounter, Interval, Verdicts, wilson
from imgsim.collect import Collection, RunOptions, collect
from imgsim.comparators import unrelated
from imgsim.comparators.base import PRESETS, Comparator, Metric, VectorComparator
from imgsim.errors import UsageError
from imgsim.types import Picture, Skipped

_COUNTABLE = 20
"""A rate of false positives is read off the pairs where so many would be false; else a tail is
fitted."""

_LEAST_EXCEEDANCES = 50
_MOST_KEPT = 0.05
_BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True)
class Target:
    """What a threshold has to reach.

    Attributes
    ----------
    kind : {"precision", "false-positives"}
        The share of found pairs that match; or the share of other pairs that are found.
    value : float
        Between 0 and 1, both excluded but for a precision of 1.
    """

    kind: Literal["precision", "false-positives"]
    value: float

    def __post_init__(self) -> None:
        if not 0 < self.value <= 1 or (self.kind == "false-positives" and self.value == 1):
            raise UsageError(f"a target of {self.value:g} is out of range", "such as 0.99, or 1e-6")

    @property
    def text(self) -> str:
        if self.kind == "precision":
            return f"precision {self.value:g}"
        return f"at most {self.value:g} of the pairs that do not match"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a threshold gives on one part of the data.

    Attributes
    ----------
    verdicts : Verdicts
        Matching pairs found, others found, matching pairs missed.
    others : int
        Pairs that do not match.
    labels : int
        Labels with matching pairs.
    """

    verdicts: Verdicts
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
class Calibrated:
    """A method and its threshold.

    Attributes
    ----------
    comparator : Comparator
    max_distance : float or None
        The largest distance of a duplicate; None if no threshold reaches the target.
    extrapolated : bool
        It comes from a fitted tail: there are too few pairs to count such a rate.
    chosen, measured : Outcome or None
        On the part it was chosen on, and on the other.
    presets : tuple of Outcome
        What `comparators.base.PRESETS` give on the other part.
    """

    comparator: Comparator
    max_distance: float | None
    extrapolated: bool
    chosen: Outcome | None
    measured: Outcome | None
    presets: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `calibrate` found.

    Attributes
    ----------
    target : Target
    methods : tuple of Calibrated
        In the order asked for.
    source : str
        The data set.
    images : tuple of int
        In the part that thresholds are chosen on, and in the other.
    labels : tuple of int
        The same.
    flat, copies : int
        Images left out: those that match by their pixels only, whatever the threshold, and those
        with the bytes of another.
    skipped : tuple of Skipped
    fingerprint : str
        Of the contents and labels, in any order of the files.
    seed : int
    decode : str
    """

    target: Target
    methods: tuple[Calibrated, ...]
    source: str
    images: tuple[int, int]
    labels: tuple[int, int]
    flat: int
    copies: int
    skipped: tuple[Skipped, ...]
    fingerprint: str
    seed: int
    decode: str


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
        verdicts = Verdicts(true, false, len(self.matching) - true)
        return Outcome(verdicts, sum(map(len, self.others)), self.labels)


def calibrate(
    data: Labelled,
    comparators: Sequence[Comparator],
    target: Target,
    *,
    seed: int = 0,
    options: RunOptions | None = None,
) -> Calibration:
    """Choose each method's threshold on one half of the labels, and report it on the other.

    Images of one label stand in one half, so nothing seen when a threshold is chosen is seen again
    when it is reported. Of a list of pairs, images that are linked by matching pairs stay
    together, and other pairs between the halves are left out.

    Parameters
    ----------
    data : Labelled
    comparators : sequence of Comparator
        Vector and pair comparators.
    target : Target
    seed : int
        Chooses the halves.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        There are too few labels, or too few pairs for the target.
    """
    options = options or RunOptions()
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    collection = collect(list(data.paths), extractors, options)
    data, pictures, flat, copies = _usable(data, collection)
    halves = _halves(data, seed)
    place = {path: i for i, path in enumerate(data.paths)}
    found = []
    for comparator in comparators:
        rows = collection.features(comparator.extractor, pictures).rows
        parts = []
        for half in halves:
            options.progress.start(f"comparing by {comparator.name}", len(half.paths), "image")
            try:
                own = rows[[place[path] for path in half.paths]]
                parts.append(_part(comparator, half, own, options))
            finally:
                options.progress.finish()
        found.append(_calibrated(comparator, parts[0], parts[1], target))
    contents = _fingerprint(data, pictures)
    return Calibration(
        target,
        tuple(found),
        data.source,
        (len(halves[0].paths), len(halves[1].paths)),
        (_labels(halves[0]), _labels(halves[1])),
        flat,
        copies,
        collection.skipped,
        contents,
        seed,
        options.decode.value,
    )


def _usable(data: Labelled, collection: Collection) -> tuple[Labelled, list[Picture], int, int]:
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


def _halves(data: Labelled, seed: int) -> tuple[Labelled, Labelled]:
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
    in_first = np.isin(label, first)
    places = np.arange(len(label))
    halves = tuple(data.keep(places[side].tolist()) for side in (in_first, ~in_first))
    for half in halves:
        if not (half.pairs and any(p.same for p in half.pairs)) and not (
            half.labels and len(set(half.labels)) < len(half.labels)
        ):
            raise UsageError(
                f"{data.source}: one half of the labels has no matching pair",
                "give it more images of one label, or another --seed",
            )
    return halves[0], halves[1]


def _linked(data: Labelled) -> NDArray[np.int64]:
    """A number per image, the same for those that matching pairs link."""
    number = np.arange(len(data.paths))
    for pair in data.pairs:
        if pair.same and number[pair.left] != number[pair.right]:
            number[number == number[pair.right]] = number[pair.left]
    return number


def _labels(data: Labelled) -> int:
    """Labels with matching pairs."""
    if data.pairs:
        linked = _linked(data)
        return len({int(linked[p.left]) for p in data.pairs if p.same})
    return int(np.count_nonzero(np.bincount(data.classes) > 1))


def _part(comparator: Comparator, data: Labelled, rows: NDArray[Any], options: RunOptions) -> Part:
    if data.pairs:
        left, right = (np.array([getattr(p, s) for p in data.pairs]) for s in ("left", "right"))
        same = np.array([p.same for p in data.pairs])
        found = distances.of_pairs(comparator, rows[left], rows[right])
        return Part(found[same], [found[~same]], _labels(data))
    matching, others = [], []
    for near, far in _blocks(comparator, data.classes, rows):
        matching.append(near)
        others.append(far)
        options.progress.advance(_BLOCK_ROWS)
    return Part(np.concatenate(matching), others, _labels(data))


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


def _calibrated(comparator: Comparator, tuning: Part, held_out: Part, target: Target) -> Calibrated:
    if target.kind == "precision":
        limit, extrapolated = _for_precision(tuning, target.value), False
    else:
        bits = isinstance(comparator, VectorComparator) and comparator.metric is Metric.HAMMING
        limit, extrapolated = _for_false_positives(tuning, target.value, bits=bits)
    presets = tuple(held_out.outcome(comparator.preset_distance(p)) for p in PRESETS)
    if limit is None:
        return Calibrated(comparator, None, False, None, None, presets)
    limit = min(limit, comparator.scale.worst)
    chosen, measured = tuning.outcome(limit), held_out.outcome(limit)
    return Calibrated(comparator, limit, extrapolated, chosen, measured, presets)


def _for_precision(part: Part, least: float) -> float | None:
    counter = CurveCounter(part.matching)
    for block in part.others:
        counter.add(block)
    return counter.curve().threshold_at_precision(least)


def _for_false_positives(part: Part, most: float, *, bits: bool) -> tuple[float | None, bool]:
    """The loosest threshold for a rate, and whether it is extrapolated.

    A fitted threshold is never looser than what the pairs themselves show.
    """
    total = sum(map(len, part.others))
    kept = max(math.ceil(unrelated.SHARE * total), _LEAST_EXCEEDANCES, math.ceil(most * total) + 1)
    if most * total < _COUNTABLE and kept > _MOST_KEPT * total:
        raise UsageError(
            f"{total} pairs that do not match are too few to fit a tail to",
            f"at least {math.ceil(_LEAST_EXCEEDANCES / _MOST_KEPT)} in each half, or ask for a"
            " larger rate",
        )
    nearest = _nearest(part.others, kept)
    allowed = math.floor(most * total)
    # the first pair that is not allowed: the threshold lies before it, and before its equals
    bar = float(nearest[allowed])
    limit = math.ceil(bar) - 1.0 if bits else float(np.nextafter(bar, -1.0))
    extrapolated = most * total < _COUNTABLE
    if extrapolated:
        fitted = unrelated.fit(nearest, total, bits=bits).distance(most)
        limit = min(limit, math.floor(fitted) if bits else fitted)
    return (limit if limit >= 0 else None), extrapolated


def _nearest(blocks: Sequence[NDArray[np.float64]], least: int) -> NDArray[np.float64]:
    """The nearest, ascending: at least so many, and all that are as near as the last of them."""
    near = np.empty(0)
    for block in blocks:
        near = np.concatenate([near, block])
        if len(near) > least:
            near = near[near <= np.partition(near, least - 1)[least - 1]]
    return np.sort(near)


def _fingerprint(data: Labelled, pictures: Sequence[Picture]) -> str:
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


def only_target(precision: float | None, false_positives: float | None) -> Target:
    """The one target that was named.

    Raises
    ------
    UsageError
        None or both are.
    """
    if precision is not None and false_positives is None:
        return Target("precision", precision)
    if false_positives is not None and precision is None:
        return Target("false-positives", false_positives)
    raise UsageError("name one target", "--target-precision 0.99, or --max-false-positives 1e-6")
