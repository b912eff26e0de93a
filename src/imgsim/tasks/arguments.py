"""Checks the arguments that several tasks take: methods, proposers, thresholds."""

from __future__ import annotations

from collections.abc import Sequence

from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator, PairComparator, Preset, VectorComparator
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError
from imgsim.profile import Profile
from imgsim.read.options import RunOptions


def as_comparator(method: str | Comparator) -> Comparator:
    """A comparator, made from its text if it is one."""
    return registry.parse(method) if isinstance(method, str) else method


def proposer_for(proposer: str | Comparator | None, method: Comparator) -> VectorComparator | None:
    """The comparator that proposes pairs to a method that scores them.

    Raises
    ------
    UsageError
        One of the two does not do that.
    """
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


def largest_distance(
    comparator: Comparator,
    preset: Preset,
    threshold: float | None,
    min_similarity: float | None,
    profile: Profile | None,
    decode: DecodeMode,
) -> float:
    """Up to which distance a pair counts as duplicates.

    Raises
    ------
    UsageError
        A value makes no sense.
    """
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}", f"one of {', '.join(PRESETS)}")
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


Methods = str | Comparator | Sequence[str | Comparator]


def make_comparators(
    methods: Methods, options: RunOptions, *, ranking: bool = False
) -> list[Comparator]:
    """Make comparators; ``all`` stands for every one that can run, with its defaults."""
    given = [methods] if isinstance(methods, str | Comparator) else methods
    made: list[Comparator] = []
    for method in given:
        if method == registry.ALL:
            every = registry.parse_all(method, ranking=ranking)
            made.extend(registry.only_ready(every, options.progress.note))
        else:
            made.append(as_comparator(method))
    if not made:
        raise UsageError("no method", "imgsim methods lists them")
    return list(dict.fromkeys(made))
