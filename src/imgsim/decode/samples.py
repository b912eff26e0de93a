"""A digest of the decoded samples of a file: by it two files are equal, whatever their bytes are.

Equal are size, depth, channels and alpha of the upright samples, and what colours they stand for
(see `colour_meaning`). Under full transparency one colour is as good as another, but several, as of
a picture that was hidden, count. A palette is expanded, and grey is not RGB. All frames and pages
count, with their durations, and so does what a JPEG carries behind its picture (the film of a
motion photo, a gain map, a second view), and the film of a HEIC file.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.colour_meaning import colour_meaning
from imgsim.decode.containers import end_of_boxes
from imgsim.decode.decoder import Decoder
from imgsim.decode.deep import DeepImage, deep_image
from imgsim.decode.failure import decode_error
from imgsim.decode.memory import deep_bytes, full_bytes
from imgsim.decode.parts import LAYERS, film_of_boxes
from imgsim.decode.rawfiles import is_raw
from imgsim.decode.source import open_source, pixel_limit, turn_upright
from imgsim.decode.spec import DecodeError, NeedsMemory, over_cap

VERSION = 4
"""Raised whenever the same file gives another digest, or gives one where it had none."""

_STRIP_PIXELS = 1 << 20


class SampleOutcome(NamedTuple):
    """The digest of the samples of a file.

    Attributes
    ----------
    digest : str or None
        sha256 in hexadecimal. None for camera raw files, for HEIC files with depth maps,
        auxiliary images or image sequences and PSDs with layers, which are not read here, and for
        what cannot be decoded.
    reason : str
        Why it could not be taken in this run, such as a limit; empty if it could, or if that
        follows from the content.
    """

    digest: str | None
    reason: str = ""

    @property
    def lasting(self) -> bool:
        """It follows from the content, not from this run's limits."""
        return not self.reason


def sample_digest(data: bytes, limits: Decoder) -> str | None:
    """Hash the samples of an image file, see `take_sample_digest`."""
    return take_sample_digest(data, limits).digest


def take_sample_digest(data: bytes, limits: Decoder) -> SampleOutcome:
    """Hash the samples of an image file.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    limits : Decoder
        An image that is over one of its limits is not decoded.

    Returns
    -------
    SampleOutcome

    Raises
    ------
    NeedsMemory
        It needs more than its share.
    """
    if is_raw(data):
        return SampleOutcome(None)
    try:
        with pixel_limit(limits.max_pixels), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on harmless oddities of the file
            return SampleOutcome(_digest(data, limits))
    except NeedsMemory:
        raise
    except Exception as error:  # decoders raise whatever they like
        said = decode_error(error, limits.max_pixels)
        return SampleOutcome(None, "" if said.lasting else str(said))


def _check_cap(pixels: int, limits: Decoder) -> None:
    reason = over_cap(pixels, limits.max_pixels)
    if reason:
        raise DecodeError(reason, lasting=False)


def _digest(data: bytes, limits: Decoder) -> str | None:
    deep = deep_image(data)
    if deep is not None:
        return _deep_digest(deep, limits)
    check = limits.checker([], ())
    source = open_source(data, check)
    _check_cap(source.width * source.height, limits)
    limits.check_memory(full_bytes(source))  # also of a JPEG, which is not reduced here
    image = source.fresh()
    if image.info.get("depth_images") or image.info.get("aux") or source.parts == LAYERS:
        return None
    digest = hashlib.sha256()
    frames = source.frames
    for number in range(frames):
        if frames > 1:
            image.seek(number)
            _check_cap(image.width * image.height, limits)
            check(source.of_frame(image))
        image.load()
        digest.update(f"duration {image.info.get('duration', 0)} ".encode())
        _add_frame(digest, turn_upright(image, source.orientation), source.colours)
    if source.format in ("JPEG", "MPO"):
        digest.update(_appended_to_jpeg(data))
    elif source.format == "HEIF":
        film = film_of_boxes(data)
        if film is None:
            return None
        digest.update(film)
        digest.update(memoryview(data)[end_of_boxes(data) :])
    return digest.hexdigest()


def _deep_digest(image: DeepImage, limits: Decoder) -> str | None:
    """Hash the samples that Pillow does not give as they are; not of animations and layers."""
    if image.layers or (image.format == "PNG" and image.frames > 1):
        return None
    digest = hashlib.sha256(
        colour_meaning(image.data, image.format, None, image.profile, image.mode).encode()
    )
    for page in range(image.frames):
        of_page = image.of_page(page)
        reason = of_page.over_cap(limits.max_pixels)
        if reason:
            raise DecodeError(reason, lasting=False)
        limits.check_memory(deep_bytes(of_page))
        samples = image.upright(page)
        digest.update(f"deep {samples.dtype.str} {samples.shape} {image.alpha} ".encode())
        height = samples.shape[0]
        rows = max(1, _STRIP_PIXELS // samples.shape[1])
        strips = (samples.rows(top, min(top + rows, height)) for top in range(0, height, rows))
        if image.alpha is not None:
            _add_with_alpha(digest, strips, image.alpha)
            continue
        for strip in strips:
            digest.update(np.array(strip, order="C").data)
    return digest.hexdigest()


def _add_frame(digest: Any, image: Any, colours: str) -> None:
    """Add the size, kind, meaning and samples of one frame."""
    mode = _expanded(image.crop((0, 0, 1, 1))).mode
    kind = "I;16" if mode.startswith("I;16") else mode  # whatever the byte order
    digest.update(f"{kind} {image.width} {image.height} {len(colours)} {colours}".encode())
    rows = max(1, _STRIP_PIXELS // image.width)
    strips = (
        np.asarray(_expanded(image.crop((0, top, image.width, min(top + rows, image.height)))))
        for top in range(0, image.height, rows)
    )
    if mode in ("LA", "RGBA"):
        _add_with_alpha(digest, strips, -1)
        return
    for strip in strips:
        digest.update(strip.astype(strip.dtype.newbyteorder("<"), copy=False).tobytes())


def _add_with_alpha(digest: Any, strips: Iterable[NDArray[Any]], alpha: int) -> None:
    """Add samples of which those under full transparency count if they are not all of one colour.

    Parameters
    ----------
    digest : hash object
    strips : iterable of ndarray, shape (h, w, bands)
    alpha : int
        The band of transparency.
    """
    shown, whole = hashlib.sha256(), hashlib.sha256()
    ends: list[NDArray[Any]] = []
    for strip in strips:
        samples = np.array(strip.astype(strip.dtype.newbyteorder("<"), copy=False), order="C")
        whole.update(samples.data)
        hidden = samples[..., alpha] == 0
        if hidden.any():
            colours = samples[hidden]
            ends += [colours.min(axis=0), colours.max(axis=0)]
            samples[hidden] = 0
        shown.update(samples.data)
    even = not ends or bool((np.min(ends, axis=0) == np.max(ends, axis=0)).all())
    digest.update((shown if even else whole).digest())


def _expanded(image: Any) -> Any:
    """Palettes become colours, transparent levels an alpha channel."""
    transparent = "transparency" in image.info
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if transparent or image.mode == "PA" else "RGB")
    if transparent and image.mode in ("1", "L"):
        return image.convert("LA")
    if transparent and image.mode == "RGB":
        return image.convert("RGBA")
    return image


def _appended_to_jpeg(data: bytes) -> bytes:
    """The bytes behind the end of the first picture of a JPEG file, without filling."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return b""  # damaged
        marker = data[place + 1]
        if marker == 0xD9:
            return data[place + 2 :].strip(b"\0\xff")
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:  # no length follows
            place += 1 if marker == 0xFF else 2
            continue
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xDA:
            place = _end_of_scan(data, place)
    return b""


def _end_of_scan(data: bytes, place: int) -> int:
    """The place of the next marker that is neither a restart nor an escaped byte."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            return len(data)
        if data[place + 1] not in (0x00, 0xFF, *range(0xD0, 0xD8)):
            return place
        place += 1 if data[place + 1] == 0xFF else 2
