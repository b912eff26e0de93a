"""Faults in apply, resume and undo, in a file system in memory that forgets what was not synced.

    python benchmarks/act_faults.py [--cases 150] [--seed 0]

So many cases of each kind of fault and each action; tests/act/faults.py says what has to hold.
Result file act-faults.json. It needs the tests of a clone beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from record import machine, write

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.act.faults import ACTIONS, KINDS, run_case


def main() -> None:
    """Run all cases, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.process_time()
    table: list[dict[str, Any]] = []
    wrong: list[str] = []
    for kind in KINDS:
        for action in ACTIONS:
            happened = failed = 0
            for seed in range(given.seed, given.seed + given.cases):
                said, came = run_case(seed, kind, action)
                happened += came and kind != "none"
                if said:
                    failed += 1
                    wrong.append(f"{kind}, {action}, {seed}: {said}")
            table.append(
                {"fault": kind, "action": action, "cases": given.cases, "faults": happened,
                 "failed": failed}
            )  # fmt: skip
            print(f"{kind:14} {action:11} {happened:5} faults, {failed} failed", flush=True)
    document = {
        **machine("python benchmarks/act_faults.py " + " ".join(sys.argv[1:])),
        "faults": sum(row["faults"] for row in table),
        "failed": len(wrong),
        "wrong": wrong[:20],
        "seconds": round(time.process_time() - started, 1),
        "table": table,
    }
    print(write("act-faults", document))


if __name__ == "__main__":
    main()
