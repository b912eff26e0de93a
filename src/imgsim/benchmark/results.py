"""The results of a benchmark, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from imgsim.results import Result

T = TypeVar("T")

LATER = {"later": True}
"""Metadata of a field that earlier results do not have: it takes its default there."""

HARNESS = 4
"""Raised whenever the same data and method would give another result."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeated timings: the median and the quartiles, in seconds, and how many there were.

    `cpu` is the median time that processors worked for it, on all threads together. What runs on
    one thread of a machine that nobody else uses takes as long by either. `mean` is that of the
    clock; None in results of earlier versions.
    """

    median: float
    low: float
    high: float
    n: int
    cpu: float
    mean: float | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 percent interval, None where there is none to be had."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """A pair on the wrong side: paths below the data set, score and similarity in percent.

    These are None where the method did not verify the pair.
    """

    left: str
    right: str
    score: float | None
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of scores: ``edges`` has one more than ``matching`` and ``other``."""

    edges: tuple[float, ...]
    matching: tuple[int, ...]
    other: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a method's parts, each by itself; with one thread, but for the search.

    Attributes
    ----------
    seconds_read : Spread
        To read, decode, convert and resize an image.
    seconds_features : Spread
        To compute its features, in a batch.
    seconds_search : Spread
        For a pair, where the engine ranks the 3 nearest of every query. Per pair of a query and
        another image, whether the engine compared it or could prune it. Of a method that
        verifies: to propose pairs and verify them, per such pair of the data set.
    seconds_distance : Spread
        For a pair, from ready features, one pair after the other.
    seconds_mixed : Spread
        For a pair, with the features of both images computed for it: extraction and comparison
        in one figure, as they are often published.
    load : float
        Processes that wanted a core just before, per core: the system's load average of the last
        minute; 0 where the system does not tell. See `busy`.
    seconds_thousand : Spread or None
        To rank the 3 nearest of each of 1,000 images, with one thread, from ready features that
        were made of those of the data set (`thousand`). Of a method that verifies: to propose and
        verify as many pairs for each image as here. None in results of earlier versions.
    """

    seconds_read: Spread
    seconds_features: Spread
    seconds_search: Spread
    seconds_distance: Spread
    seconds_mixed: Spread
    load: float
    seconds_thousand: Spread | None = field(default=None, metadata=LATER)

    @property
    def busy(self) -> bool:
        """Others were working too: times are too long. (A run alone brings a load of about 1.)"""
        return self.load > _BUSY


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Accuracy of the rankings: means over queries; see `retrieval.QueryScore`.

    Attributes
    ----------
    queries : int
        Images with others of their class.
    accuracy : Estimate
        Hits among the 3 nearest / min(3, others of the class).
    article_accuracy : float or None
        Hits / (images - queries), under the protocol article.
    mean_average_precision, ndcg : Estimate
    recall_at_1, recall_at_5, recall_at_10 : float
    ns_score : float or None
        UKBench's, 1 to 4: how many of the 4 nearest, the query itself among them, show its
        scene. Only where every class has 4. Source: D. Nistér and H. Stewénius, "Scalable
        Recognition with a Vocabulary Tree", CVPR 2006, doi:10.1109/CVPR.2006.264.
    class_accuracy : tuple of float
        The accuracy of the queries of each class, in order of the classes; so methods can be
        compared class by class. Empty in results of earlier versions.
    """

    queries: int
    accuracy: Estimate
    article_accuracy: float | None
    mean_average_precision: Estimate
    ndcg: Estimate
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    ns_score: float | None
    class_accuracy: tuple[float, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True)
class Detection:
    """Accuracy of duplicate pairs, all queries together.

    Attributes
    ----------
    pairs, matching : int
        Pairs of the data set, and how many of them match.
    threshold : float
        Score of the preset normal.
    found, wrong : int
        Matching and other pairs within the threshold.
    precision : Estimate or None
        None where nothing is within it.
    recall, f1 : Estimate
    micro_average_precision : Estimate or None
        None of a method that verifies, here and below.
    recall_at_999 : Estimate or None
        Recall at the loosest threshold that has a precision of 99.9 percent.
    best_f1, best_f1_threshold : float or None
        The best that any threshold would give. It was chosen on the data it is told of.
    """

    pairs: int
    matching: int
    threshold: float
    found: int
    wrong: int
    precision: Estimate | None
    recall: Estimate
    f1: Estimate
    micro_average_precision: Estimate | None
    recall_at_999: Estimate | None
    best_f1: float | None
    best_f1_threshold: float | None


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method on one data set.

    Attributes
    ----------
    method : str
        Its spec, with the name of a weights file only.
    score_unit, score_better : str
    bytes_per_image : int
        Of its features.
    timing : Timing
    engine_deviation : float or None
        The largest difference between the distances of the 3 nearest by the engine and by the
        harness, which computes every distance by itself, as a share of the scale. None of a method
        that verifies.
    retrieval : Retrieval or None
        None for a list of pairs.
    detection : Detection
    curve : tuple of (recall, precision)
        At most `CURVE_POINTS`; none of a method that verifies.
    histogram : Histogram or None
        None of a method that verifies.
    wrong, missed : tuple of Mistake
        The nearest pairs that do not match, the farthest that do. Of a method that verifies:
        some of those it calls duplicates wrongly, and some that it misses.
    """

    method: str
    score_unit: str
    score_better: str
    bytes_per_image: int
    timing: Timing
    engine_deviation: float | None
    retrieval: Retrieval | None
    detection: Detection
    curve: tuple[tuple[float, float], ...]
    histogram: Histogram | None
    wrong: tuple[Mistake, ...]
    missed: tuple[Mistake, ...]

    @property
    def ranks(self) -> bool:
        """Whether it puts all pairs in one order; a method that verifies orders copies alone."""
        return self.histogram is not None


CURVE_POINTS = 200
_BUSY = 1.6


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """The copies with one change, and how many of them were recognised.

    Attributes
    ----------
    change : str
    recognised : float
        Share of the copies within the threshold of their original.
    first : float or None
        Share of the copies that are nearer to their original than to every other one; None of a
        method that verifies.
    """

    change: str
    recognised: float
    first: float | None


@dataclass(frozen=True, slots=True)
class MethodResilience:
    """One method on changed copies.

    Attributes
    ----------
    method : str
    changes : tuple of ChangeResult
    mean_recognised, mean_first : float
        Over all changes; mean_first is None of a method that verifies.
    wrong : int
        Pairs of two different originals within the threshold.
    """

    method: str
    changes: tuple[ChangeResult, ...]
    mean_recognised: float
    mean_first: float | None
    wrong: int


@dataclass(frozen=True, slots=True)
class Resilience:
    """Experiment 2: so many originals, each changed in every way; the same copies for all."""

    images: int
    max_side: int
    methods: tuple[MethodResilience, ...]


@dataclass(frozen=True, slots=True)
class NormTiming:
    """Experiment 3: two implementations of one distance of vectors of a length."""

    length: int
    what: str
    seconds_scipy: Spread
    seconds_numpy: Spread


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image that was not measured, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A method that was asked for and not measured, and why."""

    method: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What an interrupted run did not come to in one experiment.

    Attributes
    ----------
    experiment : str
        One of ``methods``, ``resilience`` and ``norms``.
    methods : tuple of str
        Those that it was not made with; none of ``norms``, which is about no method.
    """

    experiment: str
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Data:
    """The data set that was measured on.

    Attributes
    ----------
    name : str
        Last part of the path, or the last two where it ends in a split such as ``valid``.
    layout : str
    images, classes : int
    of_images : int
        How many there were, where a sample was drawn.
    digest : str
        Of the contents, the labels and the splits. Results on other data are not comparable.
    left_out : tuple of LeftOut
    """

    name: str
    layout: str
    images: int
    classes: int
    of_images: int
    digest: str
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the versions of the packages."""

    platform: str
    processor: str
    cores: int
    memory_gib: float
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Bench(Result[MethodResult]):
    """A run.

    Attributes
    ----------
    methods : tuple of MethodResult
        Of the experiment of that name; in the order in which they were asked for.
    resilience : Resilience or None
    norms : tuple of NormTiming
    unmeasured : tuple of Unmeasured
    unfinished : tuple of Unfinished
        What is missing, if the run was interrupted; nothing of a whole one.
    """

    version: str
    command: str
    protocol: str
    decode: str
    seed: int
    data: Data
    machine: Machine
    methods: tuple[MethodResult, ...] = ()
    resilience: Resilience | None = None
    norms: tuple[NormTiming, ...] = ()
    unmeasured: tuple[Unmeasured, ...] = field(default=(), metadata=LATER)
    unfinished: tuple[Unfinished, ...] = field(default=(), metadata=LATER)

    def unfinished_methods(self, experiment: str) -> tuple[str, ...]:
        """Return the methods that an experiment was not made with, as the run was interrupted."""
        return tuple(
            m for one in self.unfinished if one.experiment == experiment for m in one.methods
        )

    def _items(self) -> tuple[MethodResult, ...]:
        return self.methods
