"""An item is limited in processor time, and in wall time while nothing moves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from imgsim.executors import limit
from imgsim.executors.limit import ItemClock, process_seconds


def test_a_busy_machine_ends_nothing_and_a_long_decode_does() -> None:
    clock = ItemClock(timeout=60, begun_at=100, seen_at=100)
    for second in range(1, 600):  # a tenth of a processor
        assert clock.exceeded(100 + second / 10, elapsed=1) is None
    reason = "decoding took more than 60 s of processor time"
    assert clock.exceeded(160.01, elapsed=1) == reason


def test_what_neither_computes_nor_reads_is_ended() -> None:
    clock = ItemClock(timeout=60, begun_at=0, seen_at=0)
    for _ in range(3):
        for _ in range(60):
            assert clock.exceeded(0.01, elapsed=1) is None
        clock.read_some()
    assert clock.exceeded(0.01, elapsed=60) is None
    assert clock.exceeded(0.01, elapsed=1) == ("no progress in 60 s: its disk or its decoder hangs")


def test_without_a_clock_of_the_process_all_time_counts() -> None:
    clock = ItemClock(timeout=60, begun_at=0, seen_at=0)
    assert clock.exceeded(None, elapsed=60) is None
    assert clock.exceeded(None, elapsed=1)


@pytest.mark.parametrize("by_ps", [False, True])
def test_the_seconds_of_a_process_are_those_it_counts_itself(
    monkeypatch: pytest.MonkeyPatch, by_ps: bool
) -> None:
    if by_ps:
        if sys.platform == "win32":
            pytest.skip("Windows has no ps")
        monkeypatch.setattr(limit.sys, "platform", "elsewhere")
    program = (
        "import time\nwhile time.process_time() < 1.3: pass\n"
        "print(time.process_time(), flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        own = float(process.stdout.readline())
        seconds = process_seconds(process)
        process.kill()
    # in whole seconds by the ps of Linux
    assert seconds == pytest.approx(own, abs=1.0 if by_ps else 0.1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:01.25\n", 1.25), ("  00:01:02", 62), ("1-02:03:04", 93784), ("", None), ("-", None)],
)
def test_times_as_ps_writes_them(text: str, seconds: float | None) -> None:
    assert limit._parse_ps(text) == seconds
