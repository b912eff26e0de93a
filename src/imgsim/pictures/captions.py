"""Pairs of one photo under other words: memes, time stamps, captions of two kinds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from imgsim.pictures.fonts import faces, load_face
from imgsim.pictures.lettering import phrase
from imgsim.pictures.sheet import Colour
from imgsim.pictures.tokens import MONTHS

Picture = Image.Image
Pair = tuple[Picture, Picture]
_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)


def _outlined(image: Picture, text: str, face: str, size: int, *, low: bool) -> Picture:
    """White capitals with a black rim, in the middle."""
    return _written(image, text.upper(), face, size, low, _WHITE, size // 12, "m")


def _at_left(image: Picture, text: str, face: str, size: int, *, low: bool) -> Picture:
    """White letters with a black rim that begin at the left: a short text lies inside a long one's
    place."""
    return _written(image, text.upper(), face, size, low, _WHITE, size // 12, "l")


def _plain(image: Picture, text: str, face: str, size: int, *, low: bool) -> Picture:
    """White letters without a rim."""
    return _written(image, text, face, size, low, _WHITE, 0, "m")


def _yellow(image: Picture, text: str, face: str, size: int, *, low: bool) -> Picture:
    """Yellow letters with a rim, as in subtitles."""
    return _written(image, text, face, round(0.8 * size), low, (250, 230, 40), size // 16, "m")


def _in_box(image: Picture, text: str, face: str, size: int, *, low: bool) -> Picture:
    """Black letters on a white field as long as the text."""
    canvas = image.copy()
    draw = ImageDraw.Draw(canvas)
    letters = load_face(face, round(0.8 * size))
    place = image.width / 2, image.height * 0.9 if low else image.height * 0.1
    left, top, right, bottom = draw.textbbox(place, text, letters, anchor="mm")
    edge = size / 4
    draw.rectangle((left - edge, top - edge, right + edge, bottom + edge), fill=_WHITE)
    draw.text(place, text, _BLACK, letters, anchor="mm")
    return canvas


def _in_bar(image: Picture, text: str, face: str, size: int, *, low: bool) -> Picture:
    """Black letters on a white bar beside the photo."""
    bar = round(1.8 * size)
    canvas = Image.new("RGB", (image.width, image.height + bar), _WHITE)
    canvas.paste(image, (0, 0 if low else bar))
    middle = image.width / 2, canvas.height - bar / 2 if low else bar / 2
    ImageDraw.Draw(canvas).text(middle, text, _BLACK, load_face(face, size), anchor="mm")
    return canvas


STYLES: dict[str, Callable[..., Picture]] = {
    "outlined": _outlined,
    "at the left": _at_left,
    "plain": _plain,
    "yellow": _yellow,
    "in a box": _in_box,
    "in a bar": _in_bar,
}
"""How words are written over a photo, by name."""


def _written(
    image: Picture,
    text: str,
    face: str,
    size: int,
    low: bool,
    ink: Colour,
    rim: int,
    anchor: str,
) -> Picture:
    canvas = image.copy()
    x = image.width / 2 if anchor == "m" else image.width * 0.05
    place = x, image.height * (0.96 if low else 0.04)
    ImageDraw.Draw(canvas).text(
        place, text, ink, load_face(face, size), anchor=f"{anchor}{'d' if low else 'a'}",
        stroke_width=rim, stroke_fill=_BLACK,
    )  # fmt: skip
    return canvas


def write_caption(
    image: Picture, style: str, rng: np.random.Generator, *, longest: int = 4
) -> Picture:
    """Write words over a photo, at its upper or lower edge.

    Parameters
    ----------
    image : Image
        RGB.
    style : str
        Of `STYLES`.
    rng : Generator
        Chooses the words, their face and their size.
    longest : int
        Words, at most.
    """
    face, size, low = _face(rng, image)
    text = _fitting(image, phrase(rng, int(rng.integers(1, longest + 1))), face, size)
    return STYLES[style](image, text, face, size, low=low)


def memes(image: Picture, rng: np.random.Generator, style: str) -> Pair:
    """Write other words over one photo, in one style, face, size and place."""
    face, size, low = _face(rng, image)
    texts: list[str] = []
    while len(texts) < 2:
        text = _fitting(image, phrase(rng, int(rng.integers(1, 5))), face, size)
        if text not in texts:
            texts.append(text)
    one, other = (STYLES[style](image, text, face, size, low=low) for text in texts)
    return one, other


def captions_of_two_kinds(image: Picture, rng: np.random.Generator) -> Pair:
    """Write words over one photo, and other words of another style over it."""
    styles = [name for name in STYLES if name != "in a bar"]
    one, other = (str(name) for name in rng.choice(styles, 2, replace=False))
    return write_caption(image, one, rng), write_caption(image, other, rng)


def time_stamps(image: Picture, rng: np.random.Generator) -> Pair:
    """Burn other times of one day into equal frames, in letters that can be read."""
    face, _, low = _face(rng, image)
    size = max(12, round(image.height * float(rng.uniform(0.03, 0.06))))
    ink: Colour = (_WHITE, (255, 150, 30), (250, 240, 60))[int(rng.integers(3))]
    rim = int(rng.random() < 0.5)
    date = f"{rng.integers(1, 29)} {str(rng.choice(MONTHS))[:3]} 20{rng.integers(10, 27)}"
    one = int(rng.integers(86_400))
    other = (one + int(rng.choice((1, 7, 60, 600, 3600)))) % 86_400
    texts = [f"{date} {t // 3600:02}:{t // 60 % 60:02}:{t % 60:02}" for t in (one, other)]
    while size > 12 and load_face(face, size).getlength(texts[0]) > 0.9 * image.width:
        size -= 1
    if _is_near(image, ink, size, low=low):
        rim = 1
    first, second = (_written(image, text, face, size, low, ink, rim, "l") for text in texts)
    return first, second


def dark_time_stamps(image: Picture, rng: np.random.Generator) -> Pair:
    """Burn other times of one day into a frame taken at night, with grain."""
    dark = np.asarray(image, np.float64) * rng.uniform(0.08, 0.3)
    grain = rng.normal(0, rng.uniform(0, 4), dark.shape)
    return time_stamps(Image.fromarray((dark + grain).clip(0, 255).astype(np.uint8)), rng)


def _is_near(image: Picture, ink: Colour, size: int, *, low: bool) -> bool:
    """Whether a part of the line at the upper or lower edge is as light as the ink."""
    grey = np.asarray(image.convert("L"), np.float64)
    line = grey[-round(1.5 * size) :] if low else grey[: round(1.5 * size)]
    luma = 0.299 * ink[0] + 0.587 * ink[1] + 0.114 * ink[2]
    return bool((np.abs(line - luma) < 60).mean() > 0.1)


def _face(rng: np.random.Generator, image: Picture) -> tuple[str, int, bool]:
    """A face, a height of letters, and whether they stand at the lower edge."""
    face = str(rng.choice(faces()))
    size = max(14, round(image.height * float(rng.uniform(0.07, 0.12))))
    return face, size, bool(rng.random() < 0.6)


def _fitting(image: Picture, text: str, face: str, size: int) -> str:
    """As many words as there is room for, also in capitals."""
    words = text.split(" ")
    while len(words) > 1:
        if load_face(face, size).getlength(" ".join(words).upper()) < 0.86 * image.width:
            break
        words.pop()
    return " ".join(words)
