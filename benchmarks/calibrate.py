"""Where the thresholds of the presets come from: what they give on changed copies of real photos.

    python benchmarks/calibrate.py DIR --weights FILE ../shared/data/{photos,clothing,receipts}

makes two folders of originals and changed copies in DIR (another seed, other changes of the same
pictures), and calibrates every comparator that ships: for a precision of 0.999 and of 0.99, and
for 1 in a million other pairs. Thresholds are chosen on half of the pictures and reported on the
other half; so are the presets. Every file below the sources must show another picture.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from record import machine, write

from imgsim import RunOptions
from imgsim.bench.calibrate import Target, calibrate
from imgsim.bench.copies import write_copies
from imgsim.bench.labelled import load
from imgsim.bench.transforms import CHANGES
from imgsim.comparators import registry
from imgsim.discover import discover
from imgsim.report.calibration import calibration_text, profile_document

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
    Target("precision", 0.999),
    Target("precision", 0.99),
    Target("false-positives", 1e-6),
)
COPIES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--weights", help="of the network; left out without")
    parser.add_argument("--cache", type=Path, help="of features, to run it again")
    given = parser.parse_args()
    files = [Path(file.path) for file in discover(given.sources).files]
    specs = [*SPECS, *(f"{m}:weights={given.weights}" for m in DEEP if given.weights)]
    comparators = [registry.parse(spec) for spec in specs]
    document: dict[str, Any] = machine(
        "python benchmarks/calibrate.py DIR photos clothing receipts"
        + (" --weights FILE" if given.weights else ""),
        *("numpy", "pillow"),
    )
    document |= {
        "sources": dict(Counter(f"{file.parent.name}" for file in files)),
        "copies_per_image": COPIES,
        "changes": [change.name for change in CHANGES],
        "runs": [],
    }
    for seed in (1, 2):
        folder = given.folder / f"seed-{seed}"
        if not folder.exists():
            write_copies(files, folder, copies_per_image=COPIES, seed=seed)
        data = load(folder)
        for target in TARGETS:
            options = RunOptions(cache=given.cache)
            found = calibrate(data, comparators, target, seed=seed, options=options)
            print(f"seed {seed}", *calibration_text(found), sep="")
            profile = profile_document(found, "")
            profile["data"]["source"] = f"seed-{seed}"
            for name in ("command", "version", "versions"):
                del profile[name]
            document["runs"].append(profile)
    write("calibrate", document)


if __name__ == "__main__":
    main()
