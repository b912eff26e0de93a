"""sort: as text, JSON and CSV; the matrix as a heat map, the chain as a sheet."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.label import label
from imgsim.pictures.png import write_png
from imgsim.pictures.ticks import round_ticks
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
_NUMBERS, _DIGITS, _LINES = 30, 11, 4
"""The least pixels beside a panel for numbers, the size of these, and the most lines of them."""
_NAMED, _NAME_WIDTH, _NAME_LINE = 120, 320, 16
"""Images up to which their names stand below, the most pixels of a column and those of a line."""
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

_ITSELF = (190, 190, 190)
"""The colour of an image beside itself."""
_SWATCH = 14

_NUMBERED = "Numbered by name, in both maps;", "the list that is printed counts along the chain."
"""What the numbers of a heat map are; on a narrow one in two lines."""


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


@dataclass(frozen=True, slots=True)
class _Span:
    """The distances at the bright and at the dark end of the colours.

    An image beside itself is nearer than any pair: it would take up the colours of what lies
    between, so it does not count, and has a colour of its own.
    """

    low: float
    high: float

    @classmethod
    def of(cls, matrix: NDArray[np.float32]) -> Self:
        """Span the pairs of two images; all of a matrix that has none."""
        low, high = math.inf, -math.inf
        for row in range(1, len(matrix)):
            part = matrix[row, :row]
            low, high = min(low, float(part.min())), max(high, float(part.max()))
        return cls(low, high) if low <= high else cls(0.0, 0.0)

    def shares(self, distances: NDArray[Any]) -> NDArray[Any]:
        """Return where distances lie, from 0 at the bright end to 1."""
        extent = max(self.high - self.low, 1e-12)
        return np.asarray(np.clip((distances - self.low) / extent, 0.0, 1.0))


def draw_heatmap(ordering: Ordering, chain: Chain, target: Path) -> None:
    """Draw all distances by name and along the chain, bright for alike, as a PNG.

    Images are numbered by name in both; up to 120 the names stand below. Up to 30 images each cell
    has its score, up to about 45 each row its picture. The colours span the pairs; the diagonal
    is grey.

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
    lines, room = _number_lines(n, max(1, side) / max(1, n))
    edge = thumb + max(_NUMBERS, round((lines if lines <= _LINES else 1) * room) + 6)
    width = 2 * (side + edge + _MARGIN) + 130
    high = max(side, 120) + edge + 3 * _MARGIN
    names = _names(ordering) if n <= _NAMED else []
    name_width = min(_NAME_WIDTH, _widest(names))
    columns = max(1, (width - 2 * _MARGIN) // name_width)
    below = math.ceil(len(names) / columns) * _NAME_LINE + _MARGIN if names else 0
    note = _numbered_lines(width - 2 * _MARGIN)
    below += len(note) * _NAME_LINE + _MARGIN // 2
    sheet = Image.new("RGB", (width, high + below), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    span = _Span.of(ordering.matrix)
    for panel, (title, order) in enumerate(
        (("by name", np.arange(n)), (f"in a chain of {chain.total:.4g}", chain.order))
    ):
        left = _MARGIN + panel * (side + edge + _MARGIN) + edge
        top = 2 * _MARGIN + edge
        draw.text((left - edge, 6), f"{label(ordering.comparator)}, {title}", "black", font)
        sheet.paste(_heatmap_panel(ordering.matrix, order, side, span), (left, top))
        for place, image in enumerate(order if thumb else ()):
            sheet.paste(pictures[image], (left + place * cell, top - thumb))
            sheet.paste(pictures[image], (left - thumb, top + place * cell))
        _draw_numbers(draw, order, (left, top), side / max(1, n), thumb)
        if n <= _WITH_VALUES:
            _draw_values(draw, ordering, order, (left, top), span)
    _draw_colour_bar(sheet, ordering, span, max(side, 120), high)
    for line, text in enumerate(note):
        draw.text((_MARGIN, high + line * _NAME_LINE), text, "black", _note_font())
    top = high + len(note) * _NAME_LINE + _MARGIN // 2
    _draw_names(draw, names, columns, (name_width, top))
    write_png(sheet, target)


def _numbered_lines(width: int) -> list[str]:
    """Return what the numbers of a heat map are, in as many lines as a width needs."""
    whole = " ".join(_NUMBERED)
    return [whole] if _note_font().getlength(whole) <= width else list(_NUMBERED)


def _note_font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(_DIGITS)


def _names(ordering: Ordering) -> list[str]:
    """Return the paths by number, from the folder on in which all of them lie."""
    paths = [printable(p.file.path.replace("\\", "/")) for p in ordering.pictures]
    folders = [path.split("/")[:-1] for path in paths]
    shared = 0
    while all(len(parts) > shared for parts in folders) and len({f[shared] for f in folders}) == 1:
        shared += 1
    return [path.split("/", shared)[-1] for path in paths]


def _widest(names: Sequence[str]) -> int:
    """Return the pixels of a column that has room for all names with their numbers."""
    from PIL import ImageFont

    font = ImageFont.load_default(_DIGITS)
    longest = max(map(font.getlength, names), default=0)
    return math.ceil(longest + font.getlength(str(len(names)))) + 24


def _draw_names(draw: Any, names: Sequence[str], columns: int, where: tuple[int, int]) -> None:
    """Write which image each number is, in columns of a width, from a height down."""
    from PIL import ImageFont

    width, top = where
    font = ImageFont.load_default(_DIGITS)
    rows = math.ceil(len(names) / columns)
    digits = font.getlength(str(len(names)))
    for place, name in enumerate(names):
        x = _MARGIN + place // rows * width
        y = top + place % rows * _NAME_LINE
        draw.text((x + digits, y), str(place + 1), "black", font, anchor="ra")
        text = shorten_path(name, font, width - digits - 18)
        draw.text((x + digits + 6, y), text, "dimgray", font)


def _number_lines(n: int, cell: float) -> tuple[int, float]:
    """Return in how many lines the numbers of all images have room, and pixels that one takes."""
    from PIL import ImageFont

    room = ImageFont.load_default(_DIGITS).getlength(str(n)) + 5
    return math.ceil(room / cell), room


def _draw_numbers(
    draw: Any, order: NDArray[np.int64], corner: tuple[int, int], cell: float, thumb: int
) -> None:
    """Number rows and columns.

    By name a few round numbers tell the others. Along a chain they do not: there all stand, in turn
    in up to four lines; of more images, as many as there is room for.
    """
    from PIL import ImageFont

    left, top = corner
    n = len(order)
    if not n:
        return
    font = ImageFont.load_default(_DIGITS)
    lines, room = _number_lines(n, cell)
    places: Iterable[int] = range(n)
    if lines > 1 and ((np.diff(order) == 1).all() or lines > _LINES):
        every = next(step for step in _STEPS if step >= lines)
        # 1 is left out where it would touch the next one
        places = [0, *range(every - 1, n, every)] if every > lines else range(every - 1, n, every)
        lines = 1
    for place in places:
        text, line = str(int(order[place]) + 1), place % lines
        middle = (place + 0.5) * cell
        x, y = left - thumb - 4 - line * room, top - thumb - 4 - line * (_DIGITS + 1)
        draw.text((x, top + middle), text, "black", font, anchor="rm")
        draw.text((left + middle, y), text, "black", font, anchor="mb")


def _draw_values(
    draw: Any, ordering: Ordering, order: NDArray[np.int64], corner: tuple[int, int], span: _Span
) -> None:
    """Write the score of each pair into its cell."""
    from PIL import ImageFont

    scale, font = ordering.comparator.scale, ImageFont.load_default(11)
    digits = max(0, min(3, 2 - math.floor(math.log10(max(span.high, 1e-3)))))
    digits = 0 if scale.unit == "bits" else digits
    for row, one in enumerate(order):
        for column, other in enumerate(order):
            distance = float(ordering.matrix[one, other])
            # adding 0.0 makes 0.0 of -0.0
            text = f"{round(scale.score(distance), digits) + 0.0:.{digits}f}"
            if digits:
                text = re.sub(r"^(-?)0", r"\1", text)
            colour = "black" if span.shares(np.array(distance)) < 0.5 else "white"
            x, y = (corner[i] + (k + 0.5) * _VALUE_CELL for i, k in enumerate((column, row)))
            draw.text((x, y), text, colour, font, anchor="mm")


def _heatmap_panel(
    matrix: NDArray[np.float32], order: NDArray[np.int64], side: int, span: _Span
) -> Any:
    from PIL import Image

    n = len(order)
    picture = np.empty((n, n), np.uint8)
    for i in range(0, n, 256):  # the matrix may be larger than the memory
        block = matrix[order[i : i + 256]][:, order]
        picture[i : i + 256] = np.round(255 * (1 - span.shares(block)))
    image = Image.fromarray(picture)
    way = Image.Resampling.NEAREST if n <= side else Image.Resampling.BOX
    if not n:
        return image
    colours = _in_viridis(np.asarray(image.resize((side, side), way)))
    if n <= side:
        diagonal = Image.fromarray(np.eye(n, dtype=np.uint8)).resize((side, side), way)
        colours[np.asarray(diagonal) > 0] = _ITSELF
    return Image.fromarray(colours)


def _in_viridis(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    places = np.linspace(0, 255, len(_VIRIDIS))
    table = np.stack(
        [np.interp(np.arange(256), places, [c[i] for c in _VIRIDIS]) for i in range(3)], axis=1
    )
    return np.asarray(table.astype(np.uint8)[levels])


def _draw_colour_bar(sheet: Any, ordering: Ordering, span: _Span, side: int, bottom: int) -> None:
    from PIL import Image, ImageDraw, ImageFont

    height, top = max(side, 120) - 2 * _SWATCH, bottom - _MARGIN - max(side, 120)
    left = sheet.width - 118
    levels = np.repeat(np.linspace(255, 0, height).astype(np.uint8)[:, None], 18, axis=1)
    sheet.paste(Image.fromarray(_in_viridis(levels)), (left, top))
    draw = ImageDraw.Draw(sheet)
    scale = ordering.comparator.scale
    font = ImageFont.load_default(12)
    draw.text((left, top - 20), scale.unit, "black", font)
    for score in round_ticks(*sorted((scale.score(span.low), scale.score(span.high)))):
        y = top + float(span.shares(np.array(scale.distance(score)))) * (height - 1)
        draw.line((left + 18, y, left + 22, y), "black")
        draw.text((left + 26, y), f"{score:.6g}", "black", font, anchor="lm")
    swatch = (left, top + height + _SWATCH, left + 17, top + height + 2 * _SWATCH - 1)
    draw.rectangle(swatch, _ITSELF)
    draw.text((left + 26, sum(swatch[1::2]) / 2), "itself", "black", font, anchor="lm")


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
