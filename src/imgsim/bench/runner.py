"""Joins the parts of a benchmark: which results are known, which are still to be measured."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim import __version__
from imgsim.bench import article, norms, resilience
from imgsim.bench.duplicate_pairs import measure_pairs
from imgsim.bench.measure import Inputs, measure, read_sample, shown
from imgsim.bench.results import (
    HARNESS,
    Bench,
    Data,
    LeftOut,
    MethodResilience,
    MethodResult,
    Resilience,
)
from imgsim.bench.store import Store
from imgsim.bench.timing import machine
from imgsim.comparators.base import Comparator, PairComparator, VectorComparator
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.label import label
from imgsim.comparators.recipes import Recipe
from imgsim.dataset.labelled import LISTS, SPLITS, Labelled
from imgsim.errors import UsageError
from imgsim.profile import Profile
from imgsim.read.collect import collect
from imgsim.read.discover import printable
from imgsim.read.options import RunOptions

Experiment = Literal["methods", "resilience", "norms"]
EXPERIMENTS: tuple[Experiment, ...] = ("methods", "resilience", "norms")

Protocol = Literal["imgsim", "article"]
PROTOCOLS: tuple[Protocol, ...] = ("imgsim", "article")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Attributes
    ----------
    experiments : tuple of str
        Some of `EXPERIMENTS`.
    protocol : {"imgsim", "article"}
        See `article`.
    seed : int
        Of every choice and interval.
    max_images : int
        Of more, whole classes are drawn: the distances of all pairs take 8 bytes each, in a
        temporary file.
    changed_images : int
        Originals of the experiment resilience.
    command : str
        Recorded with the results.
    profile : Profile, optional
        Thresholds; else those of the preset normal.
    """

    experiments: tuple[Experiment, ...] = EXPERIMENTS
    protocol: Protocol = "imgsim"
    seed: int = 0
    max_images: int = 5000
    changed_images: int = 24
    command: str = ""
    profile: Profile | None = None


def bench(
    data: Labelled,
    comparators: Sequence[Comparator],
    plan: Plan | None = None,
    *,
    store: Store | None = None,
    options: RunOptions | None = None,
) -> Bench:
    """Measure methods on a labelled data set.

    Parameters
    ----------
    data : Labelled
    comparators : sequence of Comparator
        A `Recipe` ranks nothing: what it calls duplicates is measured.
    plan : Plan, optional
    store : Store, optional
        Where results are found and kept; nowhere, if left out.
    options : RunOptions, optional

    Returns
    -------
    Bench

    Raises
    ------
    UsageError
        The data do not fit the protocol, or too little of them can be read.
    """
    plan, options = plan or Plan(), options or RunOptions()
    if plan.profile and plan.protocol == "article":
        raise UsageError("the protocol article has methods of its own", "leave out the profile")
    for comparator in comparators:
        comparator.extractor.get_ready()
    run = _Run(data, plan, store or Store(None), options)
    comparators = [c for c in comparators if run.can_measure(c)]
    results: tuple[MethodResult, ...] = ()
    changed: Resilience | None = None
    if "methods" in plan.experiments:
        article_too = [c for c in comparators if not isinstance(c, Recipe)]
        results = run.methods(article_too if plan.protocol == "article" else comparators)
    if "resilience" in plan.experiments and comparators:
        changed = run.changes(comparators)
    timed = norms.norms(seed=plan.seed) if "norms" in plan.experiments else ()
    if not (results or changed or timed):
        raise UsageError(
            "nothing to measure",
            "auto and local rank nothing, as the protocol article asks: try the other one",
        )
    return Bench(
        __version__,
        plan.command,
        plan.protocol,
        options.decode.value,
        plan.seed,
        run.facts,
        run.machine,
        results,
        changed,
        timed,
    )


class _Run:
    """The state of one `bench`."""

    def __init__(self, data: Labelled, plan: Plan, store: Store, options: RunOptions) -> None:
        self.plan = plan
        self.store = store
        self.machine = machine()
        self.options = options
        self.root = data.source if os.path.isdir(data.source) else os.path.dirname(data.source)
        readable, left_out = self._readable(data)
        of_images = len(readable.paths)
        self.data = _drawn(readable, plan.max_images, plan.seed)
        if plan.protocol == "article":
            self.data = article.in_fours(self.data)
        self.facts = Data(
            data_name(data.source),
            data.layout,
            len(self.data.paths),
            len(set(self.data.labels)),
            of_images,
            self._digest(),
            tuple(left_out),
        )
        if of_images > len(self.data.paths):
            options.progress.note(
                f"{len(self.data.paths):,} of {of_images:,} images, drawn by class (--max-images)"
            )
        self.inputs: dict[Extractor, Inputs] = {}
        self._frames: article.Frames | None = None
        self._framed: tuple[Extractor, NDArray[Any], Inputs] | None = None  # large: the last one

    def _readable(self, data: Labelled) -> tuple[Labelled, list[LeftOut]]:
        """The images without those that cannot be read, and these."""
        self.read = collect(data.paths, [], self.options)
        self.digests = {p.file.path: p.digest for p in self.read.pictures}
        for picture in self.read.pictures:
            self.digests |= dict.fromkeys(picture.file.links, picture.digest)
        reasons = {s.path: s.reason for s in self.read.skipped}
        left_out = [
            LeftOut(shown(path, self.root), reasons.get(path, "no image, or left out"))
            for path in data.paths
            if path not in self.digests
        ]
        if not left_out:
            return data, left_out
        self.options.progress.note(
            f"left out {len(left_out)} of {len(data.paths)} files that cannot be read, such as"
            f" {printable(left_out[0].path)}: {left_out[0].reason}"
        )
        return data.keep([i for i, p in enumerate(data.paths) if p in self.digests]), left_out

    def _digest(self) -> str:
        """Of the contents and what is known of them, in order."""
        data = self.data
        text: list[str] = [data.layout]
        for i, path in enumerate(data.paths):
            label = data.labels[i] if data.labels else ""
            text.append(f"{self.digests[path]} {label}")
        text.extend(f"{p.left} {p.right} {p.same}" for p in data.pairs)
        return hashlib.sha256("\n".join(text).encode("utf-8", "surrogateescape")).hexdigest()

    def can_measure(self, comparator: Comparator) -> bool:
        """Whether a method has distances that the harness can work out, or verdicts on pairs."""
        if isinstance(comparator, Recipe):
            if self.plan.protocol == "article" and "methods" in self.plan.experiments:
                self.options.progress.note(
                    f"{comparator.name} ranks nothing: not in the protocol article"
                )
            return True
        if isinstance(comparator, VectorComparator | PairComparator):
            return True
        self.options.progress.note(f"{comparator.name} left out: no distance of feature rows")
        return False

    def threshold(self, comparator: Comparator) -> float:
        """The largest distance of a duplicate."""
        if self.plan.profile:
            return self.plan.profile.distance(comparator, self.options.decode)
        return comparator.preset_distance("normal")

    def _key(self, experiment: str, comparator: Comparator, **more: Any) -> dict[str, Any]:
        return {
            "harness": HARNESS,
            "version": __version__,
            "experiment": experiment,
            "data": self.facts.name,
            "digest": self.facts.digest,
            "method": comparator.spec,
            "features": comparator.extractor.key,
            "threshold": self.threshold(comparator),
            "protocol": self.plan.protocol,
            "decode": self.options.decode.value,
            "seed": self.plan.seed,
            **more,
        }

    def methods(self, comparators: Sequence[Comparator]) -> tuple[MethodResult, ...]:
        """The results of the experiment methods, known or measured now."""
        if self.plan.protocol == "article":
            size = self._frame_size()
            comparators = [article.follow(c, *size) for c in comparators]
        where = f"{self.machine.processor}, {self.machine.cores} cores"
        jobs = self.options.jobs
        keys = {c: self._key("methods", c, jobs=jobs, machine=where) for c in comparators}
        results = {c: self.store.get(MethodResult, key) for c, key in keys.items()}
        todo = [c for c, known in results.items() if known is None]
        if len(todo) < len(results):
            self.options.progress.note(
                f"{len(results) - len(todo)} of {len(results)} methods known from an earlier run"
            )
        measure_one = self._by_article if self.plan.protocol == "article" else self._by_imgsim
        if todo and self.plan.protocol == "imgsim":
            extractors = list(dict.fromkeys(c.extractor for c in todo))
            self.read = collect(self.data.paths, extractors, self.options)
        for comparator in todo:
            started = time.perf_counter()
            results[comparator] = result = measure_one(comparator)
            self.store.put(keys[comparator], result)
            seconds = time.perf_counter() - started
            self.options.progress.note(f"{label(comparator)}: measured in {seconds:.1f} s")
        return tuple(found for found in results.values() if found is not None)

    def _by_imgsim(self, comparator: Comparator) -> MethodResult:
        paths, extractor = self.data.paths, comparator.extractor
        if extractor not in self.inputs:
            self.inputs[extractor] = read_sample(paths, extractor, self.options, self.plan.seed)
        if isinstance(comparator, Recipe):
            by_digest = {p.digest: p for p in self.read.pictures}
            return measure_pairs(
                comparator,
                self.data,
                [by_digest[self.digests[p]] for p in paths],
                self.read,
                self.inputs[extractor],
                self.options,
                self.threshold(comparator),
                seed=self.plan.seed,
                root=self.root,
            )
        rows = self.read.tables[extractor].select([self.digests[p] for p in paths]).rows
        return measure(
            comparator,
            self.data,
            rows,
            self.inputs[extractor],
            self.options,
            self.threshold(comparator),
            seed=self.plan.seed,
            root=self.root,
        )

    def _by_article(self, comparator: Comparator) -> MethodResult:
        paths, extractor = self.data.paths, comparator.extractor
        if self._frames is None:
            size = self._frame_size()
            self._frames = article.read_frames(paths, size, self.options.max_pixels)
        if self._framed is None or self._framed[0] != extractor:
            self._framed = (extractor, *self._frames.rows(extractor))
        _, rows, inputs = self._framed
        return measure(
            comparator,
            self.data,
            rows,
            inputs,
            self.options,
            self.threshold(comparator),
            seed=self.plan.seed,
            queries=range(0, len(paths), article.PER_SCENE),
            root=self.root,
        )

    def _frame_size(self) -> tuple[int, int]:
        """From the first image's; all are resized to it."""
        digest = self.digests[self.data.paths[0]]
        first = next(p for p in self.read.pictures if p.digest == digest)
        return article.frame_size(first.facts.width, first.facts.height)

    def changes(self, comparators: Sequence[Comparator]) -> Resilience:
        """The experiment resilience: all methods that are still to be measured see one folder."""
        most = self.plan.changed_images
        keys = {c: self._key("resilience", c, images=most) for c in comparators}
        known = {
            c: found
            for c, key in keys.items()
            if (found := self.store.get(MethodResilience, key)) is not None
        }
        todo = [c for c in comparators if c not in known]
        if todo:
            self.options.progress.note(f"changed copies: {len(todo)} methods ...")
            thresholds = {c: self.threshold(c) for c in todo}
            measured = resilience.written_copies(
                self.data, thresholds, most, self.options, self.plan.seed
            )
            with closing(measured):
                for c, found_now in measured:
                    known[c] = found_now
                    self.store.put(keys[c], found_now)
        images = len(resilience.draw(self.data, most, self.plan.seed))
        return Resilience(images, resilience.MAX_SIDE, tuple(known[c] for c in comparators))


def data_name(source: str) -> str:
    """The last part of a path, and the one before it where it is but the name of a split.

    That of the folder, where the labels stand in a list with the name that is looked for in one.
    """
    parts = os.path.abspath(source).split(os.sep)
    if parts[-1] in LISTS.values():
        parts = parts[:-1]
    return shown("/".join(parts[-2:] if parts[-1].lower() in SPLITS else parts[-1:]))


def _drawn(data: Labelled, most: int, seed: int) -> Labelled:
    """Whole classes, in random order, until there are enough images."""
    if len(data.paths) <= most or data.pairs:
        return data
    classes = data.classes
    order = np.random.default_rng(seed).permutation(classes.max() + 1)
    kept: list[int] = []
    for number in order:
        members = np.flatnonzero(classes == number)[: most - len(kept)]
        kept.extend(members.tolist())
        if len(kept) >= most:
            break
    return data.keep(sorted(kept))
