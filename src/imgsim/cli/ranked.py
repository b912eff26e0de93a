"""Options that matches and search share, and the writing of their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.options import (
    all_of,
    picture_option,
)
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal

if TYPE_CHECKING:
    from imgsim.tasks.matches import Matches


ranking_options = all_of(
    [
        click.option(
            "-k",
            type=click.IntRange(1, 1_000_000),
            default=3,
            show_default=True,
            help="How many matches of each image.",
        ),
        click.option(
            "-f",
            "--format",
            type=click.Choice(["text", "json", "csv", "html"]),
            default="text",
            show_default=True,
            help="html: a page with the pictures.",
        ),
        click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to this file."),
        picture_option(
            "--montage", "Draw the first queries and their matches side by side, a row per method."
        ),
        click.option("--no-timing", is_flag=True, help="Leave out what differs from run to run."),
    ]
)


def show_matches(
    terminal: Terminal,
    matches: Matches,
    *,
    k: int,
    format: str,
    output: str | None,
    montage: Path | None,
    no_timing: bool,
    images: dict[str, bytes] | None = None,
) -> None:
    """Write matches in the format asked for, and their summary to standard error.

    Parameters
    ----------
    terminal : Terminal
    matches : Matches
    k, format, output, montage, no_timing
        The values of `ranking_options`.
    images : dict of str to bytes, optional
        Contents of queries that are no files, by their names.
    """
    from imgsim.report import rankings

    writers: dict[str, Callable[[], Iterable[str]]] = {
        "text": lambda: rankings.matches_text(matches),
        "json": lambda: rankings.matches_json(matches, timing=not no_timing),
        "csv": lambda: rankings.matches_csv(matches),
        "html": lambda: _html_page(matches, images),
    }
    write(writers[format](), output, for_programs=format != "text")
    if montage is not None:
        from imgsim.report.pictures import draw_montage

        shown = draw_montage(matches, montage, images or {})
        terminal.summary(f"{montage}: the first {shown} queries")
    for line in rankings.matches_summary(matches, verbose=terminal.verbosity > 0):
        terminal.summary(line)


def _html_page(matches: Matches, images: dict[str, bytes] | None) -> Any:
    from imgsim.report.html import matches_page

    return matches_page(matches, images or {})
