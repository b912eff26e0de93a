"""matches, search and compare: as text, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgsim.comparators.base import Comparator
from imgsim.comparators.label import label
from imgsim.read.discover import printable
from imgsim.report.document import compare_document, json_text, matches_document
from imgsim.report.formats import csv_row
from imgsim.report.text import skipped_lines
from imgsim.report.units import count, percent
from imgsim.tasks.compare import Comparison
from imgsim.tasks.matches import Matches

_NAME_WIDTH = 13
"""Columns of a method's name beside its matches; ``phash:size=16`` fits, a longer name has a line
of its own. With those of the score and the similarity, half of 80 columns are left for paths."""


def score_text(comparator: Comparator, distance: float) -> str:
    """Return a score with its unit, such as ``4 bits`` or ``SSIM 0.97012``."""
    scale = comparator.scale
    score = scale.score(distance)
    if scale.unit == "bits":
        return f"{score:.0f} bits"
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
                score = score_text(method.comparator, match.distance)
                alike = percent(method.comparator.scale.similarity(match.distance))
                yield f"  {name:{_NAME_WIDTH}} {score:>15} {alike:>5}  {printable(match.path)}\n"
                name = ""
        yield "\n"


def matches_json(matches: Matches, *, timing: bool = True) -> Iterator[str]:
    """Yield `matches_document` as JSON."""
    yield json_text(matches_document(matches, timing=timing))


def matches_csv(matches: Matches) -> Iterator[str]:
    """Yield a row of CSV per match."""
    yield csv_row(["method", "query", "rank", "path", "score", "similarity", "path_bytes"])
    for method in matches_document(matches, timing=False)["methods"]:
        for query in method["queries"]:
            for place, match in enumerate(query["matches"], 1):
                values = [match[key] for key in ("path", "score", "similarity")]
                row = [method["name"], query["path"], place, *values, match.get("path_bytes")]
                yield csv_row(row)


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
    for one in comparisons:
        scale = one.comparator.scale
        sign = "<=" if scale.better == "lower" else ">="
        verdict = "yes" if one.duplicate else "no"
        score = score_text(one.comparator, one.distance)
        remark = one.comparator.remark(one.distance)
        name = label(one.comparator)
        if len(name) > 22:
            yield f"{name}\n"
            name = ""
        yield (
            f"{name:22} {score:>15} {percent(one.similarity):>7}  {verdict:3}"
            f" {f'{sign} {one.threshold:.6g}':>10}" + (f"  {remark}" if remark else "") + "\n"
        )


def compare_json(left: str, right: str, comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield `compare_document` as JSON."""
    yield json_text(compare_document(left, right, comparisons))
