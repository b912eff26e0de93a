"""Colours that tell groups apart on a map, also for the colour-blind."""

from __future__ import annotations

_COLOURS = (
    "770000 bbcc00 6677ff 0000bb 226655 ffaaee dd4422 33aa77 994488 aa1144 7700ff 228822 bb9900"
    " 333366 99aabb 0055bb 884400 662244 00aaff 8866bb cc77cc ee7777 554433 aa7755 eebb88 77ccbb"
    " 886677 558899 777766 555566"
).split()
PALETTE = tuple(tuple(bytes.fromhex(colour)) for colour in _COLOURS)
"""30 colours, as red, green, blue. By CIEDE2000 any two are at least 14 apart seen normally, 8
without long or without middle cones and 7 without short ones (simulated as by G. M. Machado and
others, 2009, doi:10.1109/TVCG.2009.113); the first 8 are 24, 16 and 15 apart. Each is at least 17
from its own tint, on which its dots lie, and 9 from `NO_COLOUR`."""

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
