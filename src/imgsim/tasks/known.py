"""Tells which files an archive knows, and as what."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Self

from imgsim.addresses import Address, printable
from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.comparators.recipes import Recipe
from imgsim.decisions.records import Decision, as_decisions
from imgsim.errors import UsageError
from imgsim.group.recipe_run import split_judged
from imgsim.index.snapshot import Snapshot
from imgsim.propose.gallery import Gallery
from imgsim.read.collect import collect
from imgsim.read.content import GONE
from imgsim.read.discover import check_there
from imgsim.read.memory import MemoryPicture, PictureLike, as_path
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.read.table import Collection
from imgsim.tasks.archive import Archive, CollectedGallery
from imgsim.tasks.arguments import as_comparator, check_k, make_criterion
from imgsim.tasks.copies import is_same_file
from imgsim.tasks.index_gallery import nothing_read, open_gallery, skipped_in
from imgsim.tasks.known_results import ArchiveFacts, Known, KnownAnswer
from imgsim.tasks.matching import seconds_since
from imgsim.types import Match, Picture, Skipped

_AT_ONCE = 64
"""Files that are verified together."""

_NOUN = "new"
"""What pictures in memory are called that are asked about; those of the archive are images."""


class KnownArchive:
    """An archive that is read once and asked again and again; to be closed.

    It stays as it was when it was opened: what is added later is not known. Where a file that has
    to be compared is gone or was changed since, it is not told whether the other one is known, see
    `KnownAnswer.not_compared`.

    Parameters
    ----------
    paths : path or sequence of paths, or Snapshot
        The archive, or an index that was opened, see `Index`.
    method : str or Comparator
        One that verifies pairs: ``auto``, the default, or ``local``.
    preset : {"normal", "strict", "loose"}
    k : int
        Files of the archive that are named for each file, at most.
    decisions : Decisions, optional
        What a person decided: a file is not known by one that it was decided not to be a duplicate
        of, or beside which it is to be kept.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        A path does not exist, holds no image that can be read, or an argument makes no sense.

    Attributes
    ----------
    facts : ArchiveFacts
    collection : Collection
        The archive as it was read.
    """

    def __init__(
        self,
        paths: Paths | Snapshot,
        method: str | Comparator = registry.DEFAULT_METHOD,
        *,
        preset: Preset = "normal",
        k: int = 3,
        decisions: Iterable[Decision] | None = None,
        options: RunOptions | None = None,
    ) -> None:
        options = as_options(options)
        answers = as_decisions(decisions)
        comparator = as_comparator(method)
        if not isinstance(comparator, Recipe):
            raise UsageError(
                f"{comparator.name} verifies nothing, so it cannot tell what is known",
                "auto or local; imgsim search ranks by the others",
            )
        check_k(k)
        criterion = make_criterion(comparator, preset, None, None, None, None, options.decode)
        self._recipe = comparator
        self._options = options
        self._k = k
        if isinstance(paths, Snapshot):
            collection = nothing_read(comparator.extractor)
            self._in_memory: set[str] = set()
            skipped = skipped_in(paths)
        else:
            collection, self._in_memory = _read_archive(paths, comparator, options)
            skipped = collection.skipped
        self._executor = collection.executor or options.open_executor(options.jobs, keep=True)
        self.collection = replace(collection, executor=self._executor)
        try:
            gallery: Gallery
            if isinstance(paths, Snapshot):
                gallery = open_gallery(paths, comparator, options)
            else:
                gallery = CollectedGallery(comparator, collection, options.jobs)
            if not gallery.images:
                raise UsageError(
                    "no readable image in the archive", "name the folder that holds it"
                )
            self._archive = Archive(criterion, gallery, self.collection, options, answers)
        except BaseException:
            self._executor.close()
            raise
        self.facts = ArchiveFacts(
            comparator,
            preset,
            criterion.max_distance,
            gallery.images,
            skipped,
            collection.decoded,
            bool(answers),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KnownArchive: {self.facts.images} images, {self.facts.comparator.spec}>"

    def close(self) -> None:
        """End the workers."""
        self._executor.close()

    def ask(self, picture: PictureLike) -> KnownAnswer:
        """Tell whether one file, URL, or picture in memory is known.

        What is wrong with it stands in the answer.

        Raises
        ------
        UsageError
            It is neither a path nor a picture.
        """
        name = as_path(picture, f"<{_NOUN} 0>", self._options.max_pixels)
        self._check_names([name])
        if not name:
            return KnownAnswer(name, reason="no path")
        if not isinstance(name, Address) and os.path.isdir(name):
            return KnownAnswer(name, reason="it is a folder")
        discover = replace(self._options.discover, listed=(name,), manifests=(), reference=())
        read = self._read([], replace(self._options, discover=discover))
        answers = [answer for answer in self._answers(read) if answer.path == name]
        return answers[0] if answers else KnownAnswer(name, reason=_why_not(read))

    def ask_all(self, paths: Paths) -> Iterator[KnownAnswer]:
        """Yield an answer for each of the files below some paths, in order of the paths.

        Those that `DiscoverOptions.listed` names are asked about too.

        Files of one content or with further names get an answer each; those that are no images and
        do not claim to be get none.

        Raises
        ------
        UsageError
            A path does not exist, or a picture in memory is called as one of the archive is.
        """
        asked = as_list(paths, _NOUN, self._options.max_pixels)
        self._check_names(asked)
        yield from self._answers(self._read(asked, self._options))

    def _check_names(self, asked: Sequence[str]) -> None:
        """Refuse pictures in memory that would be taken for others of the archive."""
        for name in asked:
            if isinstance(name, MemoryPicture) and name in self._in_memory:
                raise UsageError(
                    f"two pictures are called {printable(name)}, a new one and one of the archive",
                    "name them differently",
                )

    def _read(self, paths: Sequence[str], options: RunOptions) -> Collection:
        return collect(paths, [self._recipe.extractor], options, executor=self._executor)

    def _answers(self, read: Collection) -> Iterator[KnownAnswer]:
        files: list[Picture | Skipped] = [*read.pictures, *read.skipped]
        files.sort(key=lambda one: os.fsencode(_path_of(one)))
        for start in range(0, len(files), _AT_ONCE):
            part = files[start : start + _AT_ONCE]
            pictures = [one for one in part if isinstance(one, Picture)]
            known = iter(self._known(pictures, read))
            for one in part:
                if isinstance(one, Skipped):
                    yield KnownAnswer(one.path, reason=one.reason)
                    continue
                answer = next(known)
                yield answer
                yield from (replace(answer, path=link) for link in one.file.links)

    def _known(self, pictures: Sequence[Picture], read: Collection) -> list[KnownAnswer]:
        """Answers for pictures that were read."""
        if not pictures:
            return []
        extractor = self._recipe.extractor
        features = read.features(extractor, pictures)
        rows = dict(zip(features.digests, features.rows, strict=True))
        copies, gallery = self._archive.copies_of(pictures, rows, read.slots, self._k)
        plain = {id(p) for p in split_judged(self._recipe, read, pictures)[1]}
        return [
            KnownAnswer(
                picture.file.path,
                tuple(Match(gallery[c.place].file.path, c.distance, "copy", c.member) for c in own),
                judged=id(picture) not in plain,
                damage=asked.facts.damage,
                in_archive=any(is_same_file(picture, p) for p in self._archive.like(picture)),
                not_compared=lost.right if lost else "",
                gone=lost is not None and (lost in absent or lost.reason == GONE),
                reason=f"cannot be compared with {lost.right}: {lost.reason}" if lost else "",
                decided=decided,
                not_checked=not_checked,
            )
            for picture, asked, own, other, absent, decided, not_checked in zip(
                pictures,
                copies.queries,
                copies.of,
                copies.unverified,
                copies.absent or [()] * len(pictures),
                copies.decided,
                copies.not_checked,
                strict=True,
            )
            # one match is enough to know it
            for lost in [None if own else next(iter(absent), other)]
        ]


def _read_archive(paths: Paths, recipe: Recipe, options: RunOptions) -> tuple[Collection, set[str]]:
    """Read an archive, and name the pictures in memory that it has."""
    # lists of files name those that are asked about
    discover = replace(options.discover, listed=(), manifests=(), reference=())
    archive = as_list(paths, max_pixels=options.max_pixels)
    collection = collect(
        archive,
        [recipe.extractor],
        replace(options, discover=discover),
        keep_workers=True,
    )
    return collection, {path for path in archive if isinstance(path, MemoryPicture)}


def _path_of(one: Picture | Skipped) -> str:
    return one.path if isinstance(one, Skipped) else one.file.path


def _why_not(read: Collection) -> str:
    """Why a file that was asked about is neither a picture nor skipped."""
    if read.pictures or read.skipped:  # by other names, below it
        return "it is a folder, or an archive"
    return "fewer pixels than were asked for" if read.too_small else "it is no image"


def known(
    paths: Paths,
    archive: Paths | Snapshot,
    method: str | Comparator = registry.DEFAULT_METHOD,
    *,
    preset: Preset = "normal",
    k: int = 3,
    decisions: Iterable[Decision] | None = None,
    options: RunOptions | None = None,
) -> Known:
    """Tell which files an archive knows, and as what. The archive is not compared with itself.

    Parameters
    ----------
    paths : path or sequence of paths
        Files and folders that are asked about, or pictures in memory, which are called ``<new 0>``
        and so on where they have no names. They are not compared with each other.
    archive : path or sequence of paths, or Snapshot
    method, preset, k, decisions, options
        As for `KnownArchive`, which answers one file after the other.

    Returns
    -------
    Known

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.

    Examples
    --------
    >>> import imgsim
    >>> for answer in imgsim.known("new", "photos"):
    ...     print(answer.path, [match.path for match in answer.matches])
    new/IMG_0002 small.jpg ['photos/IMG_0002 small.jpg', 'photos/IMG_0002.jpg']
    new/IMG_0005.jpg []
    """
    started = time.perf_counter()
    options = as_options(options)
    asked = as_list(paths, _NOUN, options.max_pixels)
    for path in asked:  # before the archive is read
        check_there(path)
    with KnownArchive(
        archive, method, preset=preset, k=k, decisions=decisions, options=options
    ) as opened:
        read = time.perf_counter()
        answers = tuple(opened.ask_all(asked))
        seconds = seconds_since(started, read, opened.collection)
        return Known(opened.facts, answers, seconds)
