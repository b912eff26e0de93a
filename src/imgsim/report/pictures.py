"""Pictures of results: thumbnails, and queries beside their matches."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from textwrap import fill
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
_NAMES = 150
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

    queries = [matches.methods[0].queries[number].path for number in part]
    rows = len(queries) * len(matches.methods)
    height = rows * (_SIDE + _CAPTION + _GAP) + _GAP
    most = max((len(q.matches) for m in matches.methods for q in m.queries), default=0)
    columns = min(most, MONTAGE_COLUMNS)
    width = _NAMES + (columns + 1) * (_SIDE + _GAP) + _GAP
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)

    @lru_cache(maxsize=_CACHED_THUMBNAILS)
    def small(path: str) -> Any:
        return thumbnail(path, _SIDE, images)

    def place(path: str, column: int, top: int, caption: str) -> None:
        picture = small(path)
        left = _NAMES + column * (_SIDE + _GAP)
        # down at its caption, where it begins, however low the picture is
        sheet.paste(picture, (left, top + _SIDE - picture.height))
        draw.text((left, top + _SIDE + 1), caption, "black", font)
        draw.text((left, top + _SIDE + 14), shorten_path(path, font, _SIDE), "dimgray", font)

    top = _GAP
    for number, query in zip(part, queries, strict=True):
        for method in matches.methods:
            name = fill(label(method.comparator), 20)
            draw.multiline_text((_GAP, top + _SIDE // 2 - 6), name, "black", font)
            place(query, 0, top, "query")
            for column, match in enumerate(method.queries[number].matches[:columns], 1):
                caption = "  ".join(match_captions(method.comparator, match))
                place(match.path, column, top, shorten(caption, font, _SIDE))
            top += _SIDE + _CAPTION + _GAP
        draw.line((0, top - _GAP // 2, width, top - _GAP // 2), "lightgray")
    write_png(sheet, target)


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
