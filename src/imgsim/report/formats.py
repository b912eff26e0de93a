"""find-dupes in the formats that programs read: JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from imgsim.escapes import as_json, csv_text
from imgsim.report.document import find_dupes_stream, group_document, json_parts, related_document
from imgsim.stage_times import Sums
from imgsim.tasks.find_duplicates import Duplicates

_MEMBER_COLUMNS = (
    "path kind width height format frames bytes mtime_ns digest reference score similarity"
    " path_bytes role pixel_digest damage changes why keep_rule related"
).split()
_FACT_COLUMNS = (
    "date_taken make model lens software taken_width taken_height jpeg_quality compressed_twice"
    " has_place has_rating has_title has_keywords only_here"
).split()
_NO_GROUP = "id keep keep_reason keep_rule new labels conflict all_decided left_out".split()
_LAST_COLUMNS = ("new", "label", "conflict", "decision", "decided")
_PRIVATE_COLUMNS = "latitude longitude rating title keywords".split()


def find_dupes_json(
    duplicates: Duplicates,
    *,
    timing: bool = True,
    private: bool = False,
    stages: Sums | None = None,
) -> Iterator[str]:
    """Yield the parts of `find_dupes_document` as JSON."""
    document = find_dupes_stream(duplicates, timing=timing, private=private, stages=stages)
    yield from json_parts(document)


def find_dupes_jsonl(duplicates: Duplicates, *, private: bool = False) -> Iterator[str]:
    """Yield a line of JSON per group, then one for what is related without a group, if any is.

    That line has the keys of a group, no number, and no members.
    """
    for number, group in enumerate(duplicates.groups, 1):
        document = group_document(number, group, duplicates, private=private)
        yield as_json(document) + "\n"
    if duplicates.related:
        nothing = dict.fromkeys(_NO_GROUP)
        more = {"copies": 0, "members": [], "related": related_document(duplicates.related)}
        yield as_json(nothing | more) + "\n"


def find_dupes_csv(duplicates: Duplicates, *, private: bool = False) -> Iterator[str]:
    """Yield a row of CSV per member, under a header; lists are separated by ``; ``.

    What is related without a group has no row: what deletes rows by their kind must not meet it.
    """
    more = _PRIVATE_COLUMNS if private else []
    yield csv_row(["group", *_MEMBER_COLUMNS, *_FACT_COLUMNS, *more, *_LAST_COLUMNS])
    for number, group in enumerate(duplicates.groups, 1):
        document = group_document(number, group, duplicates, private=private)
        for member in document["members"]:
            facts = member["facts"]
            beside = [
                f"{one['relation']}: {one['path']}"
                for one in document["related"]
                if one["with"] == member["path"]
            ]
            row = {**member, "keep_rule": document["keep_rule"], "related": beside}
            row["conflict"] = document["conflict"]
            values = [row.get(column) for column in _MEMBER_COLUMNS]
            values += [facts[column] for column in _FACT_COLUMNS]
            values += [facts["private"][column] for column in more]
            values += [row[column] for column in _LAST_COLUMNS]
            joined = ["; ".join(v) if isinstance(v, list) else v for v in values]
            yield csv_row([number, *joined])


def csv_row(values: Sequence[object], *, to_be_read: bool = False) -> str:
    """Return the line of CSV of some values; characters that are not seen are escaped.

    Parameters
    ----------
    values : sequence
    to_be_read : bool
        Nothing is escaped, since imgsim is to find the files by it.
    """
    text = io.StringIO()
    shown = [csv_text(v) if isinstance(v, str) and not to_be_read else v for v in values]
    csv.writer(text, lineterminator="\n").writerow(shown)
    return text.getvalue()
