"""known: as text, JSON, JSON lines and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from imgsim.comparators.base import Scale
from imgsim.escapes import as_json
from imgsim.read.discover import printable
from imgsim.report.document import (
    heading,
    json_text,
    match_document,
    member_similarity,
    path_document,
    seconds_document,
    skipped_document,
)
from imgsim.report.formats import csv_row
from imgsim.report.relations import relation_and_why
from imgsim.report.text import skipped_lines
from imgsim.report.units import count, percent
from imgsim.tasks.known_results import ArchiveFacts, Known, KnownAnswer

_WIDTH = 80
_INDENT = 11
_COLUMNS = "path known judged reason damage match kind role changes why score similarity".split()


def answer_text(answer: KnownAnswer, scale: Scale) -> str:
    """Return the lines of one answer: whether it is known, and what it is to which files.

    Parameters
    ----------
    answer : KnownAnswer
    scale : Scale
        Of the method.
    """
    verdict = "known" if answer.known else "not known"
    if answer.reason:
        verdict = "unverified" if answer.not_compared else "not read"
    lines = [f"{verdict:{_INDENT - 1}} {printable(answer.path)}"]
    lines += _indented(_remark(answer))
    for match in answer.matches:
        if match.member is not None:
            alike = percent(member_similarity(match.member, scale))
            lines.append(f"{alike:>{_INDENT - 2}}  {printable(match.path)}")
            lines += _indented(relation_and_why(match.member, "that file"))
    return "".join(f"{line}\n" for line in lines)


def _indented(text: str) -> list[str]:
    return [" " * _INDENT + line for line in wrap(printable(text), _WIDTH - _INDENT)]


def _remark(answer: KnownAnswer) -> str:
    """What else there is to say of a file."""
    if answer.reason:
        return answer.reason
    parts = [f"damaged: {answer.damage}"] if answer.damage else []
    if not answer.judged:
        parts.append("too small or too plain: only equal pixels would tell")
    if answer.in_archive:
        parts.append("a file of the archive itself, which does not count")
    if answer.decided:
        parts.append(f"{count(answer.decided, 'match', 'matches')} left out by decisions")
    for one in answer.not_checked:
        what = "it" if one.path == answer.path else printable(one.path)
        parts.append(
            f"{what} could not be read once more, for damage or equal pixels: {one.reason}"
        )
    return "; ".join(parts)


def answer_document(answer: KnownAnswer, scale: Scale) -> dict[str, Any]:
    """Return the document of one answer.

    Parameters
    ----------
    answer : KnownAnswer
    scale : Scale
        Of the method.
    """
    return {
        **path_document(answer.path),
        "known": None if answer.reason else answer.known,
        "reason": answer.reason or None,
        "judged": answer.judged,
        "damage": answer.damage or None,
        "in_archive": answer.in_archive,
        "unverified": None,
        **(path_document(answer.not_compared, "unverified") if answer.not_compared else {}),
        "decided": answer.decided,
        "not_checked": skipped_document(answer.not_checked),
        "matches": [match_document(match, scale) for match in answer.matches],
    }


def answer_json(answer: KnownAnswer, scale: Scale) -> str:
    """Return one answer as a line of JSON.

    Parameters
    ----------
    answer : KnownAnswer
    scale : Scale
        Of the method.
    """
    return as_json(answer_document(answer, scale)) + "\n"


def known_document(known: Known, *, timing: bool = True) -> dict[str, Any]:
    """Return the document of everything that `tasks.known.known` returned.

    Parameters
    ----------
    known : Known
    timing : bool
        With the keys that differ from run to run.
    """
    archive = known.archive
    scale = archive.comparator.scale
    document: dict[str, Any] = {
        **heading("imgsim.known/1"),
        "method": archive.comparator.spec,
        "preset": archive.preset,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "threshold": scale.score(archive.max_distance),
        "images": archive.images,
        "skipped": skipped_document(archive.skipped),
        "unverified": sum(bool(answer.not_compared) for answer in known.answers),
        "decided_pairs": known.decided_pairs,
        "answers": [answer_document(answer, scale) for answer in known.answers],
    }
    if timing:
        document["seconds"] = seconds_document(known.seconds)
    return document


def known_text(known: Known) -> Iterator[str]:
    """Yield the lines of each answer."""
    for answer in known.answers:
        yield answer_text(answer, known.archive.comparator.scale)


def known_json(known: Known, *, timing: bool = True) -> Iterator[str]:
    """Yield `known_document` as JSON."""
    yield json_text(known_document(known, timing=timing))


def known_jsonl(known: Known) -> Iterator[str]:
    """Yield a line of JSON per answer."""
    for answer in known.answers:
        yield answer_json(answer, known.archive.comparator.scale)


def known_csv(known: Known) -> Iterator[str]:
    """Yield a row of CSV per file and match, one for a file without any, under a header."""
    yield csv_row([*_COLUMNS, "path_bytes", "match_path_bytes"])
    for answer in known.answers:
        document = answer_document(answer, known.archive.comparator.scale)
        for match in document["matches"] or [{}]:
            row = {**document, **match, "path": document["path"], "match": match.get("path")}
            row["changes"] = " ".join(match.get("changes", ()))
            bytes_of = document.get("path_bytes"), match.get("path_bytes")
            yield csv_row([*(row.get(name) for name in _COLUMNS), *bytes_of])


def archive_summary(archive: ArchiveFacts, *, verbose: bool = False) -> Iterator[str]:
    """Yield lines on what was compared with.

    Parameters
    ----------
    archive : ArchiveFacts
    verbose : bool
        Name every file that was skipped.
    """
    yield f"archive: {count(archive.images, 'image')} ({archive.decoded} decoded)"
    yield from skipped_lines(archive.skipped, verbose)


def known_summary(
    answers: int, known: int, not_read: int, decided: int | None = None, unverified: int = 0
) -> str:
    """Return a line on how many files were asked about, are known, and could not be read.

    Parameters
    ----------
    answers, known, not_read : int
    decided : int or None
        Pairs that are left out by decisions; None without these.
    unverified : int
        Files that could not be compared with one of the archive.
    """
    text = f"{known} of {count(answers, 'file')} known"
    text = f"{text}, {not_read} not read" if not_read else text
    text = f"{text}, {unverified} unverified" if unverified else text
    return f"{text}; {count(decided, 'pair')} left out by decisions" if decided else text
