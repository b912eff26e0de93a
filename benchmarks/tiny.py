"""How often `auto` finds the copies of small pictures: 28, 32, 48 and 64 pixels wide.

    python benchmarks/tiny.py [--photos FOLDER] [--others FOLDER...]

writes benchmarks/results/tiny.json. Photos (those of a folder, or landscapes) are cut to a square
and shrunk, digits are drawn in light strokes on black; every second one was used to choose the
limits of `verify.small`, and the result is told for the other half as well. Each is there as it is
and saved again, as JPEG of quality 90, with grain of 2 levels, mirrored, brighter. `--others` are
folders of pictures that look alike (turntables, products, receipts), of which no two show the same.
The originals and half of the others are one split, the rest is another: `leaks` has to tell them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

import imgsim
from imgsim.pictures.generate import landscape
from imgsim.pictures.lettering import font
from imgsim.read.options import RunOptions

SIDES = 28, 32, 48, 64
ENDINGS = {".jpg", ".jpeg", ".png"}
Step = Callable[[Image.Image, np.random.Generator], Image.Image]


def grained(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Add noise of 2 levels to every sample."""
    pixels = np.asarray(image, float)
    return Image.fromarray(
        np.rint(pixels + rng.normal(0, 2, pixels.shape)).clip(0, 255).astype("u1")
    )


def brighter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Multiply all levels by 1.2 to 1.3; what is light ends in white."""
    return ImageEnhance.Brightness(image).enhance(rng.uniform(1.2, 1.3))


CHANGES: dict[str, tuple[str, Step]] = {
    "saved again": ("bmp", lambda image, rng: image),
    "JPEG 90": ("jpg", lambda image, rng: image),
    "noise": ("png", grained),
    "mirrored": ("png", lambda image, rng: ImageOps.mirror(image)),
    "brighter": ("png", brighter),
}


def square(image: Image.Image, side: int) -> Image.Image:
    """Cut the middle of a picture out and shrink it."""
    return ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.LANCZOS)


def photos(folder: Path | None, count: int, side: int) -> Iterator[Image.Image]:
    """Yield photos, or landscapes where there are none."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS) if folder else []
    for number in range(count):
        if folder is None:
            yield square(Image.fromarray(landscape(5000 + number, 320, 320)), side)
        elif number < len(paths):
            with Image.open(paths[number]) as image:
                yield square(ImageOps.exif_transpose(image), side)


def digit(seed: int, side: int) -> Image.Image:
    """Draw a digit in strokes of its own width, place, size and slant."""
    rng = np.random.default_rng(seed)
    room = 8 * side
    image = Image.new("L", (room, room))
    place = room / 2 + rng.uniform(-0.06, 0.06, 2) * room
    size = int(room * rng.uniform(0.6, 0.85))
    stroke = int(rng.integers(0, room // 24))
    draw = ImageDraw.Draw(image)
    draw.text(tuple(place), str(seed % 10), 255, font(size), anchor="mm", stroke_width=stroke)
    slant = rng.uniform(-0.3, 0.3)
    image = image.transform(
        image.size,
        Image.Transform.AFFINE,
        (1, slant, -slant * room / 2, 0, 1, 0),
        Image.Resampling.BICUBIC,
    )
    image = image.rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC)
    blur = ImageFilter.GaussianBlur(rng.uniform(1.5, 4))
    return image.filter(blur).resize((side, side), Image.Resampling.BOX)


def write_copies(folder: Path, number: int, kind: str, image: Image.Image) -> None:
    """Write a picture to train and its copies to test, as KIND-NUMBER-CHANGE."""
    image.save(folder / f"train/{kind}-{number:04d}-original.png")
    for i, (name, (form, step)) in enumerate(CHANGES.items()):
        settings = {"quality": 90} if form == "jpg" else {}
        changed = step(image, np.random.default_rng([number, i]))
        changed.save(folder / f"test/{kind}-{number:04d}-{name}.{form}", **settings)


def write_look_alikes(folder: Path, sources: Sequence[Path], side: int) -> int:
    """Write pictures to train and test by turns, equal ones once; return how many there are."""
    written: set[bytes] = set()
    for source in sources:
        for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in ENDINGS):
            with Image.open(path) as image:
                small = square(ImageOps.exif_transpose(image), side)
            if small.tobytes() not in written:
                split = ("train", "test")[len(written) % 2]
                small.save(folder / f"{split}/other-{len(written):04d}-original.png")
                written.add(small.tobytes())
    return len(written)


def measure(side: int, given: argparse.Namespace) -> dict[str, Any]:
    """Return how many copies leaks finds and how many pairs are wrong, at one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split in ("train", "test"):
            (folder / split).mkdir()
        counts: Counter[str] = Counter()
        pictures = photos(given.photos, given.count, side)
        digits = (digit(seed, side) for seed in range(given.digits))
        for kind, images in (("photo", pictures), ("digit", digits)):
            for number, image in enumerate(images):
                write_copies(folder, number, kind, image)
                counts[kind] += 1
                counts[f"{kind}, other half"] += number % 2
        look_alikes = write_look_alikes(folder, given.others, side)
        options = RunOptions(jobs=given.jobs)
        splits = [str(folder / "train"), str(folder / "test")]
        leaks = imgsim.find_leaks(splits, given.method, k=1000, options=options)
    found: Counter[tuple[str, str]] = Counter()
    wrong = []
    for leak in leaks.leaks:
        for match in leak.matches:
            paths = leak.picture.file.path, match.picture.file.path
            one, other = (Path(path).stem.split("-") for path in paths)
            if one[:2] != other[:2]:
                wrong.append(paths)
                continue
            kind, number, change = one if other[2] == "original" else other
            found[kind, change] += 1
            found[f"{kind}, other half", change] += int(number) % 2
    for paths in wrong:
        print("wrong:", *(Path(path).name for path in paths))
    return {
        "pictures": dict(counts),
        "look_alikes": look_alikes,
        "pairs": leaks.pairs_compared,
        "wrong_pairs": len(wrong),
        "not_judged": len(leaks.not_judged),
        "seconds": round(leaks.seconds.total, 1),
        "found": {k: {change: found[k, change] for change in CHANGES} for k in counts},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="a folder of photos, no two of them alike")
    parser.add_argument("--others", type=Path, nargs="*", default=[])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--digits", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--method", default="auto")
    given = parser.parse_args()
    sides = {}
    for side in SIDES:
        sides[str(side)] = measure(side, given)
        print(side, sides[str(side)], flush=True)
    command = "python benchmarks/tiny.py"
    command += " --photos PHOTOS" if given.photos else ""
    command += " --others " + " ".join(path.name for path in given.others) if given.others else ""
    about = record.machine(command, "numpy", "pillow", "opencv-python-headless")
    print(record.write("tiny", about | {"method": given.method, "sides": sides}))


if __name__ == "__main__":
    main()
