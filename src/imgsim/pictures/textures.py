"""Surfaces without objects: noise, sky, sea, fabric."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fractal_noise(
    rng: np.random.Generator, height: int, width: int, octaves: int
) -> NDArray[np.float64]:
    """Compute fractal noise: random grids, each finer and fainter than the one before.

    Parameters
    ----------
    rng : Generator
    height, width : int
        In pixels.
    octaves : int
        Grids.

    Returns
    -------
    ndarray of float64, shape (height, width)
        In 0..1.
    """
    from PIL import Image

    total = np.zeros((height, width))
    for octave in range(octaves):
        cells = 2 ** (octave + 1)
        grid = rng.random((max(1, cells * height // width) + 1, cells + 1)).astype(np.float32)
        smooth = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(smooth, dtype=np.float64) * 0.5**octave
    return np.asarray((total - total.min()) / max(1e-9, float(np.ptp(total))))


def sky(seed: int, number: int, width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    """Paint clouds, and nothing else. Another number is another sky on the same day.

    Parameters
    ----------
    seed : int
        The light of the day.
    number : int
        The clouds.
    width, height : int

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    day, rng = np.random.default_rng((seed, 1)), np.random.default_rng((seed, 2, number))
    top = day.uniform((30, 80, 140), (110, 150, 220))
    low = np.array([250, 250, 250]) - day.uniform(0, 1) * np.array([5, 40, 90])
    y = np.linspace(0, 1, height)[:, None, None]
    clouds = fractal_noise(rng, height, width, 7)
    clouds = np.clip((clouds - day.uniform(0.35, 0.55)) * 3, 0, 1)[..., None]
    image = top + (low - top) * y
    image = image + (np.array([250, 250, 252]) - 60 * y - image) * clouds
    return _grain(rng, image)


def sea(seed: int, number: int, width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    """Paint water up to a horizon, and empty sky. Another number is another moment.

    Parameters
    ----------
    seed : int
        Light and horizon.
    number : int
        The waves.
    width, height : int

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    place, rng = np.random.default_rng((seed, 3)), np.random.default_rng((seed, 4, number))
    horizon = int(height * place.uniform(0.3, 0.5))
    water = place.uniform((10, 50, 80), (60, 110, 140))
    air = 225 - place.uniform(0, 1) * np.array([70, 35, 0])
    image = np.empty((height, width, 3))
    image[:horizon] = air + np.linspace(-30, 0, horizon)[:, None, None]
    far = (height - horizon) / np.arange(1, height - horizon + 1)[:, None]
    aside = (np.arange(width) - width / 2) / height * far
    light = np.zeros(aside.shape)
    for _ in range(48):  # the slope of waves of all lengths, mostly towards the beach
        length, angle = np.exp(rng.uniform(np.log(0.012), np.log(0.5))), rng.normal(0, 0.5)
        phase = 2 * np.pi * (np.sin(angle) * aside + np.cos(angle) * far) / length
        seen = np.exp(-0.5 * (3 * far**2 / height / length) ** 2)  # those too short to be seen
        light += seen * length**0.3 * np.sin(phase + rng.uniform(0, 2 * np.pi))
    shine = np.clip(light / 6, -0.5, 1)[..., None]
    fade = 1 - np.exp(-far / 12)[..., None]
    image[horizon:] = water * (1 - fade) + (0.5 * water + 0.5 * air) * fade
    image[horizon:] += shine * np.where(shine > 0, air - water, water) * 0.8
    return _grain(rng, image)


def fabric(seed: int, number: int, width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    """Paint woven threads with folds. Another number is another piece of the same cloth.

    Parameters
    ----------
    seed : int
        Colours and weave.
    number : int
        Which piece: its folds, its place and the unevenness of its threads.
    width, height : int

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    cloth, rng = np.random.default_rng((seed, 5)), np.random.default_rng((seed, 6, number))
    warp, weft = cloth.uniform(30, 230, (2, 3))
    period, stripe = cloth.uniform(5, 11), cloth.uniform(40, 120)
    folds = fractal_noise(rng, height, width, 3)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x += rng.uniform(0, stripe) + 14 * (folds - 0.5)
    y += rng.uniform(0, stripe) + 14 * fractal_noise(rng, height, width, 3)
    along, across = np.sin(2 * np.pi * x / period), np.sin(2 * np.pi * y / period)
    over = (along * across > 0)[..., None]
    thread = np.where(over, np.abs(along)[..., None], np.abs(across)[..., None])
    band = 0.8 + 0.2 * np.sign(np.sin(2 * np.pi * x / stripe))[..., None]
    image = np.where(over, warp * band, weft) * (0.55 + 0.45 * thread)
    image *= 0.7 + 0.6 * folds[..., None] + rng.normal(0, 0.04, (height, width, 1))
    return _grain(rng, image)


def _grain(rng: np.random.Generator, image: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(image + rng.normal(0, 2, image.shape[:2])[..., None], 0, 255).astype(np.uint8)
