"""Transforms of windows against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.measure.spectra import WINDOW, _transformed, compare_spectra

RNG = np.random.default_rng(11)
WINDOWS = RNG.normal(120, 30, (5, WINDOW, WINDOW)).astype(np.float32)


def expected(windows: np.ndarray) -> np.ndarray:
    hann = np.outer(np.hanning(WINDOW), np.hanning(WINDOW))
    exact = windows.astype(np.float64)
    return np.fft.rfft2((exact - exact.mean(axis=(1, 2), keepdims=True)) * hann)


def test_windows_are_transformed_as_by_numpy() -> None:
    transformed = _transformed(WINDOWS)
    assert transformed.shape == (5, WINDOW, WINDOW // 2 + 1)
    np.testing.assert_allclose(transformed, expected(WINDOWS), atol=0.01)
    assert _transformed(WINDOWS[:0]).shape == (0, WINDOW, WINDOW // 2 + 1)


def test_the_bands_hold_all_power_but_that_beyond_nyquist() -> None:
    other = (0.5 * WINDOWS + RNG.normal(0, 3, WINDOWS.shape)).astype(np.float32)
    spectra = compare_spectra(WINDOWS, other, shifted=False)
    first, second = (expected(x) for x in (WINDOWS, other))
    down, across = np.fft.fftfreq(WINDOW)[:, None], np.fft.rfftfreq(WINDOW)[None]
    radius = 2 * np.hypot(down, across)
    weight = np.where((across == 0) | (across == 0.5), 1.0, 2.0) * ((radius > 0) & (radius < 1))
    scale = np.square(np.outer(np.hanning(WINDOW), np.hanning(WINDOW))).sum() * WINDOW**2 * 5
    for got, power in (
        (spectra.left, np.abs(first) ** 2),
        (spectra.right, np.abs(second) ** 2),
        (spectra.common, (first * second.conj()).real),
    ):
        assert got.sum() == pytest.approx((power * weight).sum() / scale, rel=1e-4)
    np.testing.assert_allclose(spectra.gain, 0.5, atol=0.05)


def test_a_shift_by_little_is_made_up_for() -> None:
    """A sum of waves of which none is finer than four pixels."""
    y, x = np.mgrid[:WINDOW, :WINDOW]
    rng = np.random.default_rng(3)
    waves = rng.uniform(-0.5, 0.5, (40, 2)) * np.pi
    phases = rng.uniform(0, 6, 40)

    def window(dx: float) -> np.ndarray:
        terms = [np.cos(u * (x + dx) + v * y + p) for (u, v), p in zip(waves, phases, strict=True)]
        return (100 + 8 * np.sum(terms, axis=0)).astype(np.float32)[None]

    here, there = window(0), window(0.8)
    moved_back = compare_spectra(here, there, shifted=True).gain[2:4]
    assert moved_back.min() > 0.98
    assert compare_spectra(here, there, shifted=False).gain[2:4].max() < 0.9
