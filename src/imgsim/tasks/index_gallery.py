"""An index in the place of a folder that others are compared with."""

from __future__ import annotations

from imgsim.comparators.base import Comparator
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.recipes import Recipe
from imgsim.errors import UsageError
from imgsim.index.gallery import IndexGallery
from imgsim.index.manifest import check_maker, shown
from imgsim.index.snapshot import Snapshot
from imgsim.index.sources import shown_path
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection, FeatureTable
from imgsim.types import Skipped


def as_recipe(method: Comparator) -> Recipe:
    """Return a method by which others can be compared with an index.

    Raises
    ------
    UsageError
        It is none: an index does not hold its features.
    """
    if not isinstance(method, Recipe):
        raise UsageError(
            f"an index holds features of auto, not of {method.name}",
            "leave out --method, or name the folder itself",
        )
    return method


def check_holds_images(snapshot: Snapshot, options: RunOptions) -> None:
    """Refuse an index that others cannot be compared with.

    Raises
    ------
    UsageError
        It holds the features of another version, or no image: a build may have been interrupted.
    """
    check_maker(snapshot.folder, snapshot.manifest, options.decode)
    if not snapshot.pictures:
        folder = shown(snapshot.folder)
        raise UsageError(
            f"no readable image in the index {folder}", f"imgsim index add {folder} PATH"
        )


def open_gallery(snapshot: Snapshot, recipe: Recipe, options: RunOptions) -> IndexGallery:
    """Return the pictures of an index as a method compares others with them.

    Raises
    ------
    UsageError
        It holds the features of another version, or no image.
    """
    check_holds_images(snapshot, options)
    return IndexGallery(snapshot, hashes=recipe.hashes, jobs=options.jobs)


def skipped_in(snapshot: Snapshot) -> tuple[Skipped, ...]:
    """Return the files of an index that could not be read, in order of their paths."""
    found = [Skipped(shown_path(one), one.reason) for one in snapshot.skipped()]
    return tuple(sorted(found, key=lambda one: one.path))


def nothing_read(extractor: Extractor) -> Collection:
    """Return a collection without files."""
    tables = {extractor: FeatureTable(extractor, 0)}
    return Collection((), (), 0, 0, 0, tables, 0.0, None, {}, None)
