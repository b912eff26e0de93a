"""Times by the clock and by the processors."""

from __future__ import annotations

import time

from imgsim.benchmark import norms, timing


def test_norms_are_timed_side_by_side() -> None:
    timings = norms.norms(repetitions=3)
    assert [one.length for one in timings] == [64, 1280, 30_000, 62_720]
    assert all(one.seconds_scipy.n == one.seconds_numpy.n == 3 for one in timings)


def test_times_are_those_of_the_clock_and_of_the_processors() -> None:
    resting = timing.repeated(lambda: time.sleep(0.02), of=2, times=3)
    assert resting.low <= resting.median <= resting.high
    assert resting.median >= 0.01
    assert resting.cpu < 0.005
    working = timing.each([lambda: sum(range(300_000))] * 5)
    assert working.n == 5
    assert working.cpu > 0.0005
