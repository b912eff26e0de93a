"""The bytes of a file to pixels and facts.

Treatment of what is no plain 8-bit colour image, the same everywhere:

* EXIF orientation (any format that has it) is applied.
* Transparency is laid over white. 16-bit samples are scaled to 8 (/ 257); 32-bit integer and
  floating-point images by the range they are commonly stored in, see `_to_8_bit`.
* CMYK, YCbCr, LAB, palette and bilevel images are converted to sRGB as Pillow does; embedded
  colour profiles are not applied.
* Of an animation or a multi-page file only the first frame is looked at.
* Of a camera raw file the embedded preview is looked at.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.colours import Colour, convert, pixel_digest
from imgsim.rawfiles import is_raw, preview
from imgsim.types import MIN_DETAIL, ImageFacts, ImageFile

DEFAULT_MAX_PIXELS = 250_000_000
"""Larger images are skipped: a file of a few kB can claim to be one and fill the memory."""

BASE_SIDE = 64
"""Inputs up to this side share one reduced decode."""

_OVERSAMPLING = 1.5
_DETAIL_LEVEL = 8.0
_PLAINLY_DETAILED = MIN_DETAIL + 10

IMAGE_SUFFIXES = frozenset(
    ".apng .avif .bmp .dib .gif .heic .heics .heif .hif .ico .j2k .jfif .jp2 .jpe .jpeg .jpg .jxl"
    " .mpo .pbm .pcx .pgm .png .pnm .ppm .psd .qoi .sgi .tga .tif .tiff .webp".split()
)
RAW_SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf"
    " .raw .rw2 .rwl .sr2 .srf .srw .x3f".split()
)
_OTHER_SUFFIXES = frozenset(
    ".mp4 .mov .avi .mkv .m4v .mts .m2ts .webm .mpg .mpeg .wmv .3gp .mp3 .m4a .wav .flac .ogg"
    " .aac .zip .gz .xz .zst .7z .rar .tar .iso .txt .md .json .jsonl .csv .tsv .xml .xmp .html"
    " .htm .pdf .doc .docx .xls .xlsx .ppt .pptx .py .pyc .js .css .c .h .cpp .rs .go .java"
    " .db .sqlite .npy .npz .pth .pt .safetensors .parquet .exe .dll .so .dylib .lnk .ini .log"
    " .aae .thm .lrcat .lrprev .toml .yaml .yml".split()
)
"""Nothing with these endings is read, unless it was named itself."""

_NOT_OPENED = frozenset({"EPS", "WMF", "MPEG", "PDF", "GRIB", "HDF5", "BUFR"})
"""Pillow would run another program for these, or has no decoder of its own."""
_WITHOUT_MAGIC = frozenset({"TGA", "XBM", "XPM", "SPIDER", "PCD", "ICO", "CUR", "MSP", "IPTC"})
"""Found in other kinds of file by accident; believed only of a file with an image's ending."""
_COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
_LOSSLESS = frozenset("PNG BMP DIB PPM TGA PCX SGI SUN XBM XPM ICO ICNS QOI PSD FITS".split())


class DecodeMode(StrEnum):
    """How much of a file is decoded.

    REDUCED uses the scaled decoding of JPEG and box reduction elsewhere, down to 1.5 times the
    side a comparator asks for. FULL gives a comparator the same pixels as any other program.
    """

    REDUCED = "reduced"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The image an extractor wants.

    Attributes
    ----------
    width, height : int
        Pixels it is resized to, with Lanczos resampling; 0 x 0 leaves the size as decoded.
    colour : {"grey", "rgb", "ycbcr"}
    at_least : int
        The shorter side of a reduced decode has at least so many pixels, where the file has.
    at_most : int
        The longer side of an image of 0 x 0 is brought down to so many pixels, by area
        resampling; 0 leaves it.
    """

    width: int
    height: int
    colour: Colour
    at_least: int = BASE_SIDE
    at_most: int = 0

    @property
    def decoded_side(self) -> int:
        """The shorter side of a reduced decode is at least this many pixels."""
        side = BASE_SIDE
        while side < max(self.width, self.height, self.at_least):
            side *= 2
        return int(side * _OVERSAMPLING)


_DETAIL = InputSpec(32, 32, "grey")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Facts of an image and its pixels, one ``uint8[h, w, c]`` array per `InputSpec` asked for."""

    facts: ImageFacts
    images: dict[InputSpec, NDArray[np.uint8]]


class DecodeError(Exception):
    """The file cannot be read as an image; the text says why.

    Attributes
    ----------
    lasting : bool
        The reason lies in the content and not in this run's limits.
    identified : bool
        The content is an image of some kind, by its first bytes.
    """

    def __init__(self, reason: str, *, lasting: bool = True, identified: bool = True) -> None:
        super().__init__(reason)
        self.lasting = lasting
        self.identified = identified


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
        try:
            with _pixel_limit(self.max_pixels):
                source = _open(data)
                reason = over_cap(source.width * source.height, self.max_pixels)
                if reason:
                    raise DecodeError(reason, lasting=False)
                return self._decode(source, wants)
        except DecodeError:
            raise
        except Exception as error:
            raise _decode_error(error, self.max_pixels) from error

    def _decode(self, source: _Source, wants: Sequence[InputSpec]) -> Decoded:
        from PIL import Image

        # One decode per scale serves all inputs of that scale.
        scales = {want: self._scale(source, want) for want in wants}
        colours: dict[_Scale, set[Colour]] = {}
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
            image = decoded[scales[want]][want.colour]
            if want.width:
                image = image.resize((want.width, want.height), Image.Resampling.LANCZOS)
            pixels = np.asarray(image, dtype=np.uint8)
            if want.at_most:
                pixels = shrunk(pixels, want.at_most)
            images[want] = pixels.reshape(*pixels.shape[:2], -1)
        if own in decoded:
            detail = _detail(decoded[own]["grey"])
        else:
            detail = _detail(next(made["grey"] for made in decoded.values() if "grey" in made))
            if detail < _PLAINLY_DETAILED:  # by the same pixels, whatever else is wanted
                detail = _detail(source.load(own, {"grey"})["grey"])
        return Decoded(source.facts(detail), images)

    def _scale(self, source: _Source, want: InputSpec) -> _Scale:
        return None if self.mode is DecodeMode.FULL else source.scale(want.decoded_side)


def _detail(image: Any) -> int:
    from PIL import Image

    small = image.resize((32, 32), Image.Resampling.BOX)
    return int(count_detail(np.asarray(small)[None])[0])


def shrunk(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """An image whose longer side is at most `side` pixels, by area resampling.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w) or (h, w, c)
    side : int
    """
    import cv2

    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


_Scale = tuple[int, int] | None
"""Divisors of the width: by the JPEG decoder, then by a box filter; None to decode in full."""


def decoder_id(mode: DecodeMode) -> str:
    """Names what decodes: a change of it makes cached facts and features void.

    The pixel cap is no part of it: files over the cap are not cached.
    """
    parts = [f"imgsim-decode 2 {mode.value}"]
    for package in ("pillow", "pillow-heif", "pillow-jxl-plugin", "rawpy"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    return ", ".join(parts)


def over_cap(pixels: int, max_pixels: int) -> str | None:
    """Why an image of this size is skipped, or None if it is not."""
    if pixels <= max_pixels:
        return None
    return f"{pixels} pixels are more than --max-pixels {max_pixels}"


def worth_reading(file: ImageFile) -> bool:
    """Whether a file may hold an image: its name does not say that it holds something else."""
    return file.named or _suffix(file) not in _OTHER_SUFFIXES


def claims_to_be_image(file: ImageFile) -> bool:
    """Whether it is worth a word that a file turns out not to be an image."""
    return file.named or _suffix(file) in IMAGE_SUFFIXES | RAW_SUFFIXES


def taken_by_accident(file: ImageFile, facts: ImageFacts) -> bool:
    """Whether the content was taken for an image that its name does not speak of."""
    return facts.format in _WITHOUT_MAGIC and not claims_to_be_image(file)


def _suffix(file: ImageFile) -> str:
    return os.path.splitext(file.path)[1].lower()


def count_detail(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the low DCT coefficients that stand above quantisation noise.

    Parameters
    ----------
    grey : ndarray of uint8, shape (n, 32, 32)

    Returns
    -------
    ndarray of int64, shape (n,)
        0 (flat) to 63.
    """
    basis = dct_basis(8, 32) / 8  # orthonormal
    basis[0] /= np.sqrt(2)
    low = basis @ grey.astype(np.float64) @ basis.T
    return np.asarray((np.abs(low).reshape(len(low), 64)[:, 1:] > _DETAIL_LEVEL).sum(axis=1))


@cache
def dct_basis(rows: int, points: int) -> NDArray[np.float64]:
    """The first rows of the DCT-II of some points, scaled as scipy's; not to be modified."""
    k, n = np.arange(rows)[:, None], np.arange(points)[None, :]
    return np.asarray(2 * np.cos(np.pi * k * (2 * n + 1) / (2 * points)))


# What is in the file ---------------------------------------------------------------------------


@dataclass(slots=True)
class _Source:
    """An opened, not yet decoded image.

    `reopen` gives a fresh Pillow image of the same bytes, since one that was decoded at a reduced
    scale cannot be decoded again at another; the first decode uses the one that is open already.
    """

    reopen: Callable[[], Any]
    opened: Any
    mode: str
    format: str
    lossless: bool
    raw: bool
    frames: int
    orientation: int
    width: int
    height: int

    def take(self) -> Any:
        """An image that was not decoded yet."""
        image, self.opened = self.opened, None
        return self.reopen() if image is None else image

    @property
    def jpeg(self) -> bool:
        return self.format in ("JPEG", "MPO") and self.mode in ("RGB", "L", "CMYK")

    def scale(self, side: int) -> _Scale:
        """The divisors that leave a shorter side of at least `side`."""
        shorter = min(self.width, self.height)
        divisor = max(1, shorter // side)
        if not self.jpeg:
            return (1, divisor)
        draft = max(s for s in (1, 2, 4, 8) if s <= divisor)
        return (draft, max(1, shorter // draft // side))

    def load(self, scale: _Scale, colours: Set[Colour]) -> dict[Colour, Any]:
        """Decode at a scale (None: in full) and convert to the colours asked for."""
        image = self.take()
        draft, reduce = scale or (1, 1)
        if scale and self.jpeg:
            # Luma is what a grey image is made from, so it is the same with or without chroma.
            luma = "L" if colours == {"grey"} else "YCbCr"
            width, height = image.size
            image.draft(luma if _has_luma(image) else image.mode, (width // draft, height // draft))
        image.load()
        made: dict[Colour, Any] = {}
        for colour in colours:
            if image.mode == "YCbCr" and colour == "grey":
                converted = image.getchannel("Y")
            elif image.mode == "YCbCr" and colour == "ycbcr":
                converted = image
            else:
                converted = convert(image, colour)
            if reduce > 1:
                converted = converted.reduce(reduce)
            made[colour] = _turn(converted, self.orientation)
        return made

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, turned upright."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.height, self.width) if turned else (self.width, self.height)

    def facts(self, detail: int) -> ImageFacts:
        facts = ImageFacts(
            *self.size, self.format, self.lossless, self.raw, self.frames, detail, None
        )
        if not facts.flat:
            return facts
        image = self.take()
        image.load()
        return replace(facts, pixel_digest=pixel_digest(_turn(image, self.orientation)))


def _has_luma(image: Any) -> bool:
    """Whether a JPEG stores YCbCr, and not RGB as its Adobe marker or component names say."""
    names = [component[0] for component in getattr(image, "layer", ())]
    return image.info.get("adobe_transform") != 0 and names != [82, 71, 66]


_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation to `PIL.Image.Transpose`."""


def _turn(image: Any, orientation: int) -> Any:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


_limit_lock = threading.Lock()
_limited: list[int | None] = []


@contextmanager
def _pixel_limit(max_pixels: int) -> Iterator[None]:
    """Put the pixel cap in the place of Pillow's own: some formats are decoded when opened."""
    from PIL import Image

    with _limit_lock:
        _limited.append(Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2  # Pillow refuses twice as much
    try:
        yield
    finally:
        with _limit_lock:
            if len(_limited) == 1:  # the last of several threads
                Image.MAX_IMAGE_PIXELS = _limited[0]
                _limited.clear()
            else:
                _limited.pop()


def _open(data: bytes) -> _Source:
    from PIL import Image, UnidentifiedImageError

    head = data[:64]
    if is_raw(data):
        return _open_raw(data)
    plugin = _plugin_for(head)
    if plugin:
        _enable(plugin)

    def reopen(formats: tuple[str, ...]) -> Any:
        return Image.open(io.BytesIO(data), formats=formats)

    image = None
    if plugin is None:
        Image.preinit()  # not the forty other formats, before somebody needs them
        with suppress(UnidentifiedImageError):
            image = reopen(_COMMON)
    if image is None:
        try:
            image = reopen(_formats())
        except UnidentifiedImageError:
            raise DecodeError(_unidentified(head), identified=plugin is not None) from None
    if not (image.width and image.height):
        raise DecodeError("no pixels")
    kind = image.format
    frames = 1 if kind == "MPO" else _count_frames(image)
    size = image.width, image.height
    opener = partial(reopen, ("JPEG", "MPO") if kind == "MPO" else (kind,))
    if kind in ("JPEG", "MPO") and not _has_end(data):
        raise DecodeError("truncated: the JPEG has no end")
    lossless = (
        kind in _LOSSLESS
        or (kind == "TIFF" and "jpeg" not in str(image.info.get("compression", "raw")))
        or (kind == "WEBP" and data[12:16] == b"VP8L")
    )
    turned = 1 if kind == "TIFF" else _orientation(image)  # Pillow turns TIFF itself
    return _Source(opener, image, image.mode, kind, lossless, False, frames, turned, *size)


def _has_end(data: bytes) -> bool:
    """Whether an end marker follows the first scan of a JPEG.

    A file whose tail was lost and filled with zeros decodes without a complaint. (One that ends
    too early, but with the marker, cannot be told from a plain picture.)
    """
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xDA:
            return data.find(b"\xff\xd9", place) >= 0
        if marker == 0xFF:  # filling
            place += 1
            continue
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return data.find(b"\xff\xd9", max(2, place)) >= 0


def _count_frames(image: Any) -> int:
    frames = int(getattr(image, "n_frames", 1))
    image.seek(0)
    return frames


def _orientation(image: Any) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # damaged EXIF is no reason to lose the picture
        return 1


@cache
def _formats() -> tuple[str, ...]:
    from PIL import Image

    Image.init()
    return tuple(name for name in Image.ID if name not in _NOT_OPENED)


def _plugin_for(head: bytes) -> str | None:
    """The module that teaches Pillow to open what begins with these bytes."""
    if head[4:8] == b"ftyp":
        brands = {head[i : i + 4] for i in (8, *range(16, len(head) - 3, 4))}
        if not brands & {b"avif", b"avis"} and brands & {
            *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
            *(b"mif1", b"msf1"),
        }:
            return "pillow_heif"
    if head.startswith((b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")):
        return "pillow_jxl"
    return None


_EXTRA_PACKAGES = {"pillow_jxl": "pillow-jxl-plugin", "pillow_heif": "pillow-heif"}


@cache
def _enable(module: str) -> None:
    try:
        plugin = import_module(module)
    except ImportError:
        kind = "JPEG XL" if module == "pillow_jxl" else "HEIC"
        package = _EXTRA_PACKAGES[module]
        raise DecodeError(f"{kind} needs the package {package} (imgsim[formats])") from None
    if module == "pillow_heif":
        plugin.register_heif_opener()
    _formats.cache_clear()


def _unidentified(head: bytes) -> str:
    if head.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return "PostScript is a program, not an image: convert it first"
    if head.startswith(b"%PDF"):
        return "PDF is a document, not an image: extract its pages first"
    if b"<svg" in head or head.lstrip().startswith(b"<?xml"):
        return "SVG is a drawing, not an image: render it first"
    if head[4:8] == b"ftyp":
        return "a film, or an image of a kind that is not read"
    return "content is no image format that is read here, or its header is damaged"


def _decode_error(error: Exception, max_pixels: int) -> DecodeError:
    """One line for what a decoder raised."""
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


def _open_raw(data: bytes) -> _Source:
    from PIL import Image

    try:
        found = preview(data)
    except ImportError:
        raise DecodeError("camera raw needs the package rawpy (imgsim[formats])") from None

    def reopen() -> Any:
        if found.jpeg is None:
            return Image.fromarray(found.pixels)
        return Image.open(io.BytesIO(found.jpeg), formats=["JPEG"])

    orientation = _orientation(reopen()) if found.jpeg else 1
    turned = found.orientation if orientation == 1 else orientation
    size = found.width, found.height
    return _Source(reopen, None, "RGB", "RAW", True, True, 1, turned, *size)
