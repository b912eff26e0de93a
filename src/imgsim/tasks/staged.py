"""Duplicates among the images that are about to be committed to git, and of tracked ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace

from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.decisions.records import Decision
from imgsim.decode.names import has_name_of_image
from imgsim.decode.source import begins_as_image
from imgsim.errors import UsageError
from imgsim.read.discover import printable
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.tasks.find_duplicates import Duplicates, find_duplicates

MISSING = "staged, but not in the working tree: not compared"
"""Why a file is skipped that nobody could look at."""


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
    with the reason `MISSING`. A staged file is an image by its ending or by its content. Tracked
    files are kept, and not compared with each other.

    Parameters
    ----------
    paths : path or sequence of paths, optional
        Files that are staged, relative to the current folder; by default those that git names.
    method : str or Comparator
        By default ``auto``.
    preset : {"normal", "strict", "loose"}
    decisions : Decisions, optional
        As for `find_duplicates`.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        This is no git repository, or git is not installed; or a path is a folder, or is neither
        there nor known to git.
    """
    options = as_options(options)
    top = _git("rev-parse", "--show-toplevel").removesuffix(b"\n")
    prefix = os.path.relpath(os.fsdecode(top))
    named = _git("diff", "--cached", "--name-only", "-z", "--diff-filter=ACMR")
    staged = as_list(paths) if paths is not None else _from_here(_listed(named), prefix)
    listed = _from_here(_listed(_git("ls-files", "-z", "--cached", ":/")), "")
    if paths is not None:
        staged = _without_deleted(staged, listed, prefix)
    missing = {path for path in _named_images(staged) if not os.path.lexists(path)}
    staged = _images(staged, by_content=True)
    tracked = _images(listed)
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
        replace(one, reason=MISSING) if one.path in missing else one for one in duplicates.skipped
    )
    return replace(duplicates, skipped=skipped)


def _without_deleted(paths: Sequence[str], listed: Sequence[str], prefix: str) -> list[str]:
    """Named paths without those whose removal is staged, which a hook may name.

    Parameters
    ----------
    paths : sequence of str
    listed : sequence of str
        What git has in its index.
    prefix : str
        The top of the repository from here.

    Raises
    ------
    UsageError
        One is a folder, or is neither there nor known to git.
    """
    folder = next((path for path in paths if os.path.isdir(path)), None)
    if folder is not None:
        raise UsageError(
            f"{printable(folder)} is a folder, and not a staged file",
            "name files, or none for all that is staged",
        )
    absent = [path for path in paths if not os.path.lexists(path)]
    if not absent:
        return list(paths)
    known = {_place(path) for path in listed}
    removed = _listed(_git("diff", "--cached", "--name-only", "-z", "--no-renames",
                           "--diff-filter=D"))  # fmt: skip
    deleted = {_place(path) for path in _from_here(removed, prefix)}
    for path in absent:
        if _place(path) not in known | deleted:
            raise UsageError(f"no such path: {printable(path)}", "check the name")
    return [path for path in paths if _place(path) not in deleted - known]


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
    return [path for path in paths if has_name_of_image(path)]


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
