"""Methods that propose pairs in several ways, and verify each pair before it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imgsim.comparators.base import Comparator, Preset, Scale
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.local import LocalFeatures
from imgsim.types import Verdict

_LOOSE_OVERLAP = 0.3


class Recipe(Comparator):
    """A comparator that proposes pairs by features and decides by verifying their pixels.

    Its distance is the residual of the verification: the difference that the change of a file
    cannot explain, as a share of the difference that the preset normal accepts.

    Attributes
    ----------
    hashes : bool
        Hashes propose pairs too, and not keypoints alone.
    """

    ranks: ClassVar[bool] = False
    verifies: ClassVar[bool] = True
    hashes: ClassVar[bool]

    @property
    def extractor(self) -> Extractor:
        return LocalFeatures()

    @property
    def scale(self) -> Scale:
        return Scale("residual", "lower", 10.0)

    def preset_distance(self, preset: Preset) -> float:
        return {"strict": 0.8, "normal": 1.0, "loose": 4.0}[preset]

    def accepts(self, verdict: Verdict, max_distance: float, preset: Preset | None) -> bool:
        """Decide whether two pictures are duplicates.

        Parameters
        ----------
        verdict : Verdict
        max_distance : float
            The largest residual of a duplicate.
        preset : str or None
            ``strict`` accepts re-encodings, resizes and turns of the whole picture only;
            ``normal``, and a threshold of the user's, also parts of a picture and a picture set
            into another; ``loose`` also pictures that have a part in common.
        """
        if not verdict.residual <= max_distance:
            return False
        if preset == "strict":
            return verdict.whole
        if preset == "loose":
            return verdict.contained or verdict.overlap >= _LOOSE_OVERLAP
        return verdict.contained


@dataclass(frozen=True)
class Local(Recipe):
    """Keypoints propose, aligned pixels decide."""

    name: ClassVar[str] = "local"
    summary: ClassVar[str] = "keypoints, every pair verified by its pixels: crops, screenshots"
    hashes: ClassVar[bool] = False


@dataclass(frozen=True)
class Auto(Recipe):
    """Hashes in all eight orientations and keypoints propose, aligned pixels decide."""

    name: ClassVar[str] = "auto"
    summary: ClassVar[str] = "hashes in all orientations, then keypoints; every pair verified"
    hashes: ClassVar[bool] = True
