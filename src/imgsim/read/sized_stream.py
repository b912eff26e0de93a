"""What streams of a known size have in common, of which any place can be read."""

from __future__ import annotations

import io


class SizedStream(io.RawIOBase):
    """A stream of so many bytes that goes to any place; a subclass reads, from `_place` on.

    Parameters
    ----------
    size : int
        Bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, as for any stream."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(22, "a place before the beginning")
        self._place = base + offset
        return self._place
