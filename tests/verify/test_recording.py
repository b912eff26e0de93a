"""What is held against limits is recorded, and changes nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image, ImageFilter

from imgsim.verify import limits
from imgsim.verify.figures import figure_distance
from imgsim.verify.limits import Limits
from imgsim.verify.recording import Recorded, record, recording
from tests.verify.pictures import SMALL, captioned, grained, page, picture, verify

FOLDER = Path(limits.__file__).parent


def _pairs() -> Iterator[tuple[Image.Image, Image.Image]]:
    """Pairs of which most ways of comparing have something to say."""
    whole = picture(31, SMALL)
    yield whole, captioned(whole)
    yield captioned(whole), captioned(whole, "Winter in the hills")
    yield whole, grained(whole, 9)
    yield whole, whole.filter(ImageFilter.GaussianBlur(2))
    yield whole, whole.crop((20, 10, 300, 230))
    yield whole, Image.fromarray(np.roll(np.asarray(whole), 3, axis=1))
    yield page(20, 31), page(20, 32)
    yield page(20, 31), page(20, 31).rotate(0.5, Image.Resampling.BICUBIC, fillcolor=244)
    small = whole.resize((64, 48))
    yield small, grained(small, 3)
    yield small, picture(32, SMALL).resize((64, 48))
    yield whole, small


def test_recording_changes_no_verdict() -> None:
    every: Recorded = {}
    for one, other in _pairs():
        plain = verify(one, other)
        with recording() as recorded:
            assert verify(one, other) == plain
        assert recorded
        every |= recorded
    expected = {
        *("max_difference", "max_shift", "max_recoloured", "max_detail_ratio", "min_legibility"),
        *("caption_max_hidden", "in_place_min_even", "small_max_local", "min_inliers"),
    }
    assert expected <= set(every)
    assert set(every) <= set(Limits._fields)


def test_what_is_recorded_is_what_decides() -> None:
    whole = picture(33, SMALL)
    with recording() as recorded:
        copy = verify(whole, grained(whole, 4))
    largest = np.hypot(recorded["max_difference"][-1], recorded["max_shift"][-1])
    assert copy.residual == pytest.approx(
        max(
            largest,
            recorded["max_recoloured"][-1] / limits.LIMITS.max_recoloured,
            recorded["max_repainted"][-1] / limits.LIMITS.max_repainted,
            recorded["max_detail_ratio"][-1] / limits.LIMITS.max_detail_ratio,
            recorded["max_detail_ratio_lone"][-1] / limits.LIMITS.max_detail_ratio_lone,
        )
    )


def test_nothing_is_recorded_unless_asked_for_nor_by_other_threads() -> None:
    record("max_blur", 1)
    with recording() as recorded:
        thread = Thread(target=record, args=("max_blur", 2))
        thread.start()
        thread.join()
        with recording() as inner:
            record("max_blur", 3)
        record("max_blur", np.float32(4))
    record("max_blur", 5)
    assert (recorded, inner) == ({"max_blur": [4.0]}, {"max_blur": [3.0]})
    assert type(recorded["max_blur"][0]) is float


def test_figures_are_recorded_too() -> None:
    image = np.zeros((96, 96, 3), np.uint8)
    image[30:60, 25:70] = 200, 40, 40
    other = np.roll(image, 2, axis=1)
    plain = figure_distance(image, other)
    with recording() as recorded:
        assert figure_distance(image, other) == plain
    assert {"figure_difference", "figure_mean", "figure_ink", "figure_min_contrast"} <= set(
        recorded
    )


def _recorded_names(path: Path) -> set[str]:
    """All strings that are passed to `record` as its name, in any branch of an expression."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        part.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "record"
        and not isinstance(call.args[0], ast.JoinedStr)
        for part in ast.walk(call.args[0])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def test_every_name_that_is_recorded_is_a_limit() -> None:
    names = set().union(*(_recorded_names(path) for path in FOLDER.glob("*.py")))
    assert len(names) > 90
    assert names <= set(Limits._fields)
