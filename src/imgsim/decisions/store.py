"""The file in which decisions are kept: JSON lines, one decision a line.

It lies in the user's folder for data and not with the cache: what a person said cannot be worked
out again. Decisions are appended, and on disk when `Decisions.add` returns; a line that was not
written whole, since the power failed, is left out and overwritten. What is taken back is removed by
writing the file anew beside itself. Several processes may use one file at a time.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from imgsim.addresses import printable
from imgsim.decisions.records import (
    ANSWERS,
    Answer,
    DecidedFile,
    Decision,
    decision_line,
    heading,
    in_order,
    read_line,
    time_text,
)
from imgsim.errors import DecisionsUnusable, UsageError
from imgsim.folders import sync_folder
from imgsim.locks import FileLock

_WAIT_SECONDS = 10.0
_LONGEST_HEADING = 256
_SECONDS_BETWEEN = 0.02
_NAME_IT = "IMGSIM_DECISIONS names another file"


def default_path() -> Path | None:
    """Return the user's file of decisions, or what IMGSIM_DECISIONS names.

    None without a home folder, and where it says ``off``.
    """
    named = os.environ.get("IMGSIM_DECISIONS")
    if named:
        return None if named.lower() == "off" else Path(named)
    from platformdirs import user_data_path

    try:
        folder = user_data_path("imgsim", appauthor=False)
    except (KeyError, RuntimeError):  # no entry in the list of users
        return None
    # without a home the path would begin with "~" and lie below the current folder
    return folder / "decisions.jsonl" if folder.is_absolute() else None


class Decisions:
    """What a person decided, in a file or in memory; goes through as `Decision`, the first first.

    >>> with_file = Decisions("decisions.jsonl")  # doctest: +SKIP
    >>> with_file.add("keep-all", files)  # doctest: +SKIP

    `tasks.decide.decide` makes the files of paths or pictures.

    Parameters
    ----------
    path : path or None
        A file, which need not exist yet; None keeps all in memory.

    Raises
    ------
    DecisionsUnusable
        It cannot be read, is damaged, is no such file, or a newer imgsim wrote it.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._decisions: list[Decision] = []
        self._read_to = 0
        self._lines = 0
        self._line_end = b""  # what the last line lacks
        self._identity: tuple[int, int, bytes] | None = None
        self.refresh()

    def __len__(self) -> int:
        return len(self._decisions)

    def __iter__(self) -> Iterator[Decision]:
        return iter(in_order(self._decisions))

    def __repr__(self) -> str:
        return f"<Decisions: {len(self)}, {self.path or 'in memory'}>"

    @property
    def _name(self) -> str:
        return printable(os.fspath(self.path or ""))

    # Reading ------------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Read what other processes have written since.

        Returns
        -------
        bool
            Whether the decisions are others now.

        Raises
        ------
        DecisionsUnusable
        """
        before, count = self._decisions, len(self._decisions)
        self._read()
        if self._decisions is before:  # more may have been appended
            return len(before) != count
        return self._decisions != before

    def _read(self) -> None:
        if self.path is None:
            return
        try:
            if self.path.exists() and not self.path.is_file():
                raise DecisionsUnusable(f"{self._name} is not a file", _NAME_IT)
            with self.path.open("rb") as stream:
                status = os.fstat(stream.fileno())
                # the number of a file that was replaced is given to another one
                identity = status.st_dev, status.st_ino, stream.readline(_LONGEST_HEADING)
                if identity != self._identity or status.st_size < self._read_to:
                    self._decisions, self._read_to, self._lines = [], 0, 0
                self._identity = identity
                if self._line_end:  # somebody may have put it there, or gone on with the line
                    self._decisions, self._read_to, self._lines = [], 0, 0
                stream.seek(self._read_to)
                data = stream.read()
        except FileNotFoundError:
            self._decisions, self._read_to, self._lines, self._identity = [], 0, 0, None
            return
        except OSError as error:
            raise DecisionsUnusable(
                f"cannot read decisions {self._name}: {error.strerror}", _NAME_IT
            ) from None
        self._take(data)

    def _take(self, data: bytes) -> None:
        """Take lines; what comes behind the last line end may not have been written whole."""
        end, name = data.rfind(b"\n") + 1, self._name
        for line in data[:end].split(b"\n")[:-1]:
            decision = read_line(line, name, self._lines + 1)  # read again if it is none
            self._lines += 1
            if decision is not None:
                self._decisions.append(decision)
            self._read_to += len(line) + 1
        self._line_end = b""
        if data[end:]:
            try:  # an editor may have left out the last line end
                decision = read_line(data[end:], name, self._lines + 1)
            except DecisionsUnusable:
                return
            if decision is not None:
                self._lines += 1
                self._decisions.append(decision)
                self._read_to += len(data) - end
                self._line_end = b"\n"

    # Writing ------------------------------------------------------------------------------

    def add(self, answer: Answer, files: Sequence[DecidedFile]) -> Decision:
        """Remember what was decided of some files; it is on disk when this returns.

        Parameters
        ----------
        answer : {"not-duplicates", "keep-all", "keep", "remove"}
            See `Decision`.
        files : sequence of DecidedFile

        Raises
        ------
        UsageError
            It makes no sense: too few files, or files that show the same are not to be duplicates.
        DecisionsUnusable
            It cannot be written; what was there before stays.
        """
        check_answer(answer, files)
        with self._writing():
            last = max((one.decided_at for one in self._decisions), default="")
            decision = Decision(answer, tuple(files), time_text(last))
            self._append([decision])
        return decision

    def take_in(self, others: Iterable[Decision]) -> int:
        """Add decisions from elsewhere, with their times.

        Returns
        -------
        int
            How many were not there before.

        Raises
        ------
        DecisionsUnusable
        """
        with self._writing():
            there = {one.content for one in self._decisions}
            new = [one for one in in_order(list(others)) if one.content not in there]
            if new:
                self._append(new)
        return len(new)

    def exchange(
        self,
        old: Iterable[Decision],
        others: Iterable[Decision] = (),
        new: Iterable[tuple[Answer, Sequence[DecidedFile]]] = (),
    ) -> tuple[Decision, ...]:
        """Forget some decisions and add others, all of it or nothing.

        Parameters
        ----------
        old : iterable of Decision
            Those of them that are not there any more are passed over.
        others : iterable of Decision
            Added with their times.
        new : iterable of (str, sequence of DecidedFile)
            Answers that are given now, in order.

        Returns
        -------
        tuple of Decision
            What was added, `others` first.

        Raises
        ------
        UsageError
            One of the answers makes no sense, see `add`.
        DecisionsUnusable
            It cannot be written; what was there before stays.
        """
        answers = [(answer, tuple(files)) for answer, files in new]
        for answer, files in answers:
            check_answer(answer, files)
        gone = {one.content for one in old}
        with self._writing():
            last = max((one.decided_at for one in self._decisions), default="")
            added = list(others)
            for answer, files in answers:
                last = time_text(last)
                added.append(Decision(answer, files, last))
            left = [one for one in self._decisions if one.content not in gone]
            if len(left) < len(self._decisions):
                self._rewrite([*left, *added])
            elif added:
                self._append(added)
        return tuple(added)

    def replace(self, change: Callable[[Decision], Sequence[Decision]]) -> int:
        """Put others in the place of decisions, none to forget one.

        Parameters
        ----------
        change : callable
            Returns what comes in the place of a decision; the decision itself if it stays.

        Returns
        -------
        int
            How many did not stay.

        Raises
        ------
        DecisionsUnusable
            It cannot be written; what was there before stays.
        """
        with self._writing():
            changed = [(one, tuple(change(one))) for one in self._decisions]
            different = sum(new != (one,) for one, new in changed)
            if different:
                self._rewrite([one for _, some in changed for one in some])
        return different

    def forget(self, decision: Decision) -> bool:
        """Take one decision back; False if it was not there.

        Raises
        ------
        DecisionsUnusable
        """
        return bool(self.replace(lambda one: () if one.content == decision.content else (one,)))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Nobody else writes meanwhile, and what others wrote before is known."""
        if self.path is None:
            yield
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            target = Path(os.path.realpath(self.path))
            lock = FileLock(target.with_name(target.name + "-lock"))
        except OSError as error:
            raise self._unwritten(error) from None
        with closing(lock):
            waited = time.monotonic()
            while not lock.acquire(exclusive=True):
                if time.monotonic() - waited > _WAIT_SECONDS:
                    raise DecisionsUnusable(
                        f"cannot write decisions {self._name}: another program is writing them,"
                        " or files cannot be locked there",
                        _NAME_IT,
                    )
                time.sleep(_SECONDS_BETWEEN)
            self.refresh()
            yield

    def _append(self, decisions: Sequence[Decision]) -> None:
        if self.path is None:
            self._decisions.extend(decisions)
            return
        head = "" if self._read_to else heading(secrets.token_hex(8))
        data = self._line_end + (head + "".join(map(decision_line, decisions))).encode()
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            try:
                if os.fstat(file).st_size < self._read_to:
                    raise OSError(0, "it was replaced meanwhile")
                os.ftruncate(file, self._read_to)  # of a line that was not written whole
                os.lseek(file, self._read_to, os.SEEK_SET)
                try:
                    _write_all(file, data)
                except OSError:
                    with suppress(OSError):
                        os.ftruncate(file, self._read_to)
                    raise
            finally:
                os.close(file)
            if head:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise self._unwritten(error) from None
        self.refresh()

    def _rewrite(self, decisions: Sequence[Decision]) -> None:
        if self.path is None:
            self._decisions = list(decisions)
            return
        target = Path(os.path.realpath(self.path))
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        data = (heading(secrets.token_hex(8)) + "".join(map(decision_line, decisions))).encode()
        try:
            try:
                file = os.open(
                    part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600
                )
                try:
                    _write_all(file, data)
                finally:
                    os.close(file)
                os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)
            _sync_folder(target.parent)
        except OSError as error:
            raise self._unwritten(error) from None
        self._identity = None
        self.refresh()

    def _unwritten(self, error: OSError) -> DecisionsUnusable:
        return DecisionsUnusable(
            f"cannot write decisions {self._name}: {error.strerror or error}", _NAME_IT
        )


def _write_all(file: int, data: bytes) -> None:
    """Write bytes, and wait until they are on disk."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not on every file system
        sync_folder(folder)


def check_answer(answer: Answer, files: Sequence[DecidedFile]) -> None:
    """Refuse what makes no sense.

    Raises
    ------
    UsageError
    """
    if answer not in ANSWERS:
        raise UsageError(f"no decision {answer!r}"[:80], f"one of {', '.join(ANSWERS)}")
    if len(files) < (1 if answer == "keep" else 2):
        few = "a file" if answer == "keep" else "two files or more"
        raise UsageError(f"{answer} needs {few}", "name what it is about")
    if answer == "remove" and len(files) > 2:
        raise UsageError(
            "remove names the file that stays, and one that may go", "say it of each file alone"
        )
    if answer == "not-duplicates":
        known: dict[str, DecidedFile] = {}
        for file in files:
            for key in file.keys:
                if key in known:
                    raise UsageError(
                        f"{printable(known[key].path)} and {printable(file.path)} hold the same"
                        " picture",
                        "keep-all says that both stay",
                    )
            known |= dict.fromkeys(file.keys, file)
    named = Counter(file.path for file in files if file.path)
    for path, times in named.items():
        if times > 1:
            raise UsageError(f"{printable(path)} is named twice", "name each file once")


def without_pairs(decision: Decision, chosen: Sequence[Set[int]]) -> tuple[Decision, ...]:
    """Return what is left of a decision when some pairs of its files are forgotten.

    Parameters
    ----------
    decision : Decision
    chosen : sequence of set of int
        Places of files: the pairs of which each file stands in another set are forgotten.
    """
    parts = [places for places in chosen if places]
    if len(parts) < 2:
        return (decision,)
    files, time = decision.files, decision.decided_at
    if decision.prefers:
        first = next((places for places in parts if 0 in places), None)
        if first is None:
            return (decision,)
        gone = set().union(*parts) - first
        rest = tuple(file for place, file in enumerate(files) if place not in gone)
        return (Decision(decision.answer, rest, time),) if len(rest) > 1 else ()
    others = set(range(len(files))) - set().union(*parts)
    left = [[files[place] for place in sorted(places | others)] for places in parts]
    return tuple(Decision(decision.answer, tuple(some), time) for some in left if len(some) > 1)


def without_files(decision: Decision, chosen: Set[int]) -> tuple[Decision, ...]:
    """Return what is left of a decision when all that it says of some files is forgotten."""
    rest = tuple(file for i, file in enumerate(decision.files) if i not in chosen)
    if decision.answer == "keep":
        if 0 in chosen:
            return ()
        return (Decision("keep", rest, decision.decided_at),)
    return (Decision(decision.answer, rest, decision.decided_at),) if len(rest) > 1 else ()
