"""Peak memory of `imgsim matches` by the number of images: it must not grow with their square.

    python benchmarks/matches_memory.py DIR

DIR is where the pictures are made (and used again). A table of all distances would take 8 bytes a
pair; beside each peak stands what that would be.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from record import machine, run_weighed, write

RUNS = {
    "phash": (2000, 4000, 8000),
    "cosine": (2000, 4000, 8000),
    "ssim": (1000, 2000, 4000),
}


def make(folder: Path, n: int) -> None:
    """Write n small pictures of coloured patches."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    for i in range(n):
        coarse = np.random.default_rng(i).integers(0, 256, (6, 8, 3), np.uint8)
        stream = io.BytesIO()
        Image.fromarray(coarse).resize((128, 96), Image.Resampling.BICUBIC).save(stream, "JPEG")
        (folder / f"{i:05}.jpg").write_bytes(stream.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    memory: dict[str, dict[str, dict[str, float]]] = {}
    for method, sizes in RUNS.items():
        for n in sizes:
            folder = given.folder / f"patches-{n}"
            make(folder, n)
            env = os.environ | {"IMGSIM_CACHE": str(given.folder / f"patches-{n}.sqlite")}
            command = [sys.executable, "-m", "imgsim", "matches", str(folder), "-f", "json"]
            # the first run fills the cache; in the second the search is all there is
            _, cold, _ = run_weighed([*command, "-m", method], env)
            seconds, warm, _ = run_weighed([*command, "-m", method], env)
            memory.setdefault(method, {})[str(n)] = {
                "peak_mb_cold": round(cold, 1),
                "peak_mb_warm": round(warm, 1),
                "table_of_all_pairs_mb": round(8 * n * n / 1e6, 1),
                "seconds_warm": round(seconds, 2),
            }
            print(method, n, memory[method][str(n)], flush=True)
    document = {
        **machine("python benchmarks/matches_memory.py DIR", "imgsim", "numpy", "faiss-cpu"),
        "k": 3,
        "memory": memory,
    }
    print(write("matches-memory", document))


if __name__ == "__main__":
    main()
