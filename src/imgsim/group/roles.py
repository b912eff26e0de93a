"""What a member of a group is to the kept file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from imgsim.decode.metadata import Metadata, only_here
from imgsim.group.evidence import (
    COMPRESSED_FROM,
    ENLARGED_FROM,
    HIDDEN_EDIT,
    LESS_DETAIL,
    WHICH_FIRST,
    Signs,
)
from imgsim.group.keep import Candidate
from imgsim.measure.differences import Differences
from imgsim.types import ROLES, Group, Member, Role

_NOTHING_NEW = 1.2
"""Grey levels (root mean square) of a member's own, up to which it has nothing that the kept file
lacks, where metadata of a camera fit that alone."""

_LITTLE_NEW = 4.0
"""The same of other formats than JPEG: errors of compression."""


FROM_CAMERA = "metadata of a camera fit it, and not the kept file"
"""Why that is no copy of the kept file, however well compression explains it."""

_ONLY_KEPT = "; metadata of a camera fit the kept file alone"


def with_role(
    member: Member,
    kept: Candidate,
    other: Candidate,
    signs: Signs,
    measured: Differences | None,
) -> Member:
    """Return a member with its role, the changes and the evidence for them.

    Parameters
    ----------
    member : Member
    kept, other : Candidate
        The kept file and that of the member.
    signs : Signs
        How it differs from the kept file.
    measured : Differences or None
        With the kept file on the left.
    """
    if member.kind in ("exact", "pixels"):
        role: Role = "exact" if member.kind == "exact" else "pixels"
        why = "the same bytes" if role == "exact" else "the same pixels"
        return _with(member, role, (), why)
    told = {sign.role: sign.why for sign in reversed(signs.signs)}
    only_kept_fits = kept.camera_fits and not other.camera_fits
    # what the camera wrote, as it seems, was neither compressed nor enlarged from anything else
    if only_kept_fits and told.get("fuller") == COMPRESSED_FROM:
        del told["fuller"]
        signs = replace(signs, unsure=(*signs.unsure, WHICH_FIRST))
    elif only_kept_fits and told.get("fuller") == ENLARGED_FROM:
        del told["fuller"]
        told["smaller"] = f"fewer pixels{_ONLY_KEPT}"
    if member.kind == "damaged":
        told.pop("fuller", None)  # a decoder may make up what is sharper than the kept file
        told["damaged"] = f"damaged: {other.picture.facts.damage}"
    if not told.keys() - {"smaller", "reencoded"}:
        return _same_picture(member, kept, other, signs, measured, told)
    roles = [role for role in ROLES if role in told]
    return _with(member, roles[0], roles[1:], "; ".join(told[role] for role in roles))


def _same_picture(
    member: Member,
    kept: Candidate,
    other: Candidate,
    signs: Signs,
    measured: Differences | None,
    told: dict[str, str],
) -> Member:
    """The role of a member that has no other sign than fewer pixels or more compression."""
    roles: list[Role] = [role for role in ("smaller", "reencoded") if role in told]
    only_kept_fits = kept.camera_fits and not other.camera_fits
    if HIDDEN_EDIT in signs.unsure:  # told as that of a file whose steps are not known at all
        roles = [role for role in roles if role != "reencoded"]
    settled = (LESS_DETAIL, WHICH_FIRST, HIDDEN_EDIT) if only_kept_fits else ()
    unsure = [one for one in signs.unsure if one not in settled]
    if signs.unexplained:
        unsure.append(signs.unexplained)
    if other.picture.facts.parts:  # films and the like are not compared
        unsure.append("what it holds beside the picture")
    if other.picture.facts.colours != kept.picture.facts.colours:
        unsure.append("its colours stand for others, by its profile or header")
    if other.camera_fits and not kept.camera_fits:
        unsure.append(FROM_CAMERA)
    if other.picture.facts.alpha:  # pictures are compared as they look on white
        unsure.append("its transparency, which is not compared")
    if kept.picture.unchecked or other.picture.unchecked:
        unsure.append("one of them could not be read once more")
    if unsure or measured is None:
        why = "not sure: " + ", ".join([*unsure, *(told[role] for role in roles)])
        return _with(member, "near", roles, why)
    if "smaller" not in roles and other.picture.facts.lossless and not kept.picture.facts.lossless:
        return _with(member, "near", roles, "saved without loss, the kept file with loss")
    if not roles and only_kept_fits and signs.fits_steps:
        return _with(member, "reencoded", (), f"compressed again{_ONLY_KEPT}")
    if not roles:
        jpeg = other.picture.facts.format in ("JPEG", "MPO")  # its steps would have told
        little = _NOTHING_NEW if jpeg else _LITTLE_NEW
        # else each may be what the other was made from, however little they differ
        if not only_kept_fits or math.hypot(*measured.own[1]) > little:
            return _with(member, "near", (), f"not sure {WHICH_FIRST}")
        if other.picture.file.size_bytes > kept.picture.file.size_bytes:  # EXIF can be copied
            return _with(member, "near", (), "not sure which of the two was compressed less")
        roles = ["reencoded"]
        told["reencoded"] = f"another encoding{_ONLY_KEPT}"
    return _with(member, roles[0], roles[1:], "; ".join(told[role] for role in roles))


def _with(member: Member, role: Role, changes: Sequence[Role], why: str) -> Member:
    return replace(member, role=role, changes=tuple(changes), why=why)


def only_in(member: Member, group: Group, metadata: Mapping[str, Metadata]) -> tuple[str, ...]:
    """Return what a member of a group says and its kept file does not, see `metadata.only_here`."""
    kept, other = (metadata.get(p.digest) for p in (group.kept, member.picture))
    return only_here(kept, other) if kept and other else ()
