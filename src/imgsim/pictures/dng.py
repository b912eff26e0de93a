"""Writes a picture as a camera raw file: a DNG with one plane behind a colour filter.

Source: Adobe Digital Negative Specification 1.4; CIPA DC-008 (Exif), for the date.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_ASCII, _SHORT, _LONG, _BYTE, _RATIONAL = 2, 3, 4, 1, 10
_SIZES = {_ASCII: 1, _SHORT: 2, _LONG: 4, _BYTE: 1, _RATIONAL: 8}
_CODES = {_SHORT: "H", _LONG: "I", _BYTE: "B"}
_SRGB_FROM_XYZ = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
_Tag = tuple[int, int, tuple[int, ...] | bytes]


def write_dng(
    plane: NDArray[np.uint16],
    *,
    make: str = "imgsim",
    model: str = "imgsim",
    taken: str = "",
    fraction: str = "",
) -> bytes:
    """Return the bytes of a DNG.

    Parameters
    ----------
    plane : ndarray of uint16, shape (h, w)
        Linear levels behind the filter: red, green, green, blue, see `colour_filter`.
    make, model : str
        Of the camera.
    taken : str
        Date and time as EXIF has them: ``2024:05:01 10:00:00``; none if empty.
    fraction : str
        Digits of the fraction of the second.
    """
    height, width = plane.shape
    matrix = b"".join(struct.pack("<ii", round(v * 10_000), 10_000) for v in _SRGB_FROM_XYZ)
    tags: list[_Tag] = [
        (254, _LONG, (0,)), (256, _LONG, (width,)), (257, _LONG, (height,)), (258, _SHORT, (16,)),
        (259, _SHORT, (1,)), (262, _SHORT, (32803,)), (271, _ASCII, _text(make)),
        (272, _ASCII, _text(model)), (274, _SHORT, (1,)), (277, _SHORT, (1,)),
        (278, _LONG, (height,)), (279, _LONG, (plane.nbytes,)), (33421, _SHORT, (2, 2)),
        (33422, _BYTE, (0, 1, 1, 2)), (50706, _BYTE, (1, 4, 0, 0)),
        (50708, _ASCII, _text(model)), (50717, _LONG, (65535,)), (50721, _RATIONAL, matrix),
    ]  # fmt: skip
    own: list[_Tag] = []
    if taken:
        own.append((0x9003, _ASCII, _text(taken)))
        if fraction:
            own.append((0x9291, _ASCII, _text(fraction)))
    # places are known once all lengths are: the second time they are right
    exif_at = pixels_at = 0
    for _ in range(2):
        pointers: list[_Tag] = [(273, _LONG, (pixels_at,))]
        if own:
            pointers.append((0x8769, _LONG, (exif_at,)))
        first = _directory(sorted([*tags, *pointers]), 8)
        exif_at = 8 + len(first)
        exif = _directory(own, exif_at) if own else b""
        pixels_at = exif_at + len(exif)
    return b"II*\0" + struct.pack("<I", 8) + first + exif + plane.astype("<u2").tobytes()


def colour_filter(image: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return what a sensor behind a colour filter sees of an sRGB picture.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)

    Returns
    -------
    ndarray of uint16, shape (h, w)
        Linear levels of one colour for each pixel.
    """
    levels = (60_000 * (image.astype(np.float64) / 255) ** 2.2).astype(np.uint16)
    plane = levels[..., 1].copy()
    plane[::2, ::2] = levels[::2, ::2, 0]
    plane[1::2, 1::2] = levels[1::2, 1::2, 2]
    return plane


def _text(text: str) -> bytes:
    return text.encode("ascii", "replace") + b"\0"


def _directory(tags: list[_Tag], start: int) -> bytes:
    """The bytes of a directory that begins at a place, with its long values behind it."""
    body, behind = struct.pack("<H", len(tags)), b""
    values_at = start + 2 + 12 * len(tags) + 4
    for tag, kind, value in tags:
        if not isinstance(value, bytes):
            value = struct.pack(f"<{len(value)}{_CODES[kind]}", *value)
        count = len(value) // _SIZES[kind]
        if len(value) > 4:
            place = struct.pack("<I", values_at + len(behind))
            behind += value + b"\0" * (len(value) % 2)
            value = place
        body += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return body + struct.pack("<I", 0) + behind
