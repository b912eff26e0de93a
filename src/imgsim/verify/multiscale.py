"""An image in the sizes in which it is verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from imgsim.verify.colours import YCbCr
from imgsim.verify.in_place import Screen
from imgsim.verify.matrix import Grey
from imgsim.verify.small import Pixels

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MultiscaleImage:
    """An upright image in the sizes in which it is verified.

    Attributes
    ----------
    grey : callable
        Given a number of pixels, returns it as ndarray of uint8, shape (h, w), with a longer side
        of so many at most. May raise `OSError` or `DecodeError`.
    shape : tuple of int
        Height and width of `grey(LONG_SIDE)`, known without reading it.
    colours : ndarray of uint8, shape (n, n, 3)
        In YCbCr, small and brought to a square.
    rgb : callable
        Returns it as ndarray of uint8, shape (h, w, 3), for a small picture in its own size. May
        raise `OSError` or `DecodeError`.
    damaged : callable
        Tells whether its file is damaged, at the cost of a decode. May raise the same.
    screen : callable, optional
        Returns `in_place.Screen` of `grey(LONG_SIDE)`, kept from pair to pair.
    detail_rgb : callable, optional
        Returns it as ndarray of uint8, shape (h, w, 3), in the size in which details are compared,
        at the cost of a decode. May raise the same.
    detail_colours : callable, optional
        Returns it in YCbCr as ndarray of uint8, shape (h, w, 3), in half of that size, kept from
        pair to pair. May raise the same.
    saved_rgb : callable, optional
        Returns it as ndarray of uint8, shape (h, w, 3), as a program decodes it that saves it
        again, to the level. May raise the same.
    """

    grey: Callable[[int], Grey]
    shape: tuple[int, int]
    colours: YCbCr
    rgb: Callable[[], Pixels]
    damaged: Callable[[], bool] = lambda: False
    screen: Callable[[], Screen] | None = None
    detail_rgb: Callable[[], Pixels] | None = None
    detail_colours: Callable[[], YCbCr] | None = None
    saved_rgb: Callable[[], Pixels] | None = None
    _known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, name: str, work_out: Callable[[], T]) -> T:
        """Return what follows from its grey levels, worked out for the first of its pairs.

        Parameters
        ----------
        name : str
            Tells it from other things.
        work_out : callable
        """
        if name not in self._known:
            self._known[name] = work_out()
        return cast(T, self._known[name])
