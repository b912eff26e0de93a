"""Reads the files whose samples Pillow does not give as they are.

Of PNG, that is 16-bit RGB, RGBA and grey with alpha (Pillow gives the high byte); of TIFF, 16 bits
in several bands, signed, 32-bit unsigned, half and double precision, and bands beyond those of a
colour model. OpenCV reads the PNGs, tifffile the TIFFs, and OpenCV those of its compressions that
tifffile needs the package imagecodecs for.
"""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.decode import tifftags
from imgsim.decode.containers import whole_png_chunks
from imgsim.decode.levels import EightBits
from imgsim.decode.packages import needs_package
from imgsim.decode.pngstrips import PngRows, is_read_in_strips
from imgsim.decode.rawfiles import is_raw
from imgsim.decode.rows import ArrayRows, SampleRows
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeError, over_cap
from imgsim.decode.tifftags import TiffTags
from imgsim.errors import is_out_of_memory

_PNG = b"\x89PNG\r\n\x1a\n"
_BYTES_PER_PIXEL = 16
"""As many bytes a pixel as four bands of 32 bits are within the cap on pixels."""

_ROWS = 256
_AT_ONCE_BYTES = 64 << 20
"""OpenCV, which needs twice their size, decodes no larger PNGs as a whole if it can be avoided."""

HELD_BYTES = 256 << 20
"""A PNG with more samples is decoded again for each use of them, strip by strip."""

_INFLATED = 1032
"""Deflate shrinks at most by this factor."""


@dataclass(frozen=True, slots=True)
class DeepImage:
    """An image that is read here; its pixels are not decoded yet.

    Attributes
    ----------
    data : bytes
        Of the whole file.
    format : {"PNG", "TIFF"}
    width, height : int
        As stored.
    bands : int
        With alpha and other extra samples.
    bits : int
        Per sample.
    alpha : int or None
        The place of the band that is declared as alpha.
    frames : int
    orientation : int
        As in EXIF, 1 to 8.
    tags : TiffTags or None
        Of the first page of a TIFF.
    """

    data: bytes
    format: Literal["PNG", "TIFF"]
    width: int
    height: int
    bands: int
    bits: int
    alpha: int | None
    frames: int
    orientation: int
    tags: TiffTags | None = None

    @property
    def lossless(self) -> bool:
        return self.tags is None or self.tags.lossless

    @property
    def needed(self) -> bool:
        """Whether Pillow cannot show it, or by the high bytes only."""
        return self.bits > 8 or (self.tags is not None and self.tags.sample_format == 2)

    @property
    def hides_bands(self) -> bool:
        """Whether it has bands that are neither shown nor alpha, see `ShownSamples`."""
        if self.tags is not None and self.tags.photometric == tifftags.CMYK and self.bands >= 4:
            return self.bands > 4
        return self.bands - (self.alpha is not None) not in (1, 3)

    @property
    def mode(self) -> str:
        """Pillow's name of samples that are neither grey nor RGB; empty for these."""
        modes = {tifftags.CMYK: "CMYK", tifftags.CIELAB: "LAB"}
        return "" if self.tags is None else modes.get(self.tags.photometric, "")

    @property
    def layers(self) -> bool:
        """Whether it has layers of Photoshop, which the first picture shows together."""
        return self.tags is not None and self.tags.layers

    @property
    def profile(self) -> bytes:
        """The ICC profile; empty if there is none, or none that can be read."""
        import tifffile

        with suppress(Exception):  # broken tags are no reason to lose the picture
            if self.format == "PNG":
                return bytes(self.in_pillow().info.get("icc_profile") or b"")
            with tifffile.TiffFile(io.BytesIO(self.data)) as file:
                tag = file.pages.first.tags.get("InterColorProfile")
                return bytes(tag.value) if tag is not None else b""
        return b""

    def over_cap(self, max_pixels: int) -> str | None:
        """Say why an image of this size is not decoded; None if it is."""
        pixels, size = self.width * self.height, self.size_bytes
        if pixels > max_pixels or size <= max_pixels * _BYTES_PER_PIXEL:
            return over_cap(pixels, max_pixels)
        return (
            f"{pixels} pixels of {self.bands} bands are {size} bytes, more than "
            f"--max-pixels {max_pixels} allows ({_BYTES_PER_PIXEL} a pixel)"
        )

    def samples(self, page: int = 0) -> NDArray[Any]:
        """Decode the samples of one page, as stored (not turned upright).

        Parameters
        ----------
        page : int
            Of a TIFF; of any other image there is page 0 only.

        Returns
        -------
        ndarray of the file's dtype, shape (h, w) or (h, w, bands)
            In native byte order.

        Raises
        ------
        DecodeError
        """
        read = _read_png(self) if self.tags is None else _read_tiff(self, page)
        if read.dtype.isnative:
            return read
        if read.flags.writeable:
            read = read.byteswap(inplace=True)
            return read.view(read.dtype.newbyteorder())
        return np.asarray(read, dtype=read.dtype.newbyteorder("="))

    def in_pillow(self) -> Any:
        """Open the file with Pillow, which shows every frame of a PNG, by the high bytes."""
        from PIL import Image

        return Image.open(io.BytesIO(self.data), formats=[self.format])

    def rows(self, page: int = 0) -> SampleRows:
        """Decode the samples of one page, as stored; those of a large PNG whenever they are seen.

        Raises
        ------
        DecodeError
        """
        if self.streamed:
            return _png_rows(self)
        return ArrayRows(self.samples(page))

    def of_page(self, page: int) -> DeepImage:
        """This image with the size and tags of another page.

        Raises
        ------
        DecodeError
            The page cannot be read.
        """
        if page == 0:
            return self
        tags = tifftags.read_tags(self.data, page)
        if tags is None:
            raise DecodeError(f"damaged or unsupported: page {page + 1} of the TIFF cannot be read")
        return replace(
            self, width=tags.width, height=tags.height, bands=tags.bands, bits=tags.bits[0],
            alpha=tags.alpha, tags=tags,
        )  # fmt: skip

    def upright(self, page: int = 0) -> SampleRows:
        """Decode the samples of one page, turned upright.

        Raises
        ------
        DecodeError
        """
        rows = self.rows(page)
        if isinstance(rows, ArrayRows):
            return ArrayRows(turn_samples(rows.samples, self.orientation))
        return rows  # it is stored upright

    @property
    def size_bytes(self) -> int:
        """Bytes of the samples of the first page."""
        return self.width * self.height * self.bands * max(1, self.bits // 8)

    @property
    def in_strips(self) -> bool:
        """Whether the samples can be decoded strip by strip."""
        return self.format == "PNG" and is_read_in_strips(
            self.data, list(whole_png_chunks(self.data))
        )

    @property
    def is_filled_in_strips(self) -> bool:
        """Whether the array of all samples is filled strip by strip."""
        return self.size_bytes > _AT_ONCE_BYTES and self.in_strips

    @property
    def streamed(self) -> bool:
        """Whether the samples are decoded anew whenever they are seen, and never held."""
        return self.size_bytes > HELD_BYTES and self.orientation == 1 and self.in_strips

    def shown(self, page: int = 0) -> ShownSamples:
        """Decode the picture that stands for the samples of one page."""
        return ShownSamples(self, self.rows(page))


class ShownSamples:
    """A picture of 8 bits made of samples, some rows at a time; as stored (not turned).

    The first three bands are red, green and blue; of one or two bands the first is grey. Alpha is
    the band that is declared as such, other extra samples are not shown.

    Parameters
    ----------
    image : DeepImage
    samples : SampleRows
        As stored.
    """

    def __init__(self, image: DeepImage, samples: SampleRows) -> None:
        self._samples = samples
        self._orientation = image.orientation
        self.height, self.width = samples.shape[:2]
        bands = samples.shape[2] if len(samples.shape) == 3 else 1  # a further page may have fewer
        self._alpha = image.alpha if image.alpha is not None and image.alpha < bands else None
        colours: list[int] | int | None = None
        if len(samples.shape) == 2:
            self.mode = "L"
        elif image.tags and image.tags.photometric == tifftags.CMYK and bands >= 4:
            self.mode, colours, self._alpha = "CMYK", [0, 1, 2, 3], None
        else:
            others = [band for band in range(bands) if band != image.alpha]
            colours = others[:3] if len(others) >= 3 else others[:1]
            self.mode = "RGB" if len(colours) == 3 else "L"
            if self._alpha is not None:
                self.mode = "RGBA" if len(colours) == 3 else "LA"
            elif len(colours) == 1:
                colours = colours[0]
        self._mapped = EightBits(samples, colours, self._alpha)

    @property
    def upright(self) -> SampleRows:
        """The samples, turned upright."""
        if isinstance(self._samples, ArrayRows):
            return ArrayRows(turn_samples(self._samples.samples, self._orientation))
        return self._samples  # it is stored upright

    def whole(self) -> Any:
        """Return the picture as a Pillow image, as `rows` does."""
        return self.rows(0, self.height)

    def rows(self, top: int, bottom: int) -> Any:
        """Return some rows as a Pillow image: L, RGB, CMYK, or with alpha."""
        from PIL import Image

        mapped = self._mapped.rows(top, bottom)
        if self._alpha is not None:
            alpha = _alpha_to_8_bit(self._samples.rows(top, bottom)[..., self._alpha])
            mapped = np.concatenate([mapped, alpha[..., None]], axis=2)
        return Image.fromarray(mapped, self.mode)


def deep_image(data: bytes) -> DeepImage | None:
    """Read the header of a file; None if Pillow gives its samples as they are.

    Raises
    ------
    DecodeError
        It is a TIFF of a kind that neither Pillow nor this module reads.
    """
    if data.startswith(_PNG):
        return _png_header(data)
    if not tifftags.is_tiff(data) or is_raw(data):
        return None
    tags = tifftags.read_tags(data)
    if tags is None or tags.exact_in_pillow:
        return None
    reason = tags.why_not_read
    if reason:
        raise DecodeError(reason)
    return DeepImage(
        data, "TIFF", tags.width, tags.height, tags.bands, tags.bits[0], tags.alpha,
        tifftags.count_pages(data), tags.orientation, tags,
    )  # fmt: skip


def read_samples(
    data: bytes, page: int = 0, max_pixels: int = DEFAULT_MAX_PIXELS
) -> NDArray[Any] | None:
    """Decode the samples of a file, if Pillow does not give them as they are.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    page : int
        Of a TIFF.
    max_pixels : int
        An image with more is not decoded.

    Returns
    -------
    ndarray of the file's dtype, shape (h, w) or (h, w, bands), or None
        Turned upright; a level of 0 is black. None where Pillow gives them as they are.

    Raises
    ------
    DecodeError
        It is too large, damaged, or needs a package that is not installed.
    """
    image = deep_image(data)
    if image is None:
        return None
    reason = image.over_cap(max_pixels)
    if reason:
        raise DecodeError(reason, lasting=False)
    return np.ascontiguousarray(turn_samples(image.samples(page), image.orientation))


def turn_samples(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn or flip samples by an EXIF orientation.

    Parameters
    ----------
    samples : ndarray of any dtype, shape (h, w) or (h, w, bands)
    orientation : int

    Returns
    -------
    ndarray of the same dtype, shape (h, w) or (w, h), and bands
        A view.
    """
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples


def _alpha_to_8_bit(alpha: NDArray[Any]) -> NDArray[np.uint8]:
    if alpha.dtype == np.uint16:
        return (alpha >> 8).astype(np.uint8)  # as Pillow
    full = 1.0 if alpha.dtype.kind == "f" else float(np.iinfo(alpha.dtype).max)
    return np.clip(np.rint(np.nan_to_num(alpha * (255.0 / full))), 0, 255).astype(np.uint8)


# PNG -------------------------------------------------------------------------------------------


def _png_header(data: bytes) -> DeepImage | None:
    if len(data) < 33 or data[12:16] != b"IHDR" or data[24] != 16 or data[25] not in (2, 4, 6):
        return None
    width, height = struct.unpack_from(">II", data, 16)
    bands = {2: 3, 4: 2, 6: 4}[data[25]]
    frames, orientation = 1, 1
    for kind, start, length in whole_png_chunks(data):
        if kind == b"tRNS" and bands == 3:
            bands = 4
        elif kind == b"acTL":
            frames = max(1, int.from_bytes(data[start : start + 4], "big"))
        elif kind == b"eXIf":
            orientation = _exif_orientation(data[start : start + length])
    alpha = bands - 1 if bands in (2, 4) else None
    return DeepImage(data, "PNG", width, height, bands, 16, alpha, frames, orientation)


def _exif_orientation(exif: bytes) -> int:
    from PIL import Image

    tags = Image.Exif()
    try:
        tags.load(exif)
        return int(tags.get(0x0112, 1))
    except MemoryError:
        raise
    except Exception:  # damaged EXIF is no reason to lose the picture
        return 1


def _read_png(image: DeepImage) -> NDArray[Any]:
    if image.is_filled_in_strips:
        rows = _png_rows(image)
        samples = np.empty(rows.shape, rows.dtype)
        top = 0
        for strip in rows.strips():
            samples[top : top + len(strip)] = strip
            top += len(strip)
        return samples
    _check_png(image.data)
    read = _by_opencv(image.data)
    if read is None or read.shape[:2] != (image.height, image.width) or read.dtype != np.uint16:
        raise DecodeError("damaged or unsupported: the PNG cannot be decoded")
    if read.shape[2:] != (max(3, image.bands) if image.bands != 2 else 4,):
        raise DecodeError("damaged or unsupported: the PNG has other bands than its header says")
    return read[..., ::3] if image.bands == 2 else _with_red_first(read)


def _png_rows(image: DeepImage) -> PngRows:
    _check_png(image.data)
    return PngRows(image.data, list(whole_png_chunks(image.data)), image.bands, _by_opencv)


def _check_png(data: bytes) -> None:
    last = b""
    for last, start, length in whole_png_chunks(data):
        if last in (b"IHDR", b"IDAT"):
            stored = int.from_bytes(data[start + length : start + length + 4], "big")
            if zlib.crc32(memoryview(data)[start - 4 : start + length]) != stored:
                raise DecodeError("damaged or unsupported: a checksum of the PNG is wrong")
    if last != b"IEND":
        raise DecodeError("truncated: the PNG has no end")


def _with_red_first(samples: NDArray[Any]) -> NDArray[Any]:
    """Swap blue and red in place: a copy of a large picture would be large too."""
    if samples.ndim == 3:
        for top in range(0, len(samples), _ROWS):
            samples[top : top + _ROWS, :, [0, 2]] = samples[top : top + _ROWS, :, [2, 0]]
    return samples


def _by_opencv(data: bytes) -> NDArray[Any] | None:
    import cv2

    # It writes what is wrong with a file to the standard error. The call has its place by version.
    silence = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    silence(0)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        if is_out_of_memory(error):
            raise MemoryError from error
        return None


# TIFF ------------------------------------------------------------------------------------------


def _read_tiff(image: DeepImage, page: int) -> NDArray[Any]:
    import logging

    import tifffile

    assert image.tags is not None
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    tags = image.tags if not page else tifftags.read_tags(image.data, page)
    if tags is None:
        raise DecodeError(f"damaged or unsupported: page {page + 1} of the TIFF cannot be read")
    _check_segments(image.data, tags)
    try:
        with tifffile.TiffFile(io.BytesIO(image.data)) as file:
            read = np.asarray(file.pages[page].asarray(maxworkers=1))
    except Exception as error:
        if not isinstance(error, ImportError) and "imagecodecs" not in str(error):
            raise
        decoded = _by_opencv(image.data) if tags.in_opencv and not page else None
        if decoded is None or not _fits(decoded, tags):
            raise needs_package(f"{tags.described} need", "imagecodecs") from None
        read = _with_red_first(decoded)
    else:
        if tags.planes and tags.bands > 1 and read.ndim == 3:
            read = np.moveaxis(read, 0, -1)
    if read.shape[-1:] == (1,) and read.ndim == 3:
        read = read[..., 0]
    if not _fits(read, tags):
        raise DecodeError(f"damaged or unsupported: {tags.described} are not in the file")
    if tags.photometric == tifftags.WHITE_IS_ZERO and read.dtype.kind == "u":
        read = np.subtract(
            read.dtype.type(2 ** tags.bits[0] - 1), read, out=read if read.flags.writeable else None
        )
    return read


def _fits(read: NDArray[Any], tags: TiffTags) -> bool:
    bands = read.shape[2] if read.ndim == 3 else 1
    return (*read.shape[:2], bands) == (tags.height, tags.width, tags.bands)


def _check_segments(data: bytes, tags: TiffTags) -> None:
    """Raise if strips or tiles lie outside the file, or would take more memory than they should."""
    size = tags.segment_bytes
    if size > 2 * tags.width * tags.height * tags.bands * 8 + 2**26:
        raise DecodeError("damaged or unsupported: the tiles of the TIFF are larger than the image")
    for start, length in tags.segments:
        if start + length > len(data):
            raise DecodeError("truncated: a part of the TIFF lies behind its end")
        if tags.deflated and length * _INFLATED > 4 * size + 2**26:
            _check_inflated(memoryview(data)[start : start + length], size)


def _check_inflated(segment: memoryview, expected: int) -> None:
    inflater = zlib.decompressobj()
    total = len(inflater.decompress(segment, 2**20))
    while inflater.unconsumed_tail and total <= expected:
        total += len(inflater.decompress(inflater.unconsumed_tail, 2**20))
    if total > expected:
        raise DecodeError("damaged or unsupported: a part of the TIFF holds more than it should")
