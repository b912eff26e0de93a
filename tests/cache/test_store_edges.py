"""The cache at its limits: many keys, young files, damaged entries, trouble with the file."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsim.cache.records import Known
from imgsim.cache.store import Cache, Entry
from imgsim.comparators.extractor import Extractor
from imgsim.decode.spec import InputSpec
from imgsim.types import ImageFacts, ImageFile, Verdict

FACTS = ImageFacts(640, 480, "JPEG", False, False, 1, 60, None)
NOW = 10**18
ONE, TWO, THREE, FOUR = (letter * 64 for letter in "1234")
VERDICT = Verdict(0.5, tuple(float(i) for i in range(9)), 0.25, 0.75, 0.5, 0.125, -1)


@dataclass(frozen=True)
class Rows(Extractor):
    """Rows of so many numbers of 16 bits."""

    numbers: int = 4
    name = "rows"
    version = 1

    @property
    def wants(self) -> InputSpec:
        return InputSpec(8, 8)

    @property
    def shape(self) -> tuple[int, ...]:
        return (2, self.numbers // 2)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint16)

    def extract(self, images: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def row(self, value: int) -> np.ndarray:
        return np.full(self.shape, value, np.uint16)


SHORT, LONG = Rows(256), Rows(258)  # 512 and 516 bytes


def entry(digest: str, *rows: np.ndarray, name: str = "", known: Known | None = None) -> Entry:
    return ImageFile(name or digest[:4], 100, 0, "."), digest, known or Known(FACTS), rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite"


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def cache(path: Path, warnings: list[str]):
    cache = Cache(path, warnings.append, NOW)
    yield cache
    cache.close()


def change(path: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


# Files and contents ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_ns", "trusted"),
    [
        (-1, False),
        (1_900_000_000, False),
        (2_000_000_000, False),
        (2_000_000_001, True),
        (2_100_000_000, True),
    ],
)
def test_the_time_of_a_file_is_trusted_from_2_s_on(
    age_ns: int, trusted: bool, cache: Cache
) -> None:
    file = ImageFile("a", 100, NOW - age_ns, ".")
    cache.keep("d", [], [(file, ONE, Known(FACTS), ())])
    assert cache.digests([file]) == ({"a": ONE} if trusted else {})
    assert cache.facts([ONE], "d") == {ONE: Known(FACTS)}


def test_a_file_is_known_by_any_way_to_write_its_path(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache.keep("d", [], [entry(ONE, name="a")])
    absolute = str(tmp_path / "a")
    assert cache.digests([ImageFile(absolute, 100, 0, ".")]) == {absolute: ONE}
    monkeypatch.chdir("/")
    assert cache.digests([ImageFile("a", 100, 0, ".")]) == {}


def test_a_file_that_changed_has_its_new_content_only(cache: Cache, path: Path) -> None:
    cache.keep("d", [], [entry(ONE, name="a")])
    cache.keep("d", [], [entry(TWO, name="a")])
    assert cache.digests([ImageFile("a", 100, 0, ".")]) == {"a": TWO}
    assert count(path, "file") == 1
    assert count(path, "content") == 2


def test_known_sizes(cache: Cache) -> None:
    cache.keep("d", [], [entry(ONE), entry(TWO)])
    assert cache.known_sizes([99, 100, 101, 100]) == {100}
    assert cache.known_sizes([]) == set()


@pytest.mark.parametrize("n", [499, 500, 501, 1000, 1001])
def test_many_keys_at_once(n: int, cache: Cache, warnings: list[str]) -> None:
    digests = [f"{i:064x}" for i in range(n)]
    cache.keep("d", [], [entry(digest, name=digest) for digest in digests])
    assert cache._db
    cache._db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)  # that of SQLite before 3.32
    assert cache.facts(digests, "d").keys() == set(digests)
    files = [ImageFile(digest, 100, 0, ".") for digest in digests]
    assert cache.digests(files) == {digest: digest for digest in digests}
    assert warnings == []


# Facts -------------------------------------------------------------------------------------------


def test_facts_and_reasons_come_back_as_they_were(cache: Cache) -> None:
    flat = replace(FACTS, detail=3, pixel_digest="ab", lossless=True, raw=True, frames=4)
    known = {
        ONE: Known(flat),
        TWO: Known(None, "it is cut off"),
        THREE: Known(None, "no image", identified=False),
    }
    cache.keep("d", [], [entry(digest, known=one) for digest, one in known.items()])
    assert cache.facts(known, "d") == known
    assert cache.facts([TWO], "d") == {TWO: known[TWO]}
    assert cache.facts([], "d") == {}


def test_a_content_that_is_stored_already_keeps_its_facts(cache: Cache) -> None:
    cache.keep("d", [], [entry(ONE, name="a")])
    cache.keep("d", [], [(ImageFile("b", 100, 0, "."), ONE, None, ())])
    assert cache.facts([ONE], "d") == {ONE: Known(FACTS)}
    assert cache.digests([ImageFile("b", 100, 0, ".")]) == {"b": ONE}


@pytest.mark.parametrize("damage", ["no JSON", "{}", '{"width": 1}', "[1, 2]", "7"])
def test_damaged_facts_hide_no_others(damage: str, cache: Cache, path: Path) -> None:
    cache.keep("d", [], [entry(digest) for digest in (ONE, TWO, THREE)])
    change(
        path,
        "UPDATE fact SET facts = ? WHERE content IN"
        " (SELECT id FROM content WHERE digest IN (?, ?))",
        damage,
        bytes.fromhex(ONE),
        bytes.fromhex(TWO),
    )
    assert cache.facts([ONE, TWO, THREE], "d") == {THREE: Known(FACTS)}


def test_a_look_up_of_what_was_never_kept_writes_nothing(
    cache: Cache, path: Path, warnings: list[str]
) -> None:
    cache.keep("d", [], [entry(ONE)])
    assert cache.facts([ONE], "e") == {}
    assert list(cache.rows(SHORT, "d", [ONE])) == []
    assert cache.verdicts("v", [ONE]) == {}
    assert warnings == []
    assert count(path, "label") == 1
    assert cache.facts([ONE], "d") == {ONE: Known(FACTS)}  # and nothing is wrong after that


# Rows --------------------------------------------------------------------------------------------


def test_rows_of_512_bytes_lie_in_the_database_and_longer_ones_beside_it(
    cache: Cache, path: Path
) -> None:
    assert (SHORT.row_bytes, LONG.row_bytes) == (512, 516)
    cache.keep("d", [SHORT], [entry(ONE, SHORT.row(1))])
    assert not path.with_name("cache.sqlite-rows").exists()
    cache.keep("d", [LONG], [entry(ONE, LONG.row(1)), entry(TWO, LONG.row(2))])
    cache.keep("d", [LONG], [entry(THREE, LONG.row(3))])
    (file,) = path.with_name("cache.sqlite-rows").iterdir()
    assert np.fromfile(file, np.uint16).tolist() == [1] * 258 + [2] * 258 + [3] * 258
    for extractor, digests in ((SHORT, [ONE]), (LONG, [ONE, TWO, THREE])):
        rows = dict(cache.rows(extractor, "d", digests))
        assert rows.keys() == set(digests)
        for value, digest in enumerate(digests, 1):
            assert rows[digest].dtype == np.uint16
            assert rows[digest].tolist() == extractor.row(value).tolist()


def test_entries_without_rows_are_left_out_of_the_rows(cache: Cache) -> None:
    cache.keep(
        "d", [LONG, SHORT], [entry(ONE), entry(TWO, LONG.row(2), SHORT.row(5)), entry(THREE)]
    )
    ((digest, row),) = cache.rows(LONG, "d", [ONE, TWO, THREE])
    assert (digest, row[0, 0]) == (TWO, 2)
    ((digest, row),) = cache.rows(SHORT, "d", [ONE, TWO, THREE])
    assert (digest, row[0, 0]) == (TWO, 5)


@pytest.mark.parametrize("extractor", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("check_sum", 0),
        ("place", 50),  # behind the end, for the long ones
        ("row", b"too short"),
    ],
)
def test_a_damaged_row_hides_no_others(
    extractor: Rows, column: str, value: object, cache: Cache, path: Path
) -> None:
    cache.keep("d", [extractor], [entry(d, extractor.row(7)) for d in (ONE, TWO, THREE)])
    which = "content IN (SELECT id FROM content WHERE digest IN (?, ?))"
    damaged = bytes.fromhex(ONE), bytes.fromhex(TWO)
    change(path, f"UPDATE feature SET {column} = ? WHERE {which}", value, *damaged)
    if isinstance(value, bytes):
        change(path, f"UPDATE feature SET check_sum = ? WHERE {which}", zlib.crc32(value), *damaged)
    kept = [digest for digest, _ in cache.rows(extractor, "d", [ONE, TWO, THREE])]
    harmless = column == "place" and extractor is SHORT
    assert sorted(kept) == ([ONE, TWO, THREE] if harmless else [THREE])


def test_a_row_that_is_nowhere_is_not_known(cache: Cache, path: Path, warnings: list[str]) -> None:
    cache.keep("d", [SHORT], [entry(ONE, SHORT.row(1)), entry(TWO, SHORT.row(2))])
    change(path, "UPDATE feature SET row = NULL WHERE content = 1")
    assert [digest for digest, _ in cache.rows(SHORT, "d", [ONE, TWO])] == [TWO]
    assert warnings == []


def test_a_lost_file_of_rows_is_as_if_nothing_were_known(
    cache: Cache, path: Path, warnings: list[str]
) -> None:
    cache.keep("d", [LONG], [entry(ONE, LONG.row(1))])
    (file,) = path.with_name("cache.sqlite-rows").iterdir()
    file.unlink()
    assert list(cache.rows(LONG, "d", [ONE])) == []
    assert warnings == []


# Verdicts ----------------------------------------------------------------------------------------


def test_verdicts_come_back_as_they_were(cache: Cache, warnings: list[str]) -> None:
    cache.keep("d", [], [entry(digest) for digest in (ONE, TWO, THREE)])
    cache.keep_verdicts("v", {(ONE, TWO): VERDICT, (TWO, THREE): Verdict(float("inf"))})
    cache.keep_verdicts("w", {(ONE, TWO): Verdict(3.0)})
    assert cache.verdicts("v", [ONE]) == {(ONE, TWO): VERDICT}
    assert cache.verdicts("v", [TWO, ONE, TWO]) == {
        (ONE, TWO): VERDICT,
        (TWO, THREE): Verdict(float("inf")),
    }
    assert cache.verdicts("v", [THREE]) == {}
    assert cache.verdicts("w", [ONE, TWO]) == {(ONE, TWO): Verdict(3.0)}
    cache.keep_verdicts("v", {(ONE, TWO): Verdict(4.0)})  # the last one counts
    assert cache.verdicts("v", [ONE]) == {(ONE, TWO): Verdict(4.0)}
    assert warnings == []


def test_verdicts_on_contents_that_are_not_stored_are_left_out(cache: Cache, path: Path) -> None:
    cache.keep("d", [], [entry(ONE)])
    cache.keep_verdicts("v", {(ONE, TWO): VERDICT, (ONE, ONE): VERDICT})
    assert cache.verdicts("v", [ONE]) == {(ONE, ONE): VERDICT}


def test_nothing_to_keep_writes_nothing(cache: Cache, path: Path) -> None:
    cache.keep_verdicts("v", {})
    cache.keep("d", [SHORT], [])
    assert count(path, "label") == 0


@pytest.mark.parametrize("damage", ["no JSON", "{}", '{"matrix": [], "other": 1}', "[]"])
def test_damaged_verdicts_hide_no_others(damage: str, cache: Cache, path: Path) -> None:
    cache.keep("d", [], [entry(digest) for digest in (ONE, TWO, THREE, FOUR)])
    cache.keep_verdicts("v", {(ONE, other): VERDICT for other in (TWO, THREE, FOUR)})
    change(path, "UPDATE verdict SET verdict = ? WHERE right IN (2, 3)", damage)
    assert cache.verdicts("v", [ONE]) == {(ONE, FOUR): VERDICT}


# Without a database, and trouble with it ---------------------------------------------------------


def _nothing_is_kept_or_known(cache: Cache) -> None:
    cache.keep("d", [LONG], [entry(ONE, LONG.row(1))])
    cache.keep("d", [LONG], [])
    cache.keep_verdicts("v", {(ONE, ONE): VERDICT})
    cache.keep_verdicts("v", {})
    assert cache.digests([ImageFile("1111", 100, 0, ".")]) == {}
    assert cache.known_sizes([100]) == set()
    assert cache.facts([ONE], "d") == {}
    assert list(cache.rows(LONG, "d", [ONE])) == []
    assert cache.verdicts("v", [ONE]) == {}
    cache.close()


def test_a_cache_without_a_path_keeps_nothing(warnings: list[str]) -> None:
    _nothing_is_kept_or_known(Cache(None, warnings.append))
    assert warnings == []


def test_a_closed_cache_keeps_nothing(cache: Cache, warnings: list[str]) -> None:
    cache.keep("d", [LONG], [entry(ONE, LONG.row(1))])
    cache.keep_verdicts("v", {(ONE, ONE): VERDICT})
    cache.close()
    _nothing_is_kept_or_known(cache)
    assert warnings == []


class Broken(sqlite3.Connection):
    """Fails at every statement."""

    closed = 0

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        raise sqlite3.OperationalError("disk I/O error")

    def close(self) -> None:
        self.closed += 1
        super().close()


@pytest.mark.parametrize(
    "asked",
    ["digests", "facts", "rows", "verdicts", "many", "keep"],
)
def test_trouble_is_told_once_and_the_database_closed(
    asked: str, cache: Cache, path: Path, warnings: list[str]
) -> None:
    cache.keep("d", [LONG], [entry(ONE, LONG.row(1))])
    cache.close()
    broken = sqlite3.connect(path, factory=Broken)
    cache._db = broken
    if asked == "digests":
        assert cache.digests([ImageFile("1111", 100, 0, ".")]) == {}
    elif asked == "facts":
        assert cache.facts([ONE], "d") == {}
    elif asked == "rows":
        assert list(cache.rows(LONG, "d", [ONE])) == []
    elif asked == "verdicts":
        assert cache.verdicts("v", [ONE]) == {}
    elif asked == "keep":
        cache.keep("d", [], [entry(ONE)])
    else:  # more than one query
        assert cache.known_sizes(range(1200)) == set()
    assert warnings == [f"going on without the cache {path}: disk I/O error"]
    assert broken.closed == 1
    _nothing_is_kept_or_known(cache)
    assert len(warnings) == 1
    assert broken.closed == 1


def test_trouble_with_the_file_of_rows_ends_the_use_of_the_cache(
    cache: Cache, path: Path, warnings: list[str]
) -> None:
    cache.keep("d", [LONG], [entry(ONE, LONG.row(1)), entry(TWO, LONG.row(2))])
    (file,) = path.with_name("cache.sqlite-rows").iterdir()
    file.unlink()
    file.mkdir()
    for i in range(40):  # an empty folder may seem to be shorter than a row
        (file / f"a long name for a file {i}").touch()
    assert list(cache.rows(LONG, "d", [ONE, TWO])) == []
    assert len(warnings) == 1


def test_what_fails_half_way_is_not_kept(cache: Cache, path: Path, warnings: list[str]) -> None:
    with pytest.raises(IndexError):  # a row too few
        cache.keep("d", [SHORT, LONG], [entry(ONE, SHORT.row(1))])
    assert cache.facts([ONE], "d") == {}
    assert count(path, "content") == count(path, "label") == count(path, "feature") == 0
    cache.keep("e", [SHORT], [entry(TWO, SHORT.row(2))])
    cache.keep("d", [SHORT], [entry(ONE, SHORT.row(1))])
    cache.close()
    cache = Cache(path, warnings.append, NOW)  # the labels are those of the second try
    assert cache.facts([ONE, TWO], "d") == {ONE: Known(FACTS)}
    assert [digest for digest, _ in cache.rows(SHORT, "d", [ONE, TWO])] == [ONE]
    assert warnings == []
    cache.close()


def test_the_run_begins_now_unless_told(path: Path, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    young = (tmp_path / "a").stat().st_mtime_ns
    with closing(Cache(path, pytest.fail)) as cache:
        files = [ImageFile("a", 1, young, "."), ImageFile("b", 1, young - 10**10, ".")]
        cache.keep("d", [], [(file, ONE, Known(FACTS), ()) for file in files])
        assert cache.digests(files) == {"b": ONE}


def test_facts_are_stored_under_the_names_of_their_fields(cache: Cache, path: Path) -> None:
    """Caches of another version of imgsim are read."""
    import json

    cache.keep("d", [], [entry(ONE)])
    with closing(sqlite3.connect(path)) as db:
        (text,) = db.execute("SELECT facts FROM fact").fetchone()
    assert json.loads(text) == asdict(FACTS)


def test_trouble_within_a_transaction_is_told_once(
    cache: Cache, path: Path, warnings: list[str]
) -> None:
    class Torn(sqlite3.Connection):
        """Cannot read labels."""

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql.startswith("SELECT id FROM label"):
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *parameters)

    cache.close()
    cache._db = sqlite3.connect(path, factory=Torn, isolation_level=None)
    cache.keep("d", [], [entry(ONE)])
    assert warnings == [f"going on without the cache {path}: disk I/O error"]
    assert count(path, "content") == 0
