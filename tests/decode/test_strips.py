"""A picture converted strip by strip has the samples of one converted as a whole."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from imgsim.decode import strips
from imgsim.decode.colours import convert
from imgsim.decode.decoder import Decoder
from imgsim.decode.levels import EightBits, to_8_bit
from imgsim.decode.rows import ArrayRows
from imgsim.decode.spec import InputSpec
from imgsim.decode.strips import ImageRows, in_colours

COLOURS = {"grey", "rgb", "ycbcr"}


def picture(mode: str, width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width)
    noise = rng.integers(0, 256, (height, width, 4), np.uint8)
    if mode == "P+transparency":
        image = Image.fromarray(noise[..., :3]).quantize(16)
        image.info["transparency"] = 3
        return image
    if mode == "RGB+transparency":
        image = Image.fromarray(noise[..., :3] // 64 * 64)
        image.info["transparency"] = (64, 64, 128)
        return image
    if mode == "L+transparency":
        image = Image.fromarray(noise[..., 0] // 64 * 64)
        image.info["transparency"] = 128
        return image
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        return Image.fromarray((noise[..., 0].astype(np.int32) * 12 - 700 * (mode != "I;16"))
                               .astype(kind))  # fmt: skip
    if mode == "LAB":
        return Image.merge("LAB", [Image.fromarray(noise[..., i]) for i in range(3)])
    return Image.fromarray(noise, "RGBA").convert(mode)


@pytest.mark.parametrize("reduce", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(
    "mode",
    ["1", "L", "LA", "P", "P+transparency", "L+transparency", "RGB", "RGB+transparency", "RGBA",
     "CMYK", "YCbCr", "LAB", "I;16", "I", "F"],
)  # fmt: skip
def test_strips_give_the_samples_of_the_whole(
    mode: str, reduce: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(mode, 43, 61)
    whole = in_colours(ImageRows(image), COLOURS, reduce)
    monkeypatch.setattr(strips, "STRIP_PIXELS", 43 * 8)
    assert strips.rows_of_strip(43, reduce) < 61
    parts = in_colours(ImageRows(image), COLOURS, reduce)
    for colour in COLOURS:
        assert parts[colour].mode == whole[colour].mode
        assert parts[colour].size == (-(-43 // reduce), -(-61 // reduce))
        np.testing.assert_array_equal(np.asarray(parts[colour]), np.asarray(whole[colour]))


@pytest.mark.parametrize("reduce", [1, 3])
def test_opaque_alpha_changes_nothing(reduce: int) -> None:
    image = picture("RGB", 43, 61)
    opaque = image.copy()
    opaque.putalpha(255)
    one, other = (in_colours(ImageRows(some), COLOURS, reduce) for some in (image, opaque))
    for colour in COLOURS:
        np.testing.assert_array_equal(np.asarray(one[colour]), np.asarray(other[colour]))


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK", "LAB"])
def test_a_picture_that_is_shrunk_first_is_as_one_that_is_converted_first(mode: str) -> None:
    """But for one grey level, by rounding."""
    image = picture(mode, 43, 61)
    grey = in_colours(ImageRows(image), {"grey"}, 3)["grey"]
    later = convert(image, "grey").reduce(3)
    assert np.abs(np.asarray(grey, int) - np.asarray(later, int)).max() <= 1


@pytest.mark.parametrize("background", [0, 60000])
def test_the_soft_edge_of_a_background_is_the_same_in_strips(background: int) -> None:
    """It depends on what lies around it."""
    rng = np.random.default_rng(3)
    samples = np.full((90, 70), background, np.uint16)
    samples[20:70, 10:60] = 32000 + rng.integers(0, 2000, (50, 50))
    samples[19, 10:60] = samples[70, 10:60] = (background + 32500) // 2
    whole = to_8_bit(samples)
    assert len(np.unique(whole)) > 64
    assert (whole[19, 10:60] != whole[0, 0]).any()
    mapped = EightBits(ArrayRows(samples))
    for rows in (1, 3, 16, 19, 20):
        parts = [mapped.rows(top, min(top + rows, 90)) for top in range(0, 90, rows)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("shape", [(1, 40, 3), (40, 1, 3), (1, 1, 3), (40, 1, 4), (1, 40, 2)])
def test_a_single_row_or_column_keeps_its_size(shape: tuple[int, ...]) -> None:
    stream = io.BytesIO()
    samples = np.random.default_rng(0).integers(0, 65535, shape, np.uint16)
    colour = shape[2] > 2
    tifffile.imwrite(
        stream, samples, photometric="rgb" if colour else "minisblack", planarconfig="contig",
        extrasamples=["unspecified"] if shape[2] % 2 == 0 else None,
    )  # fmt: skip
    want = InputSpec(0, 0, "rgb")
    decoded = Decoder()(stream.getvalue(), [want])
    assert (decoded.facts.height, decoded.facts.width) == shape[:2]
    assert decoded.images[want].shape == (*shape[:2], 3)
