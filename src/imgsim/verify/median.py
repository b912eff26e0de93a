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
    low, high = _neighbours(values, max(0, middle - 1 + is_odd))
    return float(low if is_odd else (low + high) / 2)


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
    low, high = _neighbours(values, below)
    part, span = place - below, high - low
    return float(low + span * part if part < 0.5 else high - span * (1 - part))


_MANY = 8192
_INSTRUCTIONS = np.show_config("dicts").get("SIMD Extensions", {})
_SELECTS_FAST = not {"AVX2", "X86_V3"}.isdisjoint(
    [*_INSTRUCTIONS.get("baseline", ()), *_INSTRUCTIONS.get("found", ())]
)
"""NumPy has instructions for this processor by which it parts values at one rank in a fraction of
the time; not at two."""
_STEP = 61
_SLACK = 0.04


def _neighbours(values: NDArray[Any], rank: int) -> tuple[Any, Any]:
    """The value of this rank, from 0, and the next one, or the same if it is the last.

    Of many values, most are left out by bounds that some of them give.
    """
    after = min(rank + 1, len(values) - 1)
    if len(values) > _MANY and _SELECTS_FAST:
        ordered = np.partition(values, rank)
        return ordered[rank], ordered[after:].min()
    if len(values) > _MANY:
        some = np.sort(values[::_STEP])
        share = rank / len(values)
        first, last = (int((share + slack) * len(some)) for slack in (-_SLACK, _SLACK))
        if first >= 0 and last < len(some):
            above = values >= some[first]
            left_out = len(values) - int(np.count_nonzero(above))
            above &= values <= some[last]
            between = values[above]
            if 0 <= rank - left_out < len(between) - 1:
                values, rank = between, rank - left_out
    after = min(rank + 1, len(values) - 1)
    ordered = np.partition(values, (rank, after))
    return ordered[rank], ordered[after]
