"""find-dupes on folders made for it: cold and warm time, peak memory, against other programs.

    python benchmarks/find_dupes.py DIR --images 1000 --cleanvision PYTHON
    python benchmarks/find_dupes.py DIR --images 20000

DIR is where the pictures are made (and used again). With few enough images a plain loop of
ImageHash over all pairs runs beside it, and CleanVision (exact and near duplicates only) with the
Python of another environment in which it is installed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from record import machine, run_weighed, spread, write

from imgsim.pictures.generate import landscape

SCENES = 150
REPEATS = 3

IMAGEHASH_LOOP = """
import sys
from pathlib import Path
import imagehash
from PIL import Image
paths = sorted(Path(sys.argv[1]).rglob("*.jpg"))
hashes = [imagehash.phash(Image.open(path), 16) for path in paths]
pairs = [
    (i, j)
    for i in range(len(hashes))
    for j in range(i + 1, len(hashes))
    if hashes[i] - hashes[j] <= 32
]
print(len(pairs))
"""

CLEANVISION = """
import sys
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, verbose=False)
print(sum(len(lab.info[k]["sets"]) for k in ("exact_duplicates", "near_duplicates")))
"""

DECODE_ONLY = """
import sys
from pathlib import Path
from concurrent.futures import ProcessPoolExecutor
from PIL import Image
def decode(path):
    with Image.open(path) as image:
        image.draft("L", (image.width // 2, image.height // 2))
        image.load()
if __name__ == "__main__":
    paths = sorted(Path(sys.argv[1]).rglob("*.jpg"))
    with ProcessPoolExecutor(int(sys.argv[2])) as pool:
        list(pool.map(decode, paths, chunksize=32))
"""


def _scene(seed: int) -> np.ndarray:
    return landscape(seed, 1280, 960)


def _picture(job: tuple[bytes, int, Path]) -> None:
    """Another view of a scene: a crop of its own, mirrored or not, in its own light."""
    scene, seed, path = job
    rng = np.random.default_rng(seed)
    with Image.open(io.BytesIO(scene)) as image:
        scale = rng.uniform(0.45, 0.8)
        width, height = int(image.width * scale), int(image.height * scale)
        left = int(rng.integers(0, image.width - width))
        top = int(rng.integers(0, image.height - height))
        view = image.crop((left, top, left + width, top + height)).resize((640, 480))
    if rng.random() < 0.5:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    view = ImageEnhance.Color(view).enhance(rng.uniform(0.3, 1.6))
    view.save(path, quality=int(rng.integers(75, 95)))


def make(folder: Path, n: int) -> None:
    """Write n pictures, and for every tenth of them a smaller, re-compressed copy."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    with Pool() as pool:
        scenes = []
        for scene in pool.imap(_scene, range(SCENES)):
            stream = io.BytesIO()
            Image.fromarray(scene).save(stream, "PNG", compress_level=1)
            scenes.append(stream.getvalue())
        originals = n * 10 // 11
        jobs = ((scenes[i % SCENES], i, folder / f"{i:06}.jpg") for i in range(originals))
        for _ in pool.imap_unordered(_picture, jobs, chunksize=8):
            pass
    for i in range(n - originals):
        with Image.open(folder / f"{10 * i:06}.jpg") as image:
            image.resize((480, 360)).save(folder / f"{10 * i:06} copy.jpg", quality=60)


def _copies_found(groups: list[dict]) -> int:
    """Count the copies that are in one group with their original."""
    total = 0
    for group in groups:
        names = {Path(member["path"]).stem for member in group["members"]}
        total += sum(name.removesuffix(" copy") in names for name in names if "copy" in name)
    return total


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--cleanvision", metavar="PYTHON")
    parser.add_argument("--all-pairs", type=int, default=3000, help="loop up to so many images")
    return parser.parse_args()


def _others(given: argparse.Namespace, folder: Path) -> dict[str, list[str]]:
    """Return the commands of the other programs, by name."""
    cores = str(os.cpu_count())
    commands = {"decode only, reduced": [sys.executable, "-c", DECODE_ONLY, str(folder), cores]}
    if given.images <= given.all_pairs:
        commands["imagehash, all pairs"] = [sys.executable, "-c", IMAGEHASH_LOOP, str(folder)]
    if given.cleanvision:
        commands["cleanvision"] = [given.cleanvision, "-c", CLEANVISION, str(folder)]
    return commands


def main() -> None:
    given = _options()
    folder = given.folder / str(given.images)
    make(folder, given.images)
    cache = given.folder / f"{given.images}.sqlite"
    env = os.environ | {"IMGSIM_CACHE": str(cache)}
    find = [sys.executable, "-m", "imgsim", "find-dupes", str(folder), "-f", "json"]
    find += ["--method", "phash:size=16"]
    others = _others(given, folder)
    seconds: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    runs: dict[str, dict] = {}

    def run(name: str, arguments: list[str]) -> str:
        took, peak, output = run_weighed(arguments, env)
        seconds.setdefault(name, []).append(took)
        memory[name] = max(memory.get(name, 0), round(peak, 1))
        print(f"{name:24} {took:8.2f} s {peak:8.0f} MB", flush=True)
        return output

    for _ in range(REPEATS):
        for rest in given.folder.glob(cache.name + "*"):
            if rest.is_file():
                rest.unlink()
        runs["cold"] = json.loads(run("imgsim, cold", find))
        runs["warm"] = json.loads(run("imgsim, warm", find))
        for name, arguments in others.items():
            run(name, arguments)
    cold = runs["cold"]["seconds"]
    medians = {name: sorted(values)[len(values) // 2] for name, values in seconds.items()}
    document = {
        **machine(
            f"python benchmarks/find_dupes.py DIR --images {given.images}"
            + (" --cleanvision PYTHON" if given.cleanvision else ""),
            "imgsim",
            "pillow",
            "faiss-cpu",
            "imagehash",
        ),
        "images": given.images,
        "bytes": sum(p.stat().st_size for p in folder.iterdir()),
        "groups": len(runs["cold"]["groups"]),
        "copies_made": given.images - given.images * 10 // 11,
        "copies_found": _copies_found(runs["cold"]["groups"]),
        "seconds": {name: spread(values) for name, values in seconds.items()},
        "peak_memory_mb": memory,
        "relative_to_cold": {n: round(m / medians["imgsim, cold"], 2) for n, m in medians.items()},
        "cold_stages": cold,
        "decoding_share_of_cold_cpu": round(
            cold["decode"] / (cold["total"] * (os.cpu_count() or 1)), 2
        ),
    }
    print(write(f"find-dupes-{given.images}", document))


if __name__ == "__main__":
    main()
