"""What fuzzing found (benchmarks/fault_fuzz.py, faults.py), each as a few lines."""

from __future__ import annotations

import io
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from imgsim.decode.damage import hidden_fault
from imgsim.read.discover import DiscoverOptions, discover
from imgsim.read.manifests.reading import read_manifest


@pytest.mark.parametrize("tag", [256, 257])  # width, height
def test_a_later_page_of_a_tiff_may_have_no_size(tag: int) -> None:
    stream = io.BytesIO()
    pages = np.arange(2 * 64 * 64, dtype=np.uint8).reshape(2, 64, 64)
    tifffile.imwrite(stream, pages, tile=(16, 16), compression="zlib", photometric="minisblack")
    data = bytearray(stream.getvalue())
    place = data.rindex(struct.pack("<HHI", tag, 4, 1)) + 8
    data[place : place + 4] = bytes(4)
    assert hidden_fault(bytes(data), 1 << 22) == ""


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_half_a_surrogate_pair_in_a_list_names_a_file_that_is_not_there(
    name: str, tmp_path: Path
) -> None:
    listed = {"path": "\ud800.jpg", "label": "\udfff"}
    coco = {"images": [{"id": 1, "file_name": "\ud800.jpg"}], "annotations": [], "categories": []}
    (tmp_path / name).write_text(json.dumps(listed if name == "a.jsonl" else coco))
    manifest = read_manifest(tmp_path / name)
    for texts in (manifest.paths, *manifest.columns.values()):
        assert all(os.fsencode(text) for text in texts if text)
    found = discover([], DiscoverOptions(manifests=[str(tmp_path / name)]))
    assert [os.path.basename(one.path) for one in found.skipped] == ["\ufffd.jpg"]
