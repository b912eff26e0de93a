"""What an index proposes is what the same rows in one array propose, however they are divided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from imgsim.comparators.local import LAYOUT, LocalFeatures, records
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError
from imgsim.index import rows as index_rows
from imgsim.index import words
from imgsim.index.manifest import Maker, write_manifest
from imgsim.index.segment import FileRecord, NewContent, NewFile
from imgsim.index.snapshot import Snapshot
from imgsim.index.writer import Batch, IndexWriter
from imgsim.pictures.generate import landscape
from imgsim.propose import alike
from imgsim.propose.index import ProposalIndex, RowArray
from imgsim.propose.keypoint_votes import votes_of
from imgsim.types import ImageFacts

FACTS = {flat: ImageFacts(400, 300, "PNG", True, False, 1, 0 if flat else 63, None)
         for flat in (False, True)}  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Pictures, copies of each, and flat figures in two sizes."""
    images = []
    for seed in (71, 72, 73):
        picture = Image.fromarray(landscape(seed, 400, 300))
        framed = Image.new("RGB", (700, 600), (30, 60, 90))
        framed.paste(picture.resize((300, 225)), (150, 120))
        images += [
            picture,
            picture.resize((200, 150)),
            picture.transpose(Image.Transpose.ROTATE_90),
            ImageOps.mirror(picture.crop((60, 40, 380, 290))),
            ImageOps.invert(picture),
            framed,
        ]
    for side in (64, 128):
        icon = Image.new("RGB", (side, side), (240, 240, 240))
        icon.paste((200, 20, 40), (side // 4, side // 4, side // 2, side // 2))
        images.append(icon)
    made = []
    for image in images:
        image.thumbnail((400, 400))
        made.append(LocalFeatures().extract(np.asarray(image.convert("YCbCr"))[None])[0])
    return records(np.stack(made))


def _digest(place: int) -> str:
    return f"{place * 7919 % 256:02x}" + f"{place:062x}"


def _write(folder: Path, rows: np.ndarray, flat: np.ndarray, seed: int) -> IndexWriter:
    """An index of the rows in segments of a few, in an order of chance."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    writer = IndexWriter.create(folder, Maker.own(DecodeMode.REDUCED))
    for part in np.array_split(order, 5):
        contents = [NewContent(_digest(i), FACTS[bool(flat[i])], i) for i in part.tolist()]
        files = [NewFile(FileRecord(f"{i}.png", "/p"), _digest(i)) for i in part.tolist()]
        writer.append(Batch(contents, lambda some: rows[list(some)], files))
    return writer


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("common", [48, 3])
def test_an_index_proposes_what_one_array_does(
    rows: np.ndarray,
    common: int,
    compiled: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not compiled:
        monkeypatch.setattr(words, "_compiled", None)
    for module in (alike, index_rows):  # a word is too common, or is once some are removed
        monkeypatch.setattr(module, "COMMON_WORD", common)
    flat = np.arange(len(rows)) >= len(rows) - 2
    proposed = 0
    with _write(tmp_path / "F", rows, flat, common) as writer:
        removed = {3, 8}
        names = {one.path: number for number, one, _ in writer.snapshot.all_files()}
        manifest = writer.snapshot.with_removed([names[f"{i}.png"] for i in removed])
        writer._commit(manifest, manifest.segments, [])  # not written anew: they lie in between
        snapshot = writer.snapshot
    left = sorted((i for i in range(len(rows)) if i not in removed), key=_digest)
    digests = [_digest(i) for i in left]
    assert list(snapshot.digests) == digests
    array = RowArray(rows[left], flat[left])
    one, other = (
        ProposalIndex(source, digests, hashes=True, jobs=1) for source in (snapshot.rows, array)
    )
    for place in range(len(rows)):
        asked = rows[place : place + 1], _digest(place)
        expected = other.propose(*asked, flat=bool(flat[place]))
        assert one.propose(*asked, flat=bool(flat[place])) == expected
        proposed += len(expected)
    assert proposed > (30 if common == 48 else 10)
    near, wanted = one.nearest(rows, 4), other.nearest(rows, 4)
    assert near.rows.tolist() == wanted.rows.tolist()


@pytest.mark.parametrize("compiled", [True, False])
def test_damage_never_changes_what_is_proposed(
    rows: np.ndarray, compiled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever byte is turned, what was proposed is as before, or the index refused."""
    if not compiled:
        monkeypatch.setattr(words, "_compiled", None)
    flat = np.arange(len(rows)) >= len(rows) - 2
    with _write(tmp_path / "F", rows, flat, 7) as writer:
        entries = writer.snapshot.manifest.segments

    def proposed() -> object:
        snapshot = Snapshot(tmp_path / "F")
        index = ProposalIndex(snapshot.rows, snapshot.digests, hashes=True, jobs=1)
        every = range(0, len(rows), 2)
        return [index.propose(rows[i : i + 1], _digest(i), flat=bool(flat[i])) for i in every]

    expected = proposed()
    rng = np.random.default_rng(5)
    refused = wrong = 0
    for turn in range(32):
        entry = entries[int(rng.integers(len(entries)))]
        section = entry.sections[("rows", "order", "starts", "sums")[turn % 4]]
        size = int(rng.choice([1, 64, 4096]))
        start = section.offset + int(rng.integers(section.size_bytes))
        path = tmp_path / "F" / entry.name
        whole = bytearray(path.read_bytes())
        end = min(start + size, section.offset + section.size_bytes)
        damaged = bytes(byte ^ 0x21 for byte in whole[start:end])
        path.write_bytes(whole[:start] + damaged + whole[end:])
        try:
            wrong += proposed() != expected
        except UsageError:
            refused += 1
        path.write_bytes(whole)
    assert (wrong, refused > 12) == (0, True)


def test_an_order_that_is_not_whole_is_damage(rows: np.ndarray, tmp_path: Path) -> None:
    """As the manifest has it, with a right sum."""
    folder = tmp_path / "F"
    with _write(folder, rows, np.zeros(len(rows), np.bool_), 7) as writer:
        manifest = writer.snapshot.manifest
    first, *others = manifest.segments
    order = first.sections["order"]
    cut = first.sections | {"order": replace(order, size_bytes=order.size_bytes - 30)}
    write_manifest(folder, replace(manifest, segments=(replace(first, sections=cut), *others)))
    snapshot = Snapshot(folder)
    index = ProposalIndex(snapshot.rows, snapshot.digests, hashes=False, jobs=1)
    with pytest.raises(UsageError, match="its words lead to no row"):
        index.propose(rows[:1], _digest(0), flat=False)


def test_several_are_proposed_together_as_closed_images_are(
    rows: np.ndarray, tmp_path: Path
) -> None:
    rows = rows[:-2]
    flat = np.zeros(len(rows), np.bool_)
    asking = [1, 5, 9, 13]
    others = [i for i in range(len(rows)) if i not in asking]
    with _write(tmp_path / "F", rows[others], flat[others], 1) as writer:
        snapshot = writer.snapshot
    # the digests of those that ask lie between the others
    own = [f"{place * 60:02x}" + "f" * 62 for place in range(len(asking))]
    index = ProposalIndex(snapshot.rows, snapshot.digests, hashes=True, jobs=1)
    votes, before = index.votes(rows[asking], own)
    inside = sorted(range(len(others)), key=_digest)
    every = [*((_digest(i), others[i]) for i in inside), *zip(own, asking, strict=True)]
    order = [place for _, place in sorted(every)]
    closed = np.array([place not in asking for place in order])
    expected = votes_of(rows[order], closed=closed)
    assert len(expected.left) > 8
    assert (before + np.arange(len(own))).tolist() == np.flatnonzero(~closed).tolist()
    for name in ("left", "right", "mirrored", "weight"):
        assert getattr(votes, name).tolist() == getattr(expected, name).tolist()


def test_rows_without_keypoints(tmp_path: Path) -> None:
    rows = np.zeros(3, LAYOUT)
    with _write(tmp_path / "F", rows, np.zeros(3, np.bool_), 0) as writer:
        index = ProposalIndex(writer.snapshot.rows, writer.snapshot.digests, hashes=True, jobs=1)
        assert len(index.propose(rows[:1], "ff" * 32, flat=False)) == 3  # equal hashes
