"""EfficientNet-b0 run by OpenVINO gives what torch gives."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from imgsim.comparators import registry
from imgsim.errors import MethodUnavailable, UsageError
from imgsim.models import openvino as compiled
from imgsim.testing import check_comparator
from tests.models.test_backbone import close, features, images, model, weights

if find_spec("openvino") is None:  # importing it here would let it report home
    pytest.skip("needs the extra openvino", allow_module_level=True)

__all__ = ["images", "model", "weights"]  # fixtures


def test_it_holds_the_contract_and_a_row_knows_no_neighbours(weights: Path) -> None:
    spec = f'efficientnet-cosine:weights="{weights}",size=64,engine=openvino'
    check_comparator(registry.parse(spec))


@pytest.mark.parametrize("package", ["efficientnet_pytorch", "torchvision"])
@pytest.mark.parametrize(("pool", "scaling"), [("none", "imagenet"), ("gem", "advprop")])
def test_features_are_those_of_torch(
    package: str, pool: str, scaling: str, weights: Path, images: np.ndarray
) -> None:
    if package == "torchvision":
        pytest.importorskip("torchvision")
    expected = features(weights, images, package=package, pool=pool, scaling=scaling)
    network = compiled.OpenVinoBackbone(package, str(weights), "fp32")
    assert close(network(images, pool, scaling, 0), expected)
    assert close(network(images, pool, scaling, 2), expected)  # 5 images: the last is filled up


def test_it_runs_on_the_cpu_only(weights: Path) -> None:
    spec = f'efficientnet-cosine:weights="{weights}",engine=openvino'
    registry.parse(f"{spec},device=cpu").extractor.get_ready()
    with pytest.raises(UsageError, match="does not run on cuda"):
        registry.parse(f"{spec},device=cuda").extractor.get_ready()
    key = registry.parse(spec).extractor.key
    assert key != registry.parse(spec.replace("openvino", "torch")).extractor.key


def test_its_makers_are_told_nothing() -> None:
    compiled.require_openvino()
    assert sys.modules["openvino_telemetry"] is None


def test_without_it_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MethodUnavailable, match="openvino does not import") as caught:
        registry.parse("efficientnet-cosine:engine=openvino").extractor.get_ready()
    assert "imgsim[openvino]" in caught.value.hint
