"""Processor time and memory of a plan and its dry run over many small files.

    python benchmarks/act_speed.py FOLDER [--files 200000]

FOLDER must not exist; half of the files made there are copies of the others. Hashing and decoding
apart: the digests are known beforehand. Result file act-speed.json.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from record import machine, write

PER_FOLDER = 1000

STEPS = {
    "make the plan": """
from imgsim.comparators import registry
from imgsim.act.planning import make_plan
from imgsim.act.plan_file import write_plan
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.matching import Seconds
from imgsim.types import Group, ImageFacts, ImageFile, Member, Picture
facts = ImageFacts(9, 9, "PNG", True, False, 1, 50, None)
def picture(path, digest):
    status = os.stat(path)
    return Picture(ImageFile(path, status.st_size, status.st_mtime_ns, root), digest, facts)
groups = []
for line in open(listed):
    digest, keep, copy = line.rstrip("\\n").split("\\t")
    groups.append(Group((Member(picture(keep, digest), "kept", None),
                         Member(picture(copy, digest), "exact", 0.0, None, "exact")), "oldest"))
import dataclasses
seconds = Seconds(*(0.0 for _ in dataclasses.fields(Seconds)))
found = Duplicates(registry.parse("auto"), "normal", 1.0, tuple(groups), 0, (), (), 0, 0, 0, 0,
                   None, seconds)
before = sum(os.times()[:2])
with open(plan, "w") as stream:
    stream.writelines(write_plan(make_plan(found)))
""",
    "dry run": """
before = sum(os.times()[:2])
from imgsim.cli.main import main
main(["apply", plan, "--yes-folders", "-q"])
""",
}


def main() -> None:
    """Make the files, and measure each step in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=200_000)
    given = parser.parse_args()
    listed = make_files(given.folder, given.files)
    plan = given.folder.with_suffix(".plan.json")
    results = {}
    for name, program in STEPS.items():
        started = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter()
        places = (str(given.folder), str(listed), str(plan))
        head = f"import os\nroot, listed, plan = {places!r}\n"
        tail = (
            "\nimport resource, sys\n"
            "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "print(sum(os.times()[:2]) - before, peak / 1024, file=sys.stderr)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", head + program + tail],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        seconds, peak = map(float, done.stderr.split()[-2:])
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        results[name] = {
            "processor_seconds": round(seconds, 1),
            "with_start_up": round(
                ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime, 1
            ),
            "wall_seconds": round(time.perf_counter() - wall, 1),
            "peak_mib": round(peak),
        }
        print(name, results[name], flush=True)
    results["plan_mb"] = round(plan.stat().st_size / 1e6, 1)
    shutil.rmtree(given.folder)
    for path in (listed, plan):
        path.unlink()
    command = f"python benchmarks/act_speed.py FOLDER --files {given.files}"
    print(write("act-speed", {**machine(command), "files": given.files, **results}))


def make_files(folder: Path, number: int) -> Path:
    """Make pairs of equal files; return a list of their digests and paths."""
    folder.mkdir()
    listed = folder.with_suffix(".list")
    with listed.open("w") as stream:
        for i in range(number // 2):
            data = f"picture {i}".encode()
            paths = []
            for half in ("camera", "backup"):
                place = folder / half / f"{i // PER_FOLDER:04d}"
                if i % PER_FOLDER == 0:
                    place.mkdir(parents=True)
                paths.append(str(place / f"IMG_{i:06d}.jpg"))
                with open(os.open(paths[-1], os.O_WRONLY | os.O_CREAT, 0o644), "wb") as file:
                    file.write(data)
            stream.write("\t".join([hashlib.sha256(data).hexdigest(), *paths]) + "\n")
    return listed


if __name__ == "__main__":
    main()
