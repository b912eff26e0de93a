"""``imgsim apply``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.apply_options import (
    action_options,
    chosen_action,
    confirm_deletion,
    folder_question,
    guard_options,
)
from imgsim.cli.decision_options import decisions_option, read_decisions
from imgsim.cli.make import make_run_options
from imgsim.cli.options import worker_options, writing_options
from imgsim.cli.output import write, write_account, write_bytes, write_paths
from imgsim.cli.plans import read_plan_file
from imgsim.cli.signals import Terminated
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.act.options import Action, ApplyOptions
    from imgsim.act.outcome import Applied, Removed
    from imgsim.act.plan import Plan
    from imgsim.act.verify import ContentVerifier
    from imgsim.decisions.store import Decisions


@click.command("apply")
@click.argument("plan_file", metavar="[PLAN]", required=False, type=click.Path())
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done.")
@action_options
@guard_options
@decisions_option
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with a run that was interrupted: the last one, or that named instead of PLAN."
    " With --yes; else it is said what would be done.",
)
@worker_options
@writing_options
@click.pass_obj
def command(terminal: Terminal, /, plan_file: str | None, **given: Any) -> int:
    """Remove the files that a PLAN of find-dupes names.

    Files are moved to .imgsim-trash in the folder that was scanned; imgsim undo brings them back.
    Right before each step both files are hashed and compared with the plan; a group that changed
    is skipped, and a file is only removed while the kept one is there and decodes in full.

    \b
    imgsim find-dupes photos --plan plan.json
    imgsim apply plan.json             # says what it would do
    imgsim apply plan.json --yes       # does it
    imgsim undo last                   # takes it back

    Exit code 3: something that was asked for was left undone, or would be, without --yes.
    """
    from imgsim.act.apply import apply, check_waste_basket, resume

    resuming, yes = given.pop("resume"), given.pop("yes")
    yes_delete = given.pop("yes_delete")
    script, print0 = given.pop("script"), given.pop("print0")
    decisions = read_decisions(given.pop("decisions"), own=True)
    options = chosen_action(given, terminal, script=script is not None, print0=print0)
    verifier = _verifier(terminal, given)
    if resuming:
        with _told_if_interrupted(terminal) as on_removed:
            applied = resume(
                plan_file or "last",
                yes=yes,
                ask_folder=folder_question(options, ask=yes).ask_folder,
                verifier=verifier,
                progress=terminal,
                decisions=decisions,
                on_removed=on_removed,
            )
        return _finish(terminal, applied)
    if plan_file is None:
        raise click.UsageError("Missing argument 'PLAN'.", click.get_current_context())
    plan = read_plan_file(plan_file)
    if script is not None or print0:
        if yes:
            raise UsageError("--script and --print0 change nothing", "leave --yes out")
        if options.carry_metadata:
            raise UsageError("--script and --print0 carry no metadata", "apply the plan itself")
        if print0 and sys.stdout is None:
            raise UsageError("standard output is closed", "--print0 writes to it")
        return _list(terminal, plan, options, verifier, script, decisions)
    if options.action == "trash":
        check_waste_basket()
    if yes and options.action == "delete":
        confirm_deletion(yes_delete)
    options = folder_question(options, ask=yes)
    with _told_if_interrupted(terminal) as on_removed:
        applied = apply(
            plan, options, yes=yes, verifier=verifier, progress=terminal, decisions=decisions,
            on_removed=on_removed,
        )  # fmt: skip
    return _finish(terminal, applied)


@contextmanager
def _told_if_interrupted(terminal: Terminal) -> Iterator[Callable[[Removed, Action], None]]:
    """Write what was removed if the body of the ``with`` statement is interrupted.

    Yields
    ------
    callable
        To be told of each removal.
    """
    from imgsim.report.runs import removal_text

    lines: list[str] = []
    try:
        yield lambda one, action: lines.extend(removal_text(one, action))
    except (KeyboardInterrupt, Terminated):
        terminal.finish()
        write_account(lines)
        raise


def _verifier(terminal: Terminal, given: dict[str, Any]) -> ContentVerifier:
    from imgsim.act.verify import ContentVerifier
    from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeMode

    # the plan says up to which size pictures are read, and how they are decoded
    walk: dict[str, Any] = {
        "recursive": True, "exclude": (), "default_excludes": True, "follow_symlinks": False,
        "min_pixels": 0, "max_pixels": DEFAULT_MAX_PIXELS, "decode": DecodeMode.REDUCED,
    }  # fmt: skip
    return ContentVerifier(make_run_options(terminal, **walk, **given))


def _finish(terminal: Terminal, applied: Applied) -> int:
    from imgsim.report.runs import applied_summary, applied_text

    if applied.dry_run:
        write(applied_text(applied), None)
    else:
        terminal.unwritten(write_account(applied_text(applied)))
    for line in applied_summary(applied):
        terminal.summary(line)
    return 0 if applied.complete else 3


def _list(
    terminal: Terminal,
    plan: Plan,
    options: ApplyOptions,
    verifier: ContentVerifier,
    script: Path | None,
    decisions: Decisions | None,
) -> int:
    """Write a script, or paths for another program, of files that were all hashed."""
    import os
    from dataclasses import replace

    from imgsim.act.apply import apply
    from imgsim.act.paths import native
    from imgsim.act.scripts import sidecar_digests, waste_folders, write_script
    from imgsim.report.runs import applied_summary, sidecar_summary

    # what another program does with a path may have no way back
    careful = options if script is not None else replace(options, action="trash", move_to=None)
    applied = apply(
        plan, careful, verifier=verifier, thorough=True, progress=terminal, decisions=decisions
    )
    applied = replace(applied, action=options.action)
    if script is not None:
        parts = write_script(
            plan, applied.removed, options, sidecars=sidecar_digests(plan, applied.removed),
            waste=waste_folders(plan, applied.removed, options),
            powershell=script.suffix.lower() == ".ps1",
        )  # fmt: skip
        write_bytes(b"".join(parts), script, replace=False)
    else:
        paths = (path for one in applied.removed for path in (one.path, *one.sidecars))
        full = (os.fsencode(os.path.join(plan.root, native(path))) for path in paths)
        write_paths(path + b"\0" for path in full)
    for line in [*sidecar_summary(applied), *list(applied_summary(applied))[-1:]]:
        terminal.summary(line)
    return 0 if applied.complete else 3
