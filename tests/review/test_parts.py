"""A part of a group is answered: what joins it, what is renamed, and one file that goes."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsim import Decisions, find_duplicates, read_plan, write_plan
from imgsim.act.planning import make_plan
from imgsim.tasks.decide import decide
from tests.review.conftest import Begin, Review, names


def accepted(group: dict[str, Any]) -> list[str]:
    return [file["name"] for file in group["files"] if file["accepted"]]


def planned(review: Review, path: Path) -> dict[str, str]:
    """The files that a plan removes, with their roles; in capitals those that a person removes."""
    review.post("/api/plan", {"path": path.stem})
    data = path.read_bytes()
    path.unlink()
    return {
        Path(one.file.path.decode()).name: one.role.upper() if one.by_decision else one.role
        for _, one in read_plan(data).removals
        if one.chosen
    }


def test_what_was_accepted_first_stays_accepted_when_others_join(
    photos: Path, begin: Begin, tmp_path: Path
) -> None:
    review = begin(photos, wait=False)
    first, *_ = review.session.source.find(review.session.reading)
    review.session._take(first)
    assert names(review.group("a1.jpg")) == ["a1.jpg", "COPY1.JPG"]
    review.answer("a1.jpg", "keep")
    review.session.start()
    review.wait()
    group = review.group("a1.jpg")
    assert (group["answer"], accepted(group)) == ("mixed", ["copy1.jpg"])
    plan = tmp_path / "plan.json"
    assert planned(review, plan) == {"copy1.jpg": "exact"}
    assert review.get("/api/state")["decided_bytes"] == group["files"][1]["bytes"]
    review.answer("a1.jpg", "keep")  # the file that joined is the one that is asked about
    assert review.group("a1.jpg")["answer"] == "keep"
    assert planned(review, plan) == {"copy1.jpg": "exact", "small1.jpg": "smaller"}
    # a further copy asks for itself, and "keep all" means all
    shutil.copy(photos / "camera/a1.jpg", photos / "phone/new.jpg")
    again = begin(photos)
    group = again.group("a1.jpg")
    assert (group["answer"], sorted(accepted(group))) == ("mixed", ["copy1.jpg", "small1.jpg"])
    again.answer("a1.jpg", "keep-all")
    assert (again.group("a1.jpg")["answer"], planned(again, plan)) == ("keep-all", {})


@pytest.mark.parametrize("renamed", ["camera", "phone", "both"])
def test_an_accepted_answer_is_not_turned_round_by_a_new_folder(
    photos: Path, begin: Begin, tmp_path: Path, renamed: str
) -> None:
    (photos / "phone/small1.jpg").unlink()
    review = begin(photos)
    review.answer("a1.jpg", "keep", "copy1.jpg")
    review.session.end()
    names_now = {"camera": "zz", "phone": "aa"}
    for folder, new in names_now.items():
        if renamed in (folder, "both"):
            (photos / folder).rename(photos / new)
    again = begin(photos)
    group = again.group("a1.jpg")
    if renamed == "both":  # nobody knows which was which: it is asked again
        assert (group["answer"], group["files"][0]["decided"]) == (None, None)
        assert planned(again, tmp_path / "plan.json") == {}
    else:
        assert (group["answer"], names(group)) == ("keep", ["copy1.jpg", "A1.JPG"])
        assert planned(again, tmp_path / "plan.json") == {"a1.jpg": "exact"}
    found = find_duplicates(str(photos), decisions=Decisions(tmp_path / "decisions.jsonl"))
    kept = {Path(one.kept.file.path).name for one in found.groups if len(one.members) == 2}
    if renamed != "both":
        assert "copy1.jpg" in kept


@pytest.fixture
def with_grey(photos: Path) -> Path:
    """The second picture once more, without its colours."""
    with Image.open(photos / "camera/a2.jpg") as saved:
        saved.convert("L").save(photos / "camera/grey.jpg", quality=94)
    return photos


def test_one_file_goes_by_a_persons_word_and_no_other(
    with_grey: Path, begin: Begin, decisions: Decisions, tmp_path: Path
) -> None:
    review = begin(with_grey)
    group = review.group("grey.jpg")
    by_name = {file["name"]: file for file in group["files"]}
    assert names(group)[0] == "a2.jpg"
    assert by_name["grey.jpg"]["role"] == "edited"
    assert (by_name["grey.jpg"]["can_be_removed"], by_name["small2.jpg"]["can_be_removed"]) == (
        True, False,  # that one goes by accepting
    )  # fmt: skip
    rule = {"rule": {"by": "filter", "groups": [group["id"]]}, "answer": "remove"}
    assert review.ask("/api/rules/preview", rule).status_code == 400
    asked = {"groups": [group["id"]], "answer": "remove", "file": by_name["grey.jpg"]["id"]}
    for wrong in ({"file": by_name["a2.jpg"]["id"]}, {"file": "f999"}, {"file": None}):
        assert review.ask("/api/answer", asked | wrong).status_code in (400, 404)
    review.post("/api/answer", asked)
    plan = tmp_path / "plan.json"
    role = "EDITED"
    group = review.group("grey.jpg")
    assert (group["answer"], accepted(group)) == ("mixed", ["grey.jpg"])
    assert planned(review, plan) == {"grey.jpg": role}  # small2 was not accepted
    review.post("/api/take-back")
    assert (planned(review, plan), review.group("grey.jpg")["answer"]) == ({}, None)
    review.answer("grey.jpg", "keep")  # it does not let an edited one go
    assert planned(review, plan) == {"small2.jpg": "smaller"}
    review.post("/api/answer", asked)
    assert planned(review, plan) == {"small2.jpg": "smaller", "grey.jpg": role}

    dry = review.post("/api/apply", {"dry_run": True})
    line = next(file for file in dry["files"] if file["path"] == "camera/grey.jpg")
    assert line["by_decision"]
    done = review.post("/api/apply", {"dry_run": False, "whole_folders": True})
    assert not (with_grey / "camera/grey.jpg").exists()
    assert (with_grey / "camera/a2.jpg").exists()
    review.post("/api/undo", {"run": done["run"]})
    assert (with_grey / "camera/grey.jpg").exists()

    # the same on the command line: listed and chosen, with the role that it has
    found = find_duplicates(str(with_grey), decisions=decisions)
    made = {one.file.path: one for _, one in make_plan(found).removals}
    one = made[b"camera/grey.jpg"]
    assert (one.chosen, one.by_decision, one.role.upper()) == (True, True, role)
    # "keep all" that is said later holds
    decide("keep-all", [with_grey / "camera/a2.jpg", with_grey / "camera/grey.jpg"], decisions)
    found = find_duplicates(str(with_grey), decisions=decisions)
    assert b"camera/grey.jpg" not in {r.file.path for _, r in make_plan(found).removals}
    group = begin(with_grey).group("a2.jpg")
    assert not next(file["removable"] for file in group["files"] if file["name"] == "grey.jpg")


def test_what_shows_more_is_removed_by_no_answer(photos: Path, begin: Begin) -> None:
    review = begin(photos)
    review.answer("a2.jpg", "keep", "small2.jpg")
    review.wait()
    group = review.group("a2.jpg")
    file = next(one for one in group["files"] if one["name"] == "a2.jpg")
    assert (file["role"], file["can_be_removed"]) == ("fuller", False)
    asked = {"groups": [group["id"]], "answer": "remove", "file": file["id"]}
    refused = review.ask("/api/answer", asked)
    assert (refused.status_code, "shows more" in refused.json()["error"]) == (409, True)


def test_a_sidecar_that_came_after_the_dry_run_goes_with_nothing(
    review: Review, photos: Path
) -> None:
    (photos / "phone/copy1.xmp").write_text("<x/>")
    review.answer("a1.jpg", "keep")
    review.post("/api/apply", {"dry_run": True})
    (photos / "phone/small1.jpg.xmp").write_text("<x/>")
    done = review.post("/api/apply", {"dry_run": False, "whole_folders": True})
    assert [file["path"] for file in done["files"]] == ["phone/copy1.jpg"]
    assert "small1.jpg.xmp: it came after" in done["left"][0]["reason"]
    assert (photos / "phone/small1.jpg.xmp").exists()
    assert not (photos / "phone/copy1.xmp").exists()  # the dry run named it


def test_what_was_moved_is_not_taken_back_before_it_is_undone(review: Review) -> None:
    review.answer("a1.jpg", "keep")
    review.post("/api/apply", {"dry_run": True})
    run = review.post("/api/apply", {"dry_run": False, "whole_folders": True})["run"]
    refused = review.ask("/api/take-back")
    assert (refused.status_code, refused.json()["hint"]) == (409, "undo that first")
    review.post("/api/undo", {"run": run})
    review.post("/api/take-back")
    assert review.group("a1.jpg")["answer"] is None


def test_a_group_of_a_plan_that_was_struck_out_is_not_shown(photos: Path, begin: Begin) -> None:
    plan = make_plan(find_duplicates(str(photos)))
    one, *others = plan.groups
    struck = dataclasses.replace(plan, groups=(dataclasses.replace(one, removals=()), *others))
    path = photos.parent / "struck.json"
    path.write_text("".join(write_plan(struck)))
    review = begin(path)
    assert len(review.groups()) == len(others)
    assert review.get("/api/state")["warnings"] == []
