"""``imgsim runs``."""

from __future__ import annotations

import click

from imgsim.cli.options import talk_options
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal, output_width


@click.command("runs")
@talk_options
@click.pass_obj
def command(terminal: Terminal) -> int:
    """List the runs of imgsim apply.

    Each with its time, what became of it, how many files and sidecars it removed, of how many more
    the removal was begun when it was interrupted, and what purge would free.
    """
    from imgsim.act.run_list import list_runs
    from imgsim.report.runs import runs_text

    runs = list_runs()
    write(runs_text(runs, output_width(None)), None)
    if not runs:
        terminal.summary("no runs")
    return 0
