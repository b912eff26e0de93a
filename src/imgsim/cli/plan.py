"""``imgsim plan``."""

from __future__ import annotations

import click

from imgsim.cli.options import talk_options
from imgsim.cli.output import write
from imgsim.cli.plans import read_plan_file
from imgsim.cli.terminal import Terminal


@click.command("plan")
@click.argument("action", type=click.Choice(["show", "check"]))
@click.argument("plan_file", metavar="PLAN", type=click.Path(dir_okay=False))
@talk_options
@click.pass_obj
def command(terminal: Terminal, action: str, plan_file: str) -> int:
    """Show what a plan holds, or check it against the files as they are.

    \b
    show    what stays, what is to be removed, and why; and which sidecars
            that go along hold what the kept file lacks
    check   hash every file, and name those that are not as they were;
            exit code 2 if there are any

    A plan comes from imgsim find-dupes PATH --plan PLAN. Nothing is changed on disk.
    """
    from imgsim.report.plans import changed_text, plan_summary, plan_text

    plan = read_plan_file(plan_file)
    if action == "show":
        from imgsim.act.sidecar_losses import losses_of_plan

        write(plan_text(plan, losses_of_plan(plan)), None)
        for line in plan_summary(plan):
            terminal.summary(line)
        return 0
    from imgsim.act.check import check_plan
    from imgsim.report.units import count

    changed = check_plan(plan, progress=terminal)
    write(changed_text(changed), None)
    if changed:
        terminal.error(
            f"{count(len(changed), 'file')} of the plan changed since",
            "imgsim apply skips their groups; find-dupes makes a new plan",
        )
        return 2
    terminal.summary("all files are as they were planned")
    return 0
