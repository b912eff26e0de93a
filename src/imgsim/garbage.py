"""How often Python looks for objects that refer to each other in circles."""

from __future__ import annotations

import gc

_OBJECTS = 50_000
"""New objects between two searches; Python's own default is 700."""


def collect_garbage_seldom() -> None:
    """Let a process of imgsim's own search less often: most of its objects live to the end.

    Of a folder of many files it takes a thirtieth of the processor time otherwise.
    """
    gc.set_threshold(_OBJECTS, 20, 20)
