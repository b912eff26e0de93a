"""The contract of extractors, which compute the feature rows of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.spec import InputSpec


class Extractor(ABC):
    """Turns images into rows of a fixed shape. The rows are cached under its `key`.

    Subclasses are frozen dataclasses and picklable. A field with the metadata ``{"where": True}``
    says where and how it runs; it is no part of what the rows are, so not of the key.

    Attributes
    ----------
    name : str
    version : int
        Raised whenever the same image gives another row.
    heavy : bool
        A network: it runs in one process, which decodes in threads beside it.
    needs_pixels_again : bool
        Verification needs its images again in the same run, so they are kept in a spool.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    heavy: ClassVar[bool] = False
    needs_pixels_again: ClassVar[bool] = False

    def get_ready(self, *, fetch: bool = True) -> None:  # noqa: B027
        """Load what it needs, such as weights, before the first image is read.

        Parameters
        ----------
        fetch : bool
            Fetch files that are not here; else they count as missing.

        Raises
        ------
        ImgsimError
            It cannot run here.
        """

    @property
    @abstractmethod
    def wants(self) -> InputSpec:
        """The image it is given."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements of a row."""

    @abstractmethod
    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Compute the rows of a batch.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, height, width, channels)
            Not to be modified. A row must not depend on the others of its batch.

        Returns
        -------
        ndarray of `dtype`, shape (n, \\*shape)
        """

    @property
    def key(self) -> str:
        """Name, version, fields and class: extractors with equal keys give equal rows."""
        cls = type(self)
        home = f"{cls.__module__}.{cls.__qualname__}"
        return f"{self.name}/{self.version}:{fields_text(self)} ({home})"

    @property
    def row_bytes(self) -> int:
        """Size of one row."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def fields_text(instance: Any, *, only_changed: bool = False) -> str:
    """Return the fields of a comparator or extractor as text, ``name=value,name=value``."""
    parts = []
    for field in fields(instance):
        if field.metadata.get("where"):
            continue
        value = getattr(instance, field.name)
        if not (only_changed and value == field.default):
            parts.append(f"{field.name}={quoted(value)}")
    return ",".join(parts)


def quoted(value: object) -> str:
    """Return a value as the text of a method has it, in quotes where it needs them."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if any(c in text for c in ',"'):
        return '"' + text.replace('"', '""') + '"'
    return text
