"""Tells from a JPEG at which quality it was compressed."""

from __future__ import annotations

import struct
from functools import cache

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.containers import jpeg_segments

# fmt: off
_LUMA = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37,
    29, 40, 58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
)
"""Table K.1 of ITU-T T.81, in zigzag order."""
_PLACES = (
    0, 1, 5, 6, 14, 15, 27, 28, 2, 4, 7, 13, 16, 26, 29, 42, 3, 8, 12, 17, 25, 30, 41, 43, 9, 11,
    18, 24, 31, 40, 44, 53, 10, 19, 23, 32, 39, 45, 52, 54, 20, 22, 33, 38, 46, 51, 55, 60, 21, 34,
    37, 47, 50, 56, 59, 61, 35, 36, 48, 49, 57, 58, 62, 63,
)
"""Where the frequencies of a block stand in zigzag order, row by row."""
# fmt: on


def luma_table(data: bytes) -> tuple[int, ...] | None:
    """Read the quantisation table of the first component of a JPEG.

    Parameters
    ----------
    data : bytes
        Of the file.

    Returns
    -------
    tuple of 64 int or None
        In zigzag order; None if it is not there.
    """
    tables = _component_tables(data)
    return tables[0] if tables else None


def mean_steps(data: bytes) -> tuple[int, int] | None:
    """Read the steps of the means of blocks: that of light, and the larger one of the colours.

    Parameters
    ----------
    data : bytes
        Of a JPEG; eight times the mean of a block is a whole multiple of its step.

    Returns
    -------
    (int, int) or None
        The second is 0 of a grey one; None if a table is not there.
    """
    tables = [table and table[0] for table in _component_tables(data)]
    if not tables or None in tables:
        return None
    light, *colours = (step or 0 for step in tables)
    return light, max(colours, default=0)


def _component_tables(data: bytes) -> list[tuple[int, ...] | None]:
    """The quantisation table of each component of a JPEG, None where there is none."""
    tables: dict[int, tuple[int, ...]] = {}
    numbers: list[int] = []
    for marker, start, end in jpeg_segments(data):
        content = data[start + 4 : end]
        if marker == 0xDB:
            tables |= _tables(content)
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            numbers = list(content[8::3])
    return [tables.get(number) for number in numbers]


def _tables(content: bytes) -> dict[int, tuple[int, ...]]:
    tables = {}
    place = 0
    while place < len(content):
        wide = 2 if content[place] >> 4 else 1
        values = content[place + 1 : place + 1 + 64 * wide]
        if len(values) < 64 * wide:
            break
        tables[content[place] & 15] = struct.unpack(">64H" if wide == 2 else "64B", values)
        place += 1 + 64 * wide
    return tables


def in_rows(table: tuple[int, ...]) -> NDArray[np.int64]:
    """Bring a table from zigzag order into rows.

    Parameters
    ----------
    table : tuple of 64 int

    Returns
    -------
    ndarray of int64, shape (8, 8)
        Vertical frequencies downwards.
    """
    return np.array(table, np.int64)[list(_PLACES)].reshape(8, 8)


@cache
def scaled_table(quality: int) -> tuple[int, ...]:
    """Return the luma table of a quality, 1 to 100, as libjpeg scales it (jcparam.c), in zigzag."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(max((value * scale + 50) // 100, 1), 255) for value in _LUMA)


def estimated_quality(data: bytes) -> int | None:
    """Estimate the quality of a JPEG on the scale of libjpeg, 1 to 100.

    It is the one whose table of luma lies nearest: the mean difference of the logarithms is least.
    For a file of libjpeg's it is exact; programs with tables of their own (Photoshop, cameras) get
    the one that quantises as coarsely.

    Parameters
    ----------
    data : bytes
        Of the file.

    Returns
    -------
    int or None
        None if it has no table.
    """
    table = luma_table(data)
    if table is None or min(table) < 1:
        return None
    differences = np.abs(_log_tables() - np.log(table)).sum(axis=1)
    # of equal ones the highest: all tables of 1 are quality 100
    return 100 - int(differences[::-1].argmin())


@cache
def _log_tables() -> NDArray[np.float64]:
    """Logarithms of the tables of all qualities, float64[100, 64]."""
    logs: NDArray[np.float64] = np.log([scaled_table(quality) for quality in range(1, 101)])
    return logs
