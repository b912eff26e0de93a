"""The pictures of an index as others are compared with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.index.snapshot import Snapshot
from imgsim.index.sources import Absent, file_as_it_is, file_of, shown_path
from imgsim.propose.gallery import Gallery
from imgsim.propose.index import ProposalIndex
from imgsim.read.content import GONE
from imgsim.stamps import FileStamp
from imgsim.types import ImageFacts, Picture, Skipped


class IndexGallery(Gallery):
    """The pictures of an index; a `Gallery`.

    It is not looked whether those with the nearest hashes are still there.

    Parameters
    ----------
    snapshot : Snapshot
    hashes : bool
        Hashes propose pairs too, and not keypoints alone.
    jobs : int
        Threads.
    """

    def __init__(self, snapshot: Snapshot, *, hashes: bool, jobs: int) -> None:
        self.snapshot = snapshot
        self.images = snapshot.pictures
        self._seen: dict[str, FileStamp] = {}
        self.proposals = ProposalIndex(snapshot.rows, snapshot.digests, hashes=hashes, jobs=jobs)

    def propose(self, row: NDArray[Any], digest: str, *, flat: bool) -> dict[str, tuple[int, int]]:
        near = self.proposals.propose(row, digest, flat=flat)
        return {self.snapshot.digests[place]: one for place, one in near.items()}

    def equal_flat(self, facts: ImageFacts) -> list[str]:
        return self.snapshot.equal_flat(facts)

    def files(self, digest: str, most: int | None = None) -> tuple[list[Picture], list[Skipped]]:
        there: list[Picture] = []
        gone: list[Skipped] = []
        records = self.snapshot.records(digest)
        if not records:
            return there, gone
        facts = self.snapshot.facts(digest)
        for record in sorted(records, key=lambda one: os.fsencode(shown_path(one))):
            found = file_as_it_is(record, digest, self._seen)
            if isinstance(found, Absent):
                why = GONE if found.known else f"it {found.reason}"
                gone.append(Skipped(shown_path(record), why))
            else:
                there.append(Picture(found[0], digest, facts, settled=found[1]))
            if most is not None and len(there) >= most:
                break
        return there, gone

    def rows(self, digests: Sequence[str]) -> NDArray[Any]:
        places = [self.snapshot.digests.places(digest)[0] for digest in digests]
        return self.snapshot.rows.take(np.array(places, np.int64))

    def nearest(self, rows: NDArray[Any], k: int, most: int) -> list[list[tuple[Picture, float]]]:
        near = self.proposals.nearest(rows, k)
        found = []
        for places, bits in zip(near.rows.tolist(), near.distance.tolist(), strict=True):
            of_query = [
                (picture, distance)
                for place, distance in zip(places, bits, strict=True)
                if place >= 0
                for picture in self._as_indexed(self.snapshot.digests[place])[:most]
            ]
            of_query.sort(key=lambda one: (one[1], os.fsencode(one[0].file.path)))
            found.append(of_query)
        return found

    def _as_indexed(self, digest: str) -> list[Picture]:
        facts = self.snapshot.facts(digest)
        files = map(file_of, self.snapshot.records(digest))
        return [
            Picture(file, digest, facts)
            for file in sorted(files, key=lambda file: os.fsencode(file.path))
        ]
