"""imgsim finds duplicate and near-duplicate images.

>>> import imgsim
>>> found = imgsim.find_duplicates("photos")  # doctest: +SKIP
>>> for group in found.groups:  # doctest: +SKIP
...     print(group.kept.file.path, [m.picture.file.path for m in group.members[1:]])

Everything is imported on first use: ``import imgsim`` loads none of the packages it stands on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgsim.act.apply import apply
    from imgsim.act.options import ApplyOptions
    from imgsim.act.outcome import Applied, Undone
    from imgsim.act.plan import Plan
    from imgsim.act.plan_file import read_plan, write_plan
    from imgsim.act.planning import make_plan as plan
    from imgsim.act.undo import undo
    from imgsim.errors import ImgsimError, UnreadableImage, UsageError
    from imgsim.profile import Profile, read_profile
    from imgsim.read.discover import DiscoverOptions
    from imgsim.read.manifests.manifest import Manifest
    from imgsim.read.manifests.reading import read_manifest
    from imgsim.read.options import RunOptions
    from imgsim.tasks.cluster.cluster_images import cluster_images
    from imgsim.tasks.cluster.results import Clusters
    from imgsim.tasks.compare import Comparison, compare
    from imgsim.tasks.explain import Explanation, explain
    from imgsim.tasks.find_duplicates import Duplicates, find_duplicates
    from imgsim.tasks.leaks.find_leaks import find_leaks
    from imgsim.tasks.leaks.results import Leak, Leaks
    from imgsim.tasks.matches import Matches, MethodMatches, matches, search
    from imgsim.tasks.sort.sort_images import Ordering, sort_images
    from imgsim.tasks.sort.tour import Chain
    from imgsim.training.autoencoder import train_autoencoder
    from imgsim.training.siamese import train_siamese
    from imgsim.types import Group, ImageFacts, ImageFile, Match, Member, Picture, Related, Skipped

__version__ = "0.1.0"

_HOMES = {
    "Applied": "act.outcome",
    "ApplyOptions": "act.options",
    "Chain": "tasks.sort.tour",
    "Clusters": "tasks.cluster.results",
    "Comparison": "tasks.compare",
    "DiscoverOptions": "read.discover",
    "Duplicates": "tasks.find_duplicates",
    "Explanation": "tasks.explain",
    "Group": "types",
    "ImageFacts": "types",
    "ImageFile": "types",
    "ImgsimError": "errors",
    "Leak": "tasks.leaks.results",
    "Leaks": "tasks.leaks.results",
    "Manifest": "read.manifests.manifest",
    "Match": "types",
    "Matches": "tasks.matches",
    "Member": "types",
    "MethodMatches": "tasks.matches",
    "Ordering": "tasks.sort.sort_images",
    "Picture": "types",
    "Plan": "act.plan",
    "Profile": "profile",
    "Related": "types",
    "RunOptions": "read.options",
    "Skipped": "types",
    "Undone": "act.outcome",
    "UnreadableImage": "errors",
    "UsageError": "errors",
    "apply": "act.apply",
    "cluster_images": "tasks.cluster.cluster_images",
    "compare": "tasks.compare",
    "explain": "tasks.explain",
    "find_duplicates": "tasks.find_duplicates",
    "find_leaks": "tasks.leaks.find_leaks",
    "matches": "tasks.matches",
    "plan": "act.planning:make_plan",
    "read_manifest": "read.manifests.reading",
    "read_plan": "act.plan_file",
    "read_profile": "profile",
    "search": "tasks.matches",
    "sort_images": "tasks.sort.sort_images",
    "train_autoencoder": "training.autoencoder",
    "train_siamese": "training.siamese",
    "undo": "act.undo",
    "write_plan": "act.plan_file",
}

__all__ = [
    "Applied",
    "ApplyOptions",
    "Chain",
    "Clusters",
    "Comparison",
    "DiscoverOptions",
    "Duplicates",
    "Explanation",
    "Group",
    "ImageFacts",
    "ImageFile",
    "ImgsimError",
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
    "Related",
    "RunOptions",
    "Skipped",
    "Undone",
    "UnreadableImage",
    "UsageError",
    "__version__",
    "apply",
    "cluster_images",
    "compare",
    "explain",
    "find_duplicates",
    "find_leaks",
    "matches",
    "plan",
    "read_manifest",
    "read_plan",
    "read_profile",
    "search",
    "sort_images",
    "train_autoencoder",
    "train_siamese",
    "undo",
    "write_plan",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        home, _, own_name = _HOMES[name].partition(":")
        value = getattr(import_module(f"imgsim.{home}"), own_name or name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
