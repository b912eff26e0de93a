"""leaks as code hosts show them; the parts are those of `code_hosts`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from imgsim.read.discover import printable
from imgsim.report.code_hosts import sarif_document, sarif_result, warning_command
from imgsim.report.document import member_similarity
from imgsim.report.leaks import other_label
from imgsim.report.rankings import score_text
from imgsim.report.units import percent
from imgsim.tasks.leaks.results import GroupLeak, Leak, Leaks

_RULES = {
    "leak-exact": "The same file stands in two splits of a data set.",
    "leak-pixels": "The same pixels stand in two splits of a data set.",
    "leak-near": "A near duplicate stands in another split of a data set.",
    "leak-group": "Files that belong together stand in several splits of a data set.",
    "label-conflict": "A picture stands under another label in another split of a data set.",
    "leak-damaged": "A damaged copy stands in another split of a data set.",
}


def leaks_github(leaks: Leaks) -> Iterator[str]:
    """Yield a warning of GitHub per leak and per divided group, but for what a baseline has."""
    for leak in leaks.leaks:
        if leak.new is not False:
            title = "label conflict" if leak.conflicts else "data leak"
            yield warning_command(leak.picture.file.path, title, _leak_message(leak, leaks))
    for group in leaks.groups:
        if group.new is not False:
            yield warning_command(group.example, "divided group", _group_message(group))


def _leak_message(leak: Leak, leaks: Leaks) -> str:
    nearest = next((m for m in leak.matches if other_label(leak, m)), leak.matches[0])
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
    if leak.conflicts:
        labels = printable(nearest.label or ""), printable(leak.label or "")
        text += f", under the label {labels[0]} there and {labels[1]} here"
    more = leak.matched - 1
    return text + (f", and {more} more" if more else "")


def _group_message(group: GroupLeak) -> str:
    parts = ", ".join(f"{images} images in {printable(name)}" for name, images in group.splits)
    return f"group {printable(group.name)} is divided: {parts}"


def leaks_sarif(leaks: Leaks) -> Iterator[str]:
    """Yield a SARIF document of one run, with a result per leak and per divided group."""
    results = [
        *(_sarif_leak(leak, leaks) for leak in leaks.leaks),
        *(
            sarif_result("leak-group", g.example, _group_message(g), g.name, new=g.new)
            for g in leaks.groups
        ),
    ]
    yield sarif_document(_RULES, results, leaks.skipped, leaks.damaged)


def _sarif_leak(leak: Leak, leaks: Leaks) -> dict[str, Any]:
    path = leak.picture.file.path
    return sarif_result(
        "label-conflict" if leak.conflicts else f"leak-{leak.matches[0].kind}",
        path,
        _leak_message(leak, leaks),
        # name and content, so that the finding stays the same when folders move
        f"{os.path.basename(path)} {leak.picture.digest}",
        beside=[
            (match.picture.file.path, f"in {printable(match.picture.file.root)}")
            for match in leak.matches
        ],
        new=leak.new,
    )
