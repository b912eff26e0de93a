"""Pictures of an index beside those of a folder, as files of ``--reference`` are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.addresses import absolute, folder_of
from imgsim.comparators.local import lack_detail, records
from imgsim.comparators.recipes import Recipe
from imgsim.index.gallery import IndexGallery
from imgsim.index.own_files import OwnFiles
from imgsim.index.segment import name_of
from imgsim.index.snapshot import Snapshot
from imgsim.index.sources import shown_path
from imgsim.propose.index import ProposalIndex, bits_between
from imgsim.propose.keypoint_votes import Votes
from imgsim.propose.proposals import PairRules, Proposals, propose
from imgsim.propose.reasons import KEYPOINTS, MIRRORED
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection, FeatureTable
from imgsim.tasks.copies import first_other, is_same_file
from imgsim.tasks.index_gallery import open_gallery
from imgsim.types import NotCompared, Picture, Skipped
from imgsim.verify.verdicts import is_ruled_out


class IndexReferences:
    """What an index has that may match pictures that were read, to be compared with them.

    Only the files of contents that are proposed come along; proposals are the same as if all did,
    but that contents with equal samples count one by one.

    Parameters
    ----------
    snapshot : Snapshot
    recipe : Recipe
    collection : Collection
        The pictures that were read.
    options : RunOptions

    Attributes
    ----------
    collection : Collection
        With those of the index beside them. A file that is one of the index itself is one of it
        alone.
    unverified : tuple of NotCompared
        A picture that may match, on the left, and a file of the index that is gone, was changed or
        cannot be read; all pairs, in order of the pictures' paths, then the nearest first.
    """

    def __init__(
        self, snapshot: Snapshot, recipe: Recipe, collection: Collection, options: RunOptions
    ) -> None:
        self.snapshot = snapshot
        self._gallery: IndexGallery = open_gallery(snapshot, recipe, options)
        self._recipe = recipe
        self._options = options
        self._index: ProposalIndex = self._gallery.proposals
        collection = self._with_own_closed(collection)
        asking = [p for p in collection.pictures if not p.file.reference]
        why = self._proposed(replace(collection, pictures=tuple(asking)))
        there: list[Picture] = []
        gone: dict[str, list[Skipped]] = {}
        for digest in sorted({known for _, known in why}):
            some, missing = self._gallery.files(digest)
            there += some
            if not some:
                gone[digest] = missing
        self.unverified = self._not_compared(collection, why, gone)
        self._own = frozenset(p.file.path for p in there)
        self._standing |= set(
            snapshot.named([name_of(absolute(p.file.path)) for p in there]).values()
        )
        self.collection = self._with_references(collection, there)

    def holds(self, picture: Picture) -> bool:
        """Whether a picture of `collection` is one of the index."""
        return picture.file.path in self._own

    def _with_own_closed(self, collection: Collection) -> Collection:
        """The same with files of the index, by whatever paths they were found, as references.

        One that was changed since is none of its contents, and still one of its files.
        """
        numbers = OwnFiles(self.snapshot).numbers([p.file for p in collection.pictures])
        self._standing = {number for some in numbers for number in some}
        pictures = tuple(
            replace(p, file=replace(p.file, reference=True)) if some else p
            for p, some in zip(collection.pictures, numbers, strict=True)
        )
        return replace(collection, pictures=pictures)

    def _proposed(self, collection: Collection) -> dict[tuple[str, str], int]:
        """The contents of the index that are worth verifying with others, and why."""
        own = {p.digest: p for p in collection.pictures}
        digests = sorted(own)
        pictures = [own[digest] for digest in digests]
        rows = records(collection.features(self._recipe.extractor, pictures).rows)
        plain = lack_detail((p.facts.flat for p in pictures), rows)
        why: dict[tuple[str, str], int] = {}

        def add(digest: str, known: str, bits: int) -> None:
            why[digest, known] = why.get((digest, known), 0) | bits

        for i, picture in enumerate(pictures):
            near = self._gallery.proposals.propose(
                rows[i : i + 1], picture.digest, flat=bool(plain[i]), keypoints=False
            )
            for place, (bits, _) in near.items():
                add(picture.digest, self.snapshot.digests[place], bits)
            for digest in self.snapshot.equal_flat(picture.facts):
                add(picture.digest, digest, 0)
            if len(self.snapshot.digests.places(picture.digest)):
                add(picture.digest, picture.digest, 0)
        detailed = np.flatnonzero(~plain).tolist()
        names = [digests[i] for i in detailed]
        votes, before = self._index.votes(rows[detailed], names)
        outside = before + np.arange(len(names))
        for end, other in ((votes.left, votes.right), (votes.right, votes.left)):
            own_place = np.searchsorted(outside, end)
            is_own = np.isin(end, outside) & ~np.isin(other, outside)
            inside = other - np.searchsorted(outside, other)
            for one, known, mirrored in zip(
                own_place[is_own].tolist(),
                self._index.detailed[inside[is_own]].tolist(),
                votes.mirrored[is_own].tolist(),
                strict=True,
            ):
                add(names[one], self.snapshot.digests[known], MIRRORED if mirrored else KEYPOINTS)
        return why

    def _not_compared(
        self,
        collection: Collection,
        why: dict[tuple[str, str], int],
        gone: dict[str, list[Skipped]],
    ) -> tuple[NotCompared, ...]:
        pictures: dict[str, list[Picture]] = {}
        for picture in collection.pictures:
            if not picture.file.reference:
                pictures.setdefault(picture.digest, []).append(picture)
        found: list[tuple[bytes, bool, int, NotCompared]] = []
        for (digest, known), bits in sorted(why.items()):
            if known not in gone:
                continue
            # a file that was changed since it was indexed is no other one
            others = (
                (p.file.path, first_other(p.file.path, gone[known])) for p in pictures[digest]
            )
            some = [(path, other) for path, other in others if other]
            if not some:
                continue
            own = records(collection.features(self._recipe.extractor, pictures[digest][:1]).rows)
            lost = self._gallery.rows([known])
            pair = own[0], lost[0]
            if bits and is_ruled_out(bits, *(pair if digest <= known else pair[::-1])):
                continue
            far = digest != known, int(bits_between(own, lost)[0])
            found += [
                (os.fsencode(path), *far, NotCompared(path, other.path, other.reason))
                for path, other in some
            ]
        found.sort(key=lambda one: (*one[:3], os.fsencode(one[3].right)))
        return tuple(pair for *_, pair in found)

    def _with_references(self, collection: Collection, there: Sequence[Picture]) -> Collection:
        """The pictures of both; of one file the index's, with the other name."""
        by_digest: dict[str, list[int]] = {}
        references = list(there)
        for i, picture in enumerate(references):
            by_digest.setdefault(picture.digest, []).append(i)
        others = []
        for picture in collection.pictures:
            same = [
                i for i in by_digest.get(picture.digest, ()) if is_same_file(picture, references[i])
            ]
            if not same:
                others.append(picture)
                continue
            for i in same:
                file = references[i].file
                names = {picture.file.path, *picture.file.links, *file.links} - {file.path}
                links = tuple(sorted(names, key=os.fsencode))
                references[i] = replace(references[i], file=replace(file, links=links))
        pictures = sorted([*others, *references], key=lambda p: os.fsencode(p.file.path))
        extractor = self._recipe.extractor
        table = FeatureTable(extractor, len(pictures))
        known = list(dict.fromkeys(p.digest for p in references))
        for digest, row in zip(known, self._gallery.rows(known), strict=True):
            table.add(digest, np.frombuffer(row.tobytes(), np.uint8))
        mine = [p for p in others if p.digest not in table.places]
        read = collection.features(extractor, mine)
        for digest, own in zip(read.digests, read.rows, strict=True):
            table.add(digest, own)
        return replace(collection, pictures=tuple(pictures), tables={extractor: table})

    def propose(self, pictures: Sequence[Picture], rules: PairRules) -> Proposals:
        """Find the pairs of some pictures of `collection` that are worth verifying.

        Parameters
        ----------
        pictures : sequence of Picture
            In order of their digests.
        rules : PairRules
        """
        rows = records(self.collection.features(self._recipe.extractor, pictures).rows)
        flat = lack_detail((p.facts.flat for p in pictures), rows)
        closed = np.array([p.file.reference for p in pictures], np.bool_)
        return propose(
            rows,
            hashes=self._recipe.hashes,
            jobs=self._options.jobs,
            flat=flat,
            closed=closed,
            votes=self._votes(pictures, rows, flat),
            rules=rules,
            progress=self._options.progress,
        )

    def _votes(
        self,
        pictures: Sequence[Picture],
        rows: NDArray[Any],
        flat: NDArray[np.bool_],
    ) -> Votes:
        """Which pictures share keypoints, as places among those with detail."""
        own = np.array([self.holds(p) for p in pictures], np.bool_)
        asking = np.flatnonzero(~flat & ~own)
        digests = [pictures[i].digest for i in asking.tolist()]
        votes, before = self._index.votes(rows[asking], digests)
        place = np.cumsum(~flat) - 1  # among those with detail
        to = np.full(len(self._index.detailed) + len(asking), -1, np.int64)
        outside = before + np.arange(len(asking))
        to[outside] = place[asking]
        number = np.zeros(len(self.snapshot.digests), np.int64)
        number[self._index.detailed] = np.arange(len(self._index.detailed))
        for i in np.flatnonzero(~flat & own).tolist():
            known = self.snapshot.digests.places(pictures[i].digest)
            if len(known):
                inside = int(number[known[0]])
                to[inside + int(np.searchsorted(before, inside, "right"))] = place[i]
        left, right = to[votes.left], to[votes.right]
        there = (left >= 0) & (right >= 0)
        left, right = left[there], right[there]
        # of one content this may be the other order
        swap = left > right
        left, right = np.where(swap, right, left), np.where(swap, left, right)
        order = np.lexsort((right, left, votes.mirrored[there]))
        return Votes(
            left[order], right[order], votes.mirrored[there][order], votes.weight[there][order]
        )

    @property
    def images(self) -> int:
        """How many images of the index do not stand in `collection`."""
        return self.snapshot.pictures - sum(map(self.snapshot.has_picture, self._standing))

    @property
    def pairs_beside(self) -> int:
        """How many pairs of a picture with detail and another content of the index there are.

        Those of contents in `collection` are counted where these are compared.
        """
        own = {p.digest for p in self.collection.pictures if not p.file.reference}
        there = {p.digest for p in self.collection.pictures if self.holds(p)}
        return len(own) * (self.snapshot.contents - len(there))

    def folders(self) -> Counter[str]:
        """How many images of the index lie in each folder."""
        paths = (shown_path(one) for _, one, digest in self.snapshot.all_files() if digest)
        return Counter(folder_of(path) or "." for path in paths)
