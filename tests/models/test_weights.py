"""Files of weights: what is loaded from them is kept until they change."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from imgsim.comparators.registry import parse
from imgsim.errors import ImgsimError
from imgsim.models import weights
from imgsim.models.weights import WeightsUnusable, cached_until_changed, load_state_dict
from imgsim.tasks.compare import compare


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


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "net.pth"
    torch.save({"bias": torch.ones(2), "weight": torch.tensor([1.0, float("nan")])}, path)
    with pytest.raises(WeightsUnusable, match=r"net\.pth are not finite \(weight\)"):
        load_state_dict(path)


def test_of_what_torch_did_not_save_only_the_error_is_told(tmp_path: Path, recwarn) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "net.pth"
    path.write_bytes(pickle.dumps({"weight": 1}, protocol=4))
    with pytest.raises(WeightsUnusable, match="holds no"):
        load_state_dict(path)
    assert not recwarn.list


@pytest.mark.parametrize("kind", ["siamese", "autoencoder"])
def test_where_the_weights_of_a_network_of_ones_own_come_from(kind: str) -> None:
    for text in (kind, f"{kind}:weights=imagenet", f"{kind}:weights=nope.safetensors"):
        with pytest.raises(ImgsimError) as told:
            parse(text).extractor.get_ready()
        assert f"imgsim train {kind} PATH -o DIR" in str(told.value.hint)
        assert "EfficientNet" not in str(told.value.hint)


def test_compare_fetches_weights_as_other_commands_do(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("torch")
    asked: list[str] = []

    def fetch(weights: str, path: Path) -> Path:
        asked.append(weights)
        raise WeightsUnusable("not reached", "")

    monkeypatch.setattr(weights, "_folder", lambda: tmp_path)
    monkeypatch.setattr(weights, "_fetch", fetch)
    with pytest.raises(WeightsUnusable, match="not reached"):
        compare("a.jpg", "b.jpg", "efficientnet-cosine")
    assert asked == ["imagenet"]
