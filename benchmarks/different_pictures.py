"""How many pairs of different pictures `auto` takes for copies, among as many as a folder has.

    python benchmarks/different_pictures.py DATA/{photos,receipts,grocery,clothing,scenes,kodak}
    python benchmarks/different_pictures.py --drawn 4500
    python benchmarks/different_pictures.py --screens 200 --presets normal

write benchmarks/results/different-pictures.json. All pictures below the folders must be different.
With `--drawn`, pages of text are drawn by seeds that no limit was chosen on: of the twelve kinds of
`benchmarks/texts.py` in turn, each page and the same page with one other token; with `--screens`,
screens of one app, each with other text. find-dupes runs once for every preset, and the processor
seconds are those of all its processes; all pairs of a group count. Bounds are of 95 %, by the exact
binomial distribution (C. Clopper and E. Pearson, 1934), which takes the pairs for independent;
pairs of a few hundred pictures are not.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import record
from scipy.stats import beta

from imgsim import RunOptions, find_duplicates
from imgsim.comparators.base import Preset
from imgsim.pictures.screens import app_screen
from imgsim.pictures.text_pages import KINDS, draw_page, draw_variant
from imgsim.verify.judge import VERSION

PRESETS: tuple[Preset, ...] = "strict", "normal", "loose"
FIRST = 62_000
NEAREST = 20


def upper_bound(joined: int, pairs: int, confidence: float = 0.95) -> float:
    """Share of wrong pairs that there may be, at most, by what was seen."""
    return float(beta.ppf(confidence, joined + 1, pairs - joined)) if joined < pairs else 1.0


def draw(folder: Path, count: int, first: int) -> None:
    """Draw so many pictures, half of them with one token of another one changed."""
    kinds = list(KINDS)
    for number in range(count // 2):
        kind, seed = kinds[number % len(kinds)], first + number // len(kinds)
        for name, page in (("", draw_page(kind, seed)), ("-other", draw_variant(kind, seed, 0))):
            page.image.save(folder / f"{kind}-{seed}{name}.png", compress_level=1)


def draw_screens(folder: Path, count: int, seed: int) -> None:
    """Draw so many screens of one app, with other text on each."""
    for number in range(count):
        screen = app_screen(seed, number).image
        screen.save(folder / f"{number:05}.png", compress_level=1)


def processor_seconds() -> float:
    """Of this process and those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(folders: list[str], presets: Sequence[Preset], cache: Path) -> dict[str, Any]:
    """Count the pairs that stand in one group at each preset, and name the nearest."""
    result: dict[str, Any] = {}
    options = RunOptions(cache=cache)
    for preset in presets:
        start = processor_seconds()
        found = find_duplicates(folders, "auto", preset=preset, options=options)
        joined = [
            (one.distance or other.distance or 0.0, one.picture.file.path, other.picture.file.path)
            for group in found.groups
            for one, other in combinations(group.members, 2)
        ]
        pairs = found.images * (found.images - 1) // 2
        result[preset] = {
            "pictures": found.images,
            "pairs": pairs,
            "joined": len(joined),
            "upper_bound_95": upper_bound(len(joined), pairs),
            "groups": len(found.groups),
            "processor_seconds": round(processor_seconds() - start, 1),
            "nearest": [
                f"{distance:.2f} {Path(one).parent.name}/{Path(one).name} {Path(other).name}"
                for distance, one, other in sorted(joined)[:NEAREST]
            ],
        }
        print(preset, {k: v for k, v in result[preset].items() if k != "nearest"}, flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--drawn", type=int, default=0, help="pages to draw instead")
    parser.add_argument("--screens", type=int, default=0, help="screens of one app to draw instead")
    parser.add_argument("--first", type=int, default=FIRST, help="the first seed of these")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=PRESETS)
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    drawn = given.drawn or given.screens
    if sum(map(bool, (given.folders, given.drawn, given.screens))) != 1:
        parser.error("give folders, --drawn N or --screens N")
    with tempfile.TemporaryDirectory() as made:
        folders = given.folders
        if drawn:
            folders = [f"{made}/drawn"]
            Path(folders[0]).mkdir()
            (draw if given.drawn else draw_screens)(Path(folders[0]), drawn, given.first)
        result = measure(folders, given.presets, Path(made) / "cache")
    if given.dry:
        print(json.dumps(result, indent=1))
        return
    path = record.RESULTS / "different-pictures.json"
    document = json.loads(path.read_text()) if path.exists() else {}
    what = f"--drawn {drawn}" if given.drawn else f"--screens {drawn}"
    names = (
        " ".join(Path(folder).name for folder in given.folders) or f"{what} --first {given.first}"
    )
    command = f"python benchmarks/different_pictures.py {names} --presets {' '.join(given.presets)}"
    about = record.machine(command, "numpy", "opencv-python-headless") | {"verdicts": VERSION}
    if given.drawn:
        about["seeds"] = [given.first, given.first + (given.drawn // 2 - 1) // len(KINDS)]
    document["drawn" if given.drawn else f"screens {drawn}" if drawn else "real"] = about | result
    print(record.write("different-pictures", document))


if __name__ == "__main__":
    main()
