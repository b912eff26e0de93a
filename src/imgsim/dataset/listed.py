"""Labels from manifests, and from data sets of Hugging Face on disk."""

from __future__ import annotations

import os

from imgsim.dataset.labelled import LabelledImages
from imgsim.errors import UsageError, to_read
from imgsim.read.discover import printable
from imgsim.read.manifests.manifest import LABEL_COLUMNS, is_there
from imgsim.read.manifests.reading import MANIFEST_ENDINGS, read_manifest
from imgsim.read.tables.listing import dataset_files, dataset_splits

_OWN = (".csv",)
"""Read by `layouts`, which knows lists of pairs too."""


def read_labelled_list(name: str) -> LabelledImages | None:
    """Read the pictures and labels of a manifest, or of a data set that Hugging Face wrote.

    None if it is neither, or a CSV file.

    Raises
    ------
    UsageError
        It cannot be read, or labels are missing or contradict each other.
    """
    try:
        splits = dataset_splits(name) if os.path.isdir(name) else None
        files = dataset_files(name) if os.path.isdir(name) else None
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(name)}: {error.strerror}", to_read(error)
        ) from None
    if splits is not None:
        parts = [(split, dataset_files(folder) or []) for split, folder in splits.items()]
        return _labelled(name, [(file, split) for split, some in parts for file in some])
    if files is not None:
        return _labelled(name, [(file, "") for file in files])
    ending = os.path.splitext(name)[1].lower()
    if ending in MANIFEST_ENDINGS and ending not in _OWN and os.path.isfile(name):
        return _labelled(name, [(name, "")])
    return None


def _labelled(name: str, files: list[tuple[str, str]]) -> LabelledImages:
    labels: dict[str, tuple[str, str]] = {}  # and splits, by path
    for file, split in files:
        manifest = read_manifest(file)
        if not manifest.labels:
            raise UsageError(
                f"{printable(file)} has no labels",
                f"a column of one of these names: {', '.join(LABEL_COLUMNS)}",
            )
        splits = manifest.splits or (split,) * len(manifest.paths)
        for path, label, own in zip(manifest.paths, manifest.labels, splits, strict=True):
            if not label:
                raise UsageError(f"{printable(file)} has no label for {printable(path)}", "add it")
            if not is_there(path) and not hasattr(path, "container"):
                raise UsageError(
                    f"{printable(file)}: no such file: {printable(path)}",
                    "correct that row, or take it out",
                )
            if labels.setdefault(path, (label, own)) != (label, own):
                raise UsageError(
                    f"{printable(file)}: two labels or splits for {printable(path)}", "keep one"
                )
    return LabelledImages(
        name,
        "truth",
        tuple(labels),
        tuple(label for label, _ in labels.values()),
        tuple(split for _, split in labels.values()),
    )
