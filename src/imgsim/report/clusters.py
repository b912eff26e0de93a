"""cluster: as text, JSON, CSV and a page with a map; the map and the clusters as pictures."""

from __future__ import annotations

import colorsys
import json
import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.clusters import NO_CLUSTER, Cluster, Clusters, Labelled
from imgsim.discover import printable
from imgsim.report.document import heading, path_document, seconds_document, skipped_document
from imgsim.report.formats import csv_row
from imgsim.report.html import page_head
from imgsim.report.pictures import save_png, shortened, thumbnail, thumbnails
from imgsim.report.rankings import label, score_text
from imgsim.report.text import count, percent, skipped_lines

MAX_PICTURES = 3000
"""On a page; the others are dots: more would not fit a browser."""

MAX_ON_SHEET = 400

_LITTLE = 0.25
"""L. Kaufman and P. J. Rousseeuw, "Finding Groups in Data", 1990: no substantial structure."""

_MAP = (1400, 1000)
_LEGEND = 150
_SHEET_SIDE = 120
_GAP = 6
_CAPTION = 28
_PAGE_SIDE = 96


def cluster_text(found: Clusters) -> Iterator[str]:
    """Every cluster with its files, then the queries."""
    for cluster in found.clusters:
        yield f"Cluster {cluster.number}: {count(len(cluster.members), 'image')}, typical:"
        yield f" {printable(found.pictures[cluster.typical].file.path)}\n"
        for image in cluster.members:
            yield f"  {printable(found.pictures[image].file.path)}\n"
        yield "\n"
    alone = np.flatnonzero(found.labels == NO_CLUSTER)
    if len(alone):
        yield f"In no cluster: {count(len(alone), 'image')}\n"
        yield from (f"  {printable(found.pictures[image].file.path)}\n" for image in alone)
        yield "\n"
    for query in found.queries:
        votes = ", ".join(f"{n} of {_named(number)}" for number, n in query.votes)
        yield f"{printable(query.query.name)}: {_named(query.cluster)} (nearest: {votes})\n"
        for match, number in query.matches:
            score = score_text(found.comparator, match.distance)
            yield f"  {_named(number):12} {score:>15}  {printable(match.path)}\n"
        yield "\n"


def _named(number: int) -> str:
    return f"cluster {number}" if number != NO_CLUSTER else "no cluster"


def cluster_document(found: Clusters, *, timing: bool = True) -> dict[str, Any]:
    """Everything `cluster_images` found.

    Parameters
    ----------
    found : Clusters
    timing : bool
        With the keys that differ from run to run.
    """
    scale = found.comparator.scale
    paths = [p.file.path for p in found.pictures]
    document = {
        **heading("imgsim.cluster/1"),
        "method": found.comparator.spec,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "algorithm": found.algorithm,
        "chosen_by": found.chosen_by,
        "seed": found.seed,
        "projection": found.projection,
        "images": len(found.pictures),
        "skipped": skipped_document(found.skipped),
        "silhouette": found.silhouette,
        "qualities": [
            {"k": q.k, "silhouette": q.silhouette, "inertia": q.inertia} for q in found.qualities
        ],
        "clusters": [
            {"id": c.number, "images": len(c.members), "typical": path_document(paths[c.typical])}
            for c in found.clusters
        ],
        "labels": [
            {**path_document(path), "cluster": int(number) or None, "x": float(x), "y": float(y)}
            for path, number, (x, y) in zip(paths, found.labels, found.positions, strict=True)
        ],
        "queries": [_query_document(query, found) for query in found.queries],
    }
    if timing:
        document["seconds"] = seconds_document(found.seconds)
    return document


def _query_document(query: Labelled, found: Clusters) -> dict[str, Any]:
    scale = found.comparator.scale
    return {
        **path_document(query.query.name),
        "cluster": query.cluster or None,
        "votes": [{"cluster": number or None, "votes": n} for number, n in query.votes],
        "matches": [
            {
                **path_document(match.path),
                "cluster": number or None,
                "score": scale.score(match.distance),
                "similarity": scale.similarity(match.distance),
            }
            for match, number in query.matches
        ],
    }


def cluster_json(found: Clusters, *, timing: bool = True) -> Iterator[str]:
    """One document."""
    document = cluster_document(found, timing=timing)
    yield json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def cluster_csv(found: Clusters) -> Iterator[str]:
    """A row per image: its cluster (none: empty), and where it is on the map."""
    yield csv_row(["path", "cluster", "x", "y", "path_bytes"])
    for image in cluster_document(found, timing=False)["labels"]:
        yield csv_row([image.get(name) for name in ("path", "cluster", "x", "y", "path_bytes")])


def cluster_summary(found: Clusters, *, verbose: bool = False) -> Iterator[str]:
    """Lines on the whole run, with the quality of every number of clusters that was tried."""
    if not found.pictures:
        yield "0 images found"
        yield from skipped_lines(found.skipped, verbose)
        return
    yield (
        f"{count(len(found.pictures), 'image')} in {found.seconds.total:.1f} s"
        f" ({found.decoded} decoded), method {label(found.comparator)}"
    )
    alone = int((found.labels == NO_CLUSTER).sum())
    outside = f", {alone} images in none" if alone else ""
    fit = "" if found.silhouette is None else f", silhouette {found.silhouette:.3f}"
    yield f"{count(len(found.clusters), 'cluster')} by {found.algorithm}{outside}{fit}"
    if found.silhouette is not None and found.silhouette < _LITTLE:
        yield f"warning: the clusters run into one another (silhouette below {_LITTLE})"
    if found.chosen_by is not None:
        best = len(found.clusters)
        values = [
            (q.k, f"{q.silhouette:.3f}" if q.silhouette is not None else "-")
            if found.chosen_by == "silhouette"
            else (q.k, f"{q.inertia:.4g}")
            for q in found.qualities
        ]
        what = {"silhouette": "silhouette", "elbow": "inertia"}[found.chosen_by]
        text = "  ".join(f"{k}:{v}{'*' if k == best else ''}" for k, v in values)
        yield f"chosen by {found.chosen_by}; {what} for each number of clusters:"
        yield from (f"  {line}" for line in wrap(text, 78))
    yield from skipped_lines(found.skipped, verbose)


def colour_of(number: int) -> tuple[int, int, int]:
    """The colour of a cluster: hues a golden angle apart, grey for none."""
    if number == NO_CLUSTER:
        return (150, 150, 150)
    shade = (0.85, 0.6)[(number - 1) // 8 % 2]
    red, green, blue = colorsys.hsv_to_rgb((number - 1) * 0.381966 % 1, 0.75, shade)
    return (round(255 * red), round(255 * green), round(255 * blue))


def _on_map(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions in 0..1, upwards as in a diagram."""
    spread = np.ptp(positions, axis=0) if len(positions) else np.ones(2)
    low = positions.min(axis=0) if len(positions) else np.zeros(2)
    placed = (positions - low) / np.where(spread > 0, spread, 1)
    placed[:, spread == 0] = 0.5
    placed[:, 1] = 1 - placed[:, 1]
    return placed


def draw_map(found: Clusters, target: Path) -> None:
    """Draw the map as a PNG: a picture where there is room for one, else a dot.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = _MAP
    sheet = Image.new("RGB", (width + _LEGEND, height), "white")
    draw = ImageDraw.Draw(sheet)
    n = max(1, len(found.pictures))
    side = max(28, min(80, int(0.8 * math.sqrt(width * height / n))))
    margin = side // 2 + 20
    room = np.array([width, height]) - 2 * margin
    middles = _on_map(found.positions) * room + margin
    shown = _with_room(middles, [c.typical for c in found.clusters], 0.35 * side)
    for image, (x, y) in enumerate(middles):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), colour_of(int(found.labels[image])))
    paths = [found.pictures[image].file.path for image in shown]
    for image, picture in zip(shown, thumbnails(paths, side), strict=True):
        x, y = (int(v) for v in middles[image])
        left, top = x - picture.width // 2, y - picture.height // 2
        box = (left - 2, top - 2, left + picture.width + 1, top + picture.height + 1)
        draw.rectangle(box, colour_of(int(found.labels[image])))
        sheet.paste(picture, (left, top))
    font = ImageFont.load_default(12)
    for place, cluster in enumerate(found.clusters[: height // 18 - 3]):
        top = 20 + 18 * place
        draw.rectangle((width + 4, top, width + 16, top + 12), colour_of(cluster.number))
        text = f"{cluster.number}: {count(len(cluster.members), 'image')}"
        draw.text((width + 22, top - 1), text, "black", font)
    way = {"tsne": "t-SNE", "pca": "principal components"}[found.projection]
    draw.text((8, 6), f"{label(found.comparator)}, {way}", "black", font)
    save_png(sheet, target)


def _with_room(middles: NDArray[np.float64], before: Sequence[int], apart: float) -> list[int]:
    """Images that do not cover one another, some before all others."""
    shown: list[int] = []
    taken: dict[tuple[int, int], list[int]] = {}
    first = set(before)
    for image in [*before, *(i for i in range(len(middles)) if i not in first)]:
        column, row = (int(v // apart) for v in middles[image])
        near = [
            other
            for i in (column - 1, column, column + 1)
            for j in (row - 1, row, row + 1)
            for other in taken.get((i, j), ())
        ]
        if all(np.abs(middles[image] - middles[other]).max() >= apart for other in near):
            taken.setdefault((column, row), []).append(image)
            shown.append(image)
    return shown


def draw_sheets(found: Clusters, folder: Path) -> None:
    """Draw a sheet per cluster into a folder, its typical image first, then by path.

    Raises
    ------
    UsageError
        A file cannot be written.
    """
    digits = len(str(len(found.clusters)))
    for cluster in found.clusters:
        others = [image for image in cluster.members if image != cluster.typical]
        _sheet(found, cluster.number, [cluster.typical, *others],
            folder / f"cluster_{cluster.number:0{digits}}.png")  # fmt: skip
    alone = np.flatnonzero(found.labels == NO_CLUSTER)
    if len(alone):
        _sheet(found, NO_CLUSTER, alone.tolist(), folder / "no_cluster.png")


def _sheet(found: Clusters, number: int, images: Sequence[int], target: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    shown = images[:MAX_ON_SHEET]
    columns = max(1, min(len(shown), 3 + math.isqrt(len(shown))))
    rows = math.ceil(len(shown) / columns)
    step, line = _SHEET_SIDE + _GAP, _SHEET_SIDE + 16 + _GAP
    size = (max(columns * step + _GAP, 360), rows * line + 30)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    more = f", the first {len(shown)}" if len(shown) < len(images) else ""
    draw.rectangle((0, 0, size[0], 22), colour_of(number))
    title = f"{_named(number)}: {count(len(images), 'image')}{more}"
    draw.text((_GAP, 4), title, "white", font)
    paths = [found.pictures[image].file.path for image in shown]
    for place, picture in enumerate(thumbnails(paths, _SHEET_SIDE)):
        left, top = _GAP + place % columns * step, 28 + place // columns * line
        x = left + (_SHEET_SIDE - picture.width) // 2
        sheet.paste(picture, (x, top + (_SHEET_SIDE - picture.height) // 2))
        name = shortened(paths[place], font, _SHEET_SIDE)
        draw.text((left, top + _SHEET_SIDE), name, "dimgray", font)
    save_png(sheet, target)


def draw_queries(found: Clusters, target: Path) -> None:
    """Draw the queries beside the images most similar to them as a PNG.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    most = max((len(q.matches) for q in found.queries), default=0)
    step, line = _SHEET_SIDE + _GAP, _SHEET_SIDE + _CAPTION + _GAP
    size = ((most + 1) * step + _GAP, max(1, len(found.queries)) * line + _GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)

    def place(path: str, column: int, top: int, number: int, caption: str) -> None:
        data = {q.query.name: q.query.data for q in found.queries} if column == 0 else {}
        picture = thumbnail(path, _SHEET_SIDE - 6, data)
        left = _GAP + column * step
        x = left + (_SHEET_SIDE - picture.width) // 2
        y = top + (_SHEET_SIDE - picture.height) // 2
        box = (x - 3, y - 3, x + picture.width + 2, y + picture.height + 2)
        draw.rectangle(box, colour_of(number))
        sheet.paste(picture, (x, y))
        draw.text((left, top + _SHEET_SIDE), caption, "black", font)
        name = shortened(path, font, _SHEET_SIDE)
        draw.text((left, top + _SHEET_SIDE + 13), name, "dimgray", font)

    for row, query in enumerate(found.queries):
        top = _GAP + row * line
        place(query.query.name, 0, top, query.cluster, f"query: {_named(query.cluster)}")
        for column, (match, number) in enumerate(query.matches, 1):
            alike = percent(found.comparator.scale.similarity(match.distance))
            place(match.path, column, top, number, f"{_named(number)}, {alike}")
    save_png(sheet, target)


_STYLE = """
body { max-width: none }
#map { position: relative; height: 78vh; overflow: hidden; border: 1px solid #8886;
  --s: 1; --x: 0; --y: 0; cursor: grab; touch-action: none }
#map b { position: absolute; width: 36px; height: 36px; margin: -18px; box-sizing: border-box;
  border-width: 3px; border-style: solid }
#map b, .sheet div, #tip div { background-position: center; background-size: contain;
  background-repeat: no-repeat }
#map b { left: calc(var(--l) * var(--s) * 1% + var(--x) * 1px);
  top: calc(var(--t) * var(--s) * 1% + var(--y) * 1px) }
#map b.dot { width: 9px; height: 9px; margin: -5px; border-radius: 9px }
#map b:hover { z-index: 2 }
.dim b:not(.lit) { opacity: .08 }
#tip { position: fixed; pointer-events: none; z-index: 3; padding: 6px; max-width: 210px;
  background: Canvas; border: 1px solid #888; display: none; overflow-wrap: anywhere }
#tip div { width: 192px; height: 192px }
#legend span { display: inline-block; margin: .3rem .8rem .3rem 0; cursor: pointer }
#legend i { display: inline-block; width: .9em; height: .9em; margin-right: .3em }
.sheet div { display: inline-block; width: 72px; height: 72px; margin: 1px }
"""

_SCRIPT = """
const map = document.getElementById('map'), tip = document.getElementById('tip')
let s = 1, x = 0, y = 0, held = null
const show = () => { for (const [k, v] of [['--s', s], ['--x', x], ['--y', y]])
  map.style.setProperty(k, v) }
map.addEventListener('wheel', e => { e.preventDefault()
  const box = map.getBoundingClientRect(), f = Math.exp(-e.deltaY / 400)
  const px = e.clientX - box.left, py = e.clientY - box.top
  const to = Math.min(60, Math.max(.5, s * f)), g = to / s
  x = px - (px - x) * g; y = py - (py - y) * g; s = to; show() }, { passive: false })
map.addEventListener('pointerdown', e => { held = [e.clientX - x, e.clientY - y] })
addEventListener('pointerup', () => { held = null })
addEventListener('pointermove', e => {
  if (held) { x = e.clientX - held[0]; y = e.clientY - held[1]; show() }
  const at = e.target.closest && e.target.closest('b, .sheet div')
  tip.style.display = at ? 'block' : 'none'
  if (!at) return
  tip.firstChild.className = at.dataset.p || ''
  tip.lastChild.textContent = at.dataset.n
  tip.style.left = Math.min(e.clientX + 14, innerWidth - 230) + 'px'
  tip.style.top = Math.min(e.clientY + 14, innerHeight - 270) + 'px' })
document.getElementById('legend').addEventListener('click', e => {
  const one = e.target.closest('span'); if (!one) return
  const lit = one.classList.toggle('on')
  for (const o of one.parentNode.children) if (o !== one) o.classList.remove('on')
  map.classList.toggle('dim', lit)
  for (const b of map.children) b.classList.toggle('lit', lit && b.dataset.c === one.dataset.c) })
"""


def cluster_page(found: Clusters) -> Iterator[str]:
    """A page with the map, to zoom, drag and point at, and every cluster below it."""
    paths = [p.file.path for p in found.pictures]
    images = {query.query.name: query.query.data for query in found.queries}
    places = {path: place for place, path in enumerate(paths[:MAX_PICTURES])}
    for name in [*images, *(m.path for q in found.queries for m, _ in q.matches)]:
        places.setdefault(name, len(places))
    title = f"imgsim cluster: {count(len(found.clusters), 'cluster')}"
    colours = "".join(
        f".c{number}{{border-color:rgb{colour};background-color:rgb{colour}}}\n".replace(" ", "")
        for number, colour in ((n, colour_of(n)) for n in range(len(found.clusters) + 1))
    )
    yield from page_head(title, places, images, _STYLE + colours, _PAGE_SIDE)
    yield "<p>" + "<br>\n".join(escape(line) for line in cluster_summary(found)) + "</p>\n"
    yield '<div id="legend">'
    for number, images_of in [(c.number, len(c.members)) for c in found.clusters]:
        yield f'<span data-c="{number}"><i class="c{number}"></i>{number}: {images_of}</span>'
    yield '</div>\n<div id="map">\n'
    for path, number, (x, y) in zip(paths, found.labels, _on_map(found.positions), strict=True):
        where = f"--l:{3 + 94 * x:.2f};--t:{4 + 92 * y:.2f}"
        yield f'<b style="{where}" {_picture(path, int(number), places)}></b>\n'
    yield '</div>\n<div id="tip"><div></div><span></span></div>\n'
    for query in found.queries:
        yield f"<h2>{escape(printable(query.query.name))}: {_named(query.cluster)}</h2>\n"
        yield f'<div class="sheet"><div {_tile(query.query.name, query.cluster, places)}></div> '
        for match, number in query.matches:
            yield f"<div {_tile(match.path, number, places)}></div>"
        yield "</div>\n"
    for cluster in found.clusters:
        yield f"<h2>Cluster {cluster.number}: {count(len(cluster.members), 'image')}</h2>\n"
        yield from _tiles(found, cluster, places)
    yield f"<script>{_SCRIPT}</script>\n</html>\n"


def _tiles(found: Clusters, cluster: Cluster, places: dict[str, int]) -> Iterator[str]:
    yield '<div class="sheet">'
    for image in cluster.members:
        path = found.pictures[image].file.path
        if path in places:
            yield f"<div {_tile(path, cluster.number, places)}></div>"
    yield "</div>\n"


def _picture(path: str, number: int, places: dict[str, int]) -> str:
    shown = f"p{places[path]}" if path in places else "dot"
    return f'{_data(path, number, shown)} class="c{number} {shown}"'


def _tile(path: str, number: int, places: dict[str, int]) -> str:
    shown = f"p{places[path]}"
    return f'{_data(path, number, shown)} class="{shown}"'


def _data(path: str, number: int, shown: str) -> str:
    name = escape(f"{printable(path)} · {_named(number)}")
    return f'data-p="{shown}" data-c="{number}" data-n="{name}" role="img" aria-label="{name}"'
