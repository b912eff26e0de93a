"""Which images share keypoints, as a plan of joins for Daft: the pairs of `keypoint_votes`.

The rows of features stay where they are, say in Parquet files; what is shuffled is words, pairs of
keypoints, and votes. It is the same rule, with the same numbers, so it proposes the same pairs with
the same weights, however the rows are divided: `tests/cluster` compares both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import KEYPOINTS, LAYOUT, MIRRORED
from imgsim.executors.daft_engine import in_thread
from imgsim.executors.sandboxes import Series
from imgsim.propose import keypoint_votes
from imgsim.propose.keypoint_votes import (
    MIN_VOTES,
    MIN_WEIGHT,
    MIN_WEIGHT_MIRRORED,
    Votes,
    usual_likenesses,
)
from imgsim.propose.keypoints import (
    COMMON_WORD,
    MAX_BITS,
    WORD_STARTS,
    Keypoints,
    columns_of,
    numbers_of,
)

_MIRRORED_BIT = 62
"""A mirrored keypoint is one with a number beyond this bit: it stands behind all plain ones."""

_PLACES = ("x", "y", "scale", "angle")


def votes_plan(
    rows: Any,
    images: int,
    *,
    keep: Callable[[Any], Any] = lambda frame: frame.collect(),
    min_votes: int = MIN_VOTES,
    min_weight: int = MIN_WEIGHT,
    min_weight_mirrored: int = MIN_WEIGHT_MIRRORED,
) -> Any:
    """Return the plan; its last part runs when rows are asked for.

    Parameters
    ----------
    rows : daft.DataFrame
        Columns ``image`` (int64, no number twice) and ``row`` (binary: a record of
        `comparators.local.LAYOUT`).
    images : int
        Number of rows.
    keep : callable
        Takes a frame that is used several times, and returns it made: in the memory of the machines
        that run it, or as one that was written to Parquet and is read from there.
    min_votes, min_weight, min_weight_mirrored : int
        See `keypoint_votes.votes_of`.

    Returns
    -------
    daft.DataFrame
        Columns ``left``, ``right``, ``mirrored``, ``weight``: see `Votes`; in no order.
    """
    from daft import col, lit
    from daft.functions import when

    points = keep(_exploded(rows, "row", _points, [col("image"), col("row")], _point_fields()))
    near = keep(_near_pairs(points))
    alike = (
        near.select(col("a").alias("id"))
        .concat(near.select(col("b").alias("id")))
        .groupby("id")
        .agg(col("id").count().cast("int64").alias("alike"))
    )
    for end in ("a", "b"):
        counts = alike.select(col("id").alias(end), col("alike").alias(f"alike_{end}"))
        near = near.join(counts, on=end)
    columns = [col(name) for name in ("distance", "alike_a", "alike_b")]
    weight = _batch(_weight, "int64")(*columns, usual_likenesses(images))
    near = near.select(*(col(n) for n in ("a", "b", "cells")), weight.alias("weight"))
    votes = keep(
        near.explode(col("cells")).select(
            *_image_columns(), col("cells").alias("cell"), col("a"), col("b"), col("weight")
        )
    )
    cell = ["query", "other", "mirrored", "cell"]
    sides = [
        votes.groupby(*cell, end)
        .agg(col("weight").max())
        .groupby(*cell)
        .agg(col(end).count().alias(f"votes_{end}"), col("weight").sum().alias(f"weight_{end}"))
        for end in ("a", "b")
    ]
    least = when(col("mirrored") == 1, lit(min_weight_mirrored)).otherwise(lit(min_weight))
    both = sides[0].join(sides[1], on=cell)
    for end in ("a", "b"):
        both = both.where((col(f"votes_{end}") >= min_votes) & (col(f"weight_{end}") >= least))
    query, other = col("query"), col("other")
    one, two = col("weight_a"), col("weight_b")
    found = both.select(
        when(query < other, query).otherwise(other).alias("left"),
        when(query < other, other).otherwise(query).alias("right"),
        col("mirrored"),
        when(one < two, one).otherwise(two).alias("weight"),
    )
    return found.groupby("left", "right", "mirrored").agg(col("weight").max())


def features_frame(parquet: str) -> tuple[Any, list[str]]:
    """Return rows for `votes_plan` of what ``imgsim features -m local -o FILE.parquet`` wrote.

    Parameters
    ----------
    parquet : str
        A file, or a pattern of files, as Daft reads them.

    Returns
    -------
    rows : daft.DataFrame
        Of contents, each once.
    digests : list of str
        In ascending order: what the numbers of images stand for.
    """
    import daft
    from daft import col

    table = daft.read_parquet(parquet)
    digests = sorted(set(table.select("digest").to_pydict()["digest"]))
    numbers = daft.from_pydict({"digest": digests, "image": np.arange(len(digests))})
    once = table.groupby("digest").agg(col("features").any_value())
    row = _batch(_bytes, "binary")(col("features")).alias("row")
    return once.join(numbers, on="digest").select(col("image"), row), digests


def votes_by_joins(rows: NDArray[Any], **limits: Any) -> Votes:
    """Find pairs of images with consistent votes by the plan; an engine is started before.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    **limits
        See `votes_plan`.

    Returns
    -------
    Votes
        As `keypoint_votes.votes_of` gives them.

    Raises
    ------
    ImgsimError
        The engine failed.
    """
    import daft

    frame = daft.from_pydict(
        {"image": np.arange(len(rows)), "row": [row.tobytes() for row in rows]}
    )
    found = in_thread(lambda: votes_plan(frame, len(rows), **limits).to_pydict())
    columns = {name: np.array(values, np.int64) for name, values in found.items()}
    order = np.lexsort((columns["right"], columns["left"], columns["mirrored"]))
    left, right, mirrored, weight = (
        columns[name][order] for name in ("left", "right", "mirrored", "weight")
    )
    return Votes(left, right, mirrored.astype(bool), weight)


def _near_pairs(points: Any) -> Any:
    """Pairs of keypoints of different images that share a word and are alike; a before b."""
    from daft import DataType, col

    words = _exploded(points, "words", _words, [col("id"), col("descriptor")], _word_fields())
    # a word is counted first, so that none that millions share becomes one list
    counts = words.groupby("word").agg(col("id").count().alias("sharing"))
    some = counts.where((col("sharing") > 1) & (col("sharing") <= COMMON_WORD)).select("word")
    shared = words.join(some, on="word").groupby("word")
    sharing = shared.agg(col("id").list_agg().alias("ids"))
    ends = DataType.struct({"a": DataType.int64(), "b": DataType.int64()})
    pairs = _exploded(sharing, "pairs", _pairs, [col("ids")], ends).distinct()
    for end in ("a", "b"):
        own = points.select(
            *(col(n).alias(end if n == "id" else f"{n}_{end}") for n in points.column_names)
        )
        pairs = pairs.join(own, on=end)
    ends = [col(f"{name}_{end}") for end in ("a", "b") for name in ("descriptor", *_PLACES)]
    fields = {"distance": DataType.int64(), "cells": DataType.list(DataType.int64())}
    compared = _batch(_compare, DataType.struct(fields))(*ends)
    near = pairs.select(col("a"), col("b"), compared.alias("compared")).select(
        col("a"), col("b"), *(col("compared").get(name).alias(name) for name in fields)
    )
    return near.where(col("distance") <= MAX_BITS)


def _image_columns() -> list[Any]:
    """The images of two keypoints by the numbers of these, and whether b is a mirrored one."""
    from daft import col, lit
    from daft.functions import when

    bit = lit(1 << _MIRRORED_BIT)
    is_mirrored = col("b") >= bit
    plain = when(is_mirrored, col("b") - bit).otherwise(col("b"))
    return [
        (col("a") // KEYPOINTS).cast("int64").alias("query"),
        (plain // KEYPOINTS).cast("int64").alias("other"),
        is_mirrored.cast("int64").alias("mirrored"),
    ]


def _batch(function: Any, dtype: Any) -> Any:
    import daft

    if isinstance(dtype, str):
        dtype = getattr(daft.DataType, dtype)()
    return daft.func.batch(return_dtype=dtype, use_process=False)(function)


def _exploded(frame: Any, name: str, function: Any, columns: list[Any], fields: Any) -> Any:
    """The rows that a function makes of each row, their fields as columns."""
    from daft import DataType, col

    made = _batch(function, DataType.list(fields))(*columns)
    rows = frame.select(made.alias(name)).explode(col(name)).where(col(name).not_null())
    return rows.select(*(col(name).get(one).alias(one) for one in fields.fields))


def _point_fields() -> Any:
    from daft import DataType

    places = {name: DataType.float32() for name in _PLACES}
    return DataType.struct({"id": DataType.int64(), "descriptor": DataType.binary(), **places})


def _word_fields() -> Any:
    from daft import DataType

    return DataType.struct({"word": DataType.int64(), "id": DataType.int64()})


# What runs on batches of rows ------------------------------------------------------------------


def _points(images: Series, rows: Series) -> Any:
    """The keypoints of some images, the mirrored ones behind the plain ones."""
    number = _numbers(images)
    records = np.frombuffer(b"".join(rows.to_pylist()), LAYOUT)
    plain = np.arange(KEYPOINTS) < records["count"][:, None]
    parts = []
    for mirrored in (False, True):
        there = plain[:, :MIRRORED] & records["mirrored"].any(axis=2) if mirrored else plain
        row, place = np.nonzero(there)
        columns = columns_of(records, row, place, mirrored=mirrored)
        columns["id"] = number[row] * KEYPOINTS + place + (int(mirrored) << _MIRRORED_BIT)
        parts.append(columns | {"row": row})
    both = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(both["row"], kind="stable")
    fields = {name: both[name][order] for name in ("id", "descriptor", *_PLACES)}
    return _lists(np.bincount(both["row"], minlength=len(number)), fields)


def _bytes(features: Series) -> list[bytes]:
    """Rows as bytes, of lists of their values."""
    lists = features.to_arrow()
    values = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), np.uint8)
    return [row.tobytes() for row in values.reshape(len(lists), -1)]


def _words(ids: Series, descriptors: Series) -> Any:
    """The words of some keypoints, each with its place, as one number."""
    several = np.frombuffer(b"".join(descriptors.to_pylist()), np.uint8).reshape(-1, 32)
    words = [
        numbers_of(several[:, start : start + 4], "<u4").astype(np.int64) | number << 32
        for number, start in enumerate(WORD_STARTS)
    ]
    number = _numbers(ids)
    fields = {"word": np.stack(words, axis=1).ravel(), "id": np.repeat(number, len(words))}
    return _lists(np.full(len(number), len(words)), fields)


def _pairs(groups: Series) -> Any:
    """Pairs of the keypoints with one word: of different images, and not both mirrored."""
    lists = groups.to_arrow()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    ids = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), np.int64)
    ids = ids[np.lexsort((ids, np.repeat(np.arange(len(lengths)), lengths)))]
    start = np.cumsum(lengths) - lengths
    own = np.repeat(np.arange(len(lengths)), lengths)
    behind = lengths[own] - 1 - (np.arange(len(ids)) - start[own])  # in the same group
    one = np.repeat(np.arange(len(ids)), behind)
    other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(behind) - behind, behind)
    image = (ids & ~(1 << _MIRRORED_BIT)) // KEYPOINTS
    use = (image[one] != image[other]) & (ids[one] >> _MIRRORED_BIT == 0)
    counted = np.bincount(own[one[use]], minlength=len(lengths))
    return _lists(counted, {"a": ids[one[use]], "b": ids[other[use]]})


def _compare(*columns: Series) -> Any:
    """How many bits two keypoints differ by, and the cells that they vote for in both grids."""
    import pyarrow as pa

    width = 1 + len(_PLACES)
    a, b = columns[:width], columns[width:]
    descriptors = b"".join([*a[0].to_pylist(), *b[0].to_pylist()])
    places = [
        np.concatenate([_numbers(one, np.float32), _numbers(other, np.float32)])
        for one, other in zip(a[1:], b[1:], strict=True)
    ]
    n = len(places[0]) // 2
    nothing = np.zeros(2 * n, np.uint32)
    descriptor = np.frombuffer(descriptors, np.uint8).reshape(-1, 32)
    named = dict(zip(_PLACES, places, strict=True))
    unmirrored = nothing.astype(np.bool_)
    keypoints = Keypoints(n, nothing, unmirrored, descriptor, **named, alike=nothing)
    query = np.arange(n)
    cells = np.stack(list(keypoint_votes._cells(keypoints, query, query + n)), axis=1)
    cells = 2 * cells + np.arange(2)  # those of one grid are none of the other
    lists = pa.LargeListArray.from_arrays(2 * np.arange(n + 1), pa.array(cells.ravel()))
    distance = pa.array(keypoints.distance(query, query + n))
    return pa.StructArray.from_arrays([distance, lists], ["distance", "cells"])


def _weight(distances: Series, ones: Series, others: Series, usual: int) -> NDArray[np.int64]:
    """What a vote counts, see `keypoint_votes`."""
    bits, one, other = map(_numbers, (distances, ones, others))
    weight = np.square(keypoint_votes._NO_WEIGHT - bits)
    return np.asarray(weight * usual // np.maximum(usual, np.maximum(one, other)))


def _numbers(column: Series, dtype: Any = np.int64) -> NDArray[Any]:
    return np.asarray(column.to_arrow().to_numpy(zero_copy_only=False), dtype)


def _lists(lengths: NDArray[np.int64], fields: dict[str, NDArray[Any]]) -> Any:
    """Lists of some lengths, as Arrow has them, of the rows of some columns."""
    import pyarrow as pa

    columns = []
    for values in fields.values():
        if values.ndim == 1:
            columns.append(pa.array(values))
        else:  # of bytes
            n, width = values.shape
            kept = pa.py_buffer(np.ascontiguousarray(values).tobytes())
            offsets = pa.py_buffer(width * np.arange(n + 1, dtype=np.int64))
            columns.append(pa.Array.from_buffers(pa.large_binary(), n, [None, offsets, kept]))
    rows = pa.StructArray.from_arrays(columns, list(fields))
    return pa.LargeListArray.from_arrays(np.r_[0, np.cumsum(lengths)], rows)
