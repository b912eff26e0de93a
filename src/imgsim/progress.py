"""How the pipeline tells what it is doing, without knowing a terminal."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told about one stage at a time."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage begins; `total` things of a `unit` are to be done."""

    def advance(self, n: int) -> None:
        """So many more are done."""

    def finish(self) -> None:
        """The stage is over, or is given up."""

    def note(self, text: str) -> None:
        """One line that the user should see, such as a warning."""


class Silent:
    """Shows nothing."""

    def start(self, stage: str, total: int, unit: str) -> None: ...

    def advance(self, n: int) -> None: ...

    def finish(self) -> None: ...

    def note(self, text: str) -> None: ...
