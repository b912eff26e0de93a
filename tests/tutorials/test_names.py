"""Tutorials can be followed one after another in one folder, as their index says."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from itertools import pairwise

from tests.tutorials.page import TUTORIALS, Block, blocks

_WRITES = frozenset(
    "-o --output --montage --map --numbers --heatmap --sheet --sheets --copy-to --write-splits"
    " --knn-picture".split()
)


def _written(block: Block) -> list[str]:
    """The files and folders that a block writes, without the folder it stands in."""
    if block.language == "python":
        return re.findall(r"\.save\([\"']([^\"']+)", block.text)
    names = []
    for command in block.commands:
        words = shlex.split(command)
        names += [name for option, name in pairwise(words) if option in _WRITES]
        if words[1:2] == ["demo"]:
            names.append(words[2])
    return names


def test_no_two_steps_write_one_file() -> None:
    pages = [page for page in sorted(TUTORIALS.glob("*.md")) if page.stem != "index"]
    written = Counter(
        name
        for page in pages
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language in ("sh", "python")
        for name in _written(block)
    )
    assert len(written) > 2 * len(pages)
    assert [name for name, times in written.items() if times > 1] == []
