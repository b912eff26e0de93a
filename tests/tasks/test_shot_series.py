"""Bursts, brackets, raw files of the same shot and screenshots of one moment."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image, ImageDraw

import imgsim as package
from imgsim.pictures.dng import colour_filter, write_dng
from imgsim.pictures.generate import landscape
from imgsim.read.options import RunOptions
from imgsim.report.role_text import series_of
from imgsim.schemas import schema
from imgsim.tasks.find_duplicates import Duplicates

SIZE = (640, 480)


def _exif(time: str, fraction: str, bias: float = 0.0) -> Image.Exif:
    exif = Image.Exif()
    exif.update({0x010F: "Canon", 0x0110: "EOS R5"})
    taken = exif.get_ifd(0x8769)
    taken.update({0x9003: f"2024:05:01 {time}", 0x9204: bias, 0x829A: 1 / 250})
    if fraction:
        taken[0x9291] = fraction
    return exif


def _frame(seed: int, number: int, gain: float = 1.0) -> Image.Image:
    """A shot from a tripod: the scene of a seed, with the noise of a number."""
    noise = np.random.default_rng([seed, number]).normal(0, 0.6, (*SIZE[::-1], 3))
    scene = landscape(seed, *SIZE).astype(float) * gain + noise
    return Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A burst that matches, one that does not, a bracket, a raw file, and two screenshots."""
    folder = tmp_path_factory.mktemp("library")
    for number, fraction in enumerate(("05", "30", "55")):
        still = _frame(11, number)
        still.save(folder / f"STILL_{number}.JPG", quality=96, exif=_exif("10:00:00", fraction))
        moving = _frame(12, number)
        pen = ImageDraw.Draw(moving)
        pen.ellipse((80 + 110 * number, 240, 200 + 110 * number, 360), fill=(200, 30, 30))
        moving.save(folder / f"MOVE_{number}.JPG", quality=96, exif=_exif("11:00:00", fraction))
    for number, bias in enumerate((0.0, -1.0)):
        exposed = _frame(13, number, 2.0**bias)
        exif = _exif("12:00:00", f"{2 + 3 * number}", bias)
        exposed.save(folder / f"EXP_{number}.JPG", quality=96, exif=exif)
    shot = _frame(14, 0)
    shot.save(folder / "SHOT_1.JPG", quality=96, exif=_exif("13:00:00", ""))
    plane = colour_filter(np.asarray(shot))
    dng = write_dng(plane, make="Canon", model="EOS R5", taken="2024:05:01 13:00:00")
    (folder / "shot_1.dng").write_bytes(dng)
    for number, clock in enumerate(("12:41", "12:42")):
        screen = Image.new("RGB", (480, 960), "white")
        screen.paste(_frame(15, 0).resize((480, 360)), (0, 200))
        pen = ImageDraw.Draw(screen)
        pen.text((20, 10), clock, fill="black", font_size=24)
        pen.text((20, 600), "I shall be there at noon", fill="black", font_size=24)
        path = folder / f"screen{number}.png"
        screen.save(path)
        os.utime(path, (1_700_000_000 + 60 * number,) * 2)
    return folder


@pytest.fixture(scope="module")
def duplicates(library: Path) -> Duplicates:
    return package.find_duplicates(library, options=RunOptions(executor="threads"))


def _named(related: Any, folder: Path) -> set[tuple[str, ...]]:
    return {
        (os.path.relpath(r.path, folder), os.path.relpath(r.beside, folder), r.relation)
        for r in related
    }


def test_what_does_not_match_is_named_without_a_group(
    library: Path, duplicates: Duplicates
) -> None:
    pytest.importorskip("rawpy")
    assert _named(duplicates.related, library) == {
        ("MOVE_1.JPG", "MOVE_0.JPG", "burst"),
        ("MOVE_2.JPG", "MOVE_1.JPG", "burst"),
        ("shot_1.dng", "SHOT_1.JPG", "raw"),
        ("screen1.png", "screen0.png", "moment"),
    }


def test_matching_shots_are_near_and_never_free(library: Path, duplicates: Duplicates) -> None:
    groups = {Path(g.kept.file.path).name: g for g in duplicates.groups}
    still, exposed = groups["STILL_0.JPG"], groups["EXP_0.JPG"]
    assert [m.role for m in still.members] == [None, "near", "near"]
    assert [m.role for m in exposed.members] == [None, "near"]
    assert exposed.members[1].why == "another shot of the bracket, taken 0.3 s later"
    assert "edited" not in exposed.members[1].changes
    assert duplicates.reclaimable_bytes == 0
    assert _named(still.related, library) == {
        ("STILL_1.JPG", "STILL_0.JPG", "burst"),
        ("STILL_2.JPG", "STILL_1.JPG", "burst"),
    }
    assert _named(exposed.related, library) == {("EXP_1.JPG", "EXP_0.JPG", "bracket")}
    counts = Counter((one.relation, len(one.sizes)) for one in series_of(duplicates))
    assert counts["burst", 3] == 2
    assert counts["bracket", 2] == counts["moment", 2] == 1


def test_every_output_has_them(imgsim, library: Path) -> None:
    run = ("find-dupes", ".", "--exclude", "*.dng")
    done = imgsim(*run, cwd=library)
    assert "and 2 bursts: 6 files, " in done.stderr
    assert "and 1 bracket of exposures: 2 files, " in done.stderr
    assert "and 1 moment of which shots differ: 2 files, " in done.stderr
    assert "versions that may hold more" not in done.stderr
    lines = done.stdout.splitlines()
    assert lines[lines.index("Burst, 3 files") + 1].endswith(" kB        ./MOVE_0.JPG")
    document = json.loads(imgsim(*run, "-f", "json", cwd=library).stdout)
    jsonschema.validate(document, schema(document["schema"]))
    assert document["reclaimable_bytes"] == 0
    alone = document["related"]
    assert {
        "path": "./screen1.png", "with": "./screen0.png", "relation": "moment",
        "bytes": (library / "screen1.png").stat().st_size,
    } in alone  # fmt: skip
    *groups, last = map(json.loads, imgsim(*run, "-f", "jsonl", cwd=library).stdout.splitlines())
    assert [g["related"] for g in groups] == [g["related"] for g in document["groups"]]
    assert (last["id"], last["members"], last["related"]) == (None, [], alone)
    rows = list(csv.DictReader(io.StringIO(imgsim(*run, "-f", "csv", cwd=library).stdout)))
    assert {row["path"]: row["related"] for row in rows if row["related"]} == {
        "./STILL_0.JPG": "burst: ./STILL_1.JPG",
        "./STILL_1.JPG": "burst: ./STILL_2.JPG",
        "./EXP_0.JPG": "bracket: ./EXP_1.JPG",
    }
    assert {row["group"] for row in rows} == {"1", "2"}


def test_without_a_group_the_summary_counts_them_too(imgsim, library: Path) -> None:
    done = imgsim("find-dupes", *(f"MOVE_{number}.JPG" for number in range(3)), cwd=library)
    lines = done.stderr.splitlines()
    assert lines[1] == "no duplicates"
    assert lines[2].startswith("and 1 burst: 3 files, ")
    assert done.stdout.splitlines()[:2] == [
        "In no group, and no copies of each other:", "Burst, 3 files",
    ]  # fmt: skip


def test_a_group_names_the_burst_that_its_files_belong_to(library: Path, tmp_path: Path) -> None:
    """Each shot has a copy: two groups, of which each names one file of the other."""
    for number in (0, 1):
        for name in (f"MOVE_{number}.JPG", f"copy of {number}.jpg"):
            shutil.copy2(library / f"MOVE_{number}.JPG", tmp_path / name)
    duplicates = package.find_duplicates(tmp_path, options=RunOptions(executor="threads"))
    assert duplicates.related == ()
    assert [_named(g.related, tmp_path) for g in duplicates.groups] == [
        {("MOVE_1.JPG", "MOVE_0.JPG", "burst")},
        {("MOVE_0.JPG", "MOVE_1.JPG", "burst")},
    ]
    assert all(g.members[1].removable for g in duplicates.groups)
