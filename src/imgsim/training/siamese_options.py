"""Options of a training run of a Siamese network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imgsim.errors import UsageError
from imgsim.models.siamese import Loss
from imgsim.training.loop import LoopOptions
from imgsim.training.split import ClassSource

Encoder = Literal["efficientnet", "resnet34"]

_BLOCKS: dict[Encoder, int] = {"efficientnet": 16, "resnet34": 16}


@dataclass(frozen=True, slots=True)
class SiameseOptions:
    """Options of a training run of a Siamese network.

    Attributes
    ----------
    classes : {"auto", "folder", "prefix"}
        See `split.classes_of_paths`.
    encoder : {"efficientnet", "resnet34"}
    weights : str
        Of the encoder: a file, a published name, ``random``, or empty for the published ones,
        and random where these cannot be had.
    finetune : int
        How many of the encoder's last blocks are trained too.
    loss : {"pairs", "contrastive"}
    size : int
        Width and height in pixels that images are resized to.
    dim, hidden : int
        Length of an image's vector, width of the layer over both.
    pairs : int
        Drawn for an epoch; 0 for 4096, or 1024 where blocks of the encoder are trained.
    loop : LoopOptions
    held_out : float
        Share of each class that is not trained on.
    split : Path or None
        A CSV that says instead which images are held out.
    device : str
    batch_size : int
        Images that the encoder takes at a time; 0 for what suits the device.
    """

    classes: ClassSource = "auto"
    encoder: Encoder = "efficientnet"
    weights: str = ""
    finetune: int = 0
    loss: Loss = "pairs"
    size: int = 224
    dim: int = 64
    hidden: int = 16
    pairs: int = 0
    loop: LoopOptions = field(default_factory=lambda: LoopOptions(weight_decay=1e-2))
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
        """Pairs drawn for an epoch."""
        return self.pairs or (1024 if self.finetune else 4096)
