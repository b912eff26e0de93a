"""What was decided: as text, and as the JSON lines that `imgsim decisions import` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imgsim.decisions.records import Answer, Decision, decision_line, heading
from imgsim.read.discover import printable

ANSWERS: dict[Answer, str] = {
    "not-duplicates": "not duplicates",
    "keep-all": "keep all",
    "keep": "keep this one",
    "remove": "remove one",
}

_SECOND: dict[Answer, str] = {"keep": "instead of ", "remove": "without "}
_DIGITS = 12


def decisions_jsonl(decisions: Iterable[Decision]) -> Iterator[str]:
    """Yield a line that names the schema, and a line a decision."""
    yield heading()
    for decision in decisions:
        yield decision_line(decision)


def decisions_text(decisions: Iterable[Decision]) -> Iterator[str]:
    """Yield each decision with its day, and a line for each of its files: digest and path."""
    for decision in decisions:
        yield f"{decision.decided_at[:10]}  {ANSWERS[decision.answer]}\n"
        for place, file in enumerate(decision.files):
            instead = (_SECOND.get(decision.answer) or "") if place else ""
            yield f"  sha256:{file.digest[:_DIGITS]}  {instead}{printable(file.path)}\n"
        yield "\n"
