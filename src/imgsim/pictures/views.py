"""Places seen from several viewpoints: a street of boxes, ray-traced, with real parallax.

A stand-in for SFBench-like sets on a fresh clone: four photos of a place, taken from a few steps
aside, in another direction and light, in several sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgsim.pictures.textures import fractal_noise

Array32 = NDArray[np.float32]
_SIZES = ((640, 480), (800, 600), (480, 640), (960, 640))
_ROWS = 64  # of the picture, traced at a time


@dataclass(frozen=True, slots=True)
class _Place:
    """Boxes on a ground, of which the first few are houses. x to the right, y up, z ahead."""

    low: Array32  # shape (boxes, 3)
    high: Array32
    colour: Array32  # shape (boxes, 3)
    window: Array32  # width and height of windows and the gaps between; shape (boxes, 4)
    houses: int
    ground: Array32  # a colour
    noise: Array32  # shape (512, 512)
    sky: Array32  # colours at the top and the horizon, shape (2, 3)


def view(seed: int, place: int, number: int) -> NDArray[np.uint8]:
    """Paint a photo of a place.

    Parameters
    ----------
    seed, place : int
        Which place.
    number : int
        Which viewpoint. Its size goes round with the number.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        480-960 x 480-640.
    """
    seen = _make_place(seed, place)
    rng = np.random.default_rng((seed, 82, place, number))
    width, height = _SIZES[(place + number) % len(_SIZES)]
    eye = np.array([rng.uniform(-3.5, 3.5), rng.uniform(1.4, 2.2), rng.uniform(-3, 2)])
    target = np.array([rng.uniform(-1.5, 1.5), rng.uniform(2, 3), 14.0])
    sun = np.array([rng.uniform(-0.9, 0.9), 1.0, -0.7])
    sun /= np.linalg.norm(sun)
    zoom = rng.uniform(0.75, 1.0) * max(width, height)
    fine = (width * 3 // 2, height * 3 // 2)
    image = np.empty((fine[1], fine[0], 3), np.float32)
    for top in range(0, fine[1], _ROWS):
        rows = np.arange(top, min(fine[1], top + _ROWS))
        rays = _rays(eye, target, rows, fine, zoom * 1.5)
        block = _trace(seen, eye.astype(np.float32), rays, sun.astype(np.float32))
        image[rows] = block.reshape(len(rows), fine[0], 3)
    image *= rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3).astype(np.float32)
    exact = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    small = np.asarray(exact.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float64)
    return np.clip(small + rng.normal(0, 3, small.shape), 0, 255).astype(np.uint8)


def _make_place(seed: int, place: int) -> _Place:
    rng = np.random.default_rng((seed, 81, place))
    low, high = [], []
    edge = -16.0
    while edge < 16:  # houses side by side, some further back
        wide, deep = rng.uniform(3.5, 8), rng.uniform(12, 18)
        low.append((edge, 0, deep))
        high.append((edge + wide, rng.uniform(4, 11), deep + 6))
        edge += wide + (rng.uniform(0.5, 2) if rng.random() < 0.3 else 0)
    houses = len(low)
    for _ in range(int(rng.integers(6, 12))):  # what stands in the street
        x, z = rng.uniform(-7, 7), rng.uniform(4.5, 11)
        wide, tall, deep = rng.uniform((0.2, 0.4, 0.2), (1.8, 2.4, 1.2))
        low.append((x, 0, z))
        high.append((x + wide, tall, z + deep))
    boxes = len(low)
    window = np.stack(
        [rng.uniform(0.5, 1.2, boxes), rng.uniform(0.7, 1.6, boxes),
         rng.uniform(0.4, 1.2, boxes), rng.uniform(0.7, 1.4, boxes)], axis=1,
    )  # fmt: skip
    light = rng.uniform(0, 1)
    return _Place(
        np.array(low, np.float32),
        np.array(high, np.float32),
        (rng.uniform(80, 205, (boxes, 1)) + rng.normal(0, 24, (boxes, 3))).astype(np.float32),
        window.astype(np.float32),
        houses,
        (rng.uniform(90, 160) + rng.normal(0, 8, 3)).astype(np.float32),
        fractal_noise(rng, 512, 512, 8).astype(np.float32),
        np.array([[90 - 40 * light, 130, 200], [235, 235 - 20 * light, 240 - 60 * light]])
        .astype(np.float32),
    )  # fmt: skip


def _rays(
    eye: NDArray[np.float64],
    target: NDArray[np.float64],
    rows: NDArray[np.int64],
    size: tuple[int, int],
    zoom: float,
) -> Array32:
    """Compute unit vectors through the pixels of some rows."""
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross([0.0, 1, 0], ahead)
    right /= np.linalg.norm(right)
    up = np.cross(ahead, right)
    x = (np.arange(size[0]) + 0.5 - size[0] / 2) / zoom
    y = (size[1] / 2 - rows - 0.5) / zoom
    rays = ahead + x[None, :, None] * right + y[:, None, None] * up
    rays = rays.reshape(-1, 3)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), dtype=np.float32)


def _hits(seen: _Place, start: Array32, rays: Array32) -> tuple[Array32, NDArray[np.int64]]:
    """Find the first box along each ray, and its distance; -1 and infinite for none."""
    nearest = np.full(len(rays), np.inf, np.float32)
    which = np.full(len(rays), -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # axis by axis: many times quicker than over rows of three
        inverse = np.ascontiguousarray(1 / rays.T)
        begin = (
            np.ascontiguousarray(start.T) * inverse if start.ndim > 1 else start[:, None] * inverse
        )
        for box, (low, high) in enumerate(zip(seen.low, seen.high, strict=True)):
            enter = np.full(len(rays), 1e-3, np.float32)
            leave = np.full(len(rays), np.inf, np.float32)
            for axis in range(3):
                one = low[axis] * inverse[axis] - begin[axis]
                other = high[axis] * inverse[axis] - begin[axis]
                enter = np.maximum(enter, np.minimum(one, other))
                leave = np.minimum(leave, np.maximum(one, other))
            closer = (enter < leave) & (enter > 1e-3) & (enter < nearest)
            nearest[closer], which[closer] = enter[closer], box
    return nearest, which


def _trace(seen: _Place, eye: Array32, rays: Array32, sun: Array32) -> Array32:
    """Compute the colours along rays from the eye, shape (n, 3)."""
    height = np.clip(rays[:, 1:2] * 2.5, 0, 1)
    image = seen.sky[1] + (seen.sky[0] - seen.sky[1]) * height
    nearest, which = _hits(seen, eye, rays)
    with np.errstate(divide="ignore"):
        floor = np.where(rays[:, 1] < 0, -eye[1] / rays[:, 1], np.inf)
    on_floor = floor < nearest
    nearest, which = np.minimum(nearest, floor), np.where(on_floor, -1, which)
    solid = np.flatnonzero(nearest < 120)
    point = eye + nearest[solid, None] * rays[solid]
    boxes = which[solid]
    colour, normal = _surface(seen, point, boxes)
    shadowed = np.isfinite(_hits(seen, point + 2e-3 * normal, np.broadcast_to(sun, point.shape))[0])
    lit = 0.45 + 0.65 * np.where(shadowed, 0, np.clip(normal @ sun, 0, 1))
    haze = np.clip(nearest[solid] / 90, 0, 1)[:, None]
    image[solid] = colour * lit[:, None] * (1 - haze) + seen.sky[1] * haze
    return np.asarray(image, dtype=np.float32)


def _surface(seen: _Place, point: Array32, boxes: NDArray[np.int64]) -> tuple[Array32, Array32]:
    """Compute colour and outward normal of points on boxes, or on the ground (box -1)."""
    middle = (seen.low[boxes] + seen.high[boxes]) / 2
    away = (point - middle) / ((seen.high[boxes] - seen.low[boxes]) / 2)
    side = np.abs(away).argmax(axis=1)
    side[boxes < 0] = 1
    normal = np.zeros_like(point)
    rows = np.arange(len(point))
    normal[rows, side] = np.where(boxes < 0, 1, np.sign(away[rows, side]))
    # Two coordinates on the surface: along it, and up (or ahead, on level surfaces).
    along = np.where(side == 0, point[:, 2], point[:, 0])
    up = np.where(side == 1, point[:, 2], point[:, 1])
    fine, coarse = (_noise_at(seen.noise, along, up, scale, boxes) for scale in (90, 17))
    colour = np.where(boxes[:, None] < 0, seen.ground, seen.colour[boxes])
    colour = colour * (0.65 + 0.35 * fine + 0.35 * coarse)[:, None]
    wide, tall, gap, storey = seen.window[boxes].T
    u = (along - seen.low[boxes, 0]) % (wide + gap)
    v = (up - 0.5) % (tall + storey)
    pane = (boxes >= 0) & (boxes < seen.houses) & (side != 1) & (u < wide) & (v < tall) & (up > 0.5)
    frame = pane & ((u < 0.07) | (u > wide - 0.07) | (v < 0.07) | (np.abs(u - wide / 2) < 0.03))
    colour[pane] = np.array([40, 50, 65]) + 90 * coarse[pane, None]
    colour[frame] = (225, 222, 215)
    paving = (boxes < 0) & ((along % 0.9 < 0.04) | (up % 0.9 < 0.04))
    colour[paving] *= 0.7
    return colour.astype(np.float32), normal


def _noise_at(
    noise: Array32, along: Array32, up: Array32, scale: float, boxes: NDArray[np.int64]
) -> Array32:
    """Look up the noise at points of surfaces, another cut of it on each box."""
    y, x = np.abs(up * scale).astype(int) + 131 * boxes, np.abs(along * scale).astype(int)
    return np.asarray(noise[_to_and_fro(y, noise.shape[0]), _to_and_fro(x, noise.shape[1])])


def _to_and_fro(place: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Fold places to 0, 1, ... n - 1, n - 1, ... 0 and again, so that repeats have no seam."""
    turn = place % (2 * n)
    return np.where(turn < n, turn, 2 * n - 1 - turn)
