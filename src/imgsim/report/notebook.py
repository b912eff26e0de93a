"""Results as HTML in a notebook: a few rows of thumbnails, and how much more there is."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Any

from imgsim.act.outcome import Applied, Undone
from imgsim.act.paths import native, shown
from imgsim.act.plan import Plan
from imgsim.benchmark.results import Bench
from imgsim.calibration.calibrate import Calibrated, Calibration
from imgsim.comparators.label import label
from imgsim.read.discover import printable
from imgsim.read.manifests.manifest import Manifest
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
from imgsim.tasks.features import FeatureSet
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.known_results import Known
from imgsim.tasks.leaks.results import Leaks
from imgsim.tasks.match_results import Matches
from imgsim.tasks.sort.sort_images import Ordering
from imgsim.training.run import TrainedNetwork

MOST_ROWS = 20
MOST_LINES = 100
"""Of a table."""

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
    for cls, make in _TABLES.items():
        if isinstance(result, cls):
            return f"<div><p>{escape(title)}</p>{_table_html(make(result))}</div>"
    every = next((make(result) for cls, make in _ROWS.items() if isinstance(result, cls)))
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
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>"
        for row in rows[:MOST_LINES]
    )
    more = len(rows) - MOST_LINES
    note = f"<p>and {more:,} more: to_dataframe() has all</p>" if more > 0 else ""
    return f"<table><tr>{head}</tr>{body}</table>{note}"


def _of_calibration(calibration: Calibration) -> Table:
    header = ["method", "threshold", "precision", "recall"]
    return [header] + [
        [
            label(one.comparator),
            _threshold(one),
            *(_share(one.measured, name) for name in ("precision", "recall")),
        ]
        for one in calibration.methods
    ]


def _of_epochs(trained: TrainedNetwork) -> Table:
    return [["epoch", "loss", "of held-out images", ""]] + [
        [f"{e.number}", f"{e.train:.4g}", f"{e.held_out:.4g}", "best so far" if e.best else ""]
        for e in trained.epochs
    ]


def _of_applied(applied: Applied) -> Table:
    verb = "would be removed" if applied.dry_run else "removed"
    rows = [[shown(r.path), verb, f"{r.role}; kept: {shown(r.kept)}"] for r in applied.removed]
    rows += [[shown(one.path), "stays", one.reason] for one in applied.left]
    return [["path", "", "why"], *rows]


def _of_undone(undone: Undone) -> Table:
    rows = [[shown(path), "restored", ""] for path in undone.restored]
    rows += [[shown(one.path), "not restored", one.reason] for one in undone.left]
    return [["path", "", "why"], *rows]


def _threshold(one: Calibrated) -> str:
    limit = one.max_distance
    return "-" if limit is None else score_text(one.comparator, limit)


def _share(outcome: Any, name: str) -> str:
    value = getattr(outcome, name, None)
    return "-" if value is None else f"{value:.3f}"


def _of_ordering(ordering: Ordering) -> Iterator[Row]:
    yield _row("in order", [(p.file.path, "") for p in ordering], MOST_ROWS)


def _of_comparisons(comparisons: Comparisons) -> Iterator[Row]:
    told = "; ".join(
        f"{label(one.comparator)}: {score_text(one.comparator, one.distance)},"
        f" {'duplicate' if one.duplicate else 'no duplicate'}"
        for one in comparisons
    )
    yield Row(told, ((comparisons.left, ""), (comparisons.right, "")))


def _of_explanation(explanation: Explanation) -> Iterator[Row]:
    score = score_text(explanation.comparator, explanation.distance)
    queries = (explanation.left, explanation.right)
    ends = tuple((q.path, "") for q in queries if q.path is not None)
    yield Row(f"{label(explanation.comparator)}: {score}", ends)


def _of_features(feature_set: FeatureSet) -> Iterator[Row]:
    yield _row("images", [(path, "") for path in feature_set.paths], MOST_ROWS)


def _of_manifest(manifest: Manifest) -> Iterator[Row]:
    splits = manifest.splits or ("",) * len(manifest)
    labels = manifest.labels or ("",) * len(manifest)
    for split in dict.fromkeys(splits):
        own = [
            (path, name)
            for path, name, its in zip(manifest.paths, labels, splits, strict=True)
            if its == split
        ]
        yield _row(split or "paths", own)


def _of_plan(plan: Plan) -> Iterator[Row]:
    def full(path: bytes) -> str:
        return os.path.join(plan.root, native(path))

    for number, group in enumerate(plan.groups, 1):
        removals = [
            (full(one.file.path), f"{'remove' if one.chosen else 'not chosen'} · {one.role}")
            for one in group.removals
        ]
        yield _row(f"Group {number}", [(full(group.keep.path), "keep"), *removals])


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


_TABLES: dict[type, Callable[[Any], Table]] = {
    Bench: quality_table,
    Calibration: _of_calibration,
    TrainedNetwork: _of_epochs,
    Applied: _of_applied,
    Undone: _of_undone,
}
"""Of results whose pictures are gone, or that have none of their own."""

_ROWS: dict[type, Callable[[Any], Iterator[Row]]] = {
    Duplicates: _of_duplicates,
    Matches: _of_matches,
    Known: _of_known,
    Leaks: _of_leaks,
    Clusters: _of_clusters,
    Ordering: _of_ordering,
    Comparisons: _of_comparisons,
    Explanation: _of_explanation,
    FeatureSet: _of_features,
    Manifest: _of_manifest,
    Plan: _of_plan,
}
