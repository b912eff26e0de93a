"""Draws the map and the contact sheets of clusters."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.label import label
from imgsim.pictures.png import write_png
from imgsim.report.pictures import shorten_path, thumbnail, thumbnails
from imgsim.report.units import count, percent
from imgsim.tasks.cluster.results import NO_CLUSTER, Clusters

MAX_ON_SHEET = 400
_MAP = (1400, 1000)
_LEGEND = 150
_SHEET_SIDE = 120
_GAP = 6
_CAPTION = 28


def cluster_name(number: int) -> str:
    """Return the name that a cluster has in reports."""
    return f"cluster {number}" if number != NO_CLUSTER else "no cluster"


def colour_of(number: int) -> tuple[int, int, int]:
    """Return the colour of a cluster, as red, green, blue: hues a golden angle apart, or grey."""
    if number == NO_CLUSTER:
        return (150, 150, 150)
    shade = (0.85, 0.6)[(number - 1) // 8 % 2]
    red, green, blue = colorsys.hsv_to_rgb((number - 1) * 0.381966 % 1, 0.75, shade)
    return (round(255 * red), round(255 * green), round(255 * blue))


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


def draw_map(clusters: Clusters, target: Path) -> None:
    """Draw the map of all images as a PNG: a picture where there is room for one, else a dot.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = _MAP
    sheet = Image.new("RGB", (width + _LEGEND, height), "white")
    draw = ImageDraw.Draw(sheet)
    n = max(1, len(clusters.pictures))
    side = max(28, min(80, int(0.8 * math.sqrt(width * height / n))))
    margin = side // 2 + 20
    room = np.array([width, height]) - 2 * margin
    middles = map_coordinates(clusters.positions) * room + margin
    shown = _images_with_room(middles, [c.typical for c in clusters.clusters], 0.35 * side)
    for image, (x, y) in enumerate(middles):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), colour_of(int(clusters.labels[image])))
    paths = [clusters.pictures[image].file.path for image in shown]
    for image, picture in zip(shown, thumbnails(paths, side), strict=True):
        x, y = (int(v) for v in middles[image])
        left, top = x - picture.width // 2, y - picture.height // 2
        box = (left - 2, top - 2, left + picture.width + 1, top + picture.height + 1)
        draw.rectangle(box, colour_of(int(clusters.labels[image])))
        sheet.paste(picture, (left, top))
    font = ImageFont.load_default(12)
    for place, cluster in enumerate(clusters.clusters[: height // 18 - 3]):
        top = 20 + 18 * place
        draw.rectangle((width + 4, top, width + 16, top + 12), colour_of(cluster.number))
        text = f"{cluster.number}: {count(len(cluster.members), 'image')}"
        draw.text((width + 22, top - 1), text, "black", font)
    way = {"tsne": "t-SNE", "pca": "principal components"}[clusters.projection]
    draw.text((8, 6), f"{label(clusters.comparator)}, {way}", "black", font)
    write_png(sheet, target)


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
    draw.text((_GAP, 4), title, "white", font)
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
