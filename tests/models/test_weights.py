"""Files of weights: what is loaded from them is kept until they change."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsim.models.weights import WeightsUnusable, cached_until_changed


def test_weights_are_loaded_once_and_again_when_their_file_changed(tmp_path: Path) -> None:
    loads: list[tuple[str, int]] = []

    @cached_until_changed(2)
    def load(weights: str, layers: int = 1) -> str:
        loads.append((Path(weights).name, layers))
        return Path(weights).read_text()

    path = tmp_path / "net.pth"
    path.write_text("first")
    assert [load(str(path)), load(str(path))] == ["first", "first"]
    assert load(str(path), 2) == "first"
    assert loads == [("net.pth", 1), ("net.pth", 2)]
    path.write_text("second one")
    assert load(str(path)) == "second one"
    assert len(loads) == 3
    path.unlink()
    with pytest.raises(WeightsUnusable, match="no weights at"):
        load(str(path))
