"""Damaged files: told from whole ones, and read as far as they go."""

from __future__ import annotations

import io
import re
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
import tifffile
from PIL import Image

from imgsim.decode.damage import hidden_fault
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import Decoded, DecodeError, InputSpec
from imgsim.decode.strict_jpeg import jpeg_damage
from imgsim.pictures.generate import landscape

WHOLE = InputSpec(0, 0, "grey", at_least=256)


def encoded(image: Image.Image, form: str, **settings: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **settings)
    return stream.getvalue()


def decode(data: bytes) -> Decoded:
    return Decoder()(data, [WHOLE])


@pytest.fixture(scope="module")
def picture(photo) -> Image.Image:
    return photo(3).resize((480, 360), Image.Resampling.BICUBIC)


def heif(image: Image.Image) -> bytes:
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=80)
    return stream.getvalue()


def tiff(image: Image.Image, **settings: object) -> bytes:
    """With its directory before the strips or tiles, so that it is not lost with the tail."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.asarray(image), photometric="rgb", **settings)
    return stream.getvalue()


FILES = {
    "jpeg": lambda image: encoded(image, "JPEG"),
    "progressive": lambda image: encoded(image, "JPEG", progressive=True),
    "png": lambda image: encoded(image, "PNG"),
    "gif": lambda image: encoded(image, "GIF", interlace=0),
    "interlaced gif": lambda image: encoded(image, "GIF", interlace=1),
    "bmp": lambda image: encoded(image, "BMP"),
    "webp": lambda image: encoded(image, "WEBP"),
    "avif": lambda image: encoded(image, "AVIF"),
    "heif": heif,
    "jpeg 2000": lambda image: encoded(image, "JPEG2000"),
    "tiff": lambda image: tiff(image, rowsperstrip=16),
    "deflated tiff": lambda image: tiff(image, rowsperstrip=16, compression="zlib"),
    "tiled tiff": lambda image: tiff(image, tile=(32, 32), compression="zlib"),
    "deep tiff": lambda image: tiff(np.asarray(image, np.uint16) * 257, rowsperstrip=16),
}
IN_PART = {"jpeg", "png", "gif", "bmp", "tiff", "deflated tiff", "tiled tiff", "deep tiff"}


@pytest.mark.parametrize("name", list(FILES))
def test_whole_files_are_whole_with_anything_behind_them(name: str, picture) -> None:
    data = FILES[name](picture)
    for more in (b"", b"\0" * 100, b"a diary " * 50):
        assert decode(data + more).facts.damage == ""
    assert hidden_fault(data, 10**6) == ""


@pytest.mark.parametrize("name", list(FILES))
def test_a_file_that_was_cut_off_is_never_whole(name: str, picture) -> None:
    """At least half of the rows: damaged, with these rows; else it is skipped."""
    data = FILES[name](picture)
    whole = decode(data).images[WHOLE]
    for share in (0.2, 0.5, 0.7, 0.95):
        try:
            decoded = decode(data[: int(share * len(data))])
        except DecodeError:
            assert share < 0.6 or name not in IN_PART
            continue
        facts = decoded.facts
        assert facts.damage
        assert (facts.width, facts.height) == (480, 360)
        _, top, _, bottom = facts.decoded_part
        assert bottom - top >= 0.5
        shown = decoded.images[WHOLE]
        if name in IN_PART:
            expected = whole[-len(shown) :] if top else whole[: len(shown)]
            assert np.abs(expected.astype(int) - shown).mean() < 1
            assert share < 0.9 or len(shown) > 0.8 * len(whole)


@pytest.mark.parametrize("name", sorted(IN_PART - {"bmp", "tiff", "deep tiff"}))
def test_one_wrong_byte_is_noticed(name: str, picture) -> None:
    """Not in every format: not at all in samples that are stored as they are."""
    data = bytearray(FILES[name](picture))
    noticed = 0
    for place in range(len(data) // 2, len(data) - 200, len(data) // 20):
        changed = bytearray(data)
        changed[place] ^= 0x55
        try:
            damage = decode(bytes(changed)).facts.damage
        except DecodeError:
            damage = "skipped"
        noticed += bool(damage or hidden_fault(bytes(changed), 10**6))
    assert noticed >= {"png": 9, "deflated tiff": 9, "tiled tiff": 9, "gif": 1, "jpeg": 3}[name]


@pytest.mark.parametrize("share", [0.55, 0.8])
def test_a_jpeg_with_an_end_marker_too_early(share: float, picture) -> None:
    data = FILES["jpeg"](picture)
    decoded = decode(data[: int(share * len(data))] + b"\xff\xd9")
    assert "premature end of data" in decoded.facts.damage
    assert 0.5 <= decoded.facts.decoded_part[3] <= share + 0.1
    assert int(decoded.images[WHOLE][-1].std()) > 0  # without the grey that libjpeg fills in
    with pytest.raises(DecodeError, match=r"damaged: \d+ % of its rows decode \(Corrupt JPEG"):
        decode(data[: len(data) // 4] + b"\xff\xd9")


def test_a_jpeg_with_a_hole(picture) -> None:
    data = bytearray(FILES["jpeg"](picture))
    del data[len(data) // 2 : len(data) // 2 + 1000]
    assert jpeg_damage(bytes(data)) is not None


def test_a_grey_decode_hides_no_damage(picture) -> None:
    whole = encoded(picture, "JPEG", quality=90)
    middle = len(whole) * 2 // 3
    holed = whole[:middle] + bytes(300) + whole[middle + 300 :]
    progressive = encoded(picture, "JPEG", progressive=True)
    grey, colour = InputSpec(0, 0, "grey"), InputSpec(0, 0, "rgb")
    for data, wants, strictly in (
        (whole, grey, True), (whole, colour, False), (holed, grey, False),
        (progressive, grey, False),
    ):  # fmt: skip
        decoded = Decoder()(data, [wants])
        assert decoded.facts.decoded_strictly == strictly
        if strictly:
            assert hidden_fault(data, 10**9) == ""
        if wants == grey:
            image = Image.open(io.BytesIO(data))
            image.draft("L", (image.width // 2, image.height // 2))
            np.testing.assert_array_equal(decoded.images[grey][..., 0], np.asarray(image))


def scans(data: bytes) -> list[int]:
    return [match.start() for match in re.finditer(b"\xff\xda", data)]


@pytest.mark.parametrize("marker", [b"\xff\xda", b"\xff\xc4", b"\xff\xd9"])
def test_what_a_scan_has_left_over_is_damage(marker: bytes, picture) -> None:
    """Its decoder had no need of it: what came before is not what was stored."""
    data = FILES["progressive"](picture)
    left_over = bytes(range(1, 200))
    place = data.index(marker, scans(data)[0] + 2)
    damage = jpeg_damage(data[:place] + left_over + data[place:])
    assert damage is not None
    assert f"extraneous bytes before marker 0x{marker[1]:02x}" in damage.reason


def test_whatever_libjpeg_warns_of_in_the_scans_is_damage(picture) -> None:
    data = FILES["progressive"](picture)
    rng = np.random.default_rng(5)
    said, unnoticed = [], 0
    for place in rng.integers(scans(data)[0] + 20, len(data) - 20, 40).tolist():
        spoilt = data[:place] + rng.bytes(100) + data[place:]
        try:
            Image.open(io.BytesIO(spoilt)).load()
            simplejpeg.decode_jpeg(spoilt, strict=True)
        except OSError:
            continue  # that is no warning
        except ValueError as warning:
            said.append(str(warning))
            unnoticed += jpeg_damage(spoilt) is None
    assert unnoticed == 0
    assert sum("extraneous" in one for one in said) >= 5


@pytest.mark.parametrize("oddity", ["revision", "Adobe", "range", "restart in header"])
def test_an_oddity_of_the_header_is_no_damage_and_hides_none(oddity: str, picture) -> None:
    """The first warning of libjpeg ends its decoding."""
    data = FILES["jpeg"](picture)
    scan = scans(data)[0]
    odd = {
        "revision": data[:11] + b"\7\7" + data[13:],
        "Adobe": data[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\7" + data[20:],
        "range": data[: scan + 11] + bytes(3) + data[scan + 14 :],
        "restart in header": data[:20] + b"\xff\xd0" + data[20:],
    }[oddity]
    assert jpeg_damage(odd) is None
    middle = len(odd) // 2
    assert jpeg_damage(odd[:middle] + odd[middle + 700 :]) is not None


def test_a_jpeg_whose_tail_was_lost_and_filled_with_zeros(picture) -> None:
    data = FILES["jpeg"](picture)
    facts = decode(data[: int(0.7 * len(data))] + bytes(int(0.3 * len(data)))).facts
    assert "no end" in facts.damage
    assert 0.5 <= facts.decoded_part[3] < 0.8


def test_zeros_that_decode_to_the_last_row_are_no_pixels() -> None:
    """However long the tail that was lost: zeros are values too, and may reach to the end."""
    for seed in range(20):
        image = Image.fromarray(landscape(seed, 320, 240))
        data = encoded(image, "JPEG", quality=90)
        kept = int(len(data) * (1 - (0.01, 0.06, 0.15, 0.4)[seed % 4]))
        for zeros in (len(data) - kept, 2 * len(data)):
            damage = jpeg_damage(data[:kept] + bytes(zeros))
            assert damage is not None, seed
            assert damage.reason == "the JPEG has no end"
        assert jpeg_damage(data[:-2] + bytes(300)) is None, seed  # all is there


def test_oddities_of_cameras_are_no_damage(picture) -> None:
    data = FILES["jpeg"](picture)
    tables = data.index(b"\xff\xdb")
    for odd in (
        data[:-2],  # no end
        data[:-2] + b"\0" * 7 + b"\xff\xd9",
        data[:tables] + b"\0\1\2" + data[tables:],
    ):
        assert jpeg_damage(odd) is None
        assert decode(odd).facts.damage == ""
        assert np.array_equal(decode(odd).images[WHOLE], decode(data).images[WHOLE])


def test_a_progressive_jpeg_without_its_last_scans(picture) -> None:
    data = FILES["progressive"](picture)
    last = data.rindex(b"\xff\xda")
    cut = data[:last] + b"\xff\xd9"
    damage = jpeg_damage(cut)
    assert damage is not None
    assert (damage.reason, damage.rows) == ("the last scans of the JPEG are missing", 1.0)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    "stored",
    [{}, {"rowsperstrip": 7}, {"tile": (64, 32)}, {"planarconfig": "separate"}],
    ids=["one strip", "strips", "tiles", "planes"],
)
def test_the_rows_of_a_cut_tiff_count(stored: dict[str, object], deep: bool, picture) -> None:
    samples = np.asarray(picture)
    if "planarconfig" in stored:
        samples = samples.transpose(2, 0, 1)
    data = tiff(samples.astype(np.uint16) * 257 if deep else samples, **stored)
    whole = decode(data).images[WHOLE]
    for share in (0.995, 0.9):
        decoded = decode(data[: int(share * len(data))])
        facts = decoded.facts
        assert "of its rows decode" in facts.damage
        assert (facts.width, facts.height) == (480, 360)
        lost = 3 * (1 - share) if "planarconfig" in stored else 1 - share
        assert abs(1 - lost - facts.decoded_part[3]) <= 34 / 360
        shown = decoded.images[WHOLE]
        assert np.array_equal(shown, whole[: len(shown)])
    with pytest.raises(DecodeError, match=r"damaged: \d+ % of its rows decode"):
        decode(
            data[: int(0.4 * len(data)) if "planarconfig" not in stored else int(0.7 * len(data))]
        )


def test_a_tiff_as_pillow_writes_it_is_not_skipped_for_its_last_rows(picture) -> None:
    data = encoded(picture, "TIFF")
    facts = decode(data[:-1000]).facts
    assert facts.damage.startswith("99 % of its rows decode")
    assert facts.decoded_part == pytest.approx((0, 0, 1, 359 / 360))


@pytest.mark.parametrize("stored", [{"rowsperstrip": 16}, {"tile": (32, 32)}, {}])
def test_a_deflated_tiff_with_a_stream_that_ends_too_early(stored, picture) -> None:
    data = bytearray(tiff(picture, compression="zlib", **stored))
    assert hidden_fault(bytes(data), 10**6) == ""
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        page = file.pages.first
        offset, length = page.dataoffsets[-1], page.databytecounts[-1]
    packed = bytes(data[offset : offset + length])
    samples = zlib.decompress(packed)
    endless = zlib.compressobj(9)
    for spoilt in (
        packed[: length // 2] + bytes(length - length // 2),
        zlib.compress(samples[: len(samples) * 2 // 3], 9),
        (endless.compress(samples[: len(samples) // 2]) + endless.flush(zlib.Z_SYNC_FLUSH)),
    ):
        assert len(spoilt) <= length
        data[offset : offset + length] = spoilt.ljust(length, b"\0")
        assert hidden_fault(bytes(data), 10**6) != ""


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_whole_deflated_tiffs_of_all_kinds_are_whole(mode: str, picture) -> None:
    image = picture.convert("L").convert(mode) if mode == "I;16" else picture.convert(mode)
    image = image.crop((0, 0, 477, 351))
    assert hidden_fault(encoded(image, "TIFF", compression="tiff_adobe_deflate"), 10**6) == ""


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, place = [], 8
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    made = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        body = name + content
        made += struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    return made


@pytest.mark.parametrize("exif", [False, True])
def test_asking_a_broken_png_for_its_exif_does_not_mend_it(exif: bool, picture) -> None:
    """Pillow gives what it has of it when it is loaded a second time."""
    tags = Image.Exif()
    tags[0x0112] = 6
    chunks = png_chunks(encoded(picture, "PNG", **({"exif": tags} if exif else {})))
    at = max(i for i, (name, _) in enumerate(chunks) if name == b"IDAT")
    content = bytearray(chunks[at][1])
    content[len(content) // 2] ^= 0xFF
    chunks[at] = b"IDAT", bytes(content)  # with a checksum that is right
    try:
        facts = decode(png(chunks)).facts
    except DecodeError:
        return
    assert facts.damage
    assert facts.width == (360 if exif else 480)


def test_the_rows_before_a_wrong_checksum_count(picture) -> None:
    raw = bytearray(png(png_chunks(encoded(picture, "PNG"))))
    data = [(n, c) for n, c in png_chunks(bytes(raw)) if n != b"IDAT"]
    stream = b"".join(c for n, c in png_chunks(bytes(raw)) if n == b"IDAT")
    parts = [(b"IDAT", stream[i : i + 8192]) for i in range(0, len(stream), 8192)]
    made = bytearray(png([data[0], *parts, data[-1]]))
    place = int(0.75 * len(made))
    made[place : place + 30] = bytes(30)
    facts = decode(bytes(made)).facts
    assert "a checksum of the PNG is wrong (IDAT)" in facts.damage
    assert 0.5 <= facts.decoded_part[3] < 0.9
    assert np.array_equal(
        decode(bytes(made)).images[WHOLE][:150], decode(bytes(raw)).images[WHOLE][:150]
    )


def test_a_checksum_of_metadata_does_not_count(picture) -> None:
    chunks = png_chunks(encoded(picture, "PNG"))
    made = bytearray(png([chunks[0], (b"tEXt", b"Title\0a fish"), *chunks[1:]]))
    made[made.index(b"a fish")] ^= 1
    assert decode(bytes(made)).facts.damage == ""


def test_an_interlaced_gif_is_shown_whole_but_damaged(picture) -> None:
    data = FILES["interlaced gif"](picture)
    facts = decode(data[: int(0.8 * len(data))]).facts
    assert facts.damage.startswith(tuple(f"{n} % of its rows decode" for n in range(50, 99)))
    assert facts.decoded_part == (0.0, 0.0, 1.0, 1.0)


def test_the_part_that_decodes_is_turned_upright(picture) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6  # stored with its left side up
    data = encoded(picture, "JPEG", exif=tags)
    decoded = decode(data[: int(0.7 * len(data))])
    left, top, right, bottom = decoded.facts.decoded_part
    assert (decoded.facts.width, decoded.facts.height) == (360, 480)
    assert (top, right, bottom) == (0.0, 1.0, 1.0)
    assert 0.2 < left < 0.5
    whole, shown = decode(data).images[WHOLE], decoded.images[WHOLE]
    assert np.abs(whole[:, -shown.shape[1] :].astype(int) - shown).mean() < 1


@pytest.mark.parametrize(("name", "kind"), [("heif", "HEIC"), ("avif", "AVIF")])
def test_boxes_that_cannot_be_read_are_damage_and_no_film(name: str, kind: str, picture) -> None:
    data = bytearray(FILES[name](picture))
    place = data.index(b"meta") + 4
    data[place : place + 120] = np.random.default_rng(1).bytes(120)
    with pytest.raises(DecodeError, match=f"^damaged or unsupported: .*{kind}") as error:
        decode(bytes(data))
    assert error.value.identified


def test_a_tiff_with_absurd_depths_is_damaged(picture) -> None:
    data = bytearray(tiff(np.asarray(picture)))
    place = data.index(struct.pack("<3H", 8, 8, 8))
    struct.pack_into("<3H", data, place, 8, 24591, 8)
    with pytest.raises(DecodeError, match=r"^damaged or unsupported: .* 24591 bits"):
        decode(bytes(data))


def test_damage_of_the_second_picture_of_an_mpo_is_found(picture) -> None:
    second = picture.rotate(5)
    data = encoded(picture, "MPO", save_all=True, append_images=[second], quality=85)
    place = data.index(b"\xff\xd8\xff", 1000)
    assert hidden_fault(data, 1 << 22) == ""
    assert hidden_fault(data[: place + (len(data) - place) // 2], 1 << 22).startswith(
        "picture 2 in"
    )
    spoilt = bytearray(data)
    spoilt[-2000:-1000] = bytes(1000)
    assert hidden_fault(bytes(spoilt), 1 << 22).startswith("picture 2 in it: ")
    assert hidden_fault(bytes(spoilt), 1000) == ""  # too large to be looked at
    # programs that write the first picture anew often leave the list of pictures as it was
    assert hidden_fault(data[:place], 1 << 22) == ""
    assert hidden_fault(data[:place] + b"no picture" * 500, 1 << 22) == ""


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "I;16"])
def test_a_png_with_rows_or_the_end_of_its_data_missing_is_damaged(mode: str, picture) -> None:
    """libpng refuses it; Pillow shows it, with black rows, and says nothing."""
    image = picture.convert("L").convert(mode) if mode == "I;16" else picture.convert(mode)
    whole = png_chunks(encoded(image.crop((0, 0, 477, 351)), "PNG"))
    packed = b"".join(content for name, content in whole if name == b"IDAT")
    rows = zlib.decompress(packed)
    others = [chunk for chunk in whole if chunk[0] not in (b"IDAT", b"IEND")]

    def holding(content: bytes) -> str:
        return hidden_fault(png([*others, (b"IDAT", content), (b"IEND", b"")]), 10**6)

    assert holding(packed) == ""
    assert holding(packed + b"more") == ""
    assert (
        holding(zlib.compress(rows[: len(rows) * 4 // 5]))
        == "the PNG holds fewer rows than it says"
    )
    assert holding(packed[:-4]) == "the data of the PNG have no end"
    assert holding(packed[:-4] + b"sums") == "a checksum of the PNG is wrong"
