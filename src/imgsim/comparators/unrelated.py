"""How many unrelated pairs come as near as a distance: fitted tails, see `unrelated.json`.

``benchmarks/unrelated_pairs.py`` measured them on 452 different photos and product shots, 101,926
pairs. Below the nearest of these the tail is an extrapolation. It speaks of unrelated pictures:
shots of one series, or pages of one form, come nearer.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import files
from typing import Any


def rate(spec: str, distance: float) -> float | None:
    """The share of unrelated pairs up to a distance, or None if the method was not measured."""
    tail = _tails().get(spec)
    if tail is None:
        return None
    if tail["law"] == "exponential":
        share = tail["share"] * math.exp((distance - tail["level"]) / tail["scale"])
    else:
        share = tail["share"] * (distance / tail["level"]) ** tail["exponent"]
    return float(min(1.0, share))


@cache
def _tails() -> dict[str, Any]:
    text = files("imgsim.comparators").joinpath("unrelated.json").read_text(encoding="utf-8")
    tails: dict[str, Any] = json.loads(text)
    return tails
