"""The commands beside find-dupes, and what all commands have in common."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner

from imgsim import compiled
from imgsim.cli.commands import COMMANDS
from imgsim.cli.main import cli, main
from imgsim.cli.methods import _methods_lines
from imgsim.cli.output import write, write_bytes
from imgsim.comparators import registry
from imgsim.comparators.listing import listed
from imgsim.compiled import all_there
from imgsim.errors import UsageError
from imgsim.schemas import schema


def _command(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help_and_help_loads_nothing_heavy(name: str, imgsim) -> None:
    for parameter in _command(name).params:
        if isinstance(parameter, click.Option) and parameter.name != "form":
            assert parameter.help or parameter.name == "format", parameter.name
    done = imgsim(name, "--help")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert COMMANDS[name].rstrip(".") in " ".join(done.stdout.split())


def test_help_says_which_methods_all_leaves_out() -> None:
    option = next(p for p in _command("calibrate").params if p.name == "method")
    assert isinstance(option, click.Option)
    left_out = [one.name for one in listed() if one.available and not one.ranks]
    assert left_out == ["auto", "local"]
    assert f"not {' or '.join(left_out)}" in (option.help or "")


def test_version_and_near_command_names(imgsim) -> None:
    assert imgsim("--version").stdout.startswith("imgsim, version ")
    done = imgsim("find-dups")
    assert done.returncode == 2
    assert "find-dupes" in done.stderr


def test_demo_refuses_a_folder_with_something_in_it(imgsim, tmp_path: Path) -> None:
    assert imgsim("demo", tmp_path / "new").returncode == 0
    assert len(list((tmp_path / "new").rglob("*.*"))) == 26
    again = imgsim("demo", tmp_path / "new")
    assert again.returncode == 2
    assert "is not empty" in again.stderr
    (tmp_path / "file").write_text("")
    assert imgsim("demo", tmp_path / "file").returncode == 2


def test_methods_lists_every_comparator_with_its_presets(imgsim) -> None:
    document = json.loads(imgsim("methods", "-f", "json").stdout)
    jsonschema.validate(document, schema(document["schema"]))
    methods = {m["name"]: m for m in document["methods"]}
    assert sorted(methods) == registry.names()
    assert methods["phash"]["presets"] == {"strict": 2.0, "normal": 4.0, "loose": 8.0}
    assert methods["ssim"]["fields"] == {"side": 64, "win_size": 7}
    text = imgsim("methods").stdout
    assert all(name in text for name in methods)
    assert max(map(len, text.splitlines())) <= 80


def test_methods_says_what_is_missing_in_lines_that_fit() -> None:
    command = "pip install 'imgsim[deep]'"
    cause = f"needs torch and efficientnet_pytorch: {command}"
    described = {"name": "efficientnet-euclidean", "available": False, "cause": cause}
    lines = "".join(_methods_lines([described])).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(command in line for line in lines)


def test_doctor_says_what_is_read_here(imgsim) -> None:
    document = json.loads(imgsim("doctor", "-f", "json").stdout)
    jsonschema.validate(document, schema(document["schema"]))
    readable = {f["name"]: f["readable"] for f in document["formats"]}
    assert readable["HEIC, HEIF"]
    assert not readable["EPS, PDF, SVG"]
    assert re.match("torch [0-9]|torch does not import|not installed", document["torch"])
    assert document["compiled"] == all_there()
    text = imgsim("doctor").stdout
    assert "camera raw" in text
    assert ("parts in C are compiled" in text) == all_there()


def test_doctor_says_where_the_parts_in_c_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_PARTS", ("_alike", "_other"))
    lines = CliRunner().invoke(cli, ["doctor"]).output
    assert "parts in C are not compiled" in lines
    assert "hint: install it again" in lines


def test_cache_info_prune_clear(imgsim, demo, tmp_path: Path) -> None:
    folder, _ = demo
    cache = tmp_path / "c.sqlite"
    empty = imgsim("cache", "info", "--cache", cache)
    assert "0 files" in empty.stdout
    assert not cache.exists()
    imgsim("find-dupes", folder, "--cache", cache)
    info = json.loads(imgsim("cache", "info", "-f", "json", "--cache", cache).stdout)
    jsonschema.validate(info, schema(info["schema"]))
    assert info["contents"] == 24
    assert [(key.split("/")[0], n) for key, n in info["rows"].items()] == [("local-features", 23)]
    assert imgsim("cache", "prune", "--cache", cache).returncode == 0
    assert imgsim("cache", "clear", "--cache", cache).returncode == 0
    assert not cache.exists()
    assert imgsim("cache", "info", "--cache", "off").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="shells of POSIX")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, imgsim) -> None:
    assert "_IMGSIM_COMPLETE" in imgsim("completion", shell).stdout


def test_completion_knows_the_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    option = next(p for p in _command("find-dupes").params if p.name == "method")
    items = option.type.shell_complete(click.Context(cli), option, "ph")
    assert [item.value for item in items] == ["phash"]


def test_main_returns_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["default"] == registry.DEFAULT_METHOD
    assert main(["--help"]) == 0
    assert main(["nothing"]) == 2


def test_no_colour_and_no_progress_where_nobody_looks(imgsim, demo, monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    done = imgsim("find-dupes", demo[0], "--cache", "off")
    assert "\x1b" not in done.stdout + done.stderr
    assert "%|" not in done.stderr  # a bar of progress
    assert os.environ["NO_COLOR"]


@pytest.mark.skipif(sys.platform == "win32", reason="the longest name is another one")
def test_an_output_may_have_the_longest_name_but_no_empty_one(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 125 + ".json")
    write(["whole"], str(path))
    write_bytes(b"again", path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [(path.name, b"again")]
    with pytest.raises(UsageError, match="no file is named"):
        write(["lost"], "")


def test_a_number_that_is_none_is_told_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find-dupes", ".", "--max-pixels", "1e99"]) == 2
    assert "'1e99' is not a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "other"),
    [
        ("find-dupes", ("--profile", "p.toml")),
        ("find-dupes", ("--threshold", "0.5")),
        ("leaks", ("--min-similarity", "90")),
        ("compare", ("--profile", "p.toml")),
        ("review", ("--threshold", "0.5")),
    ],
)
def test_a_preset_beside_what_stands_in_its_place_is_refused(
    imgsim, demo: Path, command: str, other: tuple[str, str]
) -> None:
    paths = [demo] if command in ("find-dupes", "review") else [demo, demo]
    done = imgsim(command, *paths, "--preset", "strict", *other)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"both --preset and {other[0]} are given" in done.stderr
