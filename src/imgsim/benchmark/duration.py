"""How long a run will take, told at its start from some of its own work, timed then.

A few images are read, a few pairs compared by every method, and a few images changed; these times
are multiplied by how often the run does the same. What is made for that is thrown away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from time import perf_counter, time_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark import article, distances
from imgsim.benchmark.measure import MIXED_PAIRS, SAMPLE, TIMED_PAIRS, sample
from imgsim.benchmark.resilience import make_copies
from imgsim.benchmark.retrieval import score_query
from imgsim.benchmark.thousand import IMAGES, LEAST_ROWS, LONGEST_SECONDS, thousand_rows
from imgsim.benchmark.timing import one_thread, seconds_of_each, seconds_of_repeated
from imgsim.comparators.base import Comparator, PairComparator
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.label import label
from imgsim.comparators.local import records
from imgsim.comparators.recipes import Recipe
from imgsim.dataset.labelled import LabelledImages
from imgsim.decode.decoder import decoder_id
from imgsim.decode.spec import InputSpec
from imgsim.neighbours.build import make_engine
from imgsim.neighbours.pairs import PairEngine
from imgsim.pictures.changes import CHANGES
from imgsim.progress import Silent
from imgsim.propose.proposals import propose
from imgsim.read.files import read_file
from imgsim.read.options import RunOptions
from imgsim.temporary import TemporaryFolder
from imgsim.types import Verdict
from imgsim.verify.verdicts import verify_pair

TOLD_FROM = 60.0
"""Seconds; a shorter run is not worth a line."""

_SLOW_PAIR = 0.02
"""Seconds; where comparing takes so long, nothing around it matters."""

_PAIRS_OF_THOUSAND = IMAGES * (IMAGES - 1) // 2
_PAIRS_OF_LEAST_ROWS = LEAST_ROWS * (LEAST_ROWS - 1) // 2

_LEAST_ORIGINALS = 8
"""To change some of fewer would take too much of the run."""

_CHANGED = 4
"""Images that are changed: how long a copy takes to verify depends on the picture."""

_CHANGES_BETWEEN = 12
"""One in so many kinds of change is tried."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run will do.

    Attributes
    ----------
    data : LabelledImages
        Files that can be read.
    digests : mapping of str to str
        Of the bytes of each file, by its path.
    measured : sequence of VectorComparator, PairComparator or Recipe
        Methods whose speed and accuracy are measured.
    frame : tuple of int, optional
        Width and height that the protocol ``article`` resizes images to; None for the other one.
    changed : sequence of Comparator
        Methods of the experiment resilience.
    originals : int
        Of that experiment.
    """

    data: LabelledImages
    digests: Mapping[str, str]
    measured: Sequence[Comparator]
    frame: tuple[int, int] | None
    changed: Sequence[Comparator]
    originals: int


def expected_seconds(work: Work, options: RunOptions, seed: int) -> dict[str, float]:
    """Estimate how long a run will take.

    Parameters
    ----------
    work : Work
    options : RunOptions
        Of the run; its cache is read.
    seed : int
        Chooses the images that are timed.

    Returns
    -------
    dict of str to float
        Seconds by the label of the method that takes them; "" has what is no method's.
    """
    quiet = replace(options, progress=Silent(), executor="threads")
    samples = _Samples(work, quiet, seed)
    if work.measured:
        samples.add_measured()
    if work.changed and work.originals:
        samples.add_changed()
    return samples.seconds


def duration_line(seconds: Mapping[str, float], images: int, *, kept: bool) -> str | None:
    """Say how long a run will take; None if that is not worth a line.

    Parameters
    ----------
    seconds : mapping of str to float
        See `expected_seconds`.
    images : int
    kept : bool
        What is measured before the run is interrupted is not lost.
    """
    total = sum(seconds.values())
    if total < TOLD_FROM:
        return None
    methods = {name: one for name, one in seconds.items() if name}
    longest = max(methods, key=lambda name: methods[name], default="")
    count = f"{len(methods)} method{'s' if len(methods) != 1 else ''}"
    most = ""
    if len(methods) > 1 and 4 * methods[longest] >= total:
        most = f" ({longest} takes {_duration(methods[longest])} of them)"
    keeps = f"{', ' if kept else '; with -o DIR '}Ctrl-C keeps what was measured"
    return f"about {_duration(total)} for {count} on {images:,} images{most}; -m chooses{keeps}"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    if seconds < 6000:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def _timed(action: Callable[[], object]) -> float:
    """Time an action, after a first call, which may import or compile something."""
    times: list[float] = []
    while len(times) < 2 or (len(times) < 4 and sum(times) < _SLOW_PAIR):
        started = perf_counter()
        action()
        times.append(perf_counter() - started)
    return float(np.median(times[1:]))


class _Samples:
    """Times pieces of a run and adds up what the whole will take."""

    def __init__(self, work: Work, options: RunOptions, seed: int) -> None:
        self.work = work
        self.options = options
        self.seed = seed
        self.seconds: dict[str, float] = defaultdict(float)
        self.n = len(work.data.paths)
        self.classes = work.data.classes if work.data.labels else np.arange(self.n)
        few = sample(self.n, min(8, max(2, self.n // 50)), seed)
        partners = [int(np.flatnonzero(self.classes == self.classes[i])[-1]) for i in few]
        self.few = list(dict.fromkeys(few + partners))  # some of one class, most of different ones
        self.paths = [work.data.paths[i] for i in self.few]
        self._read: dict[InputSpec, tuple[list[NDArray[np.uint8]], float]] = {}
        self._extracted: dict[Extractor, tuple[NDArray[Any], float]] = {}
        self._frames: article.Frames | None = None
        self._one_pair: dict[Comparator, float] = {}
        self._in_blocks: dict[Comparator, float] = {}

    def add_measured(self) -> None:
        """Add the experiment methods."""
        extractors = dict.fromkeys(c.extractor for c in self.work.measured)
        unknown = self._unknown(list(extractors))
        seconds_read = 0.0
        ranking = self._ranking()
        for c in self.work.measured:
            e = c.extractor
            read = self._images(e.wants)[1]
            extract = self._rows(e)[1]
            if e in extractors:  # the first method that has it
                del extractors[e]
                self.seconds[label(c)] += seconds_of_repeated(min(self.n, SAMPLE) * extract)
                if self.work.frame:
                    self.seconds[label(c)] += self.n * extract
                else:
                    seconds_read = max(seconds_read, unknown[e] * read)
                    self.seconds[label(c)] += unknown[e] * extract / self.options.jobs
                    self.seconds[""] += (1 + min(self.n, SAMPLE)) * read
            self.seconds[label(c)] += (
                self._searched(c)
                + seconds_of_each(self._pair(c), TIMED_PAIRS)
                + seconds_of_each(2 * extract + self._pair(c), MIXED_PAIRS)
            )
            if not self.work.data.pairs:
                self.seconds[label(c)] += self.n * ranking
        if self._frames:
            self.seconds[""] += self.n * self._frames.seconds_read.median
        self.seconds[""] += seconds_read / self.options.jobs

    def add_changed(self) -> None:
        """Add the experiment resilience."""
        originals, copies = self.work.originals, self.work.originals * len(CHANGES)
        recipes = [c for c in self.work.changed if isinstance(c, Recipe)]
        compared: dict[Comparator, float] = {c: self._pair(c) for c in recipes}
        if originals >= _LEAST_ORIGINALS:
            compared |= self._copied(recipes)
        between = originals * (originals - 1) // 2
        for c in self.work.changed:
            if isinstance(c, Recipe):
                self.seconds[label(c)] += copies * compared[c] + between * self._pair(c)
            else:
                self.seconds[label(c)] += (copies + originals) * originals * self._block(c)

    def _copied(self, recipes: Sequence[Recipe]) -> dict[Comparator, float]:
        """Add what changing and reading takes; return the seconds to verify a changed copy."""
        changes = CHANGES[7::_CHANGES_BETWEEN]
        paths = [self.work.data.paths[i] for i in sample(self.n, _CHANGED, self.seed)]
        files = len(paths) * (1 + len(changes))
        with TemporaryFolder("bench") as folder:
            started = perf_counter()
            made = make_copies(
                paths, self.work.changed, Path(folder), self.options, self.seed, changes
            )
            seconds = perf_counter() - started
            self.seconds[""] += self.work.originals * (1 + len(CHANGES)) * seconds / files
            places = {p.file.path: i for i, p in enumerate(made.read.pictures)}
            result: dict[Comparator, float] = {}
            for recipe in recipes:
                rows = made.read.features(recipe.extractor, made.read.pictures).rows
                started = perf_counter()
                for one, copies in zip(made.originals, made.changed, strict=True):
                    for copy in copies:
                        pair = rows[[places[one], places[copy]]]
                        verify_pair(recipe, (one, copy), pair, self.options)
                result[recipe] = (perf_counter() - started) / (files - len(paths))
            return result

    def _unknown(self, extractors: Sequence[Extractor]) -> dict[Extractor, int]:
        """Count the images whose features are not in the cache."""
        known = {}
        digests = list(dict.fromkeys(self.work.digests[p] for p in self.work.data.paths))
        with closing(self.options.open_cache(time_ns())) as cache:
            for e in extractors:
                rows = cache.rows(e, decoder_id(self.options.decode), digests)
                known[e] = sum(1 for _ in rows)
        return {e: len(digests) - number for e, number in known.items()}

    def _images(self, want: InputSpec) -> tuple[list[NDArray[np.uint8]], float]:
        """Read some images; also return the seconds for one."""
        if want in self._read:
            return self._read[want]
        if self.work.frame:
            if self._frames is None:
                most = self.options.max_pixels
                self._frames = article.read_frames(self.paths, self.work.frame, most)
            images = [article.as_wanted(image, want) for image in self._frames.images]
            seconds = self._frames.seconds_read.median
        else:
            decoder = self.options.make_decoder()
            if not self._read:  # a first image takes longer
                decoder(read_file(self.paths[0]), [want])
            started = perf_counter()
            images = [decoder(read_file(path), [want]).images[want] for path in self.paths]
            seconds = (perf_counter() - started) / len(images)
        self._read[want] = images, seconds
        return self._read[want]

    def _rows(self, extractor: Extractor) -> tuple[NDArray[Any], float]:
        """Extract features of some images; also return the seconds for one."""
        if extractor not in self._extracted:
            images = self._images(extractor.wants)[0]
            with one_thread():
                extractor.extract(images[0][None])
                started = perf_counter()
                rows = [extractor.extract(image[None])[0] for image in images]
                seconds = (perf_counter() - started) / len(images)
            self._extracted[extractor] = np.stack(rows), seconds
        return self._extracted[extractor]

    def _made_up(self, extractor: Extractor, most: int) -> NDArray[Any]:
        """Make rows of those of the images that were read."""
        return thousand_rows(self._rows(extractor)[0], min(self.n, most), self.seed)

    def _pair(self, c: Comparator) -> float:
        """Seconds to compare two images whose features are known."""
        if c not in self._one_pair:
            rows = self._rows(c.extractor)[0]
            with one_thread():
                if isinstance(c, Recipe):
                    others = [j for j in range(1, len(rows)) if not self._alike(0, j)][:3] or [0]
                    seconds = _timed(lambda: [self._verify(c, 0, j) for j in others]) / len(others)
                else:
                    seconds = _timed(lambda: distances.of_pair(c, rows[0], rows[-1]))
            self._one_pair[c] = seconds
        return self._one_pair[c]

    def _block(self, c: Comparator) -> float:
        """Seconds to compare a pair when many are compared together."""
        if c not in self._in_blocks:
            seconds = self._pair(c)
            if seconds < _SLOW_PAIR:
                rows = self._made_up(c.extractor, 32)
                one = rows[:1] if isinstance(c, PairComparator) else rows
                seconds = _timed(lambda: distances.between(c, one, rows)) / (len(one) * len(rows))
            self._in_blocks[c] = seconds
        return self._in_blocks[c]

    def _searched(self, c: Comparator) -> float:
        """Seconds to search among all images as often as it is timed, and to score all pairs."""
        n, jobs = self.n, self.options.jobs
        if isinstance(c, Recipe):
            return seconds_of_repeated(self._found(c))
        pairs = n * (n - 1) // 2
        slow = self._pair(c) >= _SLOW_PAIR
        thousand = 0.0  # but of pairs that are compared one by one, in less than a second
        if slow:
            search = pairs * self._pair(c) / jobs
            thousand = max(LONGEST_SECONDS, _PAIRS_OF_LEAST_ROWS * self._pair(c))
        else:
            rows = self._made_up(c.extractor, max(32, min(n // 16, 256)))
            engine = make_engine(c, rows, self.options)
            if isinstance(engine, PairEngine):
                search = engine.seconds_for(pairs)
                thousand = min(LONGEST_SECONDS, engine.seconds_for(_PAIRS_OF_THOUSAND) * jobs)
            else:
                few = np.arange(len(rows))
                k = min(3, len(rows) - 1)
                search = _timed(lambda: engine.nearest(few, k)) * (n / len(rows)) ** 2
        listed = len(self.work.data.pairs)
        score = listed * self._pair(c) if listed else pairs * self._block(c) / jobs
        return seconds_of_repeated(search) + thousand + score

    def _found(self, c: Recipe) -> float:
        """Seconds to verify what is proposed of all pairs, from what is proposed of some images."""
        rows = self._rows(c.extractor)[0]
        proposed = set(propose(records(rows), hashes=c.hashes, jobs=1).pairs())
        if not proposed:
            return 0.0
        every = self.n * (self.n - 1) / 2
        sizes = np.unique(self.classes, return_counts=True)[1]
        of_class = float((sizes * (sizes - 1) / 2).sum())
        expected = 0.0
        for alike, count in ((True, of_class), (False, every - of_class)):
            tried = [
                pair for pair in combinations(range(len(rows)), 2) if self._alike(*pair) is alike
            ]
            expected += count * len(proposed.intersection(tried)) / max(1, len(tried))
        seconds = _timed(lambda: self._verify(c, *min(proposed)))
        return seconds * expected / self.options.jobs

    def _alike(self, i: int, j: int) -> bool:
        return bool(self.classes[self.few[i]] == self.classes[self.few[j]])

    def _verify(self, c: Recipe, i: int, j: int) -> Verdict:
        rows = self._rows(c.extractor)[0][[i, j]]
        return verify_pair(c, (self.paths[i], self.paths[j]), rows, self.options)

    def _ranking(self) -> float:
        """Seconds to score the ranking of one image."""
        if self.work.data.pairs:
            return 0.0
        distance = np.random.default_rng(self.seed).random(self.n)
        same = self.work.data.classes == self.work.data.classes[0]
        return _timed(lambda: score_query(distance, same))
