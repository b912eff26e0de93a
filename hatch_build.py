"""Compiles the parts in C when imgsim is built; where that fails, imgsim works without them."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

SOURCES = Path("src", "imgsim", "compiled")

WITHOUT = "IMGSIM_BUILD_WITHOUT_C"
"""Environment variable: if it is set, nothing is compiled."""


class CompiledParts(BuildHookInterface):
    """Compiles for the limited API: one binary serves Python 3.11 and all later versions."""

    PLUGIN_NAME = "custom"
    _folder: str | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        os.chdir(self.root)  # named relative to it, sources leave nothing of its name in a binary
        if version == "editable":
            for binary in [*SOURCES.glob("_*.abi3.so"), *SOURCES.glob("_*.pyd")]:
                binary.unlink()  # of an earlier installation
        if os.environ.get(WITHOUT) or sysconfig.get_config_var("Py_GIL_DISABLED"):
            return  # Python without its global lock has no limited API
        self._folder = tempfile.mkdtemp()
        try:
            binaries = _compiled(sorted(SOURCES.glob("_*.c")), self._folder)
        except Exception as error:
            self.app.display_warning(
                f"The parts in C could not be compiled ({error}): imgsim works, but slower."
            )
            return
        if version == "editable":
            for binary in binaries:
                shutil.copy(binary, SOURCES)
        for binary in binaries:
            build_data["force_include"][str(binary)] = f"imgsim/compiled/{binary.name}"
        build_data["pure_python"] = False
        # others would say more of the system's C library than is known here
        every = (tag.platform for tag in sys_tags())
        platform = next(name for name in every if not name.startswith(("many", "musl")))
        build_data["tag"] = f"cp311-abi3-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _compiled(sources: list[Path], folder: str) -> list[Path]:
    """Compile each to a module of its own."""
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    flags = [] if sys.platform == "win32" else ["-O3", "-g0", "-std=c11", "-Wall", "-Wextra"]
    modules = [
        Extension(
            f"imgsim.compiled.{source.stem}",
            [source.as_posix()],
            extra_compile_args=flags,
            py_limited_api=True,
        )
        for source in sources
    ]
    command = build_ext(Distribution({"name": "imgsim", "ext_modules": modules}))
    command.build_lib = command.build_temp = folder
    command.ensure_finalized()
    command.run()
    return [Path(path) for path in command.get_outputs()]
