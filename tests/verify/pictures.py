"""Pictures that the tests of verification make, and what is done with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from imgsim.comparators.local import COLOURS_SIDE, LONG_SIDE, LocalFeatures, records
from imgsim.decode.detail import shrink
from imgsim.pictures.generate import landscape
from imgsim.pictures.lettering import font
from imgsim.types import Verdict
from imgsim.verify import limits
from imgsim.verify.judge import judge
from imgsim.verify.keypoints import Keypoints, matrices_from_keypoints
from imgsim.verify.matrix import Matrix
from imgsim.verify.multiscale import MultiscaleImage

UPRIGHT = np.eye(3)
MIRRORED = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]])
SMALL = 320, 240


def picture(seed: int = 3, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """A landscape with grain and things in it, so that there are corners all over."""
    return _picture(seed, size).copy()


@cache
def _picture(seed: int, size: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = Image.fromarray(landscape(seed, *size))
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        r = rng.integers(4, 22)
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)((x, y, x + r, y + r), colour)
    return image


def matrix_of_rows(left: Any, right: Any, *, mirrored: bool) -> Matrix | None:
    """The matrix that the keypoints of two records imply."""
    both = Keypoints.of(left), Keypoints.of(right)
    return next(matrices_from_keypoints(*both, mirrored=mirrored), None)


def captioned(image: Image.Image, words: str = "Holiday by the sea") -> Image.Image:
    """A copy with words at its lower edge."""
    image = image.copy()
    ImageDraw.Draw(image).text(
        (30, image.height - 40), words, "white", font(26), stroke_width=3, stroke_fill="black"
    )
    return image


def stamped(image: Image.Image, time: str, size: int) -> Image.Image:
    """A copy with a time at its lower left, in letters of so many pixels."""
    image = image.copy()
    ImageDraw.Draw(image).text((20, image.height - 26 - size), time, "white", font(size))
    return image


def grained(image: Image.Image, deviation: float, seed: int = 0) -> Image.Image:
    """A copy with grain of so many grey levels."""
    pixels = np.asarray(image, np.float64)
    pixels = pixels + np.random.default_rng(seed).normal(0, deviation, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def page(lines: int, seed: int) -> Image.Image:
    """A printed page; pages of two seeds differ in their last digits only."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", (500, 760), 244)
    draw = ImageDraw.Draw(image)
    for line in range(lines):
        number = 100 + line if line != lines // 2 else int(rng.integers(100, 999))
        draw.text(
            (40, 30 + 24 * line), f"{line:02} article of the same kind {number}", 20, font(17)
        )
    return image


def waved(image: Image.Image, amplitude: float) -> Image.Image:
    """A copy whose pixels are displaced by so many pixels, here and there another way."""
    pixels = np.asarray(image)
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32)
    places = x + amplitude * np.sin(y / 40), y + amplitude * np.cos(x / 50)
    return Image.fromarray(
        cv2.remap(pixels, *(p.astype(np.float32) for p in places), cv2.INTER_CUBIC)
    )


def grey(image: Image.Image, side: int) -> NDArray[np.uint8]:
    return shrink(np.asarray(image.convert("L")), side)


def rows(*images: Image.Image) -> NDArray:
    """Records of `LocalFeatures`."""
    return np.concatenate(
        [records(LocalFeatures().extract(np.asarray(i.convert("YCbCr"))[None])) for i in images]
    )


def multiscale(image: Image.Image) -> MultiscaleImage:
    small = image.convert("YCbCr").resize((COLOURS_SIDE, COLOURS_SIDE))
    rgb = np.asarray(image.convert("RGB"))
    height, width = grey(image, LONG_SIDE).shape
    return MultiscaleImage(
        lambda side: grey(image, side),
        (height, width),
        np.asarray(small),
        lambda: rgb,
        detail_rgb=lambda: rgb,
        saved_rgb=lambda: rgb,
        detail_colours=lambda: shrink(np.asarray(image.convert("YCbCr")), max(image.size) // 2),
    )


def verify(left: Image.Image, right: Image.Image, *hypotheses: NDArray[np.float64]) -> Verdict:
    """The verdict on two pictures that lie upon each other upright, if nothing else is said."""
    return judge(multiscale(left), multiscale(right), hypotheses or [UPRIGHT])


@contextmanager
def other_limits(module: str, **changes: float) -> Iterator[None]:
    """Let a module of `imgsim.verify` read other limits."""
    with patch(f"imgsim.verify.{module}.LIMITS", limits.LIMITS._replace(**changes)):
        yield
