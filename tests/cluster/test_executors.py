"""Engines run batches as worker processes do: what one item ends costs that item alone."""

from __future__ import annotations

import sys

import pytest

from tests.cluster import answer_of, needs_engines

pytestmark = [
    needs_engines,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's"),
]


@pytest.mark.parametrize("engine", ["daft", "ray"])
def test_an_engine_keeps_the_contract_of_executors(engine: str) -> None:
    told = answer_of("errands", engine)
    assert told["squares"] == [[i * i for i in range(n, n + 3)] for n in range(0, 150, 3)]
    assert told["harm"] == [
        [1, 4, "failed: its decoder crashed (exit code 5)", 9],
        [16, "failed: its decoder crashed (SIGKILL)"],
        [25, "failed: no progress in 3 s: its disk or its decoder hangs", 36],
        ["large", 49],
        [64],
    ]
    assert told["nothing"] == []
    if engine == "ray":  # else whoever reaches its ports could run what they like
        assert told["token"] == ["token", 64]
    if engine == "daft":  # on Ray other machines than this one know of their mounts
        assert told["lost"] == [[1, "failed: it is gone", 4]]
    for ((process, parent),) in told["workers"]:
        assert process != told["main"]
        assert (parent == told["main"]) == (engine == "daft")
    assert "RuntimeError: a bug" in told["bug"]
    assert told["after"] == [[81]]
    assert {"decoding", "waiting"} <= set(told["stages"])
    assert told["closed"] == [[100]]
    assert told.get("engine killed", True) is True
    assert told["another"].startswith(f"this process runs executor {engine}")
