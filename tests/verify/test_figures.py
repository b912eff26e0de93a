"""Icons and other figures on an even ground: which are one picture in two sizes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imgsim.pictures.lettering import font
from imgsim.verify.figures import figure_distance, judge_figures

Colour = tuple[int, int, int]
BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (210, 50, 40)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def star(
    seed: int,
    size: tuple[int, int] = (960, 540),
    colour: Colour = RED,
    ground: Colour = BLACK,
    shift: float = 0.0,
) -> Image.Image:
    """A polygon of its own for each seed, 60 pixels around the centre of the picture."""
    rng = np.random.default_rng(seed)
    corners = int(rng.integers(3, 8))
    angles = 2 * np.pi * (np.arange(corners) + rng.random()) / corners
    radii = rng.uniform(0.5, 1.0, corners) * 60
    image = Image.new("RGB", size, ground)
    x, y = size[0] / 2 + shift, size[1] / 2
    points = [(x + r * np.cos(a), y + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
    ImageDraw.Draw(image).polygon(points, fill=colour)
    return image


def badge(text: str, side: int = 160) -> Image.Image:
    image = Image.new("RGB", (side, side), WHITE)
    draw = ImageDraw.Draw(image)
    draw.ellipse((side * 0.1, side * 0.1, side * 0.9, side * 0.9), fill=(30, 90, 160))
    draw.text((side / 2, side / 2), text, WHITE, font(side // 2), anchor="mm")
    return image


def resized(image: Image.Image, scale: float) -> Image.Image:
    size = round(image.width * scale), round(image.height * scale)
    return image.resize(size, Image.Resampling.LANCZOS)


def saved(image: Image.Image, kind: str, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return Image.open(buffer).convert("RGB")


@pytest.mark.parametrize("scale", [1.0, 2 / 3, 0.5])
@pytest.mark.parametrize("seed", range(6))
def test_a_figure_in_another_size_is_the_same_picture(seed: int, scale: float) -> None:
    one = star(seed)
    copy = saved(resized(one, scale), "JPEG", 88)
    assert figure_distance(pixels(one), pixels(copy)) <= 1
    assert figure_distance(pixels(copy), pixels(one)) <= 1
    verdict = judge_figures(pixels(one), pixels(copy))
    assert verdict.whole
    assert verdict.residual == figure_distance(pixels(one), pixels(copy))
    assert verdict.matrix == ()


@pytest.mark.parametrize("seed", range(6))
def test_two_figures_are_two_pictures(seed: int) -> None:
    one, other = star(seed), resized(star(seed + 50), 2 / 3)
    assert figure_distance(pixels(one), pixels(other)) == np.inf
    assert judge_figures(pixels(one), pixels(other)).residual == np.inf


@pytest.mark.parametrize(
    "other",
    [
        star(1, colour=(210, 50, 90)),
        star(1, colour=(190, 40, 30)),
        star(1, ground=(12, 12, 12)),
        star(1, shift=2),
        star(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        star(1, (960, 600)),
        Image.new("RGB", (960, 540)),
    ],
    ids=["hue", "shade", "ground", "moved", "mirrored", "shape", "nothing"],
)
def test_the_same_figure_otherwise_is_another_picture(other: Image.Image) -> None:
    one = star(1)
    assert figure_distance(pixels(one), pixels(one)) == 0
    assert figure_distance(pixels(one), pixels(other)) == np.inf
    assert figure_distance(pixels(other), pixels(resized(one, 0.5))) == np.inf


@pytest.mark.parametrize(
    ("one", "other"), [("3", "8"), ("B", "8"), ("O", "Q"), ("1", "7"), ("E", "F"), ("12", "13")]
)
@pytest.mark.parametrize("scale", [1.0, 0.8, 0.5])
def test_another_sign_on_the_same_tile_is_another_picture(
    one: str, other: str, scale: float
) -> None:
    copies = [saved(resized(badge(text), scale), "JPEG", 90) for text in (one, other)]
    if scale > 0.5:  # of half the size some are refused
        assert figure_distance(pixels(badge(one)), pixels(copies[0])) <= 1
    assert figure_distance(pixels(badge(one)), pixels(copies[1])) == np.inf
    assert figure_distance(pixels(badge(other)), pixels(copies[0])) == np.inf


def test_letters_that_are_gone_in_the_smaller_picture_tell_nothing() -> None:
    def line(text: str) -> np.ndarray:
        image = star(2)
        ImageDraw.Draw(image).text((440, 350), text, WHITE, font(12))
        return pixels(image)

    small = pixels(resized(Image.fromarray(line("12:38")), 0.4))
    assert figure_distance(line("12:38"), small) == np.inf
    assert figure_distance(pixels(star(2)), pixels(resized(star(2), 0.4))) <= 1


def test_too_small_a_picture_or_figure_tells_nothing() -> None:
    one = star(3)
    assert figure_distance(pixels(one), pixels(resized(one, 0.08))) == np.inf
    spot = Image.new("RGB", (960, 540))
    ImageDraw.Draw(spot).rectangle((480, 270, 486, 276), fill=WHITE)
    assert figure_distance(pixels(spot), pixels(spot)) == np.inf


def test_what_has_no_even_ground_is_no_figure() -> None:
    grain = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    assert figure_distance(grain, grain) == np.inf
    framed = star(4)
    framed.paste(Image.fromarray(grain).resize((960, 100)), (0, 0))
    assert figure_distance(pixels(framed), pixels(framed)) == np.inf
