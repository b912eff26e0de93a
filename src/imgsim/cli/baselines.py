"""The options of a baseline: what an earlier run had already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imgsim.cli.options import all_of
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.report.baseline import Baseline
    from imgsim.tasks.arguments import Criterion

F = TypeVar("F", bound=Callable[..., Any])

ALWAYS_NEW_ONLY = ("text", "html", "github")
"""Formats for people: what is known is left out of them."""


def baseline_options(what: str, more: str = "") -> Callable[[F], F]:
    """Return the options of a command that compares with an earlier run.

    Parameters
    ----------
    what : str
        Of which the outputs consist: groups, leaks.
    more : str
        What else the command does with it.
    """
    return all_of(
        [
            click.option(
                "--baseline",
                type=click.Path(dir_okay=False),
                metavar="FILE",
                help=f"Compare with this earlier JSON output: {what} of the same contents there"
                f" are known. Text shows only new ones, and no gate counts the others.{more}"
                " Exit with 2 if it was made by another method or threshold.",
            ),
            click.option(
                "--only-new",
                is_flag=True,
                help=f"With --baseline: leave known {what} out of every format.",
            ),
            click.option(
                "--update-baseline",
                is_flag=True,
                help=f"Write all {what} to the file of --baseline, which accepts them: the gate"
                " passes. It need not exist yet.",
            ),
        ]
    )


@dataclass(frozen=True, slots=True)
class BaselineChoice:
    """What the options of a baseline ask for.

    Attributes
    ----------
    file : Path or None
        None where no baseline was asked for.
    before : Baseline or None
        Its content; None too where the file does not exist yet, and is to be written.
    only_new, update : bool
    """

    file: Path | None
    before: Baseline | None
    only_new: bool
    update: bool

    def shows_only_new(self, form: str) -> bool:
        """Return whether what is known is left out of a format."""
        return self.file is not None and (self.only_new or form in ALWAYS_NEW_ONLY)

    def require_same(self, criterion: Criterion) -> None:
        """Check that the baseline was made by this method and threshold, unless it is replaced."""
        if self.before is not None and not self.update:
            self.before.require_same(criterion)

    def say(
        self, terminal: Terminal, new: int, shown: int, total: int, noun: str, *, labels: bool
    ) -> None:
        """Say how many are new and how many are shown, and what the baseline cannot tell."""
        from imgsim.report.units import count

        if self.file is None:
            return
        verb = "is" if new == 1 else "are"
        known = f"; {count(total - new, 'known one')}" if total > new else ""
        known += " left out" if shown < total else ""
        terminal.summary(f"{count(new, noun)} {verb} not in the baseline{known}")
        if self.before is not None and not self.update:
            for line in self.before.notes(labels=labels):
                terminal.summary(f"note: {line}")

    def rewrite(self, terminal: Terminal, parts: Iterable[str], total: int, noun: str) -> None:
        """Write the baseline anew."""
        from imgsim.report.units import count

        write(parts, str(self.file))
        terminal.summary(f"{self.file}: {count(total, noun)} accepted")


def choose_baseline(given: dict[str, Any], schemas: Sequence[str]) -> BaselineChoice:
    """Take the options of a baseline out of a command's, and read the file.

    Raises
    ------
    UsageError
        It cannot be read, or options do nothing without it.
    """
    from imgsim.report.baseline import read_baseline

    name, only_new, update = (
        given.pop(option) for option in ("baseline", "only_new", "update_baseline")
    )
    if name is None:
        for asked, option in ((only_new, "--only-new"), (update, "--update-baseline")):
            if asked:
                raise UsageError(f"{option} does nothing without --baseline", "add --baseline FILE")
        return BaselineChoice(None, None, False, False)
    file = Path(name)
    if update and not file.exists():
        if not file.parent.is_dir():
            raise UsageError(f"no such folder: {file.parent}", "make it first")
        return BaselineChoice(file, None, only_new, update)
    return BaselineChoice(file, read_baseline(file, schemas), only_new, update)
