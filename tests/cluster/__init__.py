"""Executors of the extra `cluster`; a step of its own of `.ci/run` installs it.

What runs an engine is a process of its own: Daft may crash a process at its end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_ABSENT = [package for package in ("daft", "ray") if find_spec(package) is None]

needs_engines = pytest.mark.skipif(
    bool(_ABSENT),
    reason=f"needs {' and '.join(_ABSENT)}: pip install 'imgsim[cluster]' (see .ci/run)",
)


def python(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the tests among its modules."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def answer_of(module: str, *arguments: str) -> Any:
    """What a module of these tests prints as JSON in its last line."""
    done = python("-m", f"tests.cluster.{module}", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
