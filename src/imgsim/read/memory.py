"""Pictures that a program holds in memory: bytes, arrays, images of Pillow, open files.

All become the bytes of a file, which everything else reads as it reads files: an array and an image
of Pillow those of a PNG or TIFF, without loss.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Union, cast

from imgsim.addresses import Address
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, over_cap
from imgsim.errors import UsageError, shown_value
from imgsim.stamps import FileStamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

PictureLike = Union[
    str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO, "Image.Image", "NDArray[Any]"
]
"""A path, or a picture: the bytes of a file, a binary file that is open, an image of Pillow, or an
array as `encode_array` takes it."""

Paths = PictureLike | Sequence[PictureLike] | Mapping[str, PictureLike]
"""A path or picture, several, or pictures by the names under which results show them."""

_HINT = "paths, bytes, open binary files, images of Pillow, or arrays of uint8 or uint16"
_PNG_MODES = frozenset(("1", "L", "LA", "I;16", "P", "RGB", "RGBA"))


class MemoryPicture(Address):
    """A picture by its bytes, under a name."""

    __slots__ = ("data", "digest", "reason")
    data: bytes
    digest: str
    reason: str

    def __new__(cls, name: str, data: bytes, reason: str = "") -> MemoryPicture:
        """Make the address of a picture.

        Parameters
        ----------
        name : str
        data : bytes
            Of a file of any format that is read.
        reason : str
            Why it cannot be read, if so.
        """
        picture = super().__new__(cls, name)
        picture.data, picture.reason = data, reason
        picture.digest = hashlib.sha256(data).hexdigest()
        return picture

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it takes to make it again."""
        return MemoryPicture, (str(self), self.data, self.reason)

    @property
    def container(self) -> str:
        """Nothing on disk."""
        return ""

    @property
    def stamp(self) -> FileStamp:
        """Its size, and its content in the place of an inode."""
        return FileStamp(len(self.data), 0, 0, int(self.digest, 16))

    def read(
        self,
        check_size: Callable[[int], object] | None = None,
        progress: Callable[[], object] | None = None,
    ) -> tuple[bytes, FileStamp]:
        """Return the bytes, and the stamp; see `Address.read`."""
        if self.reason:
            raise OSError(0, self.reason)
        if check_size is not None:
            check_size(len(self.data))
        return self.data, self.stamp


def as_list(paths: Paths, noun: str = "image", max_pixels: int = DEFAULT_MAX_PIXELS) -> list[str]:
    """Return paths and pictures as a list of paths and addresses, also if there is only one.

    Parameters
    ----------
    paths : path, picture, or several
        An array of four dimensions is several pictures.
    noun : str
        A picture without a name is called ``<image 3>`` by its place.
    max_pixels : int
        Arrays and images of Pillow with more are not encoded, and skipped as such files are.

    Raises
    ------
    UsageError
        One is neither a path nor a picture.
    """
    if isinstance(paths, Mapping):
        return [as_path(picture, str(name), max_pixels) for name, picture in paths.items()]
    if is_one(paths):
        return [as_path(cast(PictureLike, paths), f"<{noun} 0>", max_pixels)]
    if not isinstance(paths, Iterable):
        raise UsageError(f"{shown_value(paths)} is no path, nor a picture", _HINT)
    several = cast(Iterable[PictureLike], paths)
    return [as_path(picture, f"<{noun} {i}>", max_pixels) for i, picture in enumerate(several)]


def as_path(picture: PictureLike, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> str:
    """Return a path as a text, or a picture as an address of this name.

    Raises
    ------
    UsageError
        It is neither.
    """
    if isinstance(picture, str | os.PathLike):
        return as_text(picture)
    if isinstance(picture, bytes | bytearray | memoryview):
        return MemoryPicture(name, bytes(picture))
    if hasattr(picture, "read"):
        return _of_stream(picture, name)
    from PIL import Image

    if isinstance(picture, Image.Image):
        reason = over_cap(picture.width * picture.height, max_pixels)
        if reason is not None:
            return MemoryPicture(name, b"", reason)
        return _of_pillow(picture, name)
    if hasattr(picture, "__array__"):
        array = _array(picture, name)
        if array.ndim in (2, 3) and (
            reason := over_cap(array.shape[0] * array.shape[1], max_pixels)
        ):
            return MemoryPicture(name, b"", reason)
        return MemoryPicture(name, encode_array(array, name))
    raise UsageError(f"{name}: {shown_value(picture)} is no path, nor a picture", _HINT)


def as_text(path: str | os.PathLike[str]) -> str:
    """Return a path as a text.

    Raises
    ------
    UsageError
        It is no path, or one of bytes.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"{shown_value(path)} is no path", "give a text or a pathlib.Path")
    text = os.fspath(path)
    if not isinstance(text, str):
        raise UsageError(f"{text!r} is a path in bytes", "os.fsdecode makes a text of it")
    return text


def is_one(paths: object) -> bool:
    """Return whether this is one path or picture, and not several."""
    if isinstance(paths, str | os.PathLike | bytes | bytearray | memoryview):
        return True
    if hasattr(paths, "__array__"):
        return getattr(paths, "ndim", 0) < 4
    if hasattr(paths, "read"):
        return True
    pillow = sys.modules.get("PIL.Image")  # who has one of its images has imported it
    return pillow is not None and isinstance(paths, pillow.Image)


def _of_stream(stream: Any, name: str) -> MemoryPicture:
    try:
        data = stream.read()
    except OSError as error:
        return MemoryPicture(name, b"", error.strerror or str(error))
    except ValueError as error:
        raise UsageError(f"{name}: cannot read the file: {error}", "give it an open one") from None
    if not isinstance(data, bytes):
        raise UsageError(f"{name}: a file of text is no picture", "open it with the mode rb")
    return MemoryPicture(name, data)


def _of_pillow(image: Image.Image, name: str) -> MemoryPicture:
    """The current frame; its EXIF orientation counts, as that of a file does."""
    stream = io.BytesIO()
    try:
        kept = {"icc_profile": image.info.get("icc_profile")} if "icc_profile" in image.info else {}
        exif = image.getexif()
        if len(exif):
            kept["exif"] = exif.tobytes()
        if image.mode in _PNG_MODES:
            image.save(stream, "PNG", compress_level=1, **kept)
        elif image.mode in ("CMYK", "F", "I", "LAB", "YCbCr"):
            image.save(stream, "TIFF", **kept)
        else:
            alpha = "A" in image.mode or "a" in image.mode or "transparency" in image.info
            image.convert("RGBA" if alpha else "RGB").save(stream, "PNG", compress_level=1, **kept)
    except OSError as error:  # the file that it was opened from is damaged, or gone
        return MemoryPicture(name, b"", f"cannot be decoded: {error}")
    except ValueError as error:
        raise UsageError(f"{name}: cannot use the image: {error}", "it may be closed") from None
    return MemoryPicture(name, stream.getvalue())


def _array(picture: Any, name: str) -> NDArray[Any]:
    import numpy as np

    try:
        return np.asarray(picture)
    except (TypeError, ValueError, RuntimeError) as error:  # of tensors on another device
        said = str(error).partition("\n")[0]
        raise UsageError(f"{name}: no array can be made of it: {said}", _HINT) from None


def encode_array(array: NDArray[Any], name: str = "array") -> bytes:
    """Return the bytes of a PNG with the samples of an array.

    Parameters
    ----------
    array : ndarray of uint8, uint16 or bool, shape (height, width) or (height, width, 1 to 4)
        Grey, grey and alpha, RGB or RGBA.
    name : str
        For errors.

    Raises
    ------
    UsageError
        It has another shape or dtype.
    """
    import cv2
    import numpy as np

    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    bands = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or not 1 <= bands <= 4 or 0 in array.shape:
        hint = "height, width and 1 to 4 bands"
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint += "; bands that come first have to be moved: numpy.moveaxis(array, 0, -1)"
        raise UsageError(f"{name}: an array of shape {array.shape} is no picture", hint)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    if array.dtype not in (np.uint8, np.uint16):
        raise UsageError(
            f"{name}: an array of {array.dtype} is no picture", "give it as uint8 or uint16"
        )
    if bands == 2:  # grey and alpha: PNG has it, OpenCV does not
        grey, alpha = array[..., 0], array[..., 1]
        array = np.dstack([grey, grey, grey, alpha])
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(array.shape[2] if array.ndim == 3 else 1)
    pixels = np.ascontiguousarray(array if order is None else array[..., order])
    done, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise UsageError(f"{name}: an array of shape {array.shape} cannot be written as PNG", _HINT)
    return cast("NDArray[np.uint8]", data).tobytes()
