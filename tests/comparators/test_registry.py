from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imgsim.comparators import registry
from imgsim.comparators.hashes import DctHash
from imgsim.comparators.ssim import Ssim
from imgsim.errors import MethodUnavailable, UnknownMethod, UsageError

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
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry._entry_points.cache_clear()
    yield
    registry._entry_points.cache_clear()
    for name in ("imgsim_mine", "imgsim_bad"):
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
def test_a_broken_one_is_listed_and_breaks_nothing() -> None:
    by_name = {one.name: one for one in registry.registered()}
    assert by_name["bad"].comparator is None
    assert "no_such_package" in by_name["bad"].cause
    assert by_name["thing"].comparator is None
    assert by_name["mine"].package == "imgsim-mine"
    with pytest.raises(MethodUnavailable, match="no_such_package"):
        registry.parse("bad")


@pytest.mark.usefixtures("plugin")
def test_nobody_replaces_a_built_in() -> None:
    assert registry.load("phash") is DctHash


def test_unknown_method_is_a_usage_error() -> None:
    assert issubclass(UnknownMethod, UsageError)
