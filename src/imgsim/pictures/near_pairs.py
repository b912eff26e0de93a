"""Pairs of pictures that are alike but for one thing a person would call the point of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from imgsim.pictures.boards import chess, pinned_maps
from imgsim.pictures.captions import (
    STYLES,
    captions_of_two_kinds,
    dark_time_stamps,
    memes,
    time_stamps,
)
from imgsim.pictures.generate import landscape
from imgsim.pictures.products import letters, recoloured, relabelled

Picture = Image.Image
Pair = tuple[Picture, Picture]

_OVER_PHOTOS: dict[str, Callable[[Picture, np.random.Generator], Pair]] = {
    **{f"meme {style}": partial(memes, style=style) for style in STYLES},
    "time stamp": time_stamps,
    "captions of two kinds": captions_of_two_kinds,
}
_DRAWN: dict[str, Callable[[np.random.Generator], Pair]] = {
    "chess": chess,
    "map with pins": pinned_maps,
    "letter": letters,
    "product in another colour": recoloured,
    "label with another word": relabelled,
}
_OVER_DARK = {"time stamp at night": dark_time_stamps}
NEAR_KINDS = (*_OVER_PHOTOS, *_DRAWN, *_OVER_DARK)
"""The kinds of pairs, by name."""


def draw_near_pair(kind: str, seed: int, photo: Picture | None = None) -> Pair:
    """Draw two pictures that are alike but for one thing.

    Parameters
    ----------
    kind : str
        Of `NEAR_KINDS`.
    seed : int
    photo : Image, optional
        RGB, what words are written over; else a landscape that is painted.
    """
    rng = np.random.default_rng((seed, 54, NEAR_KINDS.index(kind)))
    if kind in _DRAWN:
        return _DRAWN[kind](rng)
    width, height = ((640, 480), (800, 600), (480, 640))[int(rng.integers(3))]
    if photo is None:
        photo = Image.fromarray(landscape(int(rng.integers(2**31)), width, height))
    return (_OVER_PHOTOS | _OVER_DARK)[kind](photo, rng)
