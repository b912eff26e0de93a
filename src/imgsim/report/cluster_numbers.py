"""Draws how the number of clusters was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgsim.errors import UsageError
from imgsim.pictures.png import write_png
from imgsim.pictures.ticks import round_ticks
from imgsim.tasks.cluster.results import Clusters

_LEFT, _RIGHT, _WIDTH = 70, 610, 640
_TOP, _HEIGHT, _APART = 40, 190, 60
_CURVE, _CHOSEN = (42, 125, 225), (214, 93, 14)


def draw_numbers(clusters: Clusters, target: Path) -> None:
    """Draw inertia and silhouette of every number of clusters that was tried, as a PNG.

    The chosen number is marked, in the curve that it was chosen by, and so is, where that is the
    inertia, the line between the ends of the curve: the elbow lies farthest below it.

    Parameters
    ----------
    clusters : Clusters
    target : Path

    Raises
    ------
    UsageError
        The number of clusters was not chosen, or the file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    if clusters.chosen_by is None:
        raise UsageError(
            "no numbers of clusters were tried, so there is nothing to draw",
            "leave out -n, and take --algorithm kmeans, and more than three images",
        )
    chosen = len(clusters.clusters)
    silhouettes = [(q.k, q.silhouette) for q in clusters.qualities if q.silhouette is not None]
    curves = [
        ("inertia", "elbow", [(q.k, q.inertia) for q in clusters.qualities]),
        ("silhouette", "silhouette", silhouettes),
    ]
    height = _TOP + 2 * (_HEIGHT + _APART)
    picture = Image.new("RGB", (_WIDTH, height), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    last = max(q.k for q in clusters.qualities)
    for place, (name, rule, points) in enumerate(curves):
        top = _TOP + place * (_HEIGHT + _APART)
        mark = chosen if rule == clusters.chosen_by else None
        title = f"{name}: {chosen} clusters, by the {rule}" if mark else name
        draw.text((_LEFT, top - 22), title, _CHOSEN if mark else "black", font)
        _draw_curve(draw, font, points, top, last, mark, chord=rule == "elbow" and bool(mark))
    draw.text(((_LEFT + _RIGHT) / 2, height - 18), "clusters", "black", font, anchor="mt")
    write_png(picture, target, optimize=True)


def _draw_curve(
    draw: Any,
    font: Any,
    points: Sequence[tuple[int, float]],
    top: int,
    last: int,
    mark: int | None,
    *,
    chord: bool,
) -> None:
    """Draw a curve over the numbers of clusters, from 2 to the last."""
    low, high = min(v for _, v in points), max(v for _, v in points)
    margin = 0.08 * (high - low) or 0.5
    low, high = low - margin, high + margin

    def x(number: int) -> float:
        return _LEFT + (number - 2) / max(1, last - 2) * (_RIGHT - _LEFT)

    def y(value: float) -> float:
        return top + (high - value) / (high - low) * _HEIGHT

    for value in round_ticks(low, high):
        draw.line((_LEFT, y(value), _RIGHT, y(value)), (230, 230, 230))
        draw.text((_LEFT - 8, y(value)), f"{value:.6g}", "black", font, anchor="rm")
    for number in range(2, last + 1, max(1, round((last - 1) / 14))):
        draw.text((x(number), top + _HEIGHT + 6), str(number), "black", font, anchor="mt")
    draw.rectangle((_LEFT, top, _RIGHT, top + _HEIGHT), outline=(160, 160, 160))
    places = [(x(number), y(value)) for number, value in points]
    if chord:
        draw.line((places[0], places[-1]), (170, 170, 170))
    if len(places) > 1:
        draw.line(places, _CURVE, 2, joint="curve")
    for (number, _), (a, b) in zip(points, places, strict=True):
        draw.ellipse((a - 2.5, b - 2.5, a + 2.5, b + 2.5), _CURVE)
        if number == mark:
            draw.ellipse((a - 6, b - 6, a + 6, b + 6), outline=_CHOSEN, width=2)
            if chord:  # how far below the line
                ends = places[0], places[-1]
                share = (a - ends[0][0]) / (ends[1][0] - ends[0][0])
                draw.line((a, b - 6, a, ends[0][1] + share * (ends[1][1] - ends[0][1])), _CHOSEN)
