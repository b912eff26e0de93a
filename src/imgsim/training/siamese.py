"""Trains a Siamese network on a labelled folder."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim import __version__
from imgsim.collect import RunOptions, collect
from imgsim.comparators.networks import NetworkExtractor
from imgsim.comparators.pixels import Pixels
from imgsim.decode import InputSpec
from imgsim.errors import UsageError
from imgsim.models import backbone as backbones
from imgsim.models import loop
from imgsim.models import siamese as networks
from imgsim.models import weights as files
from imgsim.models.backbone import Architecture, Scaling, choose_device, require_torch
from imgsim.models.siamese import Loss
from imgsim.pipeline import Paths, as_list
from imgsim.report import training as pictures
from imgsim.training import folder as folders
from imgsim.training.pairs import PairFigures, Pairs, all_pairs, best_threshold, measure
from imgsim.training.split import FAMILY, Classes, Split, classes_of, divide, write_split

Encoder = Literal["efficientnet", "resnet34"]

PAIRS = "pairs.png"
ENCODER = "encoder.safetensors"
RANDOM = "random"
"""As weights: a network that has seen nothing."""

_PACKAGES: dict[Encoder, Architecture] = {
    "efficientnet": "efficientnet_pytorch",
    "resnet34": "resnet34",
}
_PUBLISHED: dict[Encoder, str] = {"efficientnet": "imagenet", "resnet34": "resnet34"}
_CALIBRATED = 32
_FINE_RATE = 0.1
"""Of the learning rate, for blocks that have been trained before."""
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class SiameseOptions:
    """How a Siamese network is trained.

    Attributes
    ----------
    classes : {"auto", "folder", "prefix"}
        Where the class of an image is told, see `split.classes_of`.
    encoder : {"efficientnet", "resnet34"}
    weights : str
        Of the encoder: a file, a published name, ``random``, or empty for the published ones,
        and random where these cannot be had.
    finetune : int
        Train so many of the encoder's last blocks too.
    loss : {"pairs", "contrastive"}
    size : int
        Width and height in pixels that images are resized to.
    dim, hidden : int
        Length of an image's vector, width of the layer that sees both.
    pairs : int
        Drawn for an epoch; 0 for 4096, or 1024 where blocks of the encoder are trained.
    loop : loop.LoopOptions
    held_out : float
        Share of each class that is not trained on.
    split : Path or None
        A CSV that says instead which images are held out.
    device : str
    batch_size : int
        Images that the encoder takes at a time; 0 for what suits the device.
    """

    classes: Classes = "auto"
    encoder: Encoder = "efficientnet"
    weights: str = ""
    finetune: int = 0
    loss: Loss = "pairs"
    size: int = 224
    dim: int = 64
    hidden: int = 16
    pairs: int = 0
    loop: loop.LoopOptions = field(default_factory=lambda: loop.LoopOptions(weight_decay=1e-2))
    held_out: float = 0.15
    split: Path | None = None
    device: str = "auto"
    batch_size: int = 0

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 1024:
            raise UsageError(f"size={self.size} is not in 32..1024", "try --size 224")
        if not 0 <= self.finetune <= _BLOCKS[self.encoder]:
            raise UsageError(
                f"{self.encoder} has {_BLOCKS[self.encoder]} blocks, not {self.finetune}",
                "finetune fewer of them",
            )
        if min(self.dim, self.hidden, self.pairs + 1) < 1:
            raise UsageError("dim, hidden and pairs must be at least 1", "leave them out")

    @property
    def pairs_drawn(self) -> int:
        """Pairs of an epoch."""
        return self.pairs or (1024 if self.finetune else 4096)


_BLOCKS: dict[Encoder, int] = {"efficientnet": 16, "resnet34": 16}


@dataclass(frozen=True, slots=True)
class TrainedSiamese:
    """What came of it.

    Attributes
    ----------
    weights : Path
        For ``--method siamese:weights=FILE``.
    images, held_out, families : int
        Pictures trained on, pictures held out, families of near duplicates among all of them.
    classes : tuple of str
    skipped : int
        Files that could not be read.
    encoder_weights : str
        What the encoder began with.
    epochs : tuple of loop.Epoch
    stopped_early : bool
    same, different : int
        Pairs of held-out images, of one class and of two.
    network : PairFigures
        How the network tells them apart; the threshold is a probability of 0.5.
    cosine : PairFigures
        How the cosine of the plain encoder's features does; its threshold is the best one on the
        pairs of training images.
    class_accuracy : float
        Share of the held-out images whose class the classifier finds.
    largest_class : float
        Share of them that the largest class has.
    seconds : float
    """

    weights: Path
    images: int
    held_out: int
    families: int
    classes: tuple[str, ...]
    skipped: int
    encoder_weights: str
    epochs: tuple[loop.Epoch, ...]
    stopped_early: bool
    same: int
    different: int
    network: PairFigures
    cosine: PairFigures
    class_accuracy: float
    largest_class: float
    seconds: float


def train_siamese(
    paths: Paths,
    folder: Path,
    options: SiameseOptions | None = None,
    *,
    run: RunOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> TrainedSiamese:
    """Train a Siamese network on the labelled images below some paths.

    What the frozen part of the encoder makes of an image is computed once, so the epochs take
    seconds.

    Parameters
    ----------
    paths : path or sequence of paths
    folder : Path
        Where everything is written: the best weights, a checkpoint, the split, the losses and
        pictures of them. Empty, or not there yet.
    options : SiameseOptions, optional
    run : RunOptions, optional
        How files are found and read.
    resume, overwrite : bool
        Go on from the checkpoint in the folder, or replace an earlier run.

    Raises
    ------
    UsageError
        A path does not exist, an argument makes no sense, there are fewer than two classes, or the
        images cannot be divided.
    MethodUnavailable
        There is no torch, or no torchvision that fits it where that is needed.
    KeyboardInterrupt
        The user stopped it; the folder holds the checkpoint of the last finished epoch.
    """
    started = time.perf_counter()
    options = options or SiameseOptions()
    run = run or RunOptions()
    torch = require_torch()
    device = choose_device(options.device)
    package = _PACKAGES[options.encoder]
    backbones.make_model(package)  # is it here at all?
    names = as_list(paths)
    settings = folders.settings_of(networks.KIND, names, options)
    folders.check(folder, settings, resume=resume, overwrite=overwrite)
    collection = collect(names, [FAMILY.extractor], run)
    labels = classes_of([p.file.path for p in collection.pictures], options.classes)
    given = folder / folders.SPLIT if resume else options.split
    split = divide(collection, labels, options.held_out, options.loop.seed, run, given)
    held_out = _held_out_pairs(split)
    if not resume:
        folders.begin(folder, settings, [PAIRS, ENCODER])
    write_split(split, folder / folders.SPLIT)
    folders.tell(split, run.progress)
    weights = _encoder_weights(options, split, folder, run)
    extractor = EncoderRows(
        package, weights, options.size, options.finetune, device, options.batch_size
    )
    # feature maps are too large for a cache of features
    reading = run if options.finetune == 0 else folders.without_cache(run)
    rows = collect(names, [extractor], reading).features(extractor, split.pictures).rows
    with torch.random.fork_rng():
        torch.manual_seed(options.loop.seed)
        task = _Task(np.asarray(rows), split, options, extractor, device, held_out)
    plain = task.features()
    history = loop.train(task, folder, options.loop, run.progress, resume=resume)
    trained = folder / loop.MODEL
    task.load(trained)
    head = networks.load_head(str(trained))
    vectors = head.rows(task.features())
    return _measured(
        split,
        head,
        vectors,
        plain,
        held_out,
        history,
        options,
        folder,
        len(collection.skipped),
        weights,
        started,
    )


def _held_out_pairs(split: Split) -> Pairs:
    labels = np.unique(split.classes, return_inverse=True)[1]
    pairs = all_pairs(split.held_out_rows, labels)
    if pairs.same.all() or not pairs.same.any():
        missing = "two classes" if pairs.same.all() else "two images of one class"
        raise UsageError(
            f"among the {len(split.held_out_rows)} held-out images there are no {missing}",
            "hold out a larger share: --held-out 0.3",
        )
    return pairs


# The encoder ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EncoderRows(NetworkExtractor):
    """What the part of an encoder that is not trained makes of an image.

    Attributes
    ----------
    package : {"efficientnet_pytorch", "resnet34"}
    weights : str
    size : int
    left_out : int
        Blocks that are trained: 0 gives the pooled features, else the feature map before them.
    """

    package: Architecture
    weights: str
    size: int
    left_out: int
    device: str = field(metadata={"where": True})
    batch_size: int = field(metadata={"where": True})
    name: ClassVar[str] = "encoder"
    version: ClassVar[int] = 1

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.size, self.size, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        if self.left_out == 0:
            return (backbones.CHANNELS[self.package],)
        return (int(np.prod(self.map_shape)),)

    @property
    def map_shape(self) -> tuple[int, ...]:
        """Channels, height and width of the feature map."""
        return self._network().map_shape(self.size)

    def get_ready(self, *, fetch: bool = True) -> None:
        files.locate(self.weights, download=fetch)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        pool: backbones.Pool = "none" if self.left_out else "avg"
        return self._network()(images, pool, scaling_of(self.weights), self.batch_size)

    def _network(self) -> backbones.Backbone:
        return backbones.backbone(self.package, self.weights, self.device, "fp32", self.left_out)


def scaling_of(weights: str) -> Scaling:
    """How images are scaled for the weights of an encoder."""
    return "advprop" if weights == "advprop" else "imagenet"


def _encoder_weights(options: SiameseOptions, split: Split, folder: Path, run: RunOptions) -> str:
    """The encoder's weights as a file or a published name that is here."""
    weights = options.weights or _PUBLISHED[options.encoder]
    if weights != RANDOM:
        try:
            files.locate(weights, download=True)
            return weights
        except files.WeightsUnusable as error:
            if options.weights:
                raise
            run.progress.note(f"{error.message}; {error.hint}")
            run.progress.note(
                "goes on with a random encoder, which knows nothing of pictures: expect less"
            )
    target = folder / ENCODER
    if not target.exists():
        _random_encoder(options, split, target, run)
    return str(target)


def _random_encoder(options: SiameseOptions, split: Split, target: Path, run: RunOptions) -> None:
    """Write random weights, with the statistics of some images in the batch normalisations."""
    torch = require_torch()
    package = _PACKAGES[options.encoder]
    pixels = Pixels(options.size, "rgb")
    some = [split.pictures[i].file.path for i in split.train_rows[:_CALIBRATED]]
    seen = collect(some, [pixels], folders.without_cache(run))
    rows = np.asarray(seen.features(pixels, seen.pictures).rows)
    images = rows.reshape(-1, options.size, options.size, 3)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(options.loop.seed)
        model = backbones.make_model(package).train()
        features = torch.nn.Sequential(*backbones.split(package, model))
        scaled = backbones.network_input(images, len(images), "cpu", "imagenet")
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the mean over all that it sees
                module.reset_running_stats()
        features(scaled)
    loop.save_tensors(model.state_dict(), target, {})


# Training ---------------------------------------------------------------------------------------


class _Task:
    """A Siamese network as `loop.Task`.

    `module` has the head and, where they are trained, the last blocks of the encoder.
    """

    def __init__(
        self,
        rows: NDArray[np.float32],
        split: Split,
        options: SiameseOptions,
        extractor: EncoderRows,
        device: str,
        held_out: Pairs,
    ) -> None:
        torch = require_torch()
        self.rows = rows
        self.options = options
        self.extractor = extractor
        self.device = device
        self.held_out_pairs = held_out
        self.classes, labels = np.unique(split.classes, return_inverse=True)
        self.labels = np.asarray(labels, np.int64)
        self.members = _by_class(split.train_rows, self.labels)
        self.size = min(64 if options.finetune else 256, options.pairs_drawn)
        self.batches = -(-options.pairs_drawn // self.size)
        package = _PACKAGES[options.encoder]
        self.encoder = backbones.load_model(package, files.locate(extractor.weights))
        self.encoder.eval().requires_grad_(False).to(device)
        self.module = torch.nn.Module()
        parts = backbones.split(package, self.encoder)
        last = parts[-1 - options.finetune :] if options.finetune else []
        self.module.last = torch.nn.Sequential(*last).requires_grad_(True)
        channels = backbones.CHANNELS[package]
        self.module.head = networks.make_head(
            channels, len(self.classes), options.dim, options.hidden
        )
        self.module.to(device)
        trained = self.features()[split.train_rows]
        self.module.head.mean.copy_(torch.from_numpy(trained.mean(axis=0)))
        self.module.head.spread.copy_(torch.from_numpy(np.maximum(trained.std(axis=0), 1e-3)))

    def groups(self) -> list[tuple[list[Any], float]]:
        head = list(self.module.head.parameters())
        return [(head, 1.0), (list(self.module.last.parameters()), _FINE_RATE)]

    def mode(self, training: bool) -> None:
        # the statistics in the encoder's batch normalisations stay as they are
        self.module.head.train(training)
        self.module.last.eval()

    def epoch(self, number: int) -> Iterator[Pairs]:
        rng = np.random.default_rng([self.options.loop.seed, number])
        left = self.options.pairs_drawn
        while left > 0:
            yield self._draw(rng, min(self.size, left))
            left -= self.size

    def _draw(self, rng: np.random.Generator, n: int) -> Pairs:
        """Half the pairs of one class, half of two; every class is as likely as the others."""
        several = [members for members in self.members if len(members) > 1]
        pairs = []
        for i in range(n):
            if i % 2 == 0 and several:
                one, other = rng.choice(several[rng.integers(len(several))], 2, replace=False)
            else:
                a, b = rng.choice(len(self.members), 2, replace=False)
                one, other = rng.choice(self.members[a]), rng.choice(self.members[b])
            pairs.append((one, other, self.labels[one] == self.labels[other]))
        left, right, same = (np.array(column) for column in zip(*pairs, strict=True))
        return Pairs(left, right, same)

    def loss(self, batch: Pairs) -> Any:
        torch = require_torch()
        head = self.module.head
        rows, places = np.unique(np.concatenate([batch.left, batch.right]), return_inverse=True)
        pooled = self._pooled(rows)[torch.from_numpy(places).to(self.device)]
        standard = networks.scaled(head, pooled)
        left, right = networks.embed(head, standard).split(len(batch.left))
        same = torch.from_numpy(batch.same).to(self.device)
        labels = self.labels[np.concatenate([batch.left, batch.right])]
        loss = torch.nn.functional.cross_entropy(
            head.classes(standard), torch.from_numpy(labels).to(self.device)
        )
        if self.options.loss == "contrastive":
            loss = loss + networks.contrastive_loss(left, right, same)
            # the head learns to read the vectors, and leaves them as the loss above wants them
            left, right = left.detach(), right.detach()
        return loss + networks.pair_loss(networks.hazard(head, left, right), same)

    def held_out(self) -> float:
        """Cross-entropy of the held-out pairs; those of one class count as much as the others."""
        torch = require_torch()
        pairs = self.held_out_pairs
        with torch.inference_mode():
            features = torch.from_numpy(self.features()).to(self.device)
            vectors = networks.embed(self.module.head, networks.scaled(self.module.head, features))
            losses = []
            for same in (True, False):
                chosen = np.flatnonzero(pairs.same == same)
                hazards = networks.hazard(
                    self.module.head,
                    vectors[torch.from_numpy(pairs.left[chosen])],
                    vectors[torch.from_numpy(pairs.right[chosen])],
                )
                of_one = torch.full((len(chosen),), same, device=self.device)
                losses.append(float(networks.pair_loss(hazards, of_one)))
        return sum(losses) / 2

    def features(self) -> NDArray[np.float32]:
        """Pooled features of all images, shape (n, channels)."""
        if self.options.finetune == 0:
            return self.rows
        torch = require_torch()
        with torch.inference_mode():
            found = [
                self._pooled(np.arange(i, min(i + _AT_ONCE, len(self.rows)))).cpu().numpy()
                for i in range(0, len(self.rows), _AT_ONCE)
            ]
        return np.concatenate(found)

    def _pooled(self, rows: NDArray[np.int64]) -> Any:
        found = require_torch().from_numpy(np.asarray(self.rows[rows])).to(self.device)
        if self.options.finetune == 0:
            return found
        maps = found.reshape(len(rows), *self.extractor.map_shape)
        return self.module.last(maps).mean(dim=(2, 3))

    def save(self, path: Path) -> None:
        unused = ("_fc.", "classifier.", "fc.")
        state = {
            f"encoder.{name}": value
            for name, value in self.encoder.state_dict().items()
            if not name.startswith(unused)
        }
        state |= {f"head.{name}": v for name, v in self.module.head.state_dict().items()}
        metadata = {
            "kind": networks.KIND,
            "version": __version__,
            "package": _PACKAGES[self.options.encoder],
            "scaling": scaling_of(self.extractor.weights),
            "size": self.options.size,
            "dim": self.options.dim,
            "loss": self.options.loss,
            "classes": self.classes.tolist(),
        }
        loop.save_tensors(state, path, {"imgsim": json.dumps(metadata)})

    def load(self, path: Path) -> None:
        """Take the weights of a file that `save` wrote."""
        state = files.load(path)
        for prefix, module in (("encoder.", self.encoder), ("head.", self.module.head)):
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            module.load_state_dict(own, strict=False)


def _by_class(rows: NDArray[np.int64], labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[labels[rows] == label] for label in np.unique(labels[rows])]


# What came of it --------------------------------------------------------------------------------


def _measured(
    split: Split,
    head: networks.Head,
    vectors: NDArray[np.float32],
    plain: NDArray[np.float32],
    held_out: Pairs,
    history: list[loop.Epoch],
    options: SiameseOptions,
    folder: Path,
    skipped: int,
    weights: str,
    started: float,
) -> TrainedSiamese:
    """Score the held-out pairs, draw them, and put everything together."""
    labels = np.unique(split.classes, return_inverse=True)[1]
    unit = plain / np.maximum(np.linalg.norm(plain, axis=1, keepdims=True), 1e-12)
    trained = all_pairs(split.train_rows, labels)

    def cosine(pairs: Pairs) -> NDArray[np.float64]:
        return np.asarray((unit[pairs.left] * unit[pairs.right]).sum(axis=1), np.float64)

    own = vectors[:, : head.dim].astype(np.float64)
    probability = np.exp(-head.hazard(own[held_out.left], own[held_out.right]))
    cosines = cosine(held_out)
    figures = (
        measure(probability, held_out.same, 0.5),
        measure(cosines, held_out.same, best_threshold(cosine(trained), trained.same)),
    )
    rows = split.held_out_rows
    found = np.array(head.classes)[vectors[rows, head.dim :].argmax(axis=1)]
    truth = np.array(split.classes)[rows]
    pictures.loss_curve(history, "loss of the pairs", folder / folders.LOSS)
    pictures.pair_scores(
        [
            ("cosine of the plain encoder", cosines, figures[1]),
            ("probability of the network", probability, figures[0]),
        ],
        held_out.same,
        folder / PAIRS,
    )
    return TrainedSiamese(
        folder / loop.MODEL,
        len(split.train_rows),
        len(rows),
        len(np.unique(split.families)),
        head.classes,
        skipped,
        RANDOM if weights == str(folder / ENCODER) else weights,
        tuple(history),
        loop.stopped_early(history, options.loop),
        int(held_out.same.sum()),
        int((~held_out.same).sum()),
        *figures,
        float((found == truth).mean()),
        float(np.unique(truth, return_counts=True)[1].max() / len(truth)),
        time.perf_counter() - started,
    )
