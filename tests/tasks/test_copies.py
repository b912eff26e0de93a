"""Rankings by methods that verify: the copies come first, with what the query is to them."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

import imgsim
from imgsim import RunOptions
from imgsim.errors import UnreadableImage, UsageError
from imgsim.pictures.generate import landscape
from imgsim.schemas import schema


def _save(path: Path, seed: int, **how: object) -> Image.Image:
    picture = Image.fromarray(landscape(seed, 640, 480))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **how)
    return picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures, copies of two of them, blank ones, and a file that is cut off."""
    made = tmp_path_factory.mktemp("pictures")
    for seed in range(81, 86):
        _save(made / f"{seed}.jpg", seed, quality=92)
    picture = Image.open(made / "81.jpg")
    picture.crop((64, 48, 600, 460)).save(made / "81 part.jpg", quality=88)
    picture.resize((320, 240)).save(made / "81 small.jpg", quality=88)
    (made / "82 again.jpg").write_bytes((made / "82.jpg").read_bytes())
    picture.save(made / "81.png")
    for name in ("blank.png", "blank.bmp"):
        Image.new("RGB", (300, 200), "white").save(made / name)
    Image.new("RGB", (300, 200), "black").save(made / "black.png")
    cut = (made / "83.jpg").read_bytes()
    (made / "83 cut.jpg").write_bytes(cut[: int(len(cut) * 0.8)])
    return made


@pytest.mark.parametrize("method", ["auto", "local"])
def test_each_pair_gets_the_answer_of_find_dupes(
    method: str, folder: Path, demo, threads: RunOptions
) -> None:
    """The member of a group asks for the kept file, and is told what find-dupes calls it."""
    checked = 0
    for pictures in (folder, demo[0]):
        groups = imgsim.find_duplicates(pictures, method, options=threads).groups
        ranking = imgsim.matches(pictures, method, k=30, options=threads).methods[0]
        answers = {query.path: query.matches for query in ranking.queries}
        for group in groups:
            kept = group.kept.file.path
            for member in group.members[1:]:
                path = member.picture.file.path
                match = next(m for m in answers[path] if m.path == kept)
                assert match.verdict == "copy"
                assert match.member is not None
                told, expected = match.member, member
                assert (told.kind, told.role, told.changes, told.why) == (
                    expected.kind, expected.role, expected.changes, expected.why,
                ), path  # fmt: skip
                assert 0 <= match.distance <= 1
                checked += 1
        paths = {m.picture.file.path for group in groups for m in group.members}
        for path, matches in answers.items():
            if path not in paths:
                assert all(m.verdict != "copy" for m in matches), path
    assert checked >= 12


def test_copies_come_first_and_the_nearest_by_hash_after_them(
    folder: Path, threads: RunOptions
) -> None:
    ranking = imgsim.matches(folder, "auto", k=4, options=threads).methods[0]
    answers = {Path(query.path).name: query.matches for query in ranking.queries}
    first, *rest = (Path(m.path).name for m in answers["81.jpg"][:3])
    assert first == "81.png"
    assert set(rest) == {"81 small.jpg", "81 part.jpg"}
    for matches in answers.values():
        assert len(matches) == 4
        verdicts = [m.verdict == "copy" for m in matches]
        assert verdicts == sorted(verdicts, reverse=True)
        copies = [m.distance for m in matches if m.verdict == "copy"]
        assert copies == sorted(copies)
        others = [m for m in matches if m.verdict != "copy"]
        assert [m.hash_bits for m in others] == sorted(m.hash_bits for m in others)
        assert all(math.isinf(m.distance) and m.member is None for m in others)
    part = next(m for m in answers["81 part.jpg"] if Path(m.path).name == "81.jpg")
    assert part.member is not None
    assert part.member.role == "cropped"
    assert answers["blank.png"][0].path.endswith("blank.bmp")
    assert [m.verdict for m in answers["black.png"]] == ["not verified"] * 4
    damaged = next(m for m in answers["83 cut.jpg"] if Path(m.path).name == "83.jpg")
    assert damaged.member is not None
    assert (damaged.member.kind, damaged.member.role) == ("damaged", "damaged")


@pytest.mark.parametrize("method", ["auto", "phash"])
def test_search_takes_paths_and_bytes(
    method: str, folder: Path, tmp_path: Path, threads: RunOptions
) -> None:
    target = tmp_path / "asked.jpg"
    with Image.open(folder / "84.jpg") as picture:
        picture.resize((500, 375)).save(target, quality=80)
    asked = [target, str(target), imgsim.Query("from elsewhere", target.read_bytes())]
    found = imgsim.search(asked, folder, method, options=threads).methods[0]
    assert [q.path for q in found.queries] == [str(target), str(target), "from elsewhere"]
    assert len({q.matches[0].path for q in found.queries}) == 1
    assert found.queries[0].matches[0].path == str(folder / "84.jpg")
    alone = imgsim.search(target, folder, method, options=threads).methods[0]
    assert [m.path for m in alone.queries[0].matches] == [m.path for m in found.queries[0].matches]
    if method == "auto":
        members = [q.matches[0].member for q in found.queries]
        assert [m.role for m in members if m] == ["smaller"] * 3
    with pytest.raises(UnreadableImage, match="No such file"):
        imgsim.search(tmp_path / "none.jpg", folder, method, options=threads)
    with pytest.raises(UsageError, match="3 is no path"):
        imgsim.search([3], folder, method, options=threads)


def test_clusters_take_paths_as_queries(folder: Path, threads: RunOptions) -> None:
    found = imgsim.cluster_images(folder, "cosine", n=2, queries=folder / "84.jpg", options=threads)
    (query,) = found.queries
    assert query.query.path == str(folder / "84.jpg")


def test_search_answers_as_matches_does(folder: Path, threads: RunOptions) -> None:
    """A file of the folder that is asked about is none of its own matches."""
    ranking = imgsim.matches(folder, "auto", k=5, options=threads).methods[0]
    paths = [query.path for query in ranking.queries]
    found = imgsim.search(paths, folder, "auto", k=5, options=threads).methods[0]
    for asked, expected in zip(found.queries, ranking.queries, strict=True):
        copies = [
            [(m.path, m.distance) for m in query.matches if m.verdict == "copy"]
            for query in (asked, expected)
        ]
        others = [[m for m in q.matches if m.verdict != "copy"] for q in (asked, expected)]
        assert copies[0] == copies[1], asked.path
        assert len(others[0]) == len(others[1])
        roles = [[m.member.role for m in q.matches if m.member] for q in (asked, expected)]
        assert roles[0] == roles[1]
        assert asked.path not in {m.path for m in asked.matches}
        bits = [[m.hash_bits for m in q.matches if not m.member] for q in (asked, expected)]
        assert bits[0] == bits[1]


def test_every_format_tells_copies_from_others(imgsim, folder: Path, tmp_path: Path) -> None:
    done = imgsim("matches", folder, "-m", "auto", "-f", "json")
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema(document["schema"]))
    (method,) = document["methods"]
    queries = {Path(q["path"]).name: q["matches"] for q in method["queries"]}
    first, *_ = queries["81 part.jpg"]
    assert (first["verdict"], first["kind"]) == ("copy", "near")
    assert first["hash_bits"] is None
    other = next(m for m in queries["black.png"] if m["verdict"] == "not verified")
    assert (other["score"], other["similarity"], other["role"]) == (None, None, None)
    assert other["hash_bits"] > 0
    rows = list(
        csv.DictReader(io.StringIO(imgsim("matches", folder, "-m", "auto", "-f", "csv").stdout))
    )
    assert {row["verdict"] for row in rows} >= {"copy", "not verified"}
    assert {row["role"] for row in rows} >= {"cropped", "exact", ""}
    assert all(row["hash_bits"] or row["score"] for row in rows)
    text = imgsim("matches", ".", "-m", "auto", cwd=folder).stdout
    assert "exact copy" in text
    assert "copy, cropped: shows" in text
    assert "not verified" in text
    assert max(map(len, text.splitlines())) <= 80
    sheet = tmp_path / "sheet.png"
    page = imgsim("matches", folder, "-m", "auto", "-f", "html", "--montage", sheet).stdout
    assert "exact copy" in page
    assert "not verified · hash" in page
    with Image.open(sheet) as drawn:
        assert len(drawn.getcolors(1 << 24)) > 1000


def test_an_empty_folder_and_a_single_picture(imgsim, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = imgsim("matches", tmp_path / "empty", "-m", "auto", "-m", "phash")
    assert (done.returncode, done.stdout) == (0, "")
    asked = folder / "81.jpg"
    done = imgsim("search", asked, "--in", tmp_path / "empty", "-m", "auto", "-f", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["methods"][0]["queries"][0]["matches"] == []
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.jpg").write_bytes(asked.read_bytes())
    assert imgsim("matches", tmp_path / "one", "-m", "auto").returncode == 0
