"""The JSON documents, as their schemas in `imgsim.schemas` have them."""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from imgsim import __version__
from imgsim.comparators.base import Scale
from imgsim.tasks.compare import Comparison
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.matches import Matches, MethodMatches, QueryMatches
from imgsim.tasks.matching import Seconds
from imgsim.types import Group, Member, Picture, Skipped


def find_dupes_document(duplicates: Duplicates, *, timing: bool = True) -> dict[str, Any]:
    """Everything `find_duplicates` found.

    Parameters
    ----------
    duplicates : Duplicates
    timing : bool
        With the keys that differ from run to run.
    """
    scale = duplicates.comparator.scale
    document: dict[str, Any] = {
        "schema": "imgsim.find-dupes/1",
        "version": __version__,
        "cwd": _text(os.getcwd()),
        "method": duplicates.comparator.spec,
        "preset": duplicates.preset,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "threshold": scale.score(duplicates.max_distance),
        "pairs_compared": duplicates.pairs_compared,
        "expected_false_pairs": duplicates.expected_false_pairs,
        "images": duplicates.images,
        "skipped": [{**path_document(s.path), "reason": s.reason} for s in duplicates.skipped],
        "other_files": duplicates.other_files,
        "too_small": duplicates.too_small,
        "groups": [group_document(i, g, scale) for i, g in enumerate(duplicates.groups, 1)],
        "reclaimable_bytes": duplicates.reclaimable_bytes,
    }
    if timing:
        document["seconds"] = seconds_document(duplicates.seconds)
    return document


def group_document(number: int, group: Group, scale: Scale) -> dict[str, Any]:
    """One group."""
    return {
        "id": number,
        "keep": _text(group.kept.file.path),
        "keep_reason": group.keep_reason,
        "copies": len(group.members),
        "members": [member_document(member, scale) for member in group.members],
    }


def member_document(member: Member, scale: Scale) -> dict[str, Any]:
    """One member of a group."""
    picture, distance = member.picture, member.distance
    document: dict[str, Any] = {
        **path_document(picture.file.path),
        "kind": member.kind,
        **picture_document(picture),
        "reference": picture.file.reference,
        "score": None if distance is None else scale.score(distance),
        "similarity": scale.similarity(distance or 0.0),
        "transform": None if member.transform is None else asdict(member.transform),
    }
    if picture.file.links:
        document["links"] = [_text(link) for link in picture.file.links]
    return document


def picture_document(picture: Picture) -> dict[str, Any]:
    """What is known of a file."""
    return {
        "width": picture.facts.width,
        "height": picture.facts.height,
        "format": picture.facts.format,
        "frames": picture.facts.frames,
        "bytes": picture.file.size_bytes,
        "mtime_ns": picture.file.mtime_ns,
        "digest": f"sha256:{picture.digest}",
    }


def matches_document(matches: Matches, *, timing: bool = True) -> dict[str, Any]:
    """Everything `matches` or `search` found."""
    document: dict[str, Any] = {
        "schema": "imgsim.matches/1",
        "version": __version__,
        "cwd": _text(os.getcwd()),
        "k": matches.k,
        "images": matches.images,
        "skipped": [{**path_document(s.path), "reason": s.reason} for s in matches.skipped],
        "methods": [_method_document(method, timing=timing) for method in matches.methods],
    }
    if timing:
        document["seconds"] = seconds_document(matches.seconds)
    return document


def _method_document(method: MethodMatches, *, timing: bool) -> dict[str, Any]:
    scale = method.comparator.scale
    document: dict[str, Any] = {
        "name": method.comparator.spec,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "pairs": method.pairs,
    }
    if timing:
        document["seconds_per_pair"] = method.seconds_per_pair
    document["queries"] = [_query_document(query, scale) for query in method.queries]
    return document


def _query_document(query: QueryMatches, scale: Scale) -> dict[str, Any]:
    document: dict[str, Any] = {**path_document(query.path)}
    if query.predicted is not None:
        document |= {"class": query.predicted, "compared": query.compared}
    document["matches"] = [
        {
            **path_document(match.path),
            "score": scale.score(match.distance),
            "similarity": scale.similarity(match.distance),
        }
        for match in query.matches
    ]
    return document


def compare_document(left: str, right: str, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Every method's opinion of two images."""
    return {
        "schema": "imgsim.compare/1",
        "version": __version__,
        "cwd": _text(os.getcwd()),
        "left": path_document(left),
        "right": path_document(right),
        "methods": [
            {
                "name": one.comparator.spec,
                "score": one.score if math.isfinite(one.score) else None,
                "score_unit": one.comparator.scale.unit,
                "score_better": one.comparator.scale.better,
                "similarity": one.similarity,
                "threshold": one.threshold,
                "duplicate": one.duplicate,
                "remark": one.comparator.remark(one.distance) or None,
            }
            for one in comparisons
        ],
    }


def heading(name: str) -> dict[str, Any]:
    """How every document begins."""
    return {"schema": name, "version": __version__, "cwd": _text(os.getcwd())}


def skipped_document(skipped: Sequence[Skipped]) -> list[dict[str, str]]:
    """Files that could not be read, and why."""
    return [{**path_document(s.path), "reason": s.reason} for s in skipped]


def seconds_document(seconds: Seconds) -> dict[str, float]:
    """Times of the stages, to the millisecond."""
    return {key: round(value, 3) for key, value in asdict(seconds).items()}


def _text(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def path_document(path: str) -> dict[str, str]:
    """A path, and its bytes where they are no UTF-8."""
    raw = os.fsencode(path)
    try:
        return {"path": raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"path": _text(path), "path_bytes": base64.b64encode(raw).decode()}
