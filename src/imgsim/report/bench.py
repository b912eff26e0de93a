"""Benchmarks as text, JSON, CSV and Markdown; the page with the plots is `benchpage`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Any, get_type_hints

from imgsim.bench.gate import Comparison
from imgsim.bench.results import (
    Bench,
    Detection,
    Estimate,
    MethodResult,
    NormTiming,
    Resilience,
    Retrieval,
    to_document,
)
from imgsim.discover import printable
from imgsim.report.formats import csv_row
from imgsim.report.rankings import duration
from imgsim.report.text import count

_DEVIATION = 1e-6

Table = list[list[str]]
"""A header and rows of text."""


def busy(bench: Bench) -> bool:
    """Whether others used the machine meanwhile: then what is shown is the time of processors."""
    return any(m.timing.busy for m in bench.methods)


def seconds_per_image(result: MethodResult, images: int, *, cpu: bool) -> float:
    """What an image costs in a data set of this size: read, extracted, compared with all others."""
    timing = result.timing
    read, features, search = (
        one.cpu if cpu else one.median
        for one in (timing.seconds_read, timing.seconds_features, timing.seconds_search)
    )
    return read + features + search * (images - 1)


def headline(result: MethodResult) -> Estimate | None:
    """What methods are put in order by: accuracy, or µAP for a list of pairs.

    None of a method that ranks nothing.
    """
    if result.retrieval:
        return result.retrieval.accuracy
    return result.detection.micro_average_precision


def in_order(bench: Bench) -> list[MethodResult]:
    """Methods, the best first; equally good ones by their time; last, those that rank nothing."""
    images, cpu = bench.data.images, busy(bench)

    def place(m: MethodResult) -> tuple[float, float, str]:
        best = headline(m)
        value = 1.0 if best is None else -round(best.value, 6)
        return value, seconds_per_image(m, images, cpu=cpu), m.method

    return sorted(bench.methods, key=place)


def frontier(bench: Bench) -> list[MethodResult]:
    """Methods that no other one beats in both accuracy and time, the fastest first."""
    chosen: list[MethodResult] = []
    images, cpu = bench.data.images, busy(bench)
    most = -1.0
    for one in sorted(in_order(bench), key=lambda m: seconds_per_image(m, images, cpu=cpu)):
        best = headline(one)
        if best is not None and best.value > most:
            chosen.append(one)
            most = best.value
    return chosen


def unranked(bench: Bench) -> list[str]:
    """Names of the methods that rank nothing."""
    names = short_names(bench)
    return [names[m.method] for m in bench.methods if not m.ranks]


def on_unranked(bench: Bench) -> str:
    """What the - of some methods mean, or nothing."""
    some = unranked(bench)
    if not some:
        return ""
    one = len(some) == 1
    return (
        f"{' and '.join(some)} {'ranks' if one else 'rank'} nothing (-):"
        f" {'it tells' if one else 'they tell'} copies of one picture from all others, so other"
        " pictures of a class count as missed"
    )


def short_names(bench: Bench) -> dict[str, str]:
    """Methods without the names of their weights, where they are told apart all the same.

    Under the protocol article also without the fields that it sets.
    """
    names = [m.method for m in bench.methods]
    if bench.resilience:
        names += [m.method for m in bench.resilience.methods]
    left_out = "weights|width|height|pool|scaling" if bench.protocol == "article" else "weights"
    short = {name: _without(name, left_out) for name in names}
    return short if len(set(short.values())) == len(short) else {name: name for name in short}


def _without(name: str, fields: str) -> str:
    """A method without some of its fields."""
    bare, _, given = name.partition(":")
    kept = [one for one in given.split(",") if one and not re.match(f"({fields})=", one)]
    return f"{bare}:{','.join(kept)}" if kept else bare


def share(value: float | None) -> str:
    """A share with three digits; 1.000 only for what is, - for none."""
    if value is None:
        return "-"
    if value >= 1:
        return f"{value:.3f}"
    return f"{min(value, 0.999):.3f}"


def interval(estimate: Estimate | None) -> str:
    """Bounds such as ``0.90-1.00``, or nothing."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f"{estimate.low:.2f}-{estimate.high:.2f}"


def quality_table(bench: Bench) -> Table:
    """How right every method is."""
    header = "method accuracy 95% MAP µAP prec. recall R@.999".split()
    names = short_names(bench)
    rows = []
    for m in in_order(bench):
        r, d = m.retrieval, m.detection
        rows.append(
            [
                names[m.method],
                _value(r.accuracy if r else None),
                interval(r.accuracy if r else None),
                _value(r.mean_average_precision if r else None),
                _value(d.micro_average_precision),
                _value(d.precision),
                _value(d.recall),
                _value(d.recall_at_999),
            ]
        )
    return [header, *rows]


def intervals_table(bench: Bench) -> Table:
    """The intervals that the first table has no room for."""
    header = "method MAP NDCG µAP precision recall F1 R@.999".split()
    names = short_names(bench)
    rows = []
    for m in in_order(bench):
        r, d = m.retrieval, m.detection
        estimates = (
            r.mean_average_precision if r else None,
            r.ndcg if r else None,
            d.micro_average_precision,
            d.precision,
            d.recall,
            d.f1,
            d.recall_at_999,
        )
        rows.append([names[m.method], *(interval(one) or "-" for one in estimates)])
    return [header, *rows]


def _value(estimate: Estimate | None) -> str:
    return share(estimate.value if estimate else None)


def more_quality_table(bench: Bench) -> Table:
    """The figures that the first table has no room for."""
    header = "method NDCG R@1 R@5 R@10 N-S F1 threshold best-F1 at".split()
    article = bench.protocol == "article"
    names = short_names(bench)
    rows = []
    for m in in_order(bench):
        r, d = m.retrieval, m.detection
        ranks = [r.ndcg.value, r.recall_at_1, r.recall_at_5, r.recall_at_10] if r else [None] * 4
        rows.append(
            [
                names[m.method],
                *(share(value) for value in ranks),
                f"{r.ns_score:.2f}" if r and r.ns_score is not None else "-",
                share(d.f1.value),
                f"{d.threshold:.4g}",
                share(d.best_f1),
                "-" if d.best_f1_threshold is None else f"{d.best_f1_threshold:.4g}",
                *([share(r.article_accuracy)] if article and r else []),
            ]
        )
    return [header + (["article"] if article else []), *rows]


def speed_table(bench: Bench) -> Table:
    """How fast every method is."""
    header = ["method", "read", "features", "search", "distance", "mixed", "kB"]
    names = short_names(bench)
    cpu = busy(bench)
    rows = []
    for m in in_order(bench):
        t = m.timing
        spreads = (t.seconds_read, t.seconds_features, t.seconds_search)
        times = [
            one.cpu if cpu else one.median
            for one in (*spreads, t.seconds_distance, t.seconds_mixed)
        ]
        kilobytes = f"{m.bytes_per_image / 1000:.3g}"
        rows.append([names[m.method], *(duration(x) for x in times), kilobytes])
    return [header, *rows]


def changes_table(found: Resilience, names: dict[str, str]) -> Table:
    """A row per change, a column per method: percent of the copies that are recognised."""
    methods = sorted(found.methods, key=lambda m: -m.mean_recognised)
    header = ["change", *(names[m.method] for m in methods)]
    rows = []
    for number, one in enumerate(methods[0].changes):
        values = [m.changes[number].recognised for m in methods]
        rows.append([one.change, *(f"{100 * value:.0f}" for value in values)])
    rows.append(["all", *(f"{100 * m.mean_recognised:.0f}" for m in methods)])
    first = ("-" if m.mean_first is None else f"{100 * m.mean_first:.0f}" for m in methods)
    rows.append(["original found first", *first])
    rows.append(["wrong pairs of originals", *(str(m.wrong) for m in methods)])
    return [header, *rows]


def norms_table(found: Sequence[NormTiming]) -> Table:
    """Experiment 3."""
    header = ["length", "scipy", "quartiles", "numpy", "quartiles", "scipy/numpy"]
    rows = []
    for one in found:
        row = [f"{one.length:,}"]
        for s in (one.seconds_scipy, one.seconds_numpy):
            row += [duration(s.median), f"{duration(s.low)} - {duration(s.high)}"]
        rows.append([*row, f"{one.seconds_scipy.median / one.seconds_numpy.median:.2f}"])
    return [header, *rows]


def heading(bench: Bench) -> str:
    """What was measured on, in a line."""
    data = bench.data
    classes = f" of {data.classes} classes" if data.classes else ""
    drawn = f" (drawn from {data.of_images:,})" if data.of_images > data.images else ""
    return (
        f"{printable(data.name)}: {data.images:,} images{classes}{drawn}, protocol"
        f" {bench.protocol}, seed {bench.seed}"
    )


def doubts(bench: Bench) -> Iterator[str]:
    """What speaks against the figures: a busy machine, an engine with other distances."""
    if busy(bench):
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


def text(bench: Bench) -> Iterator[str]:
    """Tables for a terminal of 80 columns."""
    yield heading(bench) + "\n"
    if bench.methods:
        yield "\nHow right\n"
        yield from _plain(quality_table(bench))
        if on_unranked(bench):
            yield fill(on_unranked(bench), 79, break_on_hyphens=False) + "\n"
        yield "\nHow fast: an image read, its features; a pair searched, compared, with features\n"
        yield from _plain(speed_table(bench))
        if bench.protocol == "article":
            yield "\nAccuracy as the article has it: hits / (images - queries)\n"
            yield from _plain([[row[0], row[-1]] for row in more_quality_table(bench)])
        yield from ("\n" + fill(f"warning: {line}", 79) + "\n" for line in doubts(bench))
        names = ", ".join(short_names(bench)[m.method] for m in frontier(bench))
        if names:
            yield (
                "\n"
                + fill(f"none is both faster and better than: {names}", 79, break_on_hyphens=False)
                + "\n"
            )
    if bench.resilience:
        yield from _changes_text(bench.resilience, short_names(bench))
    if bench.norms:
        yield "\nEuclidean distance, scipy.spatial against numpy.linalg.norm"
        yield f" ({bench.norms[0].seconds_numpy.n:,} times)\n"
        yield from _plain(norms_table(bench.norms))


def _changes_text(found: Resilience, names: dict[str, str]) -> Iterator[str]:
    yield (
        f"\nCopies recognised at the threshold, in percent of {count(found.images, 'original')}\n"
    )
    table = changes_table(found, names)
    for number, name in enumerate(table[0][1:], 1):
        yield f"  {number:2} {name}\n"
    table[0] = ["", *(str(i) for i in range(1, len(found.methods) + 1))]
    yield from _plain(table, gap=1)


def _plain(table: Table, gap: int = 2) -> Iterator[str]:
    """Columns as wide as they need to be; a name too long for its line has one of its own."""
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


def document(bench: Bench, *, timing: bool = True) -> dict[str, Any]:
    """The JSON document; without what differs from run to run, if asked."""
    found = {"schema": "imgsim.bench/1", **to_document(bench)}
    if timing:
        return found
    plain: dict[str, Any] = _without_times(found)
    return plain


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {k: v for k, v in value.items() if k != "timing" and not k.startswith("seconds")}
        return {k: _without_times(v) for k, v in plain.items()}
    if isinstance(value, list | tuple):
        return [_without_times(one) for one in value]
    return value


def as_json(bench: Bench, *, timing: bool = True) -> Iterator[str]:
    """One document."""
    yield json.dumps(document(bench, timing=timing), ensure_ascii=False, indent=1) + "\n"


def methods_csv(bench: Bench) -> Iterator[str]:
    """A row per method with every figure; what a method does not have is empty."""
    rows = [_csv_row(m) for m in in_order(bench)]
    yield csv_row(list(rows[0]) if rows else ["method"])
    for row in rows:
        yield csv_row(list(row.values()))


def _csv_row(m: MethodResult) -> dict[str, object]:
    """The same columns for every method."""
    row: dict[str, object] = {"method": m.method, "score_unit": m.score_unit}
    row |= {"bytes_per_image": m.bytes_per_image}
    parts: tuple[tuple[Any, Any], ...] = ((Retrieval, m.retrieval), (Detection, m.detection))
    for kind, part in parts:
        for name, hint in get_type_hints(kind).items():
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


def changes_csv(found: Resilience) -> Iterator[str]:
    """A row per method and change."""
    yield csv_row(["method", "change", "recognised", "first"])
    for m in found.methods:
        for c in m.changes:
            yield csv_row([m.method, c.change, c.recognised, c.first])


def norms_csv(found: Sequence[NormTiming]) -> Iterator[str]:
    """A row per length of vectors."""
    yield csv_row(["length", "what", "seconds_scipy", "seconds_numpy"])
    for one in found:
        yield csv_row([one.length, one.what, one.seconds_scipy.median, one.seconds_numpy.median])


def markdown(bench: Bench) -> Iterator[str]:
    """All tables, and what they were measured with."""
    yield f"# {heading(bench)}\n"
    if bench.methods:
        for title, table in (
            ("How right", quality_table(bench)),
            ("More of it", more_quality_table(bench)),
            ("Intervals (95 %)", intervals_table(bench)),
            ("How fast", speed_table(bench)),
        ):
            yield f"\n## {title}\n\n"
            yield from _marked(table)
            if title == "How right" and on_unranked(bench):
                yield f"\n{on_unranked(bench)}.\n"
    if bench.resilience:
        yield f"\n## Copies recognised, in percent of {bench.resilience.images} originals\n\n"
        yield from _marked(changes_table(bench.resilience, short_names(bench)))
    if bench.norms:
        yield "\n## Euclidean distance by scipy and by numpy\n\n"
        yield from _marked(norms_table(bench.norms))
    yield "\n## Measured with\n\n"
    yield from (f"- {line}\n" for line in measured_with(bench))


def measured_with(bench: Bench) -> Iterator[str]:
    """Command, machine, versions and data, a line each."""
    machine, data = bench.machine, bench.data
    if bench.command:
        yield f"`{bench.command}`"
    yield f"{machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB"
    yield f"{machine.platform}; " + ", ".join(f"{k} {v}" for k, v in machine.versions.items())
    yield from (f"warning: {line}" for line in doubts(bench))
    left_out = count(len(data.left_out), "file")
    yield f"data sha256 {data.digest[:16]}, {left_out} left out, decode {bench.decode}"


def _marked(table: Table) -> Iterator[str]:
    for number, row in enumerate(table):
        cells = [cell.replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells)} |\n"
        if number == 0:
            yield f"|---|{'---:|' * (len(row) - 1)}\n"


def gate_text(found: Comparison) -> Iterator[str]:
    """What got worse or slower."""
    yield from found.notes
    for drop in found.drops:
        before, now = (
            (duration(x) if drop.figure.startswith("seconds") else share(x))
            for x in (drop.before, drop.now)
        )
        yield f"worse: {drop.method}: {drop.figure.replace('_', ' of ')} {before} -> {now}"
    if not found.drops:
        yield f"{count(found.compared, 'method')} as good as in the baseline"
