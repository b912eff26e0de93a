"""What only a removed file or its sidecar says of a picture goes to a sidecar of the kept one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from imgsim.act.apply import apply
from imgsim.act.options import Sidecars
from imgsim.act.purge import purge
from imgsim.act.undo import undo
from imgsim.decode.metadata import read_sidecar

from .library import ALL, Trusting, do, files, plan_of, posix, reasons

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
    applied = do(plan_of(root, "keep/a.jpg", "copies/a.jpg"), options)
    assert applied.complete
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
