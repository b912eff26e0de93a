"""A third-party comparator, installed for real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imgsim import plugin
from imgsim.comparators import base, evidence, extractor

GUIDE = Path(__file__).parents[2] / "docs" / "add-a-comparator.md"

FILES = dict(
    re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', GUIDE.read_text(), re.MULTILINE | re.DOTALL)
)
"""The whole package, as the guide prints it."""


def test_the_guide_is_short_and_imports_only_from_the_place_for_plug_ins() -> None:
    (source,) = (text for name, text in FILES.items() if name.endswith(".py"))
    assert sum(len(text.splitlines()) for text in FILES.values()) < 40
    assert set(re.findall(r"(?:from|import) (imgsim[\w.]*)", source)) == {"imgsim.plugin"}


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
    """An environment in which the package of the guide is built and installed."""
    package, target = tmp_path_factory.mktemp("package"), tmp_path_factory.mktemp("site")
    for name, text in FILES.items():
        (package / name).write_text(text)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--disable-pip-version-check", "--target", target, package),
        ],
        check=True,
    )
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(target), *PATHS]))}


PATHS = os.environ.get("PYTHONPATH", "").split(os.pathsep)


def test_its_commands_do_what_the_guide_says(
    installed: dict[str, str], demo, tmp_path: Path
) -> None:
    """All of them, but the installation, which the fixture is."""
    (session,) = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    install, *commands = session.splitlines()
    assert install == "python -m pip install -e ."
    printed = {}
    (tmp_path / "pictures").symlink_to(demo[0])
    for command in commands:
        words = command.removeprefix("python -m ").split()
        done = subprocess.run(
            [sys.executable, "-m", *words],
            env=installed | {"IMGSIM_CACHE": "off"},
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        printed[" ".join(words[:2])] = done.stdout
    assert "blockmean  mean brightness of parts of the image" in printed["imgsim methods"]
    assert printed["imgsim find-dupes"].count("Group ") >= 6
    assert "blockmean" in printed["imgsim matches"]
    assert json.loads((tmp_path / "golden.json").read_text())["comparators"]["blockmean"]


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
    print(error)  # all that IPython shows
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
