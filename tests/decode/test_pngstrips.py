"""A PNG of 16 bits has the same samples, whether it is read as a whole or in strips."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsim.decode import deep, pngstrips
from imgsim.decode.decoder import Decoder
from imgsim.decode.deep import deep_image
from imgsim.decode.samples import sample_digest
from imgsim.decode.spec import DecodeError, InputSpec

WANTS = [InputSpec(32, 32, "grey"), InputSpec(0, 0, "ycbcr")]
KINDS = {2: 3, 4: 2, 6: 4}


def chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def png(kind: int, height: int, *more: bytes, width: int = 23, flat: bool = False) -> bytes:
    """Write a PNG whose rows have all five filters, with its data in several chunks."""
    rng = np.random.default_rng(height)
    line = 2 * KINDS[kind] * width
    filtered = rng.integers(0, 256, (height, line + 1), np.uint8)
    filtered[:, 1:] *= not flat
    filtered[:, 0] = np.arange(height) % 5
    data = zlib.compress(filtered.tobytes())
    parts = [data[i : i + 997] for i in range(0, len(data), 997)]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = b"".join(chunk(b"IDAT", part) for part in parts)
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), *more, body, chunk(b"IEND", b"")])


@pytest.fixture
def in_strips(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Read larger pictures than so many bytes in strips, and hold none of more than so many."""

    def set_limits(at_once: int, held: int) -> None:
        monkeypatch.setattr(deep, "_AT_ONCE_BYTES", at_once)
        monkeypatch.setattr(deep, "HELD_BYTES", held)
        monkeypatch.setattr(pngstrips, "_STRIP_BYTES", 1500)
        monkeypatch.setattr(pngstrips, "_FEED", 100)

    return set_limits


def outcome(data: bytes) -> object:
    try:
        return decoded(data)
    except DecodeError as error:
        return str(error)


def decoded(data: bytes) -> tuple[object, ...]:
    made = Decoder()(data, WANTS)
    facts = replace(made.facts, decode_bytes=0)
    return (facts, sample_digest(data, Decoder()), *(made.images[w].tobytes() for w in WANTS))


@pytest.mark.parametrize("held", [0, 10**9])
@pytest.mark.parametrize(
    ("kind", "more"),
    [(2, ()), (4, ()), (6, ()), (2, (chunk(b"tRNS", bytes(6)),)),
     (2, (chunk(b"gAMA", (30000).to_bytes(4, "big")),)), (2, (chunk(b"sBIT", b"\x0c\x0c\x0c"),))],
)  # fmt: skip
@pytest.mark.parametrize("flat", [False, True])
def test_strips_have_the_samples_of_the_whole(
    kind: int, more: tuple[bytes, ...], flat: bool, held: int, in_strips: Callable[[int, int], None]
) -> None:
    data = png(kind, 301, *more, flat=flat)
    image = deep_image(data)
    assert image is not None
    samples, expected = image.samples(), decoded(data)
    in_strips(0, held)
    assert image.streamed is (held == 0)
    np.testing.assert_array_equal(image.samples(), samples)
    assert decoded(data) == expected


def test_rows_may_overlap_and_begin_again(in_strips: Callable[[int, int], None]) -> None:
    image = deep_image(png(6, 200))
    assert image is not None
    samples = image.samples()
    in_strips(0, 0)
    rows = image.rows()
    for top, bottom in [(0, 1), (0, 50), (42, 58), (50, 51), (120, 200), (3, 9), (199, 200)]:
        np.testing.assert_array_equal(rows.rows(top, bottom), samples[top:bottom])


def test_what_is_cut_off_or_damaged_is_so_in_strips(in_strips: Callable[[int, int], None]) -> None:
    whole = png(2, 100)
    head, tail = whole[:33], chunk(b"IEND", b"")
    line = b"\0" + bytes(6 * 23)
    short = head + chunk(b"IDAT", zlib.compress(line * 99)) + tail
    no_filter = head + chunk(b"IDAT", zlib.compress(line * 99 + b"\7" + line[1:])) + tail
    no_data = head + chunk(b"IDAT", b"\x78\x9c\xff\xff\xff") + tail
    changed = whole[:100] + b"\0\0\0\0" + whole[104:]
    for data in (short, no_filter, no_data, changed):
        image = deep_image(data)
        assert image is not None
        with pytest.raises(DecodeError, match=r"PNG (cannot be decoded|is wrong)"):
            image.samples()
    before = [outcome(data) for data in (short, no_filter, no_data, changed)]
    for limits in ((0, 0), (0, 10**9)):
        in_strips(*limits)
        for data in (short, no_filter, no_data, changed):
            image = deep_image(data)
            assert image is not None
            with pytest.raises(DecodeError, match=r"PNG (cannot be decoded|is wrong)"):
                image.rows().rows(0, 100)
        assert [outcome(data) for data in (short, no_filter, no_data, changed)] == before
    more = head + chunk(b"IDAT", zlib.compress(line * 101)) + tail
    assert Decoder()(more, WANTS).facts.height == 100


def test_interlaced_and_turned_pngs_are_held(in_strips: Callable[[int, int], None]) -> None:
    in_strips(0, 0)
    tags = Image.Exif()
    tags[0x0112] = 6
    turned = deep_image(png(2, 40, chunk(b"eXIf", tags.tobytes()[6:])))
    assert turned is not None
    assert turned.orientation == 6
    assert turned.in_strips
    assert not turned.streamed
    interlaced = bytearray(png(2, 40))
    interlaced[28] = 1
    woven = deep_image(bytes(interlaced))
    assert woven is not None
    assert not woven.in_strips


def test_real_pngs_are_the_same_in_strips(
    shared: Callable[[str], Path], in_strips: Callable[[int, int], None]
) -> None:
    files = [p.read_bytes() for p in sorted(shared("pngsuite").rglob("*16.png"))]
    expected = {data: decoded(data) for data in files if deep_image(data)}
    assert len(expected) > 10
    in_strips(0, 0)
    assert {data: decoded(data) for data in expected} == expected
    assert any(deep_image(data).streamed for data in expected)  # type: ignore[union-attr]
