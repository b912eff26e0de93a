"""Power of picture windows by spatial frequency, and what two pictures have in common of it.

Frequencies are shares of the Nyquist frequency of the pixels. Powers are in squared grey levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW = 64
"""Pixels of a side of a window."""

BANDS = 8
"""Equal parts of the frequencies up to Nyquist's."""

_FINE_BANDS = 32
_MOST_SHIFT = 2.0

Windows = NDArray[np.float32]


def _places() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    down = np.asarray(np.fft.fftfreq(WINDOW)[:, None], np.float64)
    across = np.fft.rfftfreq(WINDOW)[None]
    radius = np.asarray(2 * np.hypot(down, across), np.float64)
    radius[0, 0] = np.inf  # the mean level is no detail
    # the transform of real values holds all but two columns once for two
    weight = np.where((across == 0) | (across == 0.5), 1.0, 2.0) * np.ones_like(radius)
    return down, radius, np.asarray(weight, np.float64)


_DOWN, _RADIUS, _WEIGHT = _places()
_ACROSS = np.fft.rfftfreq(WINDOW)[None]
_HANN = np.outer(np.hanning(WINDOW), np.hanning(WINDOW)).astype(np.float32)
_SCALE = float(np.square(_HANN).sum()) * WINDOW * WINDOW


@dataclass(frozen=True, slots=True)
class Spectra:
    """Powers of two pictures, and of what they have in common, from coarse to fine.

    Attributes
    ----------
    left, right, common : ndarray of float64, shape (bands,)
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    common: NDArray[np.float64]

    @property
    def gain(self) -> NDArray[np.float64]:
        """How strongly the right picture shows details of the left one, float64, shape (bands,)."""
        return np.asarray(self.common / np.maximum(self.left, 1e-6))

    @property
    def gain_back(self) -> NDArray[np.float64]:
        """How strongly the left picture shows details of the right one, float64, shape (bands,)."""
        return np.asarray(self.common / np.maximum(self.right, 1e-6))

    @property
    def own_left(self) -> NDArray[np.float64]:
        """Grey levels (RMS) that only the left picture has, float64, shape (bands,)."""
        rest = self.left - self.common**2 / np.maximum(self.right, 1e-6)
        return np.asarray(np.sqrt(np.maximum(rest, 0)))

    @property
    def own_right(self) -> NDArray[np.float64]:
        """Grey levels (RMS) that only the right picture has, float64, shape (bands,)."""
        rest = self.right - self.common**2 / np.maximum(self.left, 1e-6)
        return np.asarray(np.sqrt(np.maximum(rest, 0)))


def compare_spectra(left: Windows, right: Windows, *, shifted: bool, bands: int = BANDS) -> Spectra:
    """Compare two pictures by their windows.

    Parameters
    ----------
    left, right : ndarray of float32, shape (n, WINDOW, WINDOW)
    shifted : bool
        The windows may lie beside each other by a part of a pixel, which is made up for.
    bands : int
        Equal parts of the frequencies.

    Returns
    -------
    Spectra
    """
    first, second = _transformed(left), _transformed(right)
    if shifted:
        first = first * _shifts(left, right)
    return _compare(first, second, bands)


def _compare(first: NDArray[np.complex128], second: NDArray[np.complex128], bands: int) -> Spectra:
    """Compare the transforms of windows, shape (n, WINDOW, WINDOW // 2 + 1)."""
    band = np.minimum(_RADIUS * bands, bands).astype(np.int64).ravel()
    parts = (first.real, first.imag), (second.real, second.imag)
    totals = []
    for one, other in ((0, 0), (1, 1), (0, 1)):
        power = sum(
            np.einsum("nij,nij->ij", x, y) for x, y in zip(parts[one], parts[other], strict=True)
        )
        totals.append(np.bincount(band, (power * _WEIGHT).ravel(), bands + 1)[:bands])
    scale = _SCALE * max(1, len(first))
    return Spectra(*(total / scale for total in totals))


def _transformed(windows: NDArray[np.float32]) -> NDArray[np.complex128]:
    """Transforms of windows less their means, shape (n, WINDOW, WINDOW // 2 + 1)."""
    import cv2

    levels = (windows - windows.mean(axis=(1, 2), keepdims=True)) * _HANN
    # several times as fast as numpy's for so small windows
    return _unpacked(np.array([cv2.dft(one) for one in levels]).reshape(levels.shape))


def _unpacked(packed: NDArray[np.float32]) -> NDArray[np.complex128]:
    """Real and imaginary parts from where OpenCV puts those of a real image's transform.

    A row has those of its columns one after another, but that the first and the last column are
    real: these have their own parts in every second row.
    """
    n, half = len(packed), WINDOW // 2
    transform = np.empty((n, WINDOW, half + 1), np.complex128)
    transform.real[..., 1:half] = packed[..., 1:-1:2]
    transform.imag[..., 1:half] = packed[..., 2:-1:2]
    for column in (0, half):
        parts = packed[..., -1 if column else 0]
        line = np.zeros((n, half + 1), np.complex128)
        line.real[:, 1:half], line.imag[:, 1:half] = parts[:, 1:-1:2], parts[:, 2:-1:2]
        line[:, 0], line[:, half] = parts[:, 0], parts[:, -1]
        transform[:, : half + 1, column] = line
        transform[:, half + 1 :, column] = line[:, half - 1 : 0 : -1].conj()
    return transform


def _shifts(left: Windows, right: Windows) -> NDArray[np.complex128]:
    """What moves the spectrum of each window to where the other one lies."""
    import cv2

    shifts = np.zeros((len(left), 2))
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        shift, _ = cv2.phaseCorrelate(one, other, _HANN)
        if max(map(abs, shift)) <= _MOST_SHIFT:  # else there is nothing to go by in this window
            shifts[number] = shift
    x, y = shifts.T[..., None, None]
    return np.asarray(np.exp(-2j * np.pi * _ACROSS * x) * np.exp(-2j * np.pi * _DOWN * y))


def _rounding() -> NDArray[np.float64]:
    """Power, by fine bands, of what rounding pixels to whole levels adds."""
    band = np.minimum(_RADIUS * _FINE_BANDS, _FINE_BANDS).astype(np.int64)
    places = np.bincount(band.ravel(), _WEIGHT.ravel(), _FINE_BANDS + 1)[:_FINE_BANDS]
    return np.asarray(places / (12 * WINDOW * WINDOW))


def detail_beyond(fine: Windows, predictions: Sequence[Windows], cut: float) -> float:
    """Compare the detail above a frequency with that just below it.

    Of an enlarged picture nothing is above the Nyquist frequency of what it was made from, but what
    follows from that by interpolation, and the errors of compression.

    Parameters
    ----------
    fine : ndarray of float32, shape (n, WINDOW, WINDOW)
        Of the picture with more pixels.
    predictions : sequence of ndarray of float32, shape (n, WINDOW, WINDOW)
        The same windows, enlarged from the picture with fewer pixels in several ways.
    cut : float
        Nyquist frequency of the picture with fewer pixels, as a share of the other's; less than 1.

    Returns
    -------
    float
        Decibels: power per frequency of what none of the predictions explains above the cut, and
        power per frequency below it.
    """
    radius = (np.arange(_FINE_BANDS) + 0.5) / _FINE_BANDS
    above = (radius > 1.06 * cut) & (radius < max(1.7 * cut, 1.06 * cut + 0.12))
    below = (radius > 0.7 * cut) & (radius < 0.95 * cut)
    if not above.any() or not below.any():
        return 0.0
    # the same number of frequencies in each ring counts the same
    least = np.inf
    own = _transformed(fine)
    for prediction in predictions:
        spectra = _compare(own, _transformed(prediction), _FINE_BANDS)
        rest = np.maximum(np.square(spectra.own_left) - _rounding(), 0) / radius
        whole = spectra.left / radius
        ratio = float(rest[above].mean() / max(float(whole[below].mean()), 1e-9))
        least = min(least, ratio)
    return float(10 * np.log10(max(least, 1e-6)))
