"""Runs the program as a user does, sooner: in a process forked from one that has loaded it.

What is forked has loaded modules, and nothing that a run sets: it has arguments, streams, folder
and environment of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_AT_START = ("PYTHON", "OMP_", "OPENBLAS_", "LC_", "LANG", "LD_", "MALLOC_")
"""Beginnings of variables that a process heeds when it starts, or loads a module."""


class Program:
    """The program; to be closed."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None
        self._at_start = _heeded_at_start(os.environ)

    def close(self) -> None:
        if self._server is not None:
            self._server.communicate()  # it ends with its input

    def run(
        self, arguments: Sequence[str], cwd: Path | None, stdin: bytes | None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end."""
        if sys.platform != "linux" or self._at_start != _heeded_at_start(os.environ):
            command = [sys.executable, "-m", "imgsim", *arguments]
            return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, check=False)
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
            )  # fmt: skip
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory() as name:
            streams = [f"{name}/{i}" for i in range(3)]
            if stdin is not None:
                Path(streams[0]).write_bytes(stdin)
            asked = {
                "arguments": [*arguments], "cwd": os.path.abspath(cwd or os.getcwd()),
                "environment": dict(os.environ), "streams": streams, "input": stdin is not None,
            }  # fmt: skip
            print(json.dumps(asked), file=self._server.stdin, flush=True)
            code = int(self._server.stdout.readline())
            out, err = (Path(path).read_bytes() for path in streams[1:])
        return subprocess.CompletedProcess([*arguments], code, out, err)


def _heeded_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(_AT_START)}


# The process that is forked --------------------------------------------------------------------


def _serve() -> None:
    import cv2  # noqa: F401
    from PIL import Image

    import imgsim.cli.main
    import imgsim.tasks
    from imgsim.cli.commands import COMMANDS, load_command

    for name in COMMANDS:
        load_command(name)
    for module in pkgutil.iter_modules(imgsim.tasks.__path__, "imgsim.tasks."):
        importlib.import_module(module.name)
    Image.init()
    for line in sys.stdin:
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            _run(json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(asked: dict[str, Any]) -> None:
    """Be the program, and end."""
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # where a test runs, its standard input is what that of pytest is
        paths = (asked["streams"][0] if asked["input"] else os.devnull, *asked["streams"][1:])
        for number, path in enumerate(paths):
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY
            opened = os.open(path, flags, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(  # noqa: SIM115
            2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
        )
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        tempfile.tempdir = None
        sys.path[0] = asked["cwd"]
        import imgsim.__main__

        sys.argv = [str(imgsim.__main__.__file__), *asked["arguments"]]
        try:
            imgsim.__main__.run()
        except SystemExit as end:
            code = int(end.code or 0)
    finally:
        import atexit
        import traceback

        if sys.exc_info()[1] is not None:
            traceback.print_exc()
            code = 1
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
