"""Reads the properties of an XMP packet.

The packet is read as a stream: no document type and no entity is accepted, nothing is fetched, and
what was read before an error counts.

Source: ISO 16684-1 (XMP, part 1), clause 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from xml.parsers import expat

NAMESPACES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.2/": "MP",
    "http://ns.microsoft.com/photo/1.2/t/RegionInfo#": "MPRI",
    "http://ns.microsoft.com/photo/1.2/t/Region#": "MPReg",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://ns.adobe.com/xmp/sType/Area#": "stArea",
    "http://ns.adobe.com/xap/1.0/sType/Dimensions#": "stDim",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
}
"""Those whose properties are kept, and the usual prefix of each."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_WRAPPERS = (_RDF, "adobe:ns:meta/")
MAX_BYTES = 1 << 22
"""A longer packet is not read: depth maps and films lie in further packets."""

_MOST_VALUES = 4096
_MOST_CHARACTERS = 4096
_MOST_DEPTH = 64


class _Refused(Exception):
    """The packet holds what no XMP needs."""


def read_xmp(packet: bytes) -> Mapping[str, tuple[str, ...]]:
    """Read the values of all properties of known namespaces.

    Parameters
    ----------
    packet : bytes
        In UTF-8, UTF-16 or UTF-32.

    Returns
    -------
    mapping of str to tuple of str
        By the name with its usual prefix, as ``dc:title``; a field of a structure has the names of
        both, as ``xmpMM:DerivedFrom/stRef:documentID``. A list has several values.
    """
    packet = packet[: MAX_BYTES + 1].strip(b"\0 \r\n\t")
    if not packet or len(packet) > MAX_BYTES:
        return {}
    if not packet.startswith((b"\xff\xfe", b"\xfe\xff")) and packet[:2] in (b"<\0", b"\0<"):
        packet = packet.decode("utf-16-le" if packet[1] == 0 else "utf-16-be", "replace").encode()
    properties = _Properties()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = properties.start
    parser.EndElementHandler = properties.end
    parser.CharacterDataHandler = properties.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    with suppress(expat.ExpatError, _Refused, ValueError, LookupError):
        parser.Parse(packet, True)
    return {name: tuple(values) for name, values in properties.values.items()}


def _refuse(*declaration: object) -> None:
    raise _Refused


class _Properties:
    """Collects values while the elements of a packet pass by."""

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}
        self._names: list[str] = []
        self._texts: list[str] = []
        self._stored = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._names) >= _MOST_DEPTH:
            raise _Refused
        wrapper = name.startswith(_WRAPPERS)
        self._names.append("" if wrapper else _prefixed(name))
        self._texts.append("")
        for attribute, value in attributes.items():
            if " " in attribute and not attribute.startswith(_WRAPPERS):
                self._keep([*self._names, _prefixed(attribute)], value)

    def end(self, name: str) -> None:
        self._keep(self._names, self._texts.pop())
        self._names.pop()
        if self._texts:  # what lies around an element is no value
            self._texts[-1] = ""

    def text(self, text: str) -> None:
        if self._texts and len(self._texts[-1]) < _MOST_CHARACTERS:
            self._texts[-1] += text

    def _keep(self, names: list[str], value: str) -> None:
        path = "/".join(name for name in names if name)
        value = value.strip()[:_MOST_CHARACTERS]
        if not path or not value or "?" in path:
            return
        self._stored += 1
        if self._stored > _MOST_VALUES:
            raise _Refused
        self.values.setdefault(path, []).append(value)


def _prefixed(name: str) -> str:
    """The name with its usual prefix; ``?`` if the namespace is another."""
    namespace, _, local = name.rpartition(" ")
    prefix = NAMESPACES.get(namespace)
    return f"{prefix}:{local}" if prefix else "?"
