"""The options of ``imgsim apply``, and the questions that it asks."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.options import all_of, check_folder_exists
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.act.options import ApplyOptions
    from imgsim.cli.terminal import Terminal

action_options = all_of(
    [
        click.option(
            "--move",
            type=click.Path(file_okay=False),
            metavar="DIR",
            help="Move files to DIR, which may be on another disk, instead of .imgsim-trash.",
        ),
        click.option(
            "--hardlink",
            is_flag=True,
            help="Put a hard link to the kept file in the place of one with the same bytes.",
        ),
        click.option("--symlink", is_flag=True, help="Put a symbolic link in its place."),
        click.option(
            "--reflink",
            is_flag=True,
            help="Let files of the same bytes share their blocks (btrfs, XFS, APFS).",
        ),
        click.option(
            "--trash",
            is_flag=True,
            help="Put files into the system's waste basket (needs imgsim[trash]); imgsim undo"
            " cannot fetch them from there.",
        ),
        click.option("--delete", is_flag=True, help="Delete files for good: there is no way back."),
        click.option(
            "--script",
            type=click.Path(dir_okay=False, path_type=Path),
            callback=check_folder_exists,
            metavar="FILE",
            help="Write a script that checks again and moves, and back with the word undo (sh, or"
            " PowerShell for .ps1).",
        ),
        click.option(
            "--print0",
            is_flag=True,
            help="Print the paths and those of sidecars, a NUL byte behind each, for xargs -0.",
        ),
    ]
)

guard_options = all_of(
    [
        click.option(
            "--include",
            multiple=True,
            metavar="ROLES",
            help="Remove all listed files of these roles (edited,cropped), chosen or not.",
        ),
        click.option(
            "--protect",
            multiple=True,
            metavar="GLOB",
            help="Remove nothing of this name, or below a folder of it, nor what it is the sidecar"
            " of; with a / in it, of these folders on its path. Can be repeated.",
        ),
        click.option(
            "--sidecars",
            type=click.Choice(["auto", "along", "hold", "leave"]),
            default="auto",
            show_default=True,
            help="XMP, AAE, THM, WAV, MOV, JSON of a picture. auto: go along; a film or sound only"
            " if the kept file has the same beside it, else the picture stays; along: all of them;"
            " hold: a picture with one stays; leave: they stay.",
        ),
        click.option(
            "--sidecar-ending",
            "sidecar_endings",
            multiple=True,
            metavar=".EXT",
            help="Another ending of sidecars, such as .pp3. Can be repeated.",
        ),
        click.option(
            "--carry-metadata",
            is_flag=True,
            help="Write what only a removed file or its XMP sidecar says (date, place, rating,"
            " title, description, keywords, people, author, copyright, comments) to an XMP sidecar"
            " of the kept one; a file with more than that can hold stays.",
        ),
        click.option(
            "--yes-folders",
            is_flag=True,
            help="Also where more than half of a folder's pictures would go, or none be left.",
        ),
        click.option("--yes-delete", is_flag=True, help="With --delete: do not ask."),
    ]
)


def chosen_action(
    given: dict[str, Any], terminal: Terminal, *, script: bool, print0: bool
) -> ApplyOptions:
    """Take the options of this file out of what was given, and make the library's of them.

    Raises
    ------
    UsageError
        Two actions are given.
    """
    from imgsim.act.options import ApplyOptions
    from imgsim.act.plan import parse_roles

    flags = [
        name for name in ("hardlink", "symlink", "reflink", "trash", "delete") if given.pop(name)
    ]
    move = given.pop("move")
    if move is not None:
        flags.append("move")
    if len(flags) + script + print0 > 1 and not (move and script and len(flags) == 1):
        raise UsageError("more than one action is given", "choose one")
    return ApplyOptions(
        action=flags[0] if flags else "quarantine",  # type: ignore[arg-type]
        move_to=os.path.realpath(move) if move is not None else None,  # a link is followed now
        include=parse_roles(given.pop("include")),
        protect=tuple(given.pop("protect")),
        sidecars=given.pop("sidecars"),
        sidecar_endings=tuple(given.pop("sidecar_endings")),
        carry_metadata=given.pop("carry_metadata"),
        yes_folders=given.pop("yes_folders"),
    )


def confirm_deletion(sure: bool) -> None:
    """Ask whether files are to be deleted for good.

    Raises
    ------
    UsageError
        Nobody is there to be asked, or the answer is no.
    """
    if sure:
        return
    if not is_somebody_there():
        raise UsageError("--delete has no way back: imgsim undo cannot help", "add --yes-delete")
    question = "Files are deleted for good, and imgsim undo cannot bring them back. Go on?"
    if not click.confirm(question, err=True):
        raise UsageError("nothing was deleted", "without --delete files go to .imgsim-trash")


def folder_question(options: ApplyOptions, *, ask: bool) -> ApplyOptions:
    """Return options that ask for each folder of which most would go, if somebody is there."""
    from imgsim.act.paths import shown

    if not ask or not is_somebody_there():
        return options

    def question(folder: bytes, what: str) -> bool:
        name = shown(folder) if folder else "the root"
        return click.confirm(f"{name}: {what}. Go on with this folder?", err=True)

    return replace(options, ask_folder=question)


def is_somebody_there() -> bool:
    """Whether questions can be asked: standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()  # it may be closed
