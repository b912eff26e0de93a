"""Corrects an alignment by all pixels with a gradient, to a small part of a pixel.

Points that are tracked in a page of ruled lines say little of the direction along these; all
letters together say it.

Source: B. Lucas and T. Kanade, 1981, with one homography for the whole image and Cauchy's weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Matrix
from imgsim.verify.recording import record

_DERIVATIVE = np.array([1, -8, 0, 8, -1], np.float32) / 12
"""Central differences of fourth order: those of Sobel make shifts appear larger."""
_HERE = np.ones(1, np.float32)


def fine_correction(left: Map, right: Map, mask: NDArray[np.uint8]) -> Matrix | None:
    """Return the homography by which the right image has to be sampled elsewhere.

    Parameters
    ----------
    left, right : ndarray of float32, shape (h, w)
        Aligned to about a pixel, at one tone, and smoothed.
    mask : ndarray of uint8, shape (h, w)
        1 where they are compared, else 0.

    Returns
    -------
    ndarray of float64, shape (3, 3), or None
        Pixels of the left image to pixels of the right one, as OpenCV counts them; None if there
        is too little to tell, or they lie further apart than a correction can be.
    """
    import cv2

    mean = (left + right) / 2
    across = cv2.sepFilter2D(mean, cv2.CV_32F, _DERIVATIVE, _HERE)
    down = cv2.sepFilter2D(mean, cv2.CV_32F, _HERE, _DERIVATIVE)
    strong = (across * across + down * down > LIMITS.correction_min_gradient**2) & (mask > 0)
    places = np.flatnonzero(strong)
    record("correction_min_pixels", len(places))
    if len(places) < LIMITS.correction_min_pixels:
        return None
    places = places[:: max(1, len(places) // LIMITS.correction_max_pixels)]
    y, x = np.divmod(places, left.shape[1])
    half = max(left.shape) / 2
    centre = np.array([left.shape[1] / 2, left.shape[0] / 2])
    u, v = (x - centre[0]) / half, (y - centre[1]) / half
    gx, gy = (g.ravel()[places].astype(np.float64) for g in (across, down))
    error = (left - right).ravel()[places].astype(np.float64)
    along = gx * u + gy * v
    terms = np.stack([gx, gx * u, gx * v, gy, gy * u, gy * v, along * u, along * v])
    weights = np.ones(len(places))
    solution = np.zeros(len(terms))
    ridge = np.eye(len(terms)) * LIMITS.correction_ridge * len(places)
    for _ in range(LIMITS.correction_rounds):
        weighted = terms * weights
        # not by a linear algebra library, whose threads cost more than the work
        normal = np.einsum("in,jn->ij", weighted, terms) + ridge
        solution = np.linalg.solve(normal, np.einsum("in,n->i", weighted, error))
        rest = error - np.einsum("i,in->n", solution, terms)
        scale = max(1.0, 2 * float(np.median(np.abs(rest))))
        weights = 1 / (1 + np.square(rest / scale))
    a, b, c, d, e, f, g, h = solution
    record("correction_most", np.abs(solution).max())
    if np.abs(solution).max() > LIMITS.correction_most:
        return None
    units = np.array([[half, 0, centre[0]], [0, half, centre[1]], [0, 0, 1]])
    # in coordinates of `half` pixels
    moved = np.array(
        [
            [1 + b / half, c / half, a / half],
            [e / half, 1 + f / half, d / half],
            [-g / half, -h / half, 1],
        ]
    )
    return np.asarray(units @ moved @ np.linalg.inv(units))
