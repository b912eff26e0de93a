"""What the engines of the extra `cluster` cost, and what candidates by joins shuffle.

    python benchmarks/cluster.py DATA WORK

The result goes to results/cluster.json, from which `plan_cluster.py` plans. Programs that run an
engine are processes of their own. Processor seconds are of the process and its children.

`engines`: Daft by itself, Daft on Ray, and Ray Data with the same rows, each started anew: seconds
to the first and the last of 80 rows of 50 ms, two at a time, and how the process ended.
`executors`: batches that do nothing, by the executors of imgsim. `joins`: real rows, and more that
are drawn like them (see `drawn_rows.py`), by `votes_of` and by `votes_by_joins`, and the rows and
bytes of what is shuffled. `stages`: find-dupes on real photos, and on photos with 14 copies each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PARTS = "engines", "executors", "joins", "stages"
FOLDERS = "grocery", "clothing", "receipts", "kodak", "scenes"
_QUIET = {
    "DAFT_ANALYTICS_ENABLED": "0", "DAFT_PROGRESS_BAR": "0", "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}  # fmt: skip

_ENGINES = {
    "daft, process UDF": """
import daft
daft.set_runner_native(num_threads=2)
rows = daft.from_pydict({"n": list(range(80))})
call = daft.cls(Work, use_process=True, max_concurrency=2)()
""",
    "daft, UDF in its own process": """
import daft
daft.set_runner_native(num_threads=2)
rows = daft.from_pydict({"n": list(range(80))})
call = daft.cls(Work, use_process=False)()
""",
    "daft on ray": """
import daft, ray
ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
daft.set_runner_ray(noop_if_initialized=True)
rows = daft.from_pydict({"n": list(range(80))}).into_partitions(20)
call = daft.cls(Work, use_process=False)()
""",
}
_HEAD = """
import time; begun = time.perf_counter()
import daft
class Work:
    @daft.method.batch(return_dtype=daft.DataType.int64(), batch_size=1)
    def run(self, n):
        time.sleep(0.05)
        return n.to_pylist()
"""
_TAIL = """
first = 0
for row in rows.select(call.run(rows["n"])).iter_rows():
    first = first or time.perf_counter() - begun
print(first, time.perf_counter() - begun, flush=True)
"""
_RAY_DATA = """
import time; begun = time.perf_counter()
import ray, ray.data
class Work:
    def __call__(self, batch):
        time.sleep(0.05)
        return batch
ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False
rows = ray.data.from_items([{"n": n} for n in range(80)], override_num_blocks=20)
first = 0
for row in rows.map_batches(Work, batch_size=1, concurrency=2).iter_rows():
    first = first or time.perf_counter() - begun
print(first, time.perf_counter() - begun, flush=True)
"""


def engines(tries: int, tries_of_daft: int) -> dict[str, Any]:
    """Programs of each engine: seconds, and how they ended."""
    programs = {name: _HEAD + own + _TAIL for name, own in _ENGINES.items()}
    programs["ray data"] = _RAY_DATA
    told = {}
    for name, program in programs.items():
        ends: Counter[str] = Counter()
        seconds = []
        for _ in range(tries if "ray" in name else tries_of_daft):
            with tempfile.TemporaryDirectory() as folder:
                script = Path(folder, "program.py")
                script.write_text(program)
                done = subprocess.run(
                    [sys.executable, str(script)], capture_output=True, text=True, check=False,
                    env=os.environ | _QUIET,
                )  # fmt: skip
            ends[str(done.returncode)] += 1
            if done.stdout.strip():
                seconds.append([float(one) for one in done.stdout.split()[-2:]])
        first, last = np.median(seconds, axis=0)
        told[name] = {
            "seconds_to_first_row": round(float(first), 2),
            "seconds_to_last_row": round(float(last), 2),
            "exit_codes": dict(ends),
        }
        print(name, told[name], flush=True)
    return told


@dataclass(frozen=True)
class Nothing:
    """A batch that brings some bytes along, and does nothing."""

    load: bytes

    def __len__(self) -> int:
        return 1

    def part(self, start: int, stop: int) -> Nothing:
        return self

    def failure(self, reason: str) -> str:
        return reason

    def run(self, heartbeat: object) -> list[int]:
        return [len(self.load)]


def executors(name: str) -> dict[str, float]:
    """Seconds for a batch, and for a megabyte in it, by an executor of imgsim."""
    from imgsim import RunOptions

    begun = time.perf_counter()
    executor = RunOptions(jobs=2, executor=name).open_executor(2, keep=True)
    list(executor.run([Nothing(b"") for _ in range(64)]))
    told = {"start": round(time.perf_counter() - begun, 2)}
    for what, batches in (
        ("batch", [Nothing(b"")] * 1000),
        ("megabyte", [Nothing(bytes(1 << 20))] * 100),
    ):
        begun = time.perf_counter()
        list(executor.run(batches))
        told[f"{what}_ms"] = round((time.perf_counter() - begun) / len(batches) * 1e3, 2)
    executor.close()
    return told


def joins(path: str) -> dict[str, Any]:
    """Votes of some rows in both ways, and what the plan shuffles."""
    import daft
    import record

    from imgsim.executors.daft_engine import start
    from imgsim.propose.join_plan import votes_by_joins, votes_plan
    from imgsim.propose.keypoint_votes import votes_of

    rows = np.load(path)
    seconds = [record.processor_seconds()]
    expected = votes_of(rows)
    seconds.append(record.processor_seconds())
    start("daft", cores=2)
    found = votes_by_joins(rows)
    seconds.append(record.processor_seconds())
    same = all(
        np.array_equal(getattr(found, n), getattr(expected, n))
        for n in ("left", "right", "mirrored", "weight")
    )
    n = len(rows)
    frame = daft.from_pydict({"image": np.arange(n), "row": [row.tobytes() for row in rows]})
    kept: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:

        def size_of(written: Any, name: str) -> int:
            written.write_parquet(f"{folder}/{name}", compression="zstd")
            return sum(p.stat().st_size for p in Path(folder, name).glob("*.parquet"))

        def keep(made: Any) -> Any:
            made = made.collect()
            kept.append((len(made), size_of(made, str(len(kept)))))
            return made

        features = size_of(frame, "features")
        pairs = len(votes_plan(frame, n, keep=keep).collect())
    names = "keypoints", "near_pairs", "votes"
    return {
        "rows": n,
        "same_as_votes_of": same,
        "largest_share_of_a_word": largest_share(rows),
        "proposed_pairs": len(expected.left),
        "proposed_by_the_plan": pairs,
        "processor_ms_a_row": {
            "votes_of": round((seconds[1] - seconds[0]) / n * 1e3, 2),
            "votes_by_joins": round((seconds[2] - seconds[1]) / n * 1e3, 2),
        },
        "a_row": {name: round(count / n, 1) for name, (count, _) in zip(names, kept, strict=True)},
        "parquet_bytes_a_row": {
            "features": round(features / n),
            **{name: round(size / n) for name, (_, size) in zip(names, kept, strict=True)},
        },
    }


def largest_share(rows: np.ndarray) -> float:
    """Share of all keypoints that has the most common word of a place: one reducer counts them."""
    from imgsim.propose.keypoints import WORD_STARTS, Keypoints, numbers_of

    descriptors = Keypoints.of(rows, np.arange(len(rows))).descriptor
    most = 0
    for start in WORD_STARTS:
        words = numbers_of(descriptors[:, start : start + 4], "<u4")
        most = max(most, int(np.unique(words, return_counts=True)[1].max()))
    return float(f"{most / len(descriptors):.2g}")


def stages(data: Path, work: Path) -> dict[str, Any]:
    """Processor seconds of find-dupes by stage: on photos, and where each has many copies."""
    from proposals import planted_rows

    photos = sorted((data / "photos").rglob("*.jpg"))
    planted_rows(photos[-20:], work / "copies")
    told = {}
    for name, paths in {
        "photos": photos[:200], "copies": sorted((work / "copies").glob("*.jpg"))
    }.items():  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "imgsim", "find-dupes", "--files-from", "-", "--cache", "off",
             "-j", "2", "--profile-stages", "-f", "json"],
            input="\n".join(map(str, paths)), capture_output=True, text=True, check=True,
        )  # fmt: skip
        by_stage = json.loads(done.stdout)["seconds_by_stage"]
        told[name] = {
            "pictures": len(paths),
            "mean_bytes": round(sum(p.stat().st_size for p in paths) / len(paths)),
            "processor_seconds": {n: round(one["processor"], 3) for n, one in by_stage.items()},
        }
    return told


def _apart(*arguments: str) -> Any:
    """Run a part of this in a process of its own, and return what it tells."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", *arguments], capture_output=True, text=True, check=True
    )
    print(*arguments, done.stdout.splitlines()[-1], flush=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 6000])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--dry", action="store_true", help="write no result")
    given = parser.parse_args()
    import record
    from drawn_rows import like_real, real_rows

    given.work.mkdir(parents=True, exist_ok=True)
    document = record.machine("python benchmarks/cluster.py DATA WORK", "daft", "ray", "numpy")
    before = record.RESULTS / "cluster.json"
    if before.exists() and set(given.parts) < set(PARTS):
        document = json.loads(before.read_text()) | document
    if "engines" in given.parts:
        document["engines"] = engines(3, 20)
    if "executors" in given.parts:
        document["executors"] = {n: _apart("executors", n) for n in ("processes", "daft", "ray")}
    if "joins" in given.parts:
        real = real_rows([given.data / name for name in FOLDERS])
        drawn, _ = like_real(real)
        document["joins"] = []
        for rows in (real, *(drawn.draw(0, n) for n in given.rows)):
            np.save(given.work / "rows.npy", rows)
            document["joins"].append(_apart("joins", str(given.work / "rows.npy")))
    if "stages" in given.parts:
        document["stages"] = stages(given.data, given.work)
        print(document["stages"])
    if not given.dry:
        record.write("cluster", document)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        import cluster  # workers import what they run by this name

        from imgsim.executors.daft_engine import leave

        print(json.dumps(getattr(cluster, sys.argv[2])(sys.argv[3])), flush=True)
        leave(0)
    main()
