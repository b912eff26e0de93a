"""``imgsim index``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.make import check_paths, make_run_options
from imgsim.cli.options import (
    discover_options,
    run_options,
    talk_options,
    text_or_json_option,
    worker_options,
)
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal

if TYPE_CHECKING:
    from imgsim.tasks.index_upkeep import Added

_folder_argument = click.argument("folder", metavar="F", type=click.Path())


@click.group("index")
def command() -> None:
    """Keep a lasting index of pictures, to compare others with them.

    \b
    imgsim index build photos.index photos
    imgsim known new --index photos.index
    imgsim search new/a.jpg --index photos.index
    imgsim find-dupes new --index photos.index
    imgsim index add photos.index photos

    F is a folder that holds nothing else. The files that were indexed are read again only to
    verify a pair, as auto does; they are never removed. Readers see the index as it was when they
    opened it, and one program changes it at a time.
    """


@command.command("build")
@_folder_argument
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@discover_options
@run_options
@talk_options
@click.pass_obj
def build(terminal: Terminal, /, folder: str, paths: tuple[str, ...], **given: Any) -> int:
    """Make an index F of the pictures below PATHs.

    What was read is kept as it goes on: imgsim index add goes on with a build that was ended.
    Exits with 2 if no image could be read.
    """
    from imgsim.tasks.index_upkeep import build_index

    check_paths(paths, given["files_from"], given["manifests"])
    built = build_index(folder, paths, make_run_options(terminal, **given))
    return _report(terminal, folder, built)


@command.command("add")
@_folder_argument
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@discover_options
@run_options
@talk_options
@click.pass_obj
def add(terminal: Terminal, /, folder: str, paths: tuple[str, ...], **given: Any) -> int:
    """Add the pictures below PATHs to the index F.

    Files that it has are read again only if they were changed. Those that are gone stay in it
    until imgsim index remove.
    """
    from imgsim.tasks.index_upkeep import add_to_index

    check_paths(paths, given["files_from"], given["manifests"])
    added = add_to_index(folder, paths, make_run_options(terminal, **given))
    return _report(terminal, folder, added)


@command.command("remove")
@_folder_argument
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@talk_options
@click.pass_obj
def remove(terminal: Terminal, /, folder: str, paths: tuple[str, ...]) -> int:
    """Remove PATHs, files or folders, from the index F; the files stay.

    They need not be there any more. Exits with 2, and removes nothing, if one was never indexed.
    """
    from imgsim.report.units import count
    from imgsim.tasks.index_upkeep import remove_from_index

    removed = remove_from_index(folder, paths)
    terminal.summary(f"{count(removed, 'file')} removed from the index")
    return 0


@command.command("info")
@_folder_argument
@text_or_json_option
@talk_options
@click.pass_obj
def info(terminal: Terminal, /, folder: str, form: str) -> int:
    """Show what the index F holds, and by what it was made."""
    from imgsim.report.indexes import info_json, info_text
    from imgsim.tasks.index_state import index_info

    known = index_info(folder)
    if form == "json":
        write(info_json(known), None, for_programs=True)
    else:
        write(info_text(known), None)
    return 0


@command.command("verify")
@_folder_argument
@click.option(
    "--sources",
    is_flag=True,
    help="Check also whether the files that were indexed are there, and hold what they held.",
)
@talk_options
@click.pass_obj
def verify(terminal: Terminal, /, folder: str, sources: bool) -> int:
    """Check the sums of the index F, all of them. Exits with 2 if something is wrong."""
    from imgsim.report.indexes import wrong_text
    from imgsim.report.units import count
    from imgsim.tasks.index_state import verify_index

    wrong = verify_index(folder, sources=sources, progress=terminal)
    write(wrong_text(wrong.damaged + wrong.sources), None)
    if wrong.damaged:
        parts = "1 part is" if len(wrong.damaged) == 1 else f"{len(wrong.damaged)} parts are"
        terminal.error(f"the index is damaged: {parts} wrong", wrong.hint)
        return 2
    if wrong.sources:
        told, hints = [], []
        if wrong.changed:
            told.append(f"{count(wrong.changed, 'file')} of the index gone or changed")
            hints.append("imgsim index add reads changed ones again, remove drops those gone")
        if wrong.unread:
            told.append(f"{count(wrong.unread, 'file')} of the index cannot be read")
            hints.append(
                "mount their disk or make them readable;"
                " imgsim index remove drops what is gone for good"
            )
        terminal.error(", ".join(told), "; ".join(hints))
        return 2
    terminal.summary("the index is as it was written" + (", and so are its files" * sources))
    return 0


@command.command("upgrade")
@_folder_argument
@worker_options
@talk_options
@click.pass_obj
def upgrade(terminal: Terminal, /, folder: str, **given: Any) -> int:
    """Read all files of the index F again, as this version of imgsim does.

    Needed when an earlier version made it, and mends one of which all but the list of files is
    damaged. Files that are gone are dropped, and named. Exits with 2, and changes nothing, if one
    is not gone but cannot be read, or its folder is away.
    """
    from imgsim.decode.spec import DEFAULT_MAX_PIXELS
    from imgsim.tasks.index_upkeep import upgrade_index

    walking: dict[str, Any] = {
        "recursive": True, "exclude": (), "default_excludes": True, "follow_symlinks": False,
        "min_pixels": 0, "max_pixels": DEFAULT_MAX_PIXELS, "decode": "reduced",
    }  # fmt: skip
    upgraded = upgrade_index(folder, make_run_options(terminal, **given, **walking))
    return _report(terminal, folder, upgraded)


def _report(terminal: Terminal, folder: str, added: Added) -> int:
    """Say what was done to an index, and return the exit code: 2 if it holds no image."""
    from imgsim.addresses import printable
    from imgsim.report.indexes import added_lines

    for line in added_lines(added, verbose=terminal.verbosity > 0):
        terminal.summary(line)
    if not added.images:
        shown = printable(folder)
        terminal.error(f"no readable image in the index {shown}", f"imgsim index add {shown} PATH")
    return 0 if added.images else 2
