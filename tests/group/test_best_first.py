"""Groups of `auto`: what is kept, how the others lie upon it, and what a second run verifies."""

from __future__ import annotations

import gc
import hashlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from PIL.PngImagePlugin import PngInfo

from imgsim.decode.spec import DecodeMode
from imgsim.group.best_first import best_first
from imgsim.propose.proposals import Proposals
from imgsim.propose.reasons import KEYPOINTS
from imgsim.read.options import RunOptions
from imgsim.tasks.find_duplicates import Duplicates, find_duplicates
from imgsim.types import ImageFacts, ImageFile, Picture, Verdict
from imgsim.verify import verdicts
from imgsim.verify.verdicts import Verdicts
from tests.verify.pictures import picture


def options(cache: Path | None = None, jobs: int = 1) -> RunOptions:
    return RunOptions(cache=cache, jobs=jobs, executor="threads")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    whole = picture(1)
    window = Image.new("RGB", (800, 600), (60, 62, 70))
    ImageDraw.Draw(window).text((20, 20), "File  Edit  View  Help", "white")
    window.paste(whole.resize((432, 324)), (200, 120))
    for name, image in {
        "b_whole.jpg": whole,
        "a_window.png": window,
        "c_part.jpg": whole.crop((60, 40, 420, 330)),
        "d_mirrored.jpg": ImageOps.mirror(whole),
        "e_turned.jpg": whole.rotate(90, expand=True),
        "f_framed.jpg": ImageOps.expand(whole, 30, "black"),
        "g_other.jpg": picture(2),
        "h_other_part.jpg": picture(3).crop((0, 0, 300, 300)),
    }.items():
        image.save(folder / name, quality=92)
    return folder


def shown(found: Duplicates) -> list[list[str]]:
    return [[Path(m.picture.file.path).name for m in g.members] for g in found.groups]


def test_what_shows_most_is_kept_and_the_others_lie_upon_it(folder: Path) -> None:
    found = find_duplicates(folder, options=options())
    assert found.comparator.spec == "auto"
    (group,) = found.groups
    kept, *others = group.members
    assert Path(kept.picture.file.path).name in {"b_whole.jpg", "d_mirrored.jpg", "e_turned.jpg"}
    assert sorted(shown(found)[0]) == [
        "a_window.png", "b_whole.jpg", "c_part.jpg", "d_mirrored.jpg", "e_turned.jpg",
        "f_framed.jpg",
    ]  # fmt: skip
    kinds = {Path(m.picture.file.path).name: m.transform.kind for m in others if m.transform}
    assert kinds["a_window.png"] in {"inset", "mirrored", "turned"}
    for member in others:
        assert member.transform is not None
        # the middle of a member's content lies inside the kept picture
        facts = member.picture.facts
        x, y, w = np.array(member.transform.matrix) @ [facts.width / 2, facts.height / 2, 1]
        assert 0 < x / w < kept.picture.facts.width
        assert 0 < y / w < kept.picture.facts.height


def test_presets(folder: Path) -> None:
    strict = shown(find_duplicates(folder, preset="strict", options=options()))
    assert [sorted(group) for group in strict] == [
        ["b_whole.jpg", "d_mirrored.jpg", "e_turned.jpg"]
    ]
    loose = shown(find_duplicates(folder, preset="loose", options=options()))
    assert not any("g_other.jpg" in group for group in loose)


def test_names_workers_and_cache_change_nothing(folder: Path, tmp_path: Path) -> None:
    def content(found: Duplicates) -> list[list[tuple[str, float | None]]]:
        return [[(m.picture.digest, m.distance) for m in g.members] for g in found.groups]

    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for number, file in enumerate(sorted(folder.iterdir(), reverse=True)):
        shutil.copy2(file, renamed / f"{number}{file.suffix}")
    cache = tmp_path / "cache.sqlite"
    first = content(find_duplicates(folder, options=options(cache, 1)))
    again = content(find_duplicates(renamed, options=options(cache, 3)))
    assert content(find_duplicates(renamed, options=options(None, 2))) == first == again


def test_an_unchanged_folder_is_not_verified_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    close = Verdicts.close
    monkeypatch.setattr(
        Verdicts, "close", lambda self: (counted.append(self.verified), close(self))
    )
    cache = tmp_path / "cache.sqlite"
    for _ in range(2):
        find_duplicates(folder, options=options(cache))
    assert counted[0] > 0
    assert counted[1] == 0


@pytest.mark.parametrize("change", ["version", "decoder"])
def test_verdicts_of_another_version_or_decoder_are_not_used(
    change: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    close = Verdicts.close
    monkeypatch.setattr(
        Verdicts, "close", lambda self: (counted.append(self.verified), close(self))
    )
    run = options(tmp_path / "cache.sqlite")
    find_duplicates(folder, options=run)
    if change == "version":
        monkeypatch.setattr(verdicts, "VERSION", verdicts.VERSION + 1)
    else:
        run = replace(run, decode=DecodeMode.FULL)
    find_duplicates(folder, options=run)
    assert counted[0] > 0
    assert counted[1] > 0


@pytest.mark.parametrize("kept_first", [True, False])
def test_a_part_lies_where_it_was_cut_out(kept_first: bool, tmp_path: Path) -> None:
    """Whichever of the two has the lesser digest, and so is the left one of the verdict."""
    whole, part = tmp_path / "whole.png", tmp_path / "part.png"
    picture(1).save(whole)
    for comment in map(str, range(64)):
        text = PngInfo()
        text.add_text("comment", comment)
        picture(1).crop((60, 40, 420, 330)).save(part, pnginfo=text)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (whole, part)]
        if (digests[0] < digests[1]) == kept_first:
            break
    (group,) = find_duplicates(tmp_path, options=options()).groups
    assert group.kept.file.path == str(whole)
    transform = group.members[1].transform
    assert transform is not None
    assert transform.kind == "crop"
    corners = np.array(transform.matrix) @ np.array([(0, 360), (0, 290), (1, 1)])
    assert corners[:2] / corners[2] == pytest.approx(np.array([(60, 420), (40, 330)]), abs=1.0)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_images_are_kept_only_as_long_as_they_are_needed(folder: Path, temporary: Path) -> None:
    found = find_duplicates(folder, options=options())
    assert found.groups
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_what_is_not_kept_any_more_is_decoded_again(
    folder: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = shown(find_duplicates(folder, options=options()))
    verify = Verdicts.verify
    emptied = []

    def lose(self: Verdicts, pairs) -> None:
        emptied.extend(temporary.glob("*/*"))
        for kept in temporary.iterdir():
            shutil.rmtree(kept)
        verify(self, pairs)

    monkeypatch.setattr(Verdicts, "verify", lose)
    assert shown(find_duplicates(folder, options=options())) == expected
    assert emptied


def test_a_file_that_goes_away_meanwhile_matches_nothing(
    folder: Path, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    verify = Verdicts.verify

    def lose(self: Verdicts, pairs) -> None:
        (copied / "d_mirrored.jpg").unlink(missing_ok=True)
        for kept in temporary.iterdir():
            shutil.rmtree(kept)
        verify(self, pairs)

    monkeypatch.setattr(Verdicts, "verify", lose)
    cache = options(tmp_path / "cache.sqlite")
    (group,) = find_duplicates(copied, options=cache).groups
    assert not any(m.picture.file.path.endswith("d_mirrored.jpg") for m in group.members)
    monkeypatch.setattr(Verdicts, "verify", verify)
    shutil.copy2(folder / "d_mirrored.jpg", copied)  # it is back: nothing of this was remembered
    (group,) = find_duplicates(copied, options=cache).groups
    assert any(m.picture.file.path.endswith("d_mirrored.jpg") for m in group.members)


class Told:
    """Verdicts whose answers are known beforehand."""

    def __init__(self, sides: list[int], alike: set[tuple[int, int]]) -> None:
        facts = [ImageFacts(n, n, "PNG", True, False, 1, 60, None) for n in sides]
        file = ImageFile("x", 1, 1, "x")
        self.pictures = [Picture(file, f"{i}", own) for i, own in enumerate(facts)]
        self.alike = alike

    def verify(self, pairs) -> None:
        pass

    def __getitem__(self, pair: tuple[int, int]) -> Verdict:
        known = tuple(sorted(pair)) in self.alike
        return Verdict(0.5 if known else 9.0, left_seen=1.0, right_seen=1.0)


@pytest.mark.parametrize(("side", "first"), [(900, 3), (100, 0)])
def test_the_one_that_most_others_match_comes_first_if_it_is_not_small(
    side: int, first: int
) -> None:
    alike = {(0, 3), (1, 3), (2, 3), (0, 1)}  # the last one is like all others
    pairs = np.array([(a, b) for a in range(4) for b in range(a + 1, 4)]).T
    order, matched = best_first(
        Told([1000, 1000, 1000, side], alike),
        Proposals(pairs[0], pairs[1], np.full(6, KEYPOINTS), np.zeros(6, np.int64)),
        np.arange(4),
        lambda verdict: verdict.residual < 1,
        by_content=True,
        closing_allowed=np.ones(4, bool),
    )
    assert order[0] == first
    assert set(matched) >= ({(3, 0), (3, 1), (3, 2)} if first == 3 else {(0, 1), (0, 3)})


def test_a_small_one_that_others_stood_back_for_is_not_kept() -> None:
    """The last one alone has many of like hash around it, so it is verified first."""
    n = 7
    alike = {(i, n - 1) for i in range(n - 1)} | {(0, i) for i in range(1, n - 1)}
    pairs = np.array(sorted(alike)).T
    why = np.where(pairs[1] == n - 1, 1, KEYPOINTS)
    order, matched = best_first(
        Told([1000] * (n - 1) + [100], alike),
        Proposals(pairs[0], pairs[1], why, 0 * why),
        np.arange(n),
        lambda verdict: verdict.residual < 1,
        by_content=True,
        closing_allowed=np.ones(n, bool),
    )
    assert order[0] == 0
    assert {(0, i) for i in range(1, n)} <= set(matched)


def test_copies_and_references_are_grouped_without_verification(tmp_path: Path) -> None:
    for name in ("archive", "new"):
        (tmp_path / name).mkdir()
        picture(4).save(tmp_path / name / "one.jpg", quality=90)
    picture(4).save(tmp_path / "new" / "two.jpg", quality=60)
    from imgsim.read.discover import DiscoverOptions

    run = RunOptions(
        discover=DiscoverOptions(reference=(str(tmp_path / "archive"),)), executor="threads"
    )
    (group,) = find_duplicates(tmp_path / "new", options=run).groups
    assert group.kept.file.reference
    assert [m.kind for m in group.members] == ["kept", "exact", "near"]


def test_two_pictures_that_cannot_be_aligned_have_no_score(folder: Path) -> None:
    import json

    import imgsim
    from imgsim.report.document import compare_document

    one, other = str(folder / "b_whole.jpg"), str(folder / "g_other.jpg")
    found = imgsim.compare(one, other, ["auto"])
    document = compare_document(one, other, found)
    json.dumps(document, allow_nan=False)
    assert not document["methods"][0]["duplicate"]


def test_the_function_search_is_there_beside_the_package_of_its_name(folder: Path) -> None:
    import imgsim
    from imgsim.tasks.query import query_file

    imgsim.find_duplicates(folder / "b_whole.jpg", options=options())
    found = imgsim.search([query_file(folder / "c_part.jpg")], folder, k=1, options=options())
    assert found.methods[0].queries[0].matches
