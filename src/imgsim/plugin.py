"""The names that a comparator of another package imports, in one place that stays.

A plug-in is a frozen dataclass, registered in its package under the entry-point group
``imgsim.comparators``; the name on the left is what ``--method`` takes:

    [project.entry-points."imgsim.comparators"]
    blockmean = "imgsim_example:BlockMean"

Its fields are what users can set (``--method blockmean:blocks=8``). It is a comparator, which says
what its distances mean, and has an extractor, which makes a row of each image; one class may be
both. A comparator of vectors names its metric, and imgsim searches:

    @dataclass(frozen=True)
    class BlockMean(VectorComparator, Extractor):
        blocks: int = 4
        name: ClassVar[str] = "blockmean"
        summary: ClassVar[str] = "mean brightness of parts of the image"
        version: ClassVar[int] = 1  # raised whenever the same image gives another row
        metric: ClassVar[Metric] = Metric.EUCLIDEAN

        @property
        def extractor(self) -> Extractor: ...  # here: self
        @property
        def wants(self) -> InputSpec: ...  # the image that it is given
        @property
        def shape(self) -> tuple[int, ...]: ...  # of a row
        @property
        def dtype(self) -> np.dtype[Any]: ...  # of a row
        def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]: ...  # rows of a batch
        @property
        def scale(self) -> Scale: ...  # unit of the score, and the distance that is 0 percent
        def preset_distance(self, preset: Preset) -> float: ...  # the largest of a duplicate

A `PairComparator` has no metric; it compares batches of pairs itself (`PairComparator.prepare`,
`PairComparator.distance`). Two more contracts are optional, as a second base class: `Explains`,
for ``imgsim explain``, and `NarrowsByClass`, for ``imgsim search --narrow-by-class``. What cannot
run here says so with an `ImgsimError` in `Extractor.get_ready`.

What it says of itself is checked when it is loaded: a name (the one it is registered under), a
summary, a version, fields that ``--method`` can set, frozen and hashable, rows of the declared
shape and type (``HAMMING``: packed bits, uint8), presets that widen. What does not keep to it is
listed by ``imgsim methods`` as not available, with the cause, and breaks nothing else. A comparator
is imported where it is named, and for a list in a process of its own.

`imgsim.testing` is the kit that checks the contract, for the tests of a plug-in, or as ``python -m
imgsim.testing NAME``. A comparator that is defined in a script or notebook cannot be imported by
worker processes: move it to a module, or give ``RunOptions(executor="threads")``.
"""

from __future__ import annotations

from imgsim.comparators.base import (
    PRESETS,
    Comparator,
    Metric,
    NarrowsByClass,
    PairComparator,
    Prepared,
    Preset,
    RoughDistances,
    Scale,
    VectorComparator,
)
from imgsim.comparators.evidence import Evidence, Explains
from imgsim.comparators.extractor import Extractor
from imgsim.decode.spec import InputSpec
from imgsim.errors import ImgsimError
from imgsim.models.cam import Link

__all__ = [
    "PRESETS",
    "Comparator",
    "Evidence",
    "Explains",
    "Extractor",
    "ImgsimError",
    "InputSpec",
    "Link",
    "Metric",
    "NarrowsByClass",
    "PairComparator",
    "Prepared",
    "Preset",
    "RoughDistances",
    "Scale",
    "VectorComparator",
]
