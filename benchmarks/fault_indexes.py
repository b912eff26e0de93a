"""Damage to a lasting index: what it says of it, and what it still answers.

A damaged index must end in an error, or give the answers that the whole one gives: a picture that
it knows may not become unknown without a word, and damage may not be written on under a new sum.
Where the sums were made right again, as only a program of bad intent does, there are no right
answers; then nothing but an `ImgsimError` may come out.

An index holds times and places of its files: the same seed damages the same bytes of another one.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import shutil
import tempfile
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from fault_pictures import written
from PIL import Image

from imgsim.errors import ImgsimError
from imgsim.index.manifest import FORMAT, NAME, VERSION
from imgsim.index.snapshot import Snapshot
from imgsim.read.options import RunOptions
from imgsim.tasks.index import Index
from imgsim.tasks.index_upkeep import build_index, remove_from_index

_PAGE = 4096
_PICTURES = 6
_REMOVED = 2
"""Of them, from which on the segment is written anew."""


@cache
def _built() -> Path:
    """A folder with pictures, parts of some, and an index of the pictures."""
    top = Path(tempfile.mkdtemp(prefix="faults-index-"))
    own = os.getpid()
    atexit.register(lambda: os.getpid() == own and shutil.rmtree(top, ignore_errors=True))
    for name in ("pictures", "asked"):
        (top / name).mkdir()
    for i in range(_PICTURES):
        path = top / f"pictures/{i}.jpg"
        path.write_bytes(written("JPEG", 7200 + i, 480, 360) or b"")
        if i >= _REMOVED:
            part = Image.open(path).crop((100, 60, 400, 300))  # which hashes do not find
            part.save(top / f"asked/{i}.jpg", quality=80)
    (top / "asked/other.jpg").write_bytes(written("JPEG", 7290, 480, 360) or b"")
    build_index(top / "index", str(top / "pictures"), _options())
    return top


def _options() -> RunOptions:
    return RunOptions(executor="threads", jobs=1)


def _segment() -> Path:
    (path,) = (_built() / "index").glob("*.segment")
    return path


def _answers(folder: Path) -> Any:
    """All that an index answers."""
    with Index.open(folder, options=_options()) as index:
        files = sorted((one.path, digest) for _, one, digest in index.snapshot.all_files())
        known = [
            (answer.path, answer.reason, [match.path for match in answer.matches])
            for answer in index.known(str(_built() / "asked"))
        ]
        near = index.search(str(_built() / "asked/5.jpg"), k=2).methods[0].queries[0]
        return files, known, [(one.path, one.distance) for one in near.matches]


def _without_some(folder: Path) -> Any:
    remove_from_index(folder, [str(_built() / f"pictures/{i}.jpg") for i in range(_REMOVED)])
    return _answers(folder)


@cache
def _expected(ask: Callable[[Path], Any]) -> Any:
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(_built() / "index", Path(name, "index"))
        return ask(Path(name, "index"))


def _read(path: Path, *, as_written: bool = True) -> None:
    """Ask the index of which one file is damaged, then write it anew, and ask again."""
    for ask in (_answers, _without_some):
        _expected(ask)
    folder = path.parent / "index"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_built() / "index", folder)
    name = NAME if path.name.startswith("manifest") else _segment().name
    data = path.read_bytes()
    if as_written:
        (folder / name).write_bytes(data)
    elif name == NAME:
        (folder / name).write_bytes(_with_sum(data))
    else:
        (folder / name).write_bytes(data)
        _make_sums_right(folder, data)
    refused = None
    for ask in (_answers, _without_some):
        try:
            told = ask(folder)
        except ImgsimError as error:
            if "\n" in error.message:
                raise
            refused = error
            continue
        if as_written and told != _expected(ask):
            raise AssertionError(f"a damaged index gives other answers: {ask.__name__}")
    if refused is not None:
        raise refused


def _with_sum(body: bytes) -> bytes:
    """A manifest with a body, and its check sum; where it is no JSON, without a right one."""
    try:
        crc = zlib.crc32(json.dumps(json.loads(body), sort_keys=True).encode())
    except (ValueError, RecursionError):
        crc = 0
    head = f'{{"format": "{FORMAT}", "version": {VERSION}, "crc": {crc}, "body": '
    return head.encode() + body + b"}"


def _make_sums_right(folder: Path, data: bytes) -> None:
    """Give the manifest the sums that the sections of a segment have, and that the size."""
    body = json.loads((folder / NAME).read_bytes())["body"]
    (entry,) = body["segments"]
    entry["size_bytes"] = len(data)
    with np.errstate(over="ignore"):
        data = _with_pieces(data, entry["sections"])
    (folder / entry["name"]).write_bytes(data)
    for section in entry["sections"].values():
        part = data[section["offset"] : section["offset"] + section["size_bytes"]]
        section["crc"] = zlib.crc32(part)
    (folder / NAME).write_bytes(_with_sum(json.dumps(body).encode()))


def _with_pieces(data: bytes, sections: dict[str, Any]) -> bytes:
    """The same with the sums of pieces that it should have."""
    from imgsim.index.pieces import PIECE, all_sums

    start, size = sections["sums"]["offset"], sections["sums"]["size_bytes"]
    covered = data[: size // 4 * PIECE]
    if len(covered) % PIECE or len(data) < start + size:
        return data
    sums = b"".join(all_sums(np.frombuffer(covered, np.uint8)))
    return data[:start] + sums[:size] + data[start + size :]


def _lose_pages(data: bytes, seed: str) -> tuple[str, bytes]:
    """Lose pages of a segment, as a disk or a copy that was not finished does: up to a section."""
    chance = random.Random(seed)
    sections = json.loads((_built() / "index" / NAME).read_bytes())["body"]["segments"][0]
    section = chance.choice(list(sections["sections"].values()))
    end = section["offset"] + section["size_bytes"]
    start = section["offset"] if chance.random() < 0.5 else chance.randrange(section["offset"], end)
    stop = end if chance.random() < 0.5 else min(end, start + _PAGE * chance.randint(1, 16))
    lost = data[start:stop]
    way = chance.choice(("zeros", "ones", "noise", "moved", "backwards"))
    other = chance.randrange(len(data) - len(lost))
    changed = {
        "zeros": bytes(len(lost)),
        "ones": b"\xff" * len(lost),
        "noise": chance.randbytes(len(lost)),
        "moved": data[other : other + len(lost)],
        "backwards": lost[::-1],
    }[way]
    if changed == lost:
        changed = lost[:-1] + bytes([lost[-1] ^ 1])
    return way, data[:start] + changed + data[stop:]


def _body() -> bytes:
    return json.dumps(json.loads((_built() / "index" / NAME).read_bytes())["body"]).encode()


KINDS: dict[str, tuple[Any, ...]] = {
    "index, manifest": (NAME, lambda: (_built() / "index" / NAME).read_bytes(), _read, True),
    "index, segment": ("a.segment", lambda: _segment().read_bytes(), _read, False),
    "index, lost pages": (
        "c.segment", lambda: _segment().read_bytes(), _read, False, (), _lose_pages,
    ),
    "index, manifest with its sum": (
        "manifest-body.json", _body, partial(_read, as_written=False), True,
    ),
    "index, segment with its sums": (
        "b.segment", lambda: _segment().read_bytes(), partial(_read, as_written=False), False,
    ),
}  # fmt: skip
"""As `fault_inputs.Input` takes them."""


def open_all(data: bytes, path: Path, *, manifest: bool) -> None:
    """Open an index with another manifest or segment, whose sums are right, and read all of it.

    Nothing is asked, which would decode pictures; it is what fuzzing reads thousands of times.
    """
    if not path.exists():
        shutil.copytree(_built() / "index", path)
    if manifest:
        (path / NAME).write_bytes(_with_sum(data))
    else:
        (path / _segment().name).write_bytes(data)
        shutil.copyfile(_built() / "index" / NAME, path / NAME)
        _make_sums_right(path, data)
    snapshot = Snapshot(path)
    for number, _, digest in snapshot.all_files():
        snapshot.digest_of(number)
        if digest:
            snapshot.holds(digest)
    for digest in snapshot.digests:
        snapshot.facts(digest)
    rows = snapshot.rows.take(np.arange(snapshot.contents))
    assert len(rows) == snapshot.contents
