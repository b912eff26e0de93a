"""Imports go one way, and start-up loads nothing that the job does not need."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "imgsim"
HEAVY = {
    "cv2", "efficientnet_pytorch", "faiss", "matplotlib", "pandas", "pywt", "scipy", "skimage",
    "sklearn", "torch", "torchvision",
}  # fmt: skip

LAYERS = (
    {"errors", "types", "progress"},
    {"discover", "decode", "folders", "colours", "rawfiles", "models", "spool"},
    {"comparators"},
    {"extract", "profile", "search", "verify", "group", "cache", "executors"},
    {"collect"},
    {"verified"},
    {"pipeline"},
    {"ranking"},
    {"explaining", "leaks", "ordering", "clusters"},
    {"report", "schemas", "bench", "doctor", "baseline", "fetch", "testing", "training"},
    {"cli"},
)
"""A module may import from its own layer and those above it in this list."""


def _layer(module: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if module in names)


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name.split(".")[1] for name in found if name.startswith("imgsim.")}


def test_imports_go_from_the_command_line_to_the_types() -> None:
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if place in {"__init__", "__main__"}:
            continue
        for target in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            if _layer(target) > _layer(place):
                wrong.append(f"{path.relative_to(SOURCE)} imports {target}")
    assert wrong == []


def _loaded(*arguments: str) -> set[str]:
    program = (
        "import sys, json, runpy, io, contextlib\n"
        "sys.argv = ['imgsim', *json.loads(sys.argv[1])]\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    runpy.run_module('imgsim', run_name='__main__') if sys.argv[1:] else"
        " __import__('imgsim')\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--help",),
        ("find-dupes", "--help"),
        ("bench", "--help"),
        ("train", "siamese", "--help"),
        ("explain", "--help"),
        ("--version",),
        ("methods",),
    ],
)
def test_start_up_is_light(arguments: tuple[str, ...]) -> None:
    loaded = _loaded(*arguments)
    assert "imgsim" in loaded
    assert loaded & HEAVY == set()
    if not arguments or arguments == ("--help",):
        assert loaded & {"numpy", "PIL", "tqdm"} == set()


def test_the_public_names_are_there() -> None:
    import imgsim

    for name in imgsim.__all__:
        assert getattr(imgsim, name) is not None
    assert set(imgsim.__all__) <= set(dir(imgsim))
    with pytest.raises(AttributeError):
        imgsim.nothing  # noqa: B018
