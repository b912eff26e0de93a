"""Hashes near in one of eight orientations: in C and by an engine the same."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.comparators.local import ORIENTATIONS, negative, turned
from imgsim.propose import hashes
from imgsim.propose.reasons import NEGATIVE

needs_c = pytest.mark.skipif(
    hashes._hashes is None, reason="the parts in C are not compiled: there was no C compiler"
)
EACH = 40


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Hashes of chance; the same in each orientation and negative, with some bits flipped."""
    rng = np.random.default_rng(0)
    own = rng.integers(0, 256, (EACH, 32), np.uint8)
    own[:, 0] &= 127
    flipped = np.packbits(rng.random((9, EACH, 256)) < 0.17, axis=2)
    flipped[:, :, 0] &= 127
    changed = [turned(own ^ flipped[i], how) for i, how in enumerate(ORIENTATIONS)]
    return np.concatenate([own, *changed, negative(own ^ flipped[8])])


def _found(rows: np.ndarray, start: int = 0) -> dict[tuple[int, int], int]:
    columns = hashes.TurnedHashes(rows, 2).before(start, len(rows))
    later, earlier, how = (column.tolist() for column in columns)
    pairs = list(zip(earlier, later, strict=True))
    assert [(b, a) for a, b in pairs] == sorted({(b, a) for a, b in pairs})
    return dict(zip(pairs, how, strict=True))


@needs_c
@pytest.mark.parametrize("limit", ["_AT_ONCE", "_FEW"])
def test_c_and_the_engine_find_the_same(
    rows: np.ndarray, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = _found(rows)
    monkeypatch.setattr(hashes, limit, 3)
    assert _found(rows) == compiled
    monkeypatch.setattr(hashes, "_hashes", None)
    assert _found(rows) == compiled
    reasons = {1 << i for i in range(len(ORIENTATIONS))} | {NEGATIVE}
    assert set(compiled.values()) >= reasons
    assert all(left < right for left, right in compiled)
    assert _found(rows, 200) == {p: how for p, how in compiled.items() if p[1] >= 200}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("bits", [hashes.HASH_RADIUS, hashes.HASH_RADIUS + 1])
@pytest.mark.parametrize("number", range(9))
def test_a_hash_is_near_up_to_the_radius(
    compiled: bool, bits: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(hashes, "_hashes", None)
    rng = np.random.default_rng(number)
    own = rng.integers(0, 256, (1, 32), np.uint8)
    own[:, 0] &= 127
    other = np.unpackbits(own, axis=1)
    other[0, rng.permutation(255)[:bits] + 1] ^= 1
    other = np.packbits(other, axis=1)
    other = negative(other) if number == 8 else turned(other, ORIENTATIONS[number])
    assert bool(_found(np.concatenate([own, other]))) == (bits == hashes.HASH_RADIUS)


@pytest.mark.parametrize("n", [0, 1])
def test_no_hash_and_one(n: int) -> None:
    assert _found(np.zeros((n, 32), np.uint8)) == {}


@needs_c
@pytest.mark.parametrize(
    ("numbers", "n", "room"), [((0, 3, 48), 2, 9), ((-1, 2, 48), 2, 9), ((0, 2, 48), 2, 1)]
)
def test_c_refuses_what_does_not_fit(numbers: tuple[int, int, int], n: int, room: int) -> None:
    parts = np.zeros((n, 4), np.uint64)
    with pytest.raises(ValueError, match="out of range"):
        hashes._hashes.search(
            *numbers, parts, parts, np.zeros(room, np.uint64), np.zeros(room, np.uint16)
        )
