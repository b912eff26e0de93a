"""The manifests in datasets/ parse, are whole, and are read as they say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsim.cli.demo import KINDS
from imgsim.dataset.labelled import LAYOUTS
from imgsim.dataset.layouts import load_labelled

FOLDER = Path(__file__).parents[2] / "datasets"
MANIFESTS = sorted(FOLDER.glob("*.toml"))
TEXTS = "title cite homepage licence images fetch layout prepare seen stand_in".split()


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_every_set_has_a_manifest() -> None:
    assert [path.stem for path in MANIFESTS] == [
        "california-nd", "copydays", "disc21", "fruits-360", "mfnd", "sfbench-like", "ukbench",
    ]  # fmt: skip


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_whole(path: Path) -> None:
    manifest = read(path)
    assert set(manifest) == {*TEXTS, "downloads", "options", "checksums", "examples"}
    for field in TEXTS:
        assert isinstance(manifest[field], str)
        assert manifest[field] or field == "prepare"
    for address in [manifest["homepage"], *manifest["downloads"]]:
        assert address == "unknown" or re.match(r"https?://\S+$", address)
    files = [address.rsplit("/", 1)[-1] for address in manifest["downloads"]]
    for file, digest in manifest["checksums"].items():
        assert file in files
        assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert manifest["layout"] in LAYOUTS
    assert manifest["stand_in"] in {*KINDS, "none"}


@pytest.mark.parametrize(
    "path", [path for path in MANIFESTS if read(path)["examples"]], ids=lambda path: path.stem
)
def test_files_are_read_with_its_options(path: Path, tmp_path: Path) -> None:
    manifest = read(path)
    examples = manifest["examples"]
    for name in examples:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / name)
    if manifest["layout"] == "truth":
        rows = [f"{name},{label}\n" for name, label in examples.items()]
        (tmp_path / "truth.csv").write_text("path,label\n" + "".join(rows))
    options = dict(zip(manifest["options"][::2], manifest["options"][1::2], strict=True))
    data = load_labelled(
        tmp_path,
        layout=manifest["layout"],
        per_scene=int(options["--per-scene"]) if "--per-scene" in options else None,
        prefix=options.get("--prefix"),
    )
    read_as = {
        Path(file).relative_to(tmp_path).as_posix(): label
        for file, label in zip(data.paths, data.labels, strict=True)
    }
    assert read_as == examples
