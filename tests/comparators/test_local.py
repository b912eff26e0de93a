from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imgsim.comparators.local import ORIENTATIONS, Orientation, turned
from tests.verify.pictures import picture, rows


@pytest.mark.parametrize("how", ORIENTATIONS, ids=str)
def test_a_hash_is_turned_without_its_picture(how: Orientation) -> None:
    image = np.asarray(picture().convert("L"))
    changed = image.T if how.transpose else image
    changed = changed[:, ::-1] if how.mirror else changed
    changed = changed[::-1] if how.flip else changed
    plain, other = rows(Image.fromarray(image), Image.fromarray(np.ascontiguousarray(changed)))
    difference = np.bitwise_count(turned(plain["hash"][None], how)[0] ^ other["hash"]).sum()
    assert difference <= 8  # resampling is not quite symmetric
