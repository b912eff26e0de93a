"""The option ``--decisions``: which decisions of people are taken into account."""

from __future__ import annotations

from pathlib import Path

import click

from imgsim.cli.terminal import Terminal
from imgsim.decisions.store import Decisions, default_path
from imgsim.errors import DecisionsUnusable, UsageError

decisions_option = click.option(
    "--decisions",
    metavar="FILE|off",
    help="Take what was decided from this file instead of your own, see imgsim decisions; off:"
    " from none.  [default: IMGSIM_DECISIONS, or in your data folder]",
)

gate_decisions_option = click.option(
    "--decisions",
    metavar="FILE",
    help="Leave out pairs that were decided to be no duplicates, or both to be kept, by this file"
    " of imgsim decisions export. Your own decisions do not count.",
)


def read_decisions(named: str | None, *, own: bool) -> Decisions | None:
    """Read the decisions that the value of ``--decisions`` names.

    Parameters
    ----------
    named : str or None
    own : bool
        By default the user's own.

    Returns
    -------
    Decisions or None
        None for none.

    Raises
    ------
    UsageError
        There is no such file.
    DecisionsUnusable
        It cannot be read, or is none.
    """
    if named is None:
        path = default_path() if own else None
        return None if path is None else Decisions(path)
    if named.lower() == "off":
        return None
    if not Path(named).exists():
        raise UsageError(f"no such file: {named}", "imgsim decisions export -o FILE makes one")
    return Decisions(named)


def say_that_own_do_not_count(terminal: Terminal, gate: str) -> None:
    """Say that a gate does not take the user's own decisions into account, if there are any."""
    path = default_path()
    try:
        there = path is not None and len(Decisions(path))
    except DecisionsUnusable:
        there = True  # nobody knows how many
    if there:
        terminal.summary(
            f"your own decisions do not count with {gate}; --decisions FILE names some"
        )


def own_decisions() -> Decisions:
    """Read the user's own decisions, to change them.

    Raises
    ------
    UsageError
        They are off, or there is no home folder.
    DecisionsUnusable
        They cannot be read.
    """
    path = default_path()
    if path is None:
        raise UsageError(
            "there is no file of decisions: IMGSIM_DECISIONS is off, or there is no home folder",
            "IMGSIM_DECISIONS=FILE names one",
        )
    return Decisions(path)
