"""The plots of a benchmark, as SVG; matplotlib is imported when one is drawn."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from imgsim.benchmark.results import Bench, MethodResult, Resilience
from imgsim.errors import MethodUnavailable

_INCHES = 9.0
_GREY = "#888888"
_LETTER = 6.2  # width of one in a name, in points of the display
_AXES_WIDTH = 520.0  # of the plot of speed, likewise


def require_matplotlib() -> None:
    """Check that matplotlib is installed.

    Raises
    ------
    MethodUnavailable
        It is not.
    """
    if find_spec("matplotlib") is None:
        raise MethodUnavailable(
            "plots need matplotlib", "pip install 'imgsim[bench]', or leave out -o"
        )


def colours(names: Sequence[str]) -> dict[str, Any]:
    """Choose a colour for each name, the same in all plots."""
    import matplotlib

    palette = [*matplotlib.color_sequences["tab10"], *matplotlib.color_sequences["Dark2"]]
    return {name: palette[i % len(palette)] for i, name in enumerate(names)}


def speed_accuracy(
    points: Sequence[tuple[str, float, float, tuple[float, float] | None]],
    best: Sequence[str],
    bold: Collection[str],
    measure: str,
) -> str:
    """Plot time against accuracy, with the frontier drawn: up and left is better.

    Parameters
    ----------
    points : sequence of (name, seconds, accuracy, interval or None)
    best : sequence of str
        Names on the frontier, the fastest first.
    bold : collection of str
        Names that are written so.
    measure : str
        Name of the accuracy.
    """
    figure, axes = _figure(_INCHES, 5.2)
    paint = colours([p[0] for p in points])
    where = {name: (seconds, value) for name, seconds, value, _ in points}
    x, y = zip(*(where[name] for name in best), strict=True)
    axes.step(x, y, where="post", color=_GREY, linestyle="--", linewidth=1, zorder=1)
    for name, seconds, value, bounds in points:
        if bounds is not None:
            axes.plot([seconds] * 2, bounds, color=paint[name], alpha=0.35, linewidth=3, zorder=2)
        axes.plot(seconds, value, "o", color=paint[name], markersize=8, zorder=3)
    axes.set_xscale("log")
    low = min(min(v, *(b or (v,))) for _, _, v, b in points)
    axes.set_ylim(max(-0.02, low - 0.06), 1.03)
    fastest, slowest = min(p[1] for p in points), max(p[1] for p in points)
    axes.set_xlim(fastest / 1.6, slowest * 10 ** _room_for_names(points))
    axes.set_xlabel("time of 1,000 images, each read and compared with all (log scale)")
    axes.set_ylabel(measure)
    _write_times(axes.xaxis)
    axes.grid(alpha=0.3)
    _name_points(figure, axes, where, paint, set(bold))
    return _svg(figure)


def _room_for_names(
    points: Sequence[tuple[str, float, float, tuple[float, float] | None]],
) -> float:
    """Compute the decades right of the slowest point that the names written there take."""
    fastest, slowest = (end(math.log10(p[1]) for p in points) for end in (min, max))
    within = slowest - fastest + 0.3
    needed = 0.3
    for name, seconds, *_ in points:
        part = min(0.6, (20 + _LETTER * len(name)) / _AXES_WIDTH)  # of the width of the plot
        needed = max(needed, part / (1 - part) * within - (slowest - math.log10(seconds)))
    return needed


def _name_points(
    figure: Any,
    axes: Any,
    where: dict[str, tuple[float, float]],
    paint: dict[str, Any],
    best: set[str],
) -> None:
    """Write names right of the points, moved up or down where they would overlap or stick out."""
    from matplotlib.patheffects import withStroke

    height = 13.0  # of a line, in points of the display
    figure.canvas.draw()
    scale = figure.dpi / 72
    # left, right, height of the middle; of the points first
    dots = [axes.transData.transform(point) / scale for point in where.values()]
    taken = [(x - 5, x + 5, y) for x, y in dots]
    low, high = axes.bbox.y0 / scale + height / 2, axes.bbox.y1 / scale - height / 2
    for name, point in sorted(where.items(), key=lambda item: -item[1][1]):
        x, y = axes.transData.transform(point) / scale
        left, right = x + 8, x + 14 + _LETTER * len(name)
        tries = sorted(np.arange(-40, 41) * height / 2, key=abs)
        for middle in (y + shift for shift in tries if low <= y + shift <= high):
            if all(right < a or left > b or abs(middle - c) >= height for a, b, c in taken):
                break
        taken.append((left, right, middle))
        axes.annotate(
            name,
            point,
            xytext=(10, middle - y),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=paint[name],
            fontweight="bold" if name in best else "normal",
            path_effects=[withStroke(linewidth=3, foreground="white")],
            arrowprops={"arrowstyle": "-", "color": _GREY, "linewidth": 0.5}
            if abs(middle - y) > height / 2
            else None,
        )


def _write_times(axis: Any) -> None:
    """Write every mark of a logarithmic axis of seconds as a time with its unit.

    Where less than two decades are shown, 2 and 5 of each are marked too; the marks between have
    no text, which matplotlib would write as powers of ten.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    marked = (1, 2, 5) if high < 100 * low else (1,)
    axis.set_major_locator(LogLocator(10, subs=marked))
    axis.set_major_formatter(_time_ticks())
    axis.set_minor_formatter(NullFormatter())


def _time_ticks() -> Any:
    from matplotlib.ticker import FuncFormatter

    def shown(seconds: float, place: int) -> str:
        for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
            if seconds * factor >= 1:
                return f"{seconds * factor:g} {unit}"
        return f"{seconds * 1e9:g} ns"

    return FuncFormatter(shown)


def precision_recall(methods: Sequence[MethodResult], names: dict[str, str]) -> str:
    """Plot a curve for each method over all pairs, and a dot at its threshold."""
    figure, axes = _figure(_INCHES, 5.2)
    paint = colours([m.method for m in methods])
    for m in methods:
        recall, precision = zip(*m.curve, strict=True)
        average = m.detection.micro_average_precision
        assert average is not None
        label = f"{names[m.method]}  ({average.value:.3f})"
        axes.step(
            (0.0, *recall), (precision[0], *precision), where="pre",
            color=paint[m.method], linewidth=1.6, label=label,
        )  # fmt: skip
        if m.detection.precision:
            axes.plot(
                m.detection.recall.value, m.detection.precision.value, "o", color=paint[m.method],
                markeredgecolor="black", markeredgewidth=0.6, zorder=3,
            )  # fmt: skip
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall: share of the matching pairs found")
    axes.set_ylabel("precision: share of the found pairs that match")
    axes.grid(alpha=0.3)
    axes.legend(
        title="method  (µAP); dot: threshold", fontsize=8, title_fontsize=8,
        loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False,
    )  # fmt: skip
    return _svg(figure)


def distributions(methods: Sequence[MethodResult], names: dict[str, str]) -> str:
    """Plot shares of matching and of other pairs over the score, and the threshold, per method."""
    columns = 3
    rows = -(-len(methods) // columns)
    figure, grid = _figure(_INCHES, 2.0 * rows + 0.3, rows, columns)
    cells = np.atleast_1d(grid).ravel()
    for axes, m in zip(cells, methods, strict=False):
        assert m.histogram is not None
        edges = np.array(m.histogram.edges)
        for counts, colour, label in (
            (m.histogram.other, "#c23b22", "other pairs"),
            (m.histogram.matching, "#2a7de1", "matching pairs"),
        ):
            shares = np.array(counts) / max(1, sum(counts))
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.55, label=label)
        axes.axvline(m.detection.threshold, color="black", linewidth=1, label="threshold")
        axes.set_title(names[m.method], fontsize=9)
        axes.set_xlabel(f"{m.score_unit} ({m.score_better} is closer)", fontsize=7.5)
        axes.tick_params(labelsize=7)
        axes.set_yticks([])
        if edges[0] > edges[-1]:  # near is left in all of them
            axes.set_xlim(edges[0], edges[-1])
        else:
            axes.set_xlim(min(edges[0], 0), edges[-1])
    for axes in cells[len(methods) :]:
        axes.set_axis_off()
    handles, labels = cells[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, fontsize=8, frameon=False)
    return _svg(figure)


def heat_map(resilience: Resilience, names: dict[str, str], figure_of: str) -> str:
    """Plot methods by changes; ``figure_of`` is ``recognised`` or ``first``."""
    measured = [m for m in resilience.methods if getattr(m, f"mean_{figure_of}") is not None]
    methods = sorted(measured, key=lambda m: -getattr(m, f"mean_{figure_of}"))
    changes = [c.change for c in methods[0].changes]
    values = np.array([[getattr(c, figure_of) for c in m.changes] for m in methods])
    order = np.argsort(-values.mean(axis=0), kind="stable")
    values = values[:, order]
    figure, axes = _figure(_INCHES + 1.5, 0.3 * len(methods) + 1.6)
    axes.imshow(values, cmap="RdYlGn", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(changes)), [changes[i] for i in order], rotation=60, ha="right",
                    rotation_mode="anchor", fontsize=8)  # fmt: skip
    axes.set_yticks(range(len(methods)), [names[m.method] for m in methods], fontsize=8)
    for (row, column), value in np.ndenumerate(values):
        ink = "white" if value < 0.15 or value > 0.85 else "black"
        axes.text(
            column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=7, color=ink
        )
    axes.tick_params(length=0)
    return _svg(figure)


def all_plots(
    bench: Bench,
    points: Sequence[tuple[str, float, float, tuple[float, float] | None]],
    best: Sequence[str],
    bold: Collection[str],
    names: dict[str, str],
    methods: Sequence[MethodResult],
) -> dict[str, str]:
    """Draw every plot that there is something for, by name. Methods that verify have none."""
    plots = {}
    methods = [m for m in methods if m.ranks]
    if methods:
        measure = "accuracy" if methods[0].retrieval else "µAP"
        plots["speed"] = speed_accuracy(points, best, bold, measure)
        plots["curves"] = precision_recall(methods, names)
        plots["distributions"] = distributions(methods, names)
    if bench.resilience:
        plots["recognised"] = heat_map(bench.resilience, names, "recognised")
        if any(m.mean_first is not None for m in bench.resilience.methods):
            plots["first"] = heat_map(bench.resilience, names, "first")
    return plots


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # not pyplot: no display, no state

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns)


def _svg(figure: Any) -> str:
    import matplotlib

    stream = io.StringIO()
    # the same plot is the same text: no date, no random names
    with matplotlib.rc_context({"svg.hashsalt": "imgsim"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
