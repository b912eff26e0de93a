"""The terminal beside the data: progress, notes, errors, colours."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections import Counter
from contextlib import suppress
from typing import Any, BinaryIO, TextIO, cast

import click

from imgsim.errors import UsageError

_STYLES = {"bold": {"bold": True}}


def standard_input() -> BinaryIO:
    """Return what standard input brings, as bytes.

    Raises
    ------
    UsageError
        It is closed.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed", "connect it, or name a file")
    return sys.stdin.buffer


def input_bytes(name: str) -> bytes:
    """Return what a file, pipe or device holds, or, for ``-``, standard input, which stays open.

    Raises
    ------
    OSError
        It cannot be read.
    UsageError
        Standard input is closed.
    """
    from imgsim.read.files import MAX_FILE_BYTES, check_size, open_input

    if name == "-":
        content = standard_input().read(MAX_FILE_BYTES + 1)
        check_size(len(content))
        return content
    with open_input(name) as stream:
        return stream.read()


class _OutputOfMainThread:
    """A stream; what other threads write gets to standard error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        own = threading.current_thread() is threading.main_thread() or sys.stderr is None
        return (self._stream if own else sys.stderr).write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Terminal:
    """A `Progress` on standard error, as talkative as the user wants it.

    What cannot be written there is lost, and ends nothing.

    Attributes
    ----------
    verbosity : int
        -1 quiet, 0 normal, 1 verbose.
    cached : bool
        What is done is kept in a cache, so that the next run need not do it again.
    """

    def __init__(self) -> None:
        self.verbosity = 0
        self.cached = False
        self._bar: Any = None
        self._done: Counter[str] = Counter()  # in the bars of each stage
        self._replaced: Any = None
        self._replaced_output: Any = None

    def silence_libraries(self) -> None:
        """Drop what C libraries write to standard error, until `restore` is called.

        In this process, as decoders in threads do; what Python writes still gets there.
        """
        try:
            if self._replaced is not None or sys.stderr.fileno() != 2:
                return
            sys.stderr.flush()
            null = os.open(os.devnull, os.O_WRONLY)
            own = os.fdopen(
                os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors=sys.stderr.errors
            )
        except (OSError, ValueError, AttributeError):  # it is closed, or no file
            return
        os.dup2(null, 2)
        os.close(null)
        self._replaced, sys.stderr = sys.stderr, own

    def keep_output(self) -> None:
        """Let only this program write to standard output, until `restore` is called.

        What C libraries and other threads write there gets to standard error: Ray tells there of
        its workers.
        """
        if self._replaced_output is not None or sys.stdout is None:
            return
        self._replaced_output = own = sys.stdout
        with suppress(OSError, ValueError, AttributeError):  # it is closed, or no file
            if own.fileno() == 1:
                own.flush()
                own = os.fdopen(os.dup(1), "w", encoding=own.encoding, errors=own.errors)
                os.dup2(2, 1)
        sys.stdout = cast(TextIO, _OutputOfMainThread(own))

    def _restore_output(self) -> None:
        if self._replaced_output is None:
            return
        own, sys.stdout, self._replaced_output = sys.stdout, self._replaced_output, None
        with suppress(OSError, ValueError):  # closed, or told before
            own.flush()
        with suppress(OSError, ValueError, AttributeError):
            if own.fileno() != sys.stdout.fileno():
                os.dup2(own.fileno(), 1)
                own.close()

    def restore(self) -> None:
        """Let everything through again."""
        self._restore_output()
        if self._replaced is None:
            return
        own, sys.stderr, self._replaced = sys.stderr, self._replaced, None
        os.dup2(own.fileno(), 2)
        with suppress(OSError):
            own.close()

    def start(self, stage: str, total: int, unit: str) -> None:
        """Show a bar, when somebody is there to see it; a stage that comes again goes on."""
        if self.verbosity < 0 or sys.stderr is None or not sys.stderr.isatty():
            return
        from tqdm import tqdm

        done = self._done[stage]
        with suppress(OSError):
            self._bar = tqdm(
                desc=stage,
                initial=done,
                total=done + total,
                unit=f" {unit}s",
                unit_scale=done + total > 10**6,
                leave=False,
            )

    def advance(self, n: int) -> None:
        """Move the bar on by `n` things."""
        if self._bar is not None:
            with suppress(OSError):
                self._bar.update(n)

    def finish(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._done[self._bar.desc] = self._bar.n
            with suppress(OSError):
                self._bar.close()
            self._bar = None

    def say(self, text: str) -> None:
        """Print a line, whatever the user wants."""
        with suppress(OSError, ValueError):  # it may be closed
            click.echo(text, err=True)

    def note(self, text: str) -> None:
        """Print one line, unless the user wants none."""
        if self.verbosity >= 0:
            self.finish()
            self.say(f"imgsim: {text}")

    def unwritten(self, reason: str) -> None:
        """Say that what was done could not be written to standard output, if there is a reason."""
        if reason:
            self.note(f"standard output: {reason}; what was done is summed up here")

    def summary(self, text: str) -> None:
        """Print a line of the summary."""
        if self.verbosity >= 0:
            self.say(text)

    def error(self, message: str, hint: str) -> None:
        """Say what is wrong, and what to do about it."""
        self.finish()
        self.say(f"imgsim: error: {message}")
        if hint:
            self.say(f"  hint: {hint}")

    def interrupted(self, how: str, left: str = "") -> None:
        """Say that the run was ended before its time, and what is left of it."""
        self.finish()
        if not left and self.cached:
            left = "the next run goes on from here"
        self.say(f"imgsim: {how}" + (f"; {left}" if left else ""))


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
