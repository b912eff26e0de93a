"""Whether two methods differ by more than chance, told from the classes that both were tried on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

LEVEL = 0.05
_EXACT = 12
"""Up to so many classes that differ, all ways to give them signs are gone through."""
_DRAWS = 10_000


def differs(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two methods differ: a sign-flip test over the classes of a data set.

    Images of a class succeed and fail together, so the classes are the trials. If two methods were
    alike, each difference could as well have the other sign; so often as in `LEVEL` of these cases
    the sum would be as far from 0 as it is. With fewer than six classes that differ it never is.

    Parameters
    ----------
    one, other : sequence of float
        Accuracy of the same classes in the same order.

    References
    ----------
    R. A. Fisher, "The Design of Experiments", 1935, section 21 (the randomisation test).
    """
    differences = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    differences = differences[np.abs(differences) > 1e-12]
    n = len(differences)
    if n == 0:
        return False
    if n <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
    else:
        signs = np.random.default_rng(0).choice((1.0, -1.0), (_DRAWS, n))
    as_far = np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9
    return bool(as_far.mean() <= LEVEL)
