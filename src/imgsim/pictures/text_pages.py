"""Pages of text, each with others that differ from it in one token, and copies of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageEnhance

from imgsim.pictures import papers, screens
from imgsim.pictures.screenshot import screenshot
from imgsim.pictures.sheet import Sheet
from imgsim.pictures.textures import fractal_noise
from imgsim.pictures.tokens import Edit

KINDS: dict[str, Callable[[np.random.Generator, Edit | None], Sheet]] = {
    "chat": screens.chat,
    "code": screens.code,
    "spreadsheet": screens.spreadsheet,
    "slide": screens.slide,
    "map": screens.street_map,
    "invoice": papers.invoice,
    "receipt": papers.till_receipt,
    "form": papers.filled_form,
    "ticket": papers.ticket,
    "book": papers.book_page,
    "music": papers.sheet_music,
    "crossword": papers.crossword,
}
"""What draws a page, by the name of its kind."""

_VISIBLE_LEVELS = 24
_VISIBLE_PIXELS = 6


@dataclass(frozen=True, slots=True)
class TextPage:
    """A page, and what was changed in it.

    Attributes
    ----------
    image : Image
        RGB.
    letters : int
        Height of the letters, in pixels.
    tokens : int
        Words and marks that can be changed.
    change : str
        Kind of the change of the one that was; empty if none was.
    """

    image: Image.Image
    letters: int
    tokens: int
    change: str


def draw_page(kind: str, seed: int, edit: Edit | None = None) -> TextPage:
    """Draw a page of text.

    Parameters
    ----------
    kind : str
        Of `KINDS`.
    seed : int
        The page: its size, face, colours and text.
    edit : Edit, optional
        The token that is another one; all else is the same but for what lies behind it in a line.
    """
    rng = np.random.default_rng((seed, 51, list(KINDS).index(kind)))
    sheet = KINDS[kind](rng, edit)
    return TextPage(sheet.image, sheet.size, len(sheet.tokens), sheet.change)


def draw_variant(kind: str, seed: int, number: int) -> TextPage:
    """Draw the page of a seed with one other token.

    Parameters
    ----------
    kind : str
    seed : int
    number : int
        Chooses the token and what takes its place; variants of unlike numbers may be equal.
    """
    page = draw_page(kind, seed)
    rng = np.random.default_rng((seed, 52, number))
    for place in rng.permutation(page.tokens).tolist():
        variant = draw_page(kind, seed, Edit(place, int(rng.integers(2**31))))
        if variant.change and _differ_visibly(page.image, variant.image):
            return variant
    raise ValueError(f"no token of {kind} {seed} can be changed")


def _differ_visibly(one: Image.Image, other: Image.Image) -> bool:
    """Whether the token is not covered, cut off, or drawn as before."""
    difference = ImageChops.difference(one, other).convert("L")
    return sum(difference.histogram()[_VISIBLE_LEVELS:]) >= _VISIBLE_PIXELS


def _encoded(image: Image.Image, suffix: str, quality: int = 0) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    kind = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP"}[suffix]
    settings = {"quality": quality} if quality else {"compress_level": 1}
    image.save(buffer, kind, **settings)
    return buffer.getvalue(), suffix


def _half(image: Image.Image) -> Image.Image:
    size = image.width // 2, image.height // 2
    return image.resize(size, Image.Resampling.LANCZOS)


def _turned(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    angle = rng.uniform(0.4, 1.0) * rng.choice((-1, 1))
    fill = image.getpixel((1, image.height - 2))
    return image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=fill)


def _cropped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = round(image.width * 0.98), round(image.height * 0.98)
    x = int(rng.integers(image.width - width + 1))
    y = int(rng.integers(image.height - height + 1))
    return image.crop((x, y, x + width, y + height))


def _scanned(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Print and scan a page: not quite straight, soft, uneven paper, grain."""
    angle = rng.uniform(-0.6, 0.6)
    page = image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    pixels = np.asarray(page, np.float32)
    height, width, _ = pixels.shape
    step = -(-max(height, width) // 1200)  # paper has no fine structure
    noise = fractal_noise(rng, -(-height // step), -(-width // step), 2)
    noise = noise.repeat(step, axis=0).repeat(step, axis=1)[:height, :width]
    paper = (rng.uniform(236, 252) - 14 * noise).astype(np.float32)
    grain = rng.uniform(2, 5) * rng.standard_normal((height, width), np.float32)
    pixels = (pixels / 255 * 0.94 + 0.05) * paper[..., None] + grain[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _at_300_dpi(image: Image.Image) -> Image.Image:
    """Enlarge a page to A4 at 300 dots an inch, or twice."""
    scale = min(2, 2480 / min(image.size))
    size = round(image.width * scale), round(image.height * scale)
    return image.resize(size, Image.Resampling.BICUBIC)


COPIES: dict[str, Callable[[Image.Image, np.random.Generator], tuple[bytes, str]]] = {
    "PNG": lambda image, rng: _encoded(image, ".png"),
    "JPEG": lambda image, rng: _encoded(image, ".jpg", int(rng.integers(60, 96))),
    "WebP": lambda image, rng: _encoded(image, ".webp", int(rng.integers(60, 91))),
    "half size": lambda image, rng: _encoded(_half(image), ".jpg", int(rng.integers(80, 96))),
    "brighter": lambda image, rng: _encoded(
        ImageEnhance.Brightness(image).enhance(rng.uniform(1.1, 1.4)), ".jpg", 90
    ),
    "1° turned": lambda image, rng: _encoded(_turned(image, rng), ".jpg", 90),
    "2 % cropped": lambda image, rng: _encoded(_cropped(image, rng), ".jpg", 90),
    "scan": lambda image, rng: _encoded(_scanned(image, rng), ".jpg", int(rng.integers(75, 96))),
    "in a window": lambda image, rng: _encoded(screenshot(image, rng), ".png"),
    "scan at 300 dpi": lambda image, rng: _encoded(
        _scanned(_at_300_dpi(image), rng), ".jpg", int(rng.integers(60, 96))
    ),
}
"""What makes a copy of a page, by its name: gives the bytes of a file, and the ending."""


def copy_page(image: Image.Image, how: str, seed: int) -> tuple[bytes, str]:
    """Make a copy of a page.

    Parameters
    ----------
    image : Image
        RGB.
    how : str
        Of `COPIES`.
    seed : int

    Returns
    -------
    data : bytes
        Of the file.
    suffix : str
        The ending of its name.
    """
    return COPIES[how](image, np.random.default_rng((seed, 53, list(COPIES).index(how))))
