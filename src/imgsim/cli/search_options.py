"""Options of the commands that search for groups of duplicates."""

from __future__ import annotations

import click

from imgsim.cli.method_options import device_options, preset_option, verdict_options
from imgsim.cli.options import all_of, discover_options, masks_option, run_options
from imgsim.group.keep import DEFAULT_KEEP

_keep_option = click.option(
    "--keep",
    multiple=True,
    metavar="RULE",
    default=[DEFAULT_KEEP],
    show_default=True,
    help="Which file of a group is kept; can be repeated, the first rule that tells two files apart"
    " decides. original: what the others were made from; best: what shows most of the picture, and"
    " matches most of the others (auto, local), then most pixels, then lossless, then more bytes,"
    " then older; largest, smallest, oldest, newest, folder:PATTERN, not-folder:PATTERN,"
    " plain-name, format:heic,raw,jpg, has:exif,gps,rating, first.",
)

_reference_option = click.option(
    "--reference",
    multiple=True,
    type=click.Path(),
    metavar="PATH",
    help="Match against the files here too, but always keep them. Can be repeated.",
)

_isolate_option = click.option(
    "--isolate", is_flag=True, help="Match only files below different PATHs."
)

search_options = all_of(
    [
        preset_option,
        verdict_options,
        _keep_option,
        _reference_option,
        _isolate_option,
        discover_options,
        masks_option,
        run_options,
        device_options,
    ]
)
