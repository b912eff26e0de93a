"""Makes comparators and run options of the values of options."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click
from click.core import ParameterSource

from imgsim.cli.terminal import Terminal, input_bytes
from imgsim.comparators.base import Comparator
from imgsim.comparators.listing import parse_all, split_ready, without_name
from imgsim.comparators.registry import ALL, fields_of
from imgsim.decode.spec import DecodeMode
from imgsim.errors import MethodUnavailable, UsageError, to_read
from imgsim.read.discover import DiscoverOptions
from imgsim.read.manifests.path_values import PathValues
from imgsim.read.options import RunOptions


def make_batch_size(text: str) -> int:
    """Return the number that ``--batch-size`` has; 0 for ``auto``.

    Raises
    ------
    UsageError
        It is neither.
    """
    if text != "auto" and not str(text).isdecimal():
        raise UsageError(f"batch size {text} is no number", "a number, or auto")
    return 0 if text == "auto" else int(text)


def make_methods(
    terminal: Terminal, given: dict[str, Any], *, ranking: bool = False
) -> list[Comparator]:
    """Make the comparators that ``--method`` names, on the device asked for.

    Those of ``all`` that cannot run are left out.

    Parameters
    ----------
    terminal : Terminal
    given : dict
        Values of a command's options; those that are used are taken out.
    ranking : bool
        Methods that neither rank nor verify are left out of ``all`` too.
    """
    return make_ready_methods(terminal, given, ranking=ranking)[0]


def make_ready_methods(
    terminal: Terminal,
    given: dict[str, Any],
    *,
    ranking: bool = False,
    optional: Sequence[str] = (ALL,),
) -> tuple[list[Comparator], dict[str, str]]:
    """Make comparators as `make_methods` does, and return those that were left out, with reasons.

    Parameters
    ----------
    terminal : Terminal
    given : dict
    ranking : bool
    optional : sequence of str
        Of these texts, what cannot run is left out; of others that is an error when they run.

    Returns
    -------
    list of Comparator
    dict of str to str
        Reasons, by the names of what was left out.
    """
    texts = given.pop("method")
    weights = given.pop("weights")
    where = {"device": given.pop("device"), "batch_size": make_batch_size(given.pop("batch_size"))}
    made: list[Comparator] = []
    left_out: dict[str, str] = {}
    for text in [texts] if isinstance(texts, str) else texts:
        several = []
        try:
            parsed = parse_all(text, ranking=ranking, left_out=left_out.setdefault)
        except MethodUnavailable as error:
            if text not in optional:
                raise
            name = text.partition(":")[0]
            left_out[name] = without_name(error.message, name)
            continue
        for comparator in parsed:
            own = {field.name for field in fields_of(type(comparator))}
            changes = {n: v for n, v in where.items() if n in own and f"{n}=" not in text}
            if weights and "weights" in own and "weights=" not in text:
                changes["weights"] = weights
            several.append(replace(cast(Any, comparator), **changes) if changes else comparator)
        if text in optional:
            several, others = split_ready(several)
            left_out.update((one.name, reason) for one, reason in others)
        made.extend(several)
    for name, reason in left_out.items():
        terminal.note(f"without {name}: {reason}")
    return list(dict.fromkeys(made)), left_out


def make_method(terminal: Terminal, given: dict[str, Any]) -> Comparator:
    """Make the comparator that ``--method`` names, for a command that takes one.

    Raises
    ------
    UsageError
        It is ``all``.
    """
    if given["method"] == ALL:
        raise UsageError("this command takes one method", "imgsim matches compares several")
    (method,) = make_methods(terminal, given)
    return method


def refuse_preset_beside(given: Mapping[str, Any]) -> None:
    """Refuse a preset on the command line where something else says how near is near enough."""
    others = [
        name for name in ("threshold", "min_similarity", "profile") if given.get(name) is not None
    ]
    source = click.get_current_context().get_parameter_source("preset")
    if others and source is ParameterSource.COMMANDLINE:
        name = f"--{others[0].replace('_', '-')}"
        raise UsageError(f"both --preset and {name} are given", "give one of them")


def check_paths(
    paths: Sequence[str],
    files_from: str | None,
    manifests: Sequence[str],
    metavar: str = "PATH...",
) -> None:
    """Refuse a command line that names neither a path, under its metavar, nor a list of files."""
    if not (paths or files_from or manifests):
        raise click.UsageError(f"Missing argument '{metavar}'.", click.get_current_context())


def make_run_options(
    terminal: Terminal,
    *,
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
    max_memory: int,
    cache: str | None,
    ray_address: str | None = None,
    files_from: str | None = None,
    null: bool = False,
    reference: Sequence[str] = (),
    archives: bool = False,
    manifests: Sequence[str] = (),
) -> RunOptions:
    """Make the library's options of the command line's."""
    from imgsim.executors.base import usable_cores

    file = cache_path(cache)
    terminal.cached = file is not None
    _check_address_space(terminal, (jobs or usable_cores()) if executor == "threads" else 0)
    if executor == "threads":
        terminal.silence_libraries()
    if executor in ("daft", "ray") or ray_address is not None:
        from imgsim.executors.daft_engine import check_usable

        check_usable(executor, ray_address)
        terminal.keep_output()
    if file is None and not is_off(cache):
        terminal.note("going on without a cache: there is no home folder; --cache FILE names one")
    return RunOptions(
        discover=DiscoverOptions(
            recursive=recursive,
            exclude=tuple(exclude),
            default_excludes=default_excludes,
            follow_symlinks=follow_symlinks,
            archives=archives,
            manifests=tuple(manifests),
            reference=tuple(reference),
            listed=read_list(files_from, null) if files_from else (),
        ),
        decode=DecodeMode(decode),
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        jobs=jobs or usable_cores(),
        executor=executor,
        file_timeout=file_timeout,
        max_memory=max_memory,
        cache=file,
        progress=terminal,
        ray_address=ray_address or "",
    )


def _check_address_space(terminal: Terminal, threads: int) -> None:
    """Say what a limit of the shell is the cause of, before every file fails by it.

    Raises
    ------
    UsageError
        No picture could be read, or threads would crash.
    """
    from imgsim.executors.address_space import limit_in_words, tight_address_limit

    limit = tight_address_limit()
    if not limit:
        return
    says = limit_in_words(limit)
    if limit < _LEAST_ADDRESSES:
        raise UsageError(f"{says}: that is too little to read pictures", "ulimit -v unlimited")
    if threads and limit < _LEAST_ADDRESSES_OF_THREADS + threads * _ADDRESSES_OF_A_THREAD:
        # native code crashes in this process then; a worker that crashes is replaced
        message = f"{says}: that is too little for {threads} threads"
        raise UsageError(message, "--executor processes, or ulimit -v unlimited")
    # OpenBLAS waits for ever for the memory of its threads
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    terminal.note(f"{says}: large pictures are skipped, or called damaged")


_LEAST_ADDRESSES = 400_000_000
_LEAST_ADDRESSES_OF_THREADS = 700_000_000
_ADDRESSES_OF_A_THREAD = 130_000_000
"""Bytes. Of 640 x 480 pixels 2 threads worked from 800 MB on, 8 from 1,400 MB."""


def read_list(name: str, null: bool) -> tuple[str, ...]:
    """Read names of files from a file or, for ``-``, from standard input.

    Raises
    ------
    UsageError
        It cannot be read.
    """
    from imgsim.read.discover import read_file_list

    try:
        return tuple(read_file_list(input_bytes(name), null=null))
    except OSError as error:
        raise UsageError(f"cannot read the list {name}: {error.strerror}", to_read(error)) from None


def read_labels(name: str, paths: Sequence[str], column: str | None = None) -> PathValues:
    """Read the labels of files from a list, whose paths are below the one folder that is named.

    Parameters
    ----------
    name : str
    paths : sequence of str
        That the command looks at.
    column : str, optional
        By default one that is called as labels are.

    Raises
    ------
    UsageError
        It cannot be read, or has no such column.
    """
    from imgsim.read.manifests.manifest import LABEL_COLUMNS
    from imgsim.read.manifests.reading import read_manifest

    below = paths[0] if len(paths) == 1 and os.path.isdir(paths[0]) else os.curdir
    listed = read_manifest(name, below)
    return listed.values(column or listed.column(*LABEL_COLUMNS) or LABEL_COLUMNS[0])


def is_off(cache: str | None) -> bool:
    """Return whether the value of ``--cache`` turns the cache off."""
    return cache is not None and cache.lower() == "off"


def cache_path(cache: str | None) -> Path | None:
    """Return the file that the value of ``--cache`` names; None for ``off`` or without a home."""
    if is_off(cache):
        return None
    from imgsim.cache.upkeep import default_path

    return Path(cache) if cache else default_path()
