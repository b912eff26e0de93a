"""Where data goes: standard output, or a file that appears when it is whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from imgsim.errors import UsageError


def write(parts: Iterable[str], name: str | None) -> None:
    """Write text to a file, or to standard output if there is no name or it is ``-``.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    if name is None or name == "-":
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:  # names in another encoding must not end the run
            reconfigure(errors="backslashreplace")
        for part in parts:
            sys.stdout.write(part)
        sys.stdout.flush()
        return
    path = Path(name)
    part_path = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part_path.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(parts)
        part_path.replace(path)
    except OSError as error:
        part_path.unlink(missing_ok=True)
        raise UsageError(f"cannot write {name}: {error.strerror}", "choose another file") from None
