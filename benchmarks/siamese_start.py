"""How soon a Siamese search answers when the folder is known, against the import of torch.

    python benchmarks/siamese_start.py [--weights FILE]

Trains on `imgsim demo --kind stall`, searches once, and then measures processor seconds of the
import and of searches with a picture that is not known, in turn.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from record import machine, spread, write

TIMES = 9


def processor_seconds(command: list[str]) -> float:
    """Run a command and return the processor seconds that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="random", help="of EfficientNet-b0")
    weights = parser.parse_args().weights
    imgsim = [sys.executable, "-m", "imgsim"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stall, run, cache = (str(folder / part) for part in ("stall", "run", "cache.sqlite"))
        for seed, target in ((0, stall), (1, str(folder / "others"))):
            command = [*imgsim, "demo", target, "--kind", "stall", "--seed", str(seed)]
            subprocess.run(command, check=True)
        train = [*imgsim, "train", "siamese", stall, "-o", run, "--epochs", "1", "--cache", cache]
        subprocess.run([*train, "--weights", weights, "--held-out", "0.3"], check=True)
        query = str(min((folder / "others").rglob("*.jpg")))
        method = f'siamese:weights="{run}/model.safetensors"'
        search = [*imgsim, "search", query, "--in", stall, "--cache", cache, "-m", method]
        subprocess.run(search, check=True)
        cases = {"import torch": [sys.executable, "-c", "import torch"], "search": search}
        seconds: dict[str, list[float]] = {case: [] for case in cases}
        for _ in range(TIMES):
            for case, command in cases.items():
                seconds[case].append(processor_seconds(command))
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    document = {
        **machine(f"python benchmarks/siamese_start.py --weights {Path(weights).name}", "torch"),
        "processor_seconds": {case: spread(values) for case, values in seconds.items()},
        "ratio": spread(ratios),
    }
    print(f"{statistics.median(ratios):.2f} times as long as the import: {document}")
    print(write("siamese-start", document))


if __name__ == "__main__":
    main()
