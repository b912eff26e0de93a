"""features out, and rankings by features that were read again."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import imgsim as library
from imgsim import RunOptions
from imgsim.comparators import registry
from imgsim.decode.decoder import Decoder
from imgsim.errors import ImgsimError, UsageError
from imgsim.report.features import features_bytes, read_features

METHODS = ("phash:size=16", "cosine", "ssim", "colorhash", "auto")
needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="needs pyarrow"
)


@pytest.mark.parametrize("suffix", [".npz", pytest.param(".parquet", marks=needs_pyarrow)])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_written_is_read_again(
    method: str, suffix: str, demo, threads: RunOptions, tmp_path: Path
) -> None:
    folder, made = demo
    written = library.features(folder, method, options=threads)
    assert len(written) == len(written.paths) == made.files - 1
    file = tmp_path / f"f{suffix}"
    file.write_bytes(features_bytes(written, suffix))
    read = read_features(file)
    assert (read.comparator, read.decode) == (written.comparator, written.decode)
    assert (read.paths, read.digests) == (written.paths, written.digests)
    assert read.rows.dtype == written.rows.dtype
    np.testing.assert_array_equal(read.rows, written.rows)
    np.testing.assert_array_equal(read.sizes, written.sizes)


@pytest.mark.parametrize("suffix", [".npz", pytest.param(".parquet", marks=needs_pyarrow), ".csv"])
@pytest.mark.parametrize("method", METHODS)
def test_a_folder_without_images_has_no_rows(
    method: str, suffix: str, threads: RunOptions, tmp_path: Path
) -> None:
    data = features_bytes(library.features(tmp_path, method, options=threads), suffix)
    if suffix == ".csv":
        assert data.startswith(b"path,digest,width,height,f")
        assert data.count(b"\n") == 1
        return
    (tmp_path / f"f{suffix}").write_bytes(data)
    read = read_features(tmp_path / f"f{suffix}")
    assert (read.comparator, len(read)) == (registry.parse(method), 0)
    assert read.rows.shape == (0, *read.comparator.extractor.shape)


def test_rows_are_what_the_extractor_makes_of_a_file(demo, threads: RunOptions) -> None:
    folder, _ = demo
    extractor = registry.parse("cosine").extractor
    for one in list(library.features(folder / "camera", "cosine", options=threads))[:3]:
        image = Decoder()(Path(one.path).read_bytes(), [extractor.wants]).images[extractor.wants]
        np.testing.assert_array_equal(one.features, extractor.extract(image[None])[0])
        assert (one.width, one.height) == (640, 480)


def _without_runs(text: str) -> dict:
    document = json.loads(text)
    return {name: document[name] for name in ("k", "images", "methods")}


@pytest.mark.parametrize("suffix", ["npz", pytest.param("parquet", marks=needs_pyarrow)])
@pytest.mark.parametrize("method", ["phash:size=16", "ssim"])
def test_rankings_by_a_file_are_those_of_the_folder(
    method: str, suffix: str, imgsim, demo, tmp_path: Path
) -> None:
    folder, _ = demo
    file = tmp_path / f"f.{suffix}"
    done = imgsim("features", folder, "-m", method, "-o", file)
    assert (done.returncode, done.stdout) == (0, "")
    assert "25 images" in done.stderr
    by_file = imgsim("matches", "--features", file, "-f", "json", "--no-timing")
    by_folder = imgsim("matches", folder, "-m", method, "-f", "json", "--no-timing")
    assert by_file.returncode == 0, by_file.stderr
    assert _without_runs(by_file.stdout) == _without_runs(by_folder.stdout)


def test_csv_has_a_row_per_file(imgsim, demo, tmp_path: Path) -> None:
    folder, _ = demo
    file = tmp_path / "f.csv"
    assert imgsim("features", folder / "camera", "-m", "phash", "-o", file).returncode == 0
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 13
    assert set(rows[0]) == {"path", "digest", "width", "height", "features"}
    assert len(bytes.fromhex(rows[0]["features"])) == 8
    assert imgsim("features", folder / "camera", "-m", "cosine", "-o", file).returncode == 0
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["f0"]) >= 0


def test_bad_files_and_options_are_errors_of_two_lines(
    imgsim, demo, tmp_path: Path, threads: RunOptions
) -> None:
    folder, _ = demo
    junk, old, local = (tmp_path / name for name in ("junk.npz", "old.npz", "local.npz"))
    junk.write_bytes(b"PK\x03\x04 junk")
    written = library.features(folder / "scans", "phash", options=threads)
    data = features_bytes(written, ".npz")
    np.savez(old, path=np.array(["a"]))
    for cut in (50, len(data) // 2):
        (tmp_path / f"cut{cut}.npz").write_bytes(data[:cut])
    auto = library.features(folder / "scans", "auto", options=threads)
    local.write_bytes(features_bytes(auto, ".npz"))
    for arguments, message in (
        (("matches", "--features", junk), "holds no features"),
        (("matches", "--features", old), "holds no features"),
        (("matches", "--features", tmp_path / "cut50.npz"), "holds no features"),
        (("matches", "--features", tmp_path / "none.npz"), "No such file"),
        (("matches", "--features", tmp_path / "none.txt"), "no file of features"),
        (("matches", "--features", local), "needs the pictures"),
        (("matches", folder, "--features", local), "PATH and --features"),
        (("matches", "-m", "ahash", "--features", local), "a method of its own"),
        (("features", folder, "-o", tmp_path / "f.txt"), "no ending of a table"),
        (("features", tmp_path / "none", "-o", tmp_path / "f.npz"), "no such path"),
        (("features", folder, "-o", tmp_path / "none" / "f.npz"), "no such folder"),
    ):
        done = imgsim(*arguments)
        assert done.returncode == 2, arguments
        assert message in done.stderr
        assert len(done.stderr.splitlines()) <= 2
    assert imgsim("features", tmp_path, "-o", tmp_path / "empty.npz", "-q").returncode == 0
    assert imgsim("matches", "--features", tmp_path / "empty.npz").returncode == 0


@needs_pyarrow
def test_parquet_that_is_no_features_is_told_from_one_that_is_gone(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = tmp_path / "f.parquet"
    with pytest.raises(UsageError, match="No such file"):
        read_features(file)
    pq.write_table(pa.table({"a": [1]}), file)
    with pytest.raises(UsageError, match="imgsim did not write it"):
        read_features(file)
    data = file.read_bytes()
    for part in (b"", b"text", data[:-20]):
        file.write_bytes(part)
        with pytest.raises(UsageError, match="imgsim: it is no Parquet, or damaged"):
            read_features(file)


def test_a_method_in_the_settings_does_not_stand_against_a_file(
    imgsim, demo, tmp_path: Path
) -> None:
    file = tmp_path / "f.npz"
    assert imgsim("features", demo[0] / "scans", "-m", "phash", "-o", file).returncode == 0
    (tmp_path / "imgsim.toml").write_text('method = "ahash"\nformat = "json"\n')
    done = imgsim("matches", "--features", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [m["name"] for m in json.loads(done.stdout)["methods"]] == ["phash"]
    (tmp_path / "imgsim.toml").write_text('[matches]\nfeatures = "f.npz"\n')
    assert imgsim("matches", demo[0] / "scans", cwd=tmp_path).returncode == 2


def test_features_of_another_version_are_refused(demo, tmp_path: Path, threads: RunOptions) -> None:
    written = library.features(demo[0] / "scans", "phash", options=threads)
    file = tmp_path / "f.npz"
    file.write_bytes(features_bytes(written, ".npz"))
    with np.load(file) as stored:
        columns = {name: stored[name] for name in stored}
    about = json.loads(str(columns["imgsim"]))
    columns["imgsim"] = np.array(json.dumps(about | {"extractor": "phash/0"}))
    np.savez(file, **columns)
    with pytest.raises(UsageError, match="other features in this version"):
        read_features(file)


def test_parquet_without_pyarrow_says_what_to_install(
    demo, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim.report import features

    written = library.features(demo[0] / "scans", "phash", options=threads)
    monkeypatch.setattr(features, "find_spec", lambda name: None)
    with pytest.raises(ImgsimError, match="needs pyarrow") as error:
        features_bytes(written, ".parquet")
    assert "pip install pyarrow" in error.value.hint
