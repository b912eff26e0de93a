"""Files are equal by their samples, and by nothing else."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from imgsim.decode.decoder import Decoder
from imgsim.decode.samples import sample_digest
from imgsim.pictures.generate import landscape

PHOTO = Image.fromarray(landscape(1, 96, 64))
MASK = Image.fromarray(np.where(np.arange(48 * 40).reshape(40, 48) % 7, 0, 255).astype(np.uint8))
PROFILE = b"\0" * 128 + b"a profile"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def digest(data: bytes) -> str | None:
    return sample_digest(data, Decoder(max_pixels=10**6))


def with_text() -> bytes:
    text = PngInfo()
    text.add_text("comment", "other bytes")
    return saved(PHOTO, "PNG", pnginfo=text)


def palette(image: Image.Image) -> Image.Image:
    return image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)


def deep_samples(bands: int) -> np.ndarray:
    return np.arange(40 * 30 * bands, dtype=np.uint16).reshape(40, 30, bands) % 4000


def deep_tiff(
    bands: int, compression: str | None, change: int = 0, dtype: type = np.uint16
) -> bytes:
    samples = deep_samples(bands).astype(dtype)
    samples[-1, -1, -1] ^= change
    stream = io.BytesIO()
    photometric = "rgb" if bands == 3 else "minisblack"
    tifffile.imwrite(
        stream, samples, compression=compression, photometric=photometric, planarconfig="contig"
    )
    return stream.getvalue()


def grey_tiff(order: str) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, deep_samples(1)[..., 0], byteorder=order, photometric="minisblack")
    return stream.getvalue()


def deep_png() -> bytes:
    import cv2

    encoded, data = cv2.imencode(".png", deep_samples(3)[..., ::-1])
    assert encoded
    return data.tobytes()


def hidden(colour: int) -> Image.Image:
    """A picture with a transparent part, of this colour."""
    samples = np.dstack([np.asarray(PHOTO), np.full((64, 96), 255, np.uint8)])
    samples[:20, :20] = (colour, colour, colour, 0)
    return Image.fromarray(samples)


def hidden_picture(seed: int) -> Image.Image:
    samples = np.dstack([np.asarray(PHOTO), np.full((64, 96), 255, np.uint8)])
    samples[:20, :20, :3] = landscape(seed, 20, 20)
    samples[:20, :20, 3] = 0
    return Image.fromarray(samples)


def with_chunk(name: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk, behind its header."""
    data, chunk = saved(PHOTO, "PNG"), name + content
    chunk = struct.pack(">I", len(content)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:33] + chunk + data[33:]


EQUAL: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "other compression": lambda: (saved(PHOTO, "PNG"), saved(PHOTO, "PNG", compress_level=1)),
    "another text": lambda: (saved(PHOTO, "PNG"), with_text()),
    "BMP": lambda: (saved(PHOTO, "PNG"), saved(PHOTO, "BMP")),
    "TIFF": lambda: (
        saved(PHOTO, "TIFF", compression="tiff_adobe_deflate"), saved(PHOTO, "PNG")
    ),
    "lossless WebP": lambda: (saved(PHOTO, "WEBP", lossless=True), saved(PHOTO, "PNG")),
    "a JPEG and what it decodes to": lambda: (
        saved(PHOTO, "JPEG"), saved(Image.open(io.BytesIO(saved(PHOTO, "JPEG"))), "PNG")
    ),
    "a mask": lambda: (saved(MASK, "PNG"), saved(MASK, "BMP")),
    "a palette and its colours": lambda: (
        saved(palette(PHOTO), "PNG"), saved(palette(PHOTO).convert("RGB"), "PNG")
    ),
    "colours under alpha 0": lambda: (saved(hidden(0), "PNG"), saved(hidden(200), "PNG")),
    "a profile of sRGB": lambda: (saved(PHOTO, "PNG"), saved(PHOTO, "PNG", icc_profile=SRGB)),
    "a usual gamma": lambda: (
        saved(PHOTO, "PNG"), with_chunk(b"gAMA", struct.pack(">I", 45455))
    ),
    "code points of sRGB": lambda: (saved(PHOTO, "PNG"), with_chunk(b"cICP", b"\1\r\0\1")),
    "four bands of 16 bits": lambda: (deep_tiff(4, None), deep_tiff(4, "zlib")),
    "colours of 16 bits": lambda: (deep_tiff(3, "zlib"), deep_png()),
    "the order of bytes": lambda: (grey_tiff("<"), grey_tiff(">")),
    "16 bits": lambda: (
        saved(Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)), "PNG"),
        saved(Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)), "TIFF"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EQUAL)
def test_equal_samples_have_equal_digests(case: str) -> None:
    one, other = EQUAL[case]()
    assert one != other
    assert digest(one) is not None
    assert digest(one) == digest(other)


def frames(*seeds: int, duration: int = 100) -> bytes:
    images = [Image.fromarray(landscape(seed, 48, 40)) for seed in seeds]
    return saved(images[0], "PNG", save_all=True, append_images=images[1:], duration=duration)


def one_off() -> Image.Image:
    samples = np.asarray(PHOTO).copy()
    samples[-1, -1, 2] ^= 1
    return Image.fromarray(samples)


OTHERS: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "the low byte of one sample": lambda: (deep_tiff(3, None), deep_tiff(3, None, change=1)),
    "the fourth band": lambda: (deep_tiff(4, None), deep_tiff(4, None, change=1)),
    "signed and unsigned": lambda: (deep_tiff(4, None), deep_tiff(4, None, dtype=np.int16)),
    "one sample by one": lambda: (saved(PHOTO, "PNG"), saved(one_off(), "PNG")),
    "grey and its RGB": lambda: (
        saved(PHOTO.convert("L"), "PNG"), saved(PHOTO.convert("L").convert("RGB"), "PNG")
    ),
    "opaque alpha": lambda: (saved(PHOTO, "PNG"), saved(PHOTO.convert("RGBA"), "PNG")),
    "8 and 16 bits": lambda: (
        saved(MASK, "PNG"), saved(Image.fromarray(np.asarray(MASK).astype(np.uint16)), "PNG")
    ),
    "as many samples in another shape": lambda: (
        saved(Image.new("L", (20, 30), 7), "PNG"), saved(Image.new("L", (30, 20), 7), "PNG")
    ),
    "a colour profile": lambda: (
        saved(PHOTO, "PNG"), saved(PHOTO, "PNG", icc_profile=PROFILE)
    ),
    "code points of Display P3": lambda: (
        saved(PHOTO, "PNG"), with_chunk(b"cICP", b"\x0c\r\0\1")
    ),
    "a narrow range": lambda: (saved(PHOTO, "PNG"), with_chunk(b"cICP", b"\1\r\0\0")),
    "Adobe RGB by the colour space": lambda: (
        saved(PHOTO, "JPEG", exif=colour_space(1)), saved(PHOTO, "JPEG", exif=colour_space(2))
    ),
    "the class of a profile": lambda: (
        saved(PHOTO, "PNG"),
        saved(PHOTO, "PNG", icc_profile=SRGB[:12] + b"abst" + SRGB[16:]),
    ),
    "the space that a profile leads to": lambda: (
        saved(PHOTO, "PNG"),
        saved(PHOTO, "PNG", icc_profile=SRGB[:20] + b"Lab " + SRGB[24:]),
    ),
    "a gamma": lambda: (saved(PHOTO, "PNG"), with_chunk(b"gAMA", struct.pack(">I", 100_000))),
    "a picture under alpha 0": lambda: (
        saved(hidden_picture(3), "PNG"), saved(hidden(0), "PNG")
    ),
    "the second frame": lambda: (frames(1, 2, 3), frames(1, 4, 3)),
    "the durations": lambda: (frames(1, 2), frames(1, 2, duration=300)),
    "one frame and two": lambda: (frames(1), frames(1, 2)),
    "a film behind it": lambda: (
        saved(PHOTO, "JPEG"), saved(PHOTO, "JPEG") + b"\0\0\0\x18ftypmp42 and a film"
    ),
    "upright and turned": lambda: (
        saved(PHOTO, "JPEG"), saved(PHOTO, "JPEG", exif=exif(6))
    ),
}  # fmt: skip


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def colour_space(number: int) -> Image.Exif:
    made = Image.Exif()
    made.get_ifd(0x8769)[0xA001] = number
    return made


@pytest.mark.parametrize("case", OTHERS)
def test_what_differs_has_another_digest(case: str) -> None:
    one, other = OTHERS[case]()
    assert digest(one) is not None
    assert digest(other) is not None
    assert digest(one) != digest(other)


def test_the_orientation_is_applied() -> None:
    turned = PHOTO.transpose(Image.Transpose.ROTATE_90)
    assert digest(saved(turned, "PNG", exif=exif(6))) == digest(saved(PHOTO, "PNG"))


def test_equal_films_are_equal_whatever_the_header_says() -> None:
    film = b"\0\0\0\x18ftypmp42 and a film"
    plain, commented = saved(PHOTO, "JPEG"), saved(PHOTO, "JPEG", comment=b"\xff\xd9 in a comment")
    assert digest(plain + film) == digest(commented + film)
    assert digest(plain + film) != digest(commented)


@pytest.mark.parametrize(
    "data",
    [b"", b"no image", saved(PHOTO, "PNG")[:500], saved(Image.new("L", (1001, 1000)), "PNG")],
    ids=["empty", "text", "cut off", "too large"],
)
def test_what_cannot_be_decoded_has_none(data: bytes) -> None:
    assert digest(data) is None
