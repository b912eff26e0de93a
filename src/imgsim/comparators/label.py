"""The name of a comparator as reports show it."""

from __future__ import annotations

import os

from imgsim.comparators.base import Comparator


def label(comparator: Comparator) -> str:
    """Return the spec of a comparator, with the name of a weights file in place of its path."""
    weights = str(getattr(comparator, "weights", ""))
    return (
        comparator.spec.replace(weights, os.path.basename(weights)) if weights else comparator.spec
    )
