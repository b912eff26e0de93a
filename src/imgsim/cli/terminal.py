"""The terminal beside the data: progress, notes, errors, colours."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any, TextIO

import click

_STYLES = {"bold": {"bold": True}}


class Terminal:
    """A `Progress` on standard error, as talkative as the user wants it.

    Attributes
    ----------
    verbosity : int
        -1 quiet, 0 normal, 1 verbose.
    """

    def __init__(self) -> None:
        self.verbosity = 0
        self._bar: Any = None

    def start(self, stage: str, total: int, unit: str) -> None:
        """Show a bar, when somebody is there to see it."""
        if self.verbosity < 0 or not sys.stderr.isatty():
            return
        from tqdm import tqdm

        self._bar = tqdm(
            desc=stage, total=total, unit=f" {unit}s", unit_scale=total > 10**6, leave=False
        )

    def advance(self, n: int) -> None:
        """Move the bar on by `n` things."""
        if self._bar is not None:
            self._bar.update(n)

    def finish(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def note(self, text: str) -> None:
        """Print one line, unless the user wants none."""
        if self.verbosity >= 0:
            self.finish()
            click.echo(f"imgsim: {text}", err=True)

    def summary(self, text: str) -> None:
        """Print a line of the summary."""
        if self.verbosity >= 0:
            click.echo(text, err=True)

    def error(self, message: str, hint: str) -> None:
        """Say what is wrong, and what to do about it."""
        self.finish()
        click.echo(f"imgsim: error: {message}", err=True)
        if hint:
            click.echo(f"  hint: {hint}", err=True)


def paint(text: str, colour: str) -> str:
    """Colour text for standard output, if that is a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return click.style(text, **_STYLES.get(colour, {"fg": colour}))


def output_width(name: str | None) -> int | None:
    """Return the columns of the terminal that text goes to; None if it goes to a file or a pipe.

    Parameters
    ----------
    name : str or None
        The file that ``-o`` names.
    """
    return terminal_width(sys.stdout) if name is None or name == "-" else None


def terminal_width(stream: TextIO | None) -> int | None:
    """Return the columns of a stream that is a terminal; None for any other."""
    if stream is None or not stream.isatty():
        return None
    return shutil.get_terminal_size().columns
