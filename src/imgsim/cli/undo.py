"""``imgsim undo``."""

from __future__ import annotations

import click

from imgsim.cli.options import talk_options
from imgsim.cli.output import write_account
from imgsim.cli.terminal import Terminal


@click.command("undo")
@click.argument("run", metavar="RUN|last")
@talk_options
@click.pass_obj
def command(terminal: Terminal, run: str) -> int:
    """Bring back what a run of imgsim apply removed.

    Bytes, names, times, permissions and attributes are as they were. RUN is a name or number of
    imgsim runs; last is the last one of which something can be brought back, so none that was
    purged. Where something stands in the way it is said, and the rest is brought back; exit code 3
    then. It can be run again.
    """
    from imgsim.act.undo import undo
    from imgsim.report.runs import undone_summary, undone_text

    undone = undo(run, progress=terminal)
    terminal.unwritten(write_account(undone_text(undone)))
    for line in undone_summary(undone):
        terminal.summary(line)
    return 0 if undone.complete else 3
