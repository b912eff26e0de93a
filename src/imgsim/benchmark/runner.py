"""Runs a benchmark: takes the results that are known and measures the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal

from numpy.typing import NDArray

from imgsim import __version__
from imgsim.benchmark import article, norms, resilience
from imgsim.benchmark.data import contents_digest, data_name, draw_classes, read_images, root_of
from imgsim.benchmark.duplicate_pairs import measure_pairs
from imgsim.benchmark.duration import Work, duration_line, expected_seconds
from imgsim.benchmark.gate import require_comparable
from imgsim.benchmark.measure import Inputs, measure_method, read_sample
from imgsim.benchmark.results import (
    HARNESS,
    Bench,
    Data,
    MethodResilience,
    MethodResult,
    Resilience,
    Unfinished,
    Unmeasured,
)
from imgsim.benchmark.store import Store
from imgsim.benchmark.timing import machine
from imgsim.comparators.base import Comparator, PairComparator, VectorComparator
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.label import label
from imgsim.comparators.recipes import Recipe
from imgsim.dataset.labelled import LabelledImages
from imgsim.errors import UsageError
from imgsim.pictures.changes import CHANGES
from imgsim.profile import Profile
from imgsim.read.collect import collect
from imgsim.read.options import RunOptions

Experiment = Literal["methods", "resilience", "norms"]
EXPERIMENTS: tuple[Experiment, ...] = ("methods", "resilience", "norms")

Protocol = Literal["imgsim", "article"]
PROTOCOLS: tuple[Protocol, ...] = ("imgsim", "article")


@dataclass(frozen=True, slots=True)
class Plan:
    """A choice of experiments, and by which rules.

    Attributes
    ----------
    experiments : tuple of str
        Some of `EXPERIMENTS`.
    protocol : {"imgsim", "article"}
        See `article`.
    seed : int
        Of every choice.
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
    data: LabelledImages,
    comparators: Sequence[Comparator],
    plan: Plan | None = None,
    *,
    store: Store | None = None,
    baseline: Bench | None = None,
    unmeasured: Sequence[Unmeasured] = (),
    on_result: Callable[[Bench], object] = lambda so_far: None,
    options: RunOptions | None = None,
) -> Bench:
    """Measure methods on a labelled data set.

    Parameters
    ----------
    data : LabelledImages
    comparators : sequence of Comparator
        Of a `Recipe` the pairs that it calls duplicates are measured, and a ranking: these first,
        then the nearest by their hashes.
    plan : Plan, optional
    store : Store, optional
        Where results are kept, and taken from; nowhere, if left out.
    baseline : Bench, optional
        An earlier run that the result is to be compared with.
    unmeasured : sequence of Unmeasured
        Methods that were asked for and left out, for the report.
    on_result : callable
        Called after each method with what there is so far, for a report of an interrupted run.
    options : RunOptions, optional

    Returns
    -------
    Bench

    Raises
    ------
    UsageError
        The data do not fit the protocol, or too little of them can be read; or the baseline is of
        other data, other rules or other methods: nothing is measured then.
    """
    plan, options = plan or Plan(), options or RunOptions()
    if plan.profile and plan.protocol == "article":
        raise UsageError("the protocol article has methods of its own", "leave out the profile")
    for comparator in comparators:
        comparator.extractor.get_ready()
    run = _Run(data, plan, store or Store(None), options)
    measurable = [c for c in comparators if run.can_measure(c)]
    facts = Bench(
        __version__,
        plan.command,
        plan.protocol,
        options.decode.value,
        plan.seed,
        run.facts,
        run.machine,
        unmeasured=tuple(unmeasured),
    )
    if baseline is not None:
        require_comparable(baseline, facts, run.names(measurable), run.originals)
    asked = run.names(measurable)
    run.tell = lambda results, changed: on_result(_so_far(facts, plan, asked, results, changed))
    run.announce(measurable)
    results, changed = run.experiments(measurable)
    timed = norms.norms(seed=plan.seed) if "norms" in plan.experiments else ()
    if not (results or changed or timed):
        raise UsageError(
            "nothing to measure",
            "auto and local order no pairs, as the protocol article asks: try the other one",
        )
    return replace(facts, methods=results, resilience=changed, norms=timed)


def _so_far(
    facts: Bench,
    plan: Plan,
    asked: dict[str, list[str]],
    results: Sequence[MethodResult],
    changed: Resilience | None,
) -> Bench:
    """What there is of a run, with what it has not come to yet: methods by their experiment."""
    done = {
        "methods": {m.method for m in results},
        "resilience": {m.method for m in changed.methods} if changed else set(),
    }
    missing = {name: [m for m in asked[name] if m not in done[name]] for name in asked}
    left = [Unfinished(name, tuple(methods)) for name, methods in missing.items() if methods]
    if "norms" in plan.experiments:  # timed at the end
        left.append(Unfinished("norms", ()))
    return replace(facts, methods=tuple(results), resilience=changed, unfinished=tuple(left))


class _Run:
    """The state of one `bench`."""

    def __init__(self, data: LabelledImages, plan: Plan, store: Store, options: RunOptions) -> None:
        self.plan = plan
        self.store = store
        self.machine = machine()
        self.options = options
        self.root = root_of(data)
        readable = read_images(data, options)
        self.read = readable.collection
        self.digests = readable.digests
        of_images = len(readable.images.paths)
        self.data = draw_classes(readable.images, plan.max_images, plan.seed)
        if plan.protocol == "article":
            self.data = article.in_fours(self.data)
        self.facts = Data(
            data_name(data.source),
            data.layout,
            len(self.data.paths),
            len(set(self.data.labels)),
            of_images,
            contents_digest(self.data, self.digests),
            readable.left_out,
        )
        if of_images > len(self.data.paths):
            options.progress.note(
                f"{len(self.data.paths):,} of {of_images:,} images, drawn by class (--max-images)"
            )
        self.inputs: dict[Extractor, Inputs] = {}
        self.tell: Callable[[Sequence[MethodResult], Resilience | None], object]
        self.tell = lambda results, changed: None
        self.measured: tuple[MethodResult, ...] = ()
        self._frames: article.Frames | None = None
        self._framed: tuple[Extractor, NDArray[Any], Inputs] | None = None  # large: the last one

    def announce(self, comparators: Sequence[Comparator]) -> None:
        """Say what is to be done."""
        parts = []
        if "methods" in self.plan.experiments:
            parts.append(f"{len(comparators)} methods on {len(self.data.paths):,} images")
        if "resilience" in self.plan.experiments and self.originals:
            changes = len(CHANGES)
            copies = self.originals * changes
            parts.append(f"{self.originals} originals changed in {changes} ways ({copies:,} files)")
        if parts:
            self.options.progress.note(", then ".join(parts))

    def announce_duration(self, comparators: Sequence[Comparator]) -> None:
        """Say about how long it will take, where that is more than a minute."""
        measured: list[Comparator] = []
        changed: list[Comparator] = []
        if "methods" in self.plan.experiments:
            keys = self._method_keys(self._as_measured(comparators))
            measured = [c for c, key in keys.items() if self.store.get(MethodResult, key) is None]
        if "resilience" in self.plan.experiments:
            keys = self._change_keys(comparators)
            changed = [c for c, k in keys.items() if self.store.get(MethodResilience, k) is None]
        frame = self._frame_size() if measured and self.plan.protocol == "article" else None
        work = Work(self.data, self.digests, measured, frame, changed, self.originals or 0)
        try:
            seconds = expected_seconds(work, self.options, self.plan.seed)
        except Exception:  # whatever it is, the run meets it too, and reports it better
            return
        line = duration_line(seconds, len(self.data.paths), kept=self.store.folder is not None)
        if line:
            self.options.progress.note(line)

    def can_measure(self, comparator: Comparator) -> bool:
        """Tell if the harness can compute a method's distances, or it has verdicts on pairs."""
        if isinstance(comparator, Recipe):
            if self.plan.protocol == "article" and "methods" in self.plan.experiments:
                self.options.progress.note(
                    f"{comparator.name} verifies: not in the protocol article"
                )
            return True
        if isinstance(comparator, VectorComparator | PairComparator):
            return True
        self.options.progress.note(f"{comparator.name} left out: no distance of feature rows")
        return False

    def threshold(self, comparator: Comparator) -> float:
        """Return the largest distance of a duplicate."""
        if self.plan.profile:
            return self.plan.profile.distance(comparator, self.options.decode)
        return comparator.preset_distance("normal")

    def experiments(
        self, comparators: Sequence[Comparator]
    ) -> tuple[tuple[MethodResult, ...], Resilience | None]:
        """Run those of the plan that are about methods."""
        results: tuple[MethodResult, ...] = ()
        changed: Resilience | None = None
        self.announce_duration(comparators)
        if "methods" in self.plan.experiments:
            results = self.methods(self._as_measured(comparators))
        if "resilience" in self.plan.experiments and comparators:
            changed = self.changes(comparators)
        return results, changed

    def names(self, comparators: Sequence[Comparator]) -> dict[str, list[str]]:
        """Return what the results will call these methods, by the experiments that are planned."""
        measured: dict[str, Sequence[Comparator]] = {}
        if "methods" in self.plan.experiments:
            measured["methods"] = self._as_measured(comparators)
        if "resilience" in self.plan.experiments:
            measured["resilience"] = comparators
        return {name: [label(c) for c in some] for name, some in measured.items()}

    @property
    def originals(self) -> int | None:
        """How many originals the experiment resilience changes; None where it is not run."""
        if "resilience" not in self.plan.experiments:
            return None
        return len(resilience.draw(self.data, self.plan.changed_images, self.plan.seed))

    def _as_measured(self, comparators: Sequence[Comparator]) -> Sequence[Comparator]:
        """The methods as the experiment of that name measures them, by the plan's protocol."""
        if self.plan.protocol != "article":
            return comparators
        size = self._frame_size()
        return [article.follow(c, *size) for c in comparators if not isinstance(c, Recipe)]

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

    def _method_keys(self, comparators: Sequence[Comparator]) -> dict[Comparator, dict[str, Any]]:
        where = f"{self.machine.processor}, {self.machine.cores} cores"
        jobs = self.options.jobs
        return {c: self._key("methods", c, jobs=jobs, machine=where) for c in comparators}

    def _change_keys(self, comparators: Sequence[Comparator]) -> dict[Comparator, dict[str, Any]]:
        images = self.plan.changed_images
        return {c: self._key("resilience", c, images=images) for c in comparators}

    def methods(self, comparators: Sequence[Comparator]) -> tuple[MethodResult, ...]:
        """Return the results of the experiment methods, known or measured now."""
        keys = self._method_keys(comparators)
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
        for number, comparator in enumerate(todo, 1):
            started = time.perf_counter()
            results[comparator] = result = measure_one(comparator)
            self.store.put(keys[comparator], result)
            self.measured = tuple(known for known in results.values() if known is not None)
            self.tell(self.measured, None)
            seconds = time.perf_counter() - started
            self.options.progress.note(
                f"{number} of {len(todo)}: {label(comparator)} measured in {seconds:.1f} s"
            )
        self.measured = tuple(known for known in results.values() if known is not None)
        return self.measured

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
        return measure_method(
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
        return measure_method(
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
        """Return the size that all images are resized to, from the first one's."""
        digest = self.digests[self.data.paths[0]]
        first = next(p for p in self.read.pictures if p.digest == digest)
        return article.frame_size(first.facts.width, first.facts.height)

    def changes(self, comparators: Sequence[Comparator]) -> Resilience:
        """Return the results of the experiment resilience, known or measured now.

        All methods that are measured now see one folder of copies.
        """
        most = self.plan.changed_images
        keys = self._change_keys(comparators)
        known = {
            c: result
            for c, key in keys.items()
            if (result := self.store.get(MethodResilience, key)) is not None
        }
        todo = [c for c in comparators if c not in known]
        if todo:
            self.options.progress.note(f"changed copies: {len(todo)} methods ...")
            self.tell(self.measured, None)
            thresholds = {c: self.threshold(c) for c in todo}
            measured = resilience.measure_each(
                self.data, thresholds, most, self.options, self.plan.seed
            )
            with closing(measured):
                for c, result in measured:
                    known[c] = result
                    self.store.put(keys[c], result)
                    self.tell(self.measured, self._changed(comparators, known))
        return self._changed(comparators, known)

    def _changed(
        self, comparators: Sequence[Comparator], known: dict[Comparator, MethodResilience]
    ) -> Resilience:
        images = len(resilience.draw(self.data, self.plan.changed_images, self.plan.seed))
        some = tuple(known[c] for c in comparators if c in known)
        return Resilience(images, resilience.MAX_SIDE, some)
