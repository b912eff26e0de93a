"""Manifests as documents."""

from __future__ import annotations

from typing import Any

from imgsim.read.manifests.manifest import Manifest
from imgsim.report.document import heading, path_document, path_text


def manifest_document(manifest: Manifest) -> dict[str, Any]:
    """Return the paths of a manifest, each with its values by the names of their columns."""
    return {
        **heading("imgsim.manifest/1"),
        "source": path_text(manifest.source),
        "columns": list(manifest.columns),
        "images": [{**path_document(one.path), "values": dict(one.values)} for one in manifest],
    }
