"""Programs that find duplicate images: how each is installed, run and read.

A finder from PyPI runs in a virtual environment of its own, through its documented interface and
with its own defaults but for what its name says. All report groups of file names; a pair is a
group of two.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from record import Run

Groups = list[list[str]]

REPORT = """
import json, sys
from pathlib import Path
folder, workers, answer = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
def report(groups):
    answer.write_text(json.dumps([[str(path) for path in group] for group in groups]))
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One run: the folder, how many workers, where the answer goes, and the Python to use."""

    folder: Path
    workers: int
    answer: Path
    python: str


def _program(text: str) -> Callable[[Job], list[str]]:
    """A finder that is a Python library."""

    def command(job: Job) -> list[str]:
        return [job.python, "-c", REPORT + text, str(job.folder), str(job.workers), str(job.answer)]

    return command


def _reported(job: Job, run: Run) -> Groups:
    groups: Groups = json.loads(job.answer.read_text())
    return groups


def _imgsim(job: Job) -> list[str]:
    cache = str(job.answer.with_suffix(".sqlite"))
    return [
        sys.executable, "-m", "imgsim", "find-dupes", str(job.folder), "--method", "auto",
        "--preset", "normal", "--jobs", str(job.workers), "--cache", cache, "--format", "json",
        "--output", str(job.answer), "--quiet",
    ]  # fmt: skip


def _imgsim_groups(job: Job, run: Run) -> Groups:
    groups = json.loads(job.answer.read_text())["groups"]
    return [[member["path"] for member in group["members"]] for group in groups]


def _imagededup(method: str) -> Callable[[Job], list[str]]:
    return _program(f"""
from imagededup.methods import {method}
matches = {method}(verbose=False).find_duplicates(
    image_dir=folder, max_distance_threshold=10, num_enc_workers=workers, num_dist_workers=workers)
report([name, other] for name, others in matches.items() for other in others)
""")


def _fastdup(threshold: float) -> Callable[[Job], list[str]]:
    # By default it looks at the two nearest neighbours of a file only; here there are more copies.
    return _program(f"""
import os
os.environ["SENTRY_OPT_OUT"] = "1"
import fastdup
finder = fastdup.create(work_dir="fastdup", input_dir=folder)
finder.run(threshold={threshold}, nearest_neighbors_k=20, num_threads=workers, overwrite=True)
pairs = finder.similarity()
if pairs is None:
    report([])
else:
    report(pairs[["filename_from", "filename_to"]].values.tolist())
""")


_CLEANVISION = _program("""
from cleanvision import Imagelab
lab = Imagelab(data_path=folder)
kinds = ("exact_duplicates", "near_duplicates")
lab.find_issues({kind: {} for kind in kinds}, n_jobs=workers, verbose=False)
report(group for kind in kinds for group in lab.info[kind]["sets"])
""")

_DIFPY = _program("""
import difPy
if __name__ == "__main__":
    built = difPy.build(folder, show_progress=False, processes=workers)
    matches = difPy.search(built, similarity="similar", show_progress=False, processes=workers)
    report([name, *(other[0] for other in others)] for name, others in matches.result.items())
""")

_CZKAWKA = _program("""
from czkawka import ImageSimilarity
finder = ImageSimilarity()
finder.set_directories([folder])
finder.set_similarity(15)
report(finder.find_similar())
""")

# The smallest scale of JPEG at which the shorter side keeps 192 pixels: what hashes are made of.
_DECODE = _program("""
from concurrent.futures import ProcessPoolExecutor
from PIL import Image
def decode(path):
    with Image.open(path) as image:
        divisor = max(s for s in (1, 2, 4, 8) if s == 1 or min(image.size) // s >= 192)
        image.draft("L", (image.width // divisor, image.height // divisor))
        image.load()
if __name__ == "__main__":
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(decode, sorted(Path(folder).iterdir()), chunksize=32))
    report([])
""")


def _duplicate_images(job: Job) -> list[str]:
    program = Path(job.python).with_name("find-dups")
    return [
        str(program), str(job.folder), "--algorithm", "phash", "--max-distance", "6",
        "--parallel", str(job.workers), "--on-equal", "quote", "--quiet",
    ]  # fmt: skip


def _quoted_lines(job: Job, run: Run) -> Groups:
    return [shlex.split(line) for line in run.output.splitlines()]


def _findimagedupes(job: Job) -> list[str]:
    # It parts names by spaces, so it is given names without a folder.
    script = 'cd "$0" && exec findimagedupes --quiet -- *'
    return ["sh", "-c", script, str(job.folder)]


def _lines(job: Job, run: Run) -> Groups:
    return [line.split() for line in run.output.splitlines()]


@dataclass(frozen=True, slots=True)
class Finder:
    """A program to be measured.

    Attributes
    ----------
    name : str
        As tables show it.
    key : str
        Its name for ``--only``, and that of its environment.
    command : callable
        The arguments of a run.
    groups : callable
        Reads the groups that a run reported.
    requirement : str
        The package that pip installs into its environment; empty if it runs in this one.
    program : str
        The program that must be on the path, if pip does not install it.
    settings : str
        Its settings in words, for tables.
    """

    name: str
    key: str
    command: Callable[[Job], list[str]]
    groups: Callable[[Job, Run], Groups] = _reported
    requirement: str = ""
    program: str = ""
    settings: str = ""


IMAGEDEDUP = "imagededup==0.3.3.post2"
FASTDUP = "fastdup==2.54"

FINDERS = (
    Finder(
        "imgsim auto", "imgsim", _imgsim, _imgsim_groups, settings="--preset normal, cold cache"
    ),
    Finder(
        "imagededup phash", "imagededup", _imagededup("PHash"), requirement=IMAGEDEDUP,
        settings="distance ≤ 10",
    ),
    Finder(
        "imagededup dhash", "imagededup", _imagededup("DHash"), requirement=IMAGEDEDUP,
        settings="distance ≤ 10",
    ),
    Finder("difPy", "difpy", _DIFPY, requirement="difPy==4.2.1", settings="similar"),
    Finder(
        "cleanvision", "cleanvision", _CLEANVISION, requirement="cleanvision==0.3.7",
        settings="exact and near duplicates only",
    ),
    Finder(
        "duplicate-images", "duplicate-images", _duplicate_images, _quoted_lines,
        requirement="duplicate-images==0.11.9", settings="phash, distance ≤ 6",
    ),
    Finder(
        "fastdup 0.85", "fastdup", _fastdup(0.85), requirement=FASTDUP,
        settings="threshold 0.85, 20 neighbours",
    ),
    Finder(
        "fastdup 0.90", "fastdup", _fastdup(0.9), requirement=FASTDUP,
        settings="threshold 0.90, 20 neighbours",
    ),
    Finder(
        "czkawka", "czkawka", _CZKAWKA, requirement="czkawka==0.1.2",
        settings="similarity 15, through its Python binding",
    ),
    Finder(
        "findimagedupes", "findimagedupes", _findimagedupes, _lines, program="findimagedupes",
        settings="threshold 90 %",
    ),
    Finder("decode only", "decode", _DECODE, settings="reduced scale"),
)  # fmt: skip


class NotInstalled(Exception):
    """A finder cannot run; the message says why."""


def python_of(finder: Finder, environments: Path | None) -> str:
    """Return the Python that runs a finder."""
    if finder.program and not shutil.which(finder.program):
        raise NotInstalled(f"no {finder.program} here: apt-get install {finder.program}")
    if not finder.requirement:
        return sys.executable
    if environments is None:
        raise NotInstalled("no --environments given")
    home = environments / finder.key
    if not (home / "installed").exists():
        reason = home / "failed"
        raise NotInstalled(reason.read_text() if reason.exists() else "not installed: --install")
    return str(home / "bin" / "python")


def install(finder: Finder, environments: Path) -> None:
    """Make the environment of a finder; a failure is written down there."""
    home = environments.absolute() / finder.key
    if not finder.requirement or (home / "installed").exists():
        return
    print(f"installing {finder.requirement}", flush=True)
    python = str(home / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    run = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", finder.requirement],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
        reason = (errors or run.stderr.splitlines() or ["no reason given"])[-1]
        (home / "failed").write_text(reason)
        print(f"{finder.requirement}: {reason}", flush=True)
    else:
        (home / "failed").unlink(missing_ok=True)
        (home / "installed").touch()


def version_of(finder: Finder) -> str:
    """Return the version that runs; "not there" of a program that is not installed."""
    if finder.program:
        if shutil.which(finder.program) is None:
            return "not there"
        run = subprocess.run([finder.program, "--version"], capture_output=True, text=True)
        return run.stdout.split()[-1] if run.stdout.split() else "unknown"
    return finder.requirement.partition("==")[2]
