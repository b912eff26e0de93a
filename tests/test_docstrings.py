"""Docstrings: of public functions on arrays what they take and give, and Markdown everywhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "imgsim"
ARRAYS = re.compile(r"NDArray|ndarray|\b(Array|Band|Grey|Map|Matrix|YCbCr)\b")
"""Names of array types; the capitalised ones are aliases of this project."""

DTYPES = re.compile(r"u?int\d+|float\d+|\bbool\b|\bdtype\b|complex\d+|\bobject\b|generic|any dtype")


def _public_functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Without methods that fulfil a contract: their docstring stands there."""
    public = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    for one in tree.body:
        if isinstance(one, ast.ClassDef) and not one.name.startswith("_"):
            methods = [n for n in one.body if isinstance(n, ast.FunctionDef)]
            public += [m for m in methods if not one.bases or ast.get_docstring(m)]
    return [f for f in public if not f.name.startswith("_")]


def _takes_or_gives_arrays(function: ast.FunctionDef) -> bool:
    arguments = function.args
    annotations = [
        a.annotation for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    ]
    return any(
        a is not None and ARRAYS.search(ast.unparse(a)) for a in (*annotations, function.returns)
    )


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE))
)
def test_public_functions_on_arrays_state_shape_and_dtype(path: Path) -> None:
    wrong = []
    for function in _public_functions(ast.parse(path.read_text(encoding="utf-8"))):
        if not _takes_or_gives_arrays(function):
            continue
        text = ast.get_docstring(function) or ""
        if not ("shape" in text and DTYPES.search(text)):
            wrong.append(f"{function.lineno} {function.name}")
    assert wrong == []


def test_docstrings_are_markdown_and_say_what_attributes_of_results_are() -> None:
    bare = re.compile(r"^ +(seconds|decode|masks_left_out) : (?!float|str).*\n *(\S+ : |$)", re.M)
    wrong = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node, clean=False) or ""
                if re.search(r"::$", text, re.M) or bare.search(text):
                    wrong.append(f"{path.name}: {text[:60]}")
    assert wrong == []
