"""What the contract of a comparator asks, checked before one is used.

Each check returns the first fault in a few words, or an empty text.
"""

from __future__ import annotations

import re
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from itertools import pairwise
from math import isfinite
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import (
    PRESETS,
    Comparator,
    Metric,
    PairComparator,
    Scale,
    VectorComparator,
)
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.recipes import Recipe
from imgsim.decode.spec import InputSpec
from imgsim.errors import ImgsimError

ALL = "all"
"""As ``--method``, every available one; so no method has this name."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def class_fault(cls: Any, name: str | None = None) -> str:
    """Check what a class says of itself.

    Parameters
    ----------
    cls : object
        What is registered.
    name : str, optional
        The name that it is registered under.

    Returns
    -------
    str
        Such as ``has no summary``; empty if nothing is wrong.
    """
    if not (isinstance(cls, type) and issubclass(cls, Comparator)):
        return "is no Comparator"
    if not is_dataclass(cls):
        return "is not a dataclass: @dataclass(frozen=True)"
    if fault := _frozen_fault(cls) or _own_name_fault(cls, name):
        return fault
    if not _is_line(getattr(cls, "summary", None)):
        return "has no summary: a line of text"
    if not issubclass(cls, (VectorComparator, PairComparator, Recipe)):
        return "is neither a VectorComparator nor a PairComparator"
    if issubclass(cls, VectorComparator) and not isinstance(getattr(cls, "metric", None), Metric):
        return "has no metric: one of Metric"
    if issubclass(cls, Extractor) and (fault := _version_fault(cls)):
        return fault
    if missing := sorted(getattr(cls, "__abstractmethods__", ())):
        return f"does not define {', '.join(missing)}"
    return _fields_fault(cls)


def _own_name_fault(cls: type, name: str | None) -> str:
    own = getattr(cls, "name", None)
    if not isinstance(own, str) or not _NAME.fullmatch(own):
        return "has no name: letters, digits, - and _"
    if own == ALL:
        return f"cannot be called {ALL}, which stands for every method"
    return f"calls itself {own}" if name not in (None, own) else ""


def _frozen_fault(cls: type) -> str:
    parameters = cast(Any, cls).__dataclass_params__
    if not parameters.frozen:
        return f"is not frozen: @dataclass(frozen=True) ({cls.__name__})"
    if not parameters.eq or cls.__hash__ is None:
        return f"cannot be hashed and compared by its fields ({cls.__name__})"
    return ""


def _version_fault(cls: type) -> str:
    version = getattr(cls, "version", None)
    if not isinstance(version, int) or isinstance(version, bool):
        return f"has no version: a whole number ({cls.__name__})"
    return ""


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip()) and "\n" not in text


def _fields_fault(cls: type) -> str:
    """Fields are given as text with ``--method``, and told apart from their defaults."""
    try:
        hints = typing.get_type_hints(cls)
    except Exception as error:  # annotations may name anything
        return f"has annotations that cannot be read: {error}"
    for field in fields(cast(Any, cls)):
        if not field.init:
            return f"has a field that cannot be set: {field.name}"
        if field.default_factory is not MISSING:
            return f"has a default_factory for its field {field.name}: give it a plain default"
        if not _can_be_text(hints[field.name]):
            return f"has a field of a type that --method cannot set: {field.name}"
    return ""


def _can_be_text(wanted: Any) -> bool:
    if typing.get_origin(wanted) is Literal:
        return True
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        return str in typing.get_args(wanted)
    return wanted in (bool, int, float, str)


def instance_fault(comparator: Comparator) -> str:
    """Check what a comparator with its fields declares. No image is looked at.

    Returns
    -------
    str
        Such as ``has metric HAMMING, but rows of float32``; empty if nothing is wrong.

    Raises
    ------
    ImgsimError
        That it raises itself, such as of weights that cannot be used.
    """
    try:
        hash(comparator)
    except TypeError as error:
        return f"cannot be hashed: {error}"
    try:
        extractor = comparator.extractor
        return _extractor_fault(comparator, extractor) or _scale_fault(comparator)
    except ImgsimError:
        raise
    except (
        Exception,
        SystemExit,
    ) as error:  # properties of a third party may raise anything at all
        return f"cannot be used: {type(error).__name__}: {error}"


def _extractor_fault(comparator: Comparator, extractor: Any) -> str:
    if not isinstance(extractor, Extractor):
        return "has no Extractor"
    cls = type(extractor)
    if not is_dataclass(extractor):
        return f"has an extractor that is not a dataclass ({cls.__name__})"
    if fault := _frozen_fault(cls) or _version_fault(cls):
        return fault
    if not _is_line(getattr(extractor, "name", None)):
        return f"has no name ({cls.__name__})"
    hash(extractor)
    if not isinstance(extractor.wants, InputSpec):
        return "does not say which image it wants: InputSpec"
    if isinstance(comparator, Recipe):
        return ""
    shape, dtype = extractor.shape, extractor.dtype
    sizes = isinstance(shape, tuple) and all(
        isinstance(n, (int, np.integer)) and n > 0 for n in shape
    )
    if not sizes or not shape:
        return f"has rows of the shape {shape!r}: a tuple of whole numbers above 0"
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        return f"has rows of {dtype!r}: give a numpy.dtype of numbers"
    if not isinstance(comparator, VectorComparator):
        return ""
    if len(shape) != 1:
        return f"has rows of the shape {shape}: a vector has one axis"
    if comparator.metric is Metric.HAMMING and dtype != np.uint8:
        return f"has metric HAMMING, but rows of {dtype}: packed bits are uint8"
    return "" if dtype.kind in "uif" else f"has rows of {dtype}, which are no numbers"


def _scale_fault(comparator: Comparator) -> str:
    scale = comparator.scale
    if not isinstance(scale, Scale):
        return "has no Scale"
    if scale.better not in ("lower", "higher"):
        return f"has a scale on which {scale.better!r} is better: lower or higher"
    limits = [0.0, *(comparator.preset_distance(preset) for preset in PRESETS), scale.worst]
    if not all(isfinite(limit) for limit in limits) or scale.worst <= 0:
        return f"has presets that are no distances: {limits[1:-1]} of {scale.worst}"
    if any(a > b for a, b in pairwise(limits)):
        return f"has presets that do not widen from strict to loose: {limits[1:-1]}"
    return ""


def rows_fault(extractor: Extractor, rows: Any, images: NDArray[np.uint8]) -> str:
    """Check rows against what their extractor declares.

    Parameters
    ----------
    extractor : Extractor
    rows : object
        What `Extractor.extract` returned.
    images : ndarray of uint8, shape (n, height, width, channels)
        What it was given.

    Returns
    -------
    str
        Such as ``gives rows of float64, not float32``; empty if nothing is wrong.
    """
    if not isinstance(rows, np.ndarray):
        return f"gives {type(rows).__name__}, no array"
    wanted = (len(images), *extractor.shape)
    if rows.shape != wanted:
        return f"gives an array of the shape {rows.shape}, not {wanted}"
    if rows.dtype != extractor.dtype:
        return f"gives rows of {rows.dtype}, not {extractor.dtype}"
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        return "gives rows with values that are no number or infinite"
    return ""
