"""Profiles: thresholds in a file that ``imgsim calibrate`` wrote, used in place of presets."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from imgsim.comparators.base import Comparator
from imgsim.comparators.label import label
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError, check_kind
from imgsim.read.files import open_input

SCHEMA = "imgsim.profile/1"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold of one method.

    Attributes
    ----------
    method : str
        As ``--method`` takes it.
    extractor : str
        Key of the extractor: another version of it gives other distances.
    max_distance : float or None
        The largest distance of a duplicate; None if no threshold reached the target.
    """

    method: str
    extractor: str
    max_distance: float | None


@dataclass(frozen=True, slots=True)
class Profile:
    """Thresholds of several methods, chosen for one target.

    Attributes
    ----------
    path : str
        Where it was read.
    target : str
        What the thresholds were chosen for, in words.
    decode : str
        How images were decoded.
    thresholds : tuple of Threshold
    """

    path: str
    target: str
    decode: str
    thresholds: tuple[Threshold, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that have a threshold."""
        return tuple(t.method for t in self.thresholds if t.max_distance is not None)

    def distance(self, comparator: Comparator, decode: DecodeMode) -> float:
        """Return the largest distance of a duplicate.

        Parameters
        ----------
        comparator : Comparator
        decode : DecodeMode
            How images are decoded in this run.

        Raises
        ------
        UsageError
            The profile has no threshold for it, or one for another version of its extractor or
            another decoding.
        """
        method, extractor = identity(comparator)
        entry = next((t for t in self.thresholds if t.method == method), None)
        again = f"imgsim calibrate DATASET -m {method} makes one"
        if entry is None:
            known = ", ".join(self.methods) or "none"
            raise UsageError(
                f"{self.path} has no threshold for {method}",
                f"it has {known}: name one with --method",
            )
        if entry.extractor != extractor:
            raise UsageError(
                f"{self.path} is for {_short_key(entry.extractor)},"
                f" this is {_short_key(extractor)}",
                again,
            )
        if entry.max_distance is None:
            raise UsageError(
                f"{self.path}: no threshold of {method} reached the target ({self.target})",
                "use another method",
            )
        if self.decode != decode.value:
            raise UsageError(
                f"{self.path} is for images decoded with --decode {self.decode}",
                f"decode so, or calibrate with --decode {decode.value}",
            )
        return entry.max_distance


def identity(comparator: Comparator) -> tuple[str, str]:
    """Return a comparator's spec and its extractor's key, with a weights file by its mere name.

    (The key holds a digest of the weights.)
    """
    key = comparator.extractor.key
    weights = str(getattr(comparator, "weights", ""))
    return label(comparator), key.replace(weights, os.path.basename(weights)) if weights else key


def _short_key(key: str) -> str:
    """Return an extractor's key without the module of its class."""
    return key.split(" (")[0]


def read_profile(path: str | os.PathLike[str]) -> Profile:
    """Read a profile.

    Raises
    ------
    UsageError
        The file cannot be read, is no profile, or is one of a newer kind.

    Examples
    --------
    >>> import imgsim
    >>> profile = imgsim.read_profile("mine.json")  # of: imgsim calibrate shop ... -o mine.json
    >>> found = imgsim.find_duplicates("photos", "phash", profile=profile)
    """
    check_kind(path, str | os.PathLike, "path", "give the file that imgsim calibrate wrote")
    name = os.fspath(path)
    try:
        with open_input(name) as stream:
            document = json.load(stream)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}", "check the path") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is no profile: {error}", "imgsim calibrate writes one") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        kind = f"it says {schema!r}" if schema else "it names no schema"
        raise UsageError(f"{name} is no {SCHEMA}: {kind}", "imgsim calibrate writes one")
    try:
        return Profile(
            name,
            str(document["target"]["text"]),
            str(document["decode"]),
            tuple(_read_threshold(entry) for entry in document["methods"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"{name} is no whole profile: {type(error).__name__}: {error}", "calibrate again"
        ) from None


def _read_threshold(entry: dict[str, object]) -> Threshold:
    distance = entry["max_distance"]
    if distance is not None and not isinstance(distance, int | float):
        raise TypeError("max_distance is no number")
    return Threshold(
        str(entry["method"]),
        str(entry["extractor"]),
        None if distance is None else float(distance),
    )
