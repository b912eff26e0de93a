"""Plans find-dupes of many images on a cluster: rows, bytes, shuffles, core-hours, and the clock.

    python benchmarks/plan_cluster.py --images 100e6 --machines 64 --cores 16

The constants are those of results/cluster.json, proposals.json and find-dupes-*.json, of two cores;
prices are the reader's. The result goes to results/plan-cluster.json. What is not measured is an
option with its default: how many bytes a picture has, how many pairs of it are verified, how many
pictures have copies, how fast a machine's network is.

How the time of the joins is divided among their stages is a guess.

The clock is simulated, a task at a time: tasks go to the first free core. Times of files are drawn
from a lognormal distribution (`--spread`), some machines are slower (`--slow-share`, `--slow-by`),
and a machine that is lost gives its tasks back when they would have ended (`--lost`). It tells what
the last tasks cost: the share of core-hours in which cores wait for the end of a stage.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import record

from imgsim.propose.alike import COMMON_WORD

RESULTS = Path(__file__).parent / "results"
_BATCH_FILES = 32
_BATCH_PAIRS = 24
_JOINS = "words", "pairs of keypoints", "votes"
_WORD_BYTES, _PAIR_BYTES, _VOTE_BYTES = 16, 40, 48
"""Of a row of words, of pairs of keypoints and of votes, as Arrow has them, uncompressed."""

_VERIFYING = "aligning", "verifying", "details", "measuring", "checking"

_MOST_SIMULATED = 200_000
"""Tasks; of a stage with more, the clock of so many is told, and the rest is added evenly."""


@dataclass(frozen=True)
class Stage:
    """What a stage takes.

    Attributes
    ----------
    rows : float
        That it makes.
    read, shuffled, written : float
        Bytes from the store, over the network between machines, and to the store.
    core_seconds : float
    tasks : int
    """

    name: str
    rows: float
    read: float
    shuffled: float
    written: float
    core_seconds: float
    tasks: int


def stages(images: float, given: argparse.Namespace, measured: Mapping[str, Any]) -> list[Stage]:
    """The stages by constants; a figure a row is that of the largest measured folder."""
    joins = measured["joins"][-1]
    photos = measured["stages"]["photos"]
    run = photos["processor_seconds"]
    by_byte = (run["reading"] + run["decoding"]) / photos["pictures"] / photos["mean_bytes"]
    extract = by_byte * given.bytes + run["features"] / photos["pictures"]
    # pictures are decoded again for pairs, on another machine than before
    verify = {
        name: sum(told["processor_seconds"].get(n, 0.0) for n in _VERIFYING) / told["pictures"]
        for name, told in measured["stages"].items()
    }
    compare = given.copied * verify["copies"] + (1 - given.copied) * verify["photos"]
    again = given.pairs * by_byte * given.bytes
    a_row, stored = joins["a_row"], joins["parquet_bytes_a_row"]
    words = 15 * a_row["keypoints"]
    plan_seconds = joins["processor_ms_a_row"]["votes_by_joins"] / 1e3
    wanted = given.pairs * images
    return [
        Stage("list", images, 0, 0, 120 * images, 0, 1),
        Stage(
            "extract", images, given.bytes * images, 0, stored["features"] * images,
            extract * images, int(images / _BATCH_FILES),
        ),
        Stage(
            "words", words * images, stored["features"] * images, 2 * words * _WORD_BYTES * images,
            0, plan_seconds * images * 0.5, given.partitions,
        ),
        Stage(
            "pairs of keypoints", a_row["near_pairs"] * images, 0,
            (3 * a_row["near_pairs"] * _PAIR_BYTES + 2 * stored["keypoints"]) * images,
            stored["near_pairs"] * images, plan_seconds * images * 0.3, given.partitions,
        ),
        Stage(
            "votes", a_row["votes"] * images, stored["near_pairs"] * images,
            4 * a_row["votes"] * _VOTE_BYTES * images, 24 * wanted,
            plan_seconds * images * 0.2, given.partitions,
        ),
        Stage(
            "verify", wanted, wanted * (2 * given.bytes + 2 * stored["features"]), 24 * wanted,
            200 * wanted, (compare + again) * images, int(wanted / _BATCH_PAIRS),
        ),
    ]  # fmt: skip


def clock(
    stage: Stage, machines: int, cores: int, given: argparse.Namespace, rng: np.random.Generator
) -> dict[str, float]:
    """Simulate a stage: hours, and the share of core-hours in which cores wait for its end."""
    workers = machines * cores
    if stage.core_seconds == 0:
        return {"hours": 0.0, "waiting": 0.0}
    drawn = min(stage.tasks, _MOST_SIMULATED)
    items = _BATCH_FILES if stage.tasks > given.partitions else 1
    # the mean of so many lognormal times; partitions differ as sums of many rows do, hardly
    spread = given.spread if items > 1 else 0.1
    times = rng.lognormal(-(spread**2) / 2, spread, (drawn, items)).mean(axis=1)
    times *= stage.core_seconds / stage.tasks / times.mean()
    slow = rng.permutation(machines) < round(given.slow_share * machines)
    speed = np.where(np.repeat(slow, cores), given.slow_by, 1.0)
    lost = set(range(given.lost * cores))
    free = [(0.0, worker) for worker in range(workers)]
    heapq.heapify(free)
    busy, end, again = 0.0, 0.0, list(times)
    half = times.sum() / workers / 2
    while again:
        at, worker = heapq.heappop(free)
        if worker in lost and at > half:  # the machine is gone, and what it had in hand
            again.append(float(times.mean()))
            continue
        seconds = again.pop() * speed[worker]
        busy += seconds
        end = max(end, at + seconds)
        heapq.heappush(free, (at + seconds, worker))
    tail = end * workers - busy
    whole = busy * stage.tasks / drawn
    return {
        "hours": round((whole + tail) / workers / 3600, 2),
        "waiting": round(tail / (whole + tail), 4),
    }


def hash_core_hours(images: float) -> float:
    """Of the search for near hashes, which compares all with all: a n + b n^2 of measured n."""
    sizes = json.loads((RESULTS / "proposals.json").read_text())["sizes"]
    rows = np.array([float(size["rows"]) for size in sizes])
    seconds = np.array([size["processor_seconds"]["hashes"] for size in sizes])
    each, square = np.linalg.lstsq(np.stack([rows, rows**2], 1), seconds, rcond=None)[0]
    return float((each * images + square * images**2) / 3600)


def bytes_of_a_file() -> float:
    """Memory that a run takes for each file where it groups, features apart."""
    runs = [json.loads((RESULTS / f"find-dupes-{n}.json").read_text()) for n in (1000, 20_000)]
    less, more = (run["peak_memory_mb"]["imgsim, cold"] * 1e6 for run in runs)
    return float((more - less) / (runs[1]["images"] - runs[0]["images"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=float, default=100e6)
    parser.add_argument("--machines", type=int, default=64)
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--bytes", type=float, default=1e6, help="of a picture")
    parser.add_argument("--pairs", type=float, default=3.0, help="verified, of a picture")
    parser.add_argument("--copied", type=float, default=0.1, help="share that has many copies")
    parser.add_argument("--partitions", type=int, default=20_000)
    parser.add_argument("--spread", type=float, default=1.0, help="sigma of the log of file times")
    parser.add_argument("--slow-share", type=float, default=0.03, help="of the machines")
    parser.add_argument("--slow-by", type=float, default=4.0)
    parser.add_argument("--lost", type=int, default=1, help="machines, in the middle of each stage")
    parser.add_argument("--gigabits", type=float, default=10.0, help="of a machine's network")
    parser.add_argument("--dry", action="store_true", help="write no result")
    given = parser.parse_args()
    measured = json.loads((RESULTS / "cluster.json").read_text())
    rng = np.random.default_rng(21)
    network = given.machines * given.gigabits / 8 * 1e9
    told = []
    for stage in stages(given.images, given, measured):
        moved = stage.read + stage.shuffled + stage.written
        simulated = clock(stage, given.machines, given.cores, given, rng)
        even = clock(
            stage, given.machines, given.cores,
            argparse.Namespace(**{**vars(given), "slow_share": 0.0, "lost": 0}), rng,
        )  # fmt: skip
        told.append(
            {
                "name": stage.name,
                **{k: float(f"{v:.3g}") for k, v in asdict(stage).items() if k != "name"},
                "core_hours": float(f"{stage.core_seconds / 3600:.3g}"),
                "network_hours": round(moved / network / 3600, 2),
                "hours": simulated["hours"],
                "waiting_share": simulated["waiting"],
                "hours_without_slow_or_lost_machines": even["hours"],
            }
        )
        print(json.dumps(told[-1]))
    joins = measured["joins"][-1]
    most = 15 * (COMMON_WORD - 1) / 2 * joins["a_row"]["keypoints"]
    grows = most / joins["a_row"]["near_pairs"]
    of_joins = sum(one["core_hours"] for one in told if one["name"] in _JOINS)
    skew = measured["joins"][0]["largest_share_of_a_word"]
    keypoints = measured["joins"][0]["a_row"]["keypoints"] * given.images
    document = {
        "command": "python benchmarks/plan_cluster.py",
        "assumed": {k: v for k, v in vars(given).items() if k != "dry"},
        "stages": told,
        "core_hours": float(f"{sum(one['core_hours'] for one in told):.3g}"),
        "hours": round(sum(max(one["hours"], one["network_hours"]) for one in told), 1),
        "shuffled_bytes": float(f"{sum(one['shuffled'] for one in told):.3g}"),
        "keypoints_with_the_most_common_word": float(f"{skew * keypoints:.2g}"),
        "near_pairs_a_row": {"measured": joins["a_row"]["near_pairs"], "at_most": round(most)},
        "core_hours_of_joins": {
            "by_what_was_measured": round(of_joins),
            "at_most": float(f"{of_joins * grows:.2g}"),
        },
        "memory_of_the_machine_that_groups_gib": round(given.images * bytes_of_a_file() / 2**30),
        "core_hours_of_hashes_compared_all_with_all": float(f"{hash_core_hours(given.images):.2g}"),
    }
    shown = {k: v for k, v in document.items() if k not in ("stages", "assumed")}
    print(json.dumps(shown, indent=1))
    if not given.dry:
        record.write("plan-cluster", document)


if __name__ == "__main__":
    main()
