"""Results as one self-contained HTML page."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from html import escape

from imgsim.comparators.label import label
from imgsim.read.discover import printable
from imgsim.report.pictures import jpeg, thumbnails
from imgsim.report.rankings import score_text
from imgsim.report.text import percent
from imgsim.tasks.matches import Matches

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
    """Every query and its matches, a row per method; each picture is in the page once."""
    places: dict[str, int] = {}
    for method in matches.methods:
        for query in method.queries:
            for path in (query.path, *(m.path for m in query.matches)):
                places.setdefault(path, len(places))
    yield from page_head(f"imgsim matches: {matches.images} images", places, images)
    queries = matches.methods[0].queries if matches.methods else ()
    for number, query in enumerate(queries):
        yield f"<h2>{_text(query.path)}</h2>\n"
        for method in matches.methods:
            yield f'<div class="row"><div class="name">{escape(label(method.comparator))}</div>'
            yield figure(query.path, places, "query", "query")
            for match in method.queries[number].matches:
                score = score_text(method.comparator, match.distance)
                alike = percent(method.comparator.scale.similarity(match.distance))
                yield figure(match.path, places, f"{alike} · {score}", "match")
            yield "</div>\n"
    yield "</html>\n"


def page_head(
    title: str,
    places: Mapping[str, int],
    images: Mapping[str, bytes],
    style: str = "",
    side: int = _SIDE,
) -> Iterator[str]:
    """The page up to its heading.

    Parameters
    ----------
    title : str
    places : mapping of str to int
        The number of each picture, by its path; `figure` shows it.
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
    pictures = thumbnails(list(places), side, images)
    for place, picture in zip(places.values(), pictures, strict=True):
        data = base64.b64encode(jpeg(picture)).decode()
        yield f".p{place}{{background-image:url(data:image/jpeg;base64,{data})}}\n"
    yield f"</style>\n<h1>{title}</h1>\n"


def figure(path: str, places: Mapping[str, int], caption: str, kind: str) -> str:
    """A picture with its caption and its path."""
    name = _text(path)
    return (
        f'<figure class="{kind}"><div class="picture p{places[path]}" role="img"'
        f' aria-label="{name}"></div>'
        f"<figcaption>{escape(caption)}<br>{name}</figcaption></figure>"
    )


def _text(path: str) -> str:
    return escape(printable(path))
