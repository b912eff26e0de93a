"""What does not have to lie in memory: images between two looks at them, large arrays."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 2 << 30
"""What does not fit in so many is decoded again."""


_SHARE_OF_FREE = 0.25
_IN_MEMORY = 256 << 20


def scratch(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array to be filled, in memory or, when it is large, in a temporary file."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size <= _IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="imgsim-") as stream:  # the map keeps it alive
        return np.memmap(stream, dtype, "w+", shape=shape)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an image lies: uint8[height, width] at an offset of a file."""

    path: str
    offset: int
    height: int
    width: int

    def read(self) -> NDArray[np.uint8]:
        """The image.

        Raises
        ------
        OSError
            The spool is gone, or was cut off.
        """
        size = self.height * self.width
        pixels = np.fromfile(self.path, np.uint8, size, offset=self.offset)
        if len(pixels) != size:
            raise OSError("the spool was cut off")
        return pixels.reshape(self.height, self.width)


class Spool:
    """A temporary folder; it goes with the last reference to this, or on `close`."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="imgsim-spool-")
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def files(self, images: Sequence[int], bytes_per_image: int) -> list[str]:
        """A new file for each batch of so many images, "" for those that do not fit any more."""
        room = min(MAX_BYTES, int(_SHARE_OF_FREE * shutil.disk_usage(self.folder).free))
        ends = np.cumsum(images) * bytes_per_image
        return [
            os.path.join(self.folder, str(i)) if end <= room else "" for i, end in enumerate(ends)
        ]


def write(path: str, images: Sequence[NDArray[np.uint8]]) -> list[Slot | None]:
    """Append images to a file, if it can be done.

    Parameters
    ----------
    path : str
    images : sequence of ndarray of uint8, shape (h, w)

    Returns
    -------
    list of Slot or None
        None if the disk is full, or the folder has gone: nothing is lost by it but time.
    """
    try:
        with open(path, "ab") as stream:
            offset = stream.tell()
            stream.writelines(np.ascontiguousarray(image).data for image in images)
    except OSError:
        return [None] * len(images)
    ends = offset + np.cumsum([0, *(image.size for image in images)])
    return [Slot(path, int(end), *image.shape) for end, image in zip(ends, images, strict=False)]
