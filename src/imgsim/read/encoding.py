"""Text files from outside, in the encodings that programs write lists in.

UTF-8 with or without a byte order mark, and UTF-16 and UTF-32 with one: Excel saves "Unicode text"
and PowerShell lists so.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from imgsim.addresses import printable
from imgsim.errors import UsageError
from imgsim.read.files import open_input

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 4096


def marked_encoding(start: bytes) -> str:
    """Return the encoding of a text by how it begins; UTF-8 without a mark."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig")


@contextmanager
def open_text(
    name: str, *, newline: str | None = None, errors: str = "surrogateescape"
) -> Iterator[TextIO]:
    """Open a text file; by default bytes that are no UTF-8 are escaped, as they are in paths.

    Parameters
    ----------
    name : str
    newline, errors : str, optional
        As of `open`; the csv module wants "" as the first.

    Raises
    ------
    OSError
        It cannot be read.
    UsageError
        It is UTF-16 without a mark or no text, or is not whole.
    """
    with open_input(name) as raw:
        start = raw.peek(_LOOKED_AT)[:_LOOKED_AT]
        encoding = marked_encoding(start)
        if encoding == "utf-8-sig" and b"\0" in start:
            raise UsageError(
                f"{printable(name)} is no text in UTF-8, or in UTF-16 with a byte order mark",
                "save it as UTF-8",
            )
        try:
            yield io.TextIOWrapper(raw, encoding, errors=errors, newline=newline)
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{printable(name)} is no {encoding.removesuffix('-sig').upper()}: {error.reason}",
                "save it as UTF-8",
            ) from None
