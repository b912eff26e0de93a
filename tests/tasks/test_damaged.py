"""Damaged files in groups: with their whole copy, never kept, never without one."""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from imgsim import RunOptions, find_duplicates, find_leaks
from imgsim.decode.containers import has_end
from imgsim.decode.decoder import Decoder
from imgsim.executors.base import Heartbeat
from imgsim.group.keep import PLAIN_RULES
from imgsim.read.content import Content
from imgsim.read.discover import DiscoverOptions
from imgsim.read.majority import ComparisonBatch
from imgsim.report.annotations import leaks_sarif
from imgsim.report.document import find_dupes_document
from imgsim.report.leaks import leaks_text
from imgsim.report.text import find_dupes_summary, find_dupes_text
from imgsim.tasks.find_duplicates import Duplicates

THREADS = RunOptions(jobs=1, executor="threads")


@pytest.fixture(scope="module")
def jpeg(photo) -> bytes:
    stream = io.BytesIO()
    photo(11).resize((640, 480), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def cut(data: bytes, share: float) -> bytes:
    return data[: int(share * len(data))]


def hidden(data: bytes) -> bytes:
    """Damage near the end, of which libjpeg only warns: bytes are missing before the last."""
    return data[:-400] + data[-100:]


def kinds(duplicates: Duplicates) -> list[list[tuple[str, str]]]:
    return [
        [(Path(m.picture.file.path).name, m.kind) for m in g.members] for g in duplicates.groups
    ]


def find(folder: Path, method: str = "auto", **options: object) -> Duplicates:
    return find_duplicates([folder], method, **{"options": THREADS, **options})


@pytest.mark.parametrize("keep", list(PLAIN_RULES))
def test_a_damaged_file_is_kept_by_no_policy(keep: str, jpeg: bytes, tmp_path: Path) -> None:
    names = "a damaged.jpg", "b whole.jpg", "c damaged.jpg"
    for name, data in zip(names, (hidden(jpeg), jpeg, cut(jpeg, 0.8)), strict=True):
        (tmp_path / name).write_bytes(data + b" " * (10_000 if name[0] == "a" else 0))
    found = find(tmp_path, keep=keep)
    ((kept, *others),) = kinds(found)
    assert kept == ("b whole.jpg", "kept")
    assert sorted(others) == [("a damaged.jpg", "damaged"), ("c damaged.jpg", "damaged")]
    assert found.groups[0].keep_reason == "not damaged"
    assert found.reclaimable_bytes == 0
    assert [m.transform.kind for m in found.groups[0].members[1:]].count("crop") == 1


@pytest.mark.parametrize(("form", "end"), [("GIF", 1), ("JPEG", 2), ("QOI", 8)])
def test_a_file_without_its_end_mark_is_not_kept(
    form: str, end: int, jpeg: bytes, tmp_path: Path
) -> None:
    """Most decoders show all of it, and some refuse it."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).convert("RGB").save(stream, form)
    whole = stream.getvalue()
    assert has_end(whole)
    assert has_end(whole + b"behind it")
    assert not has_end(whole[:-end])
    for name, data in (("a", whole[:-end]), ("b whole", whole)):
        (tmp_path / f"{name}.{form.lower()}").write_bytes(data)
    (group,) = find(tmp_path).groups
    assert Path(group.kept.file.path).stem == "b whole"
    assert group.keep_reason == "is written to its end"


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
def test_a_file_whose_last_part_was_never_written_is_not_kept(
    form: str, jpeg: bytes, tmp_path: Path
) -> None:
    """Zeros take its place, of which no decoder tells."""
    stream = io.BytesIO()
    pillow_heif.register_heif_opener()
    Image.open(io.BytesIO(jpeg)).save(stream, form, quality=92)
    whole = stream.getvalue()
    part = whole[: len(whole) * 4 // 5]
    zeroed = part + bytes(len(whole) - len(part))
    assert has_end(whole)
    assert not has_end(zeroed)
    for name, data, moment in (("a", zeroed, 1e9), ("b", whole, 1.1e9)):
        (tmp_path / f"{name}.{form.lower()}").write_bytes(data)
        os.utime(tmp_path / f"{name}.{form.lower()}", (moment, moment))
    for group in find(tmp_path).groups:  # if they are still alike
        assert Path(group.kept.file.path).stem == "b"


@pytest.mark.parametrize("method", ["auto", "phash", "dhash"])
def test_damaged_files_alone_are_no_group(method: str, jpeg: bytes, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jpg").write_bytes(hidden(jpeg))
    for name in ("c", "d"):
        (tmp_path / f"{name}.jpg").write_bytes(cut(jpeg, 0.8))
    found = find(tmp_path, method)
    assert found.groups == ()
    assert {Path(s.path).name for s in found.damaged} == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}
    assert found.skipped == ()
    (tmp_path / "e.jpg").write_bytes(jpeg)
    (group,) = kinds(find(tmp_path, method))
    assert group[:3] == [("e.jpg", "kept"), ("a.jpg", "damaged"), ("b.jpg", "damaged")]


def test_the_transform_maps_what_is_there_onto_the_whole(jpeg: bytes, tmp_path: Path) -> None:
    (tmp_path / "whole.jpg").write_bytes(jpeg)
    (tmp_path / "cut.jpg").write_bytes(cut(jpeg, 0.75))
    ((_, member),) = (g.members for g in find(tmp_path).groups)
    assert member.kind == "damaged"
    assert "of its rows decode (the JPEG has no end)" in member.picture.facts.damage
    assert member.transform is not None
    assert member.transform.kind == "crop"
    assert np.allclose(member.transform.matrix, np.eye(3), atol=[[0.02, 0.02, 3]] * 3)


def test_a_damaged_reference_is_not_kept_over_a_whole_file(jpeg: bytes, tmp_path: Path) -> None:
    for name, data in (("archive", hidden(jpeg)), ("new", jpeg)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jpg").write_bytes(data)
    discover = DiscoverOptions(reference=(str(tmp_path / "archive"),))
    options = RunOptions(jobs=1, executor="threads", discover=discover)
    (group,) = find(tmp_path / "new", options=options).groups
    assert [(m.kind, m.picture.file.reference) for m in group.members] == [
        ("kept", False), ("damaged", True),
    ]  # fmt: skip
    shutil.copyfile(tmp_path / "new/new.jpg", tmp_path / "archive/whole.jpg")
    (group,) = find(tmp_path / "new", options=options).groups
    assert group.kept.file.path.endswith("whole.jpg")


def test_a_leak_of_a_damaged_file(jpeg: bytes, tmp_path: Path) -> None:
    for name, data in (("train", jpeg), ("valid", hidden(jpeg))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").write_bytes(data)
    folders = [str(tmp_path / name) for name in ("train", "valid")]
    leaks = find_leaks(folders, options=THREADS)
    assert [[m.kind for m in leak.matches] for leak in leaks.leaks] == [["damaged"]]
    assert "\n  damaged 9" in "".join(leaks_text(leaks))
    results = json.loads("".join(leaks_sarif(leaks)))["runs"][0]["results"]
    assert [r["ruleId"] for r in results] == ["leak-damaged"]
    (tmp_path / "train/x.jpg").write_bytes(hidden(jpeg) + b"\0")
    assert find_leaks(folders, options=THREADS).clean


def test_results_depend_on_neither_cache_nor_method_run_before(
    jpeg: bytes, photo, tmp_path: Path
) -> None:
    """What another run learned of a file that is no member now does not count."""
    folder, cache = tmp_path / "images", tmp_path / "cache.sqlite"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg)
    (folder / "b.jpg").write_bytes(hidden(jpeg))
    (folder / "c.jpg").write_bytes(cut(jpeg, 0.7))
    photo(12).save(folder / "d.jpg")
    fresh = find_dupes_document(find(folder), timing=False)
    options = RunOptions(jobs=2, executor="threads", cache=cache)
    for method in ("phash", "auto"):
        find(folder, method, options=options, check_all=True)
    warm = find(folder, options=options)
    assert warm.decoded == 0
    assert find_dupes_document(warm, timing=False) == fresh


def test_the_output_names_what_is_damaged(jpeg: bytes, tmp_path: Path, imgsim) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg)
    (tmp_path / "b.jpg").write_bytes(cut(jpeg, 0.8))
    found = find(tmp_path)
    text = "".join(find_dupes_text(found))
    assert "  damaged" in text
    assert "damaged: 80 % of its rows decode" in text
    assert "1 file is damaged, and never kept:" in list(find_dupes_summary(found))
    document = find_dupes_document(found)
    member = document["groups"][0]["members"][1]
    assert (member["kind"], member["similarity"] <= 99.9) == ("damaged", True)
    assert document["damaged"] == [{"path": str(tmp_path / "b.jpg"), "reason": member["damage"]}]
    assert imgsim("find-dupes", tmp_path).returncode == 0
    strict = imgsim("find-dupes", tmp_path, "--strict")
    assert (strict.returncode, "1 file is damaged" in strict.stderr) == (2, True)
    assert imgsim("find-dupes", tmp_path, "--check").returncode == 1
    assert imgsim("find-dupes", tmp_path, "--check", "--check-kind", "pixels").returncode == 0


def test_strict_finds_hidden_damage_of_a_file_that_matches_nothing(
    jpeg: bytes, tmp_path: Path
) -> None:
    (tmp_path / "alone.jpg").write_bytes(hidden(jpeg))
    assert find(tmp_path).damaged == ()
    assert [s.path for s in find(tmp_path, check_all=True).damaged] == [str(tmp_path / "alone.jpg")]


@pytest.mark.parametrize("keep", ["best", "oldest", "first"])
def test_of_two_that_differ_in_a_block_the_one_with_more_copies_is_kept(
    keep: str, photo, tmp_path: Path
) -> None:
    """Nothing can tell a wrong byte of a BMP but its other copies."""
    picture = photo(5).resize((320, 240), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "b.bmp")
    picture.save(tmp_path / "c.png")
    spoilt = bytearray((tmp_path / "b.bmp").read_bytes())
    spoilt[100_000:100_003] = b"\0\xff\0"
    (tmp_path / "a.bmp").write_bytes(bytes(spoilt))
    for name, time in (("a.bmp", 1), ("b.bmp", 2), ("c.png", 3)):
        os.utime(tmp_path / name, (time, time))
    (group,) = kinds(find(tmp_path, keep=keep))
    assert group == [("b.bmp", "kept"), ("c.png", "pixels"), ("a.bmp", "near")]
    (tmp_path / "c.png").unlink()  # one against one: the keep policy decides
    assert kinds(find(tmp_path, keep="first")) == [[("a.bmp", "kept"), ("b.bmp", "near")]]


def test_another_encoding_with_more_copies_is_not_kept_for_them(photo, tmp_path: Path) -> None:
    picture = photo(6).resize((320, 240), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "z.png")
    picture.save(tmp_path / "a.jpg", quality=70)
    shutil.copyfile(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert kinds(find(tmp_path))[0][0] == ("z.png", "kept")


def test_a_pair_that_was_changed_meanwhile_is_not_compared(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.bmp", "b.bmp")]
    for path in paths:
        Image.new("RGB", (40, 40), "teal").save(path)
    known = [Content(str(p), sha256(p.read_bytes()).hexdigest()) for p in paths]
    changed = replace(known[1], digest="0" * 64)
    batch = ComparisonBatch(((known[0], known[1]), (known[0], changed)), (0, 0), Decoder())
    assert batch.run(Heartbeat()) == [0.0, None]
