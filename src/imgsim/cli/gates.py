"""What the gates of find-dupes and leaks have in common: when they could not do their work."""

from __future__ import annotations

from collections.abc import Sequence

import click

from imgsim.cli.terminal import Terminal

STRICT_HELP = (
    "Exit with 2 if a file was skipped or is damaged (all are then checked for damage that decoders"
    " hide), or an image is too small or too plain to be compared by more than its pixels, or could"
    " not be compared with a file of --index."
)

allow_missing_option = click.option(
    "--allow-missing",
    is_flag=True,
    help="Let the gate pass although files that a list names are not there; else exit with 2.",
)


def fails_strictly(
    terminal: Terminal, skipped: int, damaged: int, not_judged: int, unverified: int = 0
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
    if unverified:
        parts.append(f"{count(unverified, 'image')} could not be compared with the index")
    if parts:
        above = (skipped or damaged) and terminal.verbosity >= 0
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
