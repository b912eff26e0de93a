"""Writes what only a removed file says of its picture into an XMP sidecar of the kept one.

A file says what its own metadata say and what its XMP sidecars do, the sidecars first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from imgsim.act.file_names import split
from imgsim.act.files import FileSystem, Folder
from imgsim.act.walk import Different, OpenFile, folder_of, open_hashed
from imgsim.decode.metadata import Metadata, read_metadata, read_sidecar

CARRIED = ("date", "place", "rating", "title", "keywords")
"""What is carried of what `metadata.only_here` names."""

_PIECE = 1 << 20
_XMP = b".xmp"
_SPACES = (
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"',
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"',
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"',
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/"',
)


@dataclass(frozen=True, slots=True)
class Carried:
    """The content of a sidecar."""

    data: bytes

    @property
    def sha256(self) -> str:
        """Of the content, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def carried_metadata(
    fs: FileSystem,
    kept: OpenFile,
    kept_at: tuple[Folder, bytes],
    removed: OpenFile,
    packets: Iterable[bytes],
    written: Carried | None = None,
) -> Carried | None:
    """Return the sidecar that the kept file needs; None if nothing would be lost without.

    Parameters
    ----------
    fs : FileSystem
    kept, removed : OpenFile
    kept_at : tuple of (Folder, bytes)
        The open folder of the kept file, and its name there.
    packets : iterable of bytes
        The content of the removed file's XMP sidecars.
    written : Carried, optional
        What a dry run would have written beside the kept file by now.

    Raises
    ------
    Different
        The kept file has a sidecar, which would have to be changed.
    OSError
    """
    own = read_metadata(_content(fs, kept), history=False)
    theirs = _described(read_metadata(_content(fs, removed), history=False), packets)
    carried = xmp_sidecar(own, theirs)
    if carried is None:
        return None
    folder, name = kept_at
    wanted = {name.lower() + _XMP, split(name)[0] + _XMP}
    beside = [] if written is None else [written.data]
    for one in fs.names(folder):
        if one.lower() in wanted:
            beside.append(_content_of(fs, folder, one))
    if not beside:
        why = fs.why_not_to_write(folder)
        if why:
            raise Different(f"metadata cannot be carried to the kept file: {why}")
        return carried
    if xmp_sidecar(_described(own, beside), theirs) is None:
        return None  # the sidecars say it already
    raise Different("the kept file has a sidecar: metadata cannot be carried")


def content_below(fs: FileSystem, root: Folder, path: bytes) -> bytes:
    """Return the content of a file below the root.

    Raises
    ------
    Different
        It is no regular file.
    OSError
    """
    with folder_of(fs, root, path) as (folder, name):
        return _content_of(fs, folder, name)


def _content_of(fs: FileSystem, folder: Folder, name: bytes) -> bytes:
    opened = open_hashed(fs, folder, name)
    try:
        return _content(fs, opened)
    finally:
        opened.close()


def _described(own: Metadata, packets: Iterable[bytes]) -> Metadata:
    """What a file and its sidecars say."""
    for packet in packets:
        own = _joined(read_sidecar(packet), own)
    return own


def _joined(first: Metadata, second: Metadata) -> Metadata:
    """What two descriptions of a picture say; where both do, the first one's."""
    place = first if first.place else second
    return replace(
        second,
        date_taken=first.date_taken or second.date_taken,
        rating=second.rating if first.rating is None else first.rating,
        title=first.title or second.title,
        keywords=tuple(dict.fromkeys((*first.keywords, *second.keywords))),
        place=place.place,
        latitude=place.latitude,
        longitude=place.longitude,
    )


def _content(fs: FileSystem, opened: OpenFile) -> bytes:
    fs.rewind(opened.file)
    parts = []
    while piece := fs.read(opened.file, _PIECE):
        parts.append(piece)
    return b"".join(parts)


def xmp_sidecar(kept: Metadata, removed: Metadata) -> Carried | None:
    """Return an XMP packet with what `removed` says and `kept` does not; None if nothing.

    Parameters
    ----------
    kept, removed : Metadata
    """
    lines: list[str] = []
    if removed.date_taken and not kept.date_taken:
        lines.append(f"<exif:DateTimeOriginal>{escape(removed.date_taken)}</exif:DateTimeOriginal>")
    if removed.rating is not None and kept.rating is None:
        lines.append(f"<xmp:Rating>{removed.rating}</xmp:Rating>")
    if removed.title and not kept.title:
        text = f'<rdf:li xml:lang="x-default">{escape(removed.title)}</rdf:li>'
        lines.append(f"<dc:title><rdf:Alt>{text}</rdf:Alt></dc:title>")
    new = [word for word in removed.keywords if word not in kept.keywords]
    if new:
        # all of them: a sidecar's list stands for the picture's own
        items = "".join(f"<rdf:li>{escape(word)}</rdf:li>" for word in (*kept.keywords, *new))
        lines.append(f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>")
    if not kept.place and removed.latitude is not None and removed.longitude is not None:
        latitude = _coordinate(removed.latitude, "NS")
        longitude = _coordinate(removed.longitude, "EW")
        lines.append(f"<exif:GPSLatitude>{latitude}</exif:GPSLatitude>")
        lines.append(f"<exif:GPSLongitude>{longitude}</exif:GPSLongitude>")
    if not lines:
        return None
    body = "\n   ".join(lines)
    text = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="imgsim">\n <rdf:RDF'
        f'{"".join(_SPACES)}>\n  <rdf:Description rdf:about="">\n   {body}\n'
        '  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>\n'
    )
    return Carried(text.encode())


def _coordinate(degrees: float, letters: str) -> str:
    """Degrees as XMP has them: whole ones, and minutes with their fraction."""
    letter = letters[0] if degrees >= 0 else letters[1]
    whole, part = divmod(abs(degrees), 1)
    return f"{int(whole)},{part * 60:.6f}{letter}"
