"""How often `auto` takes two pictures for one that differ in a colour alone, of equal lightness.

    python benchmarks/equal_lightness.py --photos FOLDER

writes benchmarks/results/equal-lightness.json. Numbers, words, discs and buttons are drawn by seeds
on photos and on even grounds, in colours as light as what is behind them: another number or word,
or another hue, in the other picture. Of each pair a copy of the one (PNG, JPEG 60 to 95, WebP,
resized to 0.5 to 0.9) is verified against the other, and against its own picture; and so are the
first one and itself with another white balance and saturation. The limits of
`verify.colour_details` were chosen on photos 0 to 119 and other seeds; the default is later ones.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import record
from PIL import Image, ImageEnhance
from texts import PRESETS, Verifier, _count, _read, _table

from imgsim.pictures.near_pairs import AS_LIGHT_KINDS, draw_near_pair
from imgsim.pictures.text_pages import copy_page
from imgsim.verify.judge import VERSION

Picture = Image.Image


def copied(image: Picture, rng: np.random.Generator) -> tuple[bytes, str]:
    """Make a copy, and name its kind."""
    how = str(rng.choice(["PNG", "JPEG", "WebP", "smaller"]))
    if how == "smaller":
        scale = float(rng.uniform(0.5, 0.9))
        size = round(image.width * scale), round(image.height * scale)
        image = image.resize(size, Image.Resampling.LANCZOS)
    kind = "JPEG" if how == "smaller" else how
    return copy_page(image, kind, int(rng.integers(2**31)))[0], how


def retoned(image: Picture, rng: np.random.Generator) -> Picture:
    """Another white balance and saturation."""
    pixels = np.asarray(image, np.float64) * rng.uniform(0.85, 1.15, 3)
    balanced = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return ImageEnhance.Color(balanced).enhance(float(rng.uniform(0.4, 1.5)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--first", type=int, default=160, help="number of the first photo used")
    parser.add_argument("--count", type=int, default=60, help="photos used, one for each seed")
    parser.add_argument("--seed", type=int, default=9000, help="the first seed")
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    photos = sorted(given.photos.glob("*.jp*g"))[given.first : given.first + given.count]
    pairs: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        verify = Verifier(Path(folder))
        for seed, path in enumerate(photos, given.seed):
            for kind in AS_LIGHT_KINDS:
                one, other = draw_near_pair(kind, seed, _read(path))
                rng = np.random.default_rng((seed, 97))
                base = copy_page(one, str(rng.choice(["PNG", "JPEG"])), seed)[0]
                for name, image in (
                    ("differ", other),
                    ("copy", one),
                    ("retoned", retoned(one, rng)),
                ):
                    data, how = copied(image, rng)
                    names = name, f"{name}: {kind}", f"{name}, {how}"
                    _count(pairs, joined, verify(base, data), names)
    table = _table(pairs, joined)
    command = "python benchmarks/equal_lightness.py --photos PHOTOS"
    command += f" --first {given.first} --count {given.count} --seed {given.seed}"
    about = record.machine(command, "numpy", "pillow", "opencv-python-headless")
    if not given.dry:
        print(record.write("equal-lightness", about | {"verdicts": VERSION} | table))
    for name, row in table["pairs"].items():
        print(name, row["pairs"], {p: row[p]["accepted"] for p in PRESETS})


if __name__ == "__main__":
    main()
