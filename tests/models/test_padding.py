"""Which package's padding weights were trained with, on weights that the test makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgsim.comparators import registry
from imgsim.errors import UsageError
from imgsim.models import efficientnet, padding
from imgsim.models import weights as files
from imgsim.testing import sample_images

torch = pytest.importorskip("torch", reason="needs the extra deep: torch")
pytest.importorskip("efficientnet_pytorch", reason="needs the extra deep")


def _mirrored(state: dict) -> dict:
    """Of mirrored pictures, such a network computes the same under mirrored padding."""
    return {name: v.flip(2, 3) if v.ndim == 4 else v for name, v in state.items()}


def _made(package: efficientnet.Package, *, sensitive: bool) -> dict:
    """Random weights; sensitive: strided convolutions answer most to padding behind the picture."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        model = efficientnet.make_model(package)
        before = None
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                before = part
                part.momentum = None
            if sensitive and isinstance(part, torch.nn.Conv2d) and part.stride[0] == 2:
                if part.groups == 1:
                    continue
                middle, sign = (
                    part.kernel_size[0] // 2,
                    30 * torch.randn(len(part.weight), 1).sign(),
                )
                part.weight.zero_()
                part.weight[:, :, middle, middle] = -sign
                part.weight[:, :, middle, middle + 1] = sign / 2
                part.weight[:, :, middle + 1, middle] = sign / 2
                before.weight.fill_(1.0)
                before.bias.fill_(10.0)
        features = torch.nn.Sequential(*efficientnet.feature_parts(package, model.train()))
        features(torch.from_numpy(padding._noise()))  # for the statistics
    return model.state_dict()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


def test_the_padding_is_told_whatever_the_names_say(folder: Path) -> None:
    path = folder / "sensitive.pth"
    torch.save(_made("torchvision", sensitive=True), path)  # under names of efficientnet_pytorch
    assert padding.chosen_package(str(path)) == "torchvision"

    images = sample_images(registry.parse("efficientnet-cosine:size=64"), 2)
    spec = f'efficientnet-cosine:size=64,weights="{path}"'
    chosen, right, wrong = (
        registry.parse(spec + more)
        for more in ("", ",backbone=torchvision", ",backbone=efficientnet_pytorch")
    )
    assert (chosen.extractor.extract(images) == right.extractor.extract(images)).all()
    assert "padding" not in chosen.explain(*images).remark
    assert "trained with the padding of torchvision" in wrong.explain(*images).remark


def test_weights_that_do_not_show_it_go_by_their_names(folder: Path) -> None:
    state = _made("efficientnet_pytorch", sensitive=False)
    path = folder / "random.pth"
    torch.save(state, path)
    assert padding.fitting_package(str(path)) is None
    assert padding.chosen_package(str(path)) == "efficientnet_pytorch"
    names = efficientnet.torchvision_names(efficientnet.make_model("torchvision"))
    assert padding._named_by(dict.fromkeys(names)) == "torchvision"


def test_published_weights_are_not_tried() -> None:
    assert padding.chosen_package("imagenet") == "efficientnet_pytorch"
    assert padding.misfit("imagenet", "torchvision", "{}") == ""


def test_the_number_of_cells_must_not_depend_on_the_weights() -> None:
    with pytest.raises(UsageError, match="depends on the backbone"):
        registry.parse("efficientnet-cosine:size=50,pool=none")


def test_real_weights(shared, tmp_path: Path) -> None:
    """Names of efficientnet_pytorch, trained by torchvision; mirrored it is the other way round."""
    path = shared("weights") / "efficientnet-b0.pth"
    assert padding.chosen_package(str(path)) == "torchvision"
    torch.save(_mirrored(files.load_state_dict(path)), tmp_path / "mirrored.pth")
    assert padding.chosen_package(str(tmp_path / "mirrored.pth")) == "efficientnet_pytorch"


def test_cells_on_the_edge_are_counted_but_not_shown(shared) -> None:
    path = shared("weights") / "efficientnet-b0.pth"
    comparator = registry.parse(f'efficientnet-cosine:size=64,weights="{path}"')
    evidence = comparator.explain(*sample_images(comparator, 2))
    assert evidence.edge == 0  # of two cells across, nothing would be left
    comparator = registry.parse(f'efficientnet-cosine:weights="{path}"')
    evidence = comparator.explain(*sample_images(comparator, 2))
    assert evidence.edge == pytest.approx(1 / 14)
    assert evidence.left.sum() == pytest.approx(evidence.total)
    places = np.array([(link.left, link.right) for link in evidence.links])
    assert ((places > 0) & (places < 1)).all()
