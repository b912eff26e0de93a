"""Room of the spool: what images may take is promised to a batch, what they took is counted."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.read import spool as module
from imgsim.read.spool import Spool, write


def test_what_a_batch_did_not_take_is_there_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    spool = Spool()
    first = spool.file(7, 600)
    assert first
    assert spool.file(7, 600) == first  # it is asked for anew, by a part of the batch
    assert spool.file(8, 600) == ""
    slots = write(first, [np.full((10, 20), 3, np.uint8)])
    spool.wrote(7, 200)
    assert spool.file(8, 600) == ""  # it was told so
    assert spool.file(9, 600)
    assert spool.file(10, 300) == ""
    spool.wrote(7, 50)  # an image that came later
    spool.wrote(9, 0)
    assert spool.file(11, 751) == ""
    assert spool.file(12, 750)
    assert slots[0] is not None
    assert (slots[0].read() == 3).all()
    spool.close()
