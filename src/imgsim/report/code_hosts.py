"""The parts that findings have for code hosts: SARIF 2.1.0, and workflow commands of GitHub.

Sources: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", 2020;
GitHub, "Workflow commands for GitHub Actions" (GitHub shows ten annotations a step).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from imgsim import __version__
from imgsim.addresses import container_of
from imgsim.escapes import as_json, escaped_rest
from imgsim.read.discover import printable
from imgsim.types import Skipped


def warning_command(path: str, title: str, message: str) -> str:
    """Return the workflow command of GitHub that warns at a file.

    Characters that are not seen stand as escapes, and a backslash is two, as everywhere: logs show
    the command, and no file of such a name is shown beside one.

    Parameters
    ----------
    path, title : str
    message : str
        The names in it are escaped already.
    """
    file = _escape_property(printable(path_from_here(path).as_posix()))
    return f"::warning file={file},title={title}::{_escape_data(escaped_rest(message))}\n"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def path_from_here(path: str) -> Path:
    """Return a path from this folder on if it lies below, as hosts show files; else all of it.

    Of what lies in an archive it is that of the archive, the file that is committed.
    """
    whole = Path(os.path.abspath(container_of(path) or path))
    try:
        return whole.relative_to(Path.cwd())
    except ValueError:
        return whole


def sarif_document(
    rules: Mapping[str, str],
    results: Iterable[dict[str, Any]],
    skipped: Sequence[Skipped],
    damaged: Sequence[Skipped],
) -> str:
    """Return a SARIF document of one run.

    Parameters
    ----------
    rules : mapping of str to str
        Names of the rules, and what they say.
    results : iterable of dict
        As `sarif_result` makes them.
    skipped, damaged : sequence of Skipped
        The tool's notes.
    """
    notes = [
        {"level": "note", "message": {"text": f"{printable(s.path)} {verb}: {s.reason}"}}
        for some, verb in ((skipped, "was skipped"), (damaged, "is damaged"))
        for s in some
    ]
    listed = [{"id": name, "shortDescription": {"text": text}} for name, text in rules.items()]
    numbers = {name: number for number, name in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "imgsim", "version": __version__, "rules": listed}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "results": _told_apart([{**r, "ruleIndex": numbers[r["ruleId"]]} for r in results]),
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return as_json(document, indent=1) + "\n"


def _told_apart(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Number the results of one fingerprint: a host takes those of one for one finding."""
    seen: Counter[str] = Counter()
    for result in results:
        prints = result["partialFingerprints"]
        name = prints["imgsim/v1"]
        seen[name] += 1
        if seen[name] > 1:
            prints["imgsim/v1"] = f"{name}:{seen[name]}"
    return results


def sarif_result(
    rule: str,
    path: str,
    message: str,
    identity: str,
    *,
    beside: Iterable[tuple[str, str]] = (),
    new: bool | None = None,
) -> dict[str, Any]:
    """Return a result of SARIF, but for the number of its rule.

    Parameters
    ----------
    rule, path, message : str
    identity : str
        What the fingerprint is made of: the same for the same finding in another run.
    beside : iterable of (str, str)
        Paths that belong to it, and what they are.
    new : bool or None
        Not in the baseline; None without one.
    """
    fingerprint = sha256(f"{rule} {identity}".encode("utf-8", "surrogateescape")).hexdigest()
    result: dict[str, Any] = {
        "ruleId": rule,
        "level": "warning",
        "message": {"text": message},
        "locations": [_sarif_location(path)],
        "partialFingerprints": {"imgsim/v1": fingerprint},
    }
    if new is not None:
        result["baselineState"] = "new" if new else "unchanged"
    if related := [{**_sarif_location(p), "message": {"text": text}} for p, text in beside]:
        result["relatedLocations"] = related
    return result


def _sarif_location(path: str) -> dict[str, Any]:
    place = path_from_here(path)
    uri = place.as_uri() if place.is_absolute() else quote(os.fsencode(place.as_posix()))
    # a picture has no lines, but GitHub shows nothing without one
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}
