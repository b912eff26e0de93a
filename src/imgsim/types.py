"""The values that cross a stage boundary: small and frozen, or arrays of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from imgsim.addresses import Address
from imgsim.stamps import FileStamp

MIN_DETAIL = 20
"""Images with fewer significant coefficients are *flat*, see `ImageFacts.detail`.

Of 732 photos, product shots and receipts the plainest has 30; gradients, blank scans and simple
drawings have fewer than 20.
"""

MIN_SIDE = 16
"""Images that are narrower or lower are flat too: they have fewer pixels than a hash has bits."""

WHOLE_PART = (0.0, 0.0, 1.0, 1.0)
"""The `ImageFacts.decoded_part` of a file of which every row decodes."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that may hold an image, as `discover` found it.

    Attributes
    ----------
    path : str
        As the user gave it, joined with what was found below. Bytes that are not UTF-8 are kept
        as surrogate escapes (`os.fsencode` gives them back). An `Address` if it is no file of its
        own, such as a member of an archive.
    size_bytes, mtime_ns : int
        From `os.stat`, or as its archive has them.
    root : str
        The argument below which it was found.
    reference : bool
        Matched against, never proposed for removal.
    named : bool
        The user named this file itself, so it is reported even if it is no image at all.
    links : tuple of str
        Other names of the same file (hard links, followed symlinks). They are not copies.
    ctime_ns, inode : int
        As in `FileStamp`.
    hard_links : int
        Names that the file has, here and elsewhere.
    device : int
        The mounted file system on which it lies; 0 if that is not known.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    root: str
    reference: bool = False
    named: bool = False
    links: tuple[str, ...] = ()
    ctime_ns: int = 0
    inode: int = 0
    hard_links: int = 1
    device: int = 0

    @classmethod
    def of(
        cls,
        path: str,
        status: os.stat_result,
        root: str,
        reference: bool = False,
        named: bool = False,
    ) -> ImageFile:
        """A file on a disk as `os.stat` tells of it."""
        return cls(
            path, status.st_size, status.st_mtime_ns, root, reference, named,
            ctime_ns=status.st_ctime_ns, inode=status.st_ino, hard_links=max(1, status.st_nlink),
            device=status.st_dev,
        )  # fmt: skip

    @property
    def stamp(self) -> FileStamp:
        return FileStamp(self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode)

    @property
    def freed_bytes(self) -> int:
        """Bytes that are freed if it is removed: none while it has other names."""
        return 0 if self.links or self.hard_links > 1 else self.size_bytes

    def with_stamp(self, stamp: FileStamp) -> ImageFile:
        """The same file as it was found later."""
        return self if stamp == self.stamp else replace(self, **stamp._asdict())


def is_flat(detail: int, width: int, height: int) -> bool:
    """Return whether a picture has too little detail, see `ImageFacts`, to be told by its look."""
    return detail < MIN_DETAIL or min(width, height) < MIN_SIDE


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The facts of an image besides its pixels, from one decode. They depend on the content alone.

    Attributes
    ----------
    width, height : int
        Pixels of the frame that is compared first, after the EXIF orientation is applied.
    format : str
        Pillow's name of the format, found from the content.
    lossless : bool
        The encoding keeps every pixel.
    raw : bool
        Camera raw: matched with other raw files only.
    frames : int
        Number of frames or pages.
    detail : int
        Number of the 63 lowest DCT coefficients of the 32 x 32 grey image that stand above
        quantisation noise. Photos have nearly all of them, a blank scan has none.
    pixel_digest : str or None
        Hash of the full-size pixels and their size, for images that are flat.
    thumbnail : str
        Mean grey levels of 4 x 4 parts, a byte each, in hexadecimal. They differ by a few levels
        where the same picture is decoded at another scale.
    duration_ms : int
        Milliseconds that an animation takes; 0 for stills and for the pages of a document.
    parts : str
        Parts that are no frame and are not compared, separated by ", ", see `decode.parts`.
    damage : str
        What a strict decoder reports; empty for a whole file.
    decoded_part : tuple of float
        Left, top, right and bottom of what decodes of a damaged file, as shares of the width and
        height. Everything but `width` and `height` is about that part.
    decode_bytes : int
        Memory that decoding the file takes, whole and with all of its frames.
    decoded_strictly : bool
        This decode hides no damage, and found none. It tells more than the content does: another
        decode of the same may not know.
    colours : str
        What its samples stand for, where that is not sRGB, see `decode.colour_meaning`.
    alpha : bool
        It has transparency, be it that all of it is opaque.
    """

    width: int
    height: int
    format: str
    lossless: bool
    raw: bool
    frames: int
    detail: int
    pixel_digest: str | None
    thumbnail: str = ""
    duration_ms: int = 0
    parts: str = ""
    damage: str = ""
    decoded_part: tuple[float, float, float, float] = WHOLE_PART
    decode_bytes: int = 0
    decoded_strictly: bool = field(default=False, compare=False)
    colours: str = ""
    alpha: bool = False

    def __post_init__(self) -> None:
        # a list, where it comes from JSON; there are many of these, so they share values
        part = tuple(self.decoded_part)
        object.__setattr__(self, "decoded_part", WHOLE_PART if part == WHOLE_PART else part)
        object.__setattr__(self, "format", sys.intern(self.format))

    @property
    def flat(self) -> bool:
        """Too little detail to tell it from other images by anything but its pixels."""
        return is_flat(self.detail, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that could not be read as an image, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotCompared:
    """Two files of which is not known whether they match, since they could not be compared.

    Attributes
    ----------
    left, right : str
        Their paths. Further files of the same contents are not named.
    reason : str
    """

    left: str
    right: str
    reason: str


def in_path_order(pairs: Iterable[NotCompared]) -> tuple[NotCompared, ...]:
    """Return pairs in order of their paths, each once."""
    return tuple(sorted(set(pairs), key=lambda p: (os.fsencode(p.left), os.fsencode(p.right))))


NOT_THERE = "no such path"
"""Why a file of a list is skipped that is not there."""


def paths_not_there(skipped: Iterable[Skipped]) -> tuple[str, ...]:
    """Return the paths that lists name and that are not there."""
    return tuple(one.path for one in skipped if one.reason == NOT_THERE)


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that was read.

    Attributes
    ----------
    file : ImageFile
    digest : str
        sha256 of its bytes.
    facts : ImageFacts
    sample_digest : str or None
        sha256 of its decoded samples, see `decode.samples`; None if it was not taken, since no
        other file could be equal by it.
    settled : bool
        A file that still has `file.stamp` has the same content; else its bytes have to tell.
    suspect : bool
        It differs in a few blocks from what more files of its group agree on.
    unchecked : str
        Why it could not be decoded once more, to look for damage or to compare its samples with
        those of others: its worker was killed, say. Empty if it could, or that was not needed.
    """

    file: ImageFile
    digest: str
    facts: ImageFacts
    sample_digest: str | None = None
    suspect: bool = False
    settled: bool = field(default=False, compare=False)
    unchecked: str = ""

    @property
    def identity(self) -> str:
        """Files of equal identity are equal by their bytes or their samples."""
        return self.sample_digest or self.digest

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.facts.width * self.facts.height


@dataclass(frozen=True, slots=True)
class Features:
    """Rows of one extractor.

    Attributes
    ----------
    extractor : str
        The extractor's key: name, version and fields.
    digests : sequence of str
        Content of each row.
    rows : ndarray, shape (n, ...)
    """

    extractor: str
    digests: Sequence[str]
    rows: NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Candidates:
    """A block of pairs of feature rows within the search radius, ordered by (left, right).

    Pairs come in blocks of arrays, not one object each: a folder can have millions of them.

    Attributes
    ----------
    left, right : ndarray of int64, shape (n,)
        Rows, left < right.
    distance : ndarray of float64, shape (n,)
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    distance: NDArray[np.float64]


WHOLE = 0.97
"""Of two pictures that share so much of their area nothing was cut off or added."""

CONTAINED = 0.95
"""A picture that shows so much of another one can stand for it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How two images are related, as verification saw them.

    Attributes
    ----------
    residual : float
        What a change of the file does not explain, as a share of what is let pass under the
        preset normal: the largest difference of a block, or the distance by which points are off.
        Infinite if the images cannot be laid upon each other or show too little to tell.
    matrix : tuple of float
        Nine numbers, row by row: unit coordinates of the right picture to those of the left one.
        Empty where nothing was aligned.
    left_seen, right_seen : float
        Share of what is to be seen in each picture that the other shows too (0 to 1).
    overlap : float
        Share of the area that they have in common, of the picture that has less in common.
    overlay : float
        Share of the common part that words or a logo cover in one of them.
    more : {-1, 0, 1}
        -1: the left picture shows more, 1: the right one does. A screenshot or a border is larger
        and does not show more, and words over a picture hide a part of it.
    detail : float
        The same as `residual` of what is small: the most that a place differs, given the noise of
        the pair. Infinite where it could not be compared.
    """

    residual: float
    matrix: tuple[float, ...] = ()
    left_seen: float = 0.0
    right_seen: float = 0.0
    overlap: float = 0.0
    overlay: float = 0.0
    more: int = 0
    detail: float = 0.0

    @property
    def whole(self) -> bool:
        """Nothing was cut off, added or laid over, on either side."""
        return self.overlap >= WHOLE and self.overlay == 0

    @property
    def contained(self) -> bool:
        """One of them shows nearly all of the other."""
        return max(self.left_seen, self.right_seen) >= CONTAINED


@dataclass(frozen=True, slots=True)
class Transform:
    """How a member of a group lies upon the kept file.

    Attributes
    ----------
    kind : str
        ``same``, ``turned``, ``mirrored``, ``crop`` (the member is a part of the kept file),
        ``inset`` (the kept file is set into the member: a border, a screenshot) or ``warped``
        (turned by an angle, or seen from aside).
    matrix : tuple of tuple of float
        Pixels of the member to those of the kept file, 3 x 3, both upright. The corner of the
        first pixel is (0, 0).
    overlap : float
        Share of the area that they have in common, of the one that has less in common.
    overlay : float
        Share of the common part that words or a logo cover in one of them.
    """

    kind: Literal["same", "turned", "mirrored", "crop", "inset", "warped"]
    matrix: tuple[tuple[float, ...], ...]
    overlap: float
    overlay: float


Kind = Literal["kept", "exact", "pixels", "near", "damaged"]

SURENESS = {"kept": 0, "exact": 1, "pixels": 2, "near": 3, "damaged": 4}
"""How sure each kind is; the lesser number, the surer."""


def kind_of(kept: Picture, other: Picture) -> Literal["exact", "pixels", "near", "damaged"]:
    """How sure it is that a picture matches the kept one, given that it does."""
    if kept.facts.damage or other.facts.damage:
        return "damaged"
    if other.digest == kept.digest:
        return "exact"
    return "pixels" if other.identity == kept.identity else "near"


Role = Literal[
    "exact",
    "pixels",
    "damaged",
    "fuller",
    "inset",
    "overlaid",
    "cropped",
    "edited",
    "noisier",
    "blurred",
    "stretched",
    "rotated",
    "mirrored",
    "turned",
    "enlarged",
    "smaller",
    "reencoded",
    "near",
]
"""What a member is to the kept file. `fuller` is whatever is better than it in some way, `turned`
is by quarters and `rotated` by any other angle, and `near` is what cannot be told."""

ROLES: tuple[Role, ...] = get_args(Role)
"""The primary role is the first of these that applies."""

REMOVABLE_ROLES: frozenset[Role] = frozenset(("exact", "pixels", "reencoded", "smaller"))
"""What is not needed beside the kept file."""

NEVER_REMOVED: frozenset[Role] = frozenset(("fuller",))
"""Roles of files that have something the kept file lacks; no plan removes them."""

Relation = Literal["verified", "whole", "burst", "bracket", "raw", "moment"]


@dataclass(frozen=True, slots=True)
class Related:
    """A file that belongs to another one and is not to be removed.

    Attributes
    ----------
    path, beside : str
    relation : str
        ``verified``: they match; ``whole``: it shows the whole of what `beside` is a part of;
        ``burst`` and ``bracket``: taken within seconds; ``raw``: of the same shot; ``moment``: of
        one moment.
    size_bytes, beside_bytes : int
        Of the two files.
    """

    path: str
    beside: str
    relation: Relation
    size_bytes: int = field(default=0, compare=False)
    beside_bytes: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a group.

    Attributes
    ----------
    picture : Picture
    kind : {"kept", "exact", "pixels", "near", "damaged"}
        How sure it is: the same bytes, the same samples, or verified by the method, of whole files
        or of a damaged one.
    distance : float or None
        To the kept file; None for the kept file itself.
    transform : Transform or None
    role : str or None
        What it is to the kept file; None for the kept file itself.
    changes : tuple of str
        The other roles that apply too.
    why : str
        The evidence for them, in words.
    new : bool or None
        Not in the baseline that it was compared with; None without one.
    label : str or None
        Empty if it has none; None where no labels were asked for.
    conflict : bool
        Files of its group stand under two labels: none is removable.
    decision : {"keep", "keep-all", "not-duplicates", "remove"} or None
        What a person decided: of the kept file, that it is kept; of another one, why it is not
        removable, or that it is (``remove``). ``not-duplicates`` is of it and another file of the
        group.
    decided : bool
        `decision` is one on it and the kept file, so nobody is asked again.
    """

    picture: Picture
    kind: Kind
    distance: float | None
    transform: Transform | None = None
    role: Role | None = None
    changes: tuple[Role, ...] = ()
    why: str = ""
    new: bool | None = None
    label: str | None = None
    conflict: bool = False
    decision: Literal["keep", "keep-all", "not-duplicates", "remove"] | None = None
    decided: bool = False

    @property
    def removable(self) -> bool:
        """Not needed beside the kept file, a file of its own, no reference, and of its label.

        Nor is it what a person decided to keep. What a person decided to remove is, whatever it is
        to the kept file, unless it shows more.
        """
        file = self.picture.file
        own = not isinstance(file.path, Address)
        if file.reference or self.conflict or not own:
            return False
        if self.decision == "remove":
            return self.role is not None and self.role not in NEVER_REMOVED
        return self.role in REMOVABLE_ROLES and self.decision is None

    @property
    def freed_bytes(self) -> int:
        """Bytes that are freed if it is removed and may be; see `ImageFile.freed_bytes`."""
        return self.picture.file.freed_bytes if self.removable else 0


MatchVerdict = Literal["copy", "different", "not verified"]


@dataclass(frozen=True, slots=True)
class Match:
    """Another image that a query was compared with.

    Attributes
    ----------
    path : str
    distance : float
        Smaller is closer. Infinite under a method that verifies pairs, for what is no copy.
    verdict : {"copy", "different", "not verified"} or None
        Whether a method that verifies pairs took the two for one picture, or had no reason to look
        closer; None under other methods.
    member : Member or None
        What the query is to it, as if this one were the kept file, if they are copies.
    hash_bits : int or None
        Bits of 256 by which their hashes differ, in the nearest of eight orientations, for what is
        ranked by that.
    """

    path: str
    distance: float
    verdict: MatchVerdict | None = None
    member: Member | None = None
    hash_bits: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A kept file and the files that were each matched with it.

    Attributes
    ----------
    members : tuple of Member
        The kept file first, then the others, exact before pixels before near before damaged,
        nearest first.
    keep_reason : str
        What the kept file has over the others.
    keep_rule : str
        The rule that chose it, as ``--keep`` takes it.
    related : tuple of Related
        Files that belong to members of the group and are none themselves, or are not to be removed
        for another reason.
    decided : tuple of Member
        Files that match the kept one and are no members, since a person decided on the two.
    """

    members: tuple[Member, ...]
    keep_reason: str
    keep_rule: str = ""
    related: tuple[Related, ...] = ()
    decided: tuple[Member, ...] = ()

    @property
    def kept(self) -> Picture:
        return self.members[0].picture

    @property
    def all_decided(self) -> bool:
        """Whether a person decided on every file of it and the kept one."""
        return all(member.decided for member in self.members[1:])

    @property
    def new(self) -> bool | None:
        """A file of it is not in the baseline; None without one."""
        if any(member.new is None for member in self.members):
            return None
        return any(member.new for member in self.members)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its members, each once and in order; those without one do not count."""
        return tuple(sorted({member.label for member in self.members if member.label}))

    @property
    def conflict(self) -> bool:
        """Whether its files stand under two labels or more."""
        return len(self.labels) > 1

    def parts(self, kind: Literal["exact", "pixels", "near"]) -> list[Group]:
        """The parts whose members are as sure of each other as a kind, each of two or more.

        Two members may have the same bytes, or the same samples, and be near the kept file only.
        A damaged file is as sure as near at most.
        """
        if kind == "near":
            return [self]
        equal: dict[str, list[Member]] = {}
        for member in self.members:
            one = member.picture
            if one.facts.damage:
                continue
            equal.setdefault(one.digest if kind == "exact" else one.identity, []).append(member)
        return [replace(self, members=tuple(some)) for some in equal.values() if len(some) > 1]

    @property
    def removable(self) -> tuple[Member, ...]:
        """Members that are not needed beside the kept file; none where it lies in an archive.

        A file is only removed for another file, so no plan names them either.
        """
        if isinstance(self.kept.file.path, Address):
            return ()
        return tuple(member for member in self.members if member.removable)

    @property
    def reclaimable_bytes(self) -> int:
        """Bytes freed if the members that are not needed beside the kept file were removed."""
        return sum(member.freed_bytes for member in self.removable)
