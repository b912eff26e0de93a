"""What a run needs of its verdicts: of pairs that it refuses, not by how much they differ.

Whoever asks for duplicates at a preset that accepts a picture and its parts alone does not need the
residual of two pictures that merely overlap, nor what is small in two that differ by more than is
let pass. To leave that out is said here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgsim.types import Verdict
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix
from imgsim.verify.overlap import may_share
from imgsim.verify.recording import record


@dataclass(frozen=True, slots=True)
class Needed:
    """Which verdicts are needed in full; of other pairs it is known that they are none of those.

    Attributes
    ----------
    max_distance : float
        The largest residual of a pair that is accepted.
    contained : bool
        One picture of it shows nearly all of the other.
    """

    max_distance: float
    contained: bool

    @property
    def label(self) -> str:
        """What verdicts in the cache are told by: those of one kind are no others' verdicts."""
        return f" up to {self.max_distance:g}" if self.contained else ""

    @property
    def edited(self) -> bool:
        """Whether pictures are accepted that differ in a part."""
        return self.max_distance >= LIMITS.edited_difference

    @property
    def undecided_distance(self) -> float:
        """Beyond this, two pictures are not compared again that lie upon each other about so."""
        return max(LIMITS.undecided_distance, self.max_distance)

    def by_hypothesis(self, left: Grey, right: Grey, hypothesis: Matrix) -> bool:
        """Return whether two pictures may be accepted that lie upon each other about so.

        Parameters
        ----------
        left, right : ndarray of uint8, shape (h, w)
        hypothesis : ndarray of float64, shape (3, 3)
            Unit coordinates of the right picture to those of the left one, roughly; plausible.
        """
        return not self.contained or may_share(left, right, hypothesis, LIMITS.needed_share)

    def when_aligned(self, left: Grey, right: Grey, matrix: Matrix) -> bool:
        """Return whether two pictures may be accepted that were aligned.

        Parameters
        ----------
        left, right : ndarray of uint8, shape (h, w)
        matrix : ndarray of float64, shape (3, 3)
            Unit coordinates of the right picture to those of the left one; plausible.
        """
        return not self.contained or may_share(left, right, matrix, LIMITS.needed_share_aligned)

    def in_detail(self, verdict: Verdict) -> bool:
        """Return whether a pair is accepted unless it differs in what is small."""
        record("max_loose_distance", verdict.residual)
        return verdict.residual <= self.max_distance and verdict.contained


ALL = Needed(LIMITS.max_loose_distance, contained=False)
"""All that verification can tell."""

DUPLICATES = Needed(1.0, contained=True)
"""What the presets normal and strict accept."""


def needed_for(max_distance: float, *, contained: bool) -> Needed:
    """Return what is needed of verdicts for a choice of pairs.

    Parameters
    ----------
    max_distance : float
        The largest residual of a pair that is accepted.
    contained : bool
        Of accepted pairs one picture shows nearly all of the other.
    """
    return DUPLICATES if contained and max_distance <= DUPLICATES.max_distance else ALL
