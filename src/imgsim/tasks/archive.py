"""Pictures that others are compared with, read and prepared once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import records
from imgsim.comparators.recipes import Recipe
from imgsim.decisions.records import Decision
from imgsim.group.rules import flat_identity
from imgsim.neighbours.engine import Neighbours
from imgsim.propose.index import ProposalIndex
from imgsim.propose.proposals import Proposals
from imgsim.read.options import RunOptions
from imgsim.read.spool import Slot
from imgsim.read.table import Collection, FeatureTable
from imgsim.tasks.arguments import Criterion
from imgsim.tasks.copies import Copies, copies_between
from imgsim.types import Picture

Rows = Mapping[str, NDArray[np.generic]]
"""Rows of the recipe's extractor by the digests of contents."""


class Archive:
    """The pictures of a collection, prepared to be asked which of them match others.

    An answer depends on the archive and the picture asked about, and on nothing else that is asked.

    Parameters
    ----------
    criterion : Criterion
        Of a `Recipe`.
    collection : Collection
        Read for it.
    options : RunOptions
    decisions : sequence of Decision
        Pairs that a person decided on do not match.
    """

    def __init__(
        self,
        criterion: Criterion,
        collection: Collection,
        options: RunOptions,
        decisions: Sequence[Decision] = (),
    ) -> None:
        assert isinstance(criterion.comparator, Recipe)
        self.criterion = criterion
        self.pictures = collection.pictures
        self._collection = collection
        self._options = options
        self._decisions = decisions
        self._extractor = criterion.comparator.extractor
        self._files: dict[str, list[int]] = {}
        self._equal: dict[str, list[str]] = {}
        for place, picture in enumerate(self.pictures):
            self._files.setdefault(picture.digest, []).append(place)
        self._digests = sorted(self._files)
        firsts = [self.pictures[self._files[digest][0]] for digest in self._digests]
        for picture in firsts:
            identity = flat_identity(picture.facts)
            if picture.facts.flat and identity:
                self._equal.setdefault(identity, []).append(picture.digest)
        rows, places = collection.tables[self._extractor].lying(self._digests)
        self._index = ProposalIndex(
            records(rows),
            self._digests,
            np.array([p.facts.flat for p in firsts], np.bool_),
            hashes=criterion.comparator.hashes,
            jobs=options.jobs,
            places=places,
        )

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
        wanted: set[str] = set()
        for query in {p.digest: p for p in queries}.values():
            row = records(np.ascontiguousarray(rows[query.digest])[None])
            near = self._index.propose(row, query.digest, flat=query.facts.flat)
            why |= {(query.digest, self._digests[place]): one for place, one in near.items()}
            wanted.update(self._digests[place] for place in near)
            wanted.update(self._equal.get(flat_identity(query.facts) or "", ()))
            if query.digest in self._files:
                wanted.add(query.digest)
        # two more, since a query may be a file of the archive by two names
        places = sorted(place for digest in wanted for place in self._files[digest][: k + 2])
        gallery = [self.pictures[place] for place in places]
        table = FeatureTable(self._extractor, len(gallery) + len(rows))
        for digest, own in rows.items():
            table.add(digest, own)
        if gallery:
            of_gallery = self._collection.features(self._extractor, gallery)
            for digest, own in zip(of_gallery.digests, of_gallery.rows, strict=True):
                if digest not in rows:
                    table.add(digest, own)
        read = replace(
            self._collection,
            tables={self._extractor: table},
            slots={**self._collection.slots, **slots},
        )
        copies = copies_between(
            self.criterion,
            queries,
            gallery,
            read,
            lambda pictures: _proposals(pictures, why),
            k,
            self._options,
            self._decisions,
        )
        return copies, gallery

    def like(self, picture: Picture) -> list[Picture]:
        """Return the pictures with the bytes of another one."""
        return [self.pictures[place] for place in self._files.get(picture.digest, ())]

    def nearest(self, rows: NDArray[np.generic], k: int) -> tuple[Neighbours, list[list[int]]]:
        """Find the contents with the nearest hashes, and the places of their files.

        Parameters
        ----------
        rows : ndarray of the extractor's dtype, shape (n, ...)
        k : int

        Returns
        -------
        near : Neighbours
        files : list of list of int
            By the rows of `near`: places among `pictures`, in order.
        """
        return self._index.nearest(records(rows), k), [self._files[d] for d in self._digests]


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
