"""Which colours the samples of a file stand for: what its profile or its header says of them.

Profiles are not applied. Two files with the same samples that stand for other colours look
different where they are shown, so they are no copies of each other that could go. Samples of which
nothing is said stand for sRGB, and so do those of a profile that describes sRGB, whoever wrote it.

Sources: ICC.1:2022 (profiles); PNG (W3C, third edition) for the order in which its chunks count;
ITU-T H.273 (code points); IEC 61966-2-1 (sRGB); CIPA DC-008 (Exif 3.0) and DC-010 for Adobe RGB by
the interoperability index R03. Some cameras and programs say it by ColorSpace = 2, which Exif does
not define.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.containers import jpeg_scan, whole_png_chunks

_SRGB, _P3, _ADOBE = "", "Display P3", "Adobe RGB"
_PRIMARIES = {
    _SRGB: (0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141),
    _P3: (0.5151, 0.2412, -0.0011, 0.2919, 0.6922, 0.0419, 0.1572, 0.0666, 0.7841),
    _ADOBE: (0.6097, 0.3111, 0.0195, 0.2053, 0.6257, 0.0609, 0.1492, 0.0632, 0.7446),
}
"""X, Y and Z of red, green and blue, adapted to D50 as profiles have them."""

_NEAR_PRIMARIES = 0.003
_NEAR_CURVE = 0.006
"""One and a half of 255 levels: short profiles have a few points of a curve only."""

_SRGB_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_NEAR_CHROMATICITY = 100
_USUAL_GAMMA = 45455
_NEAR_GAMMA = 500
"""Of a PNG, in 100,000ths; 1 / 2.2 is what programs write that mean sRGB."""

_UNSPECIFIED = 2
_IN_CODE_POINTS = {(1, 13): _SRGB, (12, 13): _P3}
_BOXES = 1 << 16
"""Bytes at the beginning of a HEIC or AVIF file in which the properties of its picture lie."""

_CLASSES = (b"mntr", b"scnr", b"spac")
"""Of profiles by which samples are turned into colours; others describe devices or effects."""

_COLOUR_SPACE = 0xA001
_ADOBE_SIGNS = (b"R03\0", b"\xa0\1\0\3\0\0\0\1\0\2", b"\1\xa0\3\0\1\0\0\0\2\0")
"""What a JPEG has in its EXIF if that says Adobe RGB: ColorSpace in both orders of bytes."""

_NOT_RGB = ("CMYK", "LAB")
"""Samples of which no profile says how they become colours, and that are no sRGB."""

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def colour_meaning(
    data: bytes, format: str, image: Any, profile: bytes | None = None, mode: str = ""
) -> str:
    """Say which colours the samples of a file stand for.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    format : str
        Pillow's name of its format.
    image : Pillow image or None
        Of the file; it need not be decoded.
    profile : bytes, optional
        Its ICC profile, where there is no such image.
    mode : str
        Pillow's name of its samples, where there is no such image.

    Returns
    -------
    str
        Empty for sRGB, or where nothing is said; else a name, or what tells one profile from
        others.
    """
    info = {} if image is None else image.info
    profile = profile or info.get("icc_profile")
    if format == "PNG":
        return _of_png(data, profile)
    if profile:
        return profile_meaning(bytes(profile))
    mode = mode if image is None else image.mode
    if mode in _NOT_RGB:
        return mode
    if format in ("HEIF", "AVIF"):
        return _of_boxes(data)
    if image is None or format not in ("JPEG", "MPO"):
        return _SRGB
    end = min(1 << 16, jpeg_scan(data))
    may_be_adobe = any(data.find(sign, 0, end) >= 0 for sign in _ADOBE_SIGNS)
    return _of_exif(image) if may_be_adobe else _SRGB


@lru_cache(maxsize=64)
def profile_meaning(profile: bytes) -> str:
    """Say which colours an ICC profile describes, as `colour_meaning` does.

    Parameters
    ----------
    profile : bytes
    """
    try:
        name = _named(profile)
    except (struct.error, ValueError, IndexError, ZeroDivisionError, OverflowError):
        name = None
    return "profile " + hashlib.sha256(profile).hexdigest()[:16] if name is None else name


def _named(profile: bytes) -> str | None:
    """The space of a profile of three primaries and a curve, or of one curve; None of others."""
    if profile[12:16] not in _CLASSES or profile[20:24] != b"XYZ ":
        return None
    (count,) = struct.unpack_from(">I", profile, 128)
    tags: dict[bytes, bytes] = {}
    for i in range(min(count, 100)):
        name, start, length = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        tags[name] = profile[start : start + length]
    if len(tags.get(b"cicp", b"")) >= 12:
        return _code_points(*tags[b"cicp"][8:12])
    if tags.keys() & {b"A2B0", b"A2B1"}:  # tables, which count before primaries and curves
        return None
    if profile[16:20] == b"GRAY":
        return _SRGB if _alike(_curve(tags.get(b"kTRC", b"")), _srgb_curve) else None
    curves = [_curve(tags.get(name, b"")) for name in (b"rTRC", b"gTRC", b"bTRC")]
    stored = b"".join(tags.get(name, b"")[8:20] for name in (b"rXYZ", b"gXYZ", b"bXYZ"))
    if profile[16:20] != b"RGB " or len(stored) != 36:
        return None
    primaries = np.array(struct.unpack(">9i", stored)) / 65536
    for name, known in _PRIMARIES.items():
        wanted = _adobe_curve if name == _ADOBE else _srgb_curve
        if np.abs(primaries - known).max() <= _NEAR_PRIMARIES and all(
            _alike(curve, wanted) for curve in curves
        ):
            return name
    return None


def _curve(tag: bytes) -> Curve:
    """The curve of a tag, from samples to light, both 0 to 1."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return lambda x: x
        if count == 1:
            gamma = struct.unpack_from(">H", tag, 12)[0] / 256
            return lambda x: x**gamma
        levels = np.array(struct.unpack_from(f">{count}H", tag, 12)) / 65535
        return lambda x: np.interp(x, np.linspace(0, 1, count), levels)
    if tag[:4] != b"para":
        raise ValueError
    (kind,) = struct.unpack_from(">H", tag, 8)
    g, *rest = (v / 65536 for v in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12))
    if kind in (1, 2):
        a, b = rest[:2]
        c = rest[2] if kind == 2 else 0.0
        return lambda x: np.where(x >= -b / a, np.maximum(a * x + b, 0) ** g + c, c)
    if kind == 0:
        return lambda x: x**g
    a, b, c, d = rest[:4]
    e, f = rest[4:] if kind == 4 else (0.0, 0.0)
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)


def _srgb_curve(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _adobe_curve(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x ** (563 / 256))


def _alike(curve: Curve, other: Curve) -> bool:
    """Whether two curves give the same light, in the levels by which sRGB would store it."""
    x = np.linspace(0, 1, 65)
    stored = [
        np.where(y <= 0.0031308, 12.92 * y, 1.055 * np.maximum(y, 1e-9) ** (1 / 2.4) - 0.055)
        for y in (curve(x), other(x))
    ]
    return bool(np.abs(stored[0] - stored[1]).max() <= _NEAR_CURVE)


def _of_png(data: bytes, profile: bytes | None) -> str:
    chunks: dict[bytes, bytes] = {}
    for name, start, length in whole_png_chunks(data):
        if name == b"IDAT":
            break
        if name in (b"cICP", b"sRGB", b"gAMA", b"cHRM"):
            chunks.setdefault(name, data[start : start + length])
    if len(chunks.get(b"cICP", b"")) == 4:
        return _code_points(*chunks[b"cICP"])
    if profile:
        return profile_meaning(bytes(profile))
    if b"sRGB" in chunks:
        return _SRGB
    said = []
    if len(chunks.get(b"gAMA", b"")) == 4:
        (gamma,) = struct.unpack(">I", chunks[b"gAMA"])
        if gamma and abs(gamma - _USUAL_GAMMA) > _NEAR_GAMMA:
            said.append(f"gamma {gamma / 100_000:.5f}")
    if len(chunks.get(b"cHRM", b"")) == 32:
        places = struct.unpack(">8I", chunks[b"cHRM"])
        apart = (abs(a - b) for a, b in zip(places, _SRGB_CHROMATICITIES, strict=True))
        if max(apart) > _NEAR_CHROMATICITY:
            said.append("primaries " + " ".join(map(str, places)))
    return ", ".join(said)


def _code_points(primaries: int, transfer: int, _matrix: int = 0, full_range: int = 1) -> str:
    if not full_range:  # white is 235, of samples that are shown as they are stored
        return f"code points {primaries} and {transfer}, narrow range"
    known = (
        1 if primaries == _UNSPECIFIED else primaries,
        13 if transfer == _UNSPECIFIED else transfer,
    )
    return _IN_CODE_POINTS.get(known, f"code points {primaries} and {transfer}")


def _of_boxes(data: bytes) -> str:
    place = data.find(b"colrnclx", 0, _BOXES)
    if place < 0 or place + 12 > len(data):
        return _SRGB
    return _code_points(*struct.unpack_from(">HH", data, place + 8))


def _of_exif(image: Any) -> str:
    """Cameras that write Adobe RGB without a profile say so by their interoperability index.

    Or by the number 2 for the colour space.
    """
    try:
        exif = image.getexif()
        index = str(exif.get_ifd(0xA005).get(1, ""))
        space = exif.get_ifd(0x8769).get(_COLOUR_SPACE)
    except Exception:  # Pillow's reader raises many kinds over broken EXIF
        return _SRGB
    return _ADOBE if index.strip("\0 ") == "R03" or space == 2 else _SRGB
