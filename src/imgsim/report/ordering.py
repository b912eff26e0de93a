"""sort: as text, JSON and CSV; the matrix as a heat map, the chain as a sheet."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.label import label
from imgsim.pictures.png import write_png
from imgsim.read.discover import printable
from imgsim.report.document import (
    heading,
    json_text,
    path_document,
    seconds_document,
    skipped_document,
)
from imgsim.report.formats import csv_row
from imgsim.report.pictures import shorten_path, thumbnails
from imgsim.report.rankings import score_text
from imgsim.report.text import skipped_lines
from imgsim.report.units import count
from imgsim.tasks.sort.sort_images import Ordering
from imgsim.tasks.sort.tour import Chain

_PANEL = 640
_MARGIN = 16
_LEAST_CELL = 14
"""Pixels from which on a row of the heat map has its picture beside it."""

_SHEET = 1600
_GAP = 4
_CAPTION = 26

_VIRIDIS = (
    (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141),
    (39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37),
)  # fmt: skip
"""Nine colours of Viridis, by S. van der Walt and N. Smith (CC0): even steps in lightness."""


def sort_text(ordering: Ordering, chain: Chain) -> Iterator[str]:
    """Yield a line per image: its number, its distance to the one before as a score, its path."""
    digits = len(str(len(chain.order)))
    for place, image in enumerate(chain.order):
        score = ""
        if place:
            score = score_text(ordering.comparator, float(chain.steps[place - 1]))
        path = printable(ordering.pictures[image].file.path)
        yield f"{place + 1:{digits}} {score:>15}  {path}\n"


def sort_document(ordering: Ordering, chain: Chain, *, timing: bool = True) -> dict[str, Any]:
    """Return the document of everything that `sort_images` returned, with one of its chains.

    Parameters
    ----------
    ordering : Ordering
    chain : Chain
    timing : bool
        With the keys that differ from run to run.
    """
    scale = ordering.comparator.scale
    steps = [None, *map(float, chain.steps)]
    document = {
        **heading("imgsim.sort/1"),
        "method": ordering.comparator.spec,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "images": len(ordering.pictures),
        "skipped": skipped_document(ordering.skipped),
        "chain": "greedy" if chain is ordering.greedy else "better",
        "totals": {
            "greedy": ordering.greedy.total,
            "better": ordering.better.total,
            "at_least": ordering.at_least,
        },
        "found_by": chain.found_by,
        "order": [
            {
                **path_document(ordering.pictures[image].file.path),
                "distance": step,
                "score": None if step is None else scale.score(step),
            }
            for image, step in zip(chain.order, steps, strict=True)
        ],
    }
    if timing:
        document["seconds"] = seconds_document(ordering.seconds)
    return document


def sort_json(ordering: Ordering, chain: Chain, *, timing: bool = True) -> Iterator[str]:
    """Yield `sort_document` as JSON."""
    yield json_text(sort_document(ordering, chain, timing=timing))


def sort_csv(ordering: Ordering, chain: Chain) -> Iterator[str]:
    """Yield a row of CSV per image, in the order of the chain."""
    yield csv_row(["place", "path", "distance", "score", "path_bytes"])
    for place, image in enumerate(sort_document(ordering, chain, timing=False)["order"], 1):
        values = [image["path"], image["distance"], image["score"], image.get("path_bytes")]
        yield csv_row([place, *values])


def sort_summary(ordering: Ordering, *, verbose: bool = False) -> Iterator[str]:
    """Yield lines on the whole run: the length of both chains, and a bound that none is below."""
    yield (
        f"{count(len(ordering.pictures), 'image')} in {ordering.seconds.total:.1f} s"
        f" ({ordering.decoded} decoded), method {label(ordering.comparator)}"
        if ordering.pictures
        else "0 images found"
    )
    if len(ordering.pictures) > 1:
        greedy, better = ordering.greedy.total, ordering.better.total
        less = f" ({1 - better / greedy:.1%} less)" if better < greedy else ""
        yield f"greedy chain: total distance {greedy:.4g}"
        yield f"better chain: total distance {better:.4g}{less}; {ordering.better.found_by}"
        yield f"no chain is shorter than {ordering.at_least:.4g}"
    yield from skipped_lines(ordering.skipped, verbose)


def draw_heatmap(ordering: Ordering, chain: Chain, target: Path) -> None:
    """Draw all distances by name and along the chain, bright for alike, as a PNG.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    n = len(ordering.pictures)
    cell = max(1, _PANEL // max(1, n))
    side = cell * n if n <= _PANEL else _PANEL
    thumb = cell if cell >= _LEAST_CELL else 0
    pictures = []
    if thumb:
        paths = [p.file.path for p in ordering.pictures]
        pictures = [t.resize((thumb, thumb)) for t in thumbnails(paths, max(thumb, 32))]
    width = 2 * (side + thumb + _MARGIN) + 130
    sheet = Image.new("RGB", (width, side + thumb + 3 * _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    worst = float(ordering.matrix.max()) if n else 0.0
    for number, (title, order) in enumerate(
        (("by name", np.arange(n)), (f"in a chain of {chain.total:.4g}", chain.order))
    ):
        left = _MARGIN + number * (side + thumb + _MARGIN)
        top = 2 * _MARGIN
        draw.text((left, _MARGIN // 2), f"{label(ordering.comparator)}, {title}", "black", font)
        sheet.paste(
            _heatmap_panel(ordering.matrix, order, side, worst), (left + thumb, top + thumb)
        )
        for place, image in enumerate(order if thumb else ()):
            sheet.paste(pictures[image], (left + thumb + place * cell, top))
            sheet.paste(pictures[image], (left, top + thumb + place * cell))
    _draw_colour_bar(sheet, ordering, worst, side)
    write_png(sheet, target)


def _heatmap_panel(
    matrix: NDArray[np.float32], order: NDArray[np.int64], side: int, worst: float
) -> Any:
    from PIL import Image

    n = len(order)
    picture = np.empty((n, n), np.uint8)
    for i in range(0, n, 256):  # the matrix may be larger than the memory
        block = matrix[order[i : i + 256]][:, order]
        picture[i : i + 256] = np.round(255 * (1 - block / max(worst, 1e-12)))
    image = Image.fromarray(picture)
    way = Image.Resampling.NEAREST if n <= side else Image.Resampling.BOX
    return Image.fromarray(_in_viridis(np.asarray(image.resize((side, side), way)))) if n else image


def _in_viridis(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    places = np.linspace(0, 255, len(_VIRIDIS))
    table = np.stack(
        [np.interp(np.arange(256), places, [c[i] for c in _VIRIDIS]) for i in range(3)], axis=1
    )
    return np.asarray(table.astype(np.uint8)[levels])


def _draw_colour_bar(sheet: Any, ordering: Ordering, worst: float, side: int) -> None:
    from PIL import Image, ImageDraw, ImageFont

    height, top = max(side, 120), sheet.height - _MARGIN - max(side, 120)
    left = sheet.width - 118
    levels = np.repeat(np.linspace(255, 0, height).astype(np.uint8)[:, None], 18, axis=1)
    sheet.paste(Image.fromarray(_in_viridis(levels)), (left, top))
    draw = ImageDraw.Draw(sheet)
    for part in range(5):
        text = score_text(ordering.comparator, worst * part / 4)
        y = top + part * (height - 1) / 4
        draw.text((left + 24, y - 6), text, "black", ImageFont.load_default(12))


def draw_contact_sheet(ordering: Ordering, chain: Chain, target: Path) -> None:
    """Draw the images along the chain, row by row, as a PNG: larger where they are fewer.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    n = len(chain.order)
    columns = max(1, min(n, math.ceil(math.sqrt(1.6 * n))))
    side = max(32, min(160, _SHEET // columns - _GAP))
    caption = _CAPTION if side >= 96 else 0
    rows = math.ceil(n / columns)
    size = (columns * (side + _GAP) + _GAP, rows * (side + caption + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    paths = [ordering.pictures[image].file.path for image in chain.order]
    for place, picture in enumerate(thumbnails(paths, side)):
        left = _GAP + place % columns * (side + _GAP)
        top = _GAP + place // columns * (side + caption + _GAP)
        x, y = left + (side - picture.width) // 2, top + (side - picture.height) // 2
        sheet.paste(picture, (x, y))
        if caption:
            score = ""
            if place:
                score = score_text(ordering.comparator, float(chain.steps[place - 1]))
            draw.text((left, top + side), f"{place + 1}  {score}", "black", font)
            name = shorten_path(paths[place], font, side)
            draw.text((left, top + side + 12), name, "dimgray", font)
    write_png(sheet, target)
