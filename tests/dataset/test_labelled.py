"""Labelled folders and lists, and what is said of those that make no sense."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from imgsim.dataset.labelled import LabelledPair
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import UsageError

Tree = Callable[[str], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Write files: images, and texts as ``name=content`` with | for a line end."""

    def write(names: str) -> Path:
        for name in names.split():
            name, _, text = name.partition("=")
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text:
                path.write_text(text.replace("|", "\n"))
            else:
                Image.new("RGB", (8, 8)).save(path)
        return tmp_path

    return write


def names(root: Path, paths: tuple[str, ...]) -> list[str]:
    return [Path(path).relative_to(root).as_posix() for path in paths]


def test_a_class_per_folder(tree: Tree) -> None:
    root = tree("b/1.png a/x.png a/y.png a/notes.txt=no a/deep/z.png .hidden/q.png")
    data = load_labelled(root)
    assert names(root, data.paths) == ["a/deep/z.png", "a/x.png", "a/y.png", "b/1.png"]
    assert data.labels == ("a/deep", "a", "a", "b")
    assert data.classes.tolist() == [1, 0, 0, 2]
    assert data.split_names == ()


def test_folders_of_splits(tree: Tree) -> None:
    root = tree(
        "train/a/1.png train/a/2.png train/b/3.png valid/a/4.png valid/b/5.png valid/b/6.png"
    )
    data = load_labelled(root)
    assert data.labels == ("a", "a", "b", "a", "b", "b")
    assert data.split_names == ("train", "valid")
    assert names(root, data.only("valid").paths) == [
        "valid/a/4.png",
        "valid/b/5.png",
        "valid/b/6.png",
    ]
    with pytest.raises(UsageError, match="no split 'test'"):
        data.only("test")


def test_prefixes_of_names(tree: Tree) -> None:
    root = tree("red_apple_1.png red_apple_2.png pear_1.png")
    assert load_labelled(root).labels == ("pear", "red_apple", "red_apple")
    other = load_labelled(root, prefix=r"^(...)")
    assert other.labels == ("pea", "red", "red")
    with pytest.raises(UsageError, match="no group"):
        load_labelled(root, prefix="red")
    with pytest.raises(UsageError, match="no regular expression"):
        load_labelled(root, prefix="(")


def test_scenes_of_consecutive_numbers(tree: Tree) -> None:
    root = tree(" ".join(f"{i}.png" for i in range(2, 14)))
    data = load_labelled(root, per_scene=4)
    assert names(root, data.paths) == [f"{i}.png" for i in range(2, 14)]  # not 10 before 2
    assert data.labels == ("0",) * 4 + ("1",) * 4 + ("2",) * 4
    with pytest.raises(UsageError, match="no label in the name") as error:
        load_labelled(root)
    assert "--per-scene" in error.value.hint
    (root / "7.png").unlink()
    with pytest.raises(UsageError, match="6 to 9 are one scene, but 3"):
        load_labelled(root, per_scene=4)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("u1.png u2.png v3.png v4.png", "begin differently"),
        ("u1.png u01.png", "have one number"),
        ("u1.png u-.png", "not named by a number"),
    ],
)
def test_numbers_that_are_none(tree: Tree, files: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_labelled(tree(files), per_scene=2)


def test_a_truth_file(tree: Tree) -> None:
    root = tree(
        "x.png y.png sub/z.png w.png"
        " truth.csv=path,note,Label,split|y.png,n,two,b|x.png,,one,a||sub/z.png,,one,a"
    )
    data = load_labelled(root)
    assert (names(root, data.paths), data.labels) == (
        ["y.png", "x.png", "sub/z.png"],
        ("two", "one", "one"),
    )
    assert data.split_names == ("a", "b")
    assert load_labelled(root / "truth.csv").paths == data.paths


def test_pairs(tree: Tree) -> None:
    root = tree("x.png y.png z.png p.csv=a,b,same|y.png,x.png,1|x.png,z.png,No|y.png,z.png,0")
    data = load_labelled(root / "p.csv")
    assert names(root, data.paths) == ["y.png", "x.png", "z.png"]
    assert [(p.left, p.right, p.same) for p in data.pairs] == [
        (0, 1, True), (1, 2, False), (0, 2, False),
    ]  # fmt: skip
    assert data.keep([2, 0, 1]).pairs[0] == LabelledPair(1, 2, True)
    with pytest.raises(UsageError, match="not both kinds"):
        data.keep([0, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "no list of labels"),
        ("path,label|x.png", "line 2: 1 of 2 fields"),
        ("path,label|x.png,", "line 2: no label"),
        ("path,label", "lists no images"),
        ("path,label|no.png,a", "line 2: no such file"),
        ("path,label|x.png,a|x.png,b", "line 3: .*x.png stands in line 2 too"),
        ("path,label|x.png,a|y.png,a", "2 images, all of one label"),
        ("path,label|x.png,a|y.png,b", "a label of its own"),
        ("a,b,same|x.png,y.png,maybe", "same is 'maybe'"),
        ("a,b,same|x.png,x.png,1", "an image and itself"),
        ("a,b,same|x.png,y.png,1|y.png,x.png,0", "line 3: this pair stands in line 2 too"),
        ("a,b,same|x.png,y.png,1", "not both kinds"),
        ('path,label|"x.png,a', "is no CSV"),
    ],
)
def test_lists_that_make_no_sense(tree: Tree, text: str, message: str) -> None:
    root = tree("x.png y.png")
    (root / "list.csv").write_text(text.replace("|", "\n"))
    with pytest.raises(UsageError, match=message) as error:
        load_labelled(root / "list.csv")
    assert error.value.hint


def test_folders_that_make_no_sense(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no images"):
        load_labelled(tmp_path)
    with pytest.raises(UsageError, match="no such path"):
        load_labelled(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no truth\.csv"):
        load_labelled(tmp_path, layout="truth")
    root = tree("a/1.png a/2.png")
    with pytest.raises(UsageError, match="2 images, all of one label"):
        load_labelled(root)
    tree("beside.png")
    with pytest.raises(UsageError, match=r"1 images lie beside the class folders.*beside\.png"):
        load_labelled(root)
