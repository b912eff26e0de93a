"""Repeats tutorials, and commits the pictures and figures that come of them.

    python -m tests.tutorials [NAME...]

Look at the pictures in docs/tutorials/NAME, and mend in the page what it prints.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path

from tests.tutorials.page import TUTORIALS, update

NAMES = [path.stem for path in sorted(TUTORIALS.glob("*.md")) if path.stem != "index"]

for name in sys.argv[1:] or NAMES:
    with tempfile.TemporaryDirectory() as folder:
        for part in ("cache", "runs", "decisions"):
            os.environ[f"IMGSIM_{part.upper()}"] = str(Path(folder) / "state" / part)
        work = Path(folder) / "work"
        work.mkdir()
        test = importlib.import_module(f"tests.tutorials.test_{name.replace('-', '_')}")
        print(f"{name}:")
        update(name, work, getattr(test, "measure", None))
