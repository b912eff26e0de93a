"""Opens image data: format, orientation, frames, size limits, and optional plug-ins of Pillow."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from typing import Any

from imgsim.decode.buffers import jpeg_coefficients, tiff_segment
from imgsim.decode.colours import Colour, pixel_digest, samples_digest
from imgsim.decode.deep import DeepImage, ShownSamples, deep_image
from imgsim.decode.rawfiles import is_raw, preview
from imgsim.decode.spec import DecodeError
from imgsim.decode.strips import ImageRows, in_colours
from imgsim.types import ImageFacts

_NOT_OPENED = frozenset({"EPS", "WMF", "MPEG", "PDF", "GRIB", "HDF5", "BUFR"})
"""Pillow would run another program for these, or has no decoder of its own."""


_COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
_LOSSLESS = frozenset("PNG BMP DIB PPM TGA PCX SGI SUN XBM XPM ICO ICNS QOI PSD FITS".split())

Scale = tuple[int, int] | None
"""Divisors of the width: by the JPEG decoder, then by a box filter; None to decode in full."""


# What is in the file ---------------------------------------------------------------------------


@dataclass(slots=True)
class Source:
    """An opened, not yet decoded image.

    `reopen` gives a fresh Pillow image of the same bytes, since one that was decoded at a reduced
    scale cannot be decoded again at another; the first decode uses the one that is open already.
    Its last fields say what memory the decoder will take beside the picture, see `memory`. `shown`
    is set, in the place of `reopen`, where Pillow does not give the samples as they are.
    """

    reopen: Callable[[], Any] | None
    opened: Any
    mode: str
    format: str
    lossless: bool
    raw: bool
    frames: int
    orientation: int
    width: int
    height: int
    deep: DeepImage | None = None
    shown: Callable[[], ShownSamples] | None = None
    encoded_bytes: int = 0
    segment_bytes: int = 0
    coefficient_bytes: int = 0
    turned_by_decoder: bool = False

    def take(self) -> Any:
        """An image that was not decoded yet."""
        assert self.reopen is not None
        image, self.opened = self.opened, None
        return self.reopen() if image is None else image

    def fresh(self) -> Any:
        """An image that was only just opened; the one that was open already is let go."""
        self.opened = None  # it may hold a canvas
        return self.take()

    @property
    def jpeg(self) -> bool:
        return self.format in ("JPEG", "MPO") and self.mode in ("RGB", "L", "CMYK")

    def scale(self, side: int) -> Scale:
        """Return the divisors that leave a shorter side of at least `side`."""
        shorter = min(self.width, self.height)
        divisor = max(1, shorter // side)
        if not self.jpeg:
            return (1, divisor)
        draft = max(s for s in (1, 2, 4, 8) if s <= divisor)
        return (draft, max(1, shorter // draft // side))

    def load(self, scale: Scale, colours: Set[Colour]) -> dict[Colour, Any]:
        """Decode at a scale (None: in full) and convert to the colours asked for."""
        draft, reduce = scale or (1, 1)
        if self.shown is not None:
            return self._turned(in_colours(self.shown(), colours, reduce))
        image = self.take()
        if scale and self.jpeg:
            # Luma is what a grey image is made from, so it is the same with or without chroma.
            luma = "L" if colours == {"grey"} else "YCbCr"
            width, height = image.size
            image.draft(luma if _has_luma(image) else image.mode, (width // draft, height // draft))
        image.load()
        return self._turned(in_colours(ImageRows(image), colours, reduce))

    def _turned(self, made: dict[Colour, Any]) -> dict[Colour, Any]:
        for colour in made:  # one after the other: each lets go of the one that it is made of
            made[colour] = turn_upright(made[colour], self.orientation)
        return made

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, turned upright."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.height, self.width) if turned else (self.width, self.height)

    def facts(self, detail: int, thumbnail: str, decode_bytes: int) -> ImageFacts:
        facts = ImageFacts(
            *self.size, self.format, self.lossless, self.raw, self.frames, detail, None, thumbnail,
            decode_bytes,
        )  # fmt: skip
        if not facts.flat:
            return facts
        if self.shown is not None:
            return replace(facts, pixel_digest=samples_digest(self.shown().upright))
        image = self.take()
        image.load()
        return replace(facts, pixel_digest=pixel_digest(turn_upright(image, self.orientation)))


def _has_luma(image: Any) -> bool:
    """Whether a JPEG stores YCbCr, and not RGB as its Adobe marker or component names say."""
    names = [component[0] for component in getattr(image, "layer", ())]
    return image.info.get("adobe_transform") != 0 and names != [82, 71, 66]


_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation to `PIL.Image.Transpose`."""


def turn_upright(image: Any, orientation: int) -> Any:
    """Turn or flip a Pillow image by its EXIF orientation."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


_limit_lock = threading.Lock()
_limited: list[int | None] = []


@contextmanager
def pixel_limit(max_pixels: int) -> Iterator[None]:
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


def open_source(data: bytes) -> Source:
    """Open image data without decoding its pixels."""
    from PIL import Image, UnidentifiedImageError

    head = data[:64]
    if is_raw(data):
        return _open_raw(data)
    deep = deep_image(data)
    if deep is not None and deep.needed:
        return _open_deep(deep)
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
            if deep is not None:
                return _open_deep(deep)
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
    turned = _orientation(image)
    in_tiff = kind == "TIFF"  # Pillow turns TIFF itself
    return Source(
        opener, image, image.mode, kind, lossless, False, frames, 1 if in_tiff else turned, *size,
        encoded_bytes=len(data), segment_bytes=tiff_segment(data) if in_tiff else 0,
        coefficient_bytes=jpeg_coefficients(image, data) if kind in ("JPEG", "MPO") else 0,
        turned_by_decoder=in_tiff and turned != 1,
    )  # fmt: skip


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


def _open_deep(deep: DeepImage) -> Source:
    if not (deep.width and deep.height):
        raise DecodeError("no pixels")
    return Source(
        None, None, "", deep.format, deep.lossless, False, deep.frames,
        deep.orientation, deep.width, deep.height, deep, cache(deep.shown),
    )  # fmt: skip


def _open_raw(data: bytes) -> Source:
    from PIL import Image

    try:
        stored = preview(data)
    except ImportError:
        raise DecodeError("camera raw needs the package rawpy (imgsim[formats])") from None

    def reopen() -> Any:
        if stored.jpeg is None:
            return Image.fromarray(stored.pixels)
        return Image.open(io.BytesIO(stored.jpeg), formats=["JPEG"])

    orientation = _orientation(reopen()) if stored.jpeg else 1
    turned = stored.orientation if orientation == 1 else orientation
    size = stored.width, stored.height
    return Source(reopen, None, "RGB", "RAW", True, True, 1, turned, *size, encoded_bytes=len(data))
