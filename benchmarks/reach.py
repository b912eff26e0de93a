"""How far `auto` sees: the share of changed copies that match their originals, by change.

    python benchmarks/reach.py [--photos FOLDER] [--changes NAMES] [--look-alikes FOLDER...]

writes benchmarks/results/reach.json. For each change there is a folder with the originals (photos,
or landscapes that imgsim paints) and a copy of each, or several. All pairs that find-dupes would
propose there are verified, and those that match are counted: those of one photo are right, all
others wrong. Then find-dupes makes its groups, and pairs are counted that stand in one, or of which
one is named as related to the other: `grouped`, of all pairs of one photo. In the folders of
look-alikes no two pictures are copies of each other; those that imgsim draws are always among them,
and so are the series of `reach_series.py`: frames, bursts, brackets. With the package pdqhash it is
also told which pairs PDQ finds, within 31 bits, and which of these imgsim does not find at normal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image, ImageOps
from reach_changes import CHANGES, Change, Others
from reach_series import SERIES

from imgsim.comparators import registry
from imgsim.comparators.base import Preset
from imgsim.comparators.recipes import Recipe
from imgsim.group.recipe_run import RecipeRun, split_judged
from imgsim.group.rules import Rules
from imgsim.pictures.generate import landscape
from imgsim.pictures.standins import write_look_alikes
from imgsim.read.collect import collect
from imgsim.read.options import RunOptions
from imgsim.tasks.find_duplicates import find_duplicates
from imgsim.verify.judge import VERSION

PRESETS: tuple[Preset, ...] = "strict", "normal", "loose"
ENDINGS = {".jpg", ".jpeg", ".png"}
POOL = 200
PDQ_BITS = 31
Pair = tuple[str, str]


def pairs_of(
    folder: Path, method: str, jobs: int
) -> tuple[dict[Preset, set[Pair]], dict[Preset, set[Pair]]]:
    """Return the paths of all pairs that match in a folder, by preset, and of those grouped."""
    with tempfile.TemporaryDirectory() as name:
        # verdicts are the same for every preset
        options = RunOptions(jobs=jobs, cache=Path(name) / "cache.db")
        matches = matches_of(folder, method, options)
        return matches, {p: grouped_pairs(folder, method, p, options) for p in PRESETS}


def grouped_pairs(folder: Path, method: str, preset: Preset, options: RunOptions) -> set[Pair]:
    """Return the paths of pairs that stand in one group, or are named as related."""
    found = find_duplicates(folder, method, preset=preset, options=options)
    pairs = set()
    for group in found.groups:
        members = sorted(member.picture.file.path for member in group.members)
        pairs.update(combinations(members, 2))
    for one in [*found.related, *(r for group in found.groups for r in group.related)]:
        if one.relation in ("verified", "whole"):
            pairs.add((min(one.path, one.beside), max(one.path, one.beside)))
    return pairs


def matches_of(folder: Path, method: str, options: RunOptions) -> dict[Preset, set[Pair]]:
    """Return the paths of all pairs that match in a folder, by preset."""
    recipe = registry.parse(method)
    if not isinstance(recipe, Recipe):
        raise SystemExit(f"{method} verifies no pairs")
    collection = collect([str(folder)], [recipe.extractor], options, keep_workers=True)
    detailed, _ = split_judged(recipe, collection, collection.pictures)
    matches: dict[Preset, set[Pair]] = {}
    try:
        for preset in PRESETS:
            limit = recipe.preset_distance(preset)
            with RecipeRun(recipe, collection, detailed, Rules(), limit, preset, options) as run:
                found = run.all_matches()
                classes = [[detailed[i].file.path for i in c] for c in run.classes]
            pairs = {pair for members in classes for pair in combinations(members, 2)}
            for left, right in zip(found.left.tolist(), found.right.tolist(), strict=True):
                pairs.update((a, b) for a in classes[left] for b in classes[right])
            matches[preset] = {(min(pair), max(pair)) for pair in pairs}
    finally:
        if collection.executor is not None:
            collection.executor.close()
    return matches


def read_photos(folder: Path | None, first: int, count: int) -> tuple[list[Image.Image], Others]:
    """Return the photos to change and, for what is pasted and blended, others; or landscapes."""
    if folder is None:
        numbers = [*range(first, first + count), *range(5000, 5000 + count + 20)]
        pictures = [Image.fromarray(landscape(number, 480, 360)) for number in numbers]
        return pictures[:count], pictures[count:]
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)
    chosen = paths[first : first + count]
    others = [path for path in paths if path not in chosen][-POOL:]
    if len(others) < len(chosen):
        raise SystemExit(f"{folder} holds {len(paths)} photos, too few for {count} and others")
    return [_read(path) for path in chosen], [_read(path) for path in others]


def _read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.draft("RGB", (640, 640))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((640, 640), Image.Resampling.LANCZOS)
    return upright


def write_copies(
    folder: Path, name: str, pictures: Sequence[Image.Image], others: Others, seed: int
) -> None:
    """Write originals and copies as NUMBER-COPY.jpg."""
    change = CHANGES[name]
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
        own = [*others[number:], *others[:number]]
        original = change.prepare(picture, own, rng) if change.prepare else picture
        original.save(folder / f"{number:04d}-original.jpg", quality=93)
        for copy, image in change.make(original, own, rng).items():
            image.save(folder / f"{number:04d}-{copy}.jpg", quality=90)


def write_series(
    folder: Path, name: str, pictures: Sequence[Image.Image], others: Others, seed: int
) -> None:
    """Write series of pictures that are no copies as NUMBER-PLACE, in a file type fit for them."""
    ending = "png" if name in ("animation", "two colours") else "jpg"
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
        series = SERIES[name](rng, picture, others[number])
        for place, image in enumerate(series):
            image.save(folder / f"{number:04d}-{place:02d}.{ending}", quality=92)


def pdq_pairs(folder: Path) -> set[Pair] | None:
    """Return the paths of originals and copies that PDQ finds; None without its package."""
    try:
        import pdqhash
    except ImportError:
        return None
    bits = {}
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            bits[str(path)] = pdqhash.compute(np.asarray(image.convert("RGB")))[0]
    pairs = set()
    for path in bits:
        original = f"{path.rpartition('-')[0]}-original.jpg"
        if path != original and np.count_nonzero(bits[path] != bits[original]) <= PDQ_BITS:
            pairs.add((min(path, original), max(path, original)))
    return pairs


def _is_of_one(pair: Pair) -> bool:
    one, other = (Path(path).stem.partition("-")[0] for path in pair)
    return one == other


def measure(change: Change, folder: Path, count: int, given: argparse.Namespace) -> dict[str, Any]:
    """Return how many pairs of a folder match that should, in all and by copy, and wrong ones."""
    names = sorted({path.stem.partition("-")[2] for path in folder.iterdir()} - {"original"})
    every = list(combinations(["original", *names], 2))
    started = time.perf_counter()
    matches, grouped = pairs_of(folder, given.method, given.jobs)
    result: dict[str, Any] = {
        "asked": change.asked_by_preset(),
        "photos": count,
        "first": given.first,
        "seed": given.seed,
        "verdicts": VERSION,
    }
    for preset, pairs in matches.items():
        counts: Counter[Pair] = Counter()
        wrong = []
        for pair in sorted(pairs):
            one, other = (Path(path).stem.partition("-") for path in pair)
            if one[0] == other[0]:
                ends = sorted((one[2], other[2]), key=["original", *names].index)
                counts[ends[0], ends[1]] += 1
            else:
                wrong.append(pair)
        for one, other in wrong:
            print(f"wrong at {preset}: {Path(one).stem} = {Path(other).stem}")
        with_original = sum(counts["original", name] for name in names)
        result[preset] = {
            "share": round(with_original / (count * len(names)), 4),
            "share_of_all_pairs": round(counts.total() / (count * len(every)), 4),
            "grouped": round(sum(map(_is_of_one, grouped[preset])) / (count * len(every)), 4),
            "wrong_pairs": len(wrong),
            "copies": {name: counts["original", name] for name in names},
        }
    seen = pdq_pairs(folder)
    if seen is not None:
        result["pdq"] = {
            "share": round(len(seen) / (count * len(names)), 4),
            "missed_at_normal": sorted(
                Path(max(pair, key=lambda path: "-original." not in path)).stem
                for pair in seen - matches["normal"]
            ),
        }
    return result | {"seconds": round(time.perf_counter() - started, 1)}


def measure_look_alikes(folders: Iterable[Path], given: argparse.Namespace) -> dict[str, Any]:
    """Return how many pairs match at each preset in folders where none should."""
    counts = {}
    for folder in folders:
        matches, _ = pairs_of(folder, given.method, given.jobs)
        files = sum(path.suffix.lower() in ENDINGS for path in folder.rglob("*"))
        counts[folder.name] = {"files": files} | {p: len(pairs) for p, pairs in matches.items()}
        for preset in ("strict", "normal"):
            for one, other in sorted(matches[preset]):
                print(f"{folder.name} at {preset}: {Path(one).name} = {Path(other).name}")
        print(folder.name, counts[folder.name], flush=True)
    return counts


def shown(name: str, result: dict[str, Any]) -> str:
    """Return lines of text: shares at each preset beside those asked, wrong pairs, copies."""
    parts = []
    for preset in PRESETS:
        asked = result["asked"].get(preset)
        one = result[preset]
        of_all = f" all {one['share_of_all_pairs']:.3f}" if len(one["copies"]) > 2 else ""
        of_all += f" grouped {one['grouped']:.3f}"
        parts.append(
            f"{preset} {one['share']:.3f}{of_all}"
            + (f" (asked {asked:g})" if asked else "")
            + (f", {one['wrong_pairs']} wrong" if one["wrong_pairs"] else "")
        )
    copies = {
        copy: "/".join(str(result[preset]["copies"][copy]) for preset in PRESETS)
        for copy in result["normal"]["copies"]
    }
    pdq = f"; PDQ {result['pdq']}" if "pdq" in result else ""
    return f"{name:18}{'; '.join(parts)}; {result['seconds']} s{pdq}\n{'':18}{copies}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="a folder of photos, no two of them alike")
    parser.add_argument("--first", type=int, default=60, help="number of the first photo used")
    parser.add_argument("--count", type=int, default=60, help="photos used")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--changes", nargs="*", choices=list(CHANGES), default=list(CHANGES))
    parser.add_argument("--look-alikes", type=Path, nargs="*", help="folders; drawn ones are added")
    parser.add_argument("--series", type=int, default=20, help="series of each kind")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--keep", type=Path, help="an empty folder in which the pictures stay")
    parser.add_argument("--update", action="store_true", help="keep what else was measured before")
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    pictures, others = read_photos(given.photos, given.first, given.count)
    results: dict[str, Any] = {}
    look_alikes: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        top = given.keep or Path(name)
        for change in given.changes:
            folder = top / change.replace(" ", "-")
            folder.mkdir(parents=True)
            write_copies(folder, change, pictures, others, given.seed)
            results[change] = measure(CHANGES[change], folder, len(pictures), given)
            print(shown(change, results[change]), flush=True)
        if given.look_alikes is not None:
            write_look_alikes(top / "drawn", seed=given.seed)
            folders = [*given.look_alikes, top / "drawn"]
            for series in SERIES:
                folders.append(top / series.replace(" ", "-"))
                folders[-1].mkdir()
                write_series(folders[-1], series, pictures[: given.series], others, given.seed)
            look_alikes = measure_look_alikes(folders, given)
    if given.dry:
        return
    command = "python benchmarks/reach.py" + (" --photos PHOTOS" if given.photos else "")
    if given.look_alikes:
        command += " --look-alikes " + " ".join(path.name for path in given.look_alikes)
    about = record.machine(command, "numpy", "pillow", "opencv-python-headless")
    about |= {"method": given.method}
    if given.update:
        before = json.loads((record.RESULTS / "reach.json").read_text())
        results = before["changes"] | results
        look_alikes = before["look_alikes"] | look_alikes
    print(record.write("reach", about | {"changes": results, "look_alikes": look_alikes}))


if __name__ == "__main__":
    main()
