"""Writes what only a removed file says of its picture into an XMP sidecar of the kept one.

A file says what its own metadata say and what its XMP sidecars do, the sidecars first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from imgsim.act.file_names import split
from imgsim.act.files import FileSystem, Folder
from imgsim.act.walk import Different, OpenFile, folder_of, open_hashed
from imgsim.decode.metadata import ONLY_HERE, Metadata, only_here, read_metadata, read_sidecar
from imgsim.decode.metadata_fields import MOST_CHARACTERS, MOST_LINES, MOST_VALUES
from imgsim.decode.regions import Regions, read_regions

CARRIED = (
    "date", "place", "rating", "title", "description", "keywords", "people", "author",
    "copyright", "comment",
)  # fmt: skip
"""What is carried of what `metadata.only_here` names."""

SAME_VIEW = frozenset(("exact", "pixels", "reencoded", "smaller", "enlarged"))
"""Roles of files in which everything is where it is in the kept one."""

_PIECE = 1 << 20
_XMP = b".xmp"
_SPACES = (
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"',
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"',
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"',
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/"',
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"',
    ' xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"',
    ' xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"',
    ' xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"',
    ' xmlns:MP="http://ns.microsoft.com/photo/1.2/"',
    ' xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"',
    ' xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"',
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
    *,
    same_view: bool = True,
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
    same_view : bool
        Both files show the same part of the picture, so that people are in the same places.

    Raises
    ------
    Different
        The kept file has a sidecar, which would have to be changed; or a sidecar cannot hold what
        would be lost.
    OSError
    """
    packets = tuple(packets)
    contents = [_content(fs, kept), _content(fs, removed)]
    own = read_metadata(contents[0], history=False)
    theirs = _described(read_metadata(contents[1], history=False), packets)
    people = set(theirs.people) - set(own.people)
    regions = _regions(contents[0], contents[1], packets, people, same_view) if people else None
    others = [ONLY_HERE[name] for name in only_here(own, theirs) if name not in CARRIED]
    others += [] if regions or not people else ["places of people in the picture"]
    others += _too_long(own, theirs)
    if others:
        raise Different(
            f"a sidecar cannot hold its {', '.join(others)} (without --carry-metadata it goes)"
        )
    carried = xmp_sidecar(own, theirs, regions)
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
    if _says(beside, regions) and xmp_sidecar(_described(own, beside), theirs) is None:
        return None  # the sidecars say it already
    raise Different("the kept file has a sidecar: metadata cannot be carried")


def _regions(
    kept: bytes, removed: bytes, packets: Sequence[bytes], people: Set[str], same_view: bool
) -> Regions | None:
    """Where the people are of whom only the removed file tells; None if that cannot be carried."""
    theirs = read_regions(removed, packets)
    own = read_regions(kept)
    if theirs is None or own is None:
        return None
    new = theirs.of(people)
    if not new.rows:
        return Regions(own.orientation)
    if not same_view or own.orientation is None or own.orientation != new.orientation:
        return None
    return own.and_of(new)


def _says(beside: Sequence[bytes], regions: Regions | None) -> bool:
    """Whether one of some sidecars has all of the regions."""
    if regions is None or not regions.rows:
        return True
    known = [read_regions(b"", [packet]) for packet in beside]
    return any(one is not None and set(regions.rows) <= set(one.rows) for one in known)


def _too_long(kept: Metadata, removed: Metadata) -> list[str]:
    """What of a removed file was not read to its end, and the kept file does not have."""
    limits = {
        "title": MOST_CHARACTERS, "description": MOST_LINES, "keywords": MOST_VALUES,
        "people": MOST_VALUES, "author": MOST_CHARACTERS, "copyright": MOST_LINES,
    }  # fmt: skip
    lacking = only_here(kept, removed)
    names = [
        name
        for name, most in limits.items()
        if name in lacking and len(getattr(removed, name)) >= most
    ]
    if "comment" in lacking and any(len(text) >= MOST_LINES for text in removed.comments):
        names.append("comment")
    return [f"long {ONLY_HERE[name]}" for name in names]


def sidecar_of(path: bytes) -> bytes:
    """Return the path of the sidecar that is written for a file."""
    return path + _XMP


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
        description=first.description or second.description,
        keywords=_both(first.keywords, second.keywords),
        people=_both(first.people, second.people),
        author=first.author or second.author,
        copyright=first.copyright or second.copyright,
        comments=_both(first.comments, second.comments),
        place=place.place,
        latitude=place.latitude,
        longitude=place.longitude,
    )


def _both(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _content(fs: FileSystem, opened: OpenFile) -> bytes:
    fs.rewind(opened.file)
    parts = []
    while piece := fs.read(opened.file, _PIECE):
        parts.append(piece)
    return b"".join(parts)


def xmp_sidecar(
    kept: Metadata, removed: Metadata, regions: Regions | None = None
) -> Carried | None:
    """Return an XMP packet with what `removed` says and `kept` does not; None if nothing.

    Parameters
    ----------
    kept, removed : Metadata
    regions : Regions, optional
        Where those people are of whom only `removed` tells, and those of `kept`.
    """
    lacking = only_here(kept, removed)
    lines: list[str] = []
    if removed.date_taken and not kept.date_taken:
        lines.append(f"<exif:DateTimeOriginal>{escape(removed.date_taken)}</exif:DateTimeOriginal>")
    if removed.rating is not None and kept.rating is None:
        lines.append(f"<xmp:Rating>{removed.rating}</xmp:Rating>")
    for name, tag in (("title", "title"), ("description", "description"), ("copyright", "rights")):
        if name in lacking:
            lines.append(_text(f"dc:{tag}", getattr(removed, name)))
    if "author" in lacking:
        lines.append(_list("dc:creator", "Seq", removed.author.split("; ")))
    # all of them: a sidecar's list stands for the picture's own
    if "keywords" in lacking:
        lines.append(_list("dc:subject", "Bag", _both(kept.keywords, removed.keywords)))
    if "people" in lacking:
        people = _both(kept.people, removed.people)
        lines.append(_list("Iptc4xmpExt:PersonInImage", "Bag", people))
        lines += regions.xmp() if regions else ()
    known = {line for comment in kept.comments for line in comment.split("\n")}
    new = [comment for comment in removed.comments if not known.issuperset(comment.split("\n"))]
    if new:
        lines.append(_text("exif:UserComment", "\n".join((*kept.comments, *new))))
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


def _text(tag: str, text: str) -> str:
    item = f'<rdf:li xml:lang="x-default">{escape(text)}</rdf:li>'
    return f"<{tag}><rdf:Alt>{item}</rdf:Alt></{tag}>"


def _list(tag: str, kind: str, texts: Iterable[str]) -> str:
    items = "".join(f"<rdf:li>{escape(text)}</rdf:li>" for text in texts)
    return f"<{tag}><rdf:{kind}>{items}</rdf:{kind}></{tag}>"


def _coordinate(degrees: float, letters: str) -> str:
    """Degrees as XMP has them: whole ones, and minutes with their fraction."""
    letter = letters[0] if degrees >= 0 else letters[1]
    whole, part = divmod(abs(degrees), 1)
    return f"{int(whole)},{part * 60:.6f}{letter}"
