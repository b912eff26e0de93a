"""Comparators by name, built in and third-party, from the entry-point group `GROUP`."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, cast

from imgsim.comparators.base import Comparator
from imgsim.comparators.contract import ALL as ALL
from imgsim.comparators.contract import class_fault, instance_fault
from imgsim.errors import ImgsimError, MethodUnavailable, UnknownMethod, UsageError

GROUP = "imgsim.comparators"

DEFAULT_METHOD = "auto"
"""Of commands that look for duplicates."""

RANKING_METHOD = "phash:size=16"
"""Of commands that rank. 256 bits: at 64, different product photos agree in all but 8."""


def names() -> list[str]:
    """Return the registered names in order, without importing any."""
    return sorted(_entry_points())


def package_of(name: str) -> str:
    """Return the distribution that registers a name; empty if it does not say."""
    distribution = _entry_points()[name].dist
    return distribution.name if distribution else ""


def is_built_in(name: str) -> bool:
    """Return whether a registered name is imgsim's own."""
    return _is_own(_entry_points()[name])


def is_foreign(name: str) -> bool:
    """Return whether a name is another package's, whose module is not imported yet."""
    entry_point = _entry_points().get(name)
    known = entry_point is None or _is_own(entry_point) or entry_point.module in sys.modules
    return not known


def repair(name: str) -> str:
    """Return the hint where a registered name cannot be used."""
    return f"repair or remove the package that brings it ({_entry_points()[name].value})"


def load(name: str) -> type[Comparator]:
    """Import the comparator class registered under a name.

    Raises
    ------
    UnknownMethod
        Nothing is registered under it.
    MethodUnavailable
        It is registered and does not import.
    """
    try:
        entry_point = _entry_points()[name]
    except KeyError:
        near = get_close_matches(name.lower(), names(), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "imgsim methods lists them"
        raise UnknownMethod(f"unknown method: {name}", hint) from None
    hint = repair(name)
    try:
        with redirect_stdout(sys.stderr):  # standard output is for data
            loaded = entry_point.load()
    except (Exception, SystemExit) as error:  # a third party's module may raise anything at all
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise MethodUnavailable(f"method {name} does not import: {cause}", hint) from error
    if fault := class_fault(loaded, name):
        raise MethodUnavailable(f"method {name} {fault}", hint)
    return cast(type[Comparator], loaded)


def missing(cls: type[Comparator]) -> str:
    """Return what `Comparator.missing` does, or how that fails."""
    try:
        return cls.missing()
    except (Exception, SystemExit) as error:  # a third party's method
        return f"cannot tell what it needs: {type(error).__name__}: {error}"


def parse(text: str) -> Comparator:
    """Make a comparator from ``NAME[:field=value,...]``.

    Values may be quoted as in CSV.

    Raises
    ------
    UnknownMethod, MethodUnavailable
        See `load`.
    UsageError
        A field does not exist or its value does not fit.
    """
    name, _, settings = text.partition(":")
    cls = load(name.strip())
    types = typing.get_type_hints(cls)
    known = {field.name: field for field in fields_of(cls)}
    if cause := missing(cls):
        raise MethodUnavailable(f"method {name} {cause}", "or choose another: imgsim methods")
    values: dict[str, Any] = {}
    for setting in _split(settings, text):
        field, equals, value = setting.partition("=")
        field = field.strip()
        if field not in known:
            near = get_close_matches(field, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"fields: {_listed(known)}"
            raise UsageError(f"method {name} has no field {field!r}", hint)
        if not equals:
            raise UsageError(f"method {name}: field {field} has no value", f"write {field}=VALUE")
        if field in values:
            raise UsageError(f"method {name}: field {field} is given twice", "keep one of them")
        values[field] = _parsed(name, field, types[field], _unquoted(value))
    without = [name for name in _required(cls) if name not in values]
    if without:
        told = {field.name: field.metadata.get("from", "") for field in fields_of(cls)}
        hint = f"{name}:{without[0]}=…"
        if told[without[0]]:
            hint = f"{name}:{without[0]}=FILE; {told[without[0]].format(name=name)}"
        raise UsageError(f"method {name} needs a value for {_listed(without)}", hint)
    if is_built_in(cls.name):
        return cls(**values)
    try:
        comparator = cls(**values)
        fault = instance_fault(comparator)
    except ImgsimError:
        raise
    except (Exception, SystemExit) as error:  # a third party's __post_init__
        fault = f"cannot be made: {type(error).__name__}: {error}"
    if fault:
        raise MethodUnavailable(
            f"method {name} {fault}", f"tell its author ({package_of(cls.name) or cls.__module__})"
        )
    return comparator


def fields_of(cls: type[Comparator]) -> tuple[Field[Any], ...]:
    """Return the fields of a comparator class; `load` has checked that it is a dataclass."""
    return fields(cast(Any, cls))


def _required(cls: type[Comparator]) -> list[str]:
    """Return the names of fields without a default."""
    return [f.name for f in fields_of(cls) if f.default is MISSING]


@cache
def _entry_points() -> dict[str, EntryPoint]:
    by_name: dict[str, EntryPoint] = {}
    for entry_point in entry_points(group=GROUP):
        if entry_point.name not in by_name or _is_own(entry_point):  # nobody replaces a built-in
            by_name[entry_point.name] = entry_point
    return by_name


def _is_own(entry_point: EntryPoint) -> bool:
    return entry_point.value.startswith("imgsim.")


def _split(settings: str, text: str) -> list[str]:
    if not settings.strip():
        return []
    parts = list(_outside_quotes(settings))
    if any(not part.strip() for part in parts):
        raise UsageError(f"stray comma in method {text!r}", "write NAME:field=value,field=value")
    return parts


def _outside_quotes(settings: str) -> Iterable[str]:
    """Split at the commas that stand outside double quotes."""
    part, quoted = "", False
    for character in settings:
        if character == '"':
            quoted = not quoted
        if character == "," and not quoted:
            yield part
            part = ""
        else:
            part += character
    yield part


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1].replace('""', '"')
    return value


def _parsed(name: str, field: str, wanted: Any, text: str) -> Any:
    """Return the value of a field's type that a text stands for."""
    if typing.get_origin(wanted) is Literal:
        choices = typing.get_args(wanted)
        for choice in choices:
            if text == str(choice):
                return choice
        raise UsageError(f"method {name}: {field}={text!r}", f"choose one of {_listed(choices)}")
    try:
        if wanted is bool:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                text.lower()
            ]
        if wanted in (int, float):
            return wanted(text)
    except (KeyError, ValueError):
        raise UsageError(
            f"method {name}: {field}={text!r} is no {_TYPE_NAMES[wanted]}",
            f"give {field} a {_TYPE_NAMES[wanted]}",
        ) from None
    return text


_TYPE_NAMES: dict[Any, str] = {bool: "yes or no", int: "whole number", float: "number"}


def _listed(items: Iterable[object]) -> str:
    return ", ".join(str(item) for item in items)
