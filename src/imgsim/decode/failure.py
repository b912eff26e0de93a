"""Why a file could not be decoded, and whether that follows from its content."""

from __future__ import annotations

import mmap
import re

from imgsim.decode.spec import DecodeError, over_cap
from imgsim.errors import is_out_of_memory

_RESERVE = 512 << 20
_BYTES_PER_PIXEL = 16
"""Decoded samples, their conversion and the working memory of a library."""


def decode_error(error: Exception, max_pixels: int, pixels: int = 0) -> DecodeError:
    """Say in one line what a decoder raised, and whether it raises that for the content alone.

    Not for the content alone are limits, memory, trouble of the system (an OSError with a number;
    decoders raise it without one) and libraries that do not load.

    Parameters
    ----------
    error : Exception
    max_pixels : int
        The cap that was set.
    pixels : int
        Of the image, as its header says; 0 if it was not read.
    """
    said = error if isinstance(error, DecodeError) else _describe(error, max_pixels)
    if said.lasting and is_memory_short(pixels):
        reason = f"{said} (or too little memory)"
        return DecodeError(reason, lasting=False, identified=said.identified)
    return said


def _describe(error: Exception, max_pixels: int) -> DecodeError:
    if type(error).__name__ == "DecompressionBombError":
        number = re.search(r"\d+", str(error))  # "Image size (... pixels) exceeds limit ..."
        reason = over_cap(int(number[0]) if number else max_pixels + 1, max_pixels)
        return DecodeError(str(reason), lasting=False)
    if is_out_of_memory(error):
        return DecodeError("not enough memory to decode it", lasting=False)
    text = " ".join(str(error).split())
    if isinstance(error, ImportError):
        return DecodeError(f"a library cannot be loaded: {text}"[:200], lasting=False)
    if isinstance(error, OSError) and error.errno is not None:
        return DecodeError(f"cannot be decoded: {error.strerror or text}"[:200], lasting=False)
    if isinstance(error, OSError) and "truncated" in text:
        return DecodeError(f"truncated: {text}")
    return DecodeError(f"damaged or unsupported: {text or type(error).__name__}"[:200])


def is_memory_short(pixels: int) -> bool:
    """Return whether as much memory as a decoder may need cannot be reserved now.

    A library that gets no memory often says no more than that the data are broken. Whether
    memory was the cause is seen by reserving, for a moment, more than any decoder takes.

    Parameters
    ----------
    pixels : int
        Of the image, as its header says.
    """
    size = _RESERVE + _BYTES_PER_PIXEL * pixels
    try:
        if hasattr(mmap, "MAP_PRIVATE"):
            mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        else:
            mmap.mmap(-1, size).close()  # Windows: counts as memory that is taken
    except (OSError, ValueError, OverflowError, MemoryError):
        return True
    return False
