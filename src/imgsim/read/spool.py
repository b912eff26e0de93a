"""Keeps images from one decode until they are verified, in temporary files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.stage_times import staged
from imgsim.temporary import TemporaryFolder

MAX_BYTES = 2 << 30
"""Images that do not fit are decoded again."""


_SHARE_OF_FREE = 0.25


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an image lies: uint8[height, width] at an offset of a file."""

    path: str
    offset: int
    height: int
    width: int

    def read(self) -> NDArray[np.uint8]:
        """Read the image.

        Returns
        -------
        ndarray of uint8, shape (height, width)

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
    """A temporary folder for images; it goes with the last reference to this, or on `close`.

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self) -> None:
        self._temporary = TemporaryFolder("spool")
        self.folder = self._temporary.path
        self.close = self._temporary.close

    def files(self, images: Sequence[int], bytes_per_image: int) -> list[str]:
        """A new file for each batch of so many images, "" for those that do not fit any more."""
        room = min(MAX_BYTES, int(_SHARE_OF_FREE * shutil.disk_usage(self.folder).free))
        ends = np.cumsum(images) * bytes_per_image
        return [
            os.path.join(self.folder, str(i)) if end <= room else "" for i, end in enumerate(ends)
        ]


@staged("caching")
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
