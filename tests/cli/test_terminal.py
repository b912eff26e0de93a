"""What the terminal shows while a command runs."""

from __future__ import annotations

import io
import sys

import pytest

from imgsim.cli.terminal import Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_stage_that_comes_again_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    terminal = Terminal()
    for stage, total in (("verifying", 10), ("reading", 2), ("verifying", 5)):
        terminal.start(stage, total, "pair")
        terminal.advance(total)
        terminal.finish()
    shown = screen.getvalue()
    assert "verifying:  67%" in shown
    assert "10/15" in shown
    assert "reading:   0%" in shown
    assert shown.count("verifying:   0%") == 1
