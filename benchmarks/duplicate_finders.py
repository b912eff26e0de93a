"""imgsim and other finders of duplicate images on the same folders, scored by the same rules.

    python benchmarks/duplicate_finders.py DIR --environments DIR --install
    python benchmarks/duplicate_finders.py DIR --environments DIR --photos 240 --receipts 60 \\
        --copies 9 --look-alikes 20 --photos-from DATA/photos \\
        --receipts-from DATA/receipts \\
        --look-alikes-from DATA/{receipts,grocery,clothing,fruits96}

Three folders are made in DIR, the same for the same options: photos and receipts, each with
changed copies, and look-alikes, of which no two are the same picture. Files below a folder given
with ``-from`` must all show different pictures; without one, pictures are made by code. Every
finder that is installed runs in a process of its own, with its caches empty and the files in the
system's. Wall time, processor time and memory are those of all its processes together.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from finder_score import FinderScore, pairs_between, score
from finder_tables import changes_table, table
from finders import FINDERS, Finder, Groups, Job, NotInstalled, install, python_of, version_of
from PIL import Image
from record import Run, machine, run_program, spread, write

import imgsim.pictures
from imgsim.pictures.changes import CHANGES, COMBINATIONS
from imgsim.pictures.copies import TRUTH, Copy, write_copies
from imgsim.pictures.documents import receipt
from imgsim.pictures.generate import landscape
from imgsim.pictures.standins import write_look_alikes
from imgsim.read.discover import discover

_SHOP = 10  # receipts of one shop, among those made by code
_WRONG_SHOWN = 40


def photos_by_code(folder: Path, n: int, seed: int) -> None:
    """Write landscapes."""
    for i in range(n):
        Image.fromarray(landscape(1000 * seed + i)).save(folder / f"{i:04}.jpg", quality=92)


def receipts_by_code(folder: Path, n: int, seed: int) -> None:
    """Write receipts of several shops."""
    for i in range(n):
        image = Image.fromarray(receipt(1000 * seed + i // _SHOP, i % _SHOP))
        image.save(folder / f"{i:04}.jpg", quality=92)


def sources(
    given: Sequence[str],
    made: Path,
    n: int,
    seed: int,
    make: Callable[[Path, int, int], None],
) -> list[Path]:
    """Choose n of the given files, or make so many pictures by code."""
    if not given:
        made.mkdir(parents=True)
        make(made, n, seed)
        return sorted(made.iterdir())
    files = [Path(file.path) for file in discover(given).files]
    chosen = np.random.default_rng((seed, 3)).permutation(len(files))[:n]
    if len(files) < n:
        print(f"{len(files)} files instead of {n} below {' '.join(given)}")
    return [files[i] for i in sorted(chosen)]


def look_alikes(given: Sequence[str], made: Path, each: int, seed: int) -> list[Path]:
    """Return all of the given files, and look-alikes made by code."""
    files = [Path(file.path) for file in discover(given).files] if given else []
    return files + list(write_look_alikes(made, each=each, seed=seed))


def _code() -> bytes:
    """Return the code that makes the folders: if it changes, they are made again."""
    modules = sorted(Path(imgsim.pictures.__path__[0]).glob("*.py"))
    return b"".join(module.read_bytes() for module in modules) + version("pillow").encode()


def make_folder(
    home: Path, name: str, choose: Callable[[Path], list[Path]], options: argparse.Namespace
) -> tuple[Path, tuple[Copy, ...]]:
    """Make a folder of copies, and the list of them beside it: the finders do not see the list."""
    own = name.replace("-", "_")
    made_from = [own, f"{own}_from", "copies", "combinations", "seed"]
    wanted = repr([getattr(options, option) for option in made_from])
    digest = hashlib.sha256(wanted.encode() + _code()).hexdigest()[:8]
    folder, truth = home / f"{name}-{digest}", home / f"{name}-{digest}.csv"
    if not truth.exists():
        print(f"making {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory() as made:
            write_copies(
                choose(Path(made) / name),
                folder,
                copies_per_image=0 if name == "look-alikes" else options.copies,
                seed=options.seed,
                changes=CHANGES + COMBINATIONS if options.combinations else CHANGES,
            )
        shutil.move(folder / TRUTH, truth)
    with truth.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        copies = [Copy(r["path"], int(r["label"]), r["source"], r["change"]) for r in rows]
    assert [field.name for field in fields(Copy)] == list(rows.fieldnames or [])
    return folder, tuple(copies)


def run_once(
    finder: Finder, python: str, folder: Path, options: argparse.Namespace
) -> tuple[Run, Groups | None]:
    """Run a finder with nothing remembered from an earlier run; no groups if it failed."""
    for path in folder.iterdir():
        path.read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        env = os.environ | {
            "HOME": scratch,
            "XDG_CACHE_HOME": f"{scratch}/cache",
            "XDG_CONFIG_HOME": f"{scratch}/config",
        }
        job = Job(folder.absolute(), options.workers, Path(scratch) / "answer.json", python)
        run = run_program(finder.command(job), env, Path(scratch), options.limit)
        if run.code != 0:
            return run, None
        try:
            return run, finder.groups(job, run)
        except (OSError, ValueError):  # it ended well, but left no answer
            return run, None


def _line(finder: Finder, run: Run, result: FinderScore) -> str:
    line = f"{finder.name:18} {run.seconds:8.1f} s {run.cpu_seconds:8.1f} s CPU"
    line += f" {run.peak_mb:7.0f} MB"
    if finder.key == "decode":
        return line
    if result.recall is not None:
        line += f"  recall {result.recall:.3f}"
    return f"{line}  {len(result.wrong)} wrong"


def _why(run: Run) -> str:
    if run.code is None:
        return f"stopped after {run.seconds:.0f} s"
    lines = run.error.strip().splitlines() or ["no message"]
    return f"exit {run.code}: {re.sub(r'/[^ ]*/', 'DIR/', lines[-1])[:200]}"


def measure(
    finders: Sequence[Finder], folder: Path, copies: Sequence[Copy], options: argparse.Namespace
) -> dict[str, Any]:
    """Run all finders on one folder, in turn, as often as asked for."""
    runs: dict[str, list[Run]] = {}
    failed: dict[str, str] = {}
    scores: dict[str, FinderScore] = {}
    for _ in range(options.repeat):
        for finder in finders:
            if finder.name in failed:
                continue
            try:
                python = python_of(finder, options.environments)
            except NotInstalled as why:
                failed[finder.name] = str(why)
                print(f"{finder.name:18} not run: {why}", flush=True)
                continue
            run, groups = run_once(finder, python, folder, options)
            if groups is None:
                failed[finder.name] = _why(run)
                print(f"{finder.name:18} failed: {_why(run)}", flush=True)
                continue
            runs.setdefault(finder.name, []).append(run)
            scores[finder.name] = score(groups, copies)
            print(_line(finder, run, scores[finder.name]), flush=True)
    results = {
        finder.name: {"error": failed[finder.name]}
        if finder.name in failed
        else _recorded(finder, runs[finder.name], scores[finder.name])
        for finder in finders
    }
    ours = results.get("imgsim auto", {}).get("seconds")
    for result in results.values():
        if ours and "seconds" in result:
            ratio = result["seconds"]["median"] / ours["median"]
            result["seconds_relative_to_imgsim"] = round(ratio, 2)
    return results


def _recorded(finder: Finder, runs: Sequence[Run], scored: FinderScore) -> dict[str, Any]:
    """Return the result of a finder as the file records it."""
    result: dict[str, Any] = {
        "seconds": spread([run.seconds for run in runs]),
        "cpu_seconds": spread([run.cpu_seconds for run in runs]),
        "peak_memory_mb": round(max(run.peak_mb for run in runs), 1),
        "peak_rss_mb": round(max(run.peak_rss_mb for run in runs), 1),
    }
    if finder.key == "decode":
        return result
    if scored.recall is not None:
        result["recall"] = round(scored.recall, 4)
        result["recall_by_change"] = {
            c: round(scored.recall_of(c), 4) for c in sorted(scored.copies)
        }
    result["wrong_pairs"] = len(scored.wrong)
    result["some_wrong_pairs"] = [
        [f"{copy.source}: {copy.change}" for copy in pair] for pair in scored.wrong[:_WRONG_SHOWN]
    ]
    return result


def describe(folder: Path, copies: Sequence[Copy], given: Sequence[str]) -> dict[str, Any]:
    """Describe a folder for the record."""
    changes = sorted({copy.change for copy in copies} - {"original"})
    return {
        "files": len(copies),
        "originals": len({copy.label for copy in copies}),
        "copies": {c: sum(copy.change == c for copy in copies) for c in changes},
        "made_from": [Path(path).absolute().name for path in given] or "pictures made by code",
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "pairs_of_different_pictures": pairs_between(copies),
    }


def _chosen(only: str | None) -> list[Finder]:
    if only is None:
        return list(FINDERS)
    wanted = [name.strip() for name in only.split(",")]
    known = {finder.key for finder in FINDERS} | {finder.name for finder in FINDERS}
    for name in wanted:
        if name not in known:
            raise SystemExit(f"no finder {name!r}: {', '.join(sorted(known))}")
    return [finder for finder in FINDERS if finder.key in wanted or finder.name in wanted]


def _command(given: argparse.Namespace) -> str:
    """Return the command, with DIR for the user's own paths."""
    parts = ["python benchmarks/duplicate_finders.py DIR"]
    if given.environments:
        parts.append("--environments DIR")
    for option in ("photos_from", "receipts_from", "look_alikes_from"):
        if getattr(given, option):
            parts.append(f"--{option.replace('_', '-')}" + " DIR" * len(getattr(given, option)))
    parts += [
        f"--photos {given.photos} --receipts {given.receipts} --look-alikes {given.look_alikes}",
        f"--copies {given.copies} --seed {given.seed} --repeat {given.repeat}",
        f"--workers {given.workers}",
    ]
    if given.combinations:
        parts.append("--combinations")
    if given.only:
        parts.append(f'--only "{given.only}"')
    if given.name != "duplicate-finders":
        parts.append(f"--name {given.name}")
    return " ".join(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", metavar="DIR", type=Path, help="where the pictures are made, and found again")
    add("--environments", metavar="DIR", type=Path, help="where the finders are installed")
    add("--install", action="store_true", help="install the finders that are missing there")
    add("--only", metavar="NAME,...", help="of " + ", ".join(dict.fromkeys(f.key for f in FINDERS)))
    add("--photos", type=int, default=30, help="originals; 0 leaves the folder out")
    add("--receipts", type=int, default=20, help="originals; 0 leaves the folder out")
    add("--look-alikes", type=int, default=5,
        help="of each kind made by code; 0 leaves the folder out")  # fmt: skip
    add("--copies", type=int, default=5, help="of each photo and receipt")
    add("--combinations", action="store_true", help="also two and three changes at once")
    add("--photos-from", metavar="DIR", nargs="+", default=[])
    add("--receipts-from", metavar="DIR", nargs="+", default=[])
    add("--look-alikes-from", metavar="DIR", nargs="+", default=[])
    add("--seed", type=int, default=0)
    add("--repeat", type=int, default=1, help="runs of each finder; the median is told")
    add("--workers", type=int, default=os.cpu_count() or 1)
    add("--limit", type=float, default=3600, help="seconds that a finder may take")
    add("--name", default="duplicate-finders", help="of the result file")
    return parser.parse_args()


def main() -> None:
    given = _options()
    finders = _chosen(given.only)
    if given.install:
        if given.environments is None:
            raise SystemExit("--install needs --environments")
        for finder in finders:
            install(finder, given.environments)
    given.folder.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, tuple[int, Callable[[Path], list[Path]]]] = {
        "photos": (
            given.photos,
            lambda made: sources(given.photos_from, made, given.photos, given.seed, photos_by_code),
        ),
        "receipts": (
            given.receipts,
            lambda made: sources(
                given.receipts_from, made, given.receipts, given.seed, receipts_by_code
            ),
        ),
        "look-alikes": (
            given.look_alikes,
            lambda made: look_alikes(given.look_alikes_from, made, given.look_alikes, given.seed),
        ),
    }
    folders = {}
    for name, (n, choose) in kinds.items():
        if n:
            folder, copies = make_folder(given.folder, name, choose, given)
            print(f"\n{name}: {len(copies)} files")
            came_from = getattr(given, f"{name.replace('-', '_')}_from")
            folders[name] = describe(folder, copies, came_from) | {
                "finders": measure(finders, folder, copies, given)
            }
    document = {
        **machine(_command(given), "imgsim", "pillow", "opencv-python-headless"),
        "finders": {
            finder.name: {"version": version_of(finder), "settings": finder.settings}
            for finder in finders
            if finder.requirement or finder.program
        },
        "seed": given.seed,
        "workers": given.workers,
        "folders": folders,
    }
    for name, folder in folders.items():
        different = folder["pairs_of_different_pictures"]
        print(f"\n**{name}**: {folder['files']:,} files, {different:,} pairs of different pictures")
        print("", *table(folder), sep="\n")
    for name, folder in folders.items():
        if any("recall" in result for result in folder["finders"].values()):
            print(f"\n{name}: recall by change", "", *changes_table(folder), sep="\n")
    print(f"\n{write(given.name, document)}")


if __name__ == "__main__":
    main()
