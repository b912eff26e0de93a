"""A thing that one of two animations shows in one frame or two makes it another animation."""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageSequence

from imgsim.decode.decoder import Decoder
from imgsim.pictures.generate import landscape
from imgsim.verify import frames as frames_module
from imgsim.verify.frame_pairs import same_frames
from imgsim.verify.single_frame import single_frame_ratio, smoothed_difference

Frames = list[Image.Image]
MASK = np.ones((120, 160), np.uint8)


def noisy(seed: int, count: int) -> NDArray[np.float32]:
    """Differences of frames that were dithered in other ways: unlike everywhere and in each."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 12, (count, 120, 160, 3)).astype(np.float32)


def ratio(differences: NDArray[np.float32], mask: NDArray[np.uint8] = MASK) -> float:
    return single_frame_ratio(np.stack([smoothed_difference(one, mask) for one in differences]))


@pytest.mark.parametrize(("count", "shown_for"), [(5, 1), (12, 1), (12, 2), (40, 1), (40, 2)])
@pytest.mark.parametrize("channel", [0, 2])
def test_what_one_frame_or_two_have_stands_out(count: int, shown_for: int, channel: int) -> None:
    differences = noisy(count, count)
    assert ratio(differences) < 1
    differences[2 : 2 + shown_for, 60:72, 90:102, channel] += 60
    assert ratio(differences) > 1


def test_what_all_frames_have_does_not_stand_out() -> None:
    """Such a difference is for those who compare frame by frame."""
    differences = noisy(3, 12)
    differences[:, 60:72, 90:102] += 60
    assert ratio(differences) < 1


@pytest.mark.parametrize("channel", [0, 1])
def test_a_frame_with_a_worse_palette_does_not_stand_out(channel: int) -> None:
    differences = noisy(4, 12)
    differences[6, ..., channel] *= 6
    assert ratio(differences) < 1


def test_a_brighter_frame_does_not_stand_out() -> None:
    differences = noisy(5, 12)
    differences[6] += 20
    assert ratio(differences) < 1


def test_places_outside_of_one_picture_do_not_count() -> None:
    differences = noisy(6, 12)
    differences[2, 60:72, 90:102] += 60
    mask = MASK.copy()
    mask[50:80, 80:110] = 0
    assert ratio(differences) > 1 > ratio(differences, mask)


def test_few_frames_do_not_tell() -> None:
    differences = noisy(7, 3)
    differences[1, 60:72, 90:102] += 60
    assert ratio(differences) == 0


def test_the_smoothed_difference_is_half_as_large() -> None:
    difference = np.zeros((7, 9, 3), np.float32)
    difference[2, 4] = 100
    smooth = smoothed_difference(difference, np.ones((7, 9), np.uint8))
    assert (smooth.shape, smooth.dtype) == ((4, 5, 3), np.float16)
    expected = cv2.GaussianBlur(difference, (0, 0), 2.5)[::2, ::2]
    np.testing.assert_allclose(smooth, expected, atol=0.01)
    outside = smoothed_difference(difference, np.zeros((7, 9), np.uint8))
    assert not outside.any()


def gif(frames: Sequence[Image.Image], method: Image.Quantize, colours: int) -> bytes:
    stream = io.BytesIO()
    first, *others = [
        one.quantize(
            palette=one.quantize(colours, method=method), dither=Image.Dither.FLOYDSTEINBERG
        )
        for one in frames
    ]
    first.save(stream, "GIF", save_all=True, append_images=others, duration=100)
    return stream.getvalue()


def shown(data: bytes) -> Frames:
    with Image.open(io.BytesIO(data)) as image:
        return [one.convert("RGB") for one in ImageSequence.Iterator(image)]


def with_digit(frames: Frames, number: int) -> Frames:
    x, y = 150, 110
    one = frames[number].copy()
    under = np.asarray(one)[y : y + 10, x : x + 10].mean(axis=(0, 1))
    ink = np.clip(under + (90 if under.mean() < 128 else -90), 0, 255).astype(int)
    ImageDraw.Draw(one).text((x, y), "7", tuple(ink.tolist()), font_size=10)
    return [*frames[:number], one, *frames[number + 1 :]]


@pytest.mark.parametrize("seed", [704, 705, 707, 708])
def test_a_digit_in_one_frame_of_a_gif_made_again(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frame by frame it is less than what the other palette and dithering do."""
    ground = Image.fromarray(landscape(seed, 200, 150))
    drawn = [ground.copy() for _ in range(9)]
    for i, one in enumerate(drawn):
        ImageDraw.Draw(one).ellipse((20 + 14 * i, 60, 36 + 14 * i, 76), "red")
    original = gif(drawn, Image.Quantize.MEDIANCUT, 256)
    frames = shown(original)
    again = gif(frames, Image.Quantize.FASTOCTREE, 128)
    other = gif(with_digit(frames, 5), Image.Quantize.FASTOCTREE, 128)
    assert same_frames(original, again, Decoder())
    assert not same_frames(original, other, Decoder())
    assert not same_frames(other, original, Decoder())
    monkeypatch.setattr(frames_module, "single_frame_ratio", lambda differences: 0.0)
    assert same_frames(original, other, Decoder())
