"""A database that is damaged, or was edited by hand: never an error, never a wrong answer."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from imgsim import RunOptions, find_duplicates
from imgsim.cache.records import Known, check_sum, load_known, load_record
from imgsim.cache.schema import lock_path
from imgsim.cache.store import Cache
from imgsim.stamps import FileStamp
from imgsim.types import ImageFile, Verdict
from tests.cache.test_store import options
from tests.cache.test_store_edges import FACTS, LONG, NOW, ONE, SHORT, THREE, TWO, VERDICT, entry

DIGESTS = [ONE, TWO, THREE]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite"


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def filled(path: Path) -> Path:
    with closing(Cache(path, pytest.fail, NOW)) as cache:
        rows = SHORT.row(1), LONG.row(1)
        cache.keep("d", [SHORT, LONG], [entry(d, *rows, name=d) for d in DIGESTS])
        cache.keep_verdicts("v", {(ONE, TWO): VERDICT, (ONE, THREE): VERDICT})
        cache.keep_sample_digests("s", {ONE: TWO, TWO: None})
    return path


def everything(cache: Cache) -> list[object]:
    """All that the cache knows of three files; it may be less than was kept, and never other."""
    files = [ImageFile(d, 100, 0, ".") for d in DIGESTS]
    known = [cache.digests(files), cache.facts(DIGESTS, "d")]
    known += [{d: r.tolist() for d, r in cache.rows(e, "d", DIGESTS)} for e in (SHORT, LONG)]
    return [*known, cache.verdicts("v", DIGESTS), cache.sample_digests("s", DIGESTS)]


WHOLE: list[dict[object, object]] = [
    {d: d for d in DIGESTS},
    dict.fromkeys(DIGESTS, Known(FACTS)),
    {d: SHORT.row(1).tolist() for d in DIGESTS},
    {d: LONG.row(1).tolist() for d in DIGESTS},
    {(ONE, TWO): VERDICT, (ONE, THREE): VERDICT},
    {ONE: TWO, TWO: None},
]


def assert_nothing_wrong(cache: Cache) -> None:
    for known, right in zip(everything(cache), WHOLE, strict=True):
        assert isinstance(known, dict)
        assert known.items() <= right.items() if known else True


EDITS = [
    "UPDATE fact SET facts = NULL, reason = 'damaged'",
    "UPDATE fact SET facts = replace(facts, '640', '641')",
    """UPDATE fact SET facts = '{"width": 1}', reason = 7, identified = 'x'""",
    "UPDATE fact SET facts = x'ff00', reason = x'ff', identified = NULL",
    "UPDATE fact SET check_sum = 'x'",
    "UPDATE feature SET row = 'text' WHERE row IS NOT NULL",
    "UPDATE feature SET place = 1 - place",
    "UPDATE feature SET place = 'x'",
    "UPDATE feature SET place = -1",
    "UPDATE feature SET place = 9223372036854775807",
    "UPDATE feature SET check_sum = x'00'",
    "UPDATE verdict SET verdict = replace(verdict, '0.5', '0.25')",
    """UPDATE verdict SET verdict = '{"residual": NaN, "matrix": [1, 2]}'""",
    "UPDATE verdict SET verdict = 5",
    "UPDATE verdict SET left = right",
    "UPDATE file SET content = (SELECT MIN(id) FROM content)",
    "UPDATE file SET stamp = 7",
    "UPDATE file SET path = CAST(path AS TEXT)",
    "UPDATE content SET digest = randomblob(32)",
    "UPDATE content SET digest = 'digest ' || id",
    "UPDATE content SET digest = id",
    "UPDATE content SET digest = CASE WHEN digest < x'22' THEN x'00' ELSE digest END",
    "UPDATE content SET size = 'x'",
    "UPDATE label SET text = 'label ' || id",
    "UPDATE label SET id = 100 - id",
    "UPDATE label SET text = x'ff' || id",
    "UPDATE sample SET digest = x'0102'",
    "UPDATE sample SET digest = 5",
    "DELETE FROM content",
    "DELETE FROM label",
]


def edit(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = 1")
        try:
            db.execute(statement)
        except sqlite3.IntegrityError:
            db.execute(statement.replace("UPDATE", "UPDATE OR IGNORE"))


def test_all_is_known_where_nothing_was_edited(filled: Path) -> None:
    with closing(Cache(filled, pytest.fail, NOW)) as cache:
        assert everything(cache) == WHOLE


@pytest.mark.parametrize("statement", EDITS)
def test_what_was_edited_is_as_if_not_known(statement: str, filled: Path) -> None:
    edit(filled, statement.replace("identified = NULL", "identified = 2"))
    with closing(Cache(filled, pytest.fail, NOW)) as cache:
        assert_nothing_wrong(cache)
        assert everything(cache) != WHOLE or "size" in statement
        # and it can be written to
        rows = SHORT.row(1), LONG.row(1)
        cache.keep("d", [SHORT, LONG], [entry(d, *rows, name=d) for d in DIGESTS])
        cache.keep_verdicts("v", {(ONE, TWO): VERDICT, (ONE, THREE): VERDICT})
        cache.keep_sample_digests("s", {ONE: TWO, TWO: None})
        assert_nothing_wrong(cache)
        assert everything(cache)[:2] == WHOLE[:2]


@pytest.mark.parametrize("seed", range(30))
def test_overwritten_bytes_give_no_wrong_answer(
    seed: int, filled: Path, warnings: list[str]
) -> None:
    chance = random.Random(seed)
    size = filled.stat().st_size
    with filled.open("r+b") as stream:
        for _ in range(8):
            stream.seek(chance.randrange(100, size))
            stream.write(chance.randbytes(chance.choice([1, 2, 40, 2000])))
    with closing(Cache(filled, warnings.append, NOW)) as cache:
        assert_nothing_wrong(cache)
        rows = SHORT.row(1), LONG.row(1)
        cache.keep("d", [SHORT, LONG], [entry(d, *rows, name=d) for d in DIGESTS])
        assert_nothing_wrong(cache)
    assert len(warnings) <= 2


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _header(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.write(b"\xff" * 100)


def _all(path: Path) -> None:
    path.write_bytes(b"\xff" * 9000)


def _pages(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xff" * (path.stat().st_size - 100))


def _table(path: Path) -> None:
    edit(path, "DROP TABLE verdict")


def _column(path: Path) -> None:
    edit(path, "ALTER TABLE fact RENAME COLUMN facts TO other")


@pytest.mark.parametrize("spoil", [_cut, _header, _all, _pages, _table, _column])
def test_a_damaged_database_is_set_aside_said_once_and_made_anew(
    spoil: Callable[[Path], None], path: Path, demo, warnings: list[str]
) -> None:
    folder, _ = demo
    expected = find_duplicates(folder, options=RunOptions(executor="threads"))
    find_duplicates(folder, options=options(path))
    spoil(path)
    spoilt = path.read_bytes()
    assert find_duplicates(folder, options=options(path, warnings)).groups == expected.groups
    (warning,) = warnings
    assert warning.startswith("the cache was damaged (")
    assert warning.endswith(f"it is now {path}-damaged, and made anew")
    assert path.with_name("cache.sqlite-damaged").read_bytes() == spoilt
    warm = find_duplicates(folder, options=options(path, warnings))
    assert (warm.groups, warm.decoded) == (expected.groups, 0)
    assert len(warnings) == 1


def test_a_cache_of_before_there_were_locks_is_known_by_what_is_in_it(
    filled: Path, warnings: list[str]
) -> None:
    lock_path(filled).unlink()
    _pages(filled)
    with closing(Cache(filled, warnings.append)) as cache:
        assert_nothing_wrong(cache)
    assert warnings[0].startswith("the cache was damaged")


HOLD = """
import sys
from pathlib import Path
from imgsim.cache.store import Cache
cache = Cache(Path(sys.argv[1]), print)
print("ready", flush=True)
input()
"""


def test_a_damaged_database_that_another_process_uses_stays(
    filled: Path, warnings: list[str]
) -> None:
    """SQLite would write into the new one what belongs to the old."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(filled)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        _header(filled)
        before = filled.read_bytes()
        with closing(Cache(filled, warnings.append)) as cache:
            assert everything(cache) == [{}] * 6
        (warning,) = warnings
        assert "is damaged" in warning
        assert "another program uses it" in warning
        assert filled.read_bytes() == before
        process.communicate("\n")
    with closing(Cache(filled, warnings.append, NOW)) as cache:
        cache.keep("d", [], [entry(ONE)])
        assert cache.facts([ONE], "d") == {ONE: Known(FACTS)}
    assert len(warnings) == 2


def test_what_another_process_made_anew_is_not_set_aside(filled: Path, warnings: list[str]) -> None:
    with closing(Cache(filled, warnings.append, NOW)) as cache:
        cache._disconnect()
        os.replace(filled, filled.with_name("moved"))
        with closing(sqlite3.connect(filled)) as db:
            db.execute("PRAGMA user_version = 0")
        Cache(filled, pytest.fail, NOW).close()
        made = filled.read_bytes()
        cache._replace("as found")
        assert filled.read_bytes()[:100] == made[:100]
        assert not filled.with_name("cache.sqlite-damaged").exists()


# Records -----------------------------------------------------------------------------------------


def test_a_check_sum_tells_where_a_part_ends_and_what_is_none() -> None:
    parts = [("ab", "c"), ("a", "bc"), ("abc", ""), ("abc", None), ("abc",), (None, "abc")]
    assert len({check_sum(*some) for some in parts}) == len(parts)
    assert check_sum("a", b"b", 1) == check_sum(b"a", "b", "1")


def test_numbers_that_are_too_large_for_sqlite_are_kept(path: Path) -> None:
    """Inodes have 64 bits and more, and a time may be that of the year 2446."""
    file = ImageFile("a", 100, -(2**80), ".", ctime_ns=-(2**70), inode=2**127)
    with closing(Cache(path, pytest.fail, NOW)) as cache:
        cache.keep("d", [], [(file, ONE, Known(FACTS), ())])
        assert cache.digests([file]) == {"a": ONE}
        assert cache.digests([file.with_stamp(file.stamp._replace(inode=1))]) == {}


@pytest.mark.parametrize("changed", range(4))
def test_a_known_path_needs_its_whole_stamp(changed: int, path: Path) -> None:
    stamp = FileStamp(100, 1, 2, 3)
    file = ImageFile("a", 0, 0, ".").with_stamp(stamp)
    other = FileStamp(*(value + (i == changed) for i, value in enumerate(stamp)))
    with closing(Cache(path, pytest.fail, NOW)) as cache:
        cache.keep("d", [], [(file, ONE, Known(FACTS), ())])
        assert cache.digests([file]) == {"a": ONE}
        assert cache.digests([file.with_stamp(other)]) == {}


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"7", b"{", b'{"residual": 1}', b'{"other": 1}', b"[" * 100_000]
)
def test_records_of_another_version_are_not_known(text: bytes) -> None:
    assert load_record(Verdict, text) is None
    assert load_known(text, b"", 1) is None


def test_a_missing_field_is_no_default(path: Path) -> None:
    """Else a record of an older imgsim would be taken for one that has it."""
    whole = '{"residual": 1.0, "matrix": [1.0], "left_seen": 0.0, "right_seen": 0.0,'
    whole += ' "overlap": 0.0, "overlay": 0.0, "more": 0, "detail": 0.0}'
    assert load_record(Verdict, whole.encode()) == Verdict(1.0, (1.0,))
    assert load_record(Verdict, whole.replace(', "more": 0', "").encode()) is None
