"""Parts of imgsim in C, which are compiled when it is installed (see ``hatch_build.py``).

A machine without a compiler has none of them. Whoever uses one has the same in Python, gives the
same with either (where numbers are not whole, to about the last digit), and asks for it by name:
``from imgsim.compiled import _alike`` may fail.
"""

from __future__ import annotations

from importlib.util import find_spec

_PARTS = "_alike", "_blocks", "_equations", "_hashes", "_matches", "_words"


def all_there() -> bool:
    """Tell whether all of them were compiled."""
    return all(find_spec(f"{__name__}.{part}") is not None for part in _PARTS)
