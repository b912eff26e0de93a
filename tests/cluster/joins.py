"""Compares candidates by joins with those of one machine: ``python -m tests.cluster.joins``."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imgsim.comparators.local import LAYOUT, MIRRORED
from imgsim.executors.daft_engine import leave, start
from imgsim.propose import alike, nearest
from imgsim.propose.join_plan import features_frame, votes_by_joins, votes_plan
from imgsim.propose.keypoint_votes import Votes, votes_of


def drawn_rows(seed: int, images: int, most: int, pool: int, turned: int) -> np.ndarray:
    """Rows whose keypoints are those of a pool, with some bits turned, near their places there."""
    rng = np.random.default_rng(seed)
    descriptors = rng.integers(0, 256, (2, pool, 32), np.uint8)  # as they are, and in a mirror
    places = rng.integers(0, (400 * 64, 300 * 64), (pool, 2))
    octaves, angles = rng.integers(0, 6, pool), rng.integers(0, 256, pool)
    rows = np.zeros(images, LAYOUT)
    rows["size"] = 400, 300
    for row in rows:
        row["count"] = count = rng.integers(0, most + 1)
        picked, flipped = rng.integers(0, pool, count), rng.integers(0, 2)
        bits = np.zeros((2, count, 256), np.uint8)
        np.put_along_axis(bits, rng.integers(0, 256, (2, count, turned)), 1, 2)
        own = descriptors[:, picked] ^ np.packbits(bits, axis=2)
        place = places[picked] + rng.integers(0, 64 * 3, (count, 2))
        if flipped:
            own, place[:, 0] = own[::-1], np.maximum(0, 399 * 64 - place[:, 0])
        row["descriptor"][:count] = own[0]
        row["mirrored"][: min(count, MIRRORED)] = own[1][:MIRRORED]
        row["place"][:count] = place
        row["octave"][:count] = octaves[picked]
        row["angle"][:count] = (128 - angles[picked] if flipped else angles[picked]) % 256
    return rows


def told(votes: Votes) -> list[tuple[int, ...]]:
    columns = votes.left, votes.right, votes.mirrored, votes.weight
    return [tuple(map(int, one)) for one in zip(*columns, strict=True)]


seen = {"pairs": 0, "mirrored": 0, "crowded": 0, "tried": 0}


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 2**32),
    st.sampled_from([0, 1, 20, 90]),
    st.sampled_from([0, 3, 30]),
    st.sampled_from([1, 20, 300]),
    st.sampled_from([0, 2, 20, 40]),
    st.sampled_from([2, 64]),
)
@example(1, 90, 30, 1, 0, 64)  # a crowded word
@example(2, 20, 30, 20, 2, 64)  # pairs, and pairs of mirrored images
def joins_find_the_same(
    seed: int, images: int, most: int, pool: int, turned: int, counted: int
) -> None:
    nearest.NEAREST = counted
    rows = drawn_rows(seed, images, most, pool, turned)
    expected = votes_of(rows)
    assert told(votes_by_joins(rows)) == told(expected)
    seen["tried"] += 1
    seen["pairs"] += int((~expected.mirrored).sum())
    seen["mirrored"] += int(expected.mirrored.sum())
    seen["crowded"] += int(pool == 1 and rows["count"].sum() > alike.COMMON_WORD)


def parquet_finds_the_same(folder: str) -> bool:
    """Features that lie in Parquet, and what is used several times written there too."""
    import daft
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = drawn_rows(5, 60, 30, 200, 2)
    values = pa.array(rows.view(np.uint8).ravel())
    lists = pa.FixedSizeListArray.from_arrays(values, LAYOUT.itemsize)
    digests = [f"{n:02}" for n in range(60)]
    table = pa.table({"digest": digests, "features": lists})
    # as `imgsim features` writes them, in several files; one content has two paths
    pq.write_table(table.slice(30), f"{folder}/a.parquet")
    pq.write_table(table.slice(0, 31), f"{folder}/b.parquet")
    parts = iter(range(9))

    def keep(kept: daft.DataFrame) -> daft.DataFrame:
        name = f"{folder}/{next(parts)}"
        kept.write_parquet(name)
        return daft.read_parquet(f"{name}/*.parquet")

    features, told_digests = features_frame(f"{folder}/*.parquet")
    assert told_digests == digests
    found = votes_plan(features, 60, keep=keep).to_pydict()
    names = "left", "right", "mirrored", "weight"
    made = sorted(tuple(map(int, one)) for one in zip(*(found[n] for n in names), strict=True))
    return made == sorted(told(votes_of(rows))) and len(made) > 0


if __name__ == "__main__":
    import tempfile

    start("daft", cores=2)
    joins_find_the_same()
    with tempfile.TemporaryDirectory() as folder:
        seen["parquet"] = parquet_finds_the_same(folder)
    print(json.dumps(seen))
    leave(0)
