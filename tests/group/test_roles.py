"""What could be lost with a file is never removable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgsim.decode.metadata import Metadata
from imgsim.group.evidence import ENLARGED_FROM, HIDDEN_EDIT, WHICH_FIRST, Sign, Signs, signs_of
from imgsim.group.keep import CAMERA as KEEP_CAMERA
from imgsim.group.keep import Candidate, narrow
from imgsim.group.roles import FROM_CAMERA, with_role
from imgsim.types import Member
from tests.group.test_settle import EQUAL, SAME
from tests.group.test_stars import picture

NONE = Metadata()
CAMERA = Metadata(make="A", date_taken="2019-05-04T12:00:01", taken_width=9, taken_height=9)
COPY = {
    "smaller": Signs((Sign("smaller", "50 % of the width and height"),)),
    "reencoded": Signs((Sign("reencoded", "compressed again from the kept file"),)),
}


def test_a_grey_jpeg_may_be_the_source_of_what_lies_within_its_steps() -> None:
    ends = picture("a", format="PNG", lossless=True), picture("b")
    within = replace(EQUAL, steps=(None, (0.29, 0.29, 0.0, 1.8)))
    in_colour = signs_of(*ends, SAME, within)
    grey = signs_of(*ends, SAME, replace(within, chroma=(0.0, 0.0)))
    assert [(one.role, told.unsure) for told in (in_colour, grey) for one in told.signs] == [
        ("reencoded", ()),
        ("reencoded", (WHICH_FIRST,)),
    ]
    # coefficients of finer steps that lie at those of the base were made from these
    at_steps = replace(within, chroma=(0.0, 0.0), steps=((0.1, 0.1, 0.0, 1.8), None))
    assert WHICH_FIRST not in signs_of(*ends, SAME, at_steps).unsure


def role_of(
    signs: Signs, kept: Metadata = NONE, other: Metadata = NONE, *, alpha: bool = False
) -> Member:
    left, right = (picture(name, width=9, height=9, alpha=alpha) for name in "ab")
    ends = Candidate(left, kept), Candidate(right, other)
    return with_role(Member(right, "near", 0.0, None), *ends, signs, EQUAL)


@pytest.mark.parametrize("role", COPY)
def test_what_a_camera_wrote_is_no_copy_of_what_none_did(role: str) -> None:
    assert role_of(COPY[role]).role == role
    assert role_of(COPY[role], CAMERA, CAMERA).role == role
    member = role_of(COPY[role], other=CAMERA)
    assert (member.role, member.changes) == ("near", (role,))
    assert FROM_CAMERA in member.why


def test_only_that_a_camera_is_named_is_said_where_metadata_alone_speak_for_it() -> None:
    """EXIF may have been copied into a file, which is not what the camera wrote then."""
    made = Signs((), fits_steps=True), Signs((Sign("fuller", ENLARGED_FROM),)), Signs()
    told = [role_of(signs, CAMERA).why.split("; ") for signs in made]
    only = "metadata of a camera fit the kept file alone"
    assert told == [["compressed again", only], ["fewer pixels", only], ["another encoding", only]]
    left, reason = narrow(
        [
            Candidate(picture("a", width=9, height=9), CAMERA),
            Candidate(picture("b", width=9, height=9)),
        ],
        [KEEP_CAMERA],
    )
    assert (len(left), reason) == (1, "metadata of a camera fit it")


@pytest.mark.parametrize("role", COPY)
def test_what_white_hides_is_no_copy(role: str) -> None:
    member = role_of(COPY[role], alpha=True)
    assert member.role == "near"
    assert "transparency" in member.why


def test_what_may_hide_an_edit_is_no_copy_but_of_what_a_camera_wrote() -> None:
    """WebP, HEIC and AVIF made from a JPEG: noise of two levels passes for strong compression."""
    signs = replace(COPY["reencoded"], unsure=(HIDDEN_EDIT,))
    member = role_of(signs)
    assert (member.role, member.why) == ("near", f"not sure: {HIDDEN_EDIT}")
    assert role_of(signs, CAMERA).role == "reencoded"
    lossy = picture("b", format="WEBP")
    fits = replace(EQUAL, steps=((0.1, 0.1, 0.0, 1.8, 0.9, 9.0, 0.0, 0.0), None))
    for levels, unsure in ((0.9, (HIDDEN_EDIT,)), (0.4, ())):
        compressed = replace(fits, own=((0.0,) * 8, (levels,) * 8))
        told = signs_of(picture("a"), lossy, SAME, compressed)
        assert [one.role for one in told.signs] == ["reencoded"]
        assert told.unsure == unsure


@pytest.mark.parametrize(
    ("form", "size_bytes", "is_told"),
    [("JPEG", 100, True), ("HEIF", 150, True), ("HEIF", 100, False), ("WEBP", 999, False)],
)
def test_noise_that_compression_may_have_taken_away_was_not_added(
    form: str, size_bytes: int, *, is_told: bool
) -> None:
    """A strongly compressed HEIC was kept over the JPEG it was made from, as that had noise."""
    lessened = replace(
        EQUAL, noise=(0.4, 1.8), own=((0.1,) * 8, (2.4,) * 8), gain_back=(*(1.0,) * 5, *(0.7,) * 3),
        residue=(None, None),
    )  # fmt: skip
    clean = picture("a", width=40, height=25, format=form, size_bytes=size_bytes)
    rough = picture("b", width=40, height=25)
    there = signs_of(clean, rough, SAME, lessened)
    back = signs_of(rough, clean, SAME, lessened.swapped())
    assert ("noisier" in {one.role for one in there.signs}) is is_told
    assert ("fuller" in {one.role for one in back.signs}) is is_told
    assert is_told or "noise" in there.unsure


def test_copied_metadata_make_no_camera_file_of_a_worse_one() -> None:
    """A small file with the camera's EXIF beside a better one without."""
    assert not Candidate(picture("a", width=9, height=9, format="WEBP"), CAMERA).camera_fits
    assert Candidate(picture("a", width=9, height=9, format="HEIF"), CAMERA).camera_fits
    kept, other = picture("a", width=9, height=9), picture("b", width=9, height=9, format="HEIF")
    roles = []
    for more in (0, 1):
        size = kept.file.size_bytes + more
        larger = replace(other, file=replace(other.file, size_bytes=size))
        ends = Candidate(kept, CAMERA), Candidate(larger, NONE)
        roles.append(with_role(Member(larger, "near", 0.0, None), *ends, Signs(), EQUAL).role)
    assert roles == ["reencoded", "near"]


def test_a_damaged_file_is_not_called_fuller() -> None:
    kept, damaged = picture("a"), picture("b", damage="its last rows are missing")
    ends = Candidate(kept, NONE), Candidate(damaged, NONE)
    sharper = Signs((Sign("fuller", "sharper than the kept file"),))
    member = with_role(Member(damaged, "damaged", 0.0, None), *ends, sharper, EQUAL)
    assert (member.role, member.changes) == ("damaged", ())


def test_a_white_balance_is_no_stronger_colour() -> None:
    """Of the mean colour no more is moved than colours of that distance from grey could be."""
    ends = picture("a"), picture("b")
    stronger = replace(EQUAL, saturation=1.16, chroma=(20.0, 23.2), tint=2.0)
    told = [
        [one.why for one in signs_of(*ends, SAME, some).signs if one.role == "edited"]
        for some in (stronger, replace(stronger, tint=6.0))
    ]
    assert told == [
        ["colours 16 % stronger"],
        ["other colours, tinted as by another white balance"],
    ]
