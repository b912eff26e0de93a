"""Round numbers along the axis of a drawing."""

from __future__ import annotations

import math


def round_ticks(low: float, high: float) -> list[float]:
    """Return 3 to 11 round numbers between two: multiples of 1, 2 or 5 times a power of ten.

    Parameters
    ----------
    low, high : float
        Of equal ones, one is returned.
    """
    if high <= low:
        return [low]
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    slack = 1e-6 * step
    first, last = math.ceil((low - slack) / step), math.floor((high + slack) / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


def round_logarithmic_ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two, for a logarithmic axis: 1, 2 and 5 times powers of ten, or,
    where these are more than 9, powers of ten alone.

    Parameters
    ----------
    low, high : float
        Above 0. Where no such number lies between them, the ticks are those of `round_ticks`.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1,)):
        ticks = [float(f"{factor}e{power}") for power in powers for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= 9:
            break
    return ticks or round_ticks(low, high)
