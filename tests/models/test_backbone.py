"""EfficientNet-b0: the real network with weights that the test makes, and with real ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from imgsim import RunOptions, find_duplicates, matches
from imgsim.comparators import registry
from imgsim.comparators.listing import listed
from imgsim.errors import ImgsimError, MethodUnavailable, UsageError, is_out_of_memory
from imgsim.models import backbone as networks
from imgsim.models import devices, efficientnet
from imgsim.models import weights as files
from imgsim.testing import check_comparator, sample_images

torch = pytest.importorskip("torch", reason="needs the extra deep: torch")
package = pytest.importorskip("efficientnet_pytorch", reason="needs the extra deep")

TOLERANCE = 2e-4
"""Of features between batch sizes, packages' paths and devices, relative to their largest."""


@pytest.fixture(scope="module")
def model():
    """EfficientNet-b0 with random weights, and statistics as if it had seen pictures."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = package.EfficientNet.from_name("efficientnet-b0")
        made.train()
        with torch.no_grad():
            for _ in range(2):
                made.extract_features(torch.rand(4, 3, 96, 96) * 4 - 2)
    return made.eval()


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "b0.pth"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture
def images() -> np.ndarray:
    comparator = registry.parse("efficientnet-cosine:size=96")
    return sample_images(comparator, 5)


def close(computed: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.abs(computed - expected).max() <= TOLERANCE * np.abs(expected).max())


def features(weights: Path, images: np.ndarray, **options: object) -> np.ndarray:
    made = {"package": "efficientnet_pytorch", "device": "cpu", "precision": "fp32"}
    call = {"pool": "none", "scaling": "imagenet", "batch_size": 0}
    made |= {k: v for k, v in options.items() if k in made}
    call |= {k: v for k, v in options.items() if k in call}
    network = networks.Backbone(made["package"], str(weights), made["device"], made["precision"])
    return network(images, **call)


@pytest.mark.parametrize("name", ["efficientnet-cosine", "efficientnet-euclidean"])
@pytest.mark.parametrize("pool", ["avg", "gem", "none"])
def test_it_holds_the_contract(name: str, pool: str, weights: Path) -> None:
    spec = f'{name}:weights="{weights}",size=64,pool={pool}'
    check_comparator(registry.parse(spec))


def test_features_are_those_of_the_package(model, weights: Path, images: np.ndarray) -> None:
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    scaled = ((images / 255 - mean) / std).transpose(0, 3, 1, 2)
    with torch.inference_mode():
        expected = model.extract_features(torch.from_numpy(scaled).float()).numpy()
    assert close(features(weights, images), expected.reshape(5, -1))
    pooled = expected.mean(axis=(2, 3))
    assert close(features(weights, images, pool="avg"), pooled)
    gem = (np.maximum(expected, 1e-6) ** 3).mean(axis=(2, 3)) ** (1 / 3)
    assert close(features(weights, images, pool="gem"), gem)


@pytest.mark.parametrize("network", ["efficientnet_pytorch", "torchvision", "resnet34"])
def test_cells_are_as_many_as_are_said(network: efficientnet.Architecture) -> None:
    parts = efficientnet.feature_parts(network, efficientnet.make_model(network).eval())
    module = torch.nn.Sequential(*parts)
    for side in (32, 63, 64, 65, 100, 127, 200, 225):
        with torch.inference_mode():
            made = module(torch.zeros(1, 3, side, side)).shape
        cells = networks.map_side(network, side)
        assert made == (1, networks.CHANNELS[network], cells, cells)


def test_whole_maps_of_any_size_have_the_shape_that_is_said(weights: Path) -> None:
    comparator = registry.parse(
        f'efficientnet-cosine:size=50,pool=none,backbone=torchvision,weights="{weights}"'
    )
    images = sample_images(comparator, 3)
    assert comparator.extractor.extract(images).shape == (3, *comparator.extractor.shape)
    comparator.explain(*images[:2])


def test_scaling_belongs_to_the_weights(model, weights: Path, images: np.ndarray) -> None:
    for scaling, scaled in (("advprop", images / 127.5 - 1), ("none", images.astype(float))):
        with torch.inference_mode():
            pixels = torch.from_numpy(scaled.transpose(0, 3, 1, 2)).float()
            expected = model.extract_features(pixels).numpy().reshape(5, -1)
        assert close(features(weights, images, scaling=scaling), expected)
    assert registry.parse("efficientnet-cosine:weights=advprop").extractor._scaling == "advprop"


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
def test_batch_size_changes_next_to_nothing(
    batch_size: int, weights: Path, images: np.ndarray
) -> None:
    assert close(features(weights, images, batch_size=batch_size), features(weights, images))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_is_near(precision: str, weights: Path, images: np.ndarray) -> None:
    low = features(weights, images, precision=precision, pool="avg")
    exact = features(weights, images, pool="avg")
    assert low.dtype == np.float32
    cosine = (low * exact).sum(1) / np.linalg.norm(low, axis=1) / np.linalg.norm(exact, axis=1)
    assert (1 - cosine).max() < 0.02


def test_memory_that_runs_out_halves_the_batch(
    weights: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = networks.Backbone("efficientnet_pytorch", str(weights), "cpu", "fp32")
    batch, sizes = network._batch, []

    def small(part, pool, scaling, size):
        sizes.append(size)
        if size > 2:
            raise torch.OutOfMemoryError
        return batch(part, pool, scaling, size)

    monkeypatch.setattr(network, "_batch", small)
    computed = network(images, "avg", "imagenet", 8)
    assert sizes == [8, 4, 2, 2, 2]
    assert close(computed, features(weights, images, pool="avg"))


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDNN_STATUS_ALLOC_FAILED")],
)
def test_a_gpu_too_small_for_one_image_ends_the_run_in_two_lines(
    error: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, emptied = [], []

    def run(part: np.ndarray, size: int) -> np.ndarray:
        sizes.append(size)
        raise error

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(1))
    with pytest.raises(ImgsimError, match="too much for the memory of cuda") as caught:
        devices.run_in_batches(np.zeros((3, 8, 8, 3), np.uint8), "cuda", 4, run)
    assert (sizes, len(emptied)) == ([4, 2, 1], 2)
    # a worker that runs out of memory is started again for each file; this is none
    assert not is_out_of_memory(caught.value)
    with pytest.raises(RuntimeError) as same:
        devices.run_in_batches(np.zeros((3, 8, 8, 3), np.uint8), "cpu", 4, run)
    assert same.value is error


def test_other_errors_of_a_device_are_not_taken_for_memory() -> None:
    def run(part: np.ndarray, size: int) -> np.ndarray:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        devices.run_in_batches(np.zeros((3, 8, 8, 3), np.uint8), "cuda", 4, run)


def test_float32_is_float32_on_cuda_and_the_user_has_his_setting_back() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32

    def rounds() -> bool:
        if hasattr(cudnn, "conv"):  # torch 2.9 and later
            return cudnn.conv.fp32_precision == "tf32"
        return cudnn.allow_tf32

    assert rounds()
    with devices.float32_arithmetic("cuda"):
        assert not rounds()
        with devices.float32_arithmetic("cuda:1"):
            assert not rounds()
        assert not rounds()
    assert rounds()
    assert cudnn.allow_tf32 == before


def test_a_batch_on_cuda_is_what_reading_files_fills() -> None:
    from imgsim.read import extract

    assert extract._AT_ONCE % devices.CUDA_BATCH == 0


def test_weights_of_torchvision_and_safetensors_fit_too(
    model, weights: Path, images: np.ndarray, tmp_path: Path
) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(model.state_dict(), tmp_path / "b0.safetensors")
    expected = features(weights, images)
    assert close(features(tmp_path / "b0.safetensors", images), expected)
    try:
        import torchvision
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"needs a torchvision that fits torch: {error}")
    twin = torchvision.models.efficientnet_b0()
    assert efficientnet.torchvision_names(model) == list(twin.state_dict())
    names = dict(zip(model.state_dict(), twin.state_dict(), strict=True))
    state = {names[key]: value for key, value in model.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "tv.pth")
    assert close(features(tmp_path / "tv.pth", images), expected)
    # torchvision's own network takes both, and says something else: it pads in another way
    twin.load_state_dict(state)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    scaled = torch.from_numpy(((images / 255 - mean) / std).transpose(0, 3, 1, 2)).float()
    with torch.inference_mode():
        theirs = twin.eval().features(scaled).numpy().reshape(5, -1)
    assert close(features(weights, images, package="torchvision"), theirs)
    assert not close(theirs, expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s.pop("_conv_head.weight"), "1 of .* are missing.*_conv_head.weight"),
        (
            lambda s: s.update(_conv_head=0, **{"_conv_head.weight": torch.zeros(3, 3)}),
            r"another shape \(_conv_head.weight is \(3, 3\), not \(1280, 320, 1, 1\)",
        ),
        (lambda s: s.clear(), "359|358 of .* are missing"),
    ],
)
def test_weights_that_do_not_fit_are_named(spoil, message: str, model, tmp_path: Path) -> None:
    state = dict(model.state_dict())
    spoil(state)
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(files.WeightsUnusable, match=message):
        networks.Backbone("efficientnet_pytorch", str(tmp_path / "wrong.pth"), "cpu", "fp32")


def test_a_file_that_holds_no_weights_is_named_and_runs_nothing(tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "pwned",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    torch.save({"layer": Evil()}, tmp_path / "asks.pth")
    torch.save({"layer": torch.zeros(9)}, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:300])
    (tmp_path / "empty.pth").touch()
    (tmp_path / "text.safetensors").write_text("hello")
    causes = {
        "evil.pth": "no file that torch.save wrote",
        "asks.pth": "asks for more than tensors",
        "cut.pth": "it is cut short",
        "empty.pth": "it is empty",
        "text.safetensors": "it is no .safetensors file",
    }
    for name, cause in causes.items():
        with pytest.raises(files.WeightsUnusable, match=f"holds no weights: .*{cause}"):
            files.load_state_dict(tmp_path / name)
    assert not (tmp_path / "pwned").exists()


def test_weights_that_cannot_be_used_are_told_in_two_lines(imgsim, demo, tmp_path: Path) -> None:
    (tmp_path / "empty.pth").touch()
    folder, _ = demo
    wanted = ("--method", "efficientnet-cosine", "--weights", tmp_path / "empty.pth")
    done = imgsim("matches", folder / "phone", *wanted)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 2)
    assert "holds no weights: it is empty" in done.stderr


def test_without_weights_two_lines_say_what_to_do(
    imgsim, demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # no network
    done = imgsim("matches", demo[0], "-m", "efficientnet-cosine")
    assert done.returncode == 2
    error, hint = done.stderr.splitlines()[-2:]
    assert "no imagenet weights of EfficientNet-b0 here" in error
    assert error.endswith("Connection refused")  # not what three libraries make of it
    assert "efficientnet-b0-355c32eb.pth" in hint
    assert "--weights FILE" in hint
    rest = imgsim("compare", *sorted((demo[0] / "camera").iterdir())[:2])
    assert rest.returncode == 0
    assert "without efficientnet-cosine" in rest.stderr
    assert "not in the cache" in rest.stderr  # and nobody tried to fetch them
    assert "phash" in rest.stdout
    missing = imgsim("matches", demo[0], "-m", "efficientnet-cosine", "--weights", "no.pth")
    assert "no weights at no.pth" in missing.stderr


def test_fetched_weights_are_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(files, "_folder", lambda: tmp_path)

    def retrieve(url: str, known_hash: None, fname: str, path: Path, downloader: object) -> str:
        (path / fname).write_bytes(b"not what was asked for")
        return str(path / fname)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(files.WeightsUnusable, match="355c32eb"):
        files.locate("imagenet", download=True)
    assert list(tmp_path.iterdir()) == []


def test_the_weights_are_part_of_the_cache_key(model, weights: Path, tmp_path: Path) -> None:
    other = tmp_path / weights.name
    changed = dict(model.state_dict())
    changed["_conv_head.weight"] = changed["_conv_head.weight"] * 1.5
    torch.save(changed, other)
    keys = {
        registry.parse(f'efficientnet-cosine:weights="{p}"').extractor.key for p in (weights, other)
    }
    assert len(keys) == 2
    on_cuda = registry.parse(f'efficientnet-cosine:weights="{weights}",device=cuda,batch_size=9')
    assert on_cuda.extractor.key in keys


def test_devices() -> None:
    assert devices.choose_device("cpu") == "cpu"
    assert devices.choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match="no such device"):
        devices.choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no CUDA device"):
            devices.choose_device("cuda:1")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu(weights: Path, images: np.ndarray) -> None:
    exact = features(weights, images)
    assert close(features(weights, images, device="cuda"), exact)
    for precision in ("bf16", "fp16"):
        low = features(weights, images, device="cuda", precision=precision)
        cosine = (low * exact).sum(1) / np.linalg.norm(low, axis=1) / np.linalg.norm(exact, axis=1)
        assert (1 - cosine).max() < 0.02


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_batch_too_large_for_cuda_is_halved(weights: Path, images: np.ndarray) -> None:
    network = networks.Backbone("efficientnet_pytorch", str(weights), "cuda", "fp32")
    many = images[np.arange(256) % len(images)]
    expected = network(many, "avg", "imagenet", 256)
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties("cuda").total_memory
    torch.cuda.set_per_process_memory_fraction(peak / 3 / total)
    try:
        assert close(network(many, "avg", "imagenet", 256), expected)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_a_torchvision_that_does_not_fit_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It raises a RuntimeError when it is imported, and is needed by one backbone only."""
    (tmp_path / "torchvision.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    with pytest.raises(MethodUnavailable, match="torchvision does not fit torch") as caught:
        devices.require_torchvision()
    assert "made for each other" in caught.value.hint


def test_without_torch_the_method_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from imgsim.comparators import base

    monkeypatch.setattr(base, "find_spec", lambda name: None)
    with pytest.raises(MethodUnavailable, match=r"needs torch and efficientnet_pytorch.*\[deep\]"):
        registry.parse("efficientnet-cosine")
    available = {one.name: one.available for one in listed()}
    assert not available["efficientnet-cosine"]
    assert available["phash"]


def test_processes_threads_and_the_cache_give_the_same(weights: Path, demo, tmp_path: Path) -> None:
    folder, _ = demo
    method = f'efficientnet-cosine:weights="{weights}",size=64'
    runs = [
        RunOptions(executor="threads"),
        RunOptions(jobs=1),
        RunOptions(cache=tmp_path / "cache.sqlite"),
        RunOptions(cache=tmp_path / "cache.sqlite"),
    ]
    results = [matches(folder, method, options=options) for options in runs]
    assert results[3].decoded == 0
    assert all(other.methods[0].queries == results[0].methods[0].queries for other in results)


def test_real_weights_find_views_of_a_place(shared) -> None:
    """A random network finds 0.73 of them; what the weights' own README says is 1.00."""
    weights = shared("weights") / "efficientnet-b0.pth"
    (ranking,) = matches(shared("scenes"), f"efficientnet-cosine:weights={weights}").methods
    hits = [
        Path(match.path).parent == Path(query.path).parent
        for query in ranking.queries
        for match in query.matches
    ]
    assert len(hits) == 24
    assert np.mean(hits) == 1.0


def test_real_weights_find_no_duplicates_among_photos(shared) -> None:
    weights = shared("weights") / "efficientnet-b0.pth"
    for name in ("kodak", "large"):
        duplicates = find_duplicates(shared(name), f"efficientnet-cosine:weights={weights}")
        assert duplicates.groups == ()


def test_options_of_the_command_line(imgsim, weights: Path, demo, monkeypatch) -> None:
    """The later wins: IMGSIM_WEIGHTS, --weights, weights= in the method."""
    pair = sorted((demo[0] / "camera").iterdir())[:2]
    command = ("compare", *pair, "-f", "json", "-m")

    def used(*arguments: str | Path) -> str:
        done = imgsim(*command, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["methods"][0]["name"]

    name = "efficientnet-cosine:size=64"
    assert str(weights) in used(name, "--weights", weights, "--device", "cpu", "--batch-size", "2")
    monkeypatch.setenv("IMGSIM_WEIGHTS", "nowhere.pth")
    assert imgsim(*command, name).returncode == 2
    assert str(weights) in used(name, "--weights", weights)
    assert str(weights) in used(f"{name},weights={weights}")
    assert imgsim(*command, name, "--batch-size", "many").returncode == 2
