"""``imgsim sort``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.make import check_paths, make_method, make_run_options
from imgsim.cli.method_options import device_options, method_option
from imgsim.cli.options import (
    discover_options,
    format_option,
    output_option,
    picture_option,
    run_options,
    timing_option,
    writing_options,
)
from imgsim.cli.output import write
from imgsim.cli.spreadsheet import table
from imgsim.cli.terminal import Terminal

if TYPE_CHECKING:
    from imgsim.tasks.sort.sort_images import Ordering
    from imgsim.tasks.sort.tour import Chain


@click.command("sort")
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@method_option("ssim")
@click.option("--start", metavar="FILE", help="The image to begin with.")
@click.option(
    "--chain",
    type=click.Choice(["better", "greedy"]),
    default="better",
    show_default=True,
    help="greedy: always the nearest image not yet taken; better: the shortest chain found.",
)
@picture_option("--heatmap", "Draw the distances of all pairs, by name and along the chain.")
@picture_option("--sheet", "Draw the images along the chain.")
@click.option(
    "--copy-to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Copy the images to DIR, numbered along the chain. It must be empty or not exist.",
)
@discover_options
@run_options
@device_options
@format_option(["text", "json", "csv"])
@output_option
@timing_option
@writing_options
@click.pass_obj
def command(terminal: Terminal, /, paths: tuple[str, ...], **given: Any) -> int:
    """Put images in a chain, each beside what resembles it.

    Nothing is moved: --copy-to copies. All pairs are compared, of at most 20,000 images; their
    distances take 4 bytes a pair of images each way, on disk above 8,000 images.

    \b
    imgsim sort photos --sheet sheet.png --heatmap matrix.png
    imgsim sort frames -m phash --start frames/0001.png --copy-to sorted
    """
    from imgsim.folders import copy_numbered, make_empty
    from imgsim.read.discover import printable
    from imgsim.report.ordering import sort_summary
    from imgsim.report.units import count
    from imgsim.tasks.sort.sort_images import sort_images

    check_paths(paths, given["files_from"], given["manifests"])
    method = make_method(terminal, given)
    wanted = {n: given.pop(n) for n in ("format", "output", "no_timing")}
    start, heatmap, sheet, copy_to = (
        given.pop(n) for n in ("start", "heatmap", "sheet", "copy_to")
    )
    greedy = given.pop("chain") == "greedy"
    options = make_run_options(terminal, **given)
    if copy_to is not None:
        make_empty(copy_to)
    ordering = sort_images(paths, method, start=start, options=options)
    chain = ordering.greedy if greedy else ordering.better
    failed = []
    # pictures and copies first: nobody may read the text to its end
    if copy_to is not None:
        ordered = [ordering.pictures[image].file.path for image in chain.order]
        failed = [(path, reason) for path, reason in copy_numbered(ordered, copy_to) if reason]
        terminal.summary(f"{copy_to}: {count(len(ordered) - len(failed), 'file')}")
    _write_ordering(ordering, chain, heatmap, sheet, **wanted)
    for line in sort_summary(ordering, verbose=terminal.verbosity > 0):
        terminal.summary(line)
    for path, reason in failed:
        terminal.error(f"cannot copy {printable(path)}: {reason}", "")
    return 2 if failed else 0


def _write_ordering(
    ordering: Ordering,
    chain: Chain,
    heatmap: Path | None,
    sheet: Path | None,
    *,
    format: str,
    output: str | None,
    no_timing: bool,
) -> None:
    from imgsim.report import ordering as report

    writers: dict[str, Callable[[], Iterable[str]]] = {
        "text": lambda: report.sort_text(ordering, chain),
        "json": lambda: report.sort_json(ordering, chain, timing=not no_timing),
        "csv": lambda: table(report.sort_csv(ordering, chain)),
    }
    if heatmap is not None:
        report.draw_heatmap(ordering, chain, heatmap)
    if sheet is not None:
        report.draw_contact_sheet(ordering, chain, sheet)
    write(writers[format](), output, for_programs=format != "text")
