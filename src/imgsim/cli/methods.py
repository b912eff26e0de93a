"""``imgsim methods``."""

from __future__ import annotations

import json
from textwrap import fill
from typing import Any

import click

from imgsim.cli.options import talk_options, text_or_json_option
from imgsim.cli.output import write
from imgsim.comparators.listing import Listed, listed
from imgsim.comparators.registry import DEFAULT_METHOD, GROUP


@click.command("methods")
@text_or_json_option
@talk_options
def command(form: str) -> int:
    """List the comparators: score, presets, fields, availability.

    Each is used as --method NAME[:field=value,...]. Packages can add their own.
    """
    described = [_describe_method(one) for one in listed()]
    if form == "json":
        document = {
            "schema": "imgsim.methods/1",
            "entry_point_group": GROUP,
            "default": DEFAULT_METHOD,
            "methods": described,
        }
        write([json.dumps(document, indent=2) + "\n"], None, for_programs=True)
    else:
        write(_methods_lines(described), None)
    return 0


def _describe_method(one: Listed) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": one.name,
        "package": one.package,
        "available": one.available,
        "cause": one.cause or None,
    }
    if not one.available:
        return described
    # a field without a default, such as the file of a network that the user trained, is null
    described |= {"summary": one.summary, "fields": one.fields}
    if one.metric is None:
        return described
    return described | {
        "metric": one.metric,
        "search": "all pairs" if one.metric == "pairs" else "index",
        "score_unit": one.score_unit,
        "score_better": one.score_better,
        "presets": one.presets,
    }


def _methods_lines(described: list[dict[str, Any]]) -> list[str]:
    lines = []
    for one in described:
        if not one["available"]:
            lines += _not_available(f"{one['name']}  not available: {one['cause']}")
            continue
        lines.append(f"{one['name']}  {one['summary']}\n")
        if "presets" in one:
            sign = "<=" if one["score_better"] == "lower" else ">="
            presets = ", ".join(f"{p} {value:.6g}" for p, value in one["presets"].items())
            lines.append(f"    {one['metric']}; {one['score_unit']} {sign} {presets}\n")
        if one["fields"]:
            text = ", ".join(
                f"{name}={'…' if value is None else value}" for name, value in one["fields"].items()
            )
            lines.append(_filled(f"    {text}"))
        lines.append("\n")
    lines.append(f"default of find-dupes: {DEFAULT_METHOD}\n")
    return lines


def _not_available(text: str) -> list[str]:
    if len(text) < 80:
        return [f"{text}\n\n"]
    name, said, cause = text.partition("not available: ")
    cause, _, more = cause.partition(": ")  # what is more is often a command, in one piece
    return [_filled(name + said + cause), _filled(f"    {more}") if more else "", "\n"]


def _filled(text: str) -> str:
    return fill(text, 79, subsequent_indent=" " * 4, break_on_hyphens=False) + "\n"
