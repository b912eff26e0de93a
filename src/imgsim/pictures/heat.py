"""Numbers as colours: maps by themselves, or laid over a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# The colours of matplotlib's "inferno" (CC0) at ninths: brightness rises evenly with the value.
_HEAT = np.array(
    [
        (0, 0, 4), (27, 12, 66), (75, 12, 107), (120, 28, 109), (165, 45, 96),
        (207, 68, 70), (237, 105, 37), (251, 155, 6), (247, 209, 61), (252, 255, 164),
    ],
    np.float64,
)  # fmt: skip


def heat(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Map values to colours: dark, purple, orange, yellow.

    Parameters
    ----------
    values : ndarray of float64, any shape
        In 0..1; what lies beyond is clipped, and NaN is 0.

    Returns
    -------
    ndarray of uint8, shape (\\*values.shape, 3)
    """
    place = np.clip(np.nan_to_num(values), 0, 1) * (len(_HEAT) - 1)
    channels = [np.interp(place, np.arange(len(_HEAT)), _HEAT[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def overlay(picture: Any, values: NDArray[np.float64], top: float, edge: float = 0.0) -> Any:
    """Lay a map over a picture.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB; stays as it is.
    values : ndarray of float64, shape (rows, columns)
        Of cells that divide the picture evenly. Where they are not positive it is left dark.
    top : float
        The value with the brightest colour.
    edge : float
        Width of a frame that is not coloured, as a share of the sides.

    Returns
    -------
    PIL.Image.Image
        The picture in grey, with the colours over it.
    """
    from PIL import Image

    share = np.clip(values / top if top > 0 else np.zeros_like(values), 0, 1)
    smooth = np.asarray(
        Image.fromarray(share.astype(np.float32)).resize(picture.size, Image.Resampling.BILINEAR),
        np.float64,
    )
    grey = np.asarray(picture.convert("L").convert("RGB"), np.float64)
    # the less there is of the score, the more of the picture itself is seen, a little darker
    weight = (0.25 + 0.5 * smooth)[..., None]
    shown = grey * (1 - weight) + heat(smooth) * weight
    if edge:
        high, wide = (round(edge * side) for side in grey.shape[:2])
        inside = np.zeros((*grey.shape[:2], 1), bool)
        inside[high : len(grey) - high, wide : grey.shape[1] - wide] = True
        rows, columns = np.indices(grey.shape[:2])
        stripes = ((rows + columns) // 4 % 2 == 0)[..., None]
        shown = np.where(inside, shown, np.where(stripes, 0.5 * grey + 96, 0.5 * grey + 64))
    return Image.fromarray(shown.round().astype(np.uint8))


def bar(width: int, height: int) -> Any:
    """Draw the colours from low to high, as a strip."""
    from PIL import Image

    row = heat(np.linspace(0, 1, width))
    return Image.fromarray(np.broadcast_to(row, (height, width, 3)).copy())
