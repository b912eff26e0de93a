"""The scores that finders of duplicates are compared by; the rest of benchmarks/ runs by hand."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from imgsim.pictures.copies import Copy

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
COPIES = [
    Copy("1.jpg", 0, "a/x.jpg", "original"),
    Copy("2.jpg", 0, "a/x.jpg", "grey"),
    Copy("3.jpg", 0, "a/x.jpg", "mirror"),
    Copy("4.jpg", 1, "a/y.jpg", "original"),
    Copy("5.jpg", 1, "a/y.jpg", "grey"),
]


def test_a_copy_is_found_with_its_original_and_pairs_of_two_sources_are_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from finder_score import pairs_between, score

    # 2 and 3 are a right pair, but without their original neither is found
    apart = score([["/in/2.jpg", "/in/3.jpg"]], COPIES)
    assert (apart.recall, apart.wrong) == (0, ())

    pairs = score([["1.jpg", "2.jpg"], ["2.jpg", "1.jpg"], ["4.jpg", "2.jpg"]], COPIES)
    assert pairs.found == {"grey": 1, "mirror": 0}
    assert pairs.copies == {"grey": 2, "mirror": 1}
    assert pairs.recall == pytest.approx(1 / 3)
    assert [(a.path, b.path) for a, b in pairs.wrong] == [("2.jpg", "4.jpg")]

    # a group is all pairs of its members
    group = score([["1.jpg", "3.jpg", "4.jpg", "5.jpg"]], COPIES)
    assert group.found == {"grey": 1, "mirror": 1}
    assert len(group.wrong) == 4
    assert pairs_between(COPIES) == 6
    with pytest.raises(KeyError):
        score([["1.jpg", "truth.csv"]], COPIES)


def test_an_original_is_lost_where_no_file_with_its_bytes_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from kept_by_finders import count
    from library import Made

    files = {"original": b"a", "backup": b"a", "messenger": b"b", "cropped": b"c", "burst": b"d"}
    roles = {"backup": ("exact",), "messenger": ("smaller",), "cropped": ("cropped",)}
    made = []
    for kind, data in files.items():
        (tmp_path / kind).write_bytes(data)
        original = str(tmp_path / "original")
        made.append(Made(str(tmp_path / kind), original, kind, roles.get(kind, ())))

    def counted(*kinds: str) -> list[int]:
        return list(count({str(tmp_path / kind) for kind in kinds}, made).values())

    assert counted("original", "messenger") == [1, 0, 0, 0]
    assert counted("original", "backup", "cropped", "burst") == [1, 1, 1, 1]


def test_benchmarks_import_names_that_are_there() -> None:
    for script in sorted(BENCHMARKS.glob("*.py")):
        for node in ast.walk(ast.parse(script.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("imgsim"):
                module = importlib.import_module(str(node.module))
                missing = [one.name for one in node.names if not hasattr(module, one.name)]
                assert missing == [], script.name
