"""An index lasts: what is asked of it, what writers do to it, and what can go wrong."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import jsonschema
import pytest
from PIL import Image

import imgsim as library
from imgsim import DiscoverOptions, RunOptions
from imgsim.cli.main import main
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError
from imgsim.index import manifest as manifests
from imgsim.index import writer as writers
from imgsim.index.manifest import NAME, VERSION, read_manifest, write_manifest
from imgsim.index.snapshot import Snapshot
from imgsim.index.writer import IndexWriter
from imgsim.pictures.generate import landscape
from imgsim.report.document import find_dupes_document, matches_document
from imgsim.report.known import known_document
from imgsim.schemas import schema
from imgsim.tasks.index_state import index_info, verify_index
from imgsim.tasks.index_upkeep import (
    add_to_index,
    build_index,
    remove_from_index,
    upgrade_index,
)

THREADS = RunOptions(executor="threads")


def _known(archive: object, *, new: str = "new") -> dict:
    found = library.known(new, archive, options=THREADS)  # type: ignore[arg-type]
    return known_document(found, timing=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``old``, ``new`` and an index ``F`` of the former; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("old/blank", "new"):
        (folder / name).mkdir(parents=True)
    for seed in range(91, 98):
        picture = Image.fromarray(landscape(seed, 320, 240))
        picture.save(folder / "old" / f"{seed}.jpg", quality=92)
        if seed < 93:
            picture.resize((240, 180)).save(folder / "new" / f"{seed} small.jpg")
            picture.crop((32, 24, 300, 230)).save(folder / "new" / f"{seed} part.png")
        if seed > 95:
            shutil.copy(folder / "old" / f"{seed}.jpg", folder / "new" / f"{seed} same.jpg")
    shutil.copy(folder / "old" / "97.jpg", folder / "old" / "97 again.jpg")
    Image.fromarray(landscape(90, 320, 240)).save(folder / "new" / "other.jpg")
    for name in ("old/blank/1.png", "old/blank/2.bmp", "new/blank.gif"):
        Image.new("RGB", (300, 200), "white").save(folder / name)
    (folder / "old" / "blank" / "broken.jpg").write_bytes(b"no picture")
    before = os.getcwd()
    os.chdir(folder)
    try:
        build_index("F", "old", replace(THREADS, cache=folder / "cache.sqlite"))
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def there(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as the current folder, to be changed."""
    for name in ("old", "new"):
        shutil.copytree(made / name, tmp_path / "there" / name, copy_function=shutil.copy2)
    monkeypatch.chdir(tmp_path / "there")
    build_index("F", "old", replace(THREADS, cache=made / "cache.sqlite"))
    return tmp_path / "there"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., CompletedProcess[str]]:
    """Run a command in this process."""

    def run(*arguments: str) -> CompletedProcess[str]:
        threads = () if arguments[:2] in PLAIN else ("--executor", "threads")
        code = main([*arguments, *threads])
        return CompletedProcess(arguments, code, *capsys.readouterr())

    return run


PLAIN = {("index", name) for name in ("remove", "info", "verify")}


def _in_small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "BATCH", 3)
    monkeypatch.setattr("imgsim.tasks.index_upkeep.BATCH", 3)
    monkeypatch.setattr(writers, "MERGED", 3)


def test_the_answers_are_those_of_the_folder(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was built at once, or in parts, with files that were removed again."""
    monkeypatch.chdir(made)
    _in_small_segments(monkeypatch)
    monkeypatch.setattr(writers, "MERGED", 100)
    parts = tmp_path / "parts"
    build_index(parts, ["old/blank", "new"], THREADS)
    add_to_index(parts, "old", THREADS)
    remove_from_index(parts, ["new"])
    assert index_info(parts).segments > 1
    queries = sorted(map(str, Path("new").iterdir()))
    known = _known("old")
    assert sum(bool(one["known"]) for one in known["answers"]) >= 7
    ranked = matches_document(library.search(queries, "old", "auto", options=THREADS), timing=False)
    with_old = replace(THREADS, discover=DiscoverOptions(reference=["old"]))
    groups = find_dupes_document(library.find_duplicates("new", options=with_old), timing=False)
    assert len(groups["groups"]) >= 5
    for folder in ("F", parts):
        with library.Index.open(folder, options=THREADS) as index:
            assert _known(index.snapshot) == known
            assert matches_document(index.search(queries), timing=False) == ranked
            found = find_dupes_document(index.find_duplicates("new"), timing=False)
        # of files of the index alone nothing is told, and their pairs are counted by contents
        told = dict.fromkeys(("skipped", "not_judged", "pairs_compared", "expected_false_pairs"))
        assert {**found, **told} == {**groups, **told}


def test_an_index_beside_a_reference_folder(made: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(made)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    for seed in range(91, 98):
        shutil.copy(f"old/{seed}.jpg", tmp_path / ("one" if seed % 2 else "other"))
    build_index(tmp_path / "F", tmp_path / "one", THREADS)
    given = [str(tmp_path / name) for name in ("one", "other")]
    both, other = (
        replace(THREADS, discover=DiscoverOptions(reference=some)) for some in (given, given[1:])
    )
    expected = library.find_duplicates("new", options=both)
    with library.Index.open(tmp_path / "F", options=other) as index:
        found = index.find_duplicates("new")
    assert (found.images, len(found.groups)) == (expected.images, len(expected.groups))
    assert found.groups == expected.groups
    assert len(found.groups) >= 4


def test_a_file_of_the_index_is_no_copy_of_itself(made: Path, monkeypatch) -> None:
    monkeypatch.chdir(made)
    alone = library.find_duplicates("old", options=THREADS)
    with library.Index.open("F", options=THREADS) as index:
        assert not index.find_duplicates("old").groups
        answers = index.known("old").answers
    copies = {m.picture.file.path for group in alone.groups for m in group.members}
    assert len(copies) == 4
    assert {a.path for a in answers if a.known} == copies
    assert all(a.in_archive for a in answers if not a.reason)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize(
    ("asked", "indexed", "more"),
    [
        ("a", "old", ()),  # a link to the folder that was indexed
        ("holder", "old", ("--follow-symlinks",)),
        ("old", "a", ()),  # a link was indexed
        ("92 hard.jpg", "old", ()),
        ("92 soft.jpg", "old", ()),
        ("old", "92 soft.jpg", ()),
    ],
)
def test_a_changed_file_of_the_index_is_no_copy_by_any_path(
    there: Path, cli, asked: str, indexed: str, more: tuple[str, ...]
) -> None:
    """It is not planned to be removed, and a new file beside it is."""
    Path("a").symlink_to("old")
    Path("holder").mkdir()
    Path("holder/a").symlink_to("../old")
    Path("92 soft.jpg").symlink_to("old/92.jpg")
    build_index("G", [indexed, "old/91.jpg"], THREADS)
    shutil.copy("old/91.jpg", "copy.jpg")
    os.replace("copy.jpg", "old/92.jpg")  # another file, of another inode
    os.link("old/92.jpg", "92 hard.jpg")
    shutil.copy("old/91.jpg", "new.jpg")
    done = cli("find-dupes", asked, "new.jpg", "--index", "G", "--plan", "plan.json", *more)
    assert done.returncode == 0, done.stderr
    plan = json.loads(Path("plan.json").read_text())
    removed = {one["path"] for group in plan["groups"] for one in group["remove"]}
    assert "new.jpg" in removed
    assert not [path for path in removed if "92" in path]
    assert main(["apply", "plan.json", "--yes"]) == 0
    assert Path("old/92.jpg").exists()
    assert not Path("new.jpg").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_apply_leaves_what_the_index_has_by_now(there: Path, cli, capsys) -> None:
    """Be it by another path, in a plan that names it."""
    done = cli("find-dupes", "new", "--index", "F", "--plan", "plan.json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(Path("plan.json").read_text())
    jsonschema.validate(plan, schema("imgsim.plan/1"))
    assert plan["index"] == str(there / "F")
    Path("n").symlink_to("new")
    add_to_index("F", ["n/96 same.jpg"], THREADS)
    assert main(["apply", "plan.json", "--yes"]) == 3
    assert "skipped  new/96 same.jpg: a file of the index" in capsys.readouterr().out
    assert Path("new/96 same.jpg").exists()
    assert not Path("new/97 same.jpg").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_each_file_is_in_it_once_and_counted_once(there: Path, cli) -> None:
    Path("a").symlink_to("old")
    images = index_info("F").images
    added = add_to_index("F", "a", THREADS)
    assert (added.added, added.changed, added.unchanged) == (0, 0, images)
    Image.fromarray(landscape(99, 320, 240)).save("old/92.jpg")
    with library.Index.open("F", options=THREADS) as index:  # it is no other file than itself
        assert not any(a.not_compared for a in index.known("a/92.jpg").answers)
        assert not index.find_duplicates("a/92.jpg").unverified
    added = add_to_index("F", "a", THREADS)
    assert (added.added, added.changed, added.unchanged) == (0, 1, images - 1)
    info = index_info("F")
    assert (info.images, list(info.roots)) == (images, ["old"])
    assert not verify_index("F", sources=True).sources
    for asked in ("old", "a"):
        with library.Index.open("F", options=THREADS) as index:
            assert index.find_duplicates(asked).images == images
            assert index.find_duplicates([asked, "new/other.jpg"]).images == images + 1


def test_all_that_is_gone_and_may_match_is_named_the_nearest_first(there: Path, cli) -> None:
    Image.open("old/91.jpg").crop((30, 20, 300, 230)).save("old/90 part.png")
    add_to_index("F", "old/90 part.png", THREADS)
    for name in ("old/91.jpg", "old/90 part.png"):
        Path(name).unlink()
    asked = "new/91 small.jpg"
    done = cli("search", asked, "--index", "F", "-f", "json")
    (method,) = json.loads(done.stdout)["methods"]
    pairs = [[f["path"] for f in one["files"]] for one in method["not_compared"]]
    assert pairs == [[asked, "old/90 part.png"], [asked, "old/91.jpg"]]
    (answer,) = json.loads(cli("known", asked, "--index", "F", "-f", "json").stdout)["answers"]
    assert answer["unverified"] == "old/91.jpg"
    done = cli("find-dupes", asked, "--index", "F", "-f", "json", "--strict")
    assert [one["with"] for one in json.loads(done.stdout)["unverified"]] == [
        "old/91.jpg", "old/90 part.png",
    ]  # fmt: skip
    assert "1 image unverified" in done.stderr
    assert "may match old/91.jpg\n  new/91 small.jpg: may match old/90 part.png\n" in done.stderr
    assert "-v" not in done.stderr
    assert "1 image could not be compared" in done.stderr


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="needs links")
def test_known_says_that_a_file_cannot_be_read(there: Path, cli) -> None:
    Path("old/91.jpg").unlink()
    Path("old/91.jpg").symlink_to("91.jpg")
    done = cli("known", "new/91 small.jpg", "--index", "F", "-f", "json")
    (answer,) = json.loads(done.stdout)["answers"]
    assert "old/91.jpg: it cannot be read: Too many levels" in answer["reason"]
    assert done.returncode == 0


def test_files_that_are_gone_or_changed_are_not_verified(
    there: Path, cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there / "old" / "91.jpg").unlink()
    Image.fromarray(landscape(99, 320, 240)).save("old/92.jpg")
    for path in (*there.glob("new/*same.jpg"), there / "new" / "blank.gif"):
        path.unlink()
    done = cli("known", "new", "--index", "F", "-f", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema("imgsim.known/1"))
    told = {Path(a["path"]).name: (a["known"], a["unverified"]) for a in document["answers"]}
    assert document["unverified"] == 4
    assert told["91 small.jpg"] == (None, "old/91.jpg")
    assert told["92 part.png"] == (None, "old/92.jpg")
    assert told["other.jpg"] == (False, None)
    assert cli("known", "new", "--index", "F", "--strict").returncode == 2
    done = cli("find-dupes", "new", "--index", "F", "-f", "json", "--strict")
    assert done.returncode == 2
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema("imgsim.find-dupes/2"))
    assert [(Path(one["path"]).name, one["with"]) for one in document["unverified"]] == [
        ("91 part.png", "old/91.jpg"), ("91 small.jpg", "old/91.jpg"),
        ("92 part.png", "old/92.jpg"), ("92 small.jpg", "old/92.jpg"),
    ]  # fmt: skip
    done = cli("search", "new/91 small.jpg", "new/other.jpg", "--index", "F", "-f", "json")
    assert [
        ([Path(file["path"]).name for file in one["files"]], "it is gone" in one["reason"])
        for one in json.loads(done.stdout)["methods"][0]["not_compared"]
    ] == [(["91 small.jpg", "91.jpg"], True)]
    assert "new/91 small.jpg and old/91.jpg: it is gone" in done.stderr
    members = {m["path"] for group in document["groups"] for m in group["members"]}
    assert not members & {"old/91.jpg", "old/92.jpg"}
    done = cli("index", "verify", "F", "--sources")
    assert done.returncode == 2
    assert done.stdout == "old/91.jpg: gone\nold/92.jpg: changed\n"


def test_a_copy_that_is_gone_is_not_known_even_where_the_cache_has_the_verdict(
    there: Path, cli
) -> None:
    assert cli("known", "new", "--index", "F").returncode == 1
    shutil.rmtree("old")
    done = cli("known", "new", "--index", "F", "-f", "json")
    assert done.returncode == 0
    answers = json.loads(done.stdout)["answers"]
    assert not any(a["known"] for a in answers)
    same = [a for a in answers if "same" in a["path"] and a["judged"]]
    assert all(a["unverified"] for a in same)


def test_touched_and_moved_files(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _known("old")
    for path in there.rglob("old/*.jpg"):
        os.utime(path)  # the bytes tell that nothing was changed
    assert _known(Snapshot(Path("F"))) == expected
    Image.fromarray(landscape(89, 320, 240)).save("old/92.jpg")
    with library.Index.open("F", options=THREADS) as index:  # it is no other file than itself
        assert not any(a.not_compared for a in index.known("old/92.jpg").answers)
        assert not index.find_duplicates("old/92.jpg").unverified
    images = index_info("F").images
    again = add_to_index("F", "./old/../old", THREADS)  # the same files by another path
    assert (again.added, again.changed, again.unchanged) == (0, 1, images - 1)
    assert index_info("F").images == images
    expected = _known("old")
    os.rename("F", "G")
    (there / "below").mkdir()
    monkeypatch.chdir(there / "below")  # paths that were given from elsewhere are absolute here
    answers = _known(Snapshot(Path("../G")), new="../new")["answers"]
    matched = {m["path"] for answer in answers for m in answer["matches"]}
    assert matched
    assert all(Path(path).is_absolute() and Path(path).exists() for path in matched)
    assert [a["known"] for a in answers] == [a["known"] for a in expected["answers"]]
    (there / "old").rename(there / "moved")
    assert not any(a["known"] for a in _known(Snapshot(Path("../G")), new="../new")["answers"])
    monkeypatch.chdir(there)
    add_to_index("G", "moved", THREADS)
    remove_from_index("G", ["old"])
    info = index_info("G")
    assert (list(info.roots), info.images) == (["moved"], images)


def test_archives_are_indexed_too(there: Path) -> None:
    shutil.make_archive("all", "zip", "old")
    build_index("G", "all.zip", THREADS)
    assert _known(Snapshot(Path("G"))) == _known("all.zip")
    assert not verify_index("G", sources=True).sources
    shutil.make_archive("all", "zip", "new")
    assert verify_index("G", sources=True).sources
    assert remove_from_index("G", ["all.zip"]) == 11


def test_what_was_never_indexed_is_not_removed(there: Path, cli) -> None:
    before = (there / "F" / NAME).read_bytes()
    done = cli("index", "remove", "F", "old/91.jpg", "ol")
    assert (done.returncode, "ol was never indexed" in done.stderr) == (2, True)
    assert (there / "F" / NAME).read_bytes() == before
    (there / "old" / "91.jpg").unlink()
    assert cli("index", "remove", "F", "old/91.jpg").returncode == 0
    info = json.loads(cli("index", "info", "F", "-f", "json").stdout)
    jsonschema.validate(info, schema("imgsim.index/1"))
    assert (info["images"], info["removed"]) == (9, 1)
    assert "9 images" in cli("index", "info", "F").stdout


def test_decisions_apply(there: Path) -> None:
    from imgsim.decisions.store import Decisions

    decisions = Decisions()
    library.decide("not-duplicates", ["new/91 small.jpg", "old/91.jpg"], decisions, options=THREADS)
    with library.Index.open("F", options=THREADS) as index:
        answers = {a.path: a for a in index.known("new", decisions=decisions).answers}
        found = index.find_duplicates("new", decisions=decisions)
    assert (answers["new/91 small.jpg"].known, answers["new/91 small.jpg"].decided) == (False, 1)
    assert not any(
        m.picture.file.path == "new/91 small.jpg" for g in found.groups for m in g.members
    )


# Writers ---------------------------------------------------------------------------------------


def test_a_reader_sees_what_it_opened(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_small_segments(monkeypatch)
    with library.Index.open("F", options=THREADS) as index:
        before = _known(index.snapshot)
        remove_from_index("F", ["old"])
        assert not list(Path("F").glob("*.segment"))
        add_to_index("F", "new", THREADS)
        assert _known(index.snapshot) == before
    assert _known(Snapshot(Path("F"))) != before


def test_what_is_open_outlives_the_files(there: Path) -> None:
    """Nothing is read from a path after an index was opened: `upgrade` removes its segments."""
    expected = _known("old")
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    opened = library.Index.open("F", options=THREADS)
    if before:
        assert len(list(descriptors.iterdir())) - before == len(opened.snapshot.segments)
    upgrade_index("F", THREADS)
    with opened as index:
        assert _known(index.snapshot) == expected
        assert index.search("new/91 small.jpg").methods[0].queries[0].matches[0].verdict == "copy"
        assert len(index.find_duplicates("new")) >= 5
    assert _known(Snapshot(Path("F"))) == expected


def test_a_second_writer_is_refused_at_once(there: Path, cli) -> None:
    with IndexWriter(Path("F")):
        for command in (["add", "F", "new"], ["remove", "F", "old"]):
            done = cli("index", *command)
            assert (done.returncode, done.stdout) == (2, "")
            assert "another process is changing F" in done.stderr
        assert cli("known", "new", "--index", "F").returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_kill_9_loses_the_last_batch_at_most(there: Path) -> None:
    Path("many").mkdir()
    for seed in range(24):
        Image.fromarray(landscape(seed, 96, 72)).save(f"many/{seed:02}.png")
    program = (
        "import sys, imgsim.tasks.index_upkeep as upkeep\n"
        "from imgsim import RunOptions\n"
        "from imgsim.index.writer import IndexWriter\n"
        "upkeep.BATCH = 4\n"
        "append = IndexWriter.append\n"
        "def told(self, *batch):\n"
        "    append(self, *batch)\n"
        "    print(self.snapshot.pictures, flush=True)\n"
        "IndexWriter.append = told\n"
        "upkeep.add_to_index('F', 'many', RunOptions(executor='threads'))\n"
    )
    whole = index_info("F").images
    for seconds in (0.0, 0.05):
        adding = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert adding.stdout is not None
        last = int(adding.stdout.readline())
        time.sleep(seconds)
        adding.send_signal(signal.SIGKILL)
        told = [last, *map(int, adding.stdout.read().split())]
        adding.wait()
        adding.stdout.close()
        snapshot = Snapshot(Path("F"))
        assert told[-1] <= snapshot.pictures <= whole + 24
        assert not verify_index("F", sources=True).damaged
    add_to_index("F", "many", THREADS)
    assert index_info("F").images == whole + 24
    named = {entry.name for entry in read_manifest(Path("F")).segments}
    assert {path.name for path in Path("F").glob("*.segment")} == named


@pytest.mark.parametrize("command", ["build", "add"])
def test_an_interrupted_command_says_what_is_kept(
    command: str, there: Path, cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_small_segments(monkeypatch)
    if command == "add":
        build_index("E", "new/other.jpg", THREADS)
    append, times = IndexWriter.append, iter((1, 2))

    def interrupted(*batch: object) -> None:
        append(*batch)  # type: ignore[arg-type]
        if next(times) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(IndexWriter, "append", interrupted)
    done = cli("index", command, "E", "old")
    images = index_info("E").images
    assert (done.returncode, images > 3) == (130, True)
    assert f"interrupted; E holds {images} images, imgsim index add goes on" in done.stderr


def test_nothing_is_compared_with_an_index_of_no_image(there: Path, cli) -> None:
    Path("empty").mkdir()
    built = cli("index", "build", "E", "empty")
    assert (built.returncode, built.stderr.splitlines()) == (
        2,
        [
            "0 images added",
            "imgsim: error: no readable image in the index E",
            "  hint: imgsim index add E PATH",
        ],
    )
    for asked in (
        ("find-dupes", "new", "--check"),
        ("find-dupes", "new"),
        ("known", "new"),
        ("search", "new/other.jpg"),
    ):
        done = cli(*asked, "--index", "E")
        assert (done.returncode, done.stdout) == (2, "")
        assert "no readable image in the index E" in done.stderr
    assert cli("index", "add", "E", "old").returncode == 0
    assert cli("index", "add", "E", "empty").returncode == 0


def test_small_segments_are_put_together(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_small_segments(monkeypatch)
    build_index("G", "old", THREADS)
    for path in sorted(Path("new").iterdir()):
        add_to_index("G", str(path), THREADS)
    info = index_info("G")
    assert info.segments <= 6
    remove_from_index("G", [str(path) for path in Path("new").iterdir()])
    assert index_info("G").removed <= 3
    assert _known(Snapshot(Path("G"))) == _known("old")


# What is not as it should be -------------------------------------------------------------------


def _refused(call, *words: str) -> None:
    before = {path: path.read_bytes() for path in Path("F").iterdir()}
    with pytest.raises(UsageError) as caught:
        call()
    text = f"{caught.value.message} {caught.value.hint}"
    assert "\n" not in text
    assert caught.value.hint
    assert all(word in text for word in words), text
    assert {path: path.read_bytes() for path in Path("F").iterdir()} == before


def _asked() -> dict:
    return _known(Snapshot(Path("F")))


def _with_names() -> object:
    with library.Index.open("F", options=THREADS) as index:
        return index.find_duplicates("new")


def _added() -> object:
    return add_to_index("F", "new", THREADS)


def test_damage_is_told_and_nothing_changed(there: Path) -> None:
    (segment,) = Path("F").glob("*.segment")
    whole = segment.read_bytes()
    sections = read_manifest(Path("F")).segments[0].sections
    segment.write_bytes(whole[:-1])
    for call in (_asked, _added):
        _refused(call, "cut short")
    segment.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # in a text
    assert verify_index("F").damaged
    for name in ("contents", "files"):
        wrong = bytearray(whole)
        wrong[sections[name].offset + 3] ^= 1
        segment.write_bytes(wrong)
        for call in (_asked, _added):
            _refused(call, f"check sum of its {name} is wrong")
    for name in ("rows", "order", "starts", "sums", "texts", "names"):
        hint = "imgsim index build F" if name == "texts" else "imgsim index upgrade F"
        for byte in (b"\0", b"\xff"):
            wrong = bytearray(whole)
            here = slice(sections[name].offset, sections[name].offset + sections[name].size_bytes)
            wrong[here] = byte * sections[name].size_bytes
            segment.write_bytes(wrong)
            _refused(_with_names if name == "names" else _asked, "is damaged", hint)
            assert name in verify_index("F").damaged[0].reason
            assert hint in verify_index("F").hint
    _damage_facts(segment, whole)
    _refused(_asked, "is damaged", "imgsim index upgrade F")
    assert "imgsim index upgrade F" in verify_index("F").hint
    upgrade_index("F", THREADS)
    assert not verify_index("F").damaged
    (segment,) = Path("F").glob("*.segment")
    segment.unlink()
    _refused(_asked, "it is gone")


def _damage_facts(segment: Path, whole: bytes) -> None:
    """Change the facts of each content, and no record of a file."""
    texts = read_manifest(Path("F")).segments[0].sections["texts"]
    wrong = bytearray(whole)
    for one in Snapshot(Path("F")).segments[0].contents:
        wrong[texts.offset + int(one["text"]) + 1] ^= 1
    segment.write_bytes(wrong)


def test_manifests_of_others(there: Path, cli) -> None:
    path = there / "F" / NAME
    whole = path.read_text()
    for text in (whole[:-9], "{}", "[]", "", whole.replace('"generation": 1', '"generation": 7')):
        path.write_text(text)
        _refused(_asked, "is damaged")
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="is damaged: it is a folder"):
        _asked()
    path.rmdir()
    own = f'"version": {VERSION}'
    path.write_text(whole.replace(own, f'"version": {VERSION - 1}', 1))
    _refused(_asked, "an earlier imgsim", "delete the folder, then imgsim index build F")
    path.write_text(whole.replace(own, f'"version": {VERSION + 1}', 1))
    _refused(_asked, "a later imgsim", "update imgsim")
    done = cli("index", "info", "F")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2


def test_other_extractors_and_upgrade(there: Path) -> None:
    folder = Path("F")
    own = read_manifest(folder)
    expected = _asked()
    write_manifest(folder, replace(own, maker=replace(own.maker, extractor="siamese")))
    for call in (_asked, _added, lambda: upgrade_index("F", THREADS)):
        _refused(call, "another method")
    later = replace(own.maker, extractor_version=own.maker.extractor_version + 1)
    write_manifest(folder, replace(own, maker=later))
    for call in (_asked, _added, lambda: upgrade_index("F", THREADS)):
        _refused(call, "a later imgsim")
    earlier = replace(own.maker, extractor_version=1, facts="width height")
    write_manifest(folder, replace(own, maker=earlier))
    for call in (_asked, _added):
        _refused(call, "imgsim index upgrade F")
    assert index_info("F").outdated
    Path("old/91.jpg").unlink()
    shutil.move("old/92.jpg", "92.jpg")
    done = upgrade_index("F", THREADS)
    assert done.gone == ("old/91.jpg", "old/92.jpg")
    shutil.move("92.jpg", "old/92.jpg")
    add_to_index("F", "old", THREADS)
    assert not index_info("F").outdated
    assert _asked() == _known("old")
    assert _asked() != expected


def _damage(name: str) -> None:
    """Turn a section of the only segment round."""
    (segment,) = Path("F").glob("*.segment")
    section = read_manifest(Path("F")).segments[0].sections[name]
    whole = segment.read_bytes()
    end = section.offset + section.size_bytes
    turned = whole[section.offset : end][::-1]
    segment.write_bytes(whole[: section.offset] + turned + whole[end:])


def _put_together() -> None:
    with IndexWriter(Path("F")) as writer:
        writer._merge(range(len(writer.snapshot.segments)))


def test_damage_is_mended_and_not_carried_on(there: Path) -> None:
    expected = _asked()
    _damage("rows")
    _refused(_put_together, "check sum of a row is wrong", "imgsim index upgrade F")
    upgrade_index("F", THREADS)
    assert _asked() == expected
    _damage("order")
    _put_together()  # the order is made anew of the rows
    assert not verify_index("F").damaged
    assert _asked() == expected
    (there / "F" / NAME).unlink()
    _refused(lambda: build_index("F", "old", THREADS), "what is left", "delete the folder")


@pytest.mark.skipif(sys.platform == "win32", reason="the system says it in other words")
def test_what_cannot_be_read_is_not_gone(there: Path, cli) -> None:
    def refused(*words: str) -> None:
        _refused(lambda: upgrade_index("F", THREADS), "nothing was changed", *words)
        done = cli("index", "verify", "F", "--sources")
        assert (done.returncode, "the index cannot be read" in done.stderr) == (2, True)

    shutil.move("old", "away")
    refused("old/91.jpg (there is no such folder), and 9 more")
    Path("old").mkdir()  # where a disk is mounted
    refused("old/91.jpg (it is empty: is its disk mounted?), and 9 more")
    assert cli("index", "verify", "F", "--sources").stdout == (
        "old: cannot be read: it is empty: is its disk mounted? (10 files of the index)\n"
    )
    hint = cli("index", "verify", "F", "--sources").stderr
    assert "imgsim index remove drops what is gone for good" in hint
    Path("old").rmdir()
    shutil.move("away", "old")
    shutil.move("old/blank", "blank")
    Path("old/blank").symlink_to("blank")  # to itself: the system does not look through it
    refused("old/blank/1.png (Too many levels of symbolic links), and 1 more")
    assert cli("known", "new/blank.gif", "--index", "F", "--strict").returncode == 2
    assert cli("index", "remove", "F", "old/blank").returncode == 0
    Path("old/91.jpg").unlink()
    Path("old/91.jpg").mkdir()
    done = cli("index", "upgrade", "F")
    assert (done.returncode, done.stderr) == (
        0, "7 images read again\n1 file gone, and dropped:\n  old/91.jpg\n",
    )  # fmt: skip


def test_a_file_that_cannot_be_opened_is_not_dropped(there: Path, monkeypatch) -> None:
    """Be it by upgrade, or by add after its times have changed."""
    os.utime("old/91.jpg")
    real = os.open

    def refuse(path, *how, **more):
        if os.fspath(path).endswith("91.jpg"):
            raise PermissionError(13, "Permission denied")
        return real(path, *how, **more)

    images = index_info("F").images
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr("imgsim.index.sources.open", lambda path, _: refuse(path), raising=False)
    _refused(lambda: upgrade_index("F", THREADS), "old/91.jpg (Permission denied)")
    assert len(add_to_index("F", "old", THREADS).skipped) == 2
    assert index_info("F").images == images
    told = {one.path: one.reason for one in verify_index("F", sources=True).sources}
    assert told == {"old/91.jpg": "cannot be read: Permission denied"}


def test_archives_that_are_gone(there: Path) -> None:
    shutil.make_archive("all", "zip", "old")
    build_index("G", "all.zip", THREADS)
    whole = Path("all.zip").read_bytes()
    Path("all.zip").write_bytes(whole[:99])
    with pytest.raises(UsageError, match="are not gone"):
        upgrade_index("G", THREADS)
    Path("all.zip").unlink()
    assert {one.reason for one in verify_index("G", sources=True).sources} == {"gone"}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are UTF-8 there")
def test_paths_that_are_no_utf_8(there: Path, cli) -> None:
    name = os.fsdecode(b"o\xffld")
    shutil.copytree("old", name, copy_function=shutil.copy2)
    build_index("G", name, THREADS)
    raw = base64.b64encode(b"o\xffld").decode()
    info = json.loads(cli("index", "info", "G", "-f", "json").stdout)
    jsonschema.validate(info, schema("imgsim.index/1"))
    assert [one["path_bytes"] for one in info["roots"]] == [raw]
    os.rename("G", os.fsdecode(b"G\xff"))
    info = json.loads(cli("index", "info", os.fsdecode(b"G\xff"), "-f", "json").stdout)
    jsonschema.validate(info, schema("imgsim.index/1"))
    assert list(info)[3:5] == ["path", "path_bytes"]
    os.rename(os.fsdecode(b"G\xff"), "G")
    (there / name / "91.jpg").unlink()
    document = json.loads(cli("known", "new/91 small.jpg", "--index", "G", "-f", "json").stdout)
    jsonschema.validate(document, schema("imgsim.known/1"))
    (answer,) = document["answers"]
    assert base64.b64decode(answer["unverified_bytes"]) == b"o\xffld/91.jpg"


def test_a_plan_within_a_folder_of_the_index(there: Path, cli) -> None:
    """New files can be removed, those of the index never, be they changed since."""
    Path("old/incoming").mkdir()
    for name in ("old", "changed"):
        shutil.copy("old/92.jpg", f"old/incoming/{name}.jpg")
    Image.fromarray(landscape(77, 320, 240)).save("old/incoming/changed.jpg")
    build_index("G", "old", THREADS)
    shutil.copy("old/91.jpg", "old/incoming/new.jpg")
    shutil.copy("old/91.jpg", "old/incoming/changed.jpg")
    done = cli("find-dupes", "old/incoming", "--index", "G", "--plan", "plan.json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(Path("plan.json").read_text())
    assert [one["path"] for g in plan["groups"] for one in g["remove"]] == ["incoming/new.jpg"]
    assert main(["apply", "plan.json", "--yes"]) == 0
    assert sorted(p.name for p in Path("old/incoming").glob("*.jpg")) == ["changed.jpg", "old.jpg"]


def test_an_index_is_one_of_auto(there: Path, cli) -> None:
    full = replace(THREADS, decode=DecodeMode.FULL)
    with library.Index.open("F", options=THREADS) as index:
        for call in (index.search, index.find_duplicates):
            _refused(lambda call=call: call("new/91 small.jpg", "phash"), "of auto, not of phash")
        _refused(lambda: index.known("new", "phash"), "auto or local")
    _refused(lambda: library.Index.open("F", options=full), "add --decode reduced")
    _refused(lambda: build_index("F", "old", THREADS), "imgsim index add", "delete the folder")
    _refused(lambda: build_index("old/92.jpg", "old", THREADS), "old/92.jpg is a file")
    _refused(lambda: build_index("new", "old", THREADS), "not empty")
    _refused(lambda: add_to_index("F", b"x", THREADS), "in memory")
    _refused(lambda: Snapshot(Path("new")), "no index at new")
    assert cli("search", "new/91 small.jpg", "--index", "F").stdout.count("old/91.jpg") == 1
    assert cli("known", "new", "--index", "F", "--in", "old").returncode == 2
    done = cli("known", "new", "--index", "F", "--index", "F")
    assert (done.returncode, "--index is given twice" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("segments", 0, "sections", "order", "size_bytes"), {}),
        (("segments", 0, "files"), -1),
        (("segments", 0, "name"), "../other.segment"),
        (("maker", "decoder"), "pillow"),
        (("maker", "decode"), "no mode"),
        (("generation",), "1"),
    ],
)
def test_a_manifest_with_a_right_sum_and_no_sense_is_refused(
    where: tuple[str | int, ...], value: object, made: Path, tmp_path: Path
) -> None:
    whole = json.loads((made / "F" / NAME).read_text())
    part = whole["body"]
    for step in where[:-1]:
        part = part[step]
    part[where[-1]] = value
    whole["crc"] = manifests._crc(whole["body"])
    (tmp_path / NAME).write_text(json.dumps(whole))
    with pytest.raises(UsageError, match="cut short, or was changed"):
        read_manifest(tmp_path)
