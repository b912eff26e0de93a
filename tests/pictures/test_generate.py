from __future__ import annotations

import numpy as np

from imgsim.pictures.generate import landscape


def test_landscapes_depend_on_the_seed_alone() -> None:
    np.testing.assert_array_equal(landscape(4, 60, 40), landscape(4, 60, 40))
    assert landscape(4, 60, 40).shape == (40, 60, 3)
    assert (landscape(4, 60, 40) != landscape(5, 60, 40)).mean() > 0.9
