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
from imgsim.pictures.equal_lightness import buttons, discs, flat_ground, tokens
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
_AS_LIGHT = {"token": tokens, "disc": discs, "button": buttons}
AS_LIGHT_KINDS = tuple(
    f"{thing} as light as a {ground}" for ground in ("photo", "flat ground") for thing in _AS_LIGHT
)
"""Those in which a colour alone differs, and no lightness."""


def draw_near_pair(kind: str, seed: int, photo: Picture | None = None) -> Pair:
    """Draw two pictures that are alike but for one thing.

    Parameters
    ----------
    kind : str
        Of `NEAR_KINDS` or `AS_LIGHT_KINDS`.
    seed : int
    photo : Image, optional
        RGB, what words are written over; else a landscape that is painted.
    """
    rng = np.random.default_rng((seed, 54, (*NEAR_KINDS, *AS_LIGHT_KINDS).index(kind)))
    if kind in _DRAWN:
        return _DRAWN[kind](rng)
    width, height = ((640, 480), (800, 600), (480, 640))[int(rng.integers(3))]
    if photo is None:
        photo = Image.fromarray(landscape(int(rng.integers(2**31)), width, height))
    if kind in AS_LIGHT_KINDS:
        thing, _, ground = kind.partition(" as light as a ")
        return _AS_LIGHT[thing](flat_ground(rng) if ground == "flat ground" else photo, rng)
    return (_OVER_PHOTOS | _OVER_DARK)[kind](photo, rng)
