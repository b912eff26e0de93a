"""Imports go one way, and start-up loads nothing that the job does not need."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "imgsim"
HEAVY = {
    "cv2", "efficientnet_pytorch", "faiss", "matplotlib", "pandas", "pywt", "scipy", "skimage",
    "sklearn", "tifffile", "torch", "torchvision",
}  # fmt: skip

LAYERS = (
    "compiled escapes addresses errors types progress folders garbage locks results schemas"
    " stage_times stamps temporary",
    "decode",
    "executors",
    "models",
    "comparators",
    "pictures",
    "cache",
    "read profile",
    "dataset",
    "decisions",
    "neighbours",
    "propose",
    "verify",
    "measure",
    "group",
    "index",
    "training",
    "benchmark",
    "calibration",
    "tasks fetch doctor testing plugin act",
    "report",
    "review",
    "cli",
)
"""From the ground up: a module may import from its own layer and those before it. Between the
modules of one layer, imports go one way too."""


def _module_of(path: Path) -> str:
    return ".".join(["imgsim", *path.relative_to(SOURCE).with_suffix("").parts])


MODULES = {_module_of(path).removesuffix(".__init__") for path in SOURCE.rglob("*.py")}


def _place(module: str) -> str:
    return module.split(".")[1]


def _layer(place: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if place in names.split())


def _imports(tree: ast.AST) -> set[str]:
    """Modules of the project that are imported, at the top or in a function, by name or text."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            # where the name is put together at run time, see `DYNAMIC`
            found.update(n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return {name for name in found if name in MODULES and name != "imgsim"}


DYNAMIC = {
    "imgsim", "imgsim.cli.commands", "imgsim.decode.source", "imgsim.doctor", "imgsim.results",
}  # fmt: skip
"""Modules that import what a name made at run time says: public names, commands, plug-ins, and how
results are shown."""


def _arrows() -> dict[str, set[str]]:
    trees = {
        _module_of(path): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
        if path.parent != SOURCE or not path.stem.startswith("__")
    }
    return {module: _imports(tree) - {module} for module, tree in trees.items()}


def test_imports_go_from_the_command_line_to_the_types() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, targets in _arrows().items()
        for target in targets
        if _layer(_place(target)) > _layer(_place(module))
    ]
    assert wrong == []


def test_no_two_modules_import_each_other() -> None:
    """Not through others either, and no two folders of one layer do."""
    arrows = _arrows()
    folders: dict[str, set[str]] = {}
    for module, targets in arrows.items():
        folders.setdefault(_place(module), set()).update(_place(t) for t in targets)
    for graph in (arrows, {place: to - {place} for place, to in folders.items()}):
        TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_imports_by_text_are_known() -> None:
    """The two tests above read them only where the text stands in the call."""
    calling = {
        _module_of(path).removesuffix(".__init__")
        for path in SOURCE.rglob("*.py")
        if re.search(r"import_module\((?!\")|__import__\(", path.read_text(encoding="utf-8"))
    }
    assert calling == DYNAMIC


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
