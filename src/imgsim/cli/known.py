"""``imgsim known``."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from imgsim.cli.decision_options import gate_decisions_option, read_decisions
from imgsim.cli.gates import refuse_unjudged
from imgsim.cli.index_options import check_one_gallery, index_option, open_snapshot
from imgsim.cli.make import check_paths, make_method, make_run_options
from imgsim.cli.method_options import device_options, method_option, preset_option
from imgsim.cli.options import (
    discover_options,
    format_option,
    k_option,
    output_option,
    run_options,
    timing_option,
    writing_options,
)
from imgsim.cli.output import write
from imgsim.cli.spreadsheet import table
from imgsim.cli.terminal import Terminal, standard_input
from imgsim.comparators.registry import DEFAULT_METHOD
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.comparators.base import Scale
    from imgsim.index.snapshot import Snapshot
    from imgsim.tasks.known_results import KnownAnswer


@click.command("known")
@click.argument("paths", nargs=-1, metavar="NEW...", type=click.Path())
@click.option(
    "--in", "archive", multiple=True, type=click.Path(), metavar="PATH",
    help="The archive. Can be repeated.",
)  # fmt: skip
@index_option("Instead of --in: an index that imgsim index build made.")
@click.option(
    "--stdin",
    is_flag=True,
    help="Instead of NEW: read a path a line from standard input, and answer each at once, by"
    " default as a line of JSON. The archive is read once.",
)
@method_option(DEFAULT_METHOD, "auto or local, which verify every pair.")
@preset_option
@k_option("How many files of the archive are named for each file.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also if a file is known.")
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 2 if a NEW file could not be read, or not be compared with one of the archive"
    " that is gone or was changed.",
)
@format_option(["text", "json", "jsonl", "csv"])
@output_option
@timing_option
@gate_decisions_option
@discover_options
@run_options
@device_options
@writing_options
@click.pass_context
def command(ctx: click.Context, /, paths: tuple[str, ...], **given: Any) -> int:
    """Tell which files an archive knows, and as what. Exits with 1 if it knows any.

    Every NEW file is compared with the archive: neither with other NEW files, nor the archive with
    itself.

    \b
    imgsim known new --in archive
    imgsim known new --in archive -f jsonl | jq -r 'select(.known).path'
    imgsim known new --index archive.index
    find /incoming -name '*.jpg' | imgsim known --stdin --in archive
    """
    terminal = ctx.ensure_object(Terminal)
    form = given.pop("format")
    check_one_gallery(given["archive"], given["index"])
    if given.pop("stdin"):
        if paths or given["files_from"] or given["manifests"]:
            raise UsageError("NEW files and --stdin are given", "name one of them")
        asked = ctx.get_parameter_source("format") is ParameterSource.COMMANDLINE
        return _serve(terminal, form if asked else "jsonl", given)
    check_paths(paths, given["files_from"], given["manifests"], "NEW...")
    return _ask_once(terminal, paths, form, given)


def _ask_once(terminal: Terminal, paths: tuple[str, ...], form: str, given: dict[str, Any]) -> int:
    from imgsim.report import known as report
    from imgsim.tasks.known import known

    output, exit_zero, no_timing = (
        given.pop(name) for name in ("output", "exit_zero", "no_timing")
    )
    method = make_method(terminal, given)
    preset, k = (given.pop(name) for name in ("preset", "k"))
    tally = _Tally(given)
    archive = _archive(given)
    decisions = read_decisions(given.pop("decisions"), own=False)
    options = make_run_options(terminal, **given)
    result = known(paths, archive, method, preset=preset, k=k, decisions=decisions, options=options)
    writers: dict[str, Callable[[], Iterable[str]]] = {
        "text": lambda: report.known_text(result),
        "json": lambda: report.known_json(result, timing=not no_timing),
        "jsonl": lambda: report.known_jsonl(result),
        "csv": lambda: table(report.known_csv(result)),
    }
    write(writers[form](), output, for_programs=form != "text")
    for line in report.archive_summary(result.archive, verbose=terminal.verbosity > 0):
        terminal.summary(line)
    tally.by_decisions = result.archive.by_decisions
    for answer in result.answers:
        tally.add(answer)
    return tally.exit_code(terminal, exit_zero=exit_zero, empty_is_error=True)


def _serve(terminal: Terminal, form: str, given: dict[str, Any]) -> int:
    """Answer paths from standard input until it ends."""
    from imgsim.report import known as report
    from imgsim.tasks.known import KnownArchive

    if form not in ("text", "jsonl"):
        raise UsageError(f"--stdin answers line by line, not as {form}", "-f jsonl, or -f text")
    if given["output"]:
        raise UsageError("--stdin answers on standard output", "leave out --output")
    for name in ("output", "no_timing"):
        del given[name]
    exit_zero = given.pop("exit_zero")
    null = given["null"]
    writer: Callable[[KnownAnswer, Scale], str] = (
        report.answer_text if form == "text" else report.answer_json
    )
    method = make_method(terminal, given)
    preset, k = (given.pop(name) for name in ("preset", "k"))
    tally = _Tally(given)
    archive_of = _archive(given)
    decisions = read_decisions(given.pop("decisions"), own=False)
    options = make_run_options(terminal, **given)
    tally.by_decisions = bool(decisions)
    with KnownArchive(
        archive_of, method, preset=preset, k=k, decisions=decisions, options=options
    ) as archive:
        for line in report.archive_summary(archive.facts, verbose=terminal.verbosity > 0):
            terminal.summary(line)
        scale = archive.facts.comparator.scale
        for path in _lines(b"\0" if null else b"\n"):
            answer = archive.ask(path)
            tally.add(answer)
            write([writer(answer, scale)], None, for_programs=form != "text")
    return tally.exit_code(terminal, exit_zero=exit_zero, empty_is_error=False)


def _lines(end: bytes) -> Iterator[str]:
    """Paths from standard input, each as soon as its line has come."""
    stream = standard_input()
    if end == b"\n":
        for number, line in enumerate(iter(stream.readline, b"")):
            whole_line = line if number else line.removeprefix(codecs.BOM_UTF8)
            yield os.fsdecode(whole_line.removesuffix(b"\n").removesuffix(b"\r"))
        return
    waiting = b""
    while part := os.read(stream.fileno(), 1 << 16):
        *whole, waiting = (waiting + part).split(end)
        yield from map(os.fsdecode, whole)
    if waiting:
        yield os.fsdecode(waiting)


def _archive(given: dict[str, Any]) -> tuple[str, ...] | Snapshot:
    """Take out what files are compared with."""
    archive, index = given.pop("archive"), given.pop("index")
    return archive if index is None else open_snapshot(index)


class _Tally:
    """Counts answers, for the exit code.

    Parameters
    ----------
    given : dict
        Values of the command's options; ``strict`` is taken out.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self.strict = given.pop("strict", False)
        self.indexed = given.get("index") is not None
        self.by_decisions = False
        self.decided = 0
        self.answers = self.known = self.not_read = self.not_compared = self.judged = 0
        self.unsure = self.failed = 0

    def add(self, answer: KnownAnswer) -> None:
        self.answers += 1
        self.known += answer.known
        self.decided += answer.decided
        self.not_read += bool(answer.reason and not answer.not_compared)
        self.not_compared += bool(answer.not_compared)
        # of an index it is expected that some files are not there any more
        self.unsure += bool(answer.not_compared) and not (self.indexed and answer.gone)
        self.judged += answer.judged
        self.failed += bool(answer.reason or answer.not_checked)

    def exit_code(self, terminal: Terminal, *, exit_zero: bool, empty_is_error: bool) -> int:
        """Return 1 if a file is known, 2 if none could be judged, or one not be compared."""
        from imgsim.report.known import known_summary

        decided = self.decided if self.by_decisions else None
        counts = self.answers, self.known, self.not_read
        terminal.summary(known_summary(*counts, decided, self.not_compared))
        if self.strict and self.failed:
            terminal.error(
                f"{self.failed} of {self.answers} files could not be read, or not be compared"
                " (--strict)",
                "their reasons stand beside them",
            )
            return 2
        if self.known:
            return 0 if exit_zero else 1
        if self.unsure:
            terminal.error(
                f"{self.unsure} of {self.answers} files could not be compared with a file of"
                " the archive that they may match",
                "run it again; each answer says why",
            )
            return 2
        if self.answers == self.not_read and (self.answers or empty_is_error):
            terminal.error("no readable image to ask about", "check the paths")
            return 2
        if self.answers and not self.judged:
            refuse_unjudged(terminal)
            return 2
        return 0
