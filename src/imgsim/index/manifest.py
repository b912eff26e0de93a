"""The manifest of an index: which segments are valid. It is replaced as a whole."""

from __future__ import annotations

import base64
import json
import os
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgsim.addresses import printable
from imgsim.comparators.local import LAYOUT, LocalFeatures
from imgsim.decode.decoder import decoder_id
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError
from imgsim.folders import sync_folder
from imgsim.types import ImageFacts

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    _T = TypeVar("_T", bound=DataclassInstance)

NAME = "manifest.json"
FORMAT = "imgsim-index"
VERSION = 4
"""Of the files of an index; a program reads no later one."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a segment: where it lies in the file, its bytes, and their CRC-32."""

    offset: int
    size_bytes: int
    crc: int


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment, as the manifest has it.

    Attributes
    ----------
    name : str
        Of its file, in the folder of the index.
    size_bytes : int
    contents, files : int
        How many it has, those that were removed among them.
    sections : dict of str to Section
    removed : str
        Which of its files were removed: bits, compressed, in base64. Empty if none was.
    """

    name: str
    size_bytes: int
    contents: int
    files: int
    sections: dict[str, Section]
    removed: str = ""

    def removed_files(self) -> NDArray[np.bool_]:
        """Which of its files were removed, ndarray of bool, shape (files,)."""
        if not self.removed:
            return np.zeros(self.files, np.bool_)
        most = -(-self.files // 8)
        packed = zlib.decompressobj().decompress(base64.b64decode(self.removed), most)
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=self.files)
        return bits.astype(np.bool_)

    def with_removed(self, removed: NDArray[np.bool_]) -> SegmentEntry:
        """The same with other files removed.

        Parameters
        ----------
        removed : ndarray of bool, shape (files,)
        """
        text = ""
        if removed.any():
            text = base64.b64encode(zlib.compress(np.packbits(removed).tobytes())).decode()
        return SegmentEntry(
            self.name, self.size_bytes, self.contents, self.files, self.sections, text
        )


@dataclass(frozen=True, slots=True)
class Maker:
    """By what the rows of an index were made.

    Attributes
    ----------
    extractor : str
        Its name.
    extractor_version, row_bytes : int
    facts : str
        The fields of `ImageFacts`.
    decode : str
        See `DecodeMode`.
    decoder : str
        See `decoder_id`.
    """

    extractor: str
    extractor_version: int
    row_bytes: int
    facts: str
    decode: str
    decoder: str

    @classmethod
    def own(cls, decode: DecodeMode) -> Maker:
        """What this program makes them by."""
        facts = " ".join(field.name for field in fields(ImageFacts))
        own = LocalFeatures()
        return cls(own.name, own.version, LAYOUT.itemsize, facts, decode.value, decoder_id(decode))

    @property
    def decoder_version(self) -> int:
        """The number that the decoder's own part of its name has."""
        return int(self.decoder.split()[1])


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index holds.

    Attributes
    ----------
    maker : Maker
    segments : tuple of SegmentEntry
    generation : int
        Rises with every change.
    """

    maker: Maker
    segments: tuple[SegmentEntry, ...] = ()
    generation: int = 0


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an index.

    Raises
    ------
    UsageError
        There is none, it is damaged, or a later version of imgsim wrote it.
    """
    try:
        text = (folder / NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"no index at {shown(folder)}", "imgsim index build makes one: check the spelling"
        ) from None
    except OSError as error:
        if (folder / NAME).is_dir():
            raise damaged(folder / NAME, "it is a folder") from None
        raise UsageError(
            f"cannot read {shown(folder / NAME)}: {error.strerror}", "check its permissions"
        ) from None
    try:
        whole = json.loads(text)
        if whole["format"] != FORMAT:
            raise ValueError
        version = int(whole["version"])
        if version > VERSION:
            raise UsageError(
                f"{shown(folder)} was written by a later imgsim (index format {version})",
                "update imgsim",
            )
        if version < VERSION:
            raise UsageError(
                f"{shown(folder)} was written by an earlier imgsim (index format {version})",
                build_again(folder),
            )
        body = whole["body"]
        if whole["crc"] != _crc(body):
            raise ValueError
        maker = _as_declared(Maker(**body["maker"]))
        DecodeMode(maker.decode), maker.decoder_version  # raise where these are none
        segments = tuple(_entry(one) for one in body["segments"])
        return _as_declared(Manifest(maker, segments, body["generation"]))
    except (
        ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError,
        ValueError, zlib.error,
    ):  # fmt: skip
        raise damaged(folder / NAME, "it is cut short, or was changed") from None


def _entry(one: dict[str, Any]) -> SegmentEntry:
    sections = {name: _as_declared(Section(**section)) for name, section in one["sections"].items()}
    entry = _as_declared(SegmentEntry(**{**one, "sections": sections}))
    if os.path.basename(entry.name) != entry.name:
        raise ValueError  # a file elsewhere
    entry.removed_files()  # raises where that is no text of bits
    return entry


def _as_declared(one: _T) -> _T:
    """Return a record, or raise TypeError where a number or text of it is none.

    None of the numbers is negative.
    """
    for field in fields(one):
        value = getattr(one, field.name)
        if field.type == "int" and not (type(value) is int and 0 <= value < 1 << 62):
            raise TypeError
        if field.type == "str" and type(value) is not str:
            raise TypeError
    return one


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the one that is there: readers see one or the other.

    Raises
    ------
    OSError
    """
    body = asdict(manifest)
    whole = {"format": FORMAT, "version": VERSION, "crc": _crc(body), "body": body}
    part = folder / f"{NAME}.part"
    with part.open("wb") as stream:
        stream.write(json.dumps(whole).encode())
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, folder / NAME)
    sync_folder(folder)


def _crc(body: Any) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())


def shown(path: Path) -> str:
    """Return a path as messages show it."""
    return printable(os.fspath(path))


def build_again(folder: Path) -> str:
    """Return the hint where nothing but a new index helps."""
    return f"delete the folder, then imgsim index build {shown(folder)} PATH..."


def read_again(folder: Path) -> str:
    """Return the hint where the list of files of an index is whole."""
    return f"imgsim index upgrade {shown(folder)} reads the files again"


def damaged(path: Path, what: str, *, files_known: bool = False) -> UsageError:
    """Return the error of a file of an index that is not as it was written.

    Parameters
    ----------
    path : Path
    what : str
    files_known : bool
        Which files were indexed can still be read.
    """
    hint = read_again(path.parent) if files_known else build_again(path.parent)
    return UsageError(f"{shown(path)} is damaged: {what}", hint)


def check_maker(folder: Path, manifest: Manifest, decode: DecodeMode | None) -> None:
    """Refuse an index whose rows are not as this program makes them.

    The packages that decode may be others.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
    decode : DecodeMode or None
        None where nothing is decoded.

    Raises
    ------
    UsageError
    """
    check_not_later(folder, manifest)
    if is_outdated(manifest):
        raise UsageError(
            f"the features in {shown(folder)} are of an earlier imgsim",
            read_again(folder),
        )
    made = manifest.maker
    if decode is not None and made.decode != decode.value:
        raise UsageError(
            f"{shown(folder)} was built with --decode {made.decode}, not {decode.value}",
            f"add --decode {made.decode}",
        )


def check_not_later(folder: Path, manifest: Manifest) -> None:
    """Refuse an index with rows of another method, or of a later version of imgsim.

    Raises
    ------
    UsageError
    """
    made = manifest.maker
    own = Maker.own(DecodeMode(made.decode))
    if made.extractor != own.extractor:
        raise UsageError(
            f"{shown(folder)} holds features of another method: {made.extractor}",
            build_again(folder),
        )
    if made.extractor_version > own.extractor_version or made.decoder_version > own.decoder_version:
        raise UsageError(f"the features in {shown(folder)} are of a later imgsim", "update imgsim")


def is_outdated(manifest: Manifest) -> bool:
    """Whether an earlier version of imgsim made the rows of an index."""
    made = manifest.maker
    own = Maker.own(DecodeMode(made.decode))
    return (made.extractor_version, made.decoder_version, made.facts, made.row_bytes) != (
        own.extractor_version,
        own.decoder_version,
        own.facts,
        own.row_bytes,
    )
