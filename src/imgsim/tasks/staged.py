"""Duplicates among the images that are about to be committed to git, and of tracked ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace

from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.decisions.records import Decision
from imgsim.decode.names import IMAGE_SUFFIXES, RAW_SUFFIXES
from imgsim.decode.source import begins_as_image
from imgsim.errors import UsageError
from imgsim.read.discover import printable
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.tasks.find_duplicates import Duplicates, find_duplicates

_MISSING = "staged, but not in the working tree: not compared"


def find_staged(
    paths: Paths | None = None,
    method: str | Comparator = registry.DEFAULT_METHOD,
    *,
    preset: Preset = "normal",
    decisions: Iterable[Decision] | None = None,
    options: RunOptions | None = None,
) -> Duplicates:
    """Find duplicates of staged images among the tracked ones and among themselves.

    Files are compared as they are in the working tree; one that is staged and not there is skipped,
    with a reason that says so. A staged file is an image by its ending or by its content. Tracked
    files are kept, and not compared with each other.

    Parameters
    ----------
    paths : path or sequence of paths, optional
        Files that are staged, relative to the current folder; by default those that git names.
    method : str or Comparator
    preset : {"strict", "normal", "loose"}
    decisions : Decisions, optional
        As for `find_duplicates`.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        This is no git repository, or git is not installed.
    """
    options = as_options(options)
    top = _git("rev-parse", "--show-toplevel").removesuffix(b"\n")
    prefix = os.path.relpath(os.fsdecode(top))
    named = _git("diff", "--cached", "--name-only", "-z", "--diff-filter=ACMR")
    staged = as_list(paths) if paths is not None else _from_here(_listed(named), prefix)
    missing = {path for path in _named_images(staged) if not os.path.lexists(path)}
    staged = _images(staged, by_content=True)
    tracked = _images(_from_here(_listed(_git("ls-files", "-z", "--cached", ":/")), ""))
    own = {_place(path) for path in staged}
    others = [path for path in tracked if _place(path) not in own]
    discover = replace(
        options.discover,
        listed=(*staged, *missing),
        manifests=(),
        reference=tuple(others) if staged else (),
    )
    options = replace(options, discover=discover)
    duplicates = find_duplicates([], method, preset=preset, decisions=decisions, options=options)
    skipped = tuple(
        replace(one, reason=_MISSING) if one.path in missing else one for one in duplicates.skipped
    )
    return replace(duplicates, skipped=skipped)


def _git(*arguments: str) -> bytes:
    """What git prints.

    Raises
    ------
    UsageError
        It is not installed, or refuses.
    """
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError:
        raise UsageError("git is not installed", "install it, or use imgsim find-dupes") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[0] if lines else f"exit code {done.returncode}"
        raise UsageError(f"git: {printable(reason)}", "run it in a git repository")
    return done.stdout


def _listed(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _from_here(names: Sequence[str], prefix: str) -> list[str]:
    """Names below the top of the repository as paths from the current folder."""
    return [os.path.normpath(os.path.join(prefix, name)) for name in names]


def _named_images(paths: Sequence[str]) -> list[str]:
    """Paths that are called images."""
    suffixes = IMAGE_SUFFIXES | RAW_SUFFIXES
    return [path for path in paths if os.path.splitext(path)[1].lower() in suffixes]


def _images(paths: Sequence[str], *, by_content: bool = False) -> list[str]:
    """Files that are there and are called images; not links, and no file twice.

    Parameters
    ----------
    paths : sequence of str
    by_content : bool
        And files by another ending that begin as an image.
    """
    named = set(_named_images(paths))
    there = (path for path in paths if os.path.isfile(path) and not os.path.islink(path))
    images = (path for path in there if path in named or (by_content and begins_as_image(path)))
    return list({_place(path): path for path in images}.values())


def _place(path: str) -> str:
    return os.path.normcase(os.path.abspath(path))
