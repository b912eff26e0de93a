"""Images that are asked about: read from a file or a URL, and decoded."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import numpy as np
from numpy.typing import NDArray

from imgsim.addresses import Address
from imgsim.comparators.extractor import Extractor
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, Decoded, DecodeError, InputSpec
from imgsim.errors import UnreadableImage, UsageError, check_kind, shown_value
from imgsim.read.archives.listing import as_address
from imgsim.read.discover import printable
from imgsim.read.extract import checked_rows
from imgsim.read.files import read_file
from imgsim.read.memory import PictureLike, as_path, is_one
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
        Where it lies, if it is a file or a member of an archive.
    """

    name: str
    data: bytes
    path: str | None = None

    def __post_init__(self) -> None:
        check_kind(self.name, str, "name of a query", "a path or a URL, as it is shown")
        check_kind(
            self.data,
            bytes,
            "image by its bytes",
            "give a path instead of the Query",
        )

    @property
    def digest(self) -> str:
        """sha256 of the bytes."""
        return sha256(self.data).hexdigest()


def query_file(
    picture: PictureLike, name: str = "<image>", max_pixels: int = DEFAULT_MAX_PIXELS
) -> Query:
    """Read a file, or a picture in memory, to be a query.

    Parameters
    ----------
    picture : path or picture
    name : str
        Of a picture in memory.
    max_pixels : int
        One with more is not read, if it is an array or an image of Pillow.

    Raises
    ------
    UnreadableImage
        It cannot be read.
    UsageError
        It is neither a path nor a picture.
    """
    path = as_path(picture, name, max_pixels)
    if "\0" in path and not isinstance(path, Address):
        raise UsageError(f"not a path: {printable(path)}", "it has a NUL character")
    try:
        address = as_address(path)
        return Query(path, read_file(address), address)
    except OSError as error:
        raise UnreadableImage(
            f"cannot read {printable(path)}: {error.strerror}", "check the path"
        ) from None


def as_queries(
    queries: Query | PictureLike | Sequence[Query | PictureLike] | Mapping[str, PictureLike],
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> list[Query]:
    """Read paths and pictures to be queries, each as `query_file` does.

    Parameters
    ----------
    queries : Query, path, picture, or several
        A picture in memory is called ``<query 3>`` by its place; those of a mapping by its keys.
    max_pixels : int
        As of `query_file`.

    Raises
    ------
    UnreadableImage
        One cannot be read.
    UsageError
        One is neither a path nor a picture.
    """
    if isinstance(queries, Mapping):
        return [query_file(one, str(name), max_pixels) for name, one in queries.items()]
    one = isinstance(queries, Query) or is_one(queries)
    if not one and not isinstance(queries, Iterable):
        raise UsageError(f"{shown_value(queries)} is no path, nor a picture", "name the images")
    several = [queries] if one else cast(Sequence["Query | PictureLike"], queries)
    return [
        query
        if isinstance(query, Query)
        else query_file(cast(PictureLike, query), f"<query {number}>", max_pixels)
        for number, query in enumerate(several)
    ]


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
    rows = {e: checked_rows(e, decoded.images[e.wants][None])[0] for e in extractors}
    return decoded.facts, rows
