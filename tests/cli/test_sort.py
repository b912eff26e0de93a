"""sort as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import jsonschema
from PIL import Image

from imgsim.cli.main import main
from imgsim.schemas import schema


def test_every_output(imgsim, demo, tmp_path: Path) -> None:
    folder, made = demo
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    heat, sheet, copies = tmp_path / "heat.png", tmp_path / "sheet.png", tmp_path / "new" / "copies"
    options = ("--heatmap", heat, "--sheet", sheet, "--copy-to", copies, "--no-timing")
    done = imgsim("sort", folder, *options, "-f", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema("imgsim.sort/1"))
    order = [image["path"] for image in document["order"]]
    assert len(set(order)) == made.files - 1
    steps = [image["distance"] for image in document["order"][1:]]
    assert abs(sum(steps) - document["totals"]["better"]) < 1e-6
    assert document["order"][0]["distance"] is None
    for (original, copy, *_), step in zip(made.groups, steps, strict=False):
        a, b = (order.index(str(folder / name)) for name in (original, copy))
        assert abs(a - b) <= 2 or step  # copies stand side by side
    for drawn in (heat, sheet):
        with Image.open(drawn) as picture:
            assert picture.format == "PNG"
            assert len(picture.getcolors(1 << 24)) > 200
    names = sorted(p.name for p in copies.iterdir())
    assert [name.split("_", 1)[1] for name in names] == [Path(p).name for p in order]
    for name, path in zip(names, order, strict=True):
        assert (copies / name).read_bytes() == Path(path).read_bytes()
    assert before == {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert f"{made.files - 1} files" in done.stderr
    again = imgsim("sort", folder, "-f", "csv", "-j", "1", "--cache", "off")
    rows = list(csv.DictReader(io.StringIO(again.stdout)))
    assert [row["path"] for row in rows] == order
    text = imgsim("sort", ".", "-m", "phash", "--chain", "greedy", cwd=folder)
    assert max(map(len, text.stdout.splitlines())) <= 80
    assert "camera/IMG_0001.jpg" in text.stdout.splitlines()[0]
    assert "greedy chain: total distance" in text.stderr


def test_what_cannot_be(demo, tmp_path: Path, capsys) -> None:
    folder = str(demo[0])
    full = tmp_path / "full"
    full.mkdir()
    shutil.copy(demo[0] / demo[1].groups[0][0], full)
    for wrong in (
        ["sort"],
        ["sort", folder, "--copy-to", str(full)],
        ["sort", folder, "--sheet", str(tmp_path / "no" / "sheet.png")],
        ["sort", folder, "--start", str(tmp_path / "other.jpg")],
        ["sort", folder, "-m", "all"],
        ["sort", str(tmp_path / "nowhere")],
    ):
        capsys.readouterr()
        assert main(wrong) == 2, wrong
        assert 1 <= capsys.readouterr().err.count("\n") <= 2
    assert [p.name for p in full.iterdir()] == ["IMG_0001.jpg"]
    assert main(["sort", str(full), "--heatmap", str(tmp_path / "one.png")]) == 0
    (full / "IMG_0001.jpg").unlink()
    assert main(["sort", str(full), "--sheet", str(tmp_path / "none.png"), "--heatmap",
        str(tmp_path / "none too.png")]) == 0  # fmt: skip
    assert "0 images" in capsys.readouterr().err
