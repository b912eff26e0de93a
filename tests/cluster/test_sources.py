"""Executors read what is no file: objects of a store, and pictures in a column of a table."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from imgsim.pictures.generate import landscape
from tests.cluster import needs_engines, python
from tests.stores import played_s3

pytestmark = needs_engines


def _jpeg(seed: int, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(landscape(seed, 320, 240)).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with two pictures, played by moto."""
    fsspec = pytest.importorskip("fsspec", reason="needs s3fs (imgsim[remote])")
    with played_s3(monkeypatch) as endpoint:
        objects = fsspec.filesystem("s3", endpoint_url=endpoint)
        objects.makedirs("photos", exist_ok=True)
        for name, seed in {"1.jpg": 1, "2.jpg": 2}.items():
            objects.pipe_file(f"photos/x/{name}", _jpeg(seed))
        yield "s3://photos/x"


@pytest.mark.filterwarnings("ignore")  # of botocore and aiohttp
def test_objects_and_columns_are_read_by_every_executor(store: str, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"image": pa.array([_jpeg(1, 70), _jpeg(3), _jpeg(3, 60)], pa.binary())})
    pq.write_table(table, tmp_path / "table.parquet", row_group_size=2)
    told = {}
    for executor in ("processes", "daft", "ray"):
        done = python(
            "-m", "imgsim", "find-dupes", store, str(tmp_path / "table.parquet"), "--archives",
            "--executor", executor, "-j", "2", "--cache", "off", "-f", "json", "--no-timing",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told[executor] = done.stdout
    assert told["daft"] == told["processes"]
    assert told["ray"] == told["processes"]
    groups = json.loads(told["ray"])["groups"]
    found = [[m["path"].removeprefix(str(tmp_path)) for m in g["members"]] for g in groups]
    assert sorted(map(sorted, found)) == [
        ["/table.parquet!/0", "s3://photos/x/1.jpg"],
        ["/table.parquet!/1", "/table.parquet!/2"],
    ]
