"""find-dupes in the formats that programs read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from imgsim.report.document import find_dupes_document, group_document
from imgsim.tasks.find_duplicates import Duplicates

_COLUMNS = (
    "path kind width height format frames bytes mtime_ns digest reference score similarity"
    " path_bytes"
).split()


def as_json(duplicates: Duplicates, *, timing: bool = True) -> Iterator[str]:
    """One document."""
    document = find_dupes_document(duplicates, timing=timing)
    yield json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def as_jsonl(duplicates: Duplicates) -> Iterator[str]:
    """A line per group."""
    for number, group in enumerate(duplicates.groups, 1):
        document = group_document(number, group, duplicates.comparator.scale)
        yield json.dumps(document, ensure_ascii=False) + "\n"


def as_csv(duplicates: Duplicates) -> Iterator[str]:
    """A row per member, under a header."""
    yield csv_row(["group", *_COLUMNS])
    for number, group in enumerate(duplicates.groups, 1):
        for member in group_document(number, group, duplicates.comparator.scale)["members"]:
            yield csv_row([number, *(member.get(column) for column in _COLUMNS)])


def csv_row(values: list[object]) -> str:
    """One line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
