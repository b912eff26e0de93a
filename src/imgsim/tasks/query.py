"""Images that are asked about: read from a file or a URL, and decoded."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.extractor import Extractor
from imgsim.decode.spec import Decoded, DecodeError, InputSpec
from imgsim.errors import UnreadableImage, UsageError
from imgsim.read.discover import printable
from imgsim.read.files import read_file
from imgsim.read.options import RunOptions
from imgsim.types import ImageFacts


@dataclass(frozen=True, slots=True)
class Query:
    """An image by its bytes.

    Attributes
    ----------
    name : str
        As it is shown: a path or a URL.
    data : bytes
    path : str or None
        Where it lies, if it is a file.
    """

    name: str
    data: bytes
    path: str | None = None


QuerySource = str | os.PathLike[str] | Query
"""An image that is asked about: a path, or its bytes."""


def as_queries(queries: QuerySource | Sequence[QuerySource]) -> list[Query]:
    """Return images as queries, each read from its file if it is a path.

    Parameters
    ----------
    queries : Query, path, or several

    Raises
    ------
    UnreadableImage
        A file cannot be read.
    UsageError
        One is neither a path nor a query.
    """
    one = isinstance(queries, str | os.PathLike | Query) or not isinstance(queries, Iterable)
    made = []
    for source in [queries] if one else queries:  # type: ignore[union-attr]
        if not isinstance(source, str | os.PathLike | Query):
            raise UsageError(
                f"{type(source).__name__} is no image to search for",
                "give a path, or an imgsim.Query",
            )
        made.append(source if isinstance(source, Query) else query_file(source))
    return made


def query_file(path: str | os.PathLike[str]) -> Query:
    """Read a file to be a query.

    Raises
    ------
    UnreadableImage
        It cannot be read.
    """
    name = os.fspath(path)
    try:
        return Query(name, read_file(name), name)
    except OSError as error:
        raise UnreadableImage(
            f"cannot read {printable(name)}: {error.strerror}", "check the path"
        ) from None


def decode_query(query: Query, wants: Sequence[InputSpec], options: RunOptions) -> Decoded:
    """Decode a query.

    Raises
    ------
    UnreadableImage
        It is no image that can be read.
    """
    decoder = options.make_decoder()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on harmless oddities of the file
            return decoder(query.data, wants)
    except DecodeError as error:
        raise UnreadableImage(
            f"cannot read {printable(query.name)}: {error}", "give it an image"
        ) from None


def read_query(
    query: Query, extractors: Sequence[Extractor], options: RunOptions
) -> tuple[ImageFacts, dict[Extractor, NDArray[np.generic]]]:
    """Decode a query, and compute a row for each of some extractors.

    Returns
    -------
    facts : ImageFacts
    rows : dict of Extractor to ndarray
        Each of the extractor's shape and dtype.

    Raises
    ------
    UnreadableImage
        It is no image that can be read.
    """
    decoded = decode_query(query, [e.wants for e in extractors], options)
    rows = {e: e.extract(decoded.images[e.wants][None])[0] for e in extractors}
    return decoded.facts, rows
