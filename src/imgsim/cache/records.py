"""What stands in a record of the cache, and a check sum by which a damaged one is told."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from imgsim.decode.metadata import Metadata
from imgsim.stamps import FileStamp
from imgsim.types import ImageFacts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of a content, or the reason why there are none.

    Attributes
    ----------
    facts : ImageFacts or None
    reason : str
    identified : bool
        It is an image of some kind, even if not a readable one.
    """

    facts: ImageFacts | None
    reason: str = ""
    identified: bool = True


def check_sum(*parts: object) -> int:
    """Compute a CRC-32 of all that belongs to a record: its keys and what they lead to.

    SQLite has none: a page that was overwritten may lead to other contents, and look right.

    Parameters
    ----------
    *parts : bytes, str, int or None
    """
    total = 0
    for part in parts:
        data = part if isinstance(part, bytes) else b"" if part is None else str(part).encode()
        total = zlib.crc32(data, zlib.crc32(b"%d;" % (-1 if part is None else len(data)), total))
    return total


def stamp_text(stamp: FileStamp) -> bytes:
    """Write a stamp as text: an inode or a time may be too large for SQLite's numbers."""
    return " ".join(map(str, stamp)).encode()


def dump(value: Any) -> str:
    """Write a dataclass as JSON: facts, a verdict, metadata."""
    # without copies of what is in it, which `asdict` makes
    return json.dumps({field.name: getattr(value, field.name) for field in fields(value)})


def load_known(facts: bytes | None, reason: bytes, identified: int) -> Known | None:
    """Read what is known of a content; None if it is of another version of imgsim."""
    if facts is None:
        return Known(None, reason.decode(), bool(identified))
    loaded = _load(ImageFacts, facts)
    return None if loaded is None else Known(loaded, reason.decode(), bool(identified))


def load_record(kind: type[T], text: bytes) -> T | None:
    """Read a dataclass; None if it is of another version of imgsim."""
    record: T | None = _load(kind, text)
    return record


def load_metadata(text: bytes) -> Metadata | None:
    """Read metadata; None if they are of another version of imgsim."""
    metadata: Metadata | None = _load(Metadata, text)
    return metadata


def _load(kind: Any, text: bytes) -> Any:
    try:
        values = json.loads(text)
        if values.keys() != {field.name for field in fields(kind)}:
            return None
        return kind(**{name: _frozen(value) for name, value in values.items()})
    except (AttributeError, TypeError, ValueError, RecursionError):
        return None


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
