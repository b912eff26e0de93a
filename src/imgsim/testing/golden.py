"""Golden files: what the extractor of a comparator gave when its version was given."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Comparator

_SCHEMA = "imgsim.golden/1"
_IMAGES = 5
_MOST = 64
"""Elements of a row that are kept, at even steps; beside them its mean and its spread."""


def check_golden(
    comparator: Comparator, path: str | PathLike[str], *, tolerance: float = 0.0
) -> None:
    """Check that a comparator still makes the rows of a golden file.

    Parameters
    ----------
    comparator : Comparator
    path : path
        Written by `write_golden`; it may hold several comparators.
    tolerance : float
        Largest difference of an element. Of rows of floats a 100,000th of the largest element is
        let pass in any case, since machines differ in their last digits.

    Raises
    ------
    AssertionError
        There is no golden row, or the rows or the version are other ones.
    """
    kept = _read(Path(path)).get(comparator.spec)
    update = "write them with --update-golden"
    assert kept is not None, f"no golden rows of {comparator.spec} in {path}: {update}"
    made = _rows(comparator)
    version = comparator.extractor.version
    same = _alike(kept, made, tolerance)
    if version == kept["version"]:
        assert same, (
            f"extract gives other rows than in {path}, and its version is still {version}:"
            " raise it, then --update-golden"
        )
    raise_it = f"version {version} has other golden rows than version {kept['version']} in {path}"
    assert version == kept["version"], f"{raise_it}: {update}"


def write_golden(comparator: Comparator, path: str | PathLike[str]) -> None:
    """Write what a comparator makes to a golden file, beside what it holds of others.

    Parameters
    ----------
    comparator : Comparator
    path : path

    Raises
    ------
    AssertionError
        The rows changed and the version did not: nothing is written.
    """
    documents = _read(Path(path))
    kept, made = documents.get(comparator.spec), _rows(comparator)
    version = comparator.extractor.version
    if kept is not None and kept["version"] == version:
        assert _alike(kept, made, 0.0), (
            f"extract gives other rows than in {path}, and its version is still {version}:"
            " raise it first"
        )
    documents[comparator.spec] = {"version": version, **made}
    document = {"schema": _SCHEMA, "comparators": dict(sorted(documents.items()))}
    text = json.dumps(document, indent=1)
    Path(path).write_text(text + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["schema"] == _SCHEMA
        comparators: dict[str, Any] = document["comparators"]
    except (ValueError, KeyError, TypeError, AssertionError):
        raise AssertionError(f"{path} is no golden file") from None
    return comparators


def _rows(comparator: Comparator) -> dict[str, Any]:
    rows = comparator.extractor.extract(_images(comparator))
    flat = rows.reshape(len(rows), -1)
    step = max(1, flat.shape[1] // _MOST)
    exact = flat.astype(np.float64)
    return {
        "dtype": str(rows.dtype),
        "shape": list(rows.shape[1:]),
        "elements": flat[:, ::step].tolist(),
        "mean": exact.mean(axis=1).tolist(),
        "deviation": exact.std(axis=1).tolist(),
    }


def _alike(kept: dict[str, Any], made: dict[str, Any], tolerance: float) -> bool:
    if (kept["dtype"], kept["shape"]) != (made["dtype"], made["shape"]):
        return False
    for name in ("elements", "mean", "deviation"):
        old, new = (np.asarray(one[name], np.float64) for one in (kept, made))
        floats = name != "elements" or np.dtype(made["dtype"]).kind == "f"
        largest = np.abs(old).max(initial=0.0) if floats else 0.0
        if (
            old.shape != new.shape
            or np.abs(old - new).max(initial=0.0) > tolerance + 1e-5 * largest
        ):
            return False
    return True


def _images(comparator: Comparator) -> NDArray[np.uint8]:
    """The same smooth images on every machine: whole numbers alone, no random generator."""
    wants = comparator.extractor.wants
    width, height = wants.width or 50, wants.height or 40
    channels = 1 if wants.colour == "grey" else 3
    count, cells = _IMAGES, 5
    number = np.arange(count * (cells + 1) ** 2 * channels, dtype=np.uint64)
    mixed = (number * np.uint64(2654435761) + np.uint64(97)) % np.uint64(1 << 32)
    mixed = (mixed ^ (mixed >> np.uint64(13))) * np.uint64(40503) >> np.uint64(7)
    coarse = (mixed & np.uint64(255)).astype(np.int64)
    coarse = coarse.reshape(count, cells + 1, cells + 1, channels)
    for axis, size in ((1, height), (2, width)):  # bilinear, in whole numbers
        place = np.arange(size) * cells
        cell, part = place // size, place % size
        part = part.reshape(-1, *(1,) * (coarse.ndim - axis - 1))
        low, high = (np.take(coarse, cell + i, axis) for i in (0, 1))
        coarse = (low * (size - part) + high * part) // size
    return coarse.astype(np.uint8)
