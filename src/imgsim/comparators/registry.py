"""Comparators by name, built in and third-party, from the entry-point group `GROUP`."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, cast

from imgsim.comparators.base import Comparator
from imgsim.errors import ImgsimError, MethodUnavailable, UnknownMethod, UsageError

GROUP = "imgsim.comparators"

DEFAULT_METHOD = "auto"
"""Of commands that look for duplicates."""

RANKING_METHOD = "phash:size=16"
"""Of commands that rank. 256 bits: at 64, different product photos agree in all but 8."""

ALL = "all"


@dataclass(frozen=True, slots=True)
class Registered:
    """A name in the registry.

    Attributes
    ----------
    name : str
    package : str
        The distribution that registers it.
    comparator : type or None
        None if it does not import here.
    cause : str
        Why not.
    """

    name: str
    package: str
    comparator: type[Comparator] | None
    cause: str


def names() -> list[str]:
    """Return the registered names in order, without importing any."""
    return sorted(_entry_points())


def registered() -> list[Registered]:
    """Import everything registered, as far as it can be."""
    entries = []
    for name in names():
        entry_point = _entry_points()[name]
        package = entry_point.dist.name if entry_point.dist else ""
        try:
            comparator = load(name)
            cause = comparator.missing()
            entries.append(Registered(name, package, None if cause else comparator, cause))
        except MethodUnavailable as error:
            entries.append(Registered(name, package, None, error.message))
    return entries


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
    try:
        loaded = entry_point.load()
    except Exception as error:  # a third party's module may raise anything at all
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise MethodUnavailable(
            f"method {name} does not import: {cause}",
            f"repair or remove the package that brings it ({entry_point.value})",
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Comparator) and is_dataclass(loaded)):
        raise MethodUnavailable(
            f"method {name} is not a Comparator dataclass",
            f"tell its author ({entry_point.value})",
        )
    return loaded


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
    if cause := cls.missing():
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
    missing = [name for name in _required(cls) if name not in values]
    if missing:
        raise UsageError(
            f"method {name} needs a value for {_listed(missing)}", f"{name}:{missing[0]}=…"
        )
    return cls(**values)


def parse_all(text: str, *, ranking: bool = False) -> list[Comparator]:
    """Make comparators as `parse` does; ``all`` makes every available one, with its defaults.

    Those that need a value, such as the file of a network that the user trained, are left out,
    and where images are to be ranked also those that neither score any two nor verify.
    """
    if text == ALL:
        available = [one.comparator for one in registered() if one.comparator]
        usable = [cls for cls in available if not ranking or cls.ranks or cls.verifies]
        return [cls() for cls in usable if not _required(cls)]
    return [parse(text)]


def only_ready(
    comparators: Sequence[Comparator], note: Callable[[str], object]
) -> list[Comparator]:
    """Leave out comparators that cannot run here and now, with a note.

    Nothing is fetched for them: who asks for all methods did not ask for a download.
    """
    ready = []
    for comparator in comparators:
        try:
            comparator.extractor.get_ready(fetch=False)
        except ImgsimError as error:
            note(f"without {comparator.name}: {error.message}")
        else:
            ready.append(comparator)
    return ready


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
        ours = entry_point.value.startswith("imgsim.")
        if entry_point.name not in by_name or ours:  # nobody replaces a built-in
            by_name[entry_point.name] = entry_point
    return by_name


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
