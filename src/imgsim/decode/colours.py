"""Pixels of any kind to 8 bits of grey, RGB or YCbCr, as `decode.decoder` states it."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Colour = Literal["grey", "rgb", "ycbcr"]
_ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


def convert(image: Any, colour: Colour) -> Any:
    """Convert a Pillow image to mode L, RGB or YCbCr, transparency over white; Y is what L has."""
    from PIL import Image

    if colour == "ycbcr":
        _, *chroma = convert(image, "rgb").convert("YCbCr").split()
        return Image.merge("YCbCr", (convert(image, "grey"), *chroma))
    target = "L" if colour == "grey" else "RGB"
    if image.mode == target:
        return image if "transparency" not in image.info else _flatten(image).convert(target)
    if image.mode in _DEEP_MODES:
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert(target)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return _flatten(image).convert(target)
    if image.mode == "LAB":
        image = _lab_to_rgb(image)
    return image.convert(target)


def _flatten(image: Any) -> Any:
    from PIL import Image

    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    ground.alpha_composite(image)
    return ground.convert("RGB")


def _to_8_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale deep samples: 0..1, 0..255 or 0..65535 by the smallest of these that holds them."""
    values = np.nan_to_num(samples.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(values.max(initial=0.0))
    if samples.dtype.kind == "f" and top <= 1.0:
        values = values * 255.0
    elif samples.dtype.itemsize == 2 or 255.0 < top <= 65535.0:
        values = values / 257.0
    elif top > 65535.0:
        values = values * (255.0 / top)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _lab_to_rgb(image: Any) -> Any:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")


def pixel_digest(image: Any) -> str:
    """Hash size and pixels; fully transparent pixels count as equal, deep samples in full."""
    digest = hashlib.sha256()
    if image.mode in _DEEP_MODES:
        samples = np.asarray(image)
        digest.update(f"{image.mode[0]} {image.size} {samples.dtype.itemsize} ".encode())
        digest.update(samples.tobytes())
        return digest.hexdigest()
    digest.update(f"8 {image.size} ".encode())
    if image.mode == "LAB":
        image = _lab_to_rgb(image)
    for top in range(0, image.height, 256):
        strip = image.crop((0, top, image.width, min(top + 256, image.height)))
        pixels = np.asarray(strip.convert("RGBA")).copy()
        pixels[pixels[..., 3] == 0] = 0
        digest.update(pixels.tobytes())
    return digest.hexdigest()
