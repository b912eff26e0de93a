"""The modules of the page as one script, for a file that is opened without a server.

A browser lets no module of such a file import another one. The modules of ``static`` keep to a few
forms of import and export, so putting them together takes no tool.
"""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(
    r"^export (?=(?:async )?(?:function\*?|class|const|let) ([A-Za-z_$][\w$]*))", re.MULTILINE
)
_EXPORT_LIST = re.compile(r"export ?\{([^}]*)\};?\s*\Z")
_LEFT = re.compile(r"^(import|export)\b", re.MULTILINE)

START = "main.js"
"""The module that starts the page."""


def static_folder() -> Traversable:
    """Return the folder of the page's files."""
    return files("imgsim.review") / "static"


def static_text(name: str) -> str:
    """Return a file of the page."""
    return _find(name).read_text(encoding="utf-8")


def bundle() -> str:
    """Return one script that does what `START` and the modules that it imports do.

    Raises
    ------
    ValueError
        Modules import each other in a circle, or one has a form of import that is not known here.
    """
    parts: list[str] = ["const modules = {};"]
    done: set[str] = set()

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join((*above, name))}")
        if name in done:
            return
        text = static_text(name)
        for match in _IMPORT.finditer(text):
            add(_target(name, match[2]), (*above, name))
        parts.append(_as_function(name, text))
        done.add(name)

    add(START, ())
    script = "\n".join(parts)
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("a module holds what ends a script in HTML")
    return script


def _as_function(name: str, text: str) -> str:
    exported: dict[str, str] = {}  # name outside: name inside

    def note(match: re.Match[str]) -> str:
        exported[match[1]] = match[1]
        return ""

    def note_list(match: re.Match[str]) -> str:
        for item in match[1].split(","):
            inside, _, outside = item.strip().partition(" as ")
            exported[outside or inside] = inside
        return ""

    def imported(match: re.Match[str]) -> str:
        names = match[1].replace(" as ", ": ")
        return f'const {{{names}}} = modules["{_target(name, match[2])}"];\n'

    text = _IMPORT.sub(imported, text)
    text = _EXPORT_LIST.sub(note_list, _EXPORT.sub(note, text))
    if left := _LEFT.search(text):
        raise ValueError(f"{name} has a form of {left[1]} that is not known")
    returned = ", ".join(f"{outside}: {inside}" for outside, inside in exported.items())
    return f'modules["{name}"] = (() => {{\n{text}\nreturn {{ {returned} }};\n}})();'


def _target(name: str, path: str) -> str:
    """The module that another one imports by a relative path, by its name below ``static``."""
    folder = name.rpartition("/")[0]
    return path.removeprefix("./") if not folder else f"{folder}/{path.removeprefix('./')}"


def _find(name: str) -> Traversable:
    found = static_folder()
    for part in name.split("/"):
        found = found / part
    return found
