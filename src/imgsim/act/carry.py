"""Writes what only a removed file says of its picture into an XMP sidecar of the kept one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from xml.sax.saxutils import escape

from imgsim.act.files import FileSystem
from imgsim.act.walk import OpenFile
from imgsim.decode.metadata import Metadata, read_metadata

_PIECE = 1 << 20
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


def sidecar_of_metadata(fs: FileSystem, kept: OpenFile, removed: OpenFile) -> Carried | None:
    """Return a sidecar with what only the removed file says; None if that is nothing.

    Parameters
    ----------
    fs : FileSystem
    kept, removed : OpenFile
    """
    return xmp_sidecar(read_metadata(_content(fs, kept)), read_metadata(_content(fs, removed)))


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
