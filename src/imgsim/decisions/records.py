"""A decision, and the line of JSON that holds it."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from imgsim.addresses import absolute
from imgsim.errors import DecisionsUnusable, UsageError, shown_value
from imgsim.escapes import as_json
from imgsim.types import Picture

Answer = Literal["not-duplicates", "keep-all", "keep", "remove"]
"""What a person can say of pictures, see `Decision`."""

ManyAnswer = Literal["not-duplicates", "keep-all", "keep"]
"""What a person can say of many files at once; one is removed at a time."""

ANSWERS: tuple[Answer, ...] = get_args(Answer)

SCHEMA = "imgsim.decisions/1"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_THUMBNAIL = re.compile(r"(?:[0-9a-f]{32})?")
_TIME = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z"
)
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
_MOST_SIDE = 1 << 31


@dataclass(frozen=True, slots=True)
class DecidedFile:
    """A file of a decision. It is known again by its bytes or its samples, whatever its path.

    Attributes
    ----------
    digest : str
        sha256 of its bytes.
    pixel_digest : str or None
        sha256 of its decoded samples, see `decode.samples`; None if it has none.
    path : str
        Where it was: absolute, or the end of the path where decisions are shared. For people, and
        to choose among files of one content.
    width, height : int
        Pixels, upright; 0 if not known.
    thumbnail : str
        See `ImageFacts.thumbnail`. Of files with other samples nearly all are told by it, so that
        these need not be decoded.
    """

    digest: str
    pixel_digest: str | None = None
    path: str = ""
    width: int = 0
    height: int = 0
    thumbnail: str = ""

    @classmethod
    def of(cls, picture: Picture, pixel_digest: str | None) -> DecidedFile:
        """The file of a picture."""
        facts = picture.facts
        return cls(
            picture.digest,
            pixel_digest,
            absolute(picture.file.path),
            facts.width,
            facts.height,
            facts.thumbnail,
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """What files that show the same have in common one of."""
        return (self.digest,) if self.pixel_digest is None else (self.digest, self.pixel_digest)

    def is_at(self, path: str) -> bool:
        """Return whether it was at an absolute path, or at one with this end."""
        if not self.path or os.path.isabs(self.path):
            return bool(self.path) and self.path == path
        return f"/{path.replace(os.sep, '/')}".endswith(f"/{self.path}")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided of some files.

    Attributes
    ----------
    answer : {"not-duplicates", "keep-all", "keep", "remove"}
        ``not-duplicates``: no two of them are one picture; ``keep-all``: they may be, and all stay;
        ``keep``: the first stays, rather than the others, if any are named; ``remove``: the first
        stays, and the second may go whatever it is to the first.
    files : tuple of DecidedFile
        Two or more, for ``keep`` one or more, for ``remove`` two.
    decided_at : str
        UTC, to the microsecond, in the form that orders as text. Of two decisions on the same
        pair the later one counts.
    """

    answer: Answer
    files: tuple[DecidedFile, ...]
    decided_at: str

    @property
    def prefers(self) -> bool:
        """Whether the first file stays rather than the others."""
        return self.answer in ("keep", "remove")

    @property
    def content(self) -> tuple[object, ...]:
        """Equal for decisions that say the same of the same contents at the same time."""
        digests = [file.digest for file in self.files]
        ordered = digests if self.prefers else sorted(digests)
        return self.answer, self.decided_at, tuple(ordered)


def time_text(before: str = "") -> str:
    """Return the time of a decision made now, later than another one."""
    text = datetime.now(UTC).strftime(_FORM)
    if text > before:
        return text
    try:  # the clock was set back, or two are made at once
        return (datetime.strptime(before, _FORM) + timedelta(microseconds=1)).strftime(_FORM)
    except (ValueError, OverflowError):  # a day that no month has, from elsewhere
        return text


def heading(written: str = "") -> str:
    """Return the first line of a file of decisions.

    Parameters
    ----------
    written : str
        Tells a file that was written anew from the one that was there before.
    """
    return json.dumps({"schema": SCHEMA} | ({"written": written} if written else {})) + "\n"


def decision_line(decision: Decision) -> str:
    """Return a decision as a line of JSON."""
    document = {
        "decision": decision.answer,
        "decided_at": decision.decided_at,
        "files": [_file_document(file) for file in decision.files],
    }
    return as_json(document) + "\n"


def _file_document(file: DecidedFile) -> dict[str, Any]:
    raw = os.fsencode(file.path)
    try:
        named: dict[str, Any] = {"path": raw.decode("utf-8")}
    except UnicodeDecodeError:
        named = {
            "path": raw.decode("utf-8", "replace"),
            "path_bytes": base64.b64encode(raw).decode(),
        }
    pixels = None if file.pixel_digest is None else f"sha256:{file.pixel_digest}"
    return {
        **named,
        "digest": f"sha256:{file.digest}",
        "pixel_digest": pixels,
        "width": file.width,
        "height": file.height,
        "thumbnail": file.thumbnail,
    }


def read_line(line: bytes, name: str, number: int) -> Decision | None:
    """Read a line of a file of decisions.

    Parameters
    ----------
    line : bytes
    name : str
        Of the file, as messages name it.
    number : int
        From 1 on; the first has to be a heading.

    Returns
    -------
    Decision or None
        None for a heading, and for an empty line.

    Raises
    ------
    DecisionsUnusable
        It is none.
    """
    wrong = DecisionsUnusable(
        f"{name} is damaged: line {number} is no decision",
        "mend or remove that line; --decisions off goes on without decisions",
    )
    if not line.strip():
        return None
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and "schema" in document:
        _check_schema(document["schema"], name)
        return None
    if number == 1:
        raise DecisionsUnusable(f"{name} is no file of decisions", "name one of imgsim decisions")
    if not isinstance(document, dict):
        raise wrong
    try:
        return _decision(document)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise wrong from None


def _check_schema(schema: object, name: str) -> None:
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and re.fullmatch(r"imgsim\.decisions/\d{1,9}", schema):
        raise DecisionsUnusable(f"a newer imgsim wrote {name}", "update imgsim, or name another")
    raise DecisionsUnusable(f"{name} is no file of decisions", "name one of imgsim decisions")


def _decision(document: dict[str, Any]) -> Decision:
    answer, time = document["decision"], document["decided_at"]
    if answer not in ANSWERS or not _TIME.fullmatch(time):
        raise ValueError
    documents = document["files"]
    if not isinstance(documents, list) or not _is_enough(answer, len(documents)):
        raise ValueError
    return Decision(answer, tuple(map(_file, documents)), time)


def _is_enough(answer: Answer, files: int) -> bool:
    return files == 2 if answer == "remove" else files >= (1 if answer == "keep" else 2)


def _file(document: dict[str, Any]) -> DecidedFile:
    path = document.get("path", "")
    if not isinstance(path, str):
        raise TypeError
    if "path_bytes" in document:
        path = os.fsdecode(base64.b64decode(document["path_bytes"], validate=True))
    os.fsencode(path)
    pixels = document.get("pixel_digest")
    sides = document.get("width", 0), document.get("height", 0)
    if not all(type(side) is int and 0 <= side < _MOST_SIDE for side in sides):
        raise ValueError
    thumbnail = document.get("thumbnail", "")
    if not _THUMBNAIL.fullmatch(thumbnail):
        raise ValueError
    return DecidedFile(
        _digest(document["digest"]),
        None if pixels is None else _digest(pixels),
        path,
        *sides,
        thumbnail,
    )


def _digest(text: str) -> str:
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise ValueError
    return match[1]


def as_decisions(decisions: Iterable[Decision] | None) -> tuple[Decision, ...]:
    """Return decisions as they were given.

    Raises
    ------
    UsageError
        They are none.
    """
    given = () if decisions is None else decisions
    if not isinstance(given, str | bytes) and isinstance(given, Iterable):
        answers = tuple(given)
        if all(isinstance(one, Decision) for one in answers):
            return answers
    raise UsageError(f"{shown_value(decisions)} are no decisions", "give imgsim.Decisions(FILE)")


def in_order(decisions: Sequence[Decision]) -> list[Decision]:
    """Return decisions by their times, the same ones once."""
    once = {decision.content: decision for decision in decisions}
    ordered = sorted(once.items(), key=lambda item: (item[1].decided_at, item[0]))
    return [decision for _, decision in ordered]
