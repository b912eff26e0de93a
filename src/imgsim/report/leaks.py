"""leaks: as text, JSON, CSV and a page; for code hosts see `report.annotations`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from html import escape
from typing import Any

from imgsim.read.discover import printable
from imgsim.report.document import (
    heading,
    member_document,
    path_document,
    picture_document,
    seconds_document,
    skipped_document,
)
from imgsim.report.formats import csv_row
from imgsim.report.html import figure, page_head
from imgsim.report.rankings import score_text
from imgsim.report.text import Paint, count, percent, skipped_lines, verdict_lines
from imgsim.tasks.leaks.found import GroupLeak, Leak, Leaks
from imgsim.types import Member

MAX_SHOWN = 1000
"""Leaks on a page, which has a picture of each: more would not fit a browser."""

_COLOURS = {"exact": "red", "near": "yellow"}
_COLUMNS = ("kind", "score", "similarity", "width", "height", "bytes", "digest")
_PAGE_STYLE = """
figcaption { margin-top: 5px }
.row p { align-self: center }
table { border-collapse: collapse } td, th { padding: .1rem .8rem .1rem 0; text-align: left }
"""


def leaks_text(found: Leaks, paint: Paint = lambda text, colour: text) -> Iterator[str]:
    """Every leak with its nearest matches below it, then the divided groups."""
    for leak in found.leaks:
        path = printable(leak.picture.file.path)
        yield paint(path, "bold") + f" ({leak.picture.file.root})\n"
        for match in leak.matches:
            alike = percent(found.comparator.scale.similarity(match.distance or 0.0))
            score = score_text(found.comparator, match.distance or 0.0)
            kind = paint(f"{match.kind:5}", _COLOURS[match.kind])
            yield f"  {kind} {alike:>5} {score:>12}  {printable(match.picture.file.path)}\n"
        if leak.matched > len(leak.matches):
            yield f"  {'':26}and {leak.matched - len(leak.matches)} more\n"
        yield "\n"
    for group in found.groups:
        yield f"{paint(f'group {printable(group.name)}', 'bold')}: {_held(group)}\n"


def _held(group: GroupLeak) -> str:
    return ", ".join(f"{images} in {split}" for split, images in group.splits)


def leaks_document(found: Leaks, *, timing: bool = True) -> dict[str, Any]:
    """Everything `find_leaks` found.

    Parameters
    ----------
    found : Leaks
    timing : bool
        With the keys that differ from run to run.
    """
    scale = found.comparator.scale
    document = {
        **heading("imgsim.leaks/1"),
        "method": found.comparator.spec,
        "preset": found.preset,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "threshold": scale.score(found.max_distance),
        "pairs_compared": found.pairs_compared,
        "expected_false_pairs": found.expected_false_pairs,
        "images": found.images,
        "skipped": skipped_document(found.skipped),
        "splits": [{"name": s.name, "images": s.images, "leaked": s.leaked} for s in found.splits],
        "crossings": [
            {"smaller": c.smaller, "larger": c.larger, "leaked": c.leaked, "pairs": c.pairs}
            for c in found.crossings
        ],
        "leaks": [_leak_document(leak, found) for leak in found.leaks],
        "groups": [
            {
                "name": _text(group.name),
                "splits": [{"name": name, "images": images} for name, images in group.splits],
                "example": path_document(group.example)["path"],
            }
            for group in found.groups
        ],
        "drop": [path_document(path) for path in found.drop],
    }
    if timing:
        document["seconds"] = seconds_document(found.seconds)
    return document


def _leak_document(leak: Leak, found: Leaks) -> dict[str, Any]:
    scale = found.comparator.scale
    return {
        **path_document(leak.picture.file.path),
        "split": leak.picture.file.root,
        **picture_document(leak.picture),
        "matched": leak.matched,
        "matches": [
            {**member_document(match, scale), "split": match.picture.file.root}
            for match in leak.matches
        ],
    }


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def leaks_json(found: Leaks, *, timing: bool = True) -> Iterator[str]:
    """One document."""
    yield json.dumps(leaks_document(found, timing=timing), ensure_ascii=False, indent=2) + "\n"


def leaks_csv(found: Leaks) -> Iterator[str]:
    """A row per pair of a leak and one of its matches that are shown."""
    names = [f"match_{name}" for name in _COLUMNS]
    yield csv_row(["split", "path", "matched", "match_split", "match_path", *names])
    for leak in found.leaks:
        document = _leak_document(leak, found)
        for match in document["matches"]:
            row = [document["split"], document["path"], leak.matched, match["split"]]
            yield csv_row([*row, match["path"], *(match[name] for name in _COLUMNS)])


def leaks_page(found: Leaks) -> Iterator[str]:
    """Every leak beside its matches, each picture in the page once."""
    shown = found.leaks[:MAX_SHOWN]
    places: dict[str, int] = {}
    for leak in shown:
        for path in (leak.picture.file.path, *(m.picture.file.path for m in leak.matches)):
            places.setdefault(path, len(places))
    yield from page_head(f"imgsim leaks: {_headline(found)}", places, {}, _PAGE_STYLE)
    yield "<p>" + "<br>\n".join(map(escape, leaks_summary(found, timing=False))) + "</p>\n"
    if found.groups:
        yield "<table><tr><th>group</th><th>images</th></tr>\n"
        for group in found.groups:
            yield f"<tr><td>{escape(printable(group.name))}</td><td>{escape(_held(group))}</td>\n"
        yield "</table>\n"
    if len(shown) < len(found.leaks):
        yield f"<p>The first {len(shown)} leaks; the JSON output has all.</p>\n"
    for leak in shown:
        more = leak.matched - len(leak.matches)
        yield '<div class="row">'
        yield figure(leak.picture.file.path, places, leak.picture.file.root, "query")
        for match in leak.matches:
            yield figure(match.picture.file.path, places, _caption(match, found), "match")
        yield (f"<p>and {more} more</p>" if more else "") + "</div>\n"
    yield "</html>\n"


def _caption(match: Member, found: Leaks) -> str:
    distance = match.distance or 0.0
    alike = percent(found.comparator.scale.similarity(distance))
    score = score_text(found.comparator, distance)
    return f"{match.picture.file.root}: {match.kind}, {alike} · {score}"


def _headline(found: Leaks) -> str:
    return count(len(found.leaks), "leak") if found.leaks else "no leaks"


def leaks_summary(found: Leaks, *, verbose: bool = False, timing: bool = True) -> Iterator[str]:
    """Lines on the whole run."""
    sizes = {split.name: split.images for split in found.splits}
    splits = ", ".join(f"{name} {images}" for name, images in reversed(sizes.items()))
    took = f" in {found.seconds.total:.1f} s ({found.decoded} decoded)" if timing else ""
    yield f"{count(found.images, 'image')}{took}: {printable(splits)}"
    for crossing in found.crossings:
        if crossing.leaked:
            share = crossing.leaked / sizes[crossing.smaller]
            yield (
                f"{crossing.leaked} of {sizes[crossing.smaller]} images of"
                f" {printable(crossing.smaller)} ({share:.1%}) also stand in"
                f" {printable(crossing.larger)}: {count(crossing.pairs, 'pair')}"
            )
    if found.groups:
        yield f"{count(len(found.groups), 'group')} in several splits"
    if found.clean:
        yield "no leaks"
    else:
        yield f"{count(len(found.drop), 'file')} to drop so that none remains"
    yield from verdict_lines(found)
    yield from skipped_lines(found.skipped, verbose)
