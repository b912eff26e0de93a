"""``imgsim train``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from imgsim.cli.make import make_batch_size, make_run_options
from imgsim.cli.method_options import weights_option, where_options
from imgsim.cli.options import (
    F,
    all_of,
    discover_options,
    number_option,
    run_options,
    seed_option,
    talk_options,
)
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError

_output_options = all_of(
    [
        click.option(
            "-o",
            "--output",
            "folder",
            required=True,
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Write the network, a checkpoint, the split and pictures here, and nowhere"
            " else. It must be empty or not exist, unless --resume or --overwrite is given.",
        ),
        click.option("--resume", is_flag=True, help="Go on from the checkpoint in DIR."),
        click.option("--overwrite", is_flag=True, help="Replace an earlier run in DIR."),
    ]
)

_split_options = all_of(
    [
        click.option(
            "--held-out",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            default=0.15,
            show_default=True,
            metavar="SHARE",
            help="Not trained on. Near duplicates stay on one side.",
        ),
        click.option(
            "--split",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Hold out what this list says instead, by its column split (train or valid).",
        ),
    ]
)


def _loop_options(epochs: int, weight_decay: float) -> Callable[[F], F]:
    """Options of the training loop, with the defaults that differ between networks."""
    return all_of(
        [
            click.option(
                "--epochs", type=click.IntRange(min=1), default=epochs, show_default=True,
                help="Passes over the data, at most.",
            ),
            number_option(
                "--patience", 5, "Stop after N epochs without a lower loss on what is held out."
            ),
            click.option(
                "--learning-rate", type=click.FloatRange(min=0, min_open=True), default=1e-3,
                show_default=True, metavar="RATE", help="At the beginning; it falls to zero.",
            ),
            click.option(
                "--weight-decay", type=click.FloatRange(min=0), default=weight_decay,
                show_default=True, metavar="W", help="Keeps the weights small.",
            ),
        ]
    )  # fmt: skip


def _options_of_both(epochs: int, weight_decay: float) -> Callable[[F], F]:
    """Options of both commands, with the defaults that differ between them."""
    return all_of(
        [
            _output_options,
            _loop_options(epochs, weight_decay),
            _split_options,
            seed_option("Another split, other weights to begin with."),
            click.option(
                "--size", type=int, default=224, show_default=True, metavar="PIXELS",
                help="Width and height that images are resized to.",
            ),
            click.option(
                "-f", "--format", "form", type=click.Choice(["text", "json"]), default="text",
                show_default=True, help="Of the report.",
            ),
        ]
    )  # fmt: skip


@click.group("train")
def command() -> None:
    """Train a network on a folder of yours.

    \b
    imgsim train autoencoder photos -o run
    imgsim train siamese flowers -o run
    """


@command.command("autoencoder")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@_options_of_both(30, 1e-4)
@click.option(
    "--latent", type=int, default=64, show_default=True, metavar="N",
    help="Channels of the latent, which has a cell for each 32 x 32 pixels.",
)  # fmt: skip
@click.option(
    "--width", type=int, default=16, show_default=True, metavar="N",
    help="Channels of the first layer; later ones have up to 8 times as many.",
)  # fmt: skip
@click.option(
    "--augment/--no-augment", default=True, help="Mirror, crop and tint while training, or not."
)
@discover_options
@run_options
@where_options
@talk_options
@click.pass_obj
def autoencoder(
    terminal: Terminal,
    /,
    paths: tuple[str, ...],
    folder: Path,
    form: str,
    size: int,
    latent: int,
    width: int,
    augment: bool,
    **given: Any,
) -> int:
    """Train an autoencoder, for --method autoencoder:weights=DIR/model.safetensors.

    It learns to paint the images again from a latent at least 8 times smaller; images with near
    latents are alike.
    """
    from imgsim.models.autoencoder import Shape
    from imgsim.report.trained import autoencoder_json, autoencoder_text
    from imgsim.training.autoencoder import train_autoencoder
    from imgsim.training.autoencoder_options import AutoencoderOptions

    files = {name: given.pop(name) for name in ("resume", "overwrite")}
    options = AutoencoderOptions(
        shape=Shape(size, latent, width), augment=augment, **_take_common(given)
    )
    run = make_run_options(terminal, **given)
    trained = train_autoencoder(paths, folder, options, run=run, **files)
    writer = autoencoder_json if form == "json" else autoencoder_text
    write(writer(trained), None, for_programs=form == "json")
    return 0


@command.command("siamese")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@_options_of_both(20, 1e-2)
@click.option(
    "--classes", type=click.Choice(["auto", "folder", "prefix"]), default="auto",
    show_default=True,
    help="Where the class of an image is told: its folder, or its name up to the number"
    " (pug_12.jpg). auto: folders, if there are several.",
)  # fmt: skip
@click.option(
    "--encoder", type=click.Choice(["efficientnet", "resnet34"]), default="efficientnet",
    show_default=True, help="EfficientNet-b0 or ResNet-34.",
)  # fmt: skip
@number_option("--finetune", 0, "Train the last N blocks of the encoder too.", least=0)  # fmt: skip
@click.option(
    "--loss", type=click.Choice(["pairs", "contrastive"]), default="pairs", show_default=True,
    help="pairs: cross-entropy of the probability; contrastive: draws vectors of one class"
    " together and others apart.",
)  # fmt: skip
@click.option(
    "--pairs", type=click.IntRange(min=0), default=0, metavar="N",
    help="Drawn for an epoch, half of them of one class.  [default: 4096; 1024 with --finetune]",
)  # fmt: skip
@weights_option
@discover_options
@run_options
@where_options
@talk_options
@click.pass_obj
def siamese(
    terminal: Terminal,
    /,
    paths: tuple[str, ...],
    folder: Path,
    form: str,
    weights: str | None,
    **given: Any,
) -> int:
    """Train a Siamese network, for --method siamese:weights=DIR/model.safetensors.

    It learns the probability that two images are of one class. A classifier is trained beside it,
    for search --narrow-by-class. Without weights for the encoder (--weights FILE, random, or the
    published ones) it begins with random ones.
    """
    from imgsim.report.trained import siamese_json, siamese_text
    from imgsim.training.siamese import train_siamese
    from imgsim.training.siamese_options import SiameseOptions

    own = ("classes", "encoder", "finetune", "loss", "pairs", "size")
    files = {name: given.pop(name) for name in ("resume", "overwrite")}
    options = SiameseOptions(
        **{name: given.pop(name) for name in own},
        weights=weights or "",
        **_take_common(given),
    )
    run = make_run_options(terminal, **given)
    trained = train_siamese(paths, folder, options, run=run, **files)
    writer = siamese_json if form == "json" else siamese_text
    write(writer(trained), None, for_programs=form == "json")
    return 0


def _take_common(given: dict[str, Any]) -> dict[str, Any]:
    """Take the training options of both networks out of the given options."""
    from imgsim.training.loop import LoopOptions

    names = ("epochs", "patience", "learning_rate", "weight_decay", "seed")
    loop = LoopOptions(**{name: given.pop(name) for name in names})
    batch_size = make_batch_size(given.pop("batch_size"))
    rest = {name: given.pop(name) for name in ("held_out", "split", "device")}
    if rest["split"] is not None and not rest["split"].is_file():
        raise UsageError(f"no such file: {rest['split']}", "check --split")
    return {"loop": loop, "batch_size": batch_size, **rest}
