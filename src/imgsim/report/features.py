"""Features in files: Parquet, NumPy's npz and CSV, and read from them again."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from imgsim import __version__
from imgsim.comparators import listing
from imgsim.comparators.base import Metric, VectorComparator
from imgsim.comparators.label import label
from imgsim.comparators.recipes import Recipe
from imgsim.errors import ImgsimError, UsageError, check_kind
from imgsim.report.document import path_document, path_text
from imgsim.tasks.features import FeatureSet

SCHEMA = "imgsim.features/1"
SUFFIXES = (".parquet", ".npz", ".csv")
_KEY = "imgsim"
_COLUMNS = ("path", "digest", "width", "height", "features")


def features_bytes(feature_set: FeatureSet, suffix: str) -> bytes:
    """Return features as the content of a file.

    Parquet and npz hold rows as they are, CSV bits as hexadecimal digits and numbers as text.

    Parameters
    ----------
    feature_set : FeatureSet
    suffix : str
        One of `SUFFIXES`.

    Raises
    ------
    ImgsimError
        Parquet needs a package that is not installed.
    UsageError
        It is none of these.
    """
    writers: dict[str, Callable[[FeatureSet], bytes]] = {
        ".parquet": _parquet_bytes, ".npz": _npz_bytes, ".csv": _csv_bytes,
    }  # fmt: skip
    if suffix not in writers:
        raise UsageError(f"features are not written as {suffix or 'that'}", _suffix_hint())
    return writers[suffix](feature_set)


def _suffix_hint() -> str:
    return f"name a file that ends in {' or '.join(SUFFIXES)}"


def check_suffix(path: Path) -> str:
    """Return the ending of a file of features.

    Raises
    ------
    UsageError
        It is none of `SUFFIXES`.
    ImgsimError
        It is Parquet, and pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path} has no ending of a table", _suffix_hint())
    if suffix == ".parquet":
        _require_pyarrow()
    return suffix


def _require_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        raise ImgsimError("Parquet needs pyarrow", "pip install pyarrow, or name a .npz file")


def _about(feature_set: FeatureSet) -> dict[str, Any]:
    extractor = feature_set.comparator.extractor
    return {
        "schema": SCHEMA,
        "version": __version__,
        "method": feature_set.comparator.spec,
        "extractor": extractor.key,
        "decode": feature_set.decode,
        "shape": list(extractor.shape),
        "dtype": extractor.dtype.str,
    }


def features_document(feature_set: FeatureSet) -> dict[str, Any]:
    """Return all of a feature set; the values of a row are one list, hashes as bytes."""
    return {
        **_about(feature_set),
        "files": [
            {**path_document(one.path), "digest": one.digest, "width": one.width,
             "height": one.height, "features": one.features.ravel().tolist()}
            for one in feature_set
        ],
        "skipped": [
            {**path_document(s.path), "reason": s.reason} for s in feature_set.skipped
        ],
    }  # fmt: skip


def _flat_rows(feature_set: FeatureSet) -> NDArray[Any]:
    values = math.prod(feature_set.comparator.extractor.shape)
    return feature_set.rows.reshape(len(feature_set.paths), values)


def _parquet_bytes(feature_set: FeatureSet) -> bytes:
    _require_pyarrow()
    pa, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    rows = _flat_rows(feature_set)
    values = pa.array(np.ascontiguousarray(rows).ravel())
    columns = [
        pa.array([path_text(path) for path in feature_set.paths], pa.string()),
        pa.array(feature_set.digests, pa.string()),
        pa.array(feature_set.sizes[:, 0]),
        pa.array(feature_set.sizes[:, 1]),
        pa.FixedSizeListArray.from_arrays(values, max(1, rows.shape[1])),
    ]
    about = {_KEY: json.dumps(_about(feature_set))}
    table = pa.Table.from_arrays(columns, names=list(_COLUMNS)).replace_schema_metadata(about)
    stream = io.BytesIO()
    parquet.write_table(table, stream)
    return stream.getvalue()


def _npz_bytes(feature_set: FeatureSet) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        path=np.array([path_text(path) for path in feature_set.paths], np.str_),
        digest=np.array(feature_set.digests, np.str_),
        width=feature_set.sizes[:, 0],
        height=feature_set.sizes[:, 1],
        features=feature_set.rows,
        imgsim=np.array(json.dumps(_about(feature_set))),
    )
    return stream.getvalue()


def _csv_bytes(feature_set: FeatureSet) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    rows = _flat_rows(feature_set)
    method = feature_set.comparator
    bits = isinstance(method, VectorComparator) and method.metric is Metric.HAMMING
    as_text = bits or isinstance(method, Recipe)  # else every number is a column
    names = ["features"] if as_text else [f"f{i}" for i in range(rows.shape[1])]
    writer.writerow([*_COLUMNS[:-1], *names])
    for path, digest, size, row in zip(
        feature_set.paths, feature_set.digests, feature_set.sizes.tolist(), rows, strict=True
    ):
        values = [row.tobytes().hex()] if as_text else row.tolist()
        writer.writerow([path_text(path), digest, *size, *values])
    return stream.getvalue().encode()


def read_features(path: str | Path) -> FeatureSet:
    """Read features that imgsim wrote, from Parquet or npz.

    Raises
    ------
    UsageError
        The file cannot be read, is none of these, or the method has other features now.
    ImgsimError
        It is Parquet, and pyarrow is not installed.

    Examples
    --------
    >>> import imgsim
    >>> table = imgsim.read_features("photos.npz")  # of: imgsim features photos -o photos.npz
    >>> table.comparator.spec, table.rows.shape
    ('phash:size=16', (5, 32))
    """
    check_kind(path, str | Path, "path", "give a file that imgsim features wrote")
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in (".parquet", ".npz"):
        raise UsageError(f"{file} is no file of features", "a .parquet or .npz of imgsim features")
    try:
        with file.open("rb") as stream:
            about, columns = (_read_parquet if suffix == ".parquet" else _read_npz)(stream)
        return _feature_set(about, columns)
    except ImgsimError:
        raise
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", "check the path") from None
    except _NoFeatures as error:
        reason = str(error)
    except _OF_DAMAGE:  # a file may say anything of itself
        reason = "imgsim did not write it, or it is damaged"
    raise UsageError(
        f"{file} holds no features of imgsim: {reason}", "write it with imgsim features"
    )


class _NoFeatures(ValueError):
    """What is wrong with a file of features."""


_OF_DAMAGE = (
    ValueError, LookupError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error,
    OverflowError, MemoryError, RuntimeError,
)  # fmt: skip
"""What damaged files raise when they are read."""


def _read_npz(stream: BinaryIO) -> tuple[Any, dict[str, NDArray[Any]]]:
    if not zipfile.is_zipfile(stream):
        raise _NoFeatures("it is no npz, or damaged")
    stream.seek(0)
    try:
        with np.load(stream, allow_pickle=False) as stored:
            return json.loads(str(stored[_KEY])), {name: stored[name] for name in _COLUMNS}
    except OSError:  # not of the disk: NumPy raises it for what it cannot make sense of
        raise _NoFeatures("it is damaged") from None


def _read_parquet(stream: BinaryIO) -> tuple[Any, dict[str, NDArray[Any]]]:
    _require_pyarrow()
    pa, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    try:
        about = json.loads((parquet.read_schema(stream).metadata or {})[_KEY.encode()])
        table = parquet.read_table(stream, columns=list(_COLUMNS))
        lists = table["features"].combine_chunks()
        parts = lists.chunks if hasattr(lists, "chunks") else [lists]
        values = [part.flatten().to_numpy(zero_copy_only=False) for part in parts]
        columns = {name: table[name].to_numpy() for name in _COLUMNS[:-1]}
    except (pa.ArrowException, OSError):
        raise _NoFeatures("it is no Parquet, or damaged") from None
    flat = np.concatenate(values) if values else np.empty(0, np.dtype(about["dtype"]))
    return about, {**columns, "features": flat}


def _feature_set(about: Any, columns: dict[str, NDArray[Any]]) -> FeatureSet:
    """Check what a file says of itself against the method as it is here."""
    if about["schema"] != SCHEMA:
        raise _NoFeatures(f"it has the schema {about['schema']!r}, not {SCHEMA}")
    comparator = listing.parse(about["method"])
    extractor = comparator.extractor
    if extractor.key != about["extractor"]:
        raise UsageError(
            f"{label(comparator)} has other features in this version of imgsim",
            "write them again with imgsim features",
        )
    n = len(columns["path"])
    rows = np.asarray(columns["features"]).astype(extractor.dtype, copy=False)
    sizes = np.stack([columns["width"], columns["height"]], axis=1).astype(np.int64)
    if not len(columns["digest"]) == len(sizes) == n:
        raise _NoFeatures("it is damaged, its columns differ in length")
    return FeatureSet(
        comparator,
        str(about["decode"]),
        tuple(map(str, columns["path"])),
        tuple(map(str, columns["digest"])),
        sizes,
        np.ascontiguousarray(rows.reshape((n, *extractor.shape))),
    )
