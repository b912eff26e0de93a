"""Another shot of a place is told from a copy by what compression does not explain."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from imgsim.decode.decoder import Decoder
from imgsim.pictures.generate import landscape
from imgsim.verify.other_shot import is_another_shot
from tests.verify.pictures import captioned
from tests.verify.test_moved_parts import with_thing

SCENE = landscape(21, 560, 420).astype(float)
DECODER = Decoder()


def shot(seed: int) -> Image.Image:
    grain = np.random.default_rng(seed).normal(0, 3, SCENE.shape)
    return Image.fromarray((SCENE + grain).clip(0, 255).astype(np.uint8))


def stored(image: Image.Image, form: str = "JPEG", quality: int = 88) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, quality=quality)
    return stream.getvalue()


@pytest.mark.parametrize(("form", "quality"), [("JPEG", 75), ("JPEG", 92), ("PNG", 0)])
def test_a_thing_in_another_shot(form: str, quality: int) -> None:
    empty, seen = shot(1), with_thing(shot(2), 60, 300)
    assert is_another_shot(stored(empty, form, quality), stored(seen, form, quality), DECODER)


@pytest.mark.parametrize("quality", [50, 75, 92])
def test_words_over_a_copy(quality: int) -> None:
    first = stored(shot(1))
    copy = Image.open(io.BytesIO(first)).convert("RGB")
    for changed in (
        captioned(copy),
        with_thing(copy, 60, 300),
        ImageEnhance.Brightness(copy).enhance(0.9),
    ):
        assert not is_another_shot(first, stored(changed, quality=quality), DECODER)
        assert not is_another_shot(stored(copy, "PNG"), stored(changed, quality=quality), DECODER)


def test_what_cannot_be_told() -> None:
    first, second = shot(1), shot(2)
    assert not is_another_shot(stored(first), stored(second.resize((400, 300))), DECODER)
    assert not is_another_shot(stored(first), stored(second, "WEBP"), DECODER)
