"""The tables of a bench report."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imgsim.bench.results import Bench, Estimate, MethodResult, NormTiming, Resilience
from imgsim.report.rankings import duration

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


def changes_table(resilience: Resilience, names: dict[str, str]) -> Table:
    """A row per change, a column per method: percent of the copies that are recognised."""
    methods = sorted(resilience.methods, key=lambda m: -m.mean_recognised)
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


def norms_table(timings: Sequence[NormTiming]) -> Table:
    """Experiment 3."""
    header = ["length", "scipy", "quartiles", "numpy", "quartiles", "scipy/numpy"]
    rows = []
    for one in timings:
        row = [f"{one.length:,}"]
        for s in (one.seconds_scipy, one.seconds_numpy):
            row += [duration(s.median), f"{duration(s.low)} - {duration(s.high)}"]
        rows.append([*row, f"{one.seconds_scipy.median / one.seconds_numpy.median:.2f}"])
    return [header, *rows]
