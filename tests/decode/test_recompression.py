"""Double compression: pictures made here, compressed once and twice by Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from imgsim.decode.recompression import compressed_twice

PIXELS = 10**8


def picture(seed: int) -> Image.Image:
    """Noise of every scale, whose coefficients fall off as those of photos do."""
    random = np.random.default_rng(seed)
    total = np.zeros((384, 512, 3))
    for scale in (1, 2, 4, 8, 16, 64):
        noise = random.normal(0, scale**0.7, (384 // scale, 512 // scale, 3))
        part = np.clip(noise * 4 + 128, 0, 255).astype(np.uint8)
        grown = Image.fromarray(part).resize((512, 384), Image.Resampling.BICUBIC)
        total += np.asarray(grown) - 128.0
    return Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))


def compressed(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("first", "second"), [(75, 98), (85, 92), (90, 95), (92, 100), (60, 80)])
def test_a_finer_second_compression_shows_the_first(seed: int, first: int, second: int) -> None:
    once = compressed(picture(seed), first)
    assert not compressed_twice(once, PIXELS)
    assert compressed_twice(compressed(decoded(once), second), PIXELS)
    assert compressed_twice(compressed(picture(seed), second), PIXELS) is False


def test_a_picture_that_was_cut_or_resized_between_is_as_one_that_was_compressed_once() -> None:
    image = decoded(compressed(picture(4), 75))
    assert not compressed_twice(compressed(image.crop((3, 3, 500, 380)), 95), PIXELS)
    assert not compressed_twice(compressed(image.resize((300, 225)), 95), PIXELS)


@pytest.mark.parametrize("quality", [60, 75, 85, 95])
def test_what_has_an_order_of_its_own_is_not_taken_for_compressed_twice(quality: int) -> None:
    """Drawings on a grid of 8, enlarged pixels, few colours: one compression each."""
    photo = picture(5)
    drawn = Image.new("RGB", (512, 384), (240, 240, 245))
    pen = ImageDraw.Draw(drawn)
    random = np.random.default_rng(5)
    for x, y, width, height in random.integers(1, 40, (60, 4)) * 8:
        colour = tuple(map(int, random.integers(30, 225, 3)))
        pen.rectangle((x, y, x + width - 1, y + height // 4 - 1), fill=colour, outline=(90, 90, 90))
    for image in (
        drawn,
        photo.crop((0, 0, 128, 96)).resize((512, 384), Image.Resampling.NEAREST),
        photo.crop((0, 0, 256, 192)).resize((512, 384), Image.Resampling.BICUBIC),
        photo.quantize(32).convert("RGB"),
        photo.filter(ImageFilter.GaussianBlur(2)),
    ):
        assert not compressed_twice(compressed(image, quality), PIXELS)


def test_it_cannot_be_told_of_plain_small_large_and_broken_files() -> None:
    plain = compressed(Image.new("RGB", (512, 384), (90, 120, 30)), 90)
    small = compressed(picture(1).crop((0, 0, 64, 64)), 90)
    whole = compressed(picture(1), 90)
    inks = io.BytesIO()
    picture(1).convert("CMYK").save(inks, "JPEG")
    for data in (plain, small, whole[:300], inks.getvalue(), b"\xff\xd8\xff\xe0"):
        assert compressed_twice(data, PIXELS) is None
    assert compressed_twice(whole, 1000) is None
