"""find-dupes as text, and the parts that the texts of all commands share.

Text is for people, in 80 columns; a path comes last on its line and is never cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from imgsim.comparators.base import Scale
from imgsim.read.discover import printable
from imgsim.report.document import member_similarity, parts_note
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.leaks.results import Leaks
from imgsim.types import Group, ImageFacts, Member, Skipped

Paint = Callable[[str, str], str]
"""Returns a text in a colour, or as it is where nothing is to be coloured."""

_SHOWN_SKIPPED = 5


def find_dupes_text(
    duplicates: Duplicates, paint: Paint = lambda text, colour: text
) -> Iterator[str]:
    """Yield the groups, one after the other."""
    for number, group in enumerate(duplicates.groups, 1):
        yield from _group_lines(number, group, duplicates.comparator.scale, paint)


def _group_lines(number: int, group: Group, scale: Scale, paint: Paint) -> Iterator[str]:
    free = group.reclaimable_bytes
    freed = f", {size(free)} could be freed" if free else ""
    head = f"Group {number}: 1 + {count(len(group.members) - 1, 'copy', 'copies')}{freed}"
    yield paint(head, "bold") + f" (keep: {keep_text(group)})\n"
    for member in group.members:
        yield _member_line(member, scale, paint) + "\n"
        notes = [f"also linked as {printable(link)}" for link in member.picture.file.links]
        if member.role not in _CERTAIN:
            notes.extend(member.why.split("; "))
        if member.picture.facts.damage and member.role != "damaged":
            notes.append(f"damaged: {member.picture.facts.damage}")
        notes.extend(_frame_notes(member.picture.facts))
        if member.only_here:
            notes.append(f"the kept file lacks its {_listed(member.only_here)}")
        if note := parts_note(group.kept, member):
            notes.append(note)
        yield from (f"{'':37}{printable(note)}\n" for note in notes)
    for one in group.related:
        yield f"{'':37}{_RELATIONS[one.relation]}: {printable(one.path)}\n"
    yield "\n"


_CERTAIN = (None, "exact", "pixels")

_RELATIONS = {
    "verified": "matches it too",
    "whole": "kept too, since it shows the whole picture",
    "burst": "of the same burst",
    "bracket": "of the same bracket",
    "raw": "raw file of the same shot",
    "moment": "of the same moment",
}


def keep_text(group: Group) -> str:
    """Return the rule that chose the kept file, and what that has over the others."""
    reason = group.keep_reason
    if not group.keep_rule or group.keep_rule == reason:
        return reason
    return f"{group.keep_rule}, {reason}" if reason else group.keep_rule


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _frame_notes(facts: ImageFacts) -> Iterator[str]:
    """Yield how many frames or pages a file has, if it is no still."""
    if facts.duration_ms:
        yield f"{count(facts.frames, 'frame')}, {facts.duration_ms / 1000:.1f} s"
    elif facts.frames > 1:
        yield count(facts.frames, "page")


def _member_line(member: Member, scale: Scale, paint: Paint) -> str:
    picture = member.picture
    kind = member.role or ("keep" if member.kind == "kept" else member.kind)
    colour = "green" if member.kind == "kept" else "red" if member.removable else "yellow"
    dimensions = f"{picture.facts.width}x{picture.facts.height}"
    room = 20 - max(9, len(kind))
    similarity = ""
    if member.distance is not None:
        similarity = percent(member_similarity(member, scale))
    return (
        f"  {paint(f'{kind:9}', colour)}{dimensions:>{room}} {size(picture.file.size_bytes):>9}"
        f" {similarity:>5}  {printable(picture.file.path)}"
    )


def find_dupes_summary(duplicates: Duplicates, *, verbose: bool = False) -> Iterator[str]:
    """Yield lines on the whole run: images, groups, the method, files that were skipped."""
    files = sum(len(group.members) for group in duplicates.groups)
    removable = sum(member.removable for group in duplicates.groups for member in group.members)
    yield (
        f"{count(duplicates.images, 'image')} in {duplicates.seconds.total:.1f} s"
        f" ({duplicates.decoded} decoded)"
        if duplicates.images
        else "0 images found"
    )
    if duplicates.groups:
        yield (
            f"{count(len(duplicates.groups), 'group')} of {files} files;"
            f" {count(removable, 'copy', 'copies')} not needed,"
            f" {size(duplicates.reclaimable_bytes)} could be freed"
        )
        yield from others_lines(duplicates.groups)
    elif duplicates.images:
        yield "no duplicates"
    yield from verdict_lines(duplicates)
    if duplicates.too_small:
        yield f"{count(duplicates.too_small, 'image')} left out by --min-pixels"
    yield from not_judged_lines(duplicates.not_judged, verbose)
    yield from skipped_lines(duplicates.skipped, verbose)
    yield from damaged_lines(duplicates.damaged, verbose)


_COMPANY = {
    "edited": "edited version", "noisier": "edited version", "blurred": "edited version",
    "stretched": "edited version", "rotated": "edited version", "mirrored": "edited version",
    "turned": "turned version", "enlarged": "enlarged version", "overlaid": "version with words",
    "cropped": "part", "inset": "framed version or screenshot", "fuller": "fuller version",
    "damaged": "damaged file", "near": "unclear one",
}  # fmt: skip


def others_lines(groups: Sequence[Group]) -> Iterator[str]:
    """Yield what stands in groups beside the kept files and is no mere copy of them."""
    numbers: dict[str, tuple[int, int]] = {}
    lacking = 0
    for member in (member for group in groups for member in group.members):
        lacking += member.removable and bool(member.only_here)
        if member.role is None or member.removable or member.picture.file.reference:
            continue
        noun = _COMPANY.get(member.role, "other")
        n, n_bytes = numbers.get(noun, (0, 0))
        numbers[noun] = n + 1, n_bytes + member.picture.file.size_bytes
    parts = [
        f"{count(n, noun, _PLURALS.get(noun, ''))} ({size(n_bytes)})"
        for noun, (n, n_bytes) in numbers.items()
    ]
    if parts:
        yield f"and {', '.join(parts)}"
    if lacking:
        yield (
            f"{count(lacking, 'copy has', 'copies have')} a date, place, rating, title or keywords"
            " that the kept file lacks"
        )


_PLURALS = {
    "version with words": "versions with words",
    "framed version or screenshot": "framed versions or screenshots",
}


def verdict_lines(result: Duplicates | Leaks) -> Iterator[str]:
    """Yield by which method and threshold pairs were judged, and how many are there by chance."""
    scale = result.comparator.scale
    threshold = scale.score(result.max_distance)
    sign = "<=" if scale.better == "lower" else ">="
    preset = f", preset {result.preset}" if result.preset else ""
    yield f"method {result.comparator.spec}: {scale.unit} {sign} {threshold:g}{preset}"
    if result.expected_false_pairs is not None and result.pairs_compared:
        pairs = _expected_pairs(result.expected_false_pairs)
        yield f"{pairs} of unrelated photos expected among them"
    if result.expected_false_pairs is not None and result.expected_false_pairs > 1:
        yield "warning: look at near matches before you delete: some are chance"


def _expected_pairs(pairs: float) -> str:
    if pairs < 0.01:
        return "fewer than 0.01 pairs"
    return f"about {pairs:.0f} pairs" if pairs >= 10 else f"about {pairs:.2g} pairs"


def not_judged_lines(paths: tuple[str, ...], verbose: bool) -> Iterator[str]:
    """Yield how many images were compared by their pixels alone; and which, if `verbose`."""
    if not paths:
        return
    verb = "is" if len(paths) == 1 else "are"
    yield (
        f"{count(len(paths), 'image')} {verb} too small or too plain to be compared by more than"
        f" their pixels{':' if verbose else ''}"
    )
    if verbose:
        yield from (f"  {printable(path)}" for path in paths)


def skipped_lines(skipped: tuple[Skipped, ...], verbose: bool) -> Iterator[str]:
    """Yield which files were skipped, and why: some of them, or all if `verbose`."""
    if skipped:
        yield f"skipped {count(len(skipped), 'file')}:"
        yield from _reason_lines(skipped, verbose)


def damaged_lines(damaged: tuple[Skipped, ...], verbose: bool) -> Iterator[str]:
    """Yield which of the files that were read are damaged, as `skipped_lines` does."""
    if damaged:
        verb = "is" if len(damaged) == 1 else "are"
        yield f"{count(len(damaged), 'file')} {verb} damaged, and kept in no group:"
        yield from _reason_lines(damaged, verbose)


def _reason_lines(skipped: tuple[Skipped, ...], verbose: bool) -> Iterator[str]:
    if verbose or len(skipped) <= _SHOWN_SKIPPED:
        for one in skipped:
            yield f"  {printable(one.path)}: {one.reason}"
        return
    kinds = Counter(one.reason.split(":")[0] for one in skipped)
    for reason, times in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
        example = next(one for one in skipped if one.reason.split(":")[0] == reason)
        yield f"  {times} x {reason}, such as {printable(example.path)}"
    yield "  (-v names them all)"


def count(n: int, noun: str, plural: str = "") -> str:
    """Return a number of things: 1 image, 2 images."""
    return f"{n} {noun}" if n == 1 else f"{n} {plural or noun + 's'}"


def percent(similarity: float) -> str:
    """Return a similarity in percent, rounded, but 100 only for one that is."""
    return "100%" if similarity >= 100 else f"{min(similarity, 99.9):.1f}%"


def size(n_bytes: int) -> str:
    """Return a number of bytes in decimal units, as file managers show them."""
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
