from __future__ import annotations

from pathlib import Path

from tests.tutorials.page import check


def test_the_page_is_true(tmp_path: Path) -> None:
    check("ssim-and-leaks", tmp_path)
