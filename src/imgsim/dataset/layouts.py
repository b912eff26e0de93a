"""Reads a labelled data set: a class a folder, a file-name prefix or a number, or a list."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from imgsim.addresses import INSIDE, Address, as_path
from imgsim.dataset.labelled import (
    DEFAULT_PREFIX,
    LAYOUTS,
    LAYOUTS_HINT,
    LISTS,
    SAME,
    SPLITS,
    LabelledImages,
    LabelledPair,
    Layout,
    checked,
)
from imgsim.dataset.listed import read_labelled_list
from imgsim.decode.names import IMAGE_SUFFIXES, claims_to_be_image
from imgsim.errors import UsageError, to_read
from imgsim.read.archives.kinds import archive_kind
from imgsim.read.archives.listing import find_archive
from imgsim.read.discover import DiscoverOptions, discover, printable
from imgsim.read.encoding import open_text


def load_labelled(
    source: str | os.PathLike[str],
    *,
    layout: Layout | Literal["auto"] = "auto",
    per_scene: int | None = None,
    prefix: str | None = None,
    options: DiscoverOptions | None = None,
) -> LabelledImages:
    """Read which images a labelled data set has and what their labels are, and check them.

    Parameters
    ----------
    source : path
        A folder, an archive or a folder of one; or a CSV file: ``path,label[,split]`` or
        ``a,b,same[,split]``, with that header and with paths from the file's folder on; or another
        list with labels, see `read_manifest`.
    layout : str
        One of `LAYOUTS`; ``auto`` takes a truth.csv or pairs.csv in the folder, else sub-folders,
        else prefixes of names.
    per_scene : int, optional
        Files are named by numbers (a prefix such as ``ukbench`` that all share may stand before
        them), and so many consecutive ones, from the smallest on, show one scene.
    prefix : str, optional
        A regular expression whose group 1 is the label; `DEFAULT_PREFIX`.
    options : DiscoverOptions, optional
        Which files count.

    Returns
    -------
    LabelledImages
        In order of the paths, of the numbers (per-scene), or of the list.

    Raises
    ------
    UsageError
        There is no such path, or the labels are missing, incomplete or contradict each other.
    """
    name = os.fspath(source)
    layout = _asked_layout(layout, per_scene, prefix)
    if not os.path.exists(name) and find_archive(name) is None:
        raise UsageError(f"no such path: {printable(name)}", "check the spelling")
    labelled = read_labelled_list(name) if layout in ("auto", "truth") else None
    if labelled is not None:
        return checked(labelled)
    listed = _list_file(name, layout)
    if listed is not None:
        return checked(_read_list(listed))
    files = [f.path for f in discover([name], options).files if claims_to_be_image(f)]
    if not files:
        raise UsageError(f"no images in {printable(name)}", LAYOUTS_HINT)
    if layout == "per-scene":
        return checked(_by_number(name, files, per_scene))
    flat = [path for path in files if os.path.dirname(_below(path, name)) == ""]
    if layout == "prefix" or (layout == "auto" and len(flat) == len(files)):
        return checked(_by_prefix(name, files, prefix))
    if flat:
        raise UsageError(
            f"{len(flat)} images lie beside the class folders, such as {printable(flat[0])}",
            "move them into a folder, or list all in a truth.csv",
        )
    return checked(_by_folder(name, files))


def _asked_layout(
    layout: Layout | Literal["auto"], per_scene: int | None, prefix: str | None
) -> Layout | Literal["auto"]:
    """Return the layout that was named, or the one that an option belongs to."""
    if layout != "auto" and layout not in LAYOUTS:
        raise UsageError(f"no layout {layout!r}", f"auto, {', '.join(LAYOUTS)}")
    if per_scene is not None and prefix is not None:
        raise UsageError("both --per-scene and --prefix are given", "give one of them")
    if per_scene is not None:
        return "per-scene"
    return layout if prefix is None else "prefix"


def _below(path: str, root: str) -> str:
    """A path below a folder, or below an archive or a folder of it."""
    if isinstance(path, Address):
        return os.path.relpath(as_path(path), root.replace(INSIDE, "/"))
    return os.path.relpath(path, root)


def _list_file(name: str, layout: Layout | Literal["auto"]) -> str | None:
    """Return the file that lists the labels, or None where folders or names have them."""
    if archive_kind(name) or find_archive(name) is not None:
        return None
    if not os.path.isdir(name):
        if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
            raise UsageError(f"{printable(name)} is one image", LAYOUTS_HINT)
        return name
    for kind, file in LISTS.items():
        listed = os.path.join(name, file)
        if layout in ("auto", kind) and os.path.exists(listed):
            return listed
        if layout == kind:
            raise UsageError(f"no {file} in {printable(name)}", "or name the file itself")
    return None


def _by_folder(root: str, files: Sequence[str]) -> LabelledImages:
    """Take the path of the folder as the label; folders of splits may stand above the classes."""
    folders = [os.path.dirname(_below(path, root)).split(os.sep) for path in files]
    tops = {parts[0].lower() for parts in folders}
    split = tops <= SPLITS and all(len(parts) > 1 for parts in folders)
    labels = tuple("/".join(parts[split:]) for parts in folders)
    splits = tuple(parts[0] if split else "" for parts in folders)
    return LabelledImages(root, "folder", tuple(files), labels, splits)


def _by_prefix(root: str, files: Sequence[str], prefix: str | None) -> LabelledImages:
    """Take the beginning of the file's name, as far as a regular expression says, as the label."""
    try:
        pattern = re.compile(prefix or DEFAULT_PREFIX)
    except re.error as error:
        raise UsageError(f"--prefix {prefix!r} is no regular expression: {error}", "") from None
    if pattern.groups < 1:
        raise UsageError(f"--prefix {prefix!r} has no group", r"such as '^(.+)_\d+'")
    labels = []
    for path in files:
        match = pattern.match(_stem(path))
        if match is None or not match.group(1):
            hint = LAYOUTS_HINT
            if all(_stem(p).isdecimal() for p in files):
                hint = "names are numbers: say with --per-scene N how many show one scene"
            raise UsageError(f"no label in the name of {printable(path)}", hint)
        labels.append(match.group(1))
    return LabelledImages(root, "prefix", tuple(files), tuple(labels), ("",) * len(files))


def _by_number(root: str, files: Sequence[str], per_scene: int | None) -> LabelledImages:
    """Give files one label where their numbers follow one another, so many to a scene."""
    if per_scene is None or per_scene < 2:
        raise UsageError("a scene needs at least two images", "such as --per-scene 4")
    numbers: dict[int, str] = {}
    prefixes = set()
    for path in files:
        match = re.fullmatch(r"(\D*)(\d+)", _stem(path), re.ASCII)
        if match is None:
            raise UsageError(f"{printable(path)} is not named by a number", LAYOUTS_HINT)
        prefixes.add(match.group(1))
        number = int(match.group(2))
        if number in numbers:
            raise UsageError(
                f"{printable(numbers[number])} and {printable(path)} have one number",
                "each number may stand once",
            )
        numbers[number] = path
    if len(prefixes) > 1:
        raise UsageError(
            f"names begin differently: {', '.join(map(repr, sorted(prefixes)[:3]))}",
            "a number, after one prefix that all share",
        )
    order = sorted(numbers)
    scenes = [(number - order[0]) // per_scene for number in order]
    for scene, size in Counter(scenes).items():
        if size != per_scene:
            first = order[0] + scene * per_scene
            raise UsageError(
                f"numbers {first} to {first + per_scene - 1} are one scene, but {size} are there",
                "every scene needs all its files; or list what there is in a truth.csv",
            )
    width = len(str(scenes[-1]))
    labels = tuple(f"{scene:0{width}}" for scene in scenes)  # so that text and number sort alike
    paths = tuple(numbers[number] for number in order)
    return LabelledImages(root, "per-scene", paths, labels, ("",) * len(paths))


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _read_list(name: str) -> LabelledImages:
    """Read a truth.csv or a list of pairs; its header says which. Other columns do not matter."""
    lines = _numbered_lines(name)
    _, header = next(lines, (0, []))
    columns = [column.strip().lower() for column in header]
    if {"path", "label"} <= set(columns):
        return _read_truth(name, _rows(name, lines, columns, ("path", "label")))
    if {"a", "b", "same"} <= set(columns):
        return _read_pairs(name, _rows(name, lines, columns, ("a", "b", "same")))
    raise UsageError(
        f"{printable(name)} is no list of labels: its first line is {','.join(header)[:60]!r}",
        "it has to be path,label[,split] or a,b,same[,split]",
    )


def _rows(
    name: str, lines: Iterator[tuple[int, list[str]]], columns: Sequence[str], needed: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line numbers and the fields by the names of their columns."""
    for line, fields in lines:
        row = {c: field.strip() for c, field in zip(columns, fields, strict=False)}
        if len(fields) != len(columns) or not all(row[column] for column in needed):
            empty = next((c for c in needed if c in row and not row[c]), None)
            wrong = f"no {empty}" if empty else f"{len(fields)} of {len(columns)} fields"
            raise UsageError(
                f"{printable(name)}, line {line}: {wrong}",
                f"each line has to be {','.join(columns)}",
            )
        yield line, row


def _numbered_lines(name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and fields; lines with nothing on them are left out."""
    try:
        with open_text(name, newline="", errors="strict") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                if any(field.strip() for field in row):
                    yield reader.line_num, row
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(name)}: {error.strerror}", to_read(error)
        ) from None
    except csv.Error as error:
        raise UsageError(
            f"{printable(name)} is no CSV: {error}", "write it in UTF-8, with a header"
        ) from None


def _existing(name: str, line: int, path: str) -> str:
    """Return the path of a file that a list names, from where the program runs."""
    from_here = os.path.join(os.path.dirname(name), path)
    if not os.path.isfile(from_here):
        raise UsageError(
            f"{printable(name)}, line {line}: no such file: {printable(from_here)}",
            "paths count from the folder of the list",
        )
    return from_here


def _read_truth(name: str, rows: Iterator[tuple[int, dict[str, str]]]) -> LabelledImages:
    lines: dict[str, int] = {}
    labels, splits = [], []
    for line, row in rows:
        path = _existing(name, line, row["path"])
        if path in lines:
            raise UsageError(
                f"{printable(name)}, line {line}: {printable(path)} stands in line"
                f" {lines[path]} too",
                "list each file once",
            )
        lines[path] = line
        labels.append(row["label"])
        splits.append(row.get("split", ""))
    return LabelledImages(name, "truth", tuple(lines), tuple(labels), tuple(splits))


def _read_pairs(name: str, rows: Iterator[tuple[int, dict[str, str]]]) -> LabelledImages:
    places: dict[str, int] = {}
    lines: dict[tuple[int, int], int] = {}
    pairs = []
    for line, row in rows:
        answer = row["same"].lower()
        if answer not in SAME:
            raise UsageError(
                f"{printable(name)}, line {line}: same is {answer!r}", "write 1 or 0, yes or no"
            )
        left, right = (
            places.setdefault(_existing(name, line, path), len(places))
            for path in (row["a"], row["b"])
        )
        pair = (min(left, right), max(left, right))
        if left == right:
            raise UsageError(
                f"{printable(name)}, line {line}: an image and itself", "leave such pairs out"
            )
        if pair in lines:
            raise UsageError(
                f"{printable(name)}, line {line}: this pair stands in line {lines[pair]} too",
                "list each pair once",
            )
        lines[pair] = line
        pairs.append(LabelledPair(*pair, SAME[answer], row.get("split", "")))
    return LabelledImages(name, "pairs", tuple(places), pairs=tuple(pairs))
