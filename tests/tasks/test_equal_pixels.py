"""Files with equal samples are members of kind pixels, whatever the method."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image, ImageDraw

import imgsim
from imgsim.decode.spec import DecodeMode
from imgsim.pictures.generate import landscape
from imgsim.read import equal_samples
from imgsim.schemas import schema

METHODS = ("auto", "local", "phash:size=16", "dhash", "cosine", "ssim")


def few_pixels(seed: int) -> Image.Image:
    """A tile that is mostly empty; two of them look the same from afar."""
    image = Image.new("RGB", (256, 256), "white")
    rng = np.random.default_rng(seed)
    for x, y in rng.integers(0, 250, (5, 2)).tolist():
        image.putpixel((x, y), (0, 0, 0))
    return image


def index_mask(seed: int) -> Image.Image:
    """Class indices in a palette."""
    image = Image.new("P", (64, 64))
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    draw = ImageDraw.Draw(image)
    for number, box in enumerate(np.random.default_rng(seed).integers(0, 32, (3, 2)).tolist(), 1):
        draw.rectangle((*box, box[0] + 24, box[1] + 20), fill=number)
    return image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of files with equal samples, and others that only look alike."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(2):
        few_pixels(seed).save(folder / f"tile{seed}.png")
        few_pixels(seed).save(folder / f"tile{seed}.tif", compression="tiff_adobe_deflate")
        index_mask(seed).save(folder / f"mask{seed}.png")
        index_mask(seed).convert("RGB").save(folder / f"mask{seed}.bmp")
        tiny = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8))
        tiny.save(folder / f"tiny{seed}.png")
        tiny.save(folder / f"tiny{seed}.ppm")
    return folder


def pixel_pairs(duplicates: imgsim.Duplicates) -> list[tuple[str, ...]]:
    """Names of the members that are equal by their pixels, with the kept file."""
    return sorted(
        tuple(sorted(Path(m.picture.file.path).name for m in part.members))
        for group in duplicates.groups
        for part in group.parts("pixels")
    )


EXPECTED = [
    (f"{kind}{seed}.{other}", f"{kind}{seed}.{one}")
    for kind, other, one in (("mask", "bmp", "png"), ("tile", "png", "tif"), ("tiny", "png", "ppm"))
    for seed in range(2)
]


@pytest.mark.parametrize("method", METHODS)
def test_equal_pixels_are_found_under_every_method(
    method: str, folder: Path, threads: imgsim.RunOptions
) -> None:
    duplicates = imgsim.find_duplicates(folder, method, options=threads)
    if method == "auto":
        assert pixel_pairs(duplicates) == EXPECTED
        assert all(len(group.members) == 2 for group in duplicates.groups)
        return
    # what a weak method takes for near may stand in the same group
    together = [
        {Path(m.picture.file.path).name for m in group.members} for group in duplicates.groups
    ]
    assert all(any(set(pair) <= names for names in together) for pair in EXPECTED)


def test_workers_and_the_cache_change_nothing(folder: Path, tmp_path: Path) -> None:
    cached = imgsim.RunOptions(cache=tmp_path / "cache", executor="threads", jobs=1)
    runs = [cached, cached, imgsim.RunOptions(jobs=2)]
    found = [imgsim.find_duplicates(folder, options=options) for options in runs]
    assert [pixel_pairs(duplicates) for duplicates in found] == [EXPECTED] * 3
    assert [
        [m.picture.sample_digest for g in duplicates.groups for m in g.members]
        for duplicates in found[1:]
    ] == [[m.picture.sample_digest for g in found[0].groups for m in g.members]] * 2


def test_a_second_run_takes_no_digest_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = imgsim.RunOptions(cache=tmp_path / "cache", executor="threads")
    imgsim.find_duplicates(folder, options=options)
    monkeypatch.setattr(
        equal_samples, "take_sample_digest", lambda *given: pytest.fail("decoded again")
    )
    assert pixel_pairs(imgsim.find_duplicates(folder, options=options)) == EXPECTED


def test_a_jpeg_and_its_png_and_a_copy_with_other_metadata(
    tmp_path: Path, photo: Callable[[int], Image.Image], threads: imgsim.RunOptions
) -> None:
    photo(1).save(tmp_path / "a.jpg", quality=90)
    shutil.copy(tmp_path / "a.jpg", tmp_path / "b.jpg")
    photo(1).save(tmp_path / "commented.jpg", quality=90, comment=b"other bytes")
    Image.open(tmp_path / "a.jpg").save(tmp_path / "export.png")
    photo(1).save(tmp_path / "again.jpg", quality=60)
    for options in (threads, replace(threads, decode=DecodeMode.FULL)):
        (group,) = imgsim.find_duplicates(tmp_path, options=options).groups
        kinds = {Path(m.picture.file.path).name: m.kind for m in group.members[1:]}
        assert kinds.pop("again.jpg") == "near"
        assert sorted(kinds.values()) in (["exact", "pixels", "pixels"], ["pixels"] * 3)


def test_leaks_say_that_the_pixels_are_equal(
    folder: Path, tmp_path: Path, threads: imgsim.RunOptions
) -> None:
    for split, ending in (("train", "png"), ("valid", "bmp")):
        (tmp_path / split).mkdir()
        shutil.copy(folder / f"mask0.{ending}", tmp_path / split)
    leaks = imgsim.find_leaks([str(tmp_path / "train"), str(tmp_path / "valid")], options=threads)
    assert [[m.kind for m in leak.matches] for leak in leaks.leaks] == [["pixels"]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command in this process: its exit code, and what it prints."""
    from imgsim.cli.main import main

    def run(*arguments: str | Path) -> tuple[int, str]:
        code = main([*map(str, arguments), "--executor", "threads"])
        return code, capsys.readouterr().out

    return run


def test_the_json_has_the_kind_and_the_digest(folder: Path, run) -> None:
    code, text = run("find-dupes", folder, "-f", "json", "-q")
    document = json.loads(text)
    assert code == 0
    jsonschema.validate(document, schema("imgsim.find-dupes/2"))
    members = [m for group in document["groups"] for m in group["members"]]
    assert {m["kind"] for m in members} == {"kept", "pixels"}
    assert {m["similarity"] for m in members} == {100.0}
    for group in document["groups"]:
        (digest,) = {m["pixel_digest"] for m in group["members"]}
        assert digest.startswith("sha256:")
    freed = [m["bytes"] for m in members if m["kind"] == "pixels"]
    assert document["reclaimable_bytes"] == sum(freed)


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (("a.jpg", "a copy.jpg"), {"exact": 1, "pixels": 1, "near": 1}),
        (("a.jpg", "commented.jpg"), {"exact": 0, "pixels": 1, "near": 1}),
        (("a.jpg", "smaller.jpg"), {"exact": 0, "pixels": 0, "near": 1}),
    ],
    ids=["exact", "pixels", "near"],
)
def test_a_gate_counts_what_is_sure_enough(
    names: tuple[str, str],
    codes: dict[str, int],
    tmp_path: Path,
    photo: Callable[[int], Image.Image],
    run,
) -> None:
    photo(1).save(tmp_path / "a.jpg", quality=90)
    if "a copy.jpg" in names:
        shutil.copy(tmp_path / "a.jpg", tmp_path / "a copy.jpg")
    if "commented.jpg" in names:
        photo(1).save(tmp_path / "commented.jpg", quality=90, comment=b"other bytes")
    if "smaller.jpg" in names:
        photo(1).resize((120, 90)).save(tmp_path / "smaller.jpg", quality=90)
    for kind, code in codes.items():
        given = ("find-dupes", tmp_path, "--check", "--check-kind", kind, "-q")
        assert run(*given)[0] == code


def test_equal_files_count_though_another_one_is_kept(
    tmp_path: Path, photo: Callable[[int], Image.Image], run
) -> None:
    photo(1).save(tmp_path / "kept.png")
    photo(1).save(tmp_path / "a.jpg", quality=90)
    for name in ("a.jpg", "commented.jpg"):
        photo(1).save(tmp_path / name, quality=90, comment=name.encode())
    given = ("find-dupes", tmp_path, "--check", "-q", "--check-kind")
    assert [run(*given, kind)[0] for kind in ("exact", "pixels")] == [0, 1]
    shutil.copy(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert [run(*given, kind)[0] for kind in ("exact", "pixels")] == [1, 1]


def test_a_near_member_is_never_shown_as_all_alike(
    tmp_path: Path, photo: Callable[[int], Image.Image], run
) -> None:
    photo(1).save(tmp_path / "a.png")
    photo(1).convert("RGBA").save(tmp_path / "b.png")  # another channel
    _, text = run("find-dupes", tmp_path, "-f", "json", "-q", "-m", "cosine")
    (group,) = json.loads(text)["groups"]
    assert [m["kind"] for m in group["members"]] == ["kept", "near"]
    assert group["members"][1]["similarity"] == 99.9
    assert group["members"][1]["score"] == 1.0


def test_what_a_jpeg_was_made_from_is_kept_beside_a_png_of_its_pixels(tmp_path: Path) -> None:
    """However old the others are: the PNG says nothing of what came first, the JPEG does."""
    original = Image.fromarray(landscape(7, 480, 360))
    original.save(tmp_path / "original.png")
    original.save(tmp_path / "made.jpg", quality=90)
    with Image.open(tmp_path / "made.jpg") as made:
        made.save(tmp_path / "made.png")
    for name, seconds in (("original.png", 2e9), ("made.jpg", 1.1e9), ("made.png", 1e9)):
        os.utime(tmp_path / name, (seconds, seconds))
    (group,) = imgsim.find_duplicates(tmp_path, options=imgsim.RunOptions(jobs=1)).groups
    assert os.path.basename(group.kept.file.path) == "original.png"
