"""Camera raw files made by code."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.decode.decoder import Decoder
from imgsim.decode.metadata import read_metadata
from imgsim.decode.spec import DecodeMode, InputSpec
from imgsim.pictures.dng import colour_filter, write_dng
from imgsim.pictures.generate import landscape


def test_a_dng_is_read_as_raw_with_its_colours_and_date() -> None:
    pytest.importorskip("rawpy")
    image = landscape(3, 320, 240)
    data = write_dng(
        colour_filter(image), make="Canon", model="EOS", taken="2024:05:01 10:00:00", fraction="25"
    )
    spec = InputSpec(64, 48, "rgb")
    decoded = Decoder(DecodeMode.REDUCED)(data, (spec,))
    assert (decoded.facts.raw, decoded.facts.width, decoded.facts.height) == (True, 320, 240)
    metadata = read_metadata(data)
    assert (metadata.make, metadata.model) == ("Canon", "EOS")
    assert metadata.date_taken == "2024-05-01T10:00:00.25"
    seen = decoded.images[spec].astype(float)
    means = image.reshape(-1, 3).mean(axis=0), seen.reshape(-1, 3).mean(axis=0)
    assert np.argsort(means[0]).tolist() == np.argsort(means[1]).tolist()
