"""Counting, pruning and clearing a cache whose entries are known one by one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from imgsim.cache.records import Known
from imgsim.cache.rowfile import row_path
from imgsim.cache.store import Cache
from imgsim.cache.upkeep import CacheInfo, clear, default_path, prune, read_info
from imgsim.decode.metadata import Metadata
from imgsim.errors import CacheUnusable
from imgsim.types import ImageFile, Verdict
from tests.cache.test_store_edges import FACTS, FOUR, LONG, ONE, SHORT, THREE, TWO

NEW, OLD = "imgsim-decode 2 reduced, pillow 11", "imgsim-decode 1 reduced, pillow 9"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "caches" / "cache.sqlite"


@pytest.fixture
def filled(path: Path, tmp_path: Path) -> Path:
    """Contents ONE and TWO in files that are there, THREE and FOUR in files that are gone."""
    with closing(Cache(path, pytest.fail, 10**18)) as cache:
        for digest, name in ((ONE, "1"), (TWO, "2"), (THREE, "3"), (FOUR, "4")):
            if digest in (ONE, TWO):
                (tmp_path / name).touch()
            file = ImageFile(str(tmp_path / name), 100, 0, ".")
            rows = SHORT.row(1), LONG.row(1)
            cache.keep(NEW, [SHORT, LONG], [(file, digest, Known(FACTS), rows)])
            if digest != TWO:
                cache.keep(OLD, [SHORT, LONG], [(file, digest, Known(FACTS), rows)])
        pairs = (ONE, TWO), (ONE, THREE), (THREE, TWO), (THREE, FOUR)
        for decoder in (NEW, OLD):
            cache.keep_verdicts(f"verdict/1 {decoder}", dict.fromkeys(pairs, Verdict(0.5)))
            metadata = dict.fromkeys((ONE, TWO, THREE, FOUR), Metadata(latitude=1.5))
            cache.keep_metadata(f"metadata/1 {decoder}", metadata)
            for first in (ONE, THREE):
                cache.keep_proposals(f"proposals/1 {decoder}", first, b"pairs")
    return path


def query(path: Path, text: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(text).fetchall()


def test_the_default_path_is_in_the_users_cache_folder() -> None:
    assert default_path() == user_cache_path("imgsim", appauthor=False) / "cache.sqlite"


def test_a_cache_that_is_not_there_is_empty_and_not_made(path: Path) -> None:
    assert read_info(path) == CacheInfo(str(path), 0, 0, 0, {})
    assert not path.parent.exists()


def test_what_is_in_a_cache_is_counted(filled: Path) -> None:
    info = read_info(filled)
    assert (info.path, info.files, info.contents) == (str(filled), 4, 4)
    assert info.rows == {SHORT.key: 4 + 3, LONG.key: 4 + 3}  # of both decoders
    rows = [*filled.with_name("cache.sqlite-rows").iterdir()]
    assert [p.stat().st_size for p in sorted(rows)].count(4 * 516) == 1
    # what SQLite puts beside the database is there while it is open
    assert info.size_bytes >= filled.stat().st_size + (4 + 3) * 516


def test_prune_drops_what_is_gone_or_old_and_nothing_else(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as db, db:  # room that the file gives back
        db.execute("CREATE TABLE big (x)")
        db.execute("INSERT INTO big VALUES (zeroblob(100000))")
        db.execute("DROP TABLE big")
    assert query(filled, "PRAGMA freelist_count") != [(0,)]
    assert prune(filled, [NEW, "another one in use"]) == 2
    assert query(filled, "PRAGMA freelist_count") == [(0,)]
    assert query(filled, "SELECT COUNT(*) FROM file") == [(2,)]
    assert query(filled, "SELECT hex(digest) FROM content ORDER BY digest") == [(ONE,), (TWO,)]
    assert query(filled, "SELECT text FROM label ORDER BY text") == sorted(
        (f"{start}{NEW}",)
        for start in (
            "",
            f"{SHORT.key} ",
            f"{LONG.key} ",
            "metadata/1 ",
            "proposals/1 ",
            "verdict/1 ",
        )
    )
    assert query(filled, "SELECT COUNT(*) FROM fact") == [(2,)]
    assert query(filled, "SELECT COUNT(*) FROM feature") == [(4,)]
    assert query(filled, "SELECT COUNT(*) FROM verdict") == [(1,)]
    kept = row_path(filled, f"{LONG.key} {NEW}")
    assert list(filled.with_name("cache.sqlite-rows").iterdir()) == [kept]
    with closing(Cache(filled, pytest.fail)) as cache:
        assert cache.facts([ONE, TWO, THREE, FOUR], NEW).keys() == {ONE, TWO}
        for extractor in (SHORT, LONG):
            assert dict(cache.rows(extractor, NEW, [ONE, TWO, THREE])).keys() == {ONE, TWO}
        assert cache.verdicts(f"verdict/1 {NEW}", [ONE, TWO, THREE]).keys() == {(ONE, TWO)}
    assert prune(filled, [NEW]) == 0
    with closing(Cache(filled, pytest.fail)) as cache:
        assert cache.metadata(f"metadata/1 {NEW}", [ONE, TWO, THREE, FOUR]).keys() == {ONE, TWO}
        assert cache.proposals(f"proposals/1 {NEW}", ONE) == b"pairs"
        assert cache.proposals(f"proposals/1 {NEW}", THREE) == b""
        assert cache.proposals(f"proposals/1 {OLD}", ONE) == b""
    assert query(filled, "SELECT COUNT(*) FROM metadata") == [(2,)]
    assert query(filled, "SELECT COUNT(*) FROM proposals") == [(1,)]


def test_a_content_with_one_file_left_is_kept(filled: Path, tmp_path: Path) -> None:
    with closing(Cache(filled, pytest.fail, 10**18)) as cache:
        (tmp_path / "copy").touch()
        file = ImageFile(str(tmp_path / "copy"), 100, 0, ".")
        cache.keep(NEW, [], [(file, THREE, None, ())])
    assert prune(filled, [NEW, OLD]) == 2
    info = read_info(filled)
    assert (info.files, info.contents) == (3, 3)
    assert info.rows == {SHORT.key: 3 + 2, LONG.key: 3 + 2}


def _folder(path: Path) -> None:
    path.mkdir(parents=True)


def _photo(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xff\xd8\xff" * 100)


def _foreign(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE theirs (x); PRAGMA user_version = 2")


def _newer(path: Path) -> None:
    Cache(path, pytest.fail).close()
    with closing(sqlite3.connect(path)) as db:
        db.executescript("PRAGMA user_version = 99")


def _foreign_damaged(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)


def _damaged(path: Path) -> None:
    Cache(path, pytest.fail).close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)


def _overwritten(path: Path) -> None:
    Cache(path, pytest.fail).close()
    path.write_bytes(b"\xff" * 5000)


NOT_USABLE = {
    _folder: "is not a file",
    _photo: "is no imgsim cache",
    _foreign: "is another program's database",
    _newer: "a newer imgsim wrote",
    _foreign_damaged: "nothing says that it is imgsim's",
    _damaged: "is damaged",
    _overwritten: "is damaged",
}


@pytest.mark.parametrize(("spoil", "message"), NOT_USABLE.items())
@pytest.mark.parametrize("act", [read_info, lambda path: prune(path, [NEW])])
def test_what_is_no_usable_cache_is_an_error_and_left_alone(
    act: Callable[[Path], object], spoil: Callable[[Path], None], message: str, path: Path
) -> None:
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(CacheUnusable, match=message) as error:
        act(path)
    assert error.value.hint
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("act", [read_info, lambda path: prune(path, [NEW])])
def test_of_an_empty_file_no_database_is_made(act: Callable[[Path], object], path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    act(path)
    assert [(p.name, p.stat().st_size) for p in path.parent.iterdir()] == [("cache.sqlite", 0)]


@pytest.mark.skipif(os.name == "nt", reason="homes are found in another way there")
@pytest.mark.parametrize("home", [None, ""])
def test_without_a_home_there_is_no_cache(home: str | None, tmp_path: Path) -> None:
    """A user without a name and a home: else a folder called ~ is made where the user stands."""
    program = (
        "import os, pwd\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "from imgsim.cache.upkeep import default_path\n"
        "print(default_path())\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
    environment |= {} if home is None else {"HOME": home}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    printed = done.stdout.strip()
    assert printed == "None" or (home == "" and Path(printed).is_absolute())


# Clearing ----------------------------------------------------------------------------------------


def test_clearing_deletes_all_of_it_and_says_how_much(filled: Path) -> None:
    neighbour = filled.with_name("other.sqlite")
    neighbour.touch()
    size = sum(p.stat().st_size for p in filled.parent.rglob("*") if p.is_file())
    assert clear(filled) == size
    assert list(filled.parent.iterdir()) == [neighbour]


def test_a_cache_without_long_rows_is_cleared(path: Path) -> None:
    Cache(path, pytest.fail).close()
    size = path.stat().st_size
    assert clear(path) == size > 0
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("spoil", [_damaged, _overwritten, _newer])
def test_a_cache_that_cannot_be_used_is_cleared_too(
    spoil: Callable[[Path], None], path: Path
) -> None:
    spoil(path)
    assert clear(path) >= 5000
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("spoil", [_folder, _photo, _foreign, _foreign_damaged])
def test_what_may_be_somebody_elses_is_not_cleared(
    spoil: Callable[[Path], None], path: Path
) -> None:
    spoil(path)
    with pytest.raises(CacheUnusable, match=NOT_USABLE[spoil]):
        clear(path)
    assert [p.name for p in path.parent.iterdir()] == ["cache.sqlite"]


def test_a_cache_in_use_is_not_cleared(path: Path) -> None:
    """SQLite would lose what the other process writes."""
    with closing(Cache(path, pytest.fail)):
        with pytest.raises(CacheUnusable, match="another program uses"):
            clear(path)
        assert path.exists()
    assert clear(path) > 0


@pytest.mark.parametrize("tables", [["theirs"], ["content"], ["feature", "theirs"]])
def test_a_database_without_our_tables_is_not_cleared(path: Path, tables: list[str]) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        for table in tables:
            db.execute(f"CREATE TABLE {table} (x)")
    with pytest.raises(CacheUnusable, match="another program's database") as error:
        clear(path)
    assert error.value.hint == "name imgsim's cache"
    assert path.exists()
