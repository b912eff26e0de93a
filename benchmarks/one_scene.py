"""What folders of frames of one scene cost, and which frames stand in groups.

    python benchmarks/one_scene.py [--frames 60 120 240] [--kinds scene noise saved] [--imgsim SRC]

writes benchmarks/results/one-scene.json. Frames of a fixed camera are painted: a landscape in
changing light, in each frame one to three things from other landscapes elsewhere, with noise, as
JPEG. No two are copies: what stands in a group is counted as wrong. One frame in ten also has a
copy of 60 % of its width and quality 70, all of which are to be found. The kind `noise` is one
frame with other noise in each file, and `saved` one picture in many sizes and qualities: all of
these are copies, and should stand in one group. Processor seconds and memory are those of
find-dupes with all its processes, cold, beside another source tree of imgsim if one is given.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image, ImageDraw, ImageFilter

from imgsim.pictures.generate import landscape

WIDTH, HEIGHT = 480, 360
_THINGS = 12
_NOISE = 3.0


def write_frames(folder: Path, n: int, seed: int) -> dict[str, str]:
    """Write frames and copies, and return the frame of each copy, by names."""
    scene = landscape(seed, WIDTH, HEIGHT).astype(np.float64)
    others = [Image.fromarray(landscape(1000 * seed + i, WIDTH, HEIGHT)) for i in range(_THINGS)]
    copies = {}
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        light = 0.8 + 0.2 * np.sin(number / 200)
        image = Image.fromarray(np.clip(scene * light, 0, 255).astype(np.uint8))
        for _ in range(rng.integers(1, 4)):
            _put_thing(image, others[rng.integers(_THINGS)], rng)
        pixels = np.asarray(image, np.float64) + rng.normal(0, _NOISE, (HEIGHT, WIDTH, 3))
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        name = f"{number:05}.jpg"
        image.save(folder / name, quality=88)
        if number % 10 == 0:
            small = image.resize((WIDTH * 6 // 10, HEIGHT * 6 // 10), Image.Resampling.LANCZOS)
            small.save(folder / f"copy-{name}", quality=70)
            copies[f"copy-{name}"] = name
    return copies


def write_noise(folder: Path, n: int, seed: int) -> dict[str, str]:
    """Write frames that differ in noise alone."""
    scene = landscape(seed, WIDTH, HEIGHT).astype(np.float64)
    names = [f"{number:05}.jpg" for number in range(n)]
    for number, name in enumerate(names):
        noise = np.random.default_rng([seed, number]).normal(0, _NOISE, scene.shape)
        image = Image.fromarray(np.clip(scene + noise, 0, 255).astype(np.uint8))
        image.save(folder / name, quality=88)
    return dict.fromkeys(names[1:], names[0])


def write_saved(folder: Path, n: int, seed: int) -> dict[str, str]:
    """Write one picture in many sizes and qualities."""
    picture = Image.fromarray(landscape(seed, 640, 480))
    names = [f"{number:05}.jpg" for number in range(n)]
    for number, name in enumerate(names):
        rng = np.random.default_rng([seed, number])
        width = round(640 * rng.uniform(0.5, 1))
        small = picture.resize((width, width * 3 // 4), Image.Resampling.LANCZOS)
        small.save(folder / name, quality=int(rng.integers(55, 96)))
    return dict.fromkeys(names[1:], names[0])


KINDS = {"scene": write_frames, "noise": write_noise, "saved": write_saved}


def _put_thing(image: Image.Image, other: Image.Image, rng: np.random.Generator) -> None:
    width = int(rng.uniform(20, 60))
    height = int(width * rng.uniform(0.7, 2))
    left, top = (int(rng.uniform(0, side)) for side in (WIDTH - width, HEIGHT - height))
    x, y = int(rng.uniform(0, WIDTH - width)), int(rng.uniform(100, HEIGHT - height))
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse((1, 1, width - 2, height - 2), fill=255)
    part = other.crop((x, y, x + width, y + height))
    image.paste(part, (left, top), mask.filter(ImageFilter.GaussianBlur(0.7)))


def measure(folder: Path, copies: dict[str, str], source: Path | None) -> dict[str, Any]:
    """Run find-dupes over a folder, and hold its groups against the copies that are there."""
    command = [sys.executable, "-m", "imgsim", "find-dupes", str(folder), "--cache", "off"]
    env = dict(os.environ)
    if source is not None:
        env["PYTHONPATH"] = str(source.absolute())
    with tempfile.TemporaryDirectory() as work:
        run = record.run_program([*command, "--format", "json", "--quiet"], env, Path(work))
    if run.code:
        raise SystemExit(run.error)
    found = json.loads(run.output)
    wrong = right = 0
    for group in found["groups"]:
        names = {Path(member["path"]).name for member in group["members"]}
        shown = {copies.get(name, name) for name in names}
        right += sum(copies.get(name) in names for name in names)
        wrong += len(shown) - 1
    files = found["images"]
    return {
        "files": files,
        "processor_seconds": round(run.cpu_seconds, 2),
        "milliseconds_a_file": round(1000 * run.cpu_seconds / files, 1),
        "peak_mb": round(run.peak_mb),
        "groups": len(found["groups"]),
        "copies_found": right,
        "copies": len(copies),
        "frames_beside_another_frame": wrong,
        "pairs_left_out": found.get("pairs_left_out", 0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[60, 120, 240])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--imgsim", type=Path, metavar="SRC", help="another source tree")
    parser.add_argument("--most-frames", type=int, default=60, help="for that one")
    parser.add_argument("--seed", type=int, default=31)
    given = parser.parse_args()
    results: dict[str, Any] = {}
    for n, kind in itertools.product(given.frames, given.kinds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            copies = KINDS[kind](folder, n, given.seed)
            own = {"imgsim": measure(folder, copies, None)}
            if given.imgsim is not None and n <= given.most_frames:
                own["other"] = measure(folder, copies, given.imgsim)
        results.setdefault(kind, {})[str(n)] = own
        print(kind, n, json.dumps(own), flush=True)
    document = record.machine("python benchmarks/one_scene.py", "numpy", "pillow")
    record.write("one-scene", document | {"seed": given.seed, "kinds": results})


if __name__ == "__main__":
    main()
