"""Folders of pictures and changed copies of them, with a list of which belong together."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from imgsim.errors import UsageError
from imgsim.pictures.change import Change
from imgsim.pictures.changes import CHANGES

TRUTH = "truth.csv"


@dataclass(frozen=True, slots=True)
class Copy:
    """One file of such a folder; a row of its ``truth.csv``.

    Attributes
    ----------
    path : str
        Name in the folder.
    label : int
        Files with one label show one picture, those with different ones do not.
    source : str
        The last two parts of the path it was made from, such as ``photos/0001.jpg``.
    change : str
        ``original``, or the name of the change.
    """

    path: str
    label: int
    source: str
    change: str


def write_copies(
    sources: Sequence[Path],
    folder: Path,
    *,
    copies_per_image: int = 2,
    seed: int = 0,
    changes: Sequence[Change] = CHANGES,
) -> tuple[Copy, ...]:
    """Write originals and changed copies of them to a folder, and ``truth.csv``.

    Over all pictures each change comes equally often, and none twice for one picture. Names are
    numbers in shuffled order: neither they nor the order of the files tell which belong together.

    Parameters
    ----------
    sources : sequence of Path
        Files that show different pictures. They are taken in this order.
    folder : Path
        Made if it does not exist; it must be empty.
    copies_per_image : int
        0 writes the originals alone: pictures that match nothing.
    seed : int
        Chooses changes, their strength and the names.
    changes : sequence of Change

    Returns
    -------
    tuple of Copy
        In order of their names.

    Raises
    ------
    UsageError
        The folder is not empty, or there are fewer changes than copies of an image.
    OSError
        A source cannot be read, or a file cannot be written.
    """
    if copies_per_image > len(changes):
        raise UsageError(
            f"{copies_per_image} copies of an image, but {len(changes)} changes",
            "ask for fewer copies",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "name a folder that does not exist yet")
    written = list(_write_files(sources, folder, copies_per_image, seed, changes))
    written.sort(key=lambda copy: copy.path)
    with (folder / TRUTH).open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(field.name for field in fields(Copy))
        rows.writerows(astuple(copy) for copy in written)
    return tuple(written)


def _write_files(
    sources: Sequence[Path],
    folder: Path,
    copies_per_image: int,
    seed: int,
    changes: Sequence[Change],
) -> Iterator[Copy]:
    """Write every original, and its copies after it."""
    names = iter(np.random.default_rng(seed).permutation(len(sources) * (1 + copies_per_image)))
    rng = np.random.default_rng((seed, 1))
    drawn = _draw_changes(rng, len(sources), copies_per_image, len(changes))
    for label, (source, numbers) in enumerate(zip(sources, drawn, strict=True)):
        shown = "/".join(source.parts[-2:])
        copied = shutil.copyfile(source, folder / f"{next(names):06}{source.suffix.lower()}")
        yield Copy(Path(copied).name, label, shown, "original")
        with Image.open(source) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
        for number in numbers:
            rng = np.random.default_rng((seed, label, number))
            stem = folder / f"{next(names):06}"
            path = changes[number].write(upright, stem, rng, source)
            yield Copy(path.name, label, shown, changes[number].name)


def _draw_changes(
    rng: np.random.Generator, images: int, each: int, changes: int
) -> Iterator[list[int]]:
    """Yield different changes for every image; over all images each change equally often."""
    unused: list[int] = []
    for _ in range(images):
        chosen: list[int] = []
        while len(chosen) < each:
            if not set(unused) - set(chosen):
                unused.extend(rng.permutation(changes).tolist())
            number = next(number for number in unused if number not in chosen)
            unused.remove(number)
            chosen.append(number)
        yield chosen
