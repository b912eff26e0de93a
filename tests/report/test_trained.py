"""What is said of a training run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imgsim.report.trained import autoencoder_text, siamese_text
from imgsim.training.autoencoder import TrainedAutoencoder
from imgsim.training.loop import Epoch
from imgsim.training.pairs import PairFigures
from imgsim.training.siamese import TrainedSiamese

RUN = {
    "weights": Path("m.safetensors"), "images": 20, "held_out": 1, "families": 21, "skipped": 0,
    "epochs": (Epoch(1, 0.5, 0.5, True, 0.5),), "stopped_early": False, "seconds": 1.0,
}  # fmt: skip


def test_an_autoencoder_that_is_worse_than_the_mean_image() -> None:
    trained = TrainedAutoencoder(**RUN, compression=24.0, loss=0.3, loss_of_mean=0.1)
    told = "".join(autoencoder_text(trained))
    assert "worse than painting the mean image" in told
    assert "%" not in told
    assert "1 epoch in" in told
    better = "".join(autoencoder_text(replace(trained, loss=0.02)))
    assert "80.0 % of their variance comes through" in better


def test_accuracies_of_a_single_pair_are_no_figures() -> None:
    figures = PairFigures(0.5, 1.0, 1.0)
    trained = TrainedSiamese(
        **RUN, classes=("a", "b"), encoder_weights="imagenet", same=1, different=5,
        network=figures, cosine=figures, class_accuracy=1.0, largest_class=0.5,
    )  # fmt: skip
    told = "".join(siamese_text(trained))
    assert "1 held-out pair of one class, 5 of two" in told
    assert "too few to mean anything: a single pair makes a difference of 0.500" in told
    assert "too few" not in "".join(siamese_text(replace(trained, same=48, different=448)))
