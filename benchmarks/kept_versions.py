"""Which version of a photo find-dupes keeps where neither metadata nor the age of the files help.

    python benchmarks/kept_versions.py PHOTOS --first 160 --count 60 --seed 3

Every photo is saved as a JPEG of quality 85 to 96 with the newest file of all, and in three other
versions: more compressed, noisy, grainy, softened, sharpened, brighter, larger and smaller ones,
each made once of that JPEG (`copies`) and once of the pixels it was made of (`siblings`). No file
has EXIF. Of siblings a PNG or a JPEG of quality 98 may be kept as well. Of `exports` the first one
is a HEIC file of quality 60 to 71 with the EXIF of a camera, which all others have got too. Writes
benchmarks/results/kept-versions.json. The limits were chosen on photos 0 to 79.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import record
from library import camera_exif, encoded, run
from PIL import Image, ImageFilter

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
SHRUNK = 0.8
"""The sources are JPEGs: shrinking them takes their own compression away."""

NEWEST, OLDER = 1_700_000_000, 1_600_000_000


def _noisy(levels: float) -> Change:
    return lambda pixels, random: pixels + random.normal(0, levels, pixels.shape)


def _grainy(levels: float) -> Change:
    """Grain coarser than a pixel, most of it in the middle tones."""

    def change(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
        grain = cv2.GaussianBlur(random.normal(0, 1, pixels.shape[:2]), (0, 0), 0.8)
        light = pixels.mean(axis=2) / 255
        grain *= levels / grain.std() * (1 - 0.6 * np.abs(2 * light - 1))
        return np.asarray(pixels + grain[..., None])

    return change


def _filtered(how: ImageFilter.Filter | type[ImageFilter.Filter]) -> Change:
    return lambda pixels, random: np.asarray(_image(pixels).filter(how))


def _scaled(*factors: float) -> Change:
    def change(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
        image = _image(pixels)
        width, height = image.size
        for factor in factors:
            size = round(width * factor), round(height * factor)
            image = image.resize(size, Image.Resampling.BICUBIC)
        return np.asarray(image)

    return change


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _same(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return pixels


KINDS: dict[str, tuple[Change, str, int]] = {
    **{f"quality {quality}": (_same, ".jpg", quality) for quality in (50, 75, 85, 98)},
    "png": (_same, ".png", 0),
    "webp 50": (_same, ".webp", 50),
    "webp 85": (_same, ".webp", 85),
    "heic": (_same, ".heic", 60),
    "noise of 4": (_noisy(4), ".jpg", 95),
    "noise of 8": (_noisy(8), ".jpg", 92),
    "grain of 6": (_grainy(6), ".jpg", 92),
    "grain of 12": (_grainy(12), ".jpg", 92),
    "grain of 12, png": (_grainy(12), ".png", 0),
    "softened": (_filtered(ImageFilter.GaussianBlur(1)), ".jpg", 92),
    "median of 3": (_filtered(ImageFilter.MedianFilter(3)), ".jpg", 92),
    "shrunk and enlarged": (_scaled(0.5, 2.0), ".jpg", 92),
    "sharpened": (_filtered(ImageFilter.UnsharpMask(2, 100, 2)), ".jpg", 95),
    "brighter": (lambda pixels, random: pixels * 1.12, ".jpg", 95),
    "enlarged": (_scaled(1.5), ".jpg", 92),
    "half": (_scaled(0.5), ".jpg", 92),
}
AS_GOOD = {"copies": (), "siblings": ("png", "quality 98"), "exports": ()}


def build(folder: Path, sources: Sequence[Path], seed: int, how: str) -> dict[str, str]:
    """Write versions of photos; the kind of each file, "" of the first one."""
    kinds = {}
    for number, source in enumerate(sources):
        random = np.random.default_rng([seed, number])
        with Image.open(source) as opened:
            image = opened.convert("RGB")
        size = int(image.width * SHRUNK), int(image.height * SHRUNK)
        pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float64)
        pixels = pixels + random.normal(0, random.choice([0, 1.5]), pixels.shape)
        first, least, exif = ".jpg", 85, b""
        if how == "exports":
            first, least, exif = ".heic", 60, camera_exif(_image(pixels), number, random)
        data = encoded(_image(pixels), first, int(random.integers(least, least + 12)), exif)
        with Image.open(io.BytesIO(data)) as opened:
            decoded = np.asarray(opened.convert("RGB"), np.float64)
        versions = [(f"{number:04}-z{first}", "", data, NEWEST)]
        for place in random.permutation(len(KINDS))[:3]:
            kind = list(KINDS)[place]
            change, ending, quality = KINDS[kind]
            changed = change(pixels if how == "siblings" else decoded, random)
            data = encoded(_image(changed), ending, quality, exif)
            versions.append((f"{number:04}-{place:02}{ending}", kind, data, OLDER + int(place)))
        for name, kind, data, when in versions:
            path = folder / name
            path.write_bytes(data)
            os.utime(path, (when, when))
            kinds[name] = kind
    return kinds


def kept(folder: Path, kinds: dict[str, str]) -> Counter[str]:
    """Count what is kept of the groups that hold the first version."""
    counts: Counter[str] = Counter()
    for group in run(folder)["groups"]:
        if any(not kinds[Path(m["path"]).name] for m in group["members"]):
            counts[kinds[Path(group["keep"]).name] or "the first version"] += 1
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--first", type=int, default=160)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="write no results")
    given = parser.parse_args()
    paths = sorted(given.photos.iterdir())[given.first : given.first + given.count]
    results = {}
    for name, as_good in AS_GOOD.items():
        with tempfile.TemporaryDirectory() as folder:
            kinds = build(Path(folder), paths, given.seed, name)
            counts = kept(Path(folder), kinds)
        right = sum(counts[kind] for kind in ("the first version", *as_good))
        results[name] = {"groups": counts.total(), "right": right, "kept": dict(counts)}
        print(name, results[name])
    if not given.dry:
        options = f"--first {given.first} --count {given.count} --seed {given.seed}"
        about = record.machine(f"python benchmarks/kept_versions.py PHOTOS {options}", "pillow")
        print(record.write("kept-versions", about | results))


if __name__ == "__main__":
    main()
