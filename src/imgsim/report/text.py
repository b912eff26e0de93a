"""find-dupes as text, and the parts that the texts of all commands share.

Text is for people, in 80 columns; a path comes last on its line and is never cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from imgsim.comparators.base import Scale
from imgsim.decode.metadata import Metadata
from imgsim.group.roles import only_in
from imgsim.read.discover import printable
from imgsim.report.document import member_similarity, parts_note
from imgsim.report.facts import facts_text, lost_metadata_lines, only_here_text
from imgsim.report.folder_pairs import folder_pair_lines, folder_pairs
from imgsim.report.group_order import largest
from imgsim.report.role_text import (
    DECISIONS,
    RELATIONS,
    SHOT_RELATIONS,
    Series,
    keep_text,
    other_versions_lines,
    series_heading,
    series_of,
)
from imgsim.report.units import count, percent, size
from imgsim.report.wrapping import columns_of, wrapped_path
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.leaks.results import Leaks
from imgsim.types import Group, ImageFacts, Member, NotCompared, Skipped

Paint = Callable[[str, str], str]
"""Returns a text in a colour, or as it is where nothing is to be coloured."""

MOST_ON_TERMINAL = 50
"""Of more groups than these, a terminal gets the largest `SHOWN_ON_TERMINAL`."""

SHOWN_ON_TERMINAL = 20
_SHOWN_SKIPPED = 5
_PATH_COLUMN = 40
_MARGIN = 4
_COLUMNS = 80


@dataclass(frozen=True, slots=True)
class Page:
    """How text is laid out for where it goes.

    Attributes
    ----------
    paint : callable
    width : int or None
        Columns of the terminal; None for a file or a pipe, where no path is wrapped and no group
        left out.
    facts : bool
        With the metadata of each file, their private parts too.
    """

    paint: Paint = lambda text, colour: text
    width: int | None = None
    facts: bool = False

    def placed(self, path: str, head: str = "") -> Iterator[str]:
        """The lines of a path in the column of paths, or below it where a name is too long.

        Parameters
        ----------
        path : str
            Printable.
        head : str
            Stands before it, and takes the columns up to that of the paths.
        """
        head = head or " " * _PATH_COLUMN
        if self.width is None:
            yield f"{head}{path}\n"
            return
        lines = list(wrapped_path(path, self.width - _PATH_COLUMN))
        if max(map(columns_of, lines)) <= self.width - _PATH_COLUMN:
            yield f"{head}{lines[0]}\n"
            yield from in_path_column(lines[1:])
            return
        if head.strip():
            yield f"{head.rstrip()}\n"
        for line in wrapped_path(path, self.width - _MARGIN):
            yield f"{' ' * _MARGIN}{line}\n"


def in_path_column(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines in the column of paths."""
    yield from (f"{'':{_PATH_COLUMN}}{line}\n" for line in lines)


def find_dupes_text(duplicates: Duplicates, page: Page | None = None) -> Iterator[str]:
    """Yield the groups, one after the other, then the bursts and the like of which none has a file.

    Those whose files stand under two labels come first, and all of them. Of too many others a
    terminal gets the largest groups, and the first of what is in none.
    """
    page = page or Page()
    shown = len(duplicates.groups)
    if page.width is not None and shown > MOST_ON_TERMINAL:
        shown = SHOWN_ON_TERMINAL
    chosen = largest(duplicates.groups, shown)
    numbered = list(enumerate(duplicates.groups, 1))
    conflicts = [one for one in numbered if one[1].conflict]
    copies = [(n, g) for n, g in numbered if n - 1 in chosen and not g.conflict]
    for title, some in (("Under two labels:", conflicts), ("Under one label:", copies)):
        if conflicts and some:
            yield page.paint(title, "bold") + "\n\n"
        for number, group in some:
            yield from _group_lines(number, group, duplicates, page)
    if shown < len(duplicates.groups):
        yield (
            f"These are the largest {shown} of {len(duplicates.groups)} groups."
            " To see all: ... | less, or -o FILE\n"
        )
    yield from _series_lines([one for one in series_of(duplicates) if not one.grouped], page)


def _series_lines(series: list[Series], page: Page) -> Iterator[str]:
    """Yield what belongs together and is in no group."""
    if not series:
        return
    shown = series
    if page.width is not None and len(series) > MOST_ON_TERMINAL:
        shown = series[:SHOWN_ON_TERMINAL]
    yield page.paint("In no group, and no copies of each other:", "bold") + "\n"
    for one in shown:
        yield f"{series_heading(one)}\n"
        for path, size_bytes in one.sizes.items():
            head = f"{size(size_bytes):>32}{'':{_PATH_COLUMN - 32}}"
            yield from page.placed(printable(path), head)
    if len(shown) < len(series):
        yield f"These are the first {len(shown)} of {len(series)}.\n"
    yield "\n"


def _group_lines(number: int, group: Group, duplicates: Duplicates, page: Page) -> Iterator[str]:
    free = group.reclaimable_bytes
    freed = f", {size(free)} could be freed" if free else ""
    head = f"Group {number}: 1 + {count(len(group.members) - 1, 'copy', 'copies')}{freed}"
    reason = f"(keep: {printable(keep_text(group))})"
    fits = len(head) + 1 + len(reason) <= _COLUMNS
    yield page.paint(head, "bold") + (f" {reason}\n" if fits else "\n")
    if not fits:
        yield from (f"  {line}\n" for line in wrap(reason, _COLUMNS - 2))
    removable = {member.picture.file.path for member in group.removable}
    for member in group.members:
        may_go = member.picture.file.path in removable
        yield from _member_lines(member, may_go, duplicates.comparator.scale, page)
        for link in member.picture.file.links:
            yield from page.placed(f"also linked as {printable(link)}")
        for note in _notes(member, group, duplicates.metadata, page):
            yield from in_path_column(wrap(note, _COLUMNS - _PATH_COLUMN))
    members = {member.picture.file.path for member in group.members}
    for one in group.related:
        if one.relation in SHOT_RELATIONS and one.path in members:
            continue  # its evidence says so
        yield from in_path_column(wrap(f"{RELATIONS[one.relation]}:", _COLUMNS - _PATH_COLUMN))
        yield from page.placed(printable(one.path))
    yield "\n"


def _notes(
    member: Member, group: Group, metadata: Mapping[str, Metadata], page: Page
) -> Iterator[str]:
    """Yield what is to be said of a member beside its size and its likeness."""
    if member.role not in _CERTAIN:
        yield from (printable(why) for why in member.why.split("; ") if why)
    if group.conflict:
        yield printable(f"label {member.label}" if member.label else "no label")
    if member.new and any(other.new is False for other in group.members):
        yield "new: not in the baseline"
    if member.decision and member.kind != "kept":
        one_sided = member.decided or member.decision in ("keep", "remove")
        also = "" if one_sided else " (with another file): it stays"
        yield f"{DECISIONS[member.decision]}{also}"
    if member.picture.facts.damage and member.role != "damaged":
        yield f"damaged: {member.picture.facts.damage}"
    yield from _frame_notes(member.picture.facts)
    if note := parts_note(group.kept, member):
        yield note
    if names := only_in(member, group, metadata):
        yield only_here_text(names)
    if page.facts and member.picture.digest in metadata:
        yield printable(facts_text(metadata[member.picture.digest], private=True))


_CERTAIN = (None, "exact", "pixels")


def _frame_notes(facts: ImageFacts) -> Iterator[str]:
    """Yield how many frames or pages a file has, if it is no still."""
    if facts.duration_ms:
        yield f"{count(facts.frames, 'frame')}, {facts.duration_ms / 1000:.1f} s"
    elif facts.frames > 1:
        yield count(facts.frames, "page")


def _member_lines(member: Member, removable: bool, scale: Scale, page: Page) -> Iterator[str]:
    """Yield the line of a member; its path goes on below itself where the terminal ends."""
    picture = member.picture
    kind = member.role or ("keep" if member.kind == "kept" else member.kind)
    colour = "green" if member.kind == "kept" else "red" if removable else "yellow"
    dimensions = f"{picture.facts.width}x{picture.facts.height}"
    room = 20 - max(9, len(kind))
    similarity = ""
    if member.distance is not None:
        similarity = percent(member_similarity(member, scale))
    head = (
        f"  {page.paint(f'{kind:9}', colour)}{dimensions:>{room}}"
        f" {size(picture.file.size_bytes):>9} {similarity:>5}  "
    )
    yield from page.placed(printable(picture.file.path), head)


def find_dupes_summary(
    duplicates: Duplicates,
    *,
    verbose: bool = False,
    folders: bool = True,
    width: int | None = None,
    among: str = "",
    decided_hint: str = "",
) -> Iterator[str]:
    """Yield lines on the whole run: images, groups, the method, files that were skipped.

    Parameters
    ----------
    duplicates : Duplicates
    verbose : bool
        Name all files that were skipped.
    folders : bool
        Count the copies by folders, at the end.
    width : int or None
        Columns of the terminal; None for a file or a pipe.
    among : str
        What kind of duplicates was looked for, before the word.
    decided_hint : str
        How to see what is left out by decisions.
    """
    files = sum(len(group.members) for group in duplicates.groups)
    removable = sum(len(group.removable) for group in duplicates.groups)
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
    elif duplicates.images:
        yield f"no {among}duplicates"
    if conflicts := sum(group.conflict for group in duplicates.groups):
        verb = "stands" if conflicts == 1 else "stand"
        yield f"{count(conflicts, 'group')} {verb} under two labels: nothing there is removed"
    yield from other_versions_lines(duplicates)
    yield from verdict_lines(duplicates)
    if duplicates.too_small:
        yield f"{count(duplicates.too_small, 'image')} left out by --min-pixels"
    yield from mask_lines(duplicates)
    yield from decided_lines(duplicates, decided_hint)
    yield from not_judged_lines(duplicates.not_judged, verbose)
    yield from unverified_lines(duplicates.unverified, verbose)
    yield from skipped_lines(duplicates.skipped, verbose)
    yield from damaged_lines(duplicates.damaged, verbose)
    yield from not_compared_lines(duplicates.not_compared, verbose)
    yield from not_checked_lines(duplicates.not_checked, verbose)
    yield from lost_metadata_lines(duplicates)
    if folders:
        yield from folder_pair_lines(folder_pairs(duplicates), every=False, width=width)


def unverified_lines(pairs: Sequence[NotCompared], verbose: bool) -> Iterator[str]:
    """Yield which images could not be compared with files of an index, as `skipped_lines` does."""
    if pairs:
        images = len({pair.left for pair in pairs})
        yield (
            f"{count(images, 'image')} unverified: a file of the index that may match is gone,"
            " was changed, or cannot be read"
        )
        every = verbose or len(pairs) <= _SHOWN_SKIPPED
        for pair in pairs if every else pairs[:1]:
            yield f"  {printable(pair.left)}: may match {printable(pair.right)}"
        if not every:
            yield "  (-v names them all)"


def folders_text(duplicates: Duplicates, width: int | None = None) -> Iterator[str]:
    """Yield how many files of each folder are copies of files in another, a line for each pair.

    Parameters
    ----------
    duplicates : Duplicates
    width : int or None
        Columns of the terminal, where longer lines are broken; None for a file or a pipe.
    """
    pairs = folder_pairs(duplicates)
    yield from (f"{line}\n" for line in folder_pair_lines(pairs, every=True, width=width))


def verdict_lines(result: Duplicates | Leaks) -> Iterator[str]:
    """Yield by which method and threshold pairs were judged, and how many are there by chance."""
    scale = result.comparator.scale
    threshold = scale.score(result.max_distance)
    sign = "<=" if scale.better == "lower" else ">="
    preset = f", preset {result.preset}" if result.preset else ""
    yield f"method {result.comparator.spec}: {scale.unit} {sign} {threshold:g}{preset}"
    if result.pairs_left_out:
        pairs = count(result.pairs_left_out, "pair")
        yield f"{pairs} not compared: of files like many others, only those most alike are"
    if result.expected_false_pairs is not None and result.pairs_compared:
        pairs = _expected_pairs(result.expected_false_pairs)
        yield f"{pairs} of unrelated photos expected among them"
    if result.expected_false_pairs is not None and result.expected_false_pairs > 1:
        yield "warning: look at near matches before you delete: some are chance"


def _expected_pairs(pairs: float) -> str:
    if pairs < 0.01:
        return "fewer than 0.01 pairs"
    return f"about {pairs:.0f} pairs" if pairs >= 10 else f"about {pairs:.2g} pairs"


def mask_lines(result: Duplicates | Leaks) -> Iterator[str]:
    """Yield how many masks and label maps were left out, or are among what was matched."""
    masks = count(result.masks, "mask or label map", "masks and label maps")
    if result.masks_left_out:
        yield f"{masks} left out by --skip-masks"
    elif result.masks:
        yield f"{masks} (few levels, flat) among these; --skip-masks leaves them out"


def decided_lines(result: Duplicates | Leaks, hint: str = "") -> Iterator[str]:
    """Yield how many pairs are left out since a person decided on them, if any are.

    Parameters
    ----------
    result : Duplicates or Leaks
    hint : str
        How to see them.
    """
    pairs = result.decided_pairs
    if not pairs:
        return
    text = f"{count(pairs, 'pair')} left out by decisions"
    if isinstance(result, Duplicates):
        if result.decided_groups:
            text += f", {count(len(result.decided_groups), 'whole group')} of them"
        if any(m.decided for group in result.groups for m in group.members):
            text = f"{count(pairs, 'pair')} decided before, shown by --all"
        elif hint:
            text += f"; {hint}"
    yield text


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


def not_checked_lines(files: tuple[Skipped, ...], verbose: bool) -> Iterator[str]:
    """Yield which files could not be decoded once more, and why, as `skipped_lines` does."""
    if files:
        what = "for damage, equal pixels or metadata"
        yield f"{count(len(files), 'file')} could not be read once more, {what}:"
        yield from _reason_lines(files, verbose)


def not_compared_lines(pairs: tuple[NotCompared, ...], verbose: bool) -> Iterator[str]:
    """Yield which pairs of files could not be compared, and why, as `skipped_lines` does."""
    if pairs:
        yield f"{count(len(pairs), 'pair')} of files could not be compared:"
        named = [(f"{printable(p.left)} and {printable(p.right)}", p.reason) for p in pairs]
        yield from _named_lines(named, verbose)


def _reason_lines(skipped: tuple[Skipped, ...], verbose: bool) -> Iterator[str]:
    return _named_lines([(printable(one.path), one.reason) for one in skipped], verbose)


def _named_lines(named: Sequence[tuple[str, str]], verbose: bool) -> Iterator[str]:
    """Yield names with their reasons, or where these are many an example of each reason."""
    if verbose or len(named) <= _SHOWN_SKIPPED:
        for name, reason in named:
            yield f"  {name}: {reason}"
        return
    kinds = Counter(reason.split(":")[0] for _, reason in named)
    for kind, times in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
        example = next(name for name, reason in named if reason.split(":")[0] == kind)
        yield f"  {times} x {kind}, such as {example}"
    yield "  (-v names them all)"
