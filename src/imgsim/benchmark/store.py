"""Results of a bench run as JSON documents, and the folder that keeps them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import types
import typing
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from imgsim.benchmark.results import T
from imgsim.errors import UsageError


def to_document(value: Any) -> dict[str, Any]:
    """Return a result as JSON has it."""
    document: dict[str, Any] = asdict(value)
    return document


def from_document(kind: type[T], document: Any) -> T:
    """Make a result from its JSON.

    Raises
    ------
    ValueError
        The document is of another kind.
    """
    made: T = _made(kind, document)
    return made


def _made(kind: Any, value: Any) -> Any:
    """Return a value of a type from its JSON, checked."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        if value is None and type(None) in arguments:
            return None
        return _made(next(a for a in arguments if a is not type(None)), value)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{value!r} is no list")
        items = arguments if arguments[-1] is not ... else (arguments[0],) * len(value)
        return tuple(_made(item, one) for item, one in zip(items, value, strict=True))
    if origin is dict:
        return dict(value)
    if is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError(f"{value!r} is no {getattr(kind, '__name__', kind)}")
        hints = typing.get_type_hints(kind)
        here = [f for f in fields(kind) if f.name in value]
        missing = [
            f.name for f in fields(kind) if f.name not in value and not f.metadata.get("later")
        ]
        if missing:
            raise ValueError(f"without {', '.join(missing)}")
        made: Any = kind
        return made(**{f.name: _made(hints[f.name], value[f.name]) for f in here})
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind):
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value


class Store:
    """A folder with a file per (data, method, parameters).

    Parameters
    ----------
    folder : Path or None
        None keeps nothing.
    fresh : bool
        Measure again what is known.
    """

    def __init__(self, folder: Path | None, *, fresh: bool = False) -> None:
        self.folder = folder
        self.fresh = fresh

    def get(self, kind: type[T], key: dict[str, Any]) -> T | None:
        """Return a result that is known, or None. A damaged file counts as none."""
        path = self._path(key)
        if path is None or self.fresh:
            return None
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return from_document(kind, document["result"]) if document["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return None

    def put(self, key: dict[str, Any], result: Any) -> None:
        """Keep a result; the file appears when it is whole.

        Raises
        ------
        UsageError
            It cannot be written.
        """
        path = self._path(key)
        if path is None:
            return
        document = {"schema": "imgsim.bench-result/1", "key": key, "result": to_document(result)}
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise UsageError(f"cannot write {path}: {error.strerror}", "choose another") from None

    def _path(self, key: dict[str, Any]) -> Path | None:
        """Return the file of a key: a readable beginning, and a digest of all of it."""
        if self.folder is None:
            return None
        text = json.dumps(key, sort_keys=True)
        name = "-".join(str(key[part]) for part in ("data", "experiment", "method"))
        plain = re.sub(r"[^\w.=-]+", "_", name)[:80]
        return self.folder / f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
