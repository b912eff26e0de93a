"""Rules that choose which file of a group is kept.

They are asked in the order in which the user gave them; the first that tells two files apart
decides. After the last one comes `original`, and after all the path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from imgsim.addresses import Address
from imgsim.decode.metadata import Metadata
from imgsim.decode.names import IMAGE_SUFFIXES
from imgsim.errors import UsageError
from imgsim.group.file_names import lies_aside, matches_folder, name_additions
from imgsim.types import Picture

DEFAULT_KEEP = "original"
PLAIN_RULES = (
    "original", "best", "largest", "smallest", "oldest", "newest", "plain-name", "first",
)  # fmt: skip
ARGUMENT_RULES = ("folder", "not-folder", "format", "has")
"""Rules that take something after a colon."""

KEEP_HINT = (
    f"one of {', '.join(PLAIN_RULES)}, folder:PATTERN, not-folder:PATTERN, format:LIST, has:LIST"
)

_FORMATS = {
    "jpg": {"JPEG", "MPO"}, "jpeg": {"JPEG", "MPO"}, "heic": {"HEIF"}, "heif": {"HEIF"},
    "tif": {"TIFF"}, "jxl": {"JXL", "JPEG XL"}, "jp2": {"JPEG2000"}, "avif": {"AVIF"},
    "jfif": {"JPEG"}, "jpe": {"JPEG"}, "hif": {"HEIF"}, "j2k": {"JPEG2000"}, "apng": {"PNG"},
    "dib": {"DIB", "BMP"}, "pbm": {"PPM"}, "pgm": {"PPM"}, "pnm": {"PPM"},
}  # fmt: skip
_EXPORTS = frozenset({"JPEG2000", "WEBP", "AVIF", "JXL", "JPEG XL"})
"""Formats in which programs save with loss what a camera wrote in another one."""

_NO_CAMERA = _EXPORTS | {"PNG", "GIF", "BMP"}
"""Formats that cameras do not write, whatever metadata was copied into such a file."""

_KNOWN_FORMATS = _FORMATS.keys() | {suffix[1:] for suffix in IMAGE_SUFFIXES} | {"raw"}
_HAS: dict[str, Callable[[Metadata], bool]] = {
    "exif": lambda m: m.has_exif,
    "gps": lambda m: m.place,
    "rating": lambda m: m.rating is not None,
    "date": lambda m: bool(m.date_taken),
    "title": lambda m: bool(m.title),
    "keywords": lambda m: bool(m.keywords),
}

# programs that change pictures; what else writes the field is the camera's own
_EDITORS = re.compile(
    r"photoshop|lightroom|gimp|picasa|snapseed|pixelmator|affinity|capture one|darktable"
    r"|rawtherapee|acdsee|paint|photo ?scape|photofiltre|irfanview|xnview|faststone|imagemagick"
    r"|instagram|vsco"
    r"|canva|luminar|dxo|digikam|shotwell|gthumb|krita|corel|polarr|facetune|meitu|photos \d"
    r"|photo (?:gallery|editor)|google|preview|imgsim|ffmpeg|figma|sketch|topaz|aperture|iphoto"
    r"|silkypix|on1|zoner|fotor|pixlr|nomacs|libvips|skia|aftershot",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be kept.

    Attributes
    ----------
    picture : Picture
    metadata : Metadata
    own_pixels : float
        Pixels of the picture itself: those around a picture that was set into another one do not
        count.
    partial : bool
        Another file of the group shows the whole of it: it is cropped, set into something, or has
        words over it.
    central : bool
        All others were verified with it: it shows most.
    stretched : bool
        It has another shape than the picture was taken in, see `shapes.are_stretched`.
    paired : bool
        It lies beside the raw or JPEG file of its shot, see `shots.paired_shots`.
    """

    picture: Picture
    metadata: Metadata = field(default_factory=Metadata)
    own_pixels: float = 0.0
    partial: bool = False
    central: bool = False
    stretched: bool = False
    paired: bool = False

    @property
    def names_camera(self) -> bool:
        """Whether its metadata name the camera."""
        return bool(self.metadata.make or self.metadata.model)

    @property
    def camera_fits(self) -> bool:
        """Whether it is a raw file, or metadata of a camera fit it: programs may copy them."""
        facts, data = self.picture.facts, self.metadata
        if facts.raw:
            return True
        taken = sorted((data.taken_width, data.taken_height))
        return bool(
            facts.format not in _NO_CAMERA
            and self.names_camera
            and data.date_taken
            and (taken == sorted((facts.width, facts.height)) or not taken[0])
            and not self.edited_by_name
        )

    @property
    def has_taken_size(self) -> bool:
        """Whether they fit it, and say that the camera wrote these pixels."""
        return self.camera_fits and (self.picture.facts.raw or self.metadata.taken_width > 0)

    @property
    def begins_as_cameras(self) -> bool:
        """Whether they fit it, and its first bytes do not say that a program wrote it.

        Exif has its block begin the file; programs that copy EXIF into a JPEG begin it with JFIF's.
        """
        return self.camera_fits and not self.metadata.is_jfif

    @property
    def edited_by_name(self) -> bool:
        """Whether its metadata name an editor, or what it was made from."""
        return bool(self.metadata.derived_from or _EDITORS.search(self.metadata.software))


_SECOND = len("2012-07-03T10:00:00")

Key = Callable[[Candidate], Any]
Criterion = tuple[str, Key]
"""What is said of the file that it prefers, and what it orders by: the least is kept."""
Criteria = Sequence["Criterion | Callable[[Sequence[Candidate]], Criteria]"]
"""Asked in order; those that depend on which candidates are left are made for these."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the user gave it.

    Attributes
    ----------
    text : str
    criteria : Criteria
        Those of `original` are of files of which none was made from another.
    partial_may_stay : bool
        What it prefers may be a part of another file.
    """

    text: str
    criteria: Criteria
    partial_may_stay: bool = False


def _date_key(candidates: Sequence[Candidate]) -> Key:
    """Date taken where all have one, else when they were written."""
    dates = [c.metadata.date_taken for c in candidates]
    if all(dates):
        to_the_second = not all(len(date) > _SECOND and date[_SECOND] == "." for date in dates)
        return lambda c: _comparable_date(c.metadata.date_taken, to_the_second=to_the_second)
    return lambda c: c.picture.file.mtime_ns


def _taken(candidates: Sequence[Candidate]) -> str:
    return "taken first" if all(c.metadata.date_taken for c in candidates) else "oldest"


def _no_editor(candidates: Sequence[Candidate]) -> Criteria:
    """No editor is named; of what a camera took, a file without metadata has only lost them."""
    lost = any(c.edited_by_name and c.names_camera for c in candidates)
    return [
        (
            "no editor in its metadata",
            lambda c: c.edited_by_name or (lost and not c.names_camera),
        )
    ]


def _oldest(candidates: Sequence[Candidate]) -> Criteria:
    return [("oldest", _date_key(candidates))]


def _newest(candidates: Sequence[Candidate]) -> Criteria:
    key = _date_key(candidates)
    newest = max(map(key, candidates))
    # dates as texts have no negative: only the newest ones are told from the rest
    return [("newest", lambda c: key(c) != newest)]


def _age_and_compression(candidates: Sequence[Candidate]) -> Criteria:
    dates = [(_taken(candidates), _date_key(candidates))]
    least = _least_compressed(candidates)
    # where one has no date taken, bytes say more of HEIC files than their age
    dated = all(c.metadata.date_taken or c.metadata.jpeg_quality for c in candidates)
    return [*dates, *least] if dated else [*least, *dates]


def _least_compressed(candidates: Sequence[Candidate]) -> list[Criterion]:
    """Quality, where all are JPEGs; bytes, where all are of another lossy format and one size."""
    if all(c.metadata.jpeg_quality for c in candidates):
        return [("least compressed", lambda c: -(c.metadata.jpeg_quality or 0))]
    facts = [c.picture.facts for c in candidates]
    kinds = {(one.format, one.lossless, one.height * one.width) for one in facts}
    if len(kinds) == 1 and not facts[0].lossless and facts[0].format not in ("JPEG", "MPO"):
        return [("least compressed", lambda c: -c.picture.file.size_bytes)]
    return []


def _comparable_date(text: str, *, to_the_second: bool) -> str:
    """Digits in the order of time: those of a fraction are compared one after the other."""
    fraction = "" if to_the_second else re.match(r"[.\d]*", text[_SECOND:])[0]  # type: ignore[index]
    return text[:_SECOND].replace("T", " ") + fraction


_PIXELS: Criterion = ("most pixels", lambda c: -c.picture.pixels)
_PARTS: Criterion = (
    "has a film or another part",
    lambda c: -len(c.picture.facts.parts.split(", ")) if c.picture.facts.parts else 0,
)
_LOSSLESS: Criterion = ("lossless", lambda c: not c.picture.facts.lossless)
_LARGEST: Criterion = ("largest file", lambda c: -c.picture.file.size_bytes)
_SMALLEST: Criterion = ("smallest file", lambda c: c.picture.file.size_bytes)
_OLDEST: Criterion = ("oldest", lambda c: c.picture.file.mtime_ns)
_ON_DISK: Criterion = ("a file of its own", lambda c: isinstance(c.picture.file.path, Address))
_CENTRE: Criterion = ("shows most of the picture", lambda c: not c.central)
_PATH: Criterion = ("first by path", lambda c: os.fsencode(c.picture.file.path))
_NAME: Criterion = ("plain name", lambda c: name_additions(c.picture.file.path))
_ASIDE: Criterion = (
    "in no folder of copies",
    lambda c: lies_aside(c.picture.file.path, c.picture.file.root),
)
_FORMAT: Criterion = (
    "of a format that cameras write",
    lambda c: c.picture.facts.format in _EXPORTS and not c.picture.facts.lossless,
)
_LAST = _OLDEST, _LARGEST, _PATH
BEST = (_PIXELS, _PARTS, _LOSSLESS, _LARGEST, _ON_DISK, _OLDEST)
ALWAYS: tuple[Criterion, ...] = (
    ("not damaged", lambda c: bool(c.picture.facts.damage)),
    ("a reference file", lambda c: not c.picture.file.reference),
    ("more of the group agree on it", lambda c: c.picture.suspect),
    ("could be checked for damage", lambda c: bool(c.picture.unchecked)),
    ("is written to its end", lambda c: not c.metadata.has_end),
)
"""What comes before all rules."""

WHOLE: Criterion = ("shows the whole picture", lambda c: c.partial)
CAMERA: Criterion = ("metadata of a camera fit it", lambda c: not c.camera_fits)
NATURAL: Criterion = ("not stretched", lambda c: c.stretched)
ORIGINAL_BY_EVIDENCE: Criteria = (
    _no_editor,
    ("begins as cameras write files", lambda c: not c.begins_as_cameras),
    ("most pixels of the picture itself", lambda c: -round(c.own_pixels)),
    _FORMAT,
    _ON_DISK,
    _ASIDE,
    _NAME,
    ("beside the raw or JPEG file of its shot", lambda c: not c.paired),
)
ORIGINAL: Criteria = (*ORIGINAL_BY_EVIDENCE, _age_and_compression, *_LAST)
"""By which `original` chooses among those of which none was made from another."""

_AS_ORIGINAL = (
    *ALWAYS, _PIXELS, _PARTS, _LOSSLESS, _FORMAT, _ON_DISK, _ASIDE, _NAME, *_LAST,
)  # fmt: skip


def parse_keep(texts: str | Sequence[str]) -> tuple[Rule, ...]:
    """Read rules as ``--keep`` takes them.

    Parameters
    ----------
    texts : str or sequence of str
        ``original``, ``folder:PATTERN`` and so on; the first comes first.

    Returns
    -------
    tuple of Rule
        With `original` at the end, unless a rule before it leaves nothing to decide.

    Raises
    ------
    UsageError
        There is no such rule, or it lacks its argument.
    """
    given = [texts] if isinstance(texts, str) else texts
    if not isinstance(given, Sequence) or not all(isinstance(text, str) for text in given):
        raise UsageError(f"{texts!r} are no rules of what to keep"[:120], 'such as "best"')
    rules = [_rule(text) for text in given]
    if not any(rule.text in ("original", "best", "first") for rule in rules):
        rules.append(_rule(DEFAULT_KEEP))
    return tuple(rules)


def _rule(text: str) -> Rule:
    name, colon, argument = text.partition(":")
    if name in PLAIN_RULES and not colon:
        return Rule(text, _plain(name))
    if name not in ARGUMENT_RULES:
        raise UsageError(f"no keep rule {text!r}", KEEP_HINT)
    if not argument:
        raise UsageError(f"--keep {name} needs something after a colon", KEEP_HINT)
    if name == "folder":
        return Rule(
            text, ((text, lambda c: not matches_folder(c.picture.file.path, argument)),), True
        )
    if name == "not-folder":
        return Rule(text, ((text, lambda c: matches_folder(c.picture.file.path, argument)),))
    words = [word.strip().lower() for word in argument.split(",")]
    if name == "format":
        unknown = [word for word in words if word not in _KNOWN_FORMATS]
        if unknown:
            hint = "heic, jpg, png, raw, tiff, webp or another ending of image files"
            raise UsageError(f"--keep format:{unknown[0]} is unknown", hint)
        return Rule(text, ((text, lambda c: _format_place(c.picture, words)),))
    unknown = [word for word in words if word not in _HAS]
    if unknown:
        raise UsageError(f"--keep has:{unknown[0]} is unknown", f"one of {', '.join(_HAS)}")
    return Rule(text, tuple((f"has {word}", _lacks(word)) for word in words))


def _plain(name: str) -> Criteria:
    return {
        "original": ORIGINAL,
        "best": (_CENTRE, *BEST),
        "oldest": (_oldest,),
        "newest": (_newest,),
        "largest": (_LARGEST,),
        "smallest": (_SMALLEST,),
        "plain-name": (_NAME,),
        "first": (_PATH,),
    }[name]


def _lacks(word: str) -> Key:
    return lambda c: not _HAS[word](c.metadata)


def _format_place(picture: Picture, words: Sequence[str]) -> int:
    """Place of a picture's format in a list; behind all where it is not there."""
    for place, word in enumerate(words):
        if picture.facts.raw:
            if word == "raw":
                return place
        elif picture.facts.format in _FORMATS.get(word, {word.upper()}):
            return place
    return len(words)


def narrow(candidates: Sequence[Candidate], criteria: Criteria) -> tuple[list[Candidate], str]:
    """Return the candidates that criteria prefer, and which of these decided.

    Parameters
    ----------
    candidates : sequence of Candidate
        At least one.
    criteria : Criteria
        Asked in order, until one candidate is left.

    Returns
    -------
    list of Candidate
    str
        The last criterion that told some apart; empty if none did.
    """
    left, reason = list(candidates), ""
    for one in criteria:
        if len(left) == 1:
            break
        if callable(one):
            left, told = narrow(left, one(left))
            reason = told or reason
            continue
        name, key = one
        least = min(map(key, left))
        fewer = [c for c in left if key(c) == least]
        if len(fewer) < len(left):
            left, reason = fewer, name
    return left, reason


def rank(pictures: Sequence[Picture]) -> list[Picture]:
    """Order pictures so that of any two the one that is better by itself comes first.

    Groups are found in this order, whichever of their files is kept then.
    """
    keys = [key for _, key in (*ALWAYS, *BEST, _PATH)]
    nothing_known = Metadata()

    def by_itself(picture: Picture) -> tuple[Any, ...]:
        candidate = Candidate(picture, nothing_known)
        return tuple([key(candidate) for key in keys])

    return sorted(pictures, key=by_itself)


def place_as_original(picture: Picture) -> tuple[Any, ...]:
    """Return by what `original` orders files, as far as one by itself tells: the least is kept."""
    candidate = Candidate(picture, Metadata())
    return tuple([key(candidate) for _, key in _AS_ORIGINAL])
