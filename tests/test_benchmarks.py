"""The score that finders of duplicates are compared by; the rest of benchmarks/ runs by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsim.pictures.copies import Copy

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
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
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
