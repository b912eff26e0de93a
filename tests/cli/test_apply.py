"""apply, undo, runs and purge as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Removed
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.scripts import write_script
from imgsim.cli.main import main
from imgsim.errors import UsageError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX alone")


@pytest.fixture
def imgsim(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the program in this process, without workers."""

    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        words = [*map(str, arguments)]
        if words[0] in ("find-dupes", "apply"):
            words += ["--executor", "threads"]
        if cwd is not None:
            monkeypatch.chdir(cwd)
        code = main(words)
        return subprocess.CompletedProcess(words, code, *capfd.readouterr())

    return run


@pytest.fixture
def library(tmp_path: Path, photo) -> Path:
    folder = tmp_path / "photos"
    (folder / "copies").mkdir(parents=True)
    photo(1).save(folder / "one.png")
    (folder / "copies" / "same\n'name.png").write_bytes((folder / "one.png").read_bytes())
    for seed in (2, 3):
        photo(seed).save(folder / "copies" / f"{seed}.png")
    return folder


def _tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_a_plan_on_standard_output_is_alone_there(imgsim: Run, library: Path) -> None:
    done = imgsim("find-dupes", library, "--plan", "-")
    assert [one["path"] for g in json.loads(done.stdout)["groups"] for one in g["remove"]] == [
        "copies/same\n'name.png"
    ]
    assert "1 copy not needed" in done.stderr
    summed = imgsim("find-dupes", library, "--plan", "-", "--summary")
    assert json.loads(summed.stdout)["groups"] == json.loads(done.stdout)["groups"]
    assert "is a copy of a file in" in summed.stderr
    refused = imgsim("find-dupes", library, "--plan", "-", "-f", "json")
    assert (refused.returncode, refused.stdout) == (2, "")
    both = imgsim("find-dupes", library, "--plan", "-", "-f", "csv", "-o", library.parent / "o.csv")
    assert json.loads(both.stdout)["schema"] == "imgsim.plan/1"
    assert (library.parent / "o.csv").read_text().startswith("group,path")


@posix
def test_a_clean_up_from_plan_to_purge(imgsim: Run, library: Path, tmp_path: Path) -> None:
    before = _tree(library)
    plan = tmp_path / "plan.json"
    assert imgsim("find-dupes", library, "--plan", plan).returncode == 0
    dry = imgsim("apply", plan)
    assert dry.returncode == 0
    assert dry.stdout == "would move  copies/same\\n'name.png  (exact; kept: one.png)\n"
    assert _tree(library) == before
    done = imgsim("apply", plan, "--yes")
    assert done.returncode == 0
    size = len(before["one.png"][0]) / 1000
    assert done.stderr.splitlines()[-1] == f"moved 1 file ({size:.1f} kB), skipped 0, 0 B freed"
    again = imgsim("find-dupes", library, "--no-default-excludes")
    assert "3 images" in again.stderr
    assert "no duplicates" in again.stderr
    assert "finished: quarantine, 1 file" in imgsim("runs").stdout
    stale = imgsim("apply", plan, "--yes")
    assert (stale.returncode, stale.stdout.count("the plan is older than run")) == (3, 1)
    assert "make the plan again: imgsim find-dupes" in stale.stderr
    undone = imgsim("undo", "last")
    assert (undone.returncode, undone.stdout) == (0, "")
    assert _tree(library) == before
    assert imgsim("apply", plan, "--yes").returncode == 0
    assert imgsim("purge", "--older-than", "1h").stderr == "deleted 0 files, 0 B freed\n"
    there = _tree(library)
    refused = imgsim("purge", "3")
    assert (refused.returncode, "add --yes" in refused.stderr) == (2, True)
    assert f"{size:.1f} kB of run 3 for good" in refused.stderr
    dry = imgsim("purge", "3", "--dry-run")
    assert (dry.returncode, dry.stderr) == (
        0, f"would delete 1 file for good ({size:.1f} kB): nothing was changed\n",
    )  # fmt: skip
    assert _tree(library) == there
    purged = imgsim("purge", "3", "--yes")
    assert purged.stderr == f"deleted 1 file, {size:.1f} kB freed\n"
    assert set(_tree(library)) == set(before) - {"copies/same\n'name.png"}
    assert imgsim("undo", "3").returncode == 3
    last = imgsim("undo", "last")
    assert (last.returncode, last.stdout) == (2, "")
    assert "no run to be undone (the last one: it was purged)" in last.stderr


@pytest.mark.parametrize("answer", [False, True])
def test_purge_asks_on_a_terminal(
    imgsim: Run, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, answer: bool
) -> None:
    imgsim("find-dupes", library, "--plan", tmp_path / "plan.json")
    imgsim("apply", tmp_path / "plan.json", "--yes")
    before = _tree(library)
    monkeypatch.setattr("imgsim.cli.purge.is_somebody_there", lambda: True)
    monkeypatch.setattr("click.confirm", lambda question, err: answer)
    done = imgsim("purge", "last")
    assert done.returncode == (0 if answer else 2)
    assert (_tree(library) == before) != answer
    assert imgsim("purge", "last").returncode == (0 if answer else 2)


def test_exit_codes_and_refusals(imgsim: Run, library: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    imgsim("find-dupes", library, "--plan", plan)
    before = _tree(library)
    for wrong in (
        ("apply",),
        ("apply", tmp_path / "none.json"),
        ("apply", plan, "--delete", "--hardlink"),
        ("apply", plan, "--yes", "--delete"),  # nobody is there to be asked
        ("apply", plan, "--yes", "--print0"),
        ("apply", plan, "--print0", "--carry-metadata"),
        ("apply", plan, "--script", tmp_path / "new.sh", "--carry-metadata"),
        ("apply", plan, "--include", "fuller"),
        ("apply", plan, "--yes", "--move", library),
        ("apply", "--resume"),
        ("undo", "last"),
        ("undo", "7"),
        ("purge",),
        ("purge", "last", "--older-than", "1d"),
        ("purge", "--older-than", "soon"),
    ):
        done = imgsim(*wrong)
        assert done.returncode == 2, wrong
        assert done.stderr.startswith("imgsim: error: "), wrong
    assert _tree(library) == before
    held = imgsim("apply", plan, "--yes", "--protect", "copies")
    assert held.returncode == 3
    assert held.stderr.splitlines()[-1].endswith("skipped 1 (1 protected), 0 B freed")
    dry = imgsim("apply", plan, "--protect", "copies")
    assert dry.returncode == 3
    assert dry.stderr.splitlines()[-1].endswith("skipped 1 (1 protected)")
    assert imgsim("apply", plan, "--yes", "--delete", "--yes-delete").returncode == 0


@pytest.mark.parametrize("flags", [(), ("--delete", "--yes-delete"), ("--sidecars", "hold")])
def test_a_dry_run_says_what_stays_and_ends_like_the_run(
    flags: tuple[str, ...], imgsim: Run, library: Path, tmp_path: Path
) -> None:
    copies = library / "copies"
    (copies / "same\n'name.xmp").write_text("only here")
    (copies / "2.png").unlink()
    (copies / "3.png").unlink()
    plan = tmp_path / "plan.json"
    imgsim("find-dupes", library, "--plan", plan)
    dry = imgsim("apply", plan, *flags)
    done = imgsim("apply", plan, "--yes", *flags)
    assert (dry.returncode, done.returncode) == (3, 3)
    assert dry.stdout == done.stdout
    assert dry.stdout.startswith("skipped  copies/same")
    assert ("--yes-folders says yes" in dry.stderr) == (not flags)
    assert imgsim("apply", plan, "--yes-folders").returncode == 0


def test_a_plan_that_leads_out_changes_nothing(imgsim: Run, library: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    imgsim("find-dupes", library, "--plan", plan)
    (tmp_path / "out.png").write_bytes((library / "one.png").read_bytes())
    plan.write_text(plan.read_text().replace("copies/same\\n'name.png", "../out.png"))
    before = _tree(tmp_path)
    assert imgsim("apply", plan, "--yes").returncode == 2
    assert _tree(tmp_path) == before


@posix
def test_a_link_that_move_names_is_followed(imgsim: Run, library: Path, tmp_path: Path) -> None:
    before = _tree(library)
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    plan = tmp_path / "plan.json"
    imgsim("find-dupes", library, "--plan", plan)
    assert imgsim("apply", plan, "--move", tmp_path / "link").returncode == 0
    assert imgsim("apply", plan, "--move", tmp_path / "link", "--yes").returncode == 0
    assert [path.name for path in (tmp_path / "disk").rglob("*.png")] == ["same\n'name.png"]
    (tmp_path / "link").unlink()  # where it led is remembered
    assert imgsim("undo", "last").returncode == 0
    assert _tree(library) == before


@posix
def test_print0_and_the_script(imgsim: Run, library: Path, tmp_path: Path) -> None:
    before = _tree(library)
    plan, script = tmp_path / "plan.json", tmp_path / "do it.sh"
    imgsim("find-dupes", library, "--plan", plan)
    waste = library / ".imgsim-trash"
    waste.write_text("what another program does needs no waste folder")
    printed = imgsim("apply", plan, "--print0")
    assert printed.stdout == f"{library}/copies/same\n'name.png\0"
    assert imgsim("apply", plan, "--script", tmp_path / "other.sh").returncode == 3
    waste.unlink()
    assert imgsim("apply", plan, "--script", script).returncode == 0
    assert imgsim("apply", plan, "--script", script).returncode == 2  # it is there
    for shell in filter(shutil.which, ("sh", "dash", "bash")):
        copy = tmp_path / shell
        shutil.copytree(library, copy)
        text = script.read_bytes().replace(os.fsencode(library), os.fsencode(copy))
        (tmp_path / "script.sh").write_bytes(text)
        done = subprocess.run([shell, tmp_path / "script.sh"], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert "copies/same\n'name.png" not in _tree(copy)
        moved = [p for p in copy.rglob("*name.png") if ".imgsim-trash" in p.parts]
        assert moved[0].read_bytes() == before["one.png"][0]
    for change in (
        lambda: (library / "one.png").write_bytes(b""),
        lambda: (library / "one.png").write_bytes(b"x" * len(before["one.png"][0])),
        lambda: (library / "one.png").unlink(),
    ):
        change()
        done = subprocess.run(["sh", script], capture_output=True, check=False)
        assert done.returncode == 3
        assert (library / "copies/same\n'name.png").exists()


@posix
def test_scripts_and_lists_have_the_sidecars_too(
    imgsim: Run, library: Path, tmp_path: Path
) -> None:
    copies = library / "copies"
    sidecar = copies / "same\n'name.xmp"
    sidecar.write_text("stars")
    plan, script = tmp_path / "plan.json", tmp_path / "do it.sh"
    imgsim("find-dupes", library, "--plan", plan)
    listed = imgsim("apply", plan, "--print0")
    assert (listed.returncode, listed.stdout) == (3, "")  # another program may delete it
    assert "it has a sidecar that the kept file lacks" in listed.stderr
    assert imgsim("apply", plan, "--script", script).returncode == 0
    windows = tmp_path / "do it.ps1"
    assert imgsim("apply", plan, "--script", windows).returncode == 0
    assert "Move-Sidecar 'copies/same" in windows.read_text().replace("\\", "/")
    sidecar.write_text("STARS")
    changed = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
    assert (changed.returncode, "the sidecar has changed" in changed.stderr) == (3, True)
    (moved,) = (library / ".imgsim-trash").rglob("*name.png")
    moved.rename(copies / moved.name)
    sidecar.write_text("stars")
    done = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("moved 1 files and 1 sidecars to ")
    assert not sidecar.exists()
    assert [p.read_text() for p in (library / ".imgsim-trash").rglob("*.xmp")] == ["stars"]
    for path in list((library / ".imgsim-trash").rglob("*name.*")):
        path.rename(copies / path.name)
    (library / "one.xmp").write_text("stars")  # the kept file has the same
    listed = imgsim("apply", plan, "--print0")
    assert listed.stdout.split("\0") == [f"{copies}/same\n'name{e}" for e in (".png", ".xmp")] + [
        ""
    ]


def _hostile_plan() -> tuple[Plan, list[Removed]]:
    keep = PlannedFile(b"$(touch x)`id`\\'\xff.jpg", "a" * 64, 1, 1)
    gone = PlannedFile("it\u2019s; rm -rf .jpg".encode(), "a" * 64, 1, 1)
    plan = Plan("/p'q", "r", "1", 1, "auto", "normal", 1.0,
                (PlanGroup(keep, (Removal(gone, "exact"),)),))  # fmt: skip
    return plan, [Removed(gone.path, keep.path, "exact", 1)]


def test_names_are_no_code_in_scripts() -> None:
    plan, removed = _hostile_plan()
    script = b"".join(write_script(plan, removed, ApplyOptions(), sidecars={}))
    assert b"move '$(touch x)`id`\\'\\''\xff.jpg' aaaa" in script
    assert b"root='/p'\\''q'\n" in script
    with pytest.raises(UsageError, match="no UTF-8"):
        list(write_script(plan, removed, ApplyOptions(), sidecars={}, powershell=True))
    swapped = [Removed(removed[0].path, removed[0].path, "exact", 1)]
    parts = write_script(plan, swapped, ApplyOptions(), sidecars={}, powershell=True)
    text = b"".join(parts).decode()
    assert "Move-Copy 'it\u2019\u2019s; rm -rf .jpg'" in text
    with pytest.raises(UsageError, match="--script moves"):
        list(write_script(plan, removed, ApplyOptions("delete"), sidecars={}))


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("check_move_folder", "nothing was moved"),
        ("busy_paths", "nothing was moved, the same command begins again"),
        ("Journal.end_step", "apply --resume 2 --yes goes on, imgsim undo 2 takes it back"),
    ],
)
def test_ctrl_c_names_the_run_that_it_ended_and_no_other(
    where: str, told: str, imgsim: Run, library: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """`undo last` would take an older run back, where this one had not begun."""
    plan = tmp_path / "plan.json"
    imgsim("find-dupes", library, "--plan", plan)
    imgsim("apply", plan, "--yes")
    (library / "copies" / "again.png").write_bytes((library / "one.png").read_bytes())
    imgsim("find-dupes", library, "--plan", plan)

    def interrupt(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"imgsim.act.apply.{where}", interrupt)
    ended = imgsim("apply", plan, "--yes")
    assert ended.returncode == 130
    assert told in ended.stderr
    assert "last" not in ended.stderr
    listed = len(imgsim("runs").stdout.splitlines())
    assert listed == (2 if where == "Journal.end_step" else 1), "no run is listed for nothing"


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_moved_before_an_interruption_is_told(
    number: int, library: Path, tmp_path: Path, imgsim: Run
) -> None:
    """In a file or a pipe too, once each, also when the run is resumed and interrupted again."""
    for name in ("a", "b", "c"):
        shutil.copy(library / "one.png", library / "copies" / f"{name}.png")
    imgsim("find-dupes", library, "--plan", tmp_path / "plan.json")
    program = (
        "import os, sys\n"
        "from imgsim.act import apply\n"
        "real = apply.Remover.remove\n"
        "def remove(self, chosen):\n"
        "    if chosen.removal.file.path.endswith(sys.argv[1].encode()):\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "    return real(self, chosen)\n"
        "apply.Remover.remove = remove\n"
        "from imgsim.cli.main import main\n"
        "more = ['--yes', '--yes-folders', '--executor', 'threads']\n"
        "sys.exit(main(['apply', *sys.argv[2:], *more]))"
    )
    told = []
    for at, words in (("c.png", [tmp_path / "plan.json"]), ("name.png", ["--resume"])):
        command = [sys.executable, "-c", program, at, *map(str, words)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode == 128 + number
        told += ended.stdout.splitlines()
    assert told == [f"moved  copies/{name}.png  (exact; kept: one.png)" for name in "abc"]


@posix
def test_a_killed_run_is_resumed(imgsim: Run, library: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    imgsim("find-dupes", library, "--plan", plan)
    before = _tree(library)
    program = (
        "import os, signal, sys\n"
        "from imgsim.act import systems as files\n"
        "real = files.DescriptorFileSystem.sync_folder\n"
        "def sync(self, folder):\n"
        "    if any(b'name.png' in n for n in self.names(folder)) and 'trash' in"
        " os.readlink(f'/proc/self/fd/{folder}'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(self, folder)\n"
        "files.DescriptorFileSystem.sync_folder = sync\n"
        "from imgsim.cli.main import main\n"
        f"sys.exit(main(['apply', {str(plan)!r}, '--yes']))\n"
    )
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")
    killed = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert killed.returncode == -9
    assert "interrupted: quarantine, 0 files, 1 begun  " in imgsim("runs").stdout
    left = _tree(library)
    dry = imgsim("apply", "--resume")
    assert (dry.returncode, dry.stdout.count("would move")) == (0, 1)
    assert "nothing was changed: add --yes" in dry.stderr
    assert _tree(library) == left
    assert "interrupted: quarantine" in imgsim("runs").stdout
    resumed = imgsim("apply", "--resume", "--yes")
    assert resumed.returncode == 0
    assert "moved 1 file" in resumed.stderr
    assert imgsim("undo", "last").returncode == 0
    assert _tree(library) == before


def test_the_library_has_the_same_guards(library: Path) -> None:
    import imgsim

    found = imgsim.find_duplicates(library, options=imgsim.RunOptions(executor="threads"))
    plan = imgsim.plan(found)
    assert len(imgsim.apply(plan).removed) == 1
    assert (library / "copies/same\n'name.png").exists()
    (library / "one.png").write_bytes(b"")
    left = imgsim.apply(plan, yes=True).left
    assert [one.reason for one in left] == ["the kept file: it is empty"]
    with pytest.raises(imgsim.UsageError):
        imgsim.undo("last")
    text = "".join(imgsim.write_plan(plan)).replace("one.png", "/one.png")
    with pytest.raises(imgsim.UsageError):
        imgsim.read_plan(text.encode())


# Settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ['output = "../.bashrc"', 'plan = "x"', 'cache = "/tmp/x"', "yes = true", "delete = true",
     'include = "edited"', 'keep = "smallest"', 'protect = "x"', 'move = "x"', 'script = "x"',
     'weights = "x.pth"', 'method = "siamese:weights=x.pth"', 'montage = "x.png"',
     'drop-list = "x"', 'write-splits = "x"', "update-baseline = true",
     'copy-to = "x"', 'map = "x.png"', 'files-from = "x"', 'o = "x"',
     'reference = "copies"', "follow-symlinks = true"],
)  # fmt: skip
@pytest.mark.parametrize("table", ["", "[find-dupes]\n", "[apply]\n"])
def test_settings_found_by_themselves_neither_write_load_nor_remove(
    line: str, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim.cli.config import defaults

    monkeypatch.chdir(tmp_path)
    (tmp_path / "imgsim.toml").write_text(table + line + "\n")
    with pytest.raises(UsageError, match="only the command line may") as raised:
        defaults(None, "find-dupes")
    assert "--config" in raised.value.hint


def test_a_settings_file_that_is_named_may_set_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim.cli.config import defaults

    (tmp_path / "mine.toml").write_text('[find-dupes]\noutput = "x.txt"\nkeep = "smallest"\n')
    chosen = defaults(str(tmp_path / "mine.toml"), "find-dupes")
    assert chosen == {"find-dupes": {"output": "x.txt", "keep": ["smallest"]}}


@posix
def test_settings_that_others_may_write_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim.cli.config import defaults

    monkeypatch.chdir(tmp_path)
    file = tmp_path / "imgsim.toml"
    file.write_text('preset = "strict"\n')
    assert defaults(None, "find-dupes") == {"find-dupes": {"preset": "strict"}}
    file.chmod(0o646)
    with pytest.raises(UsageError, match="others may write it"):
        defaults(None, "find-dupes")
    assert defaults(str(file), "find-dupes") == {"find-dupes": {"preset": "strict"}}
    file.chmod(0o644)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    if file.stat().st_uid == 0:
        monkeypatch.setattr(Path, "stat", _of_another(Path.stat))
    with pytest.raises(UsageError, match="another user"):
        defaults(None, "find-dupes")


def _of_another(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    def stat(self: Path, **more: bool) -> os.stat_result:
        values = list(real(self, **more))
        values[4] = 4242  # st_uid
        return os.stat_result(values)

    return stat


def test_a_run_names_its_settings_file(imgsim: Run, library: Path) -> None:
    (library / "imgsim.toml").write_text('preset = "strict"\n')
    done = imgsim("find-dupes", ".", cwd=library)
    assert f"settings from {library / 'imgsim.toml'}" in done.stderr
    quiet = imgsim("find-dupes", ".", "-q", cwd=library)
    assert "settings" not in quiet.stderr
