"""What the name of a file tells of it by its ending."""

from __future__ import annotations

from imgsim.decode.names import IMAGE_SUFFIXES, RAW_SUFFIXES

_PICTURES = frozenset(suffix.encode() for suffix in (*IMAGE_SUFFIXES, *RAW_SUFFIXES))


def is_picture(name: bytes) -> bool:
    """Return whether a name has the ending of a picture."""
    return split(name)[1] in _PICTURES


def split(name: bytes) -> tuple[bytes, bytes]:
    """Return the name without its ending, and the ending, both in small letters."""
    stem, dot, ending = name.lower().rpartition(b".")
    return (stem, dot + ending) if stem else (name.lower(), b"")


def is_xmp(name: bytes) -> bool:
    """Return whether a name has the ending of an XMP sidecar."""
    return split(name)[1] == b".xmp"
