from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgsim
from imgsim import DiscoverOptions, RunOptions
from imgsim.comparators import registry
from imgsim.decode.spec import DecodeMode
from imgsim.pictures.dng import write_dng
from imgsim.pictures.generate import landscape

NETWORKS = ("autoencoder", "efficientnet", "siamese")
CLASSICAL = [name for name in registry.names() if not name.startswith(NETWORKS)]


def shown(found: imgsim.Duplicates, folder: Path) -> list[tuple[str, ...]]:
    """Groups as sets of names below the folder."""
    return sorted(
        tuple(sorted(os.path.relpath(m.picture.file.path, folder) for m in g.members))
        for g in found.groups
    )


def test_the_demo_has_the_duplicates_it_was_made_with(demo, threads: RunOptions) -> None:
    folder, made = demo
    found = imgsim.find_duplicates(folder, "phash:size=16", options=threads)
    assert shown(found, folder) == sorted(tuple(sorted(group)) for group in made.groups)
    by_default = imgsim.find_duplicates(folder, options=threads)
    assert shown(by_default, folder) == shown(found, folder)
    assert [os.path.relpath(s.path, folder) for s in found.skipped] == list(made.broken)
    assert found.images == made.files - 1
    assert found.expected_false_pairs is not None
    assert found.expected_false_pairs < 0.01


@pytest.mark.parametrize("method", ["phash", "dhash", "ssim", "ssim --proposer", "euclidean"])
def test_nothing_but_the_files_decides(method: str, demo, threads: RunOptions) -> None:
    folder, _ = demo
    name, _, proposed = method.partition(" --")
    proposer = "phash" if proposed else None
    paths = sorted(str(p) for p in folder.rglob("*.*"))
    random.Random(0).shuffle(paths)
    runs = [
        imgsim.find_duplicates(where, name, preset="loose", proposer=proposer, options=options)
        for where, options in (
            (folder, threads),
            (paths, replace(threads, jobs=1)),
            (folder, RunOptions(jobs=3)),
        )
    ]
    assert len(runs[0].groups) > 5
    for other in runs[1:]:
        assert shown(runs[0], folder) == shown(other, folder)
        scores = [[m.distance for m in g.members] for g in other.groups]
        assert scores == [[m.distance for m in g.members] for g in runs[0].groups]


def test_equal_corrupt_files_are_both_skipped(tmp_path: Path, photo, threads: RunOptions) -> None:
    photo(1).save(tmp_path / "whole.jpg")
    half = (tmp_path / "whole.jpg").read_bytes()[:1000]
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(half)
    (tmp_path / "notes.xyz").write_text("not an image and no claim to be one")
    (tmp_path / "fake.jpg").write_text("not an image")
    (tmp_path / "film.mp4").write_bytes(b"\0" * 10)
    found = imgsim.find_duplicates(tmp_path, options=threads)
    assert found.groups == ()
    assert [Path(s.path).name for s in found.skipped] == ["a.jpg", "b.jpg", "fake.jpg"]
    assert found.other_files == 2
    named = imgsim.find_duplicates(tmp_path / "notes.xyz", options=threads)
    assert len(named.skipped) == 1


def test_the_type_is_found_from_the_content(tmp_path: Path, photo, threads: RunOptions) -> None:
    photo(1).save(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "b.jpg")
    shutil.copy(tmp_path / "a.png", tmp_path / "no ending")
    found = imgsim.find_duplicates(tmp_path, options=threads)
    assert [len(g.members) for g in found.groups] == [3]


def test_flat_pictures_match_only_equal_pixels(tmp_path: Path, threads: RunOptions) -> None:
    page = np.full((200, 150), 255, np.uint8)
    other = page.copy()
    other[3, 3] = 254
    Image.fromarray(page).save(tmp_path / "a.png")
    Image.fromarray(page).save(tmp_path / "b.bmp")
    Image.fromarray(other).save(tmp_path / "c.png")
    for method in ("phash", "ahash", "euclidean", "ssim"):
        found = imgsim.find_duplicates(tmp_path, method, preset="loose", options=threads)
        assert shown(found, tmp_path) == [("a.png", "b.bmp")]


def test_a_file_of_another_kind_changes_nothing(tmp_path: Path, photo, threads) -> None:
    """An animation that begins with a picture stands beside the two stills of it."""
    photo(1).save(tmp_path / "2-still.jpg", quality=90)
    photo(1).save(tmp_path / "3-still.bmp")
    expected = shown(imgsim.find_duplicates(tmp_path, options=threads), tmp_path)
    assert expected == [("2-still.jpg", "3-still.bmp")]
    frames = [photo(seed) for seed in (2, 3, 4)]  # the largest file, so that it comes first
    photo(1).save(tmp_path / "1-anim.png", save_all=True, append_images=frames)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert max(sizes, key=sizes.__getitem__) == "1-anim.png"
    assert shown(imgsim.find_duplicates(tmp_path, options=threads), tmp_path) == expected


def test_contents_that_lie_in_both_folders_and_match_each_other(
    tmp_path: Path, photo, threads
) -> None:
    """How each lies upon a third is asked for both orders of the same two contents."""
    for folder in ("new", "ref"):
        (tmp_path / folder).mkdir()
        photo(1).save(tmp_path / folder / "a.jpg", quality=95)
        photo(1).save(tmp_path / folder / "b.jpg", quality=85)
    discover = replace(threads.discover, reference=(str(tmp_path / "ref"),))
    options = replace(threads, discover=discover)
    found = imgsim.find_duplicates(tmp_path / "new", options=options)
    assert all(group.kept.file.reference for group in found.groups)
    assert sum(len(group.members) for group in found.groups) == 4


def test_animations_that_begin_with_black_are_told_apart(tmp_path: Path, photo, threads) -> None:
    black = Image.new("RGB", (160, 120))
    for seed in (1, 2):
        for suffix in ("gif", "tif"):
            path = tmp_path / f"{seed}.{suffix}"
            black.save(path, save_all=True, append_images=[photo(seed)])
    shutil.copy(tmp_path / "1.gif", tmp_path / "copy.gif")
    found = imgsim.find_duplicates(tmp_path, preset="loose", options=threads)
    assert shown(found, tmp_path) == [("1.gif", "copy.gif")]


def test_a_copy_that_cannot_be_read_does_not_take_the_others_along(
    tmp_path: Path, photo, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        photo(1).save(tmp_path / f"{name}.png")
    from imgsim.read import hashing

    hashed = hashing._Hashing._digest

    def vanishing(*args) -> object:
        digest = hashed(*args)
        (tmp_path / "a.png").unlink(missing_ok=True)
        return digest

    monkeypatch.setattr(hashing._Hashing, "_digest", vanishing)
    found = imgsim.find_duplicates(tmp_path, options=replace(threads, jobs=1))
    assert shown(found, tmp_path) == [("b.png", "c.png")]
    assert [Path(s.path).name for s in found.skipped] == ["a.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions of files")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_known_file_that_may_not_be_read_any_more_is_skipped(photo, threads: RunOptions) -> None:
    """Known or not, the result is the same; root, who may read all, becomes another user."""
    with tempfile.TemporaryDirectory() as place:  # other users may not enter `tmp_path`
        folder = Path(place) / "pictures"
        folder.mkdir()
        for name in ("a.png", "b.png"):
            photo(1).save(folder / name)
            os.utime(folder / name, (10**9, 10**9))
        options = replace(threads, cache=Path(place) / "cache")
        assert shown(imgsim.find_duplicates(folder, options=options), folder) == [
            ("a.png", "b.png")
        ]
        for path in (Path(place), *Path(place).rglob("*")):
            path.chmod(0o777)
        (folder / "a.png").chmod(0)
        found = _as_another_user(lambda: _groups_and_skipped(folder, options))
        if found == "cannot enter":
            pytest.skip("other users may not enter the folder of temporary files")
    assert found == [[], [["a.png", "cannot be read: Permission denied"]]]


def _groups_and_skipped(folder: Path, options: RunOptions) -> list | str:
    if not os.access(folder, os.X_OK):
        return "cannot enter"
    found = imgsim.find_duplicates(folder, options=options)
    return [shown(found, folder), [[Path(s.path).name, s.reason] for s in found.skipped]]


def _as_another_user(action: Callable[[], list | str]) -> list | str:
    result = action()  # imports what the other user may not read
    if os.geteuid() != 0:
        return result
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(send, json.dumps(action()).encode())
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return json.loads(text)


def test_a_full_disk_for_temporary_files_is_told_before_anything_is_decoded(
    tmp_path: Path, photo, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(1).save(tmp_path / "a.png")
    monkeypatch.setattr("imgsim.read.scratch._IN_MEMORY", 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: shutil._ntuple_diskusage(9, 1, 8))
    with pytest.raises(imgsim.ImgsimError, match=r"take 35,226 bytes in .* which has 8"):
        imgsim.find_duplicates([tmp_path], options=threads)
    assert imgsim.find_duplicates([tmp_path], method="phash", options=threads).images == 1


def test_a_large_file_that_is_no_image_is_not_read(tmp_path: Path, threads: RunOptions) -> None:
    for name in ("disk.img", "picture.png"):
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(3_000_000_000)
    found = imgsim.find_duplicates(tmp_path, options=threads)
    assert found.other_files == 1
    assert [s.reason for s in found.skipped] == ["more than 1,000,000,000 bytes"]


def test_min_pixels_and_max_pixels(tmp_path: Path, photo, threads: RunOptions) -> None:
    photo(1).save(tmp_path / "a.png")
    photo(1).resize((80, 60)).save(tmp_path / "b.png")
    found = imgsim.find_duplicates(tmp_path, options=replace(threads, min_pixels=10_000))
    assert (found.images, found.too_small, found.groups) == (1, 1, ())
    cached = replace(threads, cache=tmp_path / "cache.db")
    imgsim.find_duplicates(tmp_path, options=cached)
    for options in (threads, cached):  # known facts obey the cap like fresh ones
        found = imgsim.find_duplicates(tmp_path, options=replace(options, max_pixels=10_000))
        assert found.images == 1
        assert "19200 pixels are more than --max-pixels" in found.skipped[0].reason


def test_reference_files_are_never_removed(tmp_path: Path, photo, threads: RunOptions) -> None:
    for folder, size in (("new", 160), ("archive", 80)):
        (tmp_path / folder).mkdir()
        for seed in (1, 2):
            photo(seed).resize((size, size * 3 // 4)).save(tmp_path / folder / f"{seed}.png")
    photo(1).save(tmp_path / "archive" / "again.bmp")
    discover = DiscoverOptions(reference=[str(tmp_path / "archive")])
    found = imgsim.find_duplicates(tmp_path / "new", options=replace(threads, discover=discover))
    assert len(found.groups) == 2
    for group in found.groups:
        assert group.kept.file.reference
        assert not any(m.picture.file.reference for m in group.members[1:])


def test_raw_and_jpeg_of_one_shot_are_two(tmp_path: Path, photo, threads: RunOptions) -> None:
    pytest.importorskip("rawpy")
    grey = photo(1).convert("L").resize((640, 480))
    (tmp_path / "shot.dng").write_bytes(write_dng(np.asarray(grey).astype(np.uint16) * 200))
    (tmp_path / "copy.dng").write_bytes((tmp_path / "shot.dng").read_bytes())
    grey.save(tmp_path / "shot.jpg")
    found = imgsim.find_duplicates(tmp_path, preset="loose", options=threads)
    assert shown(found, tmp_path) == [("copy.dng", "shot.dng")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": -1}, "out of range"),
        ({"method": "cosine", "threshold": 1.5}, "out of range"),
        ({"min_similarity": 101}, "out of range"),
        ({"min_similarity": 90, "threshold": 3}, "both"),
        ({"proposer": "phash"}, "needs no proposer"),
        ({"method": "ssim", "proposer": "ssim"}, "cannot propose"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict, message: str, demo) -> None:
    with pytest.raises(imgsim.UsageError, match=message):
        imgsim.find_duplicates(demo[0], **arguments)


def test_thresholds_in_raw_terms_and_in_percent(demo, threads: RunOptions) -> None:
    folder, _ = demo
    raw = imgsim.find_duplicates(folder, "ssim", threshold=0.9, options=threads)
    percent = imgsim.find_duplicates(folder, "ssim", min_similarity=90, options=threads)
    assert raw.groups == percent.groups
    assert raw.max_distance == pytest.approx(0.1)
    assert raw.preset is None


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images(n: int, tmp_path: Path, photo, threads: RunOptions) -> None:
    for i in range(n):
        photo(i).save(tmp_path / f"{i}.png")
    for method in ("phash", "cosine", "ssim"):
        found = imgsim.find_duplicates(tmp_path, method, options=threads)
        assert (found.images, found.groups, found.pairs_compared) == (n, (), 0)
        (ranked,) = imgsim.matches(tmp_path, method, options=threads).methods
        assert [q.matches for q in ranked.queries] == [()] * n


def test_matches_ranks_every_image_by_every_method(demo, threads: RunOptions) -> None:
    folder, made = demo
    methods = [name for name in CLASSICAL if registry.parse(name).ranks]
    results = imgsim.matches(folder, methods, k=3, options=threads).methods
    assert [r.comparator.name for r in results] == methods
    for result in results:
        assert len(result.queries) == made.files - 1
        for query in result.queries:
            assert len(query.matches) == 3
            assert query.path not in {m.path for m in query.matches}
            assert [m.distance for m in query.matches] == sorted(m.distance for m in query.matches)
    partner = {a: b for group in made.groups for a, b in ((group[0], group[1]), group[1::-1])}
    phash = results[methods.index("phash")]
    for query in phash.queries:
        name = os.path.relpath(query.path, folder).replace(os.sep, "/")
        if name in partner:
            near = {os.path.relpath(m.path, folder).replace(os.sep, "/") for m in query.matches[:2]}
            assert partner[name] in near


def test_compare_scores_two_images_by_every_method(demo, tmp_path: Path) -> None:
    folder, made = demo
    original, small = (folder / name for name in made.groups[1])
    by_name = {c.comparator.name: c for c in imgsim.compare(original, small, CLASSICAL)}
    assert list(by_name) == CLASSICAL
    assert by_name["phash"].duplicate
    assert by_name["ssim"].score > 0.9
    assert by_name["ssim"].threshold == pytest.approx(0.95)
    other = imgsim.compare(original, folder / made.groups[2][0], ["phash", "ssim"])
    assert not any(c.duplicate for c in other)
    for same in imgsim.compare(
        original, original, CLASSICAL, options=RunOptions(decode=DecodeMode.FULL)
    ):
        assert same.distance == 0.0
        assert same.duplicate
    pages = [folder / "scans" / f"blank page {i}.png" for i in (1, 2)]
    assert not any(c.duplicate for c in imgsim.compare(*pages, CLASSICAL, preset="loose"))
    with pytest.raises(imgsim.UnreadableImage, match="damaged"):
        imgsim.compare(original, folder / made.broken[0])


def test_two_files_have_one_score_in_both_orders_and_in_a_folder(photo, tmp_path: Path) -> None:
    names = tmp_path / "a.jpg", tmp_path / "b.jpg"
    photo(1).save(names[0])
    photo(1).crop((9, 5, 300, 230)).resize((400, 310)).save(names[1])
    orders = names, names[::-1]
    scores = [imgsim.compare(*pair, "auto")[0].distance for pair in orders]
    (group,) = imgsim.find_duplicates(tmp_path, options=RunOptions(jobs=1)).groups
    assert [*scores, group.members[1].distance] == [scores[0]] * 3
    seen = [imgsim.explain(*pair, "auto").evidence for pair in orders]
    assert np.abs(seen[0].left - seen[1].right).sum() < 0.05 * seen[0].total


# Real pictures: what the issue asks for --------------------------------------------------------


@pytest.mark.parametrize("name", ["photos", "clothing", "kodak", "large", "receipts", "scenes"])
def test_no_group_among_different_pictures(name: str, shared) -> None:
    found = imgsim.find_duplicates(shared(name))
    assert found.images > 5
    assert found.groups == ()
    assert found.skipped == ()


def test_one_photo_in_nine_orientations_is_one_group(shared) -> None:
    found = imgsim.find_duplicates(shared("exif_orientation"), "phash:size=16")
    assert [len(g.members) for g in found.groups] == [9]


def test_one_photo_in_its_eight_orientations_is_one_group(shared) -> None:
    found = imgsim.find_duplicates(shared("pdq_dih"))
    assert [len(g.members) for g in found.groups] == [8]


@pytest.mark.parametrize("name", ["fruits96", "clothing", "receipts", "scenes", "aerial8"])
def test_look_alikes_are_told_apart(name: str, shared) -> None:
    assert imgsim.find_duplicates(shared(name)).groups == ()


def test_groups_of_imagededup_are_as_its_tests_have_them(shared) -> None:
    """Its phash tests: the resized picture is a duplicate, the mirrored and the turned are not."""
    folder = shared("imagededup")
    found = imgsim.find_duplicates(folder / "mixed_images", "phash:size=16")
    assert shown(found, folder / "mixed_images") == [
        ("ukbench00120.jpg", "ukbench00120_resize.jpg")
    ]
    assert [Path(s.path).name for s in found.skipped] == ["ukbench09268_corrupt.jpg"]
    nested = imgsim.find_duplicates(folder / "mixed_nested_images", "phash:size=16")
    assert [tuple(sorted(Path(n).name for n in group)) for group in shown(nested, folder)] == [
        ("ukbench00120.jpg", "ukbench00120_resize.jpg")
    ]
    assert imgsim.find_duplicates(folder / "base_images").groups == ()


@pytest.mark.parametrize("size", [(501, 417), (417, 501)])
def test_a_thumbnail_is_found_of_a_photo_with_an_odd_number_of_rows(
    tmp_path: Path, threads: RunOptions, size: tuple[int, int]
) -> None:
    """Decoded at half its size it ends with half a row of nothing."""
    picture = Image.fromarray(landscape(5, *size))
    picture.save(tmp_path / "photo.jpg", quality=93)
    picture.thumbnail((48, 48), Image.Resampling.LANCZOS)
    picture.save(tmp_path / "thumbnail.jpg", quality=90)
    (group,) = imgsim.find_duplicates(tmp_path, preset="strict", options=threads).groups
    assert group.kept.file.path.endswith("photo.jpg")
