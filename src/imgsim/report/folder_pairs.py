"""How many files of one folder are copies of files in another."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from imgsim.addresses import folder_of as containing_folder
from imgsim.read.discover import printable
from imgsim.report.wrapping import columns_of, wrapped_path
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.types import Member

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class FolderPair:
    """Two folders, and the files of the first that have copies in the second.

    Attributes
    ----------
    folder, other : str
        They are equal for copies within one folder.
    files : int
        Files of `folder` that are copies of files in `other`, verified with these.
    exact : int
        Those of them that have the same bytes.
    total : int
        Readable images in `folder` itself.
    """

    folder: str
    other: str
    files: int
    exact: int
    total: int


def folder_pairs(duplicates: Duplicates) -> list[FolderPair]:
    """Count the copies of each pair of folders, the most first.

    Of the two the one comes first that loses more files if the copies are removed. Parts, pictures
    with something around or laid over them, damaged files and what was decided to be no duplicate
    of the kept file are no copies.
    """
    removed: Counter[tuple[str, str]] = Counter()
    copies: dict[tuple[str, str], set[str]] = defaultdict(set)
    exact: dict[tuple[str, str], set[str]] = defaultdict(set)
    for group in duplicates.groups:
        kept = group.kept.file.path
        home = folder_of(kept)
        for member in group.members[1:]:
            if not _is_copy(member):
                continue
            path = member.picture.file.path
            folder = folder_of(path)
            removed[folder, home] += 1
            sides = [(folder, home, path)] + ([(home, folder, kept)] if folder != home else [])
            for one, other, file in sides:
                copies[one, other].add(file)
                if member.kind == "exact":
                    exact[one, other].add(file)
    pairs = [
        FolderPair(one, other, len(files), len(exact[one, other]), duplicates.folders[one])
        for (one, other), files in copies.items()
        if one == other or (removed[one, other], _place(other)) > (removed[other, one], _place(one))
    ]
    return sorted(pairs, key=lambda p: (-p.files, _place(p.folder), _place(p.other)))


def folder_of(path: str) -> str:
    """Return the folder that a file lies in, as the user gave it."""
    return containing_folder(path) or "."


def _place(folder: str) -> bytes:
    return os.fsencode(folder)


def _is_copy(member: Member) -> bool:
    if member.kind == "damaged" or (member.decided and member.decision == "not-duplicates"):
        return False
    lies = member.transform
    return lies is None or (lies.kind in ("same", "turned", "mirrored") and not lies.overlay)


def folder_pair_lines(
    pairs: list[FolderPair], *, every: bool, width: int | None = None
) -> Iterator[str]:
    """Yield the pairs of folders as text, one each.

    Parameters
    ----------
    pairs : list of FolderPair
    every : bool
        Else those with the most copies, and nothing if all files lie in one folder.
    width : int or None
        Columns of the terminal at which paths are wrapped; None for a file or a pipe.
    """
    if not every and not any(pair.folder != pair.other for pair in pairs):
        return
    shown = pairs if every else pairs[:_SHOWN]
    for pair in shown:
        head, tail = _pair_text(pair)
        if width is None or columns_of(f"{head} {tail}") <= width:
            yield f"{head} {tail}"
            continue
        for start, part in (("", head), ("  ", tail)):
            first, *others = wrapped_path(part, width - 4)
            yield f"{start}{first}"
            yield from (f"    {other}" for other in others)
    if len(pairs) > len(shown):
        yield f"  (--summary shows {len(pairs) - len(shown)} more pairs of folders)"


def _pair_text(pair: FolderPair) -> tuple[str, str]:
    """Say how many files of which folder are copies, and of what."""
    files = "file" if pair.total == 1 else "files"
    head = f"{pair.files} of {pair.total} {files} of {printable(pair.folder)}"
    one = pair.files == 1
    verb = "is a copy" if one else "are copies"
    if pair.other == pair.folder:
        return head, f"{verb} of {'another one' if one else 'others'} there"
    return head, f"{verb} of {'a file' if one else 'files'} in {printable(pair.other)}"
