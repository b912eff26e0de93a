"""Damaged lists, archives, tables, plans, decisions and the like end in a line, not in a crash."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from imgsim.act.plan_file import read_plan
from imgsim.benchmark.gate import read_bench
from imgsim.cache.store import Cache
from imgsim.cli.config import defaults
from imgsim.errors import ImgsimError
from imgsim.models.weights import metadata
from imgsim.profile import read_profile
from imgsim.read.archives.kinds import BadArchive
from imgsim.read.archives.listing import list_archive
from imgsim.read.tables.listing import dataset_files
from imgsim.report.baseline import FIND_DUPES, LEAKS, read_baseline
from imgsim.report.features import read_features

DEEP = b"[" * 100_000


@pytest.mark.forks
def test_mutants_of_every_kind_of_input(tmp_path: Path) -> None:
    from fault_indexes import KINDS
    from fault_inputs import INPUTS, read_mutants
    from fault_pictures import Counts

    counts = Counts()
    read_mutants(counts, range(4), 0, tmp_path, [kind for kind in INPUTS if kind not in KINDS])
    read_mutants(counts, range(1), 0, tmp_path, list(KINDS))  # each is asked, and written anew
    assert counts.found == {}
    assert counts.tried.total() >= 80


@pytest.mark.forks
@pytest.mark.parametrize(
    ("kind", "number", "seed"),
    [
        ("Arrow of pictures", 6, 1),  # ended by SIGSEGV: offsets beyond its end
        ("Arrow of pictures", 8, 1),  # ended by SIGABRT
        ("features, Parquet", 74, 2),  # a column whose text is none
        ("features, npz", 143, 3),  # a member that says it is encrypted
    ],
)
def test_what_was_found_once(kind: str, number: int, seed: int, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from fault_inputs import read_mutants
    from fault_pictures import Counts

    counts = Counts()
    read_mutants(counts, [number], seed, tmp_path, [kind])
    assert counts.found == {}


def test_a_cache_whose_damaged_schema_sqlite_names_by_no_text_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with closing(Cache(path, pytest.fail)):
        pass
    data = path.read_bytes()
    assert b"tablecontentcontent" in data
    data = data.replace(b"tablecontentcontent", b"tablecont\xfentcontent")
    path.write_bytes(data.replace(b"CREATE TABLE content", b"CREATE TABEL content"))
    said: list[str] = []
    with closing(Cache(path, said.append)):
        assert path.with_name("cache.sqlite-damaged").exists(), said


def test_the_end_of_a_zip_before_which_there_is_too_little_is_damage(tmp_path: Path) -> None:
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 1 << 40, 1)
    path = tmp_path / "a.zip"
    path.write_bytes(locator + b"PK\5\6" + bytes(18))
    with pytest.raises(BadArchive, match="the place of its list is lost"):
        list_archive(str(path))


def _weights(path: Path) -> None:
    header = b'{"__metadata__": {"imgsim": %s}}' % json.dumps(DEEP.decode()).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    metadata(path, "siamese")


def _features(path: Path) -> None:
    np.savez(path.with_suffix(".npz"), imgsim=np.array(DEEP.decode()))
    read_features(path.with_suffix(".npz"))


def _state(path: Path) -> None:
    for name in ("state.json", "dataset_info.json"):
        (path.parent / name).write_bytes(DEEP)
    dataset_files(str(path.parent))


@pytest.mark.parametrize(
    "read",
    [
        read_profile,
        read_bench,
        lambda path: defaults(str(path), "find-dupes"),
        _weights,
        _features,
        _state,
    ],
)
def test_what_is_nested_too_deeply_is_refused(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "deep"
    path.write_bytes(b"a = " + DEEP if "defaults" in read.__code__.co_names else DEEP)
    with pytest.raises((ImgsimError, OSError)):
        read(path)


def test_numbers_that_are_too_large_are_refused(tmp_path: Path) -> None:
    from fault_inputs import whole_input

    path = tmp_path / "file.json"
    for kind, key, read in (
        ("plan", "threshold", lambda path: read_plan(path.read_bytes())),
        ("profile", "max_distance", read_profile),
        ("baseline", "threshold", lambda path: read_baseline(path, FIND_DUPES)),
        ("leaks baseline", "matched", lambda path: read_baseline(path, LEAKS)),
    ):
        for number in ("9" * 400, "1e999"):
            text = re.sub(rf'"{key}": [0-9.]+', f'"{key}": {number}', whole_input(kind).decode())
            assert number in text
            path.write_text(text)
            with suppress(ImgsimError):
                read(path)


def test_a_setting_of_more_digits_than_python_takes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "imgsim.toml").write_text(f"jobs = {'9' * 5000}")
    with pytest.raises(ImgsimError, match="cannot read"):
        defaults(str(tmp_path / "imgsim.toml"), "find-dupes")
