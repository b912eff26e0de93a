"""What is left of photo libraries when finders remove duplicates by their own rules.

    python benchmarks/library.py DATA/photos DATA/large --seeds 161 162 --folder LIBRARIES
    python benchmarks/kept_by_finders.py LIBRARIES --environments ENVIRONMENTS

Beside each library lies what library.py knows of its files (161.json). imgsim applies its plan.
dupeGuru (Debian's package, standard settings of its picture mode, sizes compared or not) marks all
but the reference file of each group, which is the largest. czkawka, through its Python binding,
only finds: all but the largest file, the one with most pixels or the oldest go, as its window
offers. imagededup (`find_duplicates_to_remove`), difPy (`lower_quality`) and duplicate-images
(`--on-equal delete-smallest`, by size) have rules of their own.

An original is lost where no file with its bytes is left. Result file kept-by-finders.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from finders import FINDERS, REPORT, Job, NotInstalled, python_of
from library import REMOVABLE, SHOTS, Made
from PIL import Image
from pillow_heif import register_heif_opener
from record import machine, run_program, write

_DUPEGURU = Path("/usr/share/dupeguru")
_DUPEGURU_MARKS = """
import os, tempfile
os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.path.insert(0, "/usr/share/dupeguru")
from core.pe.scanner import ScannerPE
from core.scanner import ScanType
from qt.pe.photo import File
if __name__ == "__main__":
    scanner = ScannerPE()
    scanner.scan_type, scanner.min_match_percentage = ScanType.FUZZYBLOCK, 95
    scanner.match_scaled = {scaled}
    scanner.cache_path = os.path.join(tempfile.mkdtemp(), "cache.db")
    paths = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    files = [File(path) for path in paths if File.can_handle(path)]
    report([file.path for file in group.dupes] for group in scanner.get_dupe_groups(files))
"""
_CZKAWKA_GROUPS = """
from czkawka import ImageSimilarity
finder = ImageSimilarity()
finder.set_directories([folder])
finder.set_similarity(15)
report(finder.find_similar())
"""
_IMAGEDEDUP_REMOVES = """
from imagededup.methods import PHash
report([PHash(verbose=False).find_duplicates_to_remove(
    image_dir=folder, recursive=True, num_enc_workers=workers, num_dist_workers=workers)])
"""
_DIFPY_REMOVES = """
import difPy
if __name__ == "__main__":
    built = difPy.build(folder, in_folder=False, show_progress=False, processes=workers)
    report([difPy.search(
        built, similarity="similar", same_dim=False, show_progress=False, processes=workers,
    ).lower_quality])
"""


def _run(job: Job, text: str) -> list[list[str]]:
    """Lists of paths that a program of a finder reports."""
    script = job.answer.with_suffix(".py")  # worker processes start from a file
    script.write_text(REPORT + text)
    call = [job.python, str(script), str(job.folder), str(job.workers), str(job.answer)]
    done = run_program(call, cwd=job.answer.parent)
    if done.code:
        raise NotInstalled(done.error.strip().splitlines()[-1])
    groups: list[list[str]] = json.loads(job.answer.read_text())
    return groups


def _reported(text: str) -> Callable[[Job], Iterable[str]]:
    return lambda job: (str(job.folder / path) for group in _run(job, text) for path in group)


def _all_but(best: Callable[[str], float]) -> Callable[[Job], Iterable[str]]:
    def removed(job: Job) -> Iterable[str]:
        for group in _run(job, _CZKAWKA_GROUPS):
            kept = max(group, key=best)
            yield from (path for path in group if path != kept)

    return removed


def _pixels(path: str) -> float:
    with Image.open(path) as image:
        return image.width * image.height


def _imgsim(job: Job) -> Iterable[str]:
    plan = job.answer.with_name("plan.json")
    call = [job.python, "-m", "imgsim", "find-dupes", str(job.folder), "--plan", str(plan)]
    done = run_program([*call, "--cache", "off", "--quiet"])
    if done.code not in (0, 1):
        raise NotInstalled(done.error)
    document = json.loads(plan.read_text())
    top = Path(document["root"])
    return [str(top / one["path"]) for group in document["groups"] for one in group["remove"]]


def _duplicate_images(job: Job) -> Iterable[str]:
    copy = job.answer.parent / "copy"
    shutil.copytree(job.folder, copy)
    program = str(Path(job.python).with_name("find-dups"))
    options = ["--algorithm", "phash", "--max-distance", "6", "--on-equal", "delete-smallest"]
    run_program([program, str(copy), *options, "--quiet"])
    files = (path for path in job.folder.rglob("*") if path.is_file())
    return [str(path) for path in files if not (copy / path.relative_to(job.folder)).exists()]


@dataclass(frozen=True, slots=True)
class Keeper:
    """A finder with a rule by which it keeps one file of a group.

    Attributes
    ----------
    name : str
    finder : str
        Key of `finders.FINDERS`, whose environment it runs in; "dupeguru" for the system's Python.
    removed : callable
        Paths of the files that are to go.
    """

    name: str
    finder: str
    removed: Callable[[Job], Iterable[str]]


KEEPERS = (
    Keeper("imgsim", "imgsim", _imgsim),
    Keeper("dupeGuru", "dupeguru", _reported(_DUPEGURU_MARKS.format(scaled=False))),
    Keeper("dupeGuru, any size", "dupeguru", _reported(_DUPEGURU_MARKS.format(scaled=True))),
    Keeper("czkawka, largest file", "czkawka", _all_but(os.path.getsize)),
    Keeper("czkawka, most pixels", "czkawka", _all_but(_pixels)),
    Keeper("czkawka, oldest", "czkawka", _all_but(lambda path: -os.path.getmtime(path))),
    Keeper("imagededup phash", "imagededup", _reported(_IMAGEDEDUP_REMOVES)),
    Keeper("difPy", "difpy", _reported(_DIFPY_REMOVES)),
    Keeper("duplicate-images", "duplicate-images", _duplicate_images),
)


def _python(keeper: Keeper, environments: Path | None) -> str:
    if keeper.finder == "dupeguru":
        if not _DUPEGURU.exists():
            raise NotInstalled("apt-get install dupeguru")
        return "/usr/bin/python3"
    return python_of(next(f for f in FINDERS if f.key == keeper.finder), environments)


def count(removed: set[str], made: list[Made]) -> dict[str, int]:
    """Count what is left of a library, and what went.

    Parameters
    ----------
    removed : set of str
    made : list of Made

    Returns
    -------
    dict of int
        "mere copies": files with the picture of an original as it is, compressed or smaller, that
        went; "originals lost"; "changed versions" and "further shots" that went: no copies.
    """
    digests = {one.path: sha256(Path(one.path).read_bytes()).digest() for one in made}
    left = {digest for path, digest in digests.items() if path not in removed}
    originals = {one.original for one in made}
    went = Counter(_what(one) for one in made if one.path in removed)
    return {
        "mere copies": went["mere copies"],
        "originals lost": sum(digests[path] not in left for path in originals),
        "changed versions": went["changed versions"],
        "further shots": went["further shots"],
    }


def _what(one: Made) -> str:
    if one.kind == "original":
        return "originals"
    if one.kind in SHOTS:
        return "further shots"
    return "mere copies" if set(one.roles) & set(REMOVABLE) else "changed versions"


def main() -> None:
    """Run all finders over all libraries."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("libraries", type=Path, help="what library.py --folder made")
    parser.add_argument("--environments", type=Path, help="those of duplicate_finders.py --install")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="finders")
    given = parser.parse_args()
    register_heif_opener()
    libraries = {
        truth.with_suffix(""): [Made(**one) for one in json.loads(truth.read_text())]
        for truth in sorted(given.libraries.glob("*.json"))
        if truth.with_suffix("").is_dir()
    }
    known = [one for made in libraries.values() for one in made]
    there = Counter(map(_what, known))
    print(json.dumps(there))
    results: dict[str, Any] = {}
    for keeper in KEEPERS:
        if given.only and keeper.name.partition(",")[0] not in given.only:
            continue
        total = Counter[str]()
        try:
            python = _python(keeper, given.environments)
            for folder, made in libraries.items():
                with tempfile.TemporaryDirectory() as own:
                    job = Job(folder.resolve(), given.workers, Path(own) / "answer.json", python)
                    total.update(count({os.path.realpath(p) for p in keeper.removed(job)}, made))
        except NotInstalled as error:
            print(f"{keeper.name}: {error}", flush=True)
            continue
        results[keeper.name] = dict(total)
        print(keeper.name, json.dumps(total), flush=True)
    command = "python benchmarks/kept_by_finders.py LIBRARIES --environments ENVIRONMENTS"
    names = [folder.name for folder in libraries]
    document = {"libraries": names, "there": there, "removed": results}
    print(write("kept-by-finders", {**machine(command), **document}))


if __name__ == "__main__":
    main()
