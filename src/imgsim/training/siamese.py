"""Trains a Siamese network on a labelled folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError, shown_value
from imgsim.models import efficientnet as architectures
from imgsim.models import siamese as networks
from imgsim.models import weights as files
from imgsim.models.devices import choose_device
from imgsim.models.efficientnet import Architecture
from imgsim.models.padding import chosen_package
from imgsim.read.collect import collect
from imgsim.read.options import Paths, RunOptions, as_list
from imgsim.training import pictures
from imgsim.training.encoder import (
    ARCHITECTURES,
    ENCODER_FILE,
    RANDOM,
    EncoderRows,
    weights_for_encoder,
)
from imgsim.training.folder import folder_path
from imgsim.training.loop import Epoch, torch_seed
from imgsim.training.pairs import PairFigures, Pairs, all_pairs, best_threshold, measure_pairs
from imgsim.training.run import TrainedNetwork, TrainingRun, without_cache
from imgsim.training.siamese_options import SiameseOptions
from imgsim.training.siamese_task import SiameseTask
from imgsim.training.split import FAMILY, TrainingSplit, classes_of_paths

PAIRS_DRAWING = "pairs.png"


@dataclass(frozen=True, slots=True, repr=False)
class TrainedSiamese(TrainedNetwork):
    """A trained Siamese network; further attributes are those of `TrainedNetwork`.

    Attributes
    ----------
    classes : tuple of str
    encoder_weights : str
        Those that the encoder began with.
    same, different : int
        Pairs of held-out images, of one class and of two.
    network : PairFigures
        Of the network's probability on these pairs; the threshold is 0.5.
    cosine : PairFigures
        Of the cosine of the plain encoder's features on these pairs; the threshold is the best one
        on the pairs of training images.
    class_accuracy : float
        Share of the held-out images whose class the classifier predicts.
    largest_class : float
        Share of them that are of the largest class.
    """

    classes: tuple[str, ...]
    encoder_weights: str
    same: int
    different: int
    network: PairFigures
    cosine: PairFigures
    class_accuracy: float
    largest_class: float


def train_siamese(
    paths: Paths,
    folder: str | os.PathLike[str],
    options: SiameseOptions | None = None,
    *,
    run: RunOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> TrainedSiamese:
    """Train a Siamese network on the labelled images below some paths.

    The features of the encoder's frozen part are computed once, so the epochs take seconds.

    Parameters
    ----------
    paths : path or sequence of paths
    folder : path
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

    Examples
    --------
    >>> import imgsim
    >>> trained = imgsim.train_siamese("shop", "network")  # doctest: +SKIP
    >>> method = 'siamese:weights="network/model.safetensors"'
    >>> ranked = imgsim.matches("photos", method)  # doctest: +SKIP
    """
    options = options or SiameseOptions()
    if not isinstance(options, SiameseOptions):
        raise UsageError(f"{shown_value(options)} are no options", "give SiameseOptions(...)")
    folder = folder_path(folder)
    training = TrainingRun(
        networks.KIND,
        as_list(paths, max_pixels=(run or RunOptions()).max_pixels),
        folder,
        options,
        run or RunOptions(),
        resume,
    )
    device = choose_device(options.device)
    architectures.make_model(ARCHITECTURES[options.encoder])  # raises where its package is missing
    training.check_folder(overwrite=overwrite)
    collection = collect(training.paths, [FAMILY.extractor], training.read)
    classes = classes_of_paths([p.file.path for p in collection.pictures], options.classes)
    split = training.divide(collection, classes)
    held_out = _held_out_pairs(split)
    training.start(split, [PAIRS_DRAWING, ENCODER_FILE])
    task = _make_task(training, options, split, held_out, device)
    plain = task.features()
    history = training.train(task, "loss of the probabilities of pairs")
    return _measured(training, task, plain, len(collection.skipped), history)


def _held_out_pairs(split: TrainingSplit) -> Pairs:
    """Pair the held-out images; there must be pairs of one class and of two."""
    pairs = all_pairs(split.held_out_rows, split.labels)
    if pairs.same.all() or not pairs.same.any():
        missing = "two classes" if pairs.same.all() else "two images of one class"
        raise UsageError(
            f"among the {len(split.held_out_rows)} held-out images there are no {missing}",
            "hold out a larger share: --held-out 0.3",
        )
    return pairs


def _make_task(
    training: TrainingRun,
    options: SiameseOptions,
    split: TrainingSplit,
    held_out: Pairs,
    device: str,
) -> SiameseTask:
    """Compute the rows of the encoder's frozen part, and put a new head behind it."""
    weights = weights_for_encoder(options, split, training.folder, training.read)
    extractor = EncoderRows(
        _package_of_encoder(training, options, weights),
        weights,
        options.size,
        options.finetune,
        device,
        options.batch_size,
    )
    # feature maps are too large for a cache of features
    read = without_cache(training.read) if options.finetune else training.read
    collection = collect(training.paths, [extractor], read)
    rows = np.asarray(collection.features(extractor, split.pictures).rows)
    with torch_seed(options.loop.seed):
        return SiameseTask(rows, split, options, extractor, device, held_out)


def _package_of_encoder(
    training: TrainingRun, options: SiameseOptions, weights: str
) -> Architecture:
    """Choose the package whose padding fits; a resumed run keeps that of its network."""
    if training.resume and training.weights.exists():
        package: Architecture = files.metadata(training.weights, networks.KIND)["package"]
        return package
    return chosen_package(weights) if options.encoder == "efficientnet" else options.encoder


def _measured(
    training: TrainingRun,
    task: SiameseTask,
    plain: NDArray[np.float32],
    skipped: int,
    history: list[Epoch],
) -> TrainedSiamese:
    """Measure the best network, and the cosine of the plain encoder's features, on held-out images.

    Parameters
    ----------
    training : TrainingRun
    task : SiameseTask
        Its network becomes the best one.
    plain : ndarray of float32, shape (n, channels)
        Features of all images before the training.
    skipped : int
    history : list of Epoch
    """
    task.load(training.weights)
    head = networks.load_head(str(training.weights))
    rows = head.rows(task.features())
    network, cosine = _pair_figures(head, rows, plain, task, training.folder / PAIRS_DRAWING)
    class_accuracy, largest_class = _classifier_figures(head, rows, task.split)
    weights, random = task.extractor.weights, training.folder / ENCODER_FILE
    return TrainedSiamese.of_run(
        training,
        task.split,
        skipped,
        history,
        classes=head.classes,
        encoder_weights=RANDOM if weights == str(random) else weights,
        same=int(task.held_out_pairs.same.sum()),
        different=int((~task.held_out_pairs.same).sum()),
        network=network,
        cosine=cosine,
        class_accuracy=class_accuracy,
        largest_class=largest_class,
    )


def _pair_figures(
    head: networks.Head,
    rows: NDArray[np.float32],
    plain: NDArray[np.float32],
    task: SiameseTask,
    drawing: Path,
) -> tuple[PairFigures, PairFigures]:
    """Measure, and draw, the network's probabilities and the plain cosines of held-out pairs."""
    held_out = task.held_out_pairs
    trained = all_pairs(task.split.train_rows, task.split.labels)
    probabilities, cosines = _probabilities(head, rows, held_out), _cosines(plain, held_out)
    threshold = best_threshold(_cosines(plain, trained), trained.same)
    network = measure_pairs(probabilities, held_out.same, 0.5)
    cosine = measure_pairs(cosines, held_out.same, threshold)
    panels = [
        ("cosine of the plain encoder", cosines, cosine),
        ("probability of the network", probabilities, network),
    ]
    pictures.draw_pair_scores(panels, held_out.same, drawing)
    return network, cosine


def _probabilities(
    head: networks.Head, rows: NDArray[np.float32], pairs: Pairs
) -> NDArray[np.float64]:
    """Compute the probability that each pair is of one class."""
    vectors = rows[:, : head.dim].astype(np.float64)
    minus_logs = head.neg_log_probability(vectors[pairs.left], vectors[pairs.right])
    return np.asarray(np.exp(-minus_logs))


def _cosines(features: NDArray[np.float32], pairs: Pairs) -> NDArray[np.float64]:
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return np.asarray((unit[pairs.left] * unit[pairs.right]).sum(axis=1), np.float64)


def _classifier_figures(
    head: networks.Head, rows: NDArray[np.float32], split: TrainingSplit
) -> tuple[float, float]:
    """Return the classifier's accuracy on held-out images, and the share of the largest class."""
    scores = rows[split.held_out_rows, head.dim :]
    predicted = np.array(head.classes)[scores.argmax(axis=1)]
    truth = np.array(split.classes)[split.held_out_rows]
    largest = np.unique(truth, return_counts=True)[1].max()
    return float((predicted == truth).mean()), float(largest / len(truth))
