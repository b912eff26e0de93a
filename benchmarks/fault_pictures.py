"""Damaged pictures: whole files of every format that can be written here, and what reads them."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import struct
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fault_bytes import mutant
from fault_children import Lost, in_children
from PIL import Image
from record import run_program

from imgsim.decode.damage import hidden_fault
from imgsim.decode.decoder import Decoder
from imgsim.decode.metadata import read_metadata
from imgsim.decode.samples import take_sample_digest
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeError, DecodeMode, InputSpec, NeedsMemory
from imgsim.pictures.dng import write_dng
from imgsim.pictures.generate import landscape

WIDTH, HEIGHT = 240, 180
MEMORY = 400 << 20
"""`--max-memory`, in bytes."""

PROGRAM = 120 << 20
"""Bytes that each process takes beside what it decodes: modules, and working memory of hashes."""

_JOBS = 2
_LARGE = ("JPEG", "JPEG, progressive", "PNG", "PNG, 16 bits", "TIFF, LZW", "GIF", "WebP")
_LARGE_SIZE = (4400, 3300)
"""Of pictures that take some tenths of `MEMORY` each, or more than it."""


def _saved(form: str, **options: Any) -> Callable[[Any], bytes]:
    def save(picture: Any) -> bytes:
        stream = io.BytesIO()
        picture.save(stream, form, **options)
        return stream.getvalue()

    return save


def _in(mode: str, save: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    return lambda picture: save(picture.convert(mode))


def _frames(picture: Any) -> list[Any]:
    return [picture.rotate(angle) for angle in (3, 6)]


def _animated(form: str, **options: Any) -> Callable[[Any], bytes]:
    return lambda picture: _saved(
        form, save_all=True, append_images=_frames(picture), **options
    )(picture)  # fmt: skip


def _png16(picture: Any) -> bytes:
    samples = np.asarray(picture)[..., ::-1].astype(np.uint16) * 257 + 5
    return bytes(cv2.imencode(".png", samples)[1])


def _interlaced_png(picture: Any) -> bytes:
    samples = np.asarray(picture)
    rows = b""
    for x, y, right, down in (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):  # fmt: skip
        rows += b"".join(b"\0" + row.tobytes() for row in samples[y::down, x::right])
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 1)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def _psd(picture: Any) -> bytes:
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, picture.height, picture.width, 8, 3)
    planes = np.moveaxis(np.asarray(picture), -1, 0).tobytes()
    return head + bytes(12) + b"\0\0" + planes


def _tiff(**options: Any) -> Callable[[Any], bytes]:
    def save(picture: Any) -> bytes:
        import tifffile

        stream = io.BytesIO()
        samples = np.asarray(picture)
        if options.get("deep"):
            samples = samples.astype(np.uint16) * 257 + 5
        more = {name: value for name, value in options.items() if name != "deep"}
        tifffile.imwrite(stream, samples, photometric="rgb", **more)
        return stream.getvalue()

    return save


def _heic(picture: Any) -> bytes:
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_pillow(picture).save(stream, quality=80)
    return stream.getvalue()


def _jxl(picture: Any) -> bytes:
    import pillow_jxl  # noqa: F401  # it registers the format

    return _saved("JXL", quality=85)(picture)


def _exif() -> Any:
    exif = Image.Exif()
    exif.update({0x010F: "Canon", 0x0112: 6})
    exif.get_ifd(0x8769).update({0x9003: "2020:05:17 12:30:45", 0x829A: 0.004})
    return exif


def _alpha(picture: Any) -> Any:
    with_alpha = picture.convert("RGBA")
    with_alpha.putalpha(picture.convert("L").point(lambda level: 255 - level // 4))
    return with_alpha


FORMATS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "JPEG": ("jpg", _saved("JPEG", quality=85, exif=_exif())),
    "JPEG, progressive": ("jpg", _saved("JPEG", quality=85, progressive=True)),
    "JPEG, restarts": ("jpg", _saved("JPEG", quality=85, restart_marker_rows=1)),
    "JPEG, CMYK": ("jpg", _in("CMYK", _saved("JPEG", quality=85))),
    "JPEG, grey": ("jpg", _in("L", _saved("JPEG", quality=85))),
    "MPO": ("mpo", _animated("MPO", quality=85)),
    "PNG": ("png", _saved("PNG", exif=_exif())),
    "PNG, 16 bits": ("png", _png16),
    "PNG, palette": ("png", lambda picture: _saved("PNG")(picture.quantize(64))),
    "PNG, alpha": ("png", lambda picture: _saved("PNG")(_alpha(picture))),
    "PNG, interlaced": ("png", _interlaced_png),
    "PNG, animated": ("png", _animated("PNG", duration=100)),
    "GIF": ("gif", _saved("GIF")),
    "GIF, animated": ("gif", _animated("GIF", duration=100)),
    "WebP": ("webp", _saved("WEBP", quality=80)),
    "WebP, lossless": ("webp", _saved("WEBP", lossless=True)),
    "WebP, animated": ("webp", _animated("WEBP", duration=100)),
    "BMP": ("bmp", _saved("BMP")),
    "TIFF": ("tif", _saved("TIFF")),
    "TIFF, deflate": ("tif", _saved("TIFF", compression="tiff_adobe_deflate")),
    "TIFF, LZW": ("tif", _saved("TIFF", compression="tiff_lzw")),
    "TIFF, JPEG": ("tif", _saved("TIFF", compression="jpeg")),
    "TIFF, packbits": ("tif", _saved("TIFF", compression="packbits")),
    "TIFF, tiles": ("tif", _tiff(tile=(64, 64), compression="zlib")),
    "TIFF, 16 bits": ("tif", _tiff(deep=True)),
    "TIFF, 16 bits, LZW": ("tif", _tiff(deep=True, compression="lzw")),
    "HEIC": ("heic", _heic),
    "AVIF": ("avif", _saved("AVIF", quality=70)),
    "JPEG 2000": ("jp2", _saved("JPEG2000", quality_layers=[20])),
    "JPEG 2000, codestream": ("j2k", _saved("JPEG2000", no_jp2=True)),
    "JPEG XL": ("jxl", _jxl),
    "ICO": ("ico", _saved("ICO", sizes=[(128, 96)])),
    "PPM": ("ppm", _saved("PPM")),
    "PGM": ("pgm", _in("L", _saved("PPM"))),
    "TGA": ("tga", _saved("TGA", compression="tga_rle")),
    "PCX": ("pcx", _saved("PCX")),
    "SGI": ("sgi", _saved("SGI")),
    "PSD": ("psd", _psd),
    "QOI": ("qoi", _saved("QOI")),
    "DNG": ("dng", lambda picture: write_dng(np.asarray(picture.convert("I;16")) * 257)),
}
"""How whole files are written, by the name of the kind, with the ending of their names."""


@cache
def _ready() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    silence = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    silence(0)
    warnings.simplefilter("ignore")


def written(kind: str, seed: int, width: int = WIDTH, height: int = HEIGHT) -> bytes | None:
    """Return a whole file of a kind; None where what writes it is not installed."""
    _ready()
    picture = Image.fromarray(landscape(seed, width, height))
    try:
        return FORMATS[kind][1](picture)
    except (ImportError, KeyError, ValueError):  # as Pillow and tifffile say it
        return None


def refused(data: bytes, ending: str) -> bool:
    """Whether another decoder, used plainly, reports an error in a file.

    Of the second picture of an MPO it is not asked: Pillow also refuses files whose list of
    pictures is older than the file, which are whole. A file with one is never removable as a near
    copy.
    """
    if ending == "dng":
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            several = ending not in ("mpo", "psd")
            for frame in range(getattr(image, "n_frames", 1) if several else 1):
                if frame:
                    image.seek(frame)
                image.load()
    except Exception:
        return True
    if ending not in ("jpg", "png", "bmp", "webp", "ppm", "pgm"):
        return False
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) is None


def write_large(folder: Path, seed: int) -> dict[str, tuple[str, str]]:
    """Write large pictures, two of which are not decoded at a time, and a mutant of each.

    Returns
    -------
    dict of str to (kind, way)
        See `write_batch`.
    """
    batch: dict[str, tuple[str, str]] = {}
    for i, kind in enumerate(_LARGE):
        number = 900 + i
        small = Image.fromarray(landscape(10_000 + 1000 * seed + number, 400, 300))
        data = FORMATS[kind][1](small.resize(_LARGE_SIZE))
        way, changed = mutant(data, f"large {seed}/{i}")
        name = f"{number} {kind}.{FORMATS[kind][0]}"
        for path, content, moment in ((name, data, 1e9), (f"a {name}", changed, 0.9e9)):
            (folder / path).write_bytes(content)
            os.utime(folder / path, (moment, moment))
        batch[name] = kind, way
    return batch


# In this process -------------------------------------------------------------------------------

_WANTS = (InputSpec(32, 32, "grey"), InputSpec(0, 0, "grey", at_most=256), InputSpec(64, 64, "rgb"))


def read_all(data: bytes) -> list[str]:
    """Do with a file all that a run does with one alone; return what was raised and may not be."""
    decoder = Decoder(DecodeMode.REDUCED, max_memory=MEMORY)
    stages: dict[str, Callable[[], object]] = {
        "decoding": lambda: decoder(data, _WANTS),
        "in full": lambda: Decoder(DecodeMode.FULL, max_memory=MEMORY)(data, _WANTS[:1]),
        "durations": lambda: decoder.durations(data),
        "frames": lambda: list(decoder.frames(data, [0], _WANTS[:1])),
        "samples": lambda: take_sample_digest(data, decoder),
        "damage": lambda: hidden_fault(data, DEFAULT_MAX_PIXELS),
        "metadata": lambda: read_metadata(data),
    }
    raised = []
    for name, stage in stages.items():
        try:
            stage()
        except (DecodeError, NeedsMemory):
            if name == "decoding":  # a run does nothing more with what it skips
                return raised
        except MemoryError:
            pass
        except Exception as error:
            raised.append(f"{name}: {type(error).__name__}: {error}"[:300])
    return raised


@dataclass
class Counts:
    """What was tried and what came of it."""

    tried: Counter[str] = field(default_factory=Counter)
    found: dict[str, list[str]] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    peak_bytes: int = 0

    def find(self, kind: str, what: str) -> None:
        """Add a finding, with how to repeat it."""
        self.found.setdefault(kind, []).append(what)
        print(f"FOUND {kind}: {what}", flush=True)


def case_of(kind: str, number: int, seed: int, picture: int = 7000) -> tuple[str, bytes] | None:
    """Return the way and the bytes of one mutant; None where the kind cannot be written."""
    data = whole(kind, picture)
    return None if data is None else mutant(data, f"{seed}/{kind}/{number}")


@cache
def whole(kind: str, picture: int) -> bytes | None:
    """Return a file as `written` does, each time the same: some libtiff write other bytes."""
    return written(kind, picture)


def decode_mutants(
    counts: Counts, numbers: Sequence[int], seed: int, kinds: Sequence[str] = tuple(FORMATS)
) -> None:
    """Decode mutants of each kind in children, with all that reads a single file."""
    for kind in kinds:
        if whole(kind, 7000) is None:
            counts.noted[f"not written here: {kind}"] += 1
            continue
        items = [(kind, number) for number in numbers]

        def work(item: tuple[str, int]) -> list[str]:
            case = case_of(*item, seed)
            return read_all(case[1]) if case else []

        outcomes = in_children(work, items, seconds=90.0)
        for (_, number), outcome in zip(items, outcomes, strict=True):
            counts.tried[kind] += 1
            repeat = f"--repeat 'decode/{kind}/{number}/{seed}'"
            if isinstance(outcome, Lost):
                counts.lost[f"{kind}: {outcome.reason}"] += 1
                print(f"lost {outcome.reason} {repeat}", flush=True)
                continue
            for raised in outcome.result:
                counts.find("raised", f"{repeat}: {raised}")
            counts.peak_bytes = max(counts.peak_bytes, outcome.peak_bytes)


# By runs of the program ------------------------------------------------------------------------


def write_batch(
    folder: Path, seed: int, count: int, kinds: Sequence[str] = tuple(FORMATS)
) -> dict[str, tuple[str, str]]:
    """Write whole files and a mutant of each, all of different pictures, and a text.

    Returns
    -------
    dict of str to (kind, way)
        By the name of the whole file; that of its mutant has ``a`` before it.
    """
    chance = random.Random(f"batch {seed}")
    usable = [kind for kind in kinds if whole(kind, 7000) is not None]
    batch: dict[str, tuple[str, str]] = {}
    for i in range(count):
        kind = usable[i % len(usable)]
        data = written(kind, 10_000 + 1000 * seed + i)
        assert data is not None
        way, changed = mutant(data, f"batch {seed}/{i}")
        name = f"{i} {kind}.{FORMATS[kind][0]}"
        for path, content, time in ((name, data, 1e9), (f"a {name}", changed, 0.9e9)):
            (folder / path).write_bytes(content)
            os.utime(folder / path, (time, time + chance.randrange(3)))
        batch[name] = kind, way
    (folder / "note.txt").write_text("no picture")
    return batch


def find_dupes(folder: Path, jobs: int = _JOBS, *more: str) -> tuple[int, str, str, int]:
    """Run the program: exit code, output, what it said, and the peak memory of all processes."""
    command = [
        sys.executable, "-m", "imgsim", "find-dupes", str(folder), "--cache", "off", "--decisions",
        "off", "--format", "json", "--no-timing", "--max-memory", str(MEMORY), "--file-timeout",
        "20", "--strict", "-j", str(jobs), *more,
    ]  # fmt: skip
    done = run_program(command, limit=900)
    if done.code is None:
        return -1, "", "hung", 0
    return done.code, done.output, done.error, int(done.peak_mb * 1e6)


def judge_batch(
    counts: Counts,
    folder: Path,
    seed: int,
    count: int,
    kinds: Sequence[str] = tuple(FORMATS),
    *,
    large: bool = True,
) -> None:
    """Write a batch, large pictures in it, run find-dupes, and count what must not be."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    batch = write_batch(folder, seed, count, kinds)
    if large:
        batch |= write_large(folder, seed)
    repeat = f"--repeat 'batch/{seed}/{count}'"
    code, output, said, peak = find_dupes(folder)
    for kind, _ in batch.values():
        counts.tried[kind] += 1
    if code not in (0, 2) or "internal error" in said + output or "Traceback" in said:
        counts.find("crashes and hangs of the run", f"{repeat}: {code}: {said[-300:]}")
        return
    document = json.loads(output)
    files = sum(1 for path in folder.iterdir())
    accounted = document["images"] + len(document["skipped"]) + document["other_files"]
    if accounted + document["too_small"] != files:
        counts.find("files unaccounted for", f"{repeat}: {accounted} of {files}")
    if peak > MEMORY + (1 + _JOBS) * PROGRAM:
        counts.find("memory over the limit", f"{repeat}: {peak / 1e6:.0f} MB")
    counts.peak_bytes = max(counts.peak_bytes, peak)
    for one in document["skipped"]:
        if any(word in one["reason"] for word in ("crashed", "took", "more than", "nothing")):
            counts.lost[one["reason"]] += 1
        whole = os.path.basename(one["path"])
        if whole in batch and "needs" not in one["reason"]:  # more than --max-memory
            counts.find("whole files skipped", f"{repeat}: {whole}: {one['reason']}")
    damaged = {os.path.basename(one["path"]) for one in document["damaged"]}
    for name in damaged & batch.keys():
        counts.find("whole files called damaged", f"{repeat}: {name}")
    _judge_groups(counts, folder, batch, document, damaged, repeat)


def _judge_groups(
    counts: Counts,
    folder: Path,
    batch: dict[str, tuple[str, str]],
    document: dict[str, Any],
    damaged: set[str],
    repeat: str,
) -> None:
    for group in document["groups"]:
        members = {os.path.basename(m["path"]): m for m in group["members"]}
        sources = {name.removeprefix("a ").split(" ")[0] for name in members}
        kept = next(name for name, m in members.items() if m["kind"] == "kept")
        if len(sources) > 1:
            equal = all(m["kind"] in ("kept", "exact", "pixels") for m in members.values())
            if equal and not any(name in batch for name in members):
                # two that were spoilt so much that the same pixels are left
                counts.noted["mutants of two pictures with equal pixels"] += 1
            else:
                counts.find("matches of different pictures", f"{repeat}: {sorted(members)}")
        for name in members.keys() & batch.keys():
            if name == kept or members[name]["kind"] in ("exact", "pixels"):
                continue
            if members[name]["role"] is None or not kept.startswith("a "):
                continue
            kind, way = batch[name]
            if refused((folder / kept).read_bytes(), FORMATS[kind][0]) or kept in damaged:
                counts.find("whole files that lose", f"{repeat}: {name}: {way}")
            else:
                counts.noted[f"damage no decoder reports was kept: {kind}"] += 1
