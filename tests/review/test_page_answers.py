"""What answers come to on the page in one file, without a browser: `embedded.js` run by Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from imgsim.review.bundle import static_text

_RUN = """
globalThis.addEventListener = () => {};
const { EmbeddedSource } = await import("./embedded.js");
const source = new EmbeddedSource(DATA);
const said = [];
for (const [what, body] of STEPS) {
  const done = await source[what](body);
  said.push(done.against ?? done.preview ?? null);
}
const { removals, against } = source.planned();
const rows = (await source.groups()).groups.map((row) => row.removable);
const goes = source.planned && [...source.outcome.removed.keys()].sort();
console.log(JSON.stringify({ said, removals, against, rows, goes }));
"""


def _data(groups: dict[str, list[str]]) -> dict[str, Any]:
    """The data of a page: groups of equal files named FOLDER/NAME, the first of each is kept."""
    folders = sorted({name.split("/")[0] for files in groups.values() for name in files})
    details = {
        group: {
            "id": group,
            "kept": files[0],
            "files": [
                {
                    "id": name, "name": name, "folder": name.split("/")[0], "bytes": "10",
                    "width": 4, "height": 3, "role": "exact", "removable": name != files[0],
                    "may_go_for": [other for other in files if other != name],
                }
                for name in files
            ],
        }
        for group, files in groups.items()
    }  # fmt: skip
    rows = [{"id": g, "kept": f[0], "removable": len(f) - 1} for g, f in groups.items()]
    order = {group: place for place, group in enumerate(groups)}
    return {"state": {}, "groups": rows, "folders": folders, "details": details, "order": order}


@pytest.fixture
def answered(tmp_path: Path) -> Any:
    """Gives answers, and returns what came of them."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("NO NODE: what answers come to on the page in one file is not tested")
    for name in ("embedded.js", "source.js"):
        (tmp_path / name).write_text(static_text(name))
    (tmp_path / "package.json").write_text('{"type": "module"}')

    def run(groups: dict[str, list[str]], *steps: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        script = _RUN.replace("DATA", json.dumps(_data(groups)))
        (tmp_path / "run.js").write_text(script.replace("STEPS", json.dumps(steps)))
        done = subprocess.run([node, "run.js"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return run


def _answer(group: str, answer: str = "keep", keep: str | None = None) -> tuple[str, Any]:
    return "answer", {"groups": [group], "answer": answer, "keep": keep}


LEAKS = {"1": ["valid/a", "train/a", "train/x"], "2": ["valid/b", "train/a"]}


@pytest.mark.parametrize("first", ["accept", "keep"])
def test_what_was_chosen_to_stay_goes_by_no_other_answer(answered: Any, first: str) -> None:
    steps = [_answer("1"), _answer("2", keep="train/a")]
    done = answered(LEAKS, *(steps if first == "accept" else reversed(steps)))
    assert done["goes"] == ["train/x", "valid/b"]
    assert "train/a of train stays: one answer lets it go" in done["against"][0]
    assert done["said"] == [[], done["against"]]  # at once, and not of the first answer
    assert done["rows"] == [1, 1]


def test_all_stay_by_keep_all_whatever_is_accepted_elsewhere(answered: Any) -> None:
    done = answered(LEAKS, _answer("1"), _answer("2", "keep-all"))
    assert (done["goes"], len(done["against"])) == (["train/x"], 1)
    taken_back = answered(LEAKS, _answer("1"), _answer("2", "keep-all"), ("takeBack", {}))
    assert (taken_back["goes"], taken_back["against"]) == (["train/a", "train/x"], [])


def test_nothing_goes_for_a_file_that_goes_itself(answered: Any) -> None:
    chain = {"1": ["test/a", "valid/a"], "2": ["valid/a", "train/a"]}
    done = answered(chain, _answer("1"), _answer("2"))
    assert done["goes"] == ["valid/a"]
    assert "goes by another answer" in done["against"][0]
    assert done["rows"] == [1, 0]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
def test_what_is_said_to_stay_is_in_no_plan(answered: Any, order: tuple[int, ...]) -> None:
    """One picture in three splits: it goes for the file that stays, and for one that does not."""
    splits = [["test/a", "valid/a"], ["valid/a", "train/a"], ["test/a", "train/a"]]
    groups = {str(number): splits[place] for number, place in enumerate(order)}
    done = answered(groups, *map(_answer, groups))
    assert done["goes"] == ["train/a", "valid/a"]
    assert (done["against"], done["rows"]) == ([], [1, 1, 1])


ARCHIVE = {"1": ["archive/a", "archive/b", "phone/a", "phone/b"], "2": ["archive/c", "phone/c"]}


@pytest.mark.parametrize(
    ("rule", "goes"),
    [
        ({"by": "folders", "folders": [0, 1], "keep_in": 0}, "phone"),
        ({"by": "folder", "folder": 0, "what": "stays"}, "phone"),
        ({"by": "folders", "folders": [0, 1], "keep_in": 1}, "archive"),
        ({"by": "folder", "folder": 0, "what": "goes"}, "archive"),
    ],
)
def test_a_rule_about_a_folder_is_about_all_files_in_it(
    answered: Any, rule: dict[str, Any], goes: str
) -> None:
    body = {"rule": rule, "answer": "keep"}
    done = answered(ARCHIVE, ("previewRule", body), ("applyRule", body))
    assert done["goes"] == [f"{goes}/a", f"{goes}/b", f"{goes}/c"]
    preview = done["said"][0]
    assert (preview["files"], preview["folders"]) == (3, [{"folder": goes, "files": 3}])
    assert done["rows"] == [2, 1]
