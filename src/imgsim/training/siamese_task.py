"""A Siamese network as a training task: its pairs, its loss, its file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim import __version__
from imgsim.models import backbone as backbones
from imgsim.models import efficientnet as architectures
from imgsim.models import siamese as networks
from imgsim.models import weights as files
from imgsim.models.backbone import scaling_of
from imgsim.models.devices import require_torch
from imgsim.training.encoder import EncoderRows
from imgsim.training.loop import BatchLoss, save_tensors
from imgsim.training.pairs import Pairs
from imgsim.training.siamese_options import SiameseOptions
from imgsim.training.split import TrainingSplit

_FINETUNE_FACTOR = 0.1
"""Of the learning rate, for blocks that have been trained before."""
_MAPS_AT_ONCE = 64
"""Images whose feature maps go through the trained blocks together."""


class SiameseTask:
    """A Siamese network as `loop.TrainingTask`.

    `module` has the head and, where they are trained, the last blocks of the encoder.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, channels) or (n, channels * height * width)
        Of each picture of the split, from the extractor.
    split : TrainingSplit
    options : SiameseOptions
    extractor : EncoderRows
        The frozen part of the encoder.
    device : str
        See `devices.choose_device`.
    held_out : Pairs
        Of which the held-out loss is computed.
    """

    def __init__(
        self,
        rows: NDArray[np.float32],
        split: TrainingSplit,
        options: SiameseOptions,
        extractor: EncoderRows,
        device: str,
        held_out: Pairs,
    ) -> None:
        torch = require_torch()
        self.rows = rows
        self.split = split
        self.options = options
        self.extractor = extractor
        self.device = device
        self.held_out_pairs = held_out
        self.labels = split.labels
        self.members = _by_class(split.train_rows, self.labels)
        self.batch_size = min(64 if options.finetune else 256, options.pairs_drawn)
        self.batches_per_epoch = -(-options.pairs_drawn // self.batch_size)
        package = extractor.package
        self.encoder = architectures.load_model(package, files.locate(extractor.weights))
        self.encoder.eval().requires_grad_(False).to(device)
        self.module = torch.nn.Module()
        parts = architectures.feature_parts(package, self.encoder)
        last = parts[-1 - options.finetune :] if options.finetune else []
        self.module.last = torch.nn.Sequential(*last).requires_grad_(True)
        channels = backbones.CHANNELS[package]
        self.module.head = networks.make_head(
            channels, len(split.class_names), options.dim, options.hidden
        )
        self.module.to(device)
        trained = self.features()[split.train_rows]
        self.module.head.mean.copy_(torch.from_numpy(trained.mean(axis=0)))
        self.module.head.spread.copy_(torch.from_numpy(np.maximum(trained.std(axis=0), 1e-3)))

    def parameter_groups(self) -> list[tuple[list[Any], float]]:
        head = list(self.module.head.parameters())
        return [(head, 1.0), (list(self.module.last.parameters()), _FINETUNE_FACTOR)]

    def set_training(self, training: bool) -> None:
        # the statistics in the encoder's batch normalisations stay as they are
        self.module.head.train(training)
        self.module.last.eval()

    def epoch_batches(self, number: int) -> Iterator[Pairs]:
        rng = np.random.default_rng([self.options.loop.seed, number])
        for start in range(0, self.options.pairs_drawn, self.batch_size):
            yield self._draw_pairs(rng, min(self.batch_size, self.options.pairs_drawn - start))

    def _draw_pairs(self, rng: np.random.Generator, n: int) -> Pairs:
        """Draw half the pairs of one class, half of two; all classes are equally likely."""
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

    def loss(self, batch: Pairs) -> BatchLoss:
        """Compute the loss of the pairs, and with it what else is trained: the classes."""
        torch = require_torch()
        head = self.module.head
        rows, inverse = np.unique(np.concatenate([batch.left, batch.right]), return_inverse=True)
        pooled = self._pooled(rows)[torch.from_numpy(inverse).to(self.device)]
        standard = networks.standardise(head, pooled)
        left, right = networks.embed(head, standard).split(len(batch.left))
        same = torch.from_numpy(batch.same).to(self.device)
        labels = self.labels[np.concatenate([batch.left, batch.right])]
        more = torch.nn.functional.cross_entropy(
            head.classes(standard), torch.from_numpy(labels).to(self.device)
        )
        if self.options.loss == "contrastive":
            more = more + networks.contrastive_loss(left, right, same)
            # the loss of the probabilities trains the layers behind the vectors only
            left, right = left.detach(), right.detach()
        pairs = networks.pair_loss(networks.neg_log_probability(head, left, right), same)
        return BatchLoss(more + pairs, pairs)

    def held_out_loss(self) -> float:
        """Compute the mean of the cross-entropies of held-out pairs of one class and of two."""
        torch = require_torch()
        pairs = self.held_out_pairs
        with torch.inference_mode():
            features = torch.from_numpy(self.features()).to(self.device)
            standard = networks.standardise(self.module.head, features)
            vectors = networks.embed(self.module.head, standard)
            losses = []
            for same in (True, False):
                chosen = np.flatnonzero(pairs.same == same)
                minus_logs = networks.neg_log_probability(
                    self.module.head,
                    vectors[torch.from_numpy(pairs.left[chosen])],
                    vectors[torch.from_numpy(pairs.right[chosen])],
                )
                truth = torch.full((len(chosen),), same, device=self.device)
                losses.append(float(networks.pair_loss(minus_logs, truth)))
        return sum(losses) / 2

    def features(self) -> NDArray[np.float32]:
        """Compute the pooled features of all images, float32, shape (n, channels)."""
        if self.options.finetune == 0:
            return self.rows
        torch = require_torch()
        with torch.inference_mode():
            features = [
                self._pooled(np.arange(i, min(i + _MAPS_AT_ONCE, len(self.rows)))).cpu().numpy()
                for i in range(0, len(self.rows), _MAPS_AT_ONCE)
            ]
        return np.concatenate(features)

    def _pooled(self, rows: NDArray[np.int64]) -> Any:
        """Return the pooled features of some rows as a tensor, shape (n, channels)."""
        frozen = require_torch().from_numpy(np.asarray(self.rows[rows])).to(self.device)
        if self.options.finetune == 0:
            return frozen
        maps = frozen.reshape(len(rows), *self.extractor.map_shape)
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
            "package": self.extractor.package,
            "scaling": scaling_of(self.extractor.weights),
            "size": self.options.size,
            "dim": self.options.dim,
            "loss": self.options.loss,
            "classes": list(self.split.class_names),
        }
        save_tensors(state, path, {"imgsim": json.dumps(metadata)})

    def load(self, path: Path) -> None:
        """Load the weights of a file that `save` wrote."""
        state = files.load_state_dict(path)
        for prefix, module in (("encoder.", self.encoder), ("head.", self.module.head)):
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            module.load_state_dict(own, strict=False)


def _by_class(rows: NDArray[np.int64], labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Group rows by their label, in the order of the labels."""
    return [rows[labels[rows] == label] for label in np.unique(labels[rows])]
