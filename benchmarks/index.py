"""What a lasting index takes: to build, to open, to add to, and to be asked.

    python benchmarks/index.py DATA WORK --files 20000 --rows 10000 100000

writes benchmarks/results/index.json. WORK is where files and indexes are made.

- **Files.** Parts of the real pictures below DATA, half to all of their width, no more than 480
  pixels on the longer side, as JPEG. An index of all but 1,000 is built; these are added; 200
  others, each a smaller and stronger compressed copy of one that is indexed, are asked about:
  `known` before the 1,000 are added, candidates after.
- **Rows.** Where that many files would take too long. Each row has the keypoints of different
  real pictures, drawn by chance, with some bits of their descriptors turned; its hash, colours and
  size are of one picture, with as many bits of the hash turned. So words are as common as
  in real pictures: the share of turned bits is the one at which a keypoint shares words with as
  many of other pictures as real ones do in an index of as many rows (`sharing`). What is asked are
  rows of the index with 5 % of the bits turned, and as many of others.

Times of opening and of candidates are processor time of one thread, with what is read of the index
in memory; the query is not read, and nothing verified.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import record
from drawn_rows import real_rows, turned_bits
from PIL import Image

import imgsim
from imgsim import RunOptions
from imgsim.comparators.local import LocalFeatures, records
from imgsim.comparators.recipes import Auto
from imgsim.decode.spec import DecodeMode
from imgsim.index.gallery import IndexGallery
from imgsim.index.manifest import NAME, Maker
from imgsim.index.segment import FileRecord, NewContent, NewFile
from imgsim.index.snapshot import Snapshot
from imgsim.index.writer import Batch, IndexWriter
from imgsim.propose.keypoints import Keypoints
from imgsim.read.collect import collect
from imgsim.tasks.index_gallery import open_gallery
from imgsim.tasks.index_upkeep import add_to_index, build_index
from imgsim.types import ImageFacts

_SIDE = 480
_ADDED = 1000
_ASKED = 200
_AT_ONCE = 8192
_FLIPPED_IN_QUERIES = 0.05
_FACTS = ImageFacts(480, 360, "JPEG", False, False, 1, 63, None, "00" * 16)
REAL = ("photos", "grocery", "clothing", "receipts", "kodak")
"""Folders of DATA that rows are made of."""

SHARES = (0.01, 0.02, 0.03, 0.045, 0.06, 0.09, 0.12)


class Timed:
    """Measures the processor and wall seconds of a ``with`` statement."""

    def __enter__(self) -> Timed:
        self._start = record.processor_seconds(), time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        ends = record.processor_seconds(), time.perf_counter()
        self.processor, self.wall = (b - a for a, b in zip(self._start, ends, strict=True))

    def told(self) -> dict[str, float]:
        return {"processor": round(self.processor, 3), "wall": round(self.wall, 3)}


def make_files(sources: Sequence[Path], folder: Path, n: int) -> None:
    """Write parts of real pictures, each source in turn; those that are there stay."""
    for number in range(n):
        path = folder / f"{number // 1000:02}" / f"{number:06}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([5, number])
        with Image.open(sources[number % len(sources)]) as image:
            image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
            picture = image.convert("RGB")
        share = rng.uniform(0.5, 1, 2)
        width, height = (max(32, int(s * n)) for s, n in zip(share, picture.size, strict=True))
        left, top = (
            int(rng.uniform(0, max(0, side - own)))
            for side, own in zip(picture.size, (width, height), strict=True)
        )
        part = picture.crop((left, top, left + width, top + height))
        part.thumbnail((_SIDE, _SIDE))
        part.save(path, quality=88)


def make_queries(files: Sequence[Path], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in files:
        with Image.open(path) as image:
            small = image.resize((max(32, image.width * 7 // 10), max(32, image.height * 7 // 10)))
            small.save(folder / path.name, quality=70)


def candidates(gallery: IndexGallery, rows: np.ndarray, digests: Sequence[str]) -> dict[str, Any]:
    """How long candidates of one picture take, and how many there are."""
    first = time.process_time()
    gallery.propose(rows[:1], digests[0], flat=False)
    first = time.process_time() - first
    seconds, found = [], []
    for i, digest in enumerate(digests):
        start = time.process_time()
        found.append(len(gallery.propose(rows[i : i + 1], digest, flat=False)))
        seconds.append(time.process_time() - start)
    return {
        "first_ms": round(1000 * first, 1),
        "median_ms": round(1000 * statistics.median(seconds), 1),
        "p90_ms": round(1000 * float(np.quantile(seconds, 0.9)), 1),
        "candidates_mean": round(statistics.mean(found), 1),
    }


def opened(folder: Path, options: RunOptions) -> tuple[IndexGallery, dict[str, Any]]:
    """Open an index, three times, and tell how long it takes and how large it is."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        gallery = open_gallery(Snapshot(folder), Auto(), options)
        seconds.append(time.process_time() - start)
    entries = gallery.snapshot.manifest.segments
    return gallery, {
        "open_seconds": round(statistics.median(seconds), 3),
        "segments": len(entries),
        "bytes_a_picture": round(sum(e.size_bytes for e in entries) / max(1, gallery.images)),
    }


def measure_files(data: Path, work: Path, n: int) -> dict[str, Any]:
    options = RunOptions(jobs=os.cpu_count() or 1)
    endings = {".jpg", ".jpeg", ".png"}
    names = ("photos", "grocery", "clothing", "receipts", "fruits_cls", "kodak", "scenes", "large")
    sources = [p for name in names for p in sorted((data / name).rglob("*"))]
    sources = [p for p in sources if p.suffix.lower() in endings]
    with Timed() as making:
        make_files(sources, work / "files", n)
    files = sorted((work / "files").rglob("*.jpg"))[:n]
    own, more = files[: n - _ADDED], files[n - _ADDED :]
    shutil.rmtree(work / "real.index", ignore_errors=True)
    own_folders, more_folders = (
        sorted({str(path.parent) for path in some}) for some in (own, more)
    )
    assert not set(own_folders) & set(more_folders)
    with Timed() as building:
        build_index(work / "real.index", own_folders, options)
    make_queries(own[:: max(1, len(own) // _ASKED)][:_ASKED], work / "queries")
    with imgsim.Index.open(work / "real.index", options=options) as index, Timed() as asking:
        answers = index.known(work / "queries", k=1).answers
    with Timed() as adding:
        add_to_index(work / "real.index", more_folders, options)
    with Timed() as again:
        add_to_index(work / "real.index", [*own_folders, *more_folders], options)
    read = collect([str(work / "queries")], [LocalFeatures()], options)
    if read.executor is not None:
        read.executor.close()
    digests = [p.digest for p in read.pictures if not p.facts.flat]
    rows = records(read.tables[LocalFeatures()].select(digests).rows)
    gallery, told = opened(work / "real.index", RunOptions(jobs=1))
    told |= candidates(gallery, rows, digests)
    return {
        "sources": len(sources),
        "files": len(own),
        "making_seconds": making.told(),
        "build_seconds": building.told(),
        **told,
        "known_200_seconds": asking.told(),
        "known": sum(answer.known for answer in answers),
        "known_right": sum(
            any(Path(m.path).name == Path(a.path).name for m in a.matches) for a in answers
        ),
        "asked": len(answers),
        "add_1000_seconds": adding.told(),
        "add_unchanged_seconds": again.told(),
    }


class Rows:
    """Makes rows of those of real pictures."""

    def __init__(self, real: np.ndarray, share: float) -> None:
        self.real = real
        self.share = share
        there = np.arange(real["descriptor"].shape[1]) < real["count"][:, None]
        self._plain = real["descriptor"][there]
        mirrored = real["mirrored"]
        self._mirrored = mirrored[mirrored.any(axis=2)]

    def make(self, start: int, n: int) -> np.ndarray:
        """Rows number `start` and those after it."""
        rng = np.random.default_rng([7, start])
        rows = self.real[rng.integers(0, len(self.real), n)]
        for name, pool in (("descriptor", self._plain), ("mirrored", self._mirrored)):
            shape = rows[name].shape
            there = rows[name].any(axis=2)
            drawn = pool[rng.integers(0, len(pool), shape[:2])]
            rows[name] = (drawn ^ turned_bits(rng, shape, self.share)) * there[..., None]
        rows["hash"] ^= turned_bits(rng, rows["hash"].shape, self.share)
        rows["hash"][:, 0] &= 127
        return rows


def sharing(rows: np.ndarray, asked: np.ndarray) -> float:
    """With how many keypoints of other rows one keypoint of some shares a word, on average."""
    every = Keypoints.of(rows, np.arange(len(rows)), by_halves=True)
    shared = keypoints = 0
    for i in range(len(asked)):
        own = Keypoints.of(asked[i : i + 1], np.arange(1))
        shared += int((every.shared_words(own) > 0).sum())
        keypoints += len(own.image)
    return shared / max(1, keypoints)


def best_share(real: np.ndarray) -> tuple[float, dict[str, float]]:
    """The share of turned bits at which made rows share as many words as real ones."""
    rng = np.random.default_rng(3)
    order = rng.permutation(len(real))
    asked, others = real[order[:60]], real[order[60:]]
    found = {"real": sharing(others, asked)}
    for share in SHARES:
        made = Rows(others, share).make(0, len(others))
        found[str(share)] = sharing(made, asked)
    found = {name: round(value, 2) for name, value in found.items()}
    # above the real ones, so that what is measured is no less than what they would take
    enough = [share for share in SHARES if found[str(share)] >= found["real"]]
    return (max(enough) if enough else SHARES[0]), found


def write_rows(made: Rows, folder: Path, n: int) -> dict[str, float]:
    """Write an index of so many rows."""
    shutil.rmtree(folder, ignore_errors=True)
    with Timed() as writing, IndexWriter.create(folder, Maker.own(DecodeMode.REDUCED)) as writer:
        for start in range(0, n, _AT_ONCE):
            rows = made.make(start, min(_AT_ONCE, n - start))
            digests = [sha256(f"{start + i}".encode()).hexdigest() for i in range(len(rows))]
            contents = [NewContent(digest, _FACTS, i) for i, digest in enumerate(digests)]
            files = [
                NewFile(FileRecord(f"{start + i:07}.jpg", "/pictures"), digest)
                for i, digest in enumerate(digests)
            ]
            writer.append(Batch(contents, lambda some, rows=rows: rows[list(some)], files))
    return writing.told()


def measure_rows(made: Rows, work: Path, n: int, before: Any) -> dict[str, Any]:
    """Ask an index of so many rows, which is written unless a run before did."""
    options = RunOptions(jobs=1)
    folder = work / f"rows-{n}.index"
    if before is None or not (folder / NAME).exists():
        writing = write_rows(made, folder, n)
    else:
        writing = before["write_seconds"]
    rng = np.random.default_rng(11)
    there = made.make(0, min(_AT_ONCE, n))[:_ASKED]
    for name in ("descriptor", "mirrored", "hash"):
        noise = turned_bits(rng, there[name].shape, _FLIPPED_IN_QUERIES)
        there[name] ^= noise * (there[name].any(axis=-1)[..., None])
    others = made.make(10_000_019, _ASKED)
    asked = np.concatenate([there, others])
    digests = [sha256(f"query {i}".encode()).hexdigest() for i in range(len(asked))]
    gallery, told = opened(folder, options)
    told |= candidates(gallery, asked, digests)
    right = 0
    for i in range(len(there)):
        found = gallery.propose(asked[i : i + 1], digests[i], flat=False)
        right += sha256(f"{i}".encode()).hexdigest() in found
    told["copies_proposed"] = f"{right} of {len(there)}"
    told["memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    return {"rows": n, "write_seconds": writing, **told}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--files", type=int, default=0)
    parser.add_argument("--rows", type=int, nargs="*", default=[])
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    path = record.RESULTS / "index.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    document = record.machine("python benchmarks/index.py DATA WORK", "numpy", "faiss-cpu")
    document |= {key: before[key] for key in ("files", "sharing", "rows") if key in before}
    if given.files:
        document["files"] = measure_files(given.data, given.work, given.files)
        print(json.dumps(document["files"]), flush=True)
        record.write("index", document)
    if given.rows:
        real = real_rows([given.data / name for name in REAL])
        share, found = best_share(real)
        document["sharing"] = {"pictures": len(real), "turned_bits": share, "shared": found}
        print(json.dumps(document["sharing"]), flush=True)
        kept = {str(one["rows"]): one for one in document.get("rows", [])}
        for n in given.rows:
            kept[str(n)] = measure_rows(Rows(real, share), given.work, n, kept.get(str(n)))
            print(json.dumps(kept[str(n)]), flush=True)
            document["rows"] = sorted(kept.values(), key=lambda one: one["rows"])
            record.write("index", document)


if __name__ == "__main__":
    main()
