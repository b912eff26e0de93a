"""Files that belong to a picture by their names: sidecars, and the raw or JPEG of the same shot.

Names are those of Adobe and digiKam (XMP), Apple (AAE, films of Live Photos), Canon and others
(THM, WAV) and Google Takeout (JSON).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imgsim.act.file_names import is_picture, split
from imgsim.act.shared_sidecars import SharedSidecars
from imgsim.decode.names import RAW_SUFFIXES

_METADATA = frozenset((b".xmp", b".aae", b".thm", b".json"))
_MEDIA = frozenset((b".mov", b".mp4", b".wav"))
_RAW = frozenset(suffix.encode() for suffix in RAW_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Company:
    """Names in the folder of a picture that belong to it.

    Attributes
    ----------
    metadata : tuple of bytes
        Sidecars that describe it.
    media : tuple of bytes
        Films and sound, which are in no other file.
    shots : tuple of bytes
        Raw files of a JPEG, or JPEGs of a raw file.
    """

    metadata: tuple[bytes, ...]
    media: tuple[bytes, ...]
    shots: tuple[bytes, ...]


class Names:
    """The names in a folder, by what comes before their ending.

    Parameters
    ----------
    names : iterable of bytes
    endings : sequence of str
        Of further sidecars.
    """

    def __init__(self, names: Iterable[bytes], endings: Sequence[str] = ()) -> None:
        self.all = list(names)
        self._metadata = _METADATA | {e.lower().encode() for e in endings}
        self._by_stem: dict[bytes, list[bytes]] = {}
        for name in self.all:
            self._by_stem.setdefault(split(name)[0], []).append(name)
        self._shared = SharedSidecars(self.all)

    def company(self, name: bytes, going: Iterable[bytes] = ()) -> Company:
        """Return what belongs to a picture.

        A sidecar that another picture of the folder shares, which stays, stays with that.

        Parameters
        ----------
        name : bytes
        going : iterable of bytes
            Names of the folder that are removed themselves.
        """
        leaving = {name, *going}
        stem, ending = split(name)
        of_stem = [one for one in self._by_stem.get(stem, ()) if one not in leaving]
        pictures = [one for one in of_stem if is_picture(one)]
        shots = [p for p in pictures if (split(p)[1] in _RAW) != (ending in _RAW)]
        own = [*self._by_stem.get(name.lower(), ()), *self._shared.of(name)]
        sidecars = own if pictures else [*of_stem, *own]
        sidecars = [
            one
            for one in dict.fromkeys(sidecars)
            if one not in leaving and self._shared.owners(one) <= leaving
        ]
        return Company(
            tuple(one for one in sidecars if split(one)[1] in self._metadata),
            tuple(one for one in sidecars if split(one)[1] in _MEDIA),
            tuple(shots),
        )

    def counterparts(self, sidecar: bytes, kept: bytes) -> list[bytes]:
        """Return the sidecars of a kept file in this folder of the same kind as another one.

        Parameters
        ----------
        sidecar, kept : bytes
        """
        ending = split(sidecar)[1]
        company = self.company(kept)
        return [one for one in (*company.metadata, *company.media) if split(one)[1] == ending]
