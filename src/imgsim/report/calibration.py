"""Calibrations as text, and as the profile that ``--profile`` reads."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from imgsim import __version__
from imgsim.benchmark.intervals import Interval
from imgsim.calibration.calibrate import Calibrated, Calibration
from imgsim.calibration.holdout import ThresholdAccuracy
from imgsim.comparators.base import PRESETS, Scale
from imgsim.profile import SCHEMA, identity
from imgsim.report.document import json_text
from imgsim.report.text import skipped_lines
from imgsim.report.units import count


def calibration_text(calibration: Calibration) -> Iterator[str]:
    """Yield two rows per method, for its threshold and its preset, on the other half of labels."""
    yield f"target: {calibration.target.text}\n\n"
    yield f"{'':10}{'duplicate':>17}  {'precision':19} {'recall':19} wrong pairs\n"
    for one in calibration.methods:
        yield f"{identity(one.comparator)[0]}\n"
        if one.max_distance is None or one.measured is None:
            yield f"  {'chosen':8}{'never':>17}  no threshold reaches the target\n"
        else:
            yield _threshold_row(one, "chosen", one.max_distance, one.measured)
        normal = PRESETS.index("normal")
        yield _threshold_row(
            one, "normal", one.comparator.preset_distance("normal"), one.presets[normal]
        )
        if one.extrapolated:
            yield "  (extrapolated: there are too few pairs to count such a rate)\n"
        if one.measured is not None and one.misses(calibration.target):
            yield "  (below the target there: choose stricter, or calibrate on more)\n"


def _threshold_row(
    one: Calibrated, name: str, max_distance: float, outcome: ThresholdAccuracy
) -> str:
    limit = _threshold_text(one.comparator.scale, max_distance)
    precision = _share_with_interval(outcome.counts.precision, outcome.precision_interval)
    recall = _share_with_interval(outcome.counts.recall, outcome.recall_interval)
    return f"  {name:8}{limit:>17}  {precision:19} {recall:19} {outcome.counts.false}\n"


def _threshold_text(scale: Scale, max_distance: float) -> str:
    """Return a threshold with its unit, and enough digits to set it apart from 1."""
    score = scale.score(max_distance)
    if scale.better == "lower":
        return f"{scale.unit} <= {score:.4g}"
    digits = 4 if max_distance <= 0 else max(4, math.ceil(1 - math.log10(max_distance)))
    return f"{scale.unit} >= {score:.{digits}f}"


def calibration_summary(calibration: Calibration, *, verbose: bool = False) -> Iterator[str]:
    """Yield lines on the data and on how the figures are to be read."""
    others = calibration.methods[0].presets[0].others if calibration.methods else 0
    images, labels = calibration.images, calibration.labels
    yield (
        f"chosen on {count(images[0], 'image')} of {count(labels[0], 'label')},"
        f" measured on the other {images[1]} of {labels[1]}"
        f" ({others:,} pairs that do not match)"
    )
    if calibration.flat or calibration.copies:
        yield (
            f"left out: {calibration.flat} flat images,"
            f" {calibration.copies} with the bytes of another"
        )
    yield "in brackets: 95 % intervals (Wilson; of recall, over labels)"
    if calibration.target.kind == "precision":
        yield "precision depends on how many pairs match: in a folder with fewer copies it is lower"
    yield from skipped_lines(calibration.skipped, verbose)


def profile_json(calibration: Calibration, command: str) -> Iterator[str]:
    """Yield `profile_document` as JSON."""
    yield json_text(profile_document(calibration, command))


def profile_document(calibration: Calibration, command: str) -> dict[str, Any]:
    """Return the profile, with the data, the versions and the command that it was made from.

    Parameters
    ----------
    calibration : Calibration
    command : str
        The command line, without the user's own paths.
    """
    return {
        "schema": SCHEMA,
        "version": __version__,
        "command": command,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "pillow")},
        "target": {
            "kind": calibration.target.kind,
            "value": calibration.target.value,
            "text": calibration.target.text,
        },
        "decode": calibration.decode,
        "data": {
            "source": calibration.source,
            "fingerprint": calibration.fingerprint,
            "seed": calibration.seed,
            "split": calibration.tuning_split,
            "chosen_on": {"images": calibration.images[0], "labels": calibration.labels[0]},
            "measured_on": {"images": calibration.images[1], "labels": calibration.labels[1]},
            "flat": calibration.flat,
            "copies": calibration.copies,
            "skipped": len(calibration.skipped),
        },
        "methods": [_calibrated_document(one) for one in calibration.methods],
    }


def _calibrated_document(one: Calibrated) -> dict[str, Any]:
    scale = one.comparator.scale
    method, extractor = identity(one.comparator)
    limit = one.max_distance
    return {
        "method": method,
        "extractor": extractor,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "threshold": None if limit is None else scale.score(limit),
        "max_distance": limit,
        "extrapolated": one.extrapolated,
        "chosen": None if one.chosen is None else _outcome_document(one.chosen),
        "measured": None if one.measured is None else _outcome_document(one.measured),
        "presets": {
            preset: {"threshold": scale.score(one.comparator.preset_distance(preset))}
            | _outcome_document(outcome)
            for preset, outcome in zip(PRESETS, one.presets, strict=True)
        },
    }


def _outcome_document(outcome: ThresholdAccuracy) -> dict[str, Any]:
    counts = outcome.counts
    return {
        "matching_found": counts.true,
        "matching_missed": counts.missed,
        "others_found": counts.false,
        "others": outcome.others,
        "precision": counts.precision,
        "precision_interval": _bounds(outcome.precision_interval),
        "recall": counts.recall,
        "recall_interval": _bounds(outcome.recall_interval),
        "false_positive_rate": outcome.false_positive_rate,
        "false_positive_interval": _bounds(outcome.false_positive_interval),
    }


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _share_with_interval(value: float | None, interval: Interval | None) -> str:
    if value is None or interval is None:
        return "-"
    return f"{value:.3f} ({interval.low:.3f}-{interval.high:.3f})"
