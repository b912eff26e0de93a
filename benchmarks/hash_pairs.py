"""What it takes to find all near pairs among many hashes, as `phash:size=16` asks for them.

    python benchmarks/hash_pairs.py --rows 20000 100000 1000000

The result goes to results/hash-pairs.json, a size at a time. Rows are 256 bits drawn by chance; a
tenth of them are others with some bits turned, of which it is known that they are to be found.
Hashes of real pictures are less even, so more of them share parts: a folder may take longer.
Processor seconds are of all threads; memory is the largest resident size of the process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from typing import Any

import numpy as np
import record

from imgsim.neighbours import hamming
from imgsim.neighbours.hamming import HammingEngine

BYTES = 32
RADIUS = 24


def drawn(n: int) -> tuple[np.ndarray, int]:
    """Rows, ndarray of uint8, shape (n, BYTES), and how many copies are within the radius."""
    rng = np.random.default_rng(n)
    rows = rng.integers(0, 256, (n, BYTES), np.uint8)
    copies = n // 10
    turned = np.packbits(rng.random((copies, 8 * BYTES)) < 0.07, axis=1)
    rows[-copies:] = rows[:copies] ^ turned
    return rows, int((np.bitwise_count(turned).sum(axis=1) <= RADIUS).sum())


def measure(n: int, by_faiss: bool, sender: Any) -> None:
    if by_faiss:
        hamming._hashes = None
    rows, planted = drawn(n)
    engine = HammingEngine(rows, 2)
    seconds, started = record.processor_seconds(), time.perf_counter()
    found = 0
    for pairs in engine.within(RADIUS):
        found += int((pairs.left + n - n // 10 == pairs.right).sum())
    sender.send(
        {
            "rows": n,
            "by": "FAISS" if by_faiss else "C",
            "processor_seconds": round(record.processor_seconds() - seconds, 2),
            "wall_seconds": round(time.perf_counter() - started, 1),
            "largest_resident_gib": round(
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
            ),
            "copies": planted,
            "copies_found": found,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--faiss", type=int, nargs="*", default=[20_000], help="rows for FAISS")
    parser.add_argument("--dry", action="store_true", help="write no result")
    given = parser.parse_args()
    document = record.machine("python benchmarks/hash_pairs.py", "numpy", "faiss-cpu")
    document |= {"bits": 8 * BYTES, "radius_bits": RADIUS, "sizes": []}
    for n, by_faiss in [*((n, True) for n in given.faiss), *((n, False) for n in given.rows)]:
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(n, by_faiss, sender)
        )
        process.start()
        document["sizes"].append(receiver.recv())
        process.join()
        print(json.dumps(document["sizes"][-1]), flush=True)
        if not given.dry:
            record.write("hash-pairs", document)


if __name__ == "__main__":
    main()
