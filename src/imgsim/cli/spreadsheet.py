"""CSV that spreadsheet programs show and do not run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

_KEY = "imgsim.spreadsheet"
_BEGINS_FORMULA = ("=", "+", "-", "@")


def _note(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    ctx.meta[_KEY] = value


spreadsheet_option: Callable[[Any], Any] = click.option(
    "--spreadsheet",
    is_flag=True,
    expose_value=False,
    callback=_note,
    help="In CSV, put ' before texts that begin with =, +, - or @: spreadsheet programs run them"
    " as formulas.",
)


def table(parts: Iterable[str]) -> Iterable[str]:
    """Return CSV as it is, or with --spreadsheet so that no cell is a formula.

    Numbers stay numbers.

    Parameters
    ----------
    parts : iterable of str
        Whole rows, see `report.formats.csv_row`.
    """
    return _without_formulas(parts) if click.get_current_context().meta.get(_KEY) else parts


def _without_formulas(parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        rows = io.StringIO(newline="")
        writer = csv.writer(rows, lineterminator="\n")
        for row in csv.reader(io.StringIO(part, newline="")):
            writer.writerow(
                f"'{cell}" if cell.startswith(_BEGINS_FORMULA) and not _is_number(cell) else cell
                for cell in row
            )
        yield rows.getvalue()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
