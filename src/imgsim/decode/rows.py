"""Samples that are seen some rows at a time, whether all of them are in memory or not."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class SampleRows(Protocol):
    """Samples of any real type, shape (h, w) or (h, w, bands)."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        """Return some rows; not to be modified.

        Returns
        -------
        ndarray of the samples' dtype, shape (bottom - top, w) or (bottom - top, w, bands)
        """


class ArrayRows:
    """Samples in memory.

    Parameters
    ----------
    samples : ndarray of any real dtype, shape (h, w) or (h, w, bands)
    """

    def __init__(self, samples: NDArray[Any]) -> None:
        self.samples = samples
        self.shape = samples.shape
        self.dtype = samples.dtype

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        """Return some rows, a view.

        Returns
        -------
        ndarray of the samples' dtype, shape (bottom - top, w) or (bottom - top, w, bands)
        """
        return self.samples[top:bottom]


def grid(samples: SampleRows, step: int) -> NDArray[Any]:
    """Return every so many-th sample of every so many-th row.

    Parameters
    ----------
    samples : SampleRows
    step : int

    Returns
    -------
    ndarray of the samples' dtype, shape (ceil(h / step), ceil(w / step)) and bands
    """
    height, width = samples.shape[:2]
    rows = max(1, (1 << 20) // max(1, width) // step) * step
    parts = [
        samples.rows(top, min(top + rows, height))[::step, ::step].copy()
        for top in range(0, height, rows)
    ]
    return np.concatenate(parts)
