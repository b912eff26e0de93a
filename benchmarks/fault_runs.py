"""Faults of a run: signals, full disks, little memory, streams, other processes, clocks, names.

After each fault the program runs once more on the same cache: it must print, byte for byte, what an
undisturbed run without a cache prints, and nothing may be left in the temporary folder.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from fault_children import Child, start_program
from fault_pictures import Counts, whole
from PIL import Image

NOBODY = 54321
"""A user id without a name and a home."""

SECONDS = 120.0
"""Wall time after which a run counts as hung; pipes cost a minute at most."""

_BAD = ("Traceback", "internal error")

NAMES = (
    b"new\nline.jpg", b"escape \x1b[31m.jpg", b"bytes \xff\xfe.jpg", b"-dash.jpg", b"--format.jpg",
    b"quote \" ' `.jpg", b"rtl \xe2\x80\xae gpj.jpg", b"CON.jpg", b"space .jpg", b" .jpg",
    b"x" * 251 + b".jpg", "e\u0301.jpg".encode(), "é.jpg".encode(), b"=1+1.jpg", b"a!b.jpg",
    b"semi;colon,comma.jpg", b"\\n.jpg", b"tab\t.jpg", b"bell\x07.jpg", b"%s{0}$HOME.jpg", b"~.jpg",
    b"a.zip!.jpg", b"*.jpg", b"?.jpg", b"\x7f.jpg", b"\xc2\x85.jpg", b"\xe2\x80\xa8.jpg",
)  # fmt: skip
"""Names of files that confuse terminals, shells, spreadsheets and careless programs."""


def write_tree(folder: Path) -> None:
    """Write the folder that the runs look at: copies in several formats, damage, and others."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "more").mkdir(parents=True)
    for i, kind in enumerate(("JPEG", "PNG", "WebP, lossless", "TIFF, LZW", "GIF")):
        data = whole(kind, 7100 + i)
        assert data is not None
        ending = kind.split(",")[0].lower()
        files = {f"{i}.{ending}": data, f"more/{i} copy.{ending}": data}
        if i == 0:
            small = Image.open(io.BytesIO(data)).resize((160, 120))
            small.save(folder / "more" / "small.jpg", quality=80)
            files["cut.jpg"] = data[: len(data) // 2]
        for name, content in files.items():
            (folder / name).write_bytes(content)
    (folder / "note.txt").write_text("no picture")
    (folder / "empty.jpg").write_bytes(b"")
    for number, path in enumerate(sorted(folder.rglob("*"))):
        os.utime(path, (1.5e9 + number, 1.5e9 + number))


@dataclass
class Result:
    """How a run ended."""

    code: int | None
    output: bytes
    error: str
    seconds: float
    left: int = 0


def _is_bad(done: Result) -> bool:
    """Whether a run told of a bug, be it one that cost a pair alone."""
    return any(bad in done.error or bad.encode() in done.output for bad in _BAD)


@dataclass
class Runs:
    """Runs over one folder, each fault with a cache and a temporary folder of its own.

    Attributes
    ----------
    top : Path
    counts : Counts
    seed : int
    plainly : bool
        Start the program as a user does, which takes a second more, and not in a forked process.
    """

    top: Path
    counts: Counts
    seed: int
    plainly: bool = False
    expected: tuple[int | None, bytes] = (0, b"")
    longest: float = 1.0
    skipped: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.top.mkdir(parents=True, exist_ok=True)
        self.pictures = self.top / "pictures"
        self.temporary = self.top / "tmp"
        self.outputs = self.top / "out"
        write_tree(self.pictures)
        for folder in (self.temporary, self.outputs):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)
        first = self.run(self.arguments(None))
        self.expected = first.code, first.output
        if first.code != 0 or json.loads(first.output)["images"] < 10:
            raise SystemExit(f"an undisturbed run ends with {first.code}: {first.error}")
        self.longest = max(first.seconds, 0.3)

    def arguments(self, cache: Path | None, *more: str) -> list[str]:
        return [
            "find-dupes", str(self.pictures), "--cache", str(cache or "off"), "--decisions", "off",
            "--format", "json", "--no-timing", "-j", "2", *more,
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        top = str(self.top)
        return {
            "TMPDIR": str(self.temporary), "IMGSIM_RUNS": f"{top}/runs",
            "IMGSIM_CACHE": f"{top}/own.sqlite", "IMGSIM_DECISIONS": f"{top}/d.jsonl",
        }  # fmt: skip

    def start(
        self, arguments: Sequence[str], streams: tuple[int | None, int | None, int | None],
        before: Callable[[], None] = lambda: None, environment: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> Child:  # fmt: skip
        """Start the program, forked or plainly."""
        env = self.environment() | (environment or {})
        if not (self.plainly or prefix):
            return start_program(arguments, env, streams, before)

        def prepare() -> None:
            for number, one in enumerate(streams):
                if one is None:
                    os.close(number)
            before()

        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "imgsim", *arguments],
            env=os.environ | env, preexec_fn=prepare, start_new_session=True,
            stdin=streams[0], stdout=streams[1], stderr=streams[2],
        )  # fmt: skip
        process.returncode = 0  # it is waited for by its number
        return Child(process.pid, time.monotonic())

    def run(
        self, arguments: Sequence[str], meanwhile: Callable[[Child], None] = lambda child: None,
        **start: Any,
    ) -> Result:  # fmt: skip
        """Run the program to its end, with its output in files, which never block."""
        out, err = self.top / "stdout", self.top / "stderr"
        started = time.monotonic()
        with open(os.devnull, "rb") as empty, out.open("w+b") as output, err.open("w+b") as error:
            streams = (empty.fileno(), output.fileno(), error.fileno())
            child = self.start(arguments, start.pop("streams", streams), **start)
            meanwhile(child)
            code = child.wait(SECONDS)
            left = child.left()
        return Result(
            code,
            out.read_bytes(),
            err.read_text("utf-8", "replace"),
            time.monotonic() - started,
            left,
        )

    @contextlib.contextmanager
    def cache(self) -> Iterator[Path]:
        """A place for a new cache."""
        folder = self.top / "cache"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        try:
            yield folder / "cache.sqlite"
        finally:
            shutil.rmtree(folder)

    def check(
        self, kind: str, number: int, done: Result, codes: Sequence[int | None], cache: Path | None,
        *, same: bool = True,
    ) -> None:  # fmt: skip
        """Count what is wrong with a disturbed run, and with the one after it."""
        repeat = f"--repeat 'run/{kind}/{number}/{self.seed}{'/plain' if self.plainly else ''}'"
        counts = self.counts
        counts.tried[kind] += 1
        counts.noted[f"{kind.partition(':')[0]} ended with {done.code}"] += 1
        if done.code is None:
            counts.find("crashes and hangs of the run", f"{repeat}: hung")
        elif done.code not in codes or _is_bad(done):
            said = done.error[-400:]
            counts.find("crashes and hangs of the run", f"{repeat}: code {done.code}: {said}")
        elif done.code == 0 and same and done.output != self.expected[1]:
            counts.find("other bytes", f"{repeat}: of the disturbed run: {done.error[-200:]}")
        if done.left:
            counts.find("leftovers", f"{repeat}: {done.left} processes")
        if cache is not None:
            again = self.run(self.arguments(cache))
            if (again.code, again.output) != self.expected:
                why = f"{again.code} {again.error[-300:]}"
                counts.find("other bytes", f"{repeat}: of the run after it: {why}")
        # torch makes a folder for what it compiles, one for all runs
        left = [one.name for one in self.temporary.iterdir() if "torchinductor" not in one.name]
        if left:
            counts.find("leftovers", f"{repeat}: {left}")
            for path in self.temporary.iterdir():
                shutil.rmtree(path, ignore_errors=True)

    # The faults ----------------------------------------------------------------------------

    def signals(self, kind: str, number: int) -> None:
        """A signal at a random moment of a cold run; in a third of the cases once more."""
        chance = self.chance(kind, number)
        which = signal.Signals[kind]
        at = chance.uniform(0.0, 1.1 * self.longest)
        twice = chance.random() < 0.3 and which != signal.SIGKILL

        def send(child: Child) -> None:
            time.sleep(at)
            child.kill(which)
            if twice:
                time.sleep(chance.uniform(0, 0.05))
                child.kill(which)

        with self.cache() as cache:
            done = self.run(self.arguments(cache), send)
            self.check(kind, number, done, (0, 128 + which), cache)

    def workers(self, kind: str, number: int) -> None:
        """Workers are killed at random moments; what they did not do is named, or done again."""
        chance = self.chance(kind, number)
        longest = 3 * self.longest
        pause, share = chance.uniform(0.02, 0.5) * self.longest, chance.uniform(0.2, 1)

        def kill_some(child: Child) -> None:
            process, end = psutil.Process(child.pid), time.monotonic() + longest
            with contextlib.suppress(psutil.Error):
                while time.monotonic() < end and process.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(chance.uniform(0, 2 * pause))
                    for worker in process.children():
                        if chance.random() < share:
                            worker.kill()

        with self.cache() as cache:
            done = self.run(self.arguments(cache, "--strict"), kill_some)
            named = False
            with contextlib.suppress(ValueError):  # none was printed
                document = json.loads(done.output)
                known = {one["path"] for one in json.loads(self.expected[1])["skipped"]}
                lost = {one["path"] for one in document["skipped"]} - known
                # a worker lost with its file skipped is neither a crash nor a hang of the run
                self.counts.lost[kind] += len(lost)
                named = bool(lost) or bool(document["not_compared"] or document["not_checked"])
                named = named or b"not measured" in done.output
                if not named and done.output != self.expected[1]:
                    repeat = f"--repeat 'run/{kind}/{number}/{self.seed}'"
                    self.counts.find("other bytes", f"{repeat}: and nothing is named")
            self.counts.noted[f"{kind}: {'named' if named else 'done again'}"] += 1
            self.check(kind, number, done, (0, 2), cache, same=not named)

    def output_file(self, kind: str, number: int) -> None:
        """A signal while a file is written with -o and --plan: it is there as a whole, or not."""
        chance = self.chance(kind, number)
        at = chance.uniform(0.6, 1.1) * self.longest
        which = chance.choice((signal.SIGINT, signal.SIGTERM))
        path, plan = self.outputs / "o.json", self.outputs / "plan.json"

        def send(child: Child) -> None:
            time.sleep(at)
            child.kill(which)

        with self.cache() as cache:
            more = ("-o", str(path), "--plan", str(plan))
            done = self.run(self.arguments(cache, *more), send)
            repeat = f"--repeat 'run/{kind}/{number}/{self.seed}'"
            if path.exists() and path.read_bytes() != self.expected[1]:
                self.counts.find("other bytes", f"{repeat}: the file is not whole")
            others = {one.name for one in self.outputs.iterdir()} - {path.name, plan.name}
            if others:
                self.counts.find("leftovers", f"{repeat}: {sorted(others)}")
            shutil.rmtree(self.outputs)
            self.outputs.mkdir()
            self.check(kind, number, done, (0, 128 + which), cache, same=False)

    def file_size(self, kind: str, number: int) -> None:
        """No file may become larger than so many bytes, as on a full disk."""
        size = int(2 ** self.chance(kind, number).uniform(0, 21))

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        with self.cache() as cache:
            done = self.run(self.arguments(cache), before=limit)
            self.check(kind, number, done, (0, 2), cache, same=len(self.expected[1]) <= size)

    def full_disk(self, kind: str, number: int) -> None:
        """The cache, the temporary folder or the output lies on a small disk."""
        chance = self.chance(kind, number)
        disk = self.top / "disk"
        disk.mkdir(exist_ok=True)
        size = int(2 ** chance.uniform(2, 10))
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}k,mode=777", "none", str(disk)],
            capture_output=True, check=False,
        )  # fmt: skip
        if mounted.returncode:
            said = mounted.stderr.decode().strip()
            if kind not in self.skipped:
                print(f"SKIPPED {kind}: no disk can be mounted here: {said}", flush=True)
            self.skipped[kind] = said
            return
        try:
            with self.cache() as cache:
                what = chance.choice(("cache", "temporary", "output"))
                place = disk / "cache.sqlite" if what == "cache" else cache
                more = ("-o", str(disk / "o.json")) if what == "output" else ()
                environment = {"TMPDIR": str(disk)} if what == "temporary" else {}
                done = self.run(self.arguments(place, *more), environment=environment)
                if what == "output" and done.code == 0:
                    done.output = (disk / "o.json").read_bytes()
                self.check(kind, number, done, (0, 2), place)
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def memory(self, kind: str, number: int) -> None:
        """Little address space; a file may be skipped for it, but not for good."""
        megabytes = int(2 ** self.chance(kind, number).uniform(8.2, 12))

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

        plainly, self.plainly = self.plainly, True
        try:
            with self.cache() as cache:
                done = self.run(self.arguments(cache), before=limit)
                # the interpreter itself ends with 1 where it cannot even load a module
                bare = done.code in (1, 127) and megabytes < 400
                if bare:
                    done.error = ""
                lacking = b"memory" in done.output or b"thread" in done.output
                codes = (0, 2, 1, 127) if bare else (0, 2)
                self.check(kind, number, done, codes, cache, same=not lacking)
        finally:
            self.plainly = plainly

    def streams(self, kind: str, number: int) -> None:
        """Standard streams that are closed, full, or whose reader goes away."""
        chance = self.chance(kind, number)
        way = ("out closed", "out full", "out pipe", "err closed", "err full", "err pipe",
               "in closed", "all closed")[number % 8]  # fmt: skip
        form = chance.choice(("json", "text", "csv", "jsonl"))
        null, full = os.open(os.devnull, os.O_RDWR), os.open("/dev/full", os.O_WRONLY)
        reading, pipe = os.pipe()
        out = os.open(self.top / "stdout", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        err = os.open(self.top / "stderr", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.close(reading)
        streams: dict[str, tuple[int | None, int | None, int | None]] = {
            "out closed": (null, None, err), "out full": (null, full, err),
            "out pipe": (null, pipe, err), "err closed": (null, out, None),
            "err full": (null, out, full), "err pipe": (null, out, pipe),
            "in closed": (None, out, err), "all closed": (None, None, None),
        }  # fmt: skip
        codes: dict[str, tuple[int, ...]] = {"out full": (2,), "out pipe": (141,)}
        try:
            with self.cache() as cache:
                done = self.run([*self.arguments(cache), "--format", form], streams=streams[way])
                written_out = way.startswith(("err", "in")) and form == "json"
                wanted = codes.get(way, (0, 2) if "out closed" in way or "all" in way else (0,))
                self.check(f"{kind}: {way}", number, done, wanted, cache, same=written_out)
        finally:
            for one in (null, full, pipe, out, err):
                os.close(one)

    def several(self, kind: str, number: int) -> None:
        """Several processes on one new cache, one of which may be killed."""
        chance = self.chance(kind, number)
        killed = chance.random() < 0.5
        with self.cache() as cache, open(os.devnull, "r+b") as null:
            children, files = [], []
            for i in range(3):
                out = (self.top / f"stdout {i}").open("w+b")
                err = (self.top / f"stderr {i}").open("w+b")
                files.append((out, err))
                streams = (null.fileno(), out.fileno(), err.fileno())
                children.append(self.start(self.arguments(cache), streams))
                time.sleep(chance.uniform(0, 0.1))
            if killed:
                time.sleep(chance.uniform(0, 1.5 * self.longest))
                children[0].kill(signal.SIGKILL)
            for i, child in enumerate(children):
                code = child.wait(2 * SECONDS)
                out, err = files[i]
                out.seek(0), err.seek(0)
                said = err.read().decode("utf-8", "replace")
                codes = (0, 137) if killed and i == 0 else (0,)
                done = Result(code, out.read(), said, 0.0)
                last = i == len(children) - 1
                if not last:
                    self.check_one(kind, number, done, codes, (self.expected[1],))
                else:
                    self.check(kind, number, done, codes, cache)
                out.close(), err.close()
            for child in children:
                child.left()

    def check_one(
        self, kind: str, number: int, done: Result, codes: Sequence[int],
        outputs: Sequence[bytes] | None = None,
    ) -> None:  # fmt: skip
        """Count what is wrong with one of several runs, which may print some outputs or any."""
        repeat = f"--repeat 'run/{kind}/{number}/{self.seed}'"
        if done.code not in codes or _is_bad(done):
            said = f"{repeat}: code {done.code}: {done.error[-300:]}"
            self.counts.find("crashes and hangs of the run", said)
        elif done.code in codes[:1] and outputs is not None and done.output not in outputs:
            self.counts.find("other bytes", repeat)

    def clocks(self, kind: str, number: int) -> None:
        """Files of the future, of the past and of before the epoch, cold and warm."""
        chance = self.chance(kind, number)
        times = (0, 1, -1, -(2**31), 2**31, 2**32, 2**33, 4102444800, time.time() + 5, time.time())
        try:
            for path in self.pictures.rglob("*"):
                moment = chance.choice(times)
                os.utime(path, (moment, moment))
            expected, self.expected = self.expected, (0, b"")
            first = self.run(self.arguments(None))
            self.expected = first.code, first.output
            with self.cache() as cache:
                self.check(kind, number, self.run(self.arguments(cache)), (0,), cache)
            self.expected = expected
        finally:
            write_tree(self.pictures)

    def masks(self, kind: str, number: int) -> None:
        """An umask that takes all rights of new files away, also from a user who is not root."""
        mask = (0o777, 0o077, 0o777, 0o277, 0o477)[number % 5]
        prefix: tuple[str, ...] = ()
        if number % 2 and os.getuid() == 0:
            prefix = _nobody()

        def limit() -> None:
            os.umask(mask)

        with self.cache() as cache:
            done = self.run(self.arguments(cache), before=limit, prefix=prefix)
            self.check(kind, number, done, (0, 2), None, same=done.code == 0)
            after = self.run(self.arguments(cache), prefix=prefix)
            self.check(kind, number, after, (0, 2), None, same=after.code == 0)
            for path in cache.parent.rglob("*"):
                path.chmod(0o666 if path.is_file() else 0o777)

    def read_only(self, kind: str, number: int) -> None:
        """Folders of the cache, of temporary files or of the output that cannot be written."""
        if os.getuid() != 0:
            self.skipped[kind] = "needs root, to become another user"
            return
        what = ("cache", "temporary", "output", "pictures")[number % 4]
        prefix = _nobody()
        folder = {"temporary": self.temporary, "output": self.outputs}.get(what)
        with self.cache() as cache:
            if what == "cache" and number % 8 < 4:
                self.run(self.arguments(cache))  # it is there, and belongs to root
            locked = folder or (cache.parent if what == "cache" else self.pictures)
            locked.chmod(0o555)
            more = ("-o", str(self.outputs / "o.json")) if what == "output" else ()
            try:
                done = self.run(self.arguments(cache, *more), prefix=prefix)
            finally:
                locked.chmod(0o777)
                for path in self.pictures.rglob("*"):
                    if path.is_dir():
                        path.chmod(0o755)
            codes = (2,) if what == "output" else (0, 2) if what == "temporary" else (0,)
            self.check(f"{kind}: {what}", number, done, codes, None)

    def names(self, kind: str, number: int) -> None:
        """Files of hostile names, in every format of output."""
        chance = self.chance(kind, number)
        folder = self.top / "names"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        sources = sorted(self.pictures.glob("*.*"))
        chosen = chance.sample(NAMES, 8)
        for name in chosen:
            with contextlib.suppress(OSError):  # a name that the file system does not take
                data = chance.choice(sources).read_bytes()
                Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(data)
        files = len(list(folder.iterdir()))
        form = ("json", "text", "csv", "jsonl", "sarif", "github", "cleanlab")[number % 7]
        plan = self.outputs / "plan.json"
        command = ["find-dupes", str(folder), "--cache", "off", "--decisions", "off", "--format",
                   form, "--force", "--plan", str(plan)]  # fmt: skip
        done = self.run(command)
        self.check(f"{kind}: {form}", number, done, (0,), None, same=False)
        repeat = f"--repeat 'run/{kind}/{number}/{self.seed}'"
        text = done.output.decode()
        if form == "json" and done.code == 0:
            said = json.loads(text)
            total = said["images"] + len(said["skipped"]) + said["other_files"] + said["too_small"]
            if total != files:
                self.counts.find("files unaccounted for", f"{repeat}: {total} of {files}")
        if {c for c in text if c < " " or c in "\x7f\x85\u202e\u2028"} - set("\n\r"):
            self.counts.find("control characters", repeat)
        plan.unlink(missing_ok=True)

    def changing(self, kind: str, number: int) -> None:
        """The tree is changed while it is read; then it is as it was, and so must the output be."""
        chance = self.chance(kind, number)
        end = threading.Event()
        with self.cache() as cache:
            out, err = self.top / "stdout", self.top / "stderr"
            with (
                open(os.devnull, "rb") as empty,
                out.open("w+b") as output,
                err.open("w+b") as error,
            ):
                child = self.start(
                    self.arguments(cache, "--file-timeout", "3"),
                    (empty.fileno(), output.fileno(), error.fileno()),
                )
                changer = threading.Thread(target=self._keep_changing, args=(chance, end))
                changer.start()
                code = child.wait(SECONDS)
                end.set()
                changer.join()
                left = child.left()
            done = Result(code, out.read_bytes(), err.read_text("utf-8", "replace"), 0.0, left)
            write_tree(self.pictures)
            self.check(kind, number, done, (0, 2), cache, same=False)

    def _keep_changing(self, chance: random.Random, end: threading.Event) -> None:
        while not end.is_set():
            with contextlib.suppress(OSError):
                _change_something(self.pictures, chance)
            time.sleep(chance.uniform(0, self.longest / 20))

    def chance(self, kind: str, number: int) -> random.Random:
        """Return what decides one case."""
        return random.Random(f"{self.seed}/{kind}/{number}")

    def fault(self, kind: str, number: int) -> None:
        """Make one fault."""
        FAULTS[kind](self, kind, number)


def _nobody() -> tuple[str, ...]:
    """A prefix that runs a program as another user, who may read everything.

    Python itself may lie in the home of root.
    """
    return (
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
        "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
    )  # fmt: skip


def _change_something(folder: Path, chance: random.Random) -> None:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_fifo()]
    if not paths:
        return
    path, other = chance.choice(paths), chance.choice(paths)
    way = chance.randrange(8)
    if way == 0:
        path.rename(path.with_name(f"renamed {chance.randrange(100)}{path.suffix}"))
    elif way == 1 and path.is_file():
        os.truncate(path, path.stat().st_size // 2)
    elif way == 2 and other.is_file():
        shutil.copyfile(other, path.with_name("part"))
        path.with_name("part").replace(path)
    elif way == 3:
        path.unlink()
    elif way == 4:
        path.unlink()
        os.mkfifo(path)
    elif way == 5 and path.is_file():
        status = path.stat()  # other bytes of the same size and time
        path.write_bytes(chance.randbytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif way == 6:
        path.unlink()
        path.symlink_to(other)
    else:
        path.unlink()
        path.mkdir()


FAULTS: dict[str, Callable[[Runs, str, int], None]] = {
    "SIGINT": Runs.signals,
    "SIGTERM": Runs.signals,
    "SIGHUP": Runs.signals,
    "SIGKILL": Runs.signals,
    "killed workers": Runs.workers,
    "output file": Runs.output_file,
    "file size": Runs.file_size,
    "full disk": Runs.full_disk,
    "memory": Runs.memory,
    "streams": Runs.streams,
    "several processes": Runs.several,
    "clocks": Runs.clocks,
    "umask": Runs.masks,
    "read-only": Runs.read_only,
    "names": Runs.names,
    "changing tree": Runs.changing,
}
"""What may happen to a run."""

SHARES = {"SIGINT": 3, "SIGTERM": 3, "SIGKILL": 4, "changing tree": 3, "file size": 3, "names": 2}
"""How often a fault is made, where not once in a round."""


def preload() -> None:
    """Import what a run needs, so that forked ones start at once."""
    import cv2

    import imgsim.act.plan_file
    import imgsim.act.planning
    import imgsim.tasks.find_duplicates  # noqa: F401
    from imgsim.cli.commands import load_command

    load_command("find-dupes")
    cv2.setNumThreads(1)  # threads do not go along into a forked process
