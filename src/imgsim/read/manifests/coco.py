"""The data sets of COCO: a JSON file of pictures, annotations and categories."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from imgsim.addresses import printable
from imgsim.errors import UsageError, to_read
from imgsim.read.files import open_input
from imgsim.read.manifests.manifest import Manifest, is_there

_TRIED = 20
"""Pictures by which the folder that they lie in is found."""


def read_coco(name: str, folder: str | None = None) -> Manifest:
    """Read the pictures of a COCO JSON file, and the categories of their annotations.

    Their folder is the file's own, the one above it, or a folder there that is called ``images`` or
    after the end of the file's name: ``train2017`` for ``instances_train2017.json``.

    Parameters
    ----------
    name : str
    folder : str, optional
        Their folder instead.

    Returns
    -------
    Manifest
        Its ``label`` is the category; of several categories all, in order of their names.

    Raises
    ------
    UsageError
        It cannot be read, or is of another kind.
    """
    try:
        with open_input(name) as stream:
            document = json.load(stream)
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(name)}: {error.strerror}", to_read(error)
        ) from None
    except (ValueError, RecursionError) as error:
        said = str(error).partition(":")[0]
        raise UsageError(f"{printable(name)} is no JSON: {said}", "save it as JSON again") from None
    images = _objects(name, document, "images", ("id", "file_name"))
    if not images:
        raise UsageError(f"{printable(name)} lists no pictures", "under the key images")
    names = [str(image["file_name"]) for image in images]
    if folder is None:
        folder = _folder(name, names)
    paths = tuple(os.path.join(folder, one) for one in names)
    if "annotations" not in document:
        return Manifest(name, paths)
    return Manifest(name, paths, {"label": _labels(name, document, images)})


def _labels(name: str, document: Any, images: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    categories = {
        category["id"]: str(category.get("name", category["id"]))
        for category in _objects(name, document, "categories", ("id",))
    }
    of_image: dict[object, set[str]] = {}
    for image in images:
        if image["id"] in of_image:
            raise UsageError(
                f"{printable(name)}: two pictures have the id {image['id']!r}"[:200],
                "each needs one of its own, as its annotations go by it",
            )
        of_image[image["id"]] = set()
    for one in _objects(name, document, "annotations", ("image_id", "category_id")):
        number = one["category_id"]
        of_image.setdefault(one["image_id"], set()).add(categories.get(number, str(number)))
    return tuple(", ".join(sorted(of_image[image["id"]])) for image in images)


def _objects(name: str, document: Any, key: str, fields: Sequence[str]) -> list[dict[str, Any]]:
    objects = document.get(key, []) if isinstance(document, dict) else None
    if key == "images" and not objects:
        raise UsageError(
            f"{printable(name)} is no list of pictures as COCO has it", "it needs the key images"
        )
    if not isinstance(objects, list):
        raise UsageError(f"{printable(name)}: {key} is no list", "as COCO has it")
    for number, one in enumerate(objects):
        good = isinstance(one, dict) and all(
            isinstance(one.get(field), str | int) for field in fields
        )
        if not good:
            raise UsageError(
                f"{printable(name)}: {key}[{number}] lacks {' or '.join(fields)}", "as COCO has it"
            )
    return objects


def _folder(name: str, names: Sequence[str]) -> str:
    own = os.path.dirname(name)
    above = os.path.join(own, os.pardir)
    last = os.path.splitext(os.path.basename(name))[0].rpartition("_")[2]
    candidates = [own, os.path.join(own, "images"), os.path.join(own, last)]
    candidates += [os.path.join(own, "images", last)]
    candidates += [os.path.join(above, *more) for more in ((), ("images",), (last,))]
    candidates += [os.path.join(above, "images", last), ""]
    for candidate in candidates:
        if any(is_there(os.path.join(candidate, one)) for one in names[:_TRIED]):
            return os.path.normpath(candidate) if candidate else ""
    return own
