"""JSON as it is written: valid, and easy to read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imgsim.report.document import json_parts, json_text


def test_a_document_is_valid_and_what_lies_deepest_takes_one_line() -> None:
    members = [{"path": 'a "b"\n', "matrix": [[1.0, 0.5], []]}, {"path": "é", "matrix": None}]
    document = {"schema": "x/1", "skipped": [], "groups": [{"id": 1, "members": members}], "n": {}}
    text = json_text(document)
    assert json.loads(text) == document
    assert text.endswith("}\n")
    lines = text.splitlines()
    assert '  "skipped": [],' in lines
    assert '        {"path": "é", "matrix": null}' in lines


@pytest.mark.parametrize("groups", [[], [{"id": 1, "members": [{"path": "é"}]}, {"id": 2}]])
def test_the_parts_of_a_document_are_the_same_json(groups: list[dict[str, Any]]) -> None:
    document = {"schema": "x/1", "skipped": [], "groups": groups, "n": {}, "none": None}
    parts = list(json_parts({**document, "groups": iter(groups)}))
    assert "".join(parts) == json_text(document)
    assert "".join(json_parts({})) == json_text({})
    assert sum('"id"' in part for part in parts) == len(groups)  # one at a time


def test_items_of_a_document_are_made_as_they_are_written() -> None:
    made: list[int] = []
    parts = json_parts({"groups": (made.append(i) or i for i in range(3))})
    next(part for part in parts if part.endswith("0"))
    assert made == [0]
    assert json.loads('{"groups": [0' + "".join(parts)) == {"groups": [0, 1, 2]}
