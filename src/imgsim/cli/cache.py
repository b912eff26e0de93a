"""``imgsim cache``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from imgsim.cli.make import cache_path, is_off
from imgsim.cli.options import cache_option, talk_options, text_or_json_option
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError


@click.command("cache")
@click.argument("action", type=click.Choice(["info", "clear", "prune"]))
@text_or_json_option
@cache_option
@talk_options
@click.pass_obj
def command(terminal: Terminal, action: str, form: str, cache: str | None) -> int:
    """Show, clear or prune what is remembered between runs.

    \b
    info    where it is, how large, what is in it
    clear   delete it
    prune   drop files that are gone and what older decoders made
    """
    from imgsim.cache.upkeep import clear
    from imgsim.report.units import size

    path = cache_path(cache)
    if path is None:
        reason = "the cache is off" if is_off(cache) else "there is no home folder for a cache"
        raise UsageError(reason, "name a file: --cache FILE")
    if action == "info":
        _show_info(path, form)
    elif not path.exists():
        terminal.summary(f"no cache at {path}")
    elif action == "clear":
        terminal.summary(f"deleted {path}: {size(clear(path))} freed")
    else:
        _prune_cache(path, terminal)
    return 0


def _show_info(path: Path, form: str) -> None:
    from dataclasses import asdict

    from imgsim.cache.upkeep import read_info
    from imgsim.report.units import count, size

    info = read_info(path)
    if form == "json":
        write(
            [json.dumps({"schema": "imgsim.cache/1", **asdict(info)}, indent=2) + "\n"],
            None,
            for_programs=True,
        )
        return
    lines = [f"{info.path}\n"]
    lines.append(f"{size(info.size_bytes)}, {count(info.files, 'file')} with")
    lines.append(f" {count(info.contents, 'different content')}\n")
    lines.extend(f"{rows:>9} x {extractor}\n" for extractor, rows in info.rows.items())
    write(lines, None)


def _prune_cache(path: Path, terminal: Terminal) -> None:
    from imgsim.cache.upkeep import prune
    from imgsim.decode.decoder import decoder_id
    from imgsim.decode.spec import DecodeMode
    from imgsim.report.units import count

    gone = prune(path, [decoder_id(mode) for mode in DecodeMode])
    terminal.summary(f"dropped {count(gone, 'file')} that are gone")
