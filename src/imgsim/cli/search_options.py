"""Options of the commands that search for groups of duplicates."""

from __future__ import annotations

import click

from imgsim.group.keep import DEFAULT_KEEP

keep_option = click.option(
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

reference_option = click.option(
    "--reference",
    multiple=True,
    type=click.Path(),
    metavar="PATH",
    help="Match against the files here too, but always keep them. Can be repeated.",
)

isolate_option = click.option(
    "--isolate", is_flag=True, help="Match only files below different PATHs."
)
