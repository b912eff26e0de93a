"""How often `auto` takes two texts for one, and how many copies of a page of text it finds.

    python benchmarks/texts.py

writes benchmarks/results/texts.json, after every seed; of what is given 0 seeds, the file keeps
what it has. Pages of twelve kinds are drawn by seeds, each with another page that differs from it
in one token: a digit, a letter, a sign, a comma, a name of a day or month, a word, a ticked box. A
copy of each, of a kind drawn by chance, is verified against the other page and against its own. So
are pairs that differ in one thing that matters (`near_pairs`): a photo under other words, a move on
a board, a pin on a map, a product in another colour. Words are written over landscapes, or with
`--photos` over photos. With `--small-print` pages with letters of 16 pixels at most are compared
with others in half the size. Limits of `verify` were chosen on seeds below 62,000, one of them
after pairs that differ in one thing of seeds 64,000 to 64,038 were seen, those of small print on
67,310 to 67,439; a change was taken back after a pair of 66,030. The default is other seeds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import record
from numpy.typing import NDArray
from PIL import Image, ImageOps

from imgsim.benchmark.intervals import wilson
from imgsim.comparators.base import PRESETS
from imgsim.comparators.local import LocalFeatures
from imgsim.comparators.recipes import Auto
from imgsim.decode.decoder import Decoder
from imgsim.pictures.near_pairs import NEAR_KINDS, draw_near_pair
from imgsim.pictures.text_pages import COPIES, KINDS, copy_page, draw_page, draw_variant
from imgsim.read.options import RunOptions
from imgsim.types import Verdict
from imgsim.verify.judge import VERSION
from imgsim.verify.verdicts import verify_pair

RECIPE = Auto()
OF_VARIANTS = [how for how in COPIES if how != "in a window"]
"""Of what kinds the copies are in which pages with another token are compared."""
NEAR_COPIES = "PNG", "JPEG", "WebP", "JPEG"
"""Of what kinds the copies are in which pairs that differ in one thing are compared."""
SMALLEST_AFTER_HALVING = 12
"""Pixels of letters below which half the size is no copy that has to be found."""
SMALL_PRINT = 16
"""Pixels of letters, at most, of the pages that are compared with others in half the size."""


class Verifier:
    """Verifies two files by their bytes."""

    def __init__(self, folder: Path) -> None:
        self.paths = folder / "one", folder / "other"
        self.decoder = Decoder()
        self.options = RunOptions(jobs=1)
        self.seconds = 0.0

    def __call__(self, one: bytes, other: bytes) -> Verdict:
        rows = np.stack([self._row(data) for data in (one, other)])
        for path, data in zip(self.paths, (one, other), strict=True):
            path.write_bytes(data)
        start = time.process_time()
        verdict = verify_pair(RECIPE, self.paths, rows, self.options)
        self.seconds += time.process_time() - start
        return verdict

    def _row(self, data: bytes) -> NDArray[Any]:
        features = LocalFeatures()
        image = self.decoder(data, [features.wants]).images[features.wants]
        return np.asarray(features.extract(image[None])[0])


def measure(first: int, count: int) -> Iterator[dict[str, Any]]:
    """Count the pairs, and those accepted at every preset, by kind, copy and change.

    Yields what was counted so far, after every seed.
    """
    pairs: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    nearest: list[tuple[float, str]] = []
    refused: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        verify = Verifier(Path(folder))
        for seed in range(first, first + count):
            for kind in KINDS:
                page, variant = draw_page(kind, seed), draw_variant(kind, seed, 0)
                rng = np.random.default_rng((seed, 99, list(KINDS).index(kind)))
                how = [str(name) for name in rng.choice(OF_VARIANTS, 2)]
                copied, base = str(rng.choice(list(COPIES))), str(rng.choice(["PNG", "JPEG"]))
                one = copy_page(page.image, how[0], seed)[0]
                other = copy_page(variant.image, how[1], seed + 3)[0]
                false = verify(one, other)
                _count(pairs, joined, false, ("other text", f"kind {kind}", variant.change))
                if false.residual <= RECIPE.preset_distance("loose"):
                    about = f"{kind} {seed}: {variant.change}, {how[0]} and {how[1]}"
                    nearest.append((false.residual, f"{about}, letters of {page.letters}"))
                readable = copied != "half size" or page.letters >= 2 * SMALLEST_AFTER_HALVING
                if readable:
                    true = verify(
                        copy_page(page.image, base, seed + 1)[0],
                        copy_page(page.image, copied, seed + 2)[0],
                    )
                    names = "copy", f"copy {copied}", f"copy of {kind}"
                    if not copied.startswith("scan"):
                        names += ("copy of a file",)
                    _count(pairs, joined, true, names)
                    if true.residual > 1:
                        about = f"{kind} {seed}: {base} and {copied}, letters of {page.letters}"
                        refused.append(f"{true.residual:.2f} {about}")
            yield {
                "seeds": [first, seed],
                "seconds_per_pair": round(
                    verify.seconds / (pairs["other text"] + pairs["copy"]), 4
                ),
                **_table(pairs, joined),
                "joined_at_loose": [
                    f"{residual:.2f} {about}" for residual, about in sorted(nearest)
                ],
                "copies_refused_at_normal": refused,
            }


def measure_small_print(first: int, count: int) -> Iterator[dict[str, Any]]:
    """Count pages of small print beside half-size ones with another token, and their own.

    Yields what was counted so far, after every seed.
    """
    pairs: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    accepted: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        verify = Verifier(Path(folder))
        for seed in range(first, first + count):
            for kind in KINDS:
                page = draw_page(kind, seed)
                if page.letters > SMALL_PRINT:
                    continue
                for number, base in ((0, "PNG"), (0, "JPEG"), (1, "PNG"), (1, "JPEG")):
                    variant = draw_variant(kind, seed, number)
                    one = copy_page(page.image, base, seed)[0]
                    false = verify(one, copy_page(variant.image, "half size", seed + 3)[0])
                    _count(pairs, joined, false, ("other text", f"kind {kind}"))
                    if false.residual <= 1:
                        about = f"{kind} {seed}: {variant.change}, {base}"
                        accepted.append(f"{false.residual:.2f} {about}, letters of {page.letters}")
                one = copy_page(page.image, "PNG", seed)[0]
                true = verify(one, copy_page(page.image, "half size", seed + 5)[0])
                _count(pairs, joined, true, ("copy", f"copy of {kind}"))
            yield {"seeds": [first, seed]} | _table(pairs, joined) | {"joined": accepted}


def measure_near(first: int, count: int, photos: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Count the pairs that differ in one thing, and copies, and those accepted at every preset.

    Yields what was counted so far, after every seed.
    """
    pairs: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    accepted: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        verify = Verifier(Path(folder))
        for seed in range(first, first + count):
            photo = _read(photos[seed % len(photos)]) if photos else None
            for kind in NEAR_KINDS:
                one, other = draw_near_pair(kind, seed, photo)
                rng = np.random.default_rng((seed, 98, NEAR_KINDS.index(kind)))
                how = [str(name) for name in rng.choice(NEAR_COPIES, 4)]
                left = copy_page(one, how[0], seed)[0]
                false = verify(left, copy_page(other, how[1], seed + 1)[0])
                true = verify(left, copy_page(one, how[2], seed + 2)[0])
                _count(pairs, joined, false, ("differ in one thing", f"differ: {kind}"))
                _count(pairs, joined, true, ("copy of one of them", f"copy: {kind}"))
                if false.residual <= 1:
                    accepted.append(f"{false.residual:.2f} {kind} {seed}: {how[0]} and {how[1]}")
            yield {"seeds": [first, seed]} | _table(pairs, joined) | {"joined": accepted}


def _read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        photo = ImageOps.exif_transpose(image).convert("RGB")
    photo.thumbnail((800, 800))
    return photo


def _table(pairs: Counter[str], joined: Counter[str]) -> dict[str, Any]:
    return {
        "pairs": {
            name: {"pairs": pairs[name]}
            | {preset: _share(joined[f"{name} {preset}"], pairs[name]) for preset in PRESETS}
            for name in sorted(pairs)
        }
    }


def _count(
    pairs: Counter[str], joined: Counter[str], verdict: Verdict, names: tuple[str, ...]
) -> None:
    pairs.update(names)
    for preset in PRESETS:
        if RECIPE.accepts(verdict, RECIPE.preset_distance(preset), preset):
            joined.update(f"{name} {preset}" for name in names)


def _share(count: int, of: int) -> dict[str, float]:
    interval = wilson(count, of)
    return {
        "accepted": count,
        "share": round(count / of, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=66_076, help="the first seed")
    parser.add_argument("--seeds", type=int, default=60, help="how many, each of twelve kinds")
    parser.add_argument("--near-seeds", type=int, default=40, help="how many pairs of each kind")
    parser.add_argument(
        "--small-print", type=int, default=0, metavar="SEEDS", help="half-size pages, of so many"
    )
    parser.add_argument("--photos", type=Path, help="a folder of photos to write words over")
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    photos = sorted(given.photos.glob("*.jp*g")) if given.photos else []
    path = record.RESULTS / "texts.json"
    result = json.loads(path.read_text()) if path.exists() and not given.dry else {}
    near = (("near", part) for part in measure_near(given.first, given.near_seeds, photos))
    pages = (("pages", part) for part in measure(given.first, given.seeds))
    small = (("small print", part) for part in measure_small_print(given.first, given.small_print))
    command = f"python benchmarks/texts.py --first {given.first} --seeds {given.seeds}"
    command += f" --near-seeds {given.near_seeds}" + (" --photos PHOTOS" if photos else "")
    command += f" --small-print {given.small_print}" if given.small_print else ""
    about = record.machine(command, "numpy", "pillow", "opencv-python-headless")
    for name, part in chain(near, small, pages):
        result[name] = about | {"verdicts": VERSION} | part
        if not given.dry:
            record.write("texts", result)
        if (part["seeds"][1] - part["seeds"][0]) % 10 == 9:
            print(name, part["seeds"], round(time.process_time()), flush=True)
    for part in result.values():
        for name, row in part["pairs"].items():
            print(name, row["pairs"], {p: row[p]["share"] for p in PRESETS})
        for key in ("joined_at_loose", "joined", "copies_refused_at_normal"):
            print(key, *part.get(key, ()), sep="\n")


if __name__ == "__main__":
    main()
