"""Accuracy of the presets on changed copies of real photos: where their thresholds come from.

    python benchmarks/calibrate.py DIR --weights FILE \\
        --sources DATA/{photos,clothing,receipts} --others DATA/{grocery,kodak}

Every file below the folders must show another picture. The sources are divided by chance, half of
each folder: ``tuning`` has originals and changed copies of one half, ``report`` those of the other
half. ``others`` has those of the other folders, ``drawn`` those of pictures drawn by the program,
nearly half of them made to look alike. No picture, however changed, stands in two of them.

For every comparator that ships it records what the presets give on each part, and what thresholds
that were chosen on ``tuning`` alone give on the others.

The presets are strict, so that no other pair is within it; normal, for at most 1 in a million of
them; loose, for 1 in 10,000. Where a preset kept to it on ``tuning`` it was left as it was: most
were set in view of an earlier run that saw the pictures of ``report`` too, changed in other ways.
Those of ``others`` no preset was ever set on.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from record import machine, write

from imgsim import RunOptions
from imgsim.calibration.calibrate import Target, choose
from imgsim.calibration.holdout import PairDistances, ThresholdAccuracy, read_holdout
from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator
from imgsim.dataset.labelled import LabelledImages
from imgsim.dataset.layouts import load_labelled
from imgsim.pictures.changes import CHANGES
from imgsim.pictures.copies import TRUTH, write_copies
from imgsim.pictures.standins import write_changed
from imgsim.profile import identity
from imgsim.read.discover import discover

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
COPIES = 8
SEED = 5
TUNING = "tuning"
OTHERS = ("report", "others", "drawn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="an interrupted run goes on from what is there")
    parser.add_argument("--sources", nargs="+", required=True)
    parser.add_argument("--others", nargs="+", required=True)
    parser.add_argument("--weights", help="of the network, which is left out without")
    parser.add_argument("--cache", type=Path, help="of features, to run it again")
    given = parser.parse_args()
    specs = [*SPECS, *(f"{m}:weights={given.weights}" for m in DEEP if given.weights)]
    comparators = [registry.parse(spec) for spec in specs]
    options = RunOptions(cache=given.cache)
    pictures = make(given.folder, given.sources, given.others)
    weights = " --weights FILE" if given.weights else ""
    folders = [" ".join(Path(f).name for f in some) for some in (given.sources, given.others)]
    document: dict[str, Any] = machine(
        f"python benchmarks/calibrate.py DIR{weights} --sources {folders[0]} --others {folders[1]}",
        "numpy",
        "pillow",
        *(("torch", "efficientnet_pytorch") if given.weights else ()),
    )
    document |= {
        "pictures": pictures,
        "copies_per_image": COPIES,
        "changes": [change.name for change in CHANGES],
        "seed": SEED,
        "parts": {name: {} for name in (TUNING, *OTHERS)},
        "methods": {},
    }
    data = load_labelled(given.folder)
    for comparator in comparators:
        spec = identity(comparator)[0]
        known = given.folder / f"{spec.replace(':', '-')}.json"
        if not known.exists():
            known.write_text(json.dumps(measured(comparator, data, options)), encoding="utf-8")
        document["methods"][spec] = results = json.loads(known.read_text(encoding="utf-8"))
        document["parts"] = results.pop("parts")
        print(spec, json.dumps(results), flush=True)
    write("calibrate", document)


def make(folder: Path, sources: list[str], others: list[str]) -> dict[str, dict[str, int]]:
    """Write the parts, each a folder, and one list of all; tell the pictures of each."""
    rng = np.random.default_rng(SEED)
    files: dict[str, list[Path]] = {TUNING: [], "report": [], "others": []}
    pictures: dict[str, dict[str, int]] = {name: {} for name in files}

    def add(part: str, source: str, some: list[Path]) -> None:
        files[part] += some
        pictures[part][Path(source).name] = len(some)

    for source in sources:
        paths = [Path(file.path) for file in discover([source]).files]
        first = set(rng.permutation(len(paths))[: len(paths) // 2].tolist())
        add(TUNING, source, [path for i, path in enumerate(paths) if i in first])
        add("report", source, [path for i, path in enumerate(paths) if i not in first])
    for source in others:
        add("others", source, [Path(file.path) for file in discover([source]).files])
    for number, (name, some) in enumerate(files.items()):
        if not (folder / name).exists():
            write_copies(some, folder / name, copies_per_image=COPIES, seed=SEED + number)
    if not (folder / "drawn").exists():
        write_changed(folder / "drawn", photos=200, look_alikes=20, copies=COPIES // 2, seed=SEED)
    with (folder / TRUTH).open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("path", "label", "split"))
        for name in (TUNING, *OTHERS):
            with (folder / name / TRUTH).open(encoding="utf-8", newline="") as listed:
                rows.writerows(
                    (f"{name}/{row['path']}", f"{name}/{row['label']}", name)
                    for row in csv.DictReader(listed)
                )
    return pictures


def measured(comparator: Comparator, data: LabelledImages, options: RunOptions) -> dict[str, Any]:
    """Measure one method on all parts."""
    results: dict[str, Any] = {"parts": {}, "presets": {}, "targets": {}}
    parts: dict[str, PairDistances] = {}
    for name in OTHERS:
        wanted = [i for i, s in enumerate(data.splits) if s in (name, TUNING)]
        divided = read_holdout(
            data.keep(wanted), [comparator], tuning_split=TUNING, options=options
        )
        for part, images, distances_by in (
            (TUNING, divided.tuning, divided.tuning_distances),
            (name, divided.held_out, divided.held_out_distances),
        ):
            if part in parts:
                continue
            parts[part] = pairs = distances_by(comparator)
            results["parts"][part] = {
                "images": len(images.paths),
                "labels": pairs.labels,
                "matching_pairs": len(pairs.matching),
                "other_pairs": sum(map(len, pairs.others)),
            }
    for preset in PRESETS:
        limit = comparator.preset_distance(preset)
        results["presets"][preset] = {"max_distance": limit} | {
            part: as_recorded(pairs.accuracy_at(limit)) for part, pairs in parts.items()
        }
    for target in TARGETS:
        chosen = [(name, choose(comparator, parts[TUNING], parts[name], target)) for name in OTHERS]
        results["targets"][target.text] = {
            "max_distance": chosen[0][1].max_distance,
            "extrapolated": chosen[0][1].extrapolated,
        } | {name: one.measured and as_recorded(one.measured) for name, one in chosen}
    return results


def as_recorded(accuracy: ThresholdAccuracy) -> dict[str, Any]:
    recall, wrong = accuracy.recall_interval, accuracy.false_positive_interval
    return {
        "found": accuracy.counts.true,
        "wrong": accuracy.counts.false,
        "wrong_rate_interval": wrong and [float(f"{x:.3g}") for x in (wrong.low, wrong.high)],
        "recall": round(accuracy.counts.recall, 4),
        "recall_interval": recall and [round(recall.low, 4), round(recall.high, 4)],
    }


if __name__ == "__main__":
    main()
