"""Deciding on the page: answers, rules, plans, what is carried out, and what changes meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imgsim import Decisions, RunOptions, find_duplicates
from imgsim.act.plan_file import read_plan, write_plan
from imgsim.act.planning import make_plan
from imgsim.act.undo import undo
from imgsim.errors import DecisionsUnusable
from imgsim.read.discover import DiscoverOptions
from imgsim.review.answers import Answers
from imgsim.review.progress import Shown
from imgsim.review.session import Session
from imgsim.review.sources import FolderSource, Search
from imgsim.review.writers import Writers
from tests.review.conftest import Begin, Review, names


def test_answers_are_stored_at_once_and_taken_back(review: Review, decisions: Decisions) -> None:
    state = review.wait()
    assert (state["groups"], state["decided"], state["writer"]) == (2, 0, True)
    first, second = review.group("a1.jpg"), review.group("a2.jpg")
    assert names(first) == ["a1.jpg", "COPY1.JPG", "SMALL1.JPG"]
    assert [entry["id"] for entry in review.groups()] == [first["id"], second["id"]]

    said = review.answer("a1.jpg", "keep")
    assert (said["state"]["decided"], said["changed"][0]["answer"]) == (1, "keep")
    assert said["state"]["decided_bytes"] == first["gain"]
    stored = Decisions(decisions.path)
    assert [(one.answer, len(one.files)) for one in stored] == [("keep", 3)]

    review.answer("a1.jpg", "keep-all")  # another answer takes the place of the first
    assert [one.answer for one in Decisions(decisions.path)] == ["keep-all"]
    assert names(review.group("a1.jpg")) == ["a1.jpg", "copy1.jpg", "small1.jpg"]
    review.post("/api/take-back")
    assert [one.answer for one in Decisions(decisions.path)] == ["keep"]
    assert review.group("a1.jpg")["answer"] == "keep"
    review.post("/api/take-back")
    assert not list(Decisions(decisions.path))
    assert review.group("a1.jpg")["answer"] is None
    assert review.ask("/api/take-back").status_code == 400

    review.answer("a2.jpg", "not-duplicates")
    assert review.group("a2.jpg")["answer"] == "not-duplicates"
    # of equal bytes nobody can say so; the rest is told apart, and all of it stays
    review.answer("a1.jpg", "not-duplicates")
    assert review.group("a1.jpg")["answer"] == "not-duplicates"
    assert names(review.group("a1.jpg")) == ["a1.jpg", "copy1.jpg", "small1.jpg"]
    review.answer("a1.jpg", None)
    assert review.group("a1.jpg")["answer"] is None


def test_another_file_is_kept_only_as_measured(review: Review, photos: Path) -> None:
    said = review.answer("a1.jpg", "keep", "copy1.jpg")  # the same bytes: nothing to compare
    assert not said["state"]["settling"]
    assert names(review.group("a1.jpg")) == ["copy1.jpg", "A1.JPG", "SMALL1.JPG"]
    # what is kept has fewer pixels: the others show more and stay
    review.answer("a1.jpg", "keep", "small1.jpg")
    review.wait()
    group = review.group("a1.jpg")
    assert names(group) == ["small1.jpg", "a1.jpg", "copy1.jpg"]
    assert {file["role"] for file in group["files"][1:]} == {"fuller"}
    assert (group["answer"], group["gain"]) == ("keep", "0")
    dry = review.post("/api/apply", {"dry_run": True})
    assert dry["moved"] == 0
    review.post("/api/take-back")
    review.wait()
    assert names(review.group("a1.jpg"))[0] == "copy1.jpg"


def test_decisions_of_before_are_shown(
    review: Review, photos: Path, begin: Begin, decisions: Decisions
) -> None:
    review.answer("a1.jpg", "keep-all")
    review.answer("a2.jpg", "keep", "small2.jpg")
    review.wait()
    review.session.end()
    (photos / "phone/copy1.jpg").rename(photos / "camera/moved.jpg")
    (photos / "phone/new.jpg").write_bytes((photos / "phone/small1.jpg").read_bytes())
    later = begin(photos)
    assert later.group("a2.jpg")["answer"] == "keep"
    assert names(later.group("a2.jpg"))[0] == "small2.jpg"
    mixed = later.group("a1.jpg")  # the new file asks for itself alone
    assert mixed["answer"] == "mixed"
    assert {f["name"]: f["decided"] for f in mixed["files"][1:]}["moved.jpg"] == "keep-all"
    assert later.wait()["decided"] == 1
    keep = {"groups": [mixed["id"]], "answer": "keep"}
    assert "keep another one" in later.ask("/api/answer", keep).json()["hint"]
    later.answer("a1.jpg", "keep-all")
    assert later.group("a1.jpg")["answer"] == "keep-all"
    later.post("/api/take-back")
    # what find-dupes says of the same decisions
    found = find_duplicates(str(photos), decisions=decisions)
    assert "moved.jpg" not in {
        Path(m.picture.file.path).name for g in found.groups for m in g.removable
    }


def test_rules_say_what_they_would_do(review: Review) -> None:
    page = review.get("/api/groups")
    folders = {Path(name).name: number for number, name in enumerate(page["folders"])}
    both = [folders["camera"], folders["phone"]]
    rule = {"by": "folders", "folders": both, "keep_in": folders["camera"]}
    preview = review.post("/api/rules/preview", {"rule": rule})["preview"]
    assert (preview["groups"], preview["files"], preview["changes_keeper"]) == (2, 3, 0)
    assert preview["bytes"] == review.wait()["removable_bytes"]
    said = review.rule({"rule": rule})
    assert (said["answered"], said["state"]["decided"]) == (2, 2)
    again = review.post("/api/rules/preview", {"rule": rule})["preview"]
    assert (again["groups"], again["already_decided"]) == (0, 2)
    assert len(review.post("/api/take-back")["taken_back"]) == 2  # at once

    other = rule | {"keep_in": folders["phone"]}
    assert review.post("/api/rules/preview", {"rule": other})["preview"]["changes_keeper"] == 2
    by_role = {"by": "role", "roles": ["smaller"]}
    assert review.post("/api/rules/preview", {"rule": by_role})["preview"]["groups"] == 1
    below = {"by": "folder", "folder": folders["camera"], "what": "goes"}
    assert review.post("/api/rules/preview", {"rule": below})["preview"]["changes_keeper"] == 2
    smallest = {"by": "keep", "rules": ["smallest"]}
    review.rule({"rule": smallest})
    review.wait()
    assert names(review.group("a2.jpg")) == ["small2.jpg", "a2.jpg"]  # it shows more: it stays
    one = {"by": "filter", "groups": [review.group("a1.jpg")["id"]], "decided": True}
    document = {"rule": one, "answer": "keep-all"}
    assert review.rule(document)["answered"] == 1
    for wrong in ({"by": "folders", "folders": [0, 99], "keep_in": 0}, {"by": "x"}, None, []):
        assert review.ask("/api/rules/preview", {"rule": wrong}).status_code == 400


@pytest.mark.parametrize(
    ("rule", "goes"),
    [
        ({"by": "folders", "keep_in": "camera"}, {"phone": ["copy1.jpg", "small1.jpg"]}),
        ({"by": "folder", "what": "stays", "folder": "camera"},
         {"phone": ["copy1.jpg", "small1.jpg"]}),
        ({"by": "folders", "keep_in": "phone"}, {"camera": ["a1 (2).jpg", "a1.jpg"]}),
        ({"by": "folder", "what": "goes", "folder": "camera"},
         {"camera": ["a1 (2).jpg", "a1.jpg"]}),
    ],
)  # fmt: skip
def test_a_rule_about_a_folder_is_about_all_files_in_it(
    photos: Path, begin: Begin, rule: dict[str, Any], goes: dict[str, list[str]]
) -> None:
    shutil.copy(photos / "camera/a1.jpg", photos / "camera/a1 (2).jpg")
    review = begin(photos)
    page = review.get("/api/groups")
    numbers = {Path(name).name: number for number, name in enumerate(page["folders"])}
    named = {key: numbers.get(value, value) for key, value in rule.items()}
    if rule["by"] == "folders":
        named["folders"] = [numbers["camera"], numbers["phone"]]
    one = named | {"groups": [review.group("a1.jpg")["id"]]}
    preview = review.post("/api/rules/preview", {"rule": one})["preview"]
    [(folder, files)] = goes.items()
    shown = [(Path(line["folder"]).name, line["files"]) for line in preview["folders"]]
    assert (shown, preview["files"]) == ([(folder, len(files))], len(files))
    review.rule({"rule": one})
    review.wait()
    written = review.post("/api/plan", {"path": None, "undecided": False})
    plan = read_plan(Path(written["path"]).read_bytes())
    paths = [Path(os.fsdecode(one.file.path)) for _, one in plan.removals]
    removed = sorted(f"{path.parent.name}/{path.name}" for path in paths)
    assert removed == [f"{folder}/{name}" for name in files]
    assert review.group("a1.jpg")["answer"] == "keep"
    review.post("/api/take-back")
    assert review.group("a1.jpg")["answer"] is None


def test_a_copy_outside_of_what_stays_in_a_folder_stays_too(photos: Path, begin: Begin) -> None:
    shutil.copy(photos / "phone/small1.jpg", photos / "camera/small1 too.jpg")
    review = begin(photos)
    folders = review.get("/api/groups")["folders"]
    camera = next(n for n, name in enumerate(folders) if Path(name).name == "camera")
    one = {"by": "folder", "folder": camera, "what": "stays"}
    one |= {"groups": [review.group("a1.jpg")["id"]]}
    assert review.post("/api/rules/preview", {"rule": one})["preview"]["files"] == 1
    review.rule({"rule": one})
    assert set(names(review.group("a1.jpg"))) == {
        "a1.jpg", "COPY1.JPG", "small1.jpg", "small1 too.jpg",
    }  # fmt: skip


def test_a_plan_is_written_applied_and_undone(review: Review, photos: Path) -> None:
    review.answer("a1.jpg", "keep")
    written = review.post("/api/plan", {"path": None, "undecided": False})
    plan = read_plan(Path(written["path"]).read_bytes())
    removed = {Path(os.fsdecode(one.file.path)).name for _, one in plan.removals}
    assert removed == {"copy1.jpg", "small1.jpg"}
    assert written["state"]["plan"] | {"path": ""} == {"path": "", "written": True, "stale": False}
    assert review.ask("/api/plan", {"path": "../out"}).status_code == 400
    assert review.post("/api/plan", {"path": "all", "undecided": True})["removals"] == 3

    assert review.ask("/api/apply", {"dry_run": False}).status_code == 409  # not said before
    dry = review.post("/api/apply", {"dry_run": True})
    assert (dry["dry_run"], dry["moved"], dry["whole_folders"]) == (True, 0, 2)
    assert (photos / "phone/copy1.jpg").exists()
    done = review.post("/api/apply", {"dry_run": False, "whole_folders": True})
    assert (done["moved"], done["complete"]) == (2, True)
    assert not (photos / "phone/copy1.jpg").exists()
    assert done["state"]["run"]["moved"] == 2
    group = review.group("a1.jpg")
    assert [file["moved"] for file in group["files"]] == [False, True, True]
    assert review.ask("/api/undo", {"run": "20200101-000000-aaaaaa"}).status_code == 409
    undone = review.post("/api/undo", {"run": done["state"]["run"]["id"]})
    assert (undone["restored"], undone["state"]["run"]["undone"]) == (2, True)
    assert (photos / "phone/copy1.jpg").exists()
    assert not any(file["moved"] for file in review.group("a1.jpg")["files"])


def test_what_a_dry_run_held_back_stays_whatever_comes_to_its_folder(
    review: Review, photos: Path
) -> None:
    review.answer("a1.jpg", "keep")
    assert review.post("/api/apply", {"dry_run": True})["whole_folders"] == 2
    for number in range(9):  # now less than most of the folder would go
        shutil.copy(photos / "camera/alone.jpg", photos / f"phone/new{number}.jpg")
    refused = review.ask("/api/apply", {"dry_run": False, "whole_folders": False})
    assert (refused.status_code, refused.json()["error"]) == (
        409,
        "there is nothing that could be moved",
    )
    assert (photos / "phone/copy1.jpg").exists()
    assert (photos / "phone/small1.jpg").exists()


def test_what_changed_since_it_was_shown_is_left_alone(review: Review, photos: Path) -> None:
    review.answer("a1.jpg", "keep")
    review.answer("a2.jpg", "keep")
    review.post("/api/apply", {"dry_run": True})
    os.utime(photos / "camera/a2.jpg")  # another time is no other content
    shown = review.session.revision
    assert not any(file["changed"] for file in review.group("a2.jpg")["files"])
    with (photos / "phone/small1.jpg").open("ab") as stream:
        stream.write(b"more")
    refused = review.ask("/api/apply", {"dry_run": False, "whole_folders": True})
    assert refused.status_code == 409
    assert "changed since" in refused.json()["error"]
    assert (photos / "phone/copy1.jpg").exists()
    assert [f["changed"] for f in review.group("a1.jpg")["files"]] == [False, False, True]
    group = review.group("a1.jpg")["id"]
    for revision in (review.session.revision, shown):  # noticed before, or since it was shown
        refused = review.ask(
            "/api/answer", {"groups": [group], "answer": "keep", "revision": revision}
        )
        assert refused.status_code == 409
        assert refused.json()["error"].endswith("small1.jpg changed since it was shown")
    dry = review.post("/api/apply", {"dry_run": True})
    assert dry["left_out"] == 1
    done = review.post("/api/apply", {"dry_run": False, "whole_folders": True})
    assert (done["moved"], (photos / "phone/copy1.jpg").exists()) == (1, True)
    assert not (photos / "phone/small2.jpg").exists()


def _moved_away(path: Path) -> None:
    """Put a link to it in the place of a file or folder."""
    outside = path.parents[1] / "outside"
    outside.mkdir(exist_ok=True)
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)


def _linked_to_copy(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[1] / "phone/copy1.jpg")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_moved_away, "phone"),
        (_moved_away, "camera"),
        (_moved_away, "camera/a1.jpg"),
        (_linked_to_copy, "camera/a1.jpg"),
    ],
)
def test_links_that_came_after_the_pictures_were_shown_are_not_followed(
    review: Review, photos: Path, change: Callable[[Path], None], what: str, late: bool
) -> None:
    review.answer("a1.jpg", "keep")
    if late:
        review.post("/api/apply", {"dry_run": True})
    change(photos / what)
    if late:
        refused = review.ask("/api/apply", {"dry_run": False, "whole_folders": True})
        assert (refused.status_code, "changed since" in refused.json()["error"]) == (409, True)
    dry = review.post("/api/apply", {"dry_run": True})
    assert (dry["left_out"], dry["moved"], dry["whole_folders"]) == (1, 0, 0)
    assert any(file["changed"] for file in review.group("a1.jpg")["files"])
    assert review.post("/api/plan", {"path": None})["removals"] == 0
    assert sorted(p.name for p in (photos / "phone").iterdir())[0] == "copy1.jpg"


def test_files_of_references_and_lists_are_where_they_were(photos: Path, tmp_path: Path) -> None:
    listed = (str(photos / "phone/copy1.jpg"),)
    asked = DiscoverOptions(reference=(str(photos / "camera"),), listed=listed)
    options = RunOptions(executor="threads", jobs=1, cache=tmp_path / "c.sqlite", discover=asked)
    source = FolderSource([str(photos / "phone/small1.jpg")], Search("auto", {}), options)
    session = Session(source, Answers(Decisions(tmp_path / "d.jsonl")), options, Writers())
    session._take(list(source.find(session.reading))[-1])
    (group, *_) = session.groups.values()
    assert len(group.pictures) == 3
    assert not session.look_for_changes(group)


def test_a_link_that_came_before_the_groups_were_found_is_not_followed(
    photos: Path, begin: Begin
) -> None:
    review = begin(photos, wait=False)
    found = list(review.session.source.find(review.session.reading))
    _moved_away(photos / "phone")
    review.session._take(found[-1])
    review.session.start = lambda: None  # type: ignore[method-assign]
    dry = review.post("/api/apply", {"dry_run": True, "undecided": True})
    assert (dry["left_out"], dry["moved"], dry["whole_folders"]) == (2, 0, 0)


def test_a_plan_is_reviewed_without_a_search(
    review: Review, photos: Path, begin: Begin, tmp_path: Path
) -> None:
    written = review.post("/api/plan", {"undecided": True})
    (photos / "phone/small2.jpg").write_bytes((photos / "camera/alone.jpg").read_bytes())
    of_plan = begin(Path(written["path"]), plan=tmp_path / "out.json")
    state = of_plan.wait()
    assert (state["source"]["kind"], state["groups"]) == ("plan", 1)
    assert "1 of 2 groups are left out" in state["warnings"][0]
    assert names(of_plan.group("a1.jpg")) == ["a1.jpg", "COPY1.JPG", "SMALL1.JPG"]
    of_plan.answer("a1.jpg", "keep")
    again = of_plan.post("/api/plan")
    assert (again["removals"], Path(again["path"])) == (2, tmp_path / "out.json")
    before = json.loads(Path(written["path"]).read_text())
    after = json.loads((tmp_path / "out.json").read_text())
    assert [g["keep"]["path"] for g in after["groups"]] == ["camera/a1.jpg"]
    assert (after["root"], after["method"]) == (before["root"], before["method"])
    of_plan.answer("a1.jpg", "keep", "copy1.jpg")
    assert of_plan.post("/api/plan")["removals"] == 2
    of_plan.answer("a1.jpg", "keep", "small1.jpg")
    of_plan.wait()
    assert of_plan.post("/api/plan")["removals"] == 0


def test_references_of_a_plan_are_never_removed(photos: Path, begin: Begin, tmp_path: Path) -> None:
    named = RunOptions(executor="threads", discover=DiscoverOptions(reference=["photos/camera"]))
    plan = make_plan(find_duplicates("photos/phone", options=named))
    (tmp_path / "plan.json").write_text("".join(write_plan(plan)))
    review = begin(tmp_path / "plan.json")
    assert names(review.group("a1.jpg")) == ["a1.jpg", "COPY1.JPG", "SMALL1.JPG"]
    review.answer("a1.jpg", "keep", "copy1.jpg")
    review.wait()
    group = review.group("a1.jpg")
    assert names(group) == ["copy1.jpg", "a1.jpg", "SMALL1.JPG"]
    assert group["files"][1]["why_not"] == "it lies below --reference"


def test_first_groups_are_there_before_the_pictures_are_read(
    photos: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = begin(photos, wait=False)
    first, *_ = review.session.source.find(review.session.reading)
    review.session._take(first)
    assert review.get("/api/state")["phase"] == "reading"
    assert names(review.group("a1.jpg")) == ["a1.jpg", "COPY1.JPG"]
    review.answer("a1.jpg", "keep-all")
    assert review.ask("/api/plan").status_code == 409
    review.session.start()
    review.wait()
    group = review.group("a1.jpg")  # the answer stays, the third file is open
    assert (group["answer"], names(group)) == ("mixed", ["a1.jpg", "copy1.jpg", "SMALL1.JPG"])
    assert review.post("/api/take-back")["taken_back"] == []
    assert review.group("a1.jpg")["answer"] is None


def test_an_apply_that_is_stopped_can_be_undone(
    review: Review, photos: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    review.answer("a1.jpg", "keep")
    review.answer("a2.jpg", "keep")
    review.post("/api/apply", {"dry_run": True})
    advance = Shown.advance

    def stop(self: Shown, n: int) -> None:
        if self.document()["stage"] == "quarantine":
            review.session.end()  # Ctrl-C
        advance(self, n)

    monkeypatch.setattr(Shown, "advance", stop)
    said = review.ask("/api/apply", {"dry_run": False, "whole_folders": True})
    assert (said.status_code, said.json()["error"]) == (409, "it was stopped")
    assert review.acting.interrupted
    left = {path.name for path in (photos / "phone").iterdir()}
    assert len(left) == 2  # one of three is moved, and the journal knows of it
    (run,) = review.acting.interrupted_runs()
    (warning,) = begin(photos).get("/api/state")["warnings"]
    assert f"imgsim undo {run.name} takes it back" in warning
    (photos.parent / "other").mkdir()
    assert begin(photos.parent / "other").get("/api/state")["warnings"] == []
    assert undo("last").complete
    assert len(list((photos / "phone").iterdir())) == 3


def test_a_full_disk_loses_no_answer(
    review: Review, decisions: Decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    review.answer("a1.jpg", "keep")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("imgsim.decisions.store._write_all", full)
        group = review.group("a2.jpg")
        said = review.ask("/api/answer", {"groups": [group["id"]], "answer": "keep"})
        assert (said.status_code, "No space left" in said.json()["error"]) == (503, True)
        assert review.ask("/api/take-back").status_code == 503
    assert review.wait()["decided"] == 1
    assert review.group("a1.jpg")["answer"] == "keep"
    with pytest.raises(DecisionsUnusable):
        Decisions(Path(__file__).parent)


def test_what_another_review_decides_is_shown(
    review: Review, photos: Path, begin: Begin, tmp_path: Path
) -> None:
    other = begin(photos, decisions=Decisions(tmp_path / "decisions.jsonl"))
    other.answer("a1.jpg", "keep-all")
    until = time.monotonic() + 30
    while time.monotonic() < until and review.get("/api/state")["decided"] == 0:
        time.sleep(0.05)
    assert review.group("a1.jpg")["answer"] == "keep-all"
    review.answer("a2.jpg", "keep")
    assert [one.answer for one in Decisions(tmp_path / "decisions.jsonl")] == ["keep-all", "keep"]


def test_files_that_cannot_be_compared_stay(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(review.session.source, "settle", fail)
    review.answer("a2.jpg", "keep", "small2.jpg")
    state = review.wait()
    assert "Input/output error" in state["warnings"][-1]
    group = review.group("a2.jpg")
    assert (group["pending"], names(group)) == (False, ["small2.jpg", "a2.jpg"])


def test_isolated_files_are_kept_for_none_of_their_own_path(
    photos: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may match by --isolate alone may go, whichever file a person keeps."""
    review = begin(photos / "camera", isolate=True, more=[photos / "phone"])
    assert names(review.group("a1.jpg")) == ["a1.jpg", "COPY1.JPG", "SMALL1.JPG"]
    review.answer("a1.jpg", "keep", "copy1.jpg")
    review.wait()
    group = review.group("a1.jpg")
    assert names(group) == ["copy1.jpg", "A1.JPG", "small1.jpg"]
    assert group["files"][2]["role"] is None or group["files"][2]["why_not"]


def test_samples_are_added_to_decisions_later(
    review: Review, photos: Path, decisions: Decisions
) -> None:
    review.answer("a1.jpg", "keep")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        stored = list(Decisions(decisions.path))
        if all(file.pixel_digest for one in stored for file in one.files):
            break
        time.sleep(0.05)
    assert all(file.pixel_digest for one in stored for file in one.files)
    review.post("/api/take-back")  # still the same answer
    assert not list(Decisions(decisions.path))
