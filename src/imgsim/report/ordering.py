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

_PANEL = 800
_MARGIN = 16
_WITH_VALUES, _VALUE_CELL = 30, 34
"""Images whose scores are written into the cells, and pixels of these."""
_NUMBERS, _NUMBER_ROOM = 30, 16
"""Pixels beside a panel for numbers, and those that a number takes."""
_STEPS = tuple(factor * 10**power for power in range(6) for factor in (1, 2, 5))
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

    Images are numbered by name in both. Up to 30 images each cell has its score, up to about 45
    each row its picture.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    n = len(ordering.pictures)
    cell = _VALUE_CELL if n <= _WITH_VALUES else max(1, _PANEL // n)
    side = cell * n if n <= _PANEL else _PANEL
    thumb = cell if cell >= _LEAST_CELL else 0
    pictures = []
    if thumb:
        paths = [p.file.path for p in ordering.pictures]
        pictures = [t.resize((thumb, thumb)) for t in thumbnails(paths, max(thumb, 32))]
    edge = thumb + _NUMBERS
    width = 2 * (side + edge + _MARGIN) + 130
    sheet = Image.new("RGB", (width, max(side, 120) + edge + 3 * _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    worst = float(ordering.matrix.max()) if n else 0.0
    for panel, (title, order) in enumerate(
        (("by name", np.arange(n)), (f"in a chain of {chain.total:.4g}", chain.order))
    ):
        left = _MARGIN + panel * (side + edge + _MARGIN) + edge
        top = 2 * _MARGIN + edge
        draw.text((left - edge, 6), f"{label(ordering.comparator)}, {title}", "black", font)
        sheet.paste(_heatmap_panel(ordering.matrix, order, side, worst), (left, top))
        for place, image in enumerate(order if thumb else ()):
            sheet.paste(pictures[image], (left + place * cell, top - thumb))
            sheet.paste(pictures[image], (left - thumb, top + place * cell))
        _draw_numbers(draw, order, (left, top), side / max(1, n), thumb)
        if n <= _WITH_VALUES:
            _draw_values(draw, ordering, order, (left, top), worst)
    _draw_colour_bar(sheet, ordering, worst, max(side, 120))
    write_png(sheet, target)


def _draw_numbers(
    draw: Any, order: NDArray[np.int64], corner: tuple[int, int], cell: float, thumb: int
) -> None:
    """Number rows and columns by name, as many as there is room for."""
    from PIL import ImageFont

    left, top = corner
    if not len(order):
        return
    every = next(step for step in _STEPS if step * cell >= _NUMBER_ROOM)
    font = ImageFont.load_default(11)
    for place in range(0, len(order), every):
        text = str(int(order[place]) + 1)
        middle = (place + 0.5) * cell
        draw.text((left - thumb - 4, top + middle), text, "black", font, anchor="rm")
        draw.text((left + middle, top - thumb - 4), text, "black", font, anchor="mb")


def _draw_values(
    draw: Any, ordering: Ordering, order: NDArray[np.int64], corner: tuple[int, int], worst: float
) -> None:
    """Write the score of each pair into its cell."""
    from PIL import ImageFont

    scale, font = ordering.comparator.scale, ImageFont.load_default(11)
    digits = max(0, min(3, 2 - math.floor(math.log10(max(worst, 1e-3)))))
    digits = 0 if scale.unit == "bits" else digits
    for row, one in enumerate(order):
        for column, other in enumerate(order):
            distance = float(ordering.matrix[one, other])
            text = f"{scale.score(distance):.{digits}f}".removeprefix("0" if digits else "")
            colour = "black" if distance < worst / 2 else "white"
            x, y = (corner[i] + (k + 0.5) * _VALUE_CELL for i, k in enumerate((column, row)))
            draw.text((x, y), text, colour, font, anchor="mm")


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
    scale = ordering.comparator.scale
    font = ImageFont.load_default(12)
    draw.text((left, top - 20), scale.unit, "black", font)
    for score in round_ticks(*sorted((scale.score(0.0), scale.score(worst)))):
        y = top + scale.distance(score) / max(worst, 1e-12) * (height - 1)
        draw.line((left + 18, y, left + 22, y), "black")
        draw.text((left + 26, y), f"{score:.6g}", "black", font, anchor="lm")


def round_ticks(low: float, high: float) -> list[float]:
    """Return 3 to 11 round numbers between two: multiples of 1, 2 or 5 times a power of ten.

    Parameters
    ----------
    low, high : float
        Of equal ones, one is returned.
    """
    if high <= low:
        return [low]
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    slack = 1e-6 * step
    first, last = math.ceil((low - slack) / step), math.floor((high + slack) / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


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
