"""What commands say of an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from imgsim.addresses import printable
from imgsim.report.document import heading, json_text, path_document
from imgsim.report.text import skipped_lines
from imgsim.report.units import count, size
from imgsim.tasks.index_state import IndexInfo
from imgsim.tasks.index_upkeep import Added
from imgsim.types import Skipped


def info_text(info: IndexInfo) -> Iterator[str]:
    """Yield lines on what an index holds."""
    yield f"{printable(info.path)}\n"
    yield f"{count(info.images, 'image')}, {count(info.contents, 'different content')}"
    yield f", {count(info.skipped, 'file')} that could not be read\n" if info.skipped else "\n"
    yield f"{size(info.size_bytes)} in {count(info.segments, 'segment')}"
    yield f", {count(info.removed, 'removed file')} in them\n" if info.removed else "\n"
    for root, files in info.roots.items():
        yield f"{files:>9} below {printable(root)}\n"
    yield f"{info.extractor} {info.extractor_version}, decoded {info.decode}"
    yield ": of an earlier imgsim, imgsim index upgrade\n" if info.outdated else "\n"


def info_json(info: IndexInfo) -> Iterator[str]:
    """Yield what an index holds as JSON."""
    document = {**path_document(info.path), **asdict(info)}
    document |= path_document(info.path)
    document["roots"] = [
        {**path_document(root), "files": files} for root, files in info.roots.items()
    ]
    yield json_text({**heading("imgsim.index/1"), **document})


def added_lines(added: Added, *, verbose: bool = False) -> Iterator[str]:
    """Yield lines on what was done to an index.

    Parameters
    ----------
    added : Added
    verbose : bool
        Name every file that was skipped.
    """
    parts = []
    if added.read_again:
        parts.append(f"{count(added.read_again, 'image')} read again")
    if added.added or not parts:
        parts.append(f"{count(added.added, 'image')} added")
    if added.changed:
        parts.append(f"{added.changed} read again, since they were changed")
    if added.unchanged:
        parts.append(f"{added.unchanged} unchanged")
    yield ", ".join(parts)
    yield from skipped_lines(added.skipped, verbose)
    if added.gone:
        yield f"{count(len(added.gone), 'file')} gone, and dropped:"
        yield from (f"  {printable(path)}" for path in added.gone)


def wrong_text(wrong: Sequence[Skipped]) -> Iterator[str]:
    """Yield a line for each file that is not as it was."""
    for one in wrong:
        yield f"{printable(one.path)}: {one.reason}\n"
