"""The data sets of YOLO: lists of pictures (``train.txt``), and which of them is a split."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from imgsim.addresses import printable
from imgsim.errors import UsageError, to_read
from imgsim.read.encoding import open_text
from imgsim.read.manifests.manifest import Manifest, is_there, place_of

_SPLITS = ("train", "val", "test")
_LISTS = (".txt",)


def read_path_list(name: str, folder: str | None = None) -> Manifest:
    """Read a list with a path a line.

    Raises
    ------
    UsageError
        It cannot be read, or lists nothing.
    """
    folders = [os.path.dirname(name), ""] if folder is None else [folder]
    lines = [line.strip() for line in _text(name).splitlines()]
    paths = tuple(place_of(line, folders) for line in lines if line)
    if not paths:
        raise UsageError(f"{printable(name)} lists no pictures", "a path a line")
    if not any(map(is_there, paths)):
        raise UsageError(
            f"{printable(name)}: no such file: {printable(paths[0])}",
            "a path a line, from the list's folder or from here on",
        )
    return Manifest(name, paths)


def read_data_yaml(name: str, folder: str | None = None) -> Manifest:
    """Read which folders and lists are the splits, from a ``data.yaml``.

    Parameters
    ----------
    name : str
        Its keys ``train``, ``val`` and ``test`` are folders, lists of pictures, or several of
        these, from ``path`` on, or from its own folder on.
    folder : str, optional
        Instead of its own folder.

    Raises
    ------
    UsageError
        It cannot be read, or has no splits.
    """
    keys = top_level_keys(_text(name), ("path", *_SPLITS), name)
    own = os.path.dirname(name) if folder is None else folder
    below = [os.path.join(where, one) for one in keys.get("path", [""]) for where in (own, "")]
    folders = [*below, own]
    paths: list[str] = []
    splits: list[str] = []
    for split in _SPLITS:
        for text in keys.get(split, []):
            place = _place(text, folders)
            if place is None:
                raise UsageError(
                    f"{printable(name)}: no such path for {split}: {printable(text)}",
                    f"looked for it in {', '.join(dict.fromkeys(f or '.' for f in folders))}",
                )
            listed = place.lower().endswith(_LISTS) and os.path.isfile(place)
            some: Sequence[str] = read_path_list(place).paths if listed else [place]
            paths += some
            splits += [split] * len(some)
    if not paths:
        raise UsageError(f"{printable(name)} names no splits", "give it train, val or test")
    return Manifest(name, tuple(paths), {"split": tuple(splits)})


def _place(text: str, folders: Sequence[str]) -> str | None:
    """Where a split is; exports write ``../train`` for what lies beside the file."""
    for path in (text, text.removeprefix("../")):
        place = place_of(path, folders)
        if is_there(place):
            return place
    return None


_KEY = re.compile(r"""(?:"([^"]+)"|'([^']+)'|([\w.-]+))\s*:(?:\s+(.*))?$""")
_ITEM = re.compile(r"\s*-\s+(.*)$")


def top_level_keys(text: str, wanted: Sequence[str], name: str = "") -> dict[str, list[str]]:
    """Return the values of some keys of a YAML file, each a list of texts; others are passed over.

    It reads as much of YAML as these files have: scalars, and lists in brackets or with dashes.

    Raises
    ------
    UsageError
        One of the keys has another kind of value.
    """
    values: dict[str, list[str]] = {}
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = _without_comment(line)
        if not bare.strip() or bare.startswith(("---", "%")):
            continue
        item = _ITEM.match(bare)
        if item is not None:
            if current:
                values[current].append(_scalar(item[1], name, number))
            continue
        key = _KEY.match(bare)
        if bare[0].isspace() or key is None:
            if current and bare[0].isspace():
                raise _not_read(name, number)
            continue
        current = next(part for part in key.groups()[:3] if part is not None)
        if current not in wanted:
            current = ""
            continue
        if current in values:
            raise UsageError(f"{printable(name)}, line {number}: {current} stands twice", "")
        values[current] = _flow(key[4] or "", name, number)
    return {key: found for key, found in values.items() if found}


def _flow(text: str, name: str, number: int) -> list[str]:
    text = text.strip()
    if not text or text in ("~", "null"):
        return []
    if text.startswith("["):
        if not text.endswith("]"):
            raise _not_read(name, number)
        parts = [part.strip() for part in text[1:-1].split(",")]
        return [_scalar(part, name, number) for part in parts if part]
    return [_scalar(text, name, number)]


def _scalar(text: str, name: str, number: int) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        if text[0] == '"' and "\\" in text:
            raise _not_read(name, number)
        return text[1:-1]
    if text[:1] in ("&", "*", "|", ">", "{", "[", "!", "'", '"', "@", "`"):
        raise _not_read(name, number)
    return text


def _not_read(name: str, number: int) -> UsageError:
    return UsageError(
        f"{printable(name)}, line {number}: cannot read this kind of value",
        "write the path, or a list of paths in brackets",
    )


def _without_comment(line: str) -> str:
    """The line up to a comment: a # at the beginning or after a space, outside quotes."""
    quote = ""
    for place, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"" and (place == 0 or line[place - 1] in " \t[,:"):
            quote = sign
        elif sign == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place]
    return line.rstrip()


def _text(name: str) -> str:
    try:
        with open_text(name) as stream:
            return stream.read()
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(name)}: {error.strerror}", to_read(error)
        ) from None
