"""Tells from dates, exposures and names which of two pictures is another shot, and how near it is.

A date says no more than its digits: the same picture may have lost its fraction of a second in one
file, or had it rounded, and is no other shot for that.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from imgsim.decode.metadata import Metadata
from imgsim.decode.metadata_fields import iso_time
from imgsim.types import Picture

BURST_SECONDS = 2.0
"""Between the beginnings of two shots of a burst, beside twice the exposure of the first."""

MOMENT_SECONDS = 120.0
"""Between two shots or screenshots of one moment: their clocks may show the next minute but one."""

_LONGEST_EXPOSURE = 60.0
_BIAS_STEP = 0.1
_EXPOSURE_STEP = 0.6
"""Stops by which the exposures of a bracket differ; those of a burst vary by a third."""

_SCREEN_SHAPES = 1.55, 2.4
"""Longer side by the shorter one, of screens and not of paper or a photo."""

_TO_THE_SECOND = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?")
_DATE_IN_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)\D{0,5}(\d\d)[-_.:]?(\d\d)[-_.:]?(\d\d)"
)
_NUMBERED = re.compile(r"(.*?)(\d+)", re.DOTALL)
_PART_OF_SHOT = re.compile(r"\.raw-\d\d\.[a-z.]+$")
"""What phones add to the names of the two files of a shot: PXL_1.RAW-01.COVER.jpg."""

ShotRelation = Literal["burst", "bracket", "moment"]


@dataclass(frozen=True)
class Shot:
    """A picture, and what tells when and with what it was taken.

    Attributes
    ----------
    picture : Picture
    metadata : Metadata
    """

    picture: Picture
    metadata: Metadata

    @cached_property
    def camera(self) -> str:
        """Make and model; empty if nothing tells."""
        return f"{self.metadata.make} {self.metadata.model}".strip().casefold()

    @cached_property
    def seconds(self) -> float | None:
        """When it was taken, in seconds of the camera's own clock; None if that is not told."""
        if self._date is None:  # or a day or a minute
            return None
        whole = datetime.fromisoformat(self._date[1]).replace(tzinfo=UTC).timestamp()
        return whole + (float(f"0.{self._fraction}") if self.digits else 0.0)

    @cached_property
    def digits(self) -> int:
        """Digits of the fraction of a second; 0 where all are zeros, as many cameras write."""
        return len(self._fraction) if self._fraction.strip("0") else 0

    @cached_property
    def _date(self) -> re.Match[str] | None:
        return _TO_THE_SECOND.match(self.metadata.date_taken)

    @property
    def _fraction(self) -> str:
        return (self._date[2] or "") if self._date else ""

    @cached_property
    def name_seconds(self) -> float | None:
        """The date in the name of the file, in seconds; None if there is none."""
        match = _DATE_IN_NAME.search(os.path.basename(self.picture.file.path))
        time = iso_time("{}-{}-{}T{}:{}:{}".format(*match.groups())) if match else ""
        return datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() if time else None

    @property
    def screen(self) -> bool:
        """Whether it may be a screenshot: one page, no camera, and the shape of a screen."""
        facts = self.picture.facts
        shorter, longer = sorted((facts.width, facts.height))
        least, most = _SCREEN_SHAPES
        return not self.camera and facts.frames == 1 and least * shorter <= longer <= most * shorter

    @property
    def order(self) -> tuple[float, bytes]:
        """By which the shots of a series are ordered."""
        path = self.picture.file.path
        return moment_seconds(self), os.fsencode(path)


def moment_seconds(shot: Shot) -> float:
    """Return when a picture was made: by its metadata, else by its name, else its file's time."""
    if shot.seconds is not None:
        return shot.seconds
    if shot.name_seconds is not None:
        return shot.name_seconds
    return shot.picture.file.mtime_ns / 1e9


def shot_stem(path: str) -> str:
    """Return the name that the raw file and the JPEG of one shot have in common."""
    stem = os.path.splitext(os.path.basename(path))[0].casefold()
    return _PART_OF_SHOT.sub("", stem)


def paired_shots(pictures: Sequence[Picture]) -> frozenset[str]:
    """Return the paths of raw files, and of others, that lie beside the other file of their shot.

    Parameters
    ----------
    pictures : sequence of Picture
    """
    raws = {_shot_place(p.file.path) for p in pictures if p.facts.raw}
    others = [p for p in pictures if not p.facts.raw] if raws else []
    paired = raws & {_shot_place(p.file.path) for p in others}
    return frozenset(p.file.path for p in pictures if paired and _shot_place(p.file.path) in paired)


def _shot_place(path: str) -> tuple[str, str]:
    return os.path.dirname(path), shot_stem(path)


def seconds_between(one: Shot, other: Shot) -> float | None:
    """Return the seconds between two shots; None where they may be one, or no date tells.

    Parameters
    ----------
    one, other : Shot
    """
    if one.seconds is None or other.seconds is None:
        return None
    difference = abs(one.seconds - other.seconds)
    digits = sorted((one.digits, other.digits))
    if digits[0]:
        # one may be rounded to the digits of the other
        least = 1.001 * 10.0 ** -digits[0] if digits[0] < digits[1] else 1e-4 * 10.0 ** -digits[0]
        return difference if difference > least else None
    if digits[1]:
        without = one if not one.digits else other
        later = (other.seconds if without is one else one.seconds) - float(without.seconds or 0)
        # its second begins at 0 and ends at 1, or it was rounded
        return difference if later >= 1.0 or later < -0.5 else None
    return difference if difference >= 1 else None


def same_instant(one: Shot, other: Shot) -> bool:
    """Return whether two files may be of one shot: one camera, and dates that do not differ."""
    if not one.camera or one.camera != other.camera:
        return False
    known = one.seconds is not None and other.seconds is not None
    return known and seconds_between(one, other) is None


def relation_of(one: Shot, other: Shot, *, matched: bool) -> ShotRelation | None:
    """Return what two shots of one camera are to each other by their dates.

    Parameters
    ----------
    one, other : Shot
    matched : bool
        They match. Then only dates can tell that they are two shots; else, where dates have no
        fractions of a second, the numbers in their names can.

    Returns
    -------
    {"burst", "bracket", "moment"} or None
        None where they may be one shot, or are far from each other.
    """
    if not one.camera or one.camera != other.camera:
        return None
    between = seconds_between(one, other)
    if between is None:
        if matched or not _numbered_apart(one, other):
            return None
        between = 0.0
    first = min(one, other, key=lambda shot: shot.order)
    exposed = min(first.metadata.exposure_seconds or 0.0, _LONGEST_EXPOSURE)
    if between <= BURST_SECONDS + 2 * exposed:
        return "bracket" if _exposed_apart(one.metadata, other.metadata) else "burst"
    return "moment" if between <= MOMENT_SECONDS else None


def same_moment(one: Shot, other: Shot) -> bool:
    """Return whether two look-alikes that no camera dated were made within a minute or two.

    By the dates in their names where both have one; by the times of the files only of what may be
    screenshots, since a folder that was copied has one time for all.

    Parameters
    ----------
    one, other : Shot
    """
    facts = one.picture.facts, other.picture.facts
    if (facts[0].width, facts[0].height) != (facts[1].width, facts[1].height):
        return False
    if one.camera != other.camera:
        return False
    for left, right in (
        (one.seconds, other.seconds),
        (one.name_seconds, other.name_seconds),
    ):
        if left is not None and right is not None:
            return abs(left - right) <= MOMENT_SECONDS
    if one.seconds is not None or other.seconds is not None:
        return False
    if one.name_seconds is not None or other.name_seconds is not None:
        return False
    apart = abs(one.picture.file.mtime_ns - other.picture.file.mtime_ns)
    return one.screen and other.screen and apart <= MOMENT_SECONDS * 1e9


def other_shot_text(kept: Shot, other: Shot) -> str:
    """Say that a picture that matches the kept one is another shot; empty if it may be the same.

    Dates that differ by whole minutes are those of one shot after a clock was put right, unless
    they are near.

    Parameters
    ----------
    kept, other : Shot
    """
    relation = relation_of(kept, other, matched=True)
    between = seconds_between(kept, other)
    if between is None or not kept.camera or kept.camera != other.camera:
        return ""
    if relation is None:
        # a fraction of a second may have been lost with that
        unsure = 1.0 if bool(kept.digits) != bool(other.digits) else 0.001
        by_minutes = abs(between - 60 * round(between / 60)) <= unsure
        return "" if by_minutes else "another shot, taken at another time"
    of = "" if relation == "moment" else f" of the {relation}"
    side = "later" if float(other.seconds or 0) > float(kept.seconds or 0) else "earlier"
    seconds = f"{between:.2f}".rstrip("0").rstrip(".")
    return f"another shot{of}, taken {seconds} s {side}"


def first_dated(pictures: Sequence[Picture], metadata: dict[str, Metadata]) -> Shot:
    """Return the shot of some files with equal pixels: of those with a date the first by path.

    Parameters
    ----------
    pictures : sequence of Picture
    metadata : dict of str to Metadata
        By the digest of the content.
    """
    shots = [Shot(p, metadata.get(p.digest, Metadata())) for p in pictures]
    return min(shots, key=lambda shot: (shot.seconds is None, os.fsencode(shot.picture.file.path)))


def _numbered_apart(one: Shot, other: Shot) -> bool:
    """Whether dates are equal to the second, and names differ in the number of the shot alone."""
    if one.seconds is None or one.digits or other.digits or one.seconds != other.seconds:
        return False
    names = (_NUMBERED.fullmatch(shot_stem(s.picture.file.path)) for s in (one, other))
    left, right = names
    return bool(left and right and left[1] == right[1] and int(left[2]) != int(right[2]))


def _exposed_apart(one: Metadata, other: Metadata) -> bool:
    """Whether two shots were exposed differently on purpose."""
    if one.auto_bracket and other.auto_bracket:
        return True
    biases = one.exposure_bias, other.exposure_bias
    if biases[0] is not None and biases[1] is not None and abs(biases[0] - biases[1]) > _BIAS_STEP:
        return True
    values = _stops(one), _stops(other)
    told = [[value is not None for value in some] for some in values]
    if told[0] != told[1] or not told[0][0]:
        return False
    sums = [math.fsum(value for value in some if value is not None) for some in values]
    return abs(sums[0] - sums[1]) >= _EXPOSURE_STEP


def _stops(metadata: Metadata) -> tuple[float | None, float | None, float | None]:
    """Stops of the time, the aperture and the amplification, as far as they are told."""
    time, aperture, speed = metadata.exposure_seconds, metadata.f_number, metadata.iso
    return (
        math.log2(time) if time else None,
        -2 * math.log2(aperture) if aperture else None,
        math.log2(speed) if speed else None,
    )
