"""Defaults from a file: imgsim.toml, or the table [tool.imgsim] in pyproject.toml."""

from __future__ import annotations

import os
import stat
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from imgsim.cli.commands import COMMANDS, load_command
from imgsim.errors import UsageError
from imgsim.read.files import open_input

_COMMAND_LINE_ONLY = frozenset(
    # what is written
    "output montage sheet sheets heatmap map copy_to drop_list write_splits update_baseline plan"
    " script move cache decisions"
    # what is loaded or read as instructions
    " weights profile files_from manifests features archive index stdin"
    # what is removed, and what is not
    " yes yes_delete yes_folders delete trash hardlink symlink reflink print0 resume include keep"
    " protect sidecars sidecar_ending carry_metadata older_than force reference"
    " follow_symlinks".split()
)
"""Options that no settings file which imgsim finds by itself may set: it may have come with the
pictures."""


def defaults(named: str | None, command: str) -> dict[str, dict[str, Any]]:
    """Read the defaults of a command's options, by command and parameter, as click takes them.

    Options stand at the top for all commands that have them, or in a table named after a command.

    Raises
    ------
    UsageError
        The file cannot be read, or names an option that does not exist; or imgsim found it by
        itself, and it sets what only the command line may, or another user may write it.
    """
    path = Path(named) if named else find_settings()
    if path is None or command not in COMMANDS:
        return {}
    table = _read_table(path, optional=named is None)
    _check_address(path, table)
    if named is None:
        _check_found(path, table)
    shared = {key: value for key, value in table.items() if not isinstance(value, dict)}
    for name in table.keys() - shared.keys():
        if name not in COMMANDS:
            raise _unknown_setting(path, name, list(COMMANDS))
    for name in COMMANDS:
        if name in shared:
            raise UsageError(f"{path}: {name} is no table", f"write [{name}]")
    own = table.get(command, {})
    for key, value in (shared | own).items():
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float) for item in items):
            raise UsageError(f"{path}: {key} has no value that an option can take", "see --help")
    options = _options_by_name(command)
    everywhere = {key for other in COMMANDS for key in _options_by_name(other)} if shared else set()
    for key in shared:
        if _parameter_name(key) not in everywhere:
            raise _unknown_setting(path, key, sorted(everywhere))
    own = table.get(command, {})
    for key in own:
        if _parameter_name(key) not in options:
            raise _unknown_setting(path, f"{command}.{key}", sorted(options))
    chosen = {}
    for key, value in (shared | own).items():
        option = options.get(_parameter_name(key))
        if option is not None and option.name is not None:
            chosen[option.name] = _fitting_value(path, command, key, value, option)
    below = subcommands(command)
    if below:  # click looks for their options under their own names
        return {command: {name: _own_defaults(one, chosen) for name, one in below.items()}}
    return {command: chosen}


def subcommands(name: str) -> dict[str, click.Command]:
    """Return the commands of a command that is a group, such as train; else nothing."""
    command = load_command(name)
    return dict(command.commands) if isinstance(command, click.Group) else {}


def _own_defaults(command: click.Command, chosen: dict[str, Any]) -> dict[str, Any]:
    names = {parameter.name for parameter in command.params}
    return {name: value for name, value in chosen.items() if name in names}


def _fitting_value(path: Path, command: str, key: str, value: Any, option: click.Option) -> Any:
    """Return a value as its option takes it: a list only where the option can be repeated."""
    items = value if isinstance(value, list) else [value]
    kinds = bool if option.is_flag else (str, int, float)
    for item in items:
        if not isinstance(item, kinds) or isinstance(item, bool) != option.is_flag:
            raise UsageError(f"{path}: {key} has a value of another kind", "see --help")
    if not option.is_flag:
        items = [str(item) for item in items]  # as on the command line
    if option.multiple:
        return items
    if isinstance(value, list):
        raise UsageError(f"{path}: {key} takes one value here", f"set it in [{command}]")
    return items[0]


def _check_address(path: Path, table: dict[str, Any]) -> None:
    """Refuse the address of a cluster, which runs what it is sent and sends what is run here."""
    tables = [table, *(one for one in table.values() if isinstance(one, dict))]
    if any(_parameter_name(key) == "ray_address" for one in tables for key in one):
        raise UsageError(
            f"{path} sets ray-address, which only the command line may", "--ray-address HOST:PORT"
        )


def _check_found(path: Path, table: dict[str, Any]) -> None:
    """Refuse a settings file that imgsim found by itself, if it could do harm."""
    hint = f"imgsim --config {path} ... takes it as it is"
    status = path.stat()
    if hasattr(os, "geteuid"):
        others = status.st_mode & stat.S_IWOTH or (
            status.st_mode & stat.S_IWGRP and status.st_gid != os.getgid()
        )
        if status.st_uid not in (os.geteuid(), 0) or others:
            raise UsageError(f"{path} belongs to another user, or others may write it", hint)
    tables = [table, *(one for one in table.values() if isinstance(one, dict))]
    for key, value in ((k, v) for one in tables for k, v in one.items()):
        name = _parameter_name(key)
        if isinstance(value, dict):
            continue
        methods = value if isinstance(value, list) else [value]
        loads = name == "method" and any("=" in str(m) and "weights" in str(m) for m in methods)
        if name in _COMMAND_LINE_ONLY or name == "o" or loads:
            raise UsageError(
                f"{path} sets {key}, which only the command line may: imgsim found that file by"
                " itself",
                hint,
            )


def find_settings() -> Path | None:
    """Return the settings file of the current folder or one above it; None if there is none."""
    try:
        here = Path.cwd()
    except OSError:  # the current folder is gone
        return None
    for folder in (here, *here.parents):
        if (folder / "imgsim.toml").is_file():
            return folder / "imgsim.toml"
        project = folder / "pyproject.toml"
        if project.is_file() and _read_table(project, optional=True):
            return project
    return None


def _read_table(path: Path, *, optional: bool) -> dict[str, Any]:
    try:
        with open_input(path) as stream:
            content = tomllib.load(stream)
    except (OSError, ValueError, RecursionError) as error:  # not only TOMLDecodeError
        if optional and path.name == "pyproject.toml":
            return {}  # another tool's business
        raise UsageError(f"cannot read {path}: {error}", "mend or remove it") from None
    if path.name == "pyproject.toml":
        tools = content.get("tool")
        content = tools.get("imgsim", {}) if isinstance(tools, dict) else {}
    if not isinstance(content, dict):
        raise UsageError(f"{path}: tool.imgsim is no table", "write [tool.imgsim]")
    return content


def _parameter_name(key: str) -> str:
    return key.lstrip("-").replace("-", "_")


def _options_by_name(name: str) -> dict[str, click.Option]:
    """Return the options of a command by their names, those after ``--`` (and ``-k``)."""
    command = load_command(name)
    options: dict[str, click.Option] = {}
    below = [p for one in subcommands(name).values() for p in one.params]
    for parameter in (*command.params, *below):
        if isinstance(parameter, click.Option):
            long = [name for name in parameter.opts if name.startswith("--")]
            options.update({_parameter_name(name): parameter for name in long or parameter.opts})
    return options


def _unknown_setting(path: Path, key: str, known: list[str]) -> UsageError:
    near = get_close_matches(_parameter_name(key).split(".")[-1], known, n=1)
    hint = f"did you mean {near[0].replace('_', '-')}?" if near else "imgsim COMMAND --help"
    return UsageError(f"{path}: unknown setting {key}", hint)
