"""Self-contained HTML pages: that of matches and search, and the parts that all pages share."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType

from imgsim.comparators.label import label
from imgsim.read.discover import printable
from imgsim.report.pictures import jpeg_bytes, thumbnails
from imgsim.report.rankings import match_captions
from imgsim.tasks.match_results import Matches

_SIDE = 160

_STYLE = """
:root { color-scheme: light dark; font: 14px system-ui, sans-serif }
body { margin: 1rem auto; max-width: 90rem; padding: 0 1rem }
h2 { font-size: 1rem; overflow-wrap: anywhere; border-top: 1px solid #8886; padding-top: .6rem }
.row { display: flex; gap: .8rem; align-items: flex-start; margin: .4rem 0 }
.name { width: 11rem; flex: none; padding-top: 4rem; overflow-wrap: anywhere }
figure { margin: 0; width: 160px; flex: none }
.picture { width: 160px; height: 160px; background: center / contain no-repeat #8882 }
figcaption { font-size: 12px; overflow-wrap: anywhere }
.query .picture { outline: 3px solid #2a7de1 }
"""


def matches_page(matches: Matches, images: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the page of every query and its matches, a row per method; each picture once.

    Parameters
    ----------
    matches : Matches
    images : mapping of str to bytes
        Contents of pictures that are no files, by the names of their queries.
    """
    places: dict[str, int] = {}
    for method in matches.methods:
        for query in method.queries:
            for path in (query.path, *(m.path for m in query.matches)):
                places.setdefault(path, len(places))
    yield from page_head(f"imgsim matches: {matches.images} images", places, images)
    queries = matches.methods[0].queries if matches.methods else ()
    for number, query in enumerate(queries):
        yield f"<h2>{escaped_path(query.path)}</h2>\n"
        for method in matches.methods:
            yield f'<div class="row"><div class="name">{escape(label(method.comparator))}</div>'
            yield figure(query.path, places, "query", "query")
            for match in method.queries[number].matches:
                caption = " · ".join(match_captions(method.comparator, match))
                yield figure(match.path, places, caption, "match")
            yield "</div>\n"
    yield "</html>\n"


def page_head(
    title: str,
    places: Mapping[str, int],
    images: Mapping[str, bytes],
    style: str = "",
    side: int = _SIDE,
) -> Iterator[str]:
    """Yield the page up to its heading.

    Parameters
    ----------
    title : str
    places : mapping of str to int
        The number of each picture, by its path, counted from 0 in this order; `figure` shows it.
    images : mapping of str to bytes
        Contents of pictures that are no files.
    style : str
        More CSS.
    side : int
        Pixels of the pictures.
    """
    yield (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}{style}'
    )
    yield from picture_rules(list(places), side, images)
    yield f"</style>\n<h1>{title}</h1>\n"


def picture_rules(
    paths: Sequence[str], side: int, images: Mapping[str, bytes] = MappingProxyType({})
) -> Iterator[str]:
    """Yield a rule of CSS per picture, which holds it: ``.p3`` shows the one at index 3.

    Parameters
    ----------
    paths : sequence of str
    side : int
        Pixels of the pictures.
    images : mapping of str to bytes
        Contents of pictures that are no files.
    """
    for place, picture in enumerate(thumbnails(paths, side, images)):
        data = base64.b64encode(jpeg_bytes(picture)).decode()
        yield f".p{place}{{background-image:url(data:image/jpeg;base64,{data})}}\n"


def figure(path: str, places: Mapping[str, int], caption: str, kind: str) -> str:
    """Return the element of a picture with its caption and its path."""
    name = escaped_path(path)
    return (
        f'<figure class="{kind}"><div class="picture p{places[path]}" role="img"'
        f' aria-label="{name}"></div>'
        f"<figcaption>{escape(caption)}<br>{name}</figcaption></figure>"
    )


def escaped_path(path: str) -> str:
    """Return a path as text in HTML, without control characters."""
    return escape(printable(path))
