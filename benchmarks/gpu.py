"""EfficientNet and training on a GPU beside the CPU: are they the same, and how fast.

    python benchmarks/gpu.py [--wheels DIR] [--weights FILE] [--photos DIR] [-o FILE]
    python benchmarks/gpu.py --device cpu            # small, random weights, pictures made by code

Without network; at most eight minutes (`--minutes`). Packages that are missing can lie as wheels in
a folder; imgsim itself is that of this checkout. Every part runs in a process of its own. After
each the JSON is written: its result, the error that ended it, or why it was skipped.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SIDE = 224
Result = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """How much is done: `FULL` on a GPU, `SMALL` on the CPU."""

    images: int
    """Different ones, for the features."""
    pool: int
    """In memory, for speeds."""
    batches: tuple[int, ...]
    files: int
    cpu_files: int
    single: int
    """Through the loop over single images."""
    seconds: float
    """For which a speed is measured, at least."""
    train: tuple[int, int]
    """Classes, and images of each."""
    epochs: int
    side: int
    """Of the images that are trained on."""
    copies: int
    """Photos of which find-dupes gets copies."""


FULL = Sizes(250, 1024, (1, 8, 32, 64, 128, 256, 512), 4000, 600, 200, 0.6, (6, 24), 5, 128, 60)
SMALL = Sizes(5, 8, (1, 4), 6, 6, 2, 0.0, (3, 6), 2, 32, 2)


@dataclass(frozen=True)
class Settings:
    """What a part gets; it travels to the part's process as JSON."""

    device: str
    weights: str
    photos: str
    work: str
    small: bool

    @property
    def sizes(self) -> Sizes:
        return SMALL if self.small else FULL

    @property
    def cuda(self) -> bool:
        return self.device.startswith("cuda")

    def photo_paths(self) -> list[Path]:
        return sorted(Path(self.photos).iterdir())[: self.sizes.images]

    def folder(self, name: str) -> Path:
        """A new folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.work))


PARTS: dict[str, tuple[Callable[[Settings], Result], tuple[str, ...], int]] = {}
"""Function, packages that it needs, and seconds that it may take, by name; run in this order."""


def part(seconds: int, *packages: str) -> Callable[[Callable[[Settings], Result]], Any]:
    """Register a function as a part."""

    def register(function: Callable[[Settings], Result]) -> Callable[[Settings], Result]:
        PARTS[function.__name__] = (function, ("torch", *packages), seconds)
        return function

    return register


# What is measured.


@part(60, "efficientnet_pytorch")
def devices(s: Settings) -> Result:
    """`--device auto` takes CUDA where there is some; what is not there is refused in one line."""
    import torch

    from imgsim.models.devices import choose_device

    found = choose_device("auto")
    folder = copied(s.photo_paths()[:2], s.folder("two"))
    tried = {}
    for name in ("auto", s.device, "cuda:0", "cuda:7", "gpu"):
        done = cli(s, "matches", folder, *method(s), "--device", name)
        tried[name] = {"exit": done.returncode, "says": done.stderr.strip().splitlines()[-2:]}
    right = (
        found == ("cuda" if torch.cuda.is_available() else "cpu")
        and tried["auto"]["exit"] == tried[s.device]["exit"] == 0
        and tried["cuda:7"]["exit"] == tried["gpu"]["exit"] == 2
        and "error: no" in tried["cuda:7"]["says"][0]
    )
    return {"auto": found, "right": right, "command_line": tried}


@part(100, "efficientnet_pytorch", "torchvision")
def features(s: Settings) -> Result:
    """Features of the device against those of the CPU in float32."""
    import numpy as np

    images = photos_in_memory(s)
    result: Result = {"images": len(images)}
    fields = {"float32": "fp32", "TF32": "fp32", "bf16": "bf16", "fp16": "fp16"}
    packages = ("efficientnet_pytorch", "torchvision")
    for package in packages[:1] if s.small else packages:
        expected = extract(s, images, "cpu", "fp32", backbone=package)
        for name, precision in fields.items():
            if not s.cuda and name in ("TF32", "fp16"):
                continue  # the one is none on the CPU, the other takes minutes
            with arithmetic(name):
                made = extract(s, images, s.device, precision, backbone=package)
                again = extract(s, images, s.device, precision, backbone=package)
            entry = agreement(expected, made)
            entry["repeats_bit_for_bit"] = bool(np.array_equal(made, again))
            result[f"{package} {name}"] = entry
    for pool in ("gem",) if s.small else ("gem", "none"):
        some = images[:64]
        expected = extract(s, some, "cpu", "fp32", pool=pool)
        made = extract(s, some, s.device, "fp32", pool=pool)
        result[f"efficientnet_pytorch float32, pool={pool}"] = agreement(expected, made)
    if s.cuda:
        result["bf16 behind so many parts in float32"] = by_exact_parts(s, images)
    reference = extract(s, images, s.device, "fp32", batch_size=64)
    result["batch sizes: largest difference from 64, relative"] = {
        str(size): relative(reference, extract(s, images, s.device, "fp32", batch_size=size))
        for size in s.sizes.batches
    }
    return result


def by_exact_parts(s: Settings, images: Any) -> Result:
    """What it costs and gains to compute the first parts of a bf16 network in float32."""
    from imgsim.models import backbone

    result: Result = {}
    expected = extract(s, images, "cpu", "fp32")
    kept = backbone.EXACT_PARTS["bf16"]
    for parts in (0, 3, 5, 7, 9):
        backbone.EXACT_PARTS["bf16"] = parts
        network = backbone.Backbone("efficientnet_pytorch", s.weights, s.device, "bf16")
        made = network(images, "avg", "imagenet", 0)
        many = tiled(images, s.sizes.pool)
        result[str(parts)] = agreement(expected, made) | speed(
            s, len(many), lambda net=network, many=many: net(many, "avg", "imagenet", 0)
        )
    backbone.EXACT_PARTS["bf16"] = kept
    return result


@part(90, "efficientnet_pytorch")
def memory(s: Settings) -> Result:
    """A batch that does not fit is halved, and the features are the same."""
    import numpy as np
    import torch

    from imgsim.errors import ImgsimError
    from imgsim.models.backbone import load_backbone

    size = 8 if s.small else 256
    images = tiled(photos_in_memory(s), size)
    network = load_backbone(s.weights, "efficientnet_pytorch", s.device, "fp32")
    tried: list[int] = []
    run = network._batch
    fits = size // 4

    def spied(some: Any, pool: Any, scaling: Any, batch: int) -> Any:
        tried.append(batch)
        if not s.cuda and batch > fits:
            raise torch.OutOfMemoryError("pretended")
        return run(some, pool, scaling, batch)

    network._batch = spied  # type: ignore[method-assign]
    fits, kept = size, size // 4  # nothing is pretended for the first call
    free = network(images, "avg", "imagenet", size)
    result: Result = {"batch": size, "tried_without_limit": list(tried)}
    fits = kept
    tried.clear()
    total = 0
    if s.cuda:
        torch.cuda.synchronize()
        total = torch.cuda.get_device_properties(s.device).total_memory
        peak, rest = torch.cuda.max_memory_allocated(), torch.cuda.memory_allocated()
        torch.cuda.empty_cache()
        limit = torch.cuda.memory_reserved() + (peak - rest) // 3
        torch.cuda.set_per_process_memory_fraction(limit / total)
        result |= {"peak_mb": peak >> 20, "limit_mb": limit >> 20, "card_mb": total >> 20}
    result["limited_agrees"] = relative(free, network(images, "avg", "imagenet", size))
    result["tried_with_limit"] = list(tried)
    result["backed_off"] = min(tried) < size
    tried.clear()
    fits = 0
    held = []
    if s.cuda:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 1) / total)
        with contextlib.suppress(torch.OutOfMemoryError):  # what is free in what is reserved
            while len(held) < 1000:
                held.append(torch.empty(1 << 20, dtype=torch.uint8, device=s.device))
    try:
        network(images, "avg", "imagenet", size)
        result["single_image_too_large"] = "no error"
    except (ImgsimError, RuntimeError) as error:
        result["single_image_too_large"] = f"{type(error).__name__}: {error}"[:300]
    result["tried_then"] = list(tried)
    held.clear()
    if s.cuda:
        torch.cuda.set_per_process_memory_fraction(1.0)
    fits = size
    after = network(images, "avg", "imagenet", size)
    result["afterwards_agrees"] = relative(free, after)
    result["finite"] = bool(np.isfinite(after).all())
    return result


@part(60, "efficientnet_pytorch")
def memory_limited_worker(s: Settings) -> Result:
    """A file that is tried once more in a worker of little address space, by a network."""
    from imgsim.executors.processes import ProcessesExecutor
    from imgsim.read.extract import ExtractBatch
    from imgsim.read.options import RunOptions

    extractor = extractor_of(s, s.device, "fp32")
    batch = ExtractBatch((str(s.photo_paths()[0]),), (extractor,), RunOptions().make_decoder())
    executor = ProcessesExecutor(1)
    try:
        plain = next(iter(executor.run([batch])))[1][0]
        alone = executor._run_alone(batch, None)
    finally:
        executor.close()
    result: Result = {"reason": alone.reason, "rows": len(alone.rows)}
    if alone.rows and plain.rows:
        result["agrees"] = relative(plain.rows[0], alone.rows[0])
    return result


@part(110, "efficientnet_pytorch", "torchvision")
def batches(s: Settings) -> Result:
    """Images a second from memory, by precision and batch size, and what of it the network is."""
    import torch

    from imgsim.models.backbone import load_backbone, network_input

    pictures = photos_in_memory(s)
    result: Result = {}
    for name, precision in {
        "float32": "fp32", "TF32": "fp32", "bf16": "bf16", "fp16": "fp16",
    }.items():  # fmt: skip
        if not s.cuda and name != "float32":
            continue
        for size in s.sizes.batches:
            images = tiled(pictures, min(s.sizes.pool, max(size * 4, 64)))
            network = load_backbone(s.weights, "efficientnet_pytorch", s.device, precision)
            if s.cuda:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            with arithmetic(name):
                entry = speed(
                    s,
                    len(images),
                    lambda net=network, images=images, size=size: net(
                        images, "avg", "imagenet", size
                    ),
                )
                if size in (64, 256):
                    with torch.inference_mode():
                        scaled = network_input(images[:size], size, s.device, "imagenet")
                        scaled = scaled.contiguous(memory_format=torch.channels_last)
                        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
                        entry["network alone, input on the card"] = speed(
                            s,
                            size,
                            lambda net=network, x=scaled, dtype=dtype: forward(net, x, dtype),
                        )["images_per_second"]
            if s.cuda:
                entry["peak_mb"] = torch.cuda.max_memory_allocated() >> 20
            result[f"{name}, batch {size}"] = entry
    if s.cuda:
        images = tiled(pictures, s.sizes.pool)
        for name in ("float32", "bf16"):
            precision = {"float32": "fp32"}.get(name, name)
            network = load_backbone(s.weights, "torchvision", s.device, precision)
            with arithmetic(name):
                result[f"backbone=torchvision {name}, batch 64"] = speed(
                    s, len(images), lambda net=network: net(images, "avg", "imagenet", 64)
                )
        images = images[: s.sizes.single]
        network = load_backbone(s.weights, "efficientnet_pytorch", "cpu", "fp32")
        result["CPU float32, default batch"] = speed(
            s, len(images), lambda: network(images, "avg", "imagenet", 0)
        )
    return result


@part(110, "efficientnet_pytorch")
def throughput(s: Settings) -> Result:
    """Images a second from files, beside the CPU, decoding alone and a loop over single images."""
    import torch
    from PIL import Image

    from imgsim import RunOptions
    from imgsim.comparators.pixels import Pixels
    from imgsim.read.collect import collect

    many = numbered(s.photo_paths(), s.folder("many"), s.sizes.files)
    few = numbered(s.photo_paths(), s.folder("few"), s.sizes.cpu_files)
    result: Result = {"files": s.sizes.files, "files_on_the_cpu": s.sizes.cpu_files}

    def read(folder: Path, extractor: Any, executor: str) -> Result:
        started, worked = time.perf_counter(), time.process_time()
        found = collect([str(folder)], [extractor], RunOptions(executor=executor))
        seconds = time.perf_counter() - started
        return {
            "images_per_second": round(len(found.pictures) / seconds, 1),
            "seconds": round(seconds, 2),
            "cpu_seconds_of_this_process": round(time.process_time() - worked, 2),
            "skipped": len(found.skipped),
        }

    pixels = Pixels(SIDE, "rgb")
    result["decoding alone, threads"] = read(many, pixels, "threads")
    result["decoding alone, processes"] = read(many, pixels, "processes")
    for precision in ("fp32", "bf16") if s.cuda else ("fp32",):
        extractor = extractor_of(s, s.device, precision)
        extract(s, photos_in_memory(s)[:8], s.device, precision)  # the first call is slow
        result[f"{s.device} {precision}, threads, warm"] = read(many, extractor, "threads")
        result[f"{s.device} {precision}, a worker process from its start"] = read(
            many, extractor, "processes"
        )
    if s.cuda:
        extractor = extractor_of(s, "cpu", "fp32")
        result["cpu fp32, threads"] = read(few, extractor, "threads")
    paths = sorted(few.iterdir())[: s.sizes.single]
    for device in dict.fromkeys((s.device, "cpu")):
        model = plain_network(s, device)

        def single(model: Any = model, device: str = device) -> None:
            with torch.inference_mode():
                for path in paths:
                    with Image.open(path) as image:
                        x = plain_input(image)
                    model.extract_features(x.to(device)).mean(dim=(2, 3)).cpu().numpy()

        result[f"loop over single images, efficientnet_pytorch, {device}"] = speed(
            s, len(paths), single, times=1
        )
    return result


@part(90, "torchvision", "efficientnet_pytorch")
def decoding(s: Settings) -> Result:
    """torchvision's JPEG decoder on the card (nvJPEG) against Pillow's pixels."""
    import numpy as np
    import torch
    from PIL import Image
    from torchvision.io import ImageReadMode, decode_jpeg

    data, expected = [], []
    for path in s.photo_paths():
        with Image.open(path) as image:
            if image.format == "JPEG" and image.mode == "RGB":
                data.append(path.read_bytes())
                expected.append(np.asarray(image))
    if not data:
        return {"skipped": "no JPEG of RGB among the photos"}
    tensors = [torch.frombuffer(bytearray(one), dtype=torch.uint8) for one in data]

    def on_device() -> list[Any]:
        return decode_jpeg(tensors, mode=ImageReadMode.RGB, device=s.device)

    warnings.simplefilter("ignore", DeprecationWarning)  # it is to move to another package
    try:
        decoded = [one.permute(1, 2, 0).cpu().numpy() for one in on_device()]
    except RuntimeError as error:
        return {"available": False, "why": " ".join(str(error).split())[:300]}
    pairs = list(zip(decoded, expected, strict=True))
    same_size = [a.shape == b.shape for a, b in pairs]
    differences = [np.abs(a.astype(int) - b) for a, b in pairs if a.shape == b.shape]
    small = [
        np.stack([np.asarray(Image.fromarray(a).resize((SIDE, SIDE), 1)) for a in some])
        for some in (decoded, expected)
    ]
    rows = [extract(s, images, s.device, "fp32") for images in small]

    def by_pillow() -> None:
        for one in data:
            with Image.open(io.BytesIO(one)) as image:
                image.convert("RGB")

    return {
        "available": True,
        "photos": len(data),
        "of_the_same_size": sum(same_size),
        "equal_pixels": sum(not d.any() for d in differences),
        "mean_difference": round(float(np.mean([d.mean() for d in differences])), 4),
        "largest_mean_difference": round(float(max(d.mean() for d in differences)), 4),
        "largest_difference": int(max(d.max() for d in differences)),
        "features": agreement(rows[1], rows[0]),
        "device": speed(s, len(data), on_device),
        "Pillow, one thread, whole size": speed(s, len(data), by_pillow),
    }


@part(100, "efficientnet_pytorch", "safetensors", "matplotlib")
def siamese(s: Settings) -> Result:
    """`train siamese` on the device beside the CPU: the head alone, and with two blocks."""
    from imgsim.training.loop import LoopOptions
    from imgsim.training.siamese import train_siamese
    from imgsim.training.siamese_options import SiameseOptions

    folder = labelled(s)
    result: Result = {}
    for blocks in (2,) if s.small else (0, 2):
        for device in dict.fromkeys(("cpu", s.device)):
            options = SiameseOptions(
                weights=s.weights,
                finetune=blocks,
                size=s.sizes.side,
                pairs=16 if s.small else 512,
                loop=LoopOptions(epochs=s.sizes.epochs, patience=99, weight_decay=1e-2),
                held_out=0.4,
                device=device,
            )
            entry = trained(s, train_siamese, folder, options)
            result[f"{blocks} blocks trained, {device}"] = entry
    return result | compared(result, s.device)


@part(100, "safetensors", "matplotlib")
def autoencoder(s: Settings) -> Result:
    """`train autoencoder` on the device beside the CPU."""
    from imgsim.models.autoencoder import Shape
    from imgsim.training.autoencoder import train_autoencoder
    from imgsim.training.autoencoder_options import AutoencoderOptions
    from imgsim.training.loop import LoopOptions

    result: Result = {}
    for device in dict.fromkeys(("cpu", s.device)):
        options = AutoencoderOptions(
            shape=Shape(s.sizes.side, 16, 16),
            loop=LoopOptions(epochs=2 * s.sizes.epochs, patience=99),
            device=device,
            batch_size=16,
        )
        result[f"autoencoder, {device}"] = trained(s, train_autoencoder, Path(s.photos), options)
    return result | compared(result, s.device)


@part(110, "efficientnet_pytorch")
def command_line(s: Settings) -> Result:
    """`imgsim matches` and `find-dupes` on the device give what they give on the CPU."""
    from PIL import Image

    from imgsim import find_duplicates  # noqa: F401 - a fault of the checkout is told here

    folder = copied(s.photo_paths()[: max(4, s.sizes.images)], s.folder("photos"))
    for path in sorted(folder.iterdir())[: s.sizes.copies]:
        with Image.open(path) as image:
            smaller = image.convert("RGB").resize((image.width * 4 // 5, image.height * 4 // 5))
            smaller.save(folder / f"{path.stem} copy.jpg", quality=80)
    result: Result = {"files": len(list(folder.iterdir()))}
    found: dict[tuple[str, str], Any] = {}
    for device in dict.fromkeys(("cpu", s.device)):
        for name, command in {
            "matches, cosine": ("matches", folder, *method(s)),
            "matches, euclidean": ("matches", folder, *method(s, "efficientnet-euclidean")),
            "find-dupes, cosine": ("find-dupes", folder, *method(s)),
        }.items():
            started = time.perf_counter()
            done = cli(s, *command, "--device", device, "-f", "json", "--no-timing", cache=device)
            seconds = round(time.perf_counter() - started, 2)
            result[f"{name}, {device}"] = {"exit": done.returncode, "seconds": seconds}
            if done.returncode:
                result[f"{name}, {device}"]["says"] = done.stderr[-500:]
            else:
                found[name, device] = json.loads(done.stdout)
    with contextlib.suppress(KeyError):
        for name in ("matches, cosine", "matches, euclidean"):
            result[f"{name}: the same"] = same_matches(found[name, "cpu"], found[name, s.device])
        groups = [groups_of(found["find-dupes, cosine", d]) for d in ("cpu", s.device)]
        result["find-dupes: groups"] = len(groups[0])
        result["find-dupes: the same groups, kept files and members"] = groups[0] == groups[1]
    return result


@part(120, "efficientnet_pytorch", "pytest", "hypothesis", "jsonschema")
def tests(s: Settings) -> Result:
    """The tests that need a CUDA device."""
    files = ["tests/models/test_backbone.py", "tests/training/test_autoencoder.py"]
    files.append("tests/training/test_siamese.py")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-k", "cuda", "-p", "no:cacheprovider"),
            *("-o", "addopts=-ra --strict-markers --strict-config", *files),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return {"exit": done.returncode, "says": done.stdout.splitlines()[-12:]}


# How the parts get and compare what they need.


def method(s: Settings, name: str = "efficientnet-cosine") -> tuple[str, ...]:
    """The options of the command line that name a method."""
    return ("-m", name, "--weights", s.weights)


def cli(
    s: Settings, *arguments: object, cache: str = "default"
) -> subprocess.CompletedProcess[str]:
    """Run imgsim as a user does, with a cache of its own."""
    own = {"IMGSIM_CACHE": str(Path(s.work) / f"{cache.replace(':', '')}.sqlite")}
    return subprocess.run(
        [sys.executable, "-m", "imgsim", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **own},
    )


def photos_in_memory(s: Settings) -> Any:
    """The photos as imgsim decodes them, ndarray of uint8, shape (n, 224, 224, 3)."""
    import numpy as np

    from imgsim import RunOptions
    from imgsim.comparators.pixels import Pixels
    from imgsim.read.collect import collect

    pixels = Pixels(SIDE, "rgb")
    paths = [str(path) for path in s.photo_paths()]
    found = collect(paths, [pixels], RunOptions(executor="threads"))
    rows = np.asarray(found.features(pixels, found.pictures).rows)
    return rows.reshape(-1, SIDE, SIDE, 3).copy()


def tiled(images: Any, n: int) -> Any:
    """So many images, from the first on, again and again."""
    import numpy as np

    return images[np.arange(n) % len(images)]


def extractor_of(s: Settings, device: str, precision: str, **options: object) -> Any:
    """imgsim's own extractor."""
    from imgsim.comparators import registry

    fields: Result = {"weights": f'"{s.weights}"', "size": SIDE, "device": device}
    fields |= {"precision": precision, **options}
    text = ",".join(f"{name}={value}" for name, value in fields.items())
    return registry.parse(f"efficientnet-cosine:{text}").extractor


def extract(s: Settings, images: Any, device: str, precision: str, **options: object) -> Any:
    return extractor_of(s, device, precision, **options).extract(images)


@contextlib.contextmanager
def arithmetic(name: str) -> Iterator[None]:
    """With TF32, torch's own default on the card, in the place of imgsim's float32."""
    from imgsim.models import devices

    kept = devices.float32_arithmetic
    if name == "TF32":
        devices.float32_arithmetic = lambda device: contextlib.nullcontext()  # type: ignore
        try:
            yield
        finally:
            devices.float32_arithmetic = kept
    elif name == "float32":
        import torch

        with kept("cuda" if torch.cuda.is_available() else "cpu"):
            yield
    else:
        yield


def forward(network: Any, pixels: Any, dtype: Any) -> None:
    """Run a network on scaled pixels that are on its device, and wait for it."""
    import torch

    with torch.inference_mode():
        exact = network._stages if dtype is None else network._stages[:-1]
        for stage in exact:
            pixels = stage(pixels)
        if dtype is not None:
            with torch.autocast(network.device.split(":")[0], dtype):
                network._stages[-1](pixels)
        if network.device != "cpu":
            torch.cuda.synchronize()


def relative(expected: Any, made: Any) -> float:
    """The largest difference, over the largest value."""
    import numpy as np

    return float(f"{np.abs(made - expected).max() / np.abs(expected).max():.3g}")


TIE = 1e-4
"""Scores that differ by less are a tie."""


def agreement(expected: Any, made: Any) -> Result:
    """Compare features: their cosines, and the three nearest of each image."""
    import numpy as np

    a, b = (np.asarray(rows, np.float64) for rows in (expected, made))
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b))
    cosines = (a * b).sum(axis=1)
    scores = [rows @ rows.T for rows in (a, b)]
    for matrix in scores:
        np.fill_diagonal(matrix, -2)
    first = [np.argsort(-matrix, axis=1, kind="stable")[:, :3] for matrix in scores]
    places = np.arange(len(a))[:, None]
    gaps = np.abs(scores[0][places, first[0]] - scores[0][places, first[1]]).max(axis=1)
    apart = np.abs(scores[0] - scores[1]).max()
    return {
        "cosine_min": round(float(cosines.min()), 8),
        "cosine_median": round(float(np.median(cosines)), 8),
        "largest_difference_relative": relative(np.asarray(expected), np.asarray(made)),
        "score_of_a_pair_moves_by_at_most": float(f"{apart:.3g}"),
        "same_top_3": int((first[0] == first[1]).all(axis=1).sum()),
        "same_top_3_but_for_ties": int((gaps <= TIE).sum()),
        "largest_gap_of_swapped": float(f"{gaps.max():.3g}"),
        "images": len(a),
    }


def speed(s: Settings, n: int, action: Callable[[], object], times: int = 3) -> Result:
    """Time an action on so many images, after a call that does not count."""
    action()
    seconds: list[float] = []
    while len(seconds) < times or (times > 1 and sum(seconds) < s.sizes.seconds):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
        if sum(seconds) > 5:
            break
    return {
        "images_per_second": round(n / statistics.median(seconds), 1),
        "slowest": round(n / max(seconds), 1),
        "fastest": round(n / min(seconds), 1),
        "times": len(seconds),
    }


def plain_network(s: Settings, device: str) -> Any:
    """The network as its package makes it, by which an article's author runs it."""
    import torch
    from efficientnet_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-b0")
    model.load_state_dict(torch.load(s.weights, weights_only=True), strict=False)
    return model.eval().to(device)


def plain_input(image: Any) -> Any:
    """An image as torchvision's usual steps make it: resized, scaled, shape (1, 3, 224, 224)."""
    import numpy as np
    import torch

    pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE)), np.float32) / 255
    scaled = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return torch.from_numpy(scaled.astype(np.float32)).permute(2, 0, 1)[None]


def copied(paths: Iterable[Path], folder: Path) -> Path:
    for path in paths:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def numbered(paths: list[Path], folder: Path, n: int) -> Path:
    """Write so many files of different bytes: JPEGs with a comment that is their number."""
    jpegs = [data for path in paths if (data := path.read_bytes()).startswith(b"\xff\xd8")]
    for number in range(n):
        data, text = jpegs[number % len(jpegs)], b"%010d" % number
        comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
        (folder / f"{number:06}.jpg").write_bytes(data[:2] + comment + data[2:])
    return folder


def labelled(s: Settings) -> Path:
    """Pictures of patterned balls in landscapes, a folder for each pattern."""
    import numpy as np
    from PIL import Image

    sys.path.insert(0, str(ROOT / "benchmarks"))
    from networks import ball

    from imgsim.pictures.generate import landscape

    folder = s.folder("balls")
    classes, images = s.sizes.train
    for kind in range(classes):
        (folder / f"ball {kind}").mkdir()
        for number in range(images):
            rng = np.random.default_rng([kind, number])
            picture = Image.fromarray(landscape(1000 * kind + number, 224, 224))
            drawn = Image.fromarray(ball(kind, rng, int(rng.integers(76, 110))))
            left, top = (int(v) for v in rng.integers(0, 224 - drawn.width, 2))
            picture.paste(drawn, (left, top), drawn)
            picture.save(folder / f"ball {kind}" / f"{number:02}.png")
    return folder


def trained(s: Settings, train: Callable[..., Any], folder: Path, options: Any) -> Result:
    """Train, and return the losses of the epochs."""
    from imgsim import RunOptions

    started = time.perf_counter()
    made = train(str(folder), str(s.folder("run")), options, run=RunOptions(executor="threads"))
    losses = [round(epoch.train, 6) for epoch in made.epochs]
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "train": losses,
        "held_out": [round(epoch.held_out, 6) for epoch in made.epochs],
        "falls": losses[-1] < losses[0],
    }


def compared(runs: Result, device: str) -> Result:
    """How far the losses of a device are from those of the CPU, relative to these."""
    result = {}
    for name in [name for name in runs if name.endswith(", cpu")]:
        other = runs.get(name.removesuffix("cpu") + device, runs[name])
        for kind in ("train", "held_out"):
            pairs = zip(runs[name][kind], other[kind], strict=True)
            label = f"{name.removesuffix(', cpu')}: {kind} losses differ by at most"
            result[label] = round(max(abs(a - b) / abs(a) for a, b in pairs), 6)
    return result


def same_matches(expected: Any, made: Any) -> Result:
    """Compare what two runs of `matches` print."""
    (left,), (right,) = (document["methods"] for document in (expected, made))
    same = ties = 0
    largest = 0.0
    for one, other in zip(left["queries"], right["queries"], strict=True):
        names = [[match["path"] for match in query["matches"]] for query in (one, other)]
        gaps = [
            abs(a["score"] - b["score"])
            for a, b in zip(one["matches"], other["matches"], strict=True)
        ]
        same += names[0] == names[1]
        ties += max(gaps, default=0) <= TIE * max(1.0, abs(one["matches"][0]["score"]))
        largest = max(largest, *gaps)
    return {
        "queries": len(left["queries"]),
        "same_paths": same,
        "same_scores_within_a_tie": ties,
        "scores_differ_by_at_most": float(f"{largest:.3g}"),
    }


def groups_of(document: Any) -> set[tuple[str, frozenset[str]]]:
    """Kept file and members of each group."""
    return {
        (group["keep"], frozenset(member["path"] for member in group["members"]))
        for group in document["groups"]
    }


# How the parts are run.


def run_part(name: str, settings: Settings) -> Result:
    """Run a part in this process: its result, its error, or why it is skipped."""
    function, packages, _ = PARTS[name]
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        return {"skipped": f"not installed: {', '.join(missing)}"}
    started = time.perf_counter()
    try:
        result = function(settings)
    except Exception as error:
        import traceback

        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"[:2000]}
    return {"seconds": round(time.perf_counter() - started, 2), **result}


def in_own_process(name: str, settings: Settings, limit: float) -> Result:
    """Run a part in a process of its own, so that what it breaks is its own."""
    target = Path(settings.work) / f"{name}.json"
    command = [sys.executable, __file__, "--run-part", name, json.dumps(asdict(settings))]
    try:
        code = subprocess.run([*command, str(target)], timeout=limit).returncode
    except subprocess.TimeoutExpired:
        return {"error": f"stopped after {limit:.0f} s"}
    if not target.exists():
        return {"error": f"its process ended with {code}, see the log"}
    return json.loads(target.read_text())


def prepare(wheels: Path | None, work: Path) -> None:
    """Make imgsim of this checkout and the wheels importable, here and in child processes."""
    site = work / "site"
    site.mkdir()
    if wheels is not None:
        files = sorted(map(str, wheels.glob("*.whl")))
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
        pip += ["--no-compile", "--no-cache-dir", "--target", str(site)]
        if files and subprocess.run([*pip, *files]).returncode:
            for file in files:  # one of them does not fit: the others are worth having
                subprocess.run([*pip, file])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = site / f"imgsim-{project['version']}.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: imgsim\nVersion: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    places = [str(ROOT / "src"), str(site)]
    sys.path[:0] = places
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*places, *([before] if before else [])])
    os.environ["IMGSIM_CACHE"] = str(work / "cache.sqlite")


def make_weights(path: Path) -> None:
    """Random weights, with the statistics of batch normalisation as if it had seen pictures."""
    import torch
    from efficientnet_pytorch import EfficientNet

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = EfficientNet.from_name("efficientnet-b0").train()
        for _ in range(2):
            model.extract_features(torch.rand(4, 3, 96, 96) * 4 - 2)
    torch.save(model.state_dict(), path)


def make_photos(folder: Path, n: int) -> None:
    """Landscapes by code, as JPEGs."""
    from PIL import Image

    from imgsim.pictures.generate import landscape

    folder.mkdir()
    for seed in range(n):
        Image.fromarray(landscape(seed, 320, 240)).save(folder / f"{seed:03}.jpg", quality=90)


def settings_for(
    device: str, weights: Path | None, photos: Path | None, work: Path, small: bool
) -> Settings:
    """Fill in what is not given."""
    if weights is None:
        weights = work / "random.pth"
        make_weights(weights)
    if photos is None:
        photos = work / "made"
        make_photos(photos, (SMALL if small else FULL).images)
    return Settings(device, str(weights.resolve()), str(photos.resolve()), str(work), small)


def about(device: str) -> Result:
    """The machine, the card and the versions."""
    from importlib.metadata import PackageNotFoundError, version

    names = "imgsim torch torchvision efficientnet_pytorch numpy pillow opencv-python-headless"
    versions = {"python": platform.python_version()}
    for name in names.split():
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    processor = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        processor = models[0] if models else processor
    result: Result = {
        "machine": {
            "platform": platform.platform(),
            "processor": processor,
            "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        },
        "versions": versions,
    }
    if device.startswith("cuda"):
        import torch

        card = torch.cuda.get_device_properties(device)
        result["card"] = {
            "name": card.name,
            "memory_mb": card.total_memory >> 20,
            "capability": f"{card.major}.{card.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
        with contextlib.suppress(OSError):
            asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
            said = subprocess.run(asked, capture_output=True, text=True).stdout
            result["card"]["driver"] = said.strip()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheels", type=Path, help="folder of wheels of missing packages")
    parser.add_argument("--weights", type=Path, help="of efficientnet_pytorch's b0; else random")
    parser.add_argument("--photos", type=Path, help="folder of JPEGs; else pictures made by code")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--minutes", type=float, default=8, help="no part runs beyond them")
    parser.add_argument("-o", "--output", type=Path, help="else benchmarks/results/gpu.json")
    given = parser.parse_args()
    ends = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory(prefix="gpu-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        prepare(given.wheels, work)
        if find_spec("torch") is None:
            raise SystemExit("torch is not installed: nothing to measure")
        import torch

        device = given.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        small = device == "cpu"
        output = given.output or (None if small else ROOT / "benchmarks/results/gpu.json")
        document: Result = {"device": device, **about(device), "parts": {}}
        settings = settings_for(device, given.weights, given.photos, work, small)
        document["inputs"] = {
            "weights": given.weights.name if given.weights else "random",
            "photos": len(settings.photo_paths()),
            "sizes": asdict(settings.sizes),
        }
        for part_name in given.parts:
            left = ends - time.monotonic()
            if left < 10:
                done: Result = {"skipped": f"the {given.minutes:g} minutes were over"}
            else:
                done = in_own_process(
                    part_name, settings, min(left, PARTS[part_name][2] * (10 if small else 1))
                )
            document["parts"][part_name] = done
            print(f"{part_name}: {json.dumps(done)}", flush=True)
            if output:
                output.parent.mkdir(parents=True, exist_ok=True)
                output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        if output:
            print(output)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run-part"]:
        part_name, text, target = sys.argv[2:]
        made = run_part(part_name, Settings(**json.loads(text)))
        Path(target).write_text(json.dumps(made))
    else:
        main()
