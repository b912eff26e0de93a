"""A third-party comparator, installed for real."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgsim import plugin
from imgsim.comparators import base, evidence, extractor

PLUGIN = Path(__file__).parents[1] / "plugin"

SOURCE = PLUGIN / "src" / "imgsim_example" / "__init__.py"

CHECK = """
from imgsim.comparators import registry
from imgsim.testing import check_comparator
check_comparator(registry.parse("blockmean:blocks=8"))
"""


def test_the_example_imports_only_from_the_place_for_plug_ins() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in modules if name and name.startswith("imgsim")} == {"imgsim.plugin"}
    assert not any(
        alias.name.startswith("imgsim")
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    )


def test_the_place_for_plug_ins_has_every_contract() -> None:
    """Every public class of the contracts; one that is added must be decided upon."""
    for module in (base, evidence, extractor):
        own = {
            name
            for name, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__
        }
        assert own <= set(plugin.__all__)
    for name in plugin.__all__:
        assert getattr(plugin, name) is not None


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the example package is installed."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--disable-pip-version-check", "--target", target, PLUGIN),
        ],
        check=True,
    )
    return os.environ | {"PYTHONPATH": str(target)}


def test_it_passes_the_conformance_kit(installed: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", CHECK], env=installed, check=True)


def test_it_is_listed_and_finds_duplicates(installed: dict[str, str], demo) -> None:
    folder, _ = demo

    def run(*arguments: str) -> dict:
        command = [sys.executable, "-m", "imgsim", *arguments, "-f", "json"]
        done = subprocess.run(command, env=installed, check=True, capture_output=True)
        return json.loads(done.stdout)

    (listed,) = [m for m in run("methods")["methods"] if m["name"] == "blockmean"]
    assert (listed["package"], listed["available"]) == ("imgsim-example", True)
    duplicates = run("find-dupes", str(folder), "-m", "blockmean:blocks=8", "--cache", "off")
    assert duplicates["method"] == "blockmean:blocks=8"
    assert len(duplicates["groups"]) >= 6


SCRIPT = """
import sys
from dataclasses import dataclass
from typing import ClassVar
import imgsim
from imgsim.comparators.hashes import GradientHash

@dataclass(frozen=True)
class Mine(GradientHash):
    name: ClassVar[str] = "mine"

try:
    options = imgsim.RunOptions(executor=sys.argv[2], jobs=2)
    print(len(imgsim.matches(sys.argv[1], Mine(), options=options).methods[0].queries))
except imgsim.ImgsimError as error:
    print(error.message, "|", error.hint)
"""


def test_a_comparator_of_a_script_says_how_workers_get_it(demo, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def run(executor: str) -> str:
        command = [sys.executable, script, demo[0], executor]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    message = run("processes")
    assert message.count("\n") == 1
    assert "Mine" in message
    assert "a module of its own" in message
    assert 'executor="threads"' in message
    assert int(run("threads")) > 20
