"""Repeats a page of `docs/tutorials`: runs what it shows, and compares what it says comes out.

A page is run from its top to its end in an empty folder:

- each command of a ``sh`` block, which must be one of imgsim's;
- each ``python`` block, as a script;
- a ``text`` block is what the block before it printed. A line ``...`` stands for any lines left
  out, spaces are not compared, whole numbers are equal, others as near as their last digit says;
- each picture ``![...](NAME/stem.webp)`` is what a command wrote as ``stem.png``: what lies in a
  folder, ``run/pairs.png``, is called ``run-pairs``;
- a number of two digits, with a decimal point or in percent, that stands in the text, stands in a
  block too, or in ``NAME/figures.json``.

A comment in the line before a block changes that: ``<!-- repeat: exit=1 -->``, with

- ``exit=N``: the exit code of its last command;
- ``needs=torch,weights``: a package, or real weights of EfficientNet; skipped without;
- ``shown``: is not run (an installation, a server);
- ``within=0.05``: by how much numbers of a text block, or the pictures below it (a share of black
  to white, 0.04 otherwise), may differ;
- ``ignore=2``: the second number of every line, a time, is not compared.

``NAME/figures.json`` has ``{"figures": {"what": {"shown": "0.62", "value": 0.6213, "within":
0.01}}, "constants": ["255"]}``: a value that the test of the page works out again, and may differ
by ``within``, and numbers that are no result.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsim.cli.main import main

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
WEIGHTS = ROOT.parent / "shared" / "data" / "weights" / "efficientnet-b0.pth"
SERVER = "http://127.0.0.1:8000/"
"""Where a page has its reader serve the folder (``python -m http.server``); a test serves it at
another port."""

_MARK = re.compile(r"<!-- repeat: (.*?) -->\s*\Z")
_FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
_NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_SIDE, _PICTURE_WITHIN, _WIDEST = 32, 0.04, 2000

Figures = Callable[[Path], dict[str, float]]
"""Works out the figures of a page, by what they are, in the folder in which it was repeated."""


@dataclass(frozen=True)
class Block:
    """A fenced block, or the pictures of a paragraph (``language`` is ``picture``)."""

    language: str
    text: str
    marks: dict[str, str]

    @property
    def commands(self) -> list[str]:
        lines = self.text.replace("\\\n", " ").splitlines()
        return [bare for line in lines if (bare := re.split(r"(?:^|\s)#\s", line)[0].strip())]

    @property
    def missing(self) -> list[str]:
        """What it needs and is not here."""
        needs = self.marks.get("needs", "").split(",")
        return [need for need in needs if need and not _is_here(need)]


@dataclass
class Repeated:
    """What came of a page.

    Attributes
    ----------
    wrong : list of str
        Where the page says something else than what came out.
    skipped : list of str
        Steps that were not run, and what they need.
    """

    wrong: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks and pictures of a page in order."""
    end = 0
    for fence in (*_FENCE.finditer(text), None):
        between = text[end : fence.start() if fence else len(text)]
        for picture in _PICTURE.finditer(between):
            yield Block("picture", picture[1], _marks(between[: picture.start()]))
        if fence:
            yield Block(fence[1], fence[2], _marks(between))
            end = fence.end()


def _marks(before: str) -> dict[str, str]:
    found = _MARK.search(before)
    return dict(mark.partition("=")[::2] for mark in found[1].split()) if found else {}


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a folder at a free port of this machine; yield its address."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None: ...


def _is_here(need: str) -> bool:
    if need == "weights":
        return WEIGHTS.exists()
    return importlib.util.find_spec(need) is not None


def repeat(name: str, folder: Path) -> Repeated:
    """Run the page ``name`` in an empty folder, in which one stands, with that folder served."""
    page = (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")
    with _served(folder) as address:
        return _repeat(name, page, folder, address)


def _repeat(name: str, page: str, folder: Path, address: str) -> Repeated:
    done, printed = Repeated(), ("", "")
    skipped = False
    for block in blocks(page):
        if block.language in ("text", "picture"):
            if not skipped and "shown" not in block.marks:
                check = _text_differs if block.language == "text" else _picture_differs
                done.wrong += check(block, printed, folder)
            continue
        skipped = bool(block.missing)
        if skipped:
            done.skipped.append(f"{block.commands[0]} (needs {', '.join(block.missing)})")
        elif "shown" not in block.marks:
            run = {"sh": _run_commands, "python": _run_script}[block.language]
            with _weights_for(block):
                texts = run(block, address)
            printed = (texts[0].replace(address, SERVER), texts[1].replace(address, SERVER))
    done.wrong += _unknown_numbers(page, _committed(name))
    return done


@contextlib.contextmanager
def _weights_for(block: Block) -> Iterator[None]:
    if "weights" in block.marks.get("needs", ""):
        os.environ["IMGSIM_WEIGHTS"] = str(WEIGHTS)
    try:
        yield
    finally:
        os.environ.pop("IMGSIM_WEIGHTS", None)


def _run_commands(block: Block, address: str) -> tuple[str, str]:
    printed, said = "", ""
    expected = int(block.marks.get("exit", 0))
    for number, command in enumerate(block.commands, 1):
        program, *words = shlex.split(command.replace(SERVER, address))
        assert program == "imgsim", f"not a command of imgsim: {command}"
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
        texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
        assert code == (expected if number == len(block.commands) else 0), f"{command}\n{texts[1]}"
        printed, said = printed + texts[0], said + texts[1]
    return printed, said


def _run_script(block: Block, address: str) -> tuple[str, str]:
    Path("step.py").write_text(block.text.replace(SERVER, address), encoding="utf-8")
    command = [sys.executable, "-W", "error", "step.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), f"{block.text}\n{done.stderr}"
    return done.stdout, ""


def _text_differs(block: Block, printed: tuple[str, str], folder: Path) -> list[str]:
    """Tell which parts of a block, between lines ``...``, were not printed."""
    there = [[line.split() for line in text.splitlines() if line.strip()] for text in printed]
    wrong = []
    for part in re.split(r"^\s*\.\.\.\s*$", block.text, flags=re.MULTILINE):
        lines = [line.split() for line in part.splitlines() if line.strip()]
        starts = [(text, i) for text in there for i in range(len(text) - len(lines) + 1)]
        if not any(
            all(_alike(a, b, block.marks) for a, b in zip(lines, text[i:], strict=False))
            for text, i in starts
        ):
            wrong.append(f"was not printed:\n{part}\nbut:\n{''.join(printed)}")
    return wrong


def _alike(shown: list[str], printed: list[str], marks: dict[str, str]) -> bool:
    """Tell whether a line of a page is a printed one, by its words."""
    left, right = (" ".join(line) for line in (shown, printed))
    if _NUMBER.sub("#", left) != _NUMBER.sub("#", right):
        return False
    ignored = {int(i) for i in marks.get("ignore", "").split(",") if i}
    pairs = zip(_NUMBER.findall(left), _NUMBER.findall(right), strict=True)
    return all(
        i in ignored or _near(a, b, float(marks.get("within", 0)))
        for i, (a, b) in enumerate(pairs, 1)
    )


def _near(shown: str, printed: str, within: float) -> bool:
    one, other = (float(text.replace(",", "")) for text in (shown, printed))
    digits = len(shown.partition(".")[2])
    last = 10**-digits if digits else 0
    return abs(one - other) <= max(1.001 * last, within * abs(one))


def drawn(folder: Path) -> dict[str, Path]:
    """Return the pictures that were written, by the name that a page gives them."""
    return {
        "-".join(path.relative_to(folder).with_suffix("").parts).replace(" ", "-"): path
        for path in folder.rglob("*.png")
    }


def _picture_differs(block: Block, printed: tuple[str, str], folder: Path) -> list[str]:
    committed = TUTORIALS / block.text
    made = drawn(folder).get(committed.stem)
    if made is None:
        return [f"no command wrote the picture {block.text}"]
    if not committed.is_file():
        return [f"is not committed: {block.text}"]
    away = float(np.abs(_small(committed) - _small(made)).mean())
    allowed = float(block.marks.get("within", _PICTURE_WITHIN))
    return [f"{block.text} differs by {away:.3f} from what is drawn"] if away > allowed else []


def _small(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((_SIDE, _SIDE)), float) / 255


def _committed(name: str) -> dict:
    path = TUTORIALS / name / "figures.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _unknown_numbers(page: str, committed: dict) -> list[str]:
    """Tell which numbers in the text stand nowhere else."""
    fenced = [found[2] for found in _FENCE.finditer(page)]
    known = {number for text in fenced for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}
    known |= {figure["shown"] for figure in committed.get("figures", {}).values()}
    known |= set(committed.get("constants", ()))
    prose = _FENCE.sub("", page)
    prose = re.sub(r"<!--.*?-->|`[^`]*`|\]\([^)]*\)|^#[^\n]*$", "", prose, flags=re.S | re.M)
    said = re.findall(r"(?<![\w.-])\d[\d,]*\.\d+|\d+(?= ?%)|(?<![\w.-])\d[\d,]*\d(?![\w.])", prose)
    return [f"stands in the text only: {number}" for number in said if number not in known]


def check(name: str, folder: Path, measure: Figures | None = None) -> None:
    """Repeat a page and fail where it is not true; skip, with the reason, what was not repeated."""
    with contextlib.chdir(folder), _as_a_reader():
        done = repeat(name, folder)
        found = measure(folder) if measure and not done.skipped else {}
    figures = _committed(name).get("figures", {})
    if not done.skipped:
        assert set(found) == set(figures)
    for what, value in found.items():
        one = figures[what]
        if abs(value - one["value"]) > one["within"] or not _shows(one["shown"], one["value"]):
            done.wrong.append(f"{what}: {value:.6g}, in figures.json {one}")
    assert done.wrong == [], "\n\n".join(done.wrong)
    if done.skipped:
        pytest.skip(f"{len(done.skipped)} steps of {name} not repeated: " + "; ".join(done.skipped))


def _shows(shown: str, value: float) -> bool:
    number = float(shown.replace(",", ""))
    digits = len(shown.partition(".")[2])
    return min(abs(number - value), abs(number - 100 * value)) <= 0.51 * 10**-digits


@contextlib.contextmanager
def _as_a_reader() -> Iterator[None]:
    """A terminal of a usual width."""
    before = dict(os.environ)
    os.environ["COLUMNS"] = "80"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def update(name: str, folder: Path, measure: Figures | None) -> None:
    """Repeat a page, commit what it draws and works out, and print what it says wrongly."""
    with contextlib.chdir(folder), _as_a_reader(), warnings.catch_warnings():
        done = repeat(name, folder)
        found = measure(folder) if measure else {}
    made = drawn(folder)
    page = (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")
    for block in blocks(page):
        if block.language == "picture" and Path(block.text).stem in made:
            target = TUTORIALS / block.text
            target.parent.mkdir(exist_ok=True)
            with Image.open(made[target.stem]) as image:
                picture = image.convert("RGB")
            picture.thumbnail((_WIDEST, 10 * _WIDEST), Image.Resampling.LANCZOS)
            picture.save(target, quality=85, method=6)
    if found:
        document = _committed(name) or {"figures": {}, "constants": []}
        for what, value in found.items():
            one = document["figures"].setdefault(what, {"shown": f"{value:.2f}", "within": 0.01})
            one["value"] = round(value, 6)
        path = TUTORIALS / name / "figures.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for text in (*done.wrong, *done.skipped):
        print(text, end="\n\n")
