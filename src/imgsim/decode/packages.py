"""The packages that decode: their versions, and what is said of one that is missing."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from imgsim.decode.spec import DecodeError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_PACKAGES = (
    "pillow", "pillow-heif", "pillow-jxl-plugin", "rawpy", "opencv-python-headless", "tifffile",
    "imagecodecs", "simplejpeg",
)  # fmt: skip
_SAME_MODULE = {
    "opencv-python-headless": (
        "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python",
    ),
}  # fmt: skip
_BUNDLED = (".libs/", ".dylibs/")


@cache
def package_versions() -> str:
    """Name every package that may decode a file, with its version, or that it is missing.

    Returns
    -------
    str
        A wheel brings its C libraries along, which is why their checksums count too: a build of
        the same version with another libjpeg gives other pixels.
    """
    return ", ".join(map(_describe, _PACKAGES))


def needs_package(what: str, package: str) -> DecodeError:
    """Make the error of a file that needs a package which cannot be imported.

    It may be remembered if the package is not installed, since `package_versions` says so; not so
    if it is installed and does not load.
    """
    reason = f"{what} the package {package} (imgsim[formats])"
    return DecodeError(reason, lasting=_installed(package) is None)


def _installed(package: str) -> Distribution | None:
    # it takes long to import, and workers do not need it
    from importlib.metadata import PackageNotFoundError, distribution

    for name in (package, *_SAME_MODULE.get(package, ())):
        try:
            return distribution(name)
        except PackageNotFoundError:
            continue
    return None


def _describe(package: str) -> str:
    installed = _installed(package)
    if installed is None:
        return f"no {package}"
    record = (installed.read_text("RECORD") or "").splitlines()
    libraries = sorted(line for line in record if any(mark in line for mark in _BUNDLED))
    build = hashlib.sha256("\n".join(libraries).encode()).hexdigest()[:8] if libraries else ""
    if package == "pillow" and not libraries:
        build = _system_libraries()
    return f"{package} {installed.version}" + (f"+{build}" if build else "")


def _system_libraries() -> str:
    """Versions of the libraries of the system that a Pillow without its own uses."""
    from PIL import features

    names = ("libjpeg_turbo", "jpg", "webp", "avif", "jpg_2000", "libtiff", "littlecms2")
    return " ".join(f"{name}={features.version(name)}" for name in names)
