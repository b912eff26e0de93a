"""Hashes are bit-equal to the package ImageHash; the reduced decode drifts by a few bits."""

from __future__ import annotations

import io
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageOps

from imgsim.comparators import registry
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError

ORACLES = {
    "ahash": imagehash.average_hash,
    "ahash:size=16": lambda image: imagehash.average_hash(image, 16),
    "phash": imagehash.phash,
    "phash:size=16": lambda image: imagehash.phash(image, 16),
    "dhash": imagehash.dhash,
    "dhash:size=5": lambda image: imagehash.dhash(image, 5),
    "whash": lambda image: imagehash.whash(image, image_scale=64),
    "whash:size=16,image_scale=128": lambda image: imagehash.whash(image, 16, image_scale=128),
    "colorhash": imagehash.colorhash,
    "colorhash:binbits=5": lambda image: imagehash.colorhash(image, 5),
}


def _bits(spec: str, data: bytes, mode: DecodeMode) -> np.ndarray:
    comparator = registry.parse(spec)
    extractor = comparator.extractor
    image = Decoder(mode)(data, [extractor.wants]).images[extractor.wants]
    row = extractor.extract(image[None])[0]
    return np.unpackbits(row)[: comparator.bits].astype(bool)


def _encoded(image: Image.Image, **settings: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **settings)
    return stream.getvalue()


@pytest.fixture(scope="module")
def files(photo) -> dict[str, bytes]:
    large = photo(1).resize((900, 610), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "jpeg": _encoded(large, format="JPEG", quality=88),
        "turned": _encoded(large, format="JPEG", quality=88, exif=exif),
        "png": _encoded(photo(2), format="PNG"),
        "grey": _encoded(large.convert("L"), format="JPEG", quality=70),
        "palette": _encoded(photo(3).quantize(200), format="PNG"),
        "cmyk": _encoded(large.convert("CMYK"), format="JPEG", quality=90),
        "bilevel": _encoded(photo(4).convert("1"), format="PNG"),
    }


@pytest.mark.parametrize("kind", ["jpeg", "turned", "png", "grey", "palette", "cmyk", "bilevel"])
@pytest.mark.parametrize("spec", ORACLES)
def test_full_decode_is_bit_equal_to_imagehash(spec: str, kind: str, files) -> None:
    with Image.open(io.BytesIO(files[kind])) as image:
        expected = ORACLES[spec](ImageOps.exif_transpose(image)).hash.ravel()
    np.testing.assert_array_equal(_bits(spec, files[kind], DecodeMode.FULL), expected)


def test_full_decode_is_bit_equal_on_real_photos(shared) -> None:
    folders = [shared("photos"), shared("exif_orientation"), shared("imagehash")]
    paths = [path for folder in folders for path in sorted(folder.iterdir())[:15]]
    for path in paths:
        data = Path(path).read_bytes()
        for spec in ("ahash", "phash", "dhash", "whash", "colorhash"):
            with Image.open(path) as image:
                expected = ORACLES[spec](ImageOps.exif_transpose(image)).hash.ravel()
            np.testing.assert_array_equal(_bits(spec, data, DecodeMode.FULL), expected, str(path))


def test_reduced_decode_drifts_by_few_bits(shared) -> None:
    """docs/methods.md states these figures."""
    drift: dict[str, list[int]] = {"phash": [], "dhash": [], "ahash": [], "phash:size=16": []}
    for path in sorted(shared("photos").iterdir()):
        data = path.read_bytes()
        for spec, bits in drift.items():
            full, reduced = (_bits(spec, data, mode) for mode in (DecodeMode.FULL, "reduced"))
            bits.append(int((full != reduced).sum()))
    share = {spec: np.quantile(bits, 0.99) / len(full) for spec, bits in drift.items()}
    assert max(share.values()) <= 4 / 64
    assert all(np.median(bits) <= 2 for bits in drift.values())


@pytest.mark.parametrize(
    "spec",
    ["phash:size=1", "phash:size=65", "whash:size=6", "whash:image_scale=4", "colorhash:binbits=0"],
)
def test_impossible_fields_are_refused(spec: str) -> None:
    with pytest.raises(UsageError):
        registry.parse(spec)
