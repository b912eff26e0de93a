"""The tables of a bench report."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imgsim.benchmark.results import (
    Bench,
    Estimate,
    MethodResult,
    NormTiming,
    Resilience,
    Spread,
)
from imgsim.benchmark.significance import differs
from imgsim.report.rankings import duration

Table = list[list[str]]
"""A header and rows of text."""


def machine_was_busy(bench: Bench) -> bool:
    """Return whether others used the machine: then tables show the time of processors."""
    return any(m.timing.busy for m in bench.methods)


def seconds_of_thousand(result: MethodResult, *, cpu: bool) -> float:
    """Return the seconds to read and extract 1,000 images and to compare each with all others.

    With one thread. A method that verifies compares few of the pairs: as many for each image as
    in the data set that it was measured on.
    """
    return sum(_of(part, cpu=cpu) * times for part, times in _parts(result))


def _parts(result: MethodResult) -> list[tuple[Spread, float]]:
    """Return what 1,000 images take, and how often."""
    timing = result.timing
    parts = [(timing.seconds_read, 1000.0), (timing.seconds_features, 1000.0)]
    if timing.seconds_thousand is None:  # an earlier version's
        return [*parts, (timing.seconds_search, 1000.0 * 999)]
    return [*parts, (timing.seconds_thousand, 1.0)]


def _of(spread: Spread, *, cpu: bool) -> float:
    return spread.cpu if cpu else spread.median


LONG_SECONDS = 0.5
"""What takes 1,000 images less than this comes out otherwise in the next run, whatever the
quartiles of its repeats say: they follow each other within milliseconds."""

SURE_RATIO = 4.0
"""One that takes so many times less in one run is the quicker one in the next: the time of one
method was up to 1.8 times as long in another run, on a busy machine."""


def surely_quicker(one: MethodResult, other: MethodResult, bench: Bench, *, ratio: float) -> bool:
    """Return whether a method takes so many times less for 1,000 images, in the next run too.

    So it is where it takes `SURE_RATIO` times less; else, where both were timed for long enough,
    nobody else used the machine and the quartiles of the repeats are as far from each other.
    """
    cpu = machine_was_busy(bench)
    took, other_took = (seconds_of_thousand(m, cpu=cpu) for m in (one, other))
    if other_took >= SURE_RATIO * took:
        return True
    if other_took < ratio * took or cpu or took < LONG_SECONDS:
        return False
    return _bound(other, "low") >= ratio * _bound(one, "high")


def _bound(result: MethodResult, which: str) -> float:
    """Return a quartile of the seconds of 1,000 images."""
    return sum(float(getattr(part, which)) * times for part, times in _parts(result))


def headline(result: MethodResult) -> Estimate | None:
    """Return the figure that methods are put in order by: accuracy, or µAP for a list of pairs.

    It is None for a method that verifies, of a list of pairs.
    """
    if result.retrieval:
        return result.retrieval.accuracy
    return result.detection.micro_average_precision


def in_order(bench: Bench) -> list[MethodResult]:
    """Return the methods, best first, equal ones by their time, last those without a ranking."""
    cpu = machine_was_busy(bench)

    def place(m: MethodResult) -> tuple[float, float, str]:
        best = headline(m)
        value = 1.0 if best is None else -round(best.value, 6)
        return value, seconds_of_thousand(m, cpu=cpu), m.method

    return sorted(bench.methods, key=place)


def worse(one: MethodResult, best: MethodResult) -> bool:
    """Return whether a method is behind a better one by more than chance gives."""
    if one.retrieval and best.retrieval:
        own, other = one.retrieval.class_accuracy, best.retrieval.class_accuracy
        if own and len(own) == len(other):
            return differs(own, other)
    value, bound = headline(one), headline(best)
    assert value is not None
    assert bound is not None
    return bound.low is None or value.value < bound.low


def frontier(bench: Bench) -> list[MethodResult]:
    """Return the methods that no other beats in both accuracy and time, the fastest first.

    One that is slower and exactly as good is among them.
    """
    chosen: list[MethodResult] = []
    cpu = machine_was_busy(bench)
    most = -1.0
    for one in sorted(in_order(bench), key=lambda m: seconds_of_thousand(m, cpu=cpu)):
        best = headline(one)
        if best is not None and round(best.value, 6) >= most:
            chosen.append(one)
            most = round(best.value, 6)
    return chosen


def unranked_methods(bench: Bench) -> list[str]:
    """Return the names of the methods that verify, and do not order all pairs."""
    names = short_names(bench)
    return [names[m.method] for m in bench.methods if not m.ranks]


def unranked_note(bench: Bench) -> str:
    """Return a sentence on the methods that verify; empty if there are none."""
    some = unranked_methods(bench)
    if not some:
        return ""
    one = len(some) == 1
    return (
        f"{' and '.join(some)} {'ranks' if one else 'rank'} the copies that"
        f" {'it verifies' if one else 'they verify'} first, then the nearest by hash; precision"
        " and recall are of copies alone, so other pictures of a class count as missed, and there"
        " is no curve (-)"
    )


def short_names(bench: Bench) -> dict[str, str]:
    """Return short names by method: without their weights, where they differ all the same.

    Under the protocol article also without the fields that it sets.
    """
    names = [m.method for m in bench.methods]
    if bench.resilience:
        names += [m.method for m in bench.resilience.methods]
    names += [name for one in bench.unfinished for name in one.methods]
    left_out = "weights|width|height|pool|scaling" if bench.protocol == "article" else "weights"
    short = {name: _without_fields(name, left_out) for name in names}
    return short if len(set(short.values())) == len(short) else {name: name for name in short}


def _without_fields(name: str, fields: str) -> str:
    """Return a method without the fields whose names match a regular expression."""
    bare, _, given = name.partition(":")
    kept = [one for one in given.split(",") if one and not re.match(f"({fields})=", one)]
    return f"{bare}:{','.join(kept)}" if kept else bare


def share_text(value: float | None) -> str:
    """Return a share with three digits: 1.000 only for one that is, - for None."""
    if value is None:
        return "-"
    if value >= 1:
        return f"{value:.3f}"
    return f"{min(value, 0.999):.3f}"


def interval_text(estimate: Estimate | None) -> str:
    """Return the interval of an estimate such as ``0.90-1.00``; empty if it has none."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f"{estimate.low:.2f}-{estimate.high:.2f}"


def asked_table(bench: Bench) -> Table:
    """Return what was asked: how right every method is, and how long a pair takes it."""
    listed = any(m.retrieval is None for m in bench.methods)
    header = ["method", "µAP" if listed else "accuracy", "95%", "a pair", "1,000 images"]
    names, cpu = short_names(bench), machine_was_busy(bench)
    rows = []
    for m in in_order(bench):
        distance = m.timing.seconds_distance
        rows.append(
            [
                names[m.method],
                _estimate_text(headline(m)),
                interval_text(headline(m)) or "-",
                duration(distance.cpu if cpu else distance.median),
                duration(seconds_of_thousand(m, cpu=cpu)),
            ]
        )
    return [header, *rows]


def quality_table(bench: Bench) -> Table:
    """Return the table of how right every method is."""
    header = "method accuracy 95% MAP µAP prec. recall R@.999".split()
    names = short_names(bench)
    rows = []
    for m in in_order(bench):
        r, d = m.retrieval, m.detection
        rows.append(
            [
                names[m.method],
                _estimate_text(r.accuracy if r else None),
                interval_text(r.accuracy if r else None),
                _estimate_text(r.mean_average_precision if r else None),
                _estimate_text(d.micro_average_precision),
                _estimate_text(d.precision),
                _estimate_text(d.recall),
                _estimate_text(d.recall_at_999),
            ]
        )
    return [header, *rows]


def intervals_table(bench: Bench) -> Table:
    """Return the table of the intervals that `quality_table` has no room for."""
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
        rows.append([names[m.method], *(interval_text(one) or "-" for one in estimates)])
    return [header, *rows]


def _estimate_text(estimate: Estimate | None) -> str:
    return share_text(estimate.value if estimate else None)


def more_quality_table(bench: Bench) -> Table:
    """Return the table of the figures that `quality_table` has no room for."""
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
                *(share_text(value) for value in ranks),
                f"{r.ns_score:.2f}" if r and r.ns_score is not None else "-",
                share_text(d.f1.value),
                f"{d.threshold:.4g}",
                share_text(d.best_f1),
                "-" if d.best_f1_threshold is None else f"{d.best_f1_threshold:.4g}",
                *([share_text(r.article_accuracy)] if article and r else []),
            ]
        )
    return [header + (["article"] if article else []), *rows]


def speed_table(bench: Bench) -> Table:
    """Return the table of how fast every method is."""
    header = ["method", "read", "features", "search", "distance", "mixed", "kB"]
    names = short_names(bench)
    cpu = machine_was_busy(bench)
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


DEFINITIONS = {
    "accuracy": "of the 3 nearest images of a query, those of its class / min(3, class size - 1),"
    " averaged over all images whose class has others",
    "95%": "interval: Wilson's, with the classes (of a list: the pairs) as trials, of which those"
    " with more images or pairs count more; where there are classes, methods are compared on the"
    " same ones, class by class, so two may differ though their intervals overlap",
    "a pair": "to compare one pair by itself, from ready features",
    "1,000 images": "to read so many, work out their features, and compare each with all others"
    " (auto, local: with as many of them as here), with one thread; it is less than the 499,500"
    " pairs by themselves, as many are compared at once",
    "MAP": "mean average precision: how far up the whole ranking those of the class stand",
    "NDCG": "normalised discounted gain: as MAP, with less weight on what stands further down",
    "R@1": "share of queries with one of their class nearest (R@5, R@10: among the 5, 10 nearest)",
    "N-S": "UKBench's score, of 4: images of the scene among the 4 nearest, itself included",
    "µAP": "average precision over all pairs of images together",
    "prec.": "precision: of the pairs at the method's own threshold (preset normal), those that"
    " match",
    "recall": "of the pairs that match, those at that threshold",
    "F1": "the harmonic mean of both",
    "threshold": "the method's own, in its own terms",
    "R@.999": "recall at the loosest threshold with a precision of 99.9 %",
    "best-F1": "of any threshold (at: which); chosen on these data, so flattering",
    "article": "hits among the 3 nearest / (images - queries)",
    "read": "to read, decode, convert and resize an image",
    "features": "to work out an image's features, in a batch, with one thread (with"
    " engine=openvino: as many as it takes)",
    "search": "to rank the 3 nearest of every image, per pair of images; with --jobs threads",
    "distance": "one pair from ready features, one after the other",
    "mixed": "one pair with the features of both images worked out for it: what a comparison that"
    " does not keep features measures",
    "kB": "features of an image, in 1,000 bytes",
}
"""What the columns of the tables mean."""


def explained(table: Table) -> list[tuple[str, str]]:
    """Return the columns of a table and what they mean."""
    return [(name, DEFINITIONS[name]) for name in table[0] if name in DEFINITIONS]


def changes_table(resilience: Resilience, names: dict[str, str]) -> Table:
    """Return a row per change and a column per method: percent of the copies recognised."""
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


def pairs_of_originals(resilience: Resilience) -> int:
    """Return how many pairs of two different originals there are."""
    return resilience.images * (resilience.images - 1) // 2


def changes_explained(resilience: Resilience) -> list[tuple[str, str]]:
    """Return the last rows of `changes_table` and what they mean."""
    return [
        (
            "original found first",
            "percent of the copies that are nearer to their original than to every other one (-: of"
            " a method that verifies)",
        ),
        (
            "wrong pairs of originals",
            f"of {pairs_of_originals(resilience):,} pairs of two different originals, those within"
            " the threshold",
        ),
    ]


def norms_table(timings: Sequence[NormTiming]) -> Table:
    """Return the times of Euclidean distances by scipy and by numpy, a row per length."""
    header = ["length", "scipy", "quartiles", "numpy", "quartiles", "scipy/numpy"]
    rows = []
    for one in timings:
        row = [f"{one.length:,}"]
        for s in (one.seconds_scipy, one.seconds_numpy):
            row += [duration(s.median), f"{duration(s.low)} - {duration(s.high)}"]
        rows.append([*row, f"{one.seconds_scipy.median / one.seconds_numpy.median:.2f}"])
    return [header, *rows]
