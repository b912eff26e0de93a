"""Options that name a method: how images are compared, by which thresholds, on which device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from imgsim.cli.options import F, all_of
from imgsim.comparators.base import PRESETS
from imgsim.comparators.registry import DEFAULT_METHOD, RANKING_METHOD

if TYPE_CHECKING:
    _Type = click.ParamType[str]
else:  # click below 8.5 does not tell what it converts to
    _Type = click.ParamType


class MethodType(_Type):
    """A method, as ``NAME[:field=value,...]``, of which a shell can complete the name."""

    name = "method"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin so."""
        from imgsim.comparators.registry import names

        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]


def method_option(
    default: str, help: str = "How images are compared; imgsim methods lists the names."
) -> Callable[[F], F]:
    """Return the option ``--method`` of a command that takes one."""
    return click.option(
        "-m",
        "--method",
        type=MethodType(),
        default=default,
        show_default=True,
        metavar="NAME[:field=value,...]",
        help=help,
    )


def methods_option(
    default: Sequence[str], help: str, *, show_default: bool = True
) -> Callable[[F], F]:
    """Return the option ``--method`` of a command that takes several."""
    return click.option(
        "-m",
        "--method",
        type=MethodType(),
        multiple=True,
        default=default,
        show_default=show_default,
        metavar="NAME[:field=value,...]",
        help=help,
    )


ranking_methods_option = methods_option(
    [RANKING_METHOD],
    "Can be repeated; all: every method that is available. auto and local name the copies that they"
    " verified first, then the nearest by their hashes.",
)


scoring_methods_option = methods_option(
    [RANKING_METHOD],
    "Can be repeated; all: every method that is available and scores any two images, so not auto"
    " or local.",
)


profile_option = click.option(
    "--profile",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Instead of a preset: the thresholds in this file, which imgsim calibrate wrote.",
)


preset_option = click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="normal",
    show_default=True,
    help="How near duplicates must be.",
)

leaks_preset_option = click.option(
    "--preset",
    type=click.Choice(PRESETS),
    help="How near leaks must be.  [default: loose for auto and local, which finds what training"
    " changes in pictures too; normal for others. normal: copies only]",
)


verdict_options = all_of(
    [
        method_option(DEFAULT_METHOD),
        click.option(
            "--threshold", type=float, help="Instead of a preset: the worst score of a duplicate."
        ),
        click.option(
            "--min-similarity", type=float, metavar="PERCENT", help="Instead: the least similarity."
        ),
        profile_option,
        click.option(
            "--proposer",
            type=MethodType(),
            metavar="METHOD",
            help="For ssim: compare only the pairs that this method finds near.",
        ),
    ]
)


weights_option = click.option(
    "--weights",
    metavar="FILE",
    envvar="IMGSIM_WEIGHTS",
    show_envvar=True,
    help="Weights of the network: a .pth or .safetensors file, imagenet or advprop."
    " weights= in the method stands above it.",
)


where_options = all_of(
    [
        click.option(
            "--device",
            default="auto",
            show_default=True,
            envvar="IMGSIM_DEVICE",
            show_envvar=True,
            help="Where networks run: cpu, cuda, cuda:1, auto.",
        ),
        click.option(
            "--batch-size",
            default="auto",
            show_default=True,
            metavar="N|auto",
            help="Images that a network takes at a time.",
        ),
    ]
)


device_options = all_of([weights_option, where_options])
