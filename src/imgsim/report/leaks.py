"""leaks: as text, JSON and CSV; see also `report.annotations`, and `review.export` for the page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from imgsim.comparators.recipes import Recipe
from imgsim.read.discover import printable
from imgsim.read.manifests.manifest import SPLIT_COLUMNS, Manifest, values_of
from imgsim.report.document import (
    heading,
    json_text,
    member_document,
    member_similarity,
    path_document,
    path_text,
    picture_document,
    seconds_document,
    verdicts_document,
)
from imgsim.report.formats import csv_row
from imgsim.report.rankings import score_text
from imgsim.report.text import (
    Paint,
    damaged_lines,
    decided_lines,
    mask_lines,
    not_checked_lines,
    not_compared_lines,
    not_judged_lines,
    skipped_lines,
    verdict_lines,
)
from imgsim.report.units import count, percent
from imgsim.tasks.leaks.results import GroupLeak, Leak, Leaks
from imgsim.types import ROLES, Member, Role

_KIND_COLOURS = {"exact": "red", "pixels": "red", "near": "yellow", "damaged": "yellow"}
_MATCH_COLUMNS = ("kind", "score", "similarity", "width", "height", "bytes", "digest")
_LAST_COLUMNS = ("new", "label", "match_label", "role", "changes", "why")

_LIES: dict[str, tuple[Role, str]] = {
    "crop": ("inset", "it shows that file as a part"),
    "inset": ("cropped", "a part of that file"),
    "turned": ("turned", "turned by quarters"),
    "mirrored": ("mirrored", "mirrored"),
    "warped": ("rotated", "turned by an angle, or seen from aside"),
}
"""What a leak is to its match, by the kind of transform that lays the match upon it."""


def leaks_text(leaks: Leaks, paint: Paint = lambda text, colour: text) -> Iterator[str]:
    """Yield every leak with its nearest matches below it, then the divided groups.

    Leaks of which a match has another label come first, under a heading of their own.
    """
    conflicts = leaks.conflicts
    if conflicts:
        yield paint("Under two labels:", "bold") + "\n\n"
        for leak in conflicts:
            yield from _leak_lines(leak, leaks, paint)
        if len(conflicts) < len(leaks.leaks):
            yield paint("Under one label:", "bold") + "\n\n"
    for leak in leaks.leaks:
        if not leak.conflicts:
            yield from _leak_lines(leak, leaks, paint)
    for group in leaks.groups:
        yield f"{paint(f'group {printable(group.name)}', 'bold')}: {images_by_split(group)}\n"


def _leak_lines(leak: Leak, leaks: Leaks, paint: Paint) -> Iterator[str]:
    path = printable(leak.picture.file.path)
    label = f", label {printable(leak.label)}" if leak.conflicts and leak.label else ""
    yield paint(path, "bold") + f" ({leak.picture.file.root}){label}\n"
    for match in leak.matches:
        alike = percent(member_similarity(match, leaks.comparator.scale))
        score = score_text(leaks.comparator, match.distance or 0.0)
        kind = paint(f"{match.kind:6}", _KIND_COLOURS[match.kind])
        room = max(6, 12 - max(6, len(match.kind)))
        yield f"  {kind}{alike:>{room}} {score:>12}  {printable(match.picture.file.path)}\n"
        if seen := _seen(match):
            yield f"  {'':26}{', '.join(seen.values())}\n"
        if other_label(leak, match):
            yield f"  {'':26}label {printable(match.label or '')}\n"
    if leak.matched > len(leak.matches):
        yield f"  {'':26}and {leak.matched - len(leak.matches)} more\n"
    yield "\n"


def _seen(match: Member) -> dict[Role, str]:
    """How a leak differs from a match, as far as the alignment of the two tells: roles in words."""
    lies = match.transform
    if lies is None or match.kind in ("exact", "pixels"):
        return {}
    seen = dict([_LIES[lies.kind]] if lies.kind in _LIES else [])
    (a, b, _), (c, d, _), _ = lies.matrix
    if a * d < b * c:
        seen["mirrored"] = "mirrored"
    if lies.overlay:
        seen["overlaid"] = "words or marks over one of the two"
    return {role: seen[role] for role in ROLES if role in seen}


def _relation_document(match: Member) -> dict[str, Any]:
    """What a leak is to a match: nothing is measured, so it is `near` with what was seen."""
    if match.kind in ("exact", "pixels"):
        return {"role": match.kind, "changes": [], "why": None}
    role = "damaged" if match.kind == "damaged" else "near"
    seen = _seen(match)
    return {"role": role, "changes": list(seen), "why": ", ".join(seen.values()) or None}


def other_label(leak: Leak, match: Member) -> bool:
    """Return whether a match has another label than the leak; none is no other."""
    return bool(leak.label and match.label and leak.label != match.label)


def images_by_split(group: GroupLeak) -> str:
    """Return how many images of a divided group each split holds."""
    return ", ".join(f"{images} in {split}" for split, images in group.splits)


def leaks_document(leaks: Leaks, *, timing: bool = True) -> dict[str, Any]:
    """Return the document of everything that `find_leaks` returned.

    Parameters
    ----------
    leaks : Leaks
    timing : bool
        With the keys that differ from run to run.
    """
    contents = list(dict.fromkeys(c[:3] for leak in leaks.leaks for c in leak.contents))
    places = {content: place for place, content in enumerate(contents)}
    document = {
        **heading("imgsim.leaks/1"),
        **verdicts_document(leaks),
        "splits": [
            {
                "name": s.name,
                "images": s.images,
                "leaked": s.leaked,
                "not_judged": s.not_judged,
            }
            for s in leaks.splits
        ],
        "crossings": [
            {"smaller": c.smaller, "larger": c.larger, "leaked": c.leaked, "pairs": c.pairs}
            for c in leaks.crossings
        ],
        "leaks": [
            {
                **_leak_document(leak, leaks),
                "contents": [[places[content[:3]], content.files] for content in leak.contents],
            }
            for leak in leaks.leaks
        ],
        "contents": [
            {"split": split, "digest": f"sha256:{digest}", "label": label}
            for split, digest, label in contents
        ],
        "conflicts": [_conflict_document(leak, leaks) for leak in leaks.conflicts],
        "groups": [
            {
                "name": path_text(group.name),
                "splits": [
                    {
                        "name": name,
                        "images": images,
                        "digests": [f"sha256:{d}" for split, d in group.contents if split == name],
                    }
                    for name, images in group.splits
                ],
                "example": path_document(group.example)["path"],
                "new": group.new,
            }
            for group in leaks.groups
        ],
        "drop": [path_document(path) for path in leaks.drop],
        "in_no_split": None if leaks.in_no_split is None else len(leaks.in_no_split),
    }
    if timing:
        document["seconds"] = seconds_document(leaks.seconds)
    return document


def _leak_document(leak: Leak, leaks: Leaks) -> dict[str, Any]:
    scale = leaks.comparator.scale
    return {
        **path_document(leak.picture.file.path),
        "split": leak.picture.file.root,
        **picture_document(leak.picture),
        "matched": leak.matched,
        "new": leak.new,
        "label": leak.label,
        "conflicts": leak.conflicts,
        "matches": [
            {
                **member_document(match, scale),
                **_relation_document(match),
                "split": match.picture.file.root,
                "label": match.label,
            }
            for match in leak.matches
        ],
    }


def _conflict_document(leak: Leak, leaks: Leaks) -> dict[str, Any]:
    """Return the nearest match of a leak that has another label, and both labels."""
    match = next(match for match in leak.matches if other_label(leak, match))
    return {
        **path_document(leak.picture.file.path),
        "split": leak.picture.file.root,
        "label": leak.label,
        "conflicts": leak.conflicts,
        "with": path_document(match.picture.file.path)["path"],
        "with_split": match.picture.file.root,
        "with_label": match.label,
        "kind": match.kind,
        "similarity": member_similarity(match, leaks.comparator.scale),
    }


def leaks_json(leaks: Leaks, *, timing: bool = True) -> Iterator[str]:
    """Yield `leaks_document` as JSON."""
    yield json_text(leaks_document(leaks, timing=timing))


def leaks_csv(leaks: Leaks) -> Iterator[str]:
    """Yield a row of CSV per pair of a leak and one of its matches that are shown."""
    names = [f"match_{name}" for name in _MATCH_COLUMNS]
    yield csv_row(["split", "path", "matched", "match_split", "match_path", *names, *_LAST_COLUMNS])
    for leak in leaks.leaks:
        document = _leak_document(leak, leaks)
        for match in document["matches"]:
            row = [document["split"], document["path"], leak.matched, match["split"]]
            values = [match[name] for name in _MATCH_COLUMNS]
            values += [leak.new, leak.label, match["label"]]
            values += [match["role"], " ".join(match["changes"]), match["why"]]
            yield csv_row([*row, match["path"], *values])


def corrected_csv(leaks: Leaks, manifests: Sequence[Manifest] = ()) -> bytes:
    """Return the corrected splits as a file that ``--split-file`` reads.

    Files that could not be read keep their split.

    Parameters
    ----------
    leaks : Leaks
        With `Leaks.corrected`.
    manifests : sequence of Manifest
        Those that the splits came from: their other columns are kept, and of one that had its
        paths below a folder, paths are below that again.
    """
    assert leaks.corrected is not None
    folder = manifests[0].folder if len(manifests) == 1 else None
    kept: dict[str, str] = {}
    for manifest in manifests:
        left_out = {"path", "split", manifest.column(*SPLIT_COLUMNS)}
        for name in manifest.columns:
            if name not in left_out and name.lower() not in left_out:
                kept.setdefault(name.lower(), name)
    columns = {name: values_of(manifests, name, first=True) for name in kept.values()}
    lines = [csv_row(["path", "split", *columns], to_be_read=True)]
    for path, split in leaks.corrected.splits:
        below = os.path.relpath(path, folder) if folder and not os.path.isabs(path) else path
        row = [below, split, *(values.of(path) for values in columns.values())]
        lines.append(csv_row(row, to_be_read=True))
    return "".join(lines).encode("utf-8", "surrogateescape")


def leaks_summary(leaks: Leaks, *, verbose: bool = False, timing: bool = True) -> Iterator[str]:
    """Yield lines on the whole run: images by split, leaks by pair of splits, the method."""
    sizes = {split.name: split.images for split in leaks.splits}
    splits = ", ".join(f"{name} {images}" for name, images in reversed(sizes.items()))
    took = f" in {leaks.seconds.total:.1f} s ({leaks.decoded} decoded)" if timing else ""
    yield f"{count(leaks.images, 'image')}{took}: {printable(splits)}"
    for crossing in leaks.crossings:
        if crossing.leaked:
            share = crossing.leaked / sizes[crossing.smaller]
            yield (
                f"{crossing.leaked} of {sizes[crossing.smaller]} images of"
                f" {printable(crossing.smaller)} ({share:.1%}) also stand in"
                f" {printable(crossing.larger)}: {count(crossing.pairs, 'pair')}"
            )
    if leaks.conflicts:
        verb = "has" if len(leaks.conflicts) == 1 else "have"
        yield f"{count(len(leaks.conflicts), 'leak')} {verb} another label there"
    if leaks.groups:
        yield f"{count(len(leaks.groups), 'group')} in several splits"
    if leaks.ungrouped:
        verb = "is" if leaks.ungrouped == 1 else "are"
        yield f"{count(leaks.ungrouped, 'image')} {verb} in no group"
    if leaks.in_no_split:
        verb = "is" if len(leaks.in_no_split) == 1 else "are"
        yield (
            f"{count(len(leaks.in_no_split), 'image')} of the folder {verb} in no split, and left"
            f" out: such as {printable(leaks.in_no_split[0])}"
        )
    if leaks.clean:
        if all(split.images > split.not_judged for split in leaks.splits):
            yield "no leaks"
    else:
        yield f"{count(len(leaks.drop), 'file')} to drop so that none remains"
    if leaks.corrected is not None:
        was, now = leaks.corrected.before, leaks.corrected.after
        sizes_text = ", ".join(f"{printable(n)} {was[n]} -> {now[n]}" for n in reversed(list(was)))
        yield f"corrected splits: {count(leaks.corrected.moved, 'file')} moved; {sizes_text}"
    yield from verdict_lines(leaks)
    if leaks.preset == "loose" and isinstance(leaks.comparator, Recipe):
        yield (
            "loose counts edited, covered and cut pictures as leaks, and other shots of a place;"
            " --preset normal: copies only"
        )
    yield from mask_lines(leaks)
    yield from decided_lines(leaks)
    yield from not_judged_lines(leaks.not_judged, verbose)
    yield from skipped_lines(leaks.skipped, verbose)
    yield from damaged_lines(leaks.damaged, verbose)
    yield from not_compared_lines(leaks.not_compared, verbose)
    yield from not_checked_lines(leaks.not_checked, verbose)
