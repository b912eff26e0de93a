"""Options that matches and search share, and the writing of their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgsim.cli.options import (
    all_of,
    format_option,
    k_option,
    output_option,
    picture_option,
    timing_option,
)
from imgsim.cli.output import write
from imgsim.cli.spreadsheet import table
from imgsim.cli.targets import is_foreign_picture
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.tasks.match_results import Matches


ranking_options = all_of(
    [
        k_option("How many matches of each image."),
        format_option(["text", "json", "csv", "html"], "html: a page with the pictures."),
        output_option,
        picture_option(
            "--montage",
            "Draw the first 60 queries and their matches side by side, a row per method, on pages"
            " of six: FILE.png, FILE-2.png and so on.",
        ),
        timing_option,
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
        "csv": lambda: table(rankings.matches_csv(matches)),
        "html": lambda: _html_page(matches, images),
    }
    write(writers[format](), output, for_programs=format != "text")
    if montage is not None:
        _draw_montage(terminal, matches, montage, images or {})
    for line in rankings.matches_summary(matches, verbose=terminal.verbosity > 0):
        terminal.summary(line)


def _draw_montage(
    terminal: Terminal, matches: Matches, target: Path, images: dict[str, bytes]
) -> None:
    from imgsim.report.pictures import draw_montage, montage_pages
    from imgsim.report.units import count

    pages = montage_pages(matches, target)
    for path, _ in pages:
        if path != target and path.exists() and is_foreign_picture(path):
            raise UsageError(f"{path} is a picture that imgsim did not write", "name another file")
    for path, part in pages:
        draw_montage(matches, path, images, part)
    shown = pages[-1][1].stop
    name = f"{target} and {pages[-1][0].name}" if len(pages) == 2 else f"{target}"
    if len(pages) > 2:
        name += f", {pages[1][0].name} to {pages[-1][0].name}"
    all_queries = len(matches.methods[0].queries) if matches.methods else 0
    which = count(shown, "query", "queries")
    if shown < all_queries:
        which = f"the first {shown} of {all_queries} queries"
    terminal.summary(f"{name}: {which}")


def _html_page(matches: Matches, images: dict[str, bytes] | None) -> Any:
    from imgsim.report.html import matches_page

    return matches_page(matches, images or {})
