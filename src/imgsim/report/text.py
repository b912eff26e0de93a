"""find-dupes as text, and the parts that the texts of all commands share.

Text is for people, in 80 columns; a path comes last on its line and is never cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

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
    head = f"Group {number}: {len(group.members)} copies{freed}"
    yield paint(head, "bold") + f" (keep: {group.keep_reason})\n"
    for member in group.members:
        yield _member_line(member, scale, paint) + "\n"
        notes = [f"also linked as {printable(link)}" for link in member.picture.file.links]
        notes.extend(_transform_notes(member))
        if member.picture.facts.damage:
            notes.append(f"damaged: {member.picture.facts.damage}")
        notes.extend(_frame_notes(member.picture.facts))
        if note := parts_note(group.kept, member):
            notes.append(note)
        yield from (f"{'':37}{note}\n" for note in notes)
    yield "\n"


_TRANSFORM_NOTES = {
    "turned": "turned",
    "mirrored": "mirrored",
    "crop": "a part of the kept picture",
    "inset": "the kept picture, with something around it",
    "warped": "turned by an angle, or from another side",
}


def _transform_notes(member: Member) -> Iterator[str]:
    """Yield how a member lies upon the kept file, where more than its encoding or size differs."""
    if member.transform is None:
        return
    if member.transform.kind in _TRANSFORM_NOTES:
        yield _TRANSFORM_NOTES[member.transform.kind]
    if member.transform.overlay:
        yield "one of them has words or a logo laid over it"


def _frame_notes(facts: ImageFacts) -> Iterator[str]:
    """Yield how many frames or pages a file has, if it is no still."""
    if facts.duration_ms:
        yield f"{count(facts.frames, 'frame')}, {facts.duration_ms / 1000:.1f} s"
    elif facts.frames > 1:
        yield count(facts.frames, "page")


def _member_line(member: Member, scale: Scale, paint: Paint) -> str:
    picture = member.picture
    kind, colour = {
        "kept": ("keep", "green"),
        "exact": ("exact", "red"),
        "pixels": ("pixels", "red"),
        "near": ("near", "yellow"),
        "damaged": ("damaged", "yellow"),
    }[member.kind]
    dimensions = f"{picture.facts.width}x{picture.facts.height}"
    room = 17 - max(6, len(kind))
    similarity = ""
    if member.distance is not None:
        similarity = percent(member_similarity(member, scale))
    return (
        f"  {paint(f'{kind:6}', colour)}{dimensions:>{room}} {size(picture.file.size_bytes):>9}"
        f" {similarity:>5}  {printable(picture.file.path)}"
    )


def find_dupes_summary(duplicates: Duplicates, *, verbose: bool = False) -> Iterator[str]:
    """Yield lines on the whole run: images, groups, the method, files that were skipped."""
    files = sum(len(group.members) for group in duplicates.groups)
    yield (
        f"{count(duplicates.images, 'image')} in {duplicates.seconds.total:.1f} s"
        f" ({duplicates.decoded} decoded)"
        if duplicates.images
        else "0 images found"
    )
    if duplicates.groups:
        yield (
            f"{count(len(duplicates.groups), 'group')} of {files} files;"
            f" {files - len(duplicates.groups)} more than needed,"
            f" {size(duplicates.reclaimable_bytes)} could be freed"
        )
    elif duplicates.images:
        yield "no duplicates"
    yield from verdict_lines(duplicates)
    if duplicates.too_small:
        yield f"{count(duplicates.too_small, 'image')} left out by --min-pixels"
    yield from not_judged_lines(duplicates.not_judged, verbose)
    yield from skipped_lines(duplicates.skipped, verbose)
    yield from damaged_lines(duplicates.damaged, verbose)


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
        yield f"{count(len(damaged), 'file')} {verb} damaged, and never kept:"
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


def count(n: int, noun: str) -> str:
    """Return a number of things: 1 image, 2 images."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


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
