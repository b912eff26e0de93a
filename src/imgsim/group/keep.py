"""Which file of a group is kept: the keep policies."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from imgsim.types import Picture

_Criterion = tuple[str, Callable[[Picture], Any]]
_PIXELS: _Criterion = ("most pixels", lambda p: -p.pixels)
_PARTS: _Criterion = (
    "has a film or another part",
    lambda p: -len(p.facts.parts.split(", ")) if p.facts.parts else 0,
)
_LOSSLESS: _Criterion = ("lossless", lambda p: not p.facts.lossless)
_LARGEST: _Criterion = ("largest file", lambda p: -p.file.size_bytes)
_OLDEST: _Criterion = ("oldest", lambda p: p.file.mtime_ns)
_BEST = (_PIXELS, _PARTS, _LOSSLESS, _LARGEST, _OLDEST)
KEEP_POLICIES: dict[str, tuple[_Criterion, ...]] = {
    "best": _BEST,
    "largest": (_LARGEST, *_BEST),
    "smallest": (("smallest file", lambda p: p.file.size_bytes), *_BEST),
    "oldest": (_OLDEST, *_BEST),
    "newest": (("newest", lambda p: -p.file.mtime_ns), *_BEST),
    "first": (),
}
"""The criteria of each policy, in the order in which they choose the kept file.

Whole files come before damaged ones, then reference files before all, and the path decides in the
end."""


_WHOLE: _Criterion = ("not damaged", lambda p: bool(p.facts.damage))
_AGREED: _Criterion = ("more of the group agree on it", lambda p: p.suspect)
_FIRST: _Criterion = ("a reference file", lambda p: not p.file.reference)
_LAST: _Criterion = ("first by path", lambda p: os.fsencode(p.file.path))


def rank(pictures: Sequence[Picture], policy: str = "best") -> list[Picture]:
    """Order pictures so that of any two the one to keep comes first."""
    criteria = _criteria(policy)
    return sorted(pictures, key=lambda p: tuple(key(p) for _, key in criteria))


def _criteria(policy: str) -> tuple[_Criterion, ...]:
    return (_WHOLE, _FIRST, _AGREED, *KEEP_POLICIES[policy], _LAST)


def keep_reason(kept: Picture, other: Picture, policy: str) -> str:
    """Why one picture is kept and not the other."""
    name, key = next((n, key) for n, key in _criteria(policy) if key(kept) != key(other))
    # against the order of the policy, a picture is kept only for what it shows
    return name if key(kept) < key(other) else "shows most of the picture"
