"""README, CI and the program say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgsim.cli.commands import COMMANDS
from imgsim.comparators import registry
from imgsim.group.keep import KEEP_POLICIES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_second_command_of_the_readme() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    command = blocks[1].strip()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert command.replace("python3 -m venv", '"$python" -m venv') in script


@pytest.mark.parametrize("word", [*COMMANDS, *registry.names(), *KEEP_POLICIES])
def test_the_readme_names(word: str) -> None:
    assert word in README


def test_every_option_in_the_readme_exists() -> None:
    import click

    from imgsim.cli.main import cli

    known = {"--version", "--config", "--help"}
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        below = command.commands.values() if isinstance(command, click.Group) else ()
        for parameter in (p for one in (command, *below) for p in one.params):
            known.update(parameter.opts, parameter.secondary_opts)
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert used - known <= {"--quiet", "--editable", "--list"}
