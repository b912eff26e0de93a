"""What a worker does with a batch of pairs, and the images that it keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from imgsim.comparators.local import LONG_SIDE, ORIENTATIONS
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeError, InputSpec
from imgsim.executors.base import Heartbeat
from imgsim.read.spool import Slot
from imgsim.types import Verdict
from imgsim.verify import batch
from imgsim.verify.batch import CHANGED, Hypotheses, Outcome, Pair, PixelSource, VerifyBatch
from imgsim.verify.judge import NOT_ALIGNED
from imgsim.verify.matrix import orientation_matrix
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.needed import ALL, Needed
from tests.verify.pictures import SMALL, picture, rows

NONE = Hypotheses((), keypoints=False, mirrored=False)
WHOLE = Hypotheses((0,), keypoints=False, mirrored=False)


class CountingDecoder:
    """Gives images whose side is the number in their file."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[InputSpec]]] = []

    def check_memory(self, needed: int) -> None:
        assert needed < 10

    def unpacked(self, data: bytes) -> bytes:
        return data

    def pixels(self, data: bytes, wants: Sequence[InputSpec]) -> dict[InputSpec, np.ndarray]:
        self.asked.append((data.decode(), list(wants)))
        side = int(data)
        channels = np.zeros((side, side, 1), np.uint8)
        channels[0, -1] = 7
        return dict.fromkeys(wants, channels)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[str]]:
    def write(*sides: int) -> list[str]:
        paths = [tmp_path / f"{number}.png" for number in range(len(sides))]
        for path, side in zip(paths, sides, strict=True):
            path.write_text(str(side))
        return [str(path) for path in paths]

    return write


def source_of(
    decoder: CountingDecoder, slots: dict[str, Slot] | None = None
) -> tuple[PixelSource, list[tuple[str, list[InputSpec]]]]:
    return PixelSource(decoder, slots or {}), decoder.asked  # type: ignore[arg-type]


def test_an_image_is_decoded_once_for_each_size(files: Callable[..., list[str]]) -> None:
    (path,) = files(10)
    source, asked = source_of(CountingDecoder())
    for side in (LONG_SIDE, LONG_SIDE, LONG_SIDE + 1, LONG_SIDE + 1, LONG_SIDE):
        image = source.grey(path, side)
        assert image.shape == (10, 10)
        assert image[0, -1] == 7
    sizes = [(s.width, s.height, s.colour, s.at_least, s.at_most) for _, (s,) in asked]
    assert sizes == [(0, 0, "grey", 128, 400), (0, 0, "grey", 512, 1280)]


def test_images_are_kept_up_to_a_number_of_bytes(
    files: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were asked for longest ago go first."""
    monkeypatch.setattr(batch, "_KEPT_BYTES", 300)
    one, other, third = files(10, 10, 10)
    source, asked = source_of(CountingDecoder())
    for path in (one, other, third, one):  # 300 bytes: all stay
        source.grey(path, 400)
    assert len(asked) == 3
    (small,) = [str(Path(one).with_name("small.png"))]
    Path(small).write_text("1")
    source.grey(small, 400)  # 301 bytes: `other` goes, which was not asked for since
    assert len(asked) == 4
    for path in (third, one, small):
        source.grey(path, 400)
    assert len(asked) == 4
    source.grey(other, 400)  # 301 bytes again: `third` goes
    assert len(asked) == 5
    source.grey(one, 400)
    source.grey(small, 400)
    assert len(asked) == 5
    source.grey(third, 400)
    assert len(asked) == 6


def test_an_image_larger_than_all_that_is_kept_stays_until_the_next_one(
    files: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_KEPT_BYTES", 150)
    large, small, other = files(20, 10, 7)
    source, asked = source_of(CountingDecoder())
    source.grey(large, 400)
    source.grey(large, 400)
    assert len(asked) == 1
    source.grey(small, 400)
    source.grey(other, 400)  # 149 bytes: those of the large one do not count any more
    source.grey(small, 400)
    assert len(asked) == 3
    source.grey(large, 400)
    assert len(asked) == 4


def test_24_mib_are_kept(files: Callable[..., list[str]]) -> None:
    paths = files(3072, 3072, 2508)  # 9, 9 and less than 6 MiB
    source, asked = source_of(CountingDecoder())
    for _ in range(2):
        for path in paths:
            source.grey(path, 400)
    assert len(asked) == 3
    Path(paths[2]).write_text("2512")  # 6 MiB and a little
    source.grey(paths[2], 1280)
    source.grey(paths[0], 400)
    assert len(asked) == 5


def test_a_small_image_is_taken_from_its_slot_while_that_is_there(
    files: Callable[..., list[str]], tmp_path: Path
) -> None:
    path, other = files(10, 10)
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    spool = tmp_path / "spool"
    spool.write_bytes(b"ab" + pixels.tobytes())
    slots = {path: Slot(str(spool), 2, 3, 4)}
    source, asked = source_of(CountingDecoder(), slots)
    np.testing.assert_array_equal(source.grey(path, LONG_SIDE), pixels)
    assert not asked
    assert source.grey(path, LONG_SIDE + 1).shape == (10, 10)
    assert source.grey(other, LONG_SIDE).shape == (10, 10)
    assert len(asked) == 2
    spool.unlink()
    again, asked = source_of(CountingDecoder(), slots)
    assert again.grey(path, LONG_SIDE).shape == (10, 10)
    assert len(asked) == 1


# Batches ------------------------------------------------------------------------------------------


def test_a_batch_has_the_length_of_its_pairs_and_parts_of_them() -> None:
    pairs = tuple(Pair(0, i, NONE) for i in range(1, 5))
    whole = VerifyBatch(("a", "b"), (b"", b""), pairs, Decoder())
    assert len(whole) == 4
    part = whole.part(1, 3)
    assert part.pairs == pairs[1:3]
    assert (part.paths, part.rows, part.slots) == (whole.paths, whole.rows, ())
    assert whole.failure("it was killed") == Outcome(NOT_ALIGNED, "it was killed")


def judged(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None = None
) -> list[tuple[MultiscaleImage, MultiscaleImage, list[NDArray[np.float64]]]]:
    """Let `judge` note what it is asked for; the second pair raises an error."""
    asked: list[tuple[MultiscaleImage, MultiscaleImage, list[NDArray[np.float64]]]] = []

    def judge(
        left: MultiscaleImage,
        right: MultiscaleImage,
        hypotheses: Iterable[NDArray[np.float64]],
        needed: Needed,
    ) -> Verdict:
        assert needed is ALL
        asked.append((left, right, list(hypotheses)))
        if error and len(asked) == 2:
            raise error
        return Verdict(0.5 + len(asked))

    monkeypatch.setattr(batch, "judge", judge)
    return asked


@pytest.mark.parametrize(
    ("error", "told"), [(OSError("gone"), CHANGED), (DecodeError("cut off"), "cut off")]
)
def test_what_can_not_be_read_is_not_aligned_for_this_run_alone(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = judged(monkeypatch, error)
    image = picture(3, SMALL)
    row = rows(image).tobytes()
    beats: list[None] = []
    work = VerifyBatch(("a", "b"), (row, row), (Pair(0, 1, WHOLE),) * 3, Decoder())
    heartbeat = Heartbeat()
    monkeypatch.setattr(Heartbeat, "__call__", lambda self: beats.append(None))
    outcomes = work.run(heartbeat)
    assert outcomes == [
        Outcome(Verdict(1.5)),
        Outcome(NOT_ALIGNED, told),
        Outcome(Verdict(3.5)),
    ]
    assert len(beats) == len(asked) == 3


def test_without_a_hypothesis_no_pixels_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = judged(monkeypatch)
    row = rows(picture(3, SMALL)).tobytes()
    beats: list[None] = []
    monkeypatch.setattr(Heartbeat, "__call__", lambda self: beats.append(None))
    outcomes = VerifyBatch(("a", "b"), (row, row), (Pair(0, 1, NONE),), Decoder()).run(Heartbeat())
    assert outcomes == [Outcome(NOT_ALIGNED)]
    assert (asked, beats) == ([], [None])


def test_a_picture_in_a_window_is_tried_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = judged(monkeypatch)
    page = Image.new("RGB", (400, 250), "white")
    page.paste(picture(3, SMALL).resize((160, 120), Image.Resampling.LANCZOS), (30, 90))
    files = tuple(row.tobytes() for row in rows(page, picture(3, SMALL)))
    inset = Hypotheses((), keypoints=False, mirrored=False, inset=True)
    pairs = Pair(0, 1, inset), Pair(1, 0, inset)
    VerifyBatch(("a", "b"), files, pairs, Decoder()).run(Heartbeat())
    expected = np.array([[160 / 400, 0, 30 / 400], [0, 120 / 250, 90 / 250], [0, 0, 1]])
    for (_, _, matrices), wanted in zip(asked, (expected, np.linalg.inv(expected)), strict=True):
        np.testing.assert_allclose(matrices, [wanted], atol=1e-9)


def test_the_hypotheses_of_a_pair_are_tried_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = judged(monkeypatch)
    whole = picture()
    part = whole.crop((100, 60, 436, 312))
    mirrored = ImageOps.mirror(whole)
    files = tuple(row.tobytes() for row in rows(whole, part, mirrored))
    pairs = (
        Pair(0, 1, Hypotheses((3, 1), keypoints=True, mirrored=True)),
        Pair(0, 2, Hypotheses((), keypoints=True, mirrored=True)),
        Pair(2, 1, Hypotheses((), keypoints=False, mirrored=True)),
        Pair(0, 1, Hypotheses((), keypoints=False, mirrored=True)),
        Pair(0, 2, Hypotheses((0,), keypoints=True, mirrored=False)),
    )
    VerifyBatch(("a", "b", "c"), files, pairs, Decoder()).run(Heartbeat())
    first, second, third, fifth = (matrices for _, _, matrices in asked)
    cut = np.array([[336 / 480, 0, 100 / 480], [0, 252 / 360, 60 / 360], [0, 0, 1]])
    mirror = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]])
    turns = [orientation_matrix(ORIENTATIONS[i]) for i in (3, 1)]
    for matrices, expected in ((first, [*turns, cut]), (second, [mirror]), (third, [mirror @ cut])):
        assert len(matrices) == len(expected)
        np.testing.assert_allclose(matrices, expected, atol=0.01)
    np.testing.assert_array_equal(fifth, [np.eye(3)])


def test_a_batch_reads_each_picture_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = judged(monkeypatch)
    images = [picture(seed, SMALL) for seed in (3, 4)]
    paths = tuple(str(tmp_path / f"{number}.png") for number in range(2))
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    records = rows(*images)
    spool = tmp_path / "spool"
    spool.write_bytes(bytes([5] * 6))
    work = VerifyBatch(
        paths,
        tuple(row.tobytes() for row in records),
        (Pair(1, 0, WHOLE),),
        Decoder(),
        (None, Slot(str(spool), 0, 2, 3)),
    )
    work.run(Heartbeat())
    ((left, right, _),) = asked
    np.testing.assert_array_equal(left.grey(LONG_SIDE), np.full((2, 3), 5))
    assert left.grey(LONG_SIDE + 1).shape == (240, 320)
    luma = np.asarray(images[0].convert("L"), int)
    assert np.abs(right.grey(LONG_SIDE) - luma).max() <= 1
    np.testing.assert_array_equal(left.colours, records[1]["colours"])
    np.testing.assert_array_equal(right.colours, records[0]["colours"])
