"""How often `auto` finds the exports of deep pictures: 6 kinds x 20 scenes x 3 exports.

    python benchmarks/depth.py

writes benchmarks/results/depth.json. The kinds are files as instruments write them: 12-bit X-rays
and colour pictures in 16-bit PNG, CT with an offset of 32,768, distances in millimetres, and
reflectance of four bands and of floating point in TIFF. Every scene is also there resized (as
deep), exported to 8 bits by its nominal range, and windowed (the middle of its range, in 8 bits).
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import record
import tifffile
from numpy.typing import NDArray
from PIL import Image

import imgsim
from imgsim.pictures.generate import landscape
from imgsim.pictures.textures import fractal_noise

SIZE = 400, 300
EXPORTS = "resized", "8 bits", "windowed"
Samples = NDArray[Any]


def unit_grey(seed: int) -> NDArray[np.float64]:
    """Paint a grey picture between 0 and 1, with finer levels than 8 bits."""
    rng = np.random.default_rng(seed)
    grey = np.asarray(Image.fromarray(landscape(seed, *SIZE)).convert("L")) / 255
    return np.clip(grey + rng.normal(0, 0.002, grey.shape), 0, 1)


def xray(seed: int) -> Samples:
    """12 bits in 16, with a few hot pixels."""
    samples = np.rint(unit_grey(seed) * 3900 + 60).astype(np.uint16)
    rng = np.random.default_rng(seed)
    samples[rng.integers(0, SIZE[1], 5), rng.integers(0, SIZE[0], 5)] = 65535
    return samples


def colour(seed: int) -> Samples:
    """12 bits in 16, of red, green and blue."""
    rng = np.random.default_rng(seed)
    scene = landscape(seed, *SIZE) / 255 + rng.normal(0, 0.002, (*SIZE[::-1], 3))
    return np.rint(np.clip(scene, 0, 1) * 4095).astype(np.uint16)


def tomogram(seed: int) -> Samples:
    """A round field of view with Hounsfield units from an offset of 32,768, and 0 around it."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    outside = np.hypot(y - SIZE[1] / 2, x - SIZE[0] / 2) > 0.48 * SIZE[1]
    samples = np.rint(32768 - 1000 + unit_grey(seed) * 3000)
    return np.where(outside, 0, samples).astype(np.uint16)


def distance(seed: int) -> Samples:
    """Millimetres: a room with boxes, and 0 where nothing was measured."""
    rng = np.random.default_rng(seed)
    depth = 3500 + 2500 * (fractal_noise(rng, *SIZE[::-1], 6) - 0.5)
    depth += np.linspace(2500, 0, SIZE[1])[:, None]
    for _ in range(25):
        x, y = rng.integers(0, SIZE[0] - 40), rng.integers(0, SIZE[1] - 40)
        width, height = rng.integers(20, 90, 2)
        part = depth[y : y + height, x : x + width]
        part[:] = rng.uniform(600, 4500) + np.linspace(0, rng.uniform(0, 400), part.shape[1])
    depth += rng.normal(0, 4, depth.shape)
    depth[fractal_noise(rng, *SIZE[::-1], 4) < 0.25] = 0
    return np.clip(np.rint(depth), 0, 65535).astype(np.uint16)


def reflectance(seed: int) -> Samples:
    """Red, green, blue and near infrared, 0 to 3,060."""
    scene = landscape(seed, *SIZE).astype(float)
    infrared = 255 - scene[..., 1:2]
    return np.rint(np.concatenate([scene, infrared], axis=2) * 12).astype(np.uint16)


def radiance(seed: int) -> Samples:
    """Floating point between -20 and 300, with gaps."""
    samples = (unit_grey(seed) * 320 - 20).astype(np.float32)
    samples[:2] = np.nan
    return samples


KINDS: dict[str, tuple[Callable[[int], Samples], tuple[float, float], str]] = {
    "X-ray of 12 bits": (xray, (0, 4095), "png"),
    "colour of 12 bits": (colour, (0, 4095), "png"),
    "CT from 32,768": (tomogram, (31768, 34768), "png"),
    "millimetres": (distance, (0, 10000), "png"),
    "reflectance": (reflectance, (0, 3060), "tif"),
    "floating point": (radiance, (-20, 300), "tif"),
}
"""The samples of a scene, the range an export of it shows, and the format."""


def encode(samples: Samples, form: str) -> bytes:
    """Write samples of any depth as PNG or TIFF."""
    if form == "png":
        flipped = samples[..., ::-1] if samples.ndim == 3 else samples
        return cv2.imencode(".png", flipped)[1].tobytes()
    stream = io.BytesIO()
    planes = {"planarconfig": "contig"} if samples.ndim == 3 else {}
    tifffile.imwrite(stream, samples, photometric="minisblack", compression="zlib", **planes)
    return stream.getvalue()


def exported(samples: Samples, low: float, high: float) -> bytes:
    """Map a range of the samples to an 8-bit PNG."""
    shown = np.nan_to_num(samples[..., :3] if samples.ndim == 3 else samples, nan=low)
    levels = np.clip((shown.astype(float) - low) / (high - low), 0, 1) * 255
    return encode(np.rint(levels).astype(np.uint8), "png")


def write_scene(folder: Path, number: int, seed: int, kind: str) -> None:
    """Write a scene and its exports as NUMBER-*."""
    make, (low, high), form = KINDS[kind]
    samples = make(seed)
    resized = cv2.resize(samples, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    tenth = (high - low) / 10
    for name, data in {
        f"deep.{form}": encode(samples, form),
        f"resized.{form}": encode(resized, form),
        "8 bits.png": exported(samples, low, high),
        "windowed.png": exported(samples, low + tenth, high - 2 * tenth),
    }.items():
        (folder / f"{number:03d}-{name}").write_bytes(data)


def measure(folder: Path, scenes: int, method: str) -> dict[str, Any]:
    """Return the share of exports that are in a group with their scene, and the wrong pairs."""
    kinds = [kind for kind in KINDS for _ in range(scenes)]
    for number, kind in enumerate(kinds):
        write_scene(folder, number, 1000 + number, kind)
    result = imgsim.find_duplicates([str(folder)], method)
    found: Counter[tuple[str, str]] = Counter()
    wrong = 0
    for group in result.groups:
        names = [Path(member.picture.file.path).stem.split("-") for member in group.members]
        wrong += sum(a[0] != b[0] for a, b in combinations(names, 2))
        deep = {number for number, name in names if name == "deep"}
        found.update((kinds[int(number)], name) for number, name in names if number in deep)
    shares = {
        kind: {name: round(found[kind, name] / scenes, 3) for name in EXPORTS} for kind in KINDS
    }
    total = sum(found[kind, name] for kind in KINDS for name in EXPORTS)
    return {
        "method": method,
        "scenes": scenes,
        "exports": scenes * len(KINDS) * len(EXPORTS),
        "found": round(total / (scenes * len(KINDS) * len(EXPORTS)), 4),
        "wrong_pairs": wrong,
        "skipped": len(result.skipped),
        "kinds": shares,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--method", default="auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), given.scenes, given.method)
    about = record.machine(
        "python benchmarks/depth.py", "numpy", "pillow", "opencv-python-headless", "tifffile"
    )
    print(record.write("depth", about | result), result)


if __name__ == "__main__":
    main()
