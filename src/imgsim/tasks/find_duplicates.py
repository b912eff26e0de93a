"""Joins the stages, to find groups of duplicates."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from imgsim.addresses import folder_of
from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.comparators.recipes import Recipe
from imgsim.decisions.lookup import Decided, decided_of
from imgsim.decisions.records import Decision, as_decisions
from imgsim.decode.metadata import Metadata
from imgsim.decode.spec import DEFAULT_MAX_PIXELS, DecodeMode
from imgsim.errors import check_kind
from imgsim.group.comparisons import Matching
from imgsim.group.keep import DEFAULT_KEEP, Rule, parse_keep, place_as_original, rank
from imgsim.group.related import with_links, with_other_shots, with_related, with_sizes
from imgsim.group.rules import Rules, comparable_pairs, equal_pixels, split_flat
from imgsim.group.settle import Settling
from imgsim.group.shot_series import LookAlikes, ReadMetadata, find_links
from imgsim.group.shots import paired_shots
from imgsim.group.stars import Stars, join
from imgsim.measure.differences import Differences
from imgsim.measure.measuring import MeasuredPair, measure_pairs
from imgsim.profile import Profile
from imgsim.propose.proposals import PairRules, Proposals
from imgsim.read.collect import collect
from imgsim.read.equal_samples import with_sample_digests
from imgsim.read.hidden_damage import HiddenDamage
from imgsim.read.label_maps import label_maps_among, without_label_maps
from imgsim.read.majority import find_suspects
from imgsim.read.metadata import NOT_READ, metadata_of
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.read.table import Collection
from imgsim.results import Result
from imgsim.stage_times import stage
from imgsim.tasks.arguments import Criterion, make_criterion
from imgsim.tasks.matching import (
    DistanceMatching,
    Seconds,
    alike,
    match_into,
    paths_of,
    seconds_since,
)
from imgsim.types import Group, NotCompared, Picture, Related, Skipped, paths_not_there

if TYPE_CHECKING:
    from imgsim.group.recipe_run import RecipeRun
    from imgsim.index.snapshot import Snapshot
    from imgsim.tasks.index_references import IndexReferences


@dataclass(frozen=True, slots=True, repr=False)
class Duplicates(Result[Group]):
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
        Pairs of different contents that may match; each was compared, could be ruled out, or is
        one of those left out.
    pairs_left_out : int
        Pairs of files that resemble many others which were not compared: see `most_alike`.
    expected_false_pairs : float or None
        How many unrelated pairs to expect among them; None where nothing is known.
    seconds : Seconds
        What the run took, in all and for each of its stages, by the clock.
    not_judged : tuple of str
        Paths of images that are too small or too plain (`ImageFacts.flat`) to be compared by more
        than their pixels.
    related : tuple of Related
        Files that were matched with one of a group, and are in none; then bursts, brackets, raw
        files of the same shot and shots of one moment of which no file is in a group.
    metadata : mapping of str to Metadata
        Of the members of the groups, by the digest of the content.
    folders : mapping of str to int
        Readable images that lie in each folder itself, by its path as the user gave it.
    keep : tuple of str
        The rules that chose the kept files.
    decode : DecodeMode
        How files were decoded: at a reduced scale where that is quicker, or in full.
    max_pixels : int
        Larger images were skipped.
    masks : int
        Masks and label maps: those that were left out, else those among the members of groups.
    masks_left_out : bool
        Whether masks and label maps were left out.
    paths : tuple of str
        Of all readable images, in order.
    roots : tuple of str
        The paths that were asked for, and the lists and folders that images were found by.
    decided_pairs : int or None
        Pairs that are left out, since a person decided on them; None without decisions.
    decided_groups : tuple of Group
        Groups of which nothing was left to decide: the kept file is their only member, and the
        others stand under `Group.decided`.
    not_compared : tuple of NotCompared
        Pairs that may match and could not be compared, since a worker was killed, say.
    not_checked : tuple of Skipped
        Files that could not be decoded once more, to look for damage that a decoder hides or to
        tell whether their pixels are equal to those of others.
    unverified : tuple of NotCompared
        Images that may match a file of the index, on the right, which is gone, was changed or
        cannot be read: all such pairs, for each image the nearest first.
    index : str
        The absolute path of the index; empty without one.
    references : int
        Readable images among those below `DiscoverOptions.reference`.
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
    pairs_left_out: int
    expected_false_pairs: float | None
    seconds: Seconds
    not_judged: tuple[str, ...] = ()
    related: tuple[Related, ...] = ()
    metadata: Mapping[str, Metadata] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)
    keep: tuple[str, ...] = (DEFAULT_KEEP,)
    decode: DecodeMode = DecodeMode.REDUCED
    max_pixels: int = DEFAULT_MAX_PIXELS
    masks: int = 0
    masks_left_out: bool = False
    paths: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    decided_pairs: int | None = None
    decided_groups: tuple[Group, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    not_checked: tuple[Skipped, ...] = ()
    unverified: tuple[NotCompared, ...] = ()
    index: str = ""
    references: int = 0

    def _items(self) -> tuple[Group, ...]:
        return self.groups

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
    def missing(self) -> tuple[str, ...]:
        """Paths that a list names and that are not there; they are skipped too."""
        return paths_not_there(self.skipped)

    @property
    def reclaimable_bytes(self) -> int:
        return sum(group.reclaimable_bytes for group in self.groups)

    def with_decided(self) -> Duplicates:
        """The same, with all that was left out since a person decided on it.

        Its files are members too, see `Member.decided`, and none of them is removable. A file may
        be a member of two groups then.
        """
        groups = (_whole_group(group) for group in (*self.groups, *self.decided_groups))
        return replace(self, groups=tuple(join(list(groups), [])), decided_groups=())


def find_duplicates(
    paths: Paths,
    method: str | Comparator = registry.DEFAULT_METHOD,
    *,
    preset: Preset = "normal",
    threshold: float | None = None,
    min_similarity: float | None = None,
    profile: Profile | None = None,
    proposer: str | Comparator | None = None,
    keep: str | Sequence[str] = DEFAULT_KEEP,
    isolate: bool = False,
    check_all: bool = False,
    jpeg_history: bool = False,
    skip_masks: bool = False,
    decisions: Iterable[Decision] | None = None,
    index: Snapshot | None = None,
    options: RunOptions | None = None,
) -> Duplicates:
    """Find groups of exact and near duplicates.

    Parameters
    ----------
    paths : path, picture, or several
        Files, folders, archives and members of these; or pictures in memory: the bytes of a file,
        arrays, images of Pillow, open files. These are called ``<image 3>`` by their place, or by
        the keys of a mapping.
    method : str or Comparator
        ``NAME[:field=value,...]``; by default ``auto``.
    preset : {"normal", "strict", "loose"}
        The method's own thresholds.
    threshold : float, optional
        Instead: the worst score of a duplicate, in the method's own terms.
    min_similarity : float, optional
        Instead: the least similarity of a duplicate, in percent.
    profile : Profile, optional
        Instead: the thresholds that ``imgsim calibrate`` chose.
    proposer : str or Comparator, optional
        For methods that score pairs: compare only the pairs within this method's loose threshold.
    keep : str or sequence of str
        Rules that choose the kept file, as ``--keep`` takes them; the first that tells two files
        apart decides. By default ``original``.
    isolate : bool
        Match only files below different `paths`.
    check_all : bool
        Also look for damage that a decoder hides in files that match no other. It changes
        `Duplicates.damaged` alone.
    jpeg_history : bool
        Also tell of the JPEGs in groups whether they were compressed twice, which takes a decode of
        each. It changes `Duplicates.metadata` alone.
    skip_masks : bool
        Leave out pictures that hold the class of each pixel: masks and label maps.
    decisions : Decisions, optional
        What a person decided. By default nothing; the command line uses the user's own.
    index : Snapshot, optional
        An index, whose files are references: `Index.find_duplicates` gives it.
    options : RunOptions, optional
        By default no cache is used; the command line uses one.

    Returns
    -------
    Duplicates

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.

    Examples
    --------
    >>> import imgsim
    >>> found = imgsim.find_duplicates("photos")
    >>> for group in found:
    ...     print([(one.role or "keep", one.picture.file.path) for one in group.members])
    [('keep', 'photos/IMG_0001.jpg'), ('exact', 'photos/IMG_0001 copy.jpg')]
    [('keep', 'photos/IMG_0002.jpg'), ('smaller', 'photos/IMG_0002 small.jpg')]
    """
    started = time.perf_counter()
    options = as_options(options)
    keep_rules = parse_keep(keep)
    answers = as_decisions(decisions)
    criterion = make_criterion(
        method, preset, threshold, min_similarity, profile, proposer, options.decode
    )
    if index is not None:
        from imgsim.index.snapshot import Snapshot
        from imgsim.tasks.index_gallery import as_recipe, check_holds_images
        from imgsim.tasks.index_references import IndexReferences

        check_kind(index, Snapshot, "index", "imgsim.Index.open(F).find_duplicates(...) gives one")
        check_holds_images(index, options)
        as_recipe(criterion.comparator)
    listed = as_list(paths, max_pixels=options.max_pixels)
    collection = collect(
        listed,
        criterion.extractors,
        options,
        keep_workers=True,
        later_bytes=criterion.temporary_bytes,
    )
    beside: IndexReferences | None = None
    try:
        if index is not None:
            beside = IndexReferences(index, as_recipe(criterion.comparator), collection, options)
            collection = beside.collection
        collection = with_sample_digests(collection, criterion.comparator.extractor, options)
        masks = 0
        if skip_masks:
            collection, masks = without_label_maps(collection, options)
        read = time.perf_counter()
        rules = Rules(isolate)
        hidden = HiddenDamage(collection, options)
        while True:
            collection = hidden.collection
            proposed = None if beside is None else beside.propose
            how = rules, options, proposed
            with stage("grouping"), _matched(criterion, collection, keep_rules, *how) as matched:
                # with another file damaged or suspect, others may be kept or matched
                if hidden.look_in(matched.pictures):
                    continue
                metadata = metadata_of(
                    matched.pictures, options, collection.executor, history=jpeg_history
                )
                lost = {digest for digest, one in metadata.items() if one is NOT_READ}
                if hidden.mark_unchecked(lost, "its metadata could not be read"):
                    continue
                decided = decided_of(
                    answers, matched.pictures, options, collection.executor, implied=True
                )
                settled = _settle(
                    matched, (keep_rules, rules, decided), metadata, collection, options
                )
                candidates = matched.look_alikes
            groups, related, decided_groups = settled
            whole = [_whole_group(group) for group in (*groups, *decided_groups)]
            suspects, lost = find_suspects(whole, collection, options)
            suspected = hidden.mark_suspects(suspects)
            # most of its group may show it otherwise: it is held back as one that may be damaged
            if not (hidden.mark_unchecked(lost, "its pixels could not be compared") or suspected):
                break
        links, read_for_links = find_links(
            groups, candidates, collection.pictures, rules, _reader(metadata, collection, options)
        )
        groups = with_other_shots(groups, read_for_links)
        groups, related = with_links(groups, links, related)
        groups, related = with_sizes(groups, related, collection.pictures)
        decided_pairs = None
        if answers:
            stars = [*matched.near, *matched.flat]
            decided_pairs = sum(decided.count([m.picture for m in g.members]) for g in stars)
            groups, related, more = _without_decided(groups, related, decided, collection, stars)
            decided_pairs += more
        if not skip_masks:
            members = [member.picture for group in groups for member in group.members]
            masks = len(label_maps_among(members, options, collection.executor))
        if check_all:
            hidden.look_in(collection.pictures)
    finally:
        if collection.executor is not None:
            collection.executor.close()
    folders = Counter(folder_of(p.file.path) or "." for p in collection.pictures)
    not_judged, pairs = matched.flat_pictures, matched.pairs
    if beside is not None:
        folders |= beside.folders() if groups else Counter()
        not_judged = [p for p in not_judged if not beside.holds(p)]
        pairs += beside.pairs_beside
    return Duplicates(
        criterion.comparator,
        criterion.preset,
        criterion.max_distance,
        tuple(groups),
        len(collection.pictures) + (0 if beside is None else beside.images),
        collection.skipped,
        hidden.collection.damaged,
        collection.other_files,
        collection.too_small,
        collection.decoded,
        pairs,
        0 if matched.run is None else matched.run.left_out,
        criterion.expected_false_pairs(pairs),
        seconds_since(started, read, collection),
        paths_of(not_judged),
        tuple(related),
        metadata,
        folders,
        (keep,) if isinstance(keep, str) else tuple(keep),
        options.decode,
        options.max_pixels,
        masks,
        skip_masks,
        paths=tuple(p.file.path for p in collection.pictures),
        roots=tuple(dict.fromkeys((*listed, *(p.file.root for p in collection.pictures)))),
        decided_pairs=decided_pairs,
        decided_groups=tuple(decided_groups),
        not_compared=matched.not_compared,
        not_checked=hidden.collection.unchecked,
        unverified=() if beside is None else beside.unverified,
        index="" if index is None else os.path.abspath(index.folder),
        references=sum(picture.file.reference for picture in collection.pictures),
    )


def _whole_group(group: Group) -> Group:
    """A group with the files that were left out of it as members."""
    return replace(group, members=(*group.members, *group.decided), decided=())


def _without_decided(
    groups: Sequence[Group],
    related: Sequence[Related],
    decided: Decided,
    collection: Collection,
    stars: Sequence[Group],
) -> tuple[list[Group], list[Related], int]:
    """Leave out what is related to a file and was decided on with it.

    Returns
    -------
    list of Group
    list of Related
    int
        Pairs that are left out, but for those of one star.
    """
    pictures = {picture.file.path: picture for picture in collection.pictures}
    star = {m.picture.file.path: i for i, group in enumerate(stars) for m in group.members}
    left_out: set[frozenset[str]] = set()

    def is_open(one: Related) -> bool:
        if decided.between(pictures[one.path], pictures[one.beside]) is None:
            return True
        if star.get(one.path, -1) != star.get(one.beside, -2):
            left_out.add(frozenset((one.path, one.beside)))
        return False

    groups = [replace(g, related=tuple(filter(is_open, g.related))) for g in groups]
    return groups, list(filter(is_open, related)), len(left_out)


@dataclass(frozen=True, slots=True)
class _Matched:
    """Groups around their centres, and what is known of their pairs.

    Attributes
    ----------
    near, flat : list of Group
        Those that the method matched, and flat pictures with equal pixels.
    matching : Matching
        For the former.
    by_pixels : Matching
        For the latter.
    pairs : int
        Pairs that may match.
    flat_pictures : list of Picture
    run : RecipeRun or None
        None under a method that verifies nothing.
    frames_not_compared : tuple of NotCompared
        Under such a method, pairs whose frames could not be compared.
    """

    near: list[Group]
    flat: list[Group]
    matching: Matching
    by_pixels: Matching
    pairs: int
    flat_pictures: list[Picture]
    run: RecipeRun | None = None
    frames_not_compared: tuple[NotCompared, ...] = ()

    @property
    def not_compared(self) -> tuple[NotCompared, ...]:
        """Pairs that could not be compared; all of them when the groups are settled."""
        return self.frames_not_compared if self.run is None else self.run.not_compared()

    @property
    def look_alikes(self) -> LookAlikes:
        """The pairs that were proposed; none under a method that proposes none."""
        return LookAlikes.none() if self.run is None else self.run.look_alikes()

    @property
    def pictures(self) -> list[Picture]:
        return [m.picture for group in (*self.near, *self.flat) for m in group.members]


def _reader(
    known: Mapping[str, Metadata], collection: Collection, options: RunOptions
) -> ReadMetadata:
    """Return what reads the metadata of pictures, but of those that are known."""

    def read(pictures: Sequence[Picture]) -> Mapping[str, Metadata]:
        unknown = [picture for picture in pictures if picture.digest not in known]
        return {**known, **metadata_of(unknown, options, collection.executor)}

    return read


@contextmanager
def _matched(
    criterion: Criterion,
    collection: Collection,
    keep: Sequence[Rule],
    rules: Rules,
    options: RunOptions,
    proposed: Callable[[Sequence[Picture], PairRules], Proposals] | None = None,
) -> Iterator[_Matched]:
    """Find the groups among the pictures, around those that show and match most."""
    recipe = criterion.comparator
    ranked = rank(collection.pictures)
    distances = DistanceMatching(collection, criterion, options)
    if not isinstance(recipe, Recipe):
        detailed, flat = split_flat(ranked)
        stars = Stars(detailed, alike(collection, recipe, detailed, rules), rules)
        lost = match_into(stars, collection, criterion, options)
        pairs = comparable_pairs(detailed, rules)
        groups = stars.groups(), _equal_groups(flat, rules)
        yield _Matched(
            *groups, distances, distances, pairs, flat, run=None, frames_not_compared=lost
        )
        return
    # no other method needs what verifies
    from imgsim.group.recipe_run import RecipeRun, split_judged

    detailed, flat = split_judged(recipe, collection, ranked)
    by_origin = any(rule.text == "original" for rule in keep)
    with RecipeRun(
        *(recipe, collection, detailed, rules, criterion.max_distance, criterion.preset, options),
        prefer=place_as_original if by_origin else None,
        proposed=proposed,
    ) as run:
        order, matches = run.deciding_matches()
        classes = [run.classes[number] for number in order]
        ends = np.cumsum([len(members) for members in classes])
        stars = Stars(
            [detailed[i] for members in classes for i in members],
            [np.arange(end - len(some), end) for end, some in zip(ends, classes, strict=True)],
            rules,
            run.transform,
        )
        stars.add(matches)
        pairs = comparable_pairs(detailed, rules)
        groups = stars.groups(), _equal_groups(flat, rules)
        yield _Matched(*groups, run, distances, pairs, flat, run)


def _equal_groups(flat: Sequence[Picture], rules: Rules) -> list[Group]:
    """Groups of flat pictures with equal pixels."""
    return Stars(flat, equal_pixels(flat), rules).groups()


def _settle(
    matched: _Matched,
    how: tuple[Sequence[Rule], Rules, Decided],
    metadata: Mapping[str, Metadata],
    collection: Collection,
    options: RunOptions,
) -> tuple[list[Group], list[Related], list[Group]]:
    """Decide which file of each group is kept, and what the others are to it.

    Returns
    -------
    list of Group
    list of Related
    list of Group
        Those of which a person left nothing to decide.
    """

    def measure(pairs: Sequence[MeasuredPair]) -> dict[tuple[str, str], Differences]:
        return measure_pairs(pairs, options, collection.executor)

    keep, rules, decided = how
    paired = paired_shots(collection.pictures)
    near, flat = (
        Settling(keep, rules, matching, measure, metadata, decided, paired)
        for matching in (matched.matching, matched.by_pixels)
    )
    groups, related = near.settle(matched.near)
    if matched.run is not None:
        groups = with_related(groups, matched.run.accepted())
    flat_groups, more = flat.settle(matched.flat)
    hidden = join(near.decided_groups, flat.decided_groups)
    return join(groups, flat_groups), [*related, *more], hidden
