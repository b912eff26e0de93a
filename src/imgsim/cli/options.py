"""Options that several commands share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from imgsim.addresses import printable
from imgsim.cli.sizes import SecondsType, SizeType
from imgsim.cli.spreadsheet import spreadsheet_option
from imgsim.cli.targets import force_option
from imgsim.cli.terminal import Terminal
from imgsim.decode.spec import DEFAULT_MAX_MEMORY, DEFAULT_MAX_PIXELS, DecodeMode
from imgsim.errors import UsageError
from imgsim.read.discover import DEFAULT_EXCLUDES

F = TypeVar("F", bound=Callable[..., Any])


def _quieter(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Terminal).verbosity = -1


def _louder(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Terminal).verbosity = 1


def _put_temporary_files(
    context: click.Context, parameter: click.Parameter, folder: str | None
) -> None:
    """Let temporary files of this process and of its workers lie in a folder, for one command."""
    if folder is None:
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"no file can be written in {printable(folder)}", "name another folder")
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = os.path.abspath(folder)

    @context.call_on_close
    def put_back() -> None:
        tempfile.tempdir = before[0]
        if before[1] is None:
            os.environ.pop("TMPDIR", None)
        else:
            os.environ["TMPDIR"] = before[1]


def all_of(options: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    """Return several options as one decorator."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def check_folder_exists(
    ctx: click.Context, param: click.Parameter, value: Path | None
) -> Path | None:
    """Refuse a file in a folder that does not exist: at once, not after all the work."""
    if value is not None and not value.parent.is_dir():
        raise UsageError(f"no such folder: {value.parent}", "make it first")
    return value


def check_picture_name(
    ctx: click.Context, param: click.Parameter, value: Path | None
) -> Path | None:
    """Refuse the name of another kind of file for a picture, which is a PNG."""
    is_device = value is not None and value.exists() and not value.is_file()
    if value is not None and value.suffix.lower() != ".png" and not is_device:
        raise UsageError(f"{value} does not end as a PNG, which is drawn", f"{value.stem}.png")
    return check_folder_exists(ctx, param, value)


def format_option(formats: Sequence[str], help: str | None = None) -> Callable[[F], F]:
    """Return the option ``--format``, text by default; where CSV is one, with ``--spreadsheet``."""
    option = click.option(
        "-f",
        "--format",
        type=click.Choice(formats),
        default="text",
        show_default=True,
        help=help,
    )

    def decorate(command: F) -> F:
        return option(spreadsheet_option(command) if "csv" in formats else command)

    return decorate


def k_option(help: str) -> Callable[[F], F]:
    """Return the option ``-k``, a number of matches."""
    return click.option(
        "-k", type=click.IntRange(1, 1_000_000), default=3, show_default=True, help=help
    )


text_or_json_option = click.option(
    "-f", "--format", "form", type=click.Choice(["text", "json"]), default="text"
)

output_option = click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Write to this file."
)

timing_option = click.option(
    "--no-timing", is_flag=True, help="Leave out what differs from run to run."
)

talk_options = all_of(
    [
        click.option(
            "-q",
            "--quiet",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_quieter,
            help="Only data and errors.",
        ),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_louder,
            help="Name every skipped file; tracebacks of errors.",
        ),
    ]
)

writing_options = all_of([force_option, talk_options])
"""Of commands that write files."""

cache_option = click.option(
    "--cache",
    metavar="FILE|off",
    envvar="IMGSIM_CACHE",
    show_envvar=True,
    help="Where to remember what was learned of the files.  [default: in your cache folder]",
)

decode_option = click.option(
    "--decode",
    type=click.Choice([mode.value for mode in DecodeMode]),
    default=DecodeMode.REDUCED.value,
    show_default=True,
    help="Decode at a reduced scale, or in full as other programs do.",
)

walk_options = all_of(
    [
        click.option(
            "--recursive/--no-recursive", default=True, help="Look into sub-folders, or not."
        ),
        click.option(
            "--exclude",
            multiple=True,
            metavar="GLOB",
            help="Leave out files and folders of this name; with a / in it, of this path below"
            " PATH. Can be repeated.",
        ),
        click.option(
            "--default-excludes/--no-default-excludes",
            default=True,
            help=f"Leave out also {' '.join(DEFAULT_EXCLUDES)}, or not.",
        ),
        click.option(
            "--follow-symlinks", is_flag=True, help="Look at what symbolic links point to."
        ),
        click.option(
            "--archives",
            is_flag=True,
            help="Look into zip, cbz and tar archives that lie in folders too; those that are PATHs"
            " are looked into anyway.",
        ),
        click.option(
            "--min-pixels",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Leave out smaller images (width x height).",
        ),
        click.option(
            "--max-pixels",
            type=click.IntRange(min=1),
            default=DEFAULT_MAX_PIXELS,
            show_default=True,
            metavar="N",
            help="Skip larger images; a guard against files made to fill the memory.",
        ),
    ]
)

discover_options = all_of(
    [
        click.option(
            "--files-from",
            metavar="FILE",
            help="Look also at the files named in FILE (-: standard input), one a line.",
        ),
        click.option(
            "--manifest",
            "manifests",
            multiple=True,
            type=click.Path(),
            metavar="FILE",
            help="Look also at the pictures that FILE lists: a CSV, TSV or JSON lines with a column"
            " of paths, COCO's JSON, YOLO's data.yaml or train.txt, a data set of Hugging Face."
            " Can be repeated.",
        ),
        click.option(
            "-0", "--null", is_flag=True, help="Names in --files-from end with a NUL byte."
        ),
        walk_options,
    ]
)

worker_options = all_of(
    [
        click.option(
            "-j",
            "--jobs",
            type=click.IntRange(min=1),
            envvar="IMGSIM_JOBS",
            show_envvar=True,
            help="Workers, of each machine.  [default: one a core]",
        ),
        click.option(
            "--executor",
            type=click.Choice(["processes", "threads", "daft", "ray"]),
            default="processes",
            show_default=True,
            help="Where files are decoded and compared. A file that crashes its decoder takes only"
            " a worker process along, but threads start faster. The engine Daft, on this machine"
            " or on a Ray cluster, needs imgsim[cluster].",
        ),
        click.option(
            "--ray-address",
            metavar="HOST:PORT",
            help="The Ray cluster of --executor ray; settings and the environment name none."
            "  [default: Ray is started here]",
        ),
        click.option(
            "--file-timeout",
            type=SecondsType(min=0, min_open=True),
            default=60.0,
            show_default=True,
            metavar="SECONDS",
            help="Skip a file that takes more processor time to decode, or of which nothing comes"
            " for so long.",
        ),
        click.option(
            "--max-memory",
            type=SizeType(),
            default=DEFAULT_MAX_MEMORY,
            envvar="IMGSIM_MAX_MEMORY",
            show_envvar=True,
            metavar="SIZE",
            help="What decoding may take in all workers together (500MB, 4GB); skip a file that"
            " needs more by itself.  [default: 4GB]",
        ),
        click.option(
            "--tmp",
            type=click.Path(exists=True, file_okay=False),
            callback=_put_temporary_files,
            expose_value=False,
            metavar="DIR",
            help="Where temporary files are put.  [default: TMPDIR, or as the system says]",
        ),
        cache_option,
    ]
)

masks_option = click.option(
    "--skip-masks",
    is_flag=True,
    help="Leave out masks and label maps: stored without loss, of few levels in flat regions, and"
    " of one channel or named so (mask, label, seg, gt ...).",
)

run_options = all_of([decode_option, worker_options])


def seed_option(help: str) -> Callable[[F], F]:
    """Return the option ``--seed``, of whatever is left to chance."""
    return click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help=help
    )


def number_option(
    name: str, default: int, help: str, *, least: int = 1, metavar: str = "N"
) -> Callable[[F], F]:
    """Return an option that takes a whole number from `least` on."""
    return click.option(
        name,
        type=click.IntRange(min=least),
        default=default,
        show_default=True,
        metavar=metavar,
        help=help,
    )


def picture_option(name: str, help: str) -> Callable[[F], F]:
    """Return an option that takes a picture to draw, in a folder that exists."""
    return click.option(
        name,
        type=click.Path(dir_okay=False, path_type=Path),
        callback=check_picture_name,
        metavar="FILE.png",
        help=help,
    )


dataset_options = all_of(
    [
        click.option(
            "--layout",
            type=click.Choice(["auto", "folder", "prefix", "per-scene", "truth", "pairs"]),
            default="auto",
            show_default=True,
            help="Where labels are: a folder per class, prefixes of names, numbers with"
            " --per-scene, a truth.csv (path,label) or a pairs.csv (a,b,same).",
        ),
        click.option(
            "--per-scene",
            type=click.IntRange(min=2),
            metavar="N",
            help="Files are named by numbers, and N in a row show one scene.",
        ),
        click.option(
            "--prefix",
            metavar="REGEX",
            help=r"Group 1 of it is the label in a file's name.  [default: ^(.+)_\d+]",
        ),
    ]
)
