"""Coverage-guided fuzzing of what reads files, with atheris.

    python benchmarks/fault_fuzz.py all --minutes 60
    python benchmarks/fault_fuzz.py zip -max_total_time=600
    python benchmarks/fault_fuzz.py decode -max_total_time=600 -seed=3
    python benchmarks/fault_fuzz.py zip FILE...

The first argument names what is fuzzed, the others are libFuzzer's (files: these alone are read).
It begins with a whole file of each kind, see fault_inputs.py. What may not come out of a file is
printed once for each place it comes from, with the file that it came from, and the fuzzing goes on.
``all`` fuzzes all targets in turn, each for its share of the time, and writes the result file
fuzz.json; after a target's name and a comma others may follow. atheris is no dependency: install it
into another environment (Linux, macOS). Coverage is counted in the Python code of imgsim, and for
pictures, tar and zip files in that of Pillow, tifffile and the standard library too; compiled code
of other packages is run, but does not guide.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

_NAME = sys.argv[1] if len(sys.argv) > 1 else ""
_GUIDED = {
    "decode": ["imgsim", "PIL", "tifffile"], "tar": ["imgsim", "tarfile"],
    "zip in zip": ["imgsim", "zipfile"], "archive": ["imgsim", "zipfile"],
    "features": ["imgsim", "zipfile"],
}.get(_NAME, ["imgsim"])  # fmt: skip

try:
    import atheris
except ImportError:
    raise SystemExit(
        "atheris is not installed: pip install atheris, best where it is alone"
    ) from None

with atheris.instrument_imports(include=_GUIDED, enable_loader_override=False):
    from fault_indexes import open_all
    from fault_inputs import INPUTS, whole_input
    from fault_pictures import FORMATS, read_all, written

    from imgsim.act.plan_file import read_plan
    from imgsim.decisions.records import heading, read_line
    from imgsim.decode.damage import hidden_fault
    from imgsim.decode.metadata import read_metadata
    from imgsim.decode.source import open_source
    from imgsim.errors import ImgsimError
    from imgsim.read.archives.zip_directory import overlapping, read_directory

_MOST_MEGABYTES = 500
"""That a small file may take; ``--max-memory`` is 400 MB for those that are decoded."""

_MOST_PIXELS = 1 << 22

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))

SHARES = {
    "decode": 10, "header": 5, "zip": 3, "archive": 3, "zip in zip": 2, "tar": 3, "tar.xz": 1,
    "csv": 3, "json-lines": 2, "coco": 2, "yaml": 3, "parquet": 2, "state": 1, "file list": 1,
    "plan": 4, "decisions": 3, "decisions file": 1, "cache": 3, "features": 2, "journal": 1,
    "profile": 1, "baseline": 1, "leaks-baseline": 1, "settings": 1, "weights": 1, "sidecar": 3,
    "index manifest": 3, "index segment": 3,
}  # fmt: skip
"""How the time of all is divided."""


def _of_input(kind: str) -> Callable[[bytes], None]:
    one = INPUTS[kind]
    path = FOLDER / one.name

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            one.read(path)
        except (ImgsimError, *one.raises):
            return

    return read


def _zip(data: bytes) -> None:
    stream = io.BytesIO(data)
    try:
        entries = list(read_directory(stream))
        overlapping(stream, entries)
    except OSError:
        return


def _decisions(data: bytes) -> None:
    for number, line in enumerate(data.split(b"\n"), 2):
        try:
            read_line(line, "decisions.jsonl", number)
        except ImgsimError:
            continue


def _plan(data: bytes) -> None:
    try:
        read_plan(data)
    except ImgsimError:
        return


def _index(data: bytes, *, manifest: bool) -> None:
    """An index whose sums are right whatever is in it: what they would refuse is read too."""
    try:
        open_all(data, FOLDER / "index", manifest=manifest)
    except ImgsimError:
        return


def _header(data: bytes) -> None:
    """What reads a picture beside its decoder, which would tell of anything as damage."""
    try:
        source = open_source(data)
    except Exception:  # the decoder makes of it what is said of a skipped file
        source = None
    # of larger ones a run reckons the memory
    if source is not None and source.width * source.height <= _MOST_PIXELS:
        hidden_fault(data, _MOST_PIXELS)
    read_metadata(data, history=False)


def _decode(data: bytes) -> None:
    """All that a run does with a file; of it only what is said of a skipped file may come."""
    raised = read_all(data)
    if raised:
        raise AssertionError(raised[0])


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[str, ...]]] = {
    "decode": (_decode, ()),
    "header": (_header, ()),
    "zip": (_zip, ("zip", "zip in zip")),
    "plan": (_plan, ("plan",)),
    "decisions": (_decisions, ("decisions",)),
    "index manifest": (partial(_index, manifest=True), ("index, manifest with its sum",)),
    "index segment": (partial(_index, manifest=False), ("index, segment",)),
} | {
    name: (_of_input(kind), (kind,))
    for name, kind in {
        "archive": "zip", "zip in zip": "zip in zip", "tar": "tar", "tar.xz": "tar.xz",
        "csv": "CSV", "json-lines": "JSON lines", "coco": "COCO", "yaml": "data.yaml",
        "parquet": "Parquet of paths", "state": "state.json", "file list": "file list",
        "decisions file": "decisions", "cache": "cache", "features": "features, npz",
        "journal": "journal", "profile": "profile", "baseline": "baseline",
        "leaks-baseline": "leaks baseline", "settings": "settings", "weights": "weights",
        "sidecar": "sidecar",
    }.items()
}  # fmt: skip


def _reporting(target: Callable[[bytes], None], found: Path) -> Callable[[bytes], None]:
    """Return a target that tells of an exception once for each place that raises it."""
    known: set[str] = set()

    def read(data: bytes) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            target(data)
            more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
            if more > _MOST_MEGABYTES:
                raise AssertionError(f"it took {more} MB")
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            own = [f for f in frames if "/imgsim/" in f.filename] or list(frames)
            place = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
            said = str(error) if isinstance(error, AssertionError) else type(error).__name__
            key = f"{place} {re.sub(r'[0-9]+', 'N', said)[:80]}"
            if key not in known:
                known.add(key)
                path = found / hashlib.sha256(data).hexdigest()[:12]
                path.write_bytes(data)
                text = " ".join(f"{type(error).__name__}: {error}"[:300].split())
                print(f"FOUND {place}: {text} ({path})", file=sys.stderr, flush=True)

    return read


def _fuzz_one(name: str, arguments: list[str]) -> None:
    target, kinds = TARGETS[name]
    warnings.simplefilter("ignore")
    files = [Path(one) for one in arguments if not one.startswith("-")]
    files = [path for path in files if path.is_file()]
    for path in files:
        target(path.read_bytes())
    if files:
        return
    corpus = Path(os.environ.get("FUZZ_CORPUS", FOLDER / "corpus"))
    found = Path(os.environ.get("FUZZ_FOUND", FOLDER / "found"))
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    wholes: list[Any] = [whole_input(kind) for kind in kinds]
    if not kinds:
        wholes = [written(kind, 7000, 48, 36) for kind in FORMATS]
    if name == "decisions":
        wholes.append(heading().encode())
    for number, data in enumerate(wholes):
        if data is not None:
            (corpus / str(number)).write_bytes(data)
            target(data)
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], _reporting(target, found))
    atheris.Fuzz()


# All in turn -----------------------------------------------------------------------------------


def _run_one(name: str, seconds: int, seed: int, folder: Path) -> dict[str, Any]:
    """Fuzz one target in processes of their own, with what the ones before found out."""
    end = time.monotonic() + seconds
    executions, coverage, features, ends = 0, 0, 0, []
    found: list[str] = []
    environment = os.environ | {
        "FUZZ_CORPUS": str(folder / name / "corpus"), "FUZZ_FOUND": str(folder / name / "found"),
    }  # fmt: skip
    peak, number = 0, 0
    while (left := int(end - time.monotonic())) > 2 and number < 50:
        command = [
            sys.executable, __file__, name, f"-max_total_time={left}", "-print_final_stats=1",
            f"-seed={seed + number}", "-timeout=60", "-rss_limit_mb=4096",
            f"-artifact_prefix={folder / name}/",
        ]  # fmt: skip
        log = folder / name / f"log {number}"
        log.parent.mkdir(exist_ok=True)
        with log.open("w+b") as stream:
            done = subprocess.run(command, env=environment, stdout=stream, stderr=stream)
        text = log.read_text("utf-8", "replace")
        steps = re.findall(r"^#(\d+)\s.*?cov: (\d+) ft: (\d+)", text, re.MULTILINE)
        total = re.findall(r"number_of_executed_units: *(\d+)", text)
        executions += int(total[-1] if total else steps[-1][0] if steps else 0)
        coverage = max([coverage, *(int(step[1]) for step in steps)])
        features = max([features, *(int(step[2]) for step in steps)])
        peak = max([peak, *map(int, re.findall(r"peak_rss_mb: *(\d+)", text))])
        found += [line for line in re.findall(r"^FOUND (.*) \(", text, re.M) if line not in found]
        if done.returncode:
            what = re.findall(r"ERROR: libFuzzer: (.*)", text)
            ends.append(what[-1].strip() if what else f"ended with {done.returncode}")
        number += 1
    return {
        "seconds": seconds, "executions": executions, "coverage": coverage, "features": features,
        "found": found, "process_ended": ends, "peak_mb": peak,
    }  # fmt: skip


def _fuzz_all(arguments: list[str], names: list[str]) -> None:
    from record import RESULTS, machine, write

    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    import json

    path = RESULTS / "fuzz.json"
    targets = json.loads(path.read_text("utf-8"))["targets"] if path.exists() else {}
    share = 60 * given.minutes / sum(SHARES[name] for name in names)
    for name in names:
        seconds = round(share * SHARES[name])
        targets[name] = _run_one(name, seconds, given.seed, given.folder)
        print(name, targets[name], flush=True)
        facts = machine("python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
                        "atheris", "pillow", "tifffile", "pyarrow")  # fmt: skip
        total = {
            "seconds": sum(one["seconds"] for one in targets.values()),
            "executions": sum(one["executions"] for one in targets.values()),
        }
        write("fuzz", facts | total | {"targets": targets})


def main() -> None:
    if not _NAME or _NAME in ("-h", "--help"):
        raise SystemExit(f"{__doc__}\nTargets: {', '.join(TARGETS)}")
    if _NAME == "all" or "," in _NAME:
        names = list(SHARES) if _NAME == "all" else _NAME.split(",")
        _fuzz_all(sys.argv[2:], [name for name in names if name])
    else:
        _fuzz_one(_NAME, sys.argv[2:])


if __name__ == "__main__":
    main()
