"""Writes plans as JSON, and reads them as input from outside."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from typing import Any, get_args

from imgsim.act import paths
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, PlannedFolder, Removal
from imgsim.addresses import printable
from imgsim.comparators import registry
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeMode
from imgsim.errors import ImgsimError, UsageError
from imgsim.escapes import as_json
from imgsim.group.keep import parse_keep
from imgsim.read.files import MAX_FILE_BYTES
from imgsim.types import NEVER_REMOVED, REMOVABLE_ROLES, Role

SCHEMA = "imgsim.plan/1"
_MAKE = "imgsim find-dupes PATH --plan FILE"
_AGAIN = f"make the plan again: {_MAKE}"
_PLANS = SCHEMA.partition("/")[0] + "/"
_FIRST_SCHEMA = re.compile(r'\s*\{\s*"schema"\s*:\s*"([^"\\]*)"')
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_DANGLING = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])', re.DOTALL)


def write_plan(plan: Plan) -> Iterator[str]:
    """Yield a plan as JSON, a file a line, so that lines can be struck out.

    Examples
    --------
    >>> import imgsim
    >>> from pathlib import Path
    >>> plan = imgsim.plan(imgsim.find_duplicates("photos", "phash"))
    >>> written = Path("plan.json").write_text("".join(imgsim.write_plan(plan)))
    """
    yield plan_head(plan)
    for number, group in enumerate(plan.groups):
        yield ",\n" if number else "\n"
        yield f'  {{"keep": {file_text(group.keep)},\n'
        yield f'   "rule": {_line(group.rule)}, "reason": {_line(group.reason)},\n   "remove": ['
        for place, removal in enumerate(group.removals):
            yield (",\n" if place else "\n") + f"    {removal_text(removal)}"
        yield "\n   ]}"
    yield PLAN_END


PLAN_END = "\n ]\n}\n"


def plan_head(plan: Plan) -> str:
    """Return what stands in a plan's JSON before its groups."""
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "version": plan.version,
        "run": plan.run,
        "created_ns": plan.created_ns,
        **paths.to_document(os.fsencode(plan.root), "root"),
        "method": plan.method,
        "preset": plan.preset,
        "threshold": plan.threshold,
        "decode": plan.decode.value,
        "max_pixels": plan.max_pixels,
        "keep": list(plan.keep),
        "history": plan.history,
        "runs_before": plan.runs_before,
        "references": [paths.to_document(path) for path in plan.references],
        "roots": [paths.to_document(path) for path in plan.roots],
    }
    if plan.index:
        head |= paths.to_document(os.fsencode(plan.index), "index")
    if plan.folders:
        head["folders"] = [
            {**paths.to_document(one.path or b"."), "names": one.names, "pictures": one.pictures}
            for one in plan.folders
        ]
    lines = "".join(f" {_line(key)}: {_line(value)},\n" for key, value in head.items())
    return "{\n" + lines + ' "groups": ['


def file_text(file: PlannedFile) -> str:
    """Return the JSON of a file that is kept."""
    return _line(_file_document(file))


def removal_text(removal: Removal) -> str:
    """Return the JSON of a removal."""
    return _line(_removal_document(removal))


def _line(value: Any) -> str:
    return as_json(value)


def _file_document(file: PlannedFile) -> dict[str, Any]:
    return {
        **paths.to_document(file.path),
        "bytes": file.size_bytes,
        "mtime_ns": file.mtime_ns,
        "digest": f"sha256:{file.sha256}",
    }


def _removal_document(removal: Removal) -> dict[str, Any]:
    beside = removal.sidecars
    return {
        "chosen": removal.chosen,
        "role": removal.role,
        **_file_document(removal.file),
        "changes": list(removal.changes),
        "only_here": list(removal.only_here),
        "evidence": removal.evidence,
        **({"by_decision": True} if removal.by_decision else {}),
        **({} if beside is None else {"sidecars": [paths.to_document(path) for path in beside]}),
    }


def read_plan(data: bytes) -> Plan:
    """Read a plan from outside.

    A comma that stands before a closing bracket, since the last line was struck out, is let pass.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    UsageError
        It is no plan, of an unknown schema, or names files that no plan may name: outside the
        root, twice, or both kept and removed.

    Examples
    --------
    >>> import imgsim
    >>> from pathlib import Path  # plan.json is of: imgsim find-dupes photos --plan plan.json
    >>> plan = imgsim.read_plan(Path("plan.json").read_bytes())
    >>> [removal.file.path for _, removal in plan.removals]
    [b'IMG_0001 copy.jpg', b'IMG_0002 small.jpg']
    """
    if not isinstance(data, bytes):
        raise UsageError(
            f"a plan is read from its bytes, not from {data!r}"[:120],
            "imgsim.read_plan(Path(FILE).read_bytes())",
        )
    try:
        text = data.decode(json.detect_encoding(data))
        named = _FIRST_SCHEMA.match(text)  # what other files hold is not looked at
        document = {"schema": named[1]} if named and named[1] != SCHEMA else _parsed(text)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError) as error:
        if data and not data.lstrip().startswith(b"{"):
            raise UsageError(
                "no plan: the file is no JSON",
                f"make one: {_MAKE} (-o FILE writes the report)",
            ) from None
        raise UsageError(f"the plan is no JSON: {error}"[:200], _AGAIN) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise _no_plan(document.get("schema") if isinstance(document, dict) else None)
    plan = _plan(document)
    _check(plan)
    return plan


def _no_plan(schema: Any) -> UsageError:
    if isinstance(schema, str) and schema.startswith(_PLANS):
        return UsageError(
            f"no plan of the schema {SCHEMA}: {schema!r}"[:200], "this version reads no other"
        )
    what = "the file names no schema" if schema is None else f"its schema is {schema!r}"
    return UsageError(f"no plan: {what}"[:200], f"make one: {_MAKE}")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError:  # perhaps for a comma alone
        text = _DANGLING.sub(lambda m: m[0] if m[0] != "," else "", text)
        return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """Make an object of its keys; files and removals become small, there may be 200,000."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise UsageError("an object of the plan has a key twice", _AGAIN)
    if "digest" not in made:
        return made
    file = PlannedFile(
        paths.check_relative(paths.from_document(made)),
        _digest(made["digest"]),
        _integer(made, "bytes", 0, MAX_FILE_BYTES),
        _integer(made, "mtime_ns", -_LATEST_NS, _LATEST_NS),
    )
    if "role" not in made:
        return file
    role = _role(made["role"])
    if role in NEVER_REMOVED:
        raise UsageError(
            f"the plan removes {paths.shown(file.path)}, which is {role}: it has something that"
            " the kept file lacks",
            "strike it out",
        )
    return Removal(
        file,
        role,
        _text(made, "evidence", ""),
        tuple(_role(one) for one in _list(made, "changes", [])),
        tuple(map(str, _list(made, "only_here", []))),
        _boolean(made, "chosen", default=role in REMOVABLE_ROLES),
        _boolean(made, "by_decision", default=False),
        _folders(made, "sidecars") if "sidecars" in made else None,
    )


def _plan(document: dict[str, Any]) -> Plan:
    root = os.fsdecode(paths.from_document(document, "root"))
    if not os.path.isabs(root) or "\0" in root or os.path.normpath(root) != root:
        raise UsageError(f"the plan's root {root!r} is no absolute path", _AGAIN)
    index = os.fsdecode(paths.from_document(document, "index")) if "index" in document else ""
    if index and (not os.path.isabs(index) or "\0" in index):
        raise UsageError(f"the plan's index {index!r} is no absolute path", _AGAIN)
    preset = document.get("preset")
    threshold = document.get("threshold")
    if preset not in ("strict", "normal", "loose", None):
        raise UsageError(f"the plan has an unknown preset {preset!r}", _AGAIN)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise UsageError("the plan has no threshold", _AGAIN)
    if isinstance(threshold, int) and threshold.bit_length() > 64:
        raise UsageError("the plan has a threshold that is none", _AGAIN)
    method = _text(document, "method")
    if preset is None:
        _check_threshold(method, float(threshold))
    keep = tuple(map(str, _list(document, "keep", [])))
    try:
        parse_keep(keep)
    except UsageError as error:
        raise UsageError(f"the plan has {error.message[:120]}", _AGAIN) from None
    run = _text(document, "run")
    if not _RUN.fullmatch(run):
        raise UsageError(f"the plan's run {run[:80]!r} is no name of a run", _AGAIN)
    return Plan(
        root,
        run,
        _text(document, "version"),
        _integer(document, "created_ns", 0, (1 << 63) - 1),
        method,
        preset,
        float(threshold),
        tuple(map(_group, _list(document, "groups"))),
        _folders(document, "references"),
        _text(document, "history", ""),
        _integer(document, "runs_before", 0, 1 << 53, default=0),
        _decode(document.get("decode", DecodeMode.REDUCED.value)),
        _integer(document, "max_pixels", 1, 1 << 53, default=DEFAULT_MAX_PIXELS),
        keep,
        _folders(document, "roots"),
        tuple(map(_planned_folder, _list(document, "folders", []))),
        index,
    )


def _check_threshold(method: str, threshold: float) -> None:
    """Raise if a method of imgsim's own has no such threshold; others are not imported for that."""
    try:
        own = registry.is_built_in(method.partition(":")[0])
        scale = registry.parse(method).scale if own else None
    except (ImgsimError, KeyError):  # said where the method is needed
        scale = None
    worst = math.inf if scale is None else scale.worst * (1 + 1e-9)
    distance = threshold if scale is None else scale.distance(threshold)
    if not math.isfinite(threshold) or not -1e-9 <= distance <= worst:
        raise UsageError(f"the plan has a threshold that {method[:80]} has not", _AGAIN)


def _folders(document: dict[str, Any], key: str) -> tuple[bytes, ...]:
    folders = []
    for one in _list(document, key, []):
        if not isinstance(one, dict):
            raise UsageError(f"one of the plan's {key} is no path", _AGAIN)
        path = paths.from_document(one)
        folders.append(path if path == b"." else paths.check_relative(path))
    return tuple(folders)


def _planned_folder(document: Any) -> PlannedFolder:
    if not isinstance(document, dict):
        raise UsageError("one of the plan's folders is no path", _AGAIN)
    path = paths.from_document(document)
    numbers = (_integer(document, key, 0, 1 << 53) for key in ("names", "pictures"))
    return PlannedFolder(b"" if path == b"." else paths.check_relative(path), *numbers)


def _group(document: Any) -> PlanGroup:
    keep = document.get("keep") if isinstance(document, dict) else None
    if not isinstance(keep, PlannedFile):
        raise UsageError("a group of the plan has no file that is kept", _AGAIN)
    removals = _list(document, "remove")
    if not all(isinstance(one, Removal) for one in removals):
        raise UsageError("a removal of the plan lacks its digest or role", _AGAIN)
    return PlanGroup(
        keep, tuple(removals), _text(document, "rule", ""), _text(document, "reason", "")
    )


def _check(plan: Plan) -> None:
    """Refuse files that stand twice, be it as kept and removed."""
    kept: set[bytes] = set()
    for group in plan.groups:
        if group.keep.path in kept:
            raise _twice(group.keep.path, "is kept in two groups")
        kept.add(group.keep.path)
    removed: set[bytes] = set()
    for group, removal in plan.removals:
        path = removal.file.path
        if path in kept:
            raise _twice(path, "is both kept and removed")
        if path in removed:
            raise _twice(path, "is removed twice")
        removed.add(path)
        for reference in plan.references:
            if reference == b"." or path == reference or path.startswith(reference + b"/"):
                whole = printable(os.path.join(plan.root, paths.native(path)))
                raise UsageError(f"the plan removes {whole}, which is a reference", "strike it out")
        if removal.role == "exact" and removal.file.sha256 != group.keep.sha256:
            raise UsageError(
                f"the plan calls {paths.shown(path)} exact, with another digest than the kept file",
                _AGAIN,
            )


def _twice(path: bytes, what: str) -> UsageError:
    return UsageError(f"in the plan {paths.shown(path)} {what}", _AGAIN)


def _text(document: dict[str, Any], key: str, default: str | None = None) -> str:
    value = document.get(key, default)
    if not isinstance(value, str):
        raise UsageError(f"the plan's {key} is no text", _AGAIN)
    return value


_LATEST_NS = (1 << 63) * 10**9
"""Nanoseconds of the latest time that a file system can have; 63 bits of them end in 2262."""


def _integer(
    document: dict[str, Any], key: str, least: int, most: int, default: int | None = None
) -> int:
    value = document.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"the plan's {key} is no number of its kind: {value!r}"[:200], _AGAIN)
    return value


def _boolean(document: dict[str, Any], key: str, default: bool) -> bool:
    value = document.get(key, default)
    if not isinstance(value, bool):
        raise UsageError(f"the plan's {key} is neither true nor false: {value!r}"[:200], _AGAIN)
    return value


def _list(document: dict[str, Any], key: str, default: list[Any] | None = None) -> list[Any]:
    value = document.get(key, default)
    if not isinstance(value, list):
        raise UsageError(f"the plan's {key} is no list", _AGAIN)
    return value


def _digest(value: Any) -> str:
    match = _DIGEST.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise UsageError(f"the plan has a digest that is none: {value!r}"[:200], _AGAIN)
    return match[1]


def _decode(value: Any) -> DecodeMode:
    for mode in DecodeMode:
        if value == mode.value:
            return mode
    raise UsageError(f"the plan has an unknown way to decode {value!r}"[:200], _AGAIN)


def _role(value: Any) -> Role:
    for role in get_args(Role):
        if value == role:
            found: Role = role
            return found
    raise UsageError(f"the plan has an unknown role {value!r}"[:200], _AGAIN)
