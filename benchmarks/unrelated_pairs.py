"""How near unrelated pictures come, by every comparator: the tail of their distances.

    python benchmarks/unrelated_pairs.py ../shared/data/{photos,clothing,kodak,large}

writes src/imgsim/comparators/unrelated.json, from which the expected number of false pairs is
computed. All pictures below the folders must be different. The fit is the usual one for
exceedances over a high level (here: under a low one): exponential for a number of bits, a power
law (Hill's estimator) for distances that are continuous down to 0.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np

import imgsim
from imgsim.comparators import registry
from imgsim.comparators.base import Metric, VectorComparator

SPECS = (
    "ahash",
    "colorhash",
    "cosine",
    "dhash",
    "euclidean",
    "phash",
    "phash:size=16",
    "ssim",
    "whash",
)
SHARE = 0.002
OUTPUT = Path(__file__).parents[1] / "src/imgsim/comparators/unrelated.json"


def distances(folders: list[str], spec: str) -> np.ndarray:
    """All distances between different pictures, ascending."""
    (found,) = imgsim.matches(folders, spec, k=10**6)
    return np.sort([m.distance for q in found.queries for m in q.matches if q.path < m.path])


def tail(ascending: np.ndarray, *, bits: bool) -> dict[str, float | int | str]:
    """Fit the nearest SHARE of the pairs."""
    n = len(ascending)
    level = float(ascending[math.ceil(SHARE * n)])
    below = ascending[ascending <= level]
    share = len(below) / n
    if bits:
        # distances are whole, so the pairs at d lie between d - 1/2 and d + 1/2
        scale = float(np.mean(level + 0.5 - below))
        return {"law": "exponential", "pairs": n, "share": share, "level": level, "scale": scale}
    positive = np.maximum(below, 1e-12)
    exponent = 1.0 / float(np.mean(np.log(level / positive)))
    return {"law": "power", "pairs": n, "share": share, "level": level, "exponent": exponent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+")
    folders = parser.parse_args().folders
    tails = {}
    for spec in SPECS:
        comparator = registry.parse(spec)
        ascending = distances(folders, spec)
        bits = isinstance(comparator, VectorComparator) and comparator.metric is Metric.HAMMING
        tails[spec] = tail(ascending, bits=bits)
        print(spec, tails[spec], "nearest:", ascending[:8])
    OUTPUT.write_text(json.dumps(tails, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
