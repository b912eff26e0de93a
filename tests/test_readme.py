"""Every command and every Python snippet that the README prints runs, and does what it says.

They are taken from the README itself, so that a new one is tested without a change here. A file
that it names and that is not made here yet belongs into `_write_what_the_readme_names`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import pytest

from imgsim.cli.main import cli, main
from imgsim.review.session import Session

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

SET_UP = (
    "python3 -m venv .venv && .venv/bin/python -m pip install ."
    " && .venv/bin/imgsim demo pictures && .venv/bin/imgsim find-dupes pictures",
    "python3 -m venv .venv && .venv/bin/python -m pip install --quiet --editable '.[deep,test]'"
    " && .venv/bin/python -m pytest",
)
"""What is not run here: each makes an environment, and the second runs these tests (in CI, see
`test_documents`). What imgsim does in the first is run for the sample."""

GATES = {
    "imgsim find-dupes data --check": 1,
    "imgsim known new --in archive": 1,
    "imgsim leaks data/train data/valid": 1,
    "imgsim leaks data.yaml": 1,
}
"""Exit codes of the commands that are to find something; all others end with 0."""

WRITING = {
    "-o",
    "--copy-to",
    "--drop-list",
    "--heatmap",
    "--map",
    "--montage",
    "--plan",
    "--sheet",
    "--sheets",
}
"""Options that name a file or a folder to be written."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    section: str
    language: str
    title: str
    text: str

    @property
    def commands(self) -> list[str]:
        """One by one, without their remarks."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [bare for line in lines if (bare := re.split(r"(?:^|\s)#\s", line)[0].strip())]


def _blocks(path: Path) -> list[Block]:
    found, section = [], ""
    text = path.read_text(encoding="utf-8")
    for part in re.finditer(
        r'^#+ ([^\n]+)$|^```(\w*)(?: title="(.*?)")?\n(.*?)^```$', text, re.MULTILINE | re.DOTALL
    ):
        section = part[1] or section
        if not part[1]:
            found.append(Block(path.name, section, part[2], part[3] or "", part[4]))
    return found


def _stages(command: str) -> list[list[str]]:
    """The words of each program of a pipe."""
    words = shlex.shlex(command, posix=True, punctuation_chars="|;&<>")
    words.whitespace_split, words.commenters = True, ""
    stages: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            stages.append([])
        else:
            assert not re.fullmatch(r"[|;&<>]+", word), f"neither one program nor a pipe: {command}"
            stages[-1].append(word)
    return stages


README = _blocks(ROOT / "README.md")
ELSEWHERE = {path.name: _blocks(path) for path in DOCS}
FIRST, SECOND, *SESSIONS = (block for block in README if block.language == "sh")
PIPES = [c for block in SESSIONS for c in block.commands if len(_stages(c)) > 1]
SNIPPETS = {
    block.text: block
    for block in (*(b for blocks in ELSEWHERE.values() for b in blocks), *README)
    if block.language == "python" and not block.title
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the README names; not to be changed."""
    folder = tmp_path_factory.mktemp("readme") / "made"
    _write_what_the_readme_names(folder)
    return folder


def _write_what_the_readme_names(folder: Path) -> None:
    photos = folder / "photos"
    assert main(["demo", str(photos), "-q"]) == 0
    camera, phone = photos / "camera", photos / "phone"
    shutil.copytree(photos, folder / "backup" / "photos")
    for name, source in {
        "new": phone,
        "archive": camera,
        "data/train": camera,
        "data/valid": phone,
    }.items():
        shutil.copytree(source, folder / name)
    rows = [
        f"{split}/{path.name},{split},{path.name[:8]},{'a' if '3' in path.name else 'b'}\n"
        for split in ("train", "valid")
        for path in sorted((folder / "data" / split).iterdir())
    ]
    (folder / "splits.csv").write_text("path,split,patient,finding\n" + "".join(rows))
    (folder / "data.yaml").write_text("train: data/train\nval: data/valid\n")
    lines = [f"archive/IMG_000{i}.jpg,{'train' if i > 2 else 'valid'},x,{i}" for i in range(1, 5)]
    (folder / "table.csv").write_text("\n".join(["path,split,label,patient", *lines, ""]))
    shutil.make_archive(str(folder / "photos"), "zip", phone)
    shutil.copy(phone / "IMG_0002 small.jpg", folder / "query.jpg")
    shutil.copy(camera / "IMG_0004.jpg", folder / "a.jpg")
    shutil.copy(phone / "IMG_0004 compressed.jpg", folder / "b.jpg")
    for copy in phone.glob("IMG_*"):  # a folder per subject
        subject = folder / "shop" / copy.name[: len("IMG_0001")]
        subject.mkdir(parents=True)
        shutil.copy(copy, subject)
        shutil.copy(camera / f"{subject.name}.jpg", subject)


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, in which one stands."""
    folder = tmp_path / "here"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("IMGSIM_JOBS", "1")
    return folder


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {block.language for block in README} == {"sh", "text", "python"}
    assert SESSIONS
    printed = [command for block in SESSIONS for command in block.commands]
    assert set(GATES) <= set(printed)


def test_the_two_set_up_commands_are_printed_to_the_letter() -> None:
    assert (FIRST.text, SECOND.text) == tuple(f"{command}\n" for command in SET_UP)


def test_the_sample_is_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    start = ".venv/bin/imgsim "
    typed = [part for part in SET_UP[0].split(" && ") if part.startswith(start)]
    printed = ""
    for part in typed:
        capsys.readouterr()
        assert main(shlex.split(part.removeprefix(start))) == 0
        printed = capsys.readouterr().out
    (sample,) = (block.text for block in README if block.language == "text")
    prompt, _, shown = sample.partition("\n")
    assert prompt == f"$ imgsim {typed[-1].removeprefix(start)}"
    *lines, more = shown.splitlines()
    assert more == "..."
    assert printed.splitlines()[: len(lines)] == lines


@pytest.fixture
def ended_reviews(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is ended as soon as all is read, and no browser opens."""

    def end(session: Session) -> list[str]:
        session.end()
        return []

    monkeypatch.setattr("imgsim.review.serve._summary", end)
    monkeypatch.setattr("imgsim.review.serve._open", lambda url: True)


@pytest.mark.usefixtures("ended_reviews")
@pytest.mark.parametrize("session", SESSIONS, ids=lambda block: block.section)
def test_the_commands_run(session: Block, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One block after the other, as somebody types it; of a pipe the part that is imgsim's."""
    for command in session.commands:
        for program, *words in _stages(command):
            if program != "imgsim":
                assert command in PIPES, f"not a command of imgsim: {command}"
                continue
            capsys.readouterr()
            code = main(words)
            printed = capsys.readouterr()
            assert code == GATES.get(command, 0), f"{command}\n{printed.err}"
            if "json" in words and "-o" not in words:
                assert json.loads(printed.out)
            for option, value in pairwise(words):
                if option in WRITING and value != "-":
                    assert Path(value).exists(), f"{command}\nwrote no {value}"


@pytest.mark.parametrize("command", PIPES)
def test_the_pipes_run_in_a_shell(
    command: str, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = ["bash", *(words[0] for words in _stages(command) if words[0] != "imgsim")]
    if missing := [program for program in needed if not shutil.which(program)]:
        pytest.skip(f"needs {', '.join(missing)}: only the part of imgsim was tested")
    program = tmp_path / "bin" / "imgsim"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m imgsim "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert done.returncode == GATES.get(command, 0), done.stderr
    assert done.stdout


@pytest.mark.parametrize("snippet", SNIPPETS.values(), ids=lambda block: block.page)
def test_the_snippets_run(snippet: Block, here: Path) -> None:
    """As a script, which is what people make of them, with worker processes."""
    Path("snippet.py").write_text(snippet.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "snippet.py"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("page", [name for name, blocks in ELSEWHERE.items() if blocks])
def test_the_commands_of_the_other_pages_are_understood(page: str) -> None:
    """Not run, since they take networks, data sets and time: their options and values exist."""
    for command in (c for b in ELSEWHERE[page] if b.language == "sh" for c in b.commands):
        for program, *words in _stages(command):
            if program != "imgsim":
                continue
            taker: click.Command | None = cli
            while isinstance(taker, click.Group):
                name = words.pop(0)
                taker = taker.get_command(click.Context(taker), name)
            assert taker is not None, command
            try:
                taker.make_context("imgsim", words)
            except click.UsageError as error:
                pytest.fail(f"{command}\n{error.format_message()}")
