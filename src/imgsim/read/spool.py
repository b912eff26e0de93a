"""Keeps images from one decode until they are verified, in temporary files."""

from __future__ import annotations

import os
import shutil
import threading
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
        self._room = min(MAX_BYTES, int(_SHARE_OF_FREE * shutil.disk_usage(self.folder).free))
        self._files: dict[int, str] = {}
        self._promised: dict[int, int] = {}
        self._lock = threading.Lock()

    def file(self, number: int, most_bytes: int) -> str:
        """The file of a batch whose images take so much at most; "" if they may not fit."""
        with self._lock:
            if number not in self._files:
                fits = most_bytes <= self._room
                self._files[number] = os.path.join(self.folder, str(number)) if fits else ""
                self._promised[number] = most_bytes if fits else 0
                self._room -= self._promised[number]
            return self._files[number]

    def wrote(self, number: int, size_bytes: int) -> None:
        """Say how much some images of a batch took: less than was promised, most of the time."""
        with self._lock:
            self._room += self._promised.pop(number, 0) - size_bytes


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
