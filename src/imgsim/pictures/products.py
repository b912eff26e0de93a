"""Pairs of products that differ in their colour or a word of their label, and pairs of letters."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw

from imgsim.pictures.fonts import faces, load_face
from imgsim.pictures.lettering import WORDS
from imgsim.pictures.sheet import Colour
from imgsim.pictures.textures import fractal_noise

Picture = Image.Image
Pair = tuple[Picture, Picture]
_ALIKE = ("OQ", "EF", "CG", "PR", "BE", "IJ", "VY", "DO", "MN", "S8", "38", "17", "B8", "0O")
"""Letters that differ in a part."""


def letters(rng: np.random.Generator) -> Pair:
    """Draw two letters that are alike, each on a picture of 90 to 128 pixels."""
    pair = str(rng.choice(_ALIKE))
    side, face = int(rng.integers(90, 129)), str(rng.choice(faces()))
    size = round(side * float(rng.uniform(0.5, 0.85)))
    ground: Colour = tuple(int(c) for c in rng.integers(150, 256, 3))  # type: ignore[assignment]
    ink: Colour = tuple(int(c) for c in rng.integers(0, 110, 3))  # type: ignore[assignment]
    if rng.random() < 0.5:
        ground, ink = ink, ground
    pictures = []
    for letter in pair:
        image = Image.new("RGB", (side, side), ground)
        draw = ImageDraw.Draw(image)
        draw.text((side / 2, side / 2), letter, ink, load_face(face, size), anchor="mm")
        pictures.append(image)
    return pictures[0], pictures[1]


def recoloured(rng: np.random.Generator) -> Pair:
    """Draw a product, vivid or pale, and the same in another colour of the same lightness."""
    side = int(rng.choice((90, 110, 128, 160, 200, 256, 400, 640)))
    hue, turn = float(rng.random()), float(rng.uniform(0.07, 0.5)) * rng.choice((-1, 1))
    vivid = float(rng.choice((0.25, 0.45, 0.8)))
    shape, label, number = int(rng.integers(3)), str(rng.choice(WORDS)), int(rng.integers(2**31))
    one, other = (
        _product(side, _colour((hue + step) % 1, vivid), shape, label, number)
        for step in (0.0, float(turn))
    )
    return one, other


def relabelled(rng: np.random.Generator) -> Pair:
    """Draw a product, and the same with another word on its label."""
    side = int(rng.choice((200, 256, 400, 640)))
    colour = _colour(float(rng.random()), float(rng.choice((0.25, 0.45, 0.8))))
    words = [str(word) for word in rng.choice(WORDS, 2, replace=False)]
    shape, number = int(rng.integers(3)), int(rng.integers(2**31))
    one, other = (_product(side, colour, shape, word, number) for word in words)
    return one, other


def _colour(hue: float, vivid: float) -> Colour:
    """A colour of a luma of 120, as far as there is one."""
    red, green, blue = colorsys.hsv_to_rgb(hue, vivid, 0.9)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return tuple(min(255, round(120 * c / luma)) for c in (red, green, blue))  # type: ignore[return-value]


def _product(side: int, colour: Colour, shape: int, word: str, number: int) -> Picture:
    """A box, a can or a bag on a table, lit from one side, with grain; all but the colour and the
    word by one number."""
    rng = np.random.default_rng(number)
    scale = 2
    n = side * scale
    image = Image.new("RGB", (n, n), tuple(int(c) for c in rng.integers(200, 250, 3)))
    draw = ImageDraw.Draw(image)
    table = tuple(int(c) for c in rng.integers(120, 200, 3))
    draw.rectangle((0, 0.72 * n, n, n), fill=table)
    left, top, right, bottom = 0.25 * n, 0.15 * n, 0.75 * n, 0.85 * n
    dark: Colour = tuple(int(c * 0.6) for c in colour)  # type: ignore[assignment]
    if shape == 0:
        draw.rectangle((left, top, right, bottom), fill=colour)
        draw.polygon(((right, top), (0.85 * n, 0.1 * n), (0.85 * n, 0.8 * n), (right, bottom)),
                     fill=dark)  # fmt: skip
    elif shape == 1:
        draw.ellipse((left, bottom - 0.06 * n, right, bottom + 0.06 * n), fill=dark)
        draw.rectangle((left, top, right, bottom), fill=colour)
        draw.ellipse((left, top - 0.06 * n, right, top + 0.06 * n), fill=(205, 208, 210))
    else:
        draw.polygon(((left, top), (right, top), (0.82 * n, bottom), (0.18 * n, bottom)),
                     fill=colour)  # fmt: skip
        draw.line((left, top + 0.05 * n, right, top + 0.05 * n), dark, max(1, n // 60))
    draw.rectangle((0.3 * n, 0.35 * n, 0.7 * n, 0.55 * n), fill=(250, 248, 240))
    draw.rectangle((0.3 * n, 0.62 * n, 0.7 * n, 0.65 * n), fill=(250, 248, 240))
    face = str(rng.choice(faces()))
    size = round(0.11 * n)
    while size > 8 and load_face(face, size).getlength(word) > 0.37 * n:
        size -= 1
    draw.text((n / 2, 0.45 * n), word, (30, 30, 40), load_face(face, size), anchor="mm")
    pixels = np.asarray(image.resize((side, side), Image.Resampling.LANCZOS), np.float64)
    light = 1 + 0.15 * np.linspace(-1, 1, side)[None, :, None] * rng.choice((-1, 1))
    cloth = 14 * (fractal_noise(rng, side, side, 6)[..., None] - 0.5)
    grain = rng.normal(0, rng.uniform(0, 3), (side, side, 1))
    return Image.fromarray((pixels * light + cloth + grain).clip(0, 255).astype(np.uint8))
