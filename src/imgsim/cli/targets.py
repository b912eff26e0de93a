"""Files that a command is to write: they replace neither what it reads nor a picture or splits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from imgsim.errors import UsageError

WRITTEN = (
    "output", "montage", "sheet", "heatmap", "map_file", "numbers", "knn_picture", "drop_list",
    "plan", "script", "write_splits",
)  # fmt: skip
"""Parameters that name a file which is written."""


def force_option(command: Any) -> Any:
    """Add the option ``--force``; it has to be the last one with a value of its own.

    Click hands over what stands on the command line before what does not, so that its callback
    sees all files that are to be written.
    """
    return click.option(
        "--force",
        is_flag=True,
        expose_value=False,
        callback=_check,
        help="Write to files also where that replaces a picture, splits, or what is read here.",
    )(command)


def _check(ctx: click.Context, param: click.Parameter, force: bool) -> None:
    if not force:
        check_targets(ctx.params, lambda: _read_by_itself(ctx))


def _read_by_itself(ctx: click.Context) -> Iterator[str]:
    """Yield the files that a run reads though no option of its command names them."""
    from imgsim.cli.config import find_settings
    from imgsim.decisions.store import default_path

    settings = ctx.find_root().params.get("config") or find_settings()
    for path in (settings, default_path()):
        if path is not None:
            yield str(path)


def check_targets(parameters: Mapping[str, Any], read: Callable[[], Iterable[str]] = tuple) -> None:
    """Refuse files to be written that are read, or that are pictures which imgsim did not draw.

    Splits replace nothing: those of a user look like those that imgsim writes.

    Parameters
    ----------
    parameters : mapping of str to object
        Of a command.
    read : callable
        Returns the files that are read besides; called where something would be replaced.

    Raises
    ------
    UsageError
        One of them is.
    """
    updated = ("baseline",) if parameters.get("update_baseline") else ()
    for name in (*WRITTEN, *updated):
        value = parameters.get(name)
        if not isinstance(value, str | Path) or str(value) == "-":
            continue
        path = Path(value)
        for other_name in WRITTEN[: WRITTEN.index(name)] if name in WRITTEN else ():
            other = parameters.get(other_name)
            if isinstance(other, str | Path) and os.path.realpath(other) == os.path.realpath(path):
                raise UsageError(f"{path} would be written twice", "name another file")
        if not path.is_file():
            continue
        for other in (*_paths({k: v for k, v in parameters.items() if k != name}), *read()):
            if os.path.exists(other) and os.path.samefile(path, other):
                raise UsageError(f"{path} would be replaced, and is read here", "name another file")
        if name == "write_splits" and path.stat().st_size:  # no list tells who wrote it
            raise UsageError(f"{path} is there already", "name another file, or --force")
        if is_foreign_picture(path):
            raise UsageError(
                f"{path} is a picture that imgsim did not write",
                "name another file, or --force",
            )


def _paths(parameters: Mapping[str, Any]) -> Iterator[str]:
    for value in parameters.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, str | Path) and str(one) and "\0" not in str(one):
                yield str(one)


def is_foreign_picture(path: Path) -> bool:
    """Return whether a file is a picture, by its content or its name, that imgsim did not draw."""
    from imgsim.decode.decoder import Decoder
    from imgsim.decode.names import has_name_of_image
    from imgsim.decode.spec import DecodeError
    from imgsim.pictures.png import is_drawn
    from imgsim.read.files import read_file

    try:
        data = read_file(path)
    except OSError:
        return has_name_of_image(str(path))
    if not data or is_drawn(data):
        return False
    if has_name_of_image(str(path)):
        return True
    try:
        Decoder().durations(data)
    except DecodeError as error:
        return error.identified
    return True
