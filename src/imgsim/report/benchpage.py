"""A benchmark as one self-contained HTML page: tables, plots, the worst mistakes as pictures."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from html import escape

from imgsim.benchmark.plots import all_plots
from imgsim.benchmark.results import Bench, MethodResult, Mistake
from imgsim.read.discover import printable
from imgsim.report import bench as report
from imgsim.report import bench_tables
from imgsim.report.bench_advice import advice, copies_left, recommended
from imgsim.report.bench_article import article_notes, article_table, article_title
from imgsim.report.html import escaped_path, picture_rules
from imgsim.report.units import percent

_SIDE = 120

_STYLE = """
:root { color-scheme: light dark; font: 14px system-ui, sans-serif }
body { margin: 1rem auto; max-width: 66rem; padding: 0 1rem }
h1 { font-size: 1.4rem; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; border-top: 1px solid #8886; padding-top: .8rem; margin-top: 1.6rem }
h3 { font-size: 1rem; margin: 1rem 0 .3rem }
p { max-width: 46rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { padding: .15rem .6rem; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums }
th { border-bottom: 1px solid #8889; font-weight: 600; vertical-align: bottom }
th:first-child, td:first-child { text-align: left }
tbody tr:nth-child(even) { background: #8881 }
tr.best td:first-child { font-weight: 700 }
.plot { width: 100%; background: white; border-radius: 6px; margin: .4rem 0 }
.row { display: flex; flex-wrap: wrap; gap: 1rem; margin: .3rem 0 }
figure { margin: 0; width: 250px }
.picture { display: inline-block; width: 120px; height: 120px; margin-right: 4px;
  background: center / contain no-repeat #8882 }
figcaption { font-size: 12px; overflow-wrap: anywhere }
.over .picture { outline: 2px solid #d22; outline-offset: -2px }
.note { color: #777 }
.advice { font-size: 1.15rem; max-width: 60rem; border-left: 4px solid #1a8; padding-left: .8rem }
.columns { font-size: 12px; color: #777; max-width: 60rem; margin: .3rem 0 1rem }
.columns div { margin: .1rem 0 }
.columns dt { display: inline; font-weight: 600 }
.columns dt::after { content: ":" }
.columns dd { display: inline; margin: 0 0 0 .3rem }
code { overflow-wrap: anywhere }
"""


def bench_page(bench: Bench, root: str) -> Iterator[str]:
    """Yield the HTML page.

    Parameters
    ----------
    bench : Bench
    root : str
        Folder that the paths of mistakes count from; pictures that are gone are grey squares.
    """
    names = bench_tables.short_names(bench)
    methods = bench_tables.in_order(bench)
    best = [m.method for m in bench_tables.frontier(bench)]
    bold = {names[m.method] for m in recommended(bench)}
    points = _speed_points(bench, names)
    plots = all_plots(bench, points, [names[m] for m in best], bold, names, methods)
    title = f"imgsim bench: {printable(bench.data.name)}"
    yield (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}'
    )
    shown = [one for m in methods for one in (*m.wrong, *m.missed)]
    places = {path: i for i, path in enumerate({p: 0 for o in shown for p in (o.left, o.right)})}
    yield from picture_rules([os.path.join(root, path) for path in places], _SIDE)
    yield f"</style>\n<h1>{escape(title)}</h1>\n<p>{escape(report.bench_title(bench))}</p>\n"
    if opening := advice(bench):
        yield f'<p class="advice">{escape(" ".join(opening))}</p>\n'
    for left_out in bench.unmeasured:
        line = f"{left_out.method} was not measured: {left_out.reason}."
        yield f'<p class="note">{escape(line)}</p>\n'
    yield from (f"<p><b>{escape(line)}</b></p>\n" for line in report.bench_warnings(bench))
    if methods and bench.protocol == "article":
        yield f"<h2>{escape(article_title(bench))}</h2>\n"
        yield from _table_html(article_table(bench))
        yield from (f"<p>{escape(line)}</p>\n" for line in article_notes(bench))
    if methods:
        yield from _quality_section(bench, plots, bold)
    if bench.resilience and bench.resilience.methods:
        yield from _changes_section(bench, names, plots)
    if bench.norms:
        yield f"<h2>{escape(report.norms_title(bench))}</h2>\n"
        yield f"<p>{bench.norms[0].seconds_numpy.n:,} repetitions, medians and quartiles, of"
        yield " vectors in double precision: "
        yield escape("; ".join(f"{n.length:,}: {n.what}" for n in bench.norms)) + ".</p>\n"
        yield from _table_html(bench_tables.norms_table(bench.norms))
    if methods:
        yield from _mistakes_section(methods, names, places)
    yield "<h2>Measured with</h2>\n<ul>\n"
    for line in report.measured_with(bench):
        code = line.startswith("`")
        yield f"<li><code>{escape(line.strip('`'))}</code>" if code else f"<li>{escape(line)}"
        yield "</li>\n"
    for one in bench.data.left_out:
        yield f"<li>left out {escaped_path(one.path)}: {escape(one.reason)}</li>\n"
    yield "</ul>\n</html>\n"


def _quality_section(bench: Bench, plots: dict[str, str], best: set[str]) -> Iterator[str]:
    yield "<h2>How right, and how long it takes</h2>\n"
    yield from _explained_html(bench_tables.asked_table(bench), best)
    if "speed" in plots:
        bold = "Bold: what the answer at the top names first. " if best else ""
        line = "Above and left of the dashed line is no method. Bars are 95 % intervals."
        yield f"<p>{bold}{line}</p>\n"
        yield _plot_html(plots["speed"], "time of 1,000 images against accuracy")
    yield "<h2>More of how right</h2>\n"
    yield from _explained_html(bench_tables.quality_table(bench), best)
    if bench_tables.unranked_note(bench):
        yield f"<p>{escape(bench_tables.unranked_note(bench))}.</p>\n"
    yield from _explained_html(bench_tables.more_quality_table(bench), best)
    yield "<h3>Intervals (95 %)</h3>\n"
    yield from _table_html(bench_tables.intervals_table(bench), best)
    yield "<h2>More of how long it takes</h2>\n"
    yield from _explained_html(bench_tables.speed_table(bench), best)
    if "curves" not in plots:
        return
    yield "<h2>Precision and recall of all pairs</h2>\n"
    yield _plot_html(plots["curves"], "precision-recall curves")
    yield "<h2>Scores of matching and of other pairs</h2>\n"
    yield "<p>Near is left. What is farther than the plot shows counts in its last bar.</p>\n"
    yield _plot_html(plots["distributions"], "histograms of scores")


def _changes_section(bench: Bench, names: dict[str, str], plots: dict[str, str]) -> Iterator[str]:
    resilience = bench.resilience
    assert resilience is not None
    yield "<h2>Changed copies</h2>\n"
    yield (
        f"<p>{resilience.images} originals, at most {resilience.max_side} pixels a side, each"
        f" changed in {len(resilience.methods[0].changes)} ways; the same files for all"
        " methods.</p>\n"
        f"{_left_html(bench)}"
        "<h3>Percent recognised: within the threshold of their original</h3>\n"
    )
    yield _plot_html(plots["recognised"], "percent of the copies recognised, methods by changes")
    if "first" in plots:
        yield "<h3>Percent that are nearer to their original than to every other one</h3>\n"
        yield _plot_html(plots["first"], "percent of the copies that find their original first")
    wrong = [f"{names[m.method]} {m.wrong}" for m in resilience.methods if m.wrong]
    pairs = bench_tables.pairs_of_originals(resilience)
    yield f"<p>Of {pairs:,} pairs of two different originals, those within the threshold: "
    yield escape(", ".join(wrong) or "none") + ".</p>\n"


def _left_html(bench: Bench) -> str:
    left = copies_left(bench)
    return f'<p class="note">{escape(left[0].upper() + left[1:])}.</p>\n' if left else ""


def _mistakes_section(
    methods: Sequence[MethodResult], names: dict[str, str], places: dict[str, int]
) -> Iterator[str]:
    yield "<h2>The worst mistakes</h2>\n"
    yield "<p>Framed in red: on the wrong side of the method's threshold.</p>\n"
    for m in methods:
        yield f"<h3>{escape(names[m.method])}</h3>\n"
        titles = ("nearest of the pairs that do not match", "farthest of those that do")
        if not m.ranks:
            titles = ("called duplicates, of different classes", "of one class, not called so")
        for title, pairs, within in zip(titles, (m.wrong, m.missed), (True, False), strict=True):
            yield f'<div class="note">{title}{"" if pairs else ": none"}</div>\n<div class="row">'
            for one in pairs:
                over = not m.ranks or _within_threshold(one, m) is within
                yield _mistake_figure(one, m, places, over=over)
            yield "</div>\n"


def _within_threshold(one: Mistake, m: MethodResult) -> bool:
    if one.score is None:
        return False
    if m.score_better == "lower":
        return one.score <= m.detection.threshold
    return one.score >= m.detection.threshold


def _mistake_figure(one: Mistake, m: MethodResult, places: dict[str, int], *, over: bool) -> str:
    pictures = "".join(
        f'<span class="picture p{places[path]}" role="img"'
        f' aria-label="{escaped_path(path)}"></span>'
        for path in (one.left, one.right)
    )
    score = "not proposed, so not looked at"
    if one.score is not None and one.similarity is not None:
        score = f"{m.score_unit} {one.score:.4g}, {percent(one.similarity)}"
    kind = ' class="over"' if over else ""
    return (
        f"<figure{kind}>{pictures}<figcaption>{escape(score)}<br>{escaped_path(one.left)}<br>"
        f"{escaped_path(one.right)}</figcaption></figure>"
    )


def _speed_points(
    bench: Bench, names: dict[str, str]
) -> list[tuple[str, float, float, tuple[float, float] | None]]:
    points = []
    for m in bench_tables.in_order(bench):
        estimate = bench_tables.headline(m)
        if estimate is None:
            continue
        bounds = None
        if estimate.low is not None and estimate.high is not None:
            bounds = (estimate.low, estimate.high)
        seconds = bench_tables.seconds_of_thousand(m, cpu=bench_tables.machine_was_busy(bench))
        points.append((names[m.method], seconds, estimate.value, bounds))
    return points


def _table_html(table: bench_tables.Table, best: set[str] | None = None) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f"<th>{escape(cell)}</th>" for cell in table[0])
    yield "</tr></thead><tbody>\n"
    for row in table[1:]:
        kind = ' class="best"' if best and row[0] in best else ""
        yield f"<tr{kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
    yield "</tbody></table></div>\n"


def _explained_html(table: bench_tables.Table, best: set[str]) -> Iterator[str]:
    """Yield a table, and below it what its columns mean."""
    yield from _table_html(table, best)
    yield '<dl class="columns">\n'
    for name, meaning in bench_tables.explained(table):
        yield f"<div><dt>{escape(name)}</dt><dd>{escape(meaning)}</dd></div>\n"
    yield "</dl>\n"


def _plot_html(svg: str, meaning: str) -> str:
    data = base64.b64encode(svg.encode()).decode()
    return f'<img class="plot" alt="{escape(meaning)}" src="data:image/svg+xml;base64,{data}">\n'
