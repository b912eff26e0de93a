"""What `calibrate.calibrate` found: as text, and as the profile that ``--profile`` reads."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from imgsim import __version__
from imgsim.bench.intervals import Interval
from imgsim.calibrate.calibrate import Calibrated, Calibration
from imgsim.calibrate.holdout import ThresholdAccuracy
from imgsim.comparators.base import PRESETS, Scale
from imgsim.profile import SCHEMA, identity
from imgsim.report.text import count, skipped_lines


def calibration_text(found: Calibration) -> Iterator[str]:
    """Two rows per method, for the other half of the labels: its threshold, and its preset."""
    yield f"target: {found.target.text}\n\n"
    yield f"{'':10}{'duplicate':>17}  {'precision':19} {'recall':19} wrong pairs\n"
    for one in found.methods:
        yield f"{identity(one.comparator)[0]}\n"
        if one.max_distance is None or one.measured is None:
            yield f"  {'chosen':8}{'never':>17}  no threshold reaches the target\n"
        else:
            yield _row(one, "chosen", one.max_distance, one.measured)
        normal = PRESETS.index("normal")
        yield _row(one, "normal", one.comparator.preset_distance("normal"), one.presets[normal])
        if one.extrapolated:
            yield "  (extrapolated: there are too few pairs to count such a rate)\n"
        if _missed_target(found, one):
            yield "  (below the target there: choose stricter, or calibrate on more)\n"


def _row(one: Calibrated, name: str, max_distance: float, outcome: ThresholdAccuracy) -> str:
    limit = _limit(one.comparator.scale, max_distance)
    precision = _share(outcome.counts.precision, outcome.precision_interval)
    recall = _share(outcome.counts.recall, outcome.recall_interval)
    return f"  {name:8}{limit:>17}  {precision:19} {recall:19} {outcome.counts.false}\n"


def _limit(scale: Scale, max_distance: float) -> str:
    """A threshold with its unit; one close to 1 with as many digits as set it apart from 1."""
    score = scale.score(max_distance)
    if scale.better == "lower":
        return f"{scale.unit} <= {score:.4g}"
    digits = 4 if max_distance <= 0 else max(4, math.ceil(1 - math.log10(max_distance)))
    return f"{scale.unit} >= {score:.{digits}f}"


def _missed_target(found: Calibration, one: Calibrated) -> bool:
    if one.measured is None:
        return False
    if found.target.kind == "precision":
        precision = one.measured.counts.precision
        return precision is not None and precision < found.target.value
    interval = one.measured.false_positive_interval
    return interval is not None and interval.low > found.target.value


def calibration_summary(found: Calibration, *, verbose: bool = False) -> Iterator[str]:
    """Lines on the data and on what the figures mean."""
    others = found.methods[0].presets[0].others if found.methods else 0
    yield (
        f"chosen on {count(found.images[0], 'image')} of {count(found.labels[0], 'label')},"
        f" measured on the other {found.images[1]} of {found.labels[1]}"
        f" ({others:,} pairs that do not match)"
    )
    if found.flat or found.copies:
        yield f"left out: {found.flat} flat images, {found.copies} with the bytes of another"
    yield "in brackets: 95 % intervals (Wilson; of recall, over labels)"
    if found.target.kind == "precision":
        yield "precision depends on how many pairs match: in a folder with fewer copies it is lower"
    yield from skipped_lines(found.skipped, verbose)


def profile_json(found: Calibration, command: str) -> Iterator[str]:
    """The profile, and what it was made from."""
    yield json.dumps(profile_document(found, command), ensure_ascii=False, indent=2) + "\n"


def profile_document(found: Calibration, command: str) -> dict[str, Any]:
    """As `profile_json`, as a document."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "command": command,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "pillow")},
        "target": {
            "kind": found.target.kind,
            "value": found.target.value,
            "text": found.target.text,
        },
        "decode": found.decode,
        "data": {
            "source": found.source,
            "fingerprint": found.fingerprint,
            "seed": found.seed,
            "split": found.tuning_split,
            "chosen_on": {"images": found.images[0], "labels": found.labels[0]},
            "measured_on": {"images": found.images[1], "labels": found.labels[1]},
            "flat": found.flat,
            "copies": found.copies,
            "skipped": len(found.skipped),
        },
        "methods": [_method(one) for one in found.methods],
    }


def _method(one: Calibrated) -> dict[str, Any]:
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
        "chosen": None if one.chosen is None else _outcome(one.chosen),
        "measured": None if one.measured is None else _outcome(one.measured),
        "presets": {
            preset: {"threshold": scale.score(one.comparator.preset_distance(preset))}
            | _outcome(outcome)
            for preset, outcome in zip(PRESETS, one.presets, strict=True)
        },
    }


def _outcome(outcome: ThresholdAccuracy) -> dict[str, Any]:
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


def _share(value: float | None, interval: Interval | None) -> str:
    if value is None or interval is None:
        return "-"
    return f"{value:.3f} ({interval.low:.3f}-{interval.high:.3f})"
