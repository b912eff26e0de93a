"""Metadata of every format: blocks that Pillow wrote, and blocks that are broken."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin
from PIL.TiffImagePlugin import IFDRational

from imgsim.decode.decoder import Decoder
from imgsim.decode.metadata import Metadata, only_here, read_metadata
from imgsim.decode.metadata_fields import iso_time
from imgsim.decode.spec import DecodeMode, InputSpec
from imgsim.decode.xmp import read_xmp

XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
 xmlns:stRef="http://ns.adobe.com/xap/1.0/sType/ResourceRef#"
 xmp:Rating="5" xmpMM:DocumentID="xmp.did:1" xmpMM:InstanceID="xmp.iid:2">
<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>sky</rdf:li></rdf:Bag></dc:subject>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Ein Tag &amp; mehr</rdf:li></rdf:Alt></dc:title>
<xmpMM:DerivedFrom stRef:documentID="xmp.did:0" stRef:instanceID="xmp.iid:9"/>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""

IN_EXIF = Metadata(
    date_taken="2020-05-17T12:30:45.123+02:00", make="Canon", model="EOS R5", lens="RF24mm",
    software="1.2", taken_width=4000, taken_height=3000, rating=4, title="Oma", description="Oma",
    place=True, latitude=52.5, longitude=-13.25, has_exif=True,
)  # fmt: skip
IN_BOTH = replace(
    IN_EXIF, rating=5, title="Ein Tag & mehr", keywords=("sea", "sky"), document_id="xmp.did:1",
    instance_id="xmp.iid:2", derived_from=("xmp.did:0", "xmp.iid:9"),
)  # fmt: skip


def exif() -> Image.Exif:
    block = Image.Exif()
    block.update({0x010F: "Canon\0", 0x0110: "EOS R5", 0x0131: "1.2", 0x4746: 4, 0x010E: "Oma"})
    taken = block.get_ifd(0x8769)
    taken |= {0x9003: "2020:05:17 12:30:45", 0x9291: "123", 0x9011: "+02:00"}
    taken |= {0xA002: 4000, 0xA003: 3000, 0xA434: "RF24mm", 0xA431: "SERIAL-77"}
    place = block.get_ifd(0x8825)
    place |= {1: "N", 2: (52.0, 30.0, 0.0), 3: "W", 4: (13.0, 15.0, 0.0)}
    return block


def encoded(form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    Image.fromarray(noise).save(stream, form, **options)
    return stream.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def with_segments(*segments: bytes) -> bytes:
    data = encoded("JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def xmp_of(space: str, inner: str) -> bytes:
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    text = (
        f'<rdf:RDF {rdf}><rdf:Description rdf:about="" {space}>{inner}</rdf:Description></rdf:RDF>'
    )
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode())


def exif_of(first: dict[int, Any], taken: dict[int, Any]) -> bytes:
    block = Image.Exif()
    block.update(first)
    block.get_ifd(0x8769).update(taken)
    return segment(0xE1, block.tobytes())


def resources_of(number: int, content: bytes) -> bytes:
    head = b"8BIM" + struct.pack(">HHI", number, 0, len(content))
    return segment(0xED, b"Photoshop 3.0\0" + head + content)


MICROSOFT = """xmlns:MP="http://ns.microsoft.com/photo/1.2/"
 xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
 xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#\""""
REGIONS = """<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag><rdf:li>
<rdf:Description MPReg:PersonDisplayName="Rosa"/></rdf:li></rdf:Bag></MPRI:Regions>
</rdf:Description></MP:RegionInfo>"""
DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
SOUND = segment(0xE2, b"FPXR\0\2" + bytes(5000))


@pytest.mark.parametrize(
    ("segments", "named"),
    [
        ([xmp_of(MICROSOFT, REGIONS)], ["people"]),
        (
            [xmp_of(DC, "<dc:creator><rdf:Seq><rdf:li>Anna</rdf:li></rdf:Seq></dc:creator>")],
            ["author"],
        ),
        ([xmp_of(DC, "<dc:rights>Anna</dc:rights>")], ["copyright"]),
        ([exif_of({0x013B: "Anna", 0x8298: "Anna"}, {})], ["author", "copyright"]),
        ([exif_of({0x010E: "one\ntwo"}, {})], ["description"]),
        (
            [xmp_of(DC, "<dc:title>A</dc:title>"), exif_of({0x010E: "OLYMPUS DIGITAL CAMERA"}, {})],
            ["title"],
        ),
        (
            [xmp_of(DC, "<dc:title>A</dc:title><dc:description>B</dc:description>")],
            ["title", "description"],
        ),
        ([exif_of({0x013B: "  "}, {0x9286: b"ASCII\0\0\0      "})], []),
        ([exif_of({}, {0x9286: b"ASCII\0\0\0left eye"})], ["comment"]),
        ([exif_of({}, {0x9286: b"UNICODE\0" + "left eye".encode("utf-16-be")})], ["comment"]),
        ([resources_of(0x0404, b"\x1c\2\x50\0\4Anna")], ["author"]),
        ([resources_of(2000, bytes(26))], ["clipping_path"]),
        ([resources_of(1005, bytes(16))], []),
        ([segment(0xFE, b"negative 12")], ["comment"]),
        ([segment(0xFE, b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n")], []),
        ([SOUND], ["other_data"]),
        ([segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(5000))], []),
        ([segment(0xE4, b"short")], []),
    ],
)
def test_what_a_jpeg_holds_that_the_kept_one_lacks(segments: list[bytes], named: list[str]) -> None:
    plain, more = read_metadata(encoded("JPEG")), read_metadata(with_segments(*segments))
    assert list(only_here(plain, more)) == named
    assert only_here(more, plain) == only_here(more, more) == ()


def test_texts_of_programs_in_a_png() -> None:
    def png(**given: str) -> Metadata:
        texts = PngImagePlugin.PngInfo()
        for key, value in given.items():
            texts.add_text(key, value)
        return read_metadata(encoded("PNG", pnginfo=texts))

    plain = png(Software="any", **{"date:create": "2020-01-01"})
    one = png(parameters="a castle", Author="Anna", Comment="left eye")
    assert only_here(plain, one) == ("author", "comment", "program_text")
    assert only_here(one, png(parameters="a house")) == ("program_text",)


def test_a_tiff_that_lies_on_a_map() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[34735], tags.tagtype[34735] = (1, 1, 0, 1, 1024, 0, 1, 1), 3
    mapped = read_metadata(encoded("TIFF", tiffinfo=tags))
    assert only_here(read_metadata(encoded("TIFF")), mapped) == ("map_position",)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "HEIF", "AVIF"])
def test_exif_and_xmp_of_the_formats_that_pillow_writes(form: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    metadata = read_metadata(encoded(form, exif=exif(), xmp=XMP))
    jpeg = {"jpeg_quality": 75, "is_jfif": True} if form == "JPEG" else {}
    assert replace(metadata, compressed_twice=None) == replace(IN_BOTH, **jpeg)
    assert "SERIAL" not in repr(metadata)
    assert "52.5" not in repr(metadata)


def test_blocks_of_a_png() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    assert read_metadata(encoded("PNG", exif=exif(), pnginfo=texts)) == IN_BOTH
    # as ImageMagick writes it
    block = exif().tobytes()
    raw = PngImagePlugin.PngInfo()
    raw.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    raw.add_text("Software", "another")
    assert read_metadata(encoded("PNG", pnginfo=raw)) == IN_EXIF


def test_blocks_of_a_tiff_and_of_what_is_one_within() -> None:
    data = encoded("TIFF", tiffinfo={271: "Canon", 700: XMP})
    metadata = read_metadata(data)
    assert (metadata.make, metadata.title, metadata.keywords) == (
        "Canon", IN_BOTH.title, ("sea", "sky"),
    )  # fmt: skip
    assert metadata.taken_width == 0  # the width of the file says nothing of how it was taken
    block = exif().tobytes()[6:]
    assert read_metadata(block) == replace(IN_EXIF)


def test_blocks_of_a_gif_and_of_jpeg_2000() -> None:
    gif = encoded("GIF")
    head = 13 + (3 << ((gif[10] & 7) + 1))
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    packet = b"\x21\xff\x0bXMP DataXMP" + XMP + trailer
    assert read_metadata(gif[:head] + packet + gif[head:]).keywords == ("sea", "sky")
    boxes = encoded("JPEG2000")
    for uuid, content in (
        (b"JpgTiffExif->JP2", exif().tobytes()[6:]),
        (bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), XMP),
    ):
        boxes = (
            boxes[:12]
            + struct.pack(">I4s", 24 + len(content), b"uuid")
            + uuid
            + content
            + (boxes[12:])
        )
    assert read_metadata(boxes) == IN_BOTH


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def test_blocks_of_camera_raw_that_is_no_plain_tiff() -> None:
    block = exif().tobytes()[6:]
    olympus = b"IIRO" + block[4:] if block[:2] == b"II" else b"MMOR" + block[4:]
    assert read_metadata(olympus) == IN_EXIF
    head = b"FUJIFILMCCD-RAW 0201FF383501".ljust(84, b"\0")
    jpeg = encoded("JPEG", exif=exif())
    fuji = head + struct.pack(">II", 92, len(jpeg)) + jpeg
    assert read_metadata(fuji) == IN_EXIF
    minolta = b"\0MRM" + struct.pack(">I4sI", 8 + len(block), b"\0TTW", len(block)) + block
    assert read_metadata(minolta) == IN_EXIF
    # of a CR3 each directory is a TIFF of its own
    order = "<" if block[:2] == b"II" else ">"
    parts = [_box(b"CMT1", block)]
    for name, tag in ((b"CMT2", 0x9003), (b"CMT4", 1)):
        value = b"2021:02:03 04:05:06\0" if tag == 0x9003 else b"N\0"
        entry = struct.pack(order + "HHHI", 1, tag, 2, len(value))
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", 8 + 18)
        tiff = block[:4] + struct.pack(order + "I", 8) + entry + place + b"\0" * 4 + value
        parts.append(_box(name, tiff))
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + b"".join(parts)
    cr3 = _box(b"ftyp", b"crx \0\0\0\1crx isom") + _box(b"moov", _box(b"uuid", canon))
    assert read_metadata(cr3) == IN_EXIF
    without = canon.replace(parts[0], b"")
    cr3 = _box(b"ftyp", b"crx \0\0\0\1crx isom") + _box(b"moov", _box(b"uuid", without))
    assert read_metadata(cr3).date_taken == "2021-02-03T04:05:06"


def _iptc(*data_sets: tuple[int, bytes]) -> bytes:
    return b"".join(
        b"\x1c\2" + bytes([number]) + struct.pack(">H", len(value)) + value
        for number, value in data_sets
    )


def test_iptc_of_a_jpeg() -> None:
    block = _iptc((5, "Müller".encode("latin-1")), (25, b"one"), (25, b"two"), (55, b"19991231"))
    block += _iptc((60, b"235958+0100"))
    resource = (
        b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + b"\0" * (len(block) % 2)
    )
    content = b"Photoshop 3.0\0" + resource
    plain = encoded("JPEG")
    segment = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    metadata = read_metadata(plain[:2] + segment + plain[2:])
    assert metadata.title == "Müller"
    assert metadata.keywords == ("one", "two")
    assert metadata.date_taken == "1999-12-31T23:59:58+01:00"
    # a length that leads beyond the end ends the block, and what came before counts
    broken = segment.replace(b"19991231", b"19991231").replace(
        b"\x1c\2\x37\0\x08", b"\x1c\2\x37\x7f\x08"
    )
    metadata = read_metadata(plain[:2] + broken + plain[2:])
    assert (metadata.title, metadata.keywords, metadata.date_taken) == (
        "Müller", ("one", "two"), "",
    )  # fmt: skip


def test_a_place_that_was_not_known_is_none() -> None:
    block = exif()
    block.get_ifd(0x8825)[2] = (IFDRational(0, 0),) * 3
    metadata = read_metadata(encoded("JPEG", exif=block))
    assert (metadata.place, metadata.latitude, metadata.longitude) == (False, None, None)
    assert metadata.date_taken == IN_EXIF.date_taken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020:05:17 12:30:45", "2020-05-17T12:30:45"),
        ("2020-05-17T12:30:45.5Z", "2020-05-17T12:30:45.5Z"),
        ("2020-05-17T12:30+0200", "2020-05-17T12:30+02:00"),
        ("20200517", "2020-05-17"),
        ("0000:00:00 00:00:00", ""),
        ("2020:13:01 00:00:00", ""),
        ("    :  :     :  :  ", ""),
        ("yesterday", ""),
    ],
)
def test_times(text: str, expected: str) -> None:
    assert iso_time(text) == expected


def test_xmp_expands_no_entities_and_reads_no_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for declaration in (
        '<!DOCTYPE a [<!ENTITY e "boom">]>',
        f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret.as_uri()}">]>',
        '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY e "&x;&x;&x;&x;&x;&x;&x;&x;">]>',
    ):
        packet = declaration.encode() + XMP[XMP.index(b"<x:") :].replace(b"Ein", b"&e;")
        assert read_xmp(packet) == {}
    deep = b"<a>" * 100_000 + b"</a>" * 100_000
    assert read_xmp(deep) == {}
    # what was read before an error counts
    assert read_xmp(XMP[: XMP.index(b"<xmpMM:Derived")])["dc:subject"] == ("sea", "sky")
    for encoding in ("utf-16-le", "utf-16-be", "utf-16"):
        assert read_xmp(XMP.decode().encode(encoding))["dc:title"] == ("Ein Tag & mehr",)


def test_a_text_of_a_png_that_unpacks_to_too_much_is_cut() -> None:
    packed = zlib.compress(b" " * (64 << 20))
    content = b"XML:com.adobe.xmp\0\1\0\0\0" + packed
    chunk = struct.pack(">I4s", len(content), b"iTXt") + content
    chunk += struct.pack(">I", zlib.crc32(b"iTXt" + content))
    plain = encoded("PNG")
    assert read_metadata(plain[:33] + chunk + plain[33:]) == Metadata()


def test_boxes_that_promise_much_hold_up_nothing() -> None:
    """Each of these would take hours if what it promises were done."""
    kinds = b"\0" * 6 + _box(b"infe", b"\2\0\0\0\0\1\0\0Exif\0") + _box(b"free", b"") * 400_000
    no_sizes = struct.pack(">II", 0, 0xFFFF) + b"\xff" * 3_000_000
    for places in (no_sizes, b"\1\0\0\0\0\0\xff\xff" + b"\xff" * 3_000_000):
        meta = b"\0" * 4 + _box(b"iinf", kinds[:900_000]) + _box(b"iloc", places)
        heif = _box(b"ftyp", b"heic\0\0\0\0mif1") + _box(b"meta", meta)
        assert read_metadata(heif) == Metadata()
    meta = b"\0" * 4 + _box(b"iinf", kinds) + _box(b"iloc", b"\0" * 8)
    assert read_metadata(_box(b"ftyp", b"heic\0\0\0\0mif1") + _box(b"meta", meta)) == Metadata()
    nested = b""
    for _ in range(3000):  # image resources within EXIF within image resources
        inner = b"8BIM\4\x22\0\0" + struct.pack(">I", len(nested)) + nested
        nested = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 34377, 7, len(inner), 26, 0) + inner
    assert read_metadata(nested) == Metadata()


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "HEIF", "AVIF"])
def test_a_picture_is_read_whatever_is_wrong_with_its_exif(form: str) -> None:
    """libavif refuses an AVIF whose EXIF has no head."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    data = encoded(form, exif=exif(), xmp=XMP)
    head = data.index(b"MM\0*", 8)
    broken = data[:head] + b"XXXX" + data[head + 4 :]
    wanted = InputSpec(96, 64, "grey")
    decoded = [Decoder(DecodeMode.FULL)(one, (wanted,)) for one in (data, broken)]
    assert np.array_equal(decoded[0].images[wanted], decoded[1].images[wanted])
    metadata = read_metadata(broken)
    assert (metadata.make, metadata.date_taken, metadata.rating) == ("", "", 5)


def test_a_jpeg_is_read_whose_other_blocks_are_cut_off() -> None:
    """Pillow takes it for no image."""
    plain = encoded("JPEG")
    wanted = InputSpec(96, 64, "grey")
    read = Decoder(DecodeMode.FULL)
    expected = read(plain, (wanted,)).images[wanted]
    for marker, content in ((0xED, b"Photoshop 3.0\x008BIM\4\4"), (0xE0, b"JFIF")):
        segment = bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content
        data = plain[:2] + segment + plain[2:]
        with pytest.raises(OSError, match="cannot identify"):
            Image.open(io.BytesIO(data))
        assert np.array_equal(read(data, (wanted,)).images[wanted], expected)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "JPEG2000", "GIF"])
def test_no_damage_raises(form: str) -> None:
    """Every length and offset is among the bytes that are changed."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    extra = {"tiffinfo": {271: "Canon", 700: XMP}} if form == "TIFF" else {"exif": exif()}
    data = encoded(form, **extra, **({"xmp": XMP} if form in ("JPEG", "WEBP", "HEIF") else {}))
    random = np.random.default_rng(3)
    whole = np.frombuffer(data, np.uint8)
    for _ in range(300):
        broken = whole.copy()
        places = random.integers(0, min(len(broken), 4000), random.integers(1, 12))
        broken[places] = random.choice([0, 1, 127, 128, 255], len(places))
        assert isinstance(
            read_metadata(broken[: random.integers(1, len(broken))].tobytes()), Metadata
        )
    assert read_metadata(b"") == Metadata()


@pytest.mark.parametrize("quality", [1, 30, 75, 90, 97, 100])
def test_the_quality_of_a_file_of_libjpeg_is_told_exactly(quality: int) -> None:
    assert read_metadata(encoded("JPEG", quality=quality)).jpeg_quality == quality


def test_the_quality_of_other_tables_is_that_which_is_as_coarse() -> None:
    """An oracle: tables that are 1.5 times as coarse as those of quality 80 are near those of 70.

    libjpeg scales its tables by 40 % at quality 80, and by 60 % at 70.
    """
    with Image.open(io.BytesIO(encoded("JPEG", quality=80))) as image:
        tables = [[round(1.5 * value) for value in image.quantization[n]] for n in (0, 1)]
    quality = read_metadata(encoded("JPEG", qtables=tables)).jpeg_quality
    assert quality in (69, 70, 71)
