"""Where data goes: standard output, or a file that appears when it is whole."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from imgsim.errors import UsageError, limit_hint

_LONGEST_NAME = 255
"""Bytes that file systems take."""


def write(parts: Iterable[str], name: str | None, *, for_programs: bool = False) -> None:
    """Write text to a file, or to standard output if there is no name or it is ``-``.

    Parameters
    ----------
    parts : iterable of str
    name : str or None
        A file appears when it is whole; a device or a pipe is written to.
    for_programs : bool
        Standard output is UTF-8 with plain line ends, whatever the terminal's encoding.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    if name == "":
        raise UsageError("no file is named to be written", "name one, or - for standard output")
    try:
        if name is None or name == "-":
            _to_standard_output(parts, for_programs)
        elif Path(name).exists() and not Path(name).is_file():
            with Path(name).open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(parts)
        else:
            _to_file(parts, Path(name).resolve())
    except BrokenPipeError:
        raise
    except OSError as error:
        if name is None or name == "-":
            raise _not_written(error) from None
        hint = limit_hint(error) or "choose another file"
        raise UsageError(f"cannot write {name}: {error.strerror}", hint) from None


def _not_written(error: OSError) -> UsageError:
    """The error of a standard output that cannot be written to."""
    hint = "see where it leads to, or write a file: --output FILE"
    return UsageError(f"cannot write standard output: {error.strerror}", hint)


def write_account(parts: Iterable[str]) -> str:
    """Write to standard output what was done, as far as that can be written.

    Returns
    -------
    str
        Why it could not be; empty if it was. Nothing more is written there then, so that the
        program ends with the exit code of its work.
    """
    try:
        _to_standard_output(parts, for_programs=False)
    except (OSError, ValueError) as error:
        discard_output()
        reason = error.strerror if isinstance(error, OSError) else None
        return reason or "it is closed"
    return ""


def write_paths(parts: Iterable[bytes]) -> None:
    """Write bytes to standard output.

    Raises
    ------
    UsageError
        They cannot be written, or not all of them.
    """
    try:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output()
        raise UsageError(
            f"cannot write standard output: {error.strerror}", "the list is not complete"
        ) from None


def discard_output() -> None:
    """Let nothing be written to standard output when Python exits."""
    with suppress(OSError, ValueError, AttributeError):  # it may be closed, or no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _to_standard_output(parts: Iterable[str], for_programs: bool) -> None:
    if sys.stdout is None:
        raise OSError(0, "it is closed")
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None and for_programs:
        reconfigure(encoding="utf-8", newline="\n")
    elif reconfigure is not None:  # names in another encoding must not end the run
        reconfigure(errors="backslashreplace")
    for part in parts:
        sys.stdout.write(part)
    sys.stdout.flush()


def _to_file(parts: Iterable[str], path: Path) -> None:
    part_path = _part_of(path)
    try:
        with part_path.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(parts)
            _sync(stream)
        part_path.replace(path)
    except BaseException:
        part_path.unlink(missing_ok=True)
        raise


def _sync(stream: IO[Any]) -> None:
    """Let a file be on the disk before it takes the place of another one."""
    stream.flush()
    try:
        os.fsync(stream.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):  # it has no such call
            raise


def _part_of(path: Path) -> Path:
    """The file beside another one that takes its place when it is whole."""
    end = f".{os.getpid()}.part"
    name = f".{path.name}{end}"
    return path.with_name(name if len(os.fsencode(name)) <= _LONGEST_NAME else end)


def write_bytes(data: bytes, path: Path, *, replace: bool = True) -> None:
    """Write a file of bytes, which appears when it is whole.

    Parameters
    ----------
    data : bytes
    path : Path
        A device or a pipe is written to.
    replace : bool
        Also where the file exists.

    Raises
    ------
    UsageError
        It exists, or cannot be written.
    """
    try:
        if path.exists() and not replace:
            raise UsageError(f"{path} exists", "name another file")
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        path = path.resolve()
        part_path = _part_of(path)
        try:
            with part_path.open("wb") as stream:
                stream.write(data)
                _sync(stream)
            part_path.replace(path)
        finally:
            part_path.unlink(missing_ok=True)
    except OSError as error:
        hint = limit_hint(error) or "choose another file"
        raise UsageError(f"cannot write {path}: {error.strerror}", hint) from None
