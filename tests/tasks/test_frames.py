"""Animations and documents match by all of their frames."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgsim
from imgsim import RunOptions
from imgsim.decode.decoder import Decoder
from imgsim.executors.limit import CRASHED
from imgsim.pictures.documents import page
from imgsim.pictures.generate import landscape
from imgsim.verify.frame_pairs import FrameBatch, same_frames

SIZE = 240, 180
Frames = list[Image.Image]


def scenes(seed: int) -> Frames:
    return [Image.fromarray(landscape(seed + i // 2, *SIZE)).quantize(128) for i in range(6)]


def save(frames: Sequence[Image.Image], path: Path, **settings: object) -> None:
    first, *rest = (one.convert("RGB") for one in frames)
    first.save(path, save_all=True, append_images=rest, **settings)


def smaller(frames: Frames) -> Frames:
    return [one.convert("RGB").resize((180, 135), Image.Resampling.LANCZOS) for one in frames]


@pytest.fixture(scope="module")
def animations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("animations")
    frames, others = scenes(20), scenes(40)
    black = [Image.new("RGB", SIZE)]
    for name, some in {"scenes": frames, "fade": [*black, *scenes(60)]}.items():
        save(some, folder / f"{name}-original.png", duration=60)
        save(some, folder / f"{name}-webp.webp", duration=60, quality=80)
        save(smaller(some), folder / f"{name}-smaller.webp", duration=60, quality=90)
    save([frames[0], *others[1:]], folder / "first.png", duration=60)
    save([*black, *others], folder / "black.png", duration=60)
    save([*frames[:4], *others[4:]], folder / "end.webp", duration=60, quality=80)
    save(frames[::-1], folder / "reversed.png", duration=60)
    save(frames[:4], folder / "shorter.png", duration=60)
    save(frames, folder / "faster.png", duration=20)
    frames[0].convert("RGB").save(folder / "still.png")
    return folder


def groups(result: imgsim.Duplicates) -> list[set[str]]:
    return [{Path(m.picture.file.path).stem for m in g.members} for g in result.groups]


@pytest.mark.parametrize("method", ["auto", "phash:size=16", "ssim"])
def test_animations_match_by_all_frames(animations: Path, threads: RunOptions, method: str) -> None:
    result = imgsim.find_duplicates(animations, method, options=threads)
    assert groups(result) == [
        {"fade-original", "fade-webp", "fade-smaller"},
        {"scenes-original", "scenes-webp", "scenes-smaller"},
    ]


def test_animations_leak_by_all_frames(animations: Path, threads: RunOptions) -> None:
    splits = {
        "train": [animations / "scenes-original.png"],
        "test": sorted(set(animations.iterdir()) - {animations / "scenes-original.png"}),
    }
    for method in ("auto", "phash:size=16"):
        leaks = imgsim.find_leaks(splits, method, options=threads)
        (leak,) = [x for x in leaks.leaks if x.picture.file.root == "train"]
        matched = {Path(m.picture.file.path).stem for m in leak.matches}
        assert matched == {"scenes-webp", "scenes-smaller"}, method


@pytest.mark.parametrize("method", ["auto", "phash:size=16"])
def test_known_verdicts_on_frames_are_the_same(
    animations: Path, threads: RunOptions, method: str, tmp_path: Path
) -> None:
    cached = replace(threads, cache=tmp_path / "cache.db")
    cold, warm = (imgsim.find_duplicates(animations, method, options=cached) for _ in range(2))
    assert (
        groups(cold)
        == groups(warm)
        == groups(imgsim.find_duplicates(animations, method, options=replace(threads, jobs=1)))
    )
    assert warm.decoded == 0


def test_animations_whose_worker_is_killed_are_named(
    animations: Path, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        FrameBatch,
        "run",
        lambda self, heartbeat: [self.failure(f"{CRASHED} (SIGKILL)")] * len(self),
    )
    both = [animations / f"scenes-{name}.webp" for name in ("smaller", "webp")]
    found = imgsim.find_duplicates(both, "phash", options=threads)
    assert groups(found) == []
    (lost,) = found.not_compared
    assert (lost.left, lost.right) == tuple(map(str, both))
    assert lost.reason == "the worker that compared them was killed (SIGKILL)"


def test_two_files_are_compared_by_all_frames(animations: Path) -> None:
    def verdicts(name: str) -> set[bool]:
        scores = imgsim.compare(
            animations / "scenes-original.png", animations / name, ["auto", "phash:size=16"]
        )
        return {one.duplicate for one in scores}

    assert verdicts("scenes-webp.webp") == {True}
    assert verdicts("end.webp") == {False}


@pytest.mark.parametrize("frames", [9, 17])
def test_one_other_frame_anywhere_is_another_animation(frames: int) -> None:
    """Also one that a longer animation shows for a moment, within a frame of the shorter."""
    colours = np.random.default_rng(frames).integers(0, 255, (frames + 1, 3))
    *shown, other = (Image.new("RGB", (48, 40), tuple(one.tolist())) for one in colours)

    def encoded(some: Frames, form: str, **settings: object) -> bytes:
        stream = io.BytesIO()
        some[0].save(stream, form, save_all=True, append_images=some[1:], **settings)
        return stream.getvalue()

    original = encoded(shown, "WEBP", duration=100, lossless=True)
    held = [one for one in shown for _ in range(2)]
    again = encoded(held, "PNG", duration=50)
    assert same_frames(original, again, Decoder())
    assert same_frames(again, original, Decoder())
    for place in range(frames):
        spoilt = [*shown[:place], other, *shown[place + 1 :]]
        changed = encoded(spoilt, "WEBP", duration=100, lossless=True)
        assert not same_frames(original, changed, Decoder()), place
    flash = [*shown[:5], other, *shown[5:]]
    times = [*[100] * 4, 80, 20, *[100] * (frames - 5)]
    flashing = encoded(flash, "WEBP", duration=times, lossless=True)
    assert not same_frames(original, flashing, Decoder())
    assert not same_frames(flashing, original, Decoder())


@pytest.mark.parametrize("method", ["auto", "phash:size=16"])
def test_documents_match_by_all_pages(tmp_path: Path, threads: RunOptions, method: str) -> None:
    pages = [Image.fromarray(page(3, number)).convert("L") for number in range(3)]
    blank = Image.new("L", pages[0].size, 246)
    stamped = blank.copy()
    stamped.paste(60, (200, 300, 216, 312))
    compressed = {"compression": "tiff_adobe_deflate"}
    noise = np.random.default_rng(0).normal(0, 3, (pages[1].height, pages[1].width))
    noisy = Image.fromarray((np.asarray(pages[1]) + noise).clip(0, 255).astype(np.uint8))
    for name, some in {
        "a-original": pages,
        "a-noisy": [pages[0], noisy, pages[2]],
        "other": [pages[0], pages[2], pages[1]],
        "shorter": pages[:2],
        "b-original": [pages[0], blank, pages[2]],
        "stamped": [pages[0], stamped, pages[2]],
    }.items():
        save(some, tmp_path / f"{name}.tif", **compressed)
    result = imgsim.find_duplicates(tmp_path, method, options=threads)
    assert groups(result) == [{"a-original", "a-noisy"}]


def test_a_film_that_would_be_lost_is_named(tmp_path: Path, threads: RunOptions) -> None:
    from imgsim.report.document import find_dupes_document
    from imgsim.report.text import find_dupes_text

    picture = Image.fromarray(landscape(5, *SIZE))
    picture.resize((480, 360)).save(tmp_path / "large.png")
    picture.save(tmp_path / "motion.jpg", xmp=b'<x GCamera:MotionPhoto="1"/>')
    result = imgsim.find_duplicates(tmp_path, options=threads)
    note = "holds a film that the kept file lacks"
    assert note in "".join(find_dupes_text(result))
    (group,) = find_dupes_document(result)["groups"]
    kept, other = group["members"]
    assert (kept["parts"], other["parts"]) == ([], ["film"])
    assert other["why"].endswith(note)


def test_bursts_in_heic_match_by_all_pictures(tmp_path: Path, threads: RunOptions) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    burst = [Image.fromarray(landscape(80 + i, *SIZE)) for i in range(3)]
    save(burst, tmp_path / "burst.heic", quality=90)
    save(burst, tmp_path / "again.heic", quality=70)
    save([*burst[:2], Image.fromarray(landscape(90, *SIZE))], tmp_path / "other.heic", quality=90)
    burst[0].save(tmp_path / "first.jpg")
    for method in ("auto", "phash:size=16"):
        result = imgsim.find_duplicates(tmp_path, method, options=threads)
        assert groups(result) == [{"again", "burst"}], method


@pytest.mark.parametrize("step", [3, 4, 6])
def test_a_slow_pan_in_another_order_is_another_animation(step: int) -> None:
    whole = Image.fromarray(landscape(212, 440, 240))
    frames = [whole.crop((step * i, 0, step * i + 320, 240)) for i in range(8)]
    swapped = [*frames[:3], frames[4], frames[3], *frames[5:]]

    def webp(shown: Frames, size: tuple[int, int]) -> bytes:
        stream = io.BytesIO()
        first, *others = [one.resize(size) for one in shown]
        first.save(stream, "WEBP", save_all=True, append_images=others, duration=100, quality=80)
        return stream.getvalue()

    original = webp(frames, (320, 240))
    for other, same in ((frames, True), (swapped, False)):
        assert same_frames(original, webp(other, (224, 168)), Decoder()) == same
