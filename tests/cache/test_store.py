from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsim import RunOptions, find_duplicates
from imgsim.cache.records import Known
from imgsim.cache.schema import MIGRATIONS, _migrate
from imgsim.cache.store import Cache
from imgsim.cache.upkeep import clear, prune, read_info
from imgsim.comparators import registry
from imgsim.comparators.hashes import DctHash
from imgsim.errors import CacheUnusable
from imgsim.types import ImageFacts, ImageFile

FACTS = ImageFacts(640, 480, "JPEG", False, False, 1, 60, None)
SMALL = registry.parse("phash").extractor
LONG = registry.parse("cosine").extractor


def entry(name: str, digest: str, *rows: np.ndarray):
    return ImageFile(name, 100, 10**18, "."), digest * 32, Known(FACTS), rows


def rows_of(value: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(SMALL.shape, value, np.uint8), np.full(LONG.shape, value, np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "cache.sqlite"


@pytest.fixture
def warnings() -> list[str]:
    return []


def options(path: Path, warnings: list[str] | None = None) -> RunOptions:
    class Notes:
        def start(self, stage: str, total: int, unit: str) -> None: ...
        def advance(self, n: int) -> None: ...
        def finish(self) -> None: ...
        def note(self, text: str) -> None:
            (warnings if warnings is not None else []).append(text)

    return RunOptions(executor="threads", cache=path, progress=Notes())


def age(folder: Path) -> None:
    """Make files old enough to be trusted by their time."""
    for file in folder.rglob("*.*"):
        os.utime(file, ns=(10**18, 10**18))


def test_keeps_facts_and_rows_short_and_long(path: Path, warnings: list[str]) -> None:
    cache = Cache(path, warnings.append)
    cache.keep("d", [SMALL, LONG], [entry("a", "aa", *rows_of(1)), entry("b", "bb", *rows_of(2))])
    cache.keep("d", [SMALL, LONG], [entry("c", "cc", *rows_of(3))])
    cache.close()
    cache = Cache(path, warnings.append)
    digests = ["aa" * 32, "bb" * 32, "cc" * 32, "dd" * 32]
    assert cache.facts(digests, "d") == {d: Known(FACTS) for d in digests[:3]}
    assert cache.facts(digests, "another decoder") == {}
    for extractor in (SMALL, LONG):
        found = dict(cache.rows(extractor, "d", digests))
        assert {d: int(row[0]) for d, row in found.items()} == {
            d: i for i, d in enumerate(digests[:3], 1)
        }
        assert found["aa" * 32].shape == extractor.shape
    assert list(cache.rows(registry.parse("phash:size=9").extractor, "d", digests)) == []
    assert warnings == []


def test_a_look_up_needs_path_size_and_time(path: Path, warnings: list[str]) -> None:
    cache = Cache(path, warnings.append)
    cache.keep("d", [], [entry("a", "aa")])
    same = ImageFile("a", 100, 10**18, "elsewhere")
    assert cache.digests([same]) == {"a": "aa" * 32}
    assert cache.digests([ImageFile("a", 101, 10**18, ".")]) == {}
    assert cache.digests([ImageFile("a", 100, 10**18 + 1, ".")]) == {}
    recent = ImageFile("now", 100, time.time_ns(), ".")
    cache.keep("d", [], [(recent, "aa" * 32, None, ())])
    assert cache.digests([recent]) == {}


def test_damaged_rows_are_not_believed(path: Path, warnings: list[str]) -> None:
    cache = Cache(path, warnings.append)
    cache.keep("d", [SMALL, LONG], [entry("a", "aa", *rows_of(1)), entry("b", "bb", *rows_of(2))])
    cache.close()
    (file,) = path.with_name("cache.sqlite-rows").iterdir()
    data = bytearray(file.read_bytes())
    data[5] ^= 1
    file.write_bytes(data[: LONG.row_bytes + 7])
    cache = Cache(path, warnings.append)
    assert list(cache.rows(LONG, "d", ["aa" * 32, "bb" * 32])) == []
    assert len(list(cache.rows(SMALL, "d", ["aa" * 32, "bb" * 32]))) == 2


@pytest.mark.parametrize("method", ["phash", "cosine"])
def test_a_warm_run_decodes_nothing_and_gives_the_same(method: str, path: Path, demo) -> None:
    folder, _ = demo
    without = find_duplicates(folder, method, options=RunOptions(executor="threads"))
    cold = find_duplicates(folder, method, options=options(path))
    warm = find_duplicates(folder, method, options=options(path))
    assert without.groups == cold.groups == warm.groups
    assert without.skipped == cold.skipped == warm.skipped
    assert cold.decoded > 0
    assert warm.decoded == 0


def test_a_changed_file_is_noticed_and_equal_contents_stay_two_files(
    path: Path, tmp_path: Path, photo
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        photo(1).save(folder / name)
    photo(2).save(folder / "c.png")
    age(folder)
    first = find_duplicates(folder, options=options(path))
    assert [len(g.members) for g in first.groups] == [2]
    photo(2).save(folder / "a.png")  # other content, and the time of the change says so
    second = find_duplicates(folder, options=options(path))
    assert [os.path.basename(m.picture.file.path) for m in second.groups[0].members] == [
        "c.png",  # older
        "a.png",
    ]
    (folder / "c.png").rename(folder / "moved.png")
    assert find_duplicates(folder, options=options(path)).decoded == 0


@dataclass(frozen=True)
class _Other(DctHash):
    """A comparator of somebody's own, under the name of a built-in."""

    def hash_bits(self, images: np.ndarray) -> np.ndarray:
        return ~super().hash_bits(images)


def test_rows_belong_to_the_class_that_made_them(path: Path, demo) -> None:
    folder, _ = demo
    find_duplicates(folder, DctHash(), options=options(path))
    assert find_duplicates(folder, _Other(), options=options(path)).decoded > 0


def test_clear_deletes_nothing_but_a_cache(tmp_path: Path, photo) -> None:
    precious = tmp_path / "precious.jpg"
    photo(1).save(precious)
    with pytest.raises(CacheUnusable, match="no imgsim cache"):
        clear(precious)
    _foreign(tmp_path / "theirs.sqlite")
    with pytest.raises(CacheUnusable, match="another program's"):
        clear(tmp_path / "theirs.sqlite")
    assert precious.exists()
    assert (tmp_path / "theirs.sqlite").exists()


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"something else entirely, of some length")


def _newer(path: Path) -> None:
    Cache(path, print).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def _foreign(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("spoil", [_not_a_database, _newer, _foreign, _folder])
def test_an_unusable_cache_is_said_once_and_left_alone(
    spoil, path: Path, demo, warnings: list[str]
) -> None:
    path.parent.mkdir()
    spoil(path)
    beside = sorted(path.parent.iterdir())
    before = path.read_bytes() if path.is_file() else None
    folder, _ = demo
    found = find_duplicates(folder, options=options(path, warnings))
    assert len(found.groups) == 9
    (warning,) = warnings
    assert warning.startswith(f"going on without the cache {path}")
    assert before is None or path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside


def test_a_full_disk(path: Path, warnings: list[str]) -> None:
    """SQLite reports a full disk when its file may grow no more."""
    cache = Cache(path, warnings.append)
    cache.keep("d", [SMALL], [entry("a", "aa", rows_of(1)[0])])
    assert cache._db
    cache._db.execute("PRAGMA max_page_count = 20")
    many = [
        (ImageFile(f"f{i}", 100, 10**18, "."), f"{i:064x}", Known(FACTS), rows_of(2)[:1])
        for i in range(2000)
    ]
    cache.keep("d", [SMALL], many)
    cache.keep("d", [SMALL], many)
    assert cache.facts(["aa" * 32], "d") == {}
    (warning,) = warnings
    assert "full" in warning
    cache = Cache(path, warnings.append)  # nothing of the failed write is there
    assert cache.facts(["aa" * 32, f"{5:064x}"], "d") == {"aa" * 32: Known(FACTS)}


WRITER = """
import sys, numpy as np
from pathlib import Path
from tests.cache.test_store import *
cache = Cache(Path(sys.argv[1]), lambda text: sys.exit(text))
print("ready", flush=True)
for i in range(int(sys.argv[2]), int(sys.argv[3])):
    digest = f"{i:064x}"
    file = ImageFile(f"f{i}", 100, 10**18, ".")
    row = [np.full(e.shape, i % 251, np.uint8) for e in (SMALL, LONG)]
    cache.keep("d", [SMALL, LONG], [(file, digest, Known(FACTS), row)])
    print(i, flush=True)
cache.close()
"""


def _writer(path: Path, start: int, stop: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(start), str(stop)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def _all_rows_are_right(path: Path, n: int) -> int:
    cache = Cache(path, pytest.fail)
    digests = [f"{i:064x}" for i in range(n)]
    known = cache.facts(digests, "d")
    for extractor in (SMALL, LONG):
        rows = dict(cache.rows(extractor, "d", digests))
        assert rows.keys() == known.keys()
        assert all((row == int(d, 16) % 251).all() for d, row in rows.items())
    cache.close()
    return len(known)


def test_two_processes_write_at_once(path: Path) -> None:
    writers = [_writer(path, 0, 60), _writer(path, 40, 100)]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert _all_rows_are_right(path, 100) == 100


def test_a_cache_that_another_process_is_creating_is_ours(
    path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overtaken(sqlite3.Connection):
        """Between its look at the version and its next one, another process creates the tables."""

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if "sqlite_master" in sql:
                other = connect(path, timeout=0, isolation_level=None)
                with closing(other), suppress(sqlite3.OperationalError):  # it may have to wait
                    _migrate(other)
            return super().execute(sql, *parameters)

    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", partial(connect, factory=Overtaken))
        cache = Cache(path, warnings.append)
    assert warnings == []
    cache.keep("d", [SMALL, LONG], [entry("a", "aa", *rows_of(1))])
    assert read_info(path).contents == 1
    cache.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_kill_9_loses_at_most_what_was_not_kept(path: Path) -> None:
    writer = _writer(path, 0, 10**6)
    assert writer.stdout
    while writer.stdout.readline().strip() != "20":
        pass
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    kept = _all_rows_are_right(path, 1000)
    assert kept >= 20
    again = _writer(path, 0, kept + 5)
    again.communicate()
    assert _all_rows_are_right(path, 1000) == kept + 5


def test_prune_and_clear(
    path: Path, tmp_path: Path, photo, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim.decode.decoder import decoder_id
    from imgsim.decode.spec import DecodeMode

    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in (1, 2, 3):
        photo(seed).save(folder / f"{seed}.png")
    monkeypatch.setattr("imgsim.stamps._COARSEST_CLOCK_NS", 0)  # they were made just now
    for method in ("phash", "cosine"):
        find_duplicates(folder, method, options=options(path))
    cache = Cache(path, warnings.append)
    cache.keep("an old decoder", [SMALL, LONG], [entry(str(folder / "1.png"), "aa", *rows_of(1))])
    assert len(list(path.with_name("cache.sqlite-rows").iterdir())) == 2
    (folder / "3.png").unlink()
    cache.close()
    assert prune(path, [decoder_id(mode) for mode in DecodeMode]) == 1
    info = read_info(path)
    assert (info.files, info.contents) == (2, 2)
    assert info.rows == {SMALL.key: 1, LONG.key: 1} or info.rows == {SMALL.key: 2, LONG.key: 2}
    assert len(list(path.with_name("cache.sqlite-rows").iterdir())) == 1
    assert clear(path) > 0
    assert list(path.parent.iterdir()) == []
    assert warnings == []
