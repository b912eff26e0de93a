"""Spoil files at random and count what find-dupes makes of them, beside the whole ones.

    python benchmarks/damage.py DIR
    python benchmarks/damage.py DIR --files 3 --mutants 2 --sources DATA/photos --no-record

Every file shows another picture. A round puts one mutant of each file beside it, under a name and
a time that are preferred where nothing else decides. Flips, cuts and insertions are seeded.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import Image
from record import machine, write

from imgsim import RunOptions, find_duplicates
from imgsim.pictures.generate import landscape
from imgsim.read.discover import discover

WIDTH, HEIGHT = 480, 360


def _heif(picture: Any) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(picture).save(stream, quality=80)
    return stream.getvalue()


def _saved(form: str, *settings: dict[str, Any]) -> Callable[[Any, int], bytes]:
    def save(picture: Any, number: int) -> bytes:
        stream = io.BytesIO()
        picture.save(stream, form, **settings[number % len(settings)])
        return stream.getvalue()

    return save


FORMATS: dict[str, Callable[[Any, int], bytes]] = {
    "jpg": _saved(
        "JPEG",
        {"quality": 85},
        {"quality": 85, "progressive": True},
        {"quality": 85, "restart_marker_rows": 1},
    ),
    "png": _saved("PNG", {}),
    "gif": _saved("GIF", {"interlace": 0}, {"interlace": 1}),
    "webp": _saved("WEBP", {"quality": 80}, {"lossless": True}),
    "tif": _saved(
        "TIFF",
        {},
        {"compression": "tiff_adobe_deflate"},
        {"compression": "tiff_lzw"},
        {"compression": "jpeg"},
    ),
    "heic": lambda picture, number: _heif(picture),
    "avif": _saved("AVIF", {"quality": 70}),
    "bmp": _saved("BMP", {}),
    "jp2": _saved("JPEG2000", {"quality_layers": [20]}, {}),
}


def _mutant(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Spoil a file in one of three ways: their name, and the bytes."""
    way = ("flip", "cut", "insertion")[rng.integers(3)]
    if way == "cut":
        kept = data[: int(len(data) * rng.uniform(0.1, 0.995))]
        ended = data[:2] == b"\xff\xd8" and rng.random() < 0.5
        return way, kept + (b"\xff\xd9" if ended else b"")
    if way == "insertion":
        place = int(rng.integers(len(data)))
        return way, data[:place] + rng.bytes(int(rng.integers(1, 65))) + data[place:]
    spoilt = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        spoilt[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return way, bytes(spoilt)


def _outcomes(folder: Path, seeds: list[str], jobs: int) -> dict[str, str]:
    """Tell what became of the mutant of each seed, both below a folder."""
    found = find_duplicates([folder], options=RunOptions(jobs=jobs), check_all=True)
    skipped = {os.path.basename(s.path): s.reason for s in found.skipped}
    damaged = {os.path.basename(s.path) for s in found.damaged}
    place: dict[str, tuple[int, str]] = {}
    for number, group in enumerate(found.groups):
        for member in group.members:
            place[os.path.basename(member.picture.file.path)] = number, member.kind
    outcomes = {}
    for seed in seeds:
        mutant = f"a {seed}"
        state = "damaged" if mutant in damaged else "unnoticed"
        if mutant in skipped:
            crashed = "crashed" in skipped[mutant] or "more than" in skipped[mutant]
            outcomes[seed] = "crash" if crashed else "skipped"
        elif seed in damaged or seed in skipped:
            outcomes[seed] = "the seed was called damaged"
        elif mutant not in place or place[mutant][0] != place.get(seed, (-1, ""))[0]:
            outcomes[seed] = f"{state}, apart"
        elif place[mutant][1] == "kept":
            kind = place[seed][1]
            outcomes[seed] = f"{state}, equal" if kind != "near" else f"{state}, kept"
        elif place[mutant][1] in ("exact", "pixels"):
            outcomes[seed] = f"{state}, equal"
        else:
            outcomes[seed] = f"{state}, member"
    return outcomes


def _refused(data: bytes, form: str) -> bool:
    """Tell whether another decoder reports an error in a file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(io.BytesIO(data)).load()
    except Exception:
        return True
    if form in ("heic", "avif", "jp2", "gif"):
        return False
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) is None


def _pictures(sources: list[str], count: int) -> list[Any]:
    if not sources:
        return [Image.fromarray(landscape(5000 + i, WIDTH, HEIGHT)) for i in range(count)]
    files = discover(sources).files[:count]
    images = [Image.open(file.path).convert("RGB") for file in files]
    for image in images:
        image.thumbnail((WIDTH, HEIGHT))
    return images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sources", nargs="*", default=[], help="instead of made pictures")
    parser.add_argument("--files", type=int, default=30, help="of each format")
    parser.add_argument("--mutants", type=int, default=3000, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-record", action="store_true")
    given = parser.parse_args()
    pillow_heif.register_heif_opener()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    names = [(form, i) for form in FORMATS for i in range(given.files)]
    pictures = _pictures(given.sources, len(names))
    if len(pictures) < len(names):
        parser.error(f"{len(names)} pictures are needed, all different; there are {len(pictures)}")
    files = {
        f"{form} {i}.{form}": FORMATS[form](picture, i)
        for (form, i), picture in zip(names, pictures, strict=False)
    }
    # one that refuses whole files would tell nothing about the mutants
    wrong = [name for name, data in files.items() if _refused(data, name.rsplit(".", 1)[1])]
    if wrong:
        parser.error(f"the other decoder refuses whole files, such as {wrong[0]}")
    rng = np.random.default_rng(given.seed)
    counts: dict[str, Counter[str]] = {form: Counter() for form in FORMATS}
    ways: dict[str, Counter[str]] = {form: Counter() for form in FORMATS}
    refused_and_kept: list[str] = []
    left = given.mutants
    round_number = 0
    while left > 0:
        seeds = list(files)[:left] if left < len(files) else list(files)
        left -= len(seeds)
        round_number += 1
        shutil.rmtree(given.folder, ignore_errors=True)
        given.folder.mkdir(parents=True)
        way = {}
        for name in seeds:
            way[name], mutant = _mutant(files[name], rng)
            for path, data, time in (
                (given.folder / name, files[name], 2e9 - 1e9),
                (given.folder / f"a {name}", mutant, 1e9 - 1e8),
            ):
                path.write_bytes(data)
                os.utime(path, (time, time))
        for name, outcome in _outcomes(given.folder, seeds, given.jobs).items():
            form = name.rsplit(".", 1)[1]
            counts[form][outcome] += 1
            ways[form][f"{way[name]}: {outcome}"] += 1
            if outcome.endswith("kept") and _refused(
                (given.folder / f"a {name}").read_bytes(), form
            ):
                refused_and_kept.append(f"round {round_number}, {name}: {way[name]}")
        print(f"round {round_number}: {sum(map(sum_of, counts.values()))} mutants", flush=True)
    shutil.rmtree(given.folder, ignore_errors=True)
    for form, outcomes in counts.items():
        print(form, dict(sorted(outcomes.items())))
    print("refused by another decoder, and kept:", refused_and_kept or "none")
    if not given.no_record:
        write(
            "damage",
            machine(
                f"python benchmarks/damage.py DIR --files {given.files}"
                f" --mutants {given.mutants} --seed {given.seed}",
                "pillow", "pillow-heif", "simplejpeg", "opencv-python-headless", "tifffile",
            )
            | {
                "files": len(files),
                "mutants": given.mutants,
                "outcomes": {form: dict(sorted(c.items())) for form, c in counts.items()},
                "by_way": {form: dict(sorted(c.items())) for form, c in ways.items()},
                "refused_by_another_decoder_and_kept": refused_and_kept,
            },
        )  # fmt: skip


def sum_of(counter: Counter[str]) -> int:
    """Return how many were counted."""
    return sum(counter.values())


if __name__ == "__main__":
    main()
