"""Text in which no character does more than stand there: what a terminal obeys is escaped.

Names of files and texts within them come from anybody. Control characters move the cursor, colour
what follows or answer in the user's name, and characters that change the direction of writing show
a name as another one.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

_UNSEEN = (
    "\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
"""Controls after ASCII, what sets directions or is not seen, line ends, lone surrogates."""

_IN_JSON = re.compile(f"[{_UNSEEN}]")
_IN_CSV = re.compile(f"[\x00-\x09\x0b-\x1f{_UNSEEN}]")


def escaped(text: str) -> str:
    r"""Return text with every character that is not seen as an escape of Python, such as ``\x1b``
    or ``\u202e``.

    A backslash becomes two, so that no text looks like another one; not on Windows, where paths are
    full of them. Bytes that are no UTF-8, which Python keeps as surrogates, become ``\xff``.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(map(_escaped_character, text))


def escaped_rest(text: str) -> str:
    """Return a message in which names may be escaped already, with nothing left that is not seen.

    Backslashes stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c == "\\" else _escaped_character(c) for c in text)


def _escaped_character(character: str) -> str:
    if character == "\\":
        return character if os.sep == character else "\\\\"
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte, see PEP 383
        return f"\\x{code - 0xDC00:02x}"
    if 0x80 <= code <= 0xFF:  # what a byte does not look like
        return f"\\u{code:04x}"
    return character.encode("unicode_escape").decode()


def as_json(value: Any, indent: int | None = None) -> str:
    r"""Return a value as JSON, with characters that are not seen as ``\u009b``.

    Parameters
    ----------
    value : JSON-like
    indent : int, optional
        As for `json.dumps`.
    """
    encoder = _ENCODER if indent is None else json.JSONEncoder(ensure_ascii=False, indent=indent)
    text = encoder.encode(value)
    # such characters stand within strings only, where an escape says the same
    return text if text.isascii() and "\x7f" not in text else _IN_JSON.sub(_json_escape, text)


_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if match[0] != "\x7f" else "\\u007f"


def csv_text(text: str) -> str:
    r"""Return text for a cell of CSV: as it is, or `escaped` if it holds characters not seen.

    Line feeds alone are none: they stand between quotes, as CSV has them.
    """
    if _IN_CSV.search(text) is None:
        return text
    return "\n".join(map(escaped, text.split("\n")))
