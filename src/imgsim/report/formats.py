"""find-dupes in the formats that programs read: JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from imgsim.report.document import find_dupes_document, group_document, json_text
from imgsim.tasks.find_duplicates import Duplicates

_MEMBER_COLUMNS = (
    "path kind width height format frames bytes mtime_ns digest reference score similarity"
    " path_bytes role pixel_digest damage changes why keep_rule only_here"
).split()


def find_dupes_json(duplicates: Duplicates, *, timing: bool = True) -> Iterator[str]:
    """Yield `find_dupes_document` as JSON."""
    yield json_text(find_dupes_document(duplicates, timing=timing))


def find_dupes_jsonl(duplicates: Duplicates) -> Iterator[str]:
    """Yield a line of JSON per group."""
    for number, group in enumerate(duplicates.groups, 1):
        document = group_document(number, group, duplicates.comparator.scale)
        yield json.dumps(document, ensure_ascii=False) + "\n"


def find_dupes_csv(duplicates: Duplicates) -> Iterator[str]:
    """Yield a row of CSV per member, under a header."""
    yield csv_row(["group", *_MEMBER_COLUMNS])
    for number, group in enumerate(duplicates.groups, 1):
        document = group_document(number, group, duplicates.comparator.scale)
        for member in document["members"]:
            row = {**member, "keep_rule": document["keep_rule"]}
            yield csv_row([number, *(_cell(row.get(column)) for column in _MEMBER_COLUMNS)])


def _cell(value: object) -> object:
    return " ".join(value) if isinstance(value, list) else value


def csv_row(values: list[object]) -> str:
    """Return the line of CSV of some values."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
