"""The median of a few thousand values, many times a pair of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def median(values: NDArray[Any]) -> float:
    """Return the median, as `numpy.median`, whose checks take longer than it for few values.

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
