"""Carrying out plans and taking them back, on real files: each rule has a test."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from imgsim import UsageError
from imgsim.act import apply as applying
from imgsim.act import verify as verifying
from imgsim.act.apply import apply, resume
from imgsim.act.files import FileSystem, Status
from imgsim.act.guards import reason_to_leave
from imgsim.act.history import History
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.purge import purge
from imgsim.act.run_list import list_runs
from imgsim.act.systems import DescriptorFileSystem, PathFileSystem
from imgsim.act.undo import undo
from imgsim.decode.spec import DecodeMode
from imgsim.pictures.generate import landscape
from imgsim.read.options import RunOptions
from imgsim.report.runs import applied_headline, applied_summary
from imgsim.report.units import size

from .library import ALL, Trusting, do, files, plan_of, posix, reasons
from .memory import MemoryFiles

SYSTEMS: list[Callable[[], FileSystem]] = [PathFileSystem]
if os.name != "nt":
    SYSTEMS.append(DescriptorFileSystem)


@pytest.mark.parametrize("system", SYSTEMS)
def test_files_go_to_quarantine_and_come_back(root: Path, system: Callable[[], FileSystem]) -> None:
    os.chmod(root / "copies/a.jpg", 0o640)
    os.utime(root / "copies/a.jpg", ns=(5, 1234567))
    before = files(root)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")
    applied = do(plan, fs=system())
    assert applied.complete
    assert [one.path for one in applied.removed] == [b"copies/a.jpg", b"copies/b.jpg"]
    assert (applied.freed_bytes, applied.moved_bytes) == (0, 16)
    trash = f".imgsim-trash/{applied.run}/copies/a.jpg"
    after = files(root)
    assert after[trash] == before["copies/a.jpg"]
    assert {name for name in after if not name.startswith(".")} == {
        "keep/a.jpg", "copies/other.jpg",
    }  # fmt: skip
    undone = undo(fs=system())
    assert undone.complete
    assert set(undone.restored) == {b"copies/a.jpg", b"copies/b.jpg"}
    assert files(root) == before
    assert not (root / ".imgsim-trash").exists()


def test_a_dry_run_changes_nothing(root: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    applied = apply(plan_of(root, "keep/a.jpg", "copies/a.jpg"), ALL)
    assert applied.dry_run
    assert [one.path for one in applied.removed] == [b"copies/a.jpg"]
    assert files(tmp_path) == before
    assert list_runs() == []


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: (r / "copies/b.jpg").write_bytes(b"the_same"), "its content has changed"),
        (lambda r: (r / "copies/a.jpg").write_bytes(b"the_same"), "its content has changed"),
        (lambda r: (r / "keep/a.jpg").write_bytes(b"the_same"), "content has changed"),
        (lambda r: (r / "keep/a.jpg").write_bytes(b""), "the kept file: it is empty"),
        (lambda r: (r / "keep/a.jpg").unlink(), "the kept file: it is gone"),
        (lambda r: (r / "copies/b.jpg").write_bytes(b"longer than"), "its size has changed"),
    ],
)
def test_a_group_of_which_a_file_changed_is_left(
    root: Path, change: Callable[[Path], object], why: str, dry: bool
) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/b.jpg", "copies/a.jpg")
    change(root)
    before = files(root)
    applied = apply(plan, ALL, yes=not dry, verifier=Trusting())
    assert applied.removed == ()
    assert not applied.complete
    assert len(applied.left) == 2
    assert all(why in one.reason for one in applied.left)
    assert files(root) == before


def test_the_file_that_changed_is_told_from_those_beside_it(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/b.jpg", "copies/a.jpg")
    (root / "copies/b.jpg").write_bytes(b"the_same")
    assert reasons(apply(plan, ALL)) == {
        "copies/b.jpg": "its content has changed",
        "copies/a.jpg": "another file of the group: its content has changed",
    }


def test_what_has_another_time_and_the_same_bytes_is_the_same(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    os.utime(root / "copies/a.jpg")
    assert len(apply(plan, ALL).removed) == 1
    assert do(plan).complete


@posix
def test_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    (root / "copies").rename(tmp_path / "elsewhere")
    (root / "copies").symlink_to(tmp_path / "elsewhere")
    swapped = {"copies/a.jpg": "a folder in its path is a symbolic link"}
    assert reasons(apply(plan, ALL)) == reasons(do(plan)) == swapped
    assert (tmp_path / "elsewhere/a.jpg").exists()
    (root / "copies").unlink()
    (tmp_path / "elsewhere").rename(root / "copies")
    (root / "keep/a.jpg").rename(tmp_path / "a.jpg")
    (root / "keep/a.jpg").symlink_to(tmp_path / "a.jpg")
    assert reasons(do(plan)) == {"copies/a.jpg": "the kept file: not a regular file"}


class Swapping(DescriptorFileSystem):
    """Replaces the file right before it is renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rename(self, folder, name, to, new) -> None:
        if self.path.exists() and self.path.name == os.fsdecode(name):
            self.path.rename(self.path.with_suffix(".old"))
            self.path.write_bytes(b"the same")
        super().rename(folder, name, to, new)


@posix
def test_what_took_the_place_of_the_hashed_file_goes_back(root: Path) -> None:
    path = root / "copies/a.jpg"
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), fs=Swapping(path))
    assert reasons(applied) == {"copies/a.jpg": "it was replaced at the last moment"}
    assert path.read_bytes() == b"the same"
    assert path.with_suffix(".old").exists()
    assert list_runs()[0].state == "finished"


class Vanishing(DescriptorFileSystem):
    """The kept file is deleted while the other is renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rename(self, folder, name, to, new) -> None:
        self.path.unlink(missing_ok=True)
        super().rename(folder, name, to, new)


@posix
def test_a_file_comes_back_if_the_kept_one_goes_meanwhile(root: Path) -> None:
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), fs=Vanishing(root / "keep/a.jpg"))
    assert reasons(applied) == {"copies/a.jpg": "the kept file changed at the last moment"}
    assert (root / "copies/a.jpg").read_bytes() == b"the same"


def test_what_is_kept_has_to_decode_and_pixels_to_be_equal(tmp_path: Path, photo) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    photo(1).save(root / "a.png")
    photo(1).save(root / "a.bmp")
    photo(2).save(root / "b.bmp")
    photo(3).save(root / "c.jpg")
    data = (root / "c.jpg").read_bytes()
    (root / "c.jpg").write_bytes(data[: len(data) * 3 // 4])
    (root / "c copy.jpg").write_bytes((root / "c.jpg").read_bytes())
    for name in ("x.png", "y.png", "z.png"):
        photo(9).save(root / name)
    plan = plan_of(root, "a.png", "a.bmp", "b.bmp", role="pixels")
    whole = plan_of(root, "c.jpg", "c copy.jpg")
    plan = replace(plan, groups=(*plan.groups, *whole.groups))
    applied = apply(plan, ALL, yes=True)
    assert [one.path for one in applied.removed] == [b"a.bmp"]
    told = reasons(applied)
    assert told["b.bmp"] == "its pixels are not those of the kept file"
    assert told["c copy.jpg"].startswith("the kept file is damaged")


def test_a_kept_file_that_changed_unseen_is_named(tmp_path: Path, photo) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("a.bmp", "a copy.bmp"):
        photo(4).save(root / name)
    plan = plan_of(root, "a.bmp", "a copy.bmp")
    status = (root / "a.bmp").stat()
    photo(5).save(root / "a.bmp")  # of the same size
    os.utime(root / "a.bmp", ns=(status.st_atime_ns, status.st_mtime_ns))
    before = files(root)
    assert (root / "a.bmp").stat().st_size == status.st_size
    said = reasons(apply(plan, ALL, yes=True))
    assert said == {"a copy.bmp": "the kept file: its content has changed"}
    assert files(root) == before


def test_other_roles_are_verified_again_by_the_method(tmp_path: Path, photo) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    picture = Image.fromarray(landscape(4, 640, 480))
    picture.save(root / "a.png")
    picture.resize((320, 240)).save(root / "small.png")
    photo(5).resize((320, 240)).save(root / "another.png")
    for name in ("x.png", "y.png"):
        photo(9).save(root / name)
    plan = plan_of(root, "a.png", "small.png", "another.png", role="smaller")
    applied = apply(plan, ALL, yes=True)
    assert [one.path for one in applied.removed] == [b"small.png"]
    assert reasons(applied) == {"another.png": "the method does not find it to match"}
    (root / "z.png").write_bytes((root / "x.png").read_bytes())
    loading = replace(plan_of(root, "x.png", "z.png", role="near"), method="siamese:weights=x.pth")
    assert "would load a file" in reasons(apply(loading, ALL, yes=True))["z.png"]


def test_files_are_verified_as_the_plan_was_made(
    tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its way to decode and up to its size, whatever else the verifier is told."""
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("a.png", "a.bmp", "x.png", "y.png"):
        photo(1 if name[0] == "a" else 9).save(root / name)
    photo(1).resize((80, 60)).save(root / "small.png")
    modes: list[DecodeMode] = []
    find = verifying.find_duplicates

    def recording(*given: object, options: RunOptions, **more: object) -> object:
        modes.append(options.decode)
        return find(*given, options=options, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(verifying, "find_duplicates", recording)
    verifier = verifying.ContentVerifier(RunOptions(executor="threads", max_pixels=9))
    plan = replace(plan_of(root, "a.png", "a.bmp", role="pixels"), max_pixels=10**6)
    assert len(apply(plan, ALL, thorough=True, verifier=verifier).removed) == 1
    small = replace(plan, max_pixels=10)
    assert (
        "does not decode" in reasons(apply(small, ALL, thorough=True, verifier=verifier))["a.bmp"]
    )
    near = plan_of(root, "a.png", "small.png", role="smaller")
    for mode in DecodeMode:
        apply(replace(near, decode=mode), ALL, thorough=True, verifier=verifier)
    assert modes == list(DecodeMode)


def test_roles_beyond_the_four_need_to_be_chosen(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", role="edited", chosen=False)
    applied = do(plan)
    assert reasons(applied) == {"copies/a.jpg": "not chosen (edited)"}
    assert applied.complete  # nobody asked for it
    assert len(do(plan, replace(ALL, include=frozenset({"edited"}))).removed) == 1


def test_a_plan_that_is_older_than_another_run_is_refused_where_they_overlap(root: Path) -> None:
    older = plan_of(root, "copies/a.jpg", "keep/a.jpg")
    alone = plan_of(root, "copies/a.jpg", "copies/b.jpg")
    first = do(plan_of(root, "keep/a.jpg", "copies/b.jpg"))
    assert first.complete
    assert reasons(do(older)) == {"keep/a.jpg": f"the plan is older than run {first.run}"}
    assert (root / "keep/a.jpg").exists()
    undo()
    assert do(alone).complete  # what was undone does not count


@pytest.mark.parametrize("same_history", [True, False])
def test_plans_of_other_machines_are_told_by_their_time(root: Path, same_history: bool) -> None:
    assert do(plan_of(root, "keep/a.jpg", "copies/b.jpg")).complete
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    later = replace(plan, created_ns=1 << 62)
    if same_history:  # the clock decides nothing
        assert do(plan).complete
    else:
        assert do(replace(plan, history="elsewhere")).removed == ()
        assert do(replace(later, history="elsewhere")).complete


def test_files_of_an_interrupted_run_are_left_alone(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")

    class Dying(DescriptorFileSystem):
        def rename(self, folder, name, to, new) -> None:
            if name == b"b.jpg":
                raise KeyboardInterrupt
            super().rename(folder, name, to, new)

    with pytest.raises(KeyboardInterrupt):
        do(plan, fs=Dying())
    (run,) = list_runs()
    assert (run.state, run.removed, run.begun) == ("interrupted", 1, 1)
    dry = resume(yes=False)
    sizes = [size((root / "copies/b.jpg").stat().st_size * n) for n in (1, 2)]
    assert [line for line in applied_summary(dry) if run.name in line or "purge" in line] == [
        f"run {run.name} moved 1 file ({sizes[0]}) before it was interrupted:"
        " imgsim undo 1 takes it back",
        f"once it is finished, imgsim purge 1 frees {sizes[1]}",
    ]
    assert applied_headline(dry) == f"would move 1 file ({sizes[0]}), skipped 0"
    other = plan_of(root, "copies/b.jpg", "keep/a.jpg")
    assert reasons(do(other)) == {"keep/a.jpg": f"run {run.name} is not finished"}
    with pytest.raises(UsageError, match="was interrupted"):
        purge(run.name)
    resumed = resume(verifier=Trusting())
    assert resumed.run == run.name
    assert {one.path for one in resumed.removed} == {b"copies/a.jpg", b"copies/b.jpg"}
    assert [r.state for r in list_runs()] == ["finished", "finished"]
    with pytest.raises(UsageError, match="was interrupted"):
        resume()


def test_one_apply_at_a_time(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    with History().locked():
        for call in (lambda: do(plan), lambda: undo(), lambda: purge("last"), lambda: resume()):
            with pytest.raises(UsageError, match="another imgsim"):
                call()
    assert do(plan).complete


@pytest.mark.parametrize(
    ("pattern", "held"),
    [("copies", True), ("a.*", True), ("copies/*.jpg", True), ("cop*/", True), ("b.*", False),
     ("keep", False), ("/copies", True), ("x/copies", False), ("./copies", True),
     ("ROOT/copies", True), ("NAME/copies/", True), ("NAME", False)],
)  # fmt: skip
def test_protected_files_stay(root: Path, pattern: str, held: bool) -> None:
    pattern = pattern.replace("ROOT", str(root)).replace("NAME", root.name)
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), replace(ALL, protect=(pattern,)))
    assert reasons(applied) == ({"copies/a.jpg": "protected"} if held else {})


def test_a_pattern_means_letters_with_accents_however_they_are_written(root: Path) -> None:
    (root / "copies/a.jpg").rename(root / "copies/cafe\u0301.jpg")
    plan = plan_of(root, "keep/a.jpg", "copies/cafe\u0301.jpg")
    applied = do(plan, replace(ALL, protect=("caf\u00e9.jpg",)))
    assert list(reasons(applied).values()) == ["protected"]


@posix
def test_what_may_not_go_holds_the_picture_whose_sidecar_it_is(root: Path) -> None:
    sidecar = root / "copies/a.xmp"
    sidecar.write_text("<x/>")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    protected = do(plan, replace(ALL, protect=("*.xmp",)))
    assert reasons(protected) == {"copies/a.jpg": "its sidecar a.xmp: protected"}
    sidecar.chmod(0o444)
    assert reasons(do(plan)) == {"copies/a.jpg": "its sidecar a.xmp: read-only"}
    sidecar.unlink()
    sidecar.symlink_to(root / "keep/a.jpg")
    assert reasons(do(plan)) == {"copies/a.jpg": "its sidecar a.xmp: not a regular file"}
    assert sidecar.is_symlink()
    assert (root / "copies/a.jpg").is_file()


@posix
def test_read_only_files_and_other_names_stay(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")
    os.chmod(root / "copies/a.jpg", 0o444)
    (root / "copies/b.jpg").unlink()
    os.link(root / "keep/a.jpg", root / "copies/b.jpg")
    assert reasons(do(plan)) == {
        "copies/a.jpg": "read-only",
        "copies/b.jpg": "frees nothing: another name of the kept file",
    }
    (root / "copies/b.jpg").unlink()
    (root / "copies/b.jpg").write_bytes(b"the same")
    os.link(root / "copies/b.jpg", root / "third.jpg")
    assert reasons(do(plan))["copies/b.jpg"] == "frees nothing: it has 2 names"
    os.chmod(root / "copies", 0o555)  # which root may write to all the same
    alone = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    os.chmod(root / "copies/a.jpg", 0o644)
    assert reasons(do(alone)) == {"copies/a.jpg": "its folder is read-only"}
    os.chmod(root / "copies", 0o755)


@posix
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: replace(s, owner=s.owner + 1), "another user owns it"),
        (lambda s: replace(s, device=s.device + 1), "something is mounted there"),
    ],
)
def test_what_belongs_to_others_and_mounts_stay(root: Path, change, why: str) -> None:
    class Other(DescriptorFileSystem):
        def status(self, folder, name):
            status = super().status(folder, name)
            return change(status) if name == b"b.jpg" else status

        def file_status(self, file):
            status = super().file_status(file)
            return change(status) if status.inode == inode else status

    inode = (root / "copies/b.jpg").stat().st_ino
    applied = do(plan_of(root, "keep/a.jpg", "copies/b.jpg"), fs=Other())
    assert reasons(applied) == {"copies/b.jpg": why}


@posix
def test_immutable_files_stay(root: Path) -> None:
    class Fixed(DescriptorFileSystem):
        def __init__(self, path: str) -> None:
            self.inode = (root / path).stat().st_ino

        def is_immutable(self, file) -> bool:
            return os.fstat(file).st_ino == self.inode

    for path, action, why in (
        ("copies/b.jpg", "quarantine", "immutable"),
        ("copies", "quarantine", "its folder is immutable"),
        ("copies", "delete", "its folder is immutable"),
    ):
        options = replace(ALL, action=action)
        plan = plan_of(root, "keep/a.jpg", "copies/b.jpg")
        assert reasons(do(plan, options, fs=Fixed(path))) == {"copies/b.jpg": why}
        assert reasons(apply(plan, options, fs=Fixed(path))) == {"copies/b.jpg": why}
    plain = DescriptorFileSystem()
    file = os.open(root / "keep/a.jpg", os.O_RDONLY)
    assert not plain.is_immutable(file)
    os.close(file)


@posix
def test_symbolic_links_to_removed_files_are_listed(root: Path) -> None:
    (root / "albums").mkdir()
    (root / "albums/one.jpg").symlink_to("../copies/a.jpg")
    (root / "albums/two.jpg").symlink_to(root / "copies/b.jpg")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    for applied in (apply(plan, ALL), do(plan)):
        assert applied.links == ((b"albums/one.jpg", b"copies/a.jpg"),)


# Sidecars ---------------------------------------------------------------------------------------


def _sidecars(root: Path, *names: str) -> None:
    for name in names:
        (root / name).write_bytes(name.encode())


@pytest.mark.parametrize(
    "sidecar",
    ["copies/a.xmp", "copies/a.jpg.xmp", "copies/A.AAE", "copies/a.THM", "copies/a.jpg.json",
     "copies/a.jpg.supplemental-metadata.json", "copies/a.jpg.supplem.json", "copies/a.json"],
)  # fmt: skip
def test_sidecars_go_along_and_come_back(root: Path, sidecar: str) -> None:
    _sidecars(root, sidecar, "copies/ab.xmp")
    before = files(root)
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"))
    assert applied.removed[0].sidecars == (os.fsencode(sidecar),)
    assert not (root / sidecar).exists()
    assert (root / "copies/ab.xmp").exists()
    assert (root / f".imgsim-trash/{applied.run}" / sidecar).exists()
    undo()
    assert files(root) == before


def test_a_sidecar_stays_with_another_picture_of_its_name(root: Path) -> None:
    _sidecars(root, "copies/a.xmp", "copies/a.jpg.xmp", "copies/a.png")
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"))
    assert applied.removed[0].sidecars == (b"copies/a.jpg.xmp",)
    assert (root / "copies/a.xmp").exists()


def test_numbered_files_of_takeout_have_numbered_sidecars(root: Path) -> None:
    (root / "copies/a.jpg").rename(root / "copies/a(1).jpg")
    _sidecars(root, "copies/a.jpg.json", "copies/a.jpg(1).json")
    applied = do(plan_of(root, "keep/a.jpg", "copies/a(1).jpg"))
    assert applied.removed[0].sidecars == (b"copies/a.jpg(1).json",)


@pytest.mark.parametrize("name", ["a.MOV", "a.wav", "a.mp4"])
def test_films_and_sound_hold_a_file_back_that_the_kept_one_lacks(root: Path, name: str) -> None:
    _sidecars(root, f"copies/{name}")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    assert reasons(do(plan)) == {"copies/a.jpg": "it has a film or sound that the kept file lacks"}
    (root / "keep" / name.lower()).write_bytes(f"copies/{name}".encode())
    assert do(plan).removed[0].sidecars == (f"copies/{name}".encode(),)


def test_sidecars_hold_back_leave_or_go_along_as_told(root: Path) -> None:
    _sidecars(root, "copies/a.mov", "copies/a.pp3")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    hold = replace(ALL, sidecars="hold", sidecar_endings=(".pp3",))
    assert reasons(do(plan, hold)) == {"copies/a.jpg": "it has a sidecar"}
    along = replace(hold, sidecars="along")
    assert set(apply(plan, along).removed[0].sidecars) == {b"copies/a.mov", b"copies/a.pp3"}
    assert do(plan, replace(ALL, sidecars="leave")).removed[0].sidecars == ()


def test_what_is_deleted_for_good_needs_its_sidecar_beside_the_kept_file(root: Path) -> None:
    _sidecars(root, "copies/a.xmp")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    delete = replace(ALL, action="delete")
    assert reasons(do(plan, delete)) == {
        "copies/a.jpg": "it has a sidecar that the kept file lacks"
    }
    (root / "keep/a.xmp").write_bytes(b"copies/a.xmp")
    assert do(plan, delete).complete
    assert not (root / "copies/a.xmp").exists()


def test_half_of_a_raw_and_jpeg_stays(root: Path) -> None:
    _sidecars(root, "copies/a.CR2")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    assert reasons(do(plan)) == {"copies/a.jpg": "the raw or JPEG file of the same shot stays"}
    _sidecars(root, "keep/a.cr2")
    (root / "keep/a.cr2").write_bytes((root / "copies/a.CR2").read_bytes())
    both = replace(plan, groups=(*plan.groups, *plan_of(root, "keep/a.cr2", "copies/a.CR2").groups))
    assert len(do(both).removed) == 2


# Nothing is overwritten -------------------------------------------------------------------------


class Without(DescriptorFileSystem):
    """A file system without some calls."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    def rename(self, folder, name, to, new) -> None:
        if "rename" in self.missing:
            from imgsim.act.files import NotSupported

            raise NotSupported("rename")
        super().rename(folder, name, to, new)

    def link(self, folder, name, to, new) -> None:
        if "link" in self.missing:
            from imgsim.act.files import NotSupported

            raise NotSupported("link")
        super().link(folder, name, to, new)


@posix
@pytest.mark.parametrize("missing", [(), ("rename",), ("rename", "link")])
@pytest.mark.parametrize("action", ["quarantine", "move"])
def test_nothing_is_overwritten_on_any_file_system(
    root: Path, tmp_path: Path, missing: tuple[str, ...], action: str
) -> None:
    options = ALL
    if action == "move":
        options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
        (tmp_path / "moved/copies").mkdir(parents=True)
        (tmp_path / "moved/copies/a.jpg").write_bytes(b"mine")
    os.utime(root / "copies/b.jpg", ns=(7, 7))
    os.chmod(root / "copies/b.jpg", 0o600)
    before = files(root)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")
    applied = do(plan, options, fs=Without(*missing))
    if action == "move":
        assert (tmp_path / "moved/copies/a.jpg").read_bytes() == b"mine"
        assert [one.path for one in applied.removed] == [b"copies/b.jpg"]
        assert (tmp_path / "moved/copies/b.jpg").stat().st_mtime_ns == 7
    else:
        assert applied.complete
    (root / "copies/b.jpg").write_bytes(b"new")
    undone = undo(fs=Without(*missing))
    assert [(one.path, one.reason) for one in undone.left] == [
        (b"copies/b.jpg", "something else has its name now")
    ]
    assert (root / "copies/b.jpg").read_bytes() == b"new"
    (root / "copies/b.jpg").unlink()
    assert undo(fs=Without(*missing)).complete
    assert files(root) == before
    assert not list(tmp_path.rglob(".imgsim-*"))


@posix
def test_a_move_to_another_disk_copies_and_checks(root: Path, tmp_path: Path) -> None:
    import errno

    class Far(DescriptorFileSystem):
        def rename(self, folder, name, to, new) -> None:
            if os.fstat(folder).st_ino != os.fstat(to).st_ino:
                raise OSError(errno.EXDEV, "another disk")
            super().rename(folder, name, to, new)

    before = files(root)
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    assert do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far()).complete
    assert files(tmp_path / "moved") == {"copies/a.jpg": before["copies/a.jpg"]}
    assert undo(fs=Far()).complete
    assert files(root) == before
    # within the root nothing is copied: it is another mount
    assert reasons(do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), fs=Far())) == {
        "copies/a.jpg": "another file system is mounted in between"
    }


def test_undo_says_what_was_changed_in_quarantine(root: Path) -> None:
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg"))
    (root / f".imgsim-trash/{applied.run}/copies/a.jpg").write_bytes(b"another")
    (root / f".imgsim-trash/{applied.run}/copies/b.jpg").unlink()
    undone = undo()
    assert {os.fsdecode(one.path): one.reason for one in undone.left} == {
        "copies/a.jpg": "it was changed after it was moved away",
        "copies/b.jpg": "what was moved away is gone",
    }


# Actions ----------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("action", ["hardlink", "symlink"])
def test_links_take_the_place_and_undo_brings_the_files_back(root: Path, action: str) -> None:
    _sidecars(root, "copies/a.xmp")
    before = files(root)
    inode = (root / "copies/a.jpg").stat().st_ino
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), replace(ALL, action=action))  # type: ignore[arg-type]
    assert applied.complete
    assert (root / "copies/a.jpg").read_bytes() == b"the same"
    assert (root / "copies/a.jpg").samefile(root / "keep/a.jpg")
    assert (root / "copies/a.jpg").is_symlink() == (action == "symlink")
    assert (root / "copies/a.xmp").exists()
    assert undo().complete
    assert files(root) == before
    assert (root / "copies/a.jpg").stat().st_ino == inode


@posix
def test_only_the_same_bytes_are_hard_linked(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", role="pixels")
    for action in ("hardlink", "reflink"):
        assert reasons(do(plan, replace(ALL, action=action))) == {  # type: ignore[arg-type]
            "copies/a.jpg": "only the same bytes can be shared"
        }


class Cloning(DescriptorFileSystem):
    """As on macOS, where a file cannot take over blocks, but new ones may share them."""

    shares_in_place = False

    def can_share(self, file) -> bool:
        return True

    def clone(self, source, folder, name) -> int:
        file = self.create_file(folder, name)
        self.rewind(source)
        self.write(file, self.read(source, 100))
        return file


@posix
def test_a_clone_takes_the_place_where_blocks_cannot_be_taken_over(root: Path) -> None:
    os.utime(root / "copies/a.jpg", ns=(7, 7))
    os.chmod(root / "copies/a.jpg", 0o640)
    _sidecars(root, "copies/a.xmp")
    before = files(root)
    inode = (root / "copies/a.jpg").stat().st_ino
    reflink = replace(ALL, action="reflink")
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), reflink, fs=Cloning())
    assert (applied.complete, applied.freed_bytes, list_runs()[0].held_bytes) == (True, 0, 8)
    after = files(root)
    trash = f".imgsim-trash/{applied.run}/copies/a.jpg"
    assert after == before | {trash: before["copies/a.jpg"]}
    assert (root / "copies/a.jpg").stat().st_ino != inode
    assert undo(fs=Cloning()).complete
    assert files(root) == before
    assert (root / "copies/a.jpg").stat().st_ino == inode
    assert do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), reflink, fs=Cloning()).complete
    assert purge("last").freed_bytes == 8
    assert files(root) == before


@posix
def test_a_file_comes_back_where_its_clone_fails(root: Path) -> None:
    import errno

    class Bad(Cloning):
        def clone(self, source, folder, name) -> int:
            file = self.create_file(folder, name)
            self.write(file, b"The same")
            return file

    class Full(Cloning):
        def clone(self, source, folder, name) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    before = files(root)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    for system, why in [
        (Bad(), "its copy came out different"),
        (Full(), "No space left on device"),
    ]:
        assert reasons(do(plan, replace(ALL, action="reflink"), fs=system)) == {"copies/a.jpg": why}
        assert files(root) == before
        assert not (root / ".imgsim-trash").exists()


@posix
def test_a_clone_that_was_changed_since_stays(root: Path) -> None:
    reflink = replace(ALL, action="reflink")
    do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), reflink, fs=Cloning())
    (root / "copies/a.jpg").write_bytes(b"edited")
    undone = undo(fs=Cloning())
    assert [one.reason for one in undone.left] == ["something else has its name now"]
    assert (root / "copies/a.jpg").read_bytes() == b"edited"


@posix
def test_the_call_of_macos(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its arguments and errors, by a library in its place."""
    import ctypes
    import errno

    from imgsim.act import shared_blocks
    from imgsim.act.files import NotSupported

    answers = iter([0, errno.ENOTSUP, errno.EEXIST])

    class Call:
        argtypes: list[object]

        def __call__(self, source: int, folder: int, name: bytes, flags: int) -> int:
            assert len(self.argtypes) == 4
            assert flags == 0
            ctypes.set_errno(next(answers))
            if ctypes.get_errno():
                return -1
            data = os.pread(source, 100, 0)
            new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400, dir_fd=folder)
            os.write(new, data)
            os.close(new)
            return 0

    class Library:
        fclonefileat = Call()

    monkeypatch.setattr(shared_blocks.sys, "platform", "darwin")
    monkeypatch.setattr(shared_blocks.ctypes, "CDLL", lambda *_, **__: Library())
    fs = DescriptorFileSystem()
    folder = fs.open_root(str(root / "copies"))
    source = fs.open_file(folder, b"a.jpg")
    assert (fs.shares_in_place, fs.can_share(source)) == (False, True)
    clone = fs.clone(source, folder, b"new.jpg")
    fs.set_attributes(clone, 0o640, 7)
    assert fs.read(clone, 100) == b"the same"
    assert (root / "copies/new.jpg").stat().st_mtime_ns == 7
    with pytest.raises(NotSupported):
        fs.clone(source, folder, b"new2.jpg")
    with pytest.raises(FileExistsError):
        fs.clone(source, folder, b"new2.jpg")
    for file in (source, clone):
        fs.close(file)
    fs.leave(folder)


@posix
def test_shared_blocks_or_a_word_that_there_are_none(root: Path) -> None:
    before = files(root)
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), replace(ALL, action="reflink"))
    if applied.removed:
        assert applied.freed_bytes == 8
    else:
        assert reasons(applied)["copies/a.jpg"].startswith("not supported here")
    assert files(root) == before


def test_delete_frees_bytes_and_there_is_no_way_back(root: Path) -> None:
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), replace(ALL, action="delete"))
    assert (applied.freed_bytes, applied.complete) == (8, True)
    assert "copies/a.jpg" not in files(root)
    assert not (root / ".imgsim-trash").exists()
    undone = undo(applied.run)
    assert [one.reason for one in undone.left] == ["it was deleted for good"]
    with pytest.raises(UsageError, match="the last one: it was deleted for good"):
        undo()


def test_the_waste_basket(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thrown: list[str] = []

    def throw(path: str) -> None:
        thrown.append(path)
        os.unlink(path)

    monkeypatch.setattr(applying, "_to_waste_basket", throw)
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), replace(ALL, action="trash"))
    assert applied.complete
    assert thrown == [str(root / "copies/a.jpg")]
    dry = apply(plan_of(root, "keep/a.jpg", "copies/b.jpg"), replace(ALL, action="trash"))
    for one in (applied, dry):  # before it is done, too
        assert any("undo cannot fetch" in line for line in applied_summary(one))
    assert not any(
        "undo cannot fetch" in line for line in applied_summary(replace(dry, removed=()))
    )
    assert [one.reason for one in undo(applied.run).left] == ["it is in the system's waste basket"]


def test_purge_frees_what_lies_in_quarantine_while_the_kept_file_is_whole(root: Path) -> None:
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"))
    (root / "keep/a.jpg").write_bytes(b"THE SAME")
    kept = purge(applied.run)
    assert (kept.files, kept.freed_bytes) == (0, 0)
    assert [one.reason for one in kept.left] == ["the kept file: its content has changed"]
    (root / "keep/a.jpg").write_bytes(b"the same")
    assert purge(applied.run).freed_bytes == 8
    assert not (root / ".imgsim-trash").exists()
    assert [one.reason for one in undo(applied.run).left] == ["it was purged"]
    assert list_runs()[0].state == "purged"


def test_the_last_run_to_be_undone_is_one_that_can_be(root: Path) -> None:
    before = files(root)
    first = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"))
    second = do(plan_of(root, "keep/a.jpg", "copies/b.jpg"))
    assert purge(second.run).files == 1
    undone = undo()
    assert (undone.run, undone.complete) == (first.run, True)
    assert undone.passed_over == ((second.run, "it was purged"),)
    assert files(root) == {p: f for p, f in before.items() if p != "copies/b.jpg"}
    with pytest.raises(UsageError, match="the last one: it was purged"):
        undo()


def test_a_run_of_which_a_part_was_purged_is_still_the_last_one(root: Path) -> None:
    (root / "other.jpg").write_bytes(b"other")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    more = plan_of(root, "other.jpg", "copies/other.jpg")
    applied = do(replace(plan, groups=(*plan.groups, *more.groups)))
    (root / "other.jpg").write_bytes(b"OTHER")
    assert (purge(applied.run).files, list_runs()[0].state) == (1, "finished")
    undone = undo()
    assert [one.reason for one in undone.left] == ["it was purged"]
    assert undone.restored == (b"copies/other.jpg",)


def test_metadata_that_only_the_removed_file_has_go_to_a_sidecar(tmp_path: Path, photo) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    photo(1).save(root / "a.jpg", quality=95)
    exif = photo(1).getexif()
    exif[0x4746] = 4  # stars
    exif[0x9003] = "2020:05:06 07:08:09"
    photo(1).save(root / "b.jpg", quality=95, exif=exif)
    for name in ("x.png", "y.png"):
        photo(9).save(root / name)
    before = files(root)
    plan = plan_of(root, "a.jpg", "b.jpg", role="pixels")
    carry = replace(ALL, carry_metadata=True)
    assert do(plan, carry).complete
    text = (root / "a.jpg.xmp").read_text()
    assert "<xmp:Rating>4</xmp:Rating>" in text
    assert (root / "a.jpg").read_bytes() == before["a.jpg"][0]
    from imgsim.decode.xmp import read_xmp

    assert read_xmp((root / "a.jpg.xmp").read_bytes())
    assert undo().complete
    assert files(root) == before
    (root / "a.xmp").write_text("mine")
    assert "cannot be carried" in reasons(do(plan, carry))["b.jpg"]


# Folders ----------------------------------------------------------------------------------------


def test_a_folder_is_not_emptied_without_a_word(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")
    asked: list[tuple[bytes, str]] = []

    def ask(folder: bytes, what: str) -> bool:
        asked.append((folder, what))
        return len(asked) > 1

    careful = replace(ALL, yes_folders=False)
    assert set(reasons(do(plan, careful)).values()) == {
        "most of its folder would go (--yes-folders)"
    }
    assert do(plan, replace(careful, ask_folder=ask)).removed == ()
    assert asked == [(b"copies", "2 of its 3 pictures would go")]
    assert len(do(plan, replace(careful, ask_folder=ask)).removed) == 2
    undo()
    (root / "copies/b.jpg").unlink()
    (root / "copies/other.jpg").unlink()
    alone = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    assert do(alone, careful).removed == ()
    assert do(alone, replace(careful, ask_folder=lambda *told: bool(asked.append(told)))).left
    assert asked[-1] == (b"copies", "it would be left empty")
    _sidecars(root, "copies/x.jpg", "copies/y.jpg")
    assert do(alone, careful).complete


def test_nothing_is_moved_where_no_journal_can_be_written(root: Path, tmp_path: Path) -> None:
    import errno

    class Full(DescriptorFileSystem):
        def write(self, file, data) -> int:
            if b'"step"' in data:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(file, data)

    before = files(root)
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), fs=Full())
    assert "No space left" in applied.stopped
    assert not applied.complete
    assert reasons(applied) == {"copies/a.jpg": "the run was stopped"}
    assert files(root) == before
    (tmp_path / "runs2").write_text("a file")
    with pytest.raises(UsageError, match="cannot keep a journal"):
        do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), history=tmp_path / "runs2")


@posix
def test_a_deleted_file_is_written_back_if_the_kept_one_goes_in_that_moment(root: Path) -> None:
    class Late(DescriptorFileSystem):
        def remove(self, folder, name) -> None:
            if name == b"a.jpg":
                (root / "keep/a.jpg").unlink()
            super().remove(folder, name)

    os.utime(root / "copies/a.jpg", ns=(7, 7))
    before = files(root)["copies/a.jpg"]
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    applied = do(plan, replace(ALL, action="delete"), fs=Late())
    assert reasons(applied) == {"copies/a.jpg": "the kept file changed at the last moment"}
    assert files(root)["copies/a.jpg"] == before


@posix
@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_waste_folder_that_is_a_link_is_not_used(
    root: Path, tmp_path: Path, meanwhile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs").mkdir()
    (root / ".imgsim-trash").symlink_to(tmp_path / "theirs")
    if meanwhile:  # after it was found to be none
        monkeypatch.setattr("imgsim.act.targets.Targets.obstacle", lambda self, path: "")
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"))
    assert applied.removed == ()
    why = "in its path is a symbolic link" if meanwhile else ".imgsim-trash is a symbolic link"
    assert why in reasons(applied)["copies/a.jpg"].lower()
    assert not list((tmp_path / "theirs").iterdir())
    assert (root / "copies/a.jpg").exists()


@posix
def test_a_folder_that_cannot_be_listed_holds_its_files_alone(root: Path) -> None:
    class Closed(DescriptorFileSystem):
        def names(self, folder):
            names = super().names(folder)
            if b"b.jpg" in names:
                raise PermissionError(13, "Permission denied")
            return names

    (root / "more").mkdir()
    (root / "copies/a.jpg").rename(root / "more/a.jpg")
    applied = do(plan_of(root, "keep/a.jpg", "copies/b.jpg", "more/a.jpg"), fs=Closed())
    assert reasons(applied) == {"copies/b.jpg": "its folder cannot be listed: Permission denied"}
    assert [one.path for one in applied.removed] == [b"more/a.jpg"]


def test_what_is_on_a_disk_below_the_root_stays_on_that_disk() -> None:
    files = MemoryFiles(("/", "/photos/disk", "/home"))
    for path in ("/photos/keep/a.jpg", "/photos/disk/x/copies/a.jpg", "/photos/disk/x/b.jpg"):
        files.put(path, b"the same")
    top = files.find("/photos")
    assert top is not None
    files.nodes[top].entries[b"disk"] = files.mounts["/photos/disk"]
    files.settle()
    digest = hashlib.sha256(b"the same").hexdigest()
    keep, gone = (
        PlannedFile(path, digest, 8, 1) for path in (b"keep/a.jpg", b"disk/x/copies/a.jpg")
    )
    groups = (PlanGroup(keep, (Removal(gone, "exact"),)),)
    plan = Plan("/photos", "r", "0", 1, "auto", "normal", 1.0, groups)
    applied = do(plan, fs=files, history=Path("/home/runs"))
    assert applied.complete
    trash = f".imgsim-trash/{applied.run}/disk/x/copies/a.jpg".encode()
    assert trash in files.tree("/photos/disk")
    assert undo(fs=files, history=Path("/home/runs")).complete  # type: ignore[arg-type]
    assert set(files.tree("/photos/disk")) == {b"x/copies/a.jpg", b"x/b.jpg"}


def test_copies_have_times_and_permissions_where_folders_are_paths(
    root: Path, tmp_path: Path
) -> None:
    """As on Windows, where neither can be set on an open file."""

    class Far(PathFileSystem):
        def link(self, folder, name, to, new) -> None:
            from imgsim.act.files import NotSupported

            raise NotSupported("hard links")

    os.utime(root / "copies/a.jpg", ns=(7, 7_000_000_000))
    before = files(root)
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    assert do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Far()).complete
    assert files(tmp_path / "moved") == {"copies/a.jpg": before["copies/a.jpg"]}
    assert undo(fs=Far()).complete
    assert files(root) == before


@posix
@pytest.mark.parametrize("where", [".", "copies", ".."])
def test_other_users_act_on_other_trees_alone(root: Path, tmp_path: Path, where: str) -> None:
    """Their journals lie elsewhere; the root itself is locked."""
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    lock = DescriptorFileSystem().lock_tree(str((root / where).resolve()))
    assert lock is not None
    with pytest.raises(UsageError, match="another imgsim works"):
        do(plan, history=tmp_path / "theirs")
    assert (root / "copies/a.jpg").exists()
    assert list_runs(tmp_path / "theirs") == []
    lock.close()
    (tmp_path / "beside").mkdir()
    beside = DescriptorFileSystem().lock_tree(str(tmp_path / "beside"))
    assert beside is not None
    assert do(plan).complete
    beside.close()


def test_a_run_that_was_killed_before_its_first_step_holds_nobody_up(root: Path) -> None:
    class Killed:
        def verify(self, plan: Plan, groups: Sequence[PlanGroup]) -> dict[bytes, str]:
            raise KeyboardInterrupt

    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    with pytest.raises(KeyboardInterrupt):
        apply(plan, ALL, yes=True, verifier=Killed())
    with pytest.raises(UsageError, match="no run was interrupted"):
        resume()
    assert do(plan).complete


def test_a_dry_run_for_other_programs_reads_every_file(root: Path) -> None:
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    status = (root / "copies/a.jpg").stat()
    (root / "copies/a.jpg").write_bytes(b"THE SAME")
    os.utime(root / "copies/a.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(apply(plan, ALL).removed) == 1  # by size and time; `yes` reads it
    thorough = apply(plan, ALL, thorough=True, verifier=Trusting())
    assert reasons(thorough) == {"copies/a.jpg": "its content has changed"}
    assert reasons(do(plan)) == {"copies/a.jpg": "its content has changed"}
    (root / "copies/a.jpg").write_bytes(b"the same")
    judged = Trusting(**{"keep/a.jpg": "the kept file is damaged"})
    for more in ({"thorough": True}, {"yes": True}):
        assert reasons(apply(plan, ALL, verifier=judged, **more)) == {
            "copies/a.jpg": "the kept file is damaged"
        }


class Failing(DescriptorFileSystem):
    """Has an error for a call whose arguments are as told."""

    def __init__(self, name: str, when: Callable[..., bool]) -> None:
        self.name = name
        self.when = when

    def __getattribute__(self, name: str) -> object:
        call = super().__getattribute__(name)
        if name != super().__getattribute__("name"):
            return call

        def failing(*given: object) -> object:
            if self.when(*given):
                raise OSError(5, "Input/output error", 7)
            return call(*given)

        return failing


@posix
def test_runs_that_cannot_be_listed_are_not_as_if_there_were_none(root: Path) -> None:
    first = do(plan_of(root, "keep/a.jpg", "copies/b.jpg"))
    older = replace(plan_of(root, "copies/a.jpg", "keep/a.jpg"), runs_before=0)
    assert reasons(do(older)) == {"keep/a.jpg": f"the plan is older than run {first.run}"}
    runs = str(History().folder)
    for call, when in (
        ("open_root", lambda path: path == runs),
        ("names", lambda folder: os.path.samestat(os.fstat(folder), os.stat(runs))),
    ):
        for yes in (True, False):
            with pytest.raises(UsageError, match=r"cannot (begin|go on): Input/output error"):
                apply(older, ALL, yes=yes, verifier=Trusting(), fs=Failing(call, when))
    assert (root / "keep/a.jpg").exists()


@posix
def test_a_run_whose_plan_is_broken_still_holds_what_it_began(root: Path) -> None:
    class Dying(DescriptorFileSystem):
        def rename(self, folder, name, to, new) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), fs=Dying())
    (run,) = list_runs()
    folder = History().folder
    assert folder is not None
    (folder / run.name / "plan.json").write_text("no plan")
    for keep, gone in (("copies/b.jpg", "keep/a.jpg"), ("copies/b.jpg", "copies/a.jpg")):
        assert reasons(do(plan_of(root, keep, gone))) == {gone: f"run {run.name} is not finished"}


@posix
@pytest.mark.parametrize("event", [b'"reverting"', b'"reverted"', b'"undone"', b'"finished"'])
def test_undo_stops_where_its_journal_cannot_be_written(root: Path, event: bytes) -> None:
    """It says so, tells what is back and what is not, and can be run again."""
    before = files(root)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")
    broken = Failing("write", lambda file, data: event in data)
    applied = do(plan, fs=broken)
    assert (applied.stopped != "") == (event == b'"finished"')
    undone = undo(fs=broken)
    assert undone.stopped == "the journal cannot be written: Input/output error"
    assert not undone.complete
    told = [*undone.restored, *(one.path for one in undone.left)]
    assert sorted(told) == [b"copies/a.jpg", b"copies/b.jpg"]
    assert undo(applied.run).complete
    assert list_runs()[0].state == "undone"
    assert files(root) == before


@posix
@pytest.mark.parametrize("event", [b'"reverted"', b'"complete"'])
def test_resume_stops_where_its_journal_cannot_be_written(root: Path, event: bytes) -> None:
    class Dying(DescriptorFileSystem):
        def remove(self, folder, name) -> None:
            super().remove(folder, name)
            raise KeyboardInterrupt

        def rename(self, folder, name, to, new) -> None:
            super().rename(folder, name, to, new)
            if event == b'"reverted"':
                raise KeyboardInterrupt

    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    with pytest.raises(KeyboardInterrupt):
        do(plan, replace(ALL, action="delete"), fs=Dying())
    broken = Failing("write", lambda file, data: event in data)
    resumed = resume(verifier=Trusting(), fs=broken)
    assert resumed.stopped == "the journal cannot be written: Input/output error"
    assert (resumed.complete, list_runs()[0].state) == (False, "interrupted")
    assert resume(verifier=Trusting()).complete
    assert (root / "keep/a.jpg").read_bytes() == b"the same"


@posix
def test_what_cannot_be_closed_was_written_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.close

    def close(number: int) -> None:
        real(number)
        raise OSError(5, "Input/output error")

    fs = DescriptorFileSystem()
    folder = fs.open_root(str(root))
    with monkeypatch.context() as patched:
        patched.setattr("imgsim.act.systems.os.close", close)
        fs.close(fs.create_file(folder, b"new"))
        fs.leave(folder)


@posix
@pytest.mark.parametrize("path", ["keep/a.jpg", "copies/a.jpg"])
@pytest.mark.parametrize("what", ["link", "pipe", "empty"])
def test_what_a_file_is_is_seen_again_right_before_the_step(
    root: Path, tmp_path: Path, path: str, what: str
) -> None:
    """Both files were looked at when removals were selected; then one becomes something else."""

    class Meanwhile:
        def verify(self, plan: Plan, groups: Sequence[PlanGroup]) -> dict[bytes, str]:
            (root / path).rename(tmp_path / "real.jpg")
            if what == "link":
                (root / path).symlink_to(tmp_path / "real.jpg")
            elif what == "pipe":
                os.mkfifo(root / path)
            else:
                (root / path).touch()
            return {}

    applied = apply(
        plan_of(root, "keep/a.jpg", "copies/a.jpg"), ALL, yes=True, verifier=Meanwhile()
    )
    why = "its size has changed" if what == "empty" else "not a regular file"
    which = "the kept file: " if path.startswith("keep") else ""
    assert reasons(applied) == {"copies/a.jpg": which + why}
    assert os.path.lexists(root / "copies/a.jpg")


@posix
@pytest.mark.parametrize(("number", "removed"), [(22, 1), (5, 0)])
def test_what_is_kept_may_lie_on_a_disc_that_syncs_nothing(
    root: Path, number: int, removed: int
) -> None:
    class Disc(DescriptorFileSystem):
        def sync_file(self, file: int) -> None:
            if os.fstat(file).st_ino == (root / "keep/a.jpg").stat().st_ino:
                raise OSError(number, os.strerror(number))
            super().sync_file(file)

    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), fs=Disc())
    assert len(applied.removed) == removed


def test_a_file_without_content_is_nothing_to_keep(root: Path) -> None:
    for path in ("keep/a.jpg", "copies/a.jpg"):
        (root / path).write_bytes(b"")
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    assert reasons(do(plan)) == {"copies/a.jpg": "the kept file: it is empty"}


@posix
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path: os.chmod(path, 0o444), "read-only"),
        (lambda path: os.link(path, path.with_name("third.jpg")), "frees nothing: it has 2 names"),
    ],
)
def test_what_the_system_tells_of_a_file_is_seen_again_right_before_the_step(
    root: Path, change: Callable[[Path], None], why: str
) -> None:
    class Meanwhile:
        def verify(self, plan: Plan, groups: Sequence[PlanGroup]) -> dict[bytes, str]:
            change(root / "copies/a.jpg")
            return {}

    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    applied = apply(plan, ALL, yes=True, verifier=Meanwhile())
    assert reasons(applied) == {"copies/a.jpg": why}
    assert (root / "copies/a.jpg").exists()


@posix
def test_what_shares_its_blocks_already_frees_nothing(root: Path) -> None:
    class Shared(DescriptorFileSystem):
        def can_share(self, file: int) -> bool:
            return True

        def shares_blocks(self, file: int, other: int) -> bool:
            assert os.fstat(file).st_ino == (root / "copies/a.jpg").stat().st_ino
            assert os.fstat(other).st_ino == (root / "keep/a.jpg").stat().st_ino
            return True

    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    why = {"copies/a.jpg": "frees nothing: it shares its blocks already"}
    for yes in (True, False):
        applied = apply(
            plan, replace(ALL, action="reflink"), yes=yes, verifier=Trusting(), fs=Shared()
        )
        assert reasons(applied) == why
    assert not DescriptorFileSystem().shares_blocks(*_opened(root))
    assert do(plan, fs=Shared()).complete  # other actions free the name


def _opened(root: Path) -> tuple[int, int]:
    fs = DescriptorFileSystem()
    folder = fs.open_root(str(root / "copies"))
    return fs.open_file(folder, b"a.jpg"), fs.open_file(folder, b"b.jpg")


@posix
@pytest.mark.parametrize("action", ["quarantine", "symlink"])
def test_an_undo_that_failed_at_its_very_end_is_finished_by_the_next(
    root: Path, action: str
) -> None:
    class Stuck(Without):
        def remove(self, folder, name) -> None:
            if name.endswith(b".away"):
                raise PermissionError(13, "Permission denied")
            super().remove(folder, name)

    before = files(root)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    lacking = Without("rename", "link")
    assert do(plan, replace(ALL, action=action), fs=lacking).complete  # type: ignore[arg-type]
    first = undo(fs=Stuck("rename", "link"))
    assert [one.reason for one in first.left] == ["Permission denied"]
    assert undo(fs=lacking).complete
    assert files(root) == before


@posix
def test_a_copy_that_comes_out_different_is_none(root: Path, tmp_path: Path) -> None:
    """On the way to another disk, and on the way back."""

    class Bad(Without):
        broken = True

        def write(self, file, data) -> int:
            if self.broken and data == b"the same":
                data = b"THE SAME"
            return super().write(file, data)

    fs = Bad("rename", "link")
    before = files(root)
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    assert reasons(do(plan, options, fs=fs)) == {"copies/a.jpg": "its copy came out different"}
    assert files(root) == before
    assert files(tmp_path / "moved") == {}
    fs.broken = False
    assert do(plan, options, fs=fs).complete
    fs.broken = True
    assert [one.reason for one in undo(fs=fs).left] == ["its copy came out different"]
    assert files(tmp_path / "moved") == {"copies/a.jpg": before["copies/a.jpg"]}
    fs.broken = False
    assert undo(fs=fs).complete
    assert files(root) == before


@posix
def test_what_takes_the_target_while_a_file_is_copied_stays(root: Path, tmp_path: Path) -> None:
    """Where the file system has neither renaming that replaces nothing nor hard links."""

    class Placing(Without):
        def sync_file(self, file) -> None:
            super().sync_file(file)
            if (tmp_path / "moved/copies").exists():
                (tmp_path / "moved/copies/a.jpg").write_bytes(b"theirs")

    before = files(root)
    options = replace(ALL, action="move", move_to=str(tmp_path / "moved"))
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options, fs=Placing("rename", "link"))
    assert reasons(applied) == {"copies/a.jpg": "something has its name there"}
    assert files(root) == before
    assert {p: f[0] for p, f in files(tmp_path / "moved").items()} == {"copies/a.jpg": b"theirs"}


def test_a_file_that_may_be_the_kept_one_stays() -> None:
    """A union file system gives it the same number and times, and a device of its own."""
    owner = os.geteuid() if hasattr(os, "geteuid") else 0
    below = Status(stat.S_IFREG | 0o644, 5, 7, 1, 3, 1, owner, ctime_ns=9)
    folder = Status(stat.S_IFDIR | 0o755, 0, 7, 1, 2, 1, owner)
    assert "another mount" in reason_to_leave(below, replace(below, device=2), folder)
    assert not reason_to_leave(below, replace(below, device=2, ctime_ns=8), folder)
