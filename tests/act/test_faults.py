"""No fault at any call loses a last copy, and undo restores every byte."""

from __future__ import annotations

import pytest

from .faults import ACTIONS, KINDS, run_case


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_faults(kind: str, action: str) -> None:
    for seed in range(10):
        wrong, _ = run_case(seed, kind, action)  # type: ignore[arg-type]
        assert not wrong, f"seed {seed}: {wrong}"
