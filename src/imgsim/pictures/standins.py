"""Data sets made by the program itself, so that everything can be tried on a fresh clone.

They stand in for real ones, and are easier: a method that does well here may fail on photos, one
that fails here will fail there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgsim.folders import new_folder
from imgsim.pictures.changes import CHANGES, COMBINATIONS
from imgsim.pictures.copies import Copy, write_copies
from imgsim.pictures.documents import form, page, receipt
from imgsim.pictures.drawings import chart, icon, product
from imgsim.pictures.generate import landscape
from imgsim.pictures.textures import fabric, sea, sky
from imgsim.pictures.turntable import fruit
from imgsim.pictures.views import view
from imgsim.temporary import TemporaryFolder

Painter = Callable[[int, int], NDArray[np.uint8]]
LOOK_ALIKES: dict[str, Painter] = {
    "receipts": receipt,
    "forms": form,
    "pages": page,
    "sky": sky,
    "sea": sea,
    "fabric": fabric,
    "icons": icon,
    "charts": chart,
    "products": product,
}
"""Painters of pictures that look alike and are all different: ``painter(seed, number)``."""

_AS_PNG = frozenset({"icons", "charts"})

_SET = 10
"""Look-alikes of one shop, one day at sea, one brand."""


def write_look_alikes(folder: Path, *, each: int = 20, seed: int = 0) -> tuple[Path, ...]:
    """Write pictures that look alike, of which no two are the same.

    Every match among them is wrong. A sub-folder for each of `LOOK_ALIKES`; ten files that follow
    one another are of one set (one shop, one cloth), the next ten of another.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; it must be empty.
    each : int
        Pictures of each kind.
    seed : int

    Returns
    -------
    tuple of Path
        The files: icons and charts are PNG, the others JPEG.

    Raises
    ------
    UsageError
        The folder is not empty or cannot be written.
    """
    files = []
    with new_folder(folder):
        for kind, paint in LOOK_ALIKES.items():
            (folder / kind).mkdir()
            for number in range(each):
                suffix = ".png" if kind in _AS_PNG else ".jpg"
                path = folder / kind / f"{number:03}{suffix}"
                image = paint(1000 * seed + number // _SET, number % _SET)
                Image.fromarray(image).save(path, quality=90)  # which PNG does not mind
                files.append(path)
    return tuple(files)


def write_turntable(
    folder: Path, *, kinds: int = 24, frames: int = 4, degrees: float = 6.0, seed: int = 0
) -> tuple[Path, ...]:
    """Write frames of fruit on a turntable, named as in Fruits-360: ``fruit_03/2_100.jpg``.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; it must be empty.
    kinds, frames : int
        Classes, and pictures of each.
    degrees : float
        Between one frame and the next.
    seed : int

    Returns
    -------
    tuple of Path

    Raises
    ------
    UsageError
        The folder is not empty or cannot be written.
    """
    files = []
    with new_folder(folder):
        for kind in range(kinds):
            (folder / f"fruit_{kind:02}").mkdir()
            begin = np.random.default_rng((seed, 72, kind)).uniform(0, 360)
            for frame in range(frames):
                path = folder / f"fruit_{kind:02}" / f"{frame}_100.jpg"
                Image.fromarray(fruit(seed, kind, begin + degrees * frame)).save(path, quality=92)
                files.append(path)
    return tuple(files)


def write_scenes(
    folder: Path, *, places: int = 12, views: int = 4, seed: int = 0
) -> tuple[Path, ...]:
    """Write places seen from several viewpoints, named by numbers: the views of one in a row.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; it must be empty.
    places, views : int
    seed : int

    Returns
    -------
    tuple of Path
        ``0.jpg``, ``1.jpg``, ...: the first `views` show one place, and so on.

    Raises
    ------
    UsageError
        The folder is not empty or cannot be written.
    """
    files = []
    with new_folder(folder):
        for number in range(places * views):
            path = folder / f"{number}.jpg"
            Image.fromarray(view(seed, *divmod(number, views))).save(path, quality=90)
            files.append(path)
    return tuple(files)


def write_changed(
    folder: Path, *, photos: int = 60, look_alikes: int = 4, copies: int = 2, seed: int = 0
) -> tuple[Copy, ...]:
    """Write landscapes, look-alikes and changed copies of all of them, with ``truth.csv``.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; it must be empty.
    photos : int
        Landscapes.
    look_alikes : int
        Of each of `LOOK_ALIKES`.
    copies : int
        Of each picture, by one of `CHANGES` or `COMBINATIONS`.
    seed : int

    Returns
    -------
    tuple of Copy

    Raises
    ------
    UsageError
        The folder is not empty or cannot be written.
    """
    with new_folder(folder), TemporaryFolder("pictures") as made:
        alike = write_look_alikes(Path(made) / "alike", each=look_alikes, seed=seed)
        (Path(made) / "landscapes").mkdir()
        sources = [Path(made) / "landscapes" / f"{number:03}.jpg" for number in range(photos)]
        for number, path in enumerate(sources):
            Image.fromarray(landscape(1000 * (seed + 1) + number)).save(path, quality=92)
        every = [*sources, *alike]
        changes = CHANGES + COMBINATIONS
        return write_copies(every, folder, copies_per_image=copies, seed=seed, changes=changes)
