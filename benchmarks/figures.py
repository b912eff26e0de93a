"""How many copies of icons `auto` finds, and how often it takes two icons for one.

    python benchmarks/figures.py

writes benchmarks/results/figures.json. Icons of six kinds are drawn by seeds on an even ground,
each four times: with another sign on the same tile, another word below the same logo, another shape
of the same colour, another shade, a few pixels further on, another module of a code. Two copies of
each, in other sizes and file types, are compared with each other and with those of the other three:
as pixels alone (`verify.figures`), and all eight of them as files by find-dupes, where all pairs of
a group count. The limits were chosen on other seeds and drawings.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image, ImageDraw

from imgsim import RunOptions, find_duplicates
from imgsim.pictures.fonts import faces, load_face
from imgsim.verify.figures import figure_distance
from imgsim.verify.judge import VERSION

Picture = Image.Image
Rng = np.random.Generator
SIDES = 96, 160, 256, 512
SCALES = 1.0, 0.8, 2 / 3, 0.5
RESAMPLING = (
    Image.Resampling.LANCZOS,
    Image.Resampling.BICUBIC,
    Image.Resampling.BILINEAR,
)
GROUNDS = ((0, 0, 0), (255, 255, 255), (32, 33, 36), (240, 240, 240))
WORDS = "Nova Nora Mona Moda Vela Vola Orbit Orbis Acme Acne Lux Lox".split()


def _start(rng: Rng) -> tuple[Picture, tuple[int, ...], int]:
    """An empty picture, a colour that stands out on it, and its side."""
    side, ground = int(rng.choice(SIDES)), GROUNDS[rng.integers(len(GROUNDS))]
    low, high = (20, 120) if sum(ground) > 400 else (140, 250)
    return Image.new("RGB", (side, side), ground), tuple(rng.integers(low, high, 3).tolist()), side


def _shape(rng: Rng, middle: float, radius: float) -> list[tuple[float, float]]:
    corners = int(rng.integers(3, 8))
    angles = 2 * np.pi * (np.arange(corners) + rng.random()) / corners
    radii = rng.uniform(0.5, 1.0, corners) * radius
    x, y = middle + radii * np.cos(angles), middle + radii * np.sin(angles)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def tiles(rng: Rng) -> list[Picture]:
    """Another sign on the same tile."""
    empty, colour, side = _start(rng)
    face, size = faces()[rng.integers(len(faces()))], int(side * rng.uniform(0.15, 0.6))
    drawn = []
    for sign in rng.choice(list("12356789ABCDEOQ"), 4, replace=False):
        image = empty.copy()
        draw = ImageDraw.Draw(image)
        draw.ellipse((side * 0.1, side * 0.1, side * 0.9, side * 0.9), fill=colour)
        ink = "white" if sum(colour) < 400 else "black"
        draw.text((side / 2, side / 2), str(sign), ink, load_face(face, size), anchor="mm")
        drawn.append(image)
    return drawn


def logos(rng: Rng) -> list[Picture]:
    """Another word below the same sign."""
    empty, colour, side = _start(rng)
    face, size = faces()[rng.integers(len(faces()))], int(side * rng.uniform(0.1, 0.25))
    points = _shape(rng, side * 0.4, side * 0.2)
    drawn = []
    for word in rng.choice(WORDS, 4, replace=False):
        image = empty.copy()
        draw = ImageDraw.Draw(image)
        draw.polygon(points, fill=colour)
        draw.text((side / 2, side * 0.8), str(word), colour, load_face(face, size), anchor="mm")
        drawn.append(image)
    return drawn


def _polygons(
    rng: Rng, change: Callable[[int, list[tuple[float, float]], Any, float], tuple[Any, Any]]
) -> list[Picture]:
    empty, colour, side = _start(rng)
    points = _shape(rng, side / 2, side * 0.35)
    drawn = []
    for number in range(4):
        image = empty.copy()
        places, fill = change(number, points, colour, side)
        ImageDraw.Draw(image).polygon(places, fill=fill)
        drawn.append(image)
    return drawn


def shapes(rng: Rng) -> list[Picture]:
    """Another shape in the same colour."""
    return _polygons(
        rng, lambda n, points, colour, side: (_shape(rng, side / 2, side * 0.35), colour)
    )


def shades(rng: Rng) -> list[Picture]:
    """The same shape in a colour that is 25 and more levels off."""
    signs = rng.choice([-1, 1], 3)

    def change(n: int, points: Any, colour: Any, side: float) -> tuple[Any, Any]:
        return points, tuple(
            int(np.clip(c + 25 * n * s, 0, 255)) for c, s in zip(colour, signs, strict=True)
        )

    return _polygons(rng, change)


def moved(rng: Rng) -> list[Picture]:
    """The same shape a fiftieth of the side further on, each time."""
    return _polygons(
        rng,
        lambda n, points, colour, side: ([(x + 0.02 * n * side, y) for x, y in points], colour),
    )


def codes(rng: Rng) -> list[Picture]:
    """Another fiftieth of the modules of a code."""
    empty, colour, side = _start(rng)
    modules = rng.random((21, 21)) < 0.5
    drawn = []
    for _ in range(4):
        other = modules ^ (rng.random(modules.shape) < 0.02)
        mask = Image.fromarray(np.kron(other, np.ones((side // 28,) * 2)) > 0)
        image = empty.copy()
        image.paste(
            colour, (side // 8, side // 8, side // 8 + mask.width, side // 8 + mask.height), mask
        )
        drawn.append(image)
    return drawn


KINDS: dict[str, Callable[[Rng], list[Picture]]] = {
    "another sign on the same tile": tiles,
    "another word below the same logo": logos,
    "another shape": shapes,
    "another shade, by 25 levels": shades,
    "moved by a fiftieth": moved,
    "other modules of a code": codes,
}


def copy_of(image: Picture, rng: Rng) -> bytes:
    """The picture in some size and file type."""
    scale = float(rng.choice(SCALES))
    if scale < 1:
        size = round(image.width * scale), round(image.height * scale)
        image = image.resize(size, RESAMPLING[rng.integers(len(RESAMPLING))])
    buffer = io.BytesIO()
    image.save(buffer, str(rng.choice(["PNG", "JPEG", "WEBP"])), quality=int(rng.integers(75, 96)))
    return buffer.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def grouped_pairs(files: Sequence[bytes]) -> set[frozenset[int]]:
    """Numbers of the files that stand in one group of find-dupes."""
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(files):
            (Path(folder) / str(number)).write_bytes(data)
        found = find_duplicates([folder], "auto", options=RunOptions(executor="threads"))
    groups = [[int(Path(m.picture.file.path).name) for m in g.members] for g in found.groups]
    return {frozenset(pair) for group in groups for pair in combinations(group, 2)}


def measure(kind: str, first: int, count: int) -> dict[str, int]:
    """Count copies, those found, other pairs, and those joined."""
    rows: Counter[str] = Counter()
    for seed in range(first, first + count):
        rng = np.random.default_rng([seed, list(KINDS).index(kind)])
        drawn = KINDS[kind](rng)
        files = [copy_of(image, rng) for _ in range(2) for image in drawn]
        grouped = grouped_pairs(files)
        for i, k in combinations(range(len(files)), 2):
            same = i % len(drawn) == k % len(drawn)
            rows["copies" if same else "other pairs"] += 1
            if frozenset((i, k)) in grouped:
                rows["found" if same else "joined"] += 1
            if figure_distance(pixels_of(files[i]), pixels_of(files[k])) <= 1:
                rows["found as pixels" if same else "joined as pixels"] += 1
    names = "copies", "found", "found as pixels", "other pairs", "joined", "joined as pixels"
    return {name: rows[name] for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=9000, help="the first seed")
    parser.add_argument("--seeds", type=int, default=40, help="how many, of each kind")
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    result = {kind: measure(kind, given.first, given.seeds) for kind in KINDS}
    for kind, row in result.items():
        print(kind, row)
    if not given.dry:
        about = record.machine("python benchmarks/figures.py", "numpy", "pillow")
        about |= {"seeds": [given.first, given.first + given.seeds - 1], "verdicts": VERSION}
        print(record.write("figures", about | {"kinds": result}))


if __name__ == "__main__":
    main()
