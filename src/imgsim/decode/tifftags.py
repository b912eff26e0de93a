"""The tags of a TIFF that say how its samples are stored."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
_COMPRESSIONS = {
    1: "uncompressed", 2: "CCITT", 3: "CCITT", 4: "CCITT", 5: "LZW", 6: "JPEG", 7: "JPEG",
    8: "deflate", 32773: "PackBits", 32946: "deflate", 33003: "JPEG 2000", 33005: "JPEG 2000",
    34712: "JPEG 2000", 34887: "LERC", 34892: "JPEG", 34925: "LZMA", 50000: "Zstandard",
    50001: "WebP", 50002: "JPEG XL",
}  # fmt: skip
_LOSSY = frozenset({6, 7, 33003, 33005, 34712, 34887, 34892, 50001, 50002})
_MOST_PAGES = 65536
_PHOTOSHOP_DATA = 37724
_LAYER_KEYS = b"8BIMLayr", b"8BIMLr16", b"8BIMLr32", b"MIB8ryaL", b"MIB861rL", b"MIB823rL"
_MOST_BITS = 128
"""Of one sample: a complex number of double precision."""


@dataclass(frozen=True, slots=True)
class TiffTags:
    """How the samples of one page are stored.

    Attributes
    ----------
    width, height : int
        As stored.
    bits : tuple of int
        Of each band.
    bands : int
        With extra samples.
    sample_format : int
        1 unsigned, 2 signed, 3 floating point, 5 and 6 complex, 4 not said.
    photometric, compression, orientation : int
        As in the file.
    extra : tuple of int
        Of each extra sample: 1 and 2 alpha, 0 anything else.
    planes : bool
        Each band is stored by itself.
    segments : tuple of (int, int)
        Place and length of strips or tiles.
    segment_bytes : int
        Of one strip or tile, decoded.
    segment_columns, segment_rows : int
        Of one strip or tile.
    tiled : bool
        They are tiles.
    layers : bool
        See `holds_layers`.
    """

    width: int
    height: int
    bits: tuple[int, ...]
    bands: int
    sample_format: int
    photometric: int
    compression: int
    orientation: int
    extra: tuple[int, ...]
    planes: bool
    segments: tuple[tuple[int, int], ...]
    segment_bytes: int
    segment_columns: int
    segment_rows: int
    tiled: bool
    layers: bool

    def segment_shape(self, number: int) -> tuple[int, int, int]:
        """Return the first row of a strip or tile, its rows, and the bytes of one, decoded.

        Chroma that is stored at a lower resolution is not reckoned with.
        """
        across = -(-self.width // self.segment_columns) if self.tiled else 1
        down = -(-self.height // self.segment_rows)
        plane, place = divmod(number, across * down)
        top = place // across * self.segment_rows
        # the last strip ends with the picture, a tile goes on behind it
        rows = self.segment_rows if self.tiled else min(self.segment_rows, self.height - top)
        bits = self.bits[min(plane, self.bands - 1)] if self.planes else sum(self.bits)
        return top, rows, -(-self.segment_columns * bits // 8)

    @property
    def alpha(self) -> int | None:
        """The place of the band that is declared as alpha."""
        for place, kind in enumerate(self.extra, self.bands - len(self.extra)):
            if kind in (1, 2) and place > 0:
                return place
        # Without a declaration four bands of RGB are read as RGBA, as by Pillow
        return 3 if self.photometric == RGB and self.bands == 4 and not self.extra else None

    @property
    def exact_in_pillow(self) -> bool:
        """Whether Pillow gives all samples as they are (associated alpha is divided out)."""
        bits = self.bits[0]
        if len(set(self.bits)) > 1:
            return False
        if self.bands == 1:
            if bits <= 8:
                return self.sample_format != 2
            if self.photometric != BLACK_IS_ZERO:
                return False
            wanted = {12: (1, 4), 16: (1, 4), 32: (2, 3)}
            return self.sample_format in wanted.get(bits, ())
        if bits > 8 or self.sample_format == 2:
            return False
        extra = 1 if self.alpha is not None else 0
        if self.photometric == PALETTE:
            return True  # the colours of the palette are what counts
        colours = {0: 1, 1: 1, RGB: 3, CMYK: 4, YCBCR: 3, CIELAB: 3}
        return self.bands == colours.get(self.photometric, self.bands) + extra

    @property
    def why_not_read(self) -> str | None:
        """The reason why nothing reads such samples; None if something may."""
        absurd = next((bits for bits in self.bits if not 1 <= bits <= _MOST_BITS), None)
        if absurd is not None:
            return f"damaged or unsupported: the TIFF says that samples have {absurd} bits"
        if len(set(self.bits)) > 1:
            bits = ", ".join(map(str, self.bits))
            return f"a TIFF whose bands differ in depth ({bits} bits) is not read"
        if self.sample_format in (5, 6):
            return f"{self.described} are complex numbers, not an image"
        if self.photometric == PALETTE and self.bits[0] > 8:
            return f"a TIFF with palette indices of {self.bits[0]} bits is not read"
        return None

    @property
    def described(self) -> str:
        """A phrase such as "13 bands of 16 bits compressed with LZW"."""
        bands = "samples" if self.bands == 1 else f"{self.bands} bands"
        name = _COMPRESSIONS.get(self.compression, f"method {self.compression}")
        packed = "" if self.compression == 1 else f" compressed with {name}"
        return f"{bands} of {self.bits[0]} bits{packed}"

    @property
    def lossless(self) -> bool:
        return self.compression not in _LOSSY

    @property
    def deflated(self) -> bool:
        return self.compression in (8, 32946)

    @property
    def in_opencv(self) -> bool:
        """Whether OpenCV gives the samples as they are, in its own order of bands."""
        if self.planes or self.bands not in (1, 3, 4) or self.bits[0] not in (16, 32, 64):
            return False
        return self.bits[0] > 16 or self.bands == 1 or self.photometric == RGB


def is_tiff(data: bytes) -> bool:
    """Return whether the bytes of a file begin as those of a TIFF or BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def count_pages(data: bytes) -> int:
    """Count the directories of a TIFF, at least 1."""
    return max(1, sum(1 for _ in _directories(data)))


def read_tags(data: bytes, page: int = 0) -> TiffTags | None:
    """Read how a page is stored; None if its directory is damaged."""
    try:
        directory = next(d for number, d in enumerate(_directories(data)) if number == page)
        return _tags(directory)
    except MemoryError:
        raise
    except Exception:  # Pillow raises whatever it likes; it then says itself what is wrong
        return None


def read_pages(data: bytes) -> Iterator[TiffTags]:
    """Yield how the pages are stored, up to one whose directory is damaged."""
    try:
        for directory in _directories(data):
            yield _tags(directory)
    except MemoryError:
        raise
    except Exception:  # as in `read_tags`
        return


def _directories(data: bytes) -> Any:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    stream = io.BytesIO(data)
    directory = ImageFileDirectory_v2(data[:16] if 43 in data[2:4] else data[:8])
    seen: set[int] = set()
    while directory.next and directory.next not in seen and len(seen) < _MOST_PAGES:
        if directory.next >= len(data):
            return
        seen.add(directory.next)
        stream.seek(directory.next)
        directory.load(stream)
        yield directory


def _tags(directory: Any) -> TiffTags:
    def values(tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        stored = directory.get(tag, default)
        return tuple(map(int, stored)) if isinstance(stored, tuple) else (int(stored),)

    def value(tag: int, default: int) -> int:
        return (values(tag) or (default,))[0]

    width, height = value(256, 0), value(257, 0)
    bands = value(277, 1)
    bits = values(258, (1,))
    bits = bits * bands if len(bits) == 1 else bits[:bands]
    planes = value(284, 1) == 2
    tiled = 322 in directory
    columns, rows = (
        (value(322, 0), value(323, 0)) if tiled else (width, min(height, value(278, height)))
    )
    starts, lengths = (values(324), values(325)) if tiled else (values(273), values(279))
    samples = columns * rows * (1 if planes else bands)
    return TiffTags(
        width=width,
        height=height,
        bits=bits,
        bands=bands,
        sample_format=value(339, 1),
        photometric=value(262, 0),
        compression=value(259, 1),
        orientation=value(274, 1),
        extra=values(338)[:bands],
        planes=planes,
        segments=tuple(zip(starts, lengths, strict=False)),
        segment_bytes=samples * -(-max(bits) // 8),
        segment_columns=columns,
        segment_rows=rows,
        tiled=tiled,
        layers=holds_layers(directory),
    )


def holds_layers(directory: Any) -> bool:
    """Return whether a directory of Pillow has the layers of Photoshop, in either byte order."""
    data = directory.get(_PHOTOSHOP_DATA, b"")
    return isinstance(data, bytes) and any(key in data for key in _LAYER_KEYS)
