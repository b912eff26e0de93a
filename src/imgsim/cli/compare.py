"""``imgsim compare``."""

from __future__ import annotations

from typing import Any

import click

from imgsim.cli.make import make_methods, refuse_preset_beside
from imgsim.cli.method_options import device_options, methods_option, profile_option
from imgsim.cli.options import decode_option, talk_options, text_or_json_option
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal
from imgsim.comparators.base import PRESETS
from imgsim.comparators.registry import ALL
from imgsim.decode.spec import DecodeMode
from imgsim.read.options import RunOptions


@click.command("compare")
@click.argument("left", metavar="A", type=click.Path())
@click.argument("right", metavar="B", type=click.Path())
@methods_option([ALL], "Can be repeated.  [default: all that are available]", show_default=False)
@click.option("--preset", type=click.Choice(PRESETS), default="normal", show_default=True,
    help="Which thresholds decide.",
)  # fmt: skip
@profile_option
@decode_option
@text_or_json_option
@device_options
@talk_options
@click.pass_obj
def command(
    terminal: Terminal, /, left: str, right: str, preset: Any, decode: str, form: str, **given: Any
) -> int:
    """Show every method's score of two images, its threshold and its verdict.

    \b
    imgsim compare a.jpg b.jpg
    imgsim compare a.jpg b.jpg -m ssim -m euclidean
    """
    from imgsim.profile import read_profile
    from imgsim.report.rankings import compare_json, compare_text
    from imgsim.tasks.compare import compare

    refuse_preset_beside(given)
    named = given.pop("profile")
    profile = read_profile(named) if named else None
    if profile and tuple(given["method"]) == (ALL,):
        given["method"] = profile.methods
    options = RunOptions(decode=DecodeMode(decode), progress=terminal)
    methods = make_methods(terminal, given)
    comparisons = compare(
        left, right, methods, preset=preset, profile=profile, roles=True, options=options
    )
    writer = compare_json if form == "json" else compare_text
    write(writer(left, right, comparisons), None, for_programs=form == "json")
    return 0
