"""``imgsim doctor``."""

from __future__ import annotations

import json
from typing import Any

import click

from imgsim.cli.make import cache_path
from imgsim.cli.options import cache_option, talk_options, text_or_json_option
from imgsim.cli.output import write


@click.command("doctor")
@text_or_json_option
@cache_option
@talk_options
def command(form: str, cache: str | None) -> int:
    """Show what this installation reads and computes, and what is missing for the rest."""
    from imgsim.doctor import examine

    report = examine(cache_path(cache))
    if form == "json":
        write(
            [json.dumps({"schema": "imgsim.doctor/1", **report}, indent=2) + "\n"],
            None,
            for_programs=True,
        )
    else:
        write(_doctor_lines(report), None)
    return 0


def _doctor_lines(report: dict[str, Any]) -> list[str]:
    lines = [f"imgsim {report['version']}, Python {report['python']}, {report['platform']}\n"]
    lines.append(f"{report['cores']} cores; cache: {report['cache'] or 'off'}\n")
    if report["compiled"]:
        lines.append("its parts in C are compiled\n")
    else:
        lines.append("its parts in C are not compiled: all works, but large folders take longer\n")
        lines.append(
            "  hint: install it again, with a C compiler and without IMGSIM_BUILD_WITHOUT_C\n"
        )
    lines.append("\nReads:\n")
    for kind in report["formats"]:
        state = "yes" if kind["readable"] else "no "
        note = f"  ({kind['note']})" if kind["note"] else ""
        lines.append(f"  {state}  {kind['name']}{note}\n")
    lines.append("\nMethods:\n")
    for method in report["methods"]:
        state = "yes" if method["available"] else "no "
        note = f"  ({method['cause']})" if method["cause"] else ""
        lines.append(f"  {state}  {method['name']}{note}\n")
    lines.append(f"\nNetworks: {report['torch']}\n")
    lines.append("\nPackages:\n")
    for name, version in report["packages"].items():
        lines.append(f"  {name:20} {version or 'not installed'}\n")
    return lines
