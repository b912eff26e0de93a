"""Clean up libraries with known originals by default, and see whether a picture is gone.

    python benchmarks/act_library.py DATA/photos DATA/large --seeds 5 6 --count 30

The libraries are those of library.py. Wrong is a removed file that shows another original than the
file kept in its place, and an original of which no file with the same pixels is left. Then undo,
after which all files have to be as they were. Result file act-library.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from library import SAME_BYTES, Extent, Made, build
from record import machine, write

SAME_PIXELS = {"original", "stripped", *SAME_BYTES}


def main() -> None:
    """Build, plan, apply, undo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6])
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--copies", type=int, default=3)
    given = parser.parse_args()
    results = {}
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder).resolve()
            extent = Extent(given.count, given.copies, more=1, shots=0.2)
            made = build(top / "photos", given.sources, seed, extent, stripped=False)
            results[str(seed)] = clean_up(top, made)
        print(seed, json.dumps(results[str(seed)]), flush=True)
    command = f"python benchmarks/act_library.py DATA/photos DATA/large --count {given.count}"
    print(write("act-library", {**machine(command), "libraries": results}))


def clean_up(top: Path, made: list[Made]) -> dict[str, Any]:
    """Clean a library up, and say what is wrong; undo it."""
    before = digests(top / "photos")
    imgsim(top, "find-dupes", "photos", "--plan", "plan.json")
    plan = json.loads((top / "plan.json").read_text())
    applied = imgsim(top, "apply", "plan.json", "--yes", "--yes-folders")
    kept_for = {
        one["path"]: group["keep"]["path"] for group in plan["groups"] for one in group["remove"]
    }
    left = {path for path in digests(top / "photos") if not path.startswith(".")}
    gone = {path: keep for path, keep in kept_for.items() if path not in left}
    known = {os.path.relpath(one.path, top / "photos"): one for one in made}
    others = [p for p, keep in gone.items() if known[p].original != known[keep].original]
    intact = {known[p].original for p in left if known[p].kind in SAME_PIXELS}
    originals = {one.original for one in made}
    undone = imgsim(top, "undo", "last")
    return {
        "files": len(made),
        "planned": len(kept_for),
        "removed": len(gone),
        "of_another_picture": others,
        "originals_without_their_pixels": sorted(originals - intact),
        "kept_missing": sorted(set(gone.values()) - left),
        "restored": digests(top / "photos") == before,
        "exit_codes": [applied, undone],
    }


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of each file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def imgsim(top: Path, *words: str) -> int:
    """Run imgsim with its own cache and journals; return its exit code."""
    own = {"IMGSIM_RUNS": str(top / "runs"), "IMGSIM_CACHE": str(top / "cache.sqlite")}
    call = [sys.executable, "-m", "imgsim", *words]
    done = subprocess.run(
        call, cwd=top, env=os.environ | own, capture_output=True, text=True, check=False
    )
    print(words[0], *done.stderr.splitlines()[-1:], flush=True)
    return done.returncode


if __name__ == "__main__":
    main()
