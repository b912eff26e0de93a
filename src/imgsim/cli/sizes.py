"""Sizes as people write them: 4GB, 500MB, 1.5 GiB, or a number of bytes; and seconds."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_MOST = 2**60


def parse_size(text: str) -> int | None:
    """Return the bytes that a text such as ``4GB`` stands for; None if it stands for none.

    MB are millions of bytes and MiB 2^20; the B may be left out.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", text.strip().lower())
    if match is None or (match[3] and not match[2]):
        return None
    size = float(match[1]) * (_BINARY if match[3] else _UNITS)[match[2]]
    return int(size) if 1 <= size <= _MOST else None


if TYPE_CHECKING:
    _Type = click.ParamType[int]
else:  # click below 8.5 does not tell what it converts to
    _Type = click.ParamType


class SizeType(_Type):
    """A size in bytes."""

    name = "SIZE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the bytes of a size; a wrong one is a usage error."""
        size = parse_size(str(value))
        if size is None:
            self.fail(f"{value!r} is no size such as 4GB, 500MB or a number of bytes", param, ctx)
        return size


class SecondsType(click.FloatRange):
    """A time in seconds that ends."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds; what is no finite number is a usage error."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no finite number of seconds", param, ctx)
        return seconds
