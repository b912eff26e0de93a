"""Samples of more than 8 bits, more than four bands, signed and floating-point ones."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from itertools import combinations
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest
import tifffile
from PIL import Image

from imgsim import RunOptions, find_duplicates
from imgsim.comparators import registry
from imgsim.decode.decoder import Decoder
from imgsim.decode.deep import deep_image, read_samples
from imgsim.decode.levels import to_8_bit
from imgsim.decode.source import open_source
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec
from imgsim.pictures.generate import landscape

WHOLE = InputSpec(0, 0, "rgb")
SHAPE = 240, 320


def tiff(samples: np.ndarray, photometric: str = "minisblack", **settings: object) -> bytes:
    stream = io.BytesIO()
    if samples.ndim == 3:
        settings.setdefault("planarconfig", "contig")
    tifffile.imwrite(stream, samples, photometric=photometric, **settings)
    return stream.getvalue()


def png(samples: np.ndarray) -> bytes:
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(samples.shape[2] if samples.ndim == 3 else 0)
    return cv2.imencode(".png", samples if order is None else samples[..., order])[1].tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_two_bands(samples: np.ndarray) -> bytes:
    """Write a 16-bit PNG of grey and alpha, which OpenCV does not."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def noise(bands: int, dtype: str, low: float = 0, high: float = 5000) -> np.ndarray:
    shape = (40, 60, bands) if bands > 1 else (40, 60)
    return np.random.default_rng(bands).uniform(low, high, shape).astype(dtype)


def grey(seed: int) -> np.ndarray:
    """A grey picture between 0 and 1 that has finer levels than 8 bits."""
    scene = np.asarray(Image.fromarray(landscape(seed, *SHAPE[::-1])).convert("L")) / 255
    return np.clip(scene + np.random.default_rng(seed).normal(0, 0.002, SHAPE), 0, 1)


def shown(data: bytes) -> np.ndarray:
    return Decoder(DecodeMode.FULL)(data, [WHOLE]).images[WHOLE]


def groups_of(folder: Path, **files: bytes) -> set[frozenset[str]]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    duplicates = find_duplicates([str(folder)], "auto", options=RunOptions(executor="threads"))
    assert not duplicates.skipped
    return {
        frozenset(Path(m.picture.file.path).name for m in group.members)
        for group in duplicates.groups
    }


# Samples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bands", [3, 4])
def test_png_of_sixteen_bits_is_exact(bands: int) -> None:
    samples = noise(bands, "uint16", high=65535)
    np.testing.assert_array_equal(read_samples(png(samples)), samples)


def test_png_of_grey_and_alpha_is_exact() -> None:
    samples = noise(2, "uint16", high=65535)
    data = png_of_two_bands(samples)
    np.testing.assert_array_equal(read_samples(data), samples)
    assert shown(data).shape == (40, 60, 3)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int32", "float16", "float64"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7, 13])
def test_tiff_is_exact(bands: int, dtype: str, compression: str | None) -> None:
    samples = noise(bands, dtype, low=0 if dtype.startswith("u") else -900)
    read = read_samples(tiff(samples, compression=compression, byteorder=">"))
    if read is None:  # Pillow gives them
        assert (bands, dtype) in {(1, "uint16"), (1, "int32")}
        return
    assert read.dtype == samples.dtype
    np.testing.assert_array_equal(read, samples)


def test_tiff_in_planes_and_tiles_is_exact() -> None:
    samples = noise(5, "uint16")
    planes = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
    for data in (
        tiff(planes, planarconfig="separate"),
        tiff(samples, tile=(16, 32), compression="zlib", predictor=True),
        tiff(samples, rowsperstrip=7, bigtiff=True),
    ):
        np.testing.assert_array_equal(read_samples(data), samples)


@pytest.mark.parametrize("bands", [3, 4])
def test_tiff_packed_by_lzw_is_exact(bands: int) -> None:
    samples = noise(bands, "uint16")
    order = [2, 1, 0, 3][:bands]
    setting = [cv2.IMWRITE_TIFF_COMPRESSION, 5]
    data = cv2.imencode(".tif", samples[..., order], setting)[1].tobytes()
    np.testing.assert_array_equal(read_samples(data), samples)


def test_bands_of_eight_bits_beyond_a_colour_model_are_exact() -> None:
    samples = noise(13, "uint8", high=255)
    data = tiff(samples)
    np.testing.assert_array_equal(read_samples(data), samples)
    np.testing.assert_array_equal(shown(data), samples[..., :3])


def test_white_is_zero_is_turned_to_black_is_zero() -> None:
    samples = noise(1, "uint16")
    read = read_samples(tiff(samples, photometric="miniswhite"))
    np.testing.assert_array_equal(read, 65535 - samples)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_samples_are_upright(orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the inverse of what viewers do
    upright = noise(4, "uint16")
    plane = Image.fromarray(np.arange(40 * 60, dtype=np.int32).reshape(40, 60))
    if orientation > 1:
        plane = plane.transpose(undo[orientation])
    places = np.asarray(plane)
    stored = upright.reshape(-1, 4)[places]
    data = tiff(stored, extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(read_samples(data), upright)
    facts = Decoder()(data, [WHOLE]).facts
    assert (facts.width, facts.height, facts.format) == (60, 40, "TIFF")

    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = png(np.ascontiguousarray(stored))
    turned = turned[:33] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + turned[33:]
    np.testing.assert_array_equal(read_samples(turned), upright)


def test_pages_of_a_deep_tiff_are_read_one_by_one() -> None:
    pages = np.random.default_rng(1).integers(0, 4000, (3, 40, 60, 5), np.uint16)
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack", planarconfig="contig", metadata=None)
    data = stream.getvalue()
    assert Decoder()(data, [WHOLE]).facts.frames == 3
    for number, page in enumerate(pages):
        np.testing.assert_array_equal(read_samples(data, number), page)
    with pytest.raises(DecodeError, match="page 4"):
        read_samples(data, 3)


def test_what_pillow_gives_is_left_to_pillow() -> None:
    eight, sixteen = noise(3, "uint8", high=255), noise(1, "uint16", high=65535)
    for data in (
        png(eight), png(sixteen), tiff(eight, "rgb"), tiff(sixteen), tiff(noise(1, "float32")),
        b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"II*\0\xff\xff\xff\xff", b"hello",
    ):  # fmt: skip
        assert read_samples(data) is None


# What is seen ----------------------------------------------------------------------------------


def test_full_range_is_divided_by_257() -> None:
    picture = landscape(3, *SHAPE[::-1])
    deep = picture.astype(np.uint16) * 257
    for data in (png(deep), tiff(deep, "rgb"), tiff(deep), tiff(deep[..., [0, 1, 2, 2, 1]])):
        np.testing.assert_array_equal(shown(data), picture)
    finer = np.rint(grey(4) * 65535).astype(np.uint16)
    np.testing.assert_array_equal(shown(png(finer))[..., 0], np.rint(finer / 257).astype(np.uint8))
    foggy = (picture // 8 + 100).astype(np.uint16) * 257
    np.testing.assert_array_equal(shown(png(foggy)), picture // 8 + 100)


@pytest.mark.parametrize("spec", ["phash", "phash:size=16", "dhash"])
def test_full_range_keeps_its_hash(spec: str) -> None:
    oracle = imagehash.dhash if spec == "dhash" else imagehash.phash
    size = 16 if "16" in spec else 8
    extractor = registry.parse(spec).extractor
    finer = np.rint(grey(5) * 65535).astype(np.uint16)
    noisy = landscape(5, *SHAPE[::-1]).astype(np.uint16) * 256 + finer[..., None] // 257
    with Image.open(io.BytesIO(png(noisy))) as image:
        coloured = oracle(image, size)
    single = oracle(Image.fromarray(np.rint(finer / 257).astype(np.uint8)), size)
    for data, expected in (
        (png(finer), single), (tiff(finer), single), (png(noisy), coloured),
        (tiff(noisy, "rgb", compression="zlib"), coloured),
    ):  # fmt: skip
        image = Decoder(DecodeMode.FULL)(data, [extractor.wants]).images[extractor.wants]
        bits = np.unpackbits(extractor.extract(image[None])[0])[: size**2].astype(bool)
        np.testing.assert_array_equal(bits, expected.hash.ravel())


def test_alpha_is_laid_over_white_and_what_it_hides_does_not_count() -> None:
    samples = np.zeros((*SHAPE, 4), np.uint16)
    samples[..., :3] = np.rint(grey(6)[..., None] * 3000)
    samples[:, 160:, 3] = 65535
    samples[:, :160, :3] = 65535  # hidden
    for data in (png(samples), tiff(samples, "rgb", extrasamples=["unassalpha"])):
        pixels = shown(data)
        assert (pixels[:, :150] == 255).all()
        assert pixels[:, 170:].std() > 30


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("uint16", 0, 4095), ("uint16", 31768, 35000), ("int16", -1000, 3000), ("uint16", 900, 9000),
     ("float32", -3, 0.5), ("float64", 1e5, 3e5), ("uint32", 2**31, 2**32 - 1)],
)  # fmt: skip
def test_a_small_range_is_stretched(dtype: str, low: float, high: float) -> None:
    samples = (grey(7) * (high - low) + low).astype(dtype)
    pixels = to_8_bit(samples)
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert np.corrcoef(pixels.ravel(), samples.astype(float).ravel())[0, 1] > 0.99


def test_hot_pixels_background_and_gaps_do_not_set_the_levels() -> None:
    samples = np.rint(grey(8) * 3000 + 31768).astype(np.uint16)
    plain = to_8_bit(samples)
    hot = samples.copy()
    hot[::60, ::70] = 65535
    assert np.abs(to_8_bit(hot).astype(int) - plain).mean() < 1

    padded = np.pad(samples, 40)
    inside = to_8_bit(padded)[40:-40, 40:-40]
    assert np.abs(inside.astype(int) - plain).mean() < 5
    assert not to_8_bit(padded)[:40].any()

    gaps = samples.astype(np.float32)
    gaps[20:40, 20:40] = np.nan
    gaps[50, 50] = np.inf
    pixels = to_8_bit(gaps)
    assert not pixels[20:40, 20:40].any()
    assert np.abs(pixels[60:].astype(int) - plain[60:]).mean() < 5


def test_the_soft_edge_of_a_background_stays_soft() -> None:
    samples = np.pad(np.rint(grey(9) * 3000 + 31768).astype(np.uint16), 40)
    small = cv2.resize(samples, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    expected = cv2.resize(
        to_8_bit(samples), small.shape[::-1], interpolation=cv2.INTER_AREA
    ).astype(int)
    assert np.abs(to_8_bit(small) - expected).mean() < 3


def test_a_few_steps_are_not_stretched() -> None:
    frame = np.random.default_rng(0).integers(100, 104, SHAPE).astype(np.uint16)
    assert np.ptp(to_8_bit(frame)) <= 4
    assert to_8_bit(frame + np.uint16(400)).max() <= 2
    assert np.ptp(to_8_bit(frame.astype(np.int32) - 1000)) <= 4
    for flat in (np.full(SHAPE, 7, np.uint16), np.full(SHAPE, np.nan), np.full(SHAPE, -4.0)):
        assert len(np.unique(to_8_bit(flat))) == 1


# What is found ---------------------------------------------------------------------------------

KINDS = {
    "xray": ("uint16", 0, 4095),
    "ct": ("uint16", 31768, 35768),
    "distance": ("uint16", 700, 7000),
    "signed": ("int16", -1000, 3000),
    "reflectance": ("uint16", 0, 3060),
    "float": ("float32", -20, 300),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_range_is_found_resized_and_exported(kind: str, tmp_path: Path) -> None:
    dtype, low, high = KINDS[kind]
    files, expected = {}, set()
    for seed in (21, 22):
        scene = grey(seed)
        samples = (scene * (high - low) + low).astype(dtype)
        if kind == "reflectance":
            samples = np.stack([samples, samples, samples, samples.max() - samples], axis=2)
        if kind == "float":
            samples[:3] = np.nan
        resized = cv2.resize(samples, (230, 172), interpolation=cv2.INTER_AREA)
        write = png if dtype == "uint16" and samples.ndim == 2 else tiff
        windowed = np.clip(scene * 1.5 - 0.2, 0, 1)
        made = {
            f"{seed}-deep": write(samples),
            f"{seed}-resized": write(resized),
            f"{seed}-8bit": png(np.rint(scene * 255).astype(np.uint8)),
            f"{seed}-window": png(np.rint(windowed * 255).astype(np.uint8)),
        }
        files |= made
        expected.add(frozenset(f"{name}.img" for name in made))
    found = groups_of(tmp_path, **{f"{name}.img": data for name, data in files.items()})
    assert found == expected


def test_different_pictures_of_low_values_are_no_group(tmp_path: Path) -> None:
    files = {}
    for seed in range(30, 36):
        samples = landscape(seed, 256, 256).astype(np.uint16)
        name, data = (f"{seed}.png", png(samples)) if seed % 2 else (f"{seed}.tif", tiff(samples))
        files[name] = data
    pixels = [shown(data) for data in files.values()]
    assert all(not np.array_equal(a, b) for a, b in combinations(pixels, 2))
    assert groups_of(tmp_path, **files) == set()


def test_four_bands_plain_and_deflated_are_one_group(tmp_path: Path) -> None:
    scene = landscape(40, 256, 256).astype(np.uint16) * 11
    samples = np.concatenate([scene, scene[..., :1] // 2], axis=2)
    files = {"a.tif": tiff(samples), "b.tif": tiff(samples, compression="zlib")}
    np.testing.assert_array_equal(*(shown(data) for data in files.values()))
    assert groups_of(tmp_path, **files) == {frozenset(files)}


def test_faint_deep_images_are_told_apart_by_their_samples() -> None:
    digests = set()
    for value in (3, 4):
        flat = np.full((40, 40, 3), value, np.uint16)
        facts = [Decoder()(data, [WHOLE]).facts for data in (png(flat), tiff(flat, "rgb"))]
        assert all(fact.flat for fact in facts)
        assert facts[0].pixel_digest == facts[1].pixel_digest
        digests.add(facts[0].pixel_digest)
    assert len(digests) == 2


# What is not read ------------------------------------------------------------------------------


def with_tags(*tags: tuple[int, int, int, int], body: bytes = b"") -> bytes:
    """A TIFF of which nothing but its directory is made with care."""
    directory = struct.pack("<H", len(tags))
    for tag, kind, count, value in tags:
        packed = struct.pack("<H", value) if kind == 3 and count == 1 else struct.pack("<I", value)
        directory += struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + body


def test_the_caps_hold_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    samples = noise(4, "uint16")
    huge = with_tags(
        (256, 4, 1, 100_000), (257, 4, 1, 100_000), (258, 3, 1, 16), (259, 3, 1, 1),
        (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 5), (278, 4, 1, 100_000), (279, 4, 1, 8),
    )  # fmt: skip
    monkeypatch.setattr(cv2, "imdecode", refuse)
    monkeypatch.setattr(tifffile, "TiffFile", refuse)
    for data in (png(samples), tiff(samples)):
        with pytest.raises(DecodeError, match="2400 pixels are more than --max-pixels 1000"):
            Decoder(max_pixels=1000)(data, [WHOLE])
        with pytest.raises(DecodeError, match="more than --max-pixels"):
            read_samples(data, max_pixels=1000)
    with pytest.raises(DecodeError, match="10000000000 pixels are more than"):
        Decoder()(huge, [WHOLE])
    with pytest.raises(DecodeError, match="2400 pixels of 50 bands are 960000 bytes") as caught:
        Decoder(max_pixels=2400)(tiff(noise(50, "float64")), [WHOLE])
    assert not caught.value.lasting


def test_a_strip_that_inflates_to_more_than_it_should_is_refused() -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    data = with_tags(
        (256, 4, 1, 10), (257, 4, 1, 10), (258, 3, 1, 16), (259, 3, 1, 8), (262, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 9 * 12 + 4), (277, 3, 1, 5), (278, 4, 1, 10), (279, 4, 1, len(bomb)),
        body=bomb,
    )  # fmt: skip
    with pytest.raises(DecodeError, match="holds more than it should"):
        Decoder()(data, [WHOLE])


def test_damage_is_told() -> None:
    for whole in (png(noise(3, "uint16")), tiff(noise(5, "uint16"))):
        with pytest.raises(DecodeError, match=r"damaged|truncated"):
            Decoder()(whole[: len(whole) // 2 - 50], [WHOLE])
    assert "rows decode" in Decoder()(tiff(noise(5, "uint16"))[:-99], [WHOLE]).facts.damage
    spoilt = bytearray(png(noise(3, "uint16")))
    spoilt[len(spoilt) // 2] ^= 255
    assert "checksum" in Decoder()(bytes(spoilt), [WHOLE]).facts.damage
    deflated = bytearray(tiff(noise(5, "uint16"), compression="zlib"))
    deflated[len(deflated) // 2 : len(deflated) // 2 + 300] = bytes(300)
    with pytest.raises(DecodeError, match=r"damaged|decompress"):
        Decoder()(bytes(deflated), [WHOLE])


def test_kinds_that_nothing_reads_say_so() -> None:
    with pytest.raises(DecodeError, match="complex numbers"):
        deep_image(tiff(noise(1, "float32").astype(np.complex64)))
    palette = with_tags((256, 4, 1, 9), (257, 4, 1, 9), (258, 3, 1, 16), (262, 3, 1, 3))
    with pytest.raises(DecodeError, match="palette indices of 16 bits"):
        Decoder()(palette, [WHOLE])


@pytest.mark.parametrize(("compression", "name"), [(5, "LZW"), (50000, "Zstandard")])
def test_a_missing_package_is_named_with_what_needs_it(
    compression: int, name: str, tmp_path: Path
) -> None:
    # 13 bands that claim to be packed so, where imagecodecs is not installed
    data = tiff(noise(13, "uint16"), compression="zlib")
    place = data.index(struct.pack("<HHIH", 259, 3, 1, 8)) + 8
    (tmp_path / "a.tif").write_bytes(
        data[:place] + struct.pack("<H", compression) + data[place + 2 :]
    )
    program = (
        "import sys; sys.modules['imagecodecs'] = sys.modules['compression'] = None\n"
        "from imgsim.decode.deep import read_samples\n"
        "read_samples(open(sys.argv[1], 'rb').read())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (
        f"13 bands of 16 bits compressed with {name} need the package imagecodecs (imgsim[formats])"
        in done.stderr
    )


@pytest.mark.parametrize("bands", [2, 4, 5, 13])
def test_a_file_with_other_samples_in_a_band_that_is_not_shown_is_never_free_to_remove(
    bands: int, tmp_path: Path
) -> None:
    """They are proposed for what is shown of them, which is equal."""
    samples = np.stack([grey(seed) for seed in range(bands)], axis=2).astype(np.uint16) * 256
    lost = samples.copy()
    lost[:, :, -1] = 0
    for name, some in (("a.tif", samples), ("b.tif", lost)):
        (tmp_path / name).write_bytes(tiff(some, planarconfig="contig"))
    duplicates = find_duplicates([str(tmp_path)], "auto", options=RunOptions(executor="threads"))
    assert len(duplicates.groups) == 1
    for group in duplicates.groups:
        assert [member.role for member in group.members[1:]] == ["near"]
        assert group.reclaimable_bytes == 0


@pytest.mark.parametrize("bits", [8, 16])
def test_inks_stand_for_other_colours_than_light(bits: int) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (40, 50, 4)).astype(f"u{bits // 8}")
    told = {}
    for kind, bands in (("rgb", 3), ("separated", 4)):
        stream = io.BytesIO()
        tifffile.imwrite(stream, levels[..., :bands], photometric=kind)
        told[kind] = open_source(stream.getvalue()).colours
    assert told == {"rgb": "", "separated": "CMYK"}
