"""A copy is what scaling and compression make of its source, and an edit is not."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from imgsim.group.evidence import signs_of
from imgsim.measure.differences import MeasuredPicture, measure_differences
from tests.group.test_stars import picture as file_of
from tests.measure.test_differences import WHOLE, files, plain, saved, scene

Change = Callable[[Image.Image], Image.Image]


def scaled(image: Image.Image, kernel: Image.Resampling, share: float = 0.6) -> Image.Image:
    return image.resize((round(share * image.width), round(share * image.height)), kernel)


def unexplained(source: MeasuredPicture, copy: MeasuredPicture, **facts: object) -> str:
    found = measure_differences(source, copy, np.eye(3))
    one, other = files(source, copy)
    if facts:
        height, width = copy.pixels.shape[:2]
        other = file_of("b", width=width, height=height, **facts)
    return signs_of(one, other, WHOLE, found).unexplained


@pytest.mark.parametrize("kernel", list(Image.Resampling)[1:], ids=lambda one: one.name)
def test_every_kernel_that_averages_explains_a_smaller_copy(kernel: Image.Resampling) -> None:
    original = saved(scene(31), 92)
    assert unexplained(original, saved(scaled(plain(original), kernel), 85)) == ""


def test_kernels_that_do_not_average_explain_it_too() -> None:
    original = saved(scene(32), 92)
    for kernel in (cv2.INTER_LINEAR, cv2.INTER_AREA):
        small = cv2.resize(original.pixels, (400, 300), interpolation=kernel)
        assert unexplained(original, saved(Image.fromarray(small), 80)) == ""


def noise(image: Image.Image) -> Image.Image:
    added = np.random.default_rng(3).normal(0, 3, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + added, 0, 255).astype(np.uint8))


def mark(image: Image.Image) -> Image.Image:
    """Faint words."""
    words = Image.new("L", image.size)
    ImageDraw.Draw(words).text((120, 200), "PROOF COPY", fill=18, font_size=60)
    return Image.composite(Image.new("RGB", image.size, "white"), image, words)


def healed(image: Image.Image) -> Image.Image:
    """A spot is covered by what lies beside it."""
    copy = image.copy()
    copy.paste(image.crop((320, 200, 350, 230)), (280, 200))
    return copy


def smooth(image: Image.Image) -> Image.Image:
    """As skin is in portraits."""
    copy = image.copy()
    part = image.crop((240, 120, 400, 300)).filter(ImageFilter.GaussianBlur(0.8))
    copy.paste(part, (240, 120))
    return copy


EDITS: dict[str, Change] = {
    "noise": noise, "mark": mark, "healed": healed, "smooth": smooth,
    "sharper": lambda i: i.filter(ImageFilter.UnsharpMask(2, 20, 0)),
}  # fmt: skip


@pytest.mark.parametrize("share", [0.6, 1.0])
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_no_mere_copy(name: str, share: float) -> None:
    original = saved(scene(33), 92)
    edit = EDITS[name](plain(original))
    copy = saved(scaled(edit, Image.Resampling.BICUBIC, share), 88)
    assert unexplained(original, copy)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_line_beyond_the_last_whole_block_is_seen(share: float) -> None:
    dark = scene(36).point(lambda level: level * 2 // 5).crop((0, 0, 633, 474))
    original = saved(dark, 93)
    for edge in ((0, 473, 633, 474), (632, 0, 633, 474)):
        lined = plain(original)
        assert (
            unexplained(original, saved(scaled(lined, Image.Resampling.LANCZOS, share), 85)) == ""
        )
        lined.paste((0, 0, 0), edge)
        assert unexplained(original, saved(scaled(lined, Image.Resampling.LANCZOS, share), 85))


@pytest.mark.parametrize("form", ["WEBP", "PNG"])
def test_steps_are_estimated_where_a_file_has_none(form: str) -> None:
    original = saved(scene(34), 92)

    def stored(image: Image.Image) -> MeasuredPicture:
        file = io.BytesIO()
        scaled(image, Image.Resampling.LANCZOS).save(file, form, quality=85)
        return MeasuredPicture(np.asarray(Image.open(file).convert("RGB")))

    facts = {"format": form, "lossless": form == "PNG"}
    assert unexplained(original, stored(plain(original)), **facts) == ""
    assert unexplained(original, stored(healed(plain(original))), **facts)
    if form == "PNG":
        assert unexplained(original, stored(noise(plain(original))), **facts)


def test_faint_words_are_seen_where_steps_are_small() -> None:
    original = saved(scene(37), 92)
    words = Image.new("L", plain(original).size)
    ImageDraw.Draw(words).text((300, 440), "(c) Foto 2019", fill=22, font_size=20)
    lettered = Image.composite(Image.new("RGB", words.size, "white"), plain(original), words)
    for image, seen in ((plain(original), False), (lettered, True)):
        file = io.BytesIO()
        scaled(image, Image.Resampling.BICUBIC).save(file, "WEBP", quality=92)
        copy = MeasuredPicture(np.asarray(Image.open(file).convert("RGB")))
        assert bool(unexplained(original, copy, format="WEBP", lossless=False)) == seen


def test_a_soft_original_was_not_enlarged_from_its_smaller_copy() -> None:
    original = saved(scene(35).filter(ImageFilter.GaussianBlur(1.2)), 92)
    smaller = saved(scaled(plain(original), Image.Resampling.BICUBIC), 85)
    there = measure_differences(smaller, original, np.eye(3))
    signs = signs_of(*files(smaller, original), WHOLE, there)
    assert "enlarged" not in {sign.role for sign in signs.signs}
    enlarged = saved(scaled(plain(original), Image.Resampling.BICUBIC, 1.5), 92)
    back = measure_differences(original, enlarged, np.eye(3))
    signs = signs_of(*files(original, enlarged), WHOLE, back)
    assert "enlarged" in {sign.role for sign in signs.signs}
