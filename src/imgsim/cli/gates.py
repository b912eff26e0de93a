"""What the gates of find-dupes and leaks have in common: when they could not do their work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from imgsim.cli.terminal import Terminal

if TYPE_CHECKING:
    from imgsim.tasks.find_duplicates import Duplicates
    from imgsim.types import NotCompared, Skipped

STRICT_HELP = (
    "Exit with 2 if a file was skipped or is damaged (all are then checked for damage that decoders"
    " hide), an image is too small or too plain to be compared by more than its pixels, two files"
    " could not be compared, or one not be decoded once more, since their worker was killed, say,"
    " or an image could not be compared with a file of --index."
)

allow_missing_option = click.option(
    "--allow-missing",
    is_flag=True,
    help="Let the gate pass although files that a list names are not there; else exit with 2.",
)


def fails_strictly(
    terminal: Terminal,
    skipped: int,
    damaged: int,
    not_judged: int,
    not_compared: int,
    not_checked: int,
    unverified: int = 0,
) -> bool:
    """Say what ``--strict`` does not let pass, and return whether there is anything."""
    from imgsim.report.units import count

    parts = []
    if skipped:
        parts.append(f"{count(skipped, 'file')} {'was' if skipped == 1 else 'were'} skipped")
    if damaged:
        parts.append(f"{count(damaged, 'file')} {'is' if damaged == 1 else 'are'} damaged")
    if not_judged:
        parts.append(f"{count(not_judged, 'image')} could be compared by pixels alone")
    if not_compared:
        parts.append(f"{count(not_compared, 'pair')} of files could not be compared")
    if not_checked:
        parts.append(f"{count(not_checked, 'file')} could not be read once more")
    if unverified:
        parts.append(f"{count(unverified, 'image')} could not be compared with the index")
    if parts:
        listed = skipped or damaged or not_compared or not_checked or unverified
        above = listed and terminal.verbosity >= 0
        named = "see the list above" if above else "-v names them"
        terminal.error(f"{', '.join(parts)} (--strict)", named)
    return bool(parts)


def refuse_missing(terminal: Terminal, missing: Sequence[str], folder: str | None = None) -> None:
    """Say that a gate does not pass, since files of a list are not there.

    Parameters
    ----------
    terminal : Terminal
    missing : sequence of str
        Their paths, at least one.
    folder : str, optional
        From where the paths of the list count.
    """
    from imgsim.read.discover import printable
    from imgsim.report.units import count

    verb = "is" if len(missing) == 1 else "are"
    counts = "" if folder is None else f" (its paths count from {printable(folder)})"
    terminal.error(
        f"{count(len(missing), 'listed file')} {verb} not there, such as {printable(missing[0])}",
        f"check the list{counts}, or pass over what is not there with --allow-missing",
    )


def refuse_not_checked(terminal: Terminal, files: Sequence[Skipped]) -> None:
    """Say that a gate on equal pixels found nothing, and that this is not known of some files.

    Parameters
    ----------
    terminal : Terminal
    files : sequence of Skipped
        At least one.
    """
    from imgsim.report.units import count

    one = files[0]
    _refuse_unsure(terminal, f"the pixels of {count(len(files), 'file')}", [one.path], one.reason)


def refuse_not_compared(terminal: Terminal, pairs: Sequence[NotCompared]) -> None:
    """Say that a gate found nothing, and that this is not known of some pairs.

    Parameters
    ----------
    terminal : Terminal
    pairs : sequence of NotCompared
        At least one.
    """
    from imgsim.report.units import count

    one = pairs[0]
    _refuse_unsure(
        terminal, f"{count(len(pairs), 'pair')} of files", [one.left, one.right], one.reason
    )


def _refuse_unsure(terminal: Terminal, what: str, paths: Sequence[str], reason: str) -> None:
    from imgsim.read.discover import printable

    terminal.error(
        f"{what} could not be compared, such as {' and '.join(map(printable, paths))}: {reason}",
        "run it again with fewer --jobs, or leave these files out",
    )


def could_compare_all(terminal: Terminal, duplicates: Duplicates, kind: str) -> bool:
    """Return whether a gate that found nothing could look at all, and say what it could not.

    Parameters
    ----------
    terminal : Terminal
    duplicates : Duplicates
    kind : str
        How sure a duplicate must be to count; equal bytes and pixels are found without comparing.
    """
    if kind == "pixels" and duplicates.not_checked:
        refuse_not_checked(terminal, duplicates.not_checked)
        return False
    if kind in ("near", "label") and duplicates.not_compared:
        refuse_not_compared(terminal, duplicates.not_compared)
        return False
    return True


def refuse_unjudged(
    terminal: Terminal, where: Sequence[str] = (), *, damaged: bool = False
) -> None:
    """Say that a gate found nothing because there was nothing that the method can judge.

    Parameters
    ----------
    terminal : Terminal
    where : sequence of str
        Names of splits; none for all images.
    damaged : bool
        Some or all of these images are damaged.
    """
    from imgsim.read.discover import printable

    names = f" in {', '.join(map(printable, where))}" if where else ""
    what = "damaged, or " if damaged else ""
    hint = (
        "a damaged file is compared with whole ones only"
        if damaged
        else "no equal pixels were found; larger images tell more, or check with"
        " find-dupes --check-kind pixels"
    )
    terminal.error(
        f"every image{names} is {what}too small or too plain to be judged by more than its pixels",
        hint,
    )
