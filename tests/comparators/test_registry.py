from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgsim.cli.main import main
from imgsim.comparators import listing, registry
from imgsim.comparators.hashes import DctHash
from imgsim.comparators.siamese import Siamese
from imgsim.comparators.ssim import Ssim
from imgsim.errors import ImgsimError, MethodUnavailable, UnknownMethod, UsageError
from imgsim.models.weights import WeightsUnusable
from imgsim.read.options import RunOptions
from imgsim.tasks.arguments import as_comparator
from imgsim.tasks.matches import matches
from imgsim.testing import check_import
from imgsim.testing.__main__ import run as kit

PLUGIN = """
from dataclasses import dataclass
from typing import ClassVar, Literal
from imgsim.comparators.hashes import GradientHash

@dataclass(frozen=True)
class Mine(GradientHash):
    name: ClassVar[str] = "mine"
    mode: Literal["plain", "a,b"] = "plain"
    flip: bool = False
    factor: float = 1.0
    label: str = ""
"""

BAD = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from imgsim.comparators.hashes import GradientHash
from imgsim.comparators.pixels import Cosine
from imgsim.plugin import Metric

class Nameless(GradientHash):
    name = "unsaid"

@dataclass(frozen=True)
class Silent(Cosine):
    name: ClassVar[str] = "silent"
    summary: ClassVar = None

@dataclass(frozen=True)
class Packed(Cosine):
    name: ClassVar[str] = "packed"
    metric: ClassVar[Metric] = Metric.HAMMING
    @property
    def extractor(self):
        return FloatRows(self.side, "rgb")

@dataclass(frozen=True)
class FloatRows(type(Cosine().extractor)):
    @property
    def dtype(self):
        return np.dtype(np.float32)

@dataclass(frozen=True)
class Short(Cosine):
    name: ClassVar[str] = "short"
    version: ClassVar[int] = 1
    @property
    def extractor(self):
        return ShortRows(self.side, "rgb")

@dataclass(frozen=True)
class ShortRows(type(Cosine().extractor)):
    def extract(self, images):
        return super().extract(images)[:, :-1]
"""

UNFROZEN = """
from dataclasses import dataclass
from imgsim.plugin import VectorComparator

@dataclass
class Loose(VectorComparator):
    name = "loose"
    summary = "its fields can be set"
"""

HOSTILE = {
    "exits": "import sys; sys.exit(3)",
    "ends": "import os; os._exit(7)",
    "prints": "print('{'); from imgsim_mine import Mine as Mine; Mine.name = 'prints'",
    "hangs": "import time; time.sleep(600)",
    "leaves": "from dataclasses import dataclass; from imgsim_mine import Mine as Base\n"
    "@dataclass(frozen=True)\nclass Mine(Base):\n    name = 'leaves'\n    code: int = -1\n"
    "    def __post_init__(self):\n        if self.code >= 0: raise SystemExit(self.code)",
    "quits": "from dataclasses import dataclass; from imgsim_mine import Mine as Base\n"
    "from imgsim.comparators.pixels import Cosine\nrows = type(Cosine().extractor)\n"
    "@dataclass(frozen=True)\nclass Rows(rows):\n"
    "    def extract(self, images):\n        raise SystemExit(0)\n"
    "@dataclass(frozen=True)\nclass Mine(Cosine):\n    name = 'quits'\n"
    "    extractor = property(lambda self: Rows(self.side, 'rgb'))",
}
HOSTILE["writes"] = (
    HOSTILE["quits"]
    .replace("quits", "writes")
    .replace("raise SystemExit(0)", "images[:] = 0; return super().extract(images)")
)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two installed packages: one with a comparator, one that does not import."""
    (tmp_path / "imgsim_mine.py").write_text(PLUGIN)
    (tmp_path / "imgsim_bad.py").write_text("import no_such_package\n")
    info = tmp_path / "imgsim_mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: imgsim-mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[imgsim.comparators]\nmine = imgsim_mine:Mine\nbad = imgsim_bad:Bad\n"
        "phash = imgsim_mine:Mine\nthing = imgsim_mine:PLUGIN_IS_NOT_HERE\n"
        "other = imgsim_mine:Mine\nsilent = imgsim_faults:Silent\nloose = imgsim_loose:Loose\n"
        "packed = imgsim_faults:Packed\nshort = imgsim_faults:Short\n"
        + "".join(f"{name} = imgsim_{name}:Mine\n" for name in HOSTILE)
    )
    (tmp_path / "imgsim_faults.py").write_text(BAD)
    (tmp_path / "imgsim_loose.py").write_text(UNFROZEN)
    for name, text in HOSTILE.items():
        (tmp_path / f"imgsim_{name}.py").write_text(text + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._entry_points.cache_clear()
    yield
    registry._entry_points.cache_clear()
    for name in [name for name in sys.modules if name.startswith("imgsim_")]:
        sys.modules.pop(name, None)


def test_fields_are_read_by_their_types() -> None:
    assert registry.parse("phash") == DctHash(size=8)
    assert registry.parse("phash:size=16") == DctHash(size=16)
    assert registry.parse("ssim:side=32, win_size=5") == Ssim(side=32, win_size=5)
    assert registry.parse("phash:size=16").spec == "phash:size=16"
    assert registry.parse("phash:size=8").spec == "phash"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("phsh", "unknown method: phsh", "did you mean phash"),
        ("nothing-like-it", "unknown method", "imgsim methods lists them"),
        ("phash:sise=3", "has no field 'sise'", "did you mean size?"),
        ("phash:size", "has no value", "size=VALUE"),
        ("phash:size=big", "no whole number", "give size a whole number"),
        ("phash:size=8,size=9", "given twice", ""),
        ("phash:size=8,", "stray comma", ""),
    ],
)
def test_mistakes_are_named_with_a_hint(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        registry.parse(text)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.usefixtures("plugin")
def test_a_third_party_comparator_is_found_and_configured() -> None:
    mine = registry.parse('mine:mode="a,b",flip=yes,factor=2.5,label="say ""so"", please",size=9')
    assert (mine.mode, mine.flip, mine.factor, mine.size) == ("a,b", True, 2.5, 9)
    assert mine.label == 'say "so", please'
    assert registry.parse(mine.spec) == mine
    with pytest.raises(UsageError, match="mode='c'"):
        registry.parse("mine:mode=c")


@pytest.mark.usefixtures("plugin")
def test_the_kit_outlives_a_method_that_ends_its_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert kit(["ends"]) == 1
    assert "importing it ends the process (exit code 7)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise KeyError('x')", "Rows.extract failed: KeyError: 'x'"),
        ("images[:] = 0", "not its own to write into"),
        ("print('hi')", "Rows.extract prints"),
    ],
)
def test_the_kit_says_in_a_line_how_extract_fails(
    body: str, said: str, plugin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = HOSTILE["quits"].replace("raise SystemExit(0)", body)
    (tmp_path / "imgsim_quits.py").write_text(f"{text}\n")
    assert kit(["quits"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("quits: ")
    assert said in line


@pytest.mark.usefixtures("plugin")
def test_what_is_wrong_with_one_is_listed_and_breaks_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    del registry._entry_points()["hangs"]
    by_name = {one.name: one for one in listing.listed()}
    causes = {
        "bad": "no_such_package",
        "thing": "PLUGIN_IS_NOT_HERE",
        "other": "calls itself mine",
        "silent": "has no summary",
        "loose": "is not frozen",
        "packed": "metric HAMMING, but rows of",
        "exits": "SystemExit: 3",
        "ends": "exit code 7",
    }
    for name, cause in causes.items():
        assert cause in by_name[name].cause
    assert (by_name["mine"].package, by_name["mine"].available) == ("imgsim-mine", True)
    assert by_name["prints"].available
    assert [name for name, one in by_name.items() if one.prints] == ["prints"]
    assert by_name["mine"].presets == by_name["dhash"].presets
    assert by_name["phash"].package == "imgsim"
    assert capfd.readouterr().out == ""
    assert not [name for name in sys.modules if name.startswith("imgsim_")]  # nothing was imported


@pytest.mark.usefixtures("plugin")
def test_one_that_hangs_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LIMIT_SECONDS", 1.0)
    assert "does not import within 1 s" in listing.described_elsewhere("hangs").cause
    with pytest.raises(MethodUnavailable, match="hangs: it does not import within 1 s"):
        as_comparator("hangs")
    with pytest.raises(AssertionError, match="within 1 s"):
        check_import("hangs")


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad", "no_such_package"),
        ("exits", "SystemExit"),
        ("loose", "is not frozen"),
        ("packed", "HAMMING, but rows of"),
    ],
)
def test_a_bad_one_that_is_named_is_refused(name: str, message: str) -> None:
    with pytest.raises(MethodUnavailable, match=message):
        registry.parse(name)


@pytest.mark.usefixtures("plugin")
def test_no_gate_passes_by_a_method_that_ends_the_program(demo, tmp_path: Path) -> None:
    """It ends with 0, as a gate that found nothing does."""
    command = [sys.executable, "-m", "imgsim", "find-dupes", str(demo[0]), "--check", "-m", "ends"]
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    (tmp_path / "imgsim_ends.py").write_text("import os; os._exit(0)")
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "imgsim: error: method ends: importing it ends the process (exit code 0)",
        "  hint: repair or remove the package that brings it (imgsim_ends:Mine)",
    ]


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("executor", ["processes", "threads"])
@pytest.mark.parametrize(
    ("method", "cause"),
    [
        ("leaves:code=0", "cannot be made: SystemExit: 0"),
        ("quits", "failed: SystemExit: 0"),
        ("writes", "failed: ValueError: assignment destination is read-only"),
    ],
)
def test_one_that_exits_or_writes_where_it_is_made_or_used_is_told(
    method: str, cause: str, executor: str, demo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["find-dupes", str(demo[0]), "--check", "-m", method, "--executor", executor]) == 2
    assert cause in capsys.readouterr().err


@pytest.mark.usefixtures("plugin")
def test_one_that_exits_while_pairs_are_compared_is_told(
    demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Ssim, "distance", lambda *rows: sys.exit(0))
    files = [str(file) for file in sorted(demo[0].rglob("*.jpg"))[:2]]
    assert main(["compare", *files, "-m", "ssim"]) == 2
    assert "a method ended the program (exit 0)" in capsys.readouterr().err


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("method", ["short", "quits"])
def test_rows_of_queries_are_checked_too(
    method: str, demo, capsys: pytest.CaptureFixture[str]
) -> None:
    query = str(min(demo[0].rglob("*.jpg")))
    for command in (["compare", query, query], ["search", query, "--in", query]):
        assert main([*command, "-m", method]) == 2
        assert "error: method" in capsys.readouterr().err


@pytest.mark.usefixtures("plugin")
def test_all_says_which_cannot_be_used(demo, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("hangs", "quits", "short", "writes"):
        del registry._entry_points()[name]
    pair = [str(file) for file in sorted(demo[0].rglob("*.jpg"))[:2]]
    assert main(["compare", *pair, "-m", "all"]) == 0
    said = capsys.readouterr().err
    assert "without ends: importing it ends the process (exit code 7)\n" in said
    assert "without loose: is not frozen" in said


@pytest.mark.usefixtures("plugin")
def test_only_names_of_others_are_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    real = listing.described_elsewhere
    monkeypatch.setattr(listing, "described_elsewhere", lambda n: tried.append(n) or real(n))
    for name in ("phash", "dhash:size=16", "mine:flip=yes", "mine"):
        listing.parse(name)
    assert tried == ["mine"]  # once: it is imported then


@pytest.mark.usefixtures("plugin")
def test_what_one_prints_is_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert registry.parse("prints").name == "prints"
    assert capsys.readouterr() == ("", "{\n")


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("executor", ["processes", "threads"])
def test_rows_that_are_not_as_declared_are_refused(executor, demo) -> None:
    folder, _ = demo
    with pytest.raises(
        ImgsimError, match=r"method .* gives an array of the shape .* not"
    ) as caught:
        matches(folder, "short", options=RunOptions(executor=executor, jobs=2))
    assert "\n" not in caught.value.message


@pytest.mark.usefixtures("plugin")
def test_nobody_replaces_a_built_in() -> None:
    assert registry.load("phash") is DctHash


def test_unknown_method_is_a_usage_error() -> None:
    assert issubclass(UnknownMethod, UsageError)


def test_a_built_in_method_says_itself_what_it_lacks() -> None:
    """It is no fault of the method that its weights are not there."""
    with pytest.raises(WeightsUnusable, match=r"^no siamese network at no\.pth"):
        as_comparator(Siamese("no.pth"))
