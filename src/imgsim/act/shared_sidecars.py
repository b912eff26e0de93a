"""Sidecars that are named after a picture in other ways than by its stem, and may be shared.

Google Takeout names its JSON files after the picture as it was uploaded: a number in brackets moves
to the end, `IMG_1(1).jpg` has `IMG_1.jpg(1).json` or `IMG_1.jpg.supplemental-metadata(1).json`;
what stands before the number is cut at 46 characters; and `l-edited.jpg` has the JSON of `l.jpg`.
iPhones export the edited `IMG_E1.JPG` of `IMG_1.JPG`, with the edits in `IMG_1.AAE` and
`IMG_O1.AAE`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from imgsim.act.file_names import is_picture, split

_MOST = 46
"""Characters of a JSON file's name that Takeout writes, without a number and the ending."""

_MIDDLE = ".supplemental-metadata"
_NUMBERED = re.compile(r"(.*?)(\(\d{1,5}\))?", re.DOTALL)
_EDITED = re.compile(
    r"(.+)-(?:edited|effects|smile|mix|bearbeitet|modifié|bewerkt|editado|ha editado|editat|"
    r"modificato|edytowane|redigeret|编辑|編集済み)",
    re.DOTALL,
)
_IPHONE = re.compile(rb"img_([eo]?)(\d{1,8})")


class SharedSidecars:
    """The JSON files of Takeout and the edits of iPhones in a folder, and whose they are.

    Parameters
    ----------
    names : sequence of bytes
        All in the folder.
    """

    def __init__(self, names: Sequence[bytes]) -> None:
        self._json: dict[tuple[str, str], list[bytes]] = {}
        self._edits: dict[bytes, list[bytes]] = {}
        self._owners: dict[bytes, set[bytes]] = {}
        for name in names:
            stem, ending = split(name)
            if ending == b".json":
                self._json.setdefault(_parted(_text(stem)), []).append(name)
            elif ending == b".aae" and (match := _IPHONE.fullmatch(stem)):
                self._edits.setdefault(match[2], []).append(name)
        if self._json or self._edits:
            for name in filter(is_picture, names):
                for sidecar in self.of(name):
                    self._owners.setdefault(sidecar, set()).add(name)

    def of(self, picture: bytes) -> list[bytes]:
        """Return the sidecars of a picture, also those that are sidecars of others too."""
        sidecars: list[bytes] = []
        if self._json:
            for key in _json_keys(picture):
                sidecars += self._json.get(key, ())
        match = _IPHONE.fullmatch(split(picture)[0]) if self._edits else None
        if match and match[1] != b"o":
            sidecars += self._edits.get(match[2], ())
        return list(dict.fromkeys(sidecars))

    def owners(self, sidecar: bytes) -> set[bytes]:
        """Return the pictures of the folder whose sidecar it is."""
        return self._owners.get(sidecar, set())


def _text(name: bytes) -> str:
    return unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape")).lower()


def _parted(stem: str) -> tuple[str, str]:
    """A name without its ending, as the part before a number in brackets and that."""
    match = _NUMBERED.fullmatch(stem)
    assert match is not None
    return match[1], match[2] or ""


def _json_keys(picture: bytes) -> Iterator[tuple[str, str]]:
    """What comes before the number and what the number is, in all JSON names of a picture."""
    stem, dot, ending = _text(picture).rpartition(".")
    part, number = _parted(stem)
    edited = _EDITED.fullmatch(part)
    yield from _cuts(part + dot + ending, number)
    if edited:
        yield from _cuts(edited[1] + dot + ending, number)


def _cuts(name: str, number: str) -> Iterator[tuple[str, str]]:
    for length in range(len(_MIDDLE) + 1):
        whole = name + _MIDDLE[:length]
        if len(whole) >= _MOST:
            break
        yield whole, number
    yield (name + _MIDDLE)[:_MOST], number  # where it is cut
    yield name, number  # older ones were not
