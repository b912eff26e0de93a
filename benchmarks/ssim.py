"""SSIM top-3 of every image of a folder, against scikit-image pair by pair.

    python benchmarks/ssim.py DIR --images 2000

scikit-image is timed on a sample of pairs; its top-3 is computed in full for a sample of queries.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from find_dupes import make
from record import machine, spread, write
from skimage.metrics import structural_similarity

from imgsim import RunOptions
from imgsim.comparators.ssim import Ssim
from imgsim.neighbours.pairs import PairEngine
from imgsim.read.collect import collect

REPEATS = 3
PAIRS = 2000
QUERIES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    given = parser.parse_args()
    folder = given.folder / str(given.images)
    make(folder, given.images)
    options = RunOptions()
    ssim = Ssim()
    collection = collect([str(folder)], [ssim.extractor], options)
    rows = collection.features(ssim.extractor, collection.pictures).rows
    images = rows.reshape(-1, ssim.side, ssim.side)
    n = len(images)
    everyone = np.arange(n)

    ours, theirs, nearest = [], [], None
    busy, their_busy = [], []  # the processor's time: other programs run, too
    rng = np.random.default_rng(0)
    sample = rng.integers(0, n, (PAIRS, 2))
    for _ in range(REPEATS):
        started, used = time.perf_counter(), time.process_time()
        nearest = PairEngine(ssim, rows, options.jobs).nearest(everyone, 3)
        ours.append(time.perf_counter() - started)
        busy.append(time.process_time() - used)
        started, used = time.perf_counter(), time.process_time()
        for i, j in sample:
            structural_similarity(images[i], images[j])
        theirs.append((time.perf_counter() - started) / PAIRS)
        their_busy.append((time.process_time() - used) / PAIRS)

    same, largest = 0, 0.0
    for query in rng.choice(n, QUERIES, replace=False):
        scores = np.array([structural_similarity(images[query], other) for other in images])
        scores[query] = -np.inf
        order = np.lexsort((everyone, -scores))[:3]
        same += int((order == nearest.rows[query]).all())
        difference = np.abs(1 - nearest.distance[query] - scores[nearest.rows[query]]).max()
        largest = max(largest, float(difference))
    pairs = n * (n - 1) / 2
    median = spread(ours)["median"]
    per_pair = [1e6 * seconds for seconds in theirs]
    ratio = float(np.median(theirs) * pairs / np.median(ours))
    document = {
        **machine(f"python benchmarks/ssim.py DIR --images {n}", "imgsim", "scikit-image", "numpy"),
        "images": n,
        "pairs": int(pairs),
        "jobs": options.jobs,
        "seconds_all_pairs": spread(ours),
        "microseconds_per_pair": round(1e6 * median / pairs, 2),
        "scikit_image_microseconds_per_pair": spread(per_pair),
        "times_faster": round(ratio, 1),
        "processor_seconds_all_pairs": spread(busy),
        "times_less_processor_time": round(
            float(np.median(their_busy) * pairs / np.median(busy)), 1
        ),
        "same_top_3": f"{same} of {QUERIES} queries",
        "largest_difference_of_a_score": largest,
    }
    print(document)
    print(write("ssim", document))


if __name__ == "__main__":
    main()
