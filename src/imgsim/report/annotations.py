"""leaks as code hosts show them: SARIF 2.1.0, and workflow commands of GitHub.

Sources: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", 2020;
GitHub, "Workflow commands for GitHub Actions" (GitHub shows ten annotations a step).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from imgsim import __version__
from imgsim.addresses import container_of
from imgsim.read.discover import printable
from imgsim.report.document import member_similarity, path_text
from imgsim.report.rankings import score_text
from imgsim.report.units import percent
from imgsim.tasks.leaks.results import GroupLeak, Leak, Leaks

_RULES = {
    "leak-exact": "The same file stands in two splits of a data set.",
    "leak-pixels": "The same pixels stand in two splits of a data set.",
    "leak-near": "A near duplicate stands in another split of a data set.",
    "leak-group": "Files that belong together stand in several splits of a data set.",
    "leak-damaged": "A damaged copy stands in another split of a data set.",
}


def leaks_github(leaks: Leaks) -> Iterator[str]:
    """Yield a warning of GitHub per leak and per divided group."""
    for leak in leaks.leaks:
        yield _warning_command(leak.picture.file.path, "data leak", _leak_message(leak, leaks))
    for group in leaks.groups:
        yield _warning_command(group.example, "divided group", _group_message(group))


def _warning_command(path: str, title: str, message: str) -> str:
    file = path_text(_path_from_here(path).as_posix())
    return f"::warning file={_escape_property(file)},title={title}::{_escape_data(message)}\n"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def _path_from_here(path: str) -> Path:
    """Return a path from this folder on if it lies below, as hosts show files; else all of it.

    Of what lies in an archive it is that of the archive.
    """
    whole = Path(os.path.abspath(container_of(path) or path))
    try:
        return whole.relative_to(Path.cwd())
    except ValueError:
        return whole


def _leak_message(leak: Leak, leaks: Leaks) -> str:
    nearest = leak.matches[0]
    path, split = printable(nearest.picture.file.path), printable(nearest.picture.file.root)
    if nearest.kind == "exact":
        text = f"the same file as {path} in {split}"
    elif nearest.kind == "pixels":
        text = f"the same pixels as {path} in {split}"
    else:
        looks = "is damaged, or a damaged copy: looks" if nearest.kind == "damaged" else "looks"
        distance = nearest.distance or 0.0
        alike = percent(member_similarity(nearest, leaks.comparator.scale))
        text = f"{looks} like {path} in {split} ({alike}, {score_text(leaks.comparator, distance)})"
    more = leak.matched - 1
    return text + (f", and {more} more" if more else "")


def _group_message(group: GroupLeak) -> str:
    parts = ", ".join(f"{images} images in {printable(name)}" for name, images in group.splits)
    return f"group {printable(group.name)} is divided: {parts}"


def leaks_sarif(leaks: Leaks) -> Iterator[str]:
    """Yield a SARIF document of one run, with a result per leak and per divided group."""
    rules = [{"id": name, "shortDescription": {"text": text}} for name, text in _RULES.items()]
    results = [
        *(_sarif_leak(leak, leaks) for leak in leaks.leaks),
        *(_sarif_result("leak-group", g.example, _group_message(g), g.name) for g in leaks.groups),
    ]
    notes = [
        {"level": "note", "message": {"text": f"{printable(s.path)} was skipped: {s.reason}"}}
        for s in leaks.skipped
    ]
    notes += [
        {"level": "note", "message": {"text": f"{printable(s.path)} is damaged: {s.reason}"}}
        for s in leaks.damaged
    ]
    run = {
        "tool": {"driver": {"name": "imgsim", "version": __version__, "rules": rules}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "results": results,
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    yield json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _sarif_leak(leak: Leak, leaks: Leaks) -> dict[str, Any]:
    rule = f"leak-{leak.matches[0].kind}"
    path = leak.picture.file.path
    # name and content, so that the finding stays the same when folders move
    identity = f"{os.path.basename(path)} {leak.picture.digest}"
    result = _sarif_result(rule, path, _leak_message(leak, leaks), identity)
    result["relatedLocations"] = [
        {
            **_sarif_location(match.picture.file.path),
            "message": {"text": f"in {printable(match.picture.file.root)}"},
        }
        for match in leak.matches
    ]
    return result


def _sarif_result(rule: str, path: str, message: str, identity: str) -> dict[str, Any]:
    fingerprint = sha256(f"{rule} {identity}".encode("utf-8", "surrogateescape")).hexdigest()
    return {
        "ruleId": rule,
        "ruleIndex": list(_RULES).index(rule),
        "level": "warning",
        "message": {"text": message},
        "locations": [_sarif_location(path)],
        "partialFingerprints": {"imgsim/v1": fingerprint},
    }


def _sarif_location(path: str) -> dict[str, Any]:
    place = _path_from_here(path)
    uri = place.as_uri() if place.is_absolute() else quote(os.fsencode(place.as_posix()))
    # a picture has no lines, but GitHub shows nothing without one
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}
