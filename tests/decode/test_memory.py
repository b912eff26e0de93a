"""What decoding takes is told before it, and is no less than what it takes."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import imgsim
from imgsim import RunOptions
from imgsim.decode.decoder import Decoder
from imgsim.decode.memory import full_bytes, result_bytes, size_text
from imgsim.decode.samples import sample_digest
from imgsim.decode.source import open_source
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec, NeedsMemory

SMALL = InputSpec(32, 32, "grey")
SIDE = 4000
"""Of pictures whose decode is measured."""


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def estimate(data: bytes) -> int:
    return full_bytes(open_source(data))


def picture(mode: str) -> Image.Image:
    """A large picture with smooth levels."""
    line = np.linspace(0, 255, SIDE).astype(np.uint8)
    return Image.fromarray((line[:, None] // 2 + line // 2).astype(np.uint8)).convert(mode)


def colours() -> Image.Image:
    grey = picture("L")
    return Image.merge("RGB", (grey, grey.rotate(90), grey.rotate(180)))


def deep(bands: int, **options: object) -> bytes:
    samples = np.repeat(np.asarray(picture("L")).astype(np.uint16)[..., None] * 257, bands, axis=2)
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, photometric="rgb", **options)  # type: ignore[arg-type]
    return stream.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: encoded(picture("RGB"), "PNG", compress_level=1),
    "transparent PNG": lambda: encoded(picture("RGBA"), "PNG", compress_level=1),
    "progressive JPEG": lambda: encoded(picture("RGB"), "JPEG", progressive=True, subsampling=0),
    "turned JPEG": lambda: encoded(picture("RGB"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01"
                                   b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
    "GIF with frames": lambda: encoded(
        colours(), "GIF", save_all=True, append_images=[colours().rotate(90)]),
    "WebP": lambda: encoded(picture("RGB"), "WEBP", method=0),
    "TIFF of one strip": lambda: encoded(
        picture("RGB"), "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: SIDE}),
    "deep TIFF": lambda: deep(3, compression="zlib", rowsperstrip=SIDE),
    "deep PNG": lambda: _deep_png(),
    "JPEG 2000": lambda: encoded(picture("RGB"), "JPEG2000"),
}  # fmt: skip


def _deep_png() -> bytes:
    import cv2

    levels = np.repeat(np.asarray(picture("L")).astype(np.uint16)[..., None] * 257, 4, axis=2)
    return bytes(cv2.imencode(".png", levels)[1])


PROGRAM = """
import sys
from imgsim.decode.decoder import Decoder
from imgsim.decode.samples import sample_digest
from imgsim.decode.spec import InputSpec
from tests.decode.test_memory import memory

wants = [InputSpec(0, 0, "ycbcr", at_least=384, at_most=768), InputSpec(32, 32, "grey")]
for path in sys.argv[1:3]:  # the small one first, for what is loaded once
    data = open(path, "rb").read()
    before = memory("VmRSS")
    open("/proc/self/clear_refs", "w").write("5")
    assert Decoder()(data, wants)
    sample_digest(data, Decoder())
print(memory("VmHWM") - before)
"""


def memory(name: str) -> int:
    for line in open("/proc/self/status"):  # noqa: SIM115
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read by Linux")
@pytest.mark.parametrize("kind", FILES)
def test_no_more_memory_is_taken_than_was_told(kind: str, tmp_path: Path) -> None:
    data = FILES[kind]()
    small, large = tmp_path / "small", tmp_path / "large"
    form = open_source(data).format
    small.write_bytes(encoded(picture("RGB").resize((90, 60)), form))
    large.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, small, large],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    told = estimate(data)
    # the bytes of the file are there before it begins
    assert told / 4 < int(done.stdout) + len(data) <= told


def test_a_file_that_needs_more_is_skipped_whatever_is_asked_of_it() -> None:
    data = encoded(picture("RGB"), "JPEG")
    needed = estimate(data) + result_bytes(SIDE, SIDE, DecodeMode.REDUCED, (SMALL,))
    assert Decoder(max_memory=needed)(data, [SMALL]).facts.decode_bytes == estimate(data)
    with pytest.raises(DecodeError, match=r"^needs [\d.]+ MB, --max-memory is [\d.]+ MB$") as e:
        Decoder(max_memory=needed - 1)(data, [SMALL])
    assert not e.value.lasting
    assert sample_digest(data, Decoder(max_memory=estimate(data) - 1)) is None
    assert sample_digest(data, Decoder(max_memory=estimate(data)))


def flashes(mode: str) -> list[Image.Image]:
    """The first is grey; the others have colours."""
    rng = np.random.default_rng(7)
    some = [Image.fromarray(rng.integers(0, 255, (240, 320, 3), np.uint8)) for _ in range(3)]
    return [Image.new("L", (320, 240), 90), *(one.convert(mode) for one in some)]


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_as_much_memory_as_an_animation_needs_suffices(form: str, mode: str) -> None:
    first, *rest = flashes(mode)
    data = encoded(first, form, save_all=True, append_images=rest, duration=100)
    for wants in ([SMALL], [InputSpec(0, 0, "ycbcr")]):
        with pytest.raises(DecodeError, match=r"^needs [\d.]+ MB") as told:
            Decoder(max_memory=1)(data, wants)
        needed = float(str(told.value).split()[1]) * 1e6
        assert Decoder(max_memory=round(needed))(data, wants).facts.frames == 4


def test_a_file_that_needs_more_than_its_share_says_so() -> None:
    data = encoded(picture("L"), "PNG")
    limits = Decoder(share=10 << 20)
    with pytest.raises(NeedsMemory) as needs:
        limits(data, [SMALL])
    assert needs.value.size_bytes >= estimate(data)
    assert replace(limits, share=needs.value.size_bytes)(data, [SMALL])
    with pytest.raises(NeedsMemory):
        sample_digest(data, limits)


def test_a_flat_jpeg_needs_memory_to_be_decoded_in_full() -> None:
    """Others are decoded at a reduced scale."""
    share = Decoder(share=40 << 20)
    assert share(encoded(imgsim_picture(), "JPEG"), [SMALL])
    with pytest.raises(NeedsMemory):
        share(encoded(Image.new("RGB", (SIDE, SIDE), "red"), "JPEG"), [SMALL])


def imgsim_picture() -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((SIDE, SIDE))


def test_later_pages_count_by_their_own_size() -> None:
    first, second = picture("L").resize((20, 20)), picture("L")
    pages = encoded(first, "TIFF", save_all=True, append_images=[second])
    assert sample_digest(pages, Decoder())
    assert sample_digest(pages, Decoder(max_memory=60 << 20)) is None


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_what_is_skipped_is_the_same_cold_warm_and_with_any_number_of_workers(
    tmp_path: Path, photo, executor: str
) -> None:
    """A file that only fits by itself is decoded, and one that does not fit at all is skipped."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    large = imgsim_picture()
    for name in ("a.png", "b.png"):
        photo(1).save(folder / name)
    large.resize((1800, 1800)).save(folder / "large.png", compress_level=1)
    large.resize((1800, 1800)).save(folder / "large.jpg", quality=95)
    large.save(folder / "too large.jpg", quality=80)
    limit = 100 << 20
    assert limit // 3 < estimate((folder / "large.png").read_bytes()) < limit
    results = []
    for jobs, cache in [(3, "x"), (3, "x"), (1, "y"), (1, None)]:
        options = RunOptions(
            executor=executor,  # type: ignore[arg-type]
            jobs=jobs,
            max_memory=limit,
            cache=tmp_path / cache if cache else None,
        )
        result = imgsim.find_duplicates(folder, options=options)
        results.append((result.skipped, [g.members for g in result.groups]))
        assert [Path(s.path).name for s in result.skipped] == ["too large.jpg"]
        assert len(result.groups) == 2
    assert all(one == results[0] for one in results)


def test_a_file_of_more_bytes_is_not_even_read(tmp_path: Path, threads: RunOptions) -> None:
    (tmp_path / "a.png").write_bytes(bytes(2_000_000))
    (tmp_path / "b.bin").write_bytes(bytes(2_000_000))
    result = imgsim.find_duplicates(tmp_path, options=replace(threads, max_memory=1_000_000))
    assert [(Path(s.path).name, s.reason) for s in result.skipped] == [
        ("a.png", "needs 2 MB, --max-memory is 1 MB")
    ]


@pytest.mark.parametrize(
    ("size", "up", "text"),
    [(4_000_000_000, False, "4 GB"), (4_000_000_001, True, "4.1 GB"), (999, True, "999 bytes"),
     (4_550_000_000, True, "4.6 GB"), (500_000_000, False, "500 MB"), (1500, False, "1.5 kB")],
)  # fmt: skip
def test_sizes_as_text(size: int, up: bool, text: str) -> None:
    assert size_text(size, up=up) == text


@pytest.mark.parametrize(("form", "share"), [("JPEG2000", 0.5), ("WEBP", 0.1), ("PPM", 0.1)])
def test_what_was_decoded_of_a_refused_file_is_free_at_once(form: str, share: float) -> None:
    whole = encoded(Image.effect_noise((320, 240), 40), form)
    decoder, cut = Decoder(), whole[: int(len(whole) * share)]
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(DecodeError):
            decoder(cut, [SMALL])
        assert gc.collect() == 0  # else it lies there until the collector comes by
    finally:
        gc.enable()
