"""find-dupes as a user runs it."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from imgsim.schemas import schema

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and pipes")


def test_json_is_as_the_schema_has_it_and_twice_the_same(imgsim, demo) -> None:
    folder, made = demo
    arguments = ("find-dupes", folder, "--format", "json")
    cold = imgsim(*arguments, "--no-timing")
    warm = imgsim(*arguments, "--no-timing", "--jobs", "1")
    assert (cold.returncode, warm.returncode) == (0, 0)
    assert cold.stdout == warm.stdout
    assert "(24 decoded)" in cold.stderr
    assert "(0 decoded)" in warm.stderr
    timed = json.loads(imgsim(*arguments).stdout)
    plain = json.loads(cold.stdout)
    for document in (timed, plain):
        jsonschema.validate(document, schema(document["schema"]))
    assert timed.pop("seconds")["total"] > 0
    assert timed == plain
    assert plain["images"] == made.files - 1
    assert plain["reclaimable_bytes"] == sum(
        m["bytes"]
        for g in plain["groups"]
        for m in g["members"]
        if m["role"] in ("exact", "pixels", "reencoded", "smaller")
    )
    for group in plain["groups"]:
        kept = group["members"][0]
        assert (kept["kind"], kept["path"], kept["score"]) == ("kept", group["keep"], None)
        assert group["copies"] == len(group["members"])


def test_stages_are_measured_where_that_is_asked_for(imgsim, demo) -> None:
    folder, _ = demo
    arguments = ("find-dupes", folder, "--format", "json", "--profile-stages", "--cache", "off")
    done = imgsim(*arguments)
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema(document["schema"]))
    stages = document["seconds_by_stage"]
    assert {"starting", "listing", "decoding", "features", "verifying", "grouping"} <= set(stages)
    assert "report" not in stages  # it is not written yet
    assert [line.split()[0] for line in done.stderr.splitlines() if " s  the result" in line] == [
        "report"
    ]
    assert done.stderr.splitlines()[-1].startswith("all ")
    assert "seconds_by_stage" not in json.loads(imgsim(*arguments, "--no-timing").stdout)


def test_jsonl_and_csv_say_the_same_as_json(imgsim, demo) -> None:
    folder, _ = demo
    document = json.loads(imgsim("find-dupes", folder, "-f", "json").stdout)
    lines = imgsim("find-dupes", folder, "-f", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == document["groups"]
    rows = list(csv.DictReader(io.StringIO(imgsim("find-dupes", folder, "-f", "csv").stdout)))
    assert [(row["group"], row["path"], row["kind"]) for row in rows] == [
        (str(g["id"]), m["path"], m["kind"]) for g in document["groups"] for m in g["members"]
    ]


def test_text_fits_80_columns_and_ends_lines_with_paths(imgsim, demo, tmp_path: Path) -> None:
    folder, _ = demo
    done = imgsim("find-dupes", ".", cwd=folder)
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].startswith("Group 1: 1 + 2 copies, 135.6 kB could be freed")
    assert any(line.endswith("phone/backup of IMG_0001.jpg") for line in lines)
    assert "\x1b" not in done.stdout + done.stderr
    summary = done.stderr
    assert "9 groups of 19 files; " in summary
    assert " not needed, " in summary
    assert "broken.jpg: damaged: " in summary
    assert imgsim("find-dupes", ".", "-q", cwd=folder).stderr == ""
    listed = imgsim("find-dupes", ".", "-o", tmp_path / "out.txt", cwd=folder)
    assert listed.stdout == ""
    assert (tmp_path / "out.txt").read_text() == done.stdout


def test_gates(imgsim, demo, tmp_path: Path) -> None:
    folder, _ = demo
    known = tmp_path / "known.json"
    assert imgsim("find-dupes", folder, "--check").returncode == 1
    scans = imgsim("find-dupes", folder / "scans", "--check")  # blank pages
    assert scans.returncode == 2
    assert "every image is too small or too plain" in scans.stderr
    assert imgsim("find-dupes", folder, "-f", "json", "-o", known).returncode == 0
    assert imgsim("find-dupes", folder, "--check", "--baseline", known).returncode == 0
    document = json.loads(known.read_text())
    document["groups"][0]["members"].pop()
    known.write_text(json.dumps(document))
    again = imgsim("find-dupes", folder, "--check", "--baseline", known)
    assert again.returncode == 1
    assert "1 group is not in the baseline" in again.stderr
    assert imgsim("find-dupes", folder, "--strict").returncode == 2
    assert imgsim("find-dupes", folder, "--check", "--strict").returncode == 2
    assert imgsim("find-dupes", folder / "camera", "--strict").returncode == 0


def test_an_empty_folder_is_a_result_but_not_under_a_gate(imgsim, tmp_path: Path) -> None:
    done = imgsim("find-dupes", tmp_path, "-f", "json")
    assert (done.returncode, json.loads(done.stdout)["images"]) == (0, 0)
    assert "0 images" in done.stderr
    assert imgsim("find-dupes", tmp_path, "--check").returncode == 2


def test_a_gate_does_not_pass_where_a_reference_is_empty(imgsim, demo, tmp_path: Path) -> None:
    asked = ("find-dupes", demo[0] / "camera", "--reference", tmp_path)
    assert imgsim(*asked).returncode == 0
    gate = imgsim(*asked, "--check")
    assert (gate.returncode, "no readable image below --reference" in gate.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["nowhere"], "no such path: nowhere", "check the spelling"),
        ([], "Missing argument 'PATH...'", "imgsim find-dupes --help"),
        ([".", "-m", "phsh"], "unknown method: phsh", "did you mean phash"),
        ([".", "-m", "phash:length=3"], "no field 'length'", "fields: size"),
        ([".", "--threshold", "1000"], "out of range", "residual: 0 to 10"),
        ([".", "--threshold", "much"], "'much' is not a valid float", "--help"),
        ([".", "--fromat", "json"], "No such option", "--help"),
        ([".", "--only-new"], "without --baseline", "add --baseline"),
        ([".", "--update-baseline"], "without --baseline", "add --baseline"),
        ([".", "--check", "--baseline", "known.json"], "cannot read baseline", "make one"),
        ([".", "-o", "no/such/folder/out"], "cannot write", "another file"),
        (
            [".", "--files-from", "no-list"],
            "cannot read the list no-list",
            "name one that is there",
        ),
        ([".", "-m", "all"], "takes one method", "imgsim matches"),
        ([".", "-f", "json", "-o", "/dev/full"], "cannot write /dev/full", "another place"),
        ([".", "--config", "no.toml"], "No such option", ""),
    ],
)
def test_mistakes_give_one_line_a_hint_and_exit_code_2(
    arguments: list[str], error: str, hint: str, imgsim, tmp_path: Path
) -> None:
    done = imgsim("find-dupes", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("imgsim: error: "))
    assert error in lines[first]
    assert len(lines) - first <= 2
    assert hint in done.stderr


def test_an_unexpected_error_has_its_traceback_only_with_v(imgsim, demo, tmp_path: Path) -> None:
    bad = tmp_path / "cache"
    program = (
        "import imgsim.tasks.find_duplicates, imgsim.cli.main as m, sys\n"
        "def broken(*a, **k): raise ZeroDivisionError('over there')\n"
        "imgsim.tasks.find_duplicates.find_duplicates = broken\n"
        "sys.exit(m.main(['find-dupes', '.', *sys.argv[1:]]))\n"
    )
    for extra in ([], ["-v"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *extra], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "internal error: ZeroDivisionError: over there" in done.stderr
        assert ("Traceback" in done.stderr) == bool(extra)
    assert not bad.exists()


@POSIX
def test_a_closed_pipe_is_141_and_silent(demo) -> None:
    folder, _ = demo
    command = f"{sys.executable} -m imgsim find-dupes -q {folder} {folder} -f jsonl"
    done = subprocess.run(
        ["bash", "-c", f"{command} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "141\n"
    assert done.stderr == ""


@POSIX
def test_ctrl_c_is_130_and_the_next_run_goes_on_from_there(tmp_path: Path, photo, imgsim) -> None:
    photo(1).resize((1600, 1200)).save(tmp_path / "000.png", compress_level=1)
    whole = (tmp_path / "000.png").read_bytes()
    for i in range(60):
        (tmp_path / f"{i:03}.png").write_bytes(whole + b"%03d" % i)
        os.utime(tmp_path / f"{i:03}.png", (10**9, 10**9))
    running = subprocess.Popen(
        [sys.executable, "-m", "imgsim", "find-dupes", tmp_path, "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while running.poll() is None and not _files_known():
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130
    assert error.splitlines()[-1] == "imgsim: interrupted; the next run goes on from here"
    assert "Traceback" not in error
    known = _files_known()
    done = imgsim("find-dupes", tmp_path)
    assert done.returncode == 0
    assert "1 group of 60 files" in done.stderr
    assert f"({60 - known} decoded)" in done.stderr


def _files_known() -> int:
    try:
        with closing(sqlite3.connect(os.environ["IMGSIM_CACHE"])) as db:
            return db.execute("SELECT COUNT(*) FROM fact").fetchone()[0]
    except sqlite3.Error:
        return 0


@POSIX
def test_names_that_are_no_text(tmp_path: Path, photo, imgsim) -> None:
    names = [b"a\xff.png", b"new\nline.png"]
    for name in names:
        photo(1).save(tmp_path / "x.png")
        (tmp_path / "x.png").rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)))
    listed = b"".join(os.fsencode(tmp_path) + b"/" + name + b"\0" for name in names)
    done = imgsim("find-dupes", "--files-from", "-", "-0", "-f", "json", stdin=listed)
    members = json.loads(done.stdout)["groups"][0]["members"]
    raw = [m["path_bytes"] for m in members if "path_bytes" in m]
    assert [os.path.basename(base64.b64decode(r)) for r in raw] == [names[0]]
    text = imgsim("find-dupes", tmp_path).stdout
    assert "a\\xff.png" in text
    assert "new\\nline.png" in text


def test_a_configuration_file_sets_defaults(imgsim, demo, tmp_path: Path) -> None:
    folder, _ = demo
    config = tmp_path / "imgsim.toml"
    config.write_text('method = "dhash"\n[find-dupes]\nformat = "json"\nexclude = ["phone"]\n')
    document = json.loads(imgsim("find-dupes", folder, cwd=tmp_path).stdout)
    assert (document["method"], document["groups"]) == ("dhash", [])
    overridden = json.loads(imgsim("find-dupes", folder, "-m", "ahash", cwd=tmp_path).stdout)
    assert overridden["method"] == "ahash"
    (tmp_path / "pyproject.toml").write_text('[tool.imgsim]\nmethod = "whash"\n')
    named = imgsim("--config", "pyproject.toml", "find-dupes", folder, "-f", "json", cwd=tmp_path)
    assert json.loads(named.stdout)["method"] == "whash"
    config.write_text("metod = 'dhash'\n")
    wrong = imgsim("find-dupes", folder, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "did you mean method?" in wrong.stderr


def test_the_settings_of_the_documents_suit_every_command(imgsim, demo, tmp_path: Path) -> None:
    folder, made = demo
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    toml = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "imgsim.toml").write_text(toml + '[compare]\nformat = "json"\n')
    pair = [folder / name for name in made.groups[1]]
    for arguments in (
        ("find-dupes", folder),
        ("matches", folder / "scans"),
        ("search", pair[0], "--in", folder),
        ("compare", *pair),
    ):
        done = imgsim(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["methods"][0]["name"] == "phash:size=16"
    for toml, error in (
        ('method = ["phash", "ssim"]', "takes one value here"),
        ("jobs = false", "another kind"),
        ("method = 5", "unknown method: 5"),
        ("check = 3", "another kind"),
    ):
        (tmp_path / "imgsim.toml").write_text(toml)
        done = imgsim("find-dupes", folder, cwd=tmp_path)
        assert (done.returncode, error in done.stderr) == (2, True)


def test_a_read_only_folder_and_no_home(imgsim, demo, monkeypatch) -> None:
    """Nothing is written next to the pictures, and a cache that cannot be made is no obstacle."""
    folder, _ = demo
    before = sorted(folder.rglob("*"))
    monkeypatch.setenv("IMGSIM_CACHE", "/proc/nowhere/cache.sqlite")
    done = imgsim("find-dupes", folder)
    assert done.returncode == 0
    assert done.stderr.startswith("imgsim: going on without the cache")
    assert sorted(folder.rglob("*")) == before


@POSIX
def test_names_are_no_commands_of_terminals_and_spreadsheets(imgsim, tmp_path: Path, photo) -> None:
    names = ["-x.png", "=cmd().png", "a\x1b[31m.png", "b\\x1b.png", "c\u202egnp.exe.png"]
    for name in names:
        photo(1).save(tmp_path / name)
    written = [
        imgsim("find-dupes", "-q", "-f", *form.split(), "--", *names, cwd=tmp_path).stdout
        for form in ("text", "json", "csv", "csv --spreadsheet")
    ]
    assert [c for text in written for c in text if c != "\n" and not c.isprintable()] == []
    assert {m["path"] for m in json.loads(written[1])["groups"][0]["members"]} == set(names)
    rows = [list(csv.DictReader(text.splitlines())) for text in written[2:]]
    shown = ["-x.png", "=cmd().png", "a\\x1b[31m.png", "b\\x1b.png", "c\\u202egnp.exe.png"]
    assert sorted(row["path"] for row in rows[0]) == shown
    read = {os.fsdecode(base64.b64decode(r["path_bytes"])) or r["path"] for r in rows[0]}
    assert read == set(names)
    assert sorted(r["path"] for r in rows[1] if r["path"][0] == "'") == ["'-x.png", "'=cmd().png"]


@POSIX
def test_output_to_devices_and_links(imgsim, demo, tmp_path: Path) -> None:
    folder, _ = demo
    target, link, pipe = (tmp_path / name for name in ("target", "link", "pipe"))
    target.write_text("")
    link.symlink_to(target)
    assert imgsim("find-dupes", folder, "-o", link).returncode == 0
    assert link.is_symlink()
    assert target.read_text().startswith("Group 1")
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        assert imgsim("find-dupes", folder, "-o", pipe).returncode == 0
        assert reader.communicate()[0] == target.read_text()
    assert not pipe.is_file()


@POSIX
def test_programs_get_utf_8_whatever_the_terminal(tmp_path: Path, photo, monkeypatch) -> None:
    for name in ("é.png", "日本.png"):
        photo(1).save(tmp_path / name)
    command = [sys.executable, "-m", "imgsim", "find-dupes", str(tmp_path), "-q", "-f"]
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*command, "json"], env=env, capture_output=True, check=True)
    members = json.loads(done.stdout.decode("utf-8"))["groups"][0]["members"]
    assert {Path(m["path"]).name for m in members} == {"é.png", "日本.png"}
    text = subprocess.run([*command, "text"], env=env, capture_output=True, check=True)
    assert b"\\xe9.png" in text.stdout


def test_a_module_in_the_current_folder_is_not_run_by_workers(demo, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('taken over')")
    program = "from imgsim.__main__ import run; run()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, "find-dupes", demo[0], "--cache", "off"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0


def test_an_archive_as_reference(imgsim, demo) -> None:
    folder, _ = demo
    done = imgsim(
        "find-dupes", folder / "phone", "--reference", folder / "camera", "--isolate", "-f", "json"
    )
    document = json.loads(done.stdout)
    assert len(document["groups"]) == 9
    for group in document["groups"]:
        assert group["members"][0]["reference"]
        assert group["keep_reason"] == "a reference file"
        assert {m["reference"] for m in group["members"][1:]} == {False}
