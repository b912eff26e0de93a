"""That a sidecar which goes along with what only it holds is named, before and after."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from imgsim.act.apply import apply
from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Applied
from imgsim.act.sidecar_losses import CONTRADICTS, DIFFERS, LACKS, NOT_CARRIED, losses_of_plan
from imgsim.report.plans import plan_text
from imgsim.report.runs import applied_summary, applied_text

from .library import ALL, Trusting, plan_of
from .test_carry import packet

CARRY = replace(ALL, carry_metadata=True)
DEVELOPED = packet(3).replace(
    b"</rdf:Description>",
    b'<c:Exposure2012 xmlns:c="http://ns.adobe.com/camera-raw-settings/1.0/">+1.5'
    b"</c:Exposure2012></rdf:Description>",
)
TITLES = packet(3).replace(
    b"</rdf:Description>",
    b"<dc:title><rdf:Alt><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Alt></dc:title>"
    b"</rdf:Description>",
)


def losses(applied: Applied) -> dict[str, str]:
    return {os.fsdecode(loss.path): loss.why for one in applied.removed for loss in one.losses}


@pytest.mark.parametrize(
    ("name", "data", "kept", "options", "why"),
    [
        ("a.xmp", packet(4), None, ALL, LACKS),
        ("a.aae", b"edits", None, ALL, LACKS),
        ("a.jpg.json", b"{}", None, ALL, LACKS),
        ("a.xmp", packet(4), packet(4), ALL, ""),
        ("a.xmp", packet(4), packet(2), ALL, DIFFERS),
        ("a.xmp", packet(4, "sea"), None, CARRY, ""),
        ("a.xmp", DEVELOPED, None, CARRY, NOT_CARRIED),
        ("a.xmp", packet(4)[:-20], None, CARRY, NOT_CARRIED),
        ("a.xmp", TITLES, None, CARRY, NOT_CARRIED),
        ("a.xmp", b"<other/>", None, CARRY, NOT_CARRIED),
        ("a.jpg.json", b"{}", None, CARRY, NOT_CARRIED),
    ],
)
def test_a_sidecar_that_only_the_removed_file_has_is_named(
    root: Path, name: str, data: bytes, kept: bytes | None, options: ApplyOptions, why: str
) -> None:
    (root / "copies" / name).write_bytes(data)
    if kept is not None:
        (root / "keep" / name).write_bytes(kept)
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    shown = "".join(plan_text(plan, losses_of_plan(plan)))
    dry = apply(plan, options)
    done = apply(plan, options, yes=True, verifier=Trusting())
    path = f"copies/{name}"
    for applied in (dry, done):
        assert [os.fsdecode(one) for one in applied.removed[0].sidecars] == [path]
        assert losses(applied) == ({path: why} if why else {})
        note = f"note: the sidecar {path} {why}\n"
        assert (note in "".join(applied_text(applied))) == bool(why)
        summary = "\n".join(applied_summary(applied))
        assert ("1 sidecar that goes along has no equal" in summary) == bool(why)
        assert ("imgsim purge deletes what is in it for good" in summary) == (
            bool(why) and applied is done
        )
    if options is ALL:
        assert (f"its sidecar {path} {why}\n" in shown) == bool(why)


def test_a_plan_whose_files_are_gone_is_shown_without(root: Path) -> None:
    (root / "copies/a.xmp").write_bytes(packet(4))
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg")
    assert list(losses_of_plan(plan)) == [b"copies/a.jpg"]
    assert losses_of_plan(replace(plan, root=str(root / "gone"))) == {}


def titled(title: str) -> bytes:
    words = f"<dc:title><rdf:Alt><rdf:li>{title}</rdf:li></rdf:Alt></dc:title>"
    return packet().replace(b"</rdf:Description>", f"{words}</rdf:Description>".encode())


@pytest.mark.parametrize(("title", "why"), [("one", ""), ("two", CONTRADICTS)])
def test_a_title_that_is_another_one_than_the_kept_file_has_is_named(
    root: Path, photo, title: str, why: str
) -> None:
    photo(1).save(root / "keep/k.jpg", xmp=titled("one"))
    (root / "copies/k.jpg").write_bytes((root / "keep/k.jpg").read_bytes())
    (root / "copies/k.xmp").write_bytes(titled(title))
    plan = plan_of(root, "keep/k.jpg", "copies/k.jpg")
    assert losses(apply(plan, CARRY)) == ({"copies/k.xmp": why} if why else {})


def test_a_title_that_an_earlier_sidecar_contradicts_is_named(root: Path) -> None:
    (root / "copies/a.xmp").write_bytes(titled("one"))
    (root / "copies/b.xmp").write_bytes(titled("two"))
    plan = plan_of(root, "keep/a.jpg", "copies/a.jpg", "copies/b.jpg")
    dry = apply(plan, CARRY)
    done = apply(plan, CARRY, yes=True, verifier=Trusting())
    assert losses(dry) == losses(done) == {"copies/b.xmp": CONTRADICTS}
    assert len(done.removed) == 2
