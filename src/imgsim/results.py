"""What all results have in common: a dictionary, a table, a short text and pictures in a notebook.

How a result is shown is the business of `imgsim.report`, which stands above the tasks. It is
looked up by name when somebody asks for it, as `imgsim` itself looks up what it exports.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")


class Items(Generic[T]):
    """Something that can be counted and gone through; a base class of frozen dataclasses."""

    __slots__ = ()

    def _items(self) -> tuple[T, ...]:
        """What it is a collection of."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[T]:
        return iter(self._items())


class Result(Items[T]):
    """A whole result, which can be shown too."""

    __slots__ = ()

    def __repr__(self) -> str:
        text: str = _shown("text_of")(self)
        return text

    def _repr_html_(self) -> str:
        """Return a table with thumbnails, which notebooks show."""
        html: str = _shown("html_of")(self)
        return html

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as the command line's JSON has it."""
        document: dict[str, Any] = _shown("dict_of")(self)
        return document

    def to_dataframe(self, library: Literal["pandas", "polars"] | None = None) -> Any:
        """Return a table of it, a row per file or pair.

        Parameters
        ----------
        library : {"pandas", "polars"}, optional
            By default pandas, or polars where only that is installed.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame

        Raises
        ------
        ImgsimError
            The library is not installed.
        UsageError
            It is none of these.
        """
        return _shown("dataframe_of")(self, library)


_REPORT = "imgsim.report.results"


def _shown(name: str) -> Any:
    return getattr(import_module(_REPORT), name)
