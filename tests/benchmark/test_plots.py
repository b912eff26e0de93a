"""Texts in plots can be read."""

from __future__ import annotations

import re

import pytest

plt = pytest.importorskip("matplotlib.pyplot")

from matplotlib.text import Text  # noqa: E402

from imgsim.benchmark.plots import _name_points, colours, speed_accuracy  # noqa: E402


def test_names_of_points_neither_overlap_nor_stick_out() -> None:
    names = [f"method-{i}" for i in range(7)]
    where = {name: (1.0 + 0.002 * i, 0.003 * i) for i, name in enumerate(names)}
    figure, axes = plt.subplots(figsize=(8, 4))
    axes.set_xlim(0.9, 2)
    axes.set_ylim(0, 1)
    _name_points(figure, axes, where, colours(names), set(names[:2]))
    figure.canvas.draw()
    boxes = [Text.get_window_extent(name) for name in axes.texts]  # without the lines to them
    plt.close(figure)
    assert len(boxes) == len(names)
    for i, box in enumerate(boxes):
        assert axes.bbox.y0 <= box.y0
        assert box.y1 <= axes.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.mark.parametrize("times", [(0.012, 0.034), (0.009, 0.2), (3e-5, 0.4, 30.0)])
def test_times_are_written_in_one_way(times: tuple[float, ...]) -> None:
    points = [(f"method-{i}", seconds, 0.5 + 0.1 * i, None) for i, seconds in enumerate(times)]
    svg = speed_accuracy(points, [points[-1][0]], [], "accuracy")
    texts = re.findall(r"<!-- (.+?) -->", svg)
    marks = [text for text in texts if re.fullmatch(r"[\d.]+ (s|ms|µs)", text)]
    assert len(marks) >= 2
    assert not [text for text in texts if "times" in text and "mathdefault" in text]
    assert not re.search(r"10\^", "".join(texts))
