"""Folders of pictures and changed copies of them, with the truth written beside."""

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

    The changes are dealt like cards, so that each comes equally often and no picture gets one
    twice. Names are numbers in shuffled order: neither they nor the order of the files tell what
    belongs together.

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
    names = iter(np.random.default_rng(seed).permutation(len(sources) * (1 + copies_per_image)))
    deck = _deal(np.random.default_rng((seed, 1)), len(sources), copies_per_image, len(changes))
    written = []
    for label, (source, dealt) in enumerate(zip(sources, deck, strict=True)):
        shown = "/".join(source.parts[-2:])
        copied = shutil.copyfile(source, folder / f"{next(names):06}{source.suffix.lower()}")
        written.append(Copy(Path(copied).name, label, shown, "original"))
        with Image.open(source) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
        for number in dealt:
            rng = np.random.default_rng((seed, label, number))
            stem = folder / f"{next(names):06}"
            path = changes[number].write(upright, stem, rng, source)
            written.append(Copy(path.name, label, shown, changes[number].name))
    written.sort(key=lambda copy: copy.path)
    with (folder / TRUTH).open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(field.name for field in fields(Copy))
        rows.writerows(astuple(copy) for copy in written)
    return tuple(written)


def _deal(rng: np.random.Generator, images: int, each: int, changes: int) -> Iterator[list[int]]:
    """Different numbers of changes for every image; over all images each number equally often."""
    deck: list[int] = []
    for _ in range(images):
        hand: list[int] = []
        while len(hand) < each:
            if not set(deck) - set(hand):
                deck.extend(rng.permutation(changes).tolist())
            card = next(card for card in deck if card not in hand)
            deck.remove(card)
            hand.append(card)
        yield hand
