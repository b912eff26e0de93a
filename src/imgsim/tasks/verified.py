"""Rankings by a recipe: the copies that it verified first, then the nearest by their hashes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.extractor import Extractor
from imgsim.comparators.local import records
from imgsim.comparators.recipes import Recipe
from imgsim.neighbours.hamming import HammingEngine
from imgsim.propose.gallery import Gallery
from imgsim.propose.index import nearest_turned
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.tasks.archive import Archive
from imgsim.tasks.arguments import make_criterion
from imgsim.tasks.copies import Copies, Copy, copies_within, is_same_file
from imgsim.tasks.match_results import MethodMatches, QueryMatches
from imgsim.tasks.query import Query
from imgsim.temporary import TemporaryFolder
from imgsim.types import (
    ImageFacts,
    ImageFile,
    Match,
    MatchVerdict,
    NotCompared,
    Picture,
    Skipped,
    in_path_order,
)

ReadQuery = tuple[ImageFacts, dict[Extractor, NDArray[np.generic]]]


def rank_gallery(
    recipe: Recipe, collection: Collection, k: int, options: RunOptions
) -> MethodMatches:
    """Rank the others for every picture of a collection.

    Parameters
    ----------
    recipe : Recipe
    collection : Collection
        Read for it.
    k : int
    options : RunOptions
    """
    started = time.perf_counter()
    criterion = make_criterion(recipe, "normal", None, None, None, None, options.decode)
    gallery = collection.pictures
    n = len(gallery)
    copies = copies_within(criterion, collection, k, options)
    hashes = records(collection.features(recipe.extractor, gallery).rows)["hash"]
    ranked = []
    if n:
        engine = HammingEngine(np.ascontiguousarray(hashes), options.jobs)
        near = nearest_turned(engine, engine.rows, 2 * k + 1)
        for place, picture in enumerate(gallery):
            pairs = zip(near.rows[place].tolist(), near.distance[place].tolist(), strict=True)
            others = [(row, bits) for row, bits in pairs if row not in (-1, place)]
            verified = [gallery[copy.place].file.path for copy in copies.of[place]]
            matches = _copies(copies.of[place], verified)
            taken = {copy.place for copy in copies.of[place]}
            for row, bits in others:
                if row not in taken and len(matches) < k:
                    different = copies.refused(place, row)
                    matches.append(_unverified(gallery[row].file.path, bits, different=different))
            ranked.append(QueryMatches(picture.file.path, tuple(matches)))
    seconds = time.perf_counter() - started
    told = copies.not_compared, _each_once(copies, {})
    return MethodMatches(recipe, tuple(ranked), n * (n - 1), seconds, *told)


def rank_queries(
    recipe: Recipe,
    queries: Sequence[Query],
    read_queries: Sequence[ReadQuery],
    gallery: Gallery,
    read: Collection,
    k: int,
    options: RunOptions,
) -> MethodMatches:
    """Rank the pictures of a gallery for images from elsewhere.

    Parameters
    ----------
    recipe : Recipe
    queries : sequence of Query
    read_queries : sequence of (ImageFacts, dict)
        What `read_query` returned for them.
    gallery : Gallery
        Of the recipe.
    read : Collection
        See `Archive`.
    k : int
    options : RunOptions
    """
    started = time.perf_counter()
    criterion = make_criterion(recipe, "normal", None, None, None, None, options.decode)
    archive = Archive(criterion, gallery, read, options)
    extractor = recipe.extractor
    with TemporaryFolder("queries") as folder:
        pictures = [
            _picture(query, facts, Path(folder) / str(number))
            for number, (query, (facts, _)) in enumerate(zip(queries, read_queries, strict=True))
        ]
        rows = {
            p.digest: own[extractor] for p, (_, own) in zip(pictures, read_queries, strict=True)
        }
        copies, compared = archive.copies_of(pictures, rows, {}, k)
        places = {(p.digest, p.file.path): i for i, p in enumerate(compared)}
        asked = np.stack([rows[p.digest] for p in pictures])
        near = archive.nearest(asked, 2 * k + 1, 2 * k + 2)
        ranked = []
        for number, query in enumerate(queries):
            own = copies.of[number]
            matches = _copies(own, [compared[copy.place].file.path for copy in own])
            taken = {match.path for match in matches}
            for picture, bits in near[number]:
                if len(matches) >= k:
                    break
                if picture.file.path in taken or is_same_file(pictures[number], picture):
                    continue
                place = places.get((picture.digest, picture.file.path))
                different = place is not None and copies.refused(number, place)
                matches.append(_unverified(picture.file.path, bits, different=different))
            ranked.append(QueryMatches(query.name, tuple(matches)))
    names = {p.file.path: query.name for p, query in zip(pictures, queries, strict=True)}
    not_compared = [
        NotCompared(names.get(p.left, p.left), names.get(p.right, p.right), p.reason)
        for p in (*copies.not_compared, *(pair for some in copies.absent for pair in some))
    ]
    pairs_asked = len(queries) * gallery.images
    seconds = time.perf_counter() - started
    told = in_path_order(not_compared), _each_once(copies, names)
    return MethodMatches(recipe, tuple(ranked), pairs_asked, seconds, *told)


def _each_once(copies: Copies, names: Mapping[str, str]) -> tuple[Skipped, ...]:
    """The files that could not be read once more, in order of paths; queries by their names."""
    files = {one.path: one for some in copies.not_checked for one in some}
    named = (Skipped(names.get(path, path), one.reason) for path, one in files.items())
    return tuple(sorted(named, key=lambda one: os.fsencode(one.path)))


def _copies(copies: Sequence[Copy], paths: Sequence[str]) -> list[Match]:
    return [
        Match(path, copy.distance, "copy", copy.member)
        for copy, path in zip(copies, paths, strict=True)
    ]


def _unverified(path: str, bits: float, *, different: bool) -> Match:
    verdict: MatchVerdict = "different" if different else "not verified"
    return Match(path, math.inf, verdict, None, round(bits))


def _picture(query: Query, facts: ImageFacts, spare: Path) -> Picture:
    """A query as a file, written to a temporary one if it is none."""
    digest = sha256(query.data).hexdigest()
    path = query.path
    try:
        status = os.stat(path or "")
    except (OSError, ValueError):  # none, or gone since it was read
        spare.write_bytes(query.data)
        path = os.fspath(spare)
        status = os.stat(path)
    assert path is not None
    file = ImageFile(
        path,
        len(query.data),
        status.st_mtime_ns,
        path,
        ctime_ns=status.st_ctime_ns,
        inode=status.st_ino,
    )
    return Picture(file, digest, facts)
