"""Count which slightly edited copies of photos pass for mere copies that could be freed.

    python benchmarks/small_edits.py DATA/photos --places 7 9 -o results/small-edits.json

Each photo is saved as JPEG, edited a little, scaled to 50 to 75 % or not, and saved again; a
library of the pairs of one edit is given to find-dupes. `removable` counts edits that are `smaller`
or `reencoded`, and of "no edit" the mere copies that are; `source_removable` counts photos that
would be removed for their edit. `--places` takes the photos whose numbers end with these digits:
the limits of `residue` were set on others.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from library import run
from PIL import Image, ImageDraw, ImageFilter

Pixels = Image.Image
Change = Callable[[Pixels, np.random.Generator], Pixels]

LEAST_SIDE = 300
REMOVABLE = ("reencoded", "smaller", "pixels")
KERNELS = (
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
)


def _rounded(levels: np.ndarray) -> Pixels:
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def _sharpened(percent: int) -> Change:
    return lambda image, random: image.filter(ImageFilter.UnsharpMask(2, percent, 0))


def _noisy(levels: float) -> Change:
    def change(image: Pixels, random: np.random.Generator) -> Pixels:
        noise = random.normal(0, levels, (image.height, image.width, 3))
        return _rounded(np.asarray(image) + noise)

    return change


def _spot(image: Pixels, random: np.random.Generator) -> Pixels:
    """A spot of 4 % of the width that is 15 levels brighter or darker in its middle."""
    size = 0.02 * max(image.size)
    x, y = random.uniform(0.2, 0.8, 2) * image.size
    down, across = np.mgrid[: image.height, : image.width]
    spot = np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * size**2))[..., None]
    return _rounded(np.asarray(image) + 15 * random.choice([-1, 1]) * spot)


def _healed(image: Pixels, random: np.random.Generator) -> Pixels:
    """A spot of 5 % of the width is covered by what lies beside it, brought to its brightness."""
    levels, side = np.asarray(image, np.float64).copy(), max(8, round(0.05 * max(image.size)))
    x, y = (round(v) for v in random.uniform(0.1, 0.8, 2) * (np.array(image.size) - side))
    beside = x + side if x + 2 * side < image.width else x - side
    source = levels[y : y + side, beside : beside + side]
    place = levels[y : y + side, x : x + side]
    down, across = np.mgrid[:side, :side]
    away = np.hypot(across - side / 2, down - side / 2) / (side / 2)
    share = np.clip((1 - away) / 0.3, 0, 1)[..., None]
    source = source - source.mean((0, 1)) + place.mean((0, 1))
    levels[y : y + side, x : x + side] = place * (1 - share) + source * share
    return _rounded(levels)


def _marked(opacity: float, height: float) -> Change:
    def change(image: Pixels, random: np.random.Generator) -> Pixels:
        words = Image.new("L", image.size)
        place = 0.1 * image.width, (0.85 - height) * image.height
        size = max(14, round(height * image.height))
        ImageDraw.Draw(words).text(place, "PROOF COPY", fill=255, font_size=size)
        share = np.asarray(words, np.float64)[..., None] / 255 * opacity
        return _rounded(np.asarray(image) * (1 - share) + 255 * share)

    return change


def _smooth(image: Pixels, random: np.random.Generator) -> Pixels:
    return Image.fromarray(cv2.bilateralFilter(np.asarray(image), 7, 18, 5))


def _smooth_skin(image: Pixels, random: np.random.Generator) -> Pixels:
    """Smooth in the middle only, where a face is."""
    smooth = cv2.bilateralFilter(np.asarray(image), 9, 25, 7)
    down, across = np.mgrid[: image.height, : image.width]
    down, across = down / image.height, across / image.width
    share = np.exp(-(((across - 0.5) / 0.15) ** 2) - ((down - 0.45) / 0.2) ** 2)[..., None]
    return _rounded(np.asarray(image) * (1 - share) + smooth * share)


EDITS: dict[str, Change] = {
    "no edit": lambda image, random: image,
    "sharpened 15 %": _sharpened(15),
    "sharpened 25 %": _sharpened(25),
    "noise 2": _noisy(2),
    "noise 3": _noisy(3),
    "spot": _spot,
    "healed": _healed,
    "mark 15 %": _marked(0.15, 0.05),
    "large mark 6 %": _marked(0.06, 0.16),
    "smooth": _smooth,
    "smooth skin": _smooth_skin,
}
FORMATS = {
    "JPEG": (".jpg", (80, 95)),
    "JPEG 98": (".jpg", (98, 101)),
    "WEBP": (".webp", (80, 95)),
    "HEIF": (".heic", (60, 90)),
}


def _saved(image: Pixels, form: str, quality: int, exif: bytes) -> bytes:
    if form == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    file = io.BytesIO()
    image.save(file, form.split()[0], quality=quality, **({"exif": exif} if exif else {}))
    return file.getvalue()


def _camera() -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS 70D"
    exif.get_ifd(0x8769)[0x9003] = "2012:07:03 10:00:00"
    return exif.tobytes()


def write_pairs(
    folder: Path,
    photos: Sequence[Path],
    edit: str,
    form: str,
    seed: int,
    *,
    scaled: bool,
    stripped: bool = False,
) -> None:
    """Write each photo and its edited copy; for WebP and HEIC the photo has a camera's EXIF."""
    suffix, qualities = FORMATS[form]
    exif = b"" if form.startswith("JPEG") or stripped else _camera()
    for number, path in enumerate(photos):
        random = np.random.default_rng([seed, number])
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        image = image.resize(
            (round(0.8 * image.width), round(0.8 * image.height)), Image.Resampling.LANCZOS
        )
        first = (92, 98) if form == "JPEG 98" else (88, 97)
        data = _saved(image, "JPEG", int(random.integers(*first)), exif)
        with Image.open(io.BytesIO(data)) as opened:
            copy = EDITS[edit](opened.convert("RGB"), random)
        if scaled:
            share = random.uniform(0.5, 0.75)
            size = round(share * copy.width), round(share * copy.height)
            copy = copy.resize(size, KERNELS[random.integers(len(KERNELS))])
        names = f"{number:03} photo.jpg", f"{number:03} work{suffix}"
        again = _saved(copy, form, int(random.integers(*qualities)), b"")
        for name, content in zip(names, (data, again), strict=True):
            (folder / name).write_bytes(content)
            os.utime(folder / name, (1_400_000_000, 1_400_000_000))


def count(document: dict[str, Any]) -> dict[str, int]:
    """Count the pairs that were found, and who is free to remove."""
    counts = {"found": 0, "removable": 0, "source_removable": 0, "edit_kept": 0}
    for group in document["groups"]:
        kept_photo = "photo" in Path(group["keep"]).name
        for member in group["members"]:
            if member["kind"] == "kept":
                continue
            counts["found"] += 1
            counts["edit_kept"] += not kept_photo
            free = member["role"] in REMOVABLE
            counts["removable" if kept_photo else "source_removable"] += free
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--places", type=int, nargs="+", default=[7, 9], help="last digits")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--stripped", action="store_true", help="no photo has EXIF")
    parser.add_argument("--seed", type=int, default=60)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    photos = []
    for path in sorted(given.photos.glob("*.jpg")):
        with Image.open(path) as opened:
            if min(opened.size) >= LEAST_SIDE:
                photos.append(path)
    photos = [path for number, path in enumerate(photos) if number % 10 in given.places]
    results: dict[str, Any] = {"photos": len(photos), "seed": given.seed}
    for form in given.formats:
        for scaled in (True, False):
            for edit in EDITS:
                with tempfile.TemporaryDirectory() as own:
                    given_how = {"scaled": scaled, "stripped": given.stripped}
                    write_pairs(Path(own), photos, edit, form, given.seed, **given_how)
                    counts = count(run(Path(own)))
                how = f"{form}, {'50 to 75 %' if scaled else 'same size'}"
                results.setdefault(how, {})[edit] = counts
                print(how, edit, json.dumps(counts), flush=True)
    if given.output:
        given.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
