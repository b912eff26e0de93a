"""The contract of comparators that can tell which parts of two images make their score."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Comparator
from imgsim.models.cam import Link


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quantity divided over the cells of both images.

    Attributes
    ----------
    quantity : str
        Its name, such as ``cosine``.
    shows : {"similarity", "difference"}
        Whether the cells with much of it make the images alike, or tell them apart.
    total : float
    left, right : ndarray of float64, shape (height, width)
        Cells that divide the images evenly; each map adds up to `total`.
    links : tuple of Link
        Which places go together, those that count most first.
    remark : str
        A line to show beside it.
    edge : float
        Width of the frame, as a share of the sides, of which nothing is shown; what its cells say
        is counted.
    edge_reason : str
        Why that is so: "where ...".
    """

    quantity: str
    shows: Literal["similarity", "difference"]
    total: float
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    links: tuple[Link, ...] = ()
    remark: str = ""
    edge: float = 0.0
    edge_reason: str = "where the network sees as much padding as picture"


class Explains(Comparator):
    """A comparator that can divide its score: a second base class beside the contract it is of."""

    @abstractmethod
    def explain(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Evidence:
        """Divide the score of two images over their cells.

        Parameters
        ----------
        left, right : ndarray of uint8, shape (height, width, channels)
            As the extractor wants them. Not to be modified.
        """
