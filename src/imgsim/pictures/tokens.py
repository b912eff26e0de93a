"""Changes of one word of a text: the least by which two texts differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imgsim.pictures.lettering import WORDS

WEEKDAYS = "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
ANSWERS = "Yes", "No"
_SETS = WEEKDAYS, MONTHS, ANSWERS
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Edit:
    """One token of a page that is to be another one.

    Attributes
    ----------
    number : int
        Place of the token among those of the page, in the order in which they are drawn.
    seed : int
        Chooses what takes its place.
    """

    number: int
    seed: int


def kinds_of_change(word: str) -> tuple[str, ...]:
    """Return the names of the changes that a word can go through."""
    kinds = []
    if any(letter.isdigit() for letter in word):
        kinds += ["digit", "sign"]
        if "," in word or "." in word[:-1]:
            kinds.append("comma")
    elif any(word in names for names in _SETS):
        kinds += ["name", "name"]
    elif sum(letter.isalpha() for letter in word) > 2:
        kinds += ["letter", "word"]
    return tuple(kinds)


def change_word(word: str, seed: int) -> tuple[str, str]:
    """Change a word by one of `kinds_of_change`.

    Returns
    -------
    kind : str
        Empty if the word has nothing to change.
    changed : str
    """
    rng = np.random.default_rng((seed, 41))
    kinds = kinds_of_change(word)
    if not kinds:
        return "", word
    kind = str(rng.choice(kinds))
    change = {"digit": _digit, "sign": _sign, "comma": _comma, "name": _name, "letter": _letter}
    changed = change.get(kind, _word)(word, rng)
    return (kind, changed) if changed != word else ("", word)


def _replaced(word: str, place: int, letter: str) -> str:
    return word[:place] + letter + word[place + 1 :]


def _digit(word: str, rng: np.random.Generator) -> str:
    places = [i for i, letter in enumerate(word) if letter.isdigit()]
    place = int(rng.choice(places))
    return _replaced(word, place, str((int(word[place]) + int(rng.integers(1, 10))) % 10))


def _sign(word: str, rng: np.random.Generator) -> str:
    if word[0] in "+-":
        return ("-" if word[0] == "+" else "+") + word[1:]
    return str(rng.choice(("-", "+"))) + word


def _comma(word: str, rng: np.random.Generator) -> str:
    places = [i for i, letter in enumerate(word) if letter in ",."]
    place = int(rng.choice(places))
    return _replaced(word, place, "," if word[place] == "." else ".")


def _name(word: str, rng: np.random.Generator) -> str:
    names = next(names for names in _SETS if word in names)
    return str(rng.choice([name for name in names if name != word]))


def _letter(word: str, rng: np.random.Generator) -> str:
    places = [i for i, letter in enumerate(word) if letter.isalpha()]
    place = int(rng.choice(places))
    others = [letter for letter in _LETTERS if letter != word[place].lower()]
    letter = str(rng.choice(others))
    return _replaced(word, place, letter.upper() if word[place].isupper() else letter)


def _word(word: str, rng: np.random.Generator) -> str:
    other = str(rng.choice([one for one in WORDS if one.lower() != word.lower()]))
    return other[:1].upper() + other[1:] if word[:1].isupper() else other
