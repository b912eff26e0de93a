"""How far true and false pairs are from every limit of `verify`: as numbers and as plots.

    python benchmarks/verify_limits.py [--quick] [--photos FOLDER] [--look-alikes FOLDER...]
        [--plots FOLDER]

writes benchmarks/results/verify-limits.json and, with `--plots`, a PNG for every part of
`verify/limits.py`. Copies (true pairs) and pictures that are none (false pairs) of all kinds of
`verify_limits_pairs.py` are verified, and what is held against a limit is recorded
(`verify.recording`): quantiles over the pairs for which it was measured, and the share beyond the
limit. Of pairs that were refused it is told how often something lay beyond a limit, and how often
beyond no other one that refuses. Seeds and photos are others than those of reach.py and texts.py.
Which fields are no limits on a quantity, or not covered yet, is listed in the result.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import record
from verify_limits_fields import HELD, NO_LIMITS, NOT_COVERED, OF_PLACES, PARTS, Held
from verify_limits_pairs import SOURCES, Pair, Sources, images_below

import imgsim
from imgsim.read.options import RunOptions
from imgsim.verify import limits
from imgsim.verify.judge import VERSION
from imgsim.verify.limits import LIMITS
from imgsim.verify.recording import Recorded, recording

QUANTILES = 0.01, 0.05, 0.5, 0.95, 0.99
QUICK = {"pages": 7, "near": 5, "pictures": 5, "series": 4, "scenes": 1, "look_alikes": 80}
FULL = {"pages": 40, "near": 30, "pictures": 30, "series": 20, "scenes": 10, "look_alikes": 300}
COLOURS = {True: "#2a7de1", False: "#c23b22"}
OF_FRAMES = "frames"


@dataclass(frozen=True)
class Measured:
    """What was recorded of a pair, one value for each limit, and whether it was accepted."""

    pair: Pair
    accepted: bool
    values: dict[str, float]

    def beyond(self) -> list[str]:
        """The limits that refuse a pair by themselves, and that it lies beyond."""
        return [
            name
            for name, value in self.values.items()
            if HELD[name].effect == "refuses" and is_beyond(name, value)
        ]


def limit_of(name: str) -> float:
    """The number that a quantity is held against."""
    return 1.0 if HELD[name].share else float(getattr(LIMITS, name))


def is_beyond(name: str, value: float) -> bool:
    limit = limit_of(name)
    return value > limit if HELD[name].beyond == "above" else value < limit


def section_of_fields() -> dict[str, str]:
    """The module that reads each field, by the headings of `verify/limits.py`."""
    sections, section = {}, ""
    for line in Path(limits.__file__).read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"    # (\w+)\.py -", line):
            section = heading[1]
        elif field := re.match(r"    (\w+): \w", line):
            sections[field[1]] = section
    return sections


SECTIONS = section_of_fields()


def chosen(held: Held, values: Sequence[float]) -> float:
    """Of several values of a pair the one that counts, see `Held.furthest`."""
    if held.effect == "chooses" and not held.furthest:
        return values[-1]
    return max(values) if (held.beyond == "above") == held.furthest else min(values)


def one_value_each(recorded: Recorded, kind: str) -> dict[str, float]:
    """One value for each limit; of animations those between frames alone, of which all count."""
    return {
        name: chosen(HELD[name], values)
        for name, values in recorded.items()
        if (SECTIONS[name] == OF_FRAMES) == (kind == OF_FRAMES)
    }


def measure(pairs: Iterable[Pair]) -> list[Measured]:
    """Verify pairs one by one, in this process, with what is held against limits."""
    options = RunOptions(jobs=1)
    measured = []
    for pair in pairs:
        with recording() as recorded:
            (comparison,) = imgsim.compare(pair.left, pair.right, "auto", options=options)
        values = one_value_each(recorded, pair.kind)
        measured.append(Measured(pair, comparison.duplicate, values))
    return measured


def summary(measured: Sequence[Measured]) -> dict[str, Any]:
    """The distributions by field, those that decide most first, and the counts of pairs."""
    refused = [one for one in measured if not one.accepted]
    any_of: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    alone: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for one in refused:
        names = one.beyond()
        any_of[one.pair.same].update(names)
        if len(names) == 1:
            alone[one.pair.same].update(names)
    fields = {}
    for name in HELD:
        values = values_of(measured, name)
        fields[name] = _about(name) | {
            side: _distribution(name, values[same])
            for side, same in (("true", True), ("false", False))
        }
        if all(values.values()):
            fields[name]["separates"] = round(separation(name, values), 4)
        if HELD[name].effect == "refuses":
            fields[name]["refused"] = {
                side: {"beyond": any_of[same][name], "beyond no other": alone[same][name]}
                for side, same in (("true", True), ("false", False))
            }
    return {
        "pairs": _counts(measured),
        "fields": fields,
        "parts of another limit": PARTS,
        "limits on pixels, blocks or points": list(OF_PLACES),
        "not covered yet": list(NOT_COVERED),
        "no limits on a quantity": list(NO_LIMITS),
    }


def _about(name: str) -> dict[str, Any]:
    held = HELD[name]
    about = {"module": SECTIONS[name], "limit": limit_of(name)}
    return about | {"beyond": held.beyond, "effect": held.effect, "share": held.share}


def values_of(measured: Sequence[Measured], name: str) -> dict[bool, list[float]]:
    """The values of a quantity over the true pairs and over the false ones."""
    values = defaultdict(list)
    for one in measured:
        if name in one.values:
            values[one.pair.same].append(one.values[name])
    return {same: values[same] for same in (True, False)}


def _distribution(name: str, values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {"n": 0}
    beyond = sum(is_beyond(name, value) for value in values)
    # one of the values, not a mean of two: some are infinite
    quantiles = np.quantile(values, QUANTILES, method="nearest")
    return {
        "n": len(values),
        "beyond": round(beyond / len(values), 4),
        "quantiles": {
            f"{q:g}": float(f"{v:.4g}") if np.isfinite(v) else None
            for q, v in zip(QUANTILES, quantiles, strict=True)
        },
    }


def separation(name: str, values: dict[bool, list[float]]) -> float:
    """The share of couples of a true and a false pair of which the false one lies further beyond.

    Equal ones count half: 0.5 says nothing, 1 tells all.
    """
    true, false = np.sort(values[True]), np.array(values[False])
    below = np.searchsorted(true, false, "left").mean() / len(true)
    upto = np.searchsorted(true, false, "right").mean() / len(true)
    share = float(below + upto) / 2
    return share if HELD[name].beyond == "above" else 1 - share


def _counts(measured: Sequence[Measured]) -> dict[str, Any]:
    counts: Counter[tuple[str, bool]] = Counter((m.pair.kind, m.pair.same) for m in measured)
    accepted = Counter((m.pair.kind, m.pair.same) for m in measured if m.accepted)
    empty = Counter((m.pair.kind, m.pair.same) for m in measured if not m.values)
    return {
        f"{kind}, {'true' if same else 'false'}": {
            "pairs": counts[kind, same],
            "accepted at normal": accepted[kind, same],
            "nothing to measure": empty[kind, same],
        }
        for kind, same in sorted(counts)
    }


def write_plots(folder: Path, measured: Sequence[Measured]) -> list[Path]:
    """Plot the distributions over true and false pairs: a PNG for each part of the limits."""
    from matplotlib.figure import Figure  # not pyplot: no display, no state

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for section in dict.fromkeys(SECTIONS[name] for name in HELD):
        names = [name for name in HELD if SECTIONS[name] == section]
        rows = -(-len(names) // 3)
        figure = Figure(figsize=(13, 2.6 * rows), layout="constrained")
        grid = figure.subplots(rows, 3, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            _plot(axes, name, values_of(measured, name))
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        figure.suptitle(f"{section}.py: copies blue, others red, the limit black", fontsize=10)
        written.append(folder / f"{section}.png")
        figure.savefig(written[-1], dpi=80)
    return written


def _plot(axes: Any, name: str, values: dict[bool, list[float]]) -> None:
    """The share of the pairs up to each value, so that no width of bins is to be chosen."""
    limit = limit_of(name)
    finite = {same: np.sort([v for v in values[same] if np.isfinite(v)]) for same in values}
    for same, ascending in finite.items():
        if len(ascending):
            shares = np.arange(1, len(ascending) + 1) / len(values[same])
            label = f"{len(values[same])} {'true' if same else 'false'}"
            axes.step(ascending, shares, where="post", color=COLOURS[same], label=label)
    everything = np.concatenate([*finite.values(), [limit]])
    if everything.min() >= 0 and np.quantile(everything, 0.99) > 20 * max(limit, 1e-9):
        axes.set_xscale("symlog", linthresh=max(limit, 1e-6))
    axes.axvline(limit, color="black", linewidth=1)
    axes.set_ylim(-0.02, 1.02)
    held = HELD[name]
    axes.set_title(f"{name}{' (share)' if held.share else ''}: {held.effect} {held.beyond}",
                   fontsize=8)  # fmt: skip
    axes.tick_params(labelsize=7)
    if any(map(len, finite.values())):
        axes.legend(fontsize=7)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer pairs: some minutes")
    parser.add_argument("--first", type=int, default=610_000, help="the first seed")
    parser.add_argument("--photos", type=Path, help="a folder of photos to change")
    parser.add_argument("--first-photo", type=int, default=150, help="number of the first one used")
    parser.add_argument("--look-alikes", type=Path, nargs="*", default=[], metavar="FOLDER",
                        help="folders in which no two pictures are copies")  # fmt: skip
    parser.add_argument("--sources", nargs="*", choices=list(SOURCES), default=list(SOURCES))
    parser.add_argument("--plots", type=Path, help="a folder for the plots")
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args(arguments)
    photos = images_below(given.photos)[given.first_photo :] if given.photos else []
    if given.photos and not photos:
        raise SystemExit(f"{given.photos} holds no {given.first_photo + 1} photos")
    started = time.process_time()
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as name:
        sizes = QUICK if given.quick else FULL
        for source in given.sources:
            folder = Path(name) / source
            folder.mkdir()
            sources = Sources(
                folder, given.first, **sizes, photos=photos, folders=given.look_alikes
            )
            measured += measure(SOURCES[source](sources))
            print(source, len(measured), f"{time.process_time() - started:.0f} s", flush=True)
    print_wrong(measured)
    result = summary(measured)
    print_table(result["fields"])
    if given.plots:
        print(*write_plots(given.plots, measured), sep="\n")
    if not given.dry:
        command = "python benchmarks/verify_limits.py" + " --quick" * given.quick
        command += " --photos PHOTOS" * bool(photos)
        command += " --look-alikes" * bool(given.look_alikes) + " FOLDER" * len(given.look_alikes)
        about = record.machine(command, "numpy", "pillow", "opencv-python-headless")
        about |= {
            "verdicts": VERSION,
            "first_seed": given.first,
            "first_photo": given.first_photo if photos else None,
            "processor_seconds": round(time.process_time() - started),
        }
        print(record.write("verify-limits", about | result))


def print_wrong(measured: Sequence[Measured]) -> None:
    """Print the false pairs that are accepted: some may be copies that nobody knew of."""
    for one in measured:
        if one.accepted and not one.pair.same:
            print("accepted:", one.pair.kind, one.pair.left.name, one.pair.right.name)


def print_table(fields: dict[str, Any]) -> None:
    """Print the limits that were reached, those beyond which most false pairs lie first."""

    def beyond(name: str, side: str) -> float:
        about = fields[name][side]
        return about["n"] * about.get("beyond", 0.0)

    for name in sorted(fields, key=lambda name: -beyond(name, "false")):
        about = fields[name]
        if about["true"]["n"] + about["false"]["n"] == 0:
            continue
        counts = (
            f"{side}: {beyond(name, side):.0f} of {about[side]['n']}" for side in ("true", "false")
        )
        print(f"{name:34} {about['effect']:11}", *counts, about.get("separates", ""),
              about.get("refused", ""))  # fmt: skip


if __name__ == "__main__":
    main()
