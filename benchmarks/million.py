"""What find-dupes takes end to end as a folder grows, and whether it still finds the copies.

    python benchmarks/million.py WORK --files 2000 6000 20000 60000 200000
    python benchmarks/million.py WORK --kind noise --files 3000 10000

The result goes to results/million.json, a size at a time. Files hold numbers, of which pictures of
260 to 400 pixels are made when they are read, see `stub_pictures.py`; a larger folder holds the
files of a smaller one. Of the kind ``mixed`` 84 % are scenes, 5 % receipts and 11 % frames of fixed
cameras; one file in ten is a changed copy of another. Groups with pictures of which none was made
from the other are wrong. The other kinds are those of `stub_pictures.py`; all files of ``noise``
are copies, of the others none.

Processor seconds are those of all processes, by stage; the making of pictures and the sampling are
taken off. Memory
is sampled: of the main process what is its own (anonymous) and all that is resident (with mapped
files, which the system can drop), and the proportional share of all processes. Disk is what lies
in the folder for temporary files, those without a name included, and in the cache. A run that was
ended goes on from the cache in WORK when it is started again; its figures are those of the rest.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import record
from stub_pictures import CHANGES, Stubs, write_stub

from imgsim import RunOptions, find_duplicates
from imgsim.report.formats import find_dupes_json
from imgsim.stage_times import measuring

_EVERY_SECONDS = 0.3


def write_folder(folder: Path, kind: str, n: int) -> None:
    """Write stubs, a thousand to a folder; those that are there stay."""
    new = False
    for number in range(n):
        path = folder / f"{number // 1000:04}" / _name(kind, number)
        if number % 1000 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            of, change = _origin(kind, number)
            write_stub(path, _kind(kind, of), of, change)
            new = True
    if new:
        time.sleep(3)  # the cache remembers no path whose file has just been written


def _name(kind: str, number: int) -> str:
    return f"{number:07}-{_kind(kind, _origin(kind, number)[0])}.jpg"


def _origin(kind: str, number: int) -> tuple[int, str]:
    """The picture that a file shows, and how it was changed."""
    if kind != "mixed" or number % 10 != 9:
        return number, ""
    rng = random.Random(number)
    return number - rng.randint(1, 9), rng.choice(CHANGES)


def _kind(kind: str, number: int) -> str:
    if kind != "mixed":
        return kind
    share = random.Random(-number).random()
    return "receipt" if share < 0.05 else "camera" if share < 0.16 else "scene"


class Watch:
    """Samples memory and disk of this process and its children; a `Progress` that knows stages."""

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary
        self._stage = "listing"
        self.by_stage: dict[str, dict[str, float]] = {}
        self.temporary_bytes = 0
        self.notes: list[str] = []

    def start(self, stage: str, total: int, unit: str) -> None:
        self._stage = stage

    def advance(self, n: int) -> None: ...

    def finish(self) -> None:
        self._stage = f"after {self._stage}"

    def note(self, text: str) -> None:
        self.notes.append(text)

    def __enter__(self) -> Watch:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        own, round_ = psutil.Process(), 0
        while not self._done.wait(_EVERY_SECONDS):
            stage = self._stage
            main = _memory(own.pid)
            main["all_pss"] = main.pop("pss") + sum(
                _memory(child.pid).get("pss", 0) for child in own.children(recursive=True)
            )
            most = self.by_stage.setdefault(stage, {})
            for name, size in main.items():
                most[name] = max(most.get(name, 0), size)
            if round_ % 5 == 0:
                self.temporary_bytes = max(self.temporary_bytes, self._disk())
            round_ += 1
        self.own_seconds = time.thread_time()

    def _disk(self) -> int:
        total = _folder_bytes(self._temporary)
        for name in os.listdir("/proc/self/fd"):
            try:
                link = os.readlink(f"/proc/self/fd/{name}")
                if link.startswith(str(self._temporary)) and link.endswith(" (deleted)"):
                    total += os.stat(f"/proc/self/fd/{name}").st_blocks * 512
            except OSError:
                continue
        return total


def _memory(pid: int) -> dict[str, float]:
    """Resident, anonymous and proportional bytes of a process."""
    sizes = {}
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    for line in lines:
        name, size, *_ = line.split()
        sizes[name] = int(size) * 1024.0
    return {"rss": sizes["Rss:"], "anonymous": sizes["Anonymous:"], "pss": sizes["Pss:"]}


def _folder_bytes(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(where, name)).st_blocks * 512
            except OSError:
                continue
    return total


def measure(folder: str, kind: str, n: int, cache: str, jobs: int, sender: Any) -> None:
    """Find the duplicates of a folder, in a process of its own."""
    temporary = Path(tempfile.gettempdir())
    before = record.processor_seconds()
    started = time.perf_counter()
    paths = [str(part) for part in sorted(Path(folder).iterdir())[: -(-n // 1000)]]
    with Watch(temporary) as watch, measuring() as times:
        options = RunOptions(cache=Path(cache), progress=watch, jobs=jobs, _decoder=Stubs)
        found = find_duplicates(paths, options=options)
        watch.start("report", 0, "")
        with open(f"{cache}.json", "w") as stream:
            stream.writelines(find_dupes_json(found, timing=False))
        sums = times.sums()
    wall = time.perf_counter() - started
    seconds = record.processor_seconds() - before - watch.own_seconds
    making = sums.pop("making").processor if "making" in sums else 0.0
    groups = [[int(m.picture.file.path[-20:].split("/")[-1][:7]) for m in g.members] for g in found]
    of = [[0 if kind == "noise" else _origin(kind, i)[0] for i in group] for group in groups]
    planted = sum(_origin(kind, i)[0] != i for i in range(n))
    together = sum(
        _origin(kind, i)[0] != i and _origin(kind, i)[0] in group for group in groups for i in group
    )
    stages = watch.by_stage
    most = {
        name: max(stage.get(name, 0) for stage in stages.values())
        for name in ("rss", "anonymous", "all_pss")
    }
    sender.send(
        {
            "kind": kind,
            "files": n,
            "images": found.images,
            "decoded": found.decoded,
            "processor_seconds": round(seconds - making, 1),
            "processor_ms_a_file": round((seconds - making) / n * 1e3, 2),
            "making_seconds": round(making, 1),
            "wall_seconds": round(wall, 1),
            "by_stage": {name: round(one.processor, 2) for name, one in sums.items()},
            "memory_mb": {name: round(size / 1e6, 1) for name, size in most.items()},
            "memory_mb_by_stage": {
                stage: {name: round(size / 1e6, 1) for name, size in sizes.items()}
                for stage, sizes in stages.items()
            },
            "temporary_mb": round(watch.temporary_bytes / 1e6, 1),
            "cache_mb": round(_folder_bytes(Path(cache).parent) / 1e6, 1),
            "pairs_left_out": found.pairs_left_out,
            "groups": len(groups),
            "largest_group": max(map(len, groups), default=0),
            "copies": planted,
            "copies_found": together,
            "wrong_in_groups": sum(len(group) - max(map(group.count, group)) for group in of),
            "wrong_groups": [
                group for group, origins in zip(groups, of, strict=True) if len(set(origins)) > 1
            ],
            "notes": watch.notes,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--files", type=int, nargs="+", default=[2000, 6000, 20_000])
    parser.add_argument("--kind", default="mixed", choices=["mixed", "frames", "noise", "shot"])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep the cache for a warm run")
    parser.add_argument("--dry", action="store_true", help="write no result")
    given = parser.parse_args()
    folder = given.work / given.kind
    os.environ["TMPDIR"] = str(given.work / "tmp")
    (given.work / "tmp").mkdir(parents=True, exist_ok=True)
    for n in given.files:
        if n > 1000 and n % 1000:
            parser.error("sizes are thousands")
        write_folder(folder, given.kind, n)
        cache = given.work / f"cache-{given.kind}-{n}" / "cache"
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(str(folder), given.kind, n, str(cache), given.jobs, sender)
        )
        process.start()
        sender.close()
        result = receiver.recv()
        process.join()
        if not given.keep:
            shutil.rmtree(cache.parent)
        print(json.dumps(result), flush=True)
        if not given.dry:
            _add(result)


def _add(result: dict[str, Any]) -> None:
    """Put a result in the place of that of the same kind and size."""
    path = record.RESULTS / "million.json"
    document = record.machine("python benchmarks/million.py WORK", "numpy", "faiss-cpu")
    known: Sequence[dict[str, Any]] = json.loads(path.read_text())["runs"] if path.exists() else ()
    others = [
        one for one in known if (one["kind"], one["files"]) != (result["kind"], result["files"])
    ]
    runs = sorted([*others, result], key=lambda one: (one["kind"], one["files"]))
    record.write("million", {**document, "runs": runs})


if __name__ == "__main__":
    main()
