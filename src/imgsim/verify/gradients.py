"""Gradients of images in grey levels per pixel."""

from __future__ import annotations

import numpy as np

from imgsim.verify.blocks import Map


def gradients(image: Map) -> tuple[Map, Map]:
    """Return the gradients of an image across and down, by Sobel's operator.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)

    Returns
    -------
    across, down : ndarray of float32, shape (h, w)
        In grey levels per pixel.
    """
    import cv2

    across, down = (
        np.asarray(cv2.Sobel(image, cv2.CV_32F, dx, dy, scale=1 / 8)) for dx, dy in ((1, 0), (0, 1))
    )
    return across, down
