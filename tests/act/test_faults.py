"""No fault at any call loses a last copy, and undo restores every byte."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from imgsim.act import removal, removal_steps, reverting, walk

from .faults import ACTIONS, KINDS, run_case
from .memory import MemoryFiles


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_faults(kind: str, action: str) -> None:
    for seed in range(6):
        wrong, _ = run_case(seed, kind, action)  # type: ignore[arg-type]
        assert not wrong, f"seed {seed}: {wrong}"


def _replacing(self: MemoryFiles, folder: int, to: int, new: bytes) -> None:
    if self.nodes[folder].device != self.nodes[to].device:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


GUARDS: dict[str, tuple[Any, str, Any, str]] = {
    "the moved file is the hashed one": (
        walk.OpenFile, "is_at", lambda self, folder, name: True, "replaced",
    ),
    "a deleted file is written back": (
        removal_steps.RemovalSteps, "_write_back", lambda self, step: None, "kept gone",
    ),
    "what is hashed is compared": (
        removal, "open_planned", lambda fs, at, name, plan: walk.open_hashed(fs, at, name),
        "changed",
    ),
    "folders are synced": (
        MemoryFiles, "sync_folder", lambda self, folder: self._call("sync_folder"), "crash",
    ),
    "files are synced": (
        MemoryFiles, "sync_file", lambda self, file: self._call("sync_file"), "crash",
    ),
    "a link in the way keeps its file where it is": (
        reverting, "LINKING", frozenset(), "error",
    ),
    "nothing is replaced": (MemoryFiles, "_check_target", _replacing, "placed"),
}  # fmt: skip


@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_something_is_lost(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the faults would not be worth much."""
    owner, name, without, kind = GUARDS[guard]
    monkeypatch.setattr(owner, name, without)
    # a fault right between two calls is rare
    actions = ("delete",) if name == "_write_back" else ("delete", "move", "quarantine", "hardlink")
    wrong = (
        run_case(seed, kind, action)[0]  # type: ignore[arg-type]
        for seed in range(1000)
        for action in actions
    )
    assert any(wrong)
