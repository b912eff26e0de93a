"""Pictures for the page, made in worker processes: never the bytes of a file, always new JPEGs."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec, NeedsMemory
from imgsim.executors.base import Heartbeat, MoreMemory
from imgsim.read.content import Content

SIDES = (160, 320, 640, 1280, 2560)
"""Pixels of the longer side of a thumbnail, at most."""

MAX_CROP = 4096
"""Pixels of a side of a crop, at most."""

_QUALITY = 85
_CROP_QUALITY = 95
_GROUND = 128
_HELD_BYTES = 192 << 20
"""Decoded pixels of the last picture that a worker keeps, for the next crop of it."""

_NOISE = 6
"""Levels up to which a difference is that of compression, and is hardly seen on the map."""

_FULL = 64
"""Levels from which on a difference has the brightest colour."""


class Size(NamedTuple):
    """Pixels of an upright picture."""

    width: int
    height: int

    def within(self, side: int) -> Size:
        """The size of it when its longer side is brought down to `side`."""
        scale = min(1.0, side / max(1, self.width, self.height))
        return Size(max(1, round(self.width * scale)), max(1, round(self.height * scale)))


_NO_SIZE = Size(0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of a picture, in shares of its width and height.

    Attributes
    ----------
    x, y, width, height : float
    zoom : float
        Pixels of the crop for a pixel of the picture, 1 at most.
    """

    x: float
    y: float
    width: float
    height: float
    zoom: float = 1.0


class Made(NamedTuple):
    """A picture that was made.

    Attributes
    ----------
    jpeg : bytes
        Empty where none could be made.
    reason : str
        Why not.
    """

    jpeg: bytes
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ImageWork:
    """One picture that is to be made; a batch of one item, picklable.

    Attributes
    ----------
    kind : {"thumbnail", "crop", "aligned", "difference", "nothing"}
        ``aligned`` lays the file upon the kept one; ``difference`` shows where both differ;
        ``nothing`` lets a worker load what it needs.
    content : Content
    size : Size
        Of that file, as it was read.
    side : int
        Pixels of the longer side, at most.
    limits : Decoder
    region : Part or None
        Of a crop.
    kept : Content or None
        What the file is laid upon.
    kept_size : Size
    matrix : tuple of float
        Pixels of the file to those of the kept one, row by row, see `Transform`.
    """

    kind: Literal["thumbnail", "crop", "aligned", "difference", "nothing"]
    content: Content
    size: Size
    side: int
    limits: Decoder
    region: Part | None = None
    kept: Content | None = None
    kept_size: Size = _NO_SIZE
    matrix: tuple[float, ...] = ()

    def __len__(self) -> int:
        return 1

    def part(self, start: int, stop: int) -> ImageWork:
        """The same work: there is one item."""
        return self

    def failure(self, reason: str) -> Made:
        """What is made of a file whose decoder died."""
        return Made(b"", reason)

    def with_memory(self, size_bytes: int) -> ImageWork:
        """The same work, which may take so many bytes."""
        return replace(self, limits=replace(self.limits, share=size_bytes))

    def run(self, heartbeat: Heartbeat) -> list[Made | MoreMemory]:
        """Make the picture."""
        import cv2

        cv2.setNumThreads(1)
        try:
            made: Made | MoreMemory = Made(self._make(heartbeat))
        except NeedsMemory as error:
            _held.clear()
            made = MoreMemory(error.size_bytes)
        except DecodeError as error:
            made = Made(b"", str(error))
        except FileNotFoundError:
            made = Made(b"", "the file is not there any more")
        except OSError as error:
            made = Made(b"", str(error.strerror or error))
        except (cv2.error, ValueError, np.linalg.LinAlgError):
            made = Made(b"", "it cannot be laid upon the kept file")
        heartbeat()
        return [made]

    def _make(self, heartbeat: Heartbeat) -> bytes:
        if self.kind == "nothing":
            data = _jpeg(np.zeros((64, 64, 3), np.uint8), _QUALITY)
            self.limits(data, [InputSpec(0, 0, "rgb", at_most=32)])
            return data
        if self.kind == "crop":
            return self._crop(heartbeat)
        own = self._small(self.content, self.size, heartbeat)
        if self.kind == "thumbnail":
            return _jpeg(own, _QUALITY)
        assert self.kept is not None
        frame = self.kept_size.within(self.side)
        laid, mask = self._laid(own, frame)
        if self.kind == "aligned":
            return _jpeg(laid, _QUALITY)
        kept = self._small(self.kept, self.kept_size, heartbeat)
        return _jpeg(_difference_map(_resized(kept, frame), laid, mask), _QUALITY)

    def _small(self, content: Content, size: Size, heartbeat: Heartbeat) -> NDArray[np.uint8]:
        data = content.read(self.limits, heartbeat.reading)
        least = self.side  # of the shorter side, where the size is not known yet
        if min(size) > 0:
            least = math.ceil(self.side * min(size) / max(size))
        want = InputSpec(0, 0, "rgb", at_least=max(1, least), at_most=self.side)
        return _three(self.limits(data, [want]).images[want])

    def _crop(self, heartbeat: Heartbeat) -> bytes:
        part = self.region
        assert part is not None
        pixels = _held.get(self.content.digest)
        if pixels is None:
            _held.clear()
            data = self.content.read(self.limits, heartbeat.reading)
            want = InputSpec(0, 0, "rgb")
            limits = replace(self.limits, mode=DecodeMode.FULL)
            pixels = _three(limits(data, [want]).images[want])
            if pixels.nbytes <= _HELD_BYTES:
                _held[self.content.digest] = pixels
        height, width = pixels.shape[:2]
        left, top = round(part.x * width), round(part.y * height)
        right = min(width, left + min(MAX_CROP, max(1, round(part.width * width))))
        bottom = min(height, top + min(MAX_CROP, max(1, round(part.height * height))))
        left, top = min(left, right - 1), min(top, bottom - 1)
        some = pixels[top:bottom, left:right]
        if part.zoom < 1:
            size = Size(
                max(1, round((right - left) * part.zoom)), max(1, round((bottom - top) * part.zoom))
            )
            some = _resized(some, size)
        return _jpeg(some, _CROP_QUALITY)

    def _laid(
        self, own: NDArray[np.uint8], frame: Size
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The file as it lies upon the kept one, and where it does."""
        import cv2

        height, width = own.shape[:2]
        to_full = np.diag([self.size.width / width, self.size.height / height, 1.0])
        to_frame = np.diag(
            [frame.width / self.kept_size.width, frame.height / self.kept_size.height, 1.0]
        )
        matrix = to_frame @ np.array(self.matrix, np.float64).reshape(3, 3) @ to_full
        # OpenCV counts from the centre of the first pixel
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
        matrix = np.linalg.inv(half) @ matrix @ half
        size = tuple(frame)
        laid = cv2.warpPerspective(
            own, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(_GROUND,) * 3
        )
        inside = np.full(own.shape[:2], 255, np.uint8)
        mask = cv2.warpPerspective(inside, matrix, size, flags=cv2.INTER_NEAREST) > 0
        return np.asarray(laid, np.uint8), np.asarray(mask)


_held: dict[str, NDArray[np.uint8]] = {}
"""In a worker: the pixels of the picture that a crop was made of last, by its digest."""


def _three(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels)


def _resized(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    import cv2

    if pixels.shape[1::-1] == tuple(size):
        return pixels
    return np.asarray(cv2.resize(pixels, tuple(size), interpolation=cv2.INTER_AREA), np.uint8)


def _difference_map(
    kept: NDArray[np.uint8], other: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """The kept picture in dark grey, and over it in colours how far the other one differs."""
    import cv2

    levels = cv2.absdiff(kept, other).max(axis=2)
    levels = cv2.GaussianBlur(levels, (0, 0), 1.0).astype(np.float32)
    share = np.clip((levels - _NOISE) / (_FULL - _NOISE), 0, 1)
    share[~mask] = 0
    grey = cv2.cvtColor(kept, cv2.COLOR_RGB2GRAY).astype(np.float32) * 0.35 + 20
    ground = np.repeat(grey[..., None], 3, 2)
    colours = cv2.applyColorMap((share * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    weight = np.sqrt(share)[..., None]
    mixed = ground * (1 - weight) + colours.astype(np.float32) * weight
    mixed[~mask] = _GROUND
    return np.asarray(np.rint(mixed).clip(0, 255), np.uint8)


def _jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    options: dict[str, Any] = {"subsampling": 0} if quality >= _CROP_QUALITY else {}
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def placeholder(reason: str, side: int) -> bytes:
    """Return a picture with a text, for a file that cannot be shown.

    Parameters
    ----------
    reason : str
    side : int
        Pixels.
    """
    from textwrap import wrap

    from PIL import Image, ImageDraw, ImageFont

    side = min(max(side, SIDES[0]), SIDES[2])
    picture = Image.new("RGB", (side, side * 3 // 4), (96, 96, 96))
    draw = ImageDraw.Draw(picture)
    height = max(12, side // 22)
    font = ImageFont.load_default(height)
    lines = wrap(f"cannot be shown: {reason}"[:300], max(12, int(side / height * 1.7)))
    top = (picture.height - len(lines) * (height + 4)) // 2
    for number, line in enumerate(lines):
        draw.text((side // 20, top + number * (height + 4)), line, (240, 240, 240), font)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
