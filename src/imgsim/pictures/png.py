"""Writes the pictures that imgsim draws; each says in its metadata that it is one."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from imgsim.errors import UsageError, limit_hint

_KEY, _MARK = "Software", "imgsim"


def write_png(picture: Any, target: Path, *, optimize: bool = False) -> None:
    """Write a Pillow image as a PNG that appears when it is whole.

    Parameters
    ----------
    picture : PIL.Image.Image
    target : Path
        Replaced if it is a file; a device or a pipe is written to.
    optimize : bool
        Smaller, and slower.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL.PngImagePlugin import PngInfo

    marks = PngInfo()
    marks.add_text(_KEY, _MARK)
    try:
        stream = io.BytesIO()
        picture.save(stream, "PNG", optimize=optimize, pnginfo=marks)
        if target.exists() and not target.is_file():
            target.write_bytes(stream.getvalue())
            return
        target = target.resolve()
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            part.write_bytes(stream.getvalue())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        hint = "choose another file"
        reason = str(error)
        if isinstance(error, OSError) and error.strerror:  # without the name of the part
            hint, reason = limit_hint(error) or hint, error.strerror
        raise UsageError(f"cannot write {target}: {reason}", hint) from None


def is_drawn(data: bytes) -> bool:
    """Return whether the bytes of a file are a picture that `write_png` wrote."""
    from PIL import Image

    if not data.startswith(b"\x89PNG"):
        return False
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            return bool(picture.info.get(_KEY) == _MARK)
    except Exception:  # whatever a broken file makes a decoder raise
        return False
