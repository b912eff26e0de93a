"""Every registered comparator holds what `imgsim.testing` checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from imgsim.comparators import registry
from imgsim.comparators.base import Scale, VectorComparator
from imgsim.comparators.contract import class_fault, rows_fault
from imgsim.comparators.hashes import GradientHash
from imgsim.testing import check_comparator, check_golden, write_golden
from imgsim.testing.__main__ import run

NETWORKS = ("autoencoder", "efficientnet", "siamese")
CLASSICAL = [name for name in registry.names() if not name.startswith(NETWORKS)]


@pytest.mark.parametrize("spec", [*CLASSICAL, "phash:size=16", "ssim:side=32,win_size=5"])
def test_comparators_hold_the_contract(spec: str) -> None:
    check_comparator(registry.parse(spec))


@pytest.mark.parametrize("name", [n for n in CLASSICAL if registry.parse(n).ranks])
def test_a_looser_preset_expects_more_false_pairs(name: str) -> None:
    comparator = registry.parse(name)
    rates = [
        comparator.false_pair_rate(comparator.preset_distance(p))
        for p in ("strict", "normal", "loose")
    ]
    assert rates == sorted(rates)
    assert 0 <= rates[0] <= rates[2] <= 1


@dataclass(frozen=True)
class _Sound(GradientHash):
    name: ClassVar[str] = "sound"


def _made(**attributes: object):
    """A comparator with something wrong."""
    made = dataclass(frozen=True)(type("Made", (_Sound,), {"__module__": __name__, **attributes}))
    globals()["Made"] = made  # where pickle looks for it
    return made()


def _forgetful(self, images: np.ndarray) -> np.ndarray:
    return GradientHash.hash_bits(self, images) ^ (len(images) == 1)


def _careless(self, images: np.ndarray) -> np.ndarray:
    return GradientHash.extract(self, images)[:, :-1]


class _Tolerant(_Sound):
    """Its fields can be set."""

    __hash__ = None


@pytest.mark.parametrize(
    ("comparator", "message"),
    [
        (lambda: _made(hash_bits=_forgetful), "depends on its batch"),
        (lambda: _made(extract=_careless), "shape"),
        (lambda: _made(thresholds={64: (9, 5, 1)}), "widen"),
        (lambda: _made(summary=""), "has no summary"),
        (lambda: _made(name="a b"), "has no name"),
        (lambda: _made(name="all"), "stands for every method"),
        (lambda: _made(version="1"), "has no version"),
        (lambda: _Tolerant(), "cannot be hashed"),
        (lambda: _made(dtype=np.dtype(np.float32)), "HAMMING, but rows of float32"),
        (lambda: _made(shape=(0,)), "whole numbers above 0"),
        (lambda: _made(scale=Scale("bits", "lower", 20.0)), "worst of its scale is 20"),
        (lambda: _made(wants=None), "which image it wants"),
    ],
)
def test_the_kit_finds_what_is_wrong(comparator, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_comparator(comparator(), registered=False)


def test_the_kit_passes_what_is_sound() -> None:
    check_comparator(_made(), registered=False)


@dataclass
class _Loose(VectorComparator):
    """Not frozen, and with the rest of it missing."""

    name: ClassVar[str] = "loose"


@dataclass(frozen=True)
class _Listing(_Sound):
    """A field that no text can set."""

    parts: tuple[int, ...] = (1, 2)


@pytest.mark.parametrize(
    ("cls", "message"),
    [(_Loose, "is not frozen"), (_Listing, "cannot set: parts"), (int, "is no Comparator")],
)
def test_classes_are_checked_when_they_are_loaded(cls: type, message: str) -> None:
    assert message in class_fault(cls)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_no_numbers_are_named(value: float) -> None:
    extractor = _made(dtype=np.dtype(np.float32), shape=(3,)).extractor
    images = np.zeros((2, 32, 32, 3), np.uint8)
    rows = np.zeros((2, *extractor.shape), extractor.dtype)
    assert rows_fault(extractor, rows, images) == ""
    rows[1, -1] = value
    assert "no number or infinite" in rows_fault(extractor, rows, images)


def test_rows_that_changed_without_a_version_are_found(tmp_path: Path) -> None:
    golden = tmp_path / "golden.json"
    before = _made()
    changed = {"hash_bits": lambda self, images: ~GradientHash.hash_bits(self, images)}
    with pytest.raises(AssertionError, match=r"no golden rows.*--update-golden"):
        check_golden(before, golden)
    assert not golden.exists()
    write_golden(before, golden)
    written = golden.read_bytes()
    check_comparator(before, registered=False, golden=golden)
    with pytest.raises(AssertionError, match="version is still 1: raise it"):
        check_golden(_made(**changed), golden)
    with pytest.raises(AssertionError, match="version is still 1"):
        write_golden(_made(**changed), golden)
    after = _made(**changed, version=2)
    with pytest.raises(AssertionError, match=r"version 2 has other .*--update-golden"):
        check_golden(after, golden)
    assert golden.read_bytes() == written
    write_golden(after, golden)
    check_golden(after, golden)


@pytest.mark.parametrize("name", ["phash", "cosine", "ssim", "colorhash"])
def test_golden_rows_of_built_in_methods_are_those_of_their_version(name: str) -> None:
    check_golden(registry.parse(name), Path(__file__).parent / "golden.json")


def test_the_kit_runs_from_a_terminal(tmp_path: Path, capsys) -> None:
    golden = str(tmp_path / "golden.json")
    assert run(["dhash", "--golden", golden]) == 1
    assert "--update-golden" in capsys.readouterr().err
    assert run(["dhash", "phash", "--golden", golden, "--update-golden"]) == 0
    assert run(["dhash", "--golden", golden]) == 0
    assert run(["nothing"]) == 2
