"""Held-out images: families stay together, classes are balanced, the CSV is read back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgsim import RunOptions
from imgsim.errors import UsageError
from imgsim.pictures.generate import landscape
from imgsim.read.collect import collect
from imgsim.training.split import (
    FAMILY,
    class_of_path,
    classes_of_paths,
    count_leaks,
    divide,
    find_families,
    hold_out,
    write_split,
)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=2, max_size=60),
    st.floats(0.05, 0.6),
    st.integers(0, 5),
)
def test_no_family_is_divided_and_no_class_is_emptied(images, share: float, seed: int) -> None:
    own = np.array([family for family, _ in images])
    classes = [name for _, name in images]
    out = hold_out(own, classes, share, seed)
    assert not set(own[out]) & set(own[~out])
    assert set(np.array(classes)[~out]) == set(classes)
    most = {name: max(1, round(share * n)) for name, n in Counter(classes).items()}
    held = Counter(np.array(classes)[out].tolist())
    assert all(held[name] <= most[name] for name in held)
    assert np.array_equal(out, hold_out(own, classes, share, seed))


def test_of_single_images_exactly_the_share_is_held_out() -> None:
    out = hold_out(np.arange(200), ["a"] * 100 + ["b"] * 100, 0.15, 0)
    assert (out[:100].sum(), out[100:].sum()) == (15, 15)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures: of the first an equal file, a small and a grey copy, of the second a blur."""
    pictures = [Image.fromarray(landscape(seed, 160, 120)) for seed in range(5)]
    target = tmp_path / "pictures"
    target.mkdir()
    for number, picture in enumerate(pictures):
        picture.save(target / f"{number}.png")
    (target / "0 again.png").write_bytes((target / "0.png").read_bytes())
    pictures[0].resize((96, 72)).save(target / "0 small.jpg")
    pictures[0].convert("L").save(target / "0 grey.png")
    pictures[1].resize((100, 75)).resize((160, 120)).save(target / "1 soft.png")
    for name in ("blank a", "blank b"):
        Image.new("RGB", (64, 64), (250, 250, 250)).save(target / f"{name}.png")
    Image.new("RGB", (64, 64), (90, 0, 0)).save(target / "red.png")
    return target


def test_copies_and_near_duplicates_are_one_family(folder: Path, threads: RunOptions) -> None:
    collection = collect([str(folder)], [FAMILY.extractor], threads)
    own = find_families(collection, threads)
    members: dict[int, set[str]] = {}
    for picture, family in zip(collection.pictures, own, strict=True):
        members.setdefault(int(family), set()).add(Path(picture.file.path).stem)
    assert sorted(map(sorted, members.values())) == [
        ["0", "0 again", "0 grey", "0 small"],
        ["1", "1 soft"],
        ["2"],
        ["3"],
        ["4"],
        ["blank a", "blank b"],
        ["red"],
    ]


def test_a_split_is_saved_and_read_again(folder: Path, threads: RunOptions, tmp_path: Path) -> None:
    collection = collect([str(folder)], [FAMILY.extractor], threads)
    classes = [""] * len(collection.pictures)
    split = divide(collection, classes, 0.3, 1, threads, None)
    assert count_leaks(split) == 0
    assert 1 <= split.held_out.sum() <= round(0.3 * len(classes))
    write_split(split, tmp_path / "split.csv")
    again = divide(collection, classes, 0.9, 5, threads, tmp_path / "split.csv")
    assert np.array_equal(again.held_out, split.held_out)
    lines = (tmp_path / "split.csv").read_text().splitlines()
    leaking = [line.replace(",train,", ",valid,") if "0 grey" in line else line for line in lines]
    (tmp_path / "leaking.csv").write_text("\n".join(leaking))
    mixed = divide(collection, classes, 0.3, 1, threads, tmp_path / "leaking.csv")
    assert count_leaks(mixed) == 1
    for text in ("path,side\na,b\n", "\n".join(lines[:-1]), "\n".join(lines) + "\nx,later,1,\n"):
        (tmp_path / "wrong.csv").write_text(text)
        with pytest.raises(UsageError):
            divide(collection, classes, 0.3, 1, threads, tmp_path / "wrong.csv")


def test_a_folder_with_nothing_to_hold_out(tmp_path: Path, threads: RunOptions, photo) -> None:
    for name in ("a", "b", "c"):
        photo(1).save(tmp_path / f"{name}.png")
    collection = collect([str(tmp_path)], [FAMILY.extractor], threads)
    with pytest.raises(UsageError, match="nothing can be held out: 3 images in 1 families"):
        divide(collection, [""] * 3, 0.3, 0, threads, None)


@pytest.mark.parametrize(
    ("path", "folder", "prefix"),
    [
        ("pets/great_pyrenees_12.jpg", "pets", "great_pyrenees"),
        ("pets/pug/007.jpg", "pug", "007"),
        ("pug (3).jpg", Path.cwd().name, "pug"),
        ("a/british-shorthair-101.PNG", "a", "british-shorthair"),
    ],
)
def test_the_class_that_a_path_tells(path: str, folder: str, prefix: str) -> None:
    assert class_of_path(path, "folder") == folder
    assert class_of_path(path, "prefix") == prefix


def test_classes_are_told_by_folders_else_by_prefixes() -> None:
    assert classes_of_paths(["x/a/1.jpg", "x/b/1.jpg", "x/b/2.jpg"], "auto") == ("a", "b", "b")
    assert classes_of_paths(["x/a_1.jpg", "x/b_1.jpg", "x/b_2.jpg"], "auto") == ("a", "b", "b")
    for paths in (["x/1.jpg", "x/2.jpg"], ["x/cat.jpg", "x/dog.jpg"], []):
        with pytest.raises(UsageError, match="no classes to learn from"):
            classes_of_paths(paths, "auto")
