"""Pictures made of a few shapes: icons of one set, charts of one report, products of one shelf."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from imgsim.pictures.lettering import font, phrase

_Colour = tuple[int, int, int]


def icon(seed: int, number: int) -> NDArray[np.uint8]:
    """Draw an icon of a set: one tile, one style, another sign for each number.

    Parameters
    ----------
    seed : int
        The set: shape and colour of its tile.
    number : int
        The sign: a letter or figure, a small shape and where it stands.

    Returns
    -------
    ndarray of uint8, shape (256, 256, 3)
    """
    style, rng = np.random.default_rng((seed, 41)), np.random.default_rng((seed, 42, number))
    tile, mark = _colour(style, 40, 160), _colour(style, 200, 255)
    image = Image.new("RGB", (1024, 1024), "white")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((96, 96, 928, 928), int(style.integers(40, 400)), fill=tile)
    sign = "ABCDEFGHKLMNPQRSTUVWXYZ23456789&%?"[number % 34]
    draw.text((512, 512), sign, mark, font(600), anchor="mm")
    x, y = (int(v) for v in rng.choice((250, 774), 2))
    size, corners = int(rng.integers(70, 130)), int(rng.integers(3, 8))
    draw.regular_polygon((x, y, size), corners, int(rng.integers(90)), _colour(rng, 30, 255))
    return np.asarray(image.resize((256, 256), Image.Resampling.LANCZOS))


def chart(seed: int, number: int) -> NDArray[np.uint8]:
    """Draw a chart of a report: the same axes, title and colours, other figures.

    Parameters
    ----------
    seed : int
        The report, and whether it draws bars or lines.
    number : int
        The figures.

    Returns
    -------
    ndarray of uint8, shape (480, 640, 3)
    """
    report, rng = np.random.default_rng((seed, 51)), np.random.default_rng((seed, 52, number))
    image = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(image)
    draw.text((320, 24), f"{phrase(report, 3)} by month", "black", font(22), anchor="mm")
    left, top, right, bottom = 70, 60, 610, 420
    for step in range(6):
        y = bottom - step * (bottom - top) // 5
        draw.line((left, y, right, y), (215, 215, 215))
        draw.text((left - 8, y), str(step * 20), (60, 60, 60), font(14), anchor="rm")
    months = "JFMAMJJASOND"
    colours = [_colour(report, 30, 200) for _ in range(2)]
    wide = (right - left) / len(months)
    level = np.clip(rng.normal(0, 12, (2, 12)).cumsum(axis=1) + rng.uniform(30, 70, (2, 1)), 4, 98)
    height = bottom - level * (bottom - top) / 100
    x = left + wide * (np.arange(12) + 0.5)
    bars = report.random() < 0.5
    for series, colour in enumerate(colours):
        if bars:
            for middle, y in zip(x + (series - 0.5) * wide * 0.35, height[series], strict=True):
                draw.rectangle((middle - wide * 0.17, y, middle + wide * 0.17, bottom), fill=colour)
        else:
            line = list(zip(x.tolist(), height[series].tolist(), strict=True))
            draw.line(line, colour, 3, joint="curve")
        draw.rectangle((left + 150 * series, 452, left + 14 + 150 * series, 466), fill=colour)
        name = phrase(report, 1)
        draw.text((left + 20 + 150 * series, 459), name, "black", font(15), anchor="lm")
    for middle, month in zip(x, months, strict=True):
        draw.text((middle, bottom + 14), month, (60, 60, 60), font(14), anchor="mm")
    return np.asarray(image)


def product(seed: int, number: int) -> NDArray[np.uint8]:
    """Draw a bottle before white, as in shops. Those of one seed are one brand in many flavours.

    Parameters
    ----------
    seed : int
        The brand: the shape of the bottle, its label and lettering.
    number : int
        The flavour: its name, its emblem, and the number on the label.

    Returns
    -------
    ndarray of uint8, shape (600, 480, 3)
    """
    brand, rng = np.random.default_rng((seed, 61)), np.random.default_rng((seed, 62, number))
    body, cap, paper = _colour(brand, 40, 220), _colour(brand, 20, 200), _colour(brand, 215, 255)
    half, shoulder = int(brand.integers(90, 130)), int(brand.integers(150, 230))
    image = Image.new("RGB", (480, 600), "white")
    draw = ImageDraw.Draw(image)
    neck = half // 3
    outline = [
        (240 - neck, 60), (240 + neck, 60), (240 + neck, shoulder - 50), (240 + half, shoulder),
        (240 + half, 570), (240 - half, 570), (240 - half, shoulder), (240 - neck, shoulder - 50),
    ]  # fmt: skip
    draw.polygon(outline, fill=body)
    draw.rectangle((240 - neck - 5, 30, 240 + neck + 5, 80), fill=cap)
    _label(draw, half, shoulder + 40, paper, brand, rng)
    round_off = image.filter(ImageFilter.GaussianBlur(1.2))
    pixels = np.asarray(round_off, dtype=np.float64)
    inside = (pixels.min(axis=-1) < 254)[..., None]
    across = np.linspace(-240, 240, 480) / half
    shade = 0.62 + 0.38 * np.sqrt(np.clip(1 - across**2, 0, 1))
    gleam = 40 * np.exp(-(((across + 0.5) / 0.12) ** 2))
    lit = pixels * shade[None, :, None] + gleam[None, :, None]
    return np.clip(np.where(inside, lit, pixels), 0, 255).astype(np.uint8)


def _label(
    draw: Any,
    half: int,
    top: int,
    paper: _Colour,
    brand: np.random.Generator,
    rng: np.random.Generator,
) -> None:
    """Draw the label: brand on top, emblem, flavour and amount, as wide as the bottle."""
    ink = _colour(brand, 0, 90)
    draw.rectangle((240 - half, top, 240 + half, top + 260), fill=paper)
    draw.text((240, top + 30), phrase(brand, 1).upper(), ink, font(32), anchor="mm")
    accent = _colour(rng, 30, 230)
    draw.rectangle((240 - half, top + 60, 240 + half, top + 70), fill=accent)
    for _ in range(int(rng.integers(2, 6))):
        x, y = int(rng.integers(-half // 2, half // 2)), int(rng.integers(95, 155))
        corners, turn = int(rng.integers(3, 9)), int(rng.integers(90))
        draw.regular_polygon((240 + x, top + y, int(rng.integers(14, 28))), corners, turn, accent)
    draw.text((240, top + 195), phrase(rng, 1), accent, font(26), anchor="mm")
    draw.text((240, top + 228), f"{rng.integers(20, 99) * 10} ml", ink, font(18), anchor="mm")


def _colour(rng: np.random.Generator, low: int, high: int) -> _Colour:
    r, g, b = rng.integers(low, high, 3).tolist()
    return (r, g, b)
