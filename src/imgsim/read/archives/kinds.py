"""Which archives are read, by the endings of their names, and within which limits."""

from __future__ import annotations

from typing import Literal

Kind = Literal["zip", "tar"]
Packing = Literal["", "gzip", "bzip2", "xz", "zstd"]

_ENDINGS: dict[str, tuple[Kind, Packing]] = {
    ".zip": ("zip", ""),
    ".cbz": ("zip", ""),
    ".tar": ("tar", ""),
    ".cbt": ("tar", ""),
    ".tar.gz": ("tar", "gzip"),
    ".tgz": ("tar", "gzip"),
    ".tar.bz2": ("tar", "bzip2"),
    ".tbz2": ("tar", "bzip2"),
    ".tar.xz": ("tar", "xz"),
    ".txz": ("tar", "xz"),
    ".tar.zst": ("tar", "zstd"),
    ".tzst": ("tar", "zstd"),
}
ARCHIVE_ENDINGS = tuple(_ENDINGS)

UNREAD_ENDINGS = (
    ".rar", ".cbr", ".7z", ".cb7", ".ace", ".cba", ".lzh", ".lha", ".tar.lz", ".tlz", ".tar.lz4",
    ".tar.lzma", ".tar.z",
)  # fmt: skip
"""Archives of kinds that no package reads which is small, well kept and free enough."""

MAX_MEMBERS = 2_000_000
"""Archives with more members are refused."""

MAX_LISTING_BYTES = 256_000_000
"""A zip whose list of members is longer is refused; so is a longer header in a tar."""

MAX_NESTED_BYTES = 256_000_000
"""A compressed archive in an archive is unpacked to memory, up to this size."""

MAX_RATIO = 200
"""Members that unpack to more than so many times what they take on disk are left out…"""

ALWAYS_BYTES = 256_000_000
"""…but those up to this size together, of one file on disk, are read."""


def archive_kind(name: str) -> tuple[Kind, Packing] | None:
    """Return what kind of archive a file of this name is, and how it is compressed as a whole.

    None if the name is not that of an archive that is read.
    """
    lower = name.lower()
    if not lower.endswith(ARCHIVE_ENDINGS):
        return None
    return next((kind for ending, kind in _ENDINGS.items() if lower.endswith(ending)), None)


def unread_archive(name: str) -> str:
    """Return why an archive of this name is not read, or "" if it is no such name."""
    lower = name.lower()
    ending = next((ending for ending in UNREAD_ENDINGS if lower.endswith(ending)), "")
    return f"archives of the kind {ending} are not read" if ending else ""


UNREAD_HINT = "unpack it, or pack it again as zip or tar"


class BadArchive(OSError):
    """An archive, or a part of it, cannot be read."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)
