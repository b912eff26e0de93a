"""``imgsim decisions``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.decision_options import own_decisions
from imgsim.cli.make import make_run_options
from imgsim.cli.options import output_option, talk_options, worker_options, writing_options
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.decisions.records import Answer, DecidedFile, Decision
    from imgsim.decisions.store import Decisions
    from imgsim.read.options import RunOptions


@click.group("decisions")
def command() -> None:
    """Remember what a person decided of pictures: list, forget, share it.

    \b
    imgsim decisions add not-duplicates a.jpg b.jpg
    imgsim decisions add keep-all a.jpg b.jpg c.jpg
    imgsim decisions add keep a.jpg b.jpg
    imgsim decisions list

    find-dupes leaves out pairs that were decided, and keeps what was decided to be kept. Files are
    known by their bytes or their pixels: they may be renamed, moved, or get other metadata.
    Decisions lie in your data folder, or where IMGSIM_DECISIONS says (off: none); clearing the
    cache does not touch them. Gates (find-dupes --check, leaks, known, staged) count only those of
    --decisions FILE.
    """


@command.command("add")
@click.argument("answer", type=click.Choice(["not-duplicates", "keep-all", "keep", "remove"]))
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@worker_options
@talk_options
@click.pass_obj
def add(terminal: Terminal, /, answer: Answer, files: tuple[str, ...], **given: Any) -> int:
    """Decide on FILEs.

    \b
    not-duplicates  no two of them show the same: they are not shown together
                    again, and none is removed for another
    keep-all        they may show the same, and all of them stay
    keep            the first is kept in every group it is in, whatever --keep
                    says; files named after it are those it is kept instead of,
                    and an older decision to keep one of these does not count
    remove          the first is kept, and the second, one file, may go whatever
                    it is to the first (edited, near); not if it shows more

    Of two decisions on the same files the later one counts.
    """
    from imgsim.report.decisions import ANSWERS
    from imgsim.report.units import count
    from imgsim.tasks.decide import decide

    decision = decide(answer, files, own_decisions(), options=_run_options(terminal, given))
    terminal.summary(f"{ANSWERS[answer]}: {count(len(decision.files), 'file')}")
    if answer == "keep" and len(files) > 1:
        terminal.summary("the first is kept; the others are removable where find-dupes says so")
    if answer == "remove":
        terminal.summary("the first is kept; plans of find-dupes list the second to be removed")
    return 0


@command.command("list")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    help="jsonl: as export writes them.",
)
@talk_options
@click.pass_obj
def list_(terminal: Terminal, /, form: str) -> int:
    """List what was decided, the first first."""
    from imgsim.report.decisions import decisions_jsonl, decisions_text
    from imgsim.report.units import count

    decisions = own_decisions()
    if form == "jsonl":
        write(decisions_jsonl(decisions), None, for_programs=True)
    else:
        write(decisions_text(decisions), None)
    terminal.summary(f"{count(len(decisions), 'decision')} in {decisions.path}")
    return 0


@command.command("forget")
@click.argument("files", nargs=-1, metavar="[FILE...]", type=click.Path())
@click.option("--all", "everything", is_flag=True, help="Forget all decisions.")
@worker_options
@talk_options
@click.pass_obj
def forget(terminal: Terminal, /, files: tuple[str, ...], everything: bool, **given: Any) -> int:
    """Take decisions back.

    One FILE: all that was decided of it. Several: what was decided among them. A file that is gone
    is named by its old path, or by its digest (sha256:, 8 digits or more), as list shows them.
    """
    from imgsim.report.units import count

    if bool(files) == everything:
        raise UsageError("name FILEs, or --all", "imgsim decisions list shows them")
    decisions = own_decisions()
    if everything:
        forgotten = decisions.replace(lambda one: ())
    else:
        named = [_named_files(decisions, file, _run_options(terminal, given)) for file in files]
        forgotten = decisions.replace(lambda one: _without(one, files, named))
    terminal.summary(f"{count(forgotten, 'decision')} taken back or shortened")
    if not forgotten and not everything:
        raise UsageError(
            "nothing was decided of that" + (" among these files" if len(files) > 1 else ""),
            "imgsim decisions list shows what was",
        )
    return 0


@command.command("export")
@click.option(
    "--below",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Only decisions of which all files lay in this folder, with paths from there on: to share"
    " them in a repository or a team.",
)
@output_option
@writing_options
@click.pass_obj
def export(terminal: Terminal, /, below: Path | None, output: str | None) -> int:
    """Write your decisions as JSON lines, for --decisions FILE or import."""
    from imgsim.report.decisions import decisions_jsonl
    from imgsim.report.units import count

    chosen = list(own_decisions())
    if below is not None:
        folder = os.path.abspath(below)
        chosen = [shared for one in chosen if (shared := _below(one, folder)) is not None]
    write(decisions_jsonl(chosen), output, for_programs=True)
    terminal.summary(f"{count(len(chosen), 'decision')} written")
    return 0


@command.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@talk_options
@click.pass_obj
def import_(terminal: Terminal, /, files: tuple[str, ...]) -> int:
    """Add the decisions of FILEs that export wrote to your own.

    Where they say otherwise of the same files, the later decision counts.
    """
    from imgsim.report.units import count

    given = _read_all(files)
    new = own_decisions().take_in(given)
    terminal.summary(f"{count(new, 'new decision')}, {len(given) - new} were there before")
    return 0


@command.command("merge")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@output_option
@writing_options
@click.pass_obj
def merge(terminal: Terminal, /, files: tuple[str, ...], output: str | None) -> int:
    """Write the decisions of several FILEs as one, each once. Your own are not among them.

    Where they say otherwise of the same files, the later decision counts.

    \b
    imgsim decisions merge mine.jsonl yours.jsonl -o decisions.jsonl
    """
    from imgsim.report.decisions import decisions_jsonl
    from imgsim.report.units import count

    decisions = _read_all(files)
    write(decisions_jsonl(decisions), output, for_programs=True)
    terminal.summary(f"{count(len(decisions), 'decision')} of {count(len(files), 'file')}")
    return 0


def _read_all(files: Sequence[str]) -> list[Decision]:
    """The decisions of several files, each once."""
    from imgsim.decisions.records import in_order
    from imgsim.decisions.store import Decisions

    for file in files:
        if not Path(file).exists():
            raise UsageError(f"no such file: {file}", "imgsim decisions export -o FILE makes one")
    return in_order([one for file in files for one in Decisions(file)])


def _run_options(terminal: Terminal, given: dict[str, Any]) -> RunOptions:
    """How the files that are named are read."""
    from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeMode

    walk: dict[str, Any] = {
        "recursive": False, "exclude": (), "default_excludes": False, "follow_symlinks": True,
        "min_pixels": 0, "max_pixels": DEFAULT_MAX_PIXELS, "decode": DecodeMode.REDUCED,
    }  # fmt: skip
    return replace(make_run_options(terminal, **walk, **given), jobs=given["jobs"] or 1)


_LEAST_DIGITS = 8


def _named_files(decisions: Decisions, name: str, options: RunOptions) -> set[str]:
    """The keys of the contents that a name stands for.

    Raises
    ------
    UsageError
        It stands for nothing that was decided on.
    """
    known = [file for decision in decisions for file in decision.files]
    if name.startswith("sha256:"):
        digits = name.removeprefix("sha256:")
        if len(digits) < _LEAST_DIGITS:
            raise UsageError(f"{name} is too short", f"give {_LEAST_DIGITS} digits or more")
        some = [file for file in known if file.digest.startswith(digits)]
        if len({file.digest for file in some}) > 1:
            raise UsageError(f"{name} stands for several files", "give more digits")
        return _keys(some, name)
    path = os.path.abspath(name)
    there = [file for file in known if file.is_at(path) or file.path == name]
    if os.path.lexists(name):
        from imgsim.tasks.decide import decided_files

        with suppress(UsageError):  # it may be no picture any more
            keys = _keys(decided_files([name], options), name)
            if any(keys & set(file.keys) for file in known):
                return keys
    return _keys(there, name)


def _keys(files: Iterable[DecidedFile], name: str) -> set[str]:
    keys = {key for file in files for key in file.keys}
    if not keys:
        there = os.path.lexists(name)
        raise UsageError(
            f"nothing was decided of {name}" if there else f"no file {name}, nor a decision on one",
            "imgsim decisions list shows names",
        )
    return keys


def _without(
    decision: Decision, files: Sequence[str], named: Sequence[set[str]]
) -> Sequence[Decision]:
    """What is left of a decision when that on the named contents is forgotten."""
    from imgsim.decisions.store import without_files, without_pairs

    chosen = [
        {i for i, file in enumerate(decision.files) if keys & set(file.keys)} for keys in named
    ]
    if len(named) == 1:
        return without_files(decision, chosen[0]) if chosen[0] else (decision,)
    for number, name in enumerate(files):
        path = os.path.abspath(name)
        others = set().union(*(some for i, some in enumerate(chosen) if i != number))
        if chosen[number] & others:  # of one content the path tells
            there = {i for i in chosen[number] if decision.files[i].is_at(path)}
            chosen[number] = there or chosen[number] - others
    return without_pairs(decision, chosen)


def _below(decision: Decision, folder: str) -> Decision | None:
    """A decision with paths below a folder; None if a file of it lay elsewhere."""
    files = []
    for file in decision.files:
        above = os.path.join(folder, "")
        if not file.path.startswith(above):
            return None
        files.append(replace(file, path=file.path.removeprefix(above).replace(os.sep, "/")))
    return replace(decision, files=tuple(files))
