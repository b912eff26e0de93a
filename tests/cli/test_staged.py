"""staged, the hook and the action, as they run in a scratch repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsim.pictures.generate import landscape

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def _git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=m"]
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three tracked pictures, two of them copies, and a folder below."""
    folder = tmp_path / "a repository"
    (folder / "pictures").mkdir(parents=True)
    _git(folder, "init", "-q")
    for seed in (21, 22):
        Image.fromarray(landscape(seed, 320, 240)).save(folder / "pictures" / f"{seed}.jpg")
    shutil.copy(folder / "pictures" / "21.jpg", folder / "old copy.jpg")
    (folder / "notes.txt").write_text("notes")
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "first")
    return folder


def _stage(folder: Path, name: str, picture: Image.Image, **how: Any) -> None:
    picture.save(folder / name, **how)
    _git(folder, "add", name)


def _small(folder: Path) -> Image.Image:
    with Image.open(folder / "pictures" / "22.jpg") as picture:
        return picture.resize((240, 180))


def test_nothing_staged_and_no_image_staged(imgsim, repository: Path) -> None:
    assert imgsim("staged", cwd=repository).returncode == 0
    (repository / "more.txt").write_text("more")
    _git(repository, "add", "more.txt")
    done = imgsim("staged", cwd=repository)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_copy_of_a_tracked_file_is_found(imgsim, repository: Path) -> None:
    _stage(repository, "new.jpg", _small(repository))
    done = imgsim("staged", cwd=repository)
    assert done.returncode == 1
    assert "pictures/22.jpg" in done.stdout
    assert "new.jpg" in done.stdout
    assert "old copy.jpg" not in done.stdout  # tracked files are not compared with each other
    assert imgsim("staged", "--check-kind", "pixels", cwd=repository).returncode == 0
    below = imgsim("staged", cwd=repository / "pictures")
    assert below.returncode == 1
    assert f"..{os.sep}new.jpg" in below.stdout
    _git(repository, "rm", "-q", "--cached", "new.jpg")
    assert imgsim("staged", cwd=repository).returncode == 0


def test_two_staged_files_are_compared_with_each_other(imgsim, repository: Path) -> None:
    new = Image.fromarray(landscape(29, 320, 240))
    _stage(repository, "one.jpg", new)
    assert imgsim("staged", cwd=repository).returncode == 0
    _stage(repository, "two.png", new.resize((160, 120)))
    done = imgsim("staged", cwd=repository)
    assert done.returncode == 1
    assert "one.jpg" in done.stdout
    assert "two.png" in done.stdout


def test_a_change_of_a_tracked_file_is_no_copy_of_itself(imgsim, repository: Path) -> None:
    _stage(repository, "pictures/22.jpg", _small(repository))
    assert imgsim("staged", cwd=repository).returncode == 0
    _git(repository, "mv", "pictures/21.jpg", "moved.jpg")
    done = imgsim("staged", cwd=repository)
    assert done.returncode == 1  # its old copy is there still
    assert "moved.jpg" in done.stdout
    assert "pictures/21.jpg" not in done.stdout


def test_a_staged_image_by_another_ending_is_compared(imgsim, repository: Path) -> None:
    shutil.copy(repository / "pictures" / "22.jpg", repository / "asset.bin")
    (repository / "other.bin").write_bytes(bytes(range(256)) * 9)
    (repository / "words").write_text("words")
    _git(repository, "add", ".")
    done = imgsim("staged", cwd=repository)
    assert done.returncode == 1
    assert "asset.bin" in done.stdout
    assert "other.bin" not in done.stdout + done.stderr
    assert "words" not in done.stdout + done.stderr


def test_a_staged_file_that_the_working_tree_lacks_stops_the_gate(imgsim, repository: Path) -> None:
    """Nobody could look at it."""
    _stage(repository, "new.jpg", Image.fromarray(landscape(31, 320, 240)))
    (repository / "new.jpg").unlink()
    for named in ((), ("new.jpg",), ("pictures/21.jpg", "new.jpg")):
        done = imgsim("staged", *named, cwd=repository)
        assert done.returncode == 2, named
        assert "new.jpg: staged, but not in the working tree: not compared" in done.stderr
        assert "error: new.jpg: staged, but not in the working tree" in done.stderr
    _git(repository, "rm", "-q", "--cached", "new.jpg")
    _git(repository, "rm", "-q", "pictures/22.jpg")  # what is removed is not missing
    for named in ((), ("pictures/22.jpg",)):
        done = imgsim("staged", *named, cwd=repository)
        assert (done.returncode, "not in the working tree" in done.stderr) == (0, False), named


def test_a_named_file_that_is_nowhere_is_an_error(imgsim, repository: Path) -> None:
    done = imgsim("staged", "pictures/21.jpg", "absent.jpg", cwd=repository)
    assert (done.returncode, "no such path: absent.jpg" in done.stderr) == (2, True)
    assert imgsim("staged", "absent.txt", cwd=repository).returncode == 2
    folder = imgsim("staged", "pictures", cwd=repository)
    assert (folder.returncode, "pictures is a folder" in folder.stderr) == (2, True)
    (repository / "notes.txt").unlink()  # tracked, and no image
    assert imgsim("staged", "notes.txt", cwd=repository).returncode == 0
    below = imgsim("staged", "21.jpg", "absent.jpg", cwd=repository / "pictures")
    assert (below.returncode, "no such path: absent.jpg" in below.stderr) == (2, True)


def test_outside_of_a_repository(imgsim, tmp_path: Path) -> None:
    done = imgsim("staged", cwd=tmp_path)
    assert done.returncode == 2
    assert "not a git repository" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def _program(folder: Path) -> dict[str, str]:
    """An environment in which ``imgsim`` is the program under test."""
    program = folder / "bin" / "imgsim"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m imgsim "$@"\n')
    program.chmod(0o755)
    return os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize("number", [0, 1])
def test_the_hook_stops_a_commit(number: int, repository: Path, tmp_path: Path) -> None:
    """By its own entry, as git runs a hook."""
    yaml = pytest.importorskip("yaml", reason="needs pyyaml")
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))[number]
    assert hook["require_serial"]
    script = repository / ".git" / "hooks" / "pre-commit"
    script.write_text(
        f"#!/bin/sh\ngit diff --cached --name-only -z | xargs -0 -r {hook['entry']}\n"
    )
    script.chmod(0o755)
    environment = _program(tmp_path)

    def commit() -> int:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "-qm", "more"]
        return subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, check=False
        ).returncode

    _stage(repository, "other.jpg", Image.fromarray(landscape(30, 320, 240)))
    assert commit() == 0
    shutil.copy(repository / "pictures" / "22.jpg", repository / "copy of 22.jpg")
    _git(repository, "add", "copy of 22.jpg")
    assert commit() != 0
    assert "copy of 22.jpg" in _git(repository, "status", "--porcelain")


@pytest.fixture
def action(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the last step of the action as a runner does, with some inputs."""
    yaml = pytest.importorskip("yaml", reason="needs pyyaml")
    document = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    step = document["runs"]["steps"][-1]
    names = {
        name: given["default"] for name, given in document["inputs"].items() if "default" in given
    }

    def run(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
        values = names | {"paths": ""} | inputs
        environment = _program(tmp_path)
        for name, text in step["env"].items():
            for key, value in values.items():
                text = text.replace(f"${{{{ inputs.{key} }}}}", value)
            environment[name] = text.replace("${{ runner.temp }}", str(tmp_path / "temp"))
        assert not any("${{" in environment[name] for name in step["env"])
        assert "${{" not in step["run"]  # inputs are no part of the script
        return subprocess.run(
            ["bash", "-c", step["run"]],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_action_fails_and_passes(
    action: Callable[..., subprocess.CompletedProcess[str]], repository: Path, tmp_path: Path
) -> None:
    done = action(repository, paths="pictures\nold copy.jpg\n")
    assert done.returncode == 1, done.stderr
    assert (tmp_path / "temp" / "imgsim-cache" / "cache.sqlite").exists()
    assert action(repository, paths="pictures").returncode == 0
    quiet = action(repository, paths="pictures\nold copy.jpg", options="-f\njson\n--no-timing\n")
    assert json.loads(quiet.stdout)["groups"]
    known = {"command": "known", "archive": "pictures\n"}
    assert action(repository, paths="old copy.jpg", **known).returncode == 1
    assert action(repository, paths="old copy.jpg", **known, options="--exit-zero").returncode == 0
    (repository / "valid").mkdir()
    shutil.copy(repository / "pictures" / "22.jpg", repository / "valid")
    assert action(repository, command="leaks", paths="pictures\nvalid").returncode == 1
    for inputs in ({"paths": ""}, {"paths": "absent"}, {"paths": ".", "command": "apply"}):
        assert action(repository, **inputs).returncode == 2, inputs
    injected = action(
        repository, paths='$(touch injected); "; touch injected"', options="`touch injected`"
    )
    assert injected.returncode == 2
    assert not list(tmp_path.rglob("injected"))
