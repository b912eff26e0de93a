"""What is left, and which exit code there is, when the program is asked to end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import psutil
import pytest

from imgsim.cli.main import main
from imgsim.cli.make import read_list
from imgsim.cli.signals import Terminated, termination_raises

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these signals are POSIX's")

SLOW = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, under which the tests may run, ignores it
import imgsim.executors.processes as processes
from imgsim.cli.main import main

processes._PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1])\\n"
    "import time, imgsim.read.extract as extract\\n"
    "def wait(self, heartbeat):\\n"
    "    open(self.spool, 'ab').close()\\n"
    "    time.sleep(600)\\n"
    "extract.ExtractBatch.run = wait\\n"
    "from imgsim.executors.worker import main; main(int(sys.argv[2]), sys.argv[3])"
)
sys.exit(main(sys.argv[1:]))
"""
"""The program, with a decoder that hangs once its spool is there."""


def _start(pictures: Path, tmp_path: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """Start a run; return it and its workers when one of them decodes."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "find-dupes", str(pictures), "--cache", str(tmp_path / "c")],
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list((tmp_path / "tmp").glob("imgsim-spool-*/0")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process, psutil.Process(process.pid).children(recursive=True)


def _gone(workers: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(workers, timeout=20)
    return all(one.status() == psutil.STATUS_ZOMBIE for one in alive)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_spool_and_workers_are_gone_after_a_signal(
    number: signal.Signals, code: int, demo, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    process, workers = _start(demo[0], tmp_path)
    assert workers
    process.send_signal(number)
    process.send_signal(number)  # as timeout(1) does
    _, error = process.communicate()
    assert process.returncode == code
    assert error == "imgsim: terminated; the next run goes on from here\n"
    assert _gone(workers)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_ctrl_c_while_the_program_is_loaded_ends_it_quietly() -> None:
    loading = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'click':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from imgsim.__main__ import run\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", loading], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Terminated(signal.SIGTERM)])
def test_without_a_cache_no_run_goes_on(
    error: BaseException, demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("imgsim.tasks.find_duplicates.find_duplicates", end)
    discarded = []
    monkeypatch.setattr("imgsim.cli.main.discard_output", lambda: discarded.append(True))
    said = []
    for more in (["--cache", "off"], []):
        assert main(["find-dupes", str(demo[0]), *more]) in (130, 143)
        said.append(capsys.readouterr().err.partition("; ")[2])
    assert said == ["", "the next run goes on from here\n"]


def test_decoders_in_threads_write_nothing_to_the_standard_error(tmp_path: Path, photo) -> None:
    photo(1).save(tmp_path / "a.tif", compression="tiff_lzw")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[2000:3000] = bytes(1000)  # libtiff says so by itself
    (tmp_path / "a.tif").write_bytes(bytes(data))
    command = [sys.executable, "-m", "imgsim", "find-dupes", str(tmp_path), "--executor", "threads"]
    quiet, told = (
        subprocess.run([*command, *more], capture_output=True, check=True, text=True).stderr
        for more in (["-q"], [])
    )
    assert quiet == ""
    assert "1 file" in told
    assert "LZW" not in told.replace("TIFF", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_what_happens_to_the_standard_error_changes_no_exit_code(demo, tmp_path: Path) -> None:
    closed, write = os.pipe()
    os.close(closed)
    with open("/dev/full", "wb") as full:
        for arguments, code in (
            ([str(demo[0]), "-m", "phash"], 0),
            ([str(demo[0]), "-m", "phash", "--check"], 1),
            ([str(tmp_path / "nope")], 2),
            (["--nope"], 2),
        ):
            for stream in (full, write):
                done = subprocess.run(
                    [sys.executable, "-m", "imgsim", "find-dupes", *arguments, "-v"],
                    stdout=subprocess.DEVNULL, stderr=stream, check=False,
                )  # fmt: skip
                assert done.returncode == code, arguments
    os.close(write)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize("arguments", ["--help", "plan --help", "--version", "methods -f json"])
def test_a_full_standard_output_is_told(arguments: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "imgsim", *arguments.split()],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "cannot write standard output: No space left" in done.stderr
    assert "another file" not in done.stderr


@pytest.mark.parametrize("limit", ["-n 12", "-f 0"])
def test_limits_of_the_system_are_told_with_what_raises_them(limit: str, demo) -> None:
    command = f"ulimit {limit}; {sys.executable} -m imgsim find-dupes --cache off -j 2"
    done = subprocess.run(
        ["sh", "-c", f'{command} "$1"', "sh", demo[0]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"ulimit {limit[:2]}" in done.stderr
    assert "report it" not in done.stderr


@pytest.mark.parametrize(
    ("kilobytes", "told", "code"),
    [(300_000, "too little to read pictures", 2), (1_000_000, "large pictures are skipped", 0)],
)
def test_a_limit_of_the_shell_is_told_once(kilobytes: int, told: str, code: int, demo) -> None:
    command = f"ulimit -v {kilobytes} && {sys.executable} -m imgsim find-dupes --executor threads"
    done = subprocess.run(
        ["sh", "-c", f'{command} "$1"', "sh", demo[0]], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert done.stderr.count("(ulimit -v)") == done.stderr.count(told) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits of addresses are Linux's")
@pytest.mark.parametrize(
    ("kilobytes", "executor", "told"),
    [(500_000, "processes", "not be compared"), (700_000, "threads", "too little for 2 threads")],
)
def test_no_pair_is_lost_to_a_limit_of_addresses(
    kilobytes: int, executor: str, told: str, demo
) -> None:
    """Workers crashed, and a gate passed as if what they compared did not match."""
    command = f"ulimit -c 0; ulimit -v {kilobytes} && {sys.executable} -m imgsim find-dupes -j 2"
    done = subprocess.run(
        ["sh", "-c", f'{command} --check --executor {executor} --cache off "$1"', "sh", demo[0]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("hint:") == 1


def test_the_next_run_removes_what_kill_9_left(demo, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    process, workers = _start(demo[0], tmp_path)
    process.kill()
    process.communicate()
    assert _gone(workers)
    assert list((tmp_path / "tmp").iterdir()) != []
    subprocess.run(
        [sys.executable, "-m", "imgsim", "find-dupes", str(demo[0]), "--method", "phash", "-q"],
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp"), "IMGSIM_CACHE": "off"},
        stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with termination_raises():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_raises_once() -> None:
    def clear_up() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)

    with termination_raises(), pytest.raises(Terminated) as raised:
        clear_up()
    assert raised.value.exit_code == 143


def test_another_ctrl_c_does_not_end_the_clearing_up() -> None:
    cleared = False
    with termination_raises():
        try:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            cleared = True
    assert cleared
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_in_a_finalizer_is_not_lost() -> None:
    class Held:
        pass

    held = Held()
    weakref.finalize(held, signal.raise_signal, signal.SIGINT)
    interrupted = False
    with termination_raises():
        try:
            del held  # raised in it, Python would print it, and go on
            time.sleep(10)
        except KeyboardInterrupt:
            interrupted = True
    assert interrupted


def test_in_another_thread_nothing_is_changed() -> None:
    handlers = []

    def run() -> None:
        with termination_raises():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.SIG_DFL]


def test_a_umask_without_rights_of_the_owner_keeps_nobody_from_the_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    def run(*_: object) -> int:
        (tmp_path / "made").mkdir()
        modes.append((tmp_path / "made").stat().st_mode & 0o777)
        return 0

    monkeypatch.setattr("imgsim.cli.main._run", run)
    before = os.umask(0o277)
    try:
        assert main([]) == 0
        assert os.umask(0o277) == 0o277
    finally:
        os.umask(before)
    assert modes == [0o700 | 0o777 & ~0o277]


def test_a_second_ctrl_c_while_the_program_ends_is_quiet() -> None:
    ending = (
        "import atexit, os, signal\n"
        "import imgsim.cli.main\n"
        "from imgsim.__main__ import run\n"
        "imgsim.cli.main.main = lambda arguments: 130\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", ending], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize(
    "arguments", [("known", "--stdin", "--in", "."), ("find-dupes", "--files-from", "-"),
                  ("apply", "-")],
)  # fmt: skip
def test_a_closed_standard_input_is_told(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(list(arguments)) == 2
    assert "standard input is closed" in capsys.readouterr().err


def test_standard_input_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.jpg\n")))
    assert read_list("-", null=False) == ("a.jpg",)
    assert not sys.stdin.closed
