"""Joins the stages, to find groups of duplicates."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.comparators.recipes import Recipe
from imgsim.errors import UsageError
from imgsim.group.keep import KEEP_POLICIES, rank
from imgsim.group.recipe_run import RecipeRun
from imgsim.group.rules import Rules, comparable_pairs, equal_pixels, split_flat
from imgsim.group.stars import Stars, join
from imgsim.profile import Profile
from imgsim.read.collect import collect
from imgsim.read.equal_samples import with_sample_digests
from imgsim.read.hidden_damage import HiddenDamage
from imgsim.read.majority import find_suspects
from imgsim.read.options import Paths, RunOptions, as_list
from imgsim.read.table import Collection
from imgsim.tasks.arguments import Criterion, make_criterion
from imgsim.tasks.matching import Seconds, alike, match_into, paths_of, seconds_since
from imgsim.types import Group, Picture, Skipped


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Groups of duplicates, and the figures of the run that found them.

    Attributes
    ----------
    comparator : Comparator
    preset : str or None
        None when a threshold was given.
    max_distance : float
        Pairs up to this distance are duplicates.
    groups : tuple of Group
        In order of the kept file's path.
    images : int
        Readable images.
    skipped : tuple of Skipped
    damaged : tuple of Skipped
        Files that were read, but are damaged; see `find_duplicates`.
    other_files, too_small, decoded : int
        See `table.Collection`.
    pairs_compared : int
        Pairs of different contents that may match; each was compared, or could be ruled out.
    expected_false_pairs : float or None
        How many unrelated pairs to expect among them; None where nothing is known.
    seconds : Seconds
    not_judged : tuple of str
        Paths of images that are too small or too plain (`ImageFacts.flat`) to be compared by more
        than their pixels.
    """

    comparator: Comparator
    preset: Preset | None
    max_distance: float
    groups: tuple[Group, ...]
    images: int
    skipped: tuple[Skipped, ...]
    damaged: tuple[Skipped, ...]
    other_files: int
    too_small: int
    decoded: int
    pairs_compared: int
    expected_false_pairs: float | None
    seconds: Seconds
    not_judged: tuple[str, ...] = ()

    @property
    def judged(self) -> int:
        """Images that the method compares, without damaged ones, which match no other of these."""
        return self.images - len({*self.not_judged, *self._damaged_paths})

    @property
    def whole(self) -> int:
        """Images that are not damaged."""
        return self.images - len(self._damaged_paths)

    @property
    def _damaged_paths(self) -> set[str]:
        return {one.path for one in self.damaged}

    @property
    def reclaimable_bytes(self) -> int:
        return sum(group.reclaimable_bytes for group in self.groups)


def find_duplicates(
    paths: Paths,
    method: str | Comparator = registry.DEFAULT_METHOD,
    *,
    preset: Preset = "normal",
    threshold: float | None = None,
    min_similarity: float | None = None,
    profile: Profile | None = None,
    proposer: str | Comparator | None = None,
    keep: str = "best",
    isolate: bool = False,
    check_all: bool = False,
    options: RunOptions | None = None,
) -> Duplicates:
    """Find groups of exact and near duplicates.

    Parameters
    ----------
    paths : path or sequence of paths
        Files and folders.
    method : str or Comparator
        ``NAME[:field=value,...]``.
    preset : {"strict", "normal", "loose"}
        The method's own thresholds.
    threshold : float, optional
        Instead: the worst score of a duplicate, in the method's own terms.
    min_similarity : float, optional
        Instead: the least similarity of a duplicate, in percent.
    profile : Profile, optional
        Instead: the thresholds that ``imgsim calibrate`` chose.
    proposer : str or Comparator, optional
        For methods that score pairs: compare only the pairs within this method's loose threshold.
    keep : str
        One of `keep.KEEP_POLICIES`.
    isolate : bool
        Match only files below different `paths`.
    check_all : bool
        Also look for damage that a decoder hides in files that match no other. It changes
        `Duplicates.damaged` alone.
    options : RunOptions, optional
        By default no cache is used; the command line uses one.

    Returns
    -------
    Duplicates

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.
    """
    started = time.perf_counter()
    options = options or RunOptions()
    if keep not in KEEP_POLICIES:
        raise UsageError(f"no keep policy {keep!r}", f"one of {', '.join(KEEP_POLICIES)}")
    criterion = make_criterion(
        method, preset, threshold, min_similarity, profile, proposer, options.decode
    )
    collection = collect(as_list(paths), criterion.extractors, options, keep_workers=True)
    try:
        collection = with_sample_digests(collection, criterion.comparator.extractor, options)
        read = time.perf_counter()
        rules = Rules(isolate)
        hidden = HiddenDamage(collection, options)
        while True:
            collection = hidden.collection
            groups, pairs, flat = _groups(criterion, collection, rules, keep, options)
            # with another file damaged or suspect, others may be kept or matched
            if hidden.look_in([m.picture for group in groups for m in group.members]):
                continue
            if not hidden.mark_suspects(find_suspects(groups, collection, options)):
                break
        if check_all:
            hidden.look_in(collection.pictures)
    finally:
        if collection.executor is not None:
            collection.executor.close()
    return Duplicates(
        criterion.comparator,
        criterion.preset,
        criterion.max_distance,
        tuple(groups),
        len(collection.pictures),
        collection.skipped,
        hidden.collection.damaged,
        collection.other_files,
        collection.too_small,
        collection.decoded,
        pairs,
        criterion.expected_false_pairs(pairs),
        seconds_since(started, read, collection),
        paths_of(flat),
    )


def _groups(
    criterion: Criterion, collection: Collection, rules: Rules, keep: str, options: RunOptions
) -> tuple[list[Group], int, list[Picture]]:
    """Find the groups among the pictures; the pairs that may match, and the flat pictures."""
    detailed, flat = split_flat(rank(collection.pictures, keep))
    near = _near_duplicates(criterion, collection, detailed, rules, keep, options)
    groups = join(near.groups(keep), Stars(flat, equal_pixels(flat), rules).groups(keep))
    return groups, comparable_pairs(detailed, rules), flat


def _near_duplicates(
    criterion: Criterion,
    collection: Collection,
    pictures: Sequence[Picture],
    rules: Rules,
    keep: str,
    options: RunOptions,
) -> Stars:
    """Match pictures, which are in order of the keep policy."""
    recipe = criterion.comparator
    if not isinstance(recipe, Recipe):
        stars = Stars(pictures, alike(collection, recipe, pictures, rules), rules)
        match_into(stars, collection, criterion, options)
        return stars
    limit = criterion.max_distance, criterion.preset
    with RecipeRun(recipe, collection, pictures, rules, *limit, options) as run:
        order, matches = run.deciding_matches(by_content=keep == "best")
    classes = [run.classes[number] for number in order]
    ends = np.cumsum([len(members) for members in classes])
    stars = Stars(
        [pictures[i] for members in classes for i in members],
        [np.arange(end - len(members), end) for end, members in zip(ends, classes, strict=True)],
        rules,
        run.transform,
    )
    stars.add(matches)
    return stars
