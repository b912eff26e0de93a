"""JSON as it is written: valid, and easy to read."""

from __future__ import annotations

import json

from imgsim.report.document import json_text


def test_a_document_is_valid_and_what_lies_deepest_takes_one_line() -> None:
    members = [{"path": 'a "b"\n', "matrix": [[1.0, 0.5], []]}, {"path": "é", "matrix": None}]
    document = {"schema": "x/1", "skipped": [], "groups": [{"id": 1, "members": members}], "n": {}}
    text = json_text(document)
    assert json.loads(text) == document
    assert text.endswith("}\n")
    lines = text.splitlines()
    assert '  "skipped": [],' in lines
    assert '        {"path": "é", "matrix": null}' in lines
