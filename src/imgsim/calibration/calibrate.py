"""Thresholds for a target: chosen on one part of a labelled data set, reported on the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark.metrics import CurveCounter
from imgsim.calibration.holdout import (
    PairDistances,
    ThresholdAccuracy,
    matching_labels,
    read_holdout,
)
from imgsim.comparators import false_pairs
from imgsim.comparators.base import PRESETS, Comparator, Metric, PairComparator, VectorComparator
from imgsim.dataset.labelled import LabelledImages
from imgsim.errors import UsageError, shown_value
from imgsim.read.options import RunOptions
from imgsim.results import Result
from imgsim.types import Skipped

_COUNTABLE = 20
"""A rate of false positives is read off the pairs where so many would be false; else a tail is
fitted."""

_LEAST_EXCEEDANCES = 50
_MOST_KEPT = 0.05


@dataclass(frozen=True, slots=True)
class Target:
    """The precision or the false-positive rate that a threshold has to reach.

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
        """The target in words."""
        if self.kind == "precision":
            return f"precision {self.value:g}"
        return f"at most {self.value:g} of the pairs that do not match"


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
    chosen, measured : ThresholdAccuracy or None
        On the part it was chosen on, and on the held-out one.
    presets : tuple of ThresholdAccuracy
        Of `comparators.base.PRESETS` on the held-out part.
    """

    comparator: Comparator
    max_distance: float | None
    extrapolated: bool
    chosen: ThresholdAccuracy | None
    measured: ThresholdAccuracy | None
    presets: tuple[ThresholdAccuracy, ...]

    def misses(self, target: Target) -> bool | None:
        """Tell whether the threshold misses a target on the held-out part.

        A precision is missed where the one that was measured is below it; a rate of false
        positives where its 95 percent interval lies above it, for the rates that are asked for
        are of a few pairs. A target that no threshold reaches is missed.

        Parameters
        ----------
        target : Target

        Returns
        -------
        bool or None
            None where nothing tells: no pair was found there, or there is no other pair.
        """
        if self.measured is None:
            return True
        if target.kind == "precision":
            precision = self.measured.counts.precision
            return None if precision is None else precision < target.value
        interval = self.measured.false_positive_interval
        return None if interval is None else interval.low > target.value


@dataclass(frozen=True, slots=True, repr=False)
class Calibration(Result[Calibrated]):
    """The thresholds of all methods, and the data that they come from.

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
        That the parts were drawn by.
    tuning_split : str or None
        The split that thresholds were chosen on, where it was named.
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
    tuning_split: str | None
    decode: str

    def _items(self) -> tuple[Calibrated, ...]:
        return self.methods


def calibrate(
    data: LabelledImages,
    comparators: Sequence[Comparator],
    target: Target,
    *,
    seed: int = 0,
    tuning_split: str | None = None,
    options: RunOptions | None = None,
) -> Calibration:
    """Choose each method's threshold on half of the labels, and report it on the held-out ones.

    Parameters
    ----------
    data : LabelledImages
    comparators : sequence of Comparator
        Those that are no vector and score no pairs are left out, with a note.
    target : Target
    seed : int
        Chooses the labels that are held out.
    tuning_split : str, optional
        The split to choose on instead; see `holdout.read_holdout`.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        There are too few labels, or too few pairs for the target, or no method is left.
    """
    options = options or RunOptions()
    comparators = _measurable(comparators, options)
    parts = read_holdout(data, comparators, seed=seed, tuning_split=tuning_split, options=options)
    return Calibration(
        target,
        tuple(
            choose(c, parts.tuning_distances(c), parts.held_out_distances(c), target)
            for c in comparators
        ),
        parts.source,
        (len(parts.tuning.paths), len(parts.held_out.paths)),
        (matching_labels(parts.tuning), matching_labels(parts.held_out)),
        parts.flat,
        parts.copies,
        parts.skipped,
        parts.fingerprint,
        seed,
        tuning_split,
        parts.options.decode.value,
    )


def _measurable(comparators: Sequence[Comparator], options: RunOptions) -> list[Comparator]:
    """Leave out comparators that do not give the distance of every pair, with a note."""
    kept: list[Comparator] = []
    for comparator in comparators:
        if isinstance(comparator, VectorComparator | PairComparator):
            kept.append(comparator)
        else:
            options.progress.note(
                f"without {comparator.name}: it looks at pairs itself, its presets are fixed"
            )
    if not kept:
        raise UsageError("no method to calibrate", "imgsim methods lists them")
    return kept


def choose(
    comparator: Comparator, tuning: PairDistances, held_out: PairDistances, target: Target
) -> Calibrated:
    """Choose a threshold on the tuning part, and report it on the held-out one.

    Parameters
    ----------
    comparator : Comparator
    tuning, held_out : PairDistances
    target : Target

    Raises
    ------
    UsageError
        There are too few pairs for the target.
    """
    if target.kind == "precision":
        limit, extrapolated = _for_precision(tuning, target.value), False
    else:
        bits = isinstance(comparator, VectorComparator) and comparator.metric is Metric.HAMMING
        limit, extrapolated = _for_false_positives(tuning, target.value, bits=bits)
    presets = tuple(held_out.accuracy_at(comparator.preset_distance(p)) for p in PRESETS)
    if limit is None:
        return Calibrated(comparator, None, False, None, None, presets)
    limit = min(limit, comparator.scale.worst)
    chosen, measured = tuning.accuracy_at(limit), held_out.accuracy_at(limit)
    return Calibrated(comparator, limit, extrapolated, chosen, measured, presets)


def _for_precision(tuning: PairDistances, least: float) -> float | None:
    """Choose the loosest threshold with a precision; None if no threshold has it."""
    counter = CurveCounter(tuning.matching)
    for block in tuning.others:
        counter.add(block)
    return counter.curve().threshold_at_precision(least)


def _for_false_positives(
    tuning: PairDistances, most: float, *, bits: bool
) -> tuple[float | None, bool]:
    """Choose the loosest threshold for a rate; also tell whether it is extrapolated.

    A fitted threshold is never looser than what the pairs themselves show.
    """
    total = sum(map(len, tuning.others))
    kept = max(
        math.ceil(false_pairs.SHARE * total), _LEAST_EXCEEDANCES, math.ceil(most * total) + 1
    )
    if most * total < _COUNTABLE and kept > _MOST_KEPT * total:
        raise UsageError(
            f"{total} pairs that do not match are too few to fit a tail to",
            f"at least {math.ceil(_LEAST_EXCEEDANCES / _MOST_KEPT)} in each half, or ask for a"
            " larger rate",
        )
    nearest = _nearest(tuning.others, kept)
    allowed = math.floor(most * total)
    # the first pair that is not allowed: the threshold lies before it, and before its equals
    bar = float(nearest[allowed])
    limit = math.ceil(bar) - 1.0 if bits else float(np.nextafter(bar, -1.0))
    extrapolated = most * total < _COUNTABLE
    if extrapolated:
        fitted = false_pairs.fit_tail(nearest, total, bits=bits).distance(most)
        limit = min(limit, math.floor(fitted) if bits else fitted)
    return (limit if limit >= 0 else None), extrapolated


def _nearest(blocks: Sequence[NDArray[np.float64]], least: int) -> NDArray[np.float64]:
    """Return the nearest, ascending: at least so many, and all as near as the last of them."""
    near = np.empty(0)
    for block in blocks:
        near = np.concatenate([near, block])
        if len(near) > least:
            near = near[near <= np.partition(near, least - 1)[least - 1]]
    return np.sort(near)


def only_target(precision: float | None, false_positives: float | None) -> Target:
    """Return the one target that was named.

    Raises
    ------
    UsageError
        None or both are.
    """
    for figure in (precision, false_positives):
        if figure is not None and not isinstance(figure, Real):
            raise UsageError(f"{shown_value(figure)} is no target", "give a number, such as 0.99")
    if precision is not None and false_positives is None:
        return Target("precision", precision)
    if false_positives is not None and precision is None:
        return Target("false-positives", false_positives)
    raise UsageError("name one target", "--target-precision 0.99, or --max-false-positives 1e-6")
