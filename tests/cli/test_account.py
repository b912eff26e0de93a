"""Work that was done is summed up, with its exit code, wherever standard output leads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgsim.cli.main import main

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")


@pytest.fixture
def plan(tmp_path: Path, photo) -> Path:
    folder = tmp_path / "photos"
    (folder / "copies").mkdir(parents=True)
    photo(1).save(folder / "one.png")
    for seed in (2, 3, 4):
        photo(seed).save(folder / "copies" / f"{seed}.png")
    for name in ("a.png", "read-only.png"):
        (folder / "copies" / name).write_bytes((folder / "one.png").read_bytes())
    file = tmp_path / "plan.json"
    assert main(["find-dupes", str(folder), "--executor", "threads", "--plan", str(file)]) == 0
    return file


def _shell(words: str) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m imgsim"
    return subprocess.run(
        ["sh", "-c", words.replace("imgsim", program, 1)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip


OUTPUTS = {
    "closed": (">&-", "it is closed"),
    "both closed": ("0<&- >&-", "it is closed"),
    "full": (">/dev/full", "No space left on device"),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_exit_code_is_that_of_the_work(output: str, plan: Path) -> None:
    if output == "full" and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    where, why = OUTPUTS[output]
    done = _shell(f"imgsim apply {plan} --yes --executor threads {where}")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1].startswith("moved 2 files")
    assert f"standard output: {why}" in done.stderr
    (trash,) = (plan.parent / "photos/.imgsim-trash").iterdir()
    (trash / "copies/a.png").unlink()
    undone = _shell(f"imgsim undo last {where}")
    assert undone.returncode == 3
    assert "restored 1 file" in undone.stderr
    assert "1 not restored" in undone.stderr


def test_a_list_needs_an_output(plan: Path) -> None:
    done = _shell(f"imgsim apply {plan} --print0 --executor threads >&-")
    assert done.returncode == 2
    assert done.stderr.startswith("imgsim: error: standard output is closed")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_list_that_cannot_be_written_is_said_in_one_line(plan: Path) -> None:
    done = _shell(f"imgsim apply {plan} --print0 -q --executor threads >/dev/full")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "imgsim: error: cannot write standard output: No space left on device",
        "  hint: the list is not complete",
    ]


def test_a_reader_that_has_gone_changes_nothing(plan: Path) -> None:
    copy = plan.parent / "photos/copies/read-only.png"
    copy.chmod(0o444)
    words = f"{{ imgsim apply {plan} --yes --executor threads; echo code $? >&2; }} | head -0"
    done = _shell(words)
    assert done.stderr.splitlines()[-1] == "code 3"
    assert "moved 1 file" in done.stderr
    assert "skipped 1 (1 read-only)" in done.stderr
    assert "Exception" not in done.stderr
    (plan.parent / "photos/one.png").unlink()
    purged = _shell("{ sleep 1; imgsim purge last --yes; echo code $? >&2; } | head -0")
    assert purged.stderr.splitlines()[-1] == "code 3"
    assert "deleted 0 files" in purged.stderr


def test_what_is_left_to_be_written_is_dropped() -> None:
    program = (
        "import sys\n"
        "from imgsim.cli.output import write_account\n"
        "print(write_account(['x' * 100_000] * 9), file=sys.stderr)\n"
        "sys.stdout.write('more')\n"
    )
    done = subprocess.run(
        ["sh", "-c", f'{{ sleep 1; {sys.executable} -c "$1"; echo $? >&2; }} | head -0', "sh",
         program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == "Broken pipe\n0\n"


def test_no_file_is_opened_as_standard_error(plan: Path) -> None:
    """Else what C libraries write there would get into it."""
    program = (
        "import os, sys\n"
        "from imgsim.cli.main import main\n"
        "main(['--version'])\n"
        "print(os.open(os.devnull, os.O_RDONLY) > 2, file=open(sys.argv[1], 'w'))\n"
    )
    answer = plan.parent / "answer"
    subprocess.run(
        ["sh", "-c", f'exec {sys.executable} -c "$1" "$2" 0<&- >&- 2>&-', "sh", program, answer],
        check=False,
    )
    assert answer.read_text() == "True\n"
