"""A page that text is written on, of which one token can be another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from imgsim.pictures.fonts import faces, load_face
from imgsim.pictures.lettering import WORDS
from imgsim.pictures.tokens import MONTHS, WEEKDAYS, Edit, change_word, kinds_of_change

Colour = tuple[int, int, int]
_LIGHT: tuple[tuple[Colour, Colour, Colour], ...] = (  # ground, panel, ink
    ((255, 255, 255), (240, 242, 245), (20, 20, 20)),
    ((236, 229, 221), (255, 255, 255), (10, 10, 10)),
    ((250, 248, 240), (235, 230, 215), (60, 50, 40)),
    ((245, 247, 250), (255, 255, 255), (90, 95, 105)),
)
_DARK: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((18, 18, 18), (40, 42, 46), (225, 225, 225)),
    ((11, 20, 26), (32, 44, 51), (233, 237, 239)),
    ((30, 30, 30), (51, 51, 55), (170, 175, 180)),
)


@dataclass
class Sheet:
    """A page in one face and one scheme of colours.

    Attributes
    ----------
    width, height : int
        Pixels.
    size : int
        Height of the letters, in pixels.
    face : str
        Of `fonts.faces`.
    ground, panel, ink : tuple of int
        Colours of the page, of what lies on it, and of the letters.
    edit : Edit or None
        The token that is another one.
    tokens : list of str
        All that can be edited, as drawn so far.
    change : str
        What became of the token: a kind of `tokens.kinds_of_change`, or ``mark``.
    """

    width: int
    height: int
    size: int
    face: str
    ground: Colour
    panel: Colour
    ink: Colour
    edit: Edit | None = None
    tokens: list[str] = field(default_factory=list)
    change: str = ""

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (self.width, self.height), self.ground)
        self.draw = ImageDraw.Draw(self.image)

    def word(self, word: str) -> str:
        """Count a word as a token, and return what is to be written in its place."""
        if not kinds_of_change(word):
            return word
        self.tokens.append(word)
        if self.edit is None or len(self.tokens) - 1 != self.edit.number:
            return word
        self.change, changed = change_word(word, self.edit.seed)
        return changed

    def mark(self, value: int, values: int) -> int:
        """Count a mark, such as a tick or a note, and return which of its values is drawn."""
        self.tokens.append(f"mark {value}")
        if self.edit is None or len(self.tokens) - 1 != self.edit.number:
            return value
        self.change = "mark"
        rng = np.random.default_rng((self.edit.seed, 42))
        return int((value + rng.integers(1, values)) % values)

    def write(
        self,
        place: tuple[float, float],
        text: str,
        scale: float = 1,
        *,
        ink: Colour | None = None,
        anchor: str = "la",
        face: str = "",
    ) -> None:
        """Write a line of text whose words are tokens."""
        words = " ".join(self.word(word) for word in text.split(" "))
        letters = load_face(face or self.face, max(10, round(self.size * scale)))
        self.draw.text(place, words, ink or self.ink, letters, anchor=anchor)

    def length(self, text: str, scale: float = 1) -> float:
        """Return the pixels that a text takes."""
        letters = load_face(self.face, max(10, round(self.size * scale)))
        return float(self.draw.textlength(text, font=letters))

    def fitting(self, text: str, width: float, scale: float = 1) -> str:
        """Return as many words of a text as a width in pixels has room for."""
        words = text.split(" ")
        while len(words) > 1 and self.length(" ".join(words), scale) > width:
            words.pop()
        return " ".join(words)


def new_sheet(
    rng: np.random.Generator,
    sizes: Sequence[tuple[int, int]],
    letters: tuple[int, int],
    edit: Edit | None,
    *,
    dark: float = 0.5,
) -> Sheet:
    """Start a page of one of some sizes, in a face and colours drawn by chance.

    Parameters
    ----------
    rng : Generator
    sizes : sequence of (int, int)
        Width and height in pixels.
    letters : tuple of int
        Least and largest height of the letters, in pixels, for a page 1,080 pixels wide; at least
        10 in any.
    edit : Edit or None
    dark : float
        Probability of light letters on a dark ground.
    """
    width, height = sizes[int(rng.integers(len(sizes)))]
    size = max(10, round(rng.integers(letters[0], letters[1] + 1) * width / 1080))
    schemes = _DARK if rng.random() < dark else _LIGHT
    ground, panel, ink = schemes[int(rng.integers(len(schemes)))]
    face = str(rng.choice(faces()))
    return Sheet(width, height, size, face, ground, panel, ink, edit)


def sentence(rng: np.random.Generator, words: int) -> str:
    """Draw a message: words, and now and then a number, an hour, a sum or a day."""
    parts = []
    for _ in range(words):
        kind = rng.random()
        if kind < 0.72:
            parts.append(str(rng.choice(WORDS)))
        elif kind < 0.8:
            parts.append(f"{rng.integers(0, 24)}:{rng.integers(60):02}")
        elif kind < 0.87:
            parts.append(f"{rng.integers(1, 10)},{rng.integers(1000):03}")
        elif kind < 0.93:
            parts.append(str(rng.choice(WEEKDAYS)))
        else:
            parts.append(f"{rng.integers(1, 29)} {rng.choice(MONTHS)}")
    text = " ".join(parts)
    return text[:1].upper() + text[1:]
