"""Reads plan files, for the commands that take one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim.errors import UsageError, to_read

if TYPE_CHECKING:
    from imgsim.act.plan import Plan


def read_plan_file(name: str) -> Plan:
    """Read a plan, see `act.plan_file.read_plan`.

    Raises
    ------
    UsageError
        It cannot be read, or is none.
    """
    return parse_plan(plan_bytes(name))


def plan_bytes(name: str) -> bytes:
    """Return the content of a plan file; ``-`` is standard input.

    Raises
    ------
    UsageError
        It cannot be read.
    """
    from imgsim.cli.terminal import input_bytes

    try:
        return input_bytes(name)
    except OSError as error:
        raise UsageError(f"cannot read the plan {name}: {error.strerror}", to_read(error)) from None


def parse_plan(data: bytes) -> Plan:
    """Return the plan of a file's content."""
    from imgsim.act.plan_file import read_plan

    return read_plan(data)
