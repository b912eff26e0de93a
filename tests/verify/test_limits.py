"""Numbers that decide something stand in `verify.limits`, each once."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from imgsim.verify import limits

FOLDER = Path(limits.__file__).parent

PLAIN = {0, 1, 2, 0.5, 255, 256, 1e-9, 1e-6, 1e-3}
"""Beginnings, ends and halves, the levels of 8 bits, and guards against a division by zero."""

EXCEPTIONS: dict[str, list[float]] = {
    "batch.py": [24, 20],  # bytes of images that are kept in memory
    "blocks.py": [5, 0.25],  # maps that are averaged together; the mean of four cells
    "colours.py": [128, 128, 1.402, 0.344, 0.714, 1.772, 4],  # BT.601; the diagonal of 3 x 3
    "judge.py": [10, 3],  # the version; 3 x 3
    "matrix.py": [3],  # 3 x 3
    "text_page.py": [3],  # an axis
    "transform.py": [3, 3],  # 3 x 3
    "verdicts.py": [24],  # pairs of a batch
}


def _numbers(path: Path) -> list[float]:
    """Numbers in a file that are neither plain nor the index of an element."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    indices = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            index = node.slice
            indices.update(id(part) for part in getattr(index, "elts", [index]))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
        and node.value not in PLAIN
        and id(node) not in indices
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_numbers_that_decide_stand_among_the_limits(path: Path) -> None:
    if path.name != "limits.py":
        assert Counter(_numbers(path)) == Counter(EXCEPTIONS.get(path.name, []))
