"""How many files of one folder are copies of files in another."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imgsim.addresses import folder_of as containing_folder
from imgsim.read.discover import printable
from imgsim.report.wrapping import columns_of, wrapped_path
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.types import Member, Picture

_SHOWN = 10
_MOST_FOLDERS = 30
"""Of a group, up to which all pairs are counted: there are as many as their square."""


@dataclass(frozen=True, slots=True)
class FolderPair:
    """Two folders, and the files of the first that have copies in the second.

    Attributes
    ----------
    folder, other : str
        They are equal for copies within one folder.
    files : int
        Files of `folder` of which there are copies in `other`; in one folder all but one of each.
    exact : int
        Those of them that have the bytes of one there.
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

    Of a group all files that are copies of the kept one count, and it does itself: those of one
    folder are copies of those in another, whichever is kept, and all but one of a folder are copies
    within it. Of a group in more than 30 folders only pairs with the folder of the kept file are
    counted. Of two folders the one comes first that loses more files if the copies are removed.
    Parts, pictures with something around or laid over them, damaged files and what was decided to
    be no duplicate of the kept file are no copies.
    """
    removed: Counter[tuple[str, str]] = Counter()
    copies: dict[tuple[str, str], set[str]] = defaultdict(set)
    exact: dict[tuple[str, str], set[str]] = defaultdict(set)

    def add(one: str, other: str, pictures: Sequence[Picture], digests: Mapping[str, int]) -> None:
        """Note copies in a folder, and by how many files of the other one each has its bytes."""
        copies[one, other].update(p.file.path for p in pictures)
        least = 2 if one == other else 1
        exact[one, other].update(p.file.path for p in pictures if digests[p.digest] >= least)

    for group in duplicates.groups:
        home = folder_of(group.kept.file.path)
        there: dict[str, list[Picture]] = {home: [group.kept]}
        for member in group.members[1:]:
            if _is_copy(member):
                folder = folder_of(member.picture.file.path)
                removed[folder, home] += 1
                there.setdefault(folder, []).append(member.picture)
        digests = {folder: Counter(p.digest for p in some) for folder, some in there.items()}
        few = len(there) <= _MOST_FOLDERS
        for one, some in there.items():
            if len(some) > 1:
                add(one, one, some[1:], digests[one])
            for other in there if few or one == home else (home,):
                if other != one:
                    add(one, other, some, digests[other])
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
