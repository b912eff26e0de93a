"""The tool behind `just mutate`."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"

SOURCE = '''"""A module of 3 things."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    SIDE = 1

__all__ = ["between"]


def between(low: Literal[1, 2], values: list[float], strict: bool = False) -> list[float]:
    """Return at most 3 values."""
    assert isinstance(low, int)
    if low < 1 and not strict:
        raise ValueError(f"{low + 1} is too low")
    setNumThreads(1)
    kept = []
    for value in values:
        kept.append(-value * (low + 2))
    kept[0] += 0.5
    return max(kept, default=12)
'''

CHANGES = {
    "def between(low: Literal[1, 2], values: list[float], strict: bool = True) -> list[float]:",
    "if low <= 1 and not strict:",
    "if low < 2 and not strict:",
    "if low < 1 or not strict:",
    "if low < 1 and strict:",
    "if True:",
    "if False:",
    "pass",
    "kept.append((value) * (low + 2))",
    "kept.append(-value / (low + 2))",
    "kept.append(-value * (low - 2))",
    "kept.append(-value * (low + 3))",
    "kept[0] -= 0.5",
    "kept[1] += 0.5",
    "kept[0] += 1.0",
    "return None",
    "return min(kept, default=12)",
    "return max(kept, default=24)",
}
"""Changed lines; `pass` stands for the raise, the call and the addition."""


@pytest.fixture(autouse=True)
def _tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


def test_mutants_of_a_source() -> None:
    from mutate_source import find_mutants

    found = [m.diff(SOURCE.encode()).splitlines()[-1] for m in find_mutants("a.py", SOURCE)]
    changed = [line.removeprefix("+").strip() for line in found]
    assert set(changed) == CHANGES
    assert len(changed) == len(CHANGES) + 2


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = a * b - c", {"x = (a / b) - c", "x = a * b + c"}),
        ("x = a * (b - c)", {"x = a / (b - c)", "x = a * (b + c)"}),
        ("x = '…' in a and b", {"x = '…' not in a and b", "x = '…' in a or b"}),
        ("x = f(a, b)", {"x = f(b, a)"}),
        ("x = hypot(a, b)", set()),
        ("x = a if b else c", {"x = a if not (b) else c"}),
        ("x = 'a' + b", set()),
    ],
)
def test_only_the_changed_part_gets_another_text(source: str, changed: set[str]) -> None:
    from mutate_source import find_mutants

    found = {m.apply(source.encode()).decode() for m in find_mutants("a.py", source)}
    assert found == changed


def test_mutants_of_the_package_are_other_programs() -> None:
    from mutants import FOLDERS, PACKAGE, draw

    sources = {
        path.relative_to(ROOT / PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in (ROOT / PACKAGE / folder).glob("*.py")
    }
    drawn = draw(sources, 100, 1)
    assert len(set(drawn)) == 100
    assert set(draw(sources, 30, 1)) < set(drawn) != set(draw(sources, 100, 2))
    for mutant in drawn:
        source = sources[mutant.file]
        changed = ast.parse(mutant.apply(source.encode()))
        assert ast.dump(changed) != ast.dump(ast.parse(source)), mutant


MODULE = """LIMIT = 3


def first(values):
    return values[:LIMIT]


def second(value):
    return value + 5


def third(value):
    return value < 8
"""
TESTS = """from imgsim.group.module import first, third


def test_first():
    assert first("abcdef") == "abc"


def test_third():
    assert third(7)
"""


@pytest.mark.slow
def test_the_program_tells_what_the_tests_notice(tmp_path: Path) -> None:
    files = {
        "src/imgsim/__init__.py": "",
        "src/imgsim/group/__init__.py": "",
        "src/imgsim/group/module.py": MODULE,
        "tests/__init__.py": "",
        "tests/group/__init__.py": "",
        "tests/group/test_module.py": TESTS,
        "tests/tasks/test_find_duplicates.py": "",
        "pyproject.toml": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "benchmarks").mkdir()
    for tool in ("mutants.py", "mutate_source.py", "forked_tests.py"):
        shutil.copy(BENCHMARKS / tool, tmp_path / "benchmarks")
    output = tmp_path / "mutants.jsonl"
    command = [sys.executable, "benchmarks/mutants.py", "--only=group", f"--output={output}"]
    done = subprocess.run(
        [*command, "--list-survivors"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    outcomes = {(e["line"], e["operator"]): e["outcome"] for e in entries}
    assert outcomes == {
        (1, "number"): "killed",
        (5, "return"): "killed",
        (9, "return"): "not executed",
        (9, "arithmetic"): "not executed",
        (9, "number"): "not executed",
        (13, "return"): "killed",
        (13, "comparison"): "survived",
        (13, "number"): "survived",
    }
    assert "+    return value <= 8" in done.stdout
    assert "38% killed: 3 of 8" in done.stdout
    assert (tmp_path / "src/imgsim/group/module.py").read_text(encoding="utf-8") == MODULE
