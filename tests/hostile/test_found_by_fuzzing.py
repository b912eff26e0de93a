"""What coverage-guided fuzzing found (benchmarks/fault_fuzz.py), each as a few lines."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tifffile

from imgsim.decode.damage import hidden_fault


@pytest.mark.parametrize("tag", [256, 257])  # width, height
def test_a_later_page_of_a_tiff_may_have_no_size(tag: int) -> None:
    stream = io.BytesIO()
    pages = np.arange(2 * 64 * 64, dtype=np.uint8).reshape(2, 64, 64)
    tifffile.imwrite(stream, pages, tile=(16, 16), compression="zlib", photometric="minisblack")
    data = bytearray(stream.getvalue())
    place = data.rindex(struct.pack("<HHI", tag, 4, 1)) + 8
    data[place : place + 4] = bytes(4)
    assert hidden_fault(bytes(data), 1 << 22) == ""
