"""True and false pairs of all kinds, for `verify_limits.py`.

Every source is a generator of pairs of files that it writes to a folder of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from figures import KINDS as ICON_KINDS
from figures import copy_of
from frames import (
    ANIMATION_COPIES,
    ANIMATIONS,
    DOCUMENT_COPIES,
    DOCUMENTS,
    write_animation,
    write_document,
)
from PIL import Image, ImageOps
from reach_changes import CHANGES
from reach_series import SERIES
from tiny import CHANGES as TINY_CHANGES
from tiny import SIDES, square

import imgsim
from imgsim.pictures.changes import CHANGES as COPY_CHANGES
from imgsim.pictures.changes import COMBINATIONS
from imgsim.pictures.generate import landscape
from imgsim.pictures.near_pairs import NEAR_KINDS, draw_near_pair
from imgsim.pictures.standins import write_look_alikes
from imgsim.pictures.text_pages import COPIES, KINDS, copy_page, draw_page, draw_variant

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
READABLE = 24
"""Pixels of letters from which a page of half the size is still a copy that can be read."""
NEAR_COPIES = "PNG", "JPEG", "WebP"
NEIGHBOURS = 6
"""Pairs of a series that follow one another, at most."""


class Pair(NamedTuple):
    """Two files; `same` if they are copies of one picture."""

    kind: str
    same: bool
    left: Path
    right: Path


@dataclass(frozen=True)
class Sources:
    """How many pairs are made, of what, and in which folder.

    Attributes
    ----------
    folder : Path
        Empty; pictures are written there.
    first : int
        The first seed of drawn pictures.
    pages, near, pictures, series, scenes, look_alikes : int
        Seeds of pages, of pairs that differ in one thing, pictures that are changed, series of each
        kind, animations and documents of each kind, pairs of each folder of look-alikes.
    photos : sequence of Path
        Instead of landscapes.
    folders : sequence of Path
        Of different pictures.
    """

    folder: Path
    first: int
    pages: int
    near: int
    pictures: int
    series: int
    scenes: int
    look_alikes: int
    photos: Sequence[Path] = ()
    folders: Sequence[Path] = ()

    def seeds(self, count: int) -> range:
        return range(self.first, self.first + count)

    def picture(self, number: int) -> Image.Image:
        """A photo, or a landscape; those of other numbers are others, if there are enough."""
        if not self.photos:
            return Image.fromarray(landscape(self.first + number, 480, 360))
        with Image.open(self.photos[number % len(self.photos)]) as image:
            image.draft("RGB", (640, 640))
            upright = ImageOps.exif_transpose(image).convert("RGB")
        upright.thumbnail((640, 640), Image.Resampling.LANCZOS)
        return upright


def of_texts(sources: Sources) -> Iterator[Pair]:
    """Copies of pages, and pages that differ in one token."""
    for seed in sources.seeds(sources.pages):
        for kind in KINDS:
            page, variant = draw_page(kind, seed), draw_variant(kind, seed, 0)
            hows = [how for how in COPIES if how != "half size" or page.letters >= READABLE]
            rng = np.random.default_rng((seed, 97, len(kind)))
            base = str(rng.choice(["PNG", "JPEG"]))
            copy = str(rng.choice([how for how in hows if how != base]))
            other = str(rng.choice(hows[:-1]))
            left, *rights = (
                _write(
                    sources.folder, f"{kind} {seed} {number}", copy_page(image, how, seed + number)
                )
                for number, (image, how) in enumerate(
                    ((page.image, base), (page.image, copy), (variant.image, other))
                )
            )
            yield Pair("texts", True, left, rights[0])
            yield Pair("texts", False, left, rights[1])


def of_near_pairs(sources: Sources) -> Iterator[Pair]:
    """Copies of pictures, and pictures that differ in one thing."""
    for number, seed in enumerate(sources.seeds(sources.near)):
        for kind in NEAR_KINDS:
            one, other = draw_near_pair(kind, seed, sources.picture(number))
            rng = np.random.default_rng((seed, 96))
            hows = [str(how) for how in rng.permutation(NEAR_COPIES)]
            left, *rights = (
                _write(sources.folder, f"near {kind} {seed} {i}", copy_page(image, how, seed + i))
                for i, (image, how) in enumerate(zip((one, one, other), hows, strict=True))
            )
            yield Pair("near pairs", True, left, rights[0])
            yield Pair("near pairs", False, left, rights[1])


def of_copies(sources: Sources) -> Iterator[Pair]:
    """Copies by the changes that people make most, and by some of these together."""
    for number in range(sources.pictures):
        picture = sources.picture(number)
        left = sources.folder / f"{number} original.jpg"
        picture.save(left, quality=93)
        for change in (*COPY_CHANGES, *COMBINATIONS):
            if change.exact:
                continue
            rng = np.random.default_rng([sources.first, zlib.crc32(change.name.encode()), number])
            right = change.write(picture, sources.folder / f"{number} {change.name}", rng, left)
            yield Pair("copies", True, left, right)


def of_small(sources: Sources) -> Iterator[Pair]:
    """Icons and copies of them, small pictures and copies, and what lies a pixel or two beside."""
    for number in range(sources.pictures):
        for kind, draw in ICON_KINDS.items():
            rng = np.random.default_rng([sources.first + number, zlib.crc32(kind.encode())])
            drawn = draw(rng)[:2]
            one, same, other = (
                sources.folder / f"icon {kind} {number} {place}.png" for place in range(3)
            )
            for path, image in zip((one, same, other), (drawn[0], *drawn), strict=True):
                Image.fromarray(copy_of(image, rng)).save(path)
            yield Pair("icons", True, one, same)
            yield Pair("icons", False, one, other)
        for side in SIDES:
            picture = sources.picture(number)
            image = square(picture, side)
            left = sources.folder / f"small {number} {side}.png"
            image.save(left)
            rng = np.random.default_rng([sources.first + number, side])
            for name, (form, step) in TINY_CHANGES.items():
                right = sources.folder / f"small {number} {side} {name}.{form}"
                step(image, rng).save(right, quality=90)
                yield Pair("small", True, left, right)
            step_pixels = max(2, min(picture.size) // side)
            for times in (1, 2):
                beside = picture.crop((times * step_pixels, 0, *picture.size))
                right = sources.folder / f"small {number} {side} beside {times}.png"
                square(beside, side).save(right)
                yield Pair("small", False, left, right)


def of_changes(sources: Sources) -> Iterator[Pair]:
    """Changed copies, and copies of two pictures that were changed alike."""
    count = sources.pictures
    pictures = [sources.picture(number) for number in range(2 * count)]
    for name, change in CHANGES.items():
        before: dict[str, Path] = {}
        for number, picture in enumerate(pictures[:count]):
            rng = np.random.default_rng([sources.first, zlib.crc32(name.encode()), number])
            others = [*pictures[count + number :], *pictures[count : count + number]]
            original = change.prepare(picture, others, rng) if change.prepare else picture
            copies = {"original": original} | change.make(original, others, rng)
            written = {}
            for copy, image in copies.items():
                written[copy] = sources.folder / f"{name} {number} {copy}.jpg"
                image.save(written[copy], quality=93 if copy == "original" else 90)
            left = written.pop("original")
            yield from (Pair("changes", True, left, right) for right in written.values())
            yield from (
                Pair("changes", False, before[copy], right)
                for copy, right in written.items()
                if copy in before
            )
            before = written


def of_series(sources: Sources) -> Iterator[Pair]:
    """Pictures of a series that follow one another, and copies of them."""
    for name, make in SERIES.items():
        ending = "png" if name in ("animation", "two colours") else "jpg"
        for number in range(sources.series):
            rng = np.random.default_rng([sources.first, zlib.crc32(name.encode()), number])
            series = make(rng, sources.picture(number), sources.picture(number + sources.series))
            paths = []
            for place, image in enumerate(series[: NEIGHBOURS + 1]):
                paths.append(sources.folder / f"{name} {number} {place}.{ending}")
                image.save(paths[-1], quality=92)
            yield from (Pair("series", False, *pair) for pair in pairwise(paths))
            for place in (0, len(paths) - 1):
                copy = sources.folder / f"{name} {number} {place} copy.webp"
                series[place].convert("RGB").save(copy, quality=int(rng.integers(70, 95)))
                yield Pair("series", True, paths[place], copy)


def of_frames(sources: Sources) -> Iterator[Pair]:
    """Copies of animations and documents, and others that have frames in common with them."""
    for kind, make in (ANIMATIONS | DOCUMENTS).items():
        animated = kind in ANIMATIONS
        for seed in sources.seeds(sources.scenes):
            name = f"{kind} {seed}"
            write = write_animation if animated else write_document
            write(sources.folder, name, make, seed)
            (left,) = sources.folder.glob(f"{name}-original.*")
            for how in ANIMATION_COPIES if animated else DOCUMENT_COPIES:
                (right,) = sources.folder.glob(f"{name}-{how}.*")
                yield Pair("frames", True, left, right)
            for right in sorted(sources.folder.glob(f"{name}_*")):
                if not right.stem.endswith(("_still", "_last")):
                    yield Pair("frames", False, left, right)


def of_look_alikes(sources: Sources) -> Iterator[Pair]:
    """Different pictures: drawn ones that follow one another, and the nearest of the folders."""
    each = max(2, sources.look_alikes // 10)
    folder = sources.folder / "look-alikes"
    files = write_look_alikes(folder, each=each, seed=sources.first)
    yield from (
        Pair("look-alikes", False, *pair)
        for pair in pairwise(files)
        if pair[0].parent == pair[1].parent
    )
    for folder in sources.folders:
        yield from (
            Pair("different photos", False, *pair)
            for pair in nearest_pairs(folder, sources.look_alikes)
        )


def nearest_pairs(folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Return the pairs of a folder whose hashes are nearest, equal files left out."""
    (ranked,) = imgsim.matches([str(folder)], "phash", k=5).methods
    distances = {
        (min(query.path, match.path), max(query.path, match.path)): match.distance
        for query in ranked.queries
        for match in query.matches
    }
    pairs = sorted(distances, key=lambda pair: (distances[pair], pair))
    paths = [(Path(one), Path(other)) for one, other in pairs]
    return [(a, b) for a, b in paths if a.read_bytes() != b.read_bytes()][:count]


SOURCES: dict[str, Callable[[Sources], Iterator[Pair]]] = {
    "texts": of_texts,
    "near pairs": of_near_pairs,
    "copies": of_copies,
    "changes": of_changes,
    "small": of_small,
    "series": of_series,
    "frames": of_frames,
    "look-alikes": of_look_alikes,
}


def images_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def _write(folder: Path, name: str, copy: tuple[bytes, str]) -> Path:
    data, suffix = copy
    path = folder / f"{name}{suffix}"
    path.write_bytes(data)
    return path
