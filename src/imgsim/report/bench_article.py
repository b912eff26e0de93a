"""The form that the protocol ``article`` reports in: method, seconds, accuracy."""

from __future__ import annotations

import re

from imgsim.benchmark.results import Bench, MethodResult
from imgsim.report.bench_tables import Table, machine_was_busy, share_text

_ROWS = {
    "euclidean": "Euclidean",
    "ssim": "SSIM",
    "hash": "hash",
    "cosine": "cosine",
    "efficientnet-euclidean": "CNN Euclidean",
    "efficientnet-cosine": "CNN cosine",
}
"""The methods of the comparison in its order; a hash is any of them."""


def article_title(bench: Bench) -> str:
    """Return which of the three experiments it is, in a line."""
    scenes = bench.data.layout == "per-scene"
    number, what = (2, "scenes, views turned and projected") if scenes else (1, "turntable frames")
    sizes = {tuple(re.findall(r"(?:width|height)=(\d+)", m.method)) for m in bench.methods} - {()}
    size = f", resized to {' x '.join(min(sizes))}" if sizes else ""
    return f"Experiment {number}: {what}{size}, RGB"


def article_table(bench: Bench) -> Table:
    """Return the table method, seconds, accuracy, in the order of the comparison.

    Methods that were asked for and not measured have their row, too.
    """
    cpu = machine_was_busy(bench)
    rows = []
    for m in sorted(bench.methods, key=lambda m: _place(m.method)):
        assert m.retrieval is not None
        rows.append([_title(m.method), f"{_mean_seconds(m, cpu=cpu):.7f}", _accuracy(m)])
    rows += [[_title(one.method), "-", "-"] for one in bench.unmeasured]
    rows += [[_title(method), "-", "-"] for method in bench.unfinished_methods("methods")]
    return [["method", "seconds", "accuracy"], *rows]


def article_notes(bench: Bench) -> list[str]:
    """Return what the columns mean, and what was left out, a line each."""
    how = "processor time" if machine_was_busy(bench) else "by the clock"
    return [
        f"seconds: mean to compare a pair, the features of both worked out for it, {how}",
        "accuracy: hits among the 3 nearest of each reference / (images - queries)",
        *(f"{_title(one.method)} left out: {one.reason}" for one in bench.unmeasured),
    ]


def _mean_seconds(result: MethodResult, *, cpu: bool) -> float:
    mixed = result.timing.seconds_mixed
    if cpu:
        return mixed.cpu
    return mixed.median if mixed.mean is None else mixed.mean


def _accuracy(result: MethodResult) -> str:
    return share_text(result.retrieval.article_accuracy if result.retrieval else None)


def _kind(method: str) -> str:
    name = method.partition(":")[0]
    return "hash" if name.endswith("hash") else name


def _place(method: str) -> tuple[int, str]:
    kind = _kind(method)
    order = list(_ROWS)
    return (order.index(kind) if kind in order else len(order), method)


def _title(method: str) -> str:
    name = method.partition(":")[0]
    title = _ROWS.get(_kind(method), name)
    return f"hash ({method})" if title == "hash" else title
