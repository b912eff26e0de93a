"""Lists in the encodings that Excel, PowerShell and others write."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from imgsim import read_manifest, read_profile
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import UsageError
from imgsim.read.discover import read_file_list
from imgsim.report.baseline import read_baseline

ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
NAMES = ("a ü.png", "b 日.png")


def encoded(text: str, encoding: str) -> bytes:
    mark = "\N{BYTE ORDER MARK}" if encoding in ("utf-16-le", "utf-16-be") else ""
    return (mark + text).encode(encoding)


@pytest.fixture
def folder(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(NAMES):
        photo(seed).save(tmp_path / name)
        photo(seed).save(tmp_path / f"again {name}")
    return tmp_path


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lists_with_a_byte_order_mark(encoding: str, folder: Path) -> None:
    rows = [(name, f"ä{i}") for i, name in enumerate(NAMES) for name in (name, f"again {name}")]
    paths = [name for name, _ in rows]
    texts = {
        "list.csv": "path,label\r\n" + "".join(f"{n},{label}\r\n" for n, label in rows),
        "list.tsv": "path\tlabel\r\n" + "".join(f"{n}\t{label}\r\n" for n, label in rows),
        "list.jsonl": "".join(json.dumps({"path": n, "label": label}, ensure_ascii=False) + "\n"
                              for n, label in rows),
        "list.txt": "".join(f"{n}\r\n" for n in paths),
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_bytes(encoded(text, encoding))
        manifest = read_manifest(name)
        assert list(manifest.paths) == paths, name
        assert list(manifest.labels) == ([] if name == "list.txt" else [lab for _, lab in rows])
    assert read_file_list(encoded(texts["list.txt"], encoding)) == paths
    (folder / "truth.csv").write_bytes(encoded(texts["list.csv"], encoding))
    assert load_labelled("truth.csv").labels == tuple(label for _, label in rows)
    coco = {"images": [{"id": 1, "file_name": NAMES[0]}]}
    (folder / "coco.json").write_bytes(encoded(json.dumps(coco, ensure_ascii=False), encoding))
    assert read_manifest("coco.json").paths == (NAMES[0],)


def test_what_is_no_text_is_said_in_one_line(folder: Path, imgsim) -> None:
    text = "".join(f"{name}\r\n" for name in ("path", *NAMES))
    for name, data in {
        "bare.csv": text.encode("utf-16-le"),
        "bare.txt": text.encode("utf-16-be"),
        "cut.csv": text.encode("utf-16")[:-1],
        "cut.jsonl": json.dumps({"path": NAMES[0]}).encode("utf-16")[:-1],
        "truth.csv": text.encode("utf-16-le"),
    }.items():
        (folder / name).write_bytes(data)
        with pytest.raises(UsageError, match="UTF-16") as raised:
            load_labelled(name) if name == "truth.csv" else read_manifest(name)
        assert "\n" not in raised.value.message
        assert raised.value.hint == "save it as UTF-8"
    for data in (text.encode("utf-16-le"), text.encode("utf-16")[:-1]):
        with pytest.raises(UsageError, match="UTF-16"):
            read_file_list(data)
    done = imgsim("find-dupes", "--manifest", "bare.csv", cwd=folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 2)
    assert read_file_list(b"a\0b\0") == ["a", "b"]  # of find -print0
    assert read_file_list(b"\xff\xfea\0b\0", null=True)[1] == "b"  # begins as a mark does


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_that_a_shell_redirected(encoding: str, folder: Path) -> None:
    """PowerShell writes `imgsim … -f json > known.json` in UTF-16."""
    known = {"schema": "imgsim.find-dupes/2", "method": "phash", "threshold": 4, "version": "1",
             "groups": []}  # fmt: skip
    (folder / "known.json").write_bytes(encoded(json.dumps(known), encoding))
    assert read_baseline(folder / "known.json").method == "phash"
    profile = {"schema": "imgsim.profile/1", "target": {"text": "ü"}, "decode": "full",
               "methods": []}  # fmt: skip
    (folder / "p.json").write_bytes(encoded(json.dumps(profile, ensure_ascii=False), encoding))
    assert read_profile("p.json").target == "ü"


def test_a_list_that_comes_through_a_pipe(imgsim, folder: Path) -> None:
    data = "".join(f"{name}\r\n" for name in NAMES).encode("utf-16")
    done = imgsim("find-dupes", "--files-from", "-", "-f", "json", cwd=folder, stdin=data)
    assert (done.returncode, json.loads(done.stdout)["images"]) == (0, 2)
    done = imgsim("known", "--stdin", "--in", ".", "-f", "jsonl", cwd=folder,
                  stdin=b"\xef\xbb\xbf" + NAMES[0].encode() + b"\n")  # fmt: skip
    answers = [json.loads(line) for line in io.StringIO(done.stdout)]
    assert [answer["path"] for answer in answers if "path" in answer] == [NAMES[0]], done.stderr
