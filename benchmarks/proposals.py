"""What finding pairs to verify takes as a folder grows, and whether it still finds the copies.

    python benchmarks/proposals.py DATA WORK --rows 2000 6000 20000 60000

The result goes to results/proposals.json, a size at a time. WORK is where the rows are made.

Rows are drawn from those of real pictures, see `drawn_rows.py`. Among them are those of real photos
that no other row was made of, and of copies of each by changes of `reach.py`; of their pairs as
large a share should be proposed in a large folder as in a small one. Processor seconds are of all
threads; memory is the largest resident size without what is mapped from files.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import reach_changes
import record
from drawn_rows import like_real, real_rows
from PIL import Image

from imgsim import RunOptions
from imgsim.comparators.local import LAYOUT, LocalFeatures, records
from imgsim.propose.keypoint_votes import votes_of
from imgsim.propose.proposals import propose
from imgsim.read.collect import collect

CHANGES = (
    "protocol",
    "stretched",
    "turned",
    "perspective",
    "thumbnail",
    "degraded",
    "crop to 25 %",
    "crop to 12 %",
    "inset",
    "window",
)
_LONGER_SIDE = 1000

REAL = ("grocery", "clothing", "receipts", "kodak", "scenes")
"""Folders of DATA that rows are made of."""

Pair = tuple[str, int, int]
"""A change, and the places of a photo and of a copy by it."""


def planted_rows(photos: Sequence[Path], folder: Path) -> tuple[np.ndarray, list[Pair]]:
    """Rows of photos and of their copies, and the pairs of a photo and a copy, with the change."""
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, tuple[str, str]] = {}
    opened = [_opened(path) for path in photos]
    for number, own in enumerate(opened):
        others = [opened[(number + 1 + i) % len(opened)] for i in range(4)]
        pictures = {("", f"{number:04}"): own}
        for place, change in enumerate(CHANGES):
            rng = np.random.default_rng([13, number, place])
            made = reach_changes.CHANGES[change].make(own, others, rng)
            pictures |= {
                (change, f"{number:04}-{place}-{i}"): p for i, p in enumerate(made.values())
            }
        for (change, name), picture in pictures.items():
            path = folder / f"{name}.jpg"
            if not path.exists():
                picture.convert("RGB").save(path, quality=90)
            names[path.name] = change, f"{number:04}.jpg"
    read = collect([str(folder)], [LocalFeatures()], RunOptions())
    digests = {Path(p.file.path).name: p.digest for p in read.pictures if not p.facts.flat}
    there = sorted(names.keys() & digests.keys())
    rows = records(read.tables[LocalFeatures()].select([digests[name] for name in there]).rows)
    place = {name: i for i, name in enumerate(there)}
    pairs = [
        (change, place[original], place[name])
        for name in there
        for change, original in [names[name]]
        if change and original in place
    ]
    return rows, pairs


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.draft("RGB", (2 * _LONGER_SIDE, 2 * _LONGER_SIDE))
        picture = image.convert("RGB")
    picture.thumbnail((_LONGER_SIDE, _LONGER_SIDE))
    return picture


class Memory:
    """The largest size of this process without mapped files, sampled."""

    def __enter__(self) -> Memory:
        self.peak = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._done.wait(0.05):
            told = process.memory_info()
            self.peak = max(self.peak, (told.rss - told.shared) / 2**30)

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()


def measure(path: str, n: int, planted: int, pairs: Sequence[Pair], sender: Any) -> None:
    """Propose pairs of some rows, in a process of its own."""
    rows = np.memmap(path, LAYOUT, "r", shape=(n,))
    with Memory() as memory:
        seconds = [record.processor_seconds()]
        started = time.perf_counter()
        votes = votes_of(rows)
        seconds.append(record.processor_seconds())
        found = propose(rows, hashes=True, jobs=2, votes=votes)
        seconds.append(record.processor_seconds())
        wall = time.perf_counter() - started
    codes = found.left * n + found.right
    ends = n - planted + np.array([pair[1:] for pair in pairs])
    proposed = np.isin(ends.min(axis=1) * n + ends.max(axis=1), codes)
    changes = np.array([pair[0] for pair in pairs])
    sender.send(
        {
            "rows": n,
            "processor_seconds": {
                "votes": round(seconds[1] - seconds[0], 2),
                "hashes": round(seconds[2] - seconds[1], 2),
            },
            "wall_seconds": round(wall, 1),
            "memory_gib": round(memory.peak, 2),
            "largest_resident_gib": round(
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
            ),
            "proposals": len(codes),
            "proposals_a_row": round(len(codes) / n, 2),
            "copies": len(pairs),
            "copies_proposed": round(float(proposed.mean()), 4),
            "by_change": {c: round(float(proposed[changes == c].mean()), 3) for c in CHANGES},
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 6000, 20_000])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--dry", action="store_true", help="write no result")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    photos = sorted((given.data / "photos").rglob("*.jpg"))
    real = real_rows([given.data / name for name in REAL])
    planted, pairs = planted_rows(photos[-given.photos :], given.work / "planted")
    drawn, likenesses = like_real(real)
    document = record.machine("python benchmarks/proposals.py DATA WORK", "numpy", "faiss-cpu")
    document["likenesses"] = likenesses
    document["sizes"] = []
    for n in given.rows:
        path = given.work / "rows"
        rows = np.memmap(path, LAYOUT, "w+", shape=(n,))
        for start in range(0, n - len(planted), 8192):
            some = min(8192, n - len(planted) - start)
            rows[start : start + some] = drawn.draw(start, some)
        rows[n - len(planted) :] = planted
        rows.flush()
        del rows
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(str(path), n, len(planted), pairs, sender)
        )
        process.start()
        document["sizes"].append(receiver.recv())
        process.join()
        path.unlink()
        print(json.dumps(document["sizes"][-1]), flush=True)
        if not given.dry:
            record.write("proposals", document)


if __name__ == "__main__":
    main()
