"""Median and quantiles of few values, many times a pair of pictures.

They are those of numpy, whose checks take longer than the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def median(values: NDArray[Any]) -> float:
    """Return the median, as `numpy.median`.

    Parameters
    ----------
    values : ndarray of float32 or float64, shape (n,)
        At least one, none of them not a number.
    """
    middle, is_odd = divmod(len(values), 2)
    if is_odd:
        return float(np.partition(values, middle)[middle])
    low, high = np.partition(values, (middle - 1, middle))[middle - 1 : middle + 1]
    return float((low + high) / 2)


def quantile(values: NDArray[Any], share: float) -> float:
    """Return a quantile, as `numpy.quantile` of floating-point values.

    Parameters
    ----------
    values : ndarray of float32 or float64, shape (n,)
        At least one, none of them not a number.
    share : float
        From 0 to 1.
    """
    place = share * (len(values) - 1)
    below = int(place)
    if below >= len(values) - 1:
        return float(values.max())
    low, high = np.partition(values, (below, below + 1))[below : below + 2]
    part, span = place - below, high - low
    return float(low + span * part if part < 0.5 else high - span * (1 - part))
