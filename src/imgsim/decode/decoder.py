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

from imgsim.decode.colours import Colour
from imgsim.decode.damage import fault_after, fault_before, open_damaged, open_or_mend
from imgsim.decode.detail import PLAINLY_DETAILED, detail_of, longer_side, shrink
from imgsim.decode.failure import decode_error
from imgsim.decode.memory import (
    full_bytes,
    load_bytes,
    over_memory,
    result_bytes,
    salvage_bytes,
)
from imgsim.decode.packages import package_versions
from imgsim.decode.source import Check, Scale, Source, open_source, pixel_limit, turn_upright
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
from imgsim.decode.strips import ImageRows, in_colours
from imgsim.stage_times import staged
from imgsim.types import ImageFacts, is_flat

Images = dict[InputSpec, NDArray[np.uint8]]

_FRAME_RESULT = 14
"""Bytes a pixel of a frame in colours, and of the arrays that it is brought into."""

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

    @staged("decoding")
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
        images, facts = self._decode_bytes(data, wants, with_facts=True)
        assert facts is not None
        return Decoded(facts, images)

    @staged("decoding")
    def pixels(self, data: bytes, wants: Sequence[InputSpec]) -> Images:
        """Decode the bytes of one file whose facts are known; as `__call__`, in less time.

        Parameters
        ----------
        data : bytes
        wants : sequence of InputSpec

        Returns
        -------
        dict of InputSpec to ndarray of uint8, shape (h, w, c)

        Raises
        ------
        DecodeError, NeedsMemory
            As `__call__`.
        """
        return self._decode_bytes(data, wants, with_facts=False)[0]

    def _decode_bytes(
        self, data: bytes, wants: Sequence[InputSpec], *, with_facts: bool
    ) -> tuple[Images, ImageFacts | None]:
        if not data:
            raise DecodeError("empty file", identified=False)
        with self._limits_and_errors() as pixels:
            needed: list[int] = []
            source = self._open(data, pixels, self.checker(needed, wants))
            return self._decode_strictly(data, source, wants, needed, with_facts)

    def unpacked(self, data: bytes) -> bytes:
        """Return the picture that the bytes of a file stand for: here these are it."""
        return data

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
            source = open_source(data, self.checker([], ()))
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
            source = self._open(data, pixels, self.checker([], (), _FRAME_RESULT))
            for image in source.images(numbers):
                upright = ImageRows(turn_upright(image, source.orientation))
                reason = over_cap(upright.width * upright.height, self.max_pixels)
                if reason:
                    raise DecodeError(reason, lasting=False)
                yield {
                    want: _as_wanted(in_colours(upright, {want.colour}, 1)[want.colour], want)
                    for want in wants
                }

    @contextmanager
    def _limits_and_errors(self) -> Iterator[list[int]]:
        """Say in one line what a decoder raises; takes the number of pixels, once it is known."""
        pixels: list[int] = []
        try:
            with pixel_limit(self.max_pixels):
                yield pixels
        except NeedsMemory:
            raise
        except Exception as error:
            said = decode_error(error, self.max_pixels, max(pixels, default=0))
            try:
                raise said from (None if said is error else error)
            finally:
                del said  # with it all frames, and their samples, would wait for the collector

    def _open(self, data: bytes, pixels: list[int], check: Check) -> Source:
        source = open_or_mend(data, self.max_pixels, check, self.check_memory)
        pixels.append(source.width * source.height)
        self._check_pixels(source)
        if source.frames > 1:
            source.choose_frame()
        return source

    def _check_pixels(self, source: Source) -> None:
        reason = over_cap(source.width * source.height, self.max_pixels)
        if source.deep is not None:
            reason = source.deep.over_cap(self.max_pixels)
        if reason:
            raise DecodeError(reason, lasting=False)

    def _decode_strictly(
        self,
        data: bytes,
        source: Source,
        wants: Sequence[InputSpec],
        needed: list[int],
        with_facts: bool,
    ) -> tuple[Images, ImageFacts | None]:
        """Decode a file, or of a damaged one what is there; `needed` takes bytes of each step."""
        fault = fault_before(data, source)
        error: DecodeError | None = None
        try:
            if not fault:
                try:
                    decoded = self._decode(source, wants, needed, with_facts)
                    fault = fault_after(data, source)
                    if not fault:
                        return decoded
                except NeedsMemory:
                    raise
                except Exception as raised:
                    error = decode_error(raised, self.max_pixels, source.width * source.height)
                    if not error.lasting:
                        raise error from raised
                    fault = _fault(raised)
            needed.append(salvage_bytes(source))
            self.check_memory(max(needed))
            try:
                damaged = open_damaged(data, source, fault)
                return self._decode(damaged, wants, needed, with_facts)
            except NeedsMemory:
                raise
            except DecodeError as second:
                # what the decoder said of the file as it is tells more
                raise (error if error and not second.damaged else second) from None
            except Exception as raised:
                if error is None:
                    raise
                raise error from raised
        finally:
            error = None  # see `_limits_and_errors`

    def _decode(
        self, source: Source, wants: Sequence[InputSpec], needed: list[int], with_facts: bool
    ) -> tuple[Images, ImageFacts | None]:
        # One decode per scale serves all inputs of that scale.
        scales = {want: self._scale(source, want) for want in wants}
        colours: dict[Scale, set[Colour]] = {}
        for want, scale in scales.items():
            # Y is grey: what detail there is can be told without another decode
            with_y: set[Colour] = {"grey"} if want.colour == "ycbcr" and with_facts else set()
            colours.setdefault(scale, set()).update({want.colour}, with_y)
        own = self._scale(source, _DETAIL)
        if with_facts and (own in colours or not any("grey" in some for some in colours.values())):
            colours.setdefault(own, set()).add("grey")
        results = result_bytes(source.width, source.height, self.mode, tuple(wants))
        needed.append(full_bytes(source))
        needed_now = max(load_bytes(source, scale) for scale in colours)
        self.check_memory(max(needed) + results, needed_now + results)
        decoded = {scale: source.load(scale, needed) for scale, needed in colours.items()}
        images: dict[InputSpec, NDArray[np.uint8]] = {}
        for want in wants:
            images[want] = _as_wanted(decoded[scales[want]][want.colour], want)
        if not with_facts:
            return images, None
        if own in decoded:
            detail, thumbnail = detail_of(decoded[own]["grey"])
        else:
            grey = next(made["grey"] for made in decoded.values() if "grey" in made)
            detail, thumbnail = detail_of(grey)
            if detail < PLAINLY_DETAILED:  # by the same pixels, whatever else is wanted
                detail, thumbnail = detail_of(source.load(own, {"grey"})["grey"])
        if is_flat(detail, *source.size):
            self.check_memory(max(needed) + results)  # its digest is one of all pixels
        return images, source.facts(detail, thumbnail, max(needed))

    def checker(
        self, needed: list[int], wants: Sequence[InputSpec], bytes_per_pixel: int = 0
    ) -> Check:
        """Return what checks the memory that a picture or a frame of it takes, see `Source`.

        Parameters
        ----------
        needed : list of int
            Takes the bytes of each.
        wants : sequence of InputSpec
            What will be made of it.
        bytes_per_pixel : int
            What else it takes.
        """

        def check(source: Source) -> None:
            if not needed:  # of a frame only the memory counts
                self._check_pixels(source)
            needed.append(full_bytes(source))
            more = bytes_per_pixel * source.width * source.height
            if wants:
                more += result_bytes(source.width, source.height, self.mode, tuple(wants))
            # most JPEGs are decoded at a reduced scale: how much that takes is told later
            self.check_memory(needed[-1] + more, 0 if source.jpeg else needed[-1] + more)

        return check

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


def _as_wanted(image: Any, want: InputSpec) -> NDArray[np.uint8]:
    """The pixels of a Pillow image, in the size that is wanted."""
    from PIL import Image

    if want.width:
        image = image.resize((want.width, want.height), Image.Resampling.LANCZOS)
    pixels = np.asarray(image, dtype=np.uint8)
    if want.at_most:
        pixels = shrink(pixels, longer_side(pixels.shape, want.at_most))
    return pixels.reshape(*pixels.shape[:2], -1)


def decoder_id(mode: DecodeMode) -> str:
    """Name what decodes: a change of it makes cached facts and features void.

    The limits are no part of it: files over one are not cached.
    """
    return f"imgsim-decode 13 {mode.value}, {package_versions()}"


def _fault(error: Exception) -> str:
    """Say in a few words what a decoder raised, for the reason of a damaged file."""
    text = " ".join(str(error).split()) or type(error).__name__
    for known in ("damaged or unsupported: ", "truncated: "):
        text = text.removeprefix(known)
    return text[:120]
