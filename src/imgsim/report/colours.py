"""Colours that tell groups apart on a map, also for the colour-blind."""

from __future__ import annotations

_COLOURS = (
    "0069a5 f0870f 87e187 691e69 ffd2c3 692d0f 2d0ff0 96c3ff c3875a 8778ff 875a5a e1a5c3 786987"
    " 3c2d96 b4f000 6900c3 965a3c b46900 e1964b 5a5aff c387c3 b4e1ff 3ca587 780f4b 00d296 2da5f0"
    " 963c00 ffc35a e100c3 780f2d"
).split()
PALETTE = tuple(tuple(bytes.fromhex(colour)) for colour in _COLOURS)
"""30 colours, as red, green, blue, of which no two are nearer than 16 in CIELAB (of 1976), seen
normally, without long cones and without middle ones, and than 10 without short ones (simulated as
by G. M. Machado and others, 2009, doi:10.1109/TVCG.2009.113)."""

NO_COLOUR = (150, 150, 150)


def colour_of(number: int) -> tuple[int, int, int]:
    """Return the colour of a group, as red, green, blue.

    Parameters
    ----------
    number : int
        From 1 on; 0 is grey. After 30 colours the first comes again.
    """
    if number == 0:
        return NO_COLOUR
    red, green, blue = PALETTE[(number - 1) % len(PALETTE)]
    return red, green, blue


def tint(colour: tuple[int, int, int], strength: float) -> tuple[int, int, int]:
    """Return a colour mixed with white.

    Parameters
    ----------
    colour : tuple of int
    strength : float
        0 is white, 1 the colour.
    """
    red, green, blue = (round(255 - (255 - part) * strength) for part in colour)
    return red, green, blue


def text_on(colour: tuple[int, int, int]) -> str:
    """Return black or white, whichever is read better on a colour."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in colour)
    )
    # WCAG 2.1: the contrast with white is above that with black
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179 else "black"
