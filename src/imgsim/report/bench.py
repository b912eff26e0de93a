"""Benchmarks as text, JSON, CSV and Markdown; the page with the plots is `benchpage`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Any, get_type_hints

from imgsim.benchmark.gate import BaselineComparison, Drop
from imgsim.benchmark.results import (
    Bench,
    Detection,
    Estimate,
    MethodResult,
    NormTiming,
    Resilience,
    Retrieval,
)
from imgsim.benchmark.store import to_document
from imgsim.escapes import as_json
from imgsim.read.discover import printable
from imgsim.report.bench_advice import advice, copies_left
from imgsim.report.bench_article import article_notes, article_table, article_title
from imgsim.report.bench_tables import (
    DEFINITIONS,
    Table,
    asked_table,
    changes_explained,
    changes_table,
    explained,
    in_order,
    intervals_table,
    machine_was_busy,
    more_quality_table,
    norms_table,
    quality_table,
    share_text,
    short_names,
    speed_table,
    unranked_note,
)
from imgsim.report.formats import csv_row
from imgsim.report.rankings import duration
from imgsim.report.units import count

_DEVIATION = 1e-6


def bench_title(bench: Bench) -> str:
    """Return which data were measured, under which protocol, in a line."""
    data = bench.data
    classes = f" of {data.classes} classes" if data.classes else ""
    drawn = f" (drawn from {data.of_images:,})" if data.of_images > data.images else ""
    return (
        f"{printable(data.name)}: {data.images:,} images{classes}{drawn}, protocol"
        f" {bench.protocol}, seed {bench.seed}"
    )


def bench_warnings(bench: Bench) -> Iterator[str]:
    """Yield warnings on the figures: a busy machine, an engine with other distances."""
    if machine_was_busy(bench):
        load = max(m.timing.load for m in bench.methods)
        yield (
            f"the machine was busy (load {load:.1f} a core): shown is the time of the processors,"
            " not that of the clock"
        )
    for m in bench.methods:
        if m.engine_deviation is not None and m.engine_deviation > _DEVIATION:
            yield (
                f"{m.method}: the engine's distances differ from those worked out anew by"
                f" {m.engine_deviation:.1e} of the scale"
            )


def bench_text(bench: Bench) -> Iterator[str]:
    """Yield tables for a terminal of 80 columns."""
    yield bench_title(bench) + "\n"
    if opening := advice(bench):
        yield "\n" + _filled(" ".join(opening))
    if bench.methods:
        yield from ("\n" + _filled(f"warning: {line}") for line in bench_warnings(bench))
    if bench.methods and bench.protocol == "article":
        yield f"\n{article_title(bench)}\n"
        yield from _aligned_table(article_table(bench))
        yield from (_filled(f"  {line}", "    ") for line in article_notes(bench))
    elif bench.methods:
        asked, quality, speed = asked_table(bench), quality_table(bench), speed_table(bench)
        yield from _explained_table("How right, and how long it takes", asked)
        more = [[row[0], *row[3:]] for row in quality]
        yield from _explained_table("More of how right", more)
        if unranked_note(bench):
            yield _filled(unranked_note(bench))
        yield from _explained_table("More of how long it takes", speed)
    if bench.resilience:
        if bench.resilience.methods:
            yield from _changes_lines(bench.resilience, short_names(bench))
        if left := copies_left(bench):
            yield _filled(f"({left})")
    if bench.norms:
        yield f"\n{norms_title(bench)}\n"
        yield from _aligned_table(norms_table(bench.norms))


def norms_title(bench: Bench) -> str:
    """Return the title of the table of distances by scipy and by numpy."""
    times = f"{bench.norms[0].seconds_numpy.n:,} repetitions"
    what = f"Euclidean distance by scipy and by numpy's norm, {times}"
    return f"Experiment 3: {what}" if bench.protocol == "article" else what


def _filled(text: str, indent: str = "") -> str:
    return fill(text, 79, break_on_hyphens=False, subsequent_indent=indent) + "\n"


def _explained_table(title: str, table: Table) -> Iterator[str]:
    yield f"\n{title}\n"
    yield from _aligned_table(table)
    yield from (_filled(f"  {name}: {what}", "    ") for name, what in explained(table))


def _changes_lines(resilience: Resilience, names: dict[str, str]) -> Iterator[str]:
    originals = count(resilience.images, "original")
    yield f"\nCopies recognised at the threshold, in percent of {originals}\n"
    table = changes_table(resilience, names)
    for number, name in enumerate(table[0][1:], 1):
        yield f"  {number:2} {name}\n"
    table[0] = ["", *(str(i) for i in range(1, len(resilience.methods) + 1))]
    yield from _aligned_table(table, gap=1)
    yield from (
        _filled(f"  {name}: {what}", "    ") for name, what in changes_explained(resilience)
    )


def _aligned_table(table: Table, gap: int = 2) -> Iterator[str]:
    """Yield a table with columns as wide as they need to be, in 80 columns.

    A name too long for its line has one of its own.
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    room = 80 - sum(widths[1:]) - gap * (len(widths) - 1)
    first = max(8, min(widths[0], room))
    for row in table:
        name = row[0]
        if len(name) > first:
            yield f"{name}\n"
            name = ""
        cells = "".join(
            f"{'':{gap}}{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True)
        )
        yield f"{name:{first}}{cells}".rstrip() + "\n"


def bench_document(bench: Bench, *, timing: bool = True) -> dict[str, Any]:
    """Return the document of a benchmark, without times and load if `timing` is false."""
    whole = {"schema": "imgsim.bench/1", **to_document(bench)}
    if timing:
        return whole | {"advice": " ".join(advice(bench))}
    plain: dict[str, Any] = _without_times(whole)
    return plain


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {k: v for k, v in value.items() if k != "timing" and not k.startswith("seconds")}
        return {k: _without_times(v) for k, v in plain.items()}
    if isinstance(value, list | tuple):
        return [_without_times(one) for one in value]
    return value


def bench_json(bench: Bench, *, timing: bool = True) -> Iterator[str]:
    """Yield `bench_document` as JSON."""
    yield as_json(bench_document(bench, timing=timing), indent=1) + "\n"


def methods_csv(bench: Bench) -> Iterator[str]:
    """Yield a row of CSV per method with every figure; those that it does not have are empty."""
    rows = [method_figures(m) for m in in_order(bench)]
    yield csv_row(list(rows[0]) if rows else ["method"])
    for row in rows:
        yield csv_row(list(row.values()))


def method_figures(m: MethodResult) -> dict[str, object]:
    """Return every figure of a method by its column; the columns are the same for all."""
    row: dict[str, object] = {"method": m.method, "score_unit": m.score_unit}
    row |= {"bytes_per_image": m.bytes_per_image}
    parts: tuple[tuple[Any, Any], ...] = ((Retrieval, m.retrieval), (Detection, m.detection))
    for kind, part in parts:
        for name, hint in get_type_hints(kind).items():
            if name == "class_accuracy":  # as many as there are classes
                continue
            value = getattr(part, name, None)
            if hint in (Estimate, Estimate | None):
                row[name] = value.value if value else None
                row[f"{name}_low"] = value.low if value else None
                row[f"{name}_high"] = value.high if value else None
            else:
                row[name] = value
    for name, value in to_document(m.timing).items():
        row[name] = value["median"] if isinstance(value, dict) else value
    return row


def changes_csv(resilience: Resilience) -> Iterator[str]:
    """Yield a row of CSV per method and change."""
    yield csv_row(["method", "change", "recognised", "first"])
    for m in resilience.methods:
        for c in m.changes:
            yield csv_row([m.method, c.change, c.recognised, c.first])


def norms_csv(timings: Sequence[NormTiming]) -> Iterator[str]:
    """Yield a row of CSV per length of vectors."""
    yield csv_row(["length", "what", "seconds_scipy", "seconds_numpy"])
    for one in timings:
        yield csv_row([one.length, one.what, one.seconds_scipy.median, one.seconds_numpy.median])


def bench_markdown(bench: Bench) -> Iterator[str]:
    """Yield all tables in Markdown, and the machine that they were measured with."""
    yield f"# {bench_title(bench)}\n"
    yield from (f"\n{line}\n" for line in advice(bench))
    if bench.methods and bench.protocol == "article":
        yield f"\n## {article_title(bench)}\n\n"
        yield from _markdown_table(article_table(bench))
        yield "\n"
        yield from (f"- {line}\n" for line in article_notes(bench))
    if bench.methods:
        for title, table in (
            ("How right, and how long it takes", asked_table(bench)),
            ("More of how right", quality_table(bench)),
            ("Still more of it", more_quality_table(bench)),
            ("Intervals (95 %)", intervals_table(bench)),
            ("More of how long it takes", speed_table(bench)),
        ):
            yield f"\n## {title}\n\n"
            yield from _markdown_table(table)
            if title == "More of how right" and unranked_note(bench):
                yield f"\n{unranked_note(bench)}.\n"
        yield "\n## The columns\n\n"
        yield from (f"- {name}: {what}\n" for name, what in DEFINITIONS.items())
    if bench.resilience:
        yield f"\n## Copies recognised, in percent of {bench.resilience.images} originals\n\n"
        if bench.resilience.methods:
            yield from _markdown_table(changes_table(bench.resilience, short_names(bench)))
            yield "\n"
            for name, what in changes_explained(bench.resilience):
                yield f"- {name}: {what}\n"
        if left := copies_left(bench):
            yield f"\n{left[0].upper()}{left[1:]}.\n"
    if bench.norms:
        yield f"\n## {norms_title(bench)}\n\n"
        yield from _markdown_table(norms_table(bench.norms))
    yield "\n## Measured with\n\n"
    yield from (f"- {line}\n" for line in measured_with(bench))


def measured_with(bench: Bench) -> Iterator[str]:
    """Yield the command, the machine, versions and data, a line each."""
    machine, data = bench.machine, bench.data
    if bench.command:
        yield f"`{bench.command}`"
    yield f"{machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB"
    yield f"{machine.platform}; " + ", ".join(f"{k} {v}" for k, v in machine.versions.items())
    yield from (f"warning: {line}" for line in bench_warnings(bench))
    yield from (f"{one.method} not measured: {one.reason}" for one in bench.unmeasured)
    left_out = count(len(data.left_out), "file")
    yield f"data sha256 {data.digest[:16]}, {left_out} left out, decode {bench.decode}"


def _markdown_table(table: Table) -> Iterator[str]:
    for number, row in enumerate(table):
        cells = [cell.replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells)} |\n"
        if number == 0:
            yield f"|---|{'---:|' * (len(row) - 1)}\n"


def gate_text(comparison: BaselineComparison) -> Iterator[str]:
    """Yield what is worse or slower than in the baseline, or gone, or that nothing is."""
    yield from comparison.notes
    for name in comparison.vanished:
        yield f"gone: {name} is in the baseline, and was not measured now"
    for drop in comparison.drops:
        before, now = (_figure_text(drop, value) for value in (drop.before, drop.now))
        yield f"worse: {drop.method}: {drop.figure.replace('_', ' of ')} {before} -> {now}"
    if comparison.passes:
        yield f"{count(comparison.compared, 'method')} as good as in the baseline"


def _figure_text(drop: Drop, value: float | None) -> str:
    if value is None:
        return "none"
    if drop.figure.startswith("seconds"):
        return duration(value)
    if drop.unit == "share":
        return share_text(value)
    return f"{value:.2f}" if drop.unit == "points" else f"{value:.0f}"
