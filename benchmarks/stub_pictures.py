"""Pictures that are made when they are read, of files that hold no more than a number.

A stub is text, ``KIND SEED CHANGE``, padded with zeros to the length of a usual picture (a hole of
the file, which takes no room). `Stubs` makes its JPEG in a few milliseconds; what that takes is a
stage of its own, "making". Kinds:

scene
    Shapes with surfaces of their own upon a ground, all drawn at random: no two have a part in
    common, and many corners, as photos have.
receipt
    Lines of random words and prices on white.
camera
    One scene a camera looks at, in each hundred of seeds another, with a thing of 2 to 6 % of the
    area in it elsewhere in each frame, and noise: none is a copy of another.
frames
    The same of one scene alone.
noise
    One scene in frames that differ in noise alone: all are copies.
shot
    One product shot, white around, with another label on each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgsim.decode.decoder import Decoder
from imgsim.stage_times import STAGES, staged

STAGES["making"] = "stubs are made pictures"

CHANGES = ("smaller", "quality", "cropped", "light", "mirrored")

Image = NDArray[np.uint8]


def write_stub(path: Path, kind: str, seed: int, change: str = "") -> None:
    """Write a stub that stands for a picture, or for a copy of it by a change."""
    with open(path, "wb") as stream:
        stream.write(f"{kind} {seed} {change}\n".encode())
        stream.truncate(10_000 + (seed * 7919 + len(change)) % 50_000)


@dataclass(frozen=True, slots=True)
class Stubs(Decoder):
    """Decodes what stubs stand for."""

    @staged("making")
    def unpacked(self, data: bytes) -> bytes:
        """Return the JPEG that a stub stands for."""
        kind, seed, change = data.split(b"\n", 1)[0].decode().split(" ")
        return _made(kind, int(seed), change)


@lru_cache(64)
def _made(kind: str, seed: int, change: str) -> bytes:
    image = _MAKERS[kind](seed)
    quality = 88
    height, width = image.shape[:2]
    if change == "smaller":
        size = round(width * 0.6), round(height * 0.6)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    elif change == "quality":
        quality = 40
    elif change == "cropped":
        image = image[height // 10 : -height // 10, width // 8 : -width // 20]
    elif change == "light":
        image = cv2.convertScaleAbs(image, alpha=0.85, beta=20)
    elif change == "mirrored":
        image = cv2.flip(image, 1)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def _surface(rng: np.random.Generator, height: int, width: int, fine: int) -> NDArray[np.float32]:
    total = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((2, 60), (5, 40), (12, 30), (fine, 25)):
        grid = rng.standard_normal((cells * height // width + 2, cells + 2, 3), np.float32)
        total += cv2.resize(grid * strength * rng.uniform(0.3, 1), (width, height))
    return total + rng.uniform(60, 200, 3).astype(np.float32)


def _noisy(image: NDArray[np.float32] | Image, seed: int, level: float) -> Image:
    cv2.setRNGSeed(seed % 2**31)
    noise = np.empty(image.shape, np.int16)
    cv2.randn(noise, (0, 0, 0), (level, level, level))
    return cv2.add(image, noise, dtype=cv2.CV_8U)


def _shape(rng: np.random.Generator, height: int, width: int) -> Image:
    """A mask with a shape."""
    mask = np.zeros((height, width), np.uint8)
    size = float(rng.uniform(0.04, 0.3)) * width
    middle = rng.uniform((0, 0), (width, height))
    if rng.random() < 0.25:
        axes = tuple(rng.integers(3, 3 + round(size), 2).tolist())
        cv2.ellipse(mask, np.int32(middle).tolist(), axes, int(rng.integers(180)), 0, 360, 255, -1)
        return mask
    corners = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
    reach = size * rng.uniform(0.3, 1, len(corners))
    points = middle + np.stack([np.cos(corners), np.sin(corners)], 1) * reach[:, None]
    cv2.fillPoly(mask, [np.int32(points)], 255, cv2.LINE_AA)
    return mask


def _scene(seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng([1, seed])
    longer, shorter = int(rng.integers(260, 400)), float(rng.choice([0.67, 0.75, 0.8, 1.0]))
    width, height = longer, round(longer * shorter)
    if rng.random() < 0.3:
        width, height = height, width
    image = _surface(rng, height, width, int(rng.integers(20, 60)))
    for _ in range(rng.integers(12, 36)):
        mask = _shape(rng, height, width)
        x, y, w, h = cv2.boundingRect(mask)
        if w < 2 or h < 2:
            continue
        part = slice(y, y + h), slice(x, x + w)
        surface = _surface(rng, h, w, int(rng.integers(6, 20)))
        share = mask[part].astype(np.float32)[..., None] / 255
        image[part] += (surface - image[part]) * share
    return image


_kept_scene = lru_cache(4)(_scene)


def scene(seed: int) -> Image:
    return _noisy(_scene(seed), seed, 2)


def camera(seed: int) -> Image:
    return _frame(2**40 + seed // 100, seed)


def frames(seed: int) -> Image:
    return _frame(2**40, seed)


def _frame(view: int, seed: int) -> Image:
    image = _kept_scene(view).copy()
    rng = np.random.default_rng([2, seed])
    height, width = image.shape[:2]
    side = round((rng.uniform(0.02, 0.06) * height * width) ** 0.5)
    y, x = rng.integers(0, height - side), rng.integers(0, width - side)
    thing = cv2.resize(_scene(2**41 + seed), (side, side), interpolation=cv2.INTER_AREA)
    image[y : y + side, x : x + side] = thing
    return _noisy(image, seed, 2)


def noise(seed: int) -> Image:
    return _noisy(_kept_scene(2**42), seed, 3)


def shot(seed: int) -> Image:
    rng = np.random.default_rng([3, seed])
    image = np.full((320, 320, 3), 252, np.uint8)
    own = cv2.resize(_kept_scene(2**43), (150, 230))
    image[50:280, 85:235] = np.clip(own, 0, 255)
    image[120:190, 100:220] = rng.uniform(120, 250, 3)
    for line in range(3):
        word = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVWXYZ"), 7))
        cv2.putText(image, word, (104, 140 + 20 * line), 0, 0.6, rng.uniform(0, 90, 3).tolist(), 2)
    return _noisy(image, seed, 1)


def receipt(seed: int) -> Image:
    rng = np.random.default_rng([4, seed])
    width = int(rng.integers(220, 300))
    lines = int(rng.integers(12, 26))
    image = np.full((lines * 15 + 40, width, 3), int(rng.integers(235, 254)), np.uint8)
    for line in range(lines):
        word = "".join(rng.choice(list("abcdefghiklmnoprstuvwxyz    "), rng.integers(5, 18)))
        price = f"{rng.uniform(0, 99):.2f}"
        for text, x in ((word, 10), (price, width - 55)):
            cv2.putText(image, text, (x, 25 + 15 * line), 0, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
    return _noisy(image, seed, 2)


_MAKERS: dict[str, Callable[[int], Image]] = {
    "scene": scene,
    "receipt": receipt,
    "camera": camera,
    "frames": frames,
    "noise": noise,
    "shot": shot,
}
