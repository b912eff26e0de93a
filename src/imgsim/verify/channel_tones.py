"""Brings the darker of two pictures to the colours of the lighter one, channel by channel.

Where a bright colour ends in white, red, green and blue do so one after the other: the grey level
of the lighter picture does not follow from that of the darker one, but each channel does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.detail import shrink
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix
from imgsim.verify.small import Pixels
from imgsim.verify.tone import apply_tone_curve, joint_histogram, tone_curve
from imgsim.verify.tracking import warp


def in_one_tone(left: Pixels, right: Pixels, matrix: Matrix) -> tuple[Grey, Grey]:
    """Return both pictures in grey, the darker one in the tones of the lighter one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        RGB.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    left, right : ndarray of uint8, shape (h, w)
    """
    import cv2

    joints = []
    for pair in zip(_channels(left), _channels(right), strict=True):
        one, other = (shrink(channel, LIMITS.channel_tones_side) for channel in pair)
        joints.append(joint_histogram(one, *warp(one, other, matrix, ())))
    one, other = (
        np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        for image in _with_tones(left, right, joints)
    )
    return one, other


def in_one_tone_as_they_lie(
    left: Pixels, right: Pixels, mask: NDArray[np.uint8]
) -> tuple[Pixels, Pixels]:
    """Return two pictures in one frame, the darker one in the tones of the lighter one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        RGB.
    mask : ndarray of uint8, shape (h, w)
        0 where pixels do not count.

    Returns
    -------
    left, right : ndarray of uint8, shape (h, w, 3)
    """
    pairs = zip(_channels(left), _channels(right), strict=True)
    return _with_tones(left, right, [joint_histogram(*pair, mask) for pair in pairs])


def _channels(image: Pixels) -> list[Grey]:
    return [np.ascontiguousarray(image[..., i]) for i in range(3)]


def _with_tones(
    left: Pixels, right: Pixels, joints: Sequence[NDArray[np.float32]]
) -> tuple[Pixels, Pixels]:
    """Both pictures, the darker one with the curves that the joint histograms of channels say."""
    levels = np.arange(256)
    left_is_darker = sum(float(((levels - levels[:, None]) * joint).sum()) for joint in joints) > 0
    curves = [tone_curve(joint if left_is_darker else joint.T) for joint in joints]
    darker = _channels(left if left_is_darker else right)
    toned = np.dstack([apply_tone_curve(*both) for both in zip(darker, curves, strict=True)])
    return (toned, right) if left_is_darker else (left, toned)
