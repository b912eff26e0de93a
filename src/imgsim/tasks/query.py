"""Images that are asked about: read from a file or a URL, and decoded."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.extractor import Extractor
from imgsim.decode.spec import Decoded, DecodeError, InputSpec
from imgsim.errors import UnreadableImage
from imgsim.read.archives.listing import as_address
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
        Where it lies, if it is a file or a member of an archive.
    """

    name: str
    data: bytes
    path: str | None = None


def query_file(path: str | os.PathLike[str]) -> Query:
    """Read a file to be a query.

    Raises
    ------
    UnreadableImage
        It cannot be read.
    """
    name = os.fspath(path)
    try:
        address = as_address(name)
        return Query(name, read_file(address), address)
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
