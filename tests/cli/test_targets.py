"""What is written replaces neither what is read nor a picture of the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from imgsim.cli.main import main
from imgsim.pictures.png import is_drawn, write_png


@pytest.fixture
def folder(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "photos").mkdir()
    for seed in (1, 2, 3):
        photo(seed).save(tmp_path / "photos" / f"{seed}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


FAST = ("--executor", "threads", "-m", "phash")


@pytest.mark.parametrize(
    "arguments",
    [
        ("find-dupes", "photos", *FAST, "-o"),
        ("find-dupes", "photos", *FAST, "--plan"),
        ("matches", "photos", *FAST, "--montage"),
        ("sort", "photos", *FAST, "--sheet"),
        ("sort", "photos", *FAST, "--heatmap"),
        ("cluster", "photos", *FAST, "--map"),
        ("leaks", "photos", "photos", *FAST, "--drop-list"),
        ("explain", "photos/1.png", "photos/2.png", "-o"),
    ],
)
@pytest.mark.parametrize("target", ["photos/3.png", "text.txt", "empty.jpg.png"])
def test_a_picture_is_not_replaced(arguments: tuple[str, ...], target: str, folder: Path) -> None:
    if target == "text.txt":  # a picture by its content
        Path(target).write_bytes((folder / "3.png").read_bytes())
    elif target == "empty.jpg.png":  # by its name
        Path(target).write_bytes(b"not read")
    before = Path(target).read_bytes()
    assert main([*arguments, target]) == 2
    assert Path(target).read_bytes() == before
    assert sorted(os.listdir(folder)) == ["1.png", "2.png", "3.png"]


def test_a_picture_has_the_name_of_one(folder: Path, capfd) -> None:
    for words in (["cluster", "--map"], ["cluster", "--numbers"], ["sort", "--sheet"]):
        assert main([words[0], "photos", *FAST, words[1], "map.txt"]) == 2
        assert "map.txt does not end as a PNG" in capfd.readouterr().err
    assert not Path("map.txt").exists()


def test_lists_of_leaks_go_to_standard_output(folder: Path, photo, capfd) -> None:
    Path("valid").mkdir()
    photo(1).save("valid/1.png")
    photo(4).save("valid/4.png")
    words = ["leaks", "photos", "valid", *FAST]
    assert main([*words, "--drop-list", "-"]) == 1
    assert capfd.readouterr().out == "photos/1.png\n"
    assert main([*words, "--write-splits", "-", "-o", "leaks.txt"]) == 1
    assert capfd.readouterr().out.startswith("path,split\n")
    assert "valid/1.png" in Path("leaks.txt").read_text()
    for more in (["-f", "json"], ["--write-splits", "-"]):
        assert main([*words, "--drop-list", "-", *more]) == 2
        said = capfd.readouterr()
        assert (said.out, "go to standard output both" in said.err) == ("", True)
    assert not Path("-").exists()


def test_force_and_what_imgsim_drew_itself(folder: Path, capfd) -> None:
    words = ["matches", "photos", *FAST, "--montage", "sheet.png"]
    assert main(words) == 0
    first = Path("sheet.png").read_bytes()
    assert is_drawn(first)
    assert main(words) == 0  # its own picture may be replaced
    assert Path("sheet.png").read_bytes() == first
    with Image.open("sheet.png") as picture:
        picture.save("sheet.png")  # by another program: the mark is gone
    assert main(words) == 2
    assert "did not write" in capfd.readouterr().err
    assert main([*words, "--force"]) == 0


def test_what_is_read_is_not_replaced(folder: Path, capfd) -> None:
    assert main(["find-dupes", "photos", *FAST, "-f", "json", "-o", "known.json"]) == 0
    assert main(["find-dupes", "photos", *FAST, "-f", "json", "-o", "known.json"]) == 0
    before = Path("known.json").read_bytes()
    Path("link.json").symlink_to("known.json")
    words = ["find-dupes", "photos", *FAST, "--check", "--baseline", "known.json", "-o"]
    for target in ("known.json", "./known.json", "link.json"):
        assert main([*words, target]) == 2
        assert "is read here" in capfd.readouterr().err
    assert Path("known.json").read_bytes() == before


def test_what_is_read_by_itself_is_not_replaced(folder: Path, monkeypatch, capfd) -> None:
    monkeypatch.setenv("IMGSIM_DECISIONS", str(Path("decided.jsonl").absolute()))
    assert main(["decisions", "add", "keep-all", "photos/1.png", "photos/2.png"]) == 0
    Path("imgsim.toml").write_text("jobs = 1\n")
    Path("other.toml").write_text("jobs = 1\n")
    words = ["find-dupes", "photos", *FAST, "-f", "json"]
    for target, before in (
        ("decided.jsonl", []),
        ("imgsim.toml", []),
        ("other.toml", ["--config"]),
    ):
        content = Path(target).read_bytes()
        for option in ("-o", "--plan"):
            assert main([*before, *([target] if before else []), *words, option, target]) == 2
            assert "is read here" in capfd.readouterr().err
        assert Path(target).read_bytes() == content


def test_no_file_is_written_twice(folder: Path, capfd) -> None:
    assert main(["find-dupes", "photos", *FAST, "-f", "json", "-o", "one", "--plan", "./one"]) == 2
    assert "would be written twice" in capfd.readouterr().err
    assert not Path("one").exists()


def test_splits_replace_no_list(folder: Path, photo, capfd) -> None:
    Path("valid").mkdir()
    photo(1).save("valid/1.png")
    photo(4).save("valid/4.png")
    Path("splits.csv").write_text("path,split\na.png,train\n")
    words = ["leaks", "photos", "valid", *FAST, "--write-splits"]
    assert main([*words, "splits.csv"]) == 2
    assert "splits.csv is there already" in capfd.readouterr().err
    assert Path("splits.csv").read_text() == "path,split\na.png,train\n"
    Path("empty.csv").touch()  # as mktemp makes it
    for target in (["empty.csv"], ["splits.csv", "--force"]):
        assert main([*words, *target]) == 1
        assert Path(target[0]).read_text().count("valid/") == 2


def test_a_picture_that_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim import UsageError

    target = tmp_path / "sheet.png"
    write_png(Image.new("RGB", (9, 9)), target)
    before = target.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as stream:
            stream.write(data[:9])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match="No space"):
        write_png(Image.new("RGB", (20, 20)), target)
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == ["sheet.png"]
