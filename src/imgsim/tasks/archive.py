"""Pictures that others are compared with, read and prepared once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import lack_detail, records
from imgsim.comparators.recipes import Recipe
from imgsim.decisions.records import Decision
from imgsim.group.rules import flat_identity
from imgsim.propose.gallery import Gallery
from imgsim.propose.index import ProposalIndex, RowArray, bits_between
from imgsim.propose.proposals import PairRules, Proposals, limited
from imgsim.read.options import RunOptions
from imgsim.read.spool import Slot
from imgsim.read.table import Collection, FeatureTable
from imgsim.tasks.arguments import Criterion
from imgsim.tasks.copies import Copies, copies_between, first_other
from imgsim.types import ImageFacts, NotCompared, Picture, Skipped
from imgsim.verify.verdicts import is_ruled_out

Rows = Mapping[str, NDArray[np.generic]]
"""Rows of the recipe's extractor by the digests of contents."""


class CollectedGallery(Gallery):
    """The pictures of a collection, prepared to be asked about; a `Gallery`.

    Parameters
    ----------
    recipe : Recipe
    collection : Collection
        Read for it.
    jobs : int
        Threads.
    """

    def __init__(self, recipe: Recipe, collection: Collection, jobs: int) -> None:
        self._pictures = collection.pictures
        self.images = len(self._pictures)
        self._files: dict[str, list[int]] = {}
        self._equal: dict[str, list[str]] = {}
        for place, picture in enumerate(self._pictures):
            self._files.setdefault(picture.digest, []).append(place)
        self._digests = sorted(self._files)
        firsts = [self._pictures[self._files[digest][0]] for digest in self._digests]
        for picture in firsts:
            identity = flat_identity(picture.facts)
            if picture.facts.flat and identity:
                self._equal.setdefault(identity, []).append(picture.digest)
        self._table = collection.tables[recipe.extractor]
        rows, places = self._table.lying(self._digests)
        flat = np.array([p.facts.flat for p in firsts], np.bool_)
        flat[flat] = lack_detail(flat[flat], records(rows)[places[flat]])
        self._index = ProposalIndex(
            RowArray(records(rows), flat, places), self._digests, hashes=recipe.hashes, jobs=jobs
        )

    def propose(self, row: NDArray[Any], digest: str, *, flat: bool) -> dict[str, tuple[int, int]]:
        near = self._index.propose(row, digest, flat=flat)
        return {self._digests[place]: one for place, one in near.items()}

    def equal_flat(self, facts: ImageFacts) -> Sequence[str]:
        return self._equal.get(flat_identity(facts) or "", ())

    def files(self, digest: str, most: int | None = None) -> tuple[list[Picture], list[Skipped]]:
        return [self._pictures[place] for place in self._files.get(digest, [])[:most]], []

    def rows(self, digests: Sequence[str]) -> NDArray[Any]:
        return records(self._table.select(digests).rows)

    def nearest(self, rows: NDArray[Any], k: int, most: int) -> list[list[tuple[Picture, float]]]:
        near = self._index.nearest(rows, k)
        found = []
        for some, bits in zip(near.rows.tolist(), near.distance.tolist(), strict=True):
            of_query = sorted(
                (distance, place)
                for row, distance in zip(some, bits, strict=True)
                if row >= 0
                for place in self._files[self._digests[row]][:most]
            )
            found.append([(self._pictures[place], distance) for distance, place in of_query])
        return found


class Archive:
    """A gallery that is asked which of its pictures match others.

    An answer depends on the gallery and the picture asked about, and on nothing else that is asked.

    Parameters
    ----------
    criterion : Criterion
        Of a `Recipe`.
    gallery : Gallery
    read : Collection
        Where more pictures are read: what it has beside pictures and rows is used.
    options : RunOptions
    decisions : sequence of Decision
        Pairs that a person decided on do not match.
    """

    def __init__(
        self,
        criterion: Criterion,
        gallery: Gallery,
        read: Collection,
        options: RunOptions,
        decisions: Sequence[Decision] = (),
    ) -> None:
        assert isinstance(criterion.comparator, Recipe)
        self.criterion = criterion
        self.gallery = gallery
        self._read = read
        self._options = options
        self._decisions = decisions
        self._extractor = criterion.comparator.extractor

    def copies_of(
        self, queries: Sequence[Picture], rows: Rows, slots: Mapping[str, Slot], k: int
    ) -> tuple[Copies, list[Picture]]:
        """Find what matches some pictures.

        Parameters
        ----------
        queries : sequence of Picture
        rows : mapping of str to ndarray
            Their rows.
        slots : mapping of str to Slot
            See `Collection`; those of the queries, if they were decoded just now.
        k : int
            Matches of each, at most.

        Returns
        -------
        copies : Copies
        gallery : list of Picture
            What its places stand for.
        """
        why: dict[tuple[str, str], tuple[int, int]] = {}
        equal: dict[str, set[str]] = {}
        for query in {p.digest: p for p in queries}.values():
            row = records(np.ascontiguousarray(rows[query.digest])[None])
            plain = bool(lack_detail([query.facts.flat], row)[0])
            near = self.gallery.propose(row, query.digest, flat=plain)
            why |= {(query.digest, digest): one for digest, one in near.items()}
            equal[query.digest] = {query.digest, *self.gallery.equal_flat(query.facts)}
        wanted = {digest for _, digest in why}.union(*equal.values())
        there: list[Picture] = []
        gone: dict[str, list[Skipped]] = {}
        for digest in sorted(wanted):
            # two more, since a query may be a file of the archive by two names
            some, missing = self.gallery.files(digest, k + 2)
            there += some
            if missing and not some:
                gone[digest] = missing
        there.sort(key=lambda p: os.fsencode(p.file.path))
        digests = list(dict.fromkeys(p.digest for p in there))
        table = FeatureTable(self._extractor, len(digests) + len(rows))
        for digest, own in rows.items():
            table.add(digest, own)
        for digest, record in zip(digests, self.gallery.rows(digests), strict=True):
            if digest not in rows:
                table.add(digest, np.frombuffer(record.tobytes(), np.uint8))
        read = replace(
            self._read,
            tables={self._extractor: table},
            slots={**self._read.slots, **slots},
        )

        def proposed(pictures: Sequence[Picture], rules: PairRules) -> Proposals:
            own = records(read.features(self._extractor, pictures).rows)
            closed = np.array([p.file.reference for p in pictures], np.bool_)
            return limited(_proposals(pictures, why), own, closed, rules)

        copies = copies_between(
            self.criterion,
            queries,
            there,
            read,
            proposed,
            k,
            self._options,
            self._decisions,
        )
        if gone:
            may_match = self._not_compared(rows, why, equal, gone.keys())
            absent = [_absent(query, may_match.get(query.digest, ()), gone) for query in queries]
            copies = replace(copies, absent=tuple(absent))
        return copies, there

    def _not_compared(
        self,
        rows: Rows,
        why: Mapping[tuple[str, str], tuple[int, int]],
        equal: Mapping[str, set[str]],
        gone: AbstractSet[str],
    ) -> dict[str, list[str]]:
        """For each query the contents that it may match and cannot be compared with.

        The nearest by their hashes come first, of all its own content.
        """
        found: dict[str, list[str]] = {
            query: sorted(digest for digest in digests if digest in gone)
            for query, digests in equal.items()
        }
        for (query, digest), (bits, _) in sorted(why.items()):
            if digest in gone and digest not in equal[query]:
                own = records(np.ascontiguousarray(rows[query])[None])[0]
                pair = own, self.gallery.rows([digest])[0]
                if not is_ruled_out(bits, *(pair if query <= digest else pair[::-1])):
                    found[query].append(digest)
        return {query: self._nearest_first(query, rows, some) for query, some in found.items()}

    def _nearest_first(self, query: str, rows: Rows, digests: Sequence[str]) -> list[str]:
        if len(digests) < 2:
            return list(digests)
        own = records(np.ascontiguousarray(rows[query])[None])
        bits = bits_between(own, self.gallery.rows(digests)).tolist()
        near = sorted(zip(bits, digests, strict=True), key=lambda one: (one[1] != query, *one))
        return [digest for _, digest in near]

    def like(self, picture: Picture) -> list[Picture]:
        """Return the pictures with the bytes of another one."""
        return self.gallery.files(picture.digest)[0]

    def nearest(
        self, rows: NDArray[np.generic], k: int, most: int
    ) -> list[list[tuple[Picture, float]]]:
        """Find the pictures with the nearest hashes, see `Gallery.nearest`.

        Parameters
        ----------
        rows : ndarray of the extractor's dtype, shape (n, ...)
        k, most : int
        """
        return self.gallery.nearest(records(rows), k, most)


def _absent(
    query: Picture, digests: Sequence[str], gone: Mapping[str, Sequence[Skipped]]
) -> tuple[NotCompared, ...]:
    """A file of each of some contents; none is the query, which may hold something else since."""
    files = (first_other(query.file.path, gone[digest]) for digest in digests)
    return tuple(NotCompared(query.file.path, one.path, one.reason) for one in files if one)


def _proposals(
    pictures: Sequence[Picture], why: Mapping[tuple[str, str], tuple[int, int]]
) -> Proposals:
    """The pairs of queries and pictures of the archive, which are references."""
    inside: dict[str, list[int]] = {}
    outside: dict[str, list[int]] = {}
    for place, picture in enumerate(pictures):
        side = inside if picture.file.reference else outside
        side.setdefault(picture.digest, []).append(place)
    found = sorted(
        (min(one, other), max(one, other), *reasons)
        for (query, known), reasons in why.items()
        for one in outside.get(query, ())
        for other in inside.get(known, ())
    )
    left, right, bits, weight = np.array(found, np.int64).reshape(-1, 4).T
    return Proposals(left, right, bits, weight)
