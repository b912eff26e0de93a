"""Groups of duplicates for other programs: FiftyOne's JSON, and CleanLab's columns of issues.

FiftyOne: what ``fiftyone.Dataset.from_json`` reads (voxel51/fiftyone, ``Dataset.from_dict``).
CleanLab: the columns of near duplicates that ``Datalab.get_issues("near_duplicate")`` has; see
https://docs.cleanlab.ai/stable/cleanlab/datalab/guide/issue_type_description.html.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from imgsim.escapes import as_json
from imgsim.report.document import member_similarity, path_text
from imgsim.report.formats import csv_row
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.types import Group, Member

_FIELDS = {
    "imgsim_group": "IntField",
    "imgsim_kind": "StringField",
    "imgsim_role": "StringField",
    "imgsim_kept": "StringField",
    "imgsim_similarity": "FloatField",
}
"""Of samples, beside FiftyOne's own: it takes none that is not declared."""

_ISSUE_COLUMNS = (
    "path", "is_near_duplicate_issue", "near_duplicate_score", "near_duplicate_sets",
    "distance_to_nearest_neighbor", "is_exact_duplicate_issue", "kept", "role",
)  # fmt: skip


def find_dupes_fiftyone(duplicates: Duplicates) -> Iterator[str]:
    """Yield a dataset of all images as JSON for FiftyOne; what is in no group has no such fields.

    Parameters
    ----------
    duplicates : Duplicates
    """
    samples = []
    found = _by_path(duplicates)
    for path in duplicates.paths:
        sample: dict[str, Any] = {
            "filepath": path_text(os.path.abspath(path)), "tags": [], "metadata": None,
        }  # fmt: skip
        if path in found:
            number, group, member = found[path]
            sample |= _fields(duplicates, number, group, member)
        samples.append(sample)
    document = {
        "name": "imgsim",
        "media_type": "image",
        "sample_fields": {name: f"fiftyone.core.fields.{kind}" for name, kind in _FIELDS.items()},
        "info": {"method": duplicates.comparator.spec, "keep": list(duplicates.keep)},
        "samples": samples,
    }
    yield as_json(document) + "\n"


def _fields(duplicates: Duplicates, number: int, group: Group, member: Member) -> dict[str, Any]:
    """The fields of a file in a group, see `_FIELDS`, and its tags."""
    return {
        "tags": ["kept" if member.kind == "kept" else "duplicate"],
        "imgsim_group": number,
        "imgsim_kind": member.kind,
        "imgsim_role": member.role or "kept",
        "imgsim_kept": path_text(os.path.abspath(group.kept.file.path)),
        "imgsim_similarity": float(member_similarity(member, duplicates.comparator.scale)),
    }


def _by_path(duplicates: Duplicates) -> dict[str, tuple[int, Group, Member]]:
    return {
        member.picture.file.path: (number, group, member)
        for number, group in enumerate(duplicates.groups, 1)
        for member in group.members
    }


def find_dupes_cleanlab(duplicates: Duplicates) -> Iterator[str]:
    """Yield a row of CSV per image, in order of the paths, with CleanLab's columns of issues.

    A score is between 0, for equal images, and 1; sets name rows by their number, from 0 on. Kept
    files are issues too, as there.

    Parameters
    ----------
    duplicates : Duplicates
    """
    found = _by_path(duplicates)
    row_of = {path: i for i, path in enumerate(duplicates.paths)}
    scale = duplicates.comparator.scale
    yield csv_row(list(_ISSUE_COLUMNS))
    for path in duplicates.paths:
        if path not in found:
            yield csv_row([path_text(path), "False", 1.0, "[]", None, "False", None, None])
            continue
        _, group, member = found[path]
        others = [m for m in group.members if m is not member]
        # of the kept file, the nearest of the others; they were compared with it
        near = member if member.kind != "kept" else min(others, key=lambda m: m.distance or 0.0)
        exact = any(m.picture.digest == member.picture.digest for m in others)
        sets = sorted(row_of[m.picture.file.path] for m in others)
        yield csv_row(
            [
                path_text(path),
                "True",
                round(1 - member_similarity(near, scale) / 100, 6),
                json.dumps(sets),
                near.distance,
                str(exact),
                str(member.kind == "kept"),
                member.role,
            ]
        )
