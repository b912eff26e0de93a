"""What is remembered of a file that could not be decoded, and what is not."""

from __future__ import annotations

import errno
import importlib.metadata
import io
import subprocess
import sys
import zlib
from typing import Any

import cv2
import pytest
from PIL import Image

from imgsim.decode import failure, packages, samples, source
from imgsim.decode.decoder import Decoder, decoder_id
from imgsim.decode.failure import decode_error, is_memory_short
from imgsim.decode.samples import take_sample_digest
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec
from imgsim.errors import is_out_of_memory

WANTS = [InputSpec(8, 8, "grey")]


def png() -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((40, 30), 60).save(stream, "PNG")
    return stream.getvalue()


def chained(error: Exception) -> Exception:
    try:
        try:
            raise error
        except Exception as cause:
            raise ValueError("broken data") from cause
    except ValueError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "lasting"),
    [
        (OSError("image file is truncated (3 bytes not processed)"), True),
        (OSError("broken data stream when reading image file"), True),
        (SyntaxError("broken PNG file"), True),
        (ValueError("tile cannot extend outside image"), True),
        (zlib.error("Error -3 while decompressing data"), True),
        (DecodeError("no pixels"), True),
        (DecodeError("too large", lasting=False), False),
        (MemoryError(), False),
        (chained(MemoryError()), False),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), False),
        (OSError(errno.EIO, "Input/output error"), False),
        (OSError(errno.EMFILE, "Too many open files"), False),
        (OSError("out of memory error when reading image file"), False),
        (RuntimeError("Memory allocation error: Security limit exceeded"), False),
        (RuntimeError("can't start new thread"), False),
        (cv2.error("OpenCV(5.0): error: (-4:Insufficient memory)"), False),
        (ImportError("libGL.so.1: failed to map segment from shared object"), False),
        (ImportError("libGL.so.1: cannot open shared object file"), False),
        (ModuleNotFoundError("No module named 'rawpy'"), False),
    ],
)  # fmt: skip
def test_only_what_lies_in_the_content_lasts(error: Exception, lasting: bool) -> None:
    said = decode_error(error, 10**6)
    assert said.lasting is lasting
    assert str(said)


def test_out_of_memory_is_told_from_other_trouble() -> None:
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(OSError(errno.EIO, "Input/output error"))
    looped = ValueError("x")
    looped.__context__ = ValueError("y")
    looped.__context__.__context__ = looped
    assert not is_out_of_memory(looped)


def test_with_little_memory_a_decoders_word_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """libjpeg says that the data are broken when it gets no memory."""
    asked = []
    monkeypatch.setattr(failure, "is_memory_short", lambda pixels: asked.append(pixels) or True)
    with pytest.raises(DecodeError, match="or too little memory") as error:
        Decoder()(png()[:300], WANTS)
    assert not error.value.lasting
    assert asked == [40 * 30]
    assert not take_sample_digest(png()[:300], Decoder(max_pixels=10**6)).lasting
    with pytest.raises(DecodeError) as unidentified:
        Decoder()(b"some text", WANTS)
    assert (unidentified.value.lasting, unidentified.value.identified) == (False, False)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
def test_memory_is_short_under_a_limit_and_not_without() -> None:
    assert not is_memory_short(12_000_000)
    assert is_memory_short(10**15)
    program = (
        "import resource; from imgsim.decode.failure import is_memory_short\n"
        "assert not is_memory_short(0)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))\n"
        "assert is_memory_short(0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_cap_or_memory_are_no_reason_to_have_no_digest_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert take_sample_digest(png(), Decoder(max_pixels=10**6)).digest
    assert not take_sample_digest(png(), Decoder(max_pixels=100)).lasting
    assert take_sample_digest(png()[:300], Decoder(max_pixels=10**6)) == (None, "")

    def fail(*arguments: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(samples, "open_source", fail)
    assert not take_sample_digest(png(), Decoder(max_pixels=10**6)).lasting


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(50)


@pytest.mark.parametrize("installed", [True, False])
def test_a_missing_package_is_remembered_only_where_the_key_names_it(
    installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is installed and does not load may do so tomorrow, under the same key."""
    looked_up = importlib.metadata.distribution

    def no_module(name: str, *arguments: Any) -> Any:
        raise ImportError(name)

    def distribution(name: str) -> Any:
        if name == "pillow-heif" and not installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return looked_up("pillow" if name == "pillow-heif" else name)

    monkeypatch.setattr(source, "import_module", no_module)
    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    packages.package_versions.cache_clear()
    source._enable.cache_clear()
    try:
        with pytest.raises(DecodeError, match="needs the package pillow-heif") as error:
            Decoder()(HEIC, WANTS)
        assert error.value.lasting is not installed
        assert ("no pillow-heif" in decoder_id(DecodeMode.FULL)) is not installed
    finally:
        packages.package_versions.cache_clear()
        source._enable.cache_clear()


def test_another_build_of_the_same_version_is_another_decoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its libraries may give other pixels."""

    class Installed:
        version = "12.0"

        def __init__(self, record: str | None) -> None:
            self.record = record

        def read_text(self, name: str) -> str | None:
            return self.record

    described = set()
    for record in (
        "pillow.libs/libjpeg-1.so,sha256=a,1\nPIL/Image.py,sha256=b,1",
        "pillow.libs/libjpeg-2.so,sha256=c,1\nPIL/Image.py,sha256=b,1",
        None,  # the libraries of the system
    ):
        monkeypatch.setattr(packages, "_installed", lambda name, r=record: Installed(r))
        described.add(packages._describe("pillow"))
        assert all(text.startswith("pillow 12.0+") for text in described)
    assert len(described) == 3
    monkeypatch.setattr(packages, "_installed", lambda name: Installed("PIL/Image.py,sha256=d,1"))
    assert packages._describe("tifffile") == "tifffile 12.0"
