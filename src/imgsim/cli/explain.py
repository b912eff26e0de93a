"""``imgsim explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imgsim.cli.make import make_method
from imgsim.cli.method_options import device_options, method_option
from imgsim.cli.options import (
    check_picture_name,
    decode_option,
    text_or_json_option,
    writing_options,
)
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError
from imgsim.read.options import RunOptions


@click.command("explain")
@click.argument("left", metavar="A", type=click.Path())
@click.argument("right", metavar="[B]", required=False, type=click.Path())
@method_option("ssim", "ssim, auto, local, efficientnet-cosine, siamese or autoencoder.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=check_picture_name,
    metavar="FILE.png",
    help="Lay the maps over both images, side by side.",
)
@click.option(
    "--layer",
    metavar="1..5|latent",
    help="Show instead what this layer of an autoencoder sees in A.",
)
@decode_option
@text_or_json_option
@device_options
@writing_options
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    left: str,
    right: str | None,
    output: Path | None,
    layer: str | None,
    decode: str,
    form: str,
    **given: Any,
) -> int:
    """Show where in two images the score of a method comes from.

    The score is divided over the parts of both images; the parts add up to it. The picture has
    them as colours, and lines between places that go together.

    \b
    imgsim explain a.jpg b.jpg -o differences.png
    imgsim explain a.jpg b.jpg -m local -o keypoints.png
    imgsim explain a.jpg b.jpg -m efficientnet-cosine -o alike.png
    imgsim explain a.jpg -m autoencoder:weights=FILE --layer 3 -o layer.png
    """
    from imgsim.report import explanation as report
    from imgsim.tasks.explain import activations, explain

    options = RunOptions(decode=DecodeMode(decode), progress=terminal)
    method = make_method(terminal, given)
    if layer is not None:
        if right is not None:
            raise UsageError("--layer shows one image, not two", "leave B out")
        seen = activations(left, layer, method, options=options)
        texts = report.activations_json if form == "json" else report.activations_text
        if output is not None:  # before the text, of which a reader may have enough early
            report.draw_activations(seen, output)
        write(texts(seen), None, for_programs=form == "json")
        return 0
    if right is None:
        raise UsageError("only one image", "name two, or a --layer")
    explanation = explain(left, right, method, options=options)
    writer = report.explanation_json if form == "json" else report.explanation_text
    if output is not None:
        report.draw_explanation(explanation, output)
    write(writer(explanation), None, for_programs=form == "json")
    return 0
