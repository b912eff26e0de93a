"""The folder in which the runs of apply are remembered."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from imgsim.errors import UsageError

_NAME = "history"


def default_folder() -> Path | None:
    """Return the user's folder of runs, or what IMGSIM_RUNS names; None without a home folder."""
    from platformdirs import user_state_path

    named = os.environ.get("IMGSIM_RUNS")
    if named:
        return Path(named).absolute()
    try:
        folder = user_state_path("imgsim", appauthor=False)
    except (KeyError, RuntimeError):  # no entry in the list of users
        return None
    return folder / "runs" if folder.is_absolute() else None


class History:
    """The runs that were remembered on this machine, for this user.

    Parameters
    ----------
    folder : Path, optional
        The user's own by default.

    Attributes
    ----------
    folder : Path or None
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    @property
    def name(self) -> str:
        """What tells this list of runs from others; empty as long as there was no run."""
        if self.folder is None:
            return ""
        try:
            return (self.folder / _NAME).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def runs(self) -> list[str]:
        """Return the names of the runs, in the order in which they were begun."""
        if self.folder is None:
            return []
        try:
            names = [e.name for e in os.scandir(self.folder) if e.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        return sorted(names)

    def number_of_runs(self) -> int:
        """Return the number of the latest run; purged ones are counted."""
        return max((number_of(name) for name in self.runs()), default=0)

    def make(self) -> Path:
        """Make the folder, if it is not there, and return it.

        Raises
        ------
        UsageError
            There is no home folder, or it cannot be made.
        """
        if self.folder is None:
            raise UsageError(
                "there is no home folder to keep the journal in", "IMGSIM_RUNS=FOLDER names one"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.name:
                part = self.folder / f".{_NAME}.{os.getpid()}"
                part.write_text(secrets.token_hex(8) + "\n", "ascii")
                part.replace(self.folder / _NAME)
        except OSError as error:
            raise UsageError(
                f"cannot keep a journal in {self.folder}: {error.strerror}",
                "IMGSIM_RUNS=FOLDER names another folder",
            ) from None
        return self.folder


def number_of(run: str) -> int:
    """Return the number of a run by the name of its folder, ``000007-...``; 0 if it has none."""
    head = run.partition("-")[0]
    return int(head) if head.isdecimal() else 0
