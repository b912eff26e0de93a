"""An examination of this installation: the formats it reads, the methods it can run."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from imgsim import __version__
from imgsim.comparators.listing import listed
from imgsim.compiled import all_there
from imgsim.executors.base import usable_cores

_PACKAGES = (
    "click faiss-cpu numpy pillow pillow-heif platformdirs pywavelets scikit-learn scipy tqdm"
    " pillow-jxl-plugin rawpy tifffile imagecodecs simplejpeg torch torchvision"
    " efficientnet_pytorch safetensors pooch openvino"
).split()

_TRY_TORCH = """
from imgsim.errors import ImgsimError
from imgsim.models.devices import choose_device, require_torch, require_torchvision
try:
    print(f"torch {require_torch().__version__}, device auto is {choose_device('auto')}")
    require_torchvision()
except ImgsimError as error:
    print(f"{error.message} ({error.hint})")
"""


def examine(cache: Path | None) -> dict[str, Any]:
    """Try formats, methods and packages, as far as that needs no picture.

    Returns
    -------
    dict
        The document of ``imgsim doctor --format json``.
    """
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": usable_cores(),
        "cache": None if cache is None else str(cache),
        "compiled": all_there(),
        "formats": _readable_formats(),
        "methods": [
            {"name": one.name, "available": one.available, "cause": one.cause} for one in listed()
        ],
        "torch": _try_torch(),
        "packages": {name: _package_version(name) for name in _PACKAGES},
    }


def _readable_formats() -> list[dict[str, Any]]:
    from PIL import features

    rows = [_format_row("JPEG, PNG, GIF, BMP, TIFF, PNM, TGA, PSD, ICO, PCX, SGI, QOI", True, "")]
    for name, feature in (("WebP", "webp"), ("AVIF", "avif"), ("JPEG 2000", "jpg_2000")):
        here = bool(features.check(feature))
        rows.append(_format_row(name, here, "" if here else "Pillow was built without it"))
    for name, module, package, extra in (
        ("HEIC, HEIF", "pillow_heif", "pillow-heif", "formats"),
        ("JPEG XL", "pillow_jxl", "pillow-jxl-plugin", "formats"),
        ("camera raw (previews)", "rawpy", "rawpy", "formats"),
        ("rows of Parquet and Arrow", "pyarrow", "pyarrow", "data"),
        ("object stores (s3://, gs://)", "fsspec", "fsspec", "remote"),
    ):
        rows.append(_format_row(name, *_try_import(module, package, extra)))
    rows.append(_format_row("EPS, PDF, SVG", False, "no pictures: render them first"))
    return rows


def _format_row(name: str, readable: bool, note: str) -> dict[str, Any]:
    return {"name": name, "readable": readable, "note": note}


def _try_import(module: str, package: str, extra: str) -> tuple[bool, str]:
    try:
        import_module(module)
    except ModuleNotFoundError:
        return False, f"pip install {package}, or imgsim[{extra}]"
    except Exception as error:  # a broken binary raises what it likes
        return False, f"{package} does not import: {error}"
    return True, ""


def _try_torch() -> str:
    """Say how torch does, tried in a process of its own: it is large, and may crash."""
    if find_spec("torch") is None:
        return "not installed: pip install 'imgsim[deep]'"
    done = subprocess.run(
        [sys.executable, "-c", _TRY_TORCH], capture_output=True, text=True, check=False
    )
    return (
        "; ".join(done.stdout.split("\n")).strip("; ")
        or f"does not start (exit code {done.returncode})"
    )


def _package_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
