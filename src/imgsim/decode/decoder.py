"""Decodes the bytes of a file to pixels and facts.

Treatment of what is no plain 8-bit colour image, the same everywhere:

* EXIF orientation (any format that has it) is applied.
* Transparency is laid over white.
* Samples of more than 8 bits, signed and floating-point ones are mapped to 8 bits by one straight
  line for all bands, see `levels.to_8_bit`: 16-bit grey by / 257 and colour to its high byte, but
  those that use less than a quarter of their scale (12 bits in 16, distances in millimetres,
  reflectance) by their 0.5 and 99.5 percentiles. PNG and TIFF are read at their full depth, see
  `deep`; JPEG 2000, AVIF, HEIC and JPEG XL with several bands at 8 bits.
* Of three bands and more the first three are red, green and blue, of two the first is grey, but
  for those that the file declares as alpha. Other extra samples are not shown.
* CMYK, YCbCr, LAB, palette and bilevel images are converted to sRGB as Pillow does; embedded
  colour profiles are not applied.
* Of an animation or a multi-page file only the first frame is read.
* Of a camera raw file the embedded preview is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.colours import Colour
from imgsim.decode.detail import PLAINLY_DETAILED, detail_of, shrink
from imgsim.decode.memory import (
    full_bytes,
    load_bytes,
    over_memory,
    result_bytes,
)
from imgsim.decode.source import Scale, Source, open_source, pixel_limit
from imgsim.decode.spec import (
    DEFAULT_MAX_MEMORY,
    DEFAULT_MAX_PIXELS,
    Decoded,
    DecodeError,
    DecodeMode,
    InputSpec,
    NeedsMemory,
    over_cap,
)
from imgsim.types import is_flat

_DETAIL = InputSpec(32, 32, "grey")


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes files for a set of inputs; small and picklable.

    Attributes
    ----------
    mode : DecodeMode
    max_pixels : int
    max_memory : int
        Bytes; a file that needs more is not decoded.
    share : int
        Bytes that may be taken now; 0 for `max_memory`.
    """

    mode: DecodeMode = DecodeMode.REDUCED
    max_pixels: int = DEFAULT_MAX_PIXELS
    max_memory: int = DEFAULT_MAX_MEMORY
    share: int = 0

    def __call__(self, data: bytes, wants: Sequence[InputSpec]) -> Decoded:
        """Decode the bytes of one file.

        Parameters
        ----------
        data : bytes
        wants : sequence of InputSpec

        Raises
        ------
        DecodeError
            It is truncated, corrupt, too large, of an unsupported kind or no image.
        NeedsMemory
            It needs more than its share.
        """
        if not data:
            raise DecodeError("empty file", identified=False)
        try:
            with pixel_limit(self.max_pixels):
                source = open_source(data)
                reason = over_cap(source.width * source.height, self.max_pixels)
                if source.deep is not None:
                    reason = source.deep.over_cap(self.max_pixels)
                if reason:
                    raise DecodeError(reason, lasting=False)
                return self._decode(source, wants)
        except (DecodeError, NeedsMemory):
            raise
        except Exception as error:
            raise _decode_error(error, self.max_pixels) from error

    def _decode(self, source: Source, wants: Sequence[InputSpec]) -> Decoded:
        from PIL import Image

        # One decode per scale serves all inputs of that scale.
        scales = {want: self._scale(source, want) for want in wants}
        colours: dict[Scale, set[Colour]] = {}
        for want, scale in scales.items():
            # Y is grey: what detail there is can be told without another decode
            with_y: set[Colour] = {"grey"} if want.colour == "ycbcr" else set()
            colours.setdefault(scale, set()).update({want.colour}, with_y)
        own = self._scale(source, _DETAIL)
        if own in colours or not any("grey" in needed for needed in colours.values()):
            colours.setdefault(own, set()).add("grey")
        results = result_bytes(source.width, source.height, self.mode, wants)
        needed_whole = full_bytes(source)
        needed_now = max(load_bytes(source, scale) for scale in colours)
        self.check_memory(needed_whole + results, needed_now + results)
        decoded = {scale: source.load(scale, needed) for scale, needed in colours.items()}
        images: dict[InputSpec, NDArray[np.uint8]] = {}
        for want in wants:
            image = decoded[scales[want]][want.colour]
            if want.width:
                image = image.resize((want.width, want.height), Image.Resampling.LANCZOS)
            pixels = np.asarray(image, dtype=np.uint8)
            if want.at_most:
                pixels = shrink(pixels, want.at_most)
            images[want] = pixels.reshape(*pixels.shape[:2], -1)
        if own in decoded:
            detail, thumbnail = detail_of(decoded[own]["grey"])
        else:
            grey = next(made["grey"] for made in decoded.values() if "grey" in made)
            detail, thumbnail = detail_of(grey)
            if detail < PLAINLY_DETAILED:  # by the same pixels, whatever else is wanted
                detail, thumbnail = detail_of(source.load(own, {"grey"})["grey"])
        if is_flat(detail, *source.size):
            self.check_memory(needed_whole + results)  # its digest is one of all pixels
        return Decoded(source.facts(detail, thumbnail, needed_whole), images)

    def check_memory(self, needed: int, needed_now: int | None = None) -> None:
        """Raise if so many bytes are more than there may be.

        Parameters
        ----------
        needed : int
            For the file as a whole.
        needed_now : int, optional
            For the next step; the same by default.

        Raises
        ------
        DecodeError
            The file needs more than `max_memory`.
        NeedsMemory
            The next step needs more than `share`.
        """
        reason = over_memory(needed, self.max_memory)
        if reason:
            raise DecodeError(reason, lasting=False)
        now = needed if needed_now is None else needed_now
        if now > (self.share or self.max_memory):
            raise NeedsMemory(now)

    def _scale(self, source: Source, want: InputSpec) -> Scale:
        return None if self.mode is DecodeMode.FULL else source.scale(want.decoded_side)


def decoder_id(mode: DecodeMode) -> str:
    """Name what decodes: a change of it makes cached facts and features void.

    The limits are no part of it: files over one are not cached.
    """
    parts = [f"imgsim-decode 4 {mode.value}"]
    for package in (
        "pillow", "pillow-heif", "pillow-jxl-plugin", "rawpy", "opencv-python-headless", "tifffile",
        "imagecodecs",
    ):  # fmt: skip
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    return ", ".join(parts)


def _decode_error(error: Exception, max_pixels: int) -> DecodeError:
    """Say in one line what a decoder raised."""
    if type(error).__name__ == "DecompressionBombError":
        number = re.search(r"\d+", str(error))  # "Image size (... pixels) exceeds limit ..."
        reason = over_cap(int(number[0]) if number else max_pixels + 1, max_pixels)
        return DecodeError(str(reason), lasting=False)
    if isinstance(error, MemoryError):
        return DecodeError("not enough memory to decode it", lasting=False)
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and "truncated" in text:
        return DecodeError(f"truncated: {text}")
    return DecodeError(f"damaged or unsupported: {text or type(error).__name__}"[:200])
