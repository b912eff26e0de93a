"""Scores two images by each of some comparators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator, Preset
from imgsim.comparators.local import lack_detail, records
from imgsim.comparators.recipes import Recipe
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeError
from imgsim.errors import ImgsimError, UsageError
from imgsim.group.rules import are_duplicates, comparison_kind
from imgsim.neighbours.build import make_engine
from imgsim.profile import Profile
from imgsim.progress import Silent
from imgsim.read.memory import PictureLike
from imgsim.read.options import RunOptions, as_options
from imgsim.results import Result
from imgsim.tasks.arguments import Methods, make_comparators
from imgsim.tasks.known import known
from imgsim.tasks.query import Query, query_file, read_query
from imgsim.types import ImageFacts, Member
from imgsim.verify.frame_pairs import same_frames
from imgsim.verify.judge import EQUAL
from imgsim.verify.verdicts import verify_pair


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparator's opinion of two images.

    Attributes
    ----------
    comparator : Comparator
    distance, score, similarity : float
        The score is in the method's own terms, the similarity in percent.
    threshold : float
        Score up to (or from) which a pair is a duplicate under the preset.
    duplicate : bool
        The verdict. A flat image is a duplicate only of what its pixels equal, or, of a
        figure on an even ground under a recipe, of the same figure in another size.
    remark : str
        What else decided, or that nothing could be compared; empty where the score says it all.
    member : Member or None
        What the right picture is to the left one, if that was asked for and a recipe verified it.
    """

    comparator: Comparator
    distance: float
    score: float
    similarity: float
    threshold: float
    duplicate: bool
    remark: str = ""
    member: Member | None = None


class Comparisons(list[Comparison], Result[Comparison]):
    """The opinions of some comparators of two images, in the order asked for.

    Parameters
    ----------
    left, right : str
        The two files.
    comparisons : sequence of Comparison
    """

    def __init__(self, left: str, right: str, comparisons: Sequence[Comparison]) -> None:
        super().__init__(comparisons)
        self.left = left
        self.right = right

    __repr__ = Result.__repr__


def compare(
    left: PictureLike,
    right: PictureLike,
    methods: Methods | None = None,
    *,
    preset: Preset = "normal",
    profile: Profile | None = None,
    roles: bool = False,
    options: RunOptions | None = None,
) -> Comparisons:
    """Score two images by each of some comparators.

    Parameters
    ----------
    left, right : path or picture
        A file, a member of an archive, bytes, an array, an image of Pillow, or an open file.
    methods : str, Comparator or sequence of these, optional
        By default every method that is available.
    preset : {"normal", "strict", "loose"}
    profile : Profile, optional
        Instead: the thresholds that ``imgsim calibrate`` chose.
    roles : bool
        Also tell what the right picture is to the left one, for which both are measured; without a
        profile.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        The profile has no threshold for a method.
    UnreadableImage
        One of the files is no image that can be read.

    Examples
    --------
    >>> import imgsim
    >>> for one in imgsim.compare("photos/IMG_0001.jpg", "photos/IMG_0002.jpg", ["phash", "ssim"]):
    ...     print(one.comparator.name, one.duplicate)
    phash False
    ssim False
    """
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}", f"one of {', '.join(PRESETS)}")
    options = as_options(options)
    comparators = make_comparators(methods if methods is not None else registry.ALL, options)
    limits = [
        profile.distance(c, options.decode) if profile else c.preset_distance(preset)
        for c in comparators
    ]
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    for extractor in extractors:
        extractor.get_ready()
    left_query, right_query = (
        query_file(left, "<left>", options.max_pixels),
        query_file(right, "<right>", options.max_pixels),
    )
    paths = left_query.path or left_query.name, right_query.path or right_query.name
    left_facts, left_rows = read_query(left_query, extractors, options)
    right_facts, right_rows = read_query(right_query, extractors, options)
    several = left_facts.frames > 1 and right_facts.frames > 1
    try:
        frames_agree = not several or same_frames(
            left_query.data, right_query.data, Decoder(options.decode, options.max_pixels)
        )
    except DecodeError as error:
        raise ImgsimError(f"their frames cannot be compared: {error}", "see --max-pixels") from None
    flat = left_facts.flat, right_facts.flat
    digests = left_query.digest, right_query.digest
    comparisons: list[Comparison] = []
    for comparator, limit in zip(comparators, limits, strict=True):
        pair = np.stack([left_rows[comparator.extractor], right_rows[comparator.extractor]])
        plain = any(flat)
        if isinstance(comparator, Recipe):
            verdict, plain = EQUAL, bool(lack_detail(flat, records(pair)).any())
            if digests[0] != digests[1]:
                verdict = verify_pair(
                    comparator, paths, pair, options, frames=several, flat=flat, digests=digests
                )
            distance = verdict.residual
            near, agree = comparator.accepts(verdict, limit, preset), True
        else:
            nearest = make_engine(comparator, pair, options).nearest(np.array([0]), 1)
            distance = float(nearest.distance[0, 0])
            near, agree = distance <= limit, frames_agree
        duplicate = digests[0] == digests[1] or are_duplicates(
            left_facts,
            right_facts,
            near=near and agree,
            as_figures=isinstance(comparator, Recipe),
        )
        if duplicate and distance == np.inf:
            distance = 0.0  # too plain to be aligned, and equal
        remark = ""
        if digests[0] != digests[1]:
            facts = left_facts, right_facts
            too_far = distance > limit
            remark = _remark(
                comparator, *facts, distance, agree, too_far, duplicate=duplicate, plain=plain
            )
        comparisons.append(_comparison(comparator, distance, limit, duplicate, remark))
    verified = (c for c in comparisons if c.duplicate and isinstance(c.comparator, Recipe))
    if roles and profile is None and (first := next(verified, None)):
        member = _member(left_query, right_query, first.comparator, preset, options)
        comparisons = [
            replace(one, member=member) if isinstance(one.comparator, Recipe) else one
            for one in comparisons
        ]
    return Comparisons(left_query.name, right_query.name, comparisons)


def _member(
    left: Query, right: Query, recipe: Comparator, preset: Preset, options: RunOptions
) -> Member | None:
    """What the right picture is to the left one, as `known` tells."""
    quiet = replace(options, executor="threads", jobs=1, progress=Silent())
    paths = right.path or right.name, left.path or left.name
    matches = known(*paths, recipe, preset=preset, k=1, options=quiet).answers[0].matches
    return matches[0].member if matches else None


def _remark(
    comparator: Comparator,
    left: ImageFacts,
    right: ImageFacts,
    distance: float,
    frames_agree: bool,
    too_far: bool,
    *,
    duplicate: bool,
    plain: bool,
) -> str:
    """What decided beside the score, of two files with different bytes."""
    if plain:
        too_plain = "too small or too plain to be compared by more than pixels"
        if not duplicate and (distance == np.inf or not isinstance(comparator, Recipe)):
            return f"{too_plain}, which differ"
        equal = left.pixel_digest is not None and left.pixel_digest == right.pixel_digest
        return f"{too_plain}, which are equal" if duplicate and equal else ""
    if duplicate:
        return ""
    if left.damage and right.damage:
        return "both are damaged, so nothing tells what they should show"
    if comparison_kind(left) != comparison_kind(right):
        return "raw files, films and documents are compared with their like alone"
    if not (too_far or frames_agree):
        return "their frames differ"
    if distance == np.inf:
        return "they show nothing alike that could be laid upon each other"
    if not isinstance(comparator, Recipe):
        return ""
    if too_far:
        return "laid upon each other, a part of them differs"
    return "they have too little in common for this preset"


def _comparison(
    comparator: Comparator, distance: float, limit: float, duplicate: bool, remark: str
) -> Comparison:
    scale = comparator.scale
    return Comparison(
        comparator,
        distance,
        scale.score(distance),
        scale.similarity(distance),
        scale.score(limit),
        duplicate,
        remark,
    )
