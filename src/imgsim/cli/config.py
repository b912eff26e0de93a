"""Defaults from a file: imgsim.toml, or the table [tool.imgsim] in pyproject.toml."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from imgsim.cli.main import COMMANDS, cli
from imgsim.errors import UsageError


def defaults(named: str | None, command: str) -> dict[str, dict[str, Any]]:
    """Defaults of a command's options, by command and parameter, as click takes them.

    Options stand at the top for all commands that have them, or in a table named after a command.

    Raises
    ------
    UsageError
        The file cannot be read, or names an option that does not exist.
    """
    path = Path(named) if named else _find()
    if path is None or command not in COMMANDS:
        return {}
    table = _read(path, optional=named is None)
    shared = {key: value for key, value in table.items() if not isinstance(value, dict)}
    for name in table.keys() - shared.keys():
        if name not in COMMANDS:
            raise _unknown(path, name, list(COMMANDS))
    own = table.get(command, {})
    for key, value in (shared | own).items():
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float) for item in items):
            raise UsageError(f"{path}: {key} has no value that an option can take", "see --help")
    parameters = _parameters(command)
    everywhere = {name for other in COMMANDS for name in _parameters(other)} if shared else set()
    for key in shared:
        if _parameter(key) not in everywhere:
            raise _unknown(path, key, sorted(everywhere))
    for key in own:
        if _parameter(key) not in parameters:
            raise _unknown(path, f"{command}.{key}", sorted(parameters))
    chosen = {_parameter(k): v for k, v in (shared | own).items() if _parameter(k) in parameters}
    return {command: chosen}


def _find() -> Path | None:
    try:
        here = Path.cwd()
    except OSError:  # the current folder is gone
        return None
    for folder in (here, *here.parents):
        if (folder / "imgsim.toml").is_file():
            return folder / "imgsim.toml"
        project = folder / "pyproject.toml"
        if project.is_file() and _read(project, optional=True):
            return project
    return None


def _read(path: Path, *, optional: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = tomllib.load(stream)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        if optional and path.name == "pyproject.toml":
            return {}  # another tool's business
        raise UsageError(f"cannot read {path}: {error}", "mend or remove it") from None
    if path.name == "pyproject.toml":
        tools = content.get("tool")
        content = tools.get("imgsim", {}) if isinstance(tools, dict) else {}
    if not isinstance(content, dict):
        raise UsageError(f"{path}: tool.imgsim is no table", "write [tool.imgsim]")
    return content


def _parameter(key: str) -> str:
    return key.replace("-", "_")


def _parameters(name: str) -> set[str]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return {p.name for p in command.params if isinstance(p, click.Option) and p.name}


def _unknown(path: Path, key: str, known: list[str]) -> UsageError:
    near = get_close_matches(_parameter(key).split(".")[-1], known, n=1)
    hint = f"did you mean {near[0].replace('_', '-')}?" if near else "imgsim COMMAND --help"
    return UsageError(f"{path}: unknown setting {key}", hint)
