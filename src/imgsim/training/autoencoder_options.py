"""Options of a training run of an autoencoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from imgsim.models.autoencoder import Shape
from imgsim.training.loop import LoopOptions


@dataclass(frozen=True, slots=True)
class AutoencoderOptions:
    """Options of a training run of an autoencoder.

    Attributes
    ----------
    shape : Shape
    loop : LoopOptions
    held_out : float
        Share of the images that is not trained on.
    split : Path or None
        A CSV that says instead which images are held out.
    augment : bool
        Mirror, crop and tint the images while training.
    device : str
    batch_size : int
        0 for what suits the device.
    """

    shape: Shape = field(default_factory=Shape)
    loop: LoopOptions = field(default_factory=lambda: LoopOptions(epochs=30))
    held_out: float = 0.15
    split: Path | None = None
    augment: bool = True
    device: str = "auto"
    batch_size: int = 0
