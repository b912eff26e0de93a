"""A plan says what lay beside its files, and nothing that came since makes more of them go."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from imgsim.act.apply import apply
from imgsim.act.beside import with_company
from imgsim.act.options import ApplyOptions
from imgsim.act.plan import Plan, PlannedFolder
from imgsim.act.plan_file import read_plan, write_plan
from imgsim.schemas import schema

from .library import ALL, Trusting, do, files, plan_of, reasons


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name in ("keep/a.jpg", "b/a.jpg", "b/b.jpg", "b/other.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"other" if "other" in name else b"content")
    (root / "b/a.xmp").write_bytes(b"edits")
    return root


def _planned(root: Path) -> Plan:
    """A plan as it is read from its file."""
    plan = with_company(plan_of(root, "keep/a.jpg", "b/a.jpg", "b/b.jpg"))
    text = "".join(write_plan(plan))
    jsonschema.validate(json.loads(text), schema("imgsim.plan/1"))
    assert read_plan(text.encode()) == plan
    return plan


def test_a_plan_names_sidecars_and_what_folders_hold(root: Path) -> None:
    plan = _planned(root)
    assert [one.sidecars for _, one in plan.removals] == [(b"b/a.xmp",), ()]
    assert plan.folders == (PlannedFolder(b"b", 4, 3),)
    (root / "b/b.xmp").write_bytes(b"later")
    assert with_company(plan) == plan  # it is said once


@pytest.mark.parametrize("sidecars", ["auto", "along", "leave"])
def test_a_sidecar_that_came_later_does_not_go(root: Path, sidecars: str) -> None:
    plan = _planned(root)
    (root / "b/b.jpg.xmp").write_bytes(b"later")
    options = replace(ALL, sidecars=sidecars)  # type: ignore[arg-type]
    dry = apply(plan, options, verifier=Trusting())
    done = do(plan, options)
    assert dry.removed == done.removed
    left = {} if sidecars == "leave" else {
        "b/b.jpg": "its sidecar b.jpg.xmp: it came after the plan was made"
    }  # fmt: skip
    assert reasons(dry) == reasons(done) == left
    assert "b/b.jpg.xmp" in files(root)
    assert ("b/a.xmp" in files(root)) == (sidecars == "leave")
    # endings that are named now are in no plan, and a plan that says nothing is as it was
    (root / "b/other.pp3").write_bytes(b"settings")
    asked = plan_of(root, "keep/a.jpg", "b/other.jpg")
    both = do(with_company(asked), replace(ALL, sidecar_endings=(".pp3",)))
    assert both.removed[0].sidecars == (b"b/other.pp3",)


def test_a_folder_that_was_held_back_is_held_back_whatever_comes_to_it(root: Path) -> None:
    plan = _planned(root)
    assert len(reasons(apply(plan, verifier=Trusting()))) == 2  # two of its three pictures
    for number in range(9):
        (root / f"b/new{number}.jpg").write_bytes(b"new")
    (root / "b/b.jpg").write_bytes(b"CONTENT")  # one of the two stays for another reason
    done = do(plan, ApplyOptions())
    assert not done.removed
    assert set(reasons(done)) == {"b/a.jpg", "b/b.jpg"}
    asked: list[bytes] = []
    options = ApplyOptions(ask_folder=lambda folder, what: bool(asked.append(folder)) or True)
    assert [one.path for one in do(plan, options).removed] == []  # its group changed
    (root / "b/b.jpg").unlink()
    plan = with_company(plan_of(root, "keep/a.jpg", "b/a.jpg"))
    assert [one.path for one in do(plan, options).removed] == [b"b/a.jpg"]
    assert asked == []  # one of eleven
