"""The rate of false pairs at a threshold: tails fitted to the distances of different pictures.

``benchmarks/false_pairs.py`` measured the distances on 452 different photos and product shots,
101,926 pairs, and wrote the tails to `false_pairs.json`. Below the nearest of these pairs a tail
is an extrapolation. It holds for pictures that have nothing to do with each other: shots of one
series, or pages of one form, come nearer.
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
"""Of the pairs: a tail is fitted to so many, the nearest."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The lower tail of the distances of different pictures: the law that the nearest follow.

    Attributes
    ----------
    law : {"exponential", "power"}
        The rate of false pairs up to a distance d is `share` times ``exp((d - level) / scale)``
        for a number of bits, ``(d / level) ** exponent`` for distances that are continuous down
        to 0.
    pairs : int
        How many were measured.
    share : float
        The rate of false pairs up to `level`.
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
        """Compute the rate of false pairs up to a distance, in 0..1."""
        if self.law == "exponential":
            share = self.share * math.exp((distance - self.level) / self.scale)
        else:
            share = self.share * (distance / self.level) ** self.exponent
        return float(min(1.0, share))

    def distance(self, rate: float) -> float:
        """Compute the distance with this rate of false pairs; negative if 0 bits have a higher."""
        if self.law == "exponential":
            return self.level + self.scale * math.log(rate / self.share)
        return float(self.level * (rate / self.share) ** (1 / self.exponent))


def fit_tail(ascending: NDArray[np.float64], pairs: int, *, bits: bool) -> Tail:
    """Fit the law of the nearest pairs, as is usual for exceedances over a high level.

    Parameters
    ----------
    ascending : ndarray of float64, shape (n,)
        The least distances of false pairs: all up to the last of them, which is the level.
    pairs : int
        How many false pairs they are the nearest of.
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
    """Return the rate of false pairs up to a distance, or None if the method was not measured."""
    tail = _tails().get(spec)
    return None if tail is None else tail.rate(distance)


@cache
def _tails() -> dict[str, Tail]:
    text = files("imgsim.comparators").joinpath("false_pairs.json").read_text(encoding="utf-8")
    return {spec: Tail(**tail) for spec, tail in json.loads(text).items()}
