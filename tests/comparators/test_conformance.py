"""Every registered comparator holds what `imgsim.testing` checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from imgsim.comparators import registry
from imgsim.comparators.hashes import GradientHash
from imgsim.testing import check_comparator

CLASSICAL = [name for name in registry.names() if not name.startswith("efficientnet")]


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
class _Forgetful(GradientHash):
    """Its rows depend on the batch."""

    name: ClassVar[str] = "forgetful"

    def hash_bits(self, images: np.ndarray) -> np.ndarray:
        return super().hash_bits(images) ^ (len(images) == 1)


@dataclass(frozen=True)
class _Careless(GradientHash):
    """It declares another shape than it gives."""

    name: ClassVar[str] = "careless"

    def extract(self, images: np.ndarray) -> np.ndarray:
        return super().extract(images)[:, :-1]


@dataclass(frozen=True)
class _Narrowing(GradientHash):
    """Its loose preset is stricter than its strict one."""

    name: ClassVar[str] = "narrowing"
    thresholds: ClassVar = {64: (9, 5, 1)}


@pytest.mark.parametrize(
    ("comparator", "message"),
    [(_Forgetful(), "depends on its batch"), (_Careless(), "shape"), (_Narrowing(), "widen")],
)
def test_the_kit_finds_what_is_wrong(comparator, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_comparator(comparator, registered=False)
