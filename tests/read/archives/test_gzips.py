"""The reader of gzip gives what Python's own gives, wherever it is read."""

from __future__ import annotations

import gzip
import io
import random
import zlib

import pytest

from imgsim.read.archives import gzips

RANDOM = random.Random(8)
CONTENT = b"".join(RANDOM.randbytes(700) + bytes(RANDOM.randrange(4_000)) for _ in range(900))
PIECES = [CONTENT[i : i + 300_001] for i in range(0, len(CONTENT), 300_001)]
HALVES = [gzip.compress(part) for part in (CONTENT[:900_000], CONTENT[900_000:])]
STREAMS = {
    "one": gzip.compress(CONTENT),
    "several": b"".join(map(gzip.compress, PIECES)),
    "padded": HALVES[0] + bytes(70_000) + HALVES[1] + bytes(99),
    "not compressed": gzip.compress(CONTENT, 0),
}


@pytest.mark.parametrize("name", STREAMS)
def test_any_place_can_be_read(name, monkeypatch) -> None:
    monkeypatch.setattr(gzips, "_FIRST_SPACING", 40_000)
    monkeypatch.setattr(gzips, "_OUTPUT", 10_000)
    monkeypatch.setattr(gzips, "_MOST_POINTS", 8)
    stream = gzips.GzipFile(io.BytesIO(STREAMS[name]))
    assert stream.read() == CONTENT
    assert stream.read(5) == b""
    for _ in range(300):
        place, size = RANDOM.randrange(len(CONTENT) + 99), RANDOM.choice([1, 512, 30_000])
        stream.seek(place)
        assert stream.tell() == min(place, len(CONTENT))
        assert stream.read(size) == CONTENT[place : place + size]
        buffer = bytearray(100)
        read = stream.readinto(buffer)
        assert CONTENT[place + size :].startswith(bytes(buffer[:read]))


def test_going_back_unpacks_from_the_last_point_only() -> None:
    class Counted(io.BytesIO):
        bytes_read = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.bytes_read += len(data)
            return data

    data = random.Random(1).randbytes(60_000_000)
    stream = Counted(gzip.compress(data, 0))
    reader = gzips.GzipFile(stream)
    reader.seek(len(data))
    stream.bytes_read = 0
    reader.seek(50_000_000)
    assert reader.read(100) == data[50_000_000:50_000_100]
    assert stream.bytes_read < 2_000_000


@pytest.mark.parametrize("cut", [0, 5, 40, 5_000, -1, -5])
def test_what_lacks_its_end_or_is_damaged_raises(cut) -> None:
    with pytest.raises(EOFError):
        gzips.GzipFile(io.BytesIO(STREAMS["one"][:cut])).read()
    damaged = bytearray(STREAMS["one"])
    damaged[-6] ^= 1  # the check sum
    with pytest.raises(zlib.error):
        gzips.GzipFile(io.BytesIO(bytes(damaged))).read()
    with pytest.raises(zlib.error):
        gzips.GzipFile(io.BytesIO(b"no gzip at all")).read()


def test_a_bomb_is_unpacked_in_pieces() -> None:
    reader = gzips.GzipFile(io.BytesIO(gzip.compress(bytes(100_000_000))))
    assert reader.read(10) == bytes(10)
    assert reader.tell() == 10
    assert len(reader._output) <= 1 << 20
