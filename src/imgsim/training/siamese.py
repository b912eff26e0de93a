"""Trains a Siamese network on a labelled folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError
from imgsim.models import efficientnet as architectures
from imgsim.models import siamese as networks
from imgsim.models.devices import choose_device, require_torch
from imgsim.read.collect import collect
from imgsim.read.options import Paths, RunOptions, as_list
from imgsim.training import folder as folders
from imgsim.training import loop, pictures
from imgsim.training.encoder import ARCHITECTURES, ENCODER, RANDOM, EncoderRows, weights_for_encoder
from imgsim.training.pairs import PairFigures, Pairs, all_pairs, best_threshold, measure
from imgsim.training.siamese_options import PAIRS, SiameseOptions
from imgsim.training.siamese_task import SiameseTask
from imgsim.training.split import FAMILY, Split, classes_of, divide, write_split


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
    package = ARCHITECTURES[options.encoder]
    architectures.make_model(package)  # is it here at all?
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
    weights = weights_for_encoder(options, split, folder, run)
    extractor = EncoderRows(
        package, weights, options.size, options.finetune, device, options.batch_size
    )
    # feature maps are too large for a cache of features
    reading = run if options.finetune == 0 else folders.without_cache(run)
    rows = collect(names, [extractor], reading).features(extractor, split.pictures).rows
    with torch.random.fork_rng():
        torch.manual_seed(options.loop.seed)
        task = SiameseTask(np.asarray(rows), split, options, extractor, device, held_out)
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
    probability = np.exp(-head.neg_log_probability(own[held_out.left], own[held_out.right]))
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
