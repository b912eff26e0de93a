"""bench and calibrate as calls of the library: from the path of a labelled data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from imgsim.benchmark import runner
from imgsim.benchmark.results import Bench
from imgsim.benchmark.store import Store
from imgsim.calibration import calibrate as calibrating
from imgsim.calibration.calibrate import Calibration, only_target
from imgsim.comparators import registry
from imgsim.dataset.labelled import LabelledImages, Layout
from imgsim.dataset.layouts import load_labelled
from imgsim.profile import Profile
from imgsim.read.memory import as_text
from imgsim.read.options import RunOptions, as_options
from imgsim.tasks.arguments import Methods, make_comparators

Dataset = str | os.PathLike[str] | LabelledImages


def bench(
    dataset: Dataset,
    methods: Methods = (registry.ALL, registry.RANKING_METHOD),
    *,
    experiments: Sequence[runner.Experiment] = ("methods",),
    layout: Literal["auto"] | Layout = "auto",
    per_scene: int | None = None,
    prefix: str | None = None,
    split: str | None = None,
    seed: int = 0,
    max_images: int = 5000,
    profile: Profile | None = None,
    results: str | os.PathLike[str] | None = None,
    options: RunOptions | None = None,
) -> Bench:
    """Measure how fast methods are and how right, on a labelled data set.

    Parameters
    ----------
    dataset : path or LabelledImages
    methods : str, Comparator or sequence of these
        By default all that are available, and ``phash:size=16``.
    experiments : sequence of {"methods", "resilience", "norms"}
    layout : str
        Where labels are, as ``--layout`` of ``imgsim bench`` takes it.
    per_scene : int, optional
        Files are named by numbers, and so many in a row show one scene.
    prefix : str, optional
        A regular expression; its group 1 is the label in a file's name.
    split : str, optional
        Only this split.
    seed : int
        Of what is drawn.
    max_images : int
        Of more, so many are drawn, class by class.
    profile : Profile, optional
        Thresholds; else those of the preset normal.
    results : path, optional
        A folder where results are kept, and taken from.
    options : RunOptions, optional

    Returns
    -------
    Bench

    Raises
    ------
    UsageError
        The data set does not exist or has too few labels, or an argument makes no sense.

    Examples
    --------
    >>> import imgsim
    >>> found = imgsim.bench("shop", ["phash", "cosine"])
    >>> [one.method for one in found.methods]
    ['phash', 'cosine']
    """
    options = as_options(options)
    data = _loaded(dataset, layout, per_scene, prefix, options)
    plan = runner.Plan(tuple(experiments), seed=seed, max_images=max_images, profile=profile)
    store = None if results is None else Store(Path(results))
    chosen = make_comparators(methods, options)
    return runner.bench(
        data.only(split) if split else data, chosen, plan, store=store, options=options
    )


def calibrate(
    dataset: Dataset,
    methods: Methods = registry.RANKING_METHOD,
    *,
    target_precision: float | None = None,
    max_false_positives: float | None = None,
    layout: Literal["auto"] | Layout = "auto",
    per_scene: int | None = None,
    prefix: str | None = None,
    split: str | None = None,
    seed: int = 0,
    options: RunOptions | None = None,
) -> Calibration:
    """Choose thresholds of methods on one half of the labels, and report them on the other.

    Parameters
    ----------
    dataset : path or LabelledImages
    methods : str, Comparator or sequence of these
        By default ``phash:size=16``. Those that verify pairs themselves are left out.
    target_precision, max_false_positives : float, optional
        The target; one of the two.
    layout, per_scene, prefix
        As for `bench`.
    split : str, optional
        The split to choose on; by default half of the labels.
    seed : int
        Chooses the labels that are held out.
    options : RunOptions, optional

    Returns
    -------
    Calibration
        `to_dict` returns the profile, which `read_profile` reads from a file of JSON.

    Raises
    ------
    UsageError
        The data set does not exist or has too few labels, or an argument makes no sense.

    Examples
    --------
    >>> import imgsim
    >>> found = imgsim.calibrate("shop", "phash", target_precision=0.9)
    >>> found.methods[0].comparator.spec
    'phash'
    """
    options = as_options(options)
    target = only_target(target_precision, max_false_positives)
    data = _loaded(dataset, layout, per_scene, prefix, options)
    chosen = make_comparators(methods, options)
    return calibrating.calibrate(
        data, chosen, target, seed=seed, tuning_split=split, options=options
    )


def _loaded(
    dataset: Dataset,
    layout: Literal["auto"] | Layout,
    per_scene: int | None,
    prefix: str | None,
    options: RunOptions,
) -> LabelledImages:
    if isinstance(dataset, LabelledImages):
        return dataset
    return load_labelled(
        as_text(dataset),
        layout=layout,
        per_scene=per_scene,
        prefix=prefix,
        options=options.discover,
    )
