"""Results of finders of duplicates as Markdown tables."""

from __future__ import annotations

from typing import Any

_MISSED = 0.5
"""Changes with a lower recall are named."""


def table(folder: dict[str, Any]) -> list[str]:
    """Make a table of one row per finder, with the changes that it finds less than half of."""
    copies = bool(folder["copies"])
    head = ["finder", *(["recall"] if copies else []), "wrong pairs", "seconds", "CPU s", "MB",
            *(["finds less than half of"] if copies else [])]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (5 if copies else 4)]
    if copies:
        lines[1] += "---|"
    for name, result in folder["finders"].items():
        if "error" in result:
            lines.append(f"| {name} | {result['error']} |" + " |" * (len(head) - 2))
            continue
        cells = [name]
        if copies:
            cells.append(f"{result['recall']:.3f}" if "recall" in result else "")
        cells += [
            f"{result['wrong_pairs']:,}" if "wrong_pairs" in result else "",
            f"{result['seconds']['median']:.1f}",
            f"{result['cpu_seconds']['median']:.1f}",
            f"{result['peak_memory_mb']:.0f}",
        ]
        if copies:
            recalls = result.get("recall_by_change", {})
            cells.append(", ".join(c for c, recall in recalls.items() if recall < _MISSED))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def changes_table(folder: dict[str, Any]) -> list[str]:
    """Make a table of the recall of every change, one column per finder."""
    recalls = {
        name: result["recall_by_change"]
        for name, result in folder["finders"].items()
        if "recall_by_change" in result
    }
    lines = [f"| change | {' | '.join(recalls)} |", "|---|" + "---:|" * len(recalls)]
    for change in folder["copies"]:
        cells = [f"{of_finder[change]:.2f}" for of_finder in recalls.values()]
        lines.append(f"| {change} | {' | '.join(cells)} |")
    return lines
