"""Base classes of extractors and comparators that run a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from imgsim.comparators.base import Comparator, needs_deep
from imgsim.comparators.extractor import Extractor
from imgsim.errors import UsageError
from imgsim.models import weights as files


class NetworkExtractor(Extractor):
    """Rows that a network computes with the weights of a file; their sha256 is part of the key.

    Attributes
    ----------
    weights : str
        See `weights.locate`.
    """

    weights: str
    heavy: ClassVar[bool] = True

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def key(self) -> str:
        return f"{super().key},sha256={files.digest(files.locate(self.weights))}"


@dataclass(frozen=True)
class OwnNetworkExtractor(NetworkExtractor):
    """Rows that a network computes which the user trained.

    Attributes
    ----------
    weights, device, batch_size
        As for `OwnNetwork`.
    """

    weights: str
    device: str = field(default="auto", metadata={"where": True})
    batch_size: int = field(default=0, metadata={"where": True})

    @property
    def noted(self) -> dict[str, Any]:
        """What training noted in the file."""
        return files.noted_by_training(self.weights, self.name)

    @property
    def key(self) -> str:
        assert self.noted  # there may be no such file, which is told in its own words
        return super().key


@dataclass(frozen=True)
class OwnNetwork(Comparator):
    """A comparator on a network that the user trained.

    Attributes
    ----------
    weights : str
        A file that ``imgsim train`` wrote for this kind of network.
    device : str
        cpu, cuda, cuda:1 or auto. No part of what the rows are.
    batch_size : int
        0 for what suits the device.
    """

    weights: str = field(metadata={"from": "imgsim train {name} PATH -o DIR writes one"})
    device: str = field(default="auto", metadata={"where": True})
    batch_size: int = field(default=0, metadata={"where": True})

    def __post_init__(self) -> None:
        check_batch_size(self.name, self.batch_size)

    @classmethod
    def missing(cls) -> str:
        return needs_deep("torch", "safetensors")


def check_batch_size(method: str, batch_size: int) -> None:
    """Check the batch size that a user gives.

    Raises
    ------
    UsageError
        It is negative.
    """
    if batch_size < 0:
        raise UsageError(f"{method}: batch_size is negative", "0 chooses one")
