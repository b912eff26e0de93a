"""Pairs that are known of the last run over the same pictures."""

from __future__ import annotations

import shutil
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

import imgsim
from imgsim import RunOptions
from imgsim.group import recipe_run
from imgsim.propose.proposals import Proposals
from imgsim.propose.remembered import key_of, pack, unpack


def some_proposals(n: int, crowded: int) -> Proposals:
    rng = np.random.default_rng(n)
    columns = rng.integers(0, 1 << 20, (4, n))
    return Proposals(*columns, left_out=7 * n, crowded=np.arange(crowded))


@pytest.mark.parametrize(("n", "crowded"), [(0, 0), (1, 0), (50, 3)])
def test_what_is_kept_is_what_is_found(n: int, crowded: int) -> None:
    key = key_of(["a", "b"], np.arange(2))
    proposals = some_proposals(n, crowded)
    found = unpack(key, pack(key, proposals))
    assert found is not None
    for one, other in zip(astuple(found), astuple(proposals), strict=True):
        np.testing.assert_array_equal(one, other)
    assert unpack(key_of(["a", "b"], np.arange(1, 3)), pack(key, proposals)) is None
    assert unpack(key, b"") is None


def test_every_part_of_a_key_counts() -> None:
    given = [(["a", "b"], np.arange(4)), (["ab"], np.arange(4)), (["a", "b"], np.arange(5))]
    given += [(["a", "b"], np.arange(4).reshape(2, 2)), (["b", "a"], np.arange(4))]
    keys = {key_of(digests, values) for digests, values in given}
    assert len(keys | {key_of(["a", "b"]), key_of(["a", "b"], np.arange(2), np.arange(2))}) == 7


def test_a_run_over_the_same_pictures_compares_no_features(
    demo: tuple[Path, object], photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside others all are compared again: what is proposed may differ."""
    folder = tmp_path / "copy"
    shutil.copytree(demo[0], folder)
    asked: list[int] = []
    propose = recipe_run.propose
    monkeypatch.setattr(
        recipe_run,
        "propose",
        lambda rows, **given: asked.append(len(rows)) or propose(rows, **given),
    )

    def groups(**more: object) -> list[list[str]]:
        options = RunOptions(executor="threads", cache=tmp_path / "cache.sqlite")
        found = imgsim.find_duplicates(folder, options=options, **more)
        return [[member.picture.file.path for member in group.members] for group in found.groups]

    first = groups()
    assert groups() == first
    assert len(asked) == 1
    photo(77).save(folder / "another.jpg")
    assert groups() == first
    assert asked[1:] == [asked[0] + 1]
    groups(method="local")
    assert len(asked) == 3
