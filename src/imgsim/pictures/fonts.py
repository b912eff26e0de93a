"""The fonts that text is drawn in: Pillow's own, and others where they are at hand."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFont

BUILT_IN = "Aileron"
"""The font that comes with Pillow."""

_FILES = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSansMono.ttf",
    "STIXGeneral.ttf",
    "cmss10.ttf",
)
_FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu-sans-fonts")


@lru_cache(maxsize=1)
def faces() -> tuple[str, ...]:
    """Return the fonts at hand: the one of Pillow, and files of matplotlib or of the system."""
    folders = [Path(folder) for folder in _FOLDERS]
    matplotlib = find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        folders.insert(0, Path(matplotlib.origin).parent / "mpl-data/fonts/ttf")
    paths = ([folder / name for folder in folders] for name in _FILES)
    files = (next((path for path in places if path.is_file()), None) for places in paths)
    return (BUILT_IN, *(str(path) for path in files if path is not None))


@lru_cache(maxsize=256)
def load_face(face: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load a font of `faces` at a height in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size) if face == BUILT_IN else ImageFont.truetype(face, size)
