"""How many pairs of different pictures `auto` takes for copies, among as many as a folder has.

    python benchmarks/different_pictures.py DATA/{photos,receipts,grocery,clothing,scenes,kodak}
    python benchmarks/different_pictures.py --drawn 4500

write benchmarks/results/different-pictures.json. All pictures below the folders must be different.
With `--drawn`, pages of text are drawn by seeds that no limit was chosen on: of the twelve kinds of
`benchmarks/texts.py` in turn, each page and the same page with one other token. find-dupes runs
once for every preset; all pairs of a group count. Bounds are of 95 %, by the exact binomial
distribution (C. Clopper and E. Pearson, 1934), which takes the pairs for independent; pairs of a
few hundred pictures are not.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import record
from scipy.stats import beta

from imgsim import RunOptions, find_duplicates
from imgsim.comparators.base import Preset
from imgsim.pictures.text_pages import KINDS, draw_page, draw_variant
from imgsim.verify.judge import VERSION

PRESETS: tuple[Preset, ...] = "strict", "normal", "loose"
FIRST = 40_000
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


def measure(folders: list[str], presets: Sequence[Preset], cache: Path) -> dict[str, Any]:
    """Count the pairs that stand in one group at each preset, and name the nearest."""
    result: dict[str, Any] = {}
    options = RunOptions(cache=cache)
    for preset in presets:
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
            "seconds": round(found.seconds.total, 1),
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
    parser.add_argument("--first", type=int, default=FIRST, help="the first seed of these")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=PRESETS)
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    if bool(given.folders) == bool(given.drawn):
        parser.error("give folders, or --drawn N")
    with tempfile.TemporaryDirectory() as made:
        folders = given.folders
        if given.drawn:
            folders = [f"{made}/pages"]
            Path(folders[0]).mkdir()
            draw(Path(folders[0]), given.drawn, given.first)
        result = measure(folders, given.presets, Path(made) / "cache")
    if given.dry:
        print(json.dumps(result, indent=1))
        return
    path = record.RESULTS / "different-pictures.json"
    document = json.loads(path.read_text()) if path.exists() else {}
    names = " ".join(Path(folder).name for folder in given.folders)
    command = f"python benchmarks/different_pictures.py {names or f'--drawn {given.drawn}'}"
    about = record.machine(command, "numpy", "opencv-python-headless") | {"verdicts": VERSION}
    if given.drawn:
        about["seeds"] = [given.first, given.first + (given.drawn // 2 - 1) // len(KINDS)]
    document["drawn" if given.drawn else "real"] = about | result
    print(record.write("different-pictures", document))


if __name__ == "__main__":
    main()
