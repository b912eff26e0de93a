"""What a run prints after its cache was killed, cut, overwritten, edited or filled up.

    python benchmarks/cache_faults.py PICTURES [--kills 20] [--seed 0]

PICTURES is a folder of some hundred pictures. After every fault the output must be, byte for byte,
that of a run without a cache; result file cache-faults.json. Linux alone; read-only files and a
user without a name need root, a full disk a place to mount one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from record import machine, write

NOBODY = 54321
"""A user id without a name and a home."""

EDITS = {
    "facts edited": """UPDATE fact SET facts = '{"width": 1}'""",
    "facts of wrong types": "UPDATE fact SET facts = 7, reason = x'ff', identified = 'x'",
    "facts swapped": "UPDATE fact SET facts = (SELECT facts FROM fact WHERE facts IS NOT NULL)",
    "all skipped": "UPDATE fact SET facts = NULL, reason = 'damaged'",
    "rows too short": "UPDATE feature SET row = x'00'",
    "places edited": "UPDATE feature SET place = 1000000000000",
    "places as text": "UPDATE feature SET place = 'x'",
    "verdicts edited": "UPDATE verdict SET verdict = replace(verdict, ':', ': 1')",
    "verdicts with NaN": """UPDATE verdict SET verdict = '{"residual": NaN, "matrix": [1]}'""",
    "files of one content": "UPDATE file SET content = (SELECT MIN(id) FROM content)",
    "digests edited": "UPDATE content SET digest = randomblob(32)",
    "digests as text": "UPDATE content SET digest = 'digest ' || id",
    "sizes edited": "UPDATE content SET size = 1",
    "labels edited": "UPDATE label SET text = 'label ' || id",
    "samples edited": "UPDATE sample SET digest = x'0102'",
    "a table dropped": "DROP TABLE verdict",
    "a column renamed": "ALTER TABLE fact RENAME COLUMN facts TO other",
    "an index dropped": "DROP INDEX content_size",
    "a version of the future": "PRAGMA user_version = 99",
    "a version of the past": "PRAGMA user_version = 1",
}


class Faults:
    """Runs over one folder of pictures, each with a cache and a temporary folder of its own."""

    def __init__(self, pictures: Path, top: Path) -> None:
        self.pictures = pictures
        self.top = top
        self.temporary = top / "temporary"
        self.temporary.mkdir(mode=0o777)
        self.temporary.chmod(0o777)
        self.warm = top / "warm"
        self.expected = self.run(None)
        self.run(self.warm / "cache.sqlite")
        # of a file whose size is over the cap nothing is kept
        self.always_decoded = self.decoded(self.run(self.warm / "cache.sqlite"))
        self.results: dict[str, dict[str, Any]] = {}

    def command(self, cache: Path | None) -> list[str]:
        command = [sys.executable, "-m", "imgsim", "find-dupes", str(self.pictures)]
        file = [] if cache is None else ["--cache", str(cache)]
        return [*command, "--format", "json", "--no-timing", *(file or ["--cache", "off"])]

    def environment(self) -> dict[str, str]:
        return os.environ | {"TMPDIR": str(self.temporary)}

    def run(self, cache: Path | None, before: Sequence[str] = ()) -> tuple[int, str, str]:
        """Run with a cache; return the exit code and what was printed."""
        done = subprocess.run(
            [*before, *self.command(cache)],
            env=self.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def note(self, name: str, done: tuple[int, str, str], **more: Any) -> None:
        """Note how a run came out, with what it said of the cache."""
        said = [line for line in done[2].splitlines() if line.startswith("imgsim: ")]
        said = [line.replace(str(self.top), "…") for line in said]
        left = len(list(self.temporary.iterdir()))
        row = {"same": done[:2] == self.expected[:2], "said": said, "left": left, **more}
        if not row["same"]:
            row |= {"code": done[0], "error": done[2][-300:]}
        self.results[name] = row
        print(name, row, flush=True)

    def decoded(self, done: tuple[int, str, str]) -> int:
        """The files that a run decoded, as its summary says."""
        summary = next(line for line in done[2].splitlines() if "decoded)" in line)
        return int(summary.split("(")[1].split()[0])

    @contextlib.contextmanager
    def copy(self) -> Iterator[Path]:
        """A copy of the warm cache."""
        folder = self.top / "copy"
        shutil.copytree(self.warm, folder)
        try:
            yield folder / "cache.sqlite"
        finally:
            shutil.rmtree(folder)


def kill(faults: Faults, times: int, chance: random.Random) -> None:
    """Kill cold runs at random moments, each with its cache, and run again."""
    started = time.perf_counter()
    faults.run(faults.top / "timed.sqlite")
    longest = time.perf_counter() - started
    wrong = left = kept = 0
    for _ in range(times):
        folder = faults.top / "killed"
        cache = folder / "cache.sqlite"
        process = subprocess.Popen(
            faults.command(cache),
            env=faults.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.1, longest))
        process.kill()
        process.wait()
        done = faults.run(cache)
        wrong += done[:2] != faults.expected[:2] or "imgsim: " in done[2]
        left += len(list(faults.temporary.iterdir()))
        kept += faults.decoded(done) == faults.always_decoded
        shutil.rmtree(folder)
    faults.results[f"kill -9, {times} times"] = {
        "same": not wrong, "wrong": wrong, "left": left, "everything_was_kept": kept,
    }  # fmt: skip
    print(faults.results[f"kill -9, {times} times"], flush=True)


def several(faults: Faults, count: int) -> None:
    """Run several processes on one new cache, and one after them."""
    cache = faults.top / "shared" / "cache.sqlite"
    processes = [
        subprocess.Popen(
            faults.command(cache), env=faults.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(count)
    ]  # fmt: skip
    done = [(p.communicate(), p.returncode) for p in processes]
    wrong = sum((code, out) != faults.expected[:2] for (out, _), code in done)
    said = sum("imgsim: " in error for (_, error), _ in done)
    after = faults.run(cache)
    faults.note(
        f"{count} processes",
        after,
        wrong=wrong,
        said_by=said,
        decoded_after=faults.decoded(after) - faults.always_decoded,
    )


def overwrite(start: float, length: int, chance: random.Random) -> Callable[[Path], None]:
    """Overwrite bytes of the database, from a share of its length on."""

    def spoil(path: Path) -> None:
        size = path.stat().st_size
        with path.open("r+b") as stream:
            stream.seek(int(start * size))
            stream.write(chance.randbytes(min(length, size)))

    return spoil


def damage(faults: Faults, chance: random.Random) -> None:
    """Damage copies of the warm cache, and run twice: the second time nothing is said."""
    kinds: dict[str, Callable[[Path], None]] = {
        "emptied": lambda path: os.truncate(path, 0),
        "cut to 100 bytes": lambda path: os.truncate(path, 100),
        "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
        "its header overwritten": overwrite(0, 100, chance),
        "all overwritten": lambda path: path.write_bytes(chance.randbytes(path.stat().st_size)),
        "rows cut": lambda path: [
            os.truncate(file, file.stat().st_size // 2)
            for file in path.with_name(path.name + "-rows").iterdir()
        ].clear(),
        "rows overwritten": lambda path: [
            overwrite(0.3, 50_000, chance)(file)
            for file in path.with_name(path.name + "-rows").iterdir()
        ].clear(),
        "a folder in its place": lambda path: (path.unlink(), path.mkdir())[1],
    }
    for i in range(5):
        kinds[f"16 bytes overwritten, {i}"] = overwrite(chance.random(), 16, chance)
        kinds[f"3000 bytes overwritten, {i}"] = overwrite(chance.random(), 3000, chance)
    for name, spoil in kinds.items():
        with faults.copy() as cache:
            spoil(cache)
            faults.note(name, faults.run(cache))
            again = faults.run(cache)
            faults.results[name] |= {
                "same_again": again[:2] == faults.expected[:2],
                "decoded_again": faults.decoded(again) - faults.always_decoded,
                "said_again": again[2].count("imgsim: "),
            }


def edit(faults: Faults) -> None:
    """Edit the tables of copies of the warm cache."""
    for name, statement in EDITS.items():
        with faults.copy() as cache:
            with contextlib.closing(sqlite3.connect(cache)) as db:
                db.executescript(statement)
            faults.note(name, faults.run(cache))


def confine(faults: Faults) -> None:
    """Run with little memory, and then without a limit on the same cache."""
    for mb in (700, 1000, 1500, 2000, 2500, 3000):
        cache = faults.top / f"confined-{mb}" / "cache.sqlite"
        limited = faults.run(cache, ["bash", "-c", f'ulimit -v {mb * 1000}; exec "$@"', "-"])
        faults.note(
            f"after a run under ulimit -v of {mb} MB",
            faults.run(cache),
            code_confined=limited[0],
            same_confined=limited[1] == faults.expected[1],
        )


def others(faults: Faults) -> None:
    """Run as a user without a name, on read-only files, and on a full disk."""
    if os.getuid() != 0:
        return
    # who may read everything, since Python itself may lie in the home of root
    nobody = [
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
        "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
    ]  # fmt: skip
    homeless = {k: v for k, v in faults.environment().items() if not k.startswith(("HOME", "XDG"))}
    command = [*nobody, *faults.command(None)[:-2]]  # no --cache
    homeless.pop("IMGSIM_CACHE", None)
    done = subprocess.run(command, env=homeless, capture_output=True, text=True, check=False)
    faults.note("without a home and a name", (done.returncode, done.stdout, done.stderr))
    with faults.copy() as cache:
        shutil.rmtree(cache.with_name(cache.name + "-rows"))  # so that there is something to write
        faults.note("read-only", faults.run(cache, nobody))
        faults.note("read-only, no cache yet", faults.run(cache.with_name("new"), nobody))
    disk = faults.top / "disk"
    disk.mkdir()
    for size in (40, 200, 1000):
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", disk], check=False
        )
        if mounted.returncode:
            limit = ["bash", "-c", f'ulimit -f {size}; exec "$@"', "-"]
            cache = faults.top / f"full-{size}" / "cache.sqlite"
            faults.note(f"files of at most {size} kB", faults.run(cache, limit))
            continue
        faults.note(f"a disk of {size} kB", faults.run(disk / "cache.sqlite"))
        subprocess.run(["umount", disk], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--part", action="append", help="edit, damage, several, ...: all if none")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        faults = Faults(given.pictures.absolute(), top)
        parts: dict[str, Callable[[], None]] = {
            "edit": lambda: edit(faults),
            "damage": lambda: damage(faults, chance),
            "several": lambda: several(faults, 4),
            "confine": lambda: confine(faults),
            "others": lambda: others(faults),
            "kill": lambda: kill(faults, given.kills, chance),
        }
        for part in given.part or parts:
            parts[part]()
    wrong = [name for name, row in faults.results.items() if not row["same"]]
    print(f"{len(faults.results)} faults, {len(wrong)} with another output: {wrong}")
    pictures = sum(1 for p in given.pictures.rglob("*") if p.is_file())
    facts = machine(
        f"python benchmarks/cache_faults.py PICTURES --kills {given.kills} --seed {given.seed}",
        "pillow", "opencv-python-headless",
    )  # fmt: skip
    write("cache-faults", facts | {"files": pictures, "faults": faults.results})
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
