"""Reads where in a picture people are: the regions of the MWG, and those of Microsoft.

Sources: the guidelines of the Metadata Working Group, version 2.0, clause 5.9; Microsoft's People
Tagging Overview.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from imgsim.decode.exif import read_exif
from imgsim.decode.metadata_blocks import metadata_blocks
from imgsim.decode.metadata_fields import clean_text
from imgsim.decode.xmp import read_xmp

_ORIENTATION = 0x0112
_TURNED_OTHERWISE = (b"ftyp", b"JXL ", b"jP  ")
"""What stands at the beginning of formats that say in another way how a picture is turned."""

_MWG = "mwg-rs:Regions/"
_LIST = f"{_MWG}mwg-rs:RegionList/"
_AREA = f"{_LIST}mwg-rs:Area/stArea:"
_MICROSOFT = "MP:RegionInfo/MPRI:Regions/MPReg:"


@dataclass(frozen=True, slots=True)
class Regions:
    """The named regions of a picture. Places are as the file has them.

    Attributes
    ----------
    orientation : int or None
        Of EXIF, by which a picture is turned; None where the format has another way to say it.
    size : tuple of str
        Width, height and unit of the picture in which the MWG's regions lie; empty without one.
    of_mwg : tuple of (str, str, str, str, str, str)
        Name, type, centre, width and height of each, as shares of the picture.
    of_microsoft : tuple of (str, str)
        Name and rectangle.
    """

    orientation: int | None
    size: tuple[str, ...] = ()
    of_mwg: tuple[tuple[str, ...], ...] = ()
    of_microsoft: tuple[tuple[str, ...], ...] = ()

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """All of them."""
        return (*self.of_mwg, *self.of_microsoft)

    def of(self, names: Iterable[str]) -> Regions:
        """Return those of some people."""
        known = frozenset(map(clean_text, names))
        kept = [
            tuple(row for row in rows if clean_text(row[0]) in known)
            for rows in (self.of_mwg, self.of_microsoft)
        ]
        return Regions(self.orientation, self.size, *kept)

    def and_of(self, other: Regions) -> Regions:
        """Return these and those of another file, of an equal picture."""
        return Regions(
            self.orientation,
            self.size or other.size,
            (*self.of_mwg, *other.of_mwg),
            (*self.of_microsoft, *other.of_microsoft),
        )

    def xmp(self) -> Sequence[str]:
        """Return the elements that describe them in an XMP packet."""
        return [*self._xmp_of_mwg(), *self._xmp_of_microsoft()]

    def _xmp_of_mwg(self) -> Iterable[str]:
        if not self.of_mwg:
            return
        yield '<mwg-rs:Regions rdf:parseType="Resource">'
        if self.size:
            size = _attributes(("stDim:w", "stDim:h", "stDim:unit"), self.size)
            yield f" <mwg-rs:AppliedToDimensions{size}/>"
        yield " <mwg-rs:RegionList><rdf:Bag>"
        for name, kind, *area in self.of_mwg:
            named = _attributes(("mwg-rs:Name", "mwg-rs:Type"), (name, kind))
            sides = ("stArea:x", "stArea:y", "stArea:w", "stArea:h", "stArea:unit")
            where = _attributes(sides, (*area, "normalized"))
            yield f"  <rdf:li><rdf:Description{named}>"
            yield f"   <mwg-rs:Area{where}/></rdf:Description></rdf:li>"
        yield " </rdf:Bag></mwg-rs:RegionList>"
        yield "</mwg-rs:Regions>"

    def _xmp_of_microsoft(self) -> Iterable[str]:
        if not self.of_microsoft:
            return
        yield '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>'
        for row in self.of_microsoft:
            named = _attributes(("MPReg:PersonDisplayName", "MPReg:Rectangle"), row)
            yield f" <rdf:li><rdf:Description{named}/></rdf:li>"
        yield "</rdf:Bag></MPRI:Regions></MP:RegionInfo>"


def _attributes(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = zip(names, values, strict=True)
    return "".join(f" {name}={quoteattr(value)}" for name, value in pairs)


def read_regions(data: bytes, packets: Iterable[bytes] = ()) -> Regions | None:
    """Read the regions of a picture; None if not all of them can be read.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    packets : iterable of bytes
        Its XMP sidecars. What they say of a person comes before what the file does.
    """
    orientation: int | None = None if data[4:8] in _TURNED_OTHERWISE else 1
    own: list[bytes] = []
    with suppress(ValueError, IndexError, OverflowError, RecursionError):
        for kind, content in metadata_blocks(data):
            if kind == "xmp":
                own.append(content)
            elif kind == "exif" and orientation is not None:
                value = read_exif(content).first.get(_ORIENTATION)
                orientation = value[0] if isinstance(value, tuple) else orientation
    regions = Regions(orientation)
    for packet in (*packets, *own):
        more = _regions(read_xmp(packet), orientation)
        if more is None:
            return None
        known = {name for name, *_ in regions.rows}
        regions = regions.and_of(more.of(name for name, *_ in more.rows if name not in known))
    return regions


def _regions(xmp: Mapping[str, tuple[str, ...]], orientation: int | None) -> Regions | None:
    names = xmp.get(f"{_LIST}mwg-rs:Name", ())
    kinds = xmp.get(f"{_LIST}mwg-rs:Type", ()) or ("Face",) * len(names)
    sides = [xmp.get(_AREA + side, ()) for side in "xywh"]
    units = xmp.get(f"{_AREA}unit", ())
    others = [xmp.get(_MICROSOFT + name, ()) for name in ("PersonDisplayName", "Rectangle")]
    size = [xmp.get(f"{_MWG}mwg-rs:AppliedToDimensions/stDim:{s}", ()) for s in ("w", "h", "unit")]
    # a value that is missing somewhere would move all behind it to the next region
    if {*units} - {"normalized"} or f"{_AREA}d" in xmp:
        return None
    try:
        of_mwg = tuple(zip(names, kinds, *sides, strict=True)) if any(sides) else ()
        of_microsoft = tuple(zip(*others, strict=True)) if others[1] else ()
    except ValueError:
        return None
    whole = all(len(values) == 1 for values in size)
    return Regions(
        orientation, tuple(values[0] for values in size) if whole else (), of_mwg, of_microsoft
    )
