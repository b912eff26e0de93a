"""Makes folders of the kinds that the cost of find-dupes is measured on.

    python benchmarks/floor_folders.py DIR --from ../shared/data --files 600

One folder for each of `KINDS`, the same for the same options. Pictures are taken from the folders
of photos below `--from`, each at most once; where these are used up, or without `--from`, they are
made by code (landscapes, places, pages, receipts, screens). All are written anew, in the format
and size that the kind asks for.

real
    Of n files 10 % are JPEGs of 6 to 12 megapixels, 10 % PNGs, half of them RGBA (nine in ten of
    these opaque) and half of all PNGs drawn screens, 5 % WebP and 5 % HEIC of 640 to 1,600 pixels.
    The rest are JPEGs of 350 to 1,280 pixels, every eighth of them a receipt or page. Among the
    rest are copies of other files of the folder: 6 % of n.
copies
    Pictures of 500 x 375 pixels, each with eight changed copies of the kinds of
    `imgsim.pictures.changes`.
small
    JPEGs of 350 to 640 pixels; 1 % are copies.
large
    JPEGs of 6 to 12 megapixels; 2 % are copies.
pages
    JPEGs of 500 to 1,280 pixels, two in five of them receipts or pages; 2 % are copies.

Copies are files written again: smaller, of lower quality, cropped by 10 %, mirrored, or the same
bytes. Enlarged pictures get a grain, so that their files are as large as those of cameras.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from imgsim.pictures.changes import CHANGES
from imgsim.pictures.copies import TRUTH, write_copies
from imgsim.pictures.documents import form, page, receipt
from imgsim.pictures.generate import landscape
from imgsim.pictures.screens import app_screen
from imgsim.pictures.views import view

KINDS = {"real": 600, "copies": 450, "small": 600, "large": 60, "pages": 300}
"""Folders, and how many files they have by default."""

PHOTOS = ("large", "aerial8", "scenes", "photos", "kodak", "clothing", "grocery")
"""Folders of `--from` whose pictures are photos."""
PAGES = ("receipts",)
_GRAIN = 4.0
_COPIES_EACH = 8


@dataclass(frozen=True, slots=True)
class File:
    """A file to write.

    Attributes
    ----------
    path : Path
    seed : tuple of int
        Of all that is drawn for it.
    what : str
        ``photo``, ``page`` or ``screen``.
    source : Path or None
        The picture; None for one that is made by code.
    suffix : str
        ``.jpg``, ``.png``, ``.webp`` or ``.heic``; RGBA is stored where `alpha` is set.
    sides : tuple of int
        The longer side, in pixels, lies between these; 0, 0 keeps a page or screen as drawn.
    megapixels : tuple of float
        Instead of `sides`.
    size : tuple of int
        Instead of both: width and height.
    alpha : str
        Empty, ``opaque`` or ``holes``.
    """

    path: Path
    seed: tuple[int, ...]
    what: str = "photo"
    source: Path | None = None
    suffix: str = ".jpg"
    sides: tuple[int, int] = (0, 0)
    megapixels: tuple[float, float] = (0, 0)
    size: tuple[int, int] = (0, 0)
    alpha: str = ""


class Sources:
    """Pictures that are given, in an order drawn by chance; each is used once."""

    def __init__(self, given: Path | None, seed: int) -> None:
        rng = np.random.default_rng((seed, 1))
        self._left = {"photo": _shuffled(given, PHOTOS, rng), "page": _shuffled(given, PAGES, rng)}
        self._large = [p for p in self._left["photo"] if p.stat().st_size > 800_000]

    def take(self, what: str, *, large: bool = False) -> Path | None:
        """Return a picture that was not used yet; None if one has to be made by code."""
        if large and self._large:
            chosen = self._large.pop()
            self._left["photo"].remove(chosen)
            return chosen
        left = self._left.get(what)
        chosen = left.pop() if left else None
        if chosen in self._large:
            self._large.remove(chosen)
        return chosen


def _shuffled(given: Path | None, names: tuple[str, ...], rng: np.random.Generator) -> list[Path]:
    if given is None:
        return []
    found = [
        p for n in names for p in sorted((given / n).rglob("*")) if p.suffix.lower() in ENDINGS
    ]
    return [found[i] for i in rng.permutation(len(found))]


ENDINGS = (".jpg", ".jpeg", ".png")


def plan_real(folder: Path, n: int, seed: int, sources: Sources) -> Iterator[File]:
    """Plan the originals of `real`."""
    shares = {"large": 0.10, "png": 0.10, "webp": 0.05, "heic": 0.05}
    parts = [part for part, share in shares.items() for _ in range(round(n * share))]
    parts += ["rest"] * (n - round(0.06 * n) - len(parts))
    counts = dict.fromkeys([*shares, "rest"], 0)
    for number, part in enumerate(parts):
        own, count = (seed, number), counts[part]
        counts[part] += 1
        path = folder / f"{number:05}"
        if part == "large":
            yield File(path, own, source=sources.take("photo", large=True), megapixels=(6, 12))
        elif part == "png":
            what = "screen" if count % 4 < 2 else "photo"
            alpha = ("holes" if count % 20 == 9 else "opaque") if count % 2 else ""
            side = (0, 0) if what == "screen" else (800, 1280)
            yield File(path, own, what, sources.take(what), ".png", side, alpha=alpha)
        elif part in ("webp", "heic"):
            yield File(
                path, own, source=sources.take("photo"), suffix=f".{part}", sides=(640, 1600)
            )
        else:
            what = "page" if count % 8 == 7 else "photo"
            yield File(path, own, what, sources.take(what), sides=(350, 1280))


def plan_small(folder: Path, n: int, seed: int, sources: Sources) -> Iterator[File]:
    """Plan the originals of `small`."""
    for i in range(n - round(0.01 * n)):
        yield File(folder / f"{i:05}", (seed, i), source=sources.take("photo"), sides=(350, 640))


def plan_large(folder: Path, n: int, seed: int, sources: Sources) -> Iterator[File]:
    """Plan the originals of `large`."""
    for i in range(n - round(0.02 * n)):
        source = sources.take("photo", large=True)
        yield File(folder / f"{i:05}", (seed, i), source=source, megapixels=(6, 12))


def plan_pages(folder: Path, n: int, seed: int, sources: Sources) -> Iterator[File]:
    """Plan the originals of `pages`."""
    for i in range(n - round(0.02 * n)):
        what = "page" if i % 5 < 2 else "photo"
        yield File(folder / f"{i:05}", (seed, i), what, sources.take(what), sides=(500, 1280))


_PLANS: dict[str, Callable[[Path, int, int, Sources], Iterator[File]]] = {
    "real": plan_real, "small": plan_small, "large": plan_large, "pages": plan_pages,
}  # fmt: skip


def make(kind: str, home: Path, n: int, seed: int, given: Path | None) -> Path:
    """Make a folder, if it is not there yet.

    Parameters
    ----------
    kind : str
        Of `KINDS`.
    home : Path
        Where it is made.
    n : int
        Files.
    seed : int
    given : Path or None
        A folder with folders of photos, see `PHOTOS`.

    Returns
    -------
    Path
    """
    folder = home / f"{kind}-{n}-{seed}-{'real' if given else 'code'}"
    done = folder.with_suffix(".done")
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sources = Sources(given, seed)
    if kind == "copies":
        _make_copies(folder, n, seed, sources)
    else:
        files = list(_PLANS[kind](folder, n, seed, sources))
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            written = list(pool.map(write_file, files, chunksize=4))
        rng = np.random.default_rng((seed, 2))
        for number in range(n - len(written)):
            _write_copy(written[rng.integers(len(written))], folder, number, rng)
    done.touch()
    return folder


def _make_copies(folder: Path, n: int, seed: int, sources: Sources) -> None:
    originals = folder.with_suffix(".originals")
    shutil.rmtree(originals, ignore_errors=True)
    originals.mkdir()
    files = [
        File(originals / f"{i:05}", (seed, i), source=sources.take("photo"), size=(500, 375))
        for i in range(-(-n // (1 + _COPIES_EACH)))
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        written = list(pool.map(write_file, files, chunksize=4))
    write_copies(written, folder, copies_per_image=_COPIES_EACH, seed=seed, changes=CHANGES)
    shutil.move(folder / TRUTH, folder.with_suffix(".csv"))
    shutil.rmtree(originals)


def write_file(file: File) -> Path:
    """Write a file, and return its path."""
    rng = np.random.default_rng(file.seed)
    image = _sized(_picture(file), file, rng)
    if file.alpha:
        image = _with_alpha(image, file.alpha)
    path = file.path.with_suffix(file.suffix)
    if file.suffix == ".heic":
        import pillow_heif

        pillow_heif.from_pillow(image).save(path, quality=70)
    elif file.suffix == ".png":
        image.save(path, compress_level=6)
    else:
        image.save(path, quality=int(rng.integers(80, 94)))
    return path


def _picture(file: File) -> Image.Image:
    if file.source is not None:
        with Image.open(file.source) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    one, other = file.seed
    seed = 100_000 * one + other
    if file.what == "screen":
        return app_screen(seed, 0).image
    if file.what == "page":
        draw = (receipt, page, form)[other % 3]
        return Image.fromarray(draw(seed, 0)).convert("RGB")
    return Image.fromarray(landscape(seed) if other % 2 else view(seed, 0, 0))


def _sized(image: Image.Image, file: File, rng: np.random.Generator) -> Image.Image:
    if file.size != (0, 0):
        return ImageOps.fit(image, file.size, Image.Resampling.LANCZOS)
    if file.megapixels != (0, 0):
        pixels = 1e6 * rng.uniform(*file.megapixels)
        scale = (pixels / (image.width * image.height)) ** 0.5
    elif file.sides != (0, 0):
        scale = rng.integers(file.sides[0], file.sides[1] + 1) / max(image.size)
    else:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    resized = image.resize(size, Image.Resampling.LANCZOS)
    return _with_grain(resized, rng) if scale > 1.2 and file.what == "photo" else resized


def _with_grain(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    grain = rng.normal(0, _GRAIN, (image.height, image.width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def _with_alpha(image: Image.Image, how: str) -> Image.Image:
    alpha = Image.new("L", image.size, 255)
    if how == "holes":
        alpha.paste(0, (0, 0, image.width // 8, image.height))
    image.putalpha(alpha)
    return image


def _write_copy(path: Path, folder: Path, number: int, rng: np.random.Generator) -> None:
    target = folder / f"copy-{number:04}.jpg"
    how = ("exact", "smaller", "worse", "cropped", "mirrored")[number % 5]
    if how == "exact":
        shutil.copyfile(path, target.with_suffix(path.suffix))
        return
    if path.suffix == ".heic":
        import pillow_heif

        image = pillow_heif.open_heif(path).to_pillow().convert("RGB")
    else:
        image = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
    scale = min(1.0, 1280 / max(image.size))  # copies stand among the smaller files
    if how == "smaller":
        scale *= rng.uniform(0.4, 0.8)
    elif how == "cropped":
        x, y = image.width // 10, image.height // 10
        image = image.crop((x, 0, image.width, image.height - y))
    elif how == "mirrored":
        image = ImageOps.mirror(image)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image.resize(size, Image.Resampling.LANCZOS).save(target, quality=50 if how == "worse" else 82)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="given", type=Path, metavar="DATA")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="default: all")
    parser.add_argument("--files", type=int, help="default: by kind")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for kind in given.kind or KINDS:
        print(make(kind, given.folder, given.files or KINDS[kind], given.seed, given.given))


if __name__ == "__main__":
    main()
