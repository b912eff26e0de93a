"""Peak memory of decoding pictures made to fill it, and what was told before from their headers.

    python benchmarks/memory_limits.py DIR [--before SRC]

DIR is where the pictures are made (and used again). SRC is the `src` folder of another checkout,
which is measured beside. Every figure is of a fresh process, above what it took before; Linux only.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from record import machine, write

CHILD = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from imgsim.comparators.local import LocalFeatures
from imgsim.decode.decoder import Decoder
from imgsim.decode.samples import sample_digest
from imgsim.decode.spec import DecodeError, InputSpec

def memory(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def decode(data, step):
    if step == "samples":
        # of other versions the limit of pixels alone
        limits = Decoder() if hasattr(Decoder, "check_memory") else 250_000_000
        sample_digest(data, limits)
        return ""
    wants = {"phash": InputSpec(64, 64, "grey"), "auto": LocalFeatures().wants}[step]
    try:
        Decoder()(data, [wants])
    except DecodeError as error:
        return str(error)
    return ""

small, large, step = sys.argv[1:]
decode(open(small, "rb").read(), step)  # what is loaded once does not count
before = memory("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
started = time.process_time()
reason = decode(open(large, "rb").read(), step)
seconds = time.process_time() - started
told = 0
try:
    from imgsim.decode.memory import full_bytes
    from imgsim.decode.source import open_source, pixel_limit
    peak = memory("VmHWM") - before
    with pixel_limit(250_000_000):
        told = full_bytes(open_source(open(large, "rb").read()))
except ImportError:
    peak = memory("VmHWM") - before
print(json.dumps({"peak_mb": round(peak / 1e6), "told_mb": round(told / 1e6),
                  "processor_seconds": round(seconds, 1), "skipped": reason}))
"""


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def deep_png(side: int) -> bytes:
    """Eight diagonal squares on bands of one colour, 16 bits RGBA."""
    deflated = zlib.compressobj(9)
    parts = []
    for y in range(side):
        band = 8 * y // side
        row = np.zeros((side, 4), ">u2")
        row[:] = band * 8000, 30000, 65535 - band * 7000, 65535
        row[band * side // 8 : (band + 1) * side // 8] = 65535, 0, 0, 65535
        parts.append(deflated.compress(b"\0" + row.tobytes()))
    data = b"".join([*parts, deflated.flush()])
    head = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def colours(width: int, height: int) -> Image.Image:
    """Coarse patches."""
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.NEAREST)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def gif(side: int) -> bytes:
    first = colours(side, side)
    return encoded(first, "GIF", save_all=True, append_images=[first.rotate(90)] * 2, duration=50)


def heic(side: int) -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return encoded(colours(side, side), "HEIF", quality=50)


def bombs() -> Iterator[tuple[str, Callable[[], bytes], Callable[[], bytes]]]:
    """Yield a name, and how the picture and a small one of its kind are made."""

    def kind(name: str, width: int, height: int, form: str, **options: Any) -> Any:
        return (
            name,
            lambda: encoded(colours(width, height), form, **options),
            lambda: encoded(colours(90, 60), form, **options),
        )

    yield "16-bit RGBA PNG, 15800 x 15800", lambda: deep_png(15800), lambda: deep_png(64)
    yield kind("PNG, 15800 x 15800", 15800, 15800, "PNG", compress_level=1)
    yield kind("progressive JPEG, 30000 x 8000", 30000, 8000, "JPEG", progressive=True)
    yield kind(
        "progressive JPEG 4:4:4, 30000 x 8000", 30000, 8000, "JPEG", progressive=True, subsampling=0
    )
    yield "GIF of three frames, 9000 x 9000", lambda: gif(9000), lambda: gif(60)
    strip = {"compression": "tiff_adobe_deflate"}
    yield (
        "TIFF of one strip, 15000 x 10000",
        lambda: encoded(colours(15000, 10000), "TIFF", **strip, tiffinfo={278: 10000}),
        lambda: encoded(colours(90, 60), "TIFF", **strip),
    )
    yield kind("WebP, 15800 x 15800", 15800, 15800, "WEBP", lossless=True, quality=0, method=0)
    yield kind("AVIF, 9000 x 9000", 9000, 9000, "AVIF", speed=10, quality=40)
    yield kind("JPEG 2000, 9000 x 9000", 9000, 9000, "JPEG2000")
    yield "HEIC, 6000 x 6000", lambda: heic(6000), lambda: heic(64)


def measure(source: str, small: Path, large: Path) -> dict[str, Any]:
    measured = {}
    for step in ("phash", "auto", "samples"):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(small), str(large), step],
            env=os.environ | {"PYTHONPATH": source},
            capture_output=True,
            text=True,
            check=False,
        )
        measured[step] = json.loads(done.stdout) if done.returncode == 0 else done.returncode
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--before", metavar="SRC")
    given = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    given.folder.mkdir(parents=True, exist_ok=True)
    own = str(Path(__file__).parents[1] / "src")
    peaks: dict[str, Any] = {}
    for name, make, make_small in bombs():
        large, small = given.folder / name, given.folder / f"small {name}"
        if not large.exists():
            small.write_bytes(make_small())
            large.write_bytes(make())
        row: dict[str, Any] = {"bytes": large.stat().st_size}
        if given.before:
            row["before"] = measure(given.before, small, large)
        row["now"] = measure(own, small, large)
        peaks[name] = row
        print(name, json.dumps(row), flush=True)
    document = {
        **machine(
            "python benchmarks/memory_limits.py DIR --before SRC",
            "imgsim", "numpy", "pillow", "opencv-python-headless", "tifffile", "pillow-heif",
        ),
        "peaks": peaks,
    }  # fmt: skip
    print(write("memory-limits", document))


if __name__ == "__main__":
    main()
