"""How often it is told rightly that a JPEG was compressed twice.

    python benchmarks/recompression.py FOLDER...

writes benchmarks/results/recompression.json. Pictures of the folders are shrunk by 1.3 to 3, so
that nothing of an earlier compression is left, then saved as JPEG once, and twice with another
quality the first time. What has an order of its own (drawings on a grid of 8 pixels, enlarged
pixels, few colours, tables that are not libjpeg's) is compressed once. The limits of
`decode.recompression` were chosen on 25 pictures of kodak, large, scenes, aerial8 and receipts:
give other folders.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image, ImageDraw, ImageFilter

from imgsim.decode.recompression import compressed_twice

FIRST = 50, 60, 70, 75, 80, 85, 88, 90, 92, 94, 95, 96, 97, 98
SECOND = 60, 75, 85, 90, 92, 95, 98, 100
FILTERS = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BOX
LEAST_SIDE = 200
ENDINGS = {".jpg", ".jpeg", ".png"}
ANSWERS = {True: "twice", False: "once", None: "not told"}


def pictures(folders: list[Path], most: int, rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield shrunk pictures, in an order of chance."""
    paths = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in ENDINGS)
    count = 0
    for place in rng.permutation(len(paths)):
        if count == most:
            return
        try:
            with Image.open(paths[place]) as opened:
                image = opened.convert("RGB")
        except OSError:
            continue
        factor = rng.uniform(1.4, 3) if min(image.size) > 600 else rng.uniform(1.3, 1.6)
        size = int(image.width / factor), int(image.height / factor)
        if min(size) >= LEAST_SIDE:
            count += 1
            yield image.resize(size, FILTERS[rng.integers(len(FILTERS))])


def saved(image: Image.Image, **options: Any) -> bytes:
    """Compress a picture as JPEG."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def answer(data: bytes) -> str:
    """Say what is told of a JPEG."""
    return ANSWERS[compressed_twice(data, 1 << 30)]


def kind_of(first: int, second: int) -> str:
    """Name how far the second quality is above the first."""
    if first > second:
        return "twice, the second coarser"
    if first > second - 5:
        return "twice, the second finer by 1 to 4"
    return "twice, the second finer by 5 and more"


def drawn(rng: np.random.Generator) -> Image.Image:
    """Draw boxes whose corners lie on a grid of 8 pixels, as in a window of a program."""
    image = Image.new("RGB", (720, 960), (240, 240, 245))
    pen = ImageDraw.Draw(image)
    for x, y, width, height in rng.integers(1, 80, (60, 4)) * 8:
        colour = tuple(map(int, rng.integers(30, 225, 3)))
        pen.rectangle((x, y, x + width - 1, y + height // 4 - 1), fill=colour, outline=(90, 90, 90))
        pen.text((x + 4, y + 4), "Settings", fill=(60, 60, 60))
    return image


def ordered(image: Image.Image, rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield pictures with an order of their own, some made of a photo."""
    yield drawn(rng)
    part = image.crop((0, 0, image.width // 2, image.height // 2))
    for scale, how in ((2, 0), (4, 0), (2, 3), (4, 2), (8, 3)):  # nearest, bicubic, bilinear
        larger = part.width * scale, part.height * scale
        yield part.resize(larger, Image.Resampling(how)).crop((0, 0, 900, 900))
    yield image.quantize(32).convert("RGB")
    yield image.point([min(255, int(value * 1.4)) for value in range(256)] * 3)
    yield image.point([value // 4 for value in range(256)] * 3)
    yield image.filter(ImageFilter.GaussianBlur(2))
    yield image.filter(ImageFilter.UnsharpMask(2, 150, 1))


def other_table(rng: np.random.Generator) -> list[int]:
    """Make a table that rises from one corner to the other, with steps of chance."""
    rise = 1 + np.add.outer(np.arange(8), np.arange(8)) * rng.uniform(0.1, 1)
    steps = rng.choice([1, 2, 4, 8]) * rise * rng.uniform(0.8, 1.2, (8, 8))
    return [int(step) for step in np.clip(np.rint(steps), 1, 255).ravel()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    answers: dict[str, Counter[str]] = {}

    def note(kind: str, data: bytes) -> None:
        answers.setdefault(kind, Counter())[answer(data)] += 1

    for number, image in enumerate(pictures(given.folders, given.count, rng)):
        subsampling = int(rng.choice([0, 2]))
        for second in SECOND:
            options = {"subsampling": subsampling}
            note("once", saved(image, quality=second, **options))
            first = int(rng.choice(FIRST))
            if first != second:
                once = Image.open(io.BytesIO(saved(image, quality=first, **options)))
                note(kind_of(first, second), saved(once, quality=second, **options))
        table = other_table(rng)
        note("once, other tables", saved(image, qtables=[table, table]))
        if number % 6 == 0:
            for other in ordered(image, rng):
                for quality in (60, 75, 85, 92, 97):
                    note("once, an order of its own", saved(other, quality=quality))
    told = {kind: dict(sorted(counts.items())) for kind, counts in answers.items()}
    for kind, counts in told.items():
        print(kind, counts)
    command = f"python benchmarks/recompression.py FOLDERS --seed {given.seed}"
    about = record.machine(command, "numpy", "pillow")
    folders = [folder.name for folder in given.folders]
    print(record.write("recompression", about | {"folders": folders, "answers": told}))


if __name__ == "__main__":
    main()
