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
from imgsim.propose.alike import COMMON_WORD, FEW_LIKENESSES, NO_WEIGHT
from imgsim.propose.keypoint_votes import (
    MIN_VOTES,
    MIN_WEIGHT,
    MIN_WEIGHT_MIRRORED,
    MIN_WEIGHT_SINGLE,
    Votes,
    usual_likenesses,
)
from imgsim.propose.keypoints import WORD_STARTS, Keypoints, columns_of, numbers_of
from imgsim.propose.nearest import (
    MAX_BITS,
    MOST_COUNTED,
    STEPS,
    among_nearest,
    codes_of,
    nearest_of,
    steps_of,
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
    min_weight_single: int = MIN_WEIGHT_SINGLE,
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
    min_votes, min_weight, min_weight_mirrored, min_weight_single : int
        See `keypoint_votes.votes_of`.

    Returns
    -------
    daft.DataFrame
        Columns ``left``, ``right``, ``mirrored``, ``weight``: see `Votes`; in no order.
    """
    from daft import col, lit
    from daft.functions import when

    points = keep(_exploded(rows, "row", _points, [col("image"), col("row")], _point_fields()))
    near = _with_weights(_among_nearest(keep(_near_pairs(points))), images)
    sure = (col("weight") >= min_weight_single) & (col("alike") <= FEW_LIKENESSES)
    single = near.where(sure).select(*_image_columns(), col("weight")).where(col("mirrored") == 0)
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
    single = single.select(
        when(query < other, query).otherwise(other).alias("left"),
        when(query < other, other).otherwise(query).alias("right"),
        col("mirrored"),
        col("weight"),
    )
    return found.concat(single).groupby("left", "right", "mirrored").agg(col("weight").max())


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


def _among_nearest(near: Any) -> Any:
    """Those pairs that are among the nearest of one of the two, and how many others are like it."""
    from daft import DataType, col
    from daft.functions import when

    steps = [f"step_{i}" for i in range(STEPS)]
    ends = near.select(col("a").alias("id"), col("step")).concat(
        near.select(col("b").alias("id"), col("step"))
    )
    counts = ends.groupby("id").agg(
        *(when(col("step") == i, 1).otherwise(0).sum().alias(name) for i, name in enumerate(steps))
    )
    fields = {name: DataType.int64() for name in ("limit", "share", "alike")}
    told = _batch(_nearest, DataType.struct(fields))(*(col(name) for name in steps))
    counts = counts.select(col("id"), told.alias("told"))
    for end in ("a", "b"):
        own = [col("told").get(name).alias(f"{name}_{end}") for name in fields]
        near = near.join(counts.select(col("id").alias(end), *own), on=end)
    names = [f"{name}_{end}" for end in ("a", "b") for name in ("code", "limit", "share")]
    counted = _batch(_counted, "bool")(col("step"), *(col(name) for name in names))
    one, other = col("alike_a"), col("alike_b")
    alike = when(one > other, one).otherwise(other).alias("alike")
    columns = [col(name) for name in ("a", "b", "distance", "cells")]
    return near.where(counted).select(*columns, alike)


def _with_weights(near: Any, images: int) -> Any:
    from daft import col

    weight = _batch(_weight, "int64")(col("distance"), col("alike"), usual_likenesses(images))
    return near.select(*(col(n) for n in ("a", "b", "cells", "alike")), weight.alias("weight"))


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
    number = DataType.int64()
    fields = {"distance": number, "step": number, "cells": DataType.list(number)}
    compared = _batch(_compare, DataType.struct(fields))(*ends)
    kept = [col(name) for name in ("a", "b", "code_a", "code_b")]
    near = pairs.select(*kept, compared.alias("compared")).select(
        *kept, *(col("compared").get(name).alias(name) for name in fields)
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
    numbers = {"id": DataType.int64(), "code": DataType.int64()}
    return DataType.struct({**numbers, "descriptor": DataType.binary(), **places})


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
    codes = codes_of(Keypoints.of(records, np.arange(len(records))), len(records))
    both["code"] = codes[both["row"]].astype(np.int64)
    order = np.argsort(both["row"], kind="stable")
    fields = {name: both[name][order] for name in ("id", "code", "descriptor", *_PLACES)}
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
    keypoints = Keypoints(n, nothing, unmirrored, descriptor, **named)
    query = np.arange(n)
    cells = np.stack(list(keypoint_votes._cells(keypoints, query, query + n)), axis=1)
    cells = 2 * cells + np.arange(2)  # those of one grid are none of the other
    lists = pa.LargeListArray.from_arrays(2 * np.arange(n + 1), pa.array(cells.ravel()))
    distance = keypoints.distance(query, query + n)
    columns_told = [pa.array(distance), pa.array(steps_of(distance)), lists]
    return pa.StructArray.from_arrays(columns_told, ["distance", "step", "cells"])


def _nearest(*steps: Series) -> Any:
    """How far the nearest of some keypoints go, and how many others each is like."""
    import pyarrow as pa

    counts = np.minimum(np.stack([_numbers(step) for step in steps], axis=1), MOST_COUNTED)
    told = *nearest_of(counts), counts.sum(axis=1)
    columns = [pa.array(np.asarray(values, np.int64)) for values in told]
    return pa.StructArray.from_arrays(columns, ["limit", "share", "alike"])


def _counted(steps: Series, *columns: Series) -> NDArray[np.bool_]:
    """Which pairs are among the nearest of one of the two, by code, limit and share of both."""
    code_a, limit_a, share_a, code_b, limit_b, share_b = map(_numbers, columns)
    ends = [
        (limit.astype(np.uint8), share.astype(np.uint16))
        for limit, share in ((limit_a, share_a), (limit_b, share_b))
    ]
    codes = code_a.astype(np.uint32), code_b.astype(np.uint32)
    return among_nearest(ends, _numbers(steps), codes)


def _weight(distances: Series, likenesses: Series, usual: int) -> NDArray[np.int64]:
    """What a vote counts, see `alike.Collisions.weights`."""
    weight = np.square(NO_WEIGHT - _numbers(distances))
    return np.asarray(weight * usual // np.maximum(usual, _numbers(likenesses)))


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
