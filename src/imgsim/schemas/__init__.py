"""JSON Schemas of what the command line prints; fields are added, never changed or dropped."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from imgsim.errors import UsageError


def schema(name: str) -> dict[str, Any]:
    """The schema that a document names, such as ``imgsim.find-dupes/1``.

    Raises
    ------
    UsageError
        No document of this version has such a schema.
    """
    if name not in (known := names()):
        raise UsageError(f"no schema {name!r}"[:80], f"one of {', '.join(known)}")
    file = _file_name(name)
    document: dict[str, Any] = json.loads(files("imgsim.schemas").joinpath(file).read_text("utf-8"))
    return document


def names() -> list[str]:
    """The names of all schemas, in order."""
    stems = (
        file.name.removesuffix(".json")
        for file in files("imgsim.schemas").iterdir()
        if file.name.endswith(".json")
    )
    return sorted("imgsim.{}/{}".format(*stem.rsplit("-", 1)) for stem in stems)


def _file_name(name: str) -> str:
    return name.removeprefix("imgsim.").replace("/", "-") + ".json"
