"""Pairs of drawings that differ in the place of one mark: boards with one move, maps with a pin."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from imgsim.pictures.screens import street_map
from imgsim.pictures.sheet import Colour

Picture = Image.Image
Pair = tuple[Picture, Picture]

_SQUARES = 8
_WOODS: tuple[tuple[Colour, Colour], ...] = (
    ((240, 217, 181), (181, 136, 99)),
    ((238, 238, 210), (118, 150, 86)),
    ((222, 227, 230), (140, 162, 173)),
)
_OUTLINES = (
    ((0.3, 0.8), (0.7, 0.8), (0.6, 0.45), (0.4, 0.45)),
    ((0.25, 0.8), (0.75, 0.8), (0.7, 0.25), (0.58, 0.35), (0.5, 0.2), (0.42, 0.35), (0.3, 0.25)),
    ((0.28, 0.8), (0.72, 0.8), (0.66, 0.4), (0.75, 0.25), (0.25, 0.25), (0.34, 0.4)),
    ((0.3, 0.8), (0.7, 0.8), (0.72, 0.5), (0.5, 0.2), (0.28, 0.45), (0.5, 0.5)),
)
"""Pieces, in squares from the upper left corner of theirs."""


def chess(rng: np.random.Generator) -> Pair:
    """Draw a board with pieces, and the same after one move."""
    side = int(rng.choice((30, 44, 53, 64, 80))) * _SQUARES
    woods = _WOODS[int(rng.integers(len(_WOODS)))]
    squares = [(int(n) // _SQUARES, int(n) % _SQUARES) for n in rng.permutation(_SQUARES**2)]
    count = int(rng.integers(6, 30))
    pieces = [(int(rng.integers(len(_OUTLINES))), bool(rng.random() < 0.5)) for _ in range(count)]
    places = dict(zip(squares[:count], pieces, strict=True))
    moved = dict(places)
    taken = squares[1] if rng.random() < 0.3 else squares[-1]
    moved[taken] = moved.pop(squares[0])
    return _board(side, woods, places), _board(side, woods, moved)


def _board(
    side: int, woods: tuple[Colour, Colour], pieces: dict[tuple[int, int], tuple[int, bool]]
) -> Picture:
    image = Image.new("RGB", (side, side), woods[0])
    draw = ImageDraw.Draw(image)
    unit = side // _SQUARES
    for row in range(_SQUARES):
        for column in range(_SQUARES):
            if (row + column) % 2:
                box = (column * unit, row * unit, (column + 1) * unit - 1, (row + 1) * unit - 1)
                draw.rectangle(box, fill=woods[1])
    for (row, column), (outline, white) in sorted(pieces.items()):
        points = [((column + x) * unit, (row + y) * unit) for x, y in _OUTLINES[outline]]
        ink, rim = ((250, 250, 250), (30, 30, 30)) if white else ((40, 40, 40), (10, 10, 10))
        draw.polygon(points, fill=ink, outline=rim, width=max(1, unit // 24))
        top = min(y for _, y in points)
        radius = unit / 9
        middle = (column + 0.5) * unit
        draw.ellipse((middle - radius, top - radius, middle + radius, top + radius), ink, rim)
    return image


def pinned_maps(rng: np.random.Generator) -> Pair:
    """Draw a map with one pin or a few, and the same with one pin at another place."""
    image = street_map(rng, None).image
    count = int(rng.integers(1, 5))
    places = rng.uniform(0.05, 0.95, (count + 1, 2)) * image.size
    colour: Colour = ((220, 30, 30), (30, 90, 220), (20, 20, 20))[int(rng.integers(3))]
    size = float(rng.uniform(9, 22))
    return _with_pins(image, places[:-1], colour, size), _with_pins(image, places[1:], colour, size)


def _with_pins(image: Picture, places: np.ndarray, colour: Colour, size: float) -> Picture:
    pinned = image.copy()
    draw = ImageDraw.Draw(pinned)
    for x, y in places.tolist():
        draw.polygon(((x, y + 2 * size), (x - size * 0.8, y), (x + size * 0.8, y)), fill=colour)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=colour)
        dot = size * 0.35
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=(255, 255, 255))
    return pinned
