"""The bytes that decoders hold beside the picture that they make."""

from __future__ import annotations

from typing import Any

from imgsim.decode import tifftags


def jpeg_coefficients(image: Any, data: bytes) -> int:
    """Return the bytes of the coefficients that are held of a JPEG in several scans.

    Parameters
    ----------
    image : Pillow image
        An opened JPEG.
    data : bytes
        Of the file.
    """
    if not image.info.get("progressive") and _all_in_one_scan(data, len(image.getbands())):
        return 0
    factors = [(across, down) for _, across, down, _ in getattr(image, "layer", ())]
    if not factors:
        return int(2 * 4 * image.width * image.height)
    most = max(a for a, _ in factors) * max(d for _, d in factors)
    samples = sum(a * d for a, d in factors) * image.width * image.height // most
    return int(2 * samples + (1 << 20))


def _all_in_one_scan(data: bytes, components: int) -> bool:
    """Whether the first scan of a JPEG has all of its components."""
    place = 2
    while place + 5 <= len(data) and data[place] == 0xFF:
        if data[place + 1] == 0xDA:
            return data[place + 4] >= components
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        place += 1 if data[place + 1] == 0xFF else 2 + length
    return False


def tiff_segment(data: bytes) -> int:
    """Return the bytes of a strip or tile of a TIFF that is compressed, decoded."""
    tags = tifftags.read_tags(data)
    if tags is None or tags.compression == 1:
        return 0
    return tags.segment_bytes
