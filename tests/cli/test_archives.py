"""Pictures in archives, under the commands as a user runs them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest
from PIL import Image

from imgsim.cache.upkeep import prune, read_info
from imgsim.cli.main import main
from imgsim.decode.decoder import decoder_id
from imgsim.decode.spec import DecodeMode
from imgsim.pictures.generate import landscape
from imgsim.schemas import schema
from tests.archives import jpeg, tar_bytes, written, zip_bytes


class Outcome(NamedTuple):
    """What a run of the program came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str) -> Outcome:
        pair = arguments[0] in ("compare", "explain")
        code = main([*arguments, *([] if pair else ["--executor", "threads", "--jobs", "2"])])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def place(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos in a folder, two of them and others in archives of all kinds."""
    monkeypatch.chdir(tmp_path)
    photos = {i: jpeg(photo(i)) for i in range(6)}
    (tmp_path / "folder").mkdir()
    for i in range(3):
        written(tmp_path / f"folder/{i}.jpg", photos[i])
    small = jpeg(photo(2).resize((100, 75), Image.Resampling.LANCZOS), 80)
    comic = zip_bytes({"page.jpg": photos[0], "pages/x.jpg": photos[4]})
    members = {
        "train/0.jpg": photos[0], "train/3.jpg": photos[3], "valid/3.jpg": photos[3],
        "valid/small.jpg": small, "valid/notes.txt": b"no picture", "comic.cbz": comic,
        "__MACOSX/._0.jpg": photos[5], "broken.jpg": photos[5][:200], ".hidden/5.jpg": photos[5],
    }  # fmt: skip
    written(tmp_path / "a.zip", zip_bytes(members))
    written(tmp_path / "a.tar", tar_bytes(members))
    written(tmp_path / "a.tar.gz", tar_bytes(members, "gz"))
    return tmp_path


def _groups(out: str) -> list[tuple[str, ...]]:
    document = json.loads(out)
    jsonschema.validate(document, schema(document["schema"]))
    return [tuple(m["path"] for m in group["members"]) for group in document["groups"]]


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_members_are_compared_with_each_other_and_with_files(place, run, name) -> None:
    before = _digests(place)
    arguments = ("find-dupes", name, "folder", "-f", "json", "--no-timing")
    done = run(*arguments)
    assert done.code == 0
    assert set(_groups(done.out)) == {
        ("folder/0.jpg", f"{name}!/comic.cbz!/page.jpg", f"{name}!/train/0.jpg"),
        (f"{name}!/train/3.jpg", f"{name}!/valid/3.jpg"),
        ("folder/2.jpg", f"{name}!/valid/small.jpg"),
    }
    document = json.loads(done.out)
    assert document["images"] == 9
    (skipped,) = document["skipped"]
    assert skipped["path"] == f"{name}!/broken.jpg"
    members = {m["path"]: m for group in document["groups"] for m in group["members"]}
    assert members[f"{name}!/comic.cbz!/page.jpg"]["container"] == name
    assert "container" not in members["folder/0.jpg"]
    assert document["reclaimable_bytes"] == 0
    again = run(*arguments)
    assert (again[0], again[1]) == (done.code, done.out)
    assert "(0 decoded)" in again[2]
    assert _digests(place) == before


def test_copies_of_what_an_archive_holds_are_not_counted_as_freed(place, run, photo) -> None:
    written(place / "old.zip", zip_bytes({"x.jpg": jpeg(photo(9))}))
    written(place / "new.jpg", jpeg(photo(9)))
    arguments = ("find-dupes", "new.jpg", "--reference", "old.zip")
    done = run(*arguments, "-f", "json", "--plan", "plan.json")
    (group,) = json.loads(done.out)["groups"]
    assert [(m["path"], m["role"]) for m in group["members"]] == [
        ("old.zip!/x.jpg", None), ("new.jpg", "exact"),
    ]  # fmt: skip
    assert json.loads(done.out)["reclaimable_bytes"] == 0
    assert "1 group of 2 files; 0 copies not needed, 0 B could be freed" in done.err
    assert "not in the plan: 1 copy of what is kept in an archive" in done.err
    assert json.loads((place / "plan.json").read_text())["groups"] == []
    assert "could be freed" not in run(*arguments).out


def test_workers_read_members_and_a_changed_archive_is_read_anew(place, imgsim, photo) -> None:
    arguments = ("find-dupes", "a.tar.gz", "folder", "-f", "json", "--no-timing")
    one = imgsim(*arguments, "--jobs", "2", cwd=place)
    two = imgsim(*arguments, "--jobs", "1", "--cache", "off", "--executor", "threads", cwd=place)
    assert one.stdout == two.stdout
    assert one.returncode == 0
    written(place / "a.tar.gz", tar_bytes({"train/0.jpg": jpeg(photo(1))}, "gz"))
    assert _groups(imgsim(*arguments, cwd=place).stdout) == [
        ("folder/1.jpg", "a.tar.gz!/train/0.jpg")
    ]


def test_archives_in_folders_are_looked_into_when_asked(place, run) -> None:
    done = run("find-dupes", ".", "-m", "phash", "-f", "json")
    assert (done.code, json.loads(done.out)["images"]) == (0, 3)
    done = run("find-dupes", ".", "-m", "phash", "-f", "json", "--archives", "--exclude", "*.tar*")
    members = ("./folder/0.jpg", "./a.zip!/comic.cbz!/page.jpg", "./a.zip!/train/0.jpg")
    assert members in _groups(done.out)
    assert json.loads(done.out)["images"] == 9
    assert ".tar" not in done.out
    written(place / "bad.zip", b"no zip")
    done = run("find-dupes", ".", "-m", "phash", "-f", "json", "--archives")
    assert done.code == 0
    reasons = {s["path"]: s["reason"] for s in json.loads(done.out)["skipped"]}
    assert "no zip" in reasons["./bad.zip"]


def test_options_of_the_walk_hold_inside(place, run) -> None:
    def images(*arguments: str) -> int:
        return int(
            json.loads(run("find-dupes", *arguments, "-m", "phash", "-f", "json")[1])["images"]
        )

    assert images("a.zip") == 6
    assert images("a.zip", "--exclude", "valid") == 4
    assert images("a.zip", "--exclude", "train/0.jpg") == 5
    assert images("a.zip", "--exclude", "*.cbz") == 4
    assert images("a.zip", "--no-default-excludes") == 8
    assert images("a.zip", "--no-recursive") == 1  # the comic's
    assert images("a.zip!/train") == 2
    assert images("a.zip!/comic.cbz") == 2
    assert images("a.zip!/comic.cbz!/pages") == 1
    assert images("a.zip!/train", "a.zip!/train/0.jpg", "a.zip") == 6


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("bad.zip", "cannot read bad.zip: no zip"),
        ("bad.tar.gz", "cannot read bad.tar.gz: damaged"),
        ("a.zip!/none", "no such path: a.zip!/none"),
        ("none.zip!/a.jpg", "no such path: none.zip!/a.jpg"),
        ("a.rar", "cannot read a.rar: archives of the kind .rar are not read"),
        ("a.CB7", "cannot read a.CB7: archives of the kind .cb7 are not read"),
    ],
)
def test_what_is_no_archive_ends_the_run(place, run, argument, said) -> None:
    for name in ("bad.zip", "bad.tar.gz", "a.rar", "a.CB7"):
        written(place / name, b"just text")
    for arguments in (
        ("find-dupes", argument),
        ("leaks", "folder", argument),
        ("matches", argument),
    ):
        done = run(*arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert len(done.err.splitlines()) == 2
    written(place / "list", f"{argument}\nfolder/0.jpg\n".encode())
    done = run("find-dupes", "--files-from", "list", "-f", "json", "-m", "phash")
    document = json.loads(done.out)
    assert (done.code, document["images"], len(document["skipped"])) == (0, 1, 1)


def test_leaks_between_folders_of_one_archive(place, run) -> None:
    done = run("leaks", "a.zip!/train", "a.zip!/valid", "-f", "json")
    document = json.loads(done.out)
    jsonschema.validate(document, schema(document["schema"]))
    assert done.code == 1
    (leak,) = document["leaks"]
    assert leak["path"] == "a.zip!/valid/3.jpg"
    assert leak["matches"][0]["path"] == "a.zip!/train/3.jpg"
    assert {leak["split"], leak["matches"][0]["split"]} == {"train", "valid"}
    done = run("leaks", "a.zip", "folder", "-f", "json", "--group-by", "folder")
    assert {leak["split"] for leak in json.loads(done.out)["leaks"]} == {"folder"}
    done = run("leaks", "a.zip!/train", "folder", "-f", "sarif")
    locations = [r["locations"] for r in json.loads(done.out)["runs"][0]["results"]]
    uris = {x["physicalLocation"]["artifactLocation"]["uri"] for one in locations for x in one}
    assert uris == {"a.zip"}
    warnings = run("leaks", "a.zip!/train", "folder", "-f", "github").out.splitlines()
    assert {line.split(",")[0] for line in warnings} == {"::warning file=a.zip"}


def test_rankings_and_pairs(place, run, tmp_path) -> None:
    done = run("matches", "a.zip", "-m", "phash", "-f", "json", "-k", "1")
    ranked = {q["path"]: q["matches"] for q in json.loads(done.out)["methods"][0]["queries"]}
    assert ranked["a.zip!/train/3.jpg"][0]["path"] == "a.zip!/valid/3.jpg"
    done = run(
        "search", "a.zip!/comic.cbz!/page.jpg", "--in", "a.zip", "--in", "folder", "-m", "phash",
        "-f", "json", "--montage", "m.png",
    )  # fmt: skip
    (query,) = json.loads(done.out)["methods"][0]["queries"]
    assert [m["path"] for m in query["matches"][:2]] == ["a.zip!/train/0.jpg", "folder/0.jpg"]
    with Image.open(tmp_path / "m.png") as sheet:  # what cannot be read would be plain grey
        assert len(sheet.crop((158, 8, 318, 168)).convert("RGB").getcolors(10**6) or ()) > 200
    done = run("compare", "a.zip!/valid/small.jpg", "folder/2.jpg", "-m", "auto")
    assert done.code == 0
    assert " yes " in done.out
    done = run("explain", "a.zip!/valid/small.jpg", "folder/2.jpg", "-m", "auto")
    assert done.code == 0
    done = run("compare", "a.zip!/none.jpg", "folder/2.jpg", "-m", "phash")
    assert done.code == 2
    assert "no such member" in done.err


def test_no_plan_names_a_member_or_what_was_kept_for_one(place, run) -> None:
    written(place / "folder/copy of 0.jpg", (place / "folder/0.jpg").read_bytes())
    big = Image.fromarray(landscape(7, 640, 480))
    written(place / "big.zip", zip_bytes({"big.jpg": jpeg(big, 95)}))
    written(place / "folder/7.jpg", jpeg(big.resize((320, 240), Image.Resampling.LANCZOS)))
    before = _digests(place)
    arguments = ("find-dupes", "a.zip", "big.zip", "folder", "--plan", "plan.json")
    done = run(*arguments, "--include", "near,edited,cropped")
    assert done.code == 0
    plan = json.loads((place / "plan.json").read_text())
    kept = [group["keep"]["path"] for group in plan["groups"]]
    removed = [one["path"] for group in plan["groups"] for one in group["remove"]]
    assert kept == ["0.jpg"]
    assert removed == ["copy of 0.jpg"]
    assert "not in the plan: 3 copies that lie in archives, which imgsim never changes" in done.err
    assert "not in the plan: 1 copy of what is kept in an archive" in done.err
    (place / "plan.json").unlink()
    run(*arguments)
    main(["apply", "plan.json", "--yes"])
    after = _digests(place)
    changed = {path for path in before if after.get(path) != before[path]}
    assert changed == {str(place / "folder/copy of 0.jpg")}


def test_a_plan_that_someone_wrote_a_member_into_removes_nothing(place, run, capsys) -> None:
    written(place / "folder/copy of 0.jpg", (place / "folder/0.jpg").read_bytes())
    run("find-dupes", "folder", "--plan", "plan.json")
    text = (place / "plan.json").read_text()
    for name in ("a.zip!/train/0.jpg", "../a.zip!/train/0.jpg"):
        written(place / "plan.json", text.replace("copy of 0.jpg", name).encode())
        before = _digests(place)
        code = main(["apply", "plan.json", "--yes"])
        assert code in (2, 3)
        capsys.readouterr()
        assert _digests(place) == before


def test_copies_of_members_are_written_where_asked(place, run) -> None:
    done = run("sort", "a.zip!/train", "-m", "phash", "--copy-to", "sorted")
    assert done.code == 0
    assert len(list((place / "sorted").iterdir())) == 2
    members = {jpeg_of(place, "train/0.jpg"), jpeg_of(place, "train/3.jpg")}
    assert {p.read_bytes() for p in (place / "sorted").iterdir()} == members


def jpeg_of(place: Path, name: str) -> bytes:
    """The bytes of a member of the tar."""
    with tarfile.open(place / "a.tar") as archive:
        stream = archive.extractfile(name)
        assert stream is not None
        return stream.read()


def test_names_with_control_characters_are_shown_escaped(place, run) -> None:
    data = (place / "folder/0.jpg").read_bytes()
    names = ["new\nline.jpg", "\x1b[2Jclear.jpg", "\udcff.jpg", "a!/b.jpg"]
    with tarfile.open(place / "odd.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    done = run("find-dupes", "odd.tar", "folder")
    assert done.code == 0
    assert "\x1b[2J" not in done.out + done.err
    assert "odd.tar!/new\\nline.jpg" in done.out
    done = run("find-dupes", "odd.tar", "folder", "-f", "json")
    (group,) = _groups(done.out)
    assert {os.path.basename(path) for path in group} >= {"new\nline.jpg", "b.jpg"}
    assert len(group) == 5


def test_two_names_of_one_archive_are_not_copies(place, run) -> None:
    os.link(place / "a.zip", place / "same.zip")
    done = run("find-dupes", "a.zip", "same.zip", "-m", "phash", "-f", "json")
    document = json.loads(done.out)
    assert document["images"] == 6
    assert all("same.zip" not in path for group in _groups(done.out) for path in group)
    written(place / "copy.zip", (place / "a.zip").read_bytes())
    done = run("find-dupes", "a.zip", "copy.zip", "-m", "phash", "-f", "json")
    assert json.loads(done.out)["images"] == 12


def test_archives_too_deep_are_named(place, run) -> None:
    written(place / "deep.zip", zip_bytes({"b.zip": zip_bytes({"c.zip": zip_bytes({})})}))
    done = run("find-dupes", "deep.zip", "-m", "phash", "-f", "json")
    (skipped,) = json.loads(done.out)["skipped"]
    assert skipped["path"] == "deep.zip!/b.zip!/c.zip"


def test_archives_of_kinds_that_are_not_read_are_named(place, run, photo) -> None:
    (place / "more").mkdir()
    written(place / "more/a.7z", b"7z")
    assert "more/a.7z: archives of the kind .7z are not read" in run("find-dupes", "more").err
    written(place / "more/b.zip", zip_bytes({"x.cbr": b"Rar!", "1.jpg": jpeg(photo(1))}))
    done = run("find-dupes", "more", "--archives", "-m", "phash", "-f", "json")
    document = json.loads(done.out)
    assert document["images"] == 1
    assert [(s["path"], s["reason"]) for s in document["skipped"]] == [
        ("more/a.7z", "archives of the kind .7z are not read"),
        ("more/b.zip!/x.cbr", "archives of the kind .cbr are not read"),
    ]


def test_archives_packed_by_zstd_need_a_package(place, run, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    written(place / "a.tar.zst", b"\x28\xb5\x2f\xfd")
    done = run("find-dupes", "a.tar.zst")
    assert (done.code, done.out) == (2, "")
    assert "need the package backports.zstd" in done.err
    assert "imgsim[archives]" in done.err


def test_archives_that_are_passed_over_are_counted(place, run) -> None:
    (place / "only").mkdir()
    written(place / "only/a.zip", (place / "a.zip").read_bytes())
    assert "1 archive not looked into (--archives)" in run("find-dupes", "only").err
    assert "4 archives not looked into (--archives)" in run("find-dupes", ".").err
    written(place / "folder/t.parquet", b"")
    assert "1 table not looked into (--archives)" in run("known", "folder", "--in", "a.zip").err
    assert "--archives" not in run("find-dupes", ".", "-q").err
    assert "--archives" not in run("find-dupes", "only", "--archives").err


def test_the_cache_keeps_what_is_known_of_members_while_the_archive_is_there(
    place, run, monkeypatch
) -> None:
    monkeypatch.setattr("imgsim.stamps._COARSEST_CLOCK_NS", -(10**18))  # all was made just now
    cache = place / "cache.sqlite"
    run("find-dupes", "a.zip", "-m", "phash", "--cache", str(cache))
    assert read_info(cache).files == 7
    assert prune(cache, [decoder_id(mode) for mode in DecodeMode]) == 0
    (place / "a.zip").unlink()
    assert prune(cache, [decoder_id(mode) for mode in DecodeMode]) == 7
