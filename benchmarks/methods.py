"""Every method on four small sets of real pictures, by both protocols: the tables in results/.

    python benchmarks/methods.py DIR DATA --weights FILE

runs ``imgsim bench`` on fruits96, scenes, aerial8 and grocery, keeps the whole reports in DIR and
copies their tables to ``results/bench-NAME.md``. An interrupted run goes on from what is in DIR.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from record import RESULTS

METHODS = (
    "all",
    "phash:size=16",
    *(f"efficientnet-{m}:engine=openvino" for m in ("cosine", "euclidean")),
)
SETS = {"fruits96": (), "scenes": (), "aerial8": ("--per-scene", "4"), "grocery": ()}
IN_FOURS = ("fruits96", "scenes", "aerial8")
ARTICLE = ("--protocol", "article", "--experiment", "methods")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="for the reports")
    parser.add_argument("data", type=Path, help="has the sets as folders")
    parser.add_argument("--weights", required=True, help="of the network")
    given = parser.parse_args()
    methods = [part for method in METHODS for part in ("-m", method)]
    for name, layout in SETS.items():
        for protocol in ("", "-article") if name in IN_FOURS else ("",):
            report = given.folder / f"{name}{protocol}"
            report.mkdir(parents=True, exist_ok=True)
            command = ["imgsim", "bench", str(given.data / name), *layout, *methods]
            command += [*(ARTICLE if protocol else ()), "-o", str(report)]
            print(report.name, "load", os.getloadavg(), flush=True)
            weights = {"IMGSIM_WEIGHTS": given.weights}
            with (report / "terminal.txt").open("w", encoding="utf-8") as stream:
                done = subprocess.run(command, stdout=stream, env=os.environ | weights, check=False)
            if done.returncode:
                sys.exit(done.returncode)
            shutil.copyfile(report / "bench.md", RESULTS / f"bench-{report.name}.md")


if __name__ == "__main__":
    main()
