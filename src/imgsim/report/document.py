"""The JSON documents of find-dupes, matches, search and compare, and the parts all documents share.

Their schemas are in `imgsim.schemas`.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from imgsim import __version__
from imgsim.addresses import container_of
from imgsim.comparators.base import Scale
from imgsim.decode.metadata import Metadata
from imgsim.decode.parts import LAYERS
from imgsim.escapes import as_json, csv_text
from imgsim.group.roles import only_in
from imgsim.report.facts import facts_document
from imgsim.report.folder_pairs import FolderPair, folder_pairs
from imgsim.stage_times import Sums
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.matching import Seconds
from imgsim.types import Group, Match, Member, NotCompared, Picture, Related, Skipped

if TYPE_CHECKING:
    from imgsim.tasks.compare import Comparison
    from imgsim.tasks.leaks.results import Leaks
    from imgsim.tasks.match_results import Matches, MethodMatches, QueryMatches

MOST_NEAR = 99.9
"""Percent: what is only verified is shown as no more alike than this."""


def find_dupes_document(
    duplicates: Duplicates,
    *,
    timing: bool = True,
    private: bool = False,
    stages: Sums | None = None,
) -> dict[str, Any]:
    """Return the document of everything that `find_duplicates` returned.

    Parameters
    ----------
    duplicates : Duplicates
    timing : bool
        With the keys that differ from run to run.
    private : bool
        With the content of private metadata, see `facts.facts_document`.
    stages : mapping, optional
        What each stage took, where that was measured.
    """
    document = find_dupes_stream(duplicates, timing=timing, private=private, stages=stages)
    return {**document, "groups": list(document["groups"])}


def find_dupes_stream(
    duplicates: Duplicates,
    *,
    timing: bool = True,
    private: bool = False,
    stages: Sums | None = None,
) -> dict[str, Any]:
    """Return the same document, but an iterator as its ``groups``, for `json_parts`."""
    document: dict[str, Any] = {
        **heading("imgsim.find-dupes/2"),
        **verdicts_document(duplicates),
        "other_files": duplicates.other_files,
        "too_small": duplicates.too_small,
        "groups": (
            group_document(number, group, duplicates, private=private)
            for number, group in enumerate(duplicates.groups, 1)
        ),
        "related": related_document(duplicates.related),
        "decided_groups": len(duplicates.decided_groups),
        "unverified": [
            {**path_document(p.left), **path_document(p.right, "with")}
            for p in duplicates.unverified
        ],
        "reclaimable_bytes": duplicates.reclaimable_bytes,
        "folder_pairs": folder_pairs_document(folder_pairs(duplicates)),
    }
    if timing:
        document["seconds"] = seconds_document(duplicates.seconds)
    if timing and stages is not None:
        document["seconds_by_stage"] = {
            name: {key: round(value, 3) for key, value in took._asdict().items()}
            for name, took in stages.items()
        }
    return document


def group_document(
    number: int, group: Group, duplicates: Duplicates, *, private: bool = False
) -> dict[str, Any]:
    """Return the document of a group: its number, the kept file and all members."""
    scale, metadata = duplicates.comparator.scale, duplicates.metadata
    return {
        "id": number,
        "keep": path_text(group.kept.file.path),
        "keep_reason": group.keep_reason,
        "keep_rule": group.keep_rule or None,
        "copies": len(group.members),
        "new": group.new,
        "labels": None if group.members[0].label is None else list(group.labels),
        "conflict": None if group.members[0].label is None else group.conflict,
        "all_decided": group.all_decided,
        "left_out": len(group.decided),
        "members": [
            {
                **member_document(member, scale),
                "new": member.new,
                "label": member.label,
                "decision": member.decision,
                "decided": member.decided,
                "why": why_text(group.kept, member) or None,
                "facts": facts_document(
                    metadata.get(member.picture.digest, Metadata()),
                    only_in(member, group, metadata),
                    private=private,
                ),
            }
            for member in group.members
        ],
        "related": related_document(group.related),
    }


def related_document(related: Sequence[Related]) -> list[dict[str, Any]]:
    """Return the files that belong to others and are not to be removed."""
    return [
        {
            **path_document(r.path),
            "with": path_text(r.beside),
            "relation": r.relation,
            "bytes": r.size_bytes,
        }
        for r in related
    ]


def why_text(kept: Picture, member: Member) -> str:
    """Return the evidence of a member's role, and which of its parts the kept file may lack."""
    return "; ".join(text for text in (member.why, parts_note(kept, member)) if text)


def member_document(member: Member, scale: Scale) -> dict[str, Any]:
    """Return the document of a member of a group, with its score and how it lies."""
    picture, distance = member.picture, member.distance
    document: dict[str, Any] = {
        **path_document(picture.file.path),
        "kind": member.kind,
        "role": member.role,
        "changes": list(member.changes),
        "why": member.why or None,
        **picture_document(picture),
        "reference": picture.file.reference,
        "score": None if distance is None else scale.score(distance),
        "similarity": member_similarity(member, scale),
        "transform": None if member.transform is None else asdict(member.transform),
        "facts": None,
    }
    if picture.file.links:
        document["links"] = [path_text(link) for link in picture.file.links]
    return document


def parts_note(kept: Picture, member: Member) -> str | None:
    """Say which parts of a near member the kept file may not have; None if there are none.

    Films, gain maps and the like are compared for equality only.
    """
    if member.kind != "near" or not member.picture.facts.parts:
        return None
    parts = member.picture.facts.parts.split(", ")
    also = kept.facts.parts.split(", ")
    missing = [part for part in parts if part not in also]
    if missing:
        named = [part if part == LAYERS else f"a {part}" for part in missing]
        return f"holds {' and '.join(named)} that the kept file lacks"
    return f"its {' and its '.join(parts)} may differ from that of the kept file"


def member_similarity(member: Member, scale: Scale) -> float:
    """Return how alike a member is to the kept file, in percent; 100 only for equal samples."""
    similarity = scale.similarity(member.distance or 0.0)
    return min(similarity, MOST_NEAR) if member.kind in ("near", "damaged") else 100.0


def picture_document(picture: Picture) -> dict[str, Any]:
    """Return the facts of a picture: what holds it, dimensions, format, size, time, digest."""
    held_by = container_of(picture.file.path)
    return {
        **({"container": path_text(held_by)} if held_by else {}),
        "width": picture.facts.width,
        "height": picture.facts.height,
        "format": picture.facts.format,
        "frames": picture.facts.frames,
        "duration_ms": picture.facts.duration_ms,
        "parts": picture.facts.parts.split(", ") if picture.facts.parts else [],
        "damage": picture.facts.damage or None,
        "bytes": picture.file.size_bytes,
        "mtime_ns": picture.file.mtime_ns,
        "digest": f"sha256:{picture.digest}",
        "pixel_digest": f"sha256:{picture.sample_digest}" if picture.sample_digest else None,
    }


def folder_pairs_document(pairs: list[FolderPair]) -> list[dict[str, Any]]:
    """Return the pairs of folders as a document."""
    return [
        {
            "folder": path_text(pair.folder),
            "other": path_text(pair.other),
            "files": pair.files,
            "exact": pair.exact,
            "of": pair.total,
        }
        for pair in pairs
    ]


def matches_document(matches: Matches, *, timing: bool = True) -> dict[str, Any]:
    """Return the document of everything that `matches` or `search` returned.

    Parameters
    ----------
    matches : Matches
    timing : bool
        With the keys that differ from run to run.
    """
    document: dict[str, Any] = {
        **heading("imgsim.matches/1"),
        "k": matches.k,
        "images": matches.images,
        "skipped": skipped_document(matches.skipped),
        "methods": [_method_matches_document(method, timing=timing) for method in matches.methods],
    }
    if timing:
        document["seconds"] = seconds_document(matches.seconds)
    return document


def _method_matches_document(method: MethodMatches, *, timing: bool) -> dict[str, Any]:
    scale = method.comparator.scale
    document: dict[str, Any] = {
        "name": method.comparator.spec,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "pairs": method.pairs,
    }
    if timing:
        document["seconds_per_pair"] = method.seconds_per_pair
    document["not_compared"] = not_compared_document(method.not_compared)
    document["not_checked"] = skipped_document(method.not_checked)
    document["queries"] = [_query_matches_document(query, scale) for query in method.queries]
    return document


def _query_matches_document(query: QueryMatches, scale: Scale) -> dict[str, Any]:
    document: dict[str, Any] = {**path_document(query.path)}
    if query.predicted is not None:
        document |= {"class": query.predicted, "compared": query.compared}
    document["matches"] = [match_document(match, scale) for match in query.matches]
    return document


def match_document(match: Match, scale: Scale) -> dict[str, Any]:
    """Return a match: its path, and its score or what it is.

    Parameters
    ----------
    match : Match
    scale : Scale
        Of the method.
    """
    document: dict[str, Any] = {**path_document(match.path)}
    if match.verdict is None:
        return document | score_document(match.distance, scale)
    member = match.member
    similarity = None if member is None else member_similarity(member, scale)
    return document | {
        "score": None if member is None else scale.score(match.distance),
        "similarity": similarity,
        "verdict": match.verdict,
        **relation_document(member),
        "hash_bits": match.hash_bits,
    }


def relation_document(member: Member | None) -> dict[str, Any]:
    """Return what a picture is to the one that it is a copy of; nulls if it is none."""
    if member is None:
        return {"kind": None, "role": None, "changes": [], "why": None, "transform": None}
    return {
        "kind": member.kind,
        "role": member.role,
        "changes": list(member.changes),
        "why": member.why or None,
        "transform": None if member.transform is None else asdict(member.transform),
    }


def remarks_of(comparison: Comparison) -> tuple[str, str]:
    """Return another measure that follows from a score, and what else decided; may be empty."""
    return comparison.comparator.remark(comparison.distance), comparison.remark


def compare_document(left: str, right: str, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return the document of every method's score and verdict for two images."""
    return {
        **heading("imgsim.compare/1"),
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
                "remark": "; ".join(filter(None, remarks_of(one))) or None,
                **relation_document(one.member),
            }
            for one in comparisons
        ],
    }


def heading(name: str) -> dict[str, Any]:
    """Return the keys that every document begins with: its schema, our version, this folder."""
    return {"schema": name, "version": __version__, "cwd": path_text(os.getcwd())}


def verdicts_document(result: Duplicates | Leaks) -> dict[str, Any]:
    """Return by which method and threshold pairs were judged, and on how many images."""
    scale = result.comparator.scale
    return {
        "method": result.comparator.spec,
        "preset": result.preset,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "threshold": scale.score(result.max_distance),
        "pairs_compared": result.pairs_compared,
        "pairs_left_out": result.pairs_left_out,
        "expected_false_pairs": result.expected_false_pairs,
        "images": result.images,
        "skipped": skipped_document(result.skipped),
        "not_judged": len(result.not_judged),
        "damaged": skipped_document(result.damaged),
        "not_compared": not_compared_document(result.not_compared),
        "not_checked": skipped_document(result.not_checked),
        "masks": result.masks,
        "masks_left_out": result.masks_left_out,
        "decided_pairs": result.decided_pairs,
    }


def score_document(distance: float, scale: Scale) -> dict[str, float]:
    """Return a distance as the score that users know, and as a similarity in percent."""
    return {"score": scale.score(distance), "similarity": scale.similarity(distance)}


def skipped_document(skipped: Sequence[Skipped]) -> list[dict[str, str]]:
    """Return the files that could not be read, or are damaged, and why."""
    return [{**path_document(s.path), "reason": s.reason} for s in skipped]


def not_compared_document(pairs: Sequence[NotCompared]) -> list[dict[str, Any]]:
    """Return the pairs of files that could not be compared, and why."""
    return [
        {"files": [path_document(p.left), path_document(p.right)], "reason": p.reason}
        for p in pairs
    ]


def seconds_document(seconds: Seconds) -> dict[str, float]:
    """Return the seconds that each stage took, to the millisecond."""
    return {key: round(value, 3) for key, value in asdict(seconds).items()}


def path_text(path: str) -> str:
    """Return a path as text that UTF-8 can hold: bytes of another encoding become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def path_document(path: str, key: str = "path") -> dict[str, str]:
    """Return a path, and its bytes in base64 where it is no UTF-8, or CSV shows it escaped.

    Parameters
    ----------
    path : str
    key : str
        Of the path; that of the bytes ends with ``_bytes``.
    """
    text = path_text(path)
    raw = os.fsencode(path)
    if text.encode() == raw == csv_text(text).encode():
        return {key: text}
    return {key: text, f"{key}_bytes": base64.b64encode(raw).decode()}


def json_text(document: Any) -> str:
    """Return a document as JSON, with a line feed at its end.

    What lies deepest, such as a member of a group, takes a line of its own.
    """
    return _laid_out(document, _LEVELS, "") + "\n"


def json_parts(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of the same JSON, so that it need not be in memory as a whole.

    Parameters
    ----------
    document : mapping of str
        A value may be an iterator in the place of a list: its items are made as they are written.
    """
    opened = "{"
    for key, value in document.items():
        head = f"{opened}\n  {as_json(key)}: "
        opened = ","
        if isinstance(value, Iterator):
            yield head
            yield from _array_parts(value)
        else:
            yield head + _laid_out(value, _LEVELS - 1, "  ")
    yield "{}\n" if opened == "{" else "\n}\n"


def _array_parts(items: Iterator[Any]) -> Iterator[str]:
    opened = "["
    for item in items:
        yield f"{opened}\n    {_laid_out(item, _LEVELS - 2, '    ')}"
        opened = ","
    yield "[]" if opened == "[" else "\n  ]"


_LEVELS = 4
"""Containers within each other of which every item begins a line."""


def _laid_out(value: Any, levels: int, margin: str) -> str:
    if not levels or not value or not isinstance(value, dict | list | tuple):
        return as_json(value)
    inner = margin + "  "
    if isinstance(value, dict):
        opened, closed = "{", "}"
        items = [
            f"{as_json(key)}: {_laid_out(item, levels - 1, inner)}" for key, item in value.items()
        ]
    else:
        opened, closed = "[", "]"
        items = [_laid_out(item, levels - 1, inner) for item in value]
    joined = f",\n{inner}".join(items)
    return f"{opened}\n{inner}{joined}\n{margin}{closed}"
