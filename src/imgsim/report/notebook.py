"""Results as HTML in a notebook: a few rows of thumbnails, and how much more there is."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Any

from imgsim.benchmark.results import Bench
from imgsim.calibration.calibrate import Calibrated, Calibration
from imgsim.comparators.label import label
from imgsim.read.discover import printable
from imgsim.report.bench_tables import Table, quality_table
from imgsim.report.document import member_similarity
from imgsim.report.pictures import jpeg_bytes, thumbnails
from imgsim.report.rankings import match_captions, score_text
from imgsim.report.relations import relation_text
from imgsim.report.units import percent
from imgsim.results import Result
from imgsim.tasks.cluster.results import Clusters
from imgsim.tasks.compare import Comparisons
from imgsim.tasks.explain import Explanation
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.known_results import Known
from imgsim.tasks.leaks.results import Leaks
from imgsim.tasks.match_results import Matches
from imgsim.tasks.sort.sort_images import Ordering

MOST_ROWS = 20
MOST_PICTURES = 6
"""In a row."""

_SIDE = 96
_FIGURE = "display:inline-block;vertical-align:top;width:112px;margin:0 8px 8px 0"
_CAPTION = "font-size:11px;line-height:1.25;overflow-wrap:anywhere"


@dataclass(frozen=True, slots=True)
class Row:
    """Pictures that belong together.

    Attributes
    ----------
    title : str
    pictures : tuple of (str, str)
        Paths, and what to say of each.
    more : int
        Pictures that are left out.
    """

    title: str
    pictures: tuple[tuple[str, str], ...]
    more: int = 0


def notebook_html(result: Result[Any], title: str) -> str:
    """Return a result as HTML that stands by itself, and needs no style sheet.

    Parameters
    ----------
    result : Result
    title : str
    """
    table = _table_of(result)
    if table is not None:
        return f"<div><p>{escape(title)}</p>{_table_html(table)}</div>"
    every = _rows_of(result)
    rows = list(islice(every, MOST_ROWS))
    more = sum(1 for _ in every)
    paths = list(dict.fromkeys(path for row in rows for path, _ in row.pictures))
    urls = dict(zip(paths, map(_data_url, thumbnails(paths, _SIDE)), strict=True))
    parts = [f"<div><p>{escape(title)}</p>"]
    for row in rows:
        parts.append(f'<div style="border-top:1px solid #8886;padding-top:4px">{escape(row.title)}')
        parts.append('<div style="margin-top:4px">')
        parts += [_figure(urls[path], path, caption) for path, caption in row.pictures]
        parts += [f"<span>and {row.more} more</span>"] if row.more else []
        parts.append("</div></div>")
    if more:
        parts.append(f"<p>and {more:,} more rows: to_dataframe() has all</p>")
    return "".join([*parts, "</div>"])


def _data_url(picture: Any) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg_bytes(picture)).decode()}"


def _figure(url: str, path: str, caption: str) -> str:
    name = escape(printable(path))
    parts = printable(path).replace("\\", "/").split("/")
    end = escape("/".join(parts[-2:]))  # all of it is the title
    return (
        f'<figure style="{_FIGURE}"><img src="{url}" alt="{name}" title="{name}">'
        f'<figcaption style="{_CAPTION}">{escape(caption)}<br>{end}</figcaption></figure>'
    )


def _table_html(table: Table) -> str:
    header, *rows = table
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _table_of(result: Result[Any]) -> Table | None:
    """The table of a result that has no pictures of its own."""
    if isinstance(result, Bench):
        return quality_table(result)
    if isinstance(result, Calibration):
        return [
            ["method", "threshold", "precision", "recall"],
            *(
                [
                    label(one.comparator),
                    _threshold(one),
                    *(_share(one.measured, name) for name in ("precision", "recall")),
                ]
                for one in result.methods
            ),
        ]
    return None


def _threshold(one: Calibrated) -> str:
    limit = one.max_distance
    return "-" if limit is None else score_text(one.comparator, limit)


def _share(outcome: Any, name: str) -> str:
    value = getattr(outcome, name, None)
    return "-" if value is None else f"{value:.3f}"


def _rows_of(result: Result[Any]) -> Iterator[Row]:
    if isinstance(result, Duplicates):
        return _of_duplicates(result)
    if isinstance(result, Matches):
        return _of_matches(result)
    if isinstance(result, Known):
        return _of_known(result)
    if isinstance(result, Leaks):
        return _of_leaks(result)
    if isinstance(result, Clusters):
        return _of_clusters(result)
    if isinstance(result, Ordering):
        return iter([_row("in order", [(p.file.path, "") for p in result], MOST_ROWS)])
    if isinstance(result, Comparisons):
        told = "; ".join(
            f"{label(one.comparator)}: {score_text(one.comparator, one.distance)},"
            f" {'duplicate' if one.duplicate else 'no duplicate'}"
            for one in result
        )
        return iter([Row(told, ((result.left, ""), (result.right, "")))])
    if isinstance(result, Explanation):
        score = score_text(result.comparator, result.distance)
        ends = tuple((q.path, "") for q in (result.left, result.right) if q.path is not None)
        return iter([Row(f"{label(result.comparator)}: {score}", ends)])
    return iter([])


def _row(title: str, pictures: Sequence[tuple[str, str]], most: int = MOST_PICTURES) -> Row:
    return Row(title, tuple(pictures[:most]), max(0, len(pictures) - most))


def _of_duplicates(duplicates: Duplicates) -> Iterator[Row]:
    scale = duplicates.comparator.scale
    for number, group in enumerate(duplicates.groups, 1):
        members = [
            (
                member.picture.file.path,
                "keep"
                if member.kind == "kept"
                else f"{member.role or member.kind} · {percent(member_similarity(member, scale))}",
            )
            for member in group.members
        ]
        yield _row(f"Group {number}", members)


def _of_matches(matches: Matches) -> Iterator[Row]:
    for number, query in enumerate(matches.methods[0].queries if matches.methods else ()):
        for method in matches.methods:
            own = [
                (match.path, " · ".join(match_captions(method.comparator, match)))
                for match in method.queries[number].matches
            ]
            yield _row(label(method.comparator), [(query.path, "query"), *own])


def _of_known(known: Known) -> Iterator[Row]:
    for answer in known.answers:
        if answer.reason:
            yield Row(f"not read: {printable(answer.path)}: {answer.reason}", ())
            continue
        own = [(m.path, relation_text(m.member)) for m in answer.matches if m.member]
        yield _row("known" if answer.known else "not known", [(answer.path, "new"), *own])


def _of_leaks(leaks: Leaks) -> Iterator[Row]:
    scale = leaks.comparator.scale
    for leak in leaks.leaks:
        own = [
            (
                m.picture.file.path,
                f"{m.picture.file.root} · {percent(member_similarity(m, scale))}",
            )
            for m in leak.matches
        ]
        split = leak.picture.file.root
        yield _row(f"of {split}", [(leak.picture.file.path, split), *own])


def _of_clusters(clusters: Clusters) -> Iterator[Row]:
    paths = [p.file.path for p in clusters.pictures]
    for cluster in clusters.clusters:
        typical = int(cluster.typical)
        others = [int(i) for i in cluster.members if int(i) != typical]
        pictures = [(paths[typical], "typical"), *((paths[i], "") for i in others)]
        yield _row(f"Cluster {cluster.number}, {len(cluster.members)} images", pictures)
