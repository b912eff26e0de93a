"""Which of two pictures was compressed from the other, by the steps of a JPEG.

The coefficients of a JPEG are whole multiples of its steps. Of the picture that was compressed the
coefficients lie anywhere around these multiples, up to half a step away; of a picture that was made
from the JPEG they lie near them, as near as its own compression leaves them.

Source: the model of T. Pevny and J. Fridrich, 2008, doi:10.1109/TIFS.2008.922456, for two pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.median import quantile

_BLOCKS = 4096
_LEAST_STEP = 4
_LEAST_COUNT = 100
_COARSE_SHARE = 0.3
_LEAST_FAR = 50


@dataclass(frozen=True, slots=True)
class Steps:
    """How another picture lies about the steps of a JPEG.

    Attributes
    ----------
    error : float
        Root mean square distance of the other picture's coefficients from those of the JPEG, in
        steps: 0.29 if the JPEG was compressed from it.
    coarse : float
        The same for the larger steps. Compression errs by the same share of each step, other
        changes by the same levels.
    beyond : float
        Share that is further away than half a step and its rounding.
    shape : float
        Kurtosis of the distances from the larger steps: 1.8 of rounding, which leaves all distances
        up to half a step alike, and 3 or more of noise.
    held : float
        Mean cosine of the distances, a step being a full turn, where the other picture has
        something: 1 if it lies at whole steps, below 0 if the JPEG was compressed from it, 0 if it
        does not know of these steps.
    sure : float
        The same in standard deviations of what chance makes of it.
    held_far : float
        The same of those more than half a step and less than three halves away.
    away : float
        Root mean square distance of these coefficients, in steps.
    """

    error: float
    coarse: float
    beyond: float
    shape: float
    held: float
    sure: float
    held_far: float
    away: float


def about_steps(
    jpeg: NDArray[np.float64],
    other: NDArray[np.float64],
    table: NDArray[np.int64],
    contrast: float = 1.0,
) -> Steps | None:
    """Compare a picture with a JPEG whose pixels lie on its own.

    Parameters
    ----------
    jpeg, other : ndarray of float64, shape (blocks, 8, 8)
        Of `block_coefficients`; the first pixel is that of the first block of the JPEG.
    table : ndarray of int64, shape (8, 8)
        Steps by frequency.
    contrast : float
        Of the other picture per contrast of the JPEG.

    Returns
    -------
    Steps or None
        None if the steps are too small, or there are too few coefficients, to tell.
    """
    least = np.where(table >= _LEAST_STEP, 0.75 * table, np.inf)
    least[0, 0] = np.inf  # means follow the tones
    used = np.flatnonzero(np.abs(jpeg) > least)
    if len(used) < _LEAST_COUNT:
        return None
    places = table.ravel().astype(np.float64)[used & (table.size - 1)]  # a power of two
    # multiples themselves, not what is left of them after rounding pixels
    exact = np.round(jpeg.ravel()[used] / places) * places
    levels = other.ravel()[used] / contrast
    away = np.abs(levels - exact) / places
    coarse = away[places >= quantile(places, 1 - _COARSE_SHARE)]
    rounding = 1.0 / places
    squares = np.square(coarse)
    there = away[np.abs(levels) > places / 2]  # what was lost lies at a whole step, too
    turns = np.cos(2 * np.pi * there)
    held = float(turns.mean()) if len(there) else 0.0
    far = turns[(there > 0.5) & (there < 1.5)]
    return Steps(
        float(np.sqrt(np.square(away).mean())),
        float(np.sqrt(squares.mean())),
        float((away > 0.5 + rounding).mean()),
        float(np.square(squares).mean() / max(float(squares.mean()) ** 2, 1e-12)),
        held,
        held * float(np.sqrt(2 * len(there))),
        float(far.mean()) if len(far) >= _LEAST_FAR else -1.0,
        float(np.sqrt(np.square(there).mean())) if len(there) else 0.0,
    )


def block_coefficients(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the coefficients of some of the whole blocks of 8 x 8 pixels.

    Parameters
    ----------
    luma : ndarray of float32, shape (h, w)
        Grey levels; the first pixel is that of the first block.

    Returns
    -------
    ndarray of float64, shape (blocks, 8, 8)
        Of the orthonormal cosine transform, as in JPEG.
    """
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    parts = luma[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8)
    blocks = parts.swapaxes(1, 2).reshape(-1, 8, 8)
    step = max(1, len(blocks) // _BLOCKS)
    basis = block_basis()
    return np.asarray(basis @ (blocks[::step].astype(np.float64) - 128) @ basis.T)


@cache
def block_basis() -> NDArray[np.float64]:
    """Return the orthonormal cosine transform of 8 values.

    Returns
    -------
    ndarray of float64, shape (8, 8)
        A row for each frequency.
    """
    k, x = np.mgrid[0:8, 0:8]
    basis = np.cos((2 * x + 1) * k * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    return np.asarray(basis)
