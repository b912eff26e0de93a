"""An index that is open: asked about pictures again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.comparators.recipes import Recipe
from imgsim.decisions.records import Decision
from imgsim.errors import UsageError
from imgsim.executors.base import Executor
from imgsim.index.gallery import IndexGallery
from imgsim.index.manifest import check_maker
from imgsim.index.snapshot import Snapshot
from imgsim.read.memory import PictureLike
from imgsim.read.options import Paths, RunOptions, as_options
from imgsim.tasks.arguments import Methods, check_k, make_comparators
from imgsim.tasks.find_duplicates import Duplicates, find_duplicates
from imgsim.tasks.index_gallery import as_recipe, nothing_read, open_gallery, skipped_in
from imgsim.tasks.index_state import as_folder
from imgsim.tasks.index_upkeep import Added, add_to_index, build_index, remove_from_index
from imgsim.tasks.known import known
from imgsim.tasks.known_results import Known
from imgsim.tasks.match_results import Matches
from imgsim.tasks.matching import seconds_since
from imgsim.tasks.query import Query, as_queries, read_query
from imgsim.tasks.verified import rank_queries


class Index:
    """A lasting index, open to be asked about pictures; to be closed, or for a ``with`` statement.

    It stays as it was when it was opened, whatever others add to it or remove later. `open` and
    `build` make it.

    Attributes
    ----------
    snapshot : Snapshot

    Examples
    --------
    >>> import imgsim
    >>> imgsim.Index.build("photos.index", "photos").close()
    >>> with imgsim.Index.open("photos.index") as index:
    ...     found = index.search("new/IMG_0002 small.jpg", k=2).methods[0].queries[0].matches
    >>> [(match.path, match.verdict) for match in found]
    [('photos/IMG_0002 small.jpg', 'copy'), ('photos/IMG_0002.jpg', 'copy')]
    """

    def __init__(self, snapshot: Snapshot, options: RunOptions) -> None:
        self.snapshot = snapshot
        self._options = options
        self._executor: Executor | None = None
        self._galleries: dict[Recipe, IndexGallery] = {}

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, options: RunOptions | None = None) -> Index:
        """Open an index.

        Parameters
        ----------
        folder : path
        options : RunOptions, optional
            Of everything that is asked.

        Raises
        ------
        UsageError
            There is none, it is damaged, or another version of imgsim made it.
        """
        options = as_options(options)
        snapshot = Snapshot(as_folder(folder))
        check_maker(snapshot.folder, snapshot.manifest, options.decode)
        return cls(snapshot, options)

    @classmethod
    def build(
        cls,
        folder: str | os.PathLike[str],
        paths: Paths,
        *,
        options: RunOptions | None = None,
    ) -> Index:
        """Make an index of the pictures below some paths, and open it.

        Parameters
        ----------
        folder : path
            Does not exist yet.
        paths : path or sequence of paths
        options : RunOptions, optional
            Of this, and of everything that is asked.

        Raises
        ------
        UsageError
            There is something in the folder, or a path does not exist.
        """
        build_index(folder, paths, options)
        return cls.open(folder, options=options)

    def add(self, paths: Paths) -> Added:
        """Add the pictures below some paths; files that it has unchanged are not read.

        Raises
        ------
        UsageError
            Another process changes the index, or a path does not exist.
        """
        done = add_to_index(self.snapshot.folder, paths, self._options)
        self._reopen()
        return done

    def remove(self, paths: Paths) -> int:
        """Remove files, or all below folders, from the index, and return how many; they stay.

        Raises
        ------
        UsageError
            Another process changes the index, or a path was never indexed.
        """
        removed = remove_from_index(self.snapshot.folder, paths)
        self._reopen()
        return removed

    def _reopen(self) -> None:
        self.snapshot = Snapshot(self.snapshot.folder)
        self._galleries.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self.snapshot.pictures

    def __repr__(self) -> str:
        return f"<Index: {len(self)} images>"

    def close(self) -> None:
        """End the workers."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None

    def search(
        self,
        queries: Query | PictureLike | Sequence[Query | PictureLike] | Mapping[str, PictureLike],
        methods: Methods = registry.DEFAULT_METHOD,
        *,
        k: int = 3,
    ) -> Matches:
        """Rank the k images that are nearest to others, as `imgsim.search` does.

        Parameters
        ----------
        queries : path, picture or Query, or several
        methods : str, Comparator or sequence of these
            auto or local.
        k : int

        Returns
        -------
        Matches

        Raises
        ------
        UsageError
            An argument makes no sense.
        UnreadableImage
            A query is no image that can be read.
        """
        started = time.perf_counter()
        options = self._options
        check_k(k)
        made = make_comparators(methods, options, ranking=True)
        galleries = {recipe: self._gallery(recipe) for recipe in map(as_recipe, made)}
        asked = as_queries(queries, options.max_pixels)
        if not asked:
            raise UsageError("no query", "name at least one image")
        extractors = list(dict.fromkeys(recipe.extractor for recipe in galleries))
        read_queries = [read_query(query, extractors, options) for query in asked]
        if self._executor is None:
            self._executor = options.open_executor(options.jobs, keep=True)
        nothing = replace(nothing_read(extractors[0]), executor=self._executor)
        read = time.perf_counter()
        by_method = tuple(
            rank_queries(recipe, asked, read_queries, gallery, nothing, k, options)
            for recipe, gallery in galleries.items()
        )
        seconds = seconds_since(started, read, nothing)
        return Matches(k, by_method, len(self), skipped_in(self.snapshot), 0, seconds)

    def known(
        self,
        paths: Paths,
        method: str | Comparator = registry.DEFAULT_METHOD,
        *,
        preset: Preset = "normal",
        k: int = 3,
        decisions: Iterable[Decision] | None = None,
    ) -> Known:
        """Tell which files the index knows, and as what, as `imgsim.known` does.

        Parameters
        ----------
        paths : path or sequence of paths
        method : str or Comparator
            auto or local.
        preset, k, decisions
            As for `KnownArchive`.

        Raises
        ------
        UsageError
            A path does not exist, or an argument makes no sense.
        """
        return known(
            paths, self.snapshot, method, preset=preset, k=k, decisions=decisions,
            options=self._options,
        )  # fmt: skip

    def find_duplicates(
        self, paths: Paths, method: str | Comparator = registry.DEFAULT_METHOD, **how: Any
    ) -> Duplicates:
        """Find groups of duplicates below some paths, of each other and of files of the index.

        Files of the index are references: compared with the others, kept, and never removed.

        Parameters
        ----------
        paths : path or sequence of paths
        method : str or Comparator
            auto or local.
        **how
            As for `imgsim.find_duplicates`, but for its options.

        Raises
        ------
        UsageError
            A path does not exist, or an argument makes no sense.
        """
        return find_duplicates(paths, method, **how, index=self.snapshot, options=self._options)

    def _gallery(self, recipe: Recipe) -> IndexGallery:
        """The gallery of a method, made once."""
        if recipe not in self._galleries:
            self._galleries[recipe] = open_gallery(self.snapshot, recipe, self._options)
        return self._galleries[recipe]
