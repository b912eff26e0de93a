"""Members read themselves, in any order and in any process, and notice what is damaged."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from imgsim.read.archives.kinds import BadArchive
from imgsim.read.archives.listing import list_archive
from imgsim.read.archives.members import Archive, ArchiveMember, Place, let_go
from imgsim.read.content import read_bytes
from imgsim.read.discover import discover
from imgsim.stamps import FileStamp
from tests.archives import tar_bytes, written, zip_bytes

CONTENTS = {f"a/{i}.jpg": random.Random(i).randbytes(3_000 + 700 * i) for i in range(9)}
INNER = {"in.jpg": b"inner one" * 50, "d/in.jpg": b"inner two" * 70}


def _members(path: Path) -> dict[str, ArchiveMember]:
    listing = list_archive(str(path))
    assert not listing.skipped
    return {str(member)[len(str(path)) + 2 :]: member for member in listing.members}


ARCHIVES = {
    "a.zip": zip_bytes(CONTENTS),
    "stored.zip": zip_bytes(CONTENTS, zipfile.ZIP_STORED),
    "bzip2.zip": zip_bytes(CONTENTS, zipfile.ZIP_BZIP2),
    "lzma.cbz": zip_bytes(CONTENTS, zipfile.ZIP_LZMA),
    "behind-a-program.zip": b"#!/bin/sh\nexit\n" + zip_bytes(CONTENTS),
    "a.tar": tar_bytes(CONTENTS),
    "a.tar.gz": tar_bytes(CONTENTS, "gz"),
    "a.TGZ": tar_bytes(CONTENTS, "gz"),
    "a.tar.bz2": tar_bytes(CONTENTS, "bz2"),
    "a.txz": tar_bytes(CONTENTS, "xz"),
}


with suppress(ImportError):
    from backports import zstd

    ARCHIVES |= {name: zstd.compress(tar_bytes(CONTENTS)) for name in ("a.tar.zst", "a.tzst")}


@pytest.mark.parametrize("name", ARCHIVES)
def test_contents_come_in_any_order_from_threads_and_from_a_pickle(tmp_path, name) -> None:
    members = _members(written(tmp_path / name, ARCHIVES[name]))
    assert members.keys() == CONTENTS.keys()
    order = list(members) * 2
    random.Random(3).shuffle(order)

    def content(member: str) -> bytes:
        same = pickle.loads(pickle.dumps(members[member]))
        data, stamp = read_bytes(same)
        assert stamp == members[member].stamp
        assert stamp.size_bytes == len(data)
        return data

    with ThreadPoolExecutor(3) as pool:
        for member, data in zip(order, pool.map(content, order), strict=True):
            assert data == CONTENTS[member]
    let_go()


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (zip_bytes, zip_bytes),
        (zip_bytes, tar_bytes),
        (tar_bytes, zip_bytes),
        (tar_bytes, tar_bytes),
        (lambda m: zip_bytes(m, zipfile.ZIP_STORED), zip_bytes),
        (lambda m: tar_bytes(m, "gz"), zip_bytes),
    ],
)
@pytest.mark.parametrize("packing", ["", "gz"])
def test_archives_in_archives_are_read_one_level_deep(tmp_path, outer, inner, packing) -> None:
    name, data = "b/c.zip", inner(INNER)
    if inner is tar_bytes:
        name, data = ("b/c.tar.gz", tar_bytes(INNER, "gz")) if packing else ("b/c.tar", data)
    path = written(tmp_path / "a.zip", outer({**CONTENTS, name: data}))
    if outer(INNER)[:2] != b"PK":
        path = path.rename(tmp_path / ("a.tar.gz" if outer(INNER)[:2] == b"\x1f\x8b" else "a.tar"))
    members = _members(path)
    assert {n: read_bytes(members[n])[0] for n in sorted(members, reverse=True)} == {
        **CONTENTS,
        **{f"{name}!/{inside}": content for inside, content in INNER.items()},
    }
    let_go()


@pytest.mark.parametrize(
    ("outer", "inner", "ending"),
    [
        (zip_bytes, zip_bytes, "cbz"),
        (zip_bytes, tar_bytes, "tar"),
        (tar_bytes, zip_bytes, "zip"),
        (lambda m: zip_bytes(m, zipfile.ZIP_STORED), lambda m: tar_bytes(m, "gz"), "tar.gz"),
    ],
)
def test_members_of_different_inner_archives_are_different_files(
    tmp_path, outer, inner, ending
) -> None:
    contents = {f"v{i}.{ending}": bytes([65 + i]) * 900 for i in range(4)}
    data = outer({name: inner({"1.jpg": content}) for name, content in contents.items()})
    path = written(tmp_path / ("a.zip" if data[:2] == b"PK" else "a.tar"), data)
    walked = discover([str(path)]).files
    expected = {f"{path}!/{name}!/1.jpg": content for name, content in contents.items()}
    assert {f.path: read_bytes(f.path)[0] for f in walked} == expected
    assert [read_bytes(f.path)[1] for f in walked] == [f.stamp for f in walked]
    assert len({f.inode for f in walked}) == 4

    copy, link = tmp_path / f"b{path.suffix}", tmp_path / f"c{path.suffix}"
    shutil.copy2(path, copy)
    os.link(path, link)
    walked = discover([str(path), str(copy), str(link)]).files
    assert [len(f.links) for f in walked] == [1] * 4 + [0] * 4
    let_go()


def test_members_of_two_archives_without_inodes_are_different_files(tmp_path) -> None:
    stamp = FileStamp(900, 1, 1, 0)
    place = Place(Archive(str(tmp_path / "a.zip"), "zip", "", stamp), 0, 9, 1, 9, 0, 1)
    other = replace(place, archive=replace(place.archive, path=str(tmp_path / "b.zip")))
    one, two = ArchiveMember("1.jpg", place), ArchiveMember("1.jpg", other)
    assert one.stamp != two.stamp
    assert one.stamp == ArchiveMember("1.jpg", replace(place)).stamp


def test_a_third_level_is_skipped_with_its_reason(tmp_path) -> None:
    inner = zip_bytes({"c.zip": zip_bytes({"x.jpg": b"x"}), "y.jpg": b"y"})
    path = written(tmp_path / "a.zip", zip_bytes({"b.zip": inner}))
    listing = list_archive(str(path))
    assert listing.members == [f"{path}!/b.zip!/y.jpg"]
    (skipped,) = listing.skipped
    assert skipped.path == f"{path}!/b.zip!/c.zip"
    assert "archive in an archive in an archive" in skipped.reason


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_member_of_an_archive_that_was_changed_is_not_taken_for_another(tmp_path, name) -> None:
    path = written(tmp_path / name, ARCHIVES[name])
    members = _members(path)
    turned = dict(reversed(CONTENTS.items()))
    packing = "gz" if name.endswith("gz") else ""
    other = zip_bytes(turned) if name == "a.zip" else tar_bytes(turned, packing)
    path.write_bytes(other)
    os.utime(path, ns=(1, 1))
    right, reasons = 0, set()
    for member, address in members.items():
        try:
            data, stamp = read_bytes(address)
        except BadArchive as error:
            reasons.add(error.strerror)
            continue
        assert data == CONTENTS[member]
        assert stamp != address.stamp
        right += 1
    assert right < len(members)
    assert reasons == {"its archive was changed since it was read first"}
    let_go()


def test_a_member_lost_its_end(tmp_path) -> None:
    path = written(tmp_path / "a.tar", ARCHIVES["a.tar"])
    last = list(_members(path).values())[-1]
    os.truncate(path, last.place.offset + 100)
    with pytest.raises(BadArchive, match="changed"):
        read_bytes(last)


@pytest.mark.parametrize("place", ["content", "header"])
def test_damage_in_a_zip_is_noticed_and_others_are_read(tmp_path, place) -> None:
    path = written(tmp_path / "a.zip", ARCHIVES["a.zip"])
    members = _members(path)
    hurt = members["a/4.jpg"]
    data = bytearray(path.read_bytes())
    data[hurt.place.offset + (200 if place == "content" else 0)] ^= 0xFF
    path.write_bytes(data)
    for name, member in members.items():
        if name == "a/4.jpg":
            with pytest.raises(BadArchive):
                read_bytes(member)
        else:
            assert read_bytes(member)[0] == CONTENTS[name]


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_a_compressed_tar_without_its_end_gives_what_is_there(tmp_path, packing) -> None:
    contents = {f"{i}.jpg": random.Random(i).randbytes(500_000) for i in range(9)}
    data = tar_bytes(contents, packing)  # of several blocks of bzip2
    path = written(tmp_path / f"a.tar.{packing}", data[: len(data) * 7 // 12])
    listing = list_archive(str(path))
    names = [member.name for member in listing.members]
    assert names == list(contents)[: len(names)]
    assert 2 < len(names) < len(contents)
    assert "the rest cannot be read" in listing.skipped[0].reason
    for member in listing.members[:-1]:
        assert read_bytes(member)[0] == contents[member.name]
    with pytest.raises(BadArchive, match="end"):
        read_bytes(listing.members[-1])
    let_go()


def test_nothing_stays_open(tmp_path) -> None:
    members = _members(written(tmp_path / "a.tar.gz", ARCHIVES["a.tar.gz"]))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    thread = threading.Thread(target=lambda: [read_bytes(m) for m in members.values()])
    thread.start()
    thread.join()
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before
