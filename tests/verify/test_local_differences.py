"""Differences and gradients by blocks: in C and in NumPy the same."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from imgsim.verify import local_differences
from imgsim.verify.local_differences import (
    _squares,
    block_error,
    mean_products,
    mean_squares,
)

needs_c = pytest.mark.skipif(
    local_differences._blocks is None,
    reason="the parts in C are not compiled: there was no C compiler",
)


def images(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two that differ a little, and a mask that is no rectangle."""
    rng = np.random.default_rng(shape)
    one = cv2.GaussianBlur(rng.uniform(0, 255, shape).astype(np.float32), (0, 0), 1.0)
    other = (one + rng.normal(0, 3, shape)).astype(np.float32)
    mask = np.zeros(shape, np.uint8)
    height, width = shape
    corners = np.array([(2, 3), (width - 6, 0), (width - 2, height - 2), (4, height - 9)])
    cv2.fillConvexPoly(mask, corners, 1)
    return one, other, mask


@needs_c
@pytest.mark.parametrize("shape", [(61, 83), (64, 96), (26, 45)])
@pytest.mark.parametrize(
    "work_out",
    [
        lambda one, other, mask: block_error(one, other, mask),
        lambda one, other, mask: block_error(one, one, mask, 13),
        lambda one, other, mask: mean_squares(one),
        lambda one, other, mask: mean_squares(one, 0, one.shape[1] - 6),
        lambda one, other, mask: mean_squares(one, 9),
        lambda one, other, mask: mean_products(one),
        lambda one, other, mask: _squares(one)[0],
        lambda one, other, mask: _squares(one)[1],
    ],
)
def test_c_and_numpy_give_the_same(
    work_out: Callable[..., np.ndarray], shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = images(shape)
    compiled = work_out(*given)
    monkeypatch.setattr(local_differences, "_blocks", None)
    np.testing.assert_allclose(compiled, work_out(*given), rtol=1e-5, atol=1e-3)


@needs_c
@pytest.mark.parametrize(
    ("name", "given", "error", "told"),
    [
        ("errors", (32, 32, 0, 64, 64), None, ""),
        ("errors", (32, 32, 7, 64, 48), None, ""),
        ("errors", (32, 32, 7, 64, 64), ValueError, "cells: 48 items"),
        ("errors", (32, 30, 0, 64, 64), ValueError, "rows of 30 items"),
        ("errors", (32, 0, 0, 64, 64), ValueError, "rows of 0 items"),
        ("errors", (32, 32, -1, 64, 64), ValueError, "25 rows"),
        ("errors", (32, 32, 9, 64, 40), ValueError, "25 rows"),
        ("errors", (24, 32, 0, 48, 48), ValueError, "25 rows"),
        ("gradients", (32, 32, 0, 32, 64), None, ""),
        ("gradients", (32, 32, 1, 32, 56), None, ""),
        ("gradients", (32, 32, 0, 33, 64), ValueError, "4 rows"),
        ("gradients", (32, 32, -1, 32, 64), ValueError, "4 rows"),
        ("gradients", (32, 32, 29, 32, 64), ValueError, "4 rows"),
        ("gradients", (32, 32, 0, 32, 63), ValueError, "cells: 64 items"),
    ],
)
def test_c_checks_what_it_is_given(
    name: str, given: tuple[int, ...], error: type[Exception] | None, told: str
) -> None:
    rows, width, start, stop, count = given
    image, cells = np.ones((rows, 32), np.float32), np.empty(count, np.float32)
    mask = np.ones((rows, 32), np.uint8)

    def call() -> None:
        if name == "errors":
            local_differences._blocks.errors(image, image, mask, width, start, cells)
        else:
            local_differences._blocks.gradients(image, width, start, stop, cells, None, None)

    if error is None:
        call()
        assert (cells == 0).all()
        return
    with pytest.raises(error, match=told):
        call()


@needs_c
def test_c_takes_no_other_types_and_sizes() -> None:
    image, mask = np.ones((32, 32), np.float32), np.ones((32, 32), np.uint8)
    cells = np.empty(64, np.float32)
    blocks = local_differences._blocks
    with pytest.raises(TypeError, match="items of 4 bytes"):
        blocks.errors(image, image.astype(np.float64), mask, 32, 0, cells)
    with pytest.raises(ValueError, match="mask: 1024 items"):
        blocks.errors(image, image, mask[:-1], 32, 0, cells)
    with pytest.raises(ValueError, match="pixels: 1024 items"):
        blocks.gradients(image, 32, 0, 32, cells, np.empty(1000, np.float32), None)
    with pytest.raises(ValueError, match="products: 192 items"):
        blocks.gradients(image, 32, 0, 32, cells, None, np.empty(64, np.float32))
