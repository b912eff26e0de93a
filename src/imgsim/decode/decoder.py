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
* Of an animation or a file of several pages the first frame is read that is not almost empty, and
  others where two such files are compared, see `frames.sampled_frames`.
* Of a camera raw file the embedded preview is read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.colours import Colour, convert
from imgsim.decode.detail import PLAINLY_DETAILED, detail_of, shrink
from imgsim.decode.failure import decode_error
from imgsim.decode.packages import package_versions
from imgsim.decode.source import Scale, Source, open_source, pixel_limit, turn_upright
from imgsim.decode.spec import (
    DEFAULT_MAX_PIXELS,
    Decoded,
    DecodeError,
    DecodeMode,
    InputSpec,
    over_cap,
)

_DETAIL = InputSpec(32, 32, "grey")


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes files for a set of inputs; small and picklable.

    Attributes
    ----------
    mode : DecodeMode
    max_pixels : int
    """

    mode: DecodeMode = DecodeMode.REDUCED
    max_pixels: int = DEFAULT_MAX_PIXELS

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
        """
        if not data:
            raise DecodeError("empty file", identified=False)
        with self._limits_and_errors() as pixels:
            source = self._open(data, pixels)
            return self._decode(source, wants)

    def durations(self, data: bytes) -> tuple[int, tuple[int, ...]]:
        """Count the frames of a file, and tell for how long each is shown.

        Parameters
        ----------
        data : bytes

        Returns
        -------
        frames : int
        durations : tuple of int
            See `frames.frame_durations`.

        Raises
        ------
        DecodeError
            As `__call__`.
        """
        with self._limits_and_errors():
            source = open_source(data)
            return source.frames, source.durations

    def frames(
        self, data: bytes, numbers: Sequence[int], wants: Sequence[InputSpec]
    ) -> Generator[dict[InputSpec, NDArray[np.uint8]]]:
        """Decode some frames or pages of a file in full, one after the other.

        Parameters
        ----------
        data : bytes
        numbers : sequence of int
            Ascending.
        wants : sequence of InputSpec

        Yields
        ------
        dict of InputSpec to ndarray of uint8, shape (h, w, c)

        Raises
        ------
        DecodeError
            As `__call__`.
        """
        with self._limits_and_errors() as pixels:
            source = self._open(data, pixels)
            for image in source.images(numbers):
                upright = turn_upright(image, source.orientation)
                reason = over_cap(upright.width * upright.height, self.max_pixels)
                if reason:
                    raise DecodeError(reason, lasting=False)
                yield {want: _as_wanted(convert(upright, want.colour), want) for want in wants}

    @contextmanager
    def _limits_and_errors(self) -> Iterator[list[int]]:
        """Set the cap on pixels, and turn what is raised into `DecodeError`.

        Yields
        ------
        list of int
            For the number of pixels that the header says.
        """
        pixels = [0]
        try:
            with pixel_limit(self.max_pixels):
                yield pixels
        except Exception as error:
            said = decode_error(error, self.max_pixels, pixels[-1])
            raise said from (None if said is error else error)

    def _open(self, data: bytes, pixels: list[int]) -> Source:
        source = open_source(data)
        pixels.append(source.width * source.height)
        reason = over_cap(pixels[-1], self.max_pixels)
        if source.deep is not None:
            reason = source.deep.over_cap(self.max_pixels)
        if reason:
            raise DecodeError(reason, lasting=False)
        if source.frames > 1:
            source.choose_frame()
        return source

    def _decode(self, source: Source, wants: Sequence[InputSpec]) -> Decoded:
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
        decoded = {scale: source.load(scale, needed) for scale, needed in colours.items()}
        images: dict[InputSpec, NDArray[np.uint8]] = {}
        for want in wants:
            images[want] = _as_wanted(decoded[scales[want]][want.colour], want)
        if own in decoded:
            detail, thumbnail = detail_of(decoded[own]["grey"])
        else:
            grey = next(made["grey"] for made in decoded.values() if "grey" in made)
            detail, thumbnail = detail_of(grey)
            if detail < PLAINLY_DETAILED:  # by the same pixels, whatever else is wanted
                detail, thumbnail = detail_of(source.load(own, {"grey"})["grey"])
        return Decoded(source.facts(detail, thumbnail), images)

    def _scale(self, source: Source, want: InputSpec) -> Scale:
        return None if self.mode is DecodeMode.FULL else source.scale(want.decoded_side)


def _as_wanted(image: Any, want: InputSpec) -> NDArray[np.uint8]:
    """The pixels of a Pillow image, in the size that is wanted."""
    from PIL import Image

    if want.width:
        image = image.resize((want.width, want.height), Image.Resampling.LANCZOS)
    pixels = np.asarray(image, dtype=np.uint8)
    if want.at_most:
        pixels = shrink(pixels, want.at_most)
    return pixels.reshape(*pixels.shape[:2], -1)


def decoder_id(mode: DecodeMode) -> str:
    """Name what decodes: a change of it makes cached facts and features void.

    The pixel cap is no part of it: files over the cap are not cached.
    """
    return f"imgsim-decode 4 {mode.value}, {package_versions()}"
