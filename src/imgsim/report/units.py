"""Numbers as people read them: of things, in percent, of bytes."""

from __future__ import annotations


def count(n: int, noun: str, plural: str = "") -> str:
    """Return a number of things: 1 image, 2 images."""
    return f"{n} {noun}" if n == 1 else f"{n} {plural or noun + 's'}"


def percent(similarity: float) -> str:
    """Return a similarity in percent, rounded, but 100 only for one that is."""
    return "100%" if similarity >= 100 else f"{min(similarity, 99.9):.1f}%"


def size(n_bytes: int) -> str:
    """Return a number of bytes in decimal units, as file managers show them."""
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
