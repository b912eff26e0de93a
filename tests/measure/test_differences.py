"""What was done to a copy is told from its pixels; pictures are made anew by each test."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from imgsim.decode.jpeg_quality import in_rows, luma_table, mean_steps
from imgsim.group.evidence import derivation, signs_of
from imgsim.measure.differences import Differences, MeasuredPicture, measure_differences
from imgsim.types import Verdict
from tests.group.test_stars import picture as file_of

SIZE = 640, 480
WHOLE = Verdict(0.0, tuple(np.eye(3).ravel().tolist()), 1.0, 1.0, 1.0)


def scene(seed: int) -> Image.Image:
    """Detail of all sizes, edges and even parts, in colours."""
    random = np.random.default_rng([seed, 5])
    levels = np.zeros((SIZE[1], SIZE[0], 3))
    for side in (6, 20, 60, 240, 640):
        coarse = random.normal(0, 1, (side * 3 // 4, side, 3)).astype(np.float32)
        for band in range(3):
            grown = Image.fromarray(coarse[..., band]).resize(SIZE, Image.Resampling.BICUBIC)
            levels[..., band] += np.asarray(grown) * (14 if side == 640 else 22)
    image = Image.fromarray(np.clip(levels + 120, 0, 255).astype(np.uint8))
    even = image.resize((8, 6)).resize((SIZE[0] // 3, SIZE[1]), Image.Resampling.BICUBIC)
    image.paste(even, (0, 0))
    return image


def saved(image: Image.Image, quality: int) -> MeasuredPicture:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    table, steps = luma_table(file.getvalue()), mean_steps(file.getvalue())
    assert table is not None
    assert steps is not None
    pixels = np.asarray(Image.open(file).convert("RGB"))
    return MeasuredPicture(pixels, in_rows(table), (steps[0] / 16, steps[1] / 16))


def lossy(image: Image.Image, form: str, quality: int) -> MeasuredPicture:
    """Saved in a format that shows no steps."""
    file = io.BytesIO()
    image.save(file, form, quality=quality)
    return MeasuredPicture(np.asarray(Image.open(file).convert("RGB")))


def plain(one: MeasuredPicture) -> Image.Image:
    return Image.fromarray(one.pixels)


def noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(3).normal(0, 10, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def grainy(image: Image.Image) -> Image.Image:
    """Grain of film: coarser than a pixel, in light alone."""
    noise = np.random.default_rng(4).normal(0, 20, (image.height, image.width))
    grain = sum(np.roll(noise, place, (0, 1)) for place in np.ndindex(3, 3)) / 9
    grained = np.asarray(image) + grain[..., None]
    return Image.fromarray(np.clip(grained, 0, 255).astype(np.uint8))


def toned(image: Image.Image) -> Image.Image:
    grey = np.asarray(image.convert("L"), np.float64)[..., None]
    return Image.fromarray(np.clip(grey * (1.15, 1.0, 0.85), 0, 255).astype(np.uint8))


def scaled(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.resize(
        (round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC
    )


CHANGES: dict[str, tuple[Callable[[Image.Image], Image.Image], int, str]] = {
    "saved again": (lambda i: i, 70, "reencoded"),
    "smaller": (scaled(0.5), 85, "smaller"),
    "enlarged": (scaled(1.6), 92, "enlarged"),
    "noise": (noisy, 95, "noisier"),
    "blur": (lambda i: i.filter(ImageFilter.GaussianBlur(1.8)), 95, "blurred"),
    "sharpened": (lambda i: i.filter(ImageFilter.UnsharpMask(2, 130, 2)), 95, "edited"),
    "brighter": (lambda i: ImageEnhance.Brightness(i).enhance(1.25), 95, "edited"),
    "colours": (lambda i: ImageEnhance.Color(i).enhance(1.5), 95, "edited"),
    "grey": (lambda i: i.convert("L").convert("RGB"), 95, "edited"),
    "stretched": (lambda i: i.resize((i.width * 6 // 5, i.height)), 95, "stretched"),
}


def measured(first: MeasuredPicture, second: MeasuredPicture) -> Differences:
    return measure_differences(first, second, np.eye(3))


def files(first: MeasuredPicture, second: MeasuredPicture):
    return tuple(
        file_of(name, width=one.pixels.shape[1], height=one.pixels.shape[0])
        for name, one in (("a", first), ("b", second))
    )


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("seed", [101, 102])
def test_a_change_is_told(name: str, seed: int) -> None:
    change, quality, role = CHANGES[name]
    original = saved(scene(seed), 90)
    copy = saved(change(plain(original)), quality)
    signs = signs_of(*files(original, copy), WHOLE, measured(original, copy))
    roles = {sign.role for sign in signs.signs}
    assert role in roles
    assert "fuller" not in roles
    # nothing else that would keep a mere copy, or pass a change off as one
    assert roles <= {role, "reencoded", *(["edited"] if role == "noisier" else [])}


@pytest.mark.parametrize(
    "name", ["saved again", "smaller", "enlarged", "noise", "blur", "sharpened", "grey"]
)
def test_what_was_made_from_what_is_told_in_either_order(name: str) -> None:
    change, quality, _ = CHANGES[name]
    original = saved(scene(7), 90)
    copy = saved(change(plain(original)), quality)
    there, back = measured(original, copy), measured(copy, original)
    assert derivation(*files(original, copy), WHOLE, there)[0] == 1
    assert derivation(*files(copy, original), WHOLE, back)[0] == -1
    one, other = files(copy, original)
    assert derivation(one, other, WHOLE, there.swapped())[0] == -1


def of_all_tones(seed: int, contrast: float) -> Image.Image:
    """Gradations from black to white."""
    smooth = scene(seed).filter(ImageFilter.GaussianBlur(8))
    return ImageEnhance.Contrast(smooth).enhance(contrast)


@pytest.mark.parametrize("change", [ImageEnhance.Brightness, ImageEnhance.Contrast])
def test_a_copy_cuts_tones_off_that_its_original_has(change: type[ImageEnhance._Enhance]) -> None:
    original = saved(of_all_tones(21, 2.5), 92)
    copy = saved(change(plain(original)).enhance(1.5), 96)
    there = measured(original, copy)
    assert there.cut[0] == 0 < there.cut[1]
    assert derivation(*files(original, copy), WHOLE, there)[0] == 1
    assert derivation(*files(copy, original), WHOLE, there.swapped())[0] == -1


def light_from_the_left(image: Image.Image) -> Image.Image:
    levels = np.asarray(image) * np.linspace(1.1, 0.7, image.width)[:, None]
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "change",
    [
        lambda i: ImageEnhance.Brightness(i).enhance(0.8),
        lambda i: i.point([round(255 * (v / 255) ** 1.5) for v in range(256)] * 3),
        light_from_the_left,
    ],
)
def test_a_picture_that_ends_at_white_is_not_taken_for_the_copy_of_a_darker_one(change) -> None:
    original = saved(of_all_tones(22, 4), 94)
    assert (original.pixels == 255).mean() > 0.02
    assert measured(original, saved(change(plain(original)), 94)).cut[0] == 0


def test_of_two_versions_the_more_changed_one_is_taken_for_the_copy() -> None:
    """No sign says so for sure; the better one is kept all the same, however old its file is."""
    first = scene(13)
    original = saved(first, 92)
    copies = {
        "more compressed": saved(first, 85),
        "another lossy format": lossy(first, "WEBP", 60),
        "grain": saved(grainy(first), 92),
        "brighter": saved(ImageEnhance.Brightness(plain(original)).enhance(1.1), 98),
    }
    forms = {"another lossy format": "WEBP"}
    for name, copy in copies.items():
        one, other = files(original, copy)
        other = replace(other, facts=replace(other.facts, format=forms.get(name, "JPEG")))
        there = measured(original, copy)
        assert not any(s.derived for s in signs_of(one, other, WHOLE, there).signs), name
        assert derivation(one, other, WHOLE, there)[0] == 1, name
        assert derivation(other, one, WHOLE, there.swapped())[0] == -1, name


def test_a_soft_picture_that_no_enlarging_explains_comes_before_its_smaller_copy() -> None:
    """It has as little detail as an enlarged one; noise that was added to one is not explained."""
    original = saved(scene(13), 92)
    smaller = saved(plain(original).resize((360, 270)), 75)
    one, other = files(original, smaller)
    soft = replace(measured(original, smaller), beyond=-11.0, residue=(None, None))
    for noise, first in (((0.6, 0.7), 1), ((0.9, 0.7), -1)):
        unlike = replace(soft, gain=(1.2,) * 8, noise=noise, not_enlarged=0.4)
        assert derivation(one, other, WHOLE, unlike)[0] == first
        assert derivation(other, one, WHOLE, unlike.swapped())[0] == -first


@pytest.mark.parametrize("quality", [4, 8, 15, 20])
def test_what_coarse_compression_does_to_colours_and_noise_is_no_edit(quality: int) -> None:
    pale = ImageEnhance.Color(scene(17)).enhance(0.25)
    original = saved(noisy(pale), 92)
    copy = saved(plain(original), quality)
    signs = signs_of(*files(original, copy), WHOLE, measured(original, copy))
    assert {sign.role for sign in signs.signs} <= {"reencoded", "blurred"}
    back = signs_of(*files(copy, original), WHOLE, measured(copy, original))
    assert {sign.role for sign in back.signs} <= {"fuller"}


def test_a_better_save_of_a_jpeg_is_told_from_the_jpeg() -> None:
    """Saved again at a higher quality it has more bytes, and nothing more to see."""
    original = saved(scene(9), 80)
    copy = saved(plain(original), 98)
    assert derivation(*files(original, copy), WHOLE, measured(original, copy))[0] == 1
    export = MeasuredPicture(original.pixels)
    assert derivation(*files(original, export), WHOLE, measured(original, export))[0] == 1


def test_a_part_is_compared_pixel_by_pixel() -> None:
    original = saved(scene(11), 90)
    box = 37, 22, 37 + 480, 22 + 360
    part = saved(plain(original).crop(box), 95)
    matrix = np.array([(0.75, 0, 37 / 640), (0, 0.75, 22 / 480), (0, 0, 1)])
    verdict = Verdict(0.0, tuple(matrix.ravel().tolist()), 0.5, 1.0, 0.56, more=-1)
    differences = measure_differences(original, part, matrix)
    assert not differences.placed
    assert differences.noise[0] == pytest.approx(differences.noise[1], rel=0.1)
    signs = signs_of(*files(original, part), verdict, differences)
    assert [sign.role for sign in signs.signs] == ["cropped"]


def test_pictures_that_are_too_small_are_not_measured() -> None:
    tiny = saved(scene(1).resize((60, 45)), 90)
    differences = measured(tiny, tiny)
    assert differences.windows == 0
    assert "too small to be measured" in signs_of(*files(tiny, tiny), WHOLE, differences).unsure


@pytest.mark.parametrize("first", [79, 84])
@pytest.mark.parametrize("by", [-20, -6, -3, 0, 3, 6, 12])
def test_which_of_two_jpegs_was_compressed_from_the_other(first: int, by: int) -> None:
    """At 79 and 3 less, steps of the later one show in the first one by chance."""
    one = saved(scene(20), first)
    other = saved(plain(one), first + by)
    forth, back = (measure_differences(a, b, np.eye(3)) for a, b in ((one, other), (other, one)))
    assert forth.generation is not None
    assert back.generation is not None
    assert back.generation == forth.swapped().generation
    told = signs_of(file_of("one"), file_of("other"), WHOLE, forth)
    order = {sign.why for sign in told.signs if "compressed" in sign.why}
    assert order in ({"compressed again from the kept file"}, set())
    assert order or by in (0, 3)
    assert bool(order) is not ("which of the two came first" in told.unsure)
    if by == 0:
        assert forth.generation[1] == (0, 0)
        assert not order


def test_of_two_jpegs_of_one_picture_the_finer_is_not_made_of_the_other() -> None:
    picture = scene(21)
    one, other = saved(picture, 92), saved(picture, 80)
    told = signs_of(
        file_of("one"), file_of("other"), WHOLE, measure_differences(other, one, np.eye(3))
    )
    assert not any(sign.role == "reencoded" for sign in told.signs)


@pytest.mark.parametrize("levels", [2, 5])
def test_a_jpeg_was_not_compressed_from_itself_with_noise_saved_at_more_quality(
    levels: float,
) -> None:
    """Rounding takes most of so little noise away again."""
    first = saved(scene(23), 75)
    noise = np.random.default_rng(6).normal(0, levels, first.pixels.shape)
    noisy = saved(Image.fromarray((first.pixels + noise).clip(0, 255).astype(np.uint8)), 95)
    found = measure_differences(noisy, first, np.eye(3))
    told = signs_of(file_of("one"), file_of("other"), WHOLE, found)
    assert not [sign for sign in told.signs if "compressed" in sign.why]


@pytest.mark.parametrize("seed", [5, 7, 22])
def test_a_jpeg_of_high_quality_was_not_compressed_from_itself_with_noise(seed: int) -> None:
    """Noise lies about its steps in another way than what rounding leaves."""
    first = saved(scene(seed), 97)
    noise = np.random.default_rng(seed).normal(0, 2, first.pixels.shape)
    noisy = saved(Image.fromarray((first.pixels + noise).clip(0, 255).astype(np.uint8)), 99)
    found = measure_differences(noisy, first, np.eye(3))
    told = signs_of(file_of("one"), file_of("other"), WHOLE, found)
    assert not [sign for sign in told.signs if "compressed" in sign.why]


def test_a_jpeg_was_not_compressed_from_its_third_generation() -> None:
    """Which lies within its steps, but where other steps had left it."""
    first = saved(scene(24), 80)
    third = saved(plain(saved(plain(first), 85)), 98)
    found = measure_differences(third, first, np.eye(3))
    told = signs_of(file_of("one"), file_of("other"), WHOLE, found)
    assert not [sign for sign in told.signs if "compressed" in sign.why]


def test_steps_of_an_edit_say_nothing_of_what_a_lossless_file_was_made_from() -> None:
    """Both lie near the steps of the JPEG that both were made from."""
    first = saved(scene(22), 90)
    edit = saved(ImageEnhance.Color(plain(first)).enhance(1.8), 90)
    told = signs_of(
        file_of("one"),
        file_of("other", format="PNG", lossless=True),
        WHOLE,
        measure_differences(edit, MeasuredPicture(first.pixels), np.eye(3)),
    )
    assert "edited" in {sign.role for sign in told.signs}
    assert not [sign for sign in told.signs if "compressed" in sign.why]


def order(first: MeasuredPicture, second: MeasuredPicture, *formats: str) -> set[str]:
    """What is said of which of two files was compressed from the other."""
    one, other = (file_of(name, format=form) for name, form in zip("ab", formats, strict=True))
    told = signs_of(one, other, WHOLE, measure_differences(first, second, np.eye(3)))
    return {sign.why for sign in told.signs if "compressed" in sign.why}


AGAIN, FROM = {"compressed again from the kept file"}, {"the kept file was compressed from it"}


@pytest.mark.parametrize(("form", "quality"), [("WEBP", 90), ("HEIF", 80), ("AVIF", 80)])
def test_what_was_compressed_from_what_is_told_of_other_lossy_formats(
    form: str, quality: int
) -> None:
    """The later JPEG lies about its own steps; what was made from a JPEG still knows of its."""
    if form == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if not Image.registered_extensions() or form not in Image.SAVE:
        pytest.skip(f"no {form}")
    first = saved(scene(25), 88)
    later = lossy(plain(first), form, quality)
    assert order(first, later, "JPEG", form) == AGAIN
    assert order(later, first, form, "JPEG") == FROM
    if form != "HEIF":  # which lies so near here that this JPEG is the first one again
        assert not order(saved(plain(later), 88), later, "JPEG", form)
    source = lossy(scene(26), form, quality)
    jpeg = saved(plain(source), 80)
    assert order(source, jpeg, form, "JPEG") == AGAIN
    assert order(jpeg, source, "JPEG", form) == FROM


def test_two_encodings_of_one_picture_and_edits_are_not_made_from_each_other() -> None:
    picture = scene(27)
    jpeg, webp = saved(picture, 88), lossy(picture, "WEBP", 85)
    assert not order(jpeg, webp, "JPEG", "WEBP")
    assert not order(webp, jpeg, "WEBP", "JPEG")
    for levels in (1, 3):
        noise = np.random.default_rng(8).normal(0, levels, webp.pixels.shape)
        edit = Image.fromarray((webp.pixels + noise).clip(0, 255).astype(np.uint8))
        assert not order(webp, saved(edit, 90), "WEBP", "JPEG")


def test_what_a_jpeg_was_scaled_down_from_has_its_detail_however_soft_it_is() -> None:
    """Its coefficients are those of the larger one, rounded."""
    soft = saved(scene(34).filter(ImageFilter.GaussianBlur(1.2)), 92)
    copy = saved(scaled(0.6)(plain(soft)), 85)
    told = signs_of(*files(soft, copy), WHOLE, measured(soft, copy))
    assert [sign.role for sign in told.signs] == ["smaller"]
    assert not told.unsure
    enlarged = saved(scaled(1 / 0.6)(plain(copy)), 92)
    back = signs_of(*files(enlarged, copy), WHOLE, measured(enlarged, copy))
    assert "smaller" not in {sign.role for sign in back.signs if sign.derived}


def test_faint_colours_that_compression_weakens_are_no_edit() -> None:
    original = saved(scene(30), 92)
    copy = saved(plain(original), 60)
    found = measured(original, copy)
    for chroma, unsure in ((5.0, False), (20.0, True)):
        weaker = replace(found, saturation=0.95, chroma=(chroma, 0.95 * chroma))
        told = signs_of(*files(original, copy), WHOLE, weaker)
        assert ("colours" in told.unsure) is unsure


def test_there_is_no_noise_where_all_lies_within_half_a_step() -> None:
    """Blocks of a strongly compressed JPEG look like it."""
    original = saved(scene(30), 92)
    copy = saved(plain(original), 75)
    found = replace(measured(original, copy), noise=(1.0, 3.0))
    told = signs_of(*files(original, copy), WHOLE, found)
    assert [sign.role for sign in told.signs] == ["reencoded"]
    assert not told.unsure
    edit = replace(found, residue=(None, (2.0, *found.residue[1][1:])))
    assert "noise" in signs_of(*files(original, copy), WHOLE, edit).unsure


def derived(one: MeasuredPicture, other: MeasuredPicture) -> tuple[int, int]:
    """By their pixels alone, in both orders."""
    measured = measure_differences(one, other, np.eye(3))
    ends = file_of("a"), file_of("b")
    orders = (*ends, WHOLE, measured), (*ends[::-1], WHOLE, measured.swapped())
    return derivation(*orders[0])[0], derivation(*orders[1])[0]


def test_what_was_toned_is_not_what_a_grey_picture_was_made_from() -> None:
    """Light alone tells its colour; that of a picture in colours is its own."""
    grey = scene(3).convert("L").convert("RGB")
    assert derived(saved(grey, 92), saved(toned(grey), 92)) == (0, 0)
    assert derived(saved(grey, 92), saved(scene(3), 92)) == (-1, 1)
