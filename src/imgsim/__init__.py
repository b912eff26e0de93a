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
    from imgsim.clusters import Clusters, cluster_images
    from imgsim.collect import RunOptions
    from imgsim.discover import DiscoverOptions
    from imgsim.errors import ImgsimError, UnreadableImage, UsageError
    from imgsim.explaining import Explanation, explain
    from imgsim.leaks import Leak, Leaks, find_leaks
    from imgsim.ordering import Chain, Ordering, sort_images
    from imgsim.pipeline import Duplicates, find_duplicates
    from imgsim.profile import Profile, read_profile
    from imgsim.ranking import Comparison, Matches, MethodMatches, compare, matches, search
    from imgsim.training.autoencoder import train_autoencoder
    from imgsim.training.siamese import train_siamese
    from imgsim.types import Group, ImageFacts, ImageFile, Match, Member, Picture, Skipped

__version__ = "0.1.0"

_HOMES = {
    "Chain": "ordering",
    "Clusters": "clusters",
    "Comparison": "ranking",
    "DiscoverOptions": "discover",
    "Duplicates": "pipeline",
    "Explanation": "explaining",
    "Group": "types",
    "ImageFacts": "types",
    "ImageFile": "types",
    "ImgsimError": "errors",
    "Leak": "leaks",
    "Leaks": "leaks",
    "Match": "types",
    "Matches": "ranking",
    "Member": "types",
    "MethodMatches": "ranking",
    "Ordering": "ordering",
    "Picture": "types",
    "Profile": "profile",
    "RunOptions": "collect",
    "Skipped": "types",
    "UnreadableImage": "errors",
    "UsageError": "errors",
    "cluster_images": "clusters",
    "compare": "ranking",
    "explain": "explaining",
    "find_duplicates": "pipeline",
    "find_leaks": "leaks",
    "matches": "ranking",
    "read_profile": "profile",
    "search": "ranking",
    "sort_images": "ordering",
    "train_autoencoder": "training.autoencoder",
    "train_siamese": "training.siamese",
}

__all__ = [
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
    "Match",
    "Matches",
    "Member",
    "MethodMatches",
    "Ordering",
    "Picture",
    "Profile",
    "RunOptions",
    "Skipped",
    "UnreadableImage",
    "UsageError",
    "__version__",
    "cluster_images",
    "compare",
    "explain",
    "find_duplicates",
    "find_leaks",
    "matches",
    "read_profile",
    "search",
    "sort_images",
    "train_autoencoder",
    "train_siamese",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"imgsim.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
