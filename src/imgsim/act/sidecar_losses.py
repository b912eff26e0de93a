"""Finds the sidecars that go along with a removed file and hold what the kept file lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.parsers import expat

from imgsim.act.carry import content_below
from imgsim.act.file_names import is_xmp
from imgsim.act.files import FileSystem
from imgsim.act.listings import Listings, join_path, split_path
from imgsim.act.plan import Plan
from imgsim.act.systems import this_file_system
from imgsim.act.walk import Different
from imgsim.decode.metadata import Metadata, read_metadata, read_sidecar

LACKS = "holds what the kept file lacks"
DIFFERS = "differs from that of the kept file"
CONTRADICTS = "says otherwise than the kept file, or another sidecar that is carried to it"
NOT_CARRIED = "holds what --carry-metadata cannot carry"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_XMP = "http://ns.adobe.com/xap/1.0/ "
_EXIF = "http://ns.adobe.com/exif/1.0/ "
_DC = "http://purl.org/dc/elements/1.1/ "
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ "
_CARRIED = frozenset(
    (f"{_EXIF}DateTimeOriginal", f"{_EXIF}GPSLatitude", f"{_EXIF}GPSLongitude", f"{_XMP}Rating",
     f"{_DC}title", f"{_DC}subject", f"{_DC}description", f"{_DC}creator", f"{_DC}rights",
     f"{_IPTC}PersonInImage", f"{_EXIF}UserComment")
)  # fmt: skip
_BY_LANGUAGE = frozenset(
    (f"{_DC}title", f"{_DC}description", f"{_DC}rights", f"{_EXIF}UserComment")
)
_OF_THE_PACKET = frozenset((f"{_XMP}MetadataDate", f"{_XMP}ModifyDate", f"{_XMP}CreatorTool"))
"""Properties that tell of the sidecar itself: who wrote it, and when."""

_SECONDS = 19
"""Characters of a date up to its seconds: fractions and time zones are written or not."""
_NEAR = 1e-4
"""Degrees, some 10 m: EXIF and XMP round otherwise."""


@dataclass(frozen=True, slots=True)
class SidecarLoss:
    """A sidecar whose content is nowhere else once it is deleted.

    Attributes
    ----------
    path : bytes
        Below the root.
    why : str
        What it has to the kept file, as the rest of a sentence.
    """

    path: bytes
    why: str


def sidecar_losses(
    listings: Listings,
    sidecars: Iterable[bytes],
    kept: bytes,
    *,
    carry: bool = False,
    before: Sequence[bytes] = (),
) -> tuple[SidecarLoss, ...]:
    """Return those of some sidecars that have no equal one beside the kept file.

    Parameters
    ----------
    listings : Listings
    sidecars : iterable of bytes
        Their paths below the root.
    kept : bytes
        The path of the file that is kept.
    carry : bool
        Metadata are carried to the kept file: what is carried in full is no loss.
    before : sequence of bytes
        XMP sidecars that are carried to the kept file before.
    """
    losses = []
    for path in sidecars:
        if listings.kept_has(path, kept):
            continue
        why = LACKS
        try:
            if listings.counterparts(path, kept):
                why = DIFFERS
            elif carry:
                why = _not_carried(listings, path, (kept, *before))
        except (OSError, Different):
            why = LACKS
        if why:
            losses.append(SidecarLoss(path, why))
    return tuple(losses)


def losses_of_plan(
    plan: Plan, fs: FileSystem | None = None
) -> dict[bytes, tuple[SidecarLoss, ...]]:
    """Return what a plan's chosen removals would lose by their sidecars, by the removed path.

    A folder that cannot be read is passed over, and nothing is said where the root is gone.

    Parameters
    ----------
    plan : Plan
    fs : FileSystem, optional
    """
    fs = fs or this_file_system()
    pairs = [(group.keep.path, one.file.path) for group, one in plan.removals if one.chosen]
    going: dict[bytes, set[bytes]] = defaultdict(set)
    for _, path in pairs:
        folder, name = split_path(path)
        going[folder].add(name)
    losses: dict[bytes, tuple[SidecarLoss, ...]] = {}
    try:
        root = fs.open_root(plan.root)
    except OSError:
        return losses
    try:
        listings = Listings(fs, root)
        for kept, path in pairs:
            folder, name = split_path(path)
            try:
                company = listings.names_in(folder).company(name, going[folder])
            except OSError:
                continue
            sidecars = [join_path(folder, one) for one in company.metadata]
            if some := sidecar_losses(listings, sidecars, kept):
                losses[path] = some
    finally:
        fs.leave(root)
    return losses


def _not_carried(listings: Listings, path: bytes, first: Sequence[bytes]) -> str:
    """Why a sidecar is not carried in full, as the kept file and others come first; else empty."""
    if not is_xmp(path):
        return NOT_CARRIED
    packet = content_below(listings.fs, listings.root, path)
    names = _properties(packet)
    if names is None or not names <= _CARRIED | _OF_THE_PACKET:
        return NOT_CARRIED
    said = read_sidecar(packet)
    for other in first:
        data = content_below(listings.fs, listings.root, other)
        known = read_sidecar(data) if is_xmp(other) else read_metadata(data, history=False)
        if _contradict(said, known):
            return CONTRADICTS
    return ""


def _contradict(one: Metadata, other: Metadata) -> bool:
    """Whether both have a title, author, rating, date or the like, and not the same."""
    pairs: list[tuple[object, object]] = [
        (one.title or None, other.title or None),
        (one.description or None, other.description or None),
        (one.author or None, other.author or None),
        (one.copyright or None, other.copyright or None),
        (one.rating, other.rating),
        ((one.date_taken or "")[:_SECONDS] or None, (other.date_taken or "")[:_SECONDS] or None),
    ]
    degrees = [(one.latitude, other.latitude), (one.longitude, other.longitude)]
    if any(None not in pair and abs(pair[0] - pair[1]) > _NEAR for pair in degrees):  # type: ignore[operator]
        return True
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)


def _properties(packet: bytes) -> set[str] | None:
    """The names of a packet's properties, with their namespaces; None if there are none to read."""
    names: set[str] = set()
    above: list[str] = []
    texts: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if above and above[-1] == f"{_RDF}Description":
            names.add(name)
        if name == f"{_RDF}li" and above[-2:-1] and above[-2] in _BY_LANGUAGE:
            texts.append(above[-2])
        if name == f"{_RDF}Description":
            names.update(one for one in attributes if not one.startswith(_RDF))
        above.append(name)

    def end(name: str) -> None:
        above.pop()

    def refuse(*declaration: object) -> None:
        raise ValueError

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(packet.strip(b"\0 \r\n\t"), True)
    except (expat.ExpatError, ValueError, LookupError):
        return None
    if len(texts) > len(set(texts)):  # one language is carried
        names.add("further languages")
    return names or None
