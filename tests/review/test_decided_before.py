"""What was decided before stays decided, whatever is accepted later."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsim import Decisions, apply, find_duplicates
from imgsim.act.planning import make_plan
from imgsim.decisions.records import Answer
from imgsim.tasks.decide import decide
from tests.review.conftest import Begin, Review, names


def halves(photos: Path, *sides: int) -> list[str]:
    """Smaller copies of the second picture, of some widths."""
    picture = Image.open(photos / "camera/a2.jpg")
    made = []
    for side in sides:
        path = photos / f"phone/small2-{side}.jpg"
        picture.resize((side, side * 3 // 4), Image.Resampling.LANCZOS).save(path, quality=85)
        made.append(str(path))
    return made


def accept(review: Review, name: str, how: str) -> Any:
    """Accept a group, by a click or by a rule over all; the number of files that were shown."""
    group = review.group(name)
    shown = sum(file["removable"] for file in group["files"])
    if how == "click":
        said = review.answer(name, "keep", names(group)[0])
        assert said["changed"][0]["removable"] == shown
        return shown
    rule = {"rule": {"by": "filter", "groups": [group["id"]]}, "answer": "keep"}
    preview = review.post("/api/rules/preview", rule)["preview"]
    assert preview["files"] == shown
    review.post("/api/rules/apply", rule | {"basis": preview["basis"]})
    return shown


@pytest.mark.parametrize("how", ["click", "rule"])
@pytest.mark.parametrize("answer", ["keep-all", "not-duplicates"])
def test_files_that_were_decided_to_stay_beside_a_third_stay(
    photos: Path, begin: Begin, decisions: Decisions, answer: Answer, how: str
) -> None:
    stay = [str(photos / "phone/small2.jpg"), *halves(photos, 180)]
    decide(answer, stay, decisions)
    before = list(decisions)
    halves(photos, 150)
    review = begin(photos)
    assert sorted(names(review.group("a2.jpg"))[1:]) == [
        "SMALL2-150.JPG", "small2-180.jpg", "small2.jpg",
    ]  # fmt: skip
    assert accept(review, "a2.jpg", how) == 1
    assert before[0] in list(Decisions(decisions.path))
    group = review.group("a2.jpg")
    assert (group["answer"], sum(f["removable"] for f in group["files"])) == ("keep", 1)
    dry = review.post("/api/apply", {"dry_run": True, "undecided": True})
    assert not {Path(path).name for path in stay} & {Path(f["path"]).name for f in dry["files"]}


def test_nothing_is_accepted_where_all_files_were_decided_to_stay(
    photos: Path, begin: Begin, decisions: Decisions
) -> None:
    stay = [str(photos / "phone/small2.jpg"), *halves(photos, 180)]
    decide("keep-all", stay, decisions)
    review = begin(photos)
    group = review.group("a2.jpg")
    for keep in (group["files"][0]["id"], None):
        document = {"groups": [group["id"]], "answer": "keep", "keep": keep}
        refused = review.ask("/api/answer", document)
        assert (refused.status_code, "stay" in refused.json()["error"]) == (400, True)
    review.answer("a2.jpg", "keep", "small2.jpg")  # another one is kept: a2.jpg alone is open
    review.wait()
    review.answer("a1.jpg", "keep-all")
    refused = review.ask(
        "/api/answer", {"groups": [review.group("a1.jpg")["id"]], "answer": "keep"}
    )
    assert refused.status_code == 400
    assert sum(one.answer == "keep-all" for one in Decisions(decisions.path)) == 2


@pytest.mark.parametrize("how", ["click", "rule"])
def test_files_of_equal_bytes_that_were_decided_to_stay_stay(
    photos: Path, begin: Begin, decisions: Decisions, how: str
) -> None:
    stay = [str(photos / "camera/a1.jpg"), str(photos / "phone/copy1.jpg")]
    decide("keep-all", stay, decisions)
    before = list(decisions)
    (photos / "phone/small1.jpg").unlink()
    shutil.copy(photos / "camera/a1.jpg", photos / "phone/new.jpg")
    review = begin(photos)
    assert names(review.group("a1.jpg")) == ["a1.jpg", "copy1.jpg", "NEW.JPG"]
    assert accept(review, "a1.jpg", how) == 1
    assert names(review.group("a1.jpg")) == ["a1.jpg", "copy1.jpg", "NEW.JPG"]
    assert review.group("a1.jpg")["answer"] == "keep"
    assert before[0] in list(Decisions(decisions.path))
    dry = review.post("/api/apply", {"dry_run": True})
    assert [file["path"] for file in dry["files"]] == ["phone/new.jpg"]
    # keep all, of a group that is decided in part, takes nothing from what stayed
    review.post("/api/take-back")
    review.answer("a1.jpg", "keep-all")
    group = review.group("a1.jpg")
    assert (group["answer"], names(group)) == ("keep-all", ["a1.jpg", "copy1.jpg", "new.jpg"])


def test_equal_files_elsewhere_stay_decided(
    photos: Path, begin: Begin, decisions: Decisions
) -> None:
    stay = [str(photos / "camera/a1.jpg"), str(photos / "phone/copy1.jpg")]
    decide("keep-all", stay, decisions)
    before = list(decisions)
    other = photos.parent / "other"
    other.mkdir()
    for name in ("c.jpg", "d.jpg"):
        shutil.copy(photos / "camera/a1.jpg", other / name)
    review = begin(other)
    group = review.group("c.jpg")
    for answer in ("keep", "keep-all", "not-duplicates"):
        review.ask("/api/answer", {"groups": [group["id"]], "answer": answer})
    assert before[0] in list(Decisions(decisions.path))


def test_a_rule_does_what_its_preview_said(photos: Path, begin: Begin, tmp_path: Path) -> None:
    review = begin(photos, wait=False)
    first, *_ = review.session.source.find(review.session.reading)
    review.session._take(first)
    rule = {"rule": {"by": "folder", "folder": 0, "what": "stays"}, "answer": "keep"}
    early = review.post("/api/rules/preview", rule)["preview"]
    assert (early["groups"], early["files"]) == (1, 1)
    review.session.start()
    review.wait()
    refused = review.ask("/api/rules/apply", rule | {"basis": early["basis"]})
    assert (refused.status_code, "changed since" in refused.json()["error"]) == (409, True)
    assert review.ask("/api/rules/apply", rule).status_code == 409

    elsewhere = Decisions(tmp_path / "decisions.jsonl")
    decide("keep-all", [str(photos / "camera/a2.jpg"), str(photos / "phone/small2.jpg")], elsewhere)
    before = review.post("/api/rules/preview", rule)["preview"]
    assert (before["groups"], before["files"]) == (1, 2)  # what was decided a moment ago stays
    elsewhere.forget(next(iter(elsewhere)))
    assert review.ask("/api/rules/apply", rule | {"basis": before["basis"]}).status_code == 409
    now = review.post("/api/rules/preview", rule)["preview"]
    assert (now["groups"], now["files"]) == (2, 3)
    done = review.post("/api/rules/apply", rule | {"basis": now["basis"]})
    assert sum(group["removable"] for group in done["changed"]) == 3


def test_apply_heeds_what_was_decided_a_moment_before(
    review: Review, photos: Path, tmp_path: Path
) -> None:
    review.answer("a1.jpg", "keep")
    review.answer("a2.jpg", "keep")
    assert review.post("/api/apply", {"dry_run": True})["whole_folders"] == 3
    elsewhere = Decisions(tmp_path / "decisions.jsonl")
    decide("keep-all", [str(photos / "camera/a1.jpg"), str(photos / "phone/copy1.jpg")], elsewhere)
    yes = {"dry_run": False, "whole_folders": True}
    refused = review.ask("/api/apply", yes)
    assert (refused.status_code, "answers changed" in refused.json()["error"]) == (409, True)
    assert len(list((photos / "phone").iterdir())) == 3
    dry = review.post("/api/apply", {"dry_run": True})
    assert dry["whole_folders"] + dry["moved"] == 2
    assert review.post("/api/apply", yes)["moved"] == 2
    assert (photos / "phone/copy1.jpg").exists()


def test_nothing_is_applied_where_decisions_cannot_be_read(
    review: Review, photos: Path, tmp_path: Path
) -> None:
    review.answer("a1.jpg", "keep")
    review.post("/api/apply", {"dry_run": True})
    # not while the review writes digests of samples into the file, which would undo it
    with review.session.lock, (tmp_path / "decisions.jsonl").open("a") as stream:
        stream.write("garbage line\n")
    said = set()
    for document in ({"dry_run": False, "whole_folders": True}, {"dry_run": True}):
        refused = review.ask("/api/apply", document)
        assert refused.status_code == 409
        said.add(refused.json()["error"])
    assert "is damaged: line 3" in said.pop()
    assert not said  # the same line each time
    assert review.ask("/api/plan").status_code == 409
    assert len(list((photos / "phone").iterdir())) == 3


def test_to_apply_nothing_makes_no_run(review: Review) -> None:
    assert review.post("/api/apply", {"dry_run": True})["moved"] == 0
    refused = review.ask("/api/apply", {"dry_run": False})
    assert (refused.status_code, "nothing" in refused.json()["error"]) == (409, True)
    assert not list(Path(os.environ["IMGSIM_RUNS"]).glob("*"))


def test_files_that_were_decided_by_another_path_stay(photos: Path, decisions: Decisions) -> None:
    link = photos.parent / "link"
    link.symlink_to(photos)
    plan = make_plan(find_duplicates(str(photos)))
    decide("keep-all", [str(link / "camera/a1.jpg"), str(link / "phone/copy1.jpg")], decisions)
    left = {one.path: one.reason for one in apply(plan, decisions=decisions).left}
    assert left[b"phone/copy1.jpg"] == "decided: keep-all"


def test_a_file_that_was_kept_is_turned_round_by_no_answer_about_others(
    photos: Path, begin: Begin, decisions: Decisions
) -> None:
    camera, phone = str(photos / "camera/a1.jpg"), str(photos / "phone/copy1.jpg")
    (photos / "phone/small1.jpg").unlink()
    backup = photos / "phone/backup1.jpg"
    shutil.copy(phone, backup)
    decide("keep", [camera, phone], decisions)
    decide("keep", [phone, str(backup)], decisions)
    review = begin(photos)
    group = review.group("a1.jpg")
    stay = {file["name"] for file in group["files"] if not file["removable"]}
    assert stay == {"a1.jpg", "copy1.jpg"}
    dry = review.post("/api/apply", {"dry_run": True, "undecided": True})
    assert "camera/a1.jpg" not in [file["path"] for file in dry["files"]]
    assert "phone/copy1.jpg" not in [file["path"] for file in dry["files"]]
    # a third one is chosen: the one that is shown as kept goes, the other was not asked about
    kept, other = group["files"][0]["name"], (stay - {group["files"][0]["name"]}).pop()
    review.answer("a1.jpg", "keep", "backup1.jpg")
    assert {f["name"]: f["removable"] for f in review.group("a1.jpg")["files"]} == {
        "backup1.jpg": False, kept: True, other: False,
    }  # fmt: skip


def test_an_answer_to_what_was_shown_before_is_refused(
    review: Review, photos: Path, tmp_path: Path
) -> None:
    review.answer("a1.jpg", "keep-all")
    group, other = review.group("a1.jpg"), review.group("a2.jpg")
    elsewhere = Decisions(tmp_path / "decisions.jsonl")
    elsewhere.forget(next(iter(elsewhere)))
    given = {"groups": [group["id"]], "revision": group["revision"]}
    for answer in ({"answer": "keep"}, {"answer": None}, {"answer": "not-duplicates"}):
        refused = review.ask("/api/answer", given | answer)
        assert (refused.status_code, refused.json()["hint"]) == (409, "look again")
    for revision, status in ((999999, 409), (-1, 409), ("x", 400), (None, 400), (True, 400)):
        document = given | {"answer": "keep", "revision": revision}
        assert review.ask("/api/answer", document).status_code == status
    # what was shown of others holds still
    others = {"groups": [other["id"]], "revision": other["revision"], "answer": "keep"}
    assert review.ask("/api/answer", others).status_code == 200
    again = {"revision": review.group("a1.jpg")["revision"], "answer": "keep"}
    assert review.ask("/api/answer", given | again).status_code == 200
