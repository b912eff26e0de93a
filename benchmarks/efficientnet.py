"""EfficientNet-b0 features at 224 px: images a second, by every way to run the network here.

    python benchmarks/efficientnet.py --weights FILE
    python benchmarks/efficientnet.py --weights FILE --one-thread

The pictures are random numbers; decoding is not part of it. ONNX Runtime and OpenVINO are tried if
they are installed. The variants run one after the other, several rounds, so that a slow minute of
the machine hits them all. With --one-thread torch has one, and what counts is the processor's time:
that is for machines which others use, too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from efficientnet_pytorch import EfficientNet
from record import machine, spread, write

from imgsim.models.backbone import Backbone, scale_pixels
from imgsim.models.openvino import OpenVinoBackbone

ROUNDS = 5
IMAGES = 32


def variants(weights: Path, images: np.ndarray) -> dict[str, Callable[[], object]]:
    """Return the functions that are timed; each computes the features of all images."""
    plain = EfficientNet.from_name("efficientnet-b0")
    plain.load_state_dict(torch.load(weights, weights_only=True), strict=False)
    plain.eval()
    pixels = scale_pixels(torch.from_numpy(images).permute(0, 3, 1, 2).float(), "imagenet")
    last = pixels.contiguous(memory_format=torch.channels_last)
    fast = Backbone("efficientnet_pytorch", str(weights), "cpu", "fp32")
    low = Backbone("efficientnet_pytorch", str(weights), "cpu", "bf16")
    other = Backbone("torchvision", str(weights), "cpu", "fp32")

    def batches(model: Callable[[torch.Tensor], object], data: torch.Tensor, size: int) -> None:
        with torch.inference_mode():
            for i in range(0, len(data), size):
                model(data[i : i + size])

    made: dict[str, Callable[[], object]] = {
        "article: one image at a time, eager": lambda: batches(plain.extract_features, pixels, 1),
        "eager, batch 8": lambda: batches(plain.extract_features, pixels, 8),
        "imgsim default": lambda: fast(images, "avg", "imagenet", 0),
        "imgsim torchvision backbone": lambda: other(images, "avg", "imagenet", 0),
    }
    for size in (1, 2, 4, 16):
        made[f"imgsim batch {size}"] = lambda s=size: fast(images, "avg", "imagenet", s)
    for size in (8, 16):
        made[f"imgsim bf16, batch {size}"] = lambda s=size: low(images, "avg", "imagenet", s)
    if torch.get_num_threads() > 1:
        compiled = torch.compile(fast._features)
        made["torch.compile of imgsim's, batch 8"] = lambda: batches(compiled, last, 8)
    made |= _yardsticks(fast, pixels)
    if find_spec("openvino"):
        twin = OpenVinoBackbone("efficientnet_pytorch", str(weights), "fp32")
        for size in (1, 2, 4, 8):
            made[f"engine=openvino, batch {size}"] = lambda s=size: twin(
                images, "avg", "imagenet", s
            )
    return made


def _yardsticks(fast: Backbone, pixels: torch.Tensor) -> dict[str, Callable[[], object]]:
    made: dict[str, Callable[[], object]] = {}
    arrays = pixels.numpy()

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = fast.module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.module(x).mean(dim=(2, 3))

    path = Path(tempfile.mkdtemp()) / "b0.onnx"
    try:
        torch.onnx.export(Whole().eval(), (pixels[:4],), str(path), dynamo=False)
    except Exception as error:
        print("no ONNX:", error)
        return made
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        made["ONNX Runtime, batch 4"] = lambda: [
            session.run(None, {name: arrays[i : i + 4]}) for i in range(0, len(arrays), 4)
        ]
    except ImportError:
        pass
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--one-thread", action="store_true")
    given = parser.parse_args()
    if given.one_thread:
        torch.set_num_threads(1)
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 224, 224, 3), np.uint8)
    speeds: dict[str, list[float]] = {}
    frugal: dict[str, list[float]] = {}
    timed = variants(given.weights, images)
    for action in timed.values():
        action()
    for _ in range(ROUNDS):
        for name, action in timed.items():
            started, busy = time.perf_counter(), time.process_time()
            action()
            speeds.setdefault(name, []).append(IMAGES / (time.perf_counter() - started))
            frugal.setdefault(name, []).append(IMAGES / (time.process_time() - busy))
    counted = frugal if given.one_thread else speeds
    medians = {name: float(np.median(values)) for name, values in counted.items()}
    for name, value in medians.items():
        print(f"{name:40} {value:7.1f} images/s")
    article, ours = medians["article: one image at a time, eager"], medians["imgsim default"]
    best = max((v, n) for n, v in medians.items() if "ONNX" not in n and "openvino" not in n)
    document = {
        **machine(
            "python benchmarks/efficientnet.py --weights FILE"
            + (" --one-thread" if given.one_thread else ""),
            *("imgsim", "torch", "torchvision", "efficientnet_pytorch"),
            *(name for name in ("openvino", "onnxruntime") if find_spec(name)),
        ),
        "device": "cpu",
        "images_per_second": {name: spread(values) for name, values in speeds.items()},
        "images_per_cpu_second": {name: spread(values) for name, values in frugal.items()},
        "default_to_article": round(ours / article, 2),
        "default_to_best_torch": round(ours / best[0], 2),
        "best_torch": best[1],
        "to_default": {name: round(value / ours, 2) for name, value in medians.items()},
    }
    print(write("efficientnet-one-thread" if given.one_thread else "efficientnet", document))


if __name__ == "__main__":
    main()
