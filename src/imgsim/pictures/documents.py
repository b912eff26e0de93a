"""Scanned papers of one kind: the same layout, other print."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from imgsim.pictures.lettering import amount, font, phrase
from imgsim.pictures.textures import fractal_noise

_GOODS = tuple(
    f"{kind} {what}"
    for what in (
        "Milk 1 l", "Bread", "Cheese", "Apples kg", "Pasta 500 g", "Rice 1 kg", "Yoghurt",
        "Butter", "Coffee 250 g", "Tea", "Juice 1 l", "Tomatoes", "Soap", "Batteries AA",
        "Chocolate", "Water",
    )
    for kind in ("Organic", "Fresh", "House", "Golden", "Mini", "Family")
)  # fmt: skip


@dataclass
class _Paper:
    """A white page that is written from the top to the bottom."""

    width: int
    height: int
    size: int  # of the print, in pixels

    def __post_init__(self) -> None:
        self.image = Image.new("L", (self.width, self.height), 255)
        self.draw = ImageDraw.Draw(self.image)
        self.y = self.size

    def line(self, left: str = "", right: str = "", *, middle: str = "", scale: float = 1) -> None:
        letters = font(round(self.size * scale))
        edge = self.width - self.size
        self.draw.text((self.size, self.y), left, 20, letters)
        self.draw.text((edge, self.y), right, 20, letters, anchor="ra")
        self.draw.text((self.width // 2, self.y), middle, 20, letters, anchor="ma")
        self.y += round(1.35 * self.size * scale)

    def rule(self) -> None:
        self.y += self.size // 3
        self.draw.line((self.size, self.y, self.width - self.size, self.y), 60, 1)
        self.y += self.size // 2


def receipt(seed: int, number: int) -> NDArray[np.uint8]:
    """Draw a scanned receipt. Those of one seed come from one shop.

    Parameters
    ----------
    seed : int
        The shop: its name, address, width of paper and size of print.
    number : int
        The purchase. An odd number repeats the one before it, but for one article, the sums, the
        number and the hour: the hardest look-alike that a shop makes.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        About 400-560 x 600-1,000.
    """
    shop = np.random.default_rng((seed, 11))
    bought = np.random.default_rng((seed, 12, number // 2))
    rng = np.random.default_rng((seed, 13, number))
    paper = _Paper(int(shop.integers(400, 560)), 1600, int(shop.integers(15, 20)))
    street, post = phrase(shop, 2), shop.integers(10000, 99999)
    paper.line(middle=f"{phrase(shop, 2).upper()} MARKET", scale=1.5)
    paper.line(middle=f"{street} {shop.integers(1, 200)}, {post} {phrase(shop, 1)}")
    paper.line(middle=f"Tax number {shop.integers(10**8, 10**9)}")
    paper.rule()
    day = f"{bought.integers(1, 29):02}.{bought.integers(1, 13):02}.2024"
    paper.line(f"{day}  {rng.integers(8, 20):02}:{rng.integers(60):02}", f"No {number + 4711}")
    till, clerk = bought.integers(1, 5), phrase(bought, 1)
    paper.line(f"Till {till}", clerk)
    paper.rule()
    items = [
        (str(bought.choice(_GOODS)), amount(bought, 30)) for _ in range(bought.integers(4, 16))
    ]
    if number % 2:
        items[rng.integers(len(items))] = (str(rng.choice(_GOODS)), amount(rng, 30))
    for name, price in items:
        paper.line(name, f"{price:.2f}")
    total = sum(price for _, price in items)
    paper.rule()
    paper.line("TOTAL", f"{total:.2f}", scale=1.3)
    paper.line("of which tax 7 %", f"{total * 7 / 107:.2f}")
    paper.line("Cash", f"{np.ceil(total / 10) * 10:.2f}")
    paper.line("Change", f"{np.ceil(total / 10) * 10 - total:.2f}")
    paper.rule()
    paper.line(middle="Thank you for your visit")
    paper.line(middle=f"www.{phrase(shop, 1).lower()}.example")
    _bar_code(paper, rng)
    return _scanned(paper.image.crop((0, 0, paper.width, paper.y + paper.size)), rng)


def _bar_code(paper: _Paper, rng: np.random.Generator) -> None:
    """Draw a bar code."""
    x, end = paper.width // 4, 3 * paper.width // 4
    while x < end:
        wide = int(rng.integers(1, 4))
        paper.draw.rectangle((x, paper.y, x + wide - 1, paper.y + 2 * paper.size), fill=20)
        x += wide + int(rng.integers(1, 4))
    paper.y += 3 * paper.size


_FIELDS = (
    "Name",
    "First name",
    "Street",
    "Town",
    "Country",
    "Date of birth",
    "Telephone",
    "Reason",
)

_CHOICES = ("new", "change", "renewal", "by post", "in person", "urgent")


def form(seed: int, number: int) -> NDArray[np.uint8]:
    """Draw a scanned form that was filled in. Those of one seed are of one print.

    Parameters
    ----------
    seed : int
        The office and its form.
    number : int
        The person: the text in the fields, and which boxes are ticked.

    Returns
    -------
    ndarray of uint8, shape (848, 600, 3)
    """
    office, rng = np.random.default_rng((seed, 21)), np.random.default_rng((seed, 22, number))
    paper = _Paper(600, 848, 17)
    paper.line(phrase(office, 2) + " office", f"Form {office.integers(10, 999)}-B")
    paper.line(middle=f"Application for {phrase(office, 2).lower()}", scale=1.5)
    paper.rule()
    for name in office.permutation(_FIELDS):
        paper.line(str(name), scale=0.75)
        box = (17, paper.y, 583, paper.y + 34)
        paper.draw.rectangle(box, outline=60)
        numeric = name in {"Date of birth", "Telephone"}
        text = _digits(rng) if numeric else phrase(rng, int(rng.integers(1, 4)))
        hand = font(int(rng.integers(19, 24)))
        paper.draw.text((26 + int(rng.integers(0, 8)), paper.y + 4), text, 70, hand)
        paper.y += 42
    for choice in office.permutation(_CHOICES):
        paper.draw.rectangle((17, paper.y, 31, paper.y + 14), outline=40)
        if rng.random() < 0.4:
            paper.draw.line((17, paper.y, 31, paper.y + 14), 40, 2)
            paper.draw.line((17, paper.y + 14, 31, paper.y), 40, 2)
        paper.draw.text((40, paper.y - 2), str(choice), 20, font(15))
        paper.y += 24
    paper.rule()
    paper.line(f"{phrase(rng, 1)}, {_digits(rng)}", phrase(rng, 2))
    return _scanned(paper.image, rng)


def _digits(rng: np.random.Generator) -> str:
    return " ".join(str(n) for n in rng.integers(10, 99, int(rng.integers(2, 5))))


def page(seed: int, number: int) -> NDArray[np.uint8]:
    """Draw a page of a book: the same type and measure for all of one seed, other text.

    Parameters
    ----------
    seed : int
        The book.
    number : int
        The page.

    Returns
    -------
    ndarray of uint8, shape (840, 600, 3)
    """
    book, rng = np.random.default_rng((seed, 31)), np.random.default_rng((seed, 32, number))
    paper = _Paper(600, 840, int(book.integers(14, 18)))
    paper.line(phrase(book, 3), str(number + 1))
    paper.rule()
    letters = font(paper.size)
    measure = paper.width - 3 * paper.size
    text = ""
    while paper.y < paper.height - 3 * paper.size:
        word = phrase(rng, 1) if rng.random() < 0.1 else phrase(rng, 1).lower()
        if paper.draw.textlength(f"{text} {word}", font=letters) > measure:
            paper.line(text)
            text = ""
        text = f"{text} {word}".strip()
        if rng.random() < 0.015:
            paper.line(text + ".")
            text = "   "
    return _scanned(paper.image, rng)


def _scanned(page: Image.Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay a page on a scanner: not quite straight, not quite white, with grain and specks."""
    straight = page.rotate(rng.uniform(-0.6, 0.6), Image.Resampling.BICUBIC, fillcolor=255)
    pixels = np.asarray(straight, dtype=np.float64)
    height, width = pixels.shape
    paper = rng.uniform(236, 252) - 14 * fractal_noise(rng, height, width, 2)
    pixels = pixels / 255 * paper + rng.normal(0, 3, pixels.shape)
    for y, x in zip(*(rng.integers(0, side, 12) for side in pixels.shape), strict=True):
        pixels[y : y + 2, x : x + 2] = 90
    tone = pixels[..., None] * np.array([1.0, rng.uniform(0.985, 1), rng.uniform(0.95, 0.99)])
    return np.asarray(np.clip(tone, 0, 255), dtype=np.uint8)
