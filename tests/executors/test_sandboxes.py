"""What an engine calls on a machine, without an engine."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from imgsim.errors import ImgsimError, UsageError
from imgsim.executors import sandboxes
from imgsim.executors.sandboxes import LOST, Place, run_rows
from tests.cluster.errands import Errands, Gone


class Column:
    """Values as a column of an engine has them."""

    def __init__(self, values: list[Any]) -> None:
        self.to_pylist = lambda: values
        self.to_arrow = None


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    yield Place("test", 2, 60.0, 1 << 30, os.getcwd(), run=request.node.name)
    sandboxes.stop("test")


def run(place: Place, *batches: tuple[int | str, ...]) -> list[Any]:
    """Results of some batches, or the errors in their place."""
    pickled = [pickle.dumps(Errands(batch)) for batch in batches]
    done = run_rows(Column([0] * len(batches)), Column(pickled), pickle.dumps(place))
    return [pickle.loads(one)[0] for one in done]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_batch_is_run_by_a_worker_that_may_die(place: Place, monkeypatch) -> None:
    monkeypatch.setitem(LOST, place.run, Gone())
    crashed = "failed: its decoder crashed (exit code 5)"
    assert run(place, (1, "exit", 3), ("gone", 4)) == [
        [1, crashed, 9],
        ["failed: it is gone", 16],
    ]
    (one,) = run(place, ("raise",))
    assert isinstance(one, ImgsimError)
    assert "RuntimeError: a bug" in one.message
    (((worker, parent),),) = run(place, ("where",))
    assert parent == os.getpid() != worker


def test_a_machine_that_is_not_like_the_first_one_is_named(place: Place) -> None:
    (other,) = run(replace(place, versions=("0.0.1", "3.11.0")), (1,))
    assert isinstance(other, UsageError)
    assert "imgsim 0.0.1 on Python 3.11.0" in other.message
    (elsewhere,) = run(replace(place, folder="/no/such/folder"), (1,))
    assert isinstance(elsewhere, UsageError)
    assert "has no folder /no/such/folder" in elsewhere.message


def test_what_is_at_work_or_waits_ends_with_the_run(place: Place) -> None:
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.extend(run(place, ("hang",)))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    while not any(s.workers for s in sandboxes._OPEN.values()):
        threading.Event().wait(0.05)
    sandboxes.stop("test", place.run)
    for thread in threads:
        thread.join(30)
    assert [one.message for one in found] == ["the run was stopped"] * 3
    assert [one.message for one in run(place, (1,))] == ["the run was stopped"]  # it came late
    assert run(replace(place, run="another"), (2,)) == [[4]]
