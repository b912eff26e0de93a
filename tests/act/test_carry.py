"""What only a removed file or its sidecar says of a picture goes to a sidecar of the kept one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from imgsim.act.apply import apply
from imgsim.act.carry import xmp_sidecar
from imgsim.act.options import Sidecars
from imgsim.act.outcome import Removed
from imgsim.act.purge import purge
from imgsim.act.undo import undo
from imgsim.decode.metadata import Metadata, read_sidecar
from imgsim.decode.regions import read_regions
from imgsim.report.runs import applied_text, removal_text
from imgsim.types import Role

from .library import ALL, Trusting, do, files, plan_of, posix, reasons

SPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"'
    ' xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
    ' xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"'
    ' xmlns:MP="http://ns.microsoft.com/photo/1.2/"'
    ' xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"'
    ' xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/"'
)

CARRY = replace(ALL, carry_metadata=True)


def packet(rating: int = 0, *keywords: str, place: str = "") -> bytes:
    words = "".join(f"<rdf:li>{word}</rdf:li>" for word in keywords)
    stars = f"<xmp:Rating>{rating}</xmp:Rating>" if rating else ""
    where = f"<exif:GPSLatitude>{place}N</exif:GPSLatitude>" if place else ""
    where += f"<exif:GPSLongitude>{place}W</exif:GPSLongitude>" if place else ""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' xmlns:exif="http://ns.adobe.com/exif/1.0/">{stars}{where}'
        f"<dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


@pytest.mark.parametrize("name", ["a.xmp", "a.jpg.XMP"])
@pytest.mark.parametrize("sidecars", ["auto", "leave"])
def test_what_the_sidecar_of_a_removed_file_says_is_carried(
    root: Path, name: str, sidecars: Sidecars
) -> None:
    (root / "copies" / name).write_bytes(packet(4, "beach", "café", place="51,30.5"))
    (root / "keep/a.jpg").chmod(0o600)
    before = files(root)
    options = replace(CARRY, sidecars=sidecars)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    line = "keep/a.jpg.xmp  (sidecar, with what only copies/a.jpg says)\n"
    assert f"would write  {line}" in list(applied_text(apply(plan, options)))
    applied = do(plan, options)
    assert applied.complete
    assert f"wrote  {line}" in list(applied_text(applied))
    carried = read_sidecar((root / "keep/a.jpg.xmp").read_bytes())
    assert (carried.rating, carried.keywords) == (4, ("beach", "café"))
    assert (
        files(root)["keep/a.jpg.xmp"][2] == files(root)["keep/a.jpg"][2]
    )  # no more may read it than the picture
    assert carried.latitude == pytest.approx(51 + 30.5 / 60)
    assert undo().complete
    assert files(root) == before
    again = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options)
    assert purge(again.run).left == ()
    assert read_sidecar((root / "keep/a.jpg.xmp").read_bytes()).rating == 4


def test_a_sidecar_that_goes_with_one_file_is_read_for_another_of_its_name(root: Path) -> None:
    (root / "copies/a.png").write_bytes(b"other")
    (root / "keep/other.jpg").write_bytes(b"other")
    (root / "copies/a.xmp").write_bytes(packet(5))
    both = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    more = plan_of(root, "keep/other.jpg", "copies/a.png")
    assert do(replace(both, groups=(*both.groups, *more.groups)), CARRY).complete
    for name in ("a.jpg.xmp", "other.jpg.xmp"):
        assert read_sidecar((root / "keep" / name).read_bytes()).rating == 5


@posix
def test_a_folder_that_takes_no_sidecar_is_foreseen(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access

    def closed(path, mode, **more) -> bool:
        if more.get("dir_fd") and os.fstat(more["dir_fd"]).st_ino == (root / "keep").stat().st_ino:
            return False
        return real(path, mode, **more)

    (root / "copies/a.xmp").write_bytes(packet(4))
    monkeypatch.setattr(os, "access", closed)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    for applied in (apply(plan, CARRY), do(plan, CARRY)):
        assert reasons(applied) == {
            "copies/a.jpg": "metadata cannot be carried to the kept file: no permission to change"
            " its folder"
        }


CASES = {
    "the kept one has a sidecar": ({"keep/a.xmp": packet(2)}, ["copies/a.jpg"]),
    "its sidecar says the same": (
        {"keep/a.jpg.xmp": packet(4, "x", "beach")}, [],
    ),
    "the second says more than the first": (
        {"copies/b.xmp": packet(4, "lake")}, ["copies/b.jpg"],
    ),
    "the second says less than the first": ({"copies/b.xmp": packet(3)}, []),
    "the sidecar is a link": ({"copies/a.jpg.xmp": None}, ["copies/a.jpg"]),
}  # fmt: skip


@posix
@pytest.mark.parametrize("case", CASES)
def test_a_dry_run_foresees_what_cannot_be_carried(root: Path, case: str) -> None:
    more, held = CASES[case]
    (root / "copies/a.xmp").write_bytes(packet(4, "beach"))
    for name, content in more.items():
        if content is None:
            (root / name).symlink_to(root / "copies/a.xmp")
        else:
            (root / name).write_bytes(content)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")
    if case in ("the kept one has a sidecar", "its sidecar says the same"):
        plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    before = files(root)
    dry = apply(plan, CARRY)
    assert files(root) == before
    done = apply(plan, CARRY, yes=True, verifier=Trusting())
    assert [one.path for one in dry.removed] == [one.path for one in done.removed]
    assert reasons(dry) == reasons(done)
    assert list(reasons(done)) == held
    assert dry.complete == done.complete


def described(body: str) -> bytes:
    return f"<rdf:RDF {SPACES}><rdf:Description>{body}</rdf:Description></rdf:RDF>".encode()


def faces(**places: str) -> str:
    """Regions of people, as digiKam writes them."""
    items = "".join(
        f'<rdf:li><rdf:Description mwg-rs:Name="{name}" mwg-rs:Type="Face"><mwg-rs:Area'
        f' stArea:x="{x}" stArea:y="0.5" stArea:w="0.1" stArea:h="0.2" stArea:unit="normalized"/>'
        "</rdf:Description></rdf:li>"
        for name, x in places.items()
    )
    return (
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions stDim:w="64"'
        f' stDim:h="48" stDim:unit="pixel"/><mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag>'
        "</mwg-rs:RegionList></mwg-rs:Regions>"
    )


MICROSOFT = (
    "<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag><rdf:li><rdf:Description"
    ' MPReg:PersonDisplayName="Rosa &amp; co" MPReg:Rectangle="0.1, 0.2, 0.3, 0.4"/></rdf:li>'
    "</rdf:Bag></MPRI:Regions></rdf:Description></MP:RegionInfo>"
)
TEXTS = (
    "<dc:creator><rdf:Seq><rdf:li>Anna</rdf:li><rdf:li>Bo &lt;b@x.org&gt;</rdf:li></rdf:Seq>"
    "</dc:creator><dc:rights><rdf:Alt><rdf:li>(c) Anna\nAll rights</rdf:li></rdf:Alt></dc:rights>"
    "<dc:title>Lake</dc:title><dc:description>In the\nevening</dc:description>"
    "<exif:UserComment>Box 3</exif:UserComment>"
)


def test_people_author_copyright_description_and_comments_are_carried(root: Path, photo) -> None:
    photo(1).save(root / "keep/k.jpg", xmp=described(faces(Ida="0.7")))
    photo(1).save(
        root / "copies/k.jpg",
        xmp=described(TEXTS + faces(Ida="0.7", Rosa="0.25") + MICROSOFT),
        comment="negative 12",
    )
    (root / "copies/l.jpg").write_bytes((root / "copies/k.jpg").read_bytes())
    before = files(root)
    plan = plan_of(root, "keep/k.jpg", "copies/k.jpg", "copies/l.jpg", role="pixels")
    assert len(apply(plan, CARRY).removed) == 2
    assert do(plan, CARRY).complete  # the second one finds all of it beside the kept file
    written = (root / "keep/k.jpg.xmp").read_bytes()
    said = read_sidecar(written)
    assert said.people == ("Ida", "Rosa", "Rosa & co")
    assert (said.author, said.copyright) == ("Anna; Bo <b@x.org>", "(c) Anna\nAll rights")
    assert (said.title, said.description) == ("Lake", "In the\nevening")
    assert said.comments == ("negative 12\nBox 3",)
    regions = read_regions(b"", [written])
    assert regions is not None
    assert regions.size == ("64", "48", "pixel")
    assert regions.of_mwg == (
        ("Ida", "Face", "0.7", "0.5", "0.1", "0.2"),
        ("Rosa", "Face", "0.25", "0.5", "0.1", "0.2"),
    )
    assert regions.of_microsoft == (("Rosa & co", "0.1, 0.2, 0.3, 0.4"),)
    assert undo().complete
    assert files(root) == before


@pytest.mark.parametrize(
    ("role", "turned", "data", "why"),
    [
        ("smaller", 1, faces(Rosa="0.25"), ""),
        ("cropped", 1, faces(Rosa="0.25"), "places of people in the picture"),
        ("pixels", 3, faces(Rosa="0.25"), "places of people in the picture"),
        ("pixels", 1, faces(Rosa="0.25").replace(' stArea:w="0.1"', ""), "places of people in"),
        ("pixels", 1, f"<dc:description>{'long ' * 900}</dc:description>", "long description"),
    ],
)
def test_what_a_sidecar_cannot_hold_keeps_its_file_where_it_is(
    root: Path, photo, role: Role, turned: int, data: str, why: str
) -> None:
    photo(1).save(root / "keep/k.jpg")
    exif = Image.Exif()
    exif[0x0112] = turned
    photo(1).save(root / "copies/k.jpg", xmp=described(data), exif=exif)
    plan = plan_of(root, "keep/k.jpg", "copies/k.jpg", role=role)
    for applied in (apply(plan, CARRY), do(plan, CARRY)):
        assert applied.complete == (not why)
        assert (
            f"a sidecar cannot hold its {why}" in reasons(applied).get("copies/k.jpg", "")
            or not why
        )
    assert (root / "keep/k.jpg.xmp").exists() == (not why)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("title",), "title goes"),
        (("people",), "names of people go"),
        (("title", "comment"), "title, comment go"),
    ],
)
def test_one_thing_goes_and_several_go(names: tuple[str, ...], told: str) -> None:
    one = Removed(b"a", b"k.jpg", "pixels", 1, only_here=names, carried=True)
    assert f"note: its {told} beside k.jpg\n" in list(removal_text(one, "quarantine"))


def test_a_comment_that_is_a_line_of_another_is_not_carried_twice() -> None:
    assert xmp_sidecar(Metadata(comments=("one\ntwo",)), Metadata(comments=("two",))) is None
