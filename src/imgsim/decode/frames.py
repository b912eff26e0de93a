"""The frames of animations and the pages of documents: their times, and which of them count.

Formats: GIF89a (CompuServe, 1990); PNG, third edition (W3C, 2025), chunk fcTL; the WebP container
(RFC 9649), chunk ANMF.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.containers import end_of_gif_blocks, gif_colour_table, whole_png_chunks

SAMPLED = 32
"""Frames or pages that count at most: half of them at even distances of time, half of number."""

_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF", "FLI", "JXL"})
_SHORTEST_MS = 10
_INSTEAD_MS = 100
"""Browsers show a frame for so long that claims to be shown for `_SHORTEST_MS` or less."""

_FRAME_CONTROL = 26
"""Bytes of the chunk fcTL."""


def frame_durations(data: bytes, image: Any, frames: int) -> tuple[int, ...]:
    """Return for how long each frame of an animation is shown.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    image : Pillow image
        Of the file; it may be left at another frame.
    frames : int
        Their number, as Pillow counts them.

    Returns
    -------
    tuple of int
        Milliseconds, one number a frame, 0 for one that is no part of the animation; empty for a
        still and for the pages of a document.
    """
    if frames < 2 or image.format not in _ANIMATED:
        return ()
    if image.format == "GIF":
        durations = _of_gif(data)
    elif image.format == "PNG":
        durations = _of_png(data)
    elif image.format == "WEBP":
        durations = _of_webp(data)
    else:
        durations = _of_decoded(image, frames)
    shown = [_INSTEAD_MS if ms <= _SHORTEST_MS else ms for ms in durations]
    if len(shown) == frames - 1 and getattr(image, "default_image", False):
        return (0, *shown)  # of an APNG, for programs that show a still
    return tuple((shown + [_INSTEAD_MS] * frames)[:frames])


def sampled_pages(frames: int) -> list[int]:
    """Return the pages of a document that count: all of them, or some at even distances.

    The first and the last are always among them.
    """
    return [int(number) for number in _spread(frames, SAMPLED)]


def sampled_frames(durations: Sequence[int]) -> list[int]:
    """Return the frames of an animation that count: all of them, or `SAMPLED` different ones.

    Some lie at even distances of time, others at even distances among the frames: one that is
    shown for most of the time does not hide the others. Where both name the same frame, others
    are taken from the middle of the widest gaps.

    Parameters
    ----------
    durations : sequence of int
        Of `frame_durations`.

    Returns
    -------
    list of int
        Ascending.
    """
    shown = np.flatnonzero(durations)
    if len(shown) <= SAMPLED:
        return [int(number) for number in shown]
    instants = (np.arange(SAMPLED // 2) + 0.5) / (SAMPLED // 2)
    by_time = np.searchsorted(shown, frames_at(instants, durations))
    chosen = sorted({*by_time.tolist(), *_spread(len(shown), SAMPLED // 2).tolist()})
    while len(chosen) < SAMPLED:  # the first and the last of `shown` are among them
        gaps = np.diff(chosen)
        widest = int(gaps.argmax())
        chosen.insert(widest + 1, chosen[widest] + int(gaps[widest]) // 2)
    return [int(number) for number in shown[chosen]]


def middles_of_frames(numbers: Sequence[int], durations: Sequence[int]) -> NDArray[np.float64]:
    """Return when frames of an animation are half through.

    Parameters
    ----------
    numbers : sequence of int
        Frames of the animation.
    durations : sequence of int
        Of `frame_durations`.

    Returns
    -------
    ndarray of float64, shape (len(numbers),)
        Shares of the whole time.
    """
    ends = _ends(durations)
    starts = np.concatenate(([0.0], ends[:-1]))
    return np.asarray(((starts + ends) / 2)[list(numbers)])


def frames_at(instants: NDArray[np.float64], durations: Sequence[int]) -> list[int]:
    """Return the frames that an animation shows at some instants.

    In shares of the whole time: the formats round durations differently, and encoders merge equal
    frames to a longer one.

    Parameters
    ----------
    instants : ndarray of float64, shape (n,)
        Shares of the whole time, from 0 to less than 1.
    durations : sequence of int
        Of `frame_durations`.
    """
    return [int(i) for i in np.searchsorted(_ends(durations), instants, "right")]


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """Return up to `most` of the first `count` numbers, at even distances, with both ends."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _ends(durations: Sequence[int]) -> NDArray[np.float64]:
    """When each frame ends, as shares of the whole time."""
    ends = np.cumsum(np.array(durations, np.float64))
    return np.asarray(ends / ends[-1])


def _of_gif(data: bytes) -> list[int]:
    durations: list[int] = []
    delay = 0
    place = 13 + gif_colour_table(data[10])
    while place + 10 < len(data):
        if data[place] == 0x21:
            if data[place + 1] == 0xF9:
                delay = 10 * int.from_bytes(data[place + 4 : place + 6], "little")
            place = end_of_gif_blocks(data, place + 2)
        elif data[place] == 0x2C:
            durations.append(delay)
            delay = 0
            place = end_of_gif_blocks(data, place + 11 + gif_colour_table(data[place + 9]))
        else:
            break
    return durations


def _of_png(data: bytes) -> list[int]:
    durations = []
    for kind, start, length in whole_png_chunks(data):
        if kind == b"fcTL" and length >= _FRAME_CONTROL:
            numerator, denominator = struct.unpack_from(">HH", data, start + 20)
            durations.append(round(1000 * numerator / (denominator or 100)))
    return durations


def _of_webp(data: bytes) -> list[int]:
    durations = []
    place = 12
    while place + 24 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        if kind == b"ANMF":
            durations.append(int.from_bytes(data[place + 20 : place + 23], "little"))
        place += 8 + length + length % 2
    return durations


def _of_decoded(image: Any, frames: int) -> list[int]:
    durations = []
    for number in range(frames):
        image.seek(number)
        image.load()
        durations.append(round(image.info.get("duration", 0)))
    return durations
