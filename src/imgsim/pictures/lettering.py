"""Words and figures to draw on pictures, in the font that comes with Pillow."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import ImageFont


WORDS = """
    morning harbour summer table window little garden winter market village river stone walk
    mountain family birthday evening station bridge letter kitchen yellow paper silver corner
    holiday coffee island number Sunday together always before under after lovely great old new
    first last long quiet open day night light home road year friend water cloud apple music
""".split()


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load the font of Pillow at a height in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def phrase(rng: np.random.Generator, words: int) -> str:
    """Draw some words by chance, the first with a capital."""
    text = " ".join(str(rng.choice(WORDS)) for _ in range(words))
    return text[:1].upper() + text[1:]


def amount(rng: np.random.Generator, highest: int = 100) -> float:
    """Draw a sum of money by chance, with two decimals."""
    return int(rng.integers(19, highest * 100)) / 100
