from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imgsim.decode.decoder import Decoder
from imgsim.decode.detail import longer_side
from imgsim.decode.names import claims_to_be_image
from imgsim.decode.source import Source
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec
from imgsim.pictures.dng import write_dng
from imgsim.types import ImageFile

GREY = InputSpec(64, 64, "grey")
RGB = InputSpec(32, 32, "rgb")
WHOLE = InputSpec(0, 0, "rgb")


def encoded(image: Image.Image, form: str, **settings: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **settings)
    return stream.getvalue()


def decode(data: bytes, *wants: InputSpec, mode: str = "reduced", **options: int):
    return Decoder(DecodeMode(mode), **options)(data, wants or (GREY,))


@pytest.fixture(scope="module")
def large(photo) -> Image.Image:
    return photo(7).resize((1200, 900), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("form", "settings"),
    [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"quality": 95}), ("TIFF", {}), ("BMP", {}),
     ("GIF", {}), ("AVIF", {"quality": 95}), ("JPEG2000", {}), ("PPM", {}), ("QOI", {})],
)  # fmt: skip
def test_formats_give_the_same_picture(form: str, settings: dict, large: Image.Image) -> None:
    decoded = decode(encoded(large, form, **settings), GREY, RGB)
    facts = decoded.facts
    assert (facts.width, facts.height, facts.format) == (1200, 900, form)
    assert facts.lossless == (form in {"PNG", "TIFF", "BMP", "PPM", "QOI"})
    expected = np.asarray(large.convert("L").resize((64, 64), Image.Resampling.LANCZOS))
    assert np.abs(decoded.images[GREY][..., 0].astype(int) - expected).mean() < 3
    assert decoded.images[RGB].shape == (32, 32, 3)


def test_heif(large: Image.Image) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(large).save(stream, quality=90)
    decoded = decode(stream.getvalue())
    assert (decoded.facts.format, decoded.facts.width) == ("HEIF", 1200)


@pytest.mark.parametrize("mode", ["full", "reduced"])
def test_one_input_gets_the_same_pixels_whatever_else_is_asked_for(
    mode: str, large: Image.Image
) -> None:
    wants = [GREY, RGB, WHOLE, InputSpec(8, 8, "grey"), InputSpec(200, 200, "rgb")]
    for form in ("JPEG", "PNG"):
        data = encoded(large, form)
        together = decode(data, *wants, mode=mode).images
        for want in wants:
            alone = decode(data, want, mode=mode).images[want]
            np.testing.assert_array_equal(alone, together[want])


def test_reduced_decoding_is_reduced_and_large_enough(large: Image.Image) -> None:
    for form in ("JPEG", "PNG"):
        side = min(decode(encoded(large, form), WHOLE).images[WHOLE].shape[:2])
        assert WHOLE.decoded_side <= side < 3 * WHOLE.decoded_side
    assert decode(encoded(large, "PNG"), WHOLE, mode="full").images[WHOLE].shape == (900, 1200, 3)


def test_what_else_is_asked_for_does_not_make_an_image_flat(large: Image.Image) -> None:
    drawing = Image.new("RGB", (900, 700), "white")
    ImageDraw.Draw(drawing).ellipse((300, 200, 500, 330), fill=(120, 150, 170))
    big = InputSpec(0, 0, "grey", at_least=128, at_most=400)
    for image in (large, drawing, Image.linear_gradient("L").resize((900, 700))):
        for form in ("JPEG", "PNG"):
            data = encoded(image.convert("RGB"), form)
            alone, other = decode(data, GREY).facts, decode(data, big).facts
            assert alone.flat == other.flat
            assert alone.pixel_digest == other.pixel_digest
    for form in ("BMP", "JPEG"):
        small = large.resize((500, 375))
        assert decode(encoded(small, form), big).images[big].shape == (300, 400, 1)


def test_colours_cost_no_second_decode(large: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(large.convert("RGB"), "JPEG")
    load, scales = Source.load, []
    monkeypatch.setattr(Source, "load", lambda *given: scales.append(given[1]) or load(*given))
    grey, ycbcr = (InputSpec(0, 0, c, at_least=128, at_most=400) for c in ("grey", "ycbcr"))
    plain, coloured = (decode(data, want) for want in (grey, ycbcr))
    assert len(scales) == 2
    assert plain.facts == coloured.facts
    np.testing.assert_array_equal(plain.images[grey][..., 0], coloured.images[ycbcr][..., 0])


@pytest.mark.parametrize("mode", ["full", "reduced"])
def test_pixels_alone_are_the_same(
    mode: str, large: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is decoded for facts that nobody asks for."""
    load, loads = Source.load, []
    monkeypatch.setattr(Source, "load", lambda *given: loads.append(given[1]) or load(*given))
    ycbcr = InputSpec(0, 0, "ycbcr", at_least=128, at_most=400)
    flat = Image.new("RGB", (300, 200), "white")
    for data in (encoded(large, "JPEG"), encoded(large, "PNG"), encoded(flat, "PNG")):
        for wants in ([WHOLE], [GREY, ycbcr]):
            expected = decode(data, *wants, mode=mode).images
            loads.clear()
            pixels = Decoder(DecodeMode(mode)).pixels(data, wants)
            assert len(loads) == len(set(loads)) <= len(wants)
            assert pixels.keys() == expected.keys()
            for want in wants:
                np.testing.assert_array_equal(pixels[want], expected[want])
    with pytest.raises(DecodeError, match="empty file"):
        Decoder().pixels(b"", [WHOLE])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["full", "reduced"])
def test_exif_orientation(orientation: int, mode: str, large: Image.Image) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the inverse of what viewers do
    stored = large if orientation == 1 else large.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        decoded = decode(encoded(stored, form, exif=exif), GREY, mode=mode)
        assert (decoded.facts.width, decoded.facts.height) == (1200, 900)
        expected = decode(encoded(large, form), GREY, mode=mode).images[GREY]
        assert np.abs(decoded.images[GREY].astype(int) - expected).mean() < 2.5


def test_transparency_is_laid_over_white() -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((10, 20, 200, 255), (0, 0, 32, 64))
    for form, made in (("PNG", image), ("PNG", image.quantize(8)), ("WEBP", image)):
        pixels = decode(
            encoded(made, form, **({"lossless": True} if form == "WEBP" else {})), WHOLE
        )
        assert pixels.images[WHOLE][10, 60].tolist() == [255, 255, 255]
        assert abs(int(pixels.images[WHOLE][10, 10, 2]) - 200) < 3


def test_sixteen_bits_are_scaled_not_clipped(large: Image.Image) -> None:
    grey = large.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    expected = decode(encoded(grey, "PNG")).images[GREY]
    for form in ("PNG", "TIFF"):
        np.testing.assert_array_equal(decode(encoded(deep, form)).images[GREY], expected)


def test_only_the_first_frame_is_looked_at(photo) -> None:
    frames = [photo(1), photo(2), photo(3)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    alone = decode(encoded(frames[0], "GIF"))
    animated = decode(data)
    assert (animated.facts.frames, alone.facts.frames) == (3, 1)
    np.testing.assert_array_equal(animated.images[GREY], alone.images[GREY])


def test_flat_images_are_known_by_their_pixels(photo) -> None:
    ramp = np.linspace(0, 255, 200).astype(np.uint8)[None].repeat(200, 0)
    page = np.full((300, 200), 250, np.uint8)
    dotted = page.copy()
    dotted[150, 100] = 0
    facts = {
        name: decode(encoded(Image.fromarray(pixels), "PNG")).facts
        for name, pixels in {"ramp": ramp, "page": page, "dotted": dotted}.items()
    }
    assert all(f.flat and f.pixel_digest for f in facts.values())
    assert len({f.pixel_digest for f in facts.values()}) == 3
    same = decode(encoded(Image.fromarray(page).convert("RGB"), "BMP")).facts
    assert same.pixel_digest == facts["page"].pixel_digest
    tiny = decode(encoded(photo(1).resize((12, 12)), "PNG")).facts
    assert tiny.flat
    normal = decode(encoded(photo(1), "PNG")).facts
    assert not normal.flat
    assert normal.pixel_digest is None


def test_white_icons_on_transparency_differ_though_they_look_alike_on_white() -> None:
    icons = []
    for box in ((8, 8, 24, 24), (20, 20, 40, 40)):
        icon = Image.new("RGBA", (48, 48), (0, 0, 0, 0))
        icon.paste((255, 255, 255, 255), box)
        icons.append(decode(encoded(icon, "PNG")).facts)
    assert icons[0].flat
    assert icons[0].pixel_digest != icons[1].pixel_digest


def test_faint_sixteen_bit_images_differ() -> None:
    faint = [Image.fromarray(np.full((40, 40), value, np.uint16)) for value in (3, 4)]
    digests = {decode(encoded(image, "PNG")).facts.pixel_digest for image in faint}
    assert len(digests) == 2


def bomb(width: int, height: int) -> bytes:
    """A valid PNG of a few kB that claims to be a huge black picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda jpeg: b"", "empty file"),
        (lambda jpeg: jpeg[: len(jpeg) // 4], r"damaged: \d+ % of its rows decode"),
        (lambda jpeg: jpeg[:100], "damaged|truncated|no image format"),
        (lambda jpeg: b"hello, world", "no image format"),
        (lambda jpeg: bomb(100_000, 100_000), "more than --max-pixels"),
        (lambda jpeg: b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (lambda jpeg: b"%PDF-1.4\n", "PDF"),
        (lambda jpeg: b"<?xml version='1.0'?><svg/>", "SVG"),
        (lambda jpeg: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 50, "damaged|kind"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(make, reason: str, large: Image.Image) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode(make(encoded(large, "JPEG")))


def test_the_pixel_cap_can_be_set(large: Image.Image) -> None:
    data = encoded(large, "JPEG")
    with pytest.raises(DecodeError, match="1080000 pixels are more than --max-pixels 1000") as e:
        decode(data, max_pixels=1000)
    assert not e.value.lasting


@pytest.mark.filterwarnings("ignore:Image size")  # Pillow's, from half the cap on
@pytest.mark.parametrize("cap", [1154, 1155, 1156])
def test_the_pixel_cap_is_exact(cap: int, photo) -> None:
    data = encoded(photo(1).resize((35, 33)), "PNG")
    if cap < 35 * 33:
        with pytest.raises(DecodeError, match="1155 pixels are more than --max-pixels 1154"):
            decode(data, max_pixels=cap)
    else:
        assert decode(data, max_pixels=cap).facts.width == 35


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from imgsim.decode import source

    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    source._enable.cache_clear()
    with pytest.raises(DecodeError, match=r"pillow-jxl-plugin \(imgsim\[formats\]\)"):
        decode(b"\xff\x0a" + b"\0" * 100)
    source._enable.cache_clear()
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(DecodeError, match=r"rawpy \(imgsim\[formats\]\)"):
        decode(b"FUJIFILMCCD-RAW" + b"\0" * 100)


def test_jpeg_xl(large: Image.Image) -> None:
    pytest.importorskip("pillow_jxl")
    assert decode(encoded(large, "JXL")).facts.format == "JXL"


def test_camera_raw(large: Image.Image) -> None:
    pytest.importorskip("rawpy")
    plane = np.asarray(large.convert("L")).astype(np.uint16) * 200
    facts = decode(write_dng(plane)).facts
    assert (facts.raw, facts.format, facts.width, facts.height) == (True, "RAW", 1200, 900)
    assert not facts.flat


def test_names_that_claim_to_be_images() -> None:
    claims = {
        name: claims_to_be_image(ImageFile(name, 1, 1, "."))
        for name in ("a.JPG", "a.nef", "a.txt", "a", "a.dat")
    }
    assert claims == {"a.JPG": True, "a.nef": True, "a.txt": False, "a": False, "a.dat": False}
    assert claims_to_be_image(ImageFile("a.txt", 1, 1, ".", named=True))


def test_colour_models(large: Image.Image) -> None:
    expected = decode(encoded(large, "PNG"), RGB).images[RGB].astype(int)
    for mode, form in (("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("LAB", "TIFF"), ("CMYK", "JPEG")):
        if mode == "LAB":
            from PIL import ImageCms

            profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
            converted = ImageCms.profileToProfile(large, *profiles, outputMode="LAB")
        else:
            converted = large.convert(mode)
        found = decode(encoded(converted, form), RGB).images[RGB]
        assert np.abs(found - expected).mean() < 4, mode


@pytest.mark.parametrize("folder", ["odd_files", "pngsuite", "formats", "heif"])
def test_odd_files_are_read_or_refused_with_a_reason(folder: str, shared) -> None:
    reasons = []
    for path in sorted(Path(shared(folder)).iterdir()):
        try:
            decoded = Decoder()(path.read_bytes(), [GREY, RGB])
        except DecodeError as error:
            reasons.append(str(error))
        else:
            assert decoded.images[GREY].shape == (64, 64, 1), path
    assert all(reason and "\n" not in reason for reason in reasons)


@pytest.mark.parametrize(
    ("shape", "side"),
    [
        ((300, 400), 400),
        ((128, 400), 400),
        ((400, 128), 400),
        ((100, 400), 512),
        ((12_000, 800), 1920),
        ((10, 10_000), 2000),
    ],
)
def test_narrow_images_keep_more_pixels(shape: tuple[int, int], side: int) -> None:
    assert longer_side(shape, 400) == side
