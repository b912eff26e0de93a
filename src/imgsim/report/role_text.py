"""What the members of groups are, in the words of texts."""

from __future__ import annotations

from collections.abc import Iterator

from imgsim.report.units import count, size
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.types import Group

RELATIONS = {
    "verified": "matches it too",
    "whole": "kept too, since it shows the whole picture",
    "burst": "of the same burst",
    "bracket": "of the same bracket",
    "raw": "raw file of the same shot",
    "moment": "of the same moment",
}
"""What a related file is to the one beside which it is named."""

_VERSIONS = {
    "edited": ("edited version", "edited versions"),
    "noisier": ("noisier version", "noisier versions"),
    "blurred": ("blurred version", "blurred versions"),
    "stretched": ("stretched version", "stretched versions"),
    "rotated": ("turned version", "turned versions"),
    "turned": ("turned version", "turned versions"),
    "mirrored": ("mirrored version", "mirrored versions"),
    "enlarged": ("enlarged version", "enlarged versions"),
    "overlaid": ("version with words", "versions with words"),
    "cropped": ("part", "parts"),
    "inset": ("version with a frame or screenshot", "versions with a frame or screenshots"),
    "fuller": ("version that is better than the kept one", "versions better than the kept one"),
    "damaged": ("damaged file", "damaged files"),
    "near": ("version that may hold more", "versions that may hold more"),
}


def keep_text(group: Group) -> str:
    """Return the rule that chose the kept file, and what that has over the others."""
    reason = group.keep_reason
    if not group.keep_rule or group.keep_rule == reason:
        return reason
    return f"{group.keep_rule}, {reason}" if reason else group.keep_rule


def other_versions_lines(duplicates: Duplicates) -> Iterator[str]:
    """Yield what stands in groups beside the kept files and is no mere copy of them."""
    versions: dict[tuple[str, str], list[int]] = {}
    for member in (member for group in duplicates.groups for member in group.members):
        if member.role in _VERSIONS and not member.picture.file.reference:
            nouns = _VERSIONS[member.role]
            versions.setdefault(nouns, []).append(member.picture.file.size_bytes)
    for nouns in dict.fromkeys(_VERSIONS.values()):
        if sizes := versions.get(nouns):
            yield f"and {count(len(sizes), *nouns)}, {size(sum(sizes))}"
    if duplicates.related:
        yield f"and {count(len(duplicates.related), 'file')} that match one of these, in no group"
