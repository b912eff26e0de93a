"""Pairs of pictures that differ in a colour alone, as light in the one as in the other."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw

from imgsim.pictures.fonts import faces, load_face
from imgsim.pictures.lettering import WORDS
from imgsim.pictures.sheet import Colour

Picture = Image.Image
Pair = tuple[Picture, Picture]


def tokens(image: Picture, rng: np.random.Generator) -> Pair:
    """Write a number or a word over a picture, in an ink as light as what is behind it, and one
    that differs in a digit, or another word."""
    if rng.random() < 0.5:
        digits = rng.integers(0, 10, int(rng.integers(1, 5)))
        other = digits.copy()
        other[int(rng.integers(len(digits)))] += rng.integers(1, 10)
        texts = ["".join(str(digit % 10) for digit in number) for number in (digits, other)]
    else:
        texts = [str(word) for word in rng.choice(WORDS, 2, replace=False)]
    face = load_face(str(rng.choice(faces())), int(rng.integers(12, 49)))
    width, height = (max(face.getbbox(text)[i] for text in texts) for i in (2, 3))
    box = _place(image, (round(width), round(height)), rng)
    ink = colour_as_light(float(rng.random()), _luma(image, box))
    pair = image.copy(), image.copy()
    for copy, text in zip(pair, texts, strict=True):
        ImageDraw.Draw(copy).text(box[:2], text, ink, face)
    return pair


def discs(image: Picture, rng: np.random.Generator) -> Pair:
    """Draw a disc on a picture, and one of another hue, each as light as what is behind it."""
    return _shapes(image, rng, word="")


def buttons(image: Picture, rng: np.random.Generator) -> Pair:
    """Draw a button with a word on a picture, and one of another hue."""
    return _shapes(image, rng, word=str(rng.choice(WORDS)))


def _shapes(image: Picture, rng: np.random.Generator, word: str) -> Pair:
    side = int(rng.integers(16, 61))
    face = load_face(str(rng.choice(faces())), max(10, side // 2))
    width = round(face.getlength(word) + side) if word else side
    box = _place(image, (width, side), rng)
    hue, luma = float(rng.random()), _luma(image, box)
    pair = image.copy(), image.copy()
    for copy, turn in zip(pair, (0.0, float(rng.uniform(0.2, 0.8))), strict=True):
        draw = ImageDraw.Draw(copy)
        colour = colour_as_light((hue + turn) % 1, luma)
        draw.rounded_rectangle(box, side / 2, colour)
        if word:
            middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            draw.text(middle, word, "white" if luma < 140 else "black", face, anchor="mm")
    return pair


def colour_as_light(hue: float, luma: float) -> Colour:
    """Return the most vivid colour of a hue and a luma.

    Parameters
    ----------
    hue : float
        From 0 to 1.
    luma : float
        From 0 to 255, after ITU-R BT.601.
    """
    vivid = 255 * np.array(colorsys.hsv_to_rgb(hue, 1.0, 1.0))
    own = float(vivid @ (0.299, 0.587, 0.114))
    if luma <= own:
        colour = vivid * luma / own
    else:
        colour = vivid + (255 - vivid) * (luma - own) / (255 - own)
    return tuple(int(c) for c in np.rint(colour))  # type: ignore[return-value]


def _place(
    image: Picture, size: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """A box of a size somewhere in a picture, not at its edge."""
    x, y = (
        int(rng.integers(8, max(9, whole - part - 8)))
        for whole, part in zip(image.size, size, strict=True)
    )
    return x, y, x + size[0], y + size[1]


def _luma(image: Picture, box: tuple[int, int, int, int]) -> float:
    return float(np.asarray(image.crop(box).convert("L")).mean())


def flat_ground(rng: np.random.Generator) -> Picture:
    """Draw an even ground with plain boxes and lines of print, as of a poster."""
    colour = colorsys.hsv_to_rgb(float(rng.random()), float(rng.uniform(0, 0.5)), 1.0)
    ground: Colour = tuple(round(float(rng.uniform(120, 250)) * c) for c in colour)  # type: ignore[assignment]
    image = Image.new("RGB", (640, 480), ground)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = int(rng.integers(0, 560)), int(rng.integers(0, 420))
        box = x, y, x + int(rng.integers(20, 120)), y + int(rng.integers(20, 90))
        draw.rectangle(box, tuple(int(c) for c in rng.integers(0, 256, 3)))
    for y in range(16, 460, 48):
        face = load_face(str(rng.choice(faces())), int(rng.integers(12, 30)))
        words = " ".join(str(word) for word in rng.choice(WORDS, 6))
        draw.text((int(rng.integers(8, 60)), y), words, (20, 20, 20), face)
    return image
