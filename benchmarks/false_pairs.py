"""The rate of false pairs, by every comparator: the tail of the distances of different pictures.

    python benchmarks/false_pairs.py DATA/{photos,clothing,kodak,large}

writes src/imgsim/comparators/false_pairs.json, from which the expected number of false pairs is
computed. All pictures below the folders must be different. The fit is that of
`imgsim.comparators.false_pairs.fit_tail`.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np

import imgsim
from imgsim.comparators import registry
from imgsim.comparators.base import Metric, VectorComparator
from imgsim.comparators.false_pairs import SHARE, fit_tail

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
OUTPUT = Path(__file__).parents[1] / "src/imgsim/comparators/false_pairs.json"


def distances(folders: list[str], spec: str) -> np.ndarray:
    """Compute all distances between different pictures, ascending."""
    (ranked,) = imgsim.matches(folders, spec, k=10**6).methods
    return np.sort([m.distance for q in ranked.queries for m in q.matches if q.path < m.path])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+")
    folders = parser.parse_args().folders
    tails = {}
    for spec in SPECS:
        comparator = registry.parse(spec)
        ascending = distances(folders, spec)
        bits = isinstance(comparator, VectorComparator) and comparator.metric is Metric.HAMMING
        level = ascending[math.ceil(SHARE * len(ascending))]
        near = ascending[ascending <= level]
        fitted = asdict(fit_tail(near, len(ascending), bits=bits))
        tails[spec] = {name: value for name, value in fitted.items() if value or name == "level"}
        print(spec, tails[spec], "nearest:", ascending[:8])
    OUTPUT.write_text(json.dumps(tails, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
