"""The option ``--index``: a lasting index in the place of a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgsim.cli.options import F

if TYPE_CHECKING:
    from imgsim.index.snapshot import Snapshot


def index_option(help: str) -> Callable[[F], F]:
    """Return the option ``--index``."""
    return click.option(
        "--index", type=click.Path(), metavar="F", multiple=True, callback=_one, help=help
    )


def _one(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> str | None:
    if len(value) > 1:
        raise click.UsageError("--index is given twice; pictures are compared with one index.", ctx)
    return value[0] if value else None


def open_snapshot(named: str) -> Snapshot:
    """Open the index that the value of ``--index`` names.

    Raises
    ------
    UsageError
        There is none, it is damaged, or a later version of imgsim wrote it.
    """
    from imgsim.index.snapshot import Snapshot

    return Snapshot(Path(named))


def check_one_gallery(archive: tuple[str, ...], index: str | None) -> None:
    """Refuse a command line that names neither a folder nor an index to compare with, or both."""
    if bool(archive) == (index is not None):
        wrong = "--in and --index do not go together." if archive else None
        raise click.UsageError(
            wrong or "Missing option '--in' or '--index'.", click.get_current_context()
        )
