"""Opens image data: format, orientation, frames, size limits, and optional plug-ins of Pillow."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from typing import Any

from imgsim.decode.buffers import jpeg_coefficients, tiff_segment
from imgsim.decode.colour_meaning import colour_meaning
from imgsim.decode.colours import ALPHA_MODES, Colour, pixel_digest, samples_digest
from imgsim.decode.containers import end_of_boxes
from imgsim.decode.deep import DeepImage, ShownSamples, deep_image
from imgsim.decode.detail import RICHLY_DETAILED, detail_of
from imgsim.decode.frames import frame_durations, sampled_frames, sampled_pages
from imgsim.decode.metadata_blocks import without_exif_items, without_resources
from imgsim.decode.names import is_identified_surely
from imgsim.decode.packages import needs_package
from imgsim.decode.parts import FURTHER_BAND, LAYERS, extra_parts
from imgsim.decode.rawfiles import is_raw, preview
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeError, NeedsMemory
from imgsim.decode.strict_jpeg import strict_grey
from imgsim.decode.strips import ImageRows, in_colours
from imgsim.types import MIN_DETAIL, WHOLE_PART, ImageFacts

_NOT_OPENED = frozenset({"EPS", "WMF", "MPEG", "PDF", "GRIB", "HDF5", "BUFR"})
"""Pillow would run another program for these, or has no decoder of its own."""


_COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
_LOSSLESS = frozenset("PNG BMP DIB PPM TGA PCX SGI SUN XBM XPM ICO ICNS QOI PSD FITS".split())

Scale = tuple[int, int] | None
"""Divisors of the width: by the JPEG decoder, then by a box filter; None to decode in full."""


# What is in the file ---------------------------------------------------------------------------


Check = Callable[["Source"], None]


@dataclass(slots=True)
class Source:
    """An opened, not yet decoded image.

    `reopen` gives a fresh Pillow image of the same bytes, since one that was decoded at a reduced
    scale cannot be decoded again at another; the first decode uses the one that is open already.
    `deep` and `deep_shown` are set where Pillow does not give the samples as they are; `reopen`
    maps them to 8 bits.
    Of several frames `durations` tells for how long each is shown (nothing of pages), and `shown`
    is the one that is decoded.
    Of a damaged file, `top` and `bottom` say which rows `reopen` gives that are there, as shares of
    the stored height, and `part` where these lie in the whole picture, upright. `ends_blank` tells
    after the first decode that the last row holds what a decoder fills in where data are missing,
    and `decoded_strictly` that a decoder which hides no damage was content. `jpeg_data` are the
    bytes of a JPEG that it can decode; `progressive` if it has several scans.
    `colours` says what its samples stand for, see `colour_meaning`, and `alpha` whether it has
    transparency. The last fields say what memory a decoder takes beside the picture, see `memory`;
    `check` is called with this, as it is of a frame, before any of its pixels are decoded.
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
    deep: DeepImage | None = None
    deep_shown: Callable[[], ShownSamples] | None = None
    durations: tuple[int, ...] = ()
    shown: int = 0
    parts: str = ""
    colours: str = ""
    alpha: bool = False
    damage: str = ""
    top: float = 0.0
    bottom: float = 1.0
    part: tuple[float, float, float, float] = WHOLE_PART
    ends_blank: bool = False
    decoded_strictly: bool = False
    jpeg_data: bytes = b""
    progressive: bool = False
    encoded_bytes: int = 0
    segment_bytes: int = 0
    coefficient_bytes: int = 0
    turned_by_decoder: bool = False
    check: Check | None = None

    def take(self) -> Any:
        """An image that was not decoded yet."""
        image, self.opened = self.opened, None
        if self.shown:
            return next(self.images([self.shown]))
        return self.reopen() if image is None else image

    def fresh(self) -> Any:
        """An image that was only just opened; the one that was open already is let go."""
        self.opened = None  # it may hold a canvas
        return self.reopen()

    def images(self, numbers: Sequence[int]) -> Iterator[Any]:
        """Decode some frames, in ascending order, each good until the next one is asked for."""
        image = None
        for number in numbers:
            if self.deep is not None and self.deep.format == "TIFF":
                if self.check is not None:
                    self.check(replace(self, deep=self.deep.of_page(number)))
                yield self.deep.shown(number).whole()
                continue
            image = image or (self.reopen() if self.deep is None else self.deep.in_pillow())
            if self.frames > 1:
                image.seek(number)
            if self.check is not None:
                self.check(self.of_frame(image))
            image.load()
            yield image

    def of_frame(self, image: Any) -> Source:
        """This source with the size of a Pillow image of one of its frames."""
        return replace(
            self, width=image.width, height=image.height, mode=image.mode, deep=None, opened=None
        )

    @property
    def sampled(self) -> list[int]:
        """The frames or pages that count, see `frames.sampled_frames`."""
        return sampled_frames(self.durations) if self.durations else sampled_pages(self.frames)

    def choose_frame(self) -> None:
        """Pass over frames that show too little: many animations begin with a black one.

        Raises
        ------
        NeedsMemory
        """
        least = MIN_DETAIL
        try:
            for number, image in zip(self.sampled, self.images(self.sampled), strict=True):
                grey = in_colours(ImageRows(image), {"grey"}, 1)["grey"]
                if detail_of(grey)[0] >= least:
                    self.shown, self.width, self.height = number, image.width, image.height
                    return
                least = RICHLY_DETAILED  # those that are still half black are no good
        except NeedsMemory:
            raise
        except DecodeError as error:
            if not error.lasting:  # it is over a limit
                raise
        except Exception:  # a damaged frame is no reason to lose those before it
            return

    @property
    def jpeg(self) -> bool:
        return self.format in ("JPEG", "MPO") and self.mode in ("RGB", "L", "CMYK")

    def scale(self, side: int) -> Scale:
        """Return the divisors that leave a shorter side of at least `side`."""
        rows = self.part[3] - self.part[1], self.part[2] - self.part[0]
        shorter = min(self.width, max(1, int(self.height * min(rows))))
        divisor = max(1, shorter // side)
        if not self.jpeg:
            return (1, divisor)
        draft = max(s for s in (1, 2, 4, 8) if s <= divisor)
        return (draft, max(1, shorter // draft // side))

    def load(self, scale: Scale, colours: Set[Colour]) -> dict[Colour, Any]:
        """Decode at a scale (None: in full) and convert to the colours asked for."""
        draft, reduce = scale or (1, 1)
        if self.deep_shown is not None and not (self.shown or self.damage):
            return self._turned(in_colours(self.deep_shown(), colours, reduce))
        image = self._luma(draft) if scale and colours == {"grey"} else None
        if image is None:
            image = self.take()
            if scale and self.jpeg:
                # luma is what a grey image is made from, so it is the same with or without chroma
                luma = "L" if colours == {"grey"} else "YCbCr"
                width, height = image.size
                mode = luma if _has_luma(image) else image.mode
                image.draft(mode, (width // draft, height // draft))
            image.load()
        self.ends_blank = _ends_blank(image, self.format)
        return self._turned(in_colours(ImageRows(self._crop(image)), colours, reduce))

    def _luma(self, draft: int) -> Any:
        """Decode the luma of a JPEG by a decoder that hides no damage; None if it finds some."""
        from PIL import Image

        if not self.jpeg_data:
            return None
        grey = strict_grey(self.jpeg_data, -(-self.width // draft), -(-self.height // draft))
        if grey is None:
            self.jpeg_data = b""
            return None
        # of a progressive one, scans may be missing nevertheless
        self.decoded_strictly = not self.progressive
        return Image.fromarray(grey)

    def _turned(self, made: dict[Colour, Any]) -> dict[Colour, Any]:
        for colour in made:  # one after the other: each lets go of the one that it is made of
            made[colour] = turn_upright(made[colour], self.orientation)
        return made

    def _crop(self, image: Any) -> Any:
        """Leave out the rows that are not there."""
        if (self.top, self.bottom) == (0.0, 1.0):
            return image
        top, bottom = self.top * image.height, self.bottom * image.height
        top, bottom = math.ceil(top - 1e-6), math.floor(bottom + 1e-6)
        return image.crop((0, top, image.width, max(bottom, top + 1)))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, turned upright."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.height, self.width) if turned else (self.width, self.height)

    def facts(self, detail: int, thumbnail: str, decode_bytes: int) -> ImageFacts:
        facts = ImageFacts(
            *self.size, self.format, self.lossless, self.raw, self.frames, detail, None, thumbnail,
            sum(self.durations), self.parts, self.damage, self.part, decode_bytes,
            self.decoded_strictly, self.colours, self.alpha,
        )  # fmt: skip
        if not facts.flat:
            return facts
        if self.deep_shown is not None and not self.damage:
            return replace(facts, pixel_digest=samples_digest(self.deep_shown().upright))
        image = self.take()
        image.load()
        image = self._crop(image)
        return replace(facts, pixel_digest=pixel_digest(turn_upright(image, self.orientation)))


_GREY = (128, (128, 128, 128))


def _ends_blank(image: Any, format: str) -> bool:
    """Whether the last row holds what decoders fill in: grey in JPEG, the colour 0 in GIF."""
    if format not in ("JPEG", "MPO", "GIF"):
        return False
    rows = 2 if format == "GIF" else 1  # the last row may not be the last of an interlaced one
    told_by_bands = format == "GIF" or image.mode == "CMYK"
    for row in range(max(0, image.height - rows), image.height):
        if not told_by_bands and image.getpixel((0, row)) not in _GREY:
            continue  # as in nearly every file
        extrema = image.crop((0, row, image.width, row + 1)).getextrema()
        bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
        if told_by_bands:
            blank = all(low == high for low, high in bands)
        else:
            blank = all(band == (128, 128) for band in bands)
        if blank:
            return True
    return False


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


def open_source(data: bytes, check: Check | None = None) -> Source:
    """Open image data without decoding its pixels.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    check : callable, optional
        Raises if the image is over a limit, before a decoder does more than to read its header.

    Raises
    ------
    DecodeError
    """
    from PIL import Image, UnidentifiedImageError

    head = data[:64]
    if is_raw(data):
        return _open_raw(data, check)
    deep = deep_image(data)
    if deep is not None and deep.needed:
        return _open_deep(deep, check)
    plugin = _plugin_for(head)
    if plugin:
        _enable(plugin)

    # what is appended its decoder would stumble over
    shown = data[: end_of_boxes(data)] if plugin == "pillow_heif" else data

    def reopen(formats: tuple[str, ...]) -> Any:
        return Image.open(io.BytesIO(shown), formats=formats)

    image = None
    if plugin is None:
        Image.preinit()  # not the forty other formats, before somebody needs them
        with suppress(UnidentifiedImageError):
            image = reopen(_COMMON)
    if image is None:
        try:
            image = reopen(_formats())
        except (UnidentifiedImageError, ValueError) as error:
            unidentified = isinstance(error, UnidentifiedImageError)
            if unidentified and deep is not None:
                return _open_deep(deep, check)
            shown = _without_metadata(data)
            with suppress(UnidentifiedImageError, ValueError):
                image = reopen(_formats()) if shown else None
            if image is None and not unidentified:
                raise
            if image is None:
                identified = plugin is not None or bool(_boxed_kind(head))
                raise DecodeError(_unidentified(head), identified=identified) from None
    if not (image.width and image.height):
        raise DecodeError("no pixels")
    kind = image.format
    frames = 1 if kind in _ONE_PICTURE else _count_frames(image)
    size = image.width, image.height
    opener = partial(reopen, ("JPEG", "MPO") if kind == "MPO" else (kind,))
    lossless = (
        kind in _LOSSLESS
        or (kind == "TIFF" and "jpeg" not in str(image.info.get("compression", "raw")))
        or (kind == "WEBP" and data[12:16] == b"VP8L")
    )
    source = Source(
        opener, image, image.mode, kind, lossless, False, frames, 1, *size,
        encoded_bytes=len(data), segment_bytes=tiff_segment(data) if kind == "TIFF" else 0,
        coefficient_bytes=jpeg_coefficients(image, data) if kind in ("JPEG", "MPO") else 0,
        check=check,
    )  # fmt: skip
    if check is not None:
        check(source)
    turned, usable = _orientation(image)
    source.turned_by_decoder = kind == "TIFF" and turned != 1  # Pillow turns TIFF itself
    source.orientation = 1 if kind == "TIFF" else turned
    source.opened = image if usable or kind == "TIFF" else None
    if kind in ("JPEG", "MPO") and image.mode in ("L", "RGB") and _has_luma(image):
        source.jpeg_data, source.progressive = data, "progressive" in image.info
    source.parts = extra_parts(data, image)
    source.colours = colour_meaning(data, kind, image)
    source.alpha = image.mode in ALPHA_MODES or "transparency" in image.info
    if frames > 1:
        source.durations, source.opened = frame_durations(data, image, frames), None
    return source


def begins_as_image(path: str) -> bool:
    """Return whether a file begins as one of the image formats that are read, whatever its name.

    It is not decoded. What cannot be read at all does not.
    """
    from PIL import Image

    try:
        with open(path, "rb") as stream:
            head = stream.read(64)
        if _plugin_for(head) or _boxed_kind(head):
            return True
        with pixel_limit(DEFAULT_MAX_PIXELS), Image.open(path, formats=_formats()) as image:
            return is_identified_surely(image.format or "")
    except Image.DecompressionBombError:
        return True
    except Exception:  # Pillow's readers raise many kinds over what is no image
        return False


def _without_metadata(data: bytes) -> bytes:
    """The bytes of a JPEG or AVIF without blocks for which decoders refuse it; empty for others."""
    if data.startswith(b"\xff\xd8\xff"):
        return without_resources(data)
    return without_exif_items(data) if _boxed_kind(data[:64]) == "AVIF" else b""


_ONE_PICTURE = frozenset({"MPO", "PSD"})
"""Formats whose further pictures are no frames: views, and layers that the first one shows."""


def _count_frames(image: Any) -> int:
    frames = int(getattr(image, "n_frames", 1))
    image.seek(0)
    return frames


def _orientation(image: Any) -> tuple[int, bool]:
    """Read the EXIF orientation, and tell whether the image can still be decoded.

    Pillow decodes a PNG to find its EXIF, and gives what it has of a broken one the second time.
    """
    try:
        return int(image.getexif().get(0x0112, 1)), True
    except MemoryError:
        raise
    except Exception:  # damaged EXIF is no reason to lose the picture
        return 1, False


@cache
def _formats() -> tuple[str, ...]:
    from PIL import Image

    Image.init()
    return tuple(name for name in Image.ID if name not in _NOT_OPENED)


_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)


def _plugin_for(head: bytes) -> str | None:
    """The module that teaches Pillow to open what begins with these bytes."""
    if _boxed_kind(head) == "HEIC":
        return "pillow_heif"
    if head.startswith((b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")):
        return "pillow_jxl"
    return None


def _boxed_kind(head: bytes) -> str:
    """Return whether the first box of a file says HEIC or AVIF; empty for neither."""
    if head[4:8] != b"ftyp":
        return ""
    brands = {head[i : i + 4] for i in (8, *range(16, len(head) - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIC" if brands & _HEIC_BRANDS else ""


_EXTRA_PACKAGES = {"pillow_jxl": "pillow-jxl-plugin", "pillow_heif": "pillow-heif"}


@cache
def _enable(module: str) -> None:
    try:
        plugin = import_module(module)
    except ImportError:
        kind = "JPEG XL" if module == "pillow_jxl" else "HEIC"
        package = _EXTRA_PACKAGES[module]
        raise needs_package(f"{kind} needs", package) from None
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
    if kind := _boxed_kind(head):
        return f"damaged or unsupported: the boxes of the {kind} file cannot be read"
    if head[4:8] == b"ftyp":
        return "a film, or an image of a kind that is not read"
    return "content is no image format that is read here, or its header is damaged"


def _open_deep(deep: DeepImage, check: Check | None) -> Source:
    if not (deep.width and deep.height):
        raise DecodeError("no pixels")
    shown = cache(deep.shown)
    source = Source(
        lambda: shown().whole(), None, "", deep.format, deep.lossless, False, deep.frames,
        deep.orientation, deep.width, deep.height, deep, shown,
        encoded_bytes=len(deep.data), check=check,
        parts=", ".join([*[LAYERS] * deep.layers, *[FURTHER_BAND] * deep.hides_bands]),
    )  # fmt: skip
    if check is not None:
        check(source)
    source.colours = colour_meaning(deep.data, deep.format, None, deep.profile, deep.mode)
    source.alpha = deep.alpha is not None
    if deep.format == "PNG" and deep.frames > 1:
        image = deep.in_pillow()
        source.frames = image.n_frames
        source.durations = frame_durations(deep.data, image, source.frames)
    return source


def _open_raw(data: bytes, check: Check | None) -> Source:
    from PIL import Image

    try:
        stored = preview(data)
    except ImportError:
        raise needs_package("camera raw needs", "rawpy") from None

    def reopen() -> Any:
        if stored.jpeg is None:
            return Image.fromarray(stored.pixels)
        return Image.open(io.BytesIO(stored.jpeg), formats=["JPEG"])

    orientation, _ = _orientation(reopen()) if stored.jpeg else (1, True)
    turned = stored.orientation if orientation == 1 else orientation
    size = stored.width, stored.height
    source = Source(
        reopen, None, "RGB", "RAW", True, True, 1, turned, *size, encoded_bytes=len(data),
        check=check,
    )  # fmt: skip
    if check is not None:
        check(source)
    return source
