"""Break blocks of EXIF, XMP and IPTC in files of seven formats, and read the files.

    python benchmarks/metadata_faults.py [--cases 7000] [--seed 0]

The container stays whole; what is broken is the block: bytes are changed, lengths and offsets are
set to extremes, it is cut off, doubled or shuffled. Neither reading the metadata nor decoding the
picture may raise. Result file metadata-faults.json; the times are those of the processor.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import sys
import time
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from record import machine, write

from imgsim.decode.decoder import Decoder
from imgsim.decode.metadata import Metadata, read_metadata
from imgsim.decode.spec import DecodeMode, InputSpec

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "HEIF", "AVIF", "GIF")
XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="52,31.5N" exif:GPSLongitude="13,2E"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" xmp:Rating="5"
 xmp:CreateDate="2020-05-17T12:30:45.1+02:00"><dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag>
</dc:subject><dc:creator><rdf:Seq><rdf:li>Anna</rdf:li></rdf:Seq></dc:creator>
<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>
<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Rosa</mwg-rs:Name></rdf:li></rdf:Bag>
</mwg-rs:RegionList></mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
EXTREMES = (b"\0\0", b"\xff\xff", b"\x7f\xff", b"\x80\0", b"\0\1", b"\1\0")


def exif_block() -> bytes:
    """A block with text, numbers, a place, and an empty maker's note.

    Encoders of HEIC and AVIF would move an orientation into the container.
    """
    exif = Image.Exif()
    exif.update({0x010F: "Canon", 0x0110: "EOS R5", 0x4746: 4, 0x9C9E: b"a\0;\0b\0"})
    exif.update({0x013B: "Anna", 0x8298: "Anna", 0x9C9C: b"c\0"})
    taken = exif.get_ifd(0x8769)
    taken.update({0x9003: "2020:05:17 12:30:45", 0x9291: "123", 0x9204: -1.0, 0x829A: 0.004})
    taken.update({0x8827: 100, 0xA002: 4000, 0xA003: 3000, 0x927C: bytes(40)})
    taken[0x9286] = b"UNICODE\0l\0e\0f\0t\0"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "W", 4: (13.0, 15.0, 0.0)})
    return exif.tobytes()


def iptc_block() -> bytes:
    """Photoshop's resources: an IPTC block of a title, keywords, a date, and a path."""
    sets = ((5, b"Day"), (25, b"sea"), (25, b"sky"), (55, b"20200517"), (60, b"123045+0200"))
    content = b"".join(b"\x1c\2" + bytes([n]) + struct.pack(">H", len(v)) + v for n, v in sets)
    path = b"8BIM\7\xd0\0\0" + struct.pack(">I", 26) + bytes(26)
    block = b"8BIM\4\4\0\0" + struct.pack(">I", len(content)) + content
    return block + b"\0" * (len(content) % 2) + path


BLOCKS: dict[str, bytes] = {"exif": exif_block(), "xmp": XMP, "iptc": iptc_block()}
IPTC_HOLDERS = ("JPEG", "PNG", "TIFF")


def broken(block: bytes, random: np.random.Generator) -> bytes:
    """A block with one or more kinds of damage."""
    data = bytearray(block)
    for _ in range(int(random.integers(1, 4))):
        place = int(random.integers(len(data)))
        kind = random.integers(6)
        if kind == 0:
            data[place] = int(random.integers(256))
        elif kind == 1:
            place -= place % 2
            data[place : place + 2] = EXTREMES[random.integers(len(EXTREMES))]
        elif kind == 2:
            place -= place % 2
            data[place : place + 4] = random.bytes(4)
        elif kind == 3:
            del data[max(1, place) :]
        elif kind == 4:
            other = int(random.integers(len(data)))
            data[place : place + 40] = data[other : other + 40]
        else:
            data[place:place] = data[: int(random.integers(1, 400))]
    return bytes(data)


def file_with(form: str, blocks: dict[str, bytes], image: Image.Image) -> bytes:
    """A whole file of a format that has these blocks, as far as it can hold them."""
    stream = io.BytesIO()
    if form == "TIFF":
        return _tiff_with(blocks, image)
    if form == "GIF":
        image.save(stream, form)
        packet = blocks["xmp"].replace(b"\0", b" ")  # which would end it, and break the container
        extension = b"\x21\xff\x0bXMP DataXMP" + packet + b"\1"
        extension += bytes(range(255, -1, -1)) + b"\0"
        data = stream.getvalue()
        head = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
        return data[:head] + extension + data[head:]
    if form == "PNG":
        image.save(stream, form)
        data = stream.getvalue()
        chunks = _chunk(b"eXIf", blocks["exif"].removeprefix(b"Exif\0\0"))
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + blocks["xmp"])
        profile = f"\niptc\n{len(blocks['iptc']):8}\n{blocks['iptc'].hex()}\n".encode()
        chunks += _chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile))
        return data[:33] + chunks + data[33:]
    if form == "JPEG":
        image.save(stream, form)
        data = stream.getvalue()
        segments = _segment(0xE1, b"Exif\0\0" + blocks["exif"].removeprefix(b"Exif\0\0"))
        segments += _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + blocks["xmp"])
        segments += _segment(0xED, b"Photoshop 3.0\0" + blocks["iptc"])
        return data[:2] + segments + data[2:]
    if form in ("HEIF", "AVIF"):
        import pillow_heif

        pillow_heif.register_heif_opener()
        image.save(stream, form, exif=BLOCKS["exif"], xmp=BLOCKS["xmp"])
        data = stream.getvalue()
        for name in ("exif", "xmp"):  # the encoders read the block: it is broken in the file
            whole = BLOCKS[name].removeprefix(b"Exif\0\0")
            if whole not in data:
                raise ValueError(f"{form} has no whole block of {name}")
            other = blocks[name].removeprefix(b"Exif\0\0")[: len(whole)]
            data = data.replace(whole, other.ljust(len(whole), b"\0"))
        return data
    image.save(stream, form, exif=blocks["exif"], xmp=blocks["xmp"])
    return stream.getvalue()


def _chunk(name: bytes, content: bytes) -> bytes:
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def _tiff_with(blocks: dict[str, bytes], image: Image.Image) -> bytes:
    """A TIFF in which the directory of the exposure is broken as much as its block is."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tags = ImageFileDirectory_v2()
    for name, tag in (("xmp", 700), ("iptc", 34377)):
        tags[tag] = blocks[name]
        tags.tagtype[tag] = 7
    exif = Image.Exif()
    exif.load(BLOCKS["exif"])
    tags[0x010F] = "Canon"
    tags[0x8769] = dict(exif.get_ifd(0x8769))
    stream = io.BytesIO()
    image.save(stream, "TIFF", tiffinfo=tags)
    data = bytearray(stream.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    places = range(first + 2, first + 2 + 12 * count, 12)
    pointer = next(at for at in places if data[at : at + 2] == b"\x69\x87")
    (place,) = struct.unpack_from("<I", data, pointer + 8)
    (own,) = struct.unpack_from("<H", data, place)
    whole, other = BLOCKS["exif"], blocks["exif"].ljust(len(BLOCKS["exif"]), b"\0")
    for i in range(min(len(whole), 2 + 12 * own)):
        data[place + i] ^= whole[-i - 1] ^ other[-i - 1]
    return bytes(data)


def run(cases: int, seed: int) -> dict[str, Any]:
    """Read so many files; what failed, and the longest times."""
    random = np.random.default_rng(seed)
    image = Image.fromarray(random.integers(0, 256, (48, 64, 3), np.uint8))
    wanted = InputSpec(32, 32, "grey")
    decoder = Decoder(DecodeMode.REDUCED)
    tasks: dict[str, Callable[[bytes], Any]] = {
        "metadata": lambda data: read_metadata(data, history=False),
        "decode": lambda data: decoder(data, (wanted,)),
    }
    failed: list[dict[str, Any]] = []
    longest = dict.fromkeys(tasks, 0.0)
    kept = dict.fromkeys(FORMATS, 0)
    made = dict.fromkeys(FORMATS, 0)
    for case in range(cases):
        form = FORMATS[case % len(FORMATS)]
        names = [n for n in BLOCKS if n != "iptc" or form in IPTC_HOLDERS]
        names = ["xmp"] if form == "GIF" else names
        hit = names[random.integers(len(names))]
        blocks = BLOCKS | {hit: broken(BLOCKS[hit], random)}
        data = file_with(form, blocks, image)
        made[form] += 1
        for task, read in tasks.items():
            start = time.process_time()
            try:
                result = read(data)
                if task == "metadata":
                    kept[form] += result != Metadata(jpeg_quality=result.jpeg_quality)
            except Exception as error:  # that it raises at all is what is looked for
                failed.append({"case": case, "format": form, "block": hit, "task": task,
                               "error": repr(error)})  # fmt: skip
            longest[task] = max(longest[task], time.process_time() - start)
    return {
        "seed": seed,
        "cases": made,
        "said_something": kept,
        "failed": failed,
        "longest_ms": {task: round(1000 * seconds, 1) for task, seconds in longest.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=7000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    command = "python benchmarks/metadata_faults.py " + " ".join(sys.argv[1:])
    document = machine(command.strip(), "pillow", "pillow_heif") | run(given.cases, given.seed)
    print(json.dumps(document, indent=1))
    print(write("metadata-faults", document))


if __name__ == "__main__":
    main()
