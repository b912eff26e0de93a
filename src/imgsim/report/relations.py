"""What a picture is to one that it matches, in words."""

from __future__ import annotations

from imgsim.types import Member

_WORDS = {
    "exact": "exact copy",
    "pixels": "copy with the same pixels",
    "near": "copy",
    "damaged": "damaged copy",
    "fuller": "copy that is better or shows more",
    "inset": "set into something",
    "overlaid": "with words or marks over it",
    "reencoded": "encoded again",
    "turned": "turned by quarters",
    "rotated": "turned by an angle",
}


def relation_text(member: Member) -> str:
    """Return what a picture is to the one that it is a copy of, such as ``copy, cropped``."""
    role = member.role or "near"
    if role in ("exact", "pixels"):
        return _WORDS[role]
    words = [_WORDS.get(one, one) for one in member.changes if one not in ("near", "fuller")]
    if role in ("near", "damaged", "fuller"):
        return ", ".join([_WORDS[role], *words])
    return ", ".join(["copy", _WORDS.get(role, role), *words])


def relation_and_why(member: Member, other: str) -> str:
    """Return the same with the evidence for it.

    Parameters
    ----------
    member : Member
    other : str
        What to call the file that it was compared with.
    """
    text, why = relation_text(member), why_of(member, other)
    if member.role in ("exact", "pixels") or not why:
        return text
    if member.role == "damaged":  # in the words before
        why = why.removeprefix("damaged: ")
    return f"{text} ({why})" if why.startswith("not sure") else f"{text}: {why}"


def why_of(member: Member, other: str) -> str:
    """Return the evidence for it, which speaks of a kept file, in words about another one.

    Parameters
    ----------
    member : Member
    other : str
        What to call the file that it was compared with.
    """
    text = member.why
    for one in ("the kept picture", "the kept file"):
        text = text.replace(one, other)
    return text
