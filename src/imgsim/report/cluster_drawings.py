"""Draws the map and the contact sheets of clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.label import label
from imgsim.pictures.png import write_png
from imgsim.report.colours import colour_of, text_on, tint
from imgsim.report.pictures import shorten_path, thumbnail, thumbnails
from imgsim.report.units import count, percent
from imgsim.tasks.cluster.results import NO_CLUSTER, Clusters

MAX_ON_SHEET = 400
_MAP = (1200, 860)
_LEGEND = 300
_TEXT, _NUMBER, _LINE = 20, 24, 26
"""Pixels of the letters beside a map and on it, and of a line: a page shows it at half its size."""
_VOTERS = 5
_REGION_CELL = 4
_TINT = 0.22
_FROM_DOT = 18
_DOT = 5
_TITLE = 8 + 3 * _LINE
"""Pixels above the map, for what it shows."""
_TAG_HEIGHT = 30
_SHEET_SIDE = 120
_GAP = 6
_CAPTION = 28

_Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of a picture, in pixels."""


def cluster_name(number: int) -> str:
    """Return the name that a cluster has in reports."""
    return f"cluster {number}" if number != NO_CLUSTER else "no cluster"


def groups_on_map(clusters: Clusters) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return what the colours of a map stand for: labels where there are some, else clusters.

    Returns
    -------
    numbers : ndarray of int64, shape (images,)
        From 1 on; 0 for none.
    names : tuple of str
        Of the groups from 1 on.
    """
    if clusters.labelled is not None:
        return clusters.labelled.numbers, clusters.labelled.names
    return clusters.labels, tuple(str(cluster.number) for cluster in clusters.clusters)


def agreement_text(clusters: Clusters) -> str:
    """Say how well clusters and labels agree; empty without labels."""
    labelled = clusters.labelled
    if labelled is None or labelled.purity is None or labelled.adjusted_rand is None:
        return ""
    return f"purity {labelled.purity:.2f}, adjusted Rand index {labelled.adjusted_rand:.2f}"


def nearest_groups(
    places: NDArray[np.float64], numbers: NDArray[np.int64], points: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the group that most of the five nearest images of a point are in; of several, the
    nearest one's.

    Parameters
    ----------
    places : ndarray of float64, shape (images, 2)
    numbers : ndarray of int64, shape (images,)
        Groups of the images, from 0 on.
    points : ndarray of float64, shape (m, 2)

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    from scipy.spatial import KDTree

    voters = min(_VOTERS, len(places))
    near = KDTree(places).query(points, k=list(range(1, voters + 1)))[1]
    votes = numbers[near]
    # a vote more counts more than any order; of equal numbers of votes the nearest counts
    weight = (votes[:, :, None] == votes[:, None, :]).sum(axis=2) * voters - np.arange(voters)
    return np.asarray(np.take_along_axis(votes, weight.argmax(axis=1)[:, None], axis=1)[:, 0])


def map_coordinates(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale positions to the unit square, with y from its top down as in a picture.

    Parameters
    ----------
    positions : ndarray of float64, shape (images, 2)
        From `Clusters`, of any range, with y upwards.

    Returns
    -------
    ndarray of float64, shape (images, 2)
        In 0..1; 0.5 along an axis on which all are equal.
    """
    spread = np.ptp(positions, axis=0) if len(positions) else np.ones(2)
    low = positions.min(axis=0) if len(positions) else np.zeros(2)
    placed = (positions - low) / np.where(spread > 0, spread, 1)
    placed[:, spread == 0] = 0.5
    placed[:, 1] = 1 - placed[:, 1]
    return placed


def draw_regions(clusters: Clusters, places: NDArray[np.float64], size: tuple[int, int]) -> Any:
    """Draw in which group an image at each place of a map would be, by its nearest images.

    Parameters
    ----------
    clusters : Clusters
    places : ndarray of float64, shape (images, 2)
        Of the images in the picture, in pixels.
    size : (int, int)
        Of the picture, in pixels.

    Returns
    -------
    Pillow image
    """
    from PIL import Image

    numbers, names = groups_on_map(clusters)
    x, y = ((np.arange(math.ceil(side / _REGION_CELL)) + 0.5) * _REGION_CELL for side in size)
    near = nearest_groups(places, numbers, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    tints = np.array([tint(colour_of(n), _TINT) for n in range(len(names) + 1)], np.uint8)
    cells = Image.fromarray(tints[near].reshape(len(y), len(x), 3))
    return cells.resize(size, Image.Resampling.NEAREST)


def draw_map(clusters: Clusters, target: Path) -> None:
    """Draw the map of all images as a PNG: pictures where there is room, dots for the others.

    Colours are those of labels, if the clusters have some. The number of a cluster stands beside
    the image that is most typical of it; numbers cover neither one another nor, where there is room
    elsewhere, a picture.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = _MAP
    sheet = Image.new("RGB", (width + _LEGEND, height + _TITLE), "white")
    font = ImageFont.load_default(_TEXT)
    numbers, names = groups_on_map(clusters)
    if len(clusters.pictures):
        side = max(28, min(64, int(0.6 * math.sqrt(width * height / len(clusters.pictures)))))
        margin = side // 2 + 20
        room = np.array([width, height]) - 2 * margin
        middles = map_coordinates(clusters.positions) * room + margin
        area = draw_regions(clusters, middles, _MAP)
        boxes = _draw_images(area, clusters, middles, numbers, side)
        _draw_numbers(area, clusters, middles, boxes)
        sheet.paste(area, (0, _TITLE))
    draw = ImageDraw.Draw(sheet)
    counts = np.bincount(numbers, minlength=len(names) + 1)
    listed = list(range(1, len(names) + 1))[: (height - 3 * _LINE) // _LINE]
    top = _TITLE + 4
    for number in [*listed, *([0] if counts[0] else [])]:
        draw.rectangle((width + 6, top, width + 24, top + 18), colour_of(number), "dimgray")
        text = f"{names[number - 1] if number else 'none'}: {count(int(counts[number]), 'image')}"
        draw.text((width + 32, top - 3), _shortened(text, font, _LEGEND - 38), "black", font)
        top += _LINE
    if len(listed) < len(names):
        draw.text((width + 6, top - 3), f"and {len(names) - len(listed)} more", "black", font)
    way = {"tsne": "t-SNE", "pca": "principal components"}[clusters.projection]
    said = [label(clusters.comparator), way, count(len(clusters.clusters), "cluster")]
    said += [text for text in (agreement_text(clusters),) if text]
    draw.text((8, 4), ", ".join(said), "black", font)
    what = "cluster" if clusters.labelled is None else "label"
    for line, text in enumerate(_map_key(what), 1):
        draw.text((8, 4 + line * _LINE), text, "dimgray", font)
    draw.text((width + 6, 4 + 2 * _LINE), f"colours: {what}s", "black", font)
    write_png(sheet, target)


def _map_key(what: str) -> tuple[str, str]:
    """Say what is on a map, in two lines."""
    return (
        f"A dot or a picture is an image, in the colour of its {what}; the ground has that of the"
        " nearest ones.",
        "A number is a cluster, at its most typical image.",
    )


def _draw_images(
    area: Any,
    clusters: Clusters,
    middles: NDArray[np.float64],
    numbers: NDArray[np.int64],
    side: int,
) -> dict[int, _Box]:
    """Draw pictures that do not cover one another, and dots for the others.

    What lies under a picture of another image has its dot at the picture's edge.

    Returns
    -------
    dict of int to box
        Images with a picture, and the places of these.
    """
    from PIL import ImageDraw

    draw = ImageDraw.Draw(area)
    frame = 3
    shown = _images_with_room(middles, [c.typical for c in clusters.clusters], side + 2 * frame)
    paths = [clusters.pictures[image].file.path for image in shown]
    boxes = {}
    for image, picture in zip(shown, thumbnails(paths, side), strict=True):
        x, y = (int(v) for v in middles[image])
        left, top = x - picture.width // 2, y - picture.height // 2
        box = (left - frame, top - frame, left + picture.width + frame - 1,
            top + picture.height + frame - 1)  # fmt: skip
        draw.rectangle(box, colour_of(int(numbers[image])), "dimgray")
        area.paste(picture, (left, top))
        boxes[image] = box
    taken = np.array(list(boxes.values()), float).reshape(-1, 4)
    for image, middle in enumerate(middles):
        if image not in boxes:
            across, down = _outside(middle, taken)
            dot = (across - _DOT, down - _DOT, across + _DOT, down + _DOT)
            draw.ellipse(dot, colour_of(int(numbers[image])), "black")
    return boxes


def _outside(point: NDArray[np.float64], boxes: NDArray[np.float64]) -> tuple[float, float]:
    """Return the place of a dot beside all boxes, float64 of shape (n, 4), near a point."""

    def around(x: float, y: float) -> NDArray[np.bool_]:
        left, top, right, bottom = boxes.T
        return np.asarray(
            (x > left - _DOT) & (x < right + _DOT) & (y > top - _DOT) & (y < bottom + _DOT)
        )

    start = float(point[0]), float(point[1])
    places = [start]
    for _ in range(4):  # beside one box may be in another
        free = [place for place in places if not around(*place).any()]
        if free:
            return min(free, key=lambda place: math.dist(place, start))
        ways = []
        for x, y in places:
            left, top, right, bottom = boxes[int(np.argmax(around(x, y)))]
            ways += [(left - _DOT - 1, y), (right + _DOT + 1, y)]
            ways += [(x, top - _DOT - 1), (x, bottom + _DOT + 1)]
        places = [(float(x), float(y)) for x, y in ways]
    return start


def _draw_numbers(
    area: Any, clusters: Clusters, middles: NDArray[np.float64], boxes: dict[int, _Box]
) -> None:
    """Draw the number of each cluster as near to its typical image as there is room, with a line to
    it from farther away."""
    from PIL import ImageDraw, ImageFont

    draw, font = ImageDraw.Draw(area), ImageFont.load_default(_NUMBER)
    dots = [np.concatenate([middle - _DOT, middle + _DOT]) for middle in middles]
    drawn = np.array([boxes.get(image, dot) for image, dot in enumerate(dots)], float)
    tags = np.empty((0, 4))
    for cluster in clusters.clusters:
        text = str(cluster.number)
        size = (font.getlength(text) + 8, _TAG_HEIGHT)
        x, y = (float(v) for v in middles[cluster.typical])
        box = boxes.get(cluster.typical)
        away = (box[2] - box[0]) / 2 if box else _FROM_DOT
        tag, moved = _place_for_tag((x, y), size, away, area.size, tags, drawn)
        if moved:
            middle = (tag[0] + tag[2]) / 2, (tag[1] + tag[3]) / 2
            draw.line((*middle, x, y), "black")
        draw.rounded_rectangle(tag, 5, "white", "black")
        middle = (tag[0] + tag[2]) / 2, (tag[1] + tag[3]) / 2
        draw.text(middle, text, "black", font, anchor="mm")
        tags = np.vstack([tags, tag])


def _place_for_tag(
    point: tuple[float, float],
    size: tuple[float, float],
    away: float,
    room: tuple[int, int],
    tags: NDArray[np.float64],
    drawn: NDArray[np.float64],
) -> tuple[_Box, bool]:
    """Choose where a tag covers no other tag, and no more of pictures and dots than it must.

    `tags` and `drawn` are boxes, float64 of shape (n, 4).

    Returns
    -------
    (left, top, right, bottom)
        Inside the room.
    bool
        Whether it is away from its point.
    """
    best: tuple[float, _Box, bool] | None = None
    for ring in range(12):
        for step in range(16):
            # the upper left first; farther rings are wider
            angle = math.radians(225 + (step // 2 + step % 2) * (-1) ** step * 22.5)
            reach = away + size[1] / 2 + 14 * ring
            x = min(max(point[0] + reach * math.cos(angle), size[0] / 2), room[0] - size[0] / 2 - 1)
            y = min(max(point[1] + reach * math.sin(angle), size[1] / 2), room[1] - size[1] / 2 - 1)
            tag = (x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
            covered = _covered(tag, drawn) + 1000 * _covered(tag, tags)
            if best is None or covered < best[0]:
                best = covered, tag, ring > 0
        if best is not None and best[0] == 0:
            break
    assert best is not None
    return best[1], best[2]


def _covered(box: _Box, others: NDArray[np.float64]) -> float:
    """Return how many pixels of other boxes, shape (n, 4), a box covers."""
    high = np.minimum(box[2:], others[:, 2:])
    return float(np.clip(high - np.maximum(box[:2], others[:, :2]), 0, None).prod(axis=1).sum())


def _shortened(text: str, font: Any, width: float) -> str:
    """The beginning and the end of a text, as wide as there is room for."""
    if font.getlength(text) <= width:
        return text
    for left_out in range(1, len(text)):
        kept = len(text) - left_out
        short = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
        if font.getlength(short) <= width:
            return short
    return "…"


def _images_with_room(
    middles: NDArray[np.float64], before: Sequence[int], apart: float
) -> list[int]:
    """Return images that do not cover one another, chosen from `before` first, then in order.

    `middles` are their places, float64 of shape (images, 2), and `apart` the least distance
    between two of them along an axis, both in pixels.
    """
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


def draw_sheets(clusters: Clusters, folder: Path) -> None:
    """Draw a sheet per cluster into a folder, its typical image first, then by path.

    Raises
    ------
    UsageError
        A file cannot be written.
    """
    digits = len(str(len(clusters.clusters)))
    for cluster in clusters.clusters:
        others = [image for image in cluster.members if image != cluster.typical]
        _draw_sheet(clusters, cluster.number, [cluster.typical, *others],
            folder / f"cluster_{cluster.number:0{digits}}.png")  # fmt: skip
    alone = np.flatnonzero(clusters.labels == NO_CLUSTER)
    if len(alone):
        _draw_sheet(clusters, NO_CLUSTER, alone.tolist(), folder / "no_cluster.png")


def _draw_sheet(clusters: Clusters, number: int, images: Sequence[int], target: Path) -> None:
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
    title = f"{cluster_name(number)}: {count(len(images), 'image')}{more}"
    draw.text((_GAP, 4), title, text_on(colour_of(number)), font)
    paths = [clusters.pictures[image].file.path for image in shown]
    for place, picture in enumerate(thumbnails(paths, _SHEET_SIDE)):
        left, top = _GAP + place % columns * step, 28 + place // columns * line
        x = left + (_SHEET_SIDE - picture.width) // 2
        sheet.paste(picture, (x, top + (_SHEET_SIDE - picture.height) // 2))
        name = shorten_path(paths[place], font, _SHEET_SIDE)
        draw.text((left, top + _SHEET_SIDE), name, "dimgray", font)
    write_png(sheet, target)


def draw_queries(clusters: Clusters, target: Path) -> None:
    """Draw the queries beside the images most similar to them as a PNG.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    most = max((len(q.matches) for q in clusters.queries), default=0)
    step, line = _SHEET_SIDE + _GAP, _SHEET_SIDE + _CAPTION + _GAP
    size = ((most + 1) * step + _GAP, max(1, len(clusters.queries)) * line + _GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)

    def place(path: str, column: int, top: int, number: int, caption: str) -> None:
        data = {q.query.name: q.query.data for q in clusters.queries} if column == 0 else {}
        picture = thumbnail(path, _SHEET_SIDE - 6, data)
        left = _GAP + column * step
        x = left + (_SHEET_SIDE - picture.width) // 2
        y = top + (_SHEET_SIDE - picture.height) // 2
        box = (x - 3, y - 3, x + picture.width + 2, y + picture.height + 2)
        draw.rectangle(box, colour_of(number))
        sheet.paste(picture, (x, y))
        draw.text((left, top + _SHEET_SIDE), caption, "black", font)
        name = shorten_path(path, font, _SHEET_SIDE)
        draw.text((left, top + _SHEET_SIDE + 13), name, "dimgray", font)

    for row, query in enumerate(clusters.queries):
        top = _GAP + row * line
        place(query.query.name, 0, top, query.cluster, f"query: {cluster_name(query.cluster)}")
        for column, (match, number) in enumerate(query.matches, 1):
            alike = percent(clusters.comparator.scale.similarity(match.distance))
            place(match.path, column, top, number, f"{cluster_name(number)}, {alike}")
    write_png(sheet, target)
