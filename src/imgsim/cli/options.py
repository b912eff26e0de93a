"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from imgsim.cli.terminal import Terminal
from imgsim.collect import RunOptions
from imgsim.decode import DEFAULT_MAX_PIXELS, DecodeMode
from imgsim.discover import DEFAULT_EXCLUDES, DiscoverOptions

F = TypeVar("F", bound=Callable[..., Any])


class MethodType(click.ParamType[str]):
    """``NAME[:field=value,...]``; completes names."""

    name = "method"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names that begin so."""
        from imgsim.comparators.registry import names

        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]


def _quieter(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Terminal).verbosity = -1


def _louder(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Terminal).verbosity = 1


def _all(options: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


talk_options = _all(
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

cache_option = click.option(
    "--cache",
    metavar="FILE|off",
    envvar="IMGSIM_CACHE",
    show_envvar=True,
    help="Where to remember what was learned of the files.  [default: in your cache folder]",
)

discover_options = _all(
    [
        click.option(
            "--files-from",
            metavar="FILE",
            help="Look also at the files named in FILE (-: standard input), one a line.",
        ),
        click.option(
            "-0", "--null", is_flag=True, help="Names in --files-from end with a NUL byte."
        ),
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

run_options = _all(
    [
        click.option(
            "--decode",
            type=click.Choice([mode.value for mode in DecodeMode]),
            default=DecodeMode.REDUCED.value,
            show_default=True,
            help="Decode at a reduced scale, or in full as other programs do.",
        ),
        click.option(
            "-j",
            "--jobs",
            type=click.IntRange(min=1),
            envvar="IMGSIM_JOBS",
            show_envvar=True,
            help="Workers.  [default: one a core]",
        ),
        click.option(
            "--executor",
            type=click.Choice(["processes", "threads"]),
            default="processes",
            show_default=True,
            help="Where files are decoded. A file that crashes its decoder takes only a worker"
            " process along, but threads start faster.",
        ),
        click.option(
            "--file-timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=60.0,
            show_default=True,
            metavar="SECONDS",
            help="Skip a file that takes longer to decode.",
        ),
        cache_option,
    ]
)


def make_run_options(
    terminal: Terminal,
    *,
    files_from: str | None,
    null: bool,
    recursive: bool,
    exclude: Sequence[str],
    default_excludes: bool,
    follow_symlinks: bool,
    min_pixels: int,
    max_pixels: int,
    decode: str,
    jobs: int | None,
    executor: Any,
    file_timeout: float,
    cache: str | None,
    reference: Sequence[str] = (),
) -> RunOptions:
    """Make the library's options of the command line's."""
    from imgsim.executors.base import usable_cores

    return RunOptions(
        discover=DiscoverOptions(
            recursive=recursive,
            exclude=tuple(exclude),
            default_excludes=default_excludes,
            follow_symlinks=follow_symlinks,
            reference=tuple(reference),
            listed=read_list(files_from, null) if files_from else (),
        ),
        decode=DecodeMode(decode),
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        jobs=jobs or usable_cores(),
        executor=executor,
        file_timeout=file_timeout,
        cache=cache_path(cache),
        progress=terminal,
    )


def read_list(name: str, null: bool) -> tuple[str, ...]:
    """Names from a file or from standard input."""
    from imgsim.discover import read_file_list

    with click.open_file(name, "rb") as stream:
        return tuple(read_file_list(stream.read(), null=null))


def cache_path(cache: str | None) -> Path | None:
    """The cache file that an option's value names; None for none."""
    if cache is not None and cache.lower() == "off":
        return None
    from imgsim.cache import default_path

    return Path(cache) if cache else default_path()
