"""Archives made to do harm, or made by programs that care less, are listed without any."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from imgsim.read.archives import kinds, listing
from imgsim.read.archives.kinds import BadArchive
from imgsim.read.archives.listing import as_address, find_archive, list_archive
from imgsim.read.content import read_bytes
from imgsim.read.discover import DiscoverOptions, discover
from tests.archives import tar_bytes, written, zip_bytes

UNSAFE = [
    "../up.jpg", "a/../../up.jpg", "/etc/up.jpg", "..\\up.jpg", "C:\\up.jpg", "c:up.jpg",
    "\\\\host\\up.jpg",
]  # fmt: skip


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_names_that_lead_out_are_skipped_with_a_reason(tmp_path, ending) -> None:
    contents = dict.fromkeys(UNSAFE, b"up") | {"a/..b.jpg": b"ok", "./c.jpg": b"ok"}
    data = zip_bytes(contents) if ending == "zip" else tar_bytes(contents)
    got = list_archive(str(written(tmp_path / f"a.{ending}", data)))
    assert {member.name for member in got.members} <= {"a/..b.jpg", "./c.jpg", "c.jpg"}
    assert len(got.members) == 2
    assert len(got.skipped) == len(UNSAFE)
    for skipped in got.skipped:
        assert "leads out" in skipped.reason or "absolute" in skipped.reason


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_a_walk_says_why_names_that_lead_out_are_skipped(tmp_path, ending) -> None:
    pack = zip_bytes if ending == "zip" else tar_bytes
    contents = dict.fromkeys([*UNSAFE, ".hidden/../a.jpg", ".hidden.jpg", "ok.jpg"], b"up")
    contents[f"in.{ending}"] = pack({"../up.jpg": b"up", ".hidden.jpg": b"up"})
    path = str(written(tmp_path / f"a.{ending}", pack(contents)))
    got = discover([path])
    assert [file.path for file in got.files] == [f"{path}!/ok.jpg"]
    assert {s.path.removeprefix(f"{path}!/") for s in got.skipped} == {
        *UNSAFE, f"in.{ending}!/../up.jpg"
    }  # fmt: skip
    excluded = discover([path], DiscoverOptions(exclude=["up.jpg", "*:up.jpg", "*\\up.jpg"]))
    assert {s.path.removeprefix(f"{path}!/") for s in excluded.skipped} == {"..\\up.jpg"}


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_names_that_begin_with_a_dot_and_a_slash_are_not_hidden(tmp_path, ending) -> None:
    pack = zip_bytes if ending == "zip" else tar_bytes
    contents = dict.fromkeys(["./a.jpg", "./d/./b.jpg", "././c.jpg", "./.hidden/e.jpg"], b"x")
    path = str(written(tmp_path / f"a.{ending}", pack(contents)))
    names = [file.path.removeprefix(f"{path}!/") for file in discover([path]).files]
    assert names == ["a.jpg", "c.jpg", "d/b.jpg"]
    for below in ("d", "./d"):
        found = discover([f"{path}!/{below}"]).files
        assert [file.path for file in found] == [f"{path}!/d/b.jpg"]
    listed = discover([], DiscoverOptions(listed=[f"{path}!/./a.jpg"])).files
    assert [file.path for file in listed] == [f"{path}!/a.jpg"] == [as_address(f"{path}!/./a.jpg")]


def test_links_and_devices_in_a_tar_are_skipped_with_a_reason(tmp_path) -> None:
    kinds_of = {
        "sym.jpg": tarfile.SYMTYPE, "hard.jpg": tarfile.LNKTYPE, "fifo.jpg": tarfile.FIFOTYPE,
        "block.jpg": tarfile.BLKTYPE, "char.jpg": tarfile.CHRTYPE,
    }  # fmt: skip
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in kinds_of.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        folder = tarfile.TarInfo("d.jpg")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    got = list_archive(str(tmp_path / "a.tar"))
    assert not got.members
    reasons = {Path(s.path).name: s.reason for s in got.skipped}
    assert reasons == {
        "sym.jpg": "a symbolic link", "hard.jpg": "a hard link to another member",
        "fifo.jpg": "not a regular file", "block.jpg": "not a regular file",
        "char.jpg": "not a regular file",
    }  # fmt: skip


def test_links_and_encrypted_members_of_a_zip_are_skipped_with_a_reason(tmp_path) -> None:
    data = bytearray(zip_bytes({"secret.jpg": b"x" * 40, "link.jpg": b"/etc/passwd"}))
    for place in (data.index(b"PK\3\4") + 6, data.index(b"PK\1\2") + 8):
        data[place] |= 1  # the flag for encryption, in both headers of the first member
    link = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    data[link + 5] = 3  # made on Unix
    struct.pack_into("<L", data, link + 38, 0o120777 << 16)
    got = list_archive(str(written(tmp_path / "a.zip", bytes(data))))
    assert not got.members
    assert [s.reason for s in got.skipped] == ["encrypted", "a symbolic link"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_of_several_members_of_one_name_the_last_counts(tmp_path, ending) -> None:
    path = tmp_path / f"a.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.jpg", b"first")
            archive.writestr("a.jpg", b"second")
    else:
        path.write_bytes(tar_bytes({"a.jpg": b"first"}))
        with tarfile.open(path, "a") as tar:
            info = tarfile.TarInfo("a.jpg")
            info.size = 6
            tar.addfile(info, io.BytesIO(b"second"))
    got = list_archive(str(path))
    (member,) = got.members
    assert read_bytes(member)[0] == b"second"
    assert [s.reason for s in got.skipped] == ["a later member has the same name"]


def test_members_that_share_their_bytes_are_read_once(tmp_path) -> None:
    """As in the bombs of David Fifield: many names for one content that unpacks to a lot."""
    kernel = zip_bytes({"a.jpg": bytes(100_000)})
    start = kernel.index(b"PK\1\2")
    header = kernel[start : kernel.index(b"PK\5\6")]
    directory = b"".join(header.replace(b"a.jpg", f"{i}.jpg".encode()) for i in range(8))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 8, 8, len(directory), start, 0)
    path = written(tmp_path / "bomb.zip", kernel[:start] + directory + end)
    got = list_archive(str(path))
    assert len(got.members) == 1
    assert {s.reason for s in got.skipped} == {"it overlaps another member"}


@pytest.mark.parametrize("ending", ["zip", "tar.gz", "tar.xz", "zip in zip", "zip in tar.gz"])
def test_what_unpacks_to_too_much_is_left_out(tmp_path, monkeypatch, ending) -> None:
    monkeypatch.setattr(listing, "ALWAYS_BYTES", 1_000_000)
    contents = {f"{i}.jpg": bytes(400_000) for i in range(6)}
    ending, _, outer = ending.partition(" in ")
    data = zip_bytes(contents) if ending == "zip" else tar_bytes(contents, ending[4:])
    if outer:
        inner = {f"{i}.zip": data for i in range(4)}
        data = zip_bytes(inner) if outer == "zip" else tar_bytes(inner, "gz")
    assert len(data) * kinds.MAX_RATIO < 2_400_000
    got = list_archive(str(written(tmp_path / f"a.{outer or ending}", data)))
    assert 1 <= len(got.members) <= 2
    assert got.skipped
    assert all("unpacks to " in s.reason for s in got.skipped)


def test_what_unpacks_to_too_much_costs_no_other_member(tmp_path) -> None:
    """And is not unpacked: a JPEG with 100 MB of nothing behind it."""
    size = 100_000_000
    data = bytearray(zip_bytes({**{f"{i}.jpg": bytes(1000) for i in range(30)}, "z.jpg": b"z"}))
    place = 0
    while (place := data.find(b"PK\1\2", place + 1)) >= 0 and data[place + 46 :][:1] != b"z":
        struct.pack_into("<L", data, place + 24, size)
    got = list_archive(str(written(tmp_path / "a.zip", bytes(data))))
    assert [member.name for member in got.members] == ["0.jpg", "1.jpg", "z.jpg"]
    assert {s.reason.partition(" from ")[0] for s in got.skipped} == {
        "unpacks to 100,000,000 bytes"
    }


def _lie(data: bytes, name: bytes, field: str, at: int, value: int) -> bytes:
    """A zip that lists another value for one of its members."""
    changed = bytearray(data)
    place = data.rindex(name) - 46
    assert data[place : place + 4] == b"PK\1\2"
    struct.pack_into(field, changed, place + at, value)
    return bytes(changed)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (("<L", 20, 700), "it overlaps another member"),  # the compressed size
        (("<L", 20, 1 << 30), "damaged: it lies beyond the end of the archive"),
        (("<L", 42, 0), "damaged: another member, or none, lies in its place"),  # the place
        (("<L", 42, 77), "damaged: another member, or none, lies in its place"),
        (("<L", 42, (1 << 32) - 2), "damaged: it lies beyond the end of the archive"),
        (("<L", 24, 299), "damaged: Bad CRC-32"),  # the size
        (("<L", 24, 301), "damaged: its end is missing"),
        (("<L", 16, 5), "damaged: Bad CRC-32"),
        (("<H", 10, 99), "That compression method is not supported"),
        (("<H", 8, 1), "encrypted"),
        (("<H", 6, 255), ""),  # the version of the format
    ],
)
def test_an_entry_that_lies_costs_no_other_member(tmp_path, lie, reason) -> None:
    contents = {f"{i}.jpg": bytes([i]) * 300 for i in range(5)}
    data = _lie(zip_bytes(contents, zipfile.ZIP_STORED), b"2.jpg", *lie)
    got = list_archive(str(written(tmp_path / "a.zip", data)))
    reasons = {skipped.path[-5:]: skipped.reason for skipped in got.skipped}
    for member in got.members:
        try:
            assert read_bytes(member)[0] == contents[member.name]
        except BadArchive as error:
            reasons[member.name] = str(error.strerror)
    assert set(reasons) <= {"2.jpg"}
    assert reasons.get("2.jpg", "").startswith(reason)
    assert bool(reason) == bool(reasons)


def test_names_and_fields_that_are_wrong_cost_no_other_member(tmp_path) -> None:
    data = zip_bytes({"\u00e9.jpg": b"x", "b.jpg": b"y", "d.jpg/": b"z", "empty/": b""})
    data = data.replace("\u00e9".encode(), b"\xff\xfe")
    got = list_archive(str(written(tmp_path / "a.zip", data)))
    assert {m.name: read_bytes(m)[0] for m in got.members} == {
        "\udcff\udcfe.jpg": b"x", "b.jpg": b"y",
    }  # fmt: skip
    assert [s.reason for s in got.skipped] == ["a folder by its name, with content"]
    cut = data.rindex(b"PK\1\2")  # the list is damaged behind the third
    got = list_archive(str(written(tmp_path / "b.zip", data[:cut] + b"XX" + data[cut + 2 :])))
    assert len(got.members) == 2
    assert "the rest cannot be read: a damaged zip" in got.skipped[0].reason


def test_a_zip_behind_something_else_and_with_wide_fields(tmp_path) -> None:
    """Self-extracting archives, and those that are written as a stream of unknown size."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w") as archive,
        archive.open("a.jpg", "w", force_zip64=True) as file,
    ):
        file.write(b"content")
    data = stream.getvalue()
    directory, end = data.rindex(b"PK\1\2"), data.rindex(b"PK\5\6")
    wide = struct.pack("<2H2Q", 1, 16, 7, 7)
    entry = bytearray(data[directory:end])
    struct.pack_into("<2L", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", entry, 30, len(wide))
    entry += wide
    wide_end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(entry), directory)
    wide_end += struct.pack("<4sLQL", b"PK\6\7", 0, directory + len(entry), 1)
    wide_end += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, *[0xFFFFFFFF] * 2, 0)
    for whole in (data, data[:directory] + bytes(entry) + wide_end):
        for before in (b"", b"MZ" * 500):
            (member,) = list_archive(str(written(tmp_path / "a.zip", before + whole))).members
            assert read_bytes(member)[0] == b"content"


def test_a_size_that_lies_gives_no_more_bytes_than_it_says(tmp_path) -> None:
    data = bytearray(zip_bytes({"a.jpg": bytes(5_000_000)}))
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, 1_000)
    (member,) = list_archive(str(written(tmp_path / "a.zip", bytes(data)))).members
    assert member.place.size_bytes == 1_000
    with pytest.raises(BadArchive, match="damaged"):
        read_bytes(member)


def test_a_header_that_announces_gigabytes_is_refused(tmp_path) -> None:
    info = tarfile.TarInfo("a.jpg")
    info.type, info.size = tarfile.XHDTYPE, 1 << 32
    path = written(tmp_path / "a.tar", info.tobuf() + bytes(2_000))
    with pytest.raises(BadArchive, match="list of members"):
        list_archive(str(path))
    data = bytearray(zip_bytes({"a.jpg": b"x"}))
    monstrous = (1 << 32) - 2
    struct.pack_into("<L", data, data.index(b"PK\5\6") + 12, monstrous)
    with pytest.raises(BadArchive, match="no zip"):
        list_archive(str(written(tmp_path / "a.zip", bytes(data))))


def test_too_many_members_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(listing, "MAX_MEMBERS", 3)
    path = written(tmp_path / "a.zip", zip_bytes({f"{i}.jpg": b"" for i in range(4)}))
    with pytest.raises(BadArchive, match="more than 3 members"):
        list_archive(str(path))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("text.zip", b"this is no archive at all"),
        ("empty.zip", b""),
        ("cut.zip", zip_bytes({"a.jpg": b"x" * 900})[:-30]),
        ("text.tar", b"this is no archive at all" * 40),
        ("text.tar.gz", b"this is no archive at all"),
        ("text.tar.bz2", b"this is no archive at all"),
        ("text.txz", b"this is no archive at all"),
        ("tar-as.zip", tar_bytes({"a.jpg": b"x"})),
        ("zip-as.tar", zip_bytes({"a.jpg": b"x" * 900})),
        ("part.zip", zip_bytes({"a.jpg": b"x"}).replace(b"PK\5\6\0\0", b"PK\5\6\3\0")),
    ],
)
def test_what_is_no_archive_says_so(tmp_path, name, data) -> None:
    with pytest.raises(BadArchive) as error:
        list_archive(str(written(tmp_path / name, data)))
    assert error.value.strerror
    assert "\n" not in error.value.strerror


def test_names_in_other_letters(tmp_path) -> None:
    """UTF-8 that does not say so, as many programs write it, and the letters of old ones."""
    plain = zip_bytes({"__.jpg": b"x"})
    for written_as, shown in [("é".encode(), "é"), (b"\x81\x9a", "üÜ")]:
        data = plain.replace(b"__", written_as)
        (member,) = list_archive(str(written(tmp_path / "a.zip", data))).members
        assert member.name == f"{shown}.jpg"
        assert read_bytes(member)[0] == b"x"
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for raw in (b"\xff.jpg", b"new\nline.jpg", b"\x1b[2J.jpg"):
            archive.addfile(tarfile.TarInfo(raw.decode("utf-8", "surrogateescape")))
    names = [member.name for member in list_archive(str(path)).members]
    assert names == ["\udcff.jpg", "new\nline.jpg", "\x1b[2J.jpg"]


def test_dates_are_those_of_the_members(tmp_path, monkeypatch) -> None:
    (member,) = list_archive(str(written(tmp_path / "a.tar", tar_bytes({"a.jpg": b"x"})))).members
    assert member.stamp.mtime_ns == 1_600_000_000 * 10**9
    (member,) = list_archive(str(written(tmp_path / "a.zip", zip_bytes({"a.jpg": b"x"})))).members
    day = 86_400 * 10**9
    assert abs(member.stamp.mtime_ns - 1_577_934_246 * 10**9) < day  # local time


def test_an_address_as_text_is_found_again(tmp_path) -> None:
    data = zip_bytes({"d/a.jpg": b"x", "n.cbz": zip_bytes({"p.jpg": b"p"}), "../b.jpg": b""})
    path = str(written(tmp_path / "a.zip", data))
    assert find_archive(f"{path}!/d/a.jpg") == (path, "d/a.jpg")
    assert find_archive(f"{path}x!/d/a.jpg") is None
    assert read_bytes(as_address(f"{path}!/d/a.jpg"))[0] == b"x"
    assert read_bytes(as_address(f"{path}!/n.cbz!/p.jpg"))[0] == b"p"
    assert as_address(path) == path
    with pytest.raises(OSError, match="no such member"):
        as_address(f"{path}!/d/b.jpg")
    with pytest.raises(BadArchive, match="leads out"):
        as_address(f"{path}!/../b.jpg")
    (tmp_path / "b.zip!").mkdir()
    real = written(tmp_path / "b.zip!" / "a.jpg", b"a file")
    assert as_address(str(real)) == str(real)
