"""All methods that are registered, with what they are, or why they cannot be used.

Those of other packages are looked at in child processes: importing one may raise, end its process,
print or hang, and then it alone is listed as unavailable. One that is named is tried there, too,
before a run imports it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import MISSING, asdict, dataclass, field, replace
from typing import Any

from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator, VectorComparator
from imgsim.comparators.contract import ALL
from imgsim.comparators.evidence import Explains
from imgsim.comparators.recipes import Recipe
from imgsim.errors import ImgsimError, MethodUnavailable

LIMIT_SECONDS = 20.0
"""For which a child process may import and describe a method of another package."""

_PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]);"
    "from imgsim.comparators.listing import main; main(sys.argv[2])"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A registered method, without its class.

    Attributes
    ----------
    name : str
    package : str
        The distribution that registers it.
    cause : str
        Why it cannot be used here; empty if it can.
    summary : str
    fields : dict
        Defaults by field; None where a value has to be given.
    ranks, verifies : bool
        See `Comparator`.
    explains : bool
        ``imgsim explain`` can show where its score comes from.
    metric, score_unit, score_better : str or None
        None where a value has to be given before it can be told.
    presets : dict
        The score of each preset, by name.
    prints : bool
        Importing it writes to standard output or error (of other packages only).
    answers : bool
        False where the child process that was to describe it ended or took too long.
    """

    name: str
    package: str
    cause: str = ""
    summary: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    ranks: bool = False
    verifies: bool = False
    explains: bool = False
    metric: str | None = None
    score_unit: str | None = None
    score_better: str | None = None
    presets: dict[str, float] = field(default_factory=dict)
    prints: bool = False
    answers: bool = True

    @property
    def available(self) -> bool:
        """It can be used here."""
        return not self.cause

    @property
    def needs_values(self) -> bool:
        """Fields of it have no default, such as the file of a network that the user trained."""
        return None in self.fields.values()


def listed() -> list[Listed]:
    """Describe everything registered, in the order of names."""
    names = registry.names()
    others = [name for name in names if not registry.is_built_in(name)]
    found = {name: _described(name) for name in names if registry.is_built_in(name)}
    if others:
        with ThreadPoolExecutor(min(8, len(others))) as pool:
            found.update(zip(others, pool.map(described_elsewhere, others), strict=True))
    return [found[name] for name in names]


def _described(name: str) -> Listed:
    """Import and describe a method in this process."""
    package = registry.package_of(name)
    try:
        cls = registry.load(name)
    except MethodUnavailable as error:
        return Listed(name, package, error.message)
    defaults = {
        f.name: None if f.default is MISSING else f.default for f in registry.fields_of(cls)
    }
    if cause := registry.missing(cls):
        return Listed(name, package, cause, fields=defaults)
    about: dict[str, Any] = {
        "summary": cls.summary,
        "fields": defaults,
        "ranks": cls.ranks,
        "verifies": cls.verifies,
        "explains": issubclass(cls, (Explains, Recipe)),
    }
    if None not in defaults.values():
        try:
            instance = registry.parse(name)
        except ImgsimError as error:
            return Listed(name, package, error.message)
        scale = instance.scale
        about |= {
            "metric": instance.metric.value if isinstance(instance, VectorComparator) else "pairs",
            "score_unit": scale.unit,
            "score_better": scale.better,
            "presets": {p: float(scale.score(instance.preset_distance(p))) for p in PRESETS},
        }
    return Listed(name, package, **about)


def described_elsewhere(name: str) -> Listed:
    """Describe a method in a child process that has `LIMIT_SECONDS`.

    Parameters
    ----------
    name : str
        A registered one.
    """
    package = registry.package_of(name)
    command = [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path), name]
    # a file and no pipe: what the method starts may keep one open
    with tempfile.TemporaryFile() as answer:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            cause = f"no process can be started to import it: {error}"
            return Listed(name, package, cause, answers=False)
        try:
            code = child.wait(LIMIT_SECONDS)
            cause = f"importing it ends the process (exit code {code})"
        except subprocess.TimeoutExpired:
            cause = f"it does not import within {LIMIT_SECONDS:g} s"
        finally:
            _end(child)
        answer.seek(0)
        try:
            return Listed(**json.loads(answer.read()))
        except (ValueError, TypeError):
            return Listed(name, package, f"method {name}: {cause}", answers=False)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child process and what it started."""
    try:
        if hasattr(os, "killpg"):
            import signal

            os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.kill()
    child.wait()


def main(name: str) -> None:
    """Describe a method on standard output, for `listed`; nothing else gets there."""
    answer = os.dup(1)
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)  # where `registry.load` sends what is printed
        found = _described(name)
        sys.stderr.flush()
        found = replace(found, prints=os.fstat(1).st_size > 0)
    described = json.dumps(asdict(found), default=str).encode()
    with os.fdopen(answer, "wb") as stream:
        stream.write(described)
    os._exit(0)  # what it left running is not waited for


def parse(text: str) -> Comparator:
    """Make a comparator as `registry.parse` does, once a child process has imported it.

    That holds for those of other packages, and where they are not imported yet: what ends the
    process or hangs when it is imported would take the run along, and a gate would pass.

    Raises
    ------
    UnknownMethod, MethodUnavailable, UsageError
        See `registry.parse`; or importing it ends the child process, or takes too long.
    """
    name = text.partition(":")[0].strip()
    if registry.is_foreign(name):
        found = described_elsewhere(name)
        if not found.answers:
            raise MethodUnavailable(found.cause, registry.repair(name))
    return registry.parse(text)


def parse_all(
    text: str,
    *,
    ranking: bool = False,
    left_out: Callable[[str, str], object] = lambda name, reason: None,
) -> list[Comparator]:
    """Make comparators as `parse` does; ``all`` makes every available one by default.

    Those that need a value, such as the file of a network that the user trained, are left out,
    and where images are to be ranked also those that neither score any two nor verify.

    Parameters
    ----------
    text : str
    ranking : bool
    left_out : callable
        Called with the name of each that ``all`` would stand for, and why it cannot be used.
    """
    if text != ALL:
        return [parse(text)]
    found = [one for one in listed() if not one.needs_values]
    for one in found:
        if not one.available:
            left_out(one.name, without_name(one.cause, one.name))
    usable = [one for one in found if one.available]
    return [registry.parse(one.name) for one in usable if not ranking or one.ranks or one.verifies]


def without_name(cause: str, name: str) -> str:
    """Return why a method cannot be used, without its name, for where that stands before it."""
    return cause.removeprefix(f"method {name}").lstrip(": ")


def split_ready(
    comparators: Sequence[Comparator],
) -> tuple[list[Comparator], list[tuple[Comparator, str]]]:
    """Tell comparators that can run here and now from those that cannot, with the reason.

    Nothing is fetched for them: who asks for all methods did not ask for a download.
    """
    ready, others = [], []
    for comparator in comparators:
        try:
            comparator.extractor.get_ready(fetch=False)
        except ImgsimError as error:
            others.append((comparator, error.message))
        else:
            ready.append(comparator)
    return ready, others


def only_ready(
    comparators: Sequence[Comparator], note: Callable[[str], object]
) -> list[Comparator]:
    """Leave out comparators that cannot run here and now, with a note; see `split_ready`."""
    ready, others = split_ready(comparators)
    for comparator, reason in others:
        note(f"without {comparator.name}: {reason}")
    return ready
