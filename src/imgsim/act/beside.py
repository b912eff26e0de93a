"""Notes in a plan what lies beside the files that it removes: their sidecars, and their folders."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from imgsim.act.file_names import is_picture
from imgsim.act.files import FileSystem
from imgsim.act.listings import Listings, join_path, split_path
from imgsim.act.plan import Plan, PlannedFolder, Removal
from imgsim.act.systems import this_file_system


def with_company(plan: Plan, fs: FileSystem | None = None) -> Plan:
    """Return a plan that names the sidecars of its removals, and says what their folders hold.

    `apply` then moves no sidecar that came later, and asks for a folder by what was in it. What the
    plan says already stays; folders that cannot be listed are passed over.

    Parameters
    ----------
    plan : Plan
    fs : FileSystem, optional
    """
    fs = fs or this_file_system()
    going: dict[bytes, set[bytes]] = defaultdict(set)
    for _, one in plan.removals:
        folder, name = split_path(one.file.path)
        going[folder].add(name)
    if not going:
        return plan
    try:
        root = fs.open_root(plan.root)
    except OSError:
        return plan
    try:
        listings = Listings(fs, root)

        def noted(one: Removal) -> Removal:
            folder, name = split_path(one.file.path)
            if one.sidecars is not None:
                return one
            try:
                company = listings.names_in(folder).company(name, going[folder])
            except OSError:
                return one
            beside = (*company.metadata, *company.media)
            return replace(one, sidecars=tuple(join_path(folder, name) for name in beside))

        groups = tuple(
            replace(group, removals=tuple(map(noted, group.removals))) for group in plan.groups
        )
        known = {folder.path: folder for folder in plan.folders}
        for folder in sorted(going.keys() - known.keys()):
            try:
                names = listings.names_in(folder).all
            except OSError:
                continue
            known[folder] = PlannedFolder(folder, len(names), sum(map(is_picture, names)))
    finally:
        fs.leave(root)
    return replace(plan, groups=groups, folders=tuple(known[path] for path in sorted(known)))
