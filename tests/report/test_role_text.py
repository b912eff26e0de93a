"""What the summary says of the members of groups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from imgsim.report.role_text import other_versions_lines
from imgsim.tasks.find_duplicates import find_duplicates


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        (1, "and 1 version that phash cannot tell from a copy (auto may), "),
        (2, "and 2 versions that phash cannot tell from copies (auto may), "),
    ],
)
def test_a_method_that_measures_nothing_does_not_say_what_versions_hold(
    copies: int, said: str, photo: Callable[[int], Image.Image], tmp_path: Path
) -> None:
    photo(1).save(tmp_path / "0.png")
    for number in range(copies):
        photo(1).save(tmp_path / f"copy{number}.jpg", quality=90 - number)
    (line,) = other_versions_lines(find_duplicates(tmp_path, "phash:size=16"))
    assert line.startswith(said)
    assert list(other_versions_lines(find_duplicates(tmp_path, "auto"))) == []
