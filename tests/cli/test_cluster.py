"""cluster as a user runs it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from imgsim.cli.main import main
from imgsim.pictures.fixed_camera import cycle, frame
from imgsim.schemas import schema


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames & <more>")
    for place, state in enumerate(cycle(3)):
        for number in range(5):
            image = Image.fromarray(frame(state, seed=100 * place + number))
            image.resize((160, 120)).save(folder / f"{place}_{number}.jpg")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    return folder


def test_every_output(imgsim, frames: Path, tmp_path: Path, capsys) -> None:
    sheets, drawn, similar = tmp_path / "sheets", tmp_path / "map.png", tmp_path / "similar.png"
    query = frames / "2_0.jpg"
    options = ("--max-clusters", "5", "--knn-label", query, "--no-timing", "--similar", "4")
    pictures = ("--sheets", sheets, "--map", drawn, "--knn-picture", similar)
    done = imgsim("cluster", frames, *options, *pictures, "-f", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema("imgsim.cluster/1"))
    assert [c["images"] for c in document["clusters"]] == [5, 5, 5]
    assert [q["k"] for q in document["qualities"]] == [2, 3, 4, 5]
    label = {Path(one["path"]).name: one["cluster"] for one in document["labels"]}
    (asked,) = document["queries"]
    assert asked["cluster"] == label["2_1.jpg"]
    assert {Path(m["path"]).name[0] for m in asked["matches"]} == {"2"}
    assert "chosen by silhouette" in done.stderr
    assert "3:0." in done.stderr
    assert "skipped 1 file" in done.stderr
    for path in (drawn, similar, *(sheets / f"cluster_{n}.png" for n in (1, 2, 3))):
        with Image.open(path) as picture:
            assert len(picture.getcolors(1 << 24)) > 500
    assert len(list(sheets.iterdir())) == 3

    # another number of workers and no cache: the same bytes
    def run(*more: str) -> str:
        capsys.readouterr()
        assert main(["cluster", *map(str, (frames, *options, *more))]) == 0
        return capsys.readouterr().out

    assert run("-f", "json", "-j", "1", "--cache", "off") == done.stdout
    rows = csv.DictReader(io.StringIO(run("-f", "csv")))
    assert {Path(row["path"]).name: int(row["cluster"]) for row in rows} == label
    page = run("-f", "html")
    assert page.count("background-image") == 15  # each picture once; the query is one of them
    assert page.count("<b ") == 15
    assert html.escape(str(query)) in page
    # what has no room for its picture is a dot, typical images the last to be
    assert page.count(" data-t></b>") == len(re.findall(r"<em ", page)) > 0
    assert "classList.toggle('dot', !free)" in page
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched


def test_text_and_what_cannot_be(frames: Path, tmp_path: Path, capsys) -> None:
    options = ["--projection", "pca", "-n", "3"]
    assert main(["cluster", str(frames), *options, "--knn-label", str(frames / "0_0.jpg")]) == 0
    text = capsys.readouterr().out
    assert [line.split(",")[0] for line in text.splitlines() if line.startswith("Cluster")] == [
        "Cluster 1: 5 images", "Cluster 2: 5 images", "Cluster 3: 5 images",
    ]  # fmt: skip
    assert "(nearest: 4 of cluster" in text
    full = tmp_path / "full"
    full.mkdir()
    (full / "note.txt").write_text("mine")
    for wrong in (
        ["-m", "ssim"], ["-n", "16"], ["-n", "none"], ["--sheets", str(full)],
        ["--map", str(tmp_path / "no" / "map.png")], ["--knn-label", str(tmp_path / "no.jpg")],
        ["--knn-label", str(frames / "broken.png")], ["-m", "all"],
    ):  # fmt: skip
        assert main(["cluster", str(frames), *wrong]) == 2, wrong
        assert 1 <= capsys.readouterr().err.count("\n") <= 2
    assert main(["cluster", str(full), "--map", str(tmp_path / "none.png")]) == 0
    assert "0 images" in capsys.readouterr().err
