"""The HTML page of clusters."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from html import escape

import numpy as np
from numpy.typing import NDArray

from imgsim.read.discover import printable
from imgsim.report.cluster_drawings import (
    cluster_name,
    draw_regions,
    groups_on_map,
    map_coordinates,
)
from imgsim.report.clusters import cluster_summary
from imgsim.report.colours import colour_of
from imgsim.report.html import escaped_path, page_head
from imgsim.report.units import count
from imgsim.tasks.cluster.results import Cluster, Clusters

MAX_PICTURES = 3000
"""Pictures on a page, of which the others are dots: a browser cannot hold more."""

_PAGE_SIDE = 96
_KEY = (
    "A picture or a dot is an image; a dot has its picture where there is room for it: the wheel"
    " makes room, and the pointer shows it. A number is a cluster, at its most typical image."
)
_MAP_SHARES, _MAP_MARGINS = (94, 92), (3, 4)
"""Of the width and the height of the map, in percent."""

_STYLE = """
body { max-width: none }
#map { position: relative; height: 78vh; overflow: hidden; border: 1px solid #8886;
  --s: 1; --x: 0; --y: 0; cursor: grab; touch-action: none }
#map img, #map em { position: absolute; user-select: none; pointer-events: none }
#map img { left: calc(var(--x) * 1px); top: calc(var(--y) * 1px);
  width: calc(100% * var(--s)); height: calc(100% * var(--s)); image-rendering: pixelated }
#map em { left: calc(var(--l) * var(--s) * 1% + var(--x) * 1px); font: bold 16px system-ui;
  top: calc(var(--t) * var(--s) * 1% + var(--y) * 1px);
  transform: translate(var(--h), var(--v)); --h: calc(-100% - 16px); --v: calc(-100% - 16px);
  padding: 1px 6px; color: #000; background: #fffd; border: 1px solid #000; border-radius: 5px;
  z-index: 2 }
#map em.after { --h: 16px }
#map em.below { --v: 16px }
#map b { position: absolute; width: 36px; height: 36px; margin: -18px; box-sizing: border-box;
  border-width: 3px; border-style: solid }
#map b, .sheet div, #tip div { background-position: center; background-size: contain;
  background-repeat: no-repeat }
#map b { left: calc(var(--l) * var(--s) * 1% + var(--x) * 1px);
  top: calc(var(--t) * var(--s) * 1% + var(--y) * 1px) }
#map b { z-index: 1 }
#map b.dot { width: 9px; height: 9px; margin: -5px; border-radius: 9px; background-size: 0 0;
  border: 1px solid #000; z-index: 0 }
#map b:hover { z-index: 3 }
.dim b:not(.lit) { opacity: .08 }
#tip { position: fixed; pointer-events: none; z-index: 3; padding: 6px; max-width: 210px;
  background: Canvas; border: 1px solid #888; display: none; overflow-wrap: anywhere }
#tip div { width: 192px; height: 192px }
.key { color: #777; margin: .3rem 0 }
.more { font-size: 12px; max-width: 60rem; overflow-wrap: anywhere }
#legend span { display: inline-block; margin: .3rem .8rem .3rem 0; cursor: pointer }
#legend i { display: inline-block; width: .9em; height: .9em; margin-right: .3em }
.sheet div { display: inline-block; width: 72px; height: 72px; margin: 1px }
"""


_SCRIPT = """
const map = document.getElementById('map'), tip = document.getElementById('tip')
let s = 1, x = 0, y = 0, held = null
const APART = 38, pins = [...map.querySelectorAll('b[data-p^=p]')].map(b => ({ b,
  left: +b.style.getPropertyValue('--l'), top: +b.style.getPropertyValue('--t') }))
pins.sort((one, other) => ('t' in other.b.dataset) - ('t' in one.b.dataset))
let arranged = 0
// pictures where they cover no other one, dots elsewhere
const arrange = () => {
  const wide = map.clientWidth * s / 100, high = map.clientHeight * s / 100, taken = new Map()
  for (const pin of pins) {
    const at = [pin.left * wide, pin.top * high], [i, j] = at.map(v => Math.floor(v / APART))
    let free = true
    for (let a = i - 1; free && a <= i + 1; a++) for (let c = j - 1; free && c <= j + 1; c++)
      free = !(taken.get(a + ',' + c) || []).some(other => Math.max(
        Math.abs(other[0] - at[0]), Math.abs(other[1] - at[1])) < APART)
    pin.b.classList.toggle('dot', !free)
    if (!free) continue
    const key = i + ',' + j
    if (taken.has(key)) taken.get(key).push(at); else taken.set(key, [at]) }
  // a number stands to the upper left of its image, but not beyond the edge of the map
  for (const em of map.querySelectorAll('em')) {
    const at = name => +em.style.getPropertyValue(name)
    em.classList.toggle('after', at('--l') * wide < em.offsetWidth + 16)
    em.classList.toggle('below', at('--t') * high < em.offsetHeight + 16) }
  arranged = s }
const show = () => { for (const [k, v] of [['--s', s], ['--x', x], ['--y', y]])
  map.style.setProperty(k, v)
  if (s !== arranged) arrange() }
addEventListener('resize', arrange)
arrange()
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
  for (const b of map.querySelectorAll('b'))
    b.classList.toggle('lit', lit && b.dataset.c === one.dataset.c) })
"""


def cluster_page(clusters: Clusters) -> Iterator[str]:
    """Yield an HTML page with the map, to zoom, drag and point at, and every cluster below it."""
    paths = [p.file.path for p in clusters.pictures]
    images = {query.query.name: query.query.data for query in clusters.queries}
    places = {path: place for place, path in enumerate(paths[:MAX_PICTURES])}
    for name in [*images, *(m.path for q in clusters.queries for m, _ in q.matches)]:
        places.setdefault(name, len(places))
    title = f"imgsim cluster: {count(len(clusters.clusters), 'cluster')}"
    numbers, names = groups_on_map(clusters)
    colours = "".join(
        f".c{number}{{border-color:rgb{colour};background-color:rgb{colour}}}\n".replace(" ", "")
        for number, colour in ((n, colour_of(n)) for n in range(len(names) + 1))
    )
    yield from page_head(title, places, images, _STYLE + colours, _PAGE_SIDE)
    lines = list(cluster_summary(clusters))
    figures = [line.strip() for line in lines if line.startswith("  ")]
    shown = [line for line in lines if not line.startswith("  ") and not line.endswith(":")]
    yield "<p>" + "<br>\n".join(escape(line) for line in shown) + "</p>\n"
    for line in lines:
        if line.endswith(":"):  # the figures that follow are many
            yield f'<details class="more"><summary>{escape(line[:-1])}</summary>'
            yield f"{escape('  '.join(figures))}</details>\n"
    yield f'<p class="key">{_KEY}</p>\n'
    yield '<div id="legend">'
    for number, name in enumerate(names, 1):
        images_of = int((numbers == number).sum())
        said = f"{escape(printable(name))}: {images_of}"
        yield f'<span data-c="{number}"><i class="c{number}"></i>{said}</span>'
    yield '</div>\n<div id="map">\n'
    if paths:
        yield f'<img alt="" src="{_regions_url(clusters)}">\n'
    coordinates = map_coordinates(clusters.positions)
    typical = {cluster.typical for cluster in clusters.clusters}
    for i, path in enumerate(paths):
        said = cluster_name(int(clusters.labels[i]))
        if clusters.labelled is not None and numbers[i]:
            said += f" · {names[numbers[i] - 1]}"
        marker = _marker_attributes(path, int(numbers[i]), said, places)
        first = " data-t" if i in typical else ""
        yield f'<b style="{_placed(coordinates[i])}" {marker}{first}></b>\n'
    for cluster in clusters.clusters:
        yield f'<em style="{_placed(coordinates[cluster.typical])}">{cluster.number}</em>\n'
    yield '</div>\n<div id="tip"><div></div><span></span></div>\n'
    for query in clusters.queries:
        name, number = query.query.name, query.cluster
        yield f"<h2>{escaped_path(name)}: {cluster_name(number)}</h2>\n"
        yield f'<div class="sheet"><div {_tile_attributes(name, number, places)}></div> '
        for match, number in query.matches:
            yield f"<div {_tile_attributes(match.path, number, places)}></div>"
        yield "</div>\n"
    for cluster in clusters.clusters:
        yield f"<h2>Cluster {cluster.number}: {count(len(cluster.members), 'image')}</h2>\n"
        yield from _cluster_tiles(clusters, cluster, places)
    yield f"<script>{_SCRIPT}</script>\n</html>\n"


def _regions_url(clusters: Clusters) -> str:
    size = (900, 600)
    places = (map_coordinates(clusters.positions) * _MAP_SHARES + _MAP_MARGINS) / 100 * size
    stream = io.BytesIO()
    draw_regions(clusters, places, size).resize((225, 150)).quantize(256).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _placed(place: NDArray[np.float64]) -> str:
    x, y = place * _MAP_SHARES + _MAP_MARGINS
    return f"--l:{x:.2f};--t:{y:.2f}"


def _cluster_tiles(clusters: Clusters, cluster: Cluster, places: dict[str, int]) -> Iterator[str]:
    yield '<div class="sheet">'
    for image in cluster.members:
        path = clusters.pictures[image].file.path
        if path in places:
            yield f"<div {_tile_attributes(path, cluster.number, places)}></div>"
    yield "</div>\n"


def _marker_attributes(path: str, number: int, said: str, places: dict[str, int]) -> str:
    shown = f"p{places[path]}" if path in places else "dot"
    return f'{_data_attributes(path, number, said, shown)} class="c{number} {shown}"'


def _tile_attributes(path: str, number: int, places: dict[str, int]) -> str:
    shown = f"p{places[path]}"
    return f'{_data_attributes(path, number, cluster_name(number), shown)} class="{shown}"'


def _data_attributes(path: str, number: int, said: str, shown: str) -> str:
    name = escape(f"{printable(path)} · {said}")
    return f'data-p="{shown}" data-c="{number}" data-n="{name}" role="img" aria-label="{name}"'
