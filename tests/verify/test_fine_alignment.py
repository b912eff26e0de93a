"""The correction of an alignment: in C and in NumPy the same."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.verify import fine_alignment
from imgsim.verify.fine_alignment import _in_c, _in_parts, _solve_robustly

needs_c = pytest.mark.skipif(
    fine_alignment._equations is None,
    reason="the parts in C are not compiled: there was no C compiler",
)
MOVED = np.array([0.3, 0.01, -0.02, -0.2, 0.02, 0.0, 0.01, -0.01])


def equations(n: int) -> np.ndarray:
    """Of a picture that is moved, in which one pixel in five shows something else."""
    rng = np.random.default_rng(n)
    gx, gy = rng.normal(0, 8, (2, n))
    u, v = rng.uniform(-1, 1, (2, n))
    along = gx * u + gy * v
    factors = np.array([gx, gx * u, gx * v, gy, gy * u, gy * v, along * u, along * v])
    error = MOVED @ factors + rng.normal(0, 0.1, n)
    error[::5] += 40
    return np.array([gx, gy, u, v, error])


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_c), False])
def test_what_differs_hardly_moves_the_solution(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(fine_alignment, "_equations", None)
    np.testing.assert_allclose(_solve_robustly(equations(5000)), MOVED, atol=0.02)


@needs_c
@pytest.mark.parametrize("n", [1, 127, 128, 129, 513, 3000])
def test_c_and_numpy_sum_the_same(n: int) -> None:
    given = equations(n)
    for solution in (None, np.zeros(8), MOVED):
        sums = _in_c(given)(solution)
        np.testing.assert_allclose(sums, _in_parts(given)(solution), rtol=1e-9, atol=1e-7)
        np.testing.assert_array_equal(sums[:, :8], sums[:, :8].T)


@needs_c
@pytest.mark.parametrize(
    ("given", "rest", "sums", "error", "told"),
    [
        (np.zeros((5, 4), np.float32), None, np.zeros(72), TypeError, "items of 8 bytes"),
        (np.zeros(21), None, np.zeros(72), ValueError, "equations: 20 items"),
        (np.zeros((5, 4)), np.zeros(3), np.zeros(72), ValueError, "rest: 4 items"),
        (np.zeros((5, 4)), None, np.zeros(71), ValueError, "sums: 72 items"),
        (np.zeros((5, 8))[:, ::2], None, np.zeros(72), ValueError, "contiguous"),
    ],
)
def test_c_checks_what_it_is_given(
    given: np.ndarray, rest: np.ndarray | None, sums: np.ndarray, error: type, told: str
) -> None:
    with pytest.raises((error, BufferError), match=told):
        fine_alignment._equations.sums(given, rest, 1.0, sums)


@needs_c
def test_c_refuses_a_scale_and_a_room_that_do_not_fit() -> None:
    given = np.zeros((5, 4))
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="scale"):
            fine_alignment._equations.sums(given, np.zeros(4), scale, np.zeros(72))
    with pytest.raises(ValueError, match="rest: 4 items"):
        fine_alignment._equations.rest(given, np.zeros(8), np.zeros(5))
    with pytest.raises(ValueError, match="solution: 8 items"):
        fine_alignment._equations.rest(given, np.zeros(7), np.zeros(4))
