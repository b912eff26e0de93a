"""The interface by which a run reports its progress, whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of a run, one stage at a time."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """Begin a stage in which `total` things of a `unit` are to be done."""

    def advance(self, n: int) -> None:
        """Count `n` more things as done."""

    def finish(self) -> None:
        """End the stage, finished or given up."""

    def note(self, text: str) -> None:
        """Show the user a line, such as a warning."""


class Silent:
    """A `Progress` that shows nothing."""

    def start(self, stage: str, total: int, unit: str) -> None: ...

    def advance(self, n: int) -> None: ...

    def finish(self) -> None: ...

    def note(self, text: str) -> None: ...
