"""Explanations of a score, and activations of a layer, as text, JSON and a picture."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.evidence import Evidence
from imgsim.comparators.label import label
from imgsim.escapes import as_json
from imgsim.pictures.heat import bar, overlay
from imgsim.pictures.png import write_png
from imgsim.read.discover import printable
from imgsim.report.document import heading, path_document
from imgsim.report.pictures import shorten_path, thumbnail
from imgsim.report.rankings import score_text
from imgsim.report.units import percent
from imgsim.tasks.explain import Activations, Explanation, over_grid
from imgsim.tasks.query import Query
from imgsim.training.pictures import draw_activation_maps
from imgsim.types import ImageFacts

_SIDE = 420
_GAP = 12
_ROUNDING_ERROR = 1e-9
"""A total that is smaller counts as none."""
_LITTLE_AGAINST = 0.005
_MIN_WEIGHT = 0.2
"""Links of less weight are not drawn."""
_THICK_LINKS = 12
"""More links are drawn as thin lines."""


def explanation_text(explanation: Explanation) -> Iterator[str]:
    """Yield the score, and the part of it that each ninth of both images adds."""
    comparator, distance = explanation.comparator, explanation.distance
    evidence = explanation.evidence
    similarity = percent(comparator.scale.similarity(distance))
    yield f"{printable(explanation.left.name)}\n{printable(explanation.right.name)}\n\n"
    yield f"{label(comparator)}: {score_text(comparator, distance)} ({similarity})\n"
    yield f"{evidence.quantity} {_total(evidence):.4g}, {_meaning(explanation)}:\n\n"
    if abs(evidence.total) < _ROUNDING_ERROR:
        yield f"nothing of it anywhere{': ' * bool(evidence.remark)}{evidence.remark}\n"
        return
    yield f"  {'first image':26}second image\n"
    for left, right in zip(_shares(evidence.left), _shares(evidence.right), strict=True):
        yield f"  {_percentages(left):26}{_percentages(right)}\n"
    against = [_against(one) for one in (evidence.left, evidence.right)]
    if max(against) >= _LITTLE_AGAINST:
        yield (
            f"\nother parts speak against it, in the first image by {100 * against[0]:.0f} % of"
            f" what these add, in the second by {100 * against[1]:.0f} %\n"
        )
    if evidence.edge:
        one, other = (_at_edge(part, evidence.edge) for part in (evidence.left, evidence.right))
        yield f"\nat the edge (hatched in the picture),\n{evidence.edge_reason}:\n"
        yield f"  {100 * one:.0f} % and {100 * other:.0f} %\n" if one or other else "  nothing\n"
    if evidence.remark:
        yield f"\n({evidence.remark})\n"


def _total(evidence: Evidence) -> float:
    """Return the total, 0 for what rounding leaves of two equal images."""
    return evidence.total if abs(evidence.total) >= _ROUNDING_ERROR else 0.0


def _scale_texts(explanation: Explanation) -> Iterator[str]:
    """Say what the colours of a drawing stand for, and what is hatched."""
    evidence = explanation.evidence
    yield (
        f"{evidence.quantity} {_total(evidence):.3g}, {_meaning(explanation)};"
        " one scale for both images:"
    )
    yield "from a place that adds nothing to the one that adds most in either of them"
    if evidence.edge:
        yield f"hatched: the edge, {evidence.edge_reason}"


def _meaning(explanation: Explanation) -> str:
    alike = explanation.evidence.shows == "similarity"
    return f"by the parts that {'are alike' if alike else 'differ'}"


def _nothing_text(explanation: Explanation) -> str:
    """Say that there is nothing to colour; empty where there is."""
    evidence = explanation.evidence
    if abs(evidence.total) >= _ROUNDING_ERROR:
        return ""
    what = "is alike" if evidence.shows == "similarity" else "differs"
    return f"nothing {what}: {evidence.quantity} 0 everywhere, so nothing is coloured"


def _shares(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of what speaks for the score lies in each ninth of an image, in tenths of a percent.

    They add up to 1,000: what is lost by rounding goes to those that lost most.
    """
    speaks = over_grid(np.maximum(parts, 0.0))
    exact = 1000 * speaks / max(float(speaks.sum()), _ROUNDING_ERROR)
    shares = np.floor(exact)
    lost = np.argsort(-(exact - shares), axis=None, kind="stable")
    shares.flat[lost[: round(float(exact.sum() - shares.sum()))]] += 1
    return np.asarray(shares)


def _against(parts: NDArray[np.float64]) -> float:
    """How much speaks against the score, in shares of what speaks for it."""
    speaks = float(np.maximum(parts, 0.0).sum())
    return float(np.maximum(-parts, 0.0).sum()) / max(speaks, _ROUNDING_ERROR)


def _inside(parts: NDArray[np.float64], edge: float) -> NDArray[np.float64]:
    """Return a map without the cells of which the middle lies in the frame: they are 0."""
    places = [np.minimum(i, 1 - i) > edge for i in ((np.arange(n) + 0.5) / n for n in parts.shape)]
    return np.where(places[0][:, None] & places[1][None, :], parts, 0.0)


def _at_edge(parts: NDArray[np.float64], edge: float) -> float:
    """How much of what speaks for the score lies in the frame, as a share."""
    speaks = np.maximum(parts, 0.0)
    if not edge or not speaks.any():
        return 0.0
    return 1 - float(_inside(speaks, edge).sum()) / max(float(speaks.sum()), _ROUNDING_ERROR)


def _percentages(tenths: NDArray[np.float64]) -> str:
    return " ".join(f"{part / 10:5.1f} %" for part in tenths)


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return the document of everything that `explain` returned.

    Parameters
    ----------
    explanation : Explanation
    """
    scale, evidence = explanation.comparator.scale, explanation.evidence
    return {
        **heading("imgsim.explain/1"),
        "method": explanation.comparator.spec,
        "score": scale.score(explanation.distance) if math.isfinite(explanation.distance) else None,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "similarity": scale.similarity(explanation.distance),
        "quantity": evidence.quantity,
        "shows": evidence.shows,
        "total": evidence.total,
        "left": _side(explanation.left, explanation.left_facts, evidence.left, evidence),
        "right": _side(explanation.right, explanation.right_facts, evidence.right, evidence),
        "links": [
            {
                "left": _pixel(link.left, explanation.left_facts),
                "right": _pixel(link.right, explanation.right_facts),
                "weight": link.weight,
            }
            for link in evidence.links
        ],
        "remark": evidence.remark or None,
    }


def explanation_json(explanation: Explanation) -> Iterator[str]:
    """Yield `explanation_document` as JSON."""
    yield as_json(explanation_document(explanation), indent=2) + "\n"


def _side(
    query: Query, facts: ImageFacts, parts: NDArray[np.float64], evidence: Evidence
) -> dict[str, Any]:
    thirds, total = over_grid(parts), evidence.total
    inside = _inside(parts, evidence.edge)
    row, column = np.unravel_index(int(inside.argmax()), parts.shape)
    high, wide = parts.shape
    return {
        **path_document(query.name),
        "width": facts.width,
        "height": facts.height,
        "map": parts.tolist(),
        "thirds": (thirds / total).tolist() if abs(total) >= _ROUNDING_ERROR else None,
        "shares": (_shares(parts) / 1000).tolist() if abs(total) >= _ROUNDING_ERROR else None,
        "against": _against(parts),
        "at_edge": _at_edge(parts, evidence.edge),
        "peak": {
            "box": [
                *_pixel((float(column) / wide, float(row) / high), facts),
                *_pixel(((float(column) + 1) / wide, (float(row) + 1) / high), facts),
            ],
            "part": float(parts[row, column]),
        },
    }


def _pixel(place: tuple[float, float], facts: ImageFacts) -> list[float]:
    return [round(place[0] * facts.width, 1), round(place[1] * facts.height, 1)]


def draw_explanation(explanation: Explanation, target: Path) -> None:
    """Lay the maps over both images, side by side, as a PNG; links are lines between them.

    Where nothing adds to the score the images stay as they are, and a line says so.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    evidence = explanation.evidence
    contents = {query.name: query.data for query in (explanation.left, explanation.right)}
    shown = [
        thumbnail(query.name, _SIDE, contents) for query in (explanation.left, explanation.right)
    ]
    shown = [_enlarged(picture) for picture in shown]
    maps = [_inside(part, evidence.edge) * part.size for part in (evidence.left, evidence.right)]
    nothing = _nothing_text(explanation)
    top = max(float(m.max()) for m in maps)
    height = max(picture.height for picture in shown)
    sheet = Image.new(
        "RGB",
        (2 * _SIDE + 3 * _GAP, height + 110 + 18 * bool(evidence.edge and not nothing)),
        "white",
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    corners = []
    for place, (query, picture, parts) in enumerate(
        zip((explanation.left, explanation.right), shown, maps, strict=True)
    ):
        x = _GAP + place * (_SIDE + _GAP) + (_SIDE - picture.width) // 2
        y = 34 + (height - picture.height) // 2
        sheet.paste(picture if nothing else overlay(picture, parts, top, evidence.edge), (x, y))
        corners.append((x, y, picture))
        name = shorten_path(query.name, font, _SIDE)
        draw.text((_GAP + place * (_SIDE + _GAP), height + 38), name, "black", font)
    many = len(evidence.links) > _THICK_LINKS
    for link in evidence.links:
        if link.weight < _MIN_WEIGHT:
            continue
        ends = [
            (x + place[0] * picture.width, y + place[1] * picture.height)
            for (x, y, picture), place in zip(corners, (link.left, link.right), strict=True)
        ]
        draw.line(ends, (60, 200, 255), 1 if many else 1 + round(2 * link.weight))
        radius = 2 if many else 3
        for a, b in ends:
            draw.ellipse((a - radius, b - radius, a + radius, b + radius), (60, 200, 255))
    score = score_text(explanation.comparator, explanation.distance)
    draw.text((_GAP, 9), f"{label(explanation.comparator)}: {score}", "black", font)
    bottom = height + 66
    if nothing:
        draw.text((_GAP, bottom - 2), nothing, "black", font)
    else:
        sheet.paste(bar(160, 12), (_GAP, bottom))
        for line, text in enumerate(_scale_texts(explanation)):
            draw.text((_GAP + 170, bottom - 2 + 18 * line), text, "dimgray", font)
    write_png(sheet, target, optimize=True)


def _enlarged(picture: Any) -> Any:
    """Enlarge a small image, so that maps and lines have room."""
    from PIL import Image

    factor = _SIDE / max(picture.size)
    if factor <= 1:
        return picture
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC)


def activations_text(activations: Activations) -> Iterator[str]:
    """Yield the channels that vary most over the image."""
    channels, height, width = activations.maps.shape
    yield f"{printable(activations.query.name)}\n\n"
    yield f"{label(activations.comparator)}\n"
    yield (
        f"layer {activations.layer}: {channels} channels of {width} x {height};"
        " those that vary most\n\n"
    )
    yield f"{'channel':>8} {'least':>9} {'mean':>9} {'most':>9}\n"
    spread = activations.maps.std(axis=(1, 2))
    for channel in np.argsort(-spread, kind="stable")[:10]:
        one = activations.maps[channel]
        yield f"{channel:8d} {one.min():9.3f} {one.mean():9.3f} {one.max():9.3f}\n"


def activations_json(activations: Activations) -> Iterator[str]:
    """Yield one document."""
    document = {
        **heading("imgsim.activations/1"),
        "method": activations.comparator.spec,
        "layer": activations.layer,
        **path_document(os.fspath(activations.query.name)),
        "shape": list(activations.maps.shape),
        "channels": [
            {
                "channel": i,
                "least": float(one.min()),
                "mean": float(one.mean()),
                "most": float(one.max()),
            }
            for i, one in enumerate(activations.maps)
        ],
    }
    yield as_json(document, indent=2) + "\n"


def draw_activations(activations: Activations, target: Path) -> None:
    """Draw the image and the channels that vary most over it, as a PNG.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    layer = f"{label(activations.comparator)}, layer {activations.layer}"
    title = f"{layer}: {printable(activations.query.name)}"
    draw_activation_maps(activations.image, activations.maps, title, target)
