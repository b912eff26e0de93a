"""How many unrelated pairs come as near as a distance: fitted tails, see `false_pairs.json`.

``benchmarks/unrelated_pairs.py`` measured them on 452 different photos and product shots, 101,926
pairs. Below the nearest of these the tail is an extrapolation. It speaks of unrelated pictures:
shots of one series, or pages of one form, come nearer.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SHARE = 0.002
"""Of the pairs, the nearest: those that a tail is fitted to."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The nearest of many unrelated pairs, and the law that they follow.

    Attributes
    ----------
    law : {"exponential", "power"}
        Of the share of pairs up to a distance d: ``exp((d - level) / scale)`` for a number of
        bits, ``(d / level) ** exponent`` for distances that are continuous down to 0.
    pairs : int
        That were measured.
    share : float
        Of them, up to `level`.
    level : float
        The distance up to which the law was fitted.
    scale : float
        Of the exponential, in bits; 0 for the other law.
    exponent : float
        Of the power; 0 for the other law.
    """

    law: Literal["exponential", "power"]
    pairs: int
    share: float
    level: float
    scale: float = 0.0
    exponent: float = 0.0

    def rate(self, distance: float) -> float:
        """The share of unrelated pairs up to a distance."""
        if self.law == "exponential":
            share = self.share * math.exp((distance - self.level) / self.scale)
        else:
            share = self.share * (distance / self.level) ** self.exponent
        return float(min(1.0, share))

    def distance(self, rate: float) -> float:
        """The distance up to which there is this share; negative if there is more at 0 bits."""
        if self.law == "exponential":
            return self.level + self.scale * math.log(rate / self.share)
        return float(self.level * (rate / self.share) ** (1 / self.exponent))


def fit(ascending: NDArray[np.float64], pairs: int, *, bits: bool) -> Tail:
    """Fit the law of the nearest pairs, as is usual for exceedances over a high level.

    Parameters
    ----------
    ascending : ndarray of float64, shape (n,)
        The nearest distances of unrelated pairs: all up to the last of them, which is the level.
    pairs : int
        How many pairs they are the nearest of.
    bits : bool
        Distances are whole numbers: exponential law, by its mean; else a power law, by Hill's
        estimator (B. M. Hill, "A Simple General Approach to Inference About the Tail of a
        Distribution", Annals of Statistics 3(5), 1975, doi:10.1214/aos/1176343247).
    """
    level = float(ascending[-1])
    share = len(ascending) / pairs
    if bits:
        # distances are whole, so the pairs at d lie between d - 1/2 and d + 1/2
        scale = float(np.mean(level + 0.5 - ascending))
        return Tail("exponential", pairs, share, level, scale=scale)
    positive = np.maximum(ascending, 1e-12)
    exponent = 1.0 / float(np.mean(np.log(level / positive)))
    return Tail("power", pairs, share, level, exponent=exponent)


def rate(spec: str, distance: float) -> float | None:
    """The share of unrelated pairs up to a distance, or None if the method was not measured."""
    tail = _tails().get(spec)
    return None if tail is None else tail.rate(distance)


@cache
def _tails() -> dict[str, Tail]:
    text = files("imgsim.comparators").joinpath("false_pairs.json").read_text(encoding="utf-8")
    return {spec: Tail(**tail) for spec, tail in json.loads(text).items()}
