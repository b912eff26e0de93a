"""Damaged inputs beside pictures: lists, archives, tables, plans, decisions, settings and others.

Each kind has a whole file, made here, and what reads it in this process: of a damaged file only an
`ImgsimError`, or of archives and tables what their readers say they raise, may come out.
"""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from fault_bytes import mutant, text_mutant
from fault_children import Lost, in_children
from fault_indexes import KINDS as INDEXES
from fault_pictures import Counts, written

from imgsim.act.journal import read_journal
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.plan_file import read_plan, write_plan
from imgsim.cache.store import Cache
from imgsim.cli.config import defaults
from imgsim.decisions.records import DecidedFile, decision_line, heading
from imgsim.decisions.store import Decisions
from imgsim.decode.metadata import read_sidecar
from imgsim.decode.spec import DecodeMode
from imgsim.errors import ImgsimError
from imgsim.models.weights import metadata
from imgsim.profile import read_profile
from imgsim.read.archives.listing import list_archive
from imgsim.read.discover import DiscoverOptions, discover, read_file_list
from imgsim.read.manifests.manifest import values_of
from imgsim.read.manifests.reading import read_dataset, read_manifest
from imgsim.read.tables.listing import list_table
from imgsim.report.baseline import FIND_DUPES, LEAKS, read_baseline
from imgsim.report.features import features_bytes, read_features
from imgsim.tasks.features import FeatureSet

DIGEST = "ab" * 32


@dataclass(frozen=True)
class Input:
    """A kind of input.

    Attributes
    ----------
    name : str
        Of the file.
    whole : callable
        Makes the bytes of a whole one.
    read : callable
        Reads the file at a path, and all that lies in it.
    text : bool
        It is text, so that words of it are exchanged too.
    raises : tuple of exception types
        What the reader may raise beside `ImgsimError`.
    change : callable, optional
        Damages the bytes by a seed, as `fault_bytes.mutant` does.
    """

    name: str
    whole: Callable[[], bytes]
    read: Callable[[Path], object]
    text: bool = True
    raises: tuple[type[Exception], ...] = ()
    change: Callable[[bytes, str], tuple[str, bytes]] | None = None


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=1).encode()


# Lists -----------------------------------------------------------------------------------------

_ROWS = [
    {"path": f"a/{i}.jpg", "label": "cat" if i % 2 else "dög", "split": "train", "group": str(i)}
    for i in range(6)
]


def _csv(separator: str) -> Callable[[], bytes]:
    lines = [separator.join(_ROWS[0])] + [separator.join(row.values()) for row in _ROWS]
    lines.append(separator.join(('"a ""quoted"" one.jpg"', "cat", "test", "7")))
    return lambda: "\n".join(lines).encode()


def _json_lines() -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in _ROWS)


def _coco() -> bytes:
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": 640, "height": 480, "date_captured": "2020"}
        for i in range(4)
    ]
    annotations = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}
        for i in range(4)
    ]
    categories = [{"id": 1, "name": "cat", "supercategory": "animal"}]
    return _json({"images": images, "annotations": annotations, "categories": categories})


_YAML = b"""# a data set
path: ./set  # below here
train:
  - images/train
  - images/more
val: [images/train, 'images/more']
test: ""
nc: 2
names:
  0: cat
  1: "a dog"
"""


def _manifest(path: Path) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "set/images/train/1.jpg", "set/images/more/2.jpg"):
        below = path.parent / name
        if not below.exists():
            below.parent.mkdir(parents=True, exist_ok=True)
            below.write_bytes(b"")
    manifest = read_manifest(path)
    for column in ("label", "split", "group"):
        try:
            values_of([manifest], column)
        except ImgsimError:
            continue
    discover([], DiscoverOptions(manifests=[str(path)]))


def _table(kind: str, pictures: bool) -> Callable[[], bytes]:
    def make() -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        columns: dict[str, Any] = {"label": ["cat", "dog", "cat"], "number": [1, 2, None]}
        if pictures:
            whole = written("JPEG", 7000)
            columns["image"] = [
                {"bytes": whole, "path": "a.jpg"}, {"bytes": None, "path": "b.jpg"}, None,
            ]  # fmt: skip
        else:
            columns["path"] = ["a.jpg", "b.jpg", "c.jpg"]
        table = pa.table(columns)
        if pictures:
            features = {"info": {"features": {"image": {"_type": "Image"}}}}
            table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
        stream = io.BytesIO()
        if kind == "parquet":
            parquet.write_table(table, stream)
        else:
            with pa.ipc.new_file(stream, table.schema) as writer:
                writer.write_table(table)
        return stream.getvalue()

    return make


def _table_read(path: Path) -> None:
    """Read the table as a list, and the pictures in it, each as a run does."""
    with suppress(ImgsimError):
        _manifest(path)
    for row in list_table(str(path)).rows:
        _member(row)


def _member(address: Any) -> None:
    try:
        address.read()
    except OSError:  # the member is skipped
        return


# Archives --------------------------------------------------------------------------------------


@cache
def _members() -> dict[str, bytes]:
    return {
        "a/1.jpg": written("JPEG", 7001) or b"",
        "b/2.png": (written("PNG, palette", 7002) or b"")[:9000],
        "c/ü.jpg": written("JPEG, grey", 7003) or b"",
        "note.txt": b"no picture" * 40,
    }


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for i, (name, data) in enumerate(members.items()):
            info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6))
            archive.writestr(info, data, zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED)
    return stream.getvalue()


def _nested_zip() -> bytes:
    return _zip({**_members(), "inner.zip": _zip(_members()), "inner.tar.gz": _tar("gz")})


def _tar(packing: str) -> bytes:
    stream = io.BytesIO()
    mode: Any = f"w:{packing}" if packing in ("gz", "bz2", "xz") else "w"
    with tarfile.open(fileobj=stream, mode=mode, format=tarfile.PAX_FORMAT) as archive:
        for name, data in _members().items():
            info = tarfile.TarInfo(name if name != "a/1.jpg" else "a/" + "long" * 30 + ".jpg")
            info.size, info.mtime = len(data), 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
    if packing != "zst":
        return stream.getvalue()
    from backports import zstd

    return bytes(zstd.compress(stream.getvalue()))


def _archive(path: Path) -> None:
    for member in list_archive(str(path)).members:
        _member(member)
    discover([str(path)])


# What imgsim writes ----------------------------------------------------------------------------


def _plan() -> bytes:
    def file(name: str) -> PlannedFile:
        return PlannedFile(name.encode(), DIGEST, 1000, 1_600_000_000_000_000_000)

    removals = (
        Removal(file("b/2.jpg"), "exact"),
        Removal(file("b/3.jpg"), "cropped", "the kept file shows more", ("cropped",), ()),
    )
    groups = (
        PlanGroup(file("a/1.jpg"), removals, "original", "oldest"),
        PlanGroup(file("a/5.jpg"), (Removal(file("b/6.jpg"), "exact"),)),
    )
    plan = Plan(
        "/photos", "20260101-120000-abcd", "0.1.0", 1_700_000_000_000_000_000, "auto", "normal",
        1.0, groups, references=(b"archive",), decode=DecodeMode.REDUCED, roots=(b"a", b"b"),
    )  # fmt: skip
    return "".join(write_plan(plan)).encode()


def _decisions() -> bytes:
    decisions = Decisions()
    files = [
        DecidedFile(f"{i}{i}" * 32, f"{i}a" * 32 if i else None, f"photos/{i}.jpg", 640, 480)
        for i in range(3)
    ]
    decisions.add("not-duplicates", files[:2])
    decisions.add("keep-all", files)
    decisions.add("keep", files[2:])
    lines = [heading(), *(decision_line(one) for one in decisions)]
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines).encode()


def _read_decisions(path: Path) -> None:
    decisions = Decisions(path)
    decisions.add("keep", [DecidedFile("cc" * 32, None, "x.jpg", 1, 1)])
    list(Decisions(path))


def _profile() -> bytes:
    method = {"method": "auto", "extractor": "x/1", "max_distance": 0.5}
    methods = [method, method | {"max_distance": None}]
    target = {"text": "precision .99"}
    schema = "imgsim.profile/1"
    return _json({"schema": schema, "target": target, "decode": "reduced", "methods": methods})


def _find_dupes_baseline() -> bytes:
    members = [
        {"path": f"{i}.jpg", "digest": f"sha256:{DIGEST}", "pixel_digest": None, "label": "cat"}
        for i in range(2)
    ]
    return _json({"schema": FIND_DUPES[-1], "version": "0.1.0", "cwd": "/", "method": "auto",
                  "threshold": 1.0, "groups": [{"members": members}]})  # fmt: skip


def _leaks_baseline() -> bytes:
    file = {"path": "a.jpg", "digest": f"sha256:{DIGEST}", "split": "train", "label": "cat"}
    match = file | {"path": "b.jpg", "kind": "exact", "score": 0.25}
    leak = file | {"split": "test", "matched": 1, "conflicts": 0, "matches": [match, match],
                   "contents": [[0, 1], [1, 2]]}  # fmt: skip
    splits = [{"name": name, "digests": [f"sha256:{DIGEST}"]} for name in ("train", "test")]
    return _json({"schema": LEAKS[-1], "version": "0.1.0", "cwd": "/", "method": "auto",
                  "threshold": 1.0, "leaks": [leak], "groups": [{"name": "p1", "splits": splits}],
                  "contents": [file, file | {"split": "test"}]})  # fmt: skip


def _features(suffix: str) -> Callable[[], bytes]:
    def make() -> bytes:
        from imgsim.comparators import registry

        comparator: Any = registry.parse("phash")
        extractor = comparator.extractor
        image = np.arange(32 * 32, dtype=np.uint8).reshape(1, 32, 32, 1)
        wants = extractor.wants
        image = np.resize(image, (4, wants.height or 64, wants.width or 64, 1))
        rows = np.asarray(extractor.extract(image))
        made = FeatureSet(
            comparator, "reduced", ("a.jpg", "b.jpg", "c.jpg", "d.jpg"), (f"sha256:{DIGEST}",) * 4,
            np.full((4, 2), 64, np.int64), rows,
        )  # fmt: skip
        return features_bytes(made, suffix)

    return make


_SETTINGS = b"""jobs = 2
max-memory = "500MB"
exclude = ["thumbs", "*.tmp"]

[find-dupes]
preset = "strict"
keep = ["original", "folder:best"]
recursive = true
max-pixels = 1000000

[leaks]
preset = "loose"
"""


def _journal() -> bytes:
    import zlib

    lines = []
    for document in (
        {"event": "begin", "root": "/x", "action": "trash", "run": "1"},
        {"event": "purged"},
        {"event": "finished"},
    ):
        text = json.dumps(document).encode()
        lines.append(b"%08x " % zlib.crc32(text) + text)
    return b"\n".join(lines) + b"\n"


def _weights() -> bytes:
    noted = json.dumps({"kind": "siamese", "side": 32, "classes": ["a"]})
    header = json.dumps({"__metadata__": {"imgsim": noted}, "w": {
        "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()  # fmt: skip
    return len(header).to_bytes(8, "little") + header + bytes(8)


_XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="52,31.5N" xmp:Rating="5"
 xmp:CreateDate="2020-05-17T12:30:45.1+02:00"><dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag>
</dc:subject></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def _cache_file() -> bytes:
    """The database of a cache that knows some facts."""
    import sqlite3
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cache.sqlite")
        with closing(Cache(path, lambda text: None)) as opened:
            opened.keep_sample_digests("label", {f"{i:02x}" * 32: "ab" * 32 for i in range(40)})
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()


def _read_cache(path: Path) -> None:
    wanted = [f"{i:02x}" * 32 for i in range(40)]
    try:
        with closing(Cache(path, lambda text: None)) as opened:
            known = opened.sample_digests("label", wanted)
            opened.keep_sample_digests("label", {"ee" * 32: "ab" * 32})
    finally:
        for other in path.parent.iterdir():
            if other != path and other.name.startswith(path.name):
                _remove(other)
    for digest, value in known.items():
        if value != "ab" * 32 and digest != "ee" * 32:
            raise AssertionError(f"a damaged cache says {value}")


def _remove(path: Path) -> None:
    if path.is_dir():
        for below in path.iterdir():
            below.unlink()
        path.rmdir()
    else:
        path.unlink()


_STATE = _json({"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "train"})


@cache
def _state_table() -> bytes:
    return _table("arrow", True)()


def _read_state(path: Path) -> None:
    (path.parent / "dataset_info.json").write_text("{}")
    (path.parent / "data-00000-of-00001.arrow").write_bytes(_state_table())
    read_dataset(str(path.parent))


def _read_list(path: Path) -> None:
    for null in (False, True):
        try:
            discover([], DiscoverOptions(listed=read_file_list(path.read_bytes(), null=null)))
        except ImgsimError:
            continue


INPUTS: dict[str, Input] = {
    "CSV": Input("list.csv", _csv(","), _manifest),
    "TSV": Input("list.tsv", _csv("\t"), _manifest),
    "JSON lines": Input("list.jsonl", _json_lines, _manifest),
    "COCO": Input("coco.json", _coco, _manifest),
    "data.yaml": Input("data.yaml", lambda: _YAML, _manifest),
    "train.txt": Input("train.txt", lambda: b"./a/1.jpg\na/2.jpg\n\n", _manifest),
    "file list": Input("files.lst", lambda: b"a/1.jpg\nb\xff/2.jpg\r\n./c.jpg\n", _read_list),
    "Parquet of paths": Input("t.parquet", _table("parquet", False), _manifest, False),
    "Parquet of pictures": Input(
        "t.parquet", _table("parquet", True), _table_read, False, (OSError,)
    ),
    "Arrow of pictures": Input("t.arrow", _table("arrow", True), _table_read, False, (OSError,)),
    "state.json": Input("state.json", lambda: _STATE, _read_state),
    "zip": Input("a.zip", lambda: _zip(_members()), _archive, False, (OSError,)),
    "zip in zip": Input("a.zip", _nested_zip, _archive, False, (OSError,)),
    "tar": Input("a.tar", lambda: _tar(""), _archive, False, (OSError,)),
    "tar.gz": Input("a.tar.gz", lambda: _tar("gz"), _archive, False, (OSError,)),
    "tar.bz2": Input("a.tar.bz2", lambda: _tar("bz2"), _archive, False, (OSError,)),
    "tar.xz": Input("a.tar.xz", lambda: _tar("xz"), _archive, False, (OSError,)),
    "tar.zst": Input("a.tar.zst", lambda: _tar("zst"), _archive, False, (OSError,)),
    "plan": Input("plan.json", _plan, lambda path: read_plan(path.read_bytes())),
    "decisions": Input("decisions.jsonl", _decisions, _read_decisions),
    "profile": Input("profile.json", _profile, read_profile),
    "baseline": Input(
        "baseline.json", _find_dupes_baseline, lambda path: read_baseline(path, FIND_DUPES)
    ),
    "leaks baseline": Input("leaks.json", _leaks_baseline, lambda path: read_baseline(path, LEAKS)),
    "features, npz": Input("f.npz", _features(".npz"), read_features, False),
    "features, Parquet": Input("f.parquet", _features(".parquet"), read_features, False),
    "settings": Input("s.toml", lambda: _SETTINGS, lambda path: defaults(str(path), "find-dupes")),
    "journal": Input("journal", _journal, lambda path: read_journal(path.read_bytes())),
    "weights": Input("w.safetensors", _weights, lambda path: metadata(path, "siamese"), False),
    "sidecar": Input("a.xmp", lambda: _XMP, lambda path: read_sidecar(path.read_bytes())),
    "cache": Input("cache.sqlite", _cache_file, _read_cache, False),
} | {kind: Input(*one) for kind, one in INDEXES.items()}


@cache
def whole_input(kind: str) -> bytes | None:
    """Return a whole file of a kind; None where what writes it is not installed."""
    try:
        return INPUTS[kind].whole()
    except ImportError:
        return None


def mutant_of_input(kind: str, number: int, seed: int) -> bytes:
    """Return the bytes of one damaged file."""
    whole = whole_input(kind)
    assert whole is not None
    change = INPUTS[kind].change or (text_mutant if INPUTS[kind].text else mutant)
    return change(whole, f"{seed}/{kind}/{number}")[1]


def read_input(kind: str, data: bytes, folder: Path) -> str | None:
    """Read a file of a kind from its bytes; return what was raised and may not be."""
    path = folder / INPUTS[kind].name
    path.write_bytes(data)
    try:
        INPUTS[kind].read(path)
    except (ImgsimError, *INPUTS[kind].raises) as error:
        text = error.message if isinstance(error, ImgsimError) else str(error)
        if "\n" in text:
            return f"a message of several lines: {text[:200]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None


def refused_whole(kind: str, data: bytes, folder: Path) -> str | None:
    """Return why a whole file is not read."""
    path = folder / INPUTS[kind].name
    path.write_bytes(data)
    try:
        INPUTS[kind].read(path)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _read_one(item: tuple[str, int], seed: int, folder: Path) -> str | None:
    return read_input(item[0], mutant_of_input(*item, seed), folder)


def read_mutants(
    counts: Counts, numbers: Sequence[int], seed: int, folder: Path,
    kinds: Sequence[str] = tuple(INPUTS),
) -> None:  # fmt: skip
    """Read damaged files of each kind in children."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        whole = whole_input(kind)
        if whole is None:
            counts.noted[f"not written here: {kind}"] += 1
            continue
        below = folder / kind.replace(" ", "-")
        below.mkdir(exist_ok=True)
        if refusal := refused_whole(kind, whole, below):  # its mutants would tell nothing
            counts.find("whole inputs refused", f"{kind}: {refusal}")
        items = [(kind, number) for number in numbers]
        outcomes = in_children(partial(_read_one, seed=seed, folder=below), items, 60.0)
        for (_, number), outcome in zip(items, outcomes, strict=True):
            counts.tried[kind] += 1
            repeat = f"--repeat 'input/{kind}/{number}/{seed}'"
            if isinstance(outcome, Lost):
                # these are read in the process of the run, not in a worker
                counts.find("crashes and hangs of the run", f"{repeat}: {outcome.reason}")
                continue
            if outcome.result:
                counts.find("raised", f"{repeat}: {outcome.result}")
            counts.peak_bytes = max(counts.peak_bytes, outcome.peak_bytes)
