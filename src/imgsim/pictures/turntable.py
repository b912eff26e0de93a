"""Fruit-like solids on a turntable: really turned, lit from a fixed lamp, before white.

A stand-in for Fruits-360 on a fresh clone: the same size, ground, naming and kind of change between
frames. It is easier: every frame has the same light, and the kinds differ more than real ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LAMP = np.array([-0.45, -0.6, -0.66])  # x to the right, y down, z away from the eye
_TILT = np.radians(20)  # the eye looks down on the table
_KINDS = (  # colours from the top to the bottom, and of blush or spots
    ((200, 40, 35), (225, 190, 80), (150, 15, 25)),
    ((110, 165, 50), (170, 200, 80), (200, 90, 60)),
    ((240, 150, 30), (245, 165, 40), (220, 120, 20)),
    ((245, 215, 60), (240, 225, 110), (120, 90, 30)),
    ((80, 30, 70), (110, 45, 90), (60, 20, 60)),
    ((150, 110, 60), (170, 135, 85), (100, 70, 40)),
    ((60, 110, 45), (90, 150, 60), (200, 210, 140)),
    ((230, 110, 90), (250, 190, 130), (190, 50, 60)),
)


@dataclass(frozen=True, slots=True)
class _Fruit:
    """A star-shaped solid: the radius in each direction, and the colour there."""

    stretch: float  # height over width
    taper: float  # narrower at the top
    lobes: int
    depth: float  # of the lobes
    dent: float  # at the top
    colours: Array  # top, bottom, blush
    spots: Array  # directions, shape (n, 3)
    grain: Array  # values on a lattice of directions, shape (24, 24, 24)
    shine: float
    stem: float

    def radius(self, direction: Array) -> Array:
        """Compute the distance from the centre to the skin, for unit vectors of shape (n, 3)."""
        x, y, z = direction.T
        around = np.arctan2(z, x)
        flat = np.hypot(x, z)
        round_off = 1 / np.sqrt(flat**2 + (y / self.stretch) ** 2)
        lobes = 1 + self.depth * flat * np.cos(self.lobes * around)
        dent = 1 - self.dent * np.exp(-(((1 + y) / 0.12) ** 2))
        return np.asarray(round_off * lobes * dent * (1 + self.taper * y))

    def colour(self, direction: Array) -> Array:
        """Compute the colour of the skin in 0..255, for unit vectors of shape (n, 3)."""
        top, bottom, blush = self.colours
        height = (1 + direction[:, 1:2]) / 2
        rough = _lattice(self.grain, direction)[:, None]
        skin = top + (bottom - top) * np.clip(height + 0.5 * (rough - 0.5), 0, 1)
        side = np.clip((direction @ self.spots[0])[:, None] + 0.6 * (rough - 0.5), 0, 1)
        skin = skin + (blush - skin) * side
        near = (direction @ self.spots[1:].T).max(axis=1)[:, None]
        skin = skin + (0.4 * blush - skin) * np.clip((near - 0.993) / 0.004, 0, 1)
        return np.asarray(skin * (0.85 + 0.3 * rough))


def fruit(
    seed: int,
    kind: int,
    degrees: float,
    size: int = 100,
    ground: NDArray[np.floating] | None = None,
) -> NDArray[np.uint8]:
    """Paint a fruit on a turntable.

    Parameters
    ----------
    seed, kind : int
        Which fruit.
    degrees : float
        How far the table has turned.
    size : int
        Pixels of a side.
    ground : ndarray, shape (size, size, 3), optional
        What is around the fruit, in 0..255; white by default.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
    """
    made = _make_fruit(seed, kind)
    fine = 2 * size
    across = (np.arange(fine) + 0.5) / fine * 2 - 1
    x, y = np.meshgrid(across, across)
    scale = 1.12 * max(1.0, made.stretch) * (1 + abs(made.taper))
    eye = np.stack([x, y, np.full_like(x, -2.0)], axis=-1).reshape(-1, 3) * scale
    turn = _table_rotation(degrees)
    start, ahead = eye @ turn, np.array([0.0, 0.0, 1.0]) @ turn
    around = np.full((size, size, 3), 255.0) if ground is None else ground
    image = np.repeat(np.repeat(around, 2, 0), 2, 1).reshape(-1, 3).astype(float)
    hit = _march(made, start, ahead, scale)
    seen = np.isfinite(hit)
    point = start[seen] + hit[seen, None] * ahead
    direction = point / np.linalg.norm(point, axis=1, keepdims=True)
    normal = _surface_normals(made, point)
    lamp = _LAMP @ turn
    light = 0.45 + 0.65 * np.clip(normal @ lamp, 0, 1)
    mirrored = 2 * (normal @ lamp)[:, None] * normal - lamp
    gleam = 255 * made.shine * np.clip(-mirrored @ ahead, 0, 1) ** 24
    skin = made.colour(direction)
    at_stem = (direction[:, 1] < -0.985) & (made.stem > 0)
    skin[at_stem] = (90, 70, 40)
    image[seen] = skin * light[:, None] + gleam[:, None]
    pixels = np.clip(image, 0, 255).reshape(size, 2, size, 2, 3).mean(axis=(1, 3))
    return np.asarray(pixels, dtype=np.uint8)


@lru_cache(maxsize=64)
def _make_fruit(seed: int, kind: int) -> _Fruit:
    rng = np.random.default_rng((seed, 71, kind))
    spots = rng.normal(size=(int(rng.integers(2, 40)), 3))
    colours = np.array(_KINDS[kind % len(_KINDS)]) + rng.uniform(-25, 25, (3, 3))
    return _Fruit(
        stretch=float(rng.choice((0.85, 1.0, 1.15, 1.4)) + rng.uniform(-0.05, 0.05)),
        taper=float(rng.choice((0.0, 0.1, 0.25, -0.1))),
        lobes=int(rng.integers(3, 7)),
        depth=float(rng.choice((0.0, 0.02, 0.06))),
        dent=float(rng.uniform(0.05, 0.3)),
        colours=colours,
        spots=spots / np.linalg.norm(spots, axis=1, keepdims=True),
        grain=rng.random((24, 24, 24)),
        shine=float(rng.uniform(0, 0.6)),
        stem=float(rng.integers(2)),
    )


def _table_rotation(degrees: float) -> Array:
    """Compute the rotation from the eye's axes to the turned fruit's, for rows of vectors."""
    angle = np.radians(degrees)
    sine, cosine = np.sin(angle), np.cos(angle)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    sine, cosine = np.sin(_TILT), np.cos(_TILT)
    tilt = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return np.asarray(tilt.T @ turn)


def _inside(made: _Fruit, point: Array) -> NDArray[np.bool_]:
    length = np.linalg.norm(point, axis=1)
    return np.asarray(length < made.radius(point / np.maximum(length, 1e-9)[:, None]))


def _march(made: _Fruit, start: Array, ahead: Array, radius: float) -> Array:
    """Compute the distance at which each ray first enters the skin; infinite if it never does."""
    hit = np.full(len(start), np.inf)
    nearest = -start @ ahead  # to the centre
    aside = np.linalg.norm(start + nearest[:, None] * ahead, axis=1)
    open_rays = np.flatnonzero(aside < radius)
    step = 2 * radius / 32
    for distance in np.arange(nearest.min() - radius, nearest.max() + radius, step):
        entered = _inside(made, start[open_rays] + distance * ahead)
        hit[open_rays[entered]] = distance
        open_rays = open_rays[~entered]
    hitting = np.flatnonzero(np.isfinite(hit))
    low, high = hit[hitting] - step, hit[hitting]
    for _ in range(9):
        middle = (low + high) / 2
        within = _inside(made, start[hitting] + middle[:, None] * ahead)
        low, high = np.where(within, low, middle), np.where(within, middle, high)
    hit[hitting] = high
    return hit


def _surface_normals(made: _Fruit, point: Array) -> Array:
    """Compute outward unit vectors on the skin, by differences."""

    def height(p: Array) -> Array:
        length = np.linalg.norm(p, axis=1)
        return np.asarray(length - made.radius(p / length[:, None]))

    slope = np.stack([height(point + d) - height(point - d) for d in 1e-3 * np.eye(3)], axis=1)
    return np.asarray(slope / np.linalg.norm(slope, axis=1, keepdims=True))


def _lattice(values: Array, direction: Array) -> Array:
    """Compute smooth noise in 0..1 on the sphere, from values on a lattice in space."""
    place = (direction + 1) / 2 * (np.array(values.shape) - 1.001)
    low = place.astype(int)
    part = place - low
    part = part * part * (3 - 2 * part)
    total = np.zeros(len(direction))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        total += weight * values[tuple((low + corner).T)]
    return total
