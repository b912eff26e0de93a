"""What the tests of plans have in common."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("keep/a.jpg", "copies/a.jpg", "copies/b.jpg", "copies/other.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"other" if "other" in name else b"the same")
    return folder
