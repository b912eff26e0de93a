"""Pixels of any kind to 8 bits of grey, RGB or YCbCr, as `decode.decoder` states it."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np

from imgsim.decode.levels import to_8_bit
from imgsim.decode.rows import ArrayRows, SampleRows

Colour = Literal["grey", "rgb", "ycbcr"]
_STRIP_PIXELS = 1 << 20
ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


def convert(image: Any, colour: Colour) -> Any:
    """Convert a Pillow image to mode L, RGB or YCbCr, transparency over white; Y is what L has."""
    return converted(plain(image), colour)


def plain(image: Any) -> Any:
    """Convert a Pillow image to what any colour is made of: L, RGB, or the YCbCr of a JPEG.

    Its samples can be averaged: no palette, no transparency, no inks. What is that already is
    returned itself.
    """
    from PIL import Image

    if image.mode in ALPHA_MODES or "transparency" in image.info:
        return _flatten(image)
    if image.mode in DEEP_MODES:
        return Image.fromarray(to_8_bit(np.asarray(image)))
    if image.mode in ("L", "RGB", "YCbCr"):
        return image
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    return image.convert("L" if image.mode == "1" else "RGB")


def converted(image: Any, colour: Colour) -> Any:
    """Convert what `plain` returned to mode L, RGB or YCbCr."""
    from PIL import Image

    if colour == "grey":
        return image.getchannel("Y") if image.mode == "YCbCr" else _in_mode(image, "L")
    if colour == "rgb" or image.mode == "YCbCr":
        return _in_mode(image, "RGB" if colour == "rgb" else "YCbCr")
    _, *chroma = _in_mode(image, "RGB").convert("YCbCr").split()
    return Image.merge("YCbCr", (_in_mode(image, "L"), *chroma))


def _in_mode(image: Any, mode: str) -> Any:
    """Convert an image; one that is in the mode is not copied."""
    return image if image.mode == mode else image.convert(mode)


def _flatten(image: Any) -> Any:
    from PIL import Image

    if image.mode != "RGBA" or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    ground.alpha_composite(image)
    return ground.convert("RGB")


def _lab_to_rgb(image: Any) -> Any:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")


def pixel_digest(image: Any) -> str:
    """Hash size and pixels; fully transparent pixels count as equal, deep samples in full."""
    if image.mode in DEEP_MODES:
        return samples_digest(ArrayRows(np.asarray(image)))
    digest = hashlib.sha256()
    digest.update(f"8 {image.size} ".encode())
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        if strip.mode == "LAB":
            strip = _lab_to_rgb(strip)
        pixels = np.asarray(strip.convert("RGBA")).copy()
        pixels[pixels[..., 3] == 0] = 0
        digest.update(pixels.tobytes())
    return digest.hexdigest()


def samples_digest(samples: SampleRows) -> str:
    """Hash the shape, type and values of samples, whatever their byte order.

    Parameters
    ----------
    samples : SampleRows
    """
    digest = hashlib.sha256(f"{samples.dtype.kind}{samples.dtype.itemsize} ".encode())
    digest.update(f"{samples.shape} ".encode())
    height, width = samples.shape[:2]
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = samples.rows(top, min(top + rows, height))
        digest.update(strip.astype(strip.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
