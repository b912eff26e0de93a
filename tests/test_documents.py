"""README, the pages under docs, CI and the program say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import imgsim
from imgsim.cli.commands import COMMANDS
from imgsim.comparators import registry
from imgsim.decode.names import IMAGE_SUFFIXES, RAW_SUFFIXES
from imgsim.group.keep import ARGUMENT_RULES, PLAIN_RULES

ROOT = Path(__file__).parents[1]
PUBLIC = [name for name in imgsim.__all__ if not name.startswith("_")]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
}


def test_ci_runs_the_second_command_of_the_readme() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    command = blocks[1].strip()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert command.replace("python3 -m venv", '"$python" -m venv') in script


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("README.md", tuple(COMMANDS)),
        ("docs/methods.md", tuple(registry.names())),
        ("docs/find-dupes.md", (*PLAIN_RULES, *ARGUMENT_RULES)),
        ("docs/formats.md", tuple(f"`{ending}`" for ending in IMAGE_SUFFIXES | RAW_SUFFIXES)),
        ("docs/api.md", tuple(f"::: imgsim.{name}" for name in PUBLIC)),
    ],
)
def test_a_page_names(page: str, words: tuple[str, ...]) -> None:
    assert [word for word in words if word not in PAGES[page]] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if "://" in target or "`[" in target:
            continue
        path, _, section = target.partition("#")
        linked = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert linked.is_file(), target
        if section:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert section in {
                re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings
            }


def test_the_readme_leads_to_every_page() -> None:
    assert [page for page in PAGES if page != "README.md" and f"]({page})" not in README] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_option_in_a_page_exists(page: str) -> None:
    import click

    from imgsim.cli.main import cli

    known = {"--version", "--config", "--help"}
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        below = command.commands.values() if isinstance(command, click.Group) else ()
        for parameter in (p for one in (command, *below) for p in one.params):
            known.update(parameter.opts, parameter.secondary_opts)
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", PAGES[page]))
    of_others = {
        *("--quiet", "--editable", "--list", "--resolution"),  # pip, just, uv
        *(
            "--pictures",
            "--repeat",
            "--only",
            "--add",
            "--minutes",
            "--drawn",
            "--screens",
            "--stripped",
            "--places",
            "--formats",
            "--each",
            "--first",
            "--seeds",
            "--near-seeds",
            "--small-print",
        ),  # benchmarks
        *("--golden", "--update-golden"),  # imgsim.testing
        "--strict",
    }
    assert used - known <= of_others
