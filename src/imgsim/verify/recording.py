"""Records what is held against the limits, for whoever wants to see how far off pairs are.

Nobody records in a normal run: then `record` returns at once, and a verdict is the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import SupportsFloat

Recorded = dict[str, list[float]]
"""Quantities by the field of `limits.Limits` that they are held against, in order of time: a pair
is compared more than once, by several hypotheses and at several sizes."""

_RECORDED: ContextVar[Recorded | None] = ContextVar("recorded", default=None)


@contextmanager
def recording() -> Iterator[Recorded]:
    """Record the quantities of all pairs that are verified within, in this thread.

    Yields
    ------
    dict of str to list of float
        It fills up while pairs are verified.
    """
    recorded: Recorded = {}
    token = _RECORDED.set(recorded)
    try:
        yield recorded
    finally:
        _RECORDED.reset(token)


def record(name: str, value: SupportsFloat) -> None:
    """Record a quantity beside its comparison with a limit, if somebody wants to know.

    Parameters
    ----------
    name : str
        A field of `limits.Limits`.
    value : number
        In the unit of the field; where the limit depends on the pair, as a share of what is let
        pass.
    """
    recorded = _RECORDED.get()
    if recorded is not None:
        recorded.setdefault(name, []).append(float(value))
