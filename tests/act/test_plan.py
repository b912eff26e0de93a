"""Plans: what find-dupes writes, and what is refused of what others wrote."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from imgsim import RunOptions, UsageError, find_duplicates
from imgsim.act.check import check_plan
from imgsim.act.paths import check_relative
from imgsim.act.plan import Plan, choose, parse_roles
from imgsim.act.plan_file import read_plan, write_plan
from imgsim.act.planning import make_plan
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeMode
from imgsim.read.discover import DiscoverOptions
from imgsim.report.plans import plan_text
from imgsim.schemas import schema

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def _file(path: str, **more: object) -> dict[str, object]:
    return {"path": path, "bytes": 3, "mtime_ns": 1, "digest": DIGEST, **more}


def _document(**more: object) -> dict[str, object]:
    group = {"keep": _file("a.jpg"), "remove": [_file("b.jpg", role="exact")]}
    return {
        "schema": "imgsim.plan/1", "version": "1", "run": "r1", "created_ns": 5, "root": "/photos",
        "method": "auto", "preset": "normal", "threshold": 1.0, "groups": [group], **more,
    }  # fmt: skip


def _read(**more: object) -> Plan:
    return read_plan(json.dumps(_document(**more)).encode())


def _groups(*removed: dict[str, object], keep: str = "a.jpg") -> list[dict[str, object]]:
    return [{"keep": _file(keep), "remove": list(removed)}]


@pytest.fixture
def library(tmp_path: Path, photo) -> Path:
    folder = tmp_path / "photos"
    (folder / "copies").mkdir(parents=True)
    photo(1).save(folder / "one.png")
    (folder / "copies" / "same\nname.png").write_bytes((folder / "one.png").read_bytes())
    photo(1).save(folder / "copies" / "pixels.bmp")
    photo(2).save(folder / "other.png")
    return folder


def test_a_plan_is_as_its_schema_has_it_and_reads_as_it_was(library: Path, threads) -> None:
    plan = make_plan(find_duplicates(library, options=threads))
    text = "".join(write_plan(plan))
    document = json.loads(text)
    jsonschema.validate(document, schema("imgsim.plan/1"))
    assert read_plan(text.encode()) == plan
    assert plan.root == str(library)
    assert {r.file.path: (r.role, r.chosen) for _, r in plan.removals} == {
        b"copies/same\nname.png": ("exact", True),
        b"copies/pixels.bmp": ("pixels", True),
    }
    assert plan.groups[0].keep.path == b"one.png"
    assert plan.groups[0].keep.mtime_ns == (library / "one.png").stat().st_mtime_ns


def test_a_plan_says_how_it_was_made(library: Path, threads) -> None:
    options = replace(threads, decode=DecodeMode.FULL, max_pixels=10**9)
    found = find_duplicates(
        library, "phash", preset="strict", keep=["folder:copies", "best"], options=options
    )
    plan = read_plan("".join(write_plan(make_plan(found))).encode())
    assert (plan.method, plan.preset) == (found.comparator.spec, "strict")
    assert (plan.decode, plan.max_pixels) == (DecodeMode.FULL, 10**9)
    assert plan.keep == ("folder:copies", "best")
    (_, head, *_) = plan_text(plan)
    assert "--preset strict --decode full --keep folder:copies --keep best (" in head
    earlier = _read()
    assert (earlier.decode, earlier.max_pixels) == (DecodeMode.REDUCED, DEFAULT_MAX_PIXELS)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_of_any_bytes_come_back(tmp_path: Path, photo, threads) -> None:
    name = b'\xff\xfe \n"quoted".png'
    photo(1).save(tmp_path / "a.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(
        (tmp_path / "a.png").read_bytes()
    )
    plan = make_plan(find_duplicates(tmp_path, options=threads))
    again = read_plan("".join(write_plan(plan)).encode())
    names = {again.groups[0].keep.path, again.groups[0].removals[0].file.path}
    assert names == {b"a.png", name}


def test_links_on_the_way_are_resolved_and_linked_files_left_out(
    library: Path, tmp_path: Path
) -> None:
    (tmp_path / "way").symlink_to(library)
    (library / "link.png").symlink_to(tmp_path / "far.png")
    (tmp_path / "far.png").write_bytes((library / "one.png").read_bytes())
    from imgsim import DiscoverOptions

    options = RunOptions(executor="threads", discover=DiscoverOptions(follow_symlinks=True))
    plan = make_plan(find_duplicates(tmp_path / "way", keep="oldest", options=options))
    assert plan.root == str(library)
    assert b"link.png" not in {r.file.path for _, r in plan.removals}


def test_only_what_is_asked_for_is_listed_beyond_the_four_roles(tmp_path: Path, photo) -> None:
    options = RunOptions(executor="threads")
    picture = photo(3).resize((640, 480))
    picture.save(tmp_path / "whole.png")
    picture.crop((60, 40, 560, 440)).save(tmp_path / "part.png")
    found = find_duplicates(tmp_path, options=options)
    assert [m.role for g in found.groups for m in g.members[1:]] == ["cropped"]
    assert make_plan(found).groups == ()
    plan = make_plan(found, parse_roles(("edited, cropped",)))
    assert [(r.role, r.chosen) for _, r in plan.removals] == [("cropped", False)]
    chosen = choose(read_plan("".join(write_plan(plan)).encode()), frozenset({"cropped"}))
    assert [r.chosen for _, r in chosen.removals] == [True]


def test_a_reference_is_named_and_never_removed(library: Path) -> None:
    from imgsim import DiscoverOptions

    reference = DiscoverOptions(reference=(str(library / "copies"),))
    options = RunOptions(executor="threads", discover=reference)
    plan = make_plan(find_duplicates(library, options=options))
    assert plan.references == (b"copies",)
    assert [r.file.path for _, r in plan.removals] == [b"one.png"]
    text = "".join(write_plan(plan)).replace('"one.png"', '"copies/one.png"')
    with pytest.raises(UsageError, match="is a reference"):
        read_plan(text.encode())


def test_no_copy_in_a_reference_is_listed_even_if_another_one_is_kept(library: Path) -> None:
    archive = library / "archive"
    archive.mkdir()
    for name in ("1.png", "2.png"):
        (archive / name).write_bytes((library / "one.png").read_bytes())
    options = RunOptions(executor="threads", discover=DiscoverOptions(reference=(str(archive),)))
    plan = make_plan(find_duplicates(library, options=options))
    (group,) = plan.groups
    assert group.keep.path.startswith(b"archive/")
    assert {one.file.path for one in group.removals} == {
        b"one.png", b"copies/same\nname.png", b"copies/pixels.bmp",
    }  # fmt: skip
    assert read_plan("".join(write_plan(plan)).encode()) == plan


@pytest.mark.parametrize("seconds", [-(10**9), 2**33, 2**62])
def test_a_plan_holds_any_time_of_a_file(seconds: int) -> None:
    file = _file("b.jpg", role="exact") | {"mtime_ns": seconds * 10**9}
    plan = _read(groups=_groups(file))
    assert plan.groups[0].removals[0].file.mtime_ns == seconds * 10**9
    assert read_plan("".join(write_plan(plan)).encode()) == plan


def test_struck_out_lines_leave_a_plan(library: Path, threads) -> None:
    text = "".join(write_plan(make_plan(find_duplicates(library, options=threads))))
    lines = text.splitlines()
    last = max(i for i, line in enumerate(lines) if '"role"' in line)
    del lines[last]
    plan = read_plan("\n".join(lines).encode())
    assert len(list(plan.removals)) == 1
    odd = _document(groups=_groups(_file("x,]y", role="exact")))
    assert read_plan(json.dumps(odd).encode()).groups[0].removals[0].file.path == b"x,]y"


def test_roles_beyond_the_four_are_not_chosen_by_themselves() -> None:
    plan = _read(groups=_groups(_file("b", role="near", digest=OTHER), _file("c", role="smaller")))
    assert [r.chosen for _, r in plan.removals] == [False, True]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "is absolute"),
        ("../b.jpg", "leads out"),
        ("x/../../b.jpg", "leads out"),
        ("x/..", "leads out"),
        ("", "is no path"),
        ("x\0y", "is no path"),
        ("x//y", "no plain path"),
        ("./x", "no plain path"),
        ("x/", "no plain path"),
        (".imgsim-trash/r/x", "lies in .imgsim-trash"),
        ("a/.Imgsim-Trash/x", "lies in .imgsim-trash"),
    ],
)
@pytest.mark.parametrize("kept", [True, False])
def test_paths_that_no_plan_may_name(path: str, why: str, kept: bool) -> None:
    removed = _file("b.jpg", role="exact") if kept else _file(path, role="exact")
    with pytest.raises(UsageError, match=why):
        _read(groups=_groups(removed, keep=path if kept else "a.jpg"))


@pytest.mark.parametrize(
    "path", [b"C:x", b"a\\b", b"CON", b"aux.jpg", b"x/com1.png", b"lpt9 .x", b"end.", b"end ",
             b"a:stream", b"\x01", b"COM\xc2\xb9.jpg", b"con .jpg"],
)  # fmt: skip
def test_what_means_something_else_on_windows_is_refused_there(path: bytes) -> None:
    with pytest.raises(UsageError, match="on Windows"):
        check_relative(path, windows=True)
    assert check_relative(path, windows=False) == path


def test_common_names_are_fine_on_windows() -> None:
    for path in (b"com.jpg", b"console.png", b"a b/c.d/e.jpg", b"COM10.jpg", "ü.jpg".encode()):
        assert check_relative(path, windows=True) == path


def test_a_report_in_place_of_a_plan_is_told_from_a_broken_plan() -> None:
    with pytest.raises(UsageError, match="no plan") as raised:
        read_plan(b"2 groups, 3 copies not needed\n")
    assert "--plan FILE" in raised.value.hint
    with pytest.raises(UsageError, match="the plan is no JSON: Expecting"):
        read_plan(b'{"schema": "imgsim.plan/1", ')


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": "imgsim.plan/2"}, "no plan of the schema"),
        ({"schema": "imgsim.find-dupes/2"}, "no plan: its schema is 'imgsim.find-dupes/2'"),
        (
            {"schema": "imgsim.find-dupes/2", "groups": [{"digest": "sha256:" + 64 * "0"}]},
            "no plan: its schema is 'imgsim.find-dupes/2'",
        ),
        ({"root": "photos"}, "no absolute path"),
        ({"root": "/photos/../etc"}, "no absolute path"),
        ({"run": "../x"}, "no name of a run"),
        ({"preset": "lax"}, "unknown preset"),
        ({"threshold": True}, "no threshold"),
        ({"preset": None, "threshold": 1e9}, "a threshold that auto has not"),
        ({"preset": None, "threshold": float("nan"), "method": "mine"}, "that mine has not"),
        ({"keep": ["evil"]}, "no keep rule 'evil'"),
        ({"decode": "half"}, "unknown way to decode"),
        ({"max_pixels": 0}, "max_pixels is no number"),
        ({"keep": "best"}, "keep is no list"),
        ({"created_ns": "now"}, "created_ns"),
        ({"groups": {}}, "groups is no list"),
        ({"groups": [{"remove": []}]}, "no file that is kept"),
        ({"groups": _groups(_file("b"))}, "lacks its digest or role"),
        ({"groups": _groups({"path": "b", "role": "exact"})}, "lacks its digest or role"),
        ({"groups": _groups(_file("b", role="best"))}, "unknown role"),
        ({"groups": _groups(_file("b", role="fuller"))}, "has something that"),
        ({"groups": _groups(_file("b", role="exact", chosen="yes"))}, "neither true nor false"),
        ({"groups": _groups(_file("b", role="exact", digest="md5:x"))}, "digest that is none"),
        ({"groups": _groups(_file("b", role="exact", digest=OTHER))}, "another digest"),
        ({"groups": _groups(_file("b", role="exact", bytes=-1))}, "bytes is no number"),
        ({"groups": _groups(_file("b", role="exact", path_bytes="?"))}, "no base64"),
        ({"groups": _groups(_file("b", role="exact", path_bytes="Yw=="))}, "different files"),
        ({"groups": _groups(_file("a.jpg", role="exact"))}, "both kept and removed"),
        ({"groups": _groups(_file("b", role="exact"), _file("b", role="exact"))}, "removed twice"),
        ({"groups": _groups() + _groups()}, "kept in two groups"),
        (
            {"groups": _groups(_file("b", role="exact")) + _groups(_file("a.jpg", role="exact"),
                                                                  keep="b")},
            "both kept and removed",
        ),
    ],
)  # fmt: skip
def test_plans_that_are_refused(change: dict[str, object], why: str) -> None:
    _read()  # without the change it is one
    with pytest.raises(UsageError, match=why):
        _read(**change)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"schema": ' + b"9" * 9999 + b"}"]
)
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        read_plan(data)


def test_a_key_that_stands_twice_is_refused() -> None:
    text = json.dumps(_document()).replace('"path": "b.jpg"', '"path": "b.jpg", "path": "c.jpg"')
    with pytest.raises(UsageError, match="a key twice"):
        read_plan(text.encode())


@pytest.mark.parametrize("roles", ["fuller", "kept", "edited,best"])
def test_roles_that_cannot_be_included(roles: str) -> None:
    with pytest.raises(UsageError, match="--include"):
        parse_roles((roles,))


def test_check_names_what_changed(library: Path, threads, tmp_path: Path) -> None:
    plan = make_plan(find_duplicates(library, options=threads))
    assert check_plan(plan) == []
    same = library / "copies" / "same\nname.png"
    data = same.read_bytes()
    same.write_bytes(data[:-1] + b"?")
    assert [(c.path, c.reason) for c in check_plan(plan)] == [
        (b"copies/same\nname.png", "its content has changed")
    ]
    same.unlink()
    same.symlink_to(library / "one.png")
    (library / "one.png").write_bytes(b"")
    (library / "copies" / "pixels.bmp").unlink()
    assert sorted((c.reason, c.kept) for c in check_plan(plan)) == [
        ("it is gone", False), ("its size has changed", True), ("not a regular file", False),
    ]  # fmt: skip


def test_no_folder_below_the_root_may_be_a_link(library: Path, threads, tmp_path: Path) -> None:
    plan = make_plan(find_duplicates(library, options=threads))
    (library / "copies").rename(tmp_path / "moved")
    (library / "copies").symlink_to(tmp_path / "moved")
    assert {c.path for c in check_plan(plan)} == {r.file.path for _, r in plan.removals}


def test_the_commands(imgsim, library: Path) -> None:
    plan = library.parent / "plan.json"
    assert imgsim("find-dupes", library, "--plan", plan).returncode == 0
    shown = imgsim("plan", "show", plan)
    assert shown.returncode == 0
    assert "same\\nname.png" in shown.stdout
    assert "2 files to be removed" in shown.stderr
    assert imgsim("plan", "check", plan).returncode == 0
    (library / "copies" / "pixels.bmp").write_bytes(b"BM")
    done = imgsim("plan", "check", plan)
    assert (done.returncode, done.stdout) == (
        2, "remove  its size has changed: copies/pixels.bmp\n",
    )  # fmt: skip
    plan.write_text(plan.read_text().replace("copies/", "../"))
    done = imgsim("plan", "show", plan)
    assert done.returncode == 2
    assert "leads out of the root" in done.stderr
    for wrong in (("--include", "edited"), ("--plan", plan, "--include", "fuller")):
        assert imgsim("find-dupes", library, *wrong).returncode == 2
