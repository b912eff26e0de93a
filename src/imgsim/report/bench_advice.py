"""What a benchmark says in a few sentences: which method suits the pictures, and its cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgsim.benchmark.results import Bench, MethodResilience, MethodResult, Resilience
from imgsim.report.bench_tables import (
    headline,
    in_order,
    interval_text,
    machine_was_busy,
    pairs_of_originals,
    seconds_of_thousand,
    short_names,
    surely_quicker,
    unranked_methods,
    worse,
)
from imgsim.report.units import count

_NAMED = 3
_MANY = 3
_FEW = 32
"""On so many images reading and extraction are timed."""

_CLEARLY = 0.1
"""From here on a difference of the shares of copies that are recognised is worth saying."""

_QUICKER = 1.5
"""From here on it is worth saying that one method is quicker."""


def advice(bench: Bench) -> list[str]:
    """Return the sentences that a report opens with; none where no method was measured."""
    ranked = [m for m in in_order(bench) if headline(m) is not None]
    if ranked:
        return [*_on_interruption(bench), *_choice(bench, ranked), *_on_changed_copies(bench)]
    return [*_on_interruption(bench), *_on_pairs(bench), *_on_copies(bench)]


def _on_interruption(bench: Bench) -> Iterator[str]:
    """Say that the run was interrupted, and what it did not come to."""
    if not bench.unfinished:
        return
    names = short_names(bench)
    missing = []
    for one in bench.unfinished:
        methods = in_words([names[m] for m in one.methods])
        missing.append(_EXPERIMENTS[one.experiment] + (f" by {methods}" if methods else ""))
    yield f"This run was interrupted, and its report is a part: it lacks {'; '.join(missing)}."


_EXPERIMENTS = {
    "methods": "rankings",
    "resilience": "changed copies",
    "norms": "distances by scipy and numpy",
}


def in_words(names: Sequence[str]) -> str:
    """Return names as a sentence has them: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def copies_left(bench: Bench) -> str:
    """Return which methods an interrupted run did not try on changed copies; empty if all."""
    names = short_names(bench)
    left = bench.unfinished_methods("resilience")
    return f"not tried, as the run was interrupted: {in_words([names[m] for m in left])}" * bool(
        left
    )


def _on_pairs(bench: Bench) -> Iterator[str]:
    """Say what methods that order no pairs find of a list of them."""
    names = short_names(bench)
    for m in bench.methods:
        found = m.detection
        right = ""
        if found.precision is not None:
            right = f"; of those that it finds {found.precision.value:.2f} are right"
        yield f"{names[m.method]} finds {found.recall.value:.2f} of the pairs that match{right}."


def _on_copies(bench: Bench) -> Iterator[str]:
    """Say which method recognises most changed copies."""
    if bench.resilience is None or not bench.resilience.methods:
        return
    two = sorted(bench.resilience.methods, key=lambda m: -m.mean_recognised)[:2]
    yield f"Of changed copies {_recognised(two, bench.resilience, short_names(bench))}."


def recommended(bench: Bench) -> list[MethodResult]:
    """Return the methods that the advice names first; none where it cannot tell any apart."""
    ranked = [m for m in in_order(bench) if headline(m) is not None]
    return _first_named(ranked) if len(_level(ranked)) < len(ranked) else []


def _level(ranked: Sequence[MethodResult]) -> list[MethodResult]:
    """Return the best of methods in order, and those that are not worse, chance apart."""
    return [m for m in ranked if m is ranked[0] or not worse(m, ranked[0])]


def _first_named(ranked: Sequence[MethodResult]) -> list[MethodResult]:
    """Return the best, and those not worse whose figure is printed alike."""
    return [m for m in _level(ranked) if _shown(m) == _shown(ranked[0])]


def _choice(bench: Bench, ranked: Sequence[MethodResult]) -> Iterator[str]:
    names = short_names(bench)
    best = ranked[0]
    level, named = _level(ranked), _first_named(ranked)
    behind = [m for m in ranked if m not in level]
    rest = [m for m in level if m not in named]
    data = bench.data
    trials = count(data.classes, "class", "classes") if data.classes else "so few pairs"
    pictures = f"these {data.images:,} pictures"
    right = "average precision of the pairs"
    if best.retrieval:  # a picture with one other of its class has one right neighbour at most
        right = "of those of the 3 nearest that can be right are"
    estimate = headline(best)
    assert estimate is not None
    within = f"; 95 % interval {interval_text(estimate)}" if interval_text(estimate) else ""
    figures = f"{_shown(best)} {right}{within}"
    more = ""
    if len(ranked) == 1:
        only = ", the only method measured so far" if bench.unfinished_methods("methods") else ""
        yield f"For {pictures}: by {names[best.method]}{only}, {figures}."
    elif not behind:
        of_classes = f" of {trials}" if data.classes else ""
        last = ranked[-1]
        if _shown(last) == _shown(best):
            between = f"by each {figures}"
        else:
            between = (
                f"from {_names(names, named)} ({figures}) to"
                f" {names[last.method]} ({_shown(last)}) there is no difference that they can show"
            )
            more = f"More {'classes' if data.classes else 'pairs'} might tell them apart."
        yield (
            f"{pictures[0].upper()}{pictures[1:]}{of_classes} cannot tell"
            f" {count(len(ranked), 'method')} apart: {between}."
        )
    else:
        so_far = ", of the methods measured so far" if bench.unfinished_methods("methods") else ""
        shown = f"For {pictures}{so_far}: {_names(names, named)} ({figures}"
        if len(level) > 1 and len(named) > 1:
            shown += f"; no difference that {trials} can show"
        yield f"{shown})."
        if rest:
            some = ", ".join(f"{names[m.method]} ({_shown(m)})" for m in rest[:_MANY])
            others = f" and {len(rest) - _MANY} more" if len(rest) > _MANY else ""
            yield f"Not worse, as far as {trials} can show: {some}{others}."
        yield (
            f"The next, {names[behind[0].method]}, has {_shown(behind[0])}, less by"
            f" {_less(best, behind[0])}: more than chance gives."
        )
    yield _cost(bench, named, level)
    if more:
        yield more


def _cost(bench: Bench, named: Sequence[MethodResult], level: Sequence[MethodResult]) -> str:
    """Say what 1,000 images take by the best, and which of those not worse is quicker.

    Only where the next run would name the same one.
    """
    names, cpu = short_names(bench), machine_was_busy(bench)
    seconds = {m.method: seconds_of_thousand(m, cpu=cpu) for m in level}

    def by_time(some: Sequence[MethodResult]) -> list[MethodResult]:
        return sorted(some, key=lambda m: seconds[m.method])

    def takes(m: MethodResult) -> str:
        return f"{names[m.method]} {_time(seconds[m.method])}"

    how = "processor time" if cpu else "by the clock"
    how = f"with one thread, {how}, each compared with all"
    if bench.data.images < _FEW:
        how += "; a rough figure, from so few"
    quickest, quick, slow = by_time(level)[0], by_time(named)[0], by_time(named)[-1]
    for one, other in ((quickest, quick), (quick, slow)):
        if surely_quicker(one, other, bench, ratio=_QUICKER):
            ratio = _times(seconds[other.method] / seconds[one.method])
            return (
                f"{names[one.method]} is {ratio} x quicker than {names[other.method]}: 1,000 images"
                f" take it about {_time(seconds[one.method])}, {takes(other)} ({how})."
            )
    some = [takes(m) for m in by_time(named)]
    shown = ", ".join(some) if len(some) <= _NAMED else f"{some[0]} to {some[-1]}"
    return f"1,000 images take {shown} ({how})."


def _on_changed_copies(bench: Bench) -> Iterator[str]:
    """Say where the best at likeness is not so at copies, and what a ranking cannot tell.

    The latter of a method that verifies.
    """
    recipes = unranked_methods(bench)
    text = ""
    if recipes:
        looks = "looks" if len(recipes) == 1 else "look"
        text = (
            f"A ranking tells little of {' and '.join(recipes)}, which {looks} for copies of a"
            " picture and not for its like"
        )
    if bench.resilience is None or not bench.resilience.methods:
        again = bool(bench.unfinished_methods("resilience"))
        if text:
            yield text + ("." if again else "; --experiment resilience measures that.")
        return
    names = short_names(bench)
    changed = sorted(bench.resilience.methods, key=lambda m: -m.mean_recognised)
    chosen = {m.method for m in recommended(bench)[:_NAMED]}
    poor = [m for m in changed if m.method in chosen and _poor_at_copies(m, changed)]
    if poor:
        some = in_words([names[m.method] for m in poor])
        text += ". Nor does it say" if text else "A ranking does not say"
        text += f" how well {some} {'finds' if len(poor) == 1 else 'find'} copies"
    verifying = [m for m in changed if names[m.method] in recipes]
    others = [m for m in changed if m not in poor and m not in verifying]
    if poor:  # one that finds more for it takes more originals for copies is no better
        others.sort(key=lambda m: m.wrong > max(one.wrong for one in poor))
    if text:
        some = _recognised([*poor, *verifying, *others[:1]], bench.resilience, names)
        yield f"{text}. Of changed copies {some}."


def _poor_at_copies(one: MethodResilience, methods: Sequence[MethodResilience]) -> bool:
    """Return whether a method takes originals for copies, or another finds clearly more copies.

    The other with no more wrong pairs.
    """
    most = max(m.mean_recognised for m in methods if m.wrong <= one.wrong)
    return one.wrong > 0 or most - one.mean_recognised >= _CLEARLY


def _recognised(
    some: Sequence[MethodResilience], resilience: Resilience, names: dict[str, str]
) -> str:
    """Return what methods recognise of changed copies, and how many pairs they take for such."""
    pairs = pairs_of_originals(resilience)
    wrong = [f"{one.wrong:,} wrong" for one in some]
    wrong[0] = f"{some[0].wrong:,} of {pairs:,} pairs of originals wrong"
    return ", ".join(
        f"{names[m.method]} recognises {100 * m.mean_recognised:.0f} % ({text})"
        for m, text in zip(some, wrong, strict=True)
    )


def _shown(one: MethodResult) -> str:
    estimate = headline(one)
    assert estimate is not None
    return f"{min(estimate.value, 0.99 if estimate.value < 1 else 1.0):.2f}"


def _less(best: MethodResult, other: MethodResult) -> str:
    """Return the difference of the printed figures, that of the exact ones where they are alike."""
    difference = float(_shown(best)) - float(_shown(other))
    if difference > 0:
        return f"{difference:.2f}"
    own, others = headline(best), headline(other)
    assert own is not None
    assert others is not None
    return f"{own.value - others.value:.2g}"


def _names(names: dict[str, str], some: Sequence[MethodResult]) -> str:
    shown = [names[m.method] for m in some[:_NAMED]]
    if len(some) > _NAMED:
        shown.append(f"{len(some) - _NAMED} more")
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


def _times(ratio: float) -> str:
    """Return two digits of a ratio."""
    return f"{ratio:.2g}" if ratio < 100 else f"{round(ratio, -1):.0f}"


def _time(seconds: float) -> str:
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
