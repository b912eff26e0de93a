"""Coverage-guided fuzzing of the readers that are written in Python, with atheris.

    python benchmarks/fault_fuzz.py zip -max_total_time=600
    python benchmarks/fault_fuzz.py header -max_total_time=600 -seed=3

The first argument names what is fuzzed, the others are libFuzzer's. It begins with a whole file of
each kind, see fault_inputs.py, and ends at the first input of which something comes out that may
not: libFuzzer writes that into a file, and its last line says which. atheris is no dependency:
install it into another environment (Linux, macOS).
"""

from __future__ import annotations

import io
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["imgsim"], enable_loader_override=False):
    from fault_inputs import INPUTS, whole_input
    from fault_pictures import FORMATS, written

    from imgsim.act.plan_file import read_plan
    from imgsim.decisions.records import heading, read_line
    from imgsim.decode.damage import hidden_fault
    from imgsim.decode.metadata import read_metadata
    from imgsim.errors import ImgsimError
    from imgsim.read.archives.zip_directory import overlapping, read_directory

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))


def _of_input(kind: str) -> Callable[[bytes], None]:
    one = INPUTS[kind]
    path = FOLDER / one.name

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            one.read(path)
        except (ImgsimError, *one.raises):
            return

    return read


def _zip(data: bytes) -> None:
    stream = io.BytesIO(data)
    try:
        entries = list(read_directory(stream))
        overlapping(stream, entries)
    except OSError:
        return


def _decisions(data: bytes) -> None:
    for number, line in enumerate(data.split(b"\n"), 2):
        try:
            read_line(line, "decisions.jsonl", number)
        except ImgsimError:
            continue


def _plan(data: bytes) -> None:
    try:
        read_plan(data)
    except ImgsimError:
        return


def _header(data: bytes) -> None:
    """What reads a picture beside its decoder, which would tell of anything as damage."""
    hidden_fault(data, 1 << 22)
    read_metadata(data, history=False)


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[str, ...]]] = {
    "zip": (_zip, ("zip", "zip in zip")),
    "plan": (_plan, ("plan",)),
    "decisions": (_decisions, ("decisions",)),
    "csv": (_of_input("CSV"), ("CSV",)),
    "json-lines": (_of_input("JSON lines"), ("JSON lines",)),
    "coco": (_of_input("COCO"), ("COCO",)),
    "yaml": (_of_input("data.yaml"), ("data.yaml",)),
    "tar": (_of_input("tar"), ("tar",)),
    "profile": (_of_input("profile"), ("profile",)),
    "leaks-baseline": (_of_input("leaks baseline"), ("leaks baseline",)),
    "sidecar": (_of_input("sidecar"), ("sidecar",)),
    "header": (_header, ()),
}


def main() -> None:
    name = sys.argv[1]
    target, kinds = TARGETS[name]
    warnings.simplefilter("ignore")
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    wholes: list[Any] = [whole_input(kind) for kind in kinds]
    if not kinds:
        wholes = [written(kind, 7000) for kind in FORMATS]
    if name == "decisions":
        wholes.append(heading().encode())
    for number, data in enumerate(wholes):
        if data is not None:
            (corpus / str(number)).write_bytes(data)
            target(data)
    atheris.Setup([sys.argv[0], *sys.argv[2:], str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
