"""Where the thresholds of the presets come from: what they give on changed copies of real photos.

    python benchmarks/calibrate.py DIR --weights FILE ../shared/data/{photos,clothing,receipts}

makes folders of originals and changed copies in DIR, the same pictures with other changes, and one
of pictures drawn by the program; the pictures of each are cut into halves. For every comparator
that ships it records what its presets give on either half, and what thresholds chosen on the first
half give on the second. Every file below the sources must show another picture.

The presets were set in view of the runs ``tuning-1`` and ``tuning-2``: strict so that no other pair
was within it, normal for at most 1 in a million of them, loose for 1 in 10,000; those that kept to
it were left as they were. The runs ``report`` (the same pictures, changed and cut in another way)
and ``drawn`` (other pictures, nearly half of them made to look alike) were looked at only
afterwards, without the networks.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from record import machine, write

from imgsim import RunOptions
from imgsim.bench.calibrate import Target, choose
from imgsim.bench.copies import write_copies
from imgsim.bench.halves import Outcome, Part, Split, split
from imgsim.bench.labelled import load
from imgsim.bench.standins import write_changed
from imgsim.bench.transforms import CHANGES
from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator
from imgsim.discover import discover
from imgsim.profile import identity

SPECS = (
    "phash",
    "phash:size=16",
    "dhash",
    "ahash",
    "whash",
    "colorhash",
    "euclidean",
    "cosine",
    "ssim",
)
DEEP = ("efficientnet-cosine", "efficientnet-euclidean")
TARGETS = (
    Target("precision", 0.99),
    Target("false-positives", 1e-4),
    Target("false-positives", 1e-6),
    Target("false-positives", 1e-7),
)
COPIES = 4
RUNS = {"tuning-1": 1, "tuning-2": 2, "report": 3, "drawn": 4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="an interrupted run goes on from what is there")
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--weights", help="of the network, which is left out without")
    parser.add_argument("--cache", type=Path, help="of features, to run it again")
    given = parser.parse_args()
    files = [Path(file.path) for file in discover(given.sources).files]
    specs = [*SPECS, *(f"{m}:weights={given.weights}" for m in DEEP if given.weights)]
    comparators = [registry.parse(spec) for spec in specs]
    weights = " --weights FILE" if given.weights else ""
    document: dict[str, Any] = machine(
        f"python benchmarks/calibrate.py DIR{weights} photos clothing receipts", "numpy", "pillow"
    )
    document |= {
        "sources": dict(Counter(file.parent.name for file in files)),
        "copies_per_image": COPIES,
        "changes": [change.name for change in CHANGES],
        "runs": [],
    }
    for name, seed in RUNS.items():
        folder = given.folder / name
        if not folder.exists() and name == "drawn":
            write_changed(folder, photos=200, look_alikes=20, copies=COPIES, seed=seed)
        elif not folder.exists():
            write_copies(files, folder, copies_per_image=COPIES, seed=seed)
        known = given.folder / f"{name}.json"
        if not known.exists():
            methods = comparators if name.startswith("tuning") else comparators[: len(SPECS)]
            cut = split(load(folder), methods, seed=seed, options=RunOptions(cache=given.cache))
            known.write_text(json.dumps(measured(name, cut, methods)), encoding="utf-8")
        document["runs"].append(json.loads(known.read_text(encoding="utf-8")))
    write("calibrate", document)


def measured(name: str, cut: Split, comparators: list[Comparator]) -> dict[str, Any]:
    """One run."""
    run: dict[str, Any] = {
        "name": name,
        "seed": cut.seed,
        "fingerprint": cut.fingerprint,
        "images": [len(half.paths) for half in cut.halves],
        "flat": cut.flat,
        "methods": {},
    }
    for comparator in comparators:
        spec = identity(comparator)[0]
        run["methods"][spec] = described = describe(comparator, cut.parts(comparator))
        print(name, spec, json.dumps(described), flush=True)
    return run


def describe(comparator: Comparator, parts: tuple[Part, Part]) -> dict[str, Any]:
    """Presets on either half, and thresholds from the first half on the second."""
    scale = comparator.scale
    described: dict[str, Any] = {
        "score": f"{scale.unit}, {scale.better} is closer",
        "matching_pairs": [len(part.matching) for part in parts],
        "other_pairs": [sum(map(len, part.others)) for part in parts],
        "presets": {},
        "targets": {},
    }
    for preset in PRESETS:
        limit = comparator.preset_distance(preset)
        described["presets"][preset] = {"max_distance": limit} | {
            name: outcome(part.outcome(limit))
            for name, part in zip(("first", "second"), parts, strict=True)
        }
    for target in TARGETS:
        found = choose(comparator, *parts, target)
        described["targets"][target.text] = {
            "max_distance": found.max_distance,
            "extrapolated": found.extrapolated,
            "second": None if found.measured is None else outcome(found.measured),
        }
    return described


def outcome(found: Outcome) -> dict[str, Any]:
    recall = found.recall_interval
    return {
        "found": found.verdicts.true,
        "wrong": found.verdicts.false,
        "recall": round(found.verdicts.recall, 4),
        "recall_interval": recall and [round(recall.low, 4), round(recall.high, 4)],
    }


if __name__ == "__main__":
    main()
