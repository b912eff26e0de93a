"""imgsim finds duplicate and near-duplicate images.

>>> import imgsim
>>> found = imgsim.find_duplicates("photos")  # doctest: +SKIP
>>> for group in found.groups:  # doctest: +SKIP
...     print(group.kept.file.path, [m.picture.file.path for m in group.members[1:]])

Copies: `find_duplicates` (groups of them; `with_labels` tells conflicts of labels), `known` and
`KnownArchive` (which files an archive holds), `find_leaks` (pictures that splits of a data set
share), `compare` and `explain` (two images).

A lasting index of pictures: `Index`, which is asked as `search`, `known` and `find_duplicates` ask
a folder.

Rankings: `matches` (the nearest others of every image), `search` (of images from elsewhere: paths,
or bytes as `Query`), `sort_images`, `cluster_images` (`with_cluster_labels` tells how well clusters
and labels agree); `features` and `read_features`, ranked by
`rank_features`.

Removing: `plan`, `write_plan`, `read_plan`, `apply`, `undo`.

Decided by a person: `Decisions`, a file of what was, which `find_duplicates`, `find_leaks`, `known`
and `apply` take; `decide` adds to it.

Methods: `bench` and `calibrate` on labelled folders, `read_profile`, `train_siamese`,
`train_autoencoder`.

How files are found and read: `RunOptions`, `DiscoverOptions`; `read_manifest` reads lists of them,
with their splits, labels and groups. What is wrong with a call is an `ImgsimError`. Every
result has `to_dict` and `to_dataframe`, can be counted and gone through, and shows its pictures in
a notebook.

Everything is imported on first use: ``import imgsim`` loads none of the packages it stands on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgsim import schemas as schemas
    from imgsim import testing as testing
    from imgsim.act.apply import apply
    from imgsim.act.options import ApplyOptions
    from imgsim.act.outcome import Applied, Undone
    from imgsim.act.plan import Plan
    from imgsim.act.plan_file import read_plan, write_plan
    from imgsim.act.planning import make_plan as plan
    from imgsim.act.undo import undo
    from imgsim.benchmark.results import Bench
    from imgsim.calibration.calibrate import Calibration
    from imgsim.decisions.records import Decision
    from imgsim.decisions.store import Decisions
    from imgsim.errors import ImgsimError, UnreadableImage, UsageError
    from imgsim.profile import Profile, read_profile
    from imgsim.read.discover import DiscoverOptions
    from imgsim.read.manifests.manifest import Manifest
    from imgsim.read.manifests.reading import read_manifest
    from imgsim.read.options import RunOptions
    from imgsim.report.features import read_features
    from imgsim.tasks.cluster.cluster_images import cluster_images
    from imgsim.tasks.cluster.colouring import with_cluster_labels
    from imgsim.tasks.cluster.results import Clusters
    from imgsim.tasks.compare import Comparison, Comparisons, compare
    from imgsim.tasks.decide import decide
    from imgsim.tasks.explain import Explanation, explain
    from imgsim.tasks.features import FeatureSet, features, rank_features
    from imgsim.tasks.find_duplicates import Duplicates, find_duplicates
    from imgsim.tasks.index import Index
    from imgsim.tasks.known import KnownArchive, known
    from imgsim.tasks.known_results import Known, KnownAnswer
    from imgsim.tasks.labelled_data import bench, calibrate
    from imgsim.tasks.labels import with_labels
    from imgsim.tasks.leaks.find_leaks import find_leaks
    from imgsim.tasks.leaks.results import Leak, Leaks
    from imgsim.tasks.match_results import Matches, MethodMatches, QueryMatches
    from imgsim.tasks.matches import matches, search
    from imgsim.tasks.query import Query
    from imgsim.tasks.sort.sort_images import Ordering, sort_images
    from imgsim.tasks.sort.tour import Chain
    from imgsim.training.autoencoder import train_autoencoder
    from imgsim.training.siamese import train_siamese
    from imgsim.types import Group, ImageFacts, ImageFile, Match, Member, Picture, Related, Skipped

__version__ = "0.1.0"

_HOMES = {
    "Applied": "act.outcome",
    "ApplyOptions": "act.options",
    "Bench": "benchmark.results",
    "Calibration": "calibration.calibrate",
    "Chain": "tasks.sort.tour",
    "Clusters": "tasks.cluster.results",
    "Comparison": "tasks.compare",
    "Comparisons": "tasks.compare",
    "Decision": "decisions.records",
    "Decisions": "decisions.store",
    "DiscoverOptions": "read.discover",
    "Duplicates": "tasks.find_duplicates",
    "Explanation": "tasks.explain",
    "FeatureSet": "tasks.features",
    "Group": "types",
    "ImageFacts": "types",
    "ImageFile": "types",
    "ImgsimError": "errors",
    "Index": "tasks.index",
    "Known": "tasks.known_results",
    "KnownAnswer": "tasks.known_results",
    "KnownArchive": "tasks.known",
    "Leak": "tasks.leaks.results",
    "Leaks": "tasks.leaks.results",
    "Manifest": "read.manifests.manifest",
    "Match": "types",
    "Matches": "tasks.match_results",
    "Member": "types",
    "MethodMatches": "tasks.match_results",
    "Ordering": "tasks.sort.sort_images",
    "Picture": "types",
    "Plan": "act.plan",
    "Profile": "profile",
    "Query": "tasks.query",
    "QueryMatches": "tasks.match_results",
    "Related": "types",
    "RunOptions": "read.options",
    "Skipped": "types",
    "Undone": "act.outcome",
    "UnreadableImage": "errors",
    "UsageError": "errors",
    "apply": "act.apply",
    "bench": "tasks.labelled_data",
    "calibrate": "tasks.labelled_data",
    "cluster_images": "tasks.cluster.cluster_images",
    "compare": "tasks.compare",
    "decide": "tasks.decide",
    "explain": "tasks.explain",
    "features": "tasks.features",
    "find_duplicates": "tasks.find_duplicates",
    "find_leaks": "tasks.leaks.find_leaks",
    "known": "tasks.known",
    "matches": "tasks.matches",
    "plan": "act.planning:make_plan",
    "rank_features": "tasks.features",
    "read_features": "report.features",
    "read_manifest": "read.manifests.reading",
    "read_plan": "act.plan_file",
    "read_profile": "profile",
    "search": "tasks.matches",
    "sort_images": "tasks.sort.sort_images",
    "train_autoencoder": "training.autoencoder",
    "train_siamese": "training.siamese",
    "undo": "act.undo",
    "with_cluster_labels": "tasks.cluster.colouring",
    "with_labels": "tasks.labels",
    "write_plan": "act.plan_file",
}

__all__ = [
    "Applied",
    "ApplyOptions",
    "Bench",
    "Calibration",
    "Chain",
    "Clusters",
    "Comparison",
    "Comparisons",
    "Decision",
    "Decisions",
    "DiscoverOptions",
    "Duplicates",
    "Explanation",
    "FeatureSet",
    "Group",
    "ImageFacts",
    "ImageFile",
    "ImgsimError",
    "Index",
    "Known",
    "KnownAnswer",
    "KnownArchive",
    "Leak",
    "Leaks",
    "Manifest",
    "Match",
    "Matches",
    "Member",
    "MethodMatches",
    "Ordering",
    "Picture",
    "Plan",
    "Profile",
    "Query",
    "QueryMatches",
    "Related",
    "RunOptions",
    "Skipped",
    "Undone",
    "UnreadableImage",
    "UsageError",
    "__version__",
    "apply",
    "bench",
    "calibrate",
    "cluster_images",
    "compare",
    "decide",
    "explain",
    "features",
    "find_duplicates",
    "find_leaks",
    "known",
    "matches",
    "plan",
    "rank_features",
    "read_features",
    "read_manifest",
    "read_plan",
    "read_profile",
    "search",
    "sort_images",
    "train_autoencoder",
    "train_siamese",
    "undo",
    "with_cluster_labels",
    "with_labels",
    "write_plan",
]


_MODULES = frozenset(("schemas", "testing"))
"""Modules that are used by their names, such as ``imgsim.schemas.schema``."""


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"imgsim.{name}")
    if name in _HOMES:
        home, _, own_name = _HOMES[name].partition(":")
        value = getattr(import_module(f"imgsim.{home}"), own_name or name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
