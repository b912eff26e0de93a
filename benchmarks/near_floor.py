"""find-dupes beside the floor, a decode of all files, and beside other finders.

    python benchmarks/near_floor.py DIR --from ../shared/data --environments DIR
    python benchmarks/near_floor.py DIR --kind real --files 300 --repeats 1

Folders are made in DIR by `floor_folders.py`. On each, the programs run in turn, in two workers,
with nothing remembered of earlier runs and the files in the system's memory; what is compared is
the processor seconds of all their processes. `auto` also runs warm on `real`. Of finders that are
not installed in `--environments` (see `duplicate_finders.py --install`) the result says so.

Beside that: the wall time of a run over eight files, and `phash:size=16` against a decode.
Modules are compiled before. `--imgsim SRC` measures another checkout's `src` in the same runs,
under the name `other`.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import re
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finders import FINDERS, Finder, Job, NotInstalled, python_of
from floor_folders import KINDS, make
from record import machine, run_program, spread, write

import imgsim

WORKERS = 2
_OTHERS = ("cleanvision", "fastdup 0.90", "czkawka")
_EIGHT = 8


@dataclass
class Measured:
    """Seconds of each run of each program over one folder."""

    processor: dict[str, list[float]] = field(default_factory=dict)
    wall: dict[str, list[float]] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, processor: float, wall: float) -> None:
        """Take a run."""
        self.processor.setdefault(name, []).append(processor)
        self.wall.setdefault(name, []).append(wall)

    def summary(self, files: int) -> dict[str, Any]:
        """Return what is written."""
        medians = {name: statistics.median(took) for name, took in self.processor.items()}
        floor, own = medians.get("decode only"), medians.get("auto")
        summary: dict[str, Any] = {
            "files": files,
            "processor_seconds": {name: spread(took) for name, took in self.processor.items()},
            "wall_seconds": {name: spread(took) for name, took in self.wall.items()},
            "processor_ms_a_file": {n: round(1000 * m / files, 2) for n, m in medians.items()},
            "groups": self.groups,
            "missing": self.missing,
        }
        if floor:
            summary["relative_to_decode_only"] = {
                name: round(took / floor, 2) for name, took in medians.items()
            }
        if own:
            summary["auto_relative_to"] = {
                name: round(own / took, 2) for name, took in medians.items() if name != "auto"
            }
        return summary


def _environment(source: Path | None, scratch: Path) -> dict[str, str]:
    env = os.environ | {
        "HOME": str(scratch),
        "XDG_CACHE_HOME": str(scratch / "cache"),
        "XDG_CONFIG_HOME": str(scratch / "config"),
    }
    return env if source is None else env | {"PYTHONPATH": str(source)}


def _imgsim(paths: list[str], cache: Path, method: str = "auto") -> list[str]:
    return [
        sys.executable, "-m", "imgsim", "find-dupes", *paths, "--method", method,
        "--jobs", str(WORKERS), "--cache", str(cache), "--format", "json", "--quiet",
    ]  # fmt: skip


def _run(measured: Measured, name: str, command: list[str], env: dict[str, str]) -> str | None:
    with tempfile.TemporaryDirectory() as work:
        run = run_program(command, env, Path(work))
    if run.code:
        measured.missing[name] = (run.error.strip().splitlines() or ["it failed"])[-1]
        return None
    measured.add(name, run.cpu_seconds, run.seconds)
    print(f"  {name:20} {run.cpu_seconds:8.2f} s processor {run.seconds:8.2f} s wall", flush=True)
    return run.output


def measure(folder: Path, given: argparse.Namespace, *, warm: bool) -> Measured:
    """Run all programs over a folder, in turn."""
    measured = Measured()
    own: dict[str, Path | None] = {"auto": None}
    if given.imgsim:
        own["other"] = given.imgsim.absolute()
    finders = [finder for finder in FINDERS if finder.name in _OTHERS]
    decode = [sys.executable, str(Path(__file__).with_name("decode_only.py")), str(folder)]
    for path in folder.iterdir():
        path.read_bytes()
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as work:
            scratch = Path(work)
            for name, source in own.items():
                env, cache = _environment(source, scratch), scratch / f"{name}.sqlite"
                for run in (name, f"{name}, warm")[: 1 + warm]:
                    output = _run(measured, run, _imgsim([str(folder)], cache), env)
                    if output is not None:
                        measured.groups[run] = len(json.loads(output)["groups"])
            env = _environment(None, scratch)
            _run(measured, "decode only", [*decode, "--workers", str(WORKERS)], env)
            for finder in finders:
                _run_finder(measured, finder, folder, given.environments, scratch)
    return measured


def _run_finder(
    measured: Measured, finder: Finder, folder: Path, environments: Path | None, scratch: Path
) -> None:
    if finder.name in measured.missing:
        return
    try:
        python = python_of(finder, environments)
    except NotInstalled as reason:
        measured.missing[finder.name] = str(reason)
        return
    job = Job(folder.absolute(), WORKERS, scratch / f"{finder.key}.json", python)
    env = _environment(None, scratch)
    env.pop("PYTHONPATH", None)
    _run(measured, finder.name, finder.command(job), env)


def measure_eight(folder: Path, given: argparse.Namespace) -> Measured:
    """Run over eight files again and again; wall time is what counts."""
    measured = Measured()
    files = [str(path) for path in sorted(folder.iterdir())[:_EIGHT]]
    for _ in range(5 * given.repeats):
        with tempfile.TemporaryDirectory() as work:
            scratch = Path(work)
            own = {"auto": None} | ({"other": given.imgsim.absolute()} if given.imgsim else {})
            for name, source in own.items():
                command = _imgsim(files, scratch / f"{name}.sqlite")
                _run(measured, name, command, _environment(source, scratch))
    return measured


def measure_phash(folder: Path, given: argparse.Namespace) -> Measured:
    """Run `phash:size=16` and a decode."""
    measured = Measured()
    decode = [sys.executable, str(Path(__file__).with_name("decode_only.py")), str(folder)]
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as work:
            scratch = Path(work)
            own = {"auto": None} | ({"other": given.imgsim.absolute()} if given.imgsim else {})
            for name, source in own.items():
                command = _imgsim([str(folder)], scratch / f"{name}.sqlite", "phash:size=16")
                _run(measured, name, command, _environment(source, scratch))
            env = _environment(None, scratch)
            _run(measured, "decode only", [*decode, "--workers", str(WORKERS)], env)
    return measured


def _shown_command() -> str:
    hidden = re.compile(r"^(?=.*/)(?!-).*")
    words = [hidden.sub("PATH", word) for word in sys.argv[1:]]
    return " ".join(["python benchmarks/near_floor.py", *words])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="given", type=Path, metavar="DATA")
    parser.add_argument("--environments", type=Path, metavar="DIR")
    parser.add_argument("--imgsim", type=Path, metavar="SRC")
    parser.add_argument("--kind", choices=[*KINDS, "eight", "phash"], action="append")
    parser.add_argument("--files", type=int, help="of each folder; default: by kind")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="near-floor", help="of the result")
    given = parser.parse_args()
    if given.imgsim and not given.imgsim.is_dir():
        parser.error(f"{given.imgsim} is no folder")
    # modules are compiled before they run, as those of an installed package are
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for source in filter(None, (Path(imgsim.__file__).parent, given.imgsim)):
        compileall.compile_dir(source, quiet=1)
    rows: dict[str, Any] = {}
    for kind in given.kind or [*KINDS, "eight", "phash"]:
        made_as = {"eight": "small", "phash": "small"}.get(kind, kind)
        n = given.files or KINDS[made_as]
        folder = make(made_as, given.folder, n, given.seed, given.given)
        print(f"{kind}: {folder.name}", flush=True)
        if kind == "eight":
            rows[kind] = measure_eight(folder, given).summary(_EIGHT)
        elif kind == "phash":
            rows[kind] = measure_phash(folder, given).summary(n)
        else:
            rows[kind] = measure(folder, given, warm=kind == "real").summary(n)
    packages = "imgsim", "numpy", "opencv-python-headless", "pillow", "simplejpeg"
    document = {**machine(_shown_command(), *packages), "workers": WORKERS, "folders": rows}
    print(write(given.name, document))


if __name__ == "__main__":
    main()
