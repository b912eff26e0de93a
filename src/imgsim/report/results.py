"""Results of the library as dictionaries, tables, short texts, and HTML for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from imgsim.act.outcome import Applied, Undone
from imgsim.act.plan import Plan
from imgsim.benchmark.results import Bench
from imgsim.calibration.calibrate import Calibration
from imgsim.errors import ImgsimError, UsageError
from imgsim.read.manifests.manifest import Manifest
from imgsim.report.bench import bench_document, method_figures
from imgsim.report.calibration import profile_document
from imgsim.report.clusters import cluster_document
from imgsim.report.document import (
    compare_document,
    find_dupes_document,
    matches_document,
    path_text,
)
from imgsim.report.explanation import explanation_document
from imgsim.report.features import features_document
from imgsim.report.known import known_document
from imgsim.report.leaks import leaks_document
from imgsim.report.manifests import manifest_document
from imgsim.report.ordering import sort_document
from imgsim.report.plans import plan_document, plan_summary
from imgsim.report.runs import (
    applied_document,
    applied_headline,
    undone_document,
    undone_headline,
)
from imgsim.report.trained import autoencoder_document, siamese_document
from imgsim.report.units import count, size
from imgsim.results import Result
from imgsim.tasks.cluster.results import Clusters
from imgsim.tasks.compare import Comparisons
from imgsim.tasks.explain import Explanation
from imgsim.tasks.features import FeatureSet
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.known_results import Known
from imgsim.tasks.leaks.results import Leaks
from imgsim.tasks.match_results import Matches
from imgsim.tasks.sort.sort_images import Ordering
from imgsim.training.autoencoder import TrainedAutoencoder
from imgsim.training.run import TrainedNetwork
from imgsim.training.siamese import TrainedSiamese

Document = dict[str, Any]
_LIBRARIES = ("pandas", "polars")


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of result is shown.

    Attributes
    ----------
    text : callable
        A few words on it.
    document : callable
        All of it, as the command line's JSON has it.
    rows : callable
        The rows of its table, of its document; what has parts of its own is left out of them.
    columns : tuple of str
        Which the table has first, even where there are no rows.
    own_rows : callable, optional
        In the place of these: rows of the result itself.
    """

    text: Callable[[Any], str]
    document: Callable[[Any], Document]
    rows: Callable[[Document], Iterator[Document]]
    columns: tuple[str, ...] = ()
    own_rows: Callable[[Any], Iterator[Document]] | None = None


def _kind_of(result: Result[Any]) -> Kind:
    return next(kind for cls, kind in KINDS.items() if isinstance(result, cls))


def dict_of(result: Result[Any]) -> Document:
    """Return a result as the command line's JSON has it."""
    return _kind_of(result).document(result)


def text_of(result: Result[Any]) -> str:
    """Return a result in a few words, within angle brackets."""
    return f"<{type(result).__name__}: {_kind_of(result).text(result)}>"


def html_of(result: Result[Any]) -> str:
    """Return a result as HTML with thumbnails, for a notebook."""
    from imgsim.report.notebook import notebook_html

    return notebook_html(result, text_of(result))


def dataframe_of(result: Result[Any], library: Literal["pandas", "polars"] | None = None) -> Any:
    """Return a result as a table.

    Parameters
    ----------
    result : Result
    library : {"pandas", "polars"}, optional
        By default the first of these that is installed.

    Raises
    ------
    ImgsimError
        It is not installed.
    UsageError
        It is none of these.
    """
    if library is not None and library not in _LIBRARIES:
        raise UsageError(f"no library {library!r}", f"one of {', '.join(_LIBRARIES)}")
    wanted = _LIBRARIES if library is None else (library,)
    if "pandas" in wanted and find_spec("pandas") is not None:
        return import_module("pandas").DataFrame(columns_of(result))
    if "polars" in wanted and find_spec("polars") is not None:
        return import_module("polars").DataFrame(columns_of(result))
    raise ImgsimError(
        f"a table needs {' or '.join(wanted)}", f"pip install {wanted[0]}, or use to_dict()"
    )


def columns_of(result: Result[Any]) -> dict[str, list[Any]]:
    """Return the columns of a result's table; what a row lacks is None."""
    kind = _kind_of(result)
    if kind.own_rows is not None:
        rows = list(kind.own_rows(result))
    else:
        rows = list(map(_joined, kind.rows(dict_of(result))))
        parts = {name for row in rows for name, value in row.items() if _has_parts(value)}
        rows = [{name: row[name] for name in row if name not in parts} for row in rows]
    names = list(dict.fromkeys([*kind.columns, *(name for row in rows for name in row)]))
    return {name: [row.get(name) for row in rows] for name in names}


def _joined(row: Mapping[str, Any]) -> Document:
    """A row in which lists of texts are one text."""
    return {
        name: "; ".join(value)
        if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        else value
        for name, value in row.items()
    }


def _has_parts(value: object) -> bool:
    return isinstance(value, dict | list | tuple)


def _members(document: Document) -> Iterator[Document]:
    for group in document["groups"]:
        for member in group["members"]:
            yield {"group": group["id"], "keep": group["keep"], **member}


def _pairs(document: Document) -> Iterator[Document]:
    for method in document["methods"]:
        for query in method["queries"]:
            for rank, match in enumerate(query["matches"], 1):
                yield {"method": method["name"], "query": query["path"], "rank": rank, **match}


def _answers(document: Document) -> Iterator[Document]:
    for answer in document["answers"]:
        for match in answer["matches"] or [{}]:
            own = {f"match_{name}" if name in ("path", "path_bytes") else name: value
                   for name, value in match.items()}  # fmt: skip
            yield {**answer, "matches": {}, **own}


def _leaks(document: Document) -> Iterator[Document]:
    for leak in document["leaks"]:
        for match in leak["matches"]:
            yield {
                "path": leak["path"],
                "split": leak["split"],
                "matched": leak["matched"],
                **{f"match_{name}" if name in ("path", "path_bytes", "split") else name: value
                   for name, value in match.items()},
            }  # fmt: skip


def _chain(document: Document) -> Iterator[Document]:
    for place, one in enumerate(document["order"], 1):
        yield {"place": place, **one}


def _calibrated(document: Document) -> Iterator[Document]:
    for one in document["methods"]:
        parts = {part: one[part] or {} for part in ("chosen", "measured")}
        yield {
            **one,
            **{f"{part}_{name}": v for part, values in parts.items() for name, v in values.items()},
        }


def _removals(document: Document) -> Iterator[Document]:
    for number, group in enumerate(document["groups"], 1):
        for removal in group["remove"]:
            yield {"group": number, "keep": group["keep"]["path"], **removal}


def _carried_out(document: Document) -> Iterator[Document]:
    for one in document["removed"]:
        sidecars = [sidecar["path"] for sidecar in one["sidecars"]]
        losses = [f"{loss['path']} {loss['why']}" for loss in one["losses"]]
        more = {"sidecars": sidecars, "losses": losses}
        yield {"done": not document["dry_run"], "reason": "", "asked_for": True} | one | more
    for one in document["left"]:
        yield {"done": False, **one}


def _taken_back(document: Document) -> Iterator[Document]:
    for one in document["restored"]:
        yield {"done": True, "reason": "", **one}
    for one in document["left"]:
        yield {"done": False, **one}


def _features(feature_set: FeatureSet) -> Iterator[Document]:
    for one in feature_set:
        yield {"path": path_text(one.path), "digest": one.digest, "width": one.width,
               "height": one.height, "features": one.features.ravel()}  # fmt: skip


def _network_text(trained: TrainedNetwork) -> str:
    epochs = count(len(trained.epochs), "epoch")
    return f"{trained.weights}, {epochs} on {count(trained.images, 'image')}"


KINDS: dict[type, Kind] = {
    Duplicates: Kind(
        lambda d: (
            f"{count(len(d.groups), 'group')} among {count(d.images, 'image')},"
            f" {size(d.reclaimable_bytes)} could be freed"
        ),
        find_dupes_document,
        _members,
        ("group", "keep", "path", "kind", "role", "score", "similarity", "why", "bytes", "digest"),
    ),
    Matches: Kind(
        lambda m: (
            f"{', '.join(one.comparator.spec for one in m.methods)};"
            f" {m.k} nearest among {count(m.images, 'image')}"
        ),
        matches_document,
        _pairs,
        ("method", "query", "rank", "path", "score", "similarity"),
    ),
    Known: Kind(
        lambda k: (
            f"{sum(a.known for a in k.answers)} of {count(len(k.answers), 'file')} known"
            f" among {count(k.archive.images, 'image')}"
        ),
        known_document,
        _answers,
        ("path", "known", "reason", "match_path", "score", "similarity", "verdict", "kind", "role"),
    ),
    Leaks: Kind(
        lambda found: (
            f"{count(len(found.leaks), 'leak')} among {count(found.images, 'image')} in"
            f" {count(len(found.splits), 'split')}"
        ),
        leaks_document,
        _leaks,
        (
            "split",
            "path",
            "matched",
            "match_split",
            "match_path",
            "kind",
            "role",
            "score",
            "similarity",
            "digest",
        ),
    ),
    Clusters: Kind(
        lambda c: f"{count(len(c.clusters), 'cluster')} of {count(len(c.pictures), 'image')}",
        cluster_document,
        lambda document: iter(document["labels"]),
    ),
    Ordering: Kind(
        lambda o: f"{count(len(o.pictures), 'image')} by {o.comparator.spec}",
        lambda o: sort_document(o, o.better),
        _chain,
    ),
    Comparisons: Kind(
        lambda c: (
            f"{c.left} and {c.right}, {count(len(c), 'method')},"
            f" {sum(one.duplicate for one in c)} say duplicate"
        ),
        lambda c: compare_document(c.left, c.right, c),
        lambda document: iter(document["methods"]),
    ),
    Explanation: Kind(
        lambda e: f"{e.left.name} and {e.right.name} by {e.comparator.spec}",
        explanation_document,
        lambda document: iter([document]),
    ),
    Bench: Kind(
        lambda b: (
            f"{count(len(b.methods), 'method')} on {b.data.name}, {count(b.data.images, 'image')}"
        ),
        bench_document,
        lambda document: iter(document["methods"]),
        # intervals and times have columns of their own
        own_rows=lambda b: (method_figures(method) for method in b.methods),
    ),
    Calibration: Kind(
        lambda c: f"{count(len(c.methods), 'method')}, {c.target.text}",
        lambda c: profile_document(c, ""),
        _calibrated,
    ),
    FeatureSet: Kind(
        lambda f: (
            f"{count(len(f.paths), 'file')}, {f.comparator.spec},"
            f" {'x'.join(map(str, f.rows.shape[1:]))} each"
        ),
        features_document,
        lambda document: iter(document["files"]),
        ("path", "digest", "width", "height", "features"),
        _features,
    ),
    Manifest: Kind(
        lambda m: f"{count(len(m.paths), 'path')} of {m.source}",
        manifest_document,
        lambda document: ({**one, **one["values"]} for one in document["images"]),
    ),
    Plan: Kind(
        lambda p: next(iter(plan_summary(p))),
        plan_document,
        _removals,
        ("group", "keep", "path", "role", "chosen", "bytes", "digest"),
    ),
    Applied: Kind(
        applied_headline,
        applied_document,
        _carried_out,
        ("path", "done", "reason", "kept", "role", "bytes"),
    ),
    Undone: Kind(undone_headline, undone_document, _taken_back, ("path", "done", "reason")),
    TrainedAutoencoder: Kind(
        _network_text, autoencoder_document, lambda document: iter(document["epochs"])
    ),
    TrainedSiamese: Kind(
        _network_text, siamese_document, lambda document: iter(document["epochs"])
    ),
}
"""By the class of a result."""
