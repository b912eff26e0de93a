"""Damage and disturb everything that can be, and count what comes of it.

    python benchmarks/faults.py [--seed 0] [--decode 200] [--inputs 400] [--batches 9] [--runs 999]
    python benchmarks/faults.py --repeat 'run/SIGKILL/17/0'

Mutants of pictures of every format that can be written here are decoded in child processes
(``--decode`` of each kind), and put beside whole files for find-dupes to judge (``--batches`` of
200). Mutants of lists, archives, tables, plans, decisions and the like are read in
child processes (``--inputs`` of each kind). Then runs of the program meet signals, full disks,
little memory, closed streams, each other, and a tree that changes (``--runs``). Everything is
seeded; what is found is printed with the option that repeats it. Result file faults.json; a part of
0 stays there as it was.

Linux alone; full disks and other users need root and a place to mount.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fault_commands
import fault_index_runs
import fault_runs
from fault_inputs import INPUTS, read_mutants
from fault_pictures import FORMATS, Counts, decode_mutants, judge_batch
from record import RESULTS, machine, write

ASKED = (
    "crashes and hangs of the run", "raised", "files unaccounted for", "whole files skipped",
    "whole files called damaged", "whole inputs refused", "matches of different pictures",
    "whole files that lose", "memory over the limit", "other bytes", "leftovers",
    "control characters", "files lost",
)  # fmt: skip
"""What must not be."""

FAULTS = fault_runs.FAULTS | fault_commands.FAULTS | fault_index_runs.FAULTS
SHARES = fault_runs.SHARES | fault_commands.SHARES | fault_index_runs.SHARES

BATCH = 200
_AT_ONCE = 50


def document_of(counts: Counts) -> dict[str, Any]:
    """Return what was counted, for the result file."""
    return {
        "tried": sum(counts.tried.values()),
        "found": {kind: len(counts.found.get(kind, ())) for kind in ASKED},
        "what": {kind: found[:20] for kind, found in counts.found.items()},
        "workers_lost_with_their_file_skipped": dict(sorted(counts.lost.items())),
        "noted": dict(sorted(counts.noted.items())),
        "peak_mb": round(counts.peak_bytes / 1e6),
        "by_kind": dict(sorted(counts.tried.items())),
    }


def make_faults(
    counts: Counts,
    number: int,
    seed: int,
    top: Path,
    minutes: float = float("inf"),
    only: Sequence[str] = (),
) -> dict[str, str]:
    """Make so many faults, or fewer in so many minutes; every tenth of a program started plainly.

    Returns
    -------
    dict of str to str
        Kinds that could not be made here, and why.
    """
    fault_runs.preload()
    fault_commands.preload()
    runs = fault_runs.Runs(top / "runs", counts, seed)
    kinds = [k for k in FAULTS for _ in range(SHARES.get(k, 1)) if k in only or not only]
    end = time.monotonic() + 60 * minutes
    numbers: Counter[str] = Counter()
    for i in range(number):
        if time.monotonic() > end:
            break
        runs.plainly = i % 10 == 9
        kind = kinds[i % len(kinds)]
        FAULTS[kind](runs, kind, numbers[kind])
        numbers[kind] += 1
        if i % 20 == 19:
            print(f"{i + 1} faults", flush=True)
    return runs.skipped


def repeat(text: str, top: Path) -> Counts:
    """Make one case again."""
    counts = Counts()
    part, *rest = text.split("/")
    if part == "decode":
        decode_mutants(counts, [int(rest[-2])], int(rest[-1]), ["/".join(rest[:-2])])
    elif part == "batch":
        judge_batch(counts, top / "batch", int(rest[0]), int(rest[1]))
    elif part == "input":
        read_mutants(counts, [int(rest[1])], int(rest[2]), top / "inputs", [rest[0]])
    else:
        fault_runs.preload()
        plainly = len(rest) > 3
        kind = next(k for k in FAULTS if rest[0].split(":")[0] == k)
        runs = fault_runs.Runs(top / "runs", counts, int(rest[2]), plainly)
        FAULTS[kind](runs, kind, int(rest[1]))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--decode", type=int, default=200, help="mutants of each kind of picture")
    parser.add_argument("--inputs", type=int, default=400, help="mutants of each kind of input")
    parser.add_argument("--batches", type=int, default=10, help=f"of {BATCH} mutants")
    parser.add_argument("--runs", type=int, default=1000, help="faults of runs")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no fault after them")
    parser.add_argument("--only", nargs="*", default=(), help="these kinds of faults of runs")
    parser.add_argument("--folder", type=Path, help="instead of a temporary one")
    parser.add_argument("--repeat", help="one case, as it was printed")
    parser.add_argument("--add", action="store_true", help="to the counts in the result file")
    parser.add_argument("--no-record", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        top = given.folder or Path(name)
        top.mkdir(exist_ok=True)
        top.chmod(0o755)
        if given.repeat:
            raise SystemExit(bool(repeat(given.repeat, top).found))
        found = False
        for part in ("inputs", "decode", "batches", "runs"):
            number = getattr(given, part)
            if not number:
                continue
            counts, started = Counts(), time.monotonic()
            skipped = _run_part(part, number, counts, given, top)
            found = found or bool(counts.found)
            document = document_of(counts) | {"not_made_here": skipped}
            document["seconds"] = round(time.monotonic() - started)
            print(part, document, flush=True)
            if not given.no_record:
                _record(part, document, given.add)
    raise SystemExit(found)


def _run_part(
    part: str, number: int, counts: Counts, given: argparse.Namespace, top: Path
) -> dict[str, str]:
    if part == "runs":
        return make_faults(counts, number, given.seed, top, given.minutes, given.only)
    if part == "batches":
        for batch in range(number):
            judge_batch(counts, top / "batch", 100 * given.seed + batch, BATCH)
            print(f"{batch + 1} batches", flush=True)
        return {}
    for first in range(0, number, _AT_ONCE):
        some = range(first, min(number, first + _AT_ONCE))
        if part == "inputs":
            read_mutants(counts, some, given.seed, top / "inputs")
        else:
            decode_mutants(counts, some, given.seed)
    return {}


def _sum(one: Any, other: Any) -> Any:
    """Add the counts of two runs of one part; of peaks the higher one is taken."""
    if isinstance(one, dict):
        both = one | other
        for key in one.keys() & other.keys():
            peak = key == "peak_mb"
            both[key] = max(one[key], other[key]) if peak else _sum(one[key], other[key])
        return dict(sorted(both.items())) if set(both) - set(one) else both
    return f"{one}; {other}" if isinstance(one, str) else one + other


def _record(part: str, document: dict[str, Any], add: bool) -> None:
    """Write one part; the others stay as they were measured."""
    facts = machine(
        "python benchmarks/faults.py " + " ".join(sys.argv[1:]),
        "pillow", "pillow-heif", "simplejpeg", "opencv-python-headless", "tifffile", "pyarrow",
    )  # fmt: skip
    path = RESULTS / "faults.json"
    parts = json.loads(path.read_text(encoding="utf-8"))["parts"] if path.exists() else {}
    document = {"command": facts.pop("command")} | document
    parts[part] = _sum(parts[part], document) if add and part in parts else document
    kinds = {"kinds_of_pictures": len(FORMATS), "kinds_of_inputs": len(INPUTS)}
    print(write("faults", facts | kinds | {"parts": parts}), flush=True)


if __name__ == "__main__":
    main()
