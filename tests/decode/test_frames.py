"""When frames are shown, and which of them are compared."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from imgsim.decode.decoder import Decoder
from imgsim.decode.frames import (
    SAMPLED,
    frame_durations,
    frames_at,
    middles_of_frames,
    sampled_frames,
    sampled_pages,
)
from imgsim.pictures.generate import landscape

TIMES = [70, 40, 200, 500, 30]


def flashes(n: int) -> list[Image.Image]:
    rng = np.random.default_rng(n)
    return [Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8)) for _ in range(n)]


def animation(form: str, frames: list[Image.Image], **settings: object) -> bytes:
    stream = io.BytesIO()
    frames[0].save(stream, form, save_all=True, append_images=frames[1:], **settings)
    return stream.getvalue()


def durations(data: bytes) -> tuple[int, ...]:
    image = Image.open(io.BytesIO(data))
    return frame_durations(data, image, image.n_frames)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
def test_times_are_those_that_were_saved(form: str) -> None:
    assert durations(animation(form, flashes(5), duration=TIMES)) == tuple(TIMES)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_frames_of_no_time_are_shown_as_browsers_do(form: str) -> None:
    assert durations(animation(form, flashes(3), duration=[0, 10, 40])) == (100, 100, 40)


def test_pages_and_stills_have_no_times() -> None:
    assert durations(animation("TIFF", flashes(3))) == ()
    assert durations(animation("PNG", flashes(1))) == ()


def test_a_still_for_other_programs_is_no_part_of_the_animation() -> None:
    data = animation("PNG", flashes(4), duration=50, default_image=True)
    assert durations(data) == (0, 50, 50, 50)
    assert 0 not in sampled_frames(durations(data))


def test_a_long_title_hides_no_frames() -> None:
    assert sampled_frames([60_000] + [40] * 7) == list(range(8))
    chosen = sampled_frames([60_000] + [40] * 200)
    assert len(chosen) >= 8
    assert chosen[-1] == 200


def test_a_short_flicker_hides_no_long_frame() -> None:
    assert 200 in sampled_frames([40] * 200 + [60_000] + [40] * 200)


def test_merged_and_rounded_frames_are_found_by_their_time() -> None:
    times = [40, 40, 40, 33, 67, 500]
    merged = [120, 30, 70, 500]
    assert frames_at(middles_of_frames(range(6), times), merged) == [0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize("frames", [1, 3, 9, 16, 17, 20, SAMPLED])
def test_no_frame_of_a_short_animation_is_left_out(frames: int) -> None:
    times = np.random.default_rng(frames).choice([20, 40, 700], frames).tolist()
    for durations in ([100] * frames, times):
        assert sampled_frames(durations) == list(range(frames))
    assert sampled_frames([0, *times]) == list(range(1, frames + 1))


@pytest.mark.parametrize("frames", [SAMPLED + 1, SAMPLED + 8, 400])
def test_of_a_long_animation_so_many_different_frames_count(frames: int) -> None:
    for durations in ([100] * frames, [60_000, *[40] * (frames - 1)], [0, *[40] * frames]):
        chosen = sampled_frames(durations)
        assert len(set(chosen)) == SAMPLED
        assert chosen == sorted(chosen)
        assert chosen[-1] == len(durations) - 1
        assert max(np.diff(chosen)) <= 2 + 2 * frames / SAMPLED


def test_pages_that_count_are_spread_and_hold_both_ends() -> None:
    assert sampled_pages(3) == [0, 1, 2]
    assert sampled_pages(400)[:1] + sampled_pages(400)[-1:] == [0, 399]
    assert len(sampled_pages(400)) == SAMPLED


def test_black_frames_are_passed_over() -> None:
    bright = Image.fromarray(landscape(1, 96, 64))
    fade = [Image.blend(Image.new("RGB", bright.size), bright, x) for x in (0, 0.02, 0.6, 1)]
    facts = Decoder()(animation("WEBP", fade, duration=100, lossless=True), []).facts
    assert not facts.flat
    assert (facts.frames, facts.duration_ms) == (4, 400)
    black = [Image.new("RGB", (96, 64), (i, 0, 0)) for i in range(3)]
    assert Decoder()(animation("WEBP", black, duration=100, lossless=True), []).facts.flat
