"""Shows the values of defaults in the reference of Python, not the names of constants.

An extension of Griffe (`extensions` in mkdocs.yml), which reads what mkdocstrings shows.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import griffe

_CONSTANT = re.compile(r"\b[A-Z][A-Z_]{2,}\b")


class DefaultValues(griffe.Extension):
    """Replaces defaults of parameters and fields in which a constant of the module stands."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        for one in _objects(pkg):
            if isinstance(one, griffe.Function):
                for parameter in one.parameters:
                    parameter.default = _shown(parameter.default, one)
            elif isinstance(one, griffe.Attribute) and isinstance(one.parent, griffe.Class):
                one.value = _shown(one.value, one)
            elif isinstance(one, griffe.Class):
                for parameter in one.parameters:
                    parameter.default = _shown(parameter.default, one)


def _objects(top: griffe.Object) -> Iterator[griffe.Object]:
    for member in top.members.values():
        if not member.is_alias:
            yield member
            yield from _objects(member)


def _shown(default: Any, of: griffe.Object) -> Any:
    """Return a default, by its value where that is a text, a number or some of them."""
    if default is None or not _CONSTANT.search(str(default)):
        return default
    module = importlib.import_module(of.module.path)
    try:
        value = eval(str(default), vars(module))
    except Exception:  # of another kind, such as the call of a function of dataclasses
        return default
    plain = isinstance(value, str | int | float) or (
        isinstance(value, tuple) and all(isinstance(item, str | int | float) for item in value)
    )
    return repr(value).replace("'", '"') if plain else default
