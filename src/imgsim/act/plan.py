"""Plans: which files are to be removed, what stands in their place, and why.

A plan is a file that people edit and others may hand on, so everything in it is checked when it is
read, and its digests again when it is carried out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from imgsim.act import paths
from imgsim.errors import UsageError
from imgsim.read.files import MAX_FILE_BYTES
from imgsim.types import REMOVABLE_ROLES, Role

SCHEMA = "imgsim.plan/1"
NEVER: frozenset[Role] = frozenset(("fuller",))
"""Roles of files that have something the kept file lacks; no plan removes them."""

_AGAIN = "make the plan again: imgsim find-dupes PATH --plan FILE"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_DANGLING = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file as it was when the plan was made.

    Attributes
    ----------
    path : bytes
        Below the plan's root, see `paths`.
    sha256 : str
        Of its bytes, in hexadecimal.
    size_bytes, mtime_ns : int
    """

    path: bytes
    sha256: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Removal:
    """A file that is to be removed.

    Attributes
    ----------
    file : PlannedFile
    role : str
        What it is to the kept file.
    evidence : str
        How that was found, in words.
    changes : tuple of str
        The other roles that apply.
    only_here : tuple of str
        What its metadata say and those of the kept file do not.
    chosen : bool
        It is to be removed indeed; else it is only listed.
    """

    file: PlannedFile
    role: Role
    evidence: str = ""
    changes: tuple[Role, ...] = ()
    only_here: tuple[str, ...] = ()
    chosen: bool = True


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """A kept file and what is to be removed in its favour.

    Attributes
    ----------
    keep : PlannedFile
    removals : tuple of Removal
    rule, reason : str
        The keep rule that chose the kept file, and what that has over the others.
    """

    keep: PlannedFile
    removals: tuple[Removal, ...]
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What find-dupes proposes to remove.

    Attributes
    ----------
    root : str
        Absolute, without symbolic links. All paths are below it.
    run, version : str
        Which run of which version of imgsim made it.
    created_ns : int
        When, since 1970.
    method : str
        By which pairs were judged.
    preset : str or None
    threshold : float
        Worst score of a duplicate, in the method's own terms; with a preset it follows from that.
    groups : tuple of PlanGroup
    references : tuple of bytes
        Folders and files of which nothing is removed.
    history : str
        Which list of runs `runs_before` counts in.
    runs_before : int
        Runs of apply that there had been.
    """

    root: str
    run: str
    version: str
    created_ns: int
    method: str
    preset: str | None
    threshold: float
    groups: tuple[PlanGroup, ...]
    references: tuple[bytes, ...] = ()
    history: str = ""
    runs_before: int = 0

    @property
    def removals(self) -> Iterator[tuple[PlanGroup, Removal]]:
        """Every removal, with its group."""
        return ((group, removal) for group in self.groups for removal in group.removals)


def write_plan(plan: Plan) -> Iterator[str]:
    """Yield a plan as JSON, a file a line, so that lines can be struck out."""
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "version": plan.version,
        "run": plan.run,
        "created_ns": plan.created_ns,
        **paths.to_document(os.fsencode(plan.root), "root"),
        "method": plan.method,
        "preset": plan.preset,
        "threshold": plan.threshold,
        "history": plan.history,
        "runs_before": plan.runs_before,
        "references": [paths.to_document(path) for path in plan.references],
    }
    yield "{\n" + "".join(f" {_line(key)}: {_line(value)},\n" for key, value in head.items())
    yield ' "groups": ['
    for number, group in enumerate(plan.groups):
        yield ",\n" if number else "\n"
        yield f'  {{"keep": {_line(_file_document(group.keep))},\n'
        yield f'   "rule": {_line(group.rule)}, "reason": {_line(group.reason)},\n   "remove": ['
        for place, removal in enumerate(group.removals):
            yield (",\n" if place else "\n") + f"    {_line(_removal_document(removal))}"
        yield "\n   ]}"
    yield "\n ]\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _file_document(file: PlannedFile) -> dict[str, Any]:
    return {
        **paths.to_document(file.path),
        "bytes": file.size_bytes,
        "mtime_ns": file.mtime_ns,
        "digest": f"sha256:{file.sha256}",
    }


def _removal_document(removal: Removal) -> dict[str, Any]:
    return {
        "chosen": removal.chosen,
        "role": removal.role,
        **_file_document(removal.file),
        "changes": list(removal.changes),
        "only_here": list(removal.only_here),
        "evidence": removal.evidence,
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
    """
    try:
        text = _DANGLING.sub(lambda m: m[0] if m[0] != "," else "", data.decode("utf-8-sig"))
        document = json.loads(text, object_pairs_hook=_object)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"the plan is no JSON: {error}"[:200], _AGAIN) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        named = document.get("schema") if isinstance(document, dict) else None
        raise UsageError(
            f"no plan of the schema {SCHEMA}: {named!r}"[:200], "this version reads no other"
        )
    plan = _plan(document)
    _check(plan)
    return plan


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
        _integer(made, "mtime_ns", -(1 << 63), (1 << 63) - 1),
    )
    if "role" not in made:
        return file
    role = _role(made["role"])
    if role in NEVER:
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
    )


def _plan(document: dict[str, Any]) -> Plan:
    root = os.fsdecode(paths.from_document(document, "root"))
    if not os.path.isabs(root) or "\0" in root or os.path.normpath(root) != root:
        raise UsageError(f"the plan's root {root!r} is no absolute path", _AGAIN)
    preset = document.get("preset")
    threshold = document.get("threshold")
    if preset not in ("strict", "normal", "loose", None):
        raise UsageError(f"the plan has an unknown preset {preset!r}", _AGAIN)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise UsageError("the plan has no threshold", _AGAIN)
    run = _text(document, "run")
    if not _RUN.fullmatch(run):
        raise UsageError(f"the plan's run {run[:80]!r} is no name of a run", _AGAIN)
    references = []
    for one in _list(document, "references", []):
        if not isinstance(one, dict):
            raise UsageError("a reference of the plan is no path", _AGAIN)
        path = paths.from_document(one)
        references.append(path if path == b"." else paths.check_relative(path))
    return Plan(
        root,
        run,
        _text(document, "version"),
        _integer(document, "created_ns", 0, (1 << 63) - 1),
        _text(document, "method"),
        preset,
        float(threshold),
        tuple(map(_group, _list(document, "groups"))),
        tuple(references),
        _text(document, "history", ""),
        _integer(document, "runs_before", 0, 1 << 53, default=0),
    )


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
                raise UsageError(
                    f"the plan removes {paths.shown(path)}, which is a reference", "strike it out"
                )
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


def _role(value: Any) -> Role:
    for role in get_args(Role):
        if value == role:
            found: Role = role
            return found
    raise UsageError(f"the plan has an unknown role {value!r}"[:200], _AGAIN)


def parse_roles(texts: tuple[str, ...]) -> frozenset[Role]:
    """Return the roles that ``--include`` names, separated by commas.

    Raises
    ------
    UsageError
        There is no such role, or no plan may remove it.
    """
    roles: set[Role] = set()
    for text in ",".join(texts).split(","):
        name = text.strip()
        if not name:
            continue
        known = [role for role in get_args(Role) if role not in NEVER]
        if name not in known:
            why = "is never removed" if name in NEVER else "is no role"
            raise UsageError(f"--include: {name} {why}", f"one of {', '.join(known)}")
        roles.add(_role(name))
    return frozenset(roles)


def choose(plan: Plan, roles: frozenset[Role]) -> Plan:
    """Return a plan in which all removals of some roles are chosen."""
    if not roles:
        return plan
    return replace(
        plan,
        groups=tuple(
            replace(
                group,
                removals=tuple(
                    replace(one, chosen=True) if one.role in roles else one
                    for one in group.removals
                ),
            )
            for group in plan.groups
        ),
    )
