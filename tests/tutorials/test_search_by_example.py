from __future__ import annotations

from pathlib import Path

import pytest

from tests.tutorials.page import check

pytestmark = pytest.mark.slow


def test_the_page_is_true(tmp_path: Path) -> None:
    check("search-by-example", tmp_path)
