"""JSON Schemas of what the command line prints; fields are added, never changed or dropped."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def schema(name: str) -> dict[str, Any]:
    """The schema that a document names, such as ``imgsim.find-dupes/1``."""
    file = name.removeprefix("imgsim.").replace("/", "-") + ".json"
    document: dict[str, Any] = json.loads(files("imgsim.schemas").joinpath(file).read_text("utf-8"))
    return document
