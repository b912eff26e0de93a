"""``imgsim staged``."""

from __future__ import annotations

import sys
from typing import Any

import click

from imgsim.cli.decision_options import gate_decisions_option, read_decisions
from imgsim.cli.gates import could_compare_all
from imgsim.cli.make import make_method, make_run_options
from imgsim.cli.method_options import device_options, method_option, preset_option
from imgsim.cli.options import run_options, talk_options
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal, output_width, paint, terminal_width
from imgsim.comparators.registry import DEFAULT_METHOD
from imgsim.decode.spec import DEFAULT_MAX_PIXELS


@click.command("staged")
@click.argument("paths", nargs=-1, metavar="[FILE...]", type=click.Path())
@method_option(DEFAULT_METHOD)
@preset_option
@click.option(
    "--check-kind",
    type=click.Choice(["exact", "pixels", "near"]),
    default="near",
    show_default=True,
    help="How sure a duplicate must be to count. exact: the same bytes; pixels: or the same"
    " pixels; near: all.",
)
@gate_decisions_option
@run_options
@device_options
@talk_options
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    paths: tuple[str, ...],
    preset: Any,
    check_kind: Any,
    decisions: str | None,
    **given: Any,
) -> int:
    """Find staged images that duplicate tracked ones, or each other: a hook for git.

    FILEs are those to be committed, by default what is staged. Exits with 1 if there is a
    duplicate, with 0 if nothing that is staged is an image, and with 2 if a file could not be
    looked at, since it is not in the working tree. Nothing is changed.

    \b
    imgsim staged
    imgsim staged --check-kind exact
    """
    from imgsim.read.discover import printable
    from imgsim.report.text import Page, find_dupes_summary, find_dupes_text
    from imgsim.tasks.staged import MISSING, find_staged

    method = make_method(terminal, given)
    walking: dict[str, Any] = {
        "recursive": True, "exclude": (), "default_excludes": True, "follow_symlinks": False,
        "min_pixels": 0, "max_pixels": DEFAULT_MAX_PIXELS,
    }  # fmt: skip
    options = make_run_options(terminal, **given, **walking)
    duplicates = find_staged(
        paths or None,
        method,
        preset=preset,
        decisions=read_decisions(decisions, own=False),
        options=options,
    )
    counted = [part for group in duplicates.groups for part in group.parts(check_kind)]
    counted = [g for g in counted if any(not m.picture.file.reference for m in g.members)]
    if counted:
        page = Page(paint, output_width(None))
        write(find_dupes_text(duplicates, page), None)
    summary = find_dupes_summary(
        duplicates,
        verbose=terminal.verbosity > 0,
        folders=False,
        width=terminal_width(sys.stderr),
    )
    for line in summary:
        terminal.summary(line)
    missing = [one.path for one in duplicates.skipped if one.reason == MISSING]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        terminal.error(
            f"{printable(missing[0])}{more}: staged, but not in the working tree",
            "git restore FILE brings it back, git rm --cached FILE takes it out of the commit",
        )
        return 2
    if not counted and not could_compare_all(terminal, duplicates, check_kind):
        return 2
    return 1 if counted else 0
