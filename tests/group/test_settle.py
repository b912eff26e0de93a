"""Which file of a group is kept, and what stays, goes elsewhere or is company."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from imgsim.decode.metadata import Metadata
from imgsim.group.keep import parse_keep
from imgsim.group.rules import Rules
from imgsim.group.settle import Settling
from imgsim.group.shots import paired_shots
from imgsim.measure.differences import Differences
from imgsim.measure.measuring import MeasuredPair
from imgsim.types import Group, Member, Picture, Related, Transform, Verdict
from imgsim.verify.verdicts import swapped
from tests.group.test_stars import picture

HALF = np.array([(0.5, 0, 0.25), (0, 0.5, 0.25), (0, 0, 1.0)])
SAME = Verdict(0.2, tuple(np.eye(3).ravel().tolist()), 1.0, 1.0, 1.0)
PART = Verdict(0.2, tuple(HALF.ravel().tolist()), 0.25, 1.0, 0.25, more=-1)
"""The right picture is a part of the left one."""

EQUAL = Differences(
    16, True, 1.0, False, False, 0.0, 1.0, (1.0, 1.0), (0.0, 0.0), 0.0, 1.0, 0.0, (9.0, 9.0), 1.0,
    (1.0, 1.0), (1.0,) * 8, (1.0,) * 8, ((0.1,) * 8, (0.1,) * 8),
    residue=((0.0,) * 12 + (1.0,),) * 2,
)  # fmt: skip
CUT = replace(EQUAL, placed=False, area=(0.25, 1.0))
COMPRESSED = replace(EQUAL, steps=((0.1, 0.1, 0.0, 3.0), (0.29, 0.29, 0.0, 1.8)))
"""The right one is a JPEG made from the left one, which is one too."""


class Known:
    """Verdicts and differences by names: "ab" has a on the left; others are the same picture."""

    def __init__(
        self,
        verdicts: dict[str, Verdict | None] | None = None,
        differences: dict[str, Differences] | None = None,
    ) -> None:
        self.verdicts = verdicts or {}
        self.differences = differences or {}
        self.measured: list[str] = []

    def verdict(self, left: Picture, right: Picture) -> Verdict | None:
        pair = left.file.path[0] + right.file.path[0]
        if pair in self.verdicts:
            return self.verdicts[pair]
        turned = self.verdicts.get(pair[::-1], SAME)
        return turned and swapped(turned)

    def match(self, pairs: Sequence[tuple[Picture, Picture, Picture]]) -> list[float | None]:
        verdicts = [self.verdict(kept, other) for kept, other, _ in pairs]
        return [None if verdict is None else verdict.residual for verdict in verdicts]

    def transform(self, kept: Picture, other: Picture) -> Transform | None:
        return None

    def measure(self, pairs: Sequence[MeasuredPair]) -> dict[tuple[str, str], Differences]:
        known = {}
        for pair in pairs:
            name = pair.left.file.path[0] + pair.right.file.path[0]
            self.measured.append(name)
            known[pair.digests] = self.differences.get(name, EQUAL)
        return known


def settle(
    pictures: Sequence[Picture],
    keep: Sequence[str] = ("original",),
    known: Known | None = None,
    metadata: dict[str, Metadata] | None = None,
    paired: Sequence[str] = (),
) -> tuple[list[Group], list[Related]]:
    """Settle one group around the first picture."""
    known = known or Known()
    centre, *others = pictures
    members = [Member(centre, "kept", None), *(Member(p, "near", 0.2) for p in others)]
    settling = Settling(
        parse_keep(keep), Rules(), known, known.measure, metadata or {}, paired=paired
    )
    return settling.settle([Group(tuple(members), "")])


def roles(group: Group) -> dict[str, str | None]:
    return {member.picture.file.path: member.role for member in group.members}


def test_of_equal_files_the_one_beside_its_raw_file_is_kept() -> None:
    alone, beside, raw = (picture(name) for name in ("Restored/a.jpg", "DCIM/A.JPG", "DCIM/A.DNG"))
    alone = replace(alone, file=replace(alone.file, mtime_ns=1))
    raw = replace(raw, facts=replace(raw.facts, raw=True))
    paired = paired_shots([alone, beside, raw, picture("DCIM/b.jpg")])
    assert paired == {"DCIM/A.JPG", "DCIM/A.DNG"}
    ((group,), _) = settle([alone, beside], paired=paired)
    assert group.kept is beside
    assert group.keep_reason == "beside the raw or JPEG file of its shot"
    assert settle([alone, beside])[0][0].kept is alone


def test_of_files_that_are_equally_good_the_one_is_kept_that_all_of_the_group_match() -> None:
    older = [replace(p, file=replace(p.file, mtime_ns=1)) for p in [picture("a.jpg")]]
    pictures = [picture("c.jpg"), *older, picture("b.jpg"), picture("d.jpg")]
    known = Known(verdicts={"ad": None})
    ((group,), related) = settle(pictures, known=known)
    assert group.kept.file.path == "b.jpg"
    assert group.keep_reason == "all of the group match it"
    assert (len(group.members), related) == (4, [])
    # what a rule prefers is kept nevertheless
    ((group,), related) = settle(pictures, ("oldest", "original"), known)
    assert group.kept.file.path == "a.jpg"
    assert [one.path for one in related] == ["d.jpg"]
    # and what the other one was made from
    known.differences["ab"] = COMPRESSED
    known.differences["ac"] = COMPRESSED
    ((group,), related) = settle(pictures, known=known)
    assert group.kept.file.path == "a.jpg"


def test_the_source_is_kept_and_its_copy_is_not_needed() -> None:
    pictures = [picture("b.jpg", size_bytes=5000), picture("a.jpg")]
    ((group,), _) = settle(pictures, known=Known(differences={"ab": COMPRESSED}))
    assert group.kept.file.path == "a.jpg"
    assert group.keep_rule == "original"
    assert "compressed again" in group.keep_reason
    assert roles(group) == {"a.jpg": None, "b.jpg": "reencoded"}
    assert group.reclaimable_bytes == 5000


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(("02", "01"), "b.jpg"), (("01.62", "01"), "a.jpg"), (("01", "01"), "a.jpg")],
)
def test_none_of_two_shots_of_a_camera_was_made_from_the_other(
    seconds: tuple[str, str], kept: str
) -> None:
    """Of a burst one may look compressed from another: their dates say more.

    A copy that has lost the fraction of its second is no other shot.
    """
    pictures = [picture("a.jpg", mtime_ns=2), picture("b.jpg", mtime_ns=1)]
    shots = {
        one.digest: Metadata(make="Canon", model="EOS", date_taken=f"2012-07-03T10:00:{second}")
        for one, second in zip(pictures, seconds, strict=True)
    }
    ((group,), _) = settle(pictures, known=Known(differences={"ab": COMPRESSED}), metadata=shots)
    assert group.kept.file.path == kept
    assert group.keep_reason.endswith("taken first") is (kept == "b.jpg")


def test_the_reason_is_about_the_files_that_a_rule_compared() -> None:
    pictures = [
        picture("a/x/1.jpg", digest="1"), picture("a/y/1.jpg", digest="1"), picture("b/x/2.jpg")
    ]  # fmt: skip
    known = Known(differences={"ab": COMPRESSED})
    ((group,), _) = settle(pictures, ["not-folder:y"], known)
    assert group.kept.file.path == "a/x/1.jpg"
    said = "x/2.jpg was made from it: compressed again from the kept file"
    assert group.keep_reason == f"not-folder:y; then {said}"


def test_the_reason_is_no_surer_than_the_role() -> None:
    """A grey JPEG may be the other one, mended within its steps."""
    grey = replace(COMPRESSED, chroma=(0.0, 0.0), steps=(None, COMPRESSED.steps[1]))
    ((group,), _) = settle([picture("a.jpg"), picture("b.jpg")], known=Known({}, {"ab": grey}))
    assert roles(group)["b.jpg"] == "near"
    assert group.keep_reason.startswith("the other was probably made from it: ")


@pytest.mark.parametrize("more", [{"colours": "Adobe RGB"}, {"alpha": True}, {"parts": "film"}])
def test_what_the_kept_file_does_not_hold_is_not_free(more: dict[str, object]) -> None:
    pictures = [picture("a.jpg"), picture("b.jpg", **more)]
    ((group,), _) = settle(pictures, ["first"], Known(differences={"ab": COMPRESSED}))
    assert roles(group) == {"a.jpg": None, "b.jpg": "near"}


@pytest.mark.parametrize("keep", ["largest", "folder:x"])
def test_what_is_better_than_the_kept_file_is_never_free(keep: str) -> None:
    pictures = [picture("b/x/1.jpg", size_bytes=5000), picture("a/1.jpg")]
    ((group,), _) = settle(pictures, [keep], Known(differences={"ab": COMPRESSED}))
    assert group.kept.file.path == "b/x/1.jpg"
    assert (group.keep_rule, roles(group)["a/1.jpg"]) == (keep, "fuller")
    assert group.reclaimable_bytes == 0


def test_the_order_of_files_decides_nothing() -> None:
    pictures = [picture(name, digest=name[0]) for name in ("a.jpg", "b.jpg", "c.jpg", "a (1).jpg")]
    differences = {"ab": COMPRESSED, "ac": COMPRESSED}
    settled = []
    for order in itertools.permutations(pictures):
        ((group,), related) = settle(order, known=Known(differences=differences))
        settled.append((group, related))
    assert all(one == settled[0] for one in settled)
    assert roles(settled[0][0]) == {
        "a.jpg": None, "a (1).jpg": "exact", "b.jpg": "reencoded", "c.jpg": "reencoded",
    }  # fmt: skip


def test_the_camera_counts_before_what_was_made_from_what() -> None:
    data = Metadata(make="Canon", model="EOS", date_taken="2012-07-03T10:00:00")
    pictures = [picture("a.jpg"), picture("b.jpg")]
    known = Known(differences={"ab": COMPRESSED})
    ((group,), _) = settle(pictures, known=known, metadata={"b.jpg": data})
    assert group.kept.file.path == "b.jpg"


def test_what_was_turned_within_its_frame_is_never_kept_for_its_age() -> None:
    """Its corners are filled, and those of its source are cut off."""
    turned = replace(EQUAL, placed=False, angle=3.0, area=(0.97, 0.97), filled=(0.1, 1.0))
    pictures = [picture("a.jpg", mtime_ns=2), picture("b.jpg", mtime_ns=1)]
    for centre in (0, 1):
        in_order = [pictures[centre], pictures[1 - centre]]
        ((group,), _) = settle(in_order, known=Known(differences={"ab": turned}))
        assert roles(group) == {"a.jpg": None, "b.jpg": "rotated"}
        assert group.members[1].why == "turned by 3.0 degrees, its corners filled"


@pytest.mark.parametrize(("saved_by_program", "kept"), [("a", "b.heic"), ("", "a.jpg")])
def test_a_jpeg_that_does_not_begin_as_cameras_write_was_made_from_one_that_does(
    saved_by_program: str, kept: str
) -> None:
    """Whatever is likely by its compression; but what is sure by it counts first."""
    pictures = [picture("a.jpg", mtime_ns=1), picture("b.heic", mtime_ns=2, format="HEIF")]
    data = Metadata(make="Apple", model="iPhone", date_taken="2012-07-03T10:00:00")
    both = {
        one.digest: replace(data, is_jfif=one.digest[0] in saved_by_program) for one in pictures
    }
    for away, by_both in ((0.4, kept), (0.1, "a.jpg")):
        steps = (away, away, 0.1, 3.0, 0.0, 0.0, 0.0, 0.0)
        known = Known(differences={"ab": replace(EQUAL, steps=(steps, None))})
        ((group,), _) = settle(pictures, known=known, metadata=both)
        assert group.kept.file.path == by_both


def test_who_does_not_match_the_kept_file_leaves() -> None:
    """All match c; b is kept, which d and e do not match, but d matches e."""
    pictures = [picture(f"{name}.jpg") for name in "cbde"]
    known = Known({"bd": None, "be": None})
    groups, related = settle(pictures, ["folder:nowhere", "first"], known)
    assert [sorted(roles(group)) for group in groups] == [["b.jpg", "c.jpg"], ["d.jpg", "e.jpg"]]
    assert related == []
    groups, related = settle(pictures[:3], ["first"], known)
    assert [sorted(roles(group)) for group in groups] == [["b.jpg", "c.jpg"]]
    assert related == [Related("d.jpg", "c.jpg", "verified")]


def test_damaged_files_that_leave_a_group_make_none() -> None:
    """All match c; b is kept, which d and e do not match."""
    whole = [picture(f"{name}.jpg") for name in "cb"]
    damaged = [picture(f"{name}.jpg", damage="cut off") for name in "de"]
    known = Known({"bd": None, "be": None})
    groups, related = settle([*whole, *damaged], ["folder:nowhere", "first"], known)
    assert [sorted(roles(group)) for group in groups] == [["b.jpg", "c.jpg"]]
    assert related == [Related(f"{one}.jpg", "c.jpg", "verified") for one in "de"]


def test_a_part_is_kept_only_beside_its_whole() -> None:
    pictures = [picture("w.jpg"), picture("p/p.jpg", size_bytes=10)]
    known = Known({"wp": PART}, {"pw": CUT.swapped()})
    for keep in ("original", "best"):
        ((group,), _) = settle(pictures, [keep], known)
        assert roles(group) == {"w.jpg": None, "p/p.jpg": "cropped"}
    ((group,), _) = settle(pictures, ["smallest"], known)
    assert roles(group) == {"p/p.jpg": None, "w.jpg": "fuller"}
    assert group.related == (Related("w.jpg", "p/p.jpg", "whole"),)
    ((group,), _) = settle(pictures, ["folder:p"], known)
    assert (roles(group)["w.jpg"], group.related) == ("fuller", ())
    assert group.reclaimable_bytes == 0


@pytest.mark.parametrize("framed_by_a_camera_too", [False, True])
def test_what_a_camera_wrote_is_no_part_of_a_file_that_none_did(
    framed_by_a_camera_too: bool,
) -> None:
    """A border in the colour of the picture's own edge looks like more of the picture."""
    data = Metadata(
        make="Canon", model="EOS", date_taken="2012-07-03T10:00:00", taken_width=64, taken_height=48
    )
    framed, original = picture("w.jpg"), picture("p.jpg", width=64, height=48)
    known = Known({"wp": PART}, {"pw": CUT.swapped()})
    metadata = {"p.jpg": data} | ({"w.jpg": data} if framed_by_a_camera_too else {})
    ((group,), _) = settle([framed, original], known=known, metadata=metadata)
    assert group.kept.file.path == ("w.jpg" if framed_by_a_camera_too else "p.jpg")


def test_what_lies_enlarged_in_another_picture_was_set_into_it() -> None:
    screenshot, original = picture("w.png", width=400, height=400), picture("p.jpg")
    known = Known({"wp": PART}, {"pw": replace(CUT.swapped(), scale=0.25, beyond=-20.0)})
    ((group,), _) = settle([screenshot, original], known=known)
    assert roles(group) == {"p.jpg": None, "w.png": "inset"}


def test_hard_links_elsewhere_hold_the_bytes() -> None:
    pictures = [picture("a.jpg", digest="a"), picture("a (1).jpg", digest="a", hard_links=2)]
    ((group,), _) = settle(pictures)
    assert roles(group) == {"a.jpg": None, "a (1).jpg": "exact"}
    assert group.reclaimable_bytes == 0
    assert group.members[1].removable


def test_nothing_is_measured_where_bytes_are_equal() -> None:
    known = Known()
    settle([picture("a.jpg", digest="a"), picture("a2.jpg", digest="a")], known=known)
    assert known.measured == []


def test_the_version_of_most_files_is_taken_for_the_original() -> None:
    """Two exports agree in their tones, and only the third file has others."""
    edit = replace(EQUAL, tone=20.0)
    pictures = [picture(f"{name}.jpg") for name in "abc"]
    known = Known(differences={"ab": edit, "ac": edit})
    ((group,), _) = settle(pictures, known=known)
    assert group.kept.file.path == "b.jpg"
    assert roles(group) == {"b.jpg": None, "a.jpg": "edited", "c.jpg": "near"}


@pytest.mark.parametrize("ratio", [0.4, 0.7, 1.4])
def test_who_was_compressed_from_whom_shows_only_in_much_larger_steps(ratio: float) -> None:
    pictures = [picture("a.jpg"), picture("b.jpg")]
    steps = ((0.4, 0.4, 0.1, 3.0), (0.29, 0.29, 0.0, 1.8))
    known = Known(differences={"ab": replace(EQUAL, steps=steps, step_ratio=ratio)})
    ((group,), _) = settle(pictures, known=known)
    assert roles(group)["b.jpg"] == ("reencoded" if ratio == 0.4 else "near")
    data = Metadata(make="Canon", model="EOS", date_taken="2012-07-03T10:00:00")
    ((group,), _) = settle(pictures, known=known, metadata={"a.jpg": data})
    assert roles(group) == {"a.jpg": None, "b.jpg": "reencoded"}


def test_a_file_that_differs_in_a_small_place_stays() -> None:
    pictures = [picture("a.jpg"), picture("b.jpg")]
    known = Known({"ab": replace(SAME, detail=0.3)}, {"ab": COMPRESSED})
    ((group,), _) = settle(pictures, known=known)
    assert roles(group)["b.jpg"] == "near"
    assert group.reclaimable_bytes == 0


def test_files_are_verified_with_the_one_chosen_before_it_is_asked_what_was_made_from_what() -> (
    None
):
    """All match c; a comes first, and was made from b, which shows when these two are verified."""

    class Later(Known):
        def match(self, pairs: Sequence[tuple[Picture, Picture, Picture]]) -> list[float | None]:
            if any(
                {kept.file.path, other.file.path} == {"a.jpg", "b.jpg"} for kept, other, _ in pairs
            ):
                self.verdicts["ab"] = SAME
            return super().match(pairs)

    pictures = [picture(f"{name}.jpg") for name in "cab"]
    known = Later({"ab": None}, {"ab": COMPRESSED.swapped()})
    ((group,), _) = settle(pictures, known=known)
    assert group.kept.file.path == "b.jpg"
    assert roles(group)["a.jpg"] == "reencoded"


def test_of_equal_samples_the_lossless_file_is_the_copy() -> None:
    png = picture("a.png", format="PNG", lossless=True, mtime_ns=1)
    pictures = [replace(one, sample_digest="s") for one in (png, picture("b.jpg"))]
    ((group,), _) = settle(pictures)
    assert roles(group) == {"b.jpg": None, "a.png": "pixels"}
    assert group.keep_reason == "the lossless one was made from it"


def test_a_gif_of_equal_samples_lost_nothing() -> None:
    png = picture("Photos/a.png", format="PNG", lossless=True)
    gif = picture("export/a.gif", format="GIF")
    ((group,), _) = settle([replace(one, sample_digest="s") for one in (png, gif)])
    assert roles(group) == {"Photos/a.png": None, "export/a.gif": "pixels"}
    assert group.keep_reason == "in no folder of copies"


def test_what_an_enlarged_picture_lacks_is_no_sharpening_of_its_source() -> None:
    enlarged = replace(
        EQUAL, scale=1.65, beyond=-17.0, gain=(1.0, 1.0, 1.1, 1.3, 1.5, 1.6, 1.7, 1.7)
    )
    known = Known(differences={"ab": enlarged})
    pictures = [picture("a.jpg", width=165, height=165), picture("b.jpg")]
    ((group,), _) = settle(pictures, known=known)
    assert roles(group) == {"b.jpg": None, "a.jpg": "enlarged"}


BLURRED = (1.0, 0.95, 0.87, 0.75, 0.64, 0.53, 0.45, 0.4)
SOURCE = (1.0, 1.05, 1.15, 1.32, 1.56, 1.85, 2.16, 2.42)
SHARPENED = (1.0, 1.05, 1.16, 1.27, 1.36, 1.44, 1.47, 1.48)
PLAIN = (1.0, 0.95, 0.86, 0.78, 0.73, 0.69, 0.67, 0.66)


@pytest.mark.parametrize(
    ("gain", "back", "role"),
    [
        (BLURRED, SOURCE, "blurred"),  # Gaussian of sigma 0.6
        (SHARPENED, PLAIN, "edited"),  # unsharp mask
    ],
)
def test_what_was_blurred_a_little_is_not_what_was_sharpened(
    gain: tuple[float, ...], back: tuple[float, ...], role: str
) -> None:
    """Blur takes the more of a detail the finer it is; sharpening adds the same to all that are."""
    pictures = [picture("a.jpg"), picture("b.jpg")]
    made = replace(EQUAL, gain=gain, gain_back=back)
    for differences in (made, made.swapped()):
        ((group,), _) = settle(pictures, known=Known(differences={"ab": differences}))
        source = "a.jpg" if differences is made else "b.jpg"
        assert group.kept.file.path == source
        assert {*roles(group).values()} == {None, role}


def test_a_lossless_file_is_no_copy_that_a_lossy_one_could_stand_for() -> None:
    """However alike they are: it may have more levels, and it was compressed once less."""
    pictures = [picture("a.heic", format="HEIF"), picture("b.tif", format="TIFF", lossless=True)]
    ((group,), _) = settle(pictures, ["format:heic"])
    assert roles(group) == {"a.heic": None, "b.tif": "near"}
    assert group.reclaimable_bytes == 0


def test_what_the_camera_wrote_was_not_enlarged() -> None:
    """A soft original has no more detail than its half-size copy."""
    data = Metadata(make="Canon", model="EOS", date_taken="2012-07-03T10:00:00")
    pictures = [picture("a.jpg", width=200, height=200), picture("b.webp", format="WEBP")]
    soft = replace(EQUAL, scale=2.0, beyond=-17.0)
    known = Known(differences={"ab": soft})
    ((group,), _) = settle(pictures, known=known, metadata={"a.jpg": data})
    assert roles(group) == {"a.jpg": None, "b.webp": "smaller"}


def test_shots_of_one_second_are_told_by_its_fraction_where_all_have_one() -> None:
    dates = {"a.jpg": "2012-07-03T10:00:00.75", "b.jpg": "2012-07-03T10:00:00.250+02:00"}
    pictures = [picture("a.jpg", mtime_ns=1), picture("b.jpg", mtime_ns=2)]

    def kept(dates: dict[str, str]) -> str:
        metadata = {name: Metadata(date_taken=date) for name, date in dates.items()}
        ((group,), _) = settle(pictures, ["oldest"], metadata=metadata)
        return group.kept.file.path

    assert kept(dates) == "b.jpg"
    assert kept({**dates, "b.jpg": "2012-07-03T10:00:00"}) == "a.jpg"
