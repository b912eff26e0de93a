"""Series of pictures that are no copies of each other, though they show one thing.

Each maker takes a generator, a photo and another one, and returns the pictures of one series; at
strict and normal no two of them may match. At loose they may: they are alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from imgsim.pictures.lettering import font, phrase
from imgsim.pictures.turntable import fruit

Picture = Image.Image
Make = Callable[[np.random.Generator, Picture, Picture], list[Picture]]

_SMOOTH = 4  # drawn so many times as large, and shrunk


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, ...]:
    return tuple(int(v) for v in rng.integers(low, high, 3))


def animation(rng: np.random.Generator, photo: Picture, other: Picture) -> list[Picture]:
    """19 frames of 100 pixels: a ball that flies in bows and is squashed where it lands."""
    side, frames = 100, 19
    large = side * _SMOOTH
    ground = Image.new("RGB", (large, large), _colour(rng, 120))
    draw = ImageDraw.Draw(ground)
    floor = int(rng.integers(78, 92)) * _SMOOTH
    kind = rng.integers(3)
    if kind == 1:
        ground.paste(photo.resize(ground.size, Image.Resampling.BICUBIC))
    if kind == 2:
        draw.rectangle((0, floor, large, large), fill=_colour(rng, 0, 140))
    radius = float(rng.uniform(8, 16)) * _SMOOTH
    fill, shine = _colour(rng), _colour(rng, 200)
    height = floor - 2.4 * radius
    pictures = []
    for frame in range(frames):
        time = frame / (frames - 1)
        bow = abs(np.sin(np.pi * (2 * time + 0.25)))
        squash = 1 - 0.45 * max(0.0, 1 - 4 * bow)
        wide, high = radius / squash, radius * squash
        x = 1.2 * radius + time * (large - 2.4 * radius)
        y = floor - high - bow * height
        canvas = ground.copy()
        draw = ImageDraw.Draw(canvas)
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=fill)
        draw.ellipse((x - 0.5 * wide, y - 0.6 * high, x - 0.1 * wide, y - 0.2 * high), fill=shine)
        pictures.append(canvas.resize((side, side), Image.Resampling.LANCZOS))
    return pictures


def burst(rng: np.random.Generator, photo: Picture, other: Picture) -> list[Picture]:
    """Five shots out of the hand: shifted by up to 12 pixels, turned a little, one thing moves."""
    wide, high = photo.width - 32, photo.height - 32
    size = rng.uniform(0.08, 0.2) * min(photo.size)
    thing = other.resize((round(size), round(size)), Image.Resampling.LANCZOS)
    shape = Image.new("L", thing.size, 0)
    ImageDraw.Draw(shape).ellipse((1, 1, thing.width - 2, thing.height - 2), fill=255)
    shape = shape.filter(ImageFilter.GaussianBlur(1))
    place = rng.uniform(0.25, 0.75, 2) * photo.size - size / 2
    heading = rng.uniform(0, 2 * np.pi)
    step = rng.uniform(0.012, 0.05) * photo.width
    pictures = []
    for shot in range(5):
        scene = photo.copy()
        x, y = place + (shot - 2) * step * np.array([np.cos(heading), np.sin(heading)])
        scene.paste(thing, (round(x), round(y)), shape)
        dx, dy = rng.uniform(-12, 12, 2)
        turned = scene.rotate(rng.uniform(-0.4, 0.4), Image.Resampling.BICUBIC, translate=(dx, dy))
        left, top = (photo.width - wide) // 2, (photo.height - high) // 2
        shown = np.asarray(turned.crop((left, top, left + wide, top + high)), float)
        shown += rng.normal(0, 3, shown.shape)
        pictures.append(Image.fromarray(np.rint(shown).clip(0, 255).astype("u1")))
    return pictures


def bracket(rng: np.random.Generator, photo: Picture, other: Picture) -> list[Picture]:
    """Three exposures two stops apart, of a scene with more light and shade than one of them holds.

    The levels of the photo are taken for twelve stops of light; a shot holds about eight of them.
    """
    stops = (np.asarray(photo, float) / 255 - 0.5) * 12
    light = 2.0**stops * 0.2
    pictures = []
    for exposure in (-2, 0, 2):
        shot = light * 2.0**exposure
        shot += rng.normal(0, 1, shot.shape) * np.sqrt(0.001**2 + 0.0002 * shot)
        shown = shot.clip(0, 1) ** (1 / 2.2)
        x, y = rng.integers(0, 5, 2)
        image = Image.fromarray(np.rint(255 * shown).astype("u1"))
        pictures.append(image.crop((x, y, x + photo.width - 4, y + photo.height - 4)))
    return pictures


def turntable(rng: np.random.Generator, photo: Picture, other: Picture) -> list[Picture]:
    """Four frames of a thing that is turned by six degrees from one to the next."""
    seed, begin = int(rng.integers(1 << 20)), rng.uniform(0, 360)
    size = int(rng.choice([100, 240, 400]))
    return [Image.fromarray(fruit(seed, 0, begin + 6 * i, size)) for i in range(4)]


def _bits(rng: np.random.Generator, photo: Picture) -> NDArray[np.bool_]:
    """A drawing, a text or a dithered photo in two levels."""
    kind = rng.integers(3)
    if kind == 0:
        return np.asarray(photo.convert("L").resize((320, 240)).convert("1"))
    canvas = Image.new("L", (320, 240), 255)
    draw = ImageDraw.Draw(canvas)
    for i in range(9):
        x, y = rng.integers(0, 280), rng.integers(0, 200)
        w, h = rng.integers(12, 90, 2)
        if kind == 1:
            draw.text((12, 10 + 24 * i), phrase(rng, 4), 0, font(17))
        elif i % 3:
            draw.rectangle((x, y, x + w, y + h), fill=int(rng.integers(2)) * 255, outline=0)
        else:
            draw.ellipse((x, y, x + w, y + h), fill=int(rng.integers(2)) * 255, outline=0)
    return np.asarray(canvas) > 127


def two_colours(rng: np.random.Generator, photo: Picture, other: Picture) -> list[Picture]:
    """One picture of one bit a pixel, in two pairs of colours."""
    bits = _bits(rng, photo)
    pairs: list[NDArray[np.int64]] = []
    while len(pairs) < 2:
        dark, light = rng.integers(0, 110, 3), rng.integers(130, 256, 3)
        chroma = np.array([c - c.mean() for c in (dark, light)])
        # the hues of both pairs have to differ plainly
        if not pairs or min(np.abs(chroma - [c - c.mean() for c in pairs[0]]).max(1)) > 50:
            pairs.append(np.array([dark, light]))
    return [Image.fromarray(pair[bits.astype(int)].astype("u1")) for pair in pairs]


SERIES: dict[str, Make] = {
    "animation": animation,
    "burst": burst,
    "bracket": bracket,
    "turntable": turntable,
    "two colours": two_colours,
}
