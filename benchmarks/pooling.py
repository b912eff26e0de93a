"""Which pooling of EfficientNet-b0 features finds most: top-3 hits in labelled folders.

    python benchmarks/pooling.py --weights FILE FOLDER...

Every folder has one sub-folder per class or scene; in one without, every four files in order of
their names are a scene.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from record import machine, write

import imgsim


def labels(folder: Path) -> dict[str, str]:
    files = sorted(str(p) for p in folder.rglob("*") if p.is_file())
    if any(p.is_dir() for p in folder.iterdir()):
        return {name: Path(name).parent.name for name in files}
    return {name: str(i // 4) for i, name in enumerate(files)}


def accuracy(ranked: imgsim.MethodMatches, label: dict[str, str]) -> float:
    """Compute hits among the 3 nearest / min(3, size of the class - 1), averaged over queries."""
    sizes = Counter(label[query.path] for query in ranked.queries)
    return float(
        np.mean(
            [
                sum(label[m.path] == label[q.path] for m in q.matches)
                / min(3, sizes[label[q.path]] - 1)
                for q in ranked.queries
                if sizes[label[q.path]] > 1
            ]
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("folders", nargs="+", type=Path)
    given = parser.parse_args()
    table: dict[str, dict[str, float]] = {}
    for pool in ("avg", "gem", "none"):
        for name in ("efficientnet-cosine", "efficientnet-euclidean"):
            row = table.setdefault(f"{name}:pool={pool}", {})
            for folder in given.folders:
                method = f"{name}:weights={given.weights},pool={pool}"
                (ranked,) = imgsim.matches(folder, method).methods
                row[folder.name] = round(accuracy(ranked, labels(folder)), 3)
            row["mean"] = round(float(np.mean(list(row.values()))), 3)
            print(name, pool, row)
    document = {
        **machine(
            "python benchmarks/pooling.py --weights FILE "
            + " ".join(folder.name for folder in given.folders),
            *("imgsim", "torch", "efficientnet_pytorch"),
        ),
        "accuracy_top_3": table,
    }
    print(write("pooling", document))


if __name__ == "__main__":
    main()
