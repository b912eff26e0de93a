"""Proposes pairs of icons and other figures on an even ground, which have no keypoints.

One that is the other in another size has the same colours in the same places: as small squares the
two are nearly equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NEAR_GROUND = 6
"""Levels by which the ground may differ from its median, in Y, Cb and Cr."""

_EVEN_EDGE = 0.95
"""Share of the cells along the edges that are near it, at least."""

_MIN_CONTRAST = 16
"""Levels by which some cell differs from the ground, at least: a blank page has less."""

_MAX_DIFFERENCE = 12
"""Levels by which cells of copies differ, at most. Those of 60 resized JPEGs had 1."""

_MAX_SHARE = 0.2
"""Difference of copies as a share of what differs from the ground, at most."""

_MAX_SHAPE = 0.02
"""Share by which the shapes of copies differ, at most: sizes are rounded."""

_SMALL = 0.95
"""Share of the cells that are ground, at least, where a figure is small in its picture: those of
receipts and pages of text are 0.93 at most."""

_EVEN = 0.5
"""Share of a figure's cells that differ from the ground by nearly as much as any, at least, where
it is even: those of print and of most things in photos are of all shades."""

_FULL, _HALF = 0.85, 0.5  # of the largest difference: well inside a figure, and all of it

_PARTS = 4  # to a side, by which near ones are searched
_CHUNK = 4096
_ROWS = 1024


def are_figures(rows: NDArray[Any], flat: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which images show a figure on an even ground that reaches all of their edges.

    Those that are not flat have to be even but for a small part, or to show an even figure.

    Parameters
    ----------
    rows : ndarray of dtype `comparators.local.LAYOUT`, shape (n,)
    flat : ndarray of bool, shape (n,)
        Images with little detail.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    result = np.zeros(len(rows), np.bool_)
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        result[part] = _show_figures(rows["colours"][part].astype(np.int16), flat[part])
    return result


def _show_figures(cells: NDArray[np.int16], flat: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same for the cells of some images, shape (n, side, side, 3)."""
    edges = _edges(cells)
    ground = np.median(edges, axis=1)
    near = (np.abs(edges - ground[:, None]) <= _NEAR_GROUND).all(axis=2).mean(axis=1)
    apart = np.abs(cells - ground[:, None, None]).max(axis=3).reshape(len(cells), -1)
    small = flat | ((apart <= _NEAR_GROUND).mean(axis=1) >= _SMALL)
    most = apart.max(axis=1)
    full, half = ((apart > share * most[:, None]).sum(axis=1) for share in (_FULL, _HALF))
    even = full >= _EVEN * half
    return np.asarray((near >= _EVEN_EDGE) & (most >= _MIN_CONTRAST) & (small | even))


def may_be_near(row: Any, rows: NDArray[Any]) -> NDArray[np.int64]:
    """Find the figures whose cells differ no more from those of one figure than a copy's.

    Parameters
    ----------
    row : record of dtype `comparators.local.LAYOUT`
    rows : ndarray of records with the field ``colours`` of `LAYOUT`, shape (n,)

    Returns
    -------
    ndarray of int64, shape (m,)
        Ascending places.
    """
    near = np.zeros(len(rows), np.bool_)
    own = row["colours"].astype(np.int16)
    for start in range(0, len(rows), _CHUNK):
        apart = np.abs(rows["colours"][start : start + _CHUNK].astype(np.int16) - own)
        near[start : start + _CHUNK] = apart.max(axis=(1, 2, 3)) <= _MAX_DIFFERENCE
    return np.flatnonzero(near)


def near_figures(rows: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find pairs of figures that may be one picture in two sizes.

    Parameters
    ----------
    rows : ndarray of dtype `comparators.local.LAYOUT`, shape (n,)
        Of figures, see `are_figures`.

    Returns
    -------
    left, right : ndarray of int64, shape (m,)
        left < right; in ascending order.
    """
    if len(rows) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cells = np.ascontiguousarray(rows["colours"]).astype(np.int16)
    side = cells.shape[1] // _PARTS
    parts = cells.reshape(len(rows), _PARTS, side, _PARTS, side, 3).sum(axis=(2, 4))
    pairs = _near_parts(parts.reshape(len(rows), -1), _MAX_DIFFERENCE * side * side)
    shape = np.log(rows["size"][:, 0] / np.maximum(1.0, rows["size"][:, 1]))
    pairs = pairs[np.abs(shape[pairs[:, 0]] - shape[pairs[:, 1]]) <= _MAX_SHAPE]
    ground = np.median(_edges(cells), axis=1).astype(np.int16)
    amount = np.abs(cells - ground[:, None, None]).reshape(len(rows), -1).sum(axis=1)
    near = np.zeros(len(pairs), np.bool_)
    for start in range(0, len(pairs), _CHUNK):
        left, right = pairs[start : start + _CHUNK].T
        apart = np.abs(cells[left] - cells[right]).reshape(len(left), -1)
        share = apart.sum(axis=1) / np.maximum(1, np.maximum(amount[left], amount[right]))
        few = (apart.max(axis=1) <= _MAX_DIFFERENCE) & (share <= _MAX_SHARE)
        near[start : start + _CHUNK] = few
    left, right = np.sort(pairs[near], axis=1).T
    order = np.lexsort((right, left))
    return left[order], right[order]


def _near_parts(parts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Pairs of rows, shape (m, 2), of which no number differs by more.

    Each is compared with those that are near it in the number that varies most: of the few figures
    that most folders have, all pairs take less time than an import of scipy.
    """
    varied = parts[:, parts.std(axis=0).argmax()]
    order = np.argsort(varied, kind="stable")
    parts, varied = parts[order], varied[order]
    ends = np.searchsorted(varied, varied + most, side="right").tolist()
    near = [
        first + 1 + np.flatnonzero(np.abs(parts[first + 1 : end] - parts[first]).max(1) <= most)
        for first, end in enumerate(ends)
    ]
    firsts = np.repeat(np.arange(len(parts)), [len(one) for one in near])
    return order[np.stack([firsts, np.concatenate(near)], axis=1)]


def _edges(cells: NDArray[np.int16]) -> NDArray[np.int16]:
    """The cells along the edges, shape (n, m, 3)."""
    sides = cells[:, 0], cells[:, -1], cells[:, 1:-1, 0], cells[:, 1:-1, -1]
    return np.concatenate(sides, axis=1)
