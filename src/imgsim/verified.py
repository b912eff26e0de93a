"""Groups of a recipe: pairs are proposed, looked at as far as it matters, and joined to stars.

Looking is dear, so a picture is compared with the best one around it first, and no more once it
belongs to a group: the pictures of a group of k cost about k looks and not k * k / 2.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.cache import Cache
from imgsim.collect import Collection, RunOptions
from imgsim.comparators.local import ORIENTATIONS, records
from imgsim.comparators.recipes import Recipe
from imgsim.decode import Decoder, decoder_id
from imgsim.executors.base import Executor
from imgsim.search.proposals import KEYPOINTS, MIRRORED, Proposals, propose
from imgsim.spool import Slot
from imgsim.types import Picture, Transform, Verdict
from imgsim.verify.batch import Hypotheses, Pair, VerifyBatch
from imgsim.verify.verdict import EQUAL, NOTHING, VERSION

_BATCH = 24
_RIVALS = 3
_SMALLER = 2


class Looks:
    """Verdicts on pairs of pictures with different contents, each looked at once.

    Parameters
    ----------
    pictures : sequence of Picture
        In order of their digests, which says which one of a pair is the left one.
    rows : ndarray of uint8, shape (n, ...)
        Their `LocalFeatures`.
    proposals : Proposals
        Pairs of them that may be asked for.
    slots : dict
        Images kept since they were decoded, by content.
    executor : Executor or None
        Where they were decoded; it is closed with this.
    options : RunOptions
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        rows: NDArray[np.generic],
        proposals: Proposals,
        slots: Mapping[str, Slot],
        executor: Executor | None,
        options: RunOptions,
    ) -> None:
        self.pictures = pictures
        self.slots = slots
        self.rows = rows
        self.options = options
        self.looked_at = 0
        self._why = dict(zip(proposals.pairs(), proposals.why.tolist(), strict=True))
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._label = f"verdict/{VERSION} {decoder_id(options.decode)}"
        # what is wrong with it was said when the files were read
        self._cache = Cache(options.cache, lambda trouble: None)
        self._executor = executor or options.open_executor(options.jobs, keep=True)
        self._recall()

    def close(self) -> None:
        self._executor.close()
        self._cache.close()

    def __getitem__(self, pair: tuple[int, int]) -> Verdict:
        return self._verdicts[self._contents(pair)]

    def between(self, one: Picture, other: Picture) -> Verdict | None:
        """The verdict on two pictures, the left one being that with the lesser digest, if any."""
        digests = one.digest, other.digest
        return self._verdicts.get((min(digests), max(digests)))

    def transform(self, kept: Picture, other: Picture) -> Transform | None:
        """How a picture lies upon the kept one, if they were looked at."""
        verdict = self.between(kept, other)
        if verdict is None:
            return None  # the same file twice
        return transform_between(kept, other, verdict, kept_left=kept.digest <= other.digest)

    def _contents(self, pair: tuple[int, int]) -> tuple[str, str]:
        return self.pictures[min(pair)].digest, self.pictures[max(pair)].digest

    def _recall(self) -> None:
        wanted = {self._contents(pair) for pair in self._why}
        self._verdicts = {pair: EQUAL for pair in wanted if pair[0] == pair[1]}
        lefts = {left for left, right in wanted if left != right}
        for contents, verdict in self._cache.verdicts(self._label, lefts).items():
            if contents in wanted:
                self._verdicts[contents] = verdict

    def look(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Look at those pairs that were not looked at before."""
        wanted = {self._contents(pair): (min(pair), max(pair)) for pair in pairs}
        todo = [pair for contents, pair in wanted.items() if contents not in self._verdicts]
        if not todo:
            return
        self.looked_at += len(todo)
        size = max(1, min(_BATCH, len(todo) // (2 * self.options.jobs)))
        parts = [todo[i : i + size] for i in range(0, len(todo), size)]
        progress = self.options.progress
        progress.start("verifying", len(todo), "pair")
        try:
            with closing(self._executor.run([self._batch(part) for part in parts])) as results:
                for number, seen in results:
                    lasting = {}
                    for pair, one in zip(parts[number], seen, strict=True):
                        contents = self._contents(pair)
                        self._verdicts[contents] = one.verdict
                        if one.lasting:
                            lasting[contents] = one.verdict
                    self._cache.keep_verdicts(self._label, lasting)
                    progress.advance(len(seen))
        finally:
            progress.finish()

    def _batch(self, pairs: Sequence[tuple[int, int]]) -> VerifyBatch:
        files = sorted({i for pair in pairs for i in pair})
        place = {file: i for i, file in enumerate(files)}
        return VerifyBatch(
            tuple(self.pictures[i].file.path for i in files),
            tuple(self.rows[i].tobytes() for i in files),
            tuple(Pair(place[a], place[b], _hypotheses(self._why[a, b])) for a, b in pairs),
            Decoder(self.options.decode, self.options.max_pixels),
            tuple(self.slots.get(self.pictures[i].digest) for i in files),
        )


def proposed(
    recipe: Recipe,
    collection: Collection,
    pictures: Sequence[Picture],
    may_match: Callable[[Picture, Picture], bool],
    options: RunOptions,
) -> tuple[Looks, Proposals, list[int]]:
    """Propose the pairs of pictures with different contents that are worth a look.

    Parameters
    ----------
    recipe : Recipe
    collection : Collection
        Where the pictures were read.
    pictures : sequence of Picture
    may_match : callable
        Whether two of them may be a pair at all.
    options : RunOptions

    Returns
    -------
    looks : Looks
        To be closed. Of the pictures in another order, which does not depend on that of the files.
    proposals : Proposals
        In that order.
    place : list of int
        Where each picture of that order stands among `pictures`.
    """
    place = sorted(range(len(pictures)), key=lambda i: (pictures[i].digest, i))
    looked = [pictures[i] for i in place]
    rows = collection.features(recipe.extractor, looked).rows
    found = propose(records(rows), hashes=recipe.hashes, jobs=options.jobs)
    wanted = [may_match(looked[a], looked[b]) for a, b in found.pairs()]
    found = found.only(np.array(wanted, bool))
    looks = Looks(looked, rows, found, collection.slots, collection.executor, options)
    return looks, found, place


def of_one_kind(one: Picture, other: Picture) -> bool:
    """Whether both are raw files or neither is, with as many frames."""
    return (one.facts.raw, one.facts.frames) == (other.facts.raw, other.facts.frames)


def look_at(
    recipe: Recipe,
    paths: tuple[str | os.PathLike[str], str | os.PathLike[str]],
    rows: NDArray[np.generic],
    options: RunOptions,
) -> Verdict:
    """Look at two files, as far as the recipe proposes them.

    Parameters
    ----------
    recipe : Recipe
    paths : tuple of path
    rows : ndarray of uint8, shape (2, ...)
        Their `LocalFeatures`.
    options : RunOptions
    """
    proposals = propose(records(rows), hashes=recipe.hashes, jobs=1)
    if len(proposals.why) == 0:
        return NOTHING
    batch = VerifyBatch(
        (os.fspath(paths[0]), os.fspath(paths[1])),
        (rows[0].tobytes(), rows[1].tobytes()),
        (Pair(0, 1, _hypotheses(int(proposals.why[0]))),),
        Decoder(options.decode, options.max_pixels),
    )
    return batch.run(lambda: None)[0].verdict


def _hypotheses(why: int) -> Hypotheses:
    return Hypotheses(
        tuple(i for i in range(len(ORIENTATIONS)) if why >> i & 1),
        bool(why & KEYPOINTS),
        bool(why & MIRRORED),
    )


def best_first(
    looks: Looks,
    proposals: Proposals,
    rank: NDArray[np.int64],
    accepts: Callable[[Verdict], bool],
    *,
    by_content: bool,
    closing_allowed: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Look at the pairs that decide the groups.

    Parameters
    ----------
    looks : Looks
    proposals : Proposals
    rank : ndarray of int64, shape (n,)
        Place of each picture in the order of the keep policy.
    accepts : callable
    by_content : bool
        A picture that shows more than another, or that more of the others match, comes before
        it, whatever their rank.
    closing_allowed : ndarray of bool, shape (n,)
        Pictures that belong to one group at most.

    Returns
    -------
    order : ndarray of int64, shape (n,)
        The pictures, those to keep first.
    pairs : list of (int, int)
        Accepted pairs.
    """
    stars = _Stars(looks, proposals, rank, _stand_back(proposals, len(rank)) * by_content, accepts)
    while True:
        first, second = stars.around_the_best()
        if len(first) == 0:
            return np.argsort(stars.place, kind="stable"), list(stars.accepted)
        taken = stars.look(list(zip(first.tolist(), second.tolist(), strict=True)))
        own: dict[int, list[int]] = {}
        missed: dict[int, list[int]] = {}
        for centre, around in _by_first(first, second).items():
            own[centre] = [other for other in around if (centre, other) in taken]
            if by_content and stars.give_way_to_more(centre, own[centre]):
                del own[centre]
            elif by_content and len(own[centre]) < len(around):
                missed[centre] = own[centre]
        for centre in own.keys() - stars.give_way_to_wider(missed):
            stars.settled[centre] = True
            stars.settled[[other for other in own[centre] if closing_allowed[other]]] = True


def _stand_back(proposals: Proposals, n: int) -> NDArray[np.int64]:
    """What to add to the places of pictures that are hardly the whole one.

    Bordered, cut and turned ones have fewer pictures of like hash around them than others there.
    """
    by_hash = (proposals.why & (KEYPOINTS - 1)) > 0
    left, right = proposals.left, proposals.right
    alike = np.bincount(np.concatenate([left[by_hash], right[by_hash]]), minlength=n)
    most = alike.copy()
    np.maximum.at(most, left, alike[right])
    np.maximum.at(most, right, alike[left])
    return np.asarray(n * (2 * alike < most), np.int64)


class _Stars:
    """Stars in the making: which pictures are still to be placed, and in which order."""

    def __init__(
        self,
        looks: Looks,
        proposals: Proposals,
        rank: NDArray[np.int64],
        back: NDArray[np.int64],
        accepts: Callable[[Verdict], bool],
    ) -> None:
        self.looks = looks
        self.proposals = proposals
        self.accepts = accepts
        self.rank = rank
        self.place = (rank + back).astype(np.float64)
        self.settled = np.zeros(len(rank), bool)
        self.accepted: dict[tuple[int, int], None] = {}
        self._gave_way: dict[str, set[int]] = {"more": set(), "wider": set()}
        self._step = 0.5 / (len(rank) + 2)
        left, right = proposals.left, proposals.right
        self._around = _by_first(np.concatenate([left, right]), np.concatenate([right, left]))

    def around_the_best(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs to be looked at of those pictures that have nothing better around them."""
        left, right = self.proposals.left, self.proposals.right
        alive = ~self.settled[left] & ~self.settled[right]
        left, right = left[alive], right[alive]
        left_first = self.place[left] < self.place[right]
        first, second = np.where(left_first, left, right), np.where(left_first, right, left)
        waiting = np.zeros(len(self.place), bool)
        waiting[second] = True
        now = ~waiting[first]
        return first[now], second[now]

    def look(self, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """Look at pairs; those that are accepted."""
        self.looks.look(pairs)
        taken = [pair for pair in pairs if self.accepts(self.looks[pair])]
        self.accepted.update(dict.fromkeys(taken))
        return set(taken)

    def give_way_to_more(self, centre: int, others: Sequence[int]) -> bool:
        """Put the first one that shows more than a picture before it, or one that shows as much
        and only stood back.

        A small one shows more only of the frame: what was fine in the larger one would be lost.
        """
        if centre in self._gave_way["more"]:
            return False
        better = [
            other
            for other in others
            if self._large(other, [centre])
            and (
                _shows_more(self.looks, other, centre)
                or (
                    self.rank[other] < self.rank[centre]
                    and not _shows_more(self.looks, centre, other)
                )
            )
        ]
        if better:
            self._gave_way["more"].add(centre)
            first = min(better, key=lambda other: float(self.place[other]))
            self.place[first] = self.place[centre] - self._step
        return bool(better)

    def give_way_to_wider(self, centres: Mapping[int, Sequence[int]]) -> set[int]:
        """Put a picture first that is matched with more of those around than a centre is.

        Never a small one: somebody may delete the others.

        Parameters
        ----------
        centres : dict of int to sequence of int
            What each centre is matched with.

        Returns
        -------
        set of int
            Centres that gave way.
        """
        tried = {c: self._rivals(c, own) for c, own in centres.items()}
        # who matches nothing of what the centre misses is matched with no more than the centre is
        missed = [
            (rival, other)
            for centre, rivals in tried.items()
            for rival, around in rivals.items()
            for other in set(around) - {centre, *centres[centre]}
        ]
        gains = Counter(rival for rival, _ in self.look(missed))
        best = {
            centre: max(rivals, key=gains.__getitem__)
            for centre, rivals in tried.items()
            if any(gains[rival] for rival in rivals)
        }
        taken: dict[int, list[int]] = {rival: [] for rival in best.values()}
        around_best = [(rival, other) for c, rival in best.items() for other in tried[c][rival]]
        for rival, other in self.look(around_best):
            taken[rival].append(other)
        gave_way = set()
        for centre, rival in best.items():
            others = taken[rival]
            if len(others) > len(centres[centre]) and self._large(rival, others):
                self._gave_way["wider"].add(rival)
                self._gave_way["more"].add(rival)
                self.place[rival] = self.place[centre] - self._step
                gave_way.add(centre)
        return gave_way

    def _large(self, one: int, others: Iterable[int]) -> bool:
        """Whether a picture is not much smaller than the largest of others."""
        pixels = self.looks.pictures
        return _SMALLER * pixels[one].pixels >= max((pixels[i].pixels for i in others), default=0)

    def _rivals(self, centre: int, others: Sequence[int]) -> dict[int, list[int]]:
        """Pictures that may be matched with more than a centre, and what is around them."""
        if centre in self._gave_way["wider"] or not others:
            return {}
        self._gave_way["wider"].add(centre)
        large = [other for other in others if self._large(other, others)]
        around = {other: self._open_around(other) for other in large}
        wide = [i for i in large if len(around[i]) > len(others)]
        wide.sort(key=lambda i: (-len(around[i]), float(self.place[i])))
        return {rival: around[rival] for rival in wide[:_RIVALS]}

    def _open_around(self, centre: int) -> list[int]:
        return [other for other in self._around.get(centre, ()) if not self.settled[other]]


def _by_first(first: NDArray[np.int64], second: NDArray[np.int64]) -> dict[int, list[int]]:
    """What stands beside each number; numbers ascend."""
    order = np.lexsort((second, first))
    numbers, starts = np.unique(first[order], return_index=True)
    parts = np.split(second[order], starts[1:])
    return {int(number): part.tolist() for number, part in zip(numbers, parts, strict=False)}


def _shows_more(looks: Looks, one: int, other: int) -> bool:
    """Whether a picture shows more than another."""
    more = looks[one, other].more
    return more < 0 if one < other else more > 0


def transform_between(
    kept: Picture, other: Picture, verdict: Verdict, *, kept_left: bool
) -> Transform:
    """How a picture lies upon the kept one.

    Parameters
    ----------
    kept, other : Picture
    verdict : Verdict
    kept_left : bool
        The kept one is the left one of the verdict.
    """
    matrix = np.array(verdict.matrix).reshape(3, 3)
    if not kept_left:
        matrix = np.linalg.inv(matrix)
    to_kept = np.diag([kept.facts.width, kept.facts.height, 1.0])
    from_other = np.diag([1 / other.facts.width, 1 / other.facts.height, 1.0])
    pixels = to_kept @ matrix @ from_other
    pixels /= pixels[2, 2]
    rows = tuple(tuple(float(x) for x in row) for row in pixels)
    return Transform(_kind(matrix, verdict), rows, verdict.overlap, verdict.overlay)


def _kind(
    matrix: NDArray[np.float64], verdict: Verdict
) -> Literal["same", "turned", "mirrored", "crop", "inset", "warped"]:
    """A name for a matrix in unit coordinates that takes a picture to the kept one."""
    corners = matrix @ np.array([(0, 1, 1, 0), (0, 0, 1, 1), (1, 1, 1, 1.0)])
    corners = corners[:2] / corners[2]
    if np.linalg.det(matrix[:2, :2]) < 0:
        return "mirrored"
    upright = np.abs(corners[1, 1] - corners[1, 0]) + np.abs(corners[0, 3] - corners[0, 0])
    across = np.abs(corners[0, 1] - corners[0, 0]) + np.abs(corners[1, 3] - corners[1, 0])
    if upright > across or corners[0, 1] < corners[0, 0]:
        return "turned"
    if verdict.whole or verdict.overlap > 0.97:
        return "same"
    if upright > 0.03 * across or abs(matrix[2, 0]) + abs(matrix[2, 1]) > 0.03:
        return "warped"
    area = abs(float(np.linalg.det(matrix[:2, :2])))
    return "crop" if area < 1 else "inset"
