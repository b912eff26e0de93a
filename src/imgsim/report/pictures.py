"""Pictures of results: thumbnails, and queries beside their matches."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from imgsim.comparators.label import label
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeError, InputSpec
from imgsim.executors.base import usable_cores
from imgsim.pictures.png import write_png
from imgsim.read.archives.listing import as_address
from imgsim.read.discover import printable
from imgsim.read.files import read_file
from imgsim.report.rankings import match_captions
from imgsim.tasks.match_results import Matches

MONTAGE_QUERIES = 60
MONTAGE_ROWS = 6
MONTAGE_COLUMNS = 20
_SIDE = 160
_GAP = 8
_CAPTION = 30
_TITLE = 18
"""Pixels above a row of a montage, for the method."""
_PAGE, _ACROSS = 1.2, 3
"""How high a page of a montage is to its width, about, and the most queries beside one another."""
_BESIDE = 2
"""Methods up to which a query stands beside its matches; of more, its column would be empty."""
_AT_ONCE = 64
_CACHED_THUMBNAILS = 256
"""Thumbnails that are kept: a query and its matches come up again for every method."""


def thumbnail(path: str, side: int, images: Mapping[str, bytes]) -> Any:
    """Return a picture that fits a square, as a Pillow image; a grey square if it is gone.

    Parameters
    ----------
    path : str
    side : int
        Pixels.
    images : mapping of str to bytes
        Contents of pictures that are no files, such as URLs.
    """
    return next(thumbnails([path], side, images))


def thumbnails(
    paths: Sequence[str], side: int, images: Mapping[str, bytes] = MappingProxyType({})
) -> Iterator[Any]:
    """Yield pictures as `thumbnail` returns them, in order, made by several threads."""

    def make(path: str) -> Any:
        return _decode_thumbnail(path, side, images)

    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        # around all threads: each for itself would bring back the filters of another
        with warnings.catch_warnings(), ThreadPoolExecutor(min(len(some), usable_cores())) as pool:
            warnings.simplefilter("ignore")  # of Pillow, on harmless oddities of the file
            made = list(pool.map(make, some))
        yield from made


def _decode_thumbnail(path: str, side: int, images: Mapping[str, bytes]) -> Any:
    from PIL import Image

    want = InputSpec(0, 0, "rgb", at_least=side)
    try:
        data = images[path] if path in images else read_file(as_address(path))
        pixels = Decoder()(data, [want]).images[want]
    except (OSError, DecodeError):
        return Image.new("RGB", (side, side), (200, 200, 200))
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side))
    return picture


def jpeg_bytes(picture: Any) -> bytes:
    """Return a Pillow image as the bytes of a JPEG."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def montage_pages(matches: Matches, target: Path) -> list[tuple[Path, range]]:
    """Return the files of a montage, and which queries are on each.

    Parameters
    ----------
    matches : Matches
    target : Path
        The first page; the others have a number before its ending.
    """
    queries = len(matches.methods[0].queries) if matches.methods else 0
    starts = range(0, min(queries, MONTAGE_QUERIES), MONTAGE_ROWS)
    parts = [range(start, min(start + MONTAGE_ROWS, queries)) for start in starts]
    first, *others = parts or [range(0)]
    return [(target, first)] + [
        (target.with_name(f"{target.stem}-{number}{target.suffix}"), part)
        for number, part in enumerate(others, 2)
    ]


def draw_montage(matches: Matches, target: Path, images: Mapping[str, bytes], part: range) -> None:
    """Draw queries and their matches side by side, a row per method, as a PNG.

    The query stands before the matches of the first method; above all, if there are more than two.
    Queries with their rows stand beside one another where that brings the picture nearer to the
    form of a page.

    Parameters
    ----------
    matches : Matches
    target : Path
    images : mapping of str to bytes
        Contents of queries that are no files.
    part : range
        Which of the queries, see `montage_pages`.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    most = max((len(q.matches) for m in matches.methods for q in m.queries), default=0)
    columns = min(most, MONTAGE_COLUMNS)
    above = len(matches.methods) > _BESIDE

    @lru_cache(maxsize=_CACHED_THUMBNAILS)
    def small(path: str) -> Any:
        return thumbnail(path, _SIDE, images)

    blocks = [_montage_block(matches, number, columns, small, above=above) for number in part]
    wide = (max(1, columns) if above else columns + 1) * (_SIDE + _GAP) + _GAP
    heights = [sum(row.height for row in block) + _GAP for block in blocks]
    across = _blocks_across(wide, heights)
    lines = [max(heights[i : i + across]) for i in range(0, len(heights), across)]
    sheet = Image.new("RGB", (across * wide, max(1, sum(lines))), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    bottom = 0
    for number, block in enumerate(blocks):
        left, line = number % across * wide + _GAP, number // across
        top = sum(lines[:line]) + _GAP
        bottom = sum(lines[: line + 1])
        for row in block:
            title = shorten(row.title, font, wide - 2 * _GAP) if above else row.title
            draw.text((left + (0 if above else _SIDE + _GAP), top), title, "black", font)
            for column, cell in enumerate(row.cells):
                if cell is None:
                    continue
                path, caption = cell
                x, y = left + column * (_SIDE + _GAP), top + row.height - _CAPTION - _GAP
                # down at its caption, where it begins, however low the picture is
                sheet.paste(small(path), (x, y - small(path).height))
                draw.text((x, y + 1), shorten(caption, font, _SIDE), "black", font)
                draw.text((x, y + 14), shorten_path(path, font, _SIDE), "dimgray", font)
            top += row.height
        draw.line((left - _GAP, bottom - 1, left - _GAP + wide, bottom - 1), "lightgray")
    for column in range(1, across):
        draw.line((column * wide, 0, column * wide, bottom), "lightgray")
    write_png(sheet, target)


@dataclass(frozen=True, slots=True)
class _MontageRow:
    """The matches of a query by one method: paths with what is said of them, and the height."""

    title: str
    cells: list[tuple[str, str] | None]
    height: int


def _montage_block(
    matches: Matches, number: int, columns: int, small: Callable[[str], Any], *, above: bool
) -> list[_MontageRow]:
    """Make the rows of a query, which stands in the first of them; `above`: alone."""
    rows: list[_MontageRow] = []
    if above:
        path = matches.methods[0].queries[number].path
        height = small(path).height + _CAPTION + 2 * _GAP
        rows.append(_MontageRow("", [(path, "query")], height))
    for method in matches.methods:
        query = method.queries[number]
        cells: list[tuple[str, str] | None] = [None if rows else (query.path, "query")]
        if above:
            cells.clear()
        for match in query.matches[:columns]:
            cells.append((match.path, "  ".join(match_captions(method.comparator, match))))
        tallest = max((small(cell[0]).height for cell in cells if cell), default=0)
        height = _TITLE + tallest + _CAPTION + _GAP
        rows.append(_MontageRow(label(method.comparator), cells, height))
    return rows


def _blocks_across(wide: int, heights: Sequence[int]) -> int:
    """Return how many blocks stand beside one another, so that a page is `_PAGE` times as high as
    wide, or near that."""

    def away(across: int) -> float:
        lines = (max(heights[i : i + across]) for i in range(0, len(heights), across))
        return abs(math.log(max(1, sum(lines)) / (across * wide) / _PAGE))

    return min(range(1, max(1, min(_ACROSS, len(heights))) + 1), key=away)


def shorten(text: str, font: Any, width: float) -> str:
    """Return the beginning of a text, as wide as there is room for in a picture.

    Parameters
    ----------
    text : str
    font : PIL.ImageFont.FreeTypeFont
    width : float
        Pixels.
    """
    if font.getlength(text) <= width:
        return text
    ends = (f"{text[:n].rstrip()}…" for n in range(len(text) - 1, 0, -1))
    return next((end for end in ends if font.getlength(end) <= width), "…")


def shorten_path(path: str, font: Any, width: float) -> str:
    """Return the end of a path, as wide as there is room for in a picture.

    Parameters
    ----------
    path : str
    font : PIL.ImageFont.FreeTypeFont
    width : float
        Pixels.
    """
    name = printable(path.replace("\\", "/"))
    if font.getlength(name) <= width:
        return name
    starts = range(1, len(name))
    return next((t for t in ("…" + name[i:] for i in starts) if font.getlength(t) <= width), "…")
