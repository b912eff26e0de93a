"""What is asked of pictures that others are compared with, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from imgsim.types import ImageFacts, Picture, Skipped


class Gallery(Protocol):
    """Pictures that others are compared with, by their contents.

    Attributes
    ----------
    images : int
        How many there are.
    """

    images: int

    def propose(self, row: NDArray[Any], digest: str, *, flat: bool) -> dict[str, tuple[int, int]]:
        """Find the contents that are worth verifying with a picture, see `ProposalIndex.propose`.

        Parameters
        ----------
        row : ndarray of dtype `comparators.local.LAYOUT`, shape (1,)
        digest : str
        flat : bool
        """

    def equal_flat(self, facts: ImageFacts) -> Sequence[str]:
        """The contents of flat pictures that have equal pixels."""

    def files(self, digest: str, most: int | None = None) -> tuple[list[Picture], list[Skipped]]:
        """The pictures with a content in order of their paths, and those that cannot be had.

        Parameters
        ----------
        digest : str
        most : int, optional
            Pictures at most.
        """

    def rows(self, digests: Sequence[str]) -> NDArray[Any]:
        """The rows of some contents.

        Parameters
        ----------
        digests : sequence of str

        Returns
        -------
        ndarray of dtype `LAYOUT`, shape (n,)
        """

    def nearest(self, rows: NDArray[Any], k: int, most: int) -> list[list[tuple[Picture, float]]]:
        """Find the pictures with the nearest hashes.

        Parameters
        ----------
        rows : ndarray of dtype `LAYOUT`, shape (q,)
        k : int
            Contents, at most.
        most : int
            Pictures of each, at most.

        Returns
        -------
        list of list of (Picture, float)
            For each row, by bits and then by path.
        """
