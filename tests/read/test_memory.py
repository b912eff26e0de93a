"""Pictures in memory are what a file of them would be."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import imgsim
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import InputSpec
from imgsim.errors import UnreadableImage, UsageError
from imgsim.read import memory
from imgsim.read.memory import MemoryPicture, as_list, encode_array
from imgsim.report.formats import find_dupes_json
from tests.archives import jpeg

RNG = np.random.default_rng(4)


def _pixels(data: bytes, colour: str = "rgb") -> np.ndarray:
    want = InputSpec(0, 0, colour, at_least=4000)
    return Decoder()(data, [want]).images[want]


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 1), (7, 9, 2), (7, 9, 3), (7, 9, 4), (1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool])
def test_samples_of_arrays_are_kept(shape, dtype) -> None:
    array = RNG.integers(0, 2 if dtype is bool else np.iinfo(dtype).max, shape).astype(dtype)
    data = encode_array(array[::-1].copy()[::-1])  # strides run backwards
    with Image.open(io.BytesIO(data)) as image:
        bands = 4 if shape[2:] == (2,) else (*shape, 1)[2]
        assert image.size == (shape[1], shape[0])
        assert len(image.getbands()) == bands
        if dtype is np.uint16 and bands > 1:
            return  # Pillow gives 8 of the 16 bits
        samples = np.asarray(image)
    expected = array * np.uint8(255) if dtype is bool else array
    if shape[2:] == (2,):
        assert np.array_equal(samples[..., [0, 3]], expected)
        assert np.array_equal(samples[..., 0], samples[..., 2])
    else:
        assert np.array_equal(samples, expected.squeeze(2) if shape[2:] == (1,) else expected)


def test_sixteen_bits_of_three_bands_are_kept() -> None:
    import cv2

    array = RNG.integers(0, 1 << 16, (5, 6, 3)).astype(np.uint16)
    read = cv2.imdecode(np.frombuffer(encode_array(array), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read[..., ::-1], array)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I;16", "I", "F"]
)
def test_images_of_pillow_of_every_mode_are_read(photo, mode) -> None:
    image = photo(3) if mode not in ("I;16", "F") else photo(3).convert("L")
    if mode == "LAB":
        image = Image.merge("LAB", image.split())
    elif mode == "LA":
        image = image.convert("L").convert("LA")
    else:
        image = image.convert("L").convert(mode) if mode in ("I;16", "I") else image.convert(mode)
    (path,) = as_list(image)
    assert isinstance(path, MemoryPicture)
    assert _pixels(path.read()[0]).shape == (120, 160, 3)


def test_the_orientation_and_the_profile_of_an_image_count(photo) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    photo(1).save(stream, "PNG", exif=exif, icc_profile=b"profile" * 30)
    with Image.open(io.BytesIO(stream.getvalue())) as image:
        (path,) = as_list(image)
    assert np.array_equal(_pixels(path.data), _pixels(stream.getvalue()))
    assert _pixels(path.data).shape == (160, 120, 3)
    with Image.open(io.BytesIO(path.data)) as again:
        assert again.info["icc_profile"] == b"profile" * 30


def test_all_kinds_in_the_place_of_a_path(tmp_path, photo, threads) -> None:
    file = tmp_path / "a.png"
    photo(1).save(file)
    pixels = np.asarray(photo(1))
    with file.open("rb") as stream:
        pictures = [file, pixels, photo(1), jpeg(photo(1)), stream, io.BytesIO(jpeg(photo(2)))]
        found = imgsim.find_duplicates(pictures, options=threads)
    (group,) = found.groups
    kinds = {member.picture.file.path: member.kind for member in group.members}
    assert kinds == {
        str(file): "kept", "<image 1>": "pixels", "<image 2>": "pixels", "<image 3>": "near",
        "<image 4>": "exact",
    }  # fmt: skip
    assert found.images == 6
    assert found.reclaimable_bytes == 0
    assert not any(member.removable for member in group.members)
    document = json.loads("".join(find_dupes_json(found)))
    assert "container" not in document["groups"][0]["members"][1]
    assert imgsim.plan(found).groups == ()


def test_worker_processes_read_them_too(photo) -> None:
    named = {"one": np.asarray(photo(1)), "two": jpeg(photo(1)), "three": photo(4)}
    found = imgsim.find_duplicates(named, options=imgsim.RunOptions(jobs=2))
    (group,) = found.groups
    assert [member.picture.file.path for member in group.members] == ["one", "two"]


def test_rankings_pairs_and_leaks(tmp_path, photo, threads) -> None:
    pixels = np.stack([np.asarray(photo(i)) for i in range(3)])
    ranked = imgsim.matches(pixels, "phash", k=1, options=threads)
    assert [q.path for q in ranked.methods[0].queries] == ["<image 0>", "<image 1>", "<image 2>"]
    nearest = imgsim.search([jpeg(photo(2)), photo(0)], pixels, "phash", k=1, options=threads)
    assert [q.matches[0].path for q in nearest.methods[0].queries] == ["<image 2>", "<image 0>"]
    photo(1).save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    nearest = imgsim.search(path, pixels, "phash", k=1, options=threads)
    assert nearest.methods[0].queries[0].matches[0].path == "<image 1>"
    (one,) = imgsim.compare(pixels[1], tmp_path / "a.png", "auto")
    assert one.duplicate
    (one,) = imgsim.compare(jpeg(photo(0)), photo(1), "auto")
    assert not one.duplicate
    splits = {"train": pixels, "valid": [photo(2), photo(7)]}
    leaks = imgsim.find_leaks(splits, "phash", options=threads)
    assert [leak.picture.file.path for leak in leaks.leaks] == ["<valid 0>"]
    assert leaks.leaks[0].matches[0].picture.file.path == "<train 2>"
    with pytest.raises(UsageError, match="folder is one path"):
        imgsim.find_leaks("folder", "phash", options=threads)
    for wrong in ([pixels, pixels], [pixels[0], pixels[1]], pixels, [b"", b""]):
        with pytest.raises(UsageError, match="no list of paths"):
            imgsim.find_leaks(wrong, "phash", options=threads)


def test_what_cannot_be_decoded_is_skipped_as_a_file_is(photo, threads, tmp_path) -> None:
    cut = tmp_path / "cut.png"
    photo(1).save(cut)
    cut.write_bytes(cut.read_bytes()[:-5000])
    with Image.open(cut) as lazy:
        found = imgsim.find_duplicates(
            {"bytes": b"no picture", "cut": lazy, "empty": b"", "good": photo(1)}, options=threads
        )
    assert found.images == 1
    assert {skipped.path for skipped in found.skipped} == {"bytes", "cut", "empty"}
    with pytest.raises(UnreadableImage, match="<left>"):
        imgsim.compare(b"no picture", photo(1), "phash")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (3, "3 is no path, nor a picture"),
        ([None], "None is no path"),
        (io.StringIO("text"), "a file of text"),
        (np.zeros((3, 40, 40), np.uint8), r"shape \(3, 40, 40\) is no picture"),
        (np.zeros((40, 40)), "float64 is no picture"),
        (np.zeros((0, 40), np.uint8), "is no picture"),
        (np.zeros(40, np.uint8), "is no picture"),
        ([b"x", object()], "<image 1>: <object object at .* is no path"),
    ],
)
def test_what_is_no_picture_is_said_in_a_line(wrong, said, threads) -> None:
    with pytest.raises(UsageError, match=said) as error:
        imgsim.find_duplicates(wrong, options=threads)
    assert "\n" not in error.value.message + error.value.hint


def test_a_closed_file_and_names_that_stand_twice(photo, threads, tmp_path) -> None:
    stream = io.BytesIO()
    stream.close()
    with pytest.raises(UsageError, match="cannot read the file"):
        imgsim.find_duplicates(stream, options=threads)
    (tmp_path / "<image 1>").write_bytes(jpeg(photo(1)))
    with pytest.raises(UsageError, match="two pictures are called"):
        imgsim.find_duplicates(["<image 1>", photo(1)], options=threads)


def test_pictures_over_the_limit_of_pixels_are_never_encoded(photo, threads, monkeypatch) -> None:
    def refused(*args: object) -> None:
        raise AssertionError("encoded")

    monkeypatch.setattr(memory, "encode_array", refused)
    monkeypatch.setattr(memory, "_of_pillow", refused)
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (100_000, 100_000), (0, 0))
    lazy = Image.new("1", (30, 20))
    few = replace(threads, max_pixels=500)
    pictures = {"huge": huge, "lazy": lazy, "bytes": jpeg(photo(1))}
    found = imgsim.find_duplicates(pictures, options=few)
    reasons = {skipped.path: skipped.reason for skipped in found.skipped}
    assert reasons.keys() == set(pictures)
    assert "10000000000 pixels are more than --max-pixels 500" in reasons["huge"]
    assert "600 pixels are more than --max-pixels 500" in reasons["lazy"]
    leaks = imgsim.find_leaks({"train": [huge], "valid": [huge]}, "phash", options=few)
    assert {s.path for s in leaks.skipped} == {"<train 0>", "<valid 0>"}
    with pytest.raises(UnreadableImage, match="--max-pixels"):
        imgsim.compare(huge, jpeg(photo(1)), "phash")
    with pytest.raises(UnreadableImage, match="--max-pixels"):
        imgsim.search({"q": huge}, [jpeg(photo(1))], "phash", options=threads)


def test_a_mapping_of_queries_gives_their_names(photo, threads) -> None:
    nearest = imgsim.search(
        {"q": jpeg(photo(2)), "r": photo(0)},
        {str(i): photo(i) for i in range(3)},
        "phash",
        k=1,
        options=threads,
    )
    ranked = {q.path: q.matches[0].path for q in nearest.methods[0].queries}
    assert ranked == {"q": "2", "r": "0"}


def test_an_address_survives_a_pickle_and_shows_no_content() -> None:
    picture = MemoryPicture("name", b"content" * 1000)
    again = pickle.loads(pickle.dumps(picture))
    assert (again, again.read()) == (picture, picture.read())
    assert repr(picture) == "'name'"
