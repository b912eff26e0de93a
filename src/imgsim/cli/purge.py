"""``imgsim purge``."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from imgsim.cli.apply_options import is_somebody_there
from imgsim.cli.options import talk_options
from imgsim.cli.output import write_account
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.act.outcome import Purged

_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


@click.command("purge")
@click.argument("run", metavar="[RUN|last]", required=False)
@click.option(
    "--older-than",
    metavar="TIME",
    help="Instead: all finished runs that were begun before, such as 30d, 12h or 4w ago.",
)
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted, and what stays.")
@talk_options
@click.pass_obj
def command(
    terminal: Terminal, run: str | None, older_than: str | None, *, yes: bool, dry_run: bool
) -> int:
    """Delete for good what a run moved to .imgsim-trash. There is no way back.

    RUN is a name or number of imgsim runs; last is the last one of them. On a terminal it asks
    first; elsewhere it wants --yes.

    Both are hashed: a file stays while it, or the one that was kept in its place, is changed or
    gone; exit code 3 then.
    """
    from imgsim.act.history import History
    from imgsim.act.purge import purge
    from imgsim.report.runs import purged_summary, purged_text

    if (run is None) == (older_than is None):
        raise UsageError("name a run, or say --older-than", "imgsim runs lists them")
    names = [History().find(run)] if run is not None else _older_runs(str(older_than))
    if not dry_run and not yes:
        _confirm(names)
    purged: list[Purged] = [purge(name, dry_run=dry_run, progress=terminal) for name in names]
    terminal.unwritten(write_account(purged_text(purged)))
    terminal.summary(purged_summary(purged, dry_run=dry_run))
    return 3 if any(one.left for one in purged) else 0


def _confirm(names: Sequence[str]) -> None:
    """Ask whether what runs hold is to be deleted for good, if they hold anything.

    Raises
    ------
    UsageError
        Nobody is there to be asked, or the answer is no.
    """
    from imgsim.act.history import number_of
    from imgsim.act.run_list import list_runs
    from imgsim.report.units import size

    held = {
        run.name: run.held_bytes
        for run in list_runs()
        if run.name in names and run.held_bytes and run.state != "interrupted"
    }
    if not held:
        return
    numbers = ", ".join(str(number_of(name)) for name in held)
    what = f"{size(sum(held.values()))} of run{'s' * (len(held) > 1)} {numbers}"
    if not is_somebody_there():
        raise UsageError(
            f"this would delete {what} for good: imgsim undo cannot help",
            "add --yes; --dry-run says what would be deleted",
        )
    question = f"This deletes {what} for good, and imgsim undo cannot bring it back. Go on?"
    if not click.confirm(question, err=True):
        raise UsageError("nothing was deleted", "--dry-run says what would be deleted")


def _older_runs(text: str) -> list[str]:
    from imgsim.act.run_list import list_runs

    match = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if match is None:
        raise UsageError(f"no time: {text}", "such as 30d, 12h or 4w")
    before = time.time_ns() - int(match[1]) * _SECONDS[match[2]] * 10**9
    return [
        run.name
        for run in list_runs()
        if run.state == "finished" and run.held_bytes and run.started_ns < before
    ]
