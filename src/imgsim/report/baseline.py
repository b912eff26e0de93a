"""Groups that an earlier output of find-dupes has already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from imgsim.errors import UsageError
from imgsim.report.document import path_document
from imgsim.types import Group

_SCHEMAS = ("imgsim.find-dupes/1", "imgsim.find-dupes/2")


def known_groups(path: Path) -> list[frozenset[str]]:
    """Read the groups of a JSON output: the paths of each (in base64 where they are no UTF-8).

    Raises
    ------
    UsageError
        The file is no such output.
    """
    hint = "make one: imgsim find-dupes PATH --format json -o FILE"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] not in _SCHEMAS:
            raise ValueError(f"schema is {document['schema']}")
        return [
            frozenset(m.get("path_bytes") or m["path"] for m in g["members"])
            for g in document["groups"]
        ]
    except OSError as error:
        raise UsageError(f"cannot read baseline {path}: {error.strerror}", hint) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no output of find-dupes: {error!r}", hint) from None


def unknown_groups(groups: Sequence[Group], known: Sequence[frozenset[str]]) -> list[Group]:
    """Return the groups with a file that was not in one known group with all the others."""
    return [
        group for group in groups if not any(_member_paths(group) <= earlier for earlier in known)
    ]


def _member_paths(group: Group) -> frozenset[str]:
    shown = (path_document(m.picture.file.path) for m in group.members)
    return frozenset(path.get("path_bytes") or path["path"] for path in shown)
