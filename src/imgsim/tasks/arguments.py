"""The arguments that several tasks take: methods, proposers, thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator, PairComparator, Preset, VectorComparator
from imgsim.comparators.contract import class_fault, instance_fault
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.listing import only_ready, parse, parse_all
from imgsim.comparators.recipes import Recipe
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError, shown_value
from imgsim.profile import Profile
from imgsim.read.options import RunOptions

Methods = str | Comparator | Sequence[str | Comparator]


@dataclass(frozen=True, slots=True)
class Criterion:
    """A method and its threshold: which pairs count as duplicates.

    Attributes
    ----------
    comparator : Comparator
    proposer : VectorComparator or None
        Only the pairs within its loose threshold are compared.
    preset : str or None
        None when a threshold was given.
    max_distance : float
        Pairs up to this distance are duplicates.
    """

    comparator: Comparator
    proposer: VectorComparator | None
    preset: Preset | None
    max_distance: float

    @property
    def extractors(self) -> list[Extractor]:
        """Extractors that have to run over each image."""
        proposers = [self.proposer.extractor] if self.proposer else []
        return [self.comparator.extractor, *proposers]

    def temporary_bytes(self, files: int) -> int:
        """Bytes of temporary files that finding pairs among so many takes, about."""
        if not isinstance(self.comparator, Recipe):
            return 0  # rows reserve their own
        from imgsim.propose.keypoint_votes import temporary_bytes

        return temporary_bytes(files)

    def expected_false_pairs(self, pairs: int) -> float | None:
        """How many of so many pairs of unrelated images to expect within the threshold.

        None where it was not measured.
        """
        rate = self.comparator.false_pair_rate(self.max_distance)
        return None if rate is None else rate * pairs


def make_criterion(
    method: str | Comparator,
    preset: Preset | None,
    threshold: float | None,
    min_similarity: float | None,
    profile: Profile | None,
    proposer: str | Comparator | None,
    decode: DecodeMode,
    *,
    default: Preset = "normal",
) -> Criterion:
    """Check the arguments that say which pairs are duplicates; see `find_duplicates`.

    Parameters
    ----------
    default : str
        The preset of a recipe, where none is given; other methods take ``normal``.

    Raises
    ------
    UsageError
        One of them makes no sense, or two do not go together.
    """
    comparator = as_comparator(method)
    proposing = _proposer_for(proposer, comparator)
    preset = preset or (default if isinstance(comparator, Recipe) else "normal")
    distance = _largest_distance(comparator, preset, threshold, min_similarity, profile, decode)
    by_preset = threshold is None and min_similarity is None and profile is None
    return Criterion(comparator, proposing, preset if by_preset else None, distance)


def as_comparator(method: str | Comparator) -> Comparator:
    """A comparator, made from its text if it is one.

    Raises
    ------
    UsageError
        It is neither.
    """
    if isinstance(method, str):
        return parse(method)
    if not isinstance(method, Comparator):
        raise UsageError(
            f"{shown_value(method)} is no method", 'such as "phash:size=16"; imgsim methods'
        )
    if fault := class_fault(type(method)) or instance_fault(method):
        raise UsageError(
            f"method {type(method).__name__} {fault}", "imgsim.plugin has what a method is made of"
        )
    return method


def _proposer_for(proposer: str | Comparator | None, method: Comparator) -> VectorComparator | None:
    """The comparator that proposes pairs to a method that scores them."""
    if proposer is None:
        return None
    if not isinstance(method, PairComparator):
        raise UsageError(
            f"{method.name} needs no proposer", "proposers are for methods that score pairs: ssim"
        )
    proposing = as_comparator(proposer)
    if not isinstance(proposing, VectorComparator):
        raise UsageError(f"{proposing.name} cannot propose pairs", "try --proposer phash:size=16")
    return proposing


def _largest_distance(
    comparator: Comparator,
    preset: Preset,
    threshold: float | None,
    min_similarity: float | None,
    profile: Profile | None,
    decode: DecodeMode,
) -> float:
    """Up to which distance a pair counts as duplicates."""
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}", f"one of {', '.join(PRESETS)}")
    for limit in (threshold, min_similarity):
        if limit is not None and not isinstance(limit, Real):
            raise UsageError(f"{shown_value(limit)} is no threshold", "give a number")
    if profile is not None and not isinstance(profile, Profile):
        raise UsageError(f"{shown_value(profile)} is no profile", "imgsim.read_profile reads one")
    scale = comparator.scale
    if threshold is not None and min_similarity is not None:
        raise UsageError("both a threshold and a similarity are given", "give one of them")
    if profile is not None:
        if threshold is not None or min_similarity is not None:
            raise UsageError("both a profile and a threshold are given", "give one of them")
        return profile.distance(comparator, decode)
    if threshold is not None:
        distance = scale.distance(threshold)
        if not 0 <= distance <= scale.worst:
            low, high = sorted((scale.score(0), scale.score(scale.worst)))
            raise UsageError(
                f"threshold {threshold:g} is out of range for {comparator.spec}",
                f"{scale.unit}: {low:g} to {high:g}, {scale.better} is closer",
            )
        return distance
    if min_similarity is not None:
        if not 0 <= min_similarity <= 100:
            raise UsageError(f"similarity {min_similarity:g} is out of range", "0 to 100 percent")
        return scale.distance_of_similarity(min_similarity)
    return comparator.preset_distance(preset)


def check_k(k: int) -> None:
    """Raise UsageError if a number of matches is no whole number from 1 on."""
    if not isinstance(k, Integral):
        raise UsageError(f"k={shown_value(k)} is no whole number", "ask for at least one match")
    if k < 1:
        raise UsageError(f"k={k} is less than 1", "ask for at least one match")


def make_comparators(
    methods: Methods, options: RunOptions, *, ranking: bool = False
) -> list[Comparator]:
    """Make comparators; ``all`` stands for every one that can run, with its defaults."""
    given = methods if isinstance(methods, Sequence) and not isinstance(methods, str) else [methods]
    made: list[Comparator] = []
    note = options.progress.note

    def say_left_out(name: str, reason: str) -> None:
        note(f"without {name}: {reason}")

    for method in given:
        if method == registry.ALL:
            every = parse_all(method, ranking=ranking, left_out=say_left_out)
            made.extend(only_ready(every, note))
        else:
            made.append(as_comparator(method))
    if not made:
        raise UsageError("no method", "imgsim methods lists them")
    return list(dict.fromkeys(made))
