"""Figures of a training run, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from imgsim.escapes import as_json
from imgsim.report.document import heading, path_document
from imgsim.report.units import count
from imgsim.training.autoencoder import TrainedAutoencoder
from imgsim.training.loop import Epoch
from imgsim.training.pairs import PairFigures
from imgsim.training.run import TrainedNetwork
from imgsim.training.siamese import TrainedSiamese

_FEW_PAIRS = 10
"""Below it one pair is more than a twentieth of the accuracy."""


def autoencoder_text(trained: TrainedAutoencoder) -> Iterator[str]:
    """Yield a few lines on an autoencoder."""
    yield from _opening(trained)
    yield (
        f"mean squared error on held-out images {trained.loss:.4g},"
        f" of the mean image {trained.loss_of_mean:.4g}:\n"
    )
    smaller = f"a latent {trained.compression:.0f} times smaller"
    if trained.loss < trained.loss_of_mean:
        explained = 1 - trained.loss / trained.loss_of_mean
        yield f"{100 * explained:.1f} % of their variance comes through {smaller}\n"
    else:
        yield (
            f"worse than painting the mean image: nothing of them comes through {smaller};\n"
            "train with more images, or for more epochs\n"
        )
    yield from _closing(trained, "autoencoder")


def siamese_text(trained: TrainedSiamese) -> Iterator[str]:
    """Yield a few lines on a Siamese network."""
    yield from _opening(trained)
    yield (
        f"{count(trained.same, 'held-out pair')} of one class, {trained.different} of two"
        " (accuracy: mean of both, chance 0.5)\n"
    )
    if (fewest := min(trained.same, trained.different)) < _FEW_PAIRS:
        yield (
            f"too few to mean anything: a single pair makes a difference of {0.5 / fewest:.3f}"
            " in the accuracy\n"
        )
    yield f"  {'':28} {'threshold':>9} {'accuracy':>9} {'AUC':>7}\n"
    for name, figures in (
        ("cosine of the plain encoder", trained.cosine),
        ("probability of the network", trained.network),
    ):
        yield (f"  {name:28} {figures.threshold:9.3f} {figures.accuracy:9.3f} {figures.auc:7.3f}\n")
    yield (
        f"classifier: {100 * trained.class_accuracy:.1f} % of held-out images in the right one"
        f" of {len(trained.classes)} classes\n  (the largest has"
        f" {100 * trained.largest_class:.1f} %)\n"
    )
    yield from _closing(trained, "siamese")


def _opening(trained: TrainedNetwork) -> Iterator[str]:
    best = next(epoch for epoch in reversed(trained.epochs) if epoch.best)
    yield (
        f"{count(trained.images, 'image')} trained on, {trained.held_out} held out\n"
        f"{count(len(trained.epochs), 'epoch')} in {trained.seconds:.0f} s,"
        f" the best is {best.number}" + (" (stopped early)" if trained.stopped_early else "") + "\n"
    )


def _closing(trained: TrainedNetwork, kind: str) -> Iterator[str]:
    yield f"--method {kind}:weights={trained.weights}\n"


def autoencoder_document(trained: TrainedAutoencoder) -> dict[str, Any]:
    """Return the document of an autoencoder."""
    return _document(trained, "autoencoder") | {
        "latent_times_smaller": trained.compression,
        "loss": trained.loss,
        "loss_of_mean": trained.loss_of_mean,
    }


def autoencoder_json(trained: TrainedAutoencoder) -> Iterator[str]:
    """Yield one document."""
    yield _json(autoencoder_document(trained))


def siamese_document(trained: TrainedSiamese) -> dict[str, Any]:
    """Return the document of a Siamese network."""
    return _document(trained, "siamese") | {
        "classes": list(trained.classes),
        "encoder_weights": trained.encoder_weights,
        "held_out_pairs": {"same": trained.same, "different": trained.different},
        "network": _pair_document(trained.network),
        "cosine": _pair_document(trained.cosine),
        "class_accuracy": trained.class_accuracy,
        "largest_class": trained.largest_class,
    }


def siamese_json(trained: TrainedSiamese) -> Iterator[str]:
    """Yield one document."""
    yield _json(siamese_document(trained))


def _document(trained: TrainedNetwork, kind: str) -> dict[str, Any]:
    return {
        **heading("imgsim.train/1"),
        "kind": kind,
        "weights": path_document(str(trained.weights)),
        "images": trained.images,
        "held_out": trained.held_out,
        "families": trained.families,
        "skipped": trained.skipped,
        "epochs": _epoch_rows(trained.epochs),
        "stopped_early": trained.stopped_early,
        "seconds": {"total": round(trained.seconds, 3)},
    }


def _epoch_rows(epochs: Sequence[Epoch]) -> list[dict[str, Any]]:
    return [
        {
            "epoch": e.number,
            "train": e.train,
            "held_out": e.held_out,
            "best": e.best,
            "minimised": e.minimised,
        }
        for e in epochs
    ]


def _pair_document(figures: PairFigures) -> dict[str, float]:
    return {
        "threshold": figures.threshold,
        "accuracy": figures.accuracy,
        "auc": figures.auc,
    }


def _json(document: dict[str, Any]) -> str:
    return as_json(document, indent=2) + "\n"
