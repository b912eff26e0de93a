"""What an exception says outside the command line."""

from __future__ import annotations

import pickle
import traceback

import pytest

from imgsim import UsageError


@pytest.mark.parametrize("copied", [False, True])
def test_a_traceback_shows_the_hint(copied: bool) -> None:
    error = UsageError("a path is wrong", "name another")
    lines = traceback.format_exception(pickle.loads(pickle.dumps(error)) if copied else error)
    assert lines[-1] == "hint: name another\n"
    assert "hint" not in "".join(traceback.format_exception(UsageError("a path is wrong")))
