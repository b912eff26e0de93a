"""Objects in stores: memory, and S3 as moto plays it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import imgsim
from imgsim.cli.main import main
from imgsim.decode.spec import DecodeError
from imgsim.errors import UsageError
from imgsim.read.archives.members import let_go
from imgsim.read.content import Content, read_bytes
from imgsim.read.discover import DiscoverOptions, discover
from imgsim.read.manifests.reading import read_manifest
from imgsim.read.memory import MemoryPicture
from imgsim.read.remote import (
    RemoteError,
    RemoteObject,
    _stamp_of,
    is_url,
    list_remote,
    remote_object,
)
from tests.archives import jpeg, tar_bytes, written, zip_bytes
from tests.stores import played_s3

fsspec = pytest.importorskip("fsspec", reason="needs fsspec (imgsim[remote])")
COMMON = ["-m", "phash", "-f", "json", "--executor", "threads", "-j", "1"]


@pytest.fixture
def memory(photo) -> Iterator[str]:
    """A folder in memory with four photos, of which one is there twice."""
    store = fsspec.filesystem("memory")
    for name, i in {"a/1.jpg": 1, "a/b/2.jpg": 2, "c/1.jpg": 1, ".hidden/5.jpg": 5}.items():
        store.pipe_file(f"/photos/{name}", jpeg(photo(i)))
    store.pipe_file("/photos/notes.txt", b"no picture")
    yield "memory://photos"
    store.rm("/photos", recursive=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/a.jpg", True), ("GS://bucket", True), ("memory://x", True),
        ("s3:/bucket", False), ("c://x", False), ("http://host/a.jpg", False),
        ("file:///etc/passwd", False), ("zip://a::s3://bucket/b.zip", False), ("a/s3://b", False),
        ("s3://bucket/a.zip::x", False), ("ssh://host/x", False),
    ],
)  # fmt: skip
def test_urls_of_stores_are_read_and_no_others(text, expected) -> None:
    assert is_url(text) is expected


def test_objects_are_listed_by_names_below_the_url(memory) -> None:
    found = discover([memory])
    assert [f.path for f in found.files] == [
        "memory://photos/a/1.jpg", "memory://photos/a/b/2.jpg", "memory://photos/c/1.jpg",
        "memory://photos/notes.txt",
    ]  # fmt: skip
    assert {f.root for f in found.files} == {memory}

    def listed(*urls: str, **options: Any) -> list[str]:
        files = discover(urls, DiscoverOptions(**options)).files
        return [f.path.removeprefix("memory://photos/") for f in files]

    assert listed(memory, exclude=["b"]) == ["a/1.jpg", "c/1.jpg", "notes.txt"]
    assert listed(memory, exclude=["c/1.jpg"]) == ["a/1.jpg", "a/b/2.jpg", "notes.txt"]
    assert listed(memory + "/a/", recursive=False) == ["a/1.jpg"]
    assert listed(memory + "/a/1.jpg", memory + "/a") == ["a/1.jpg", "a/b/2.jpg"]
    assert len(listed(memory, default_excludes=False)) == 5


def test_commands_take_urls(memory, tmp_path, monkeypatch, capsys, photo) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "2.jpg", jpeg(photo(2)))
    assert main(["find-dupes", memory, "2.jpg", *COMMON]) == 0
    groups = json.loads(capsys.readouterr().out)["groups"]
    assert [[m["path"] for m in g["members"]] for g in groups] == [
        ["2.jpg", "memory://photos/a/b/2.jpg"],
        ["memory://photos/a/1.jpg", "memory://photos/c/1.jpg"],
    ]
    assert main(["leaks", memory + "/a", memory + "/c", *COMMON]) == 1
    (leak,) = json.loads(capsys.readouterr().out)["leaks"]
    assert (leak["path"], leak["split"]) == ("memory://photos/c/1.jpg", "c")
    assert main(["compare", memory + "/a/1.jpg", memory + "/c/1.jpg", "-m", "auto"]) == 0
    assert " yes " in capsys.readouterr().out
    assert main(["search", memory + "/a/b/2.jpg", "--in", "2.jpg", "-m", "phash"]) == 0
    assert "100%" in capsys.readouterr().out
    written(tmp_path / "t.csv", f"path\n{memory}/c/1.jpg\n{memory}/gone.jpg\n2.jpg\n".encode())
    assert read_manifest("t.csv").paths[0] == f"{memory}/c/1.jpg"
    assert main(["find-dupes", "--manifest", "t.csv", *COMMON]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["images"] == 2
    assert [(s["path"], s["reason"]) for s in document["skipped"]] == [
        (f"{memory}/gone.jpg", "nothing is there")
    ]


@pytest.fixture
def as_remote(memory, monkeypatch) -> list[int]:
    """Objects in memory are read as others are; the sizes of the parts that were asked for."""
    asked: list[int] = []
    store = type(fsspec.filesystem("memory"))
    whole = store.cat_file

    def part(self: Any, path: str, start: int, end: int) -> bytes:
        asked.append(end - start)
        return whole(self, path, start=start, end=end)

    monkeypatch.setattr(store, "cat_file", part)
    monkeypatch.setattr(
        "imgsim.read.remote._address",
        lambda store, name, url, info: RemoteObject(url, _stamp_of({**info, "ETag": "1"})),
    )
    return asked


INSIDE = {f"f/{i}.jpg": bytes([i]) * 400_000 for i in range(5)}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zip_bytes(INSIDE, 0)),
        ("a.tar", tar_bytes(INSIDE)),
        ("a.tar.gz", tar_bytes(INSIDE, "gz")),
        ("stored.zip", zip_bytes({"in.tar": tar_bytes(INSIDE)}, 0)),
        ("packed.zip", zip_bytes({"in.zip": zip_bytes(INSIDE, 0)})),
    ],
)
def test_archives_in_stores_are_read_in_parts(memory, as_remote, name, data) -> None:
    fsspec.filesystem("memory").pipe_file(f"/photos/{name}", data)
    url = f"{memory}/{name}"
    files = discover([url]).files
    listing = sum(as_remote)
    assert listing <= 700_000 or name != "a.zip"
    for file in files:
        member = pickle.loads(pickle.dumps(file.path))
        read, stamp = read_bytes(member)
        assert (read, stamp) == (INSIDE[f"f/{member[-5:]}"], file.stamp)
        assert not Content(member, "", stamp).path.stamp_is_current
    assert len(files) == 5
    if name in ("a.zip", "a.tar"):  # a request for each member, and not much more than it
        assert sum(as_remote) - listing <= 5 * 402_000
    (member,) = discover([f"{files[3].path}"]).files
    assert member.path == files[3].path
    let_go()


def test_archives_in_stores_that_cannot_be_read(memory, as_remote, capsys) -> None:
    store = fsspec.filesystem("memory")
    for name in ("none.zip", "x.rar", "t.parquet"):
        store.pipe_file(f"/photos/z/{name}", b"no")
    for name, said in {
        "none.zip": "no zip, or a damaged one",
        "gone.zip": "nothing is there",
        "gone.zip!/a.jpg": "nothing is there",
        "x.rar": "archives of the kind .rar are not read",
        "t.parquet": "tables are read from disk alone",
    }.items():
        assert main(["find-dupes", f"{memory}/z/{name}", *COMMON]) == 2
        captured = capsys.readouterr()
        assert said in captured.err
        assert (captured.out, len(captured.err.splitlines())) == ("", 2)
    found = discover([memory], DiscoverOptions(archives=True))
    assert len(found.files) == 4
    assert [s.path.rpartition("/")[2] for s in found.skipped] == ["none.zip", "t.parquet", "x.rar"]


def test_worker_processes_get_what_is_in_memory(memory) -> None:
    found = imgsim.find_duplicates(memory, "phash", options=imgsim.RunOptions(jobs=2))
    assert len(found.groups) == 1
    assert isinstance(found.groups[0].kept.file.path, MemoryPicture)
    assert imgsim.plan(found).groups == ()


def test_known_answers_for_urls(memory, tmp_path, capsys, photo, threads) -> None:
    (tmp_path / "own").mkdir()
    written(tmp_path / "own/2.jpg", jpeg(photo(2)))
    common = ["--in", str(tmp_path / "own"), "-f", "json", "--executor", "threads", "-j", "1"]
    assert main(["known", memory, *common]) == 1
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [(a["path"].removeprefix(memory), a["known"]) for a in answers] == [
        ("/a/1.jpg", False), ("/a/b/2.jpg", True), ("/c/1.jpg", False)
    ]  # fmt: skip
    assert main(["known", "http://host/a.jpg", *common]) == 2
    assert "this kind of URL is not read" in capsys.readouterr().err
    with imgsim.KnownArchive(tmp_path / "own", options=threads) as archive:
        assert archive.ask(memory + "/a/b/2.jpg").known
        assert archive.ask(memory + "/gone.jpg").reason == "nothing is there"
        assert "folder" in archive.ask(memory + "/a").reason
        assert archive.ask("http://host/a.jpg").reason == "this kind of URL is not read"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://nothing/here", "nothing is there"),
        ("http://example.org/a.jpg", "this kind of URL is not read: http://"),
        ("zip://a.jpg::memory://photos/b.zip", "this kind of URL is not read: zip://"),
    ],
)
def test_what_is_not_there_ends_the_run(url, said, capsys) -> None:
    assert main(["find-dupes", url, *COMMON]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert (captured.out, len(captured.err.splitlines())) == ("", 2)


def test_a_store_without_its_package_says_what_to_install(monkeypatch, capsys) -> None:
    def missing(url: str) -> None:
        raise ImportError("Install adlfs to access Azure Blob\nmore")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    assert main(["find-dupes", "az://container/x", *COMMON]) == 2
    error = capsys.readouterr().err
    assert "Install adlfs" in error
    assert "imgsim[remote]" in error
    assert len(error.splitlines()) == 2


# S3 --------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(photo, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """A bucket with the folder x, played by moto."""
    with played_s3(monkeypatch) as endpoint:
        monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": endpoint})
        store = fsspec.filesystem("s3")
        store.makedirs("photos", exist_ok=True)
        for name, i in {"x/1.jpg": 1, "x/y/2.jpg": 2, "x/z/1.jpg": 1}.items():
            store.pipe_file(f"photos/{name}", jpeg(photo(i)))
        store.pipe_file("photos/x/empty.jpg", b"")
        store.pipe_file("photos/a.zip", zip_bytes({"in/1.jpg": jpeg(photo(1))}))
        yield "s3://photos/x", store


@pytest.mark.filterwarnings("ignore")  # of botocore and aiohttp
def test_objects_of_s3(bucket, tmp_path, capsys, photo) -> None:
    url, store = bucket
    arguments = ["find-dupes", url, *COMMON, "--no-timing"]
    assert main(arguments) == 0
    cold = capsys.readouterr()
    document = json.loads(cold.out)
    assert [[m["path"] for m in g["members"]] for g in document["groups"]] == [
        ["s3://photos/x/1.jpg", "s3://photos/x/z/1.jpg"]
    ]
    assert [s["path"] for s in document["skipped"]] == ["s3://photos/x/empty.jpg"]
    member = document["groups"][0]["members"][0]
    assert member["bytes"] == len(jpeg(photo(1)))
    assert member["mtime_ns"] > 0
    address = remote_object(f"{url}/1.jpg")
    assert isinstance(address, RemoteObject)
    again = pickle.loads(pickle.dumps(address))
    assert (again, again.stamp) == (address, address.stamp)
    data, stamp = read_bytes(again)
    assert (data, stamp) == (jpeg(photo(1)), address.stamp)

    def too_large(size: int) -> None:
        raise DecodeError(f"{size} bytes")

    with pytest.raises(DecodeError):
        again.read(too_large)
    # what was changed since is told by its bytes, or by their number
    import hashlib

    content = Content(address, hashlib.sha256(data).hexdigest(), None)
    assert content.read() == data
    store.pipe_file("photos/x/1.jpg", bytes(len(data)))
    with pytest.raises(OSError, match="changed"):
        content.read()
    store.pipe_file("photos/x/1.jpg", jpeg(photo(7), 50))
    with pytest.raises(RemoteError, match="changed since it was listed"):
        read_bytes(address)
    store.rm("photos/x/1.jpg")
    with pytest.raises(RemoteError, match="nothing is there"):
        read_bytes(address)
    store.invalidate_cache()
    assert len(list_remote(url)) == 3
    with pytest.raises(UsageError, match="cannot read s3://none/x"):
        discover(["s3://none/x"])


@pytest.mark.filterwarnings("ignore")
def test_worker_processes_read_objects_of_s3(bucket, imgsim) -> None:
    url, _ = bucket
    done = imgsim("find-dupes", url, "-m", "phash", "-f", "json", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["images"], len(document["groups"])) == (3, 1)
    done = imgsim(
        "find-dupes", url, "s3://photos/a.zip", "-m", "phash", "-f", "json", "--jobs", "2"
    )
    (group,) = json.loads(done.stdout)["groups"]
    assert sorted(member["path"] for member in group["members"]) == [
        "s3://photos/a.zip!/in/1.jpg", "s3://photos/x/1.jpg", "s3://photos/x/z/1.jpg",
    ]  # fmt: skip
