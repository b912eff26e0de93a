"""matches, search and compare: as text, JSON and CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from textwrap import fill, wrap

from imgsim.comparators.base import Comparator
from imgsim.comparators.label import label
from imgsim.read.discover import printable
from imgsim.report.document import (
    compare_document,
    json_text,
    matches_document,
    member_similarity,
    remarks_of,
)
from imgsim.report.formats import csv_row
from imgsim.report.relations import relation_and_why, relation_text
from imgsim.report.text import not_checked_lines, not_compared_lines, skipped_lines
from imgsim.report.units import count, percent
from imgsim.tasks.compare import Comparison
from imgsim.tasks.match_results import Matches
from imgsim.types import Match, Member

_NAME_WIDTH = 13
"""Columns of a method's name beside its matches; ``phash:size=16`` fits, a longer name has a line
of its own. With those of the score and the similarity, half of 80 columns are left for paths."""

_INDENT = 2 + _NAME_WIDTH + 1


def score_text(comparator: Comparator, distance: float) -> str:
    """Return a score with its unit, such as ``4 bits`` or ``SSIM 0.97012``."""
    scale = comparator.scale
    score = scale.score(distance)
    if not math.isfinite(score):
        return "no match"
    if scale.unit == "bits":
        return count(round(score), "bit")
    return f"{scale.unit} {score:.4g}" if scale.better == "lower" else f"{scale.unit} {score:.5f}"


def matches_text(matches: Matches) -> Iterator[str]:
    """Yield every query, with its matches by each method below it."""
    for number, query in enumerate(matches.methods[0].queries if matches.methods else ()):
        yield f"{printable(query.path)}\n"
        for method in matches.methods:
            name = label(method.comparator)
            if len(name) > _NAME_WIDTH:
                yield f"  {name}\n"
                name = ""
            own = method.queries[number]
            if own.predicted is not None:
                yield f"  class {own.predicted}, compared with {own.compared} of it\n"
            for match in own.matches:
                columns = _score_columns(method.comparator, match)
                yield f"  {name:{_NAME_WIDTH}} {columns}  {printable(match.path)}\n"
                name = ""
                if match.member is not None:
                    yield from _relation_lines(match.member)
        yield "\n"


def _score_columns(comparator: Comparator, match: Match) -> str:
    """The score of a match and its similarity, or the distance of the hashes of what is no copy."""
    score, alike = _score_and_similarity(comparator, match)
    if match.verdict in (None, "copy"):
        return f"{score:>15} {alike:>5}"
    bits = "bit" if match.hash_bits == 1 else "bits"
    return f"{f'{match.verdict} {match.hash_bits:3} {bits}':>21}"


def _score_and_similarity(comparator: Comparator, match: Match) -> tuple[str, str]:
    scale = comparator.scale
    alike = (
        scale.similarity(match.distance)
        if match.member is None
        else member_similarity(match.member, scale)
    )
    return score_text(comparator, match.distance), percent(alike)


def match_captions(comparator: Comparator, match: Match) -> list[str]:
    """Return what stands below the picture of a match: how alike it is, or what it is."""
    if match.member is not None:
        return [relation_text(match.member), score_text(comparator, match.distance)]
    if match.verdict is not None:
        return [match.verdict, f"hash {count(match.hash_bits or 0, 'bit')}"]
    score, alike = _score_and_similarity(comparator, match)
    return [alike, score]


def _relation_lines(member: Member) -> Iterator[str]:
    """What the query is to the match above, and why."""
    for line in wrap(relation_and_why(member, "the match"), 80 - _INDENT):
        yield f"{'':{_INDENT}}{printable(line)}\n"


def matches_json(matches: Matches, *, timing: bool = True) -> Iterator[str]:
    """Yield `matches_document` as JSON."""
    yield json_text(matches_document(matches, timing=timing))


def matches_csv(matches: Matches) -> Iterator[str]:
    """Yield a row of CSV per match."""
    added = ["verdict", "kind", "role", "changes", "why", "hash_bits"]
    heads = ["method", "query", "rank", "path", "score", "similarity", "path_bytes"]
    yield csv_row([*heads, *added])
    for method in matches_document(matches, timing=False)["methods"]:
        for query in method["queries"]:
            for place, match in enumerate(query["matches"], 1):
                values = [match[key] for key in ("path", "score", "similarity")]
                row = [method["name"], query["path"], place, *values, match.get("path_bytes")]
                more = {**match, "changes": " ".join(match.get("changes", ()))}
                yield csv_row([*row, *(more.get(key) for key in added)])


def matches_summary(matches: Matches, *, verbose: bool = False) -> Iterator[str]:
    """Yield lines on the whole run: images, seconds, pairs by method, files that were skipped."""
    seconds = matches.seconds
    yield (
        f"{count(matches.images, 'image')} in {seconds.total:.1f} s ({matches.decoded} decoded);"
        f" reading {seconds.read:.1f} s"
    )
    for method in matches.methods:
        took = duration(method.seconds_per_pair)
        yield f"  {label(method.comparator)}: {count(method.pairs, 'pair')}, {took} a pair"
    yield from skipped_lines(matches.skipped, verbose)
    for method in matches.methods:
        yield from not_compared_lines(method.not_compared, verbose)
        yield from not_checked_lines(method.not_checked, verbose)


def duration(seconds: float) -> str:
    """Return a time with three digits and a unit, from nanoseconds to seconds."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def compare_text(left: str, right: str, comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield a table with a row per method: score, similarity, verdict, threshold."""
    yield f"{printable(left)}\n{printable(right)}\n\n"
    yield f"{'method':22} {'score':>15} {'similar':>7}  duplicate from\n"
    names_of: dict[str, list[str]] = {}
    for one in comparisons:
        scale = one.comparator.scale
        sign = "<=" if scale.better == "lower" else ">="
        verdict = "yes" if one.duplicate else "no"
        score = score_text(one.comparator, one.distance)
        measure, remark = remarks_of(one)
        name = name_of = label(one.comparator)
        if len(name) > 22:
            yield f"{name}\n"
            name = ""
        yield (
            f"{name:22} {score:>15} {percent(one.similarity):>7}  {verdict:3}"
            f" {f'{sign} {one.threshold:.6g}':>10}" + (f"  {measure}" if measure else "") + "\n"
        )
        if remark:
            names_of.setdefault(remark, []).append(name_of)
    for remark, names in names_of.items():
        which = "" if len(names) == len(comparisons) else f"{', '.join(names)}: "
        yield f"\n{fill(which + remark, 80)}\n"
    if member := next((one.member for one in comparisons if one.member), None):
        told = f"the second is to the first: {relation_and_why(member, 'the first')}"
        yield f"\n{fill(printable(told), 80)}\n"
    yield (
        "\nsimilar: where the score lies between equal (100 %) and the method's farthest\n"
        "(0 %). It is no probability, and no two methods mean the same by a percentage.\n"
    )


def compare_json(left: str, right: str, comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield `compare_document` as JSON."""
    yield json_text(compare_document(left, right, comparisons))
