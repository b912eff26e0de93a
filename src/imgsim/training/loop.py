"""The training loop of every network: epochs, early stopping, checkpoints, one fixed seed.

Every epoch draws its random numbers from the seed and its own number, so a run that was stopped
and resumed gives on the CPU what it would have given in one go.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from imgsim.errors import ImgsimError, UsageError
from imgsim.progress import Progress

MODEL = "model.safetensors"
"""The best network so far, for a comparator."""
CHECKPOINT = "checkpoint.pt"
"""To resume a run from: the state of the optimizer, and the name of the weights with it."""
HISTORY = "history.csv"

_CHECKPOINT_WEIGHTS = "checkpoint-{}.safetensors"
"""Their number is that of the last finished epoch."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over what is trained on.

    Attributes
    ----------
    number : int
        From 1 on.
    train, held_out : float
        Mean losses, of the same thing.
    best : bool
        The held-out loss is lower than in every epoch before.
    minimised : float
        Mean of all that training minimises; `train` alone, or with more.
    """

    number: int
    train: float
    held_out: float
    best: bool
    minimised: float


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """The mean loss of a batch, as scalar tensors.

    Attributes
    ----------
    minimised : torch.Tensor
        All that training minimises.
    shown : torch.Tensor
        The part that the held-out loss is of, too.
    """

    minimised: Any
    shown: Any


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """Length and learning rate of a training.

    Attributes
    ----------
    epochs : int
        At most.
    patience : int
        Stop after so many epochs without a lower held-out loss.
    learning_rate : float
        Of AdamW at the beginning; it falls to zero along half a cosine.
    weight_decay : float
    seed : int
    """

    epochs: int = 20
    patience: int = 5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1:
            raise UsageError("epochs and patience must be at least 1", "leave them out")
        if not self.learning_rate > 0:
            raise UsageError("the learning rate must be positive", "leave it out")


class TrainingTask(Protocol):
    """A network to be trained: its parameters, its batches and its loss.

    Attributes
    ----------
    module : torch.nn.Module
        Everything that has parameters to train, on its device.
    batches_per_epoch : int
    """

    module: Any
    batches_per_epoch: int

    def parameter_groups(self) -> list[tuple[list[Any], float]]:
        """Return the parameters to train, with each group's factor of the learning rate."""

    def set_training(self, training: bool) -> None:
        """Switch the module between training and inference."""

    def epoch_batches(self, number: int) -> Iterator[Any]:
        """Yield the batches of an epoch; they depend on its number and the seed alone."""

    def loss(self, batch: Any) -> BatchLoss:
        """Compute the mean loss of a batch."""

    def held_out_loss(self) -> float:
        """Compute the mean of `BatchLoss.shown` on what is not trained on."""

    def save(self, path: Path) -> None:
        """Write the network as its comparator reads it."""


def train(
    task: TrainingTask, folder: Path, options: LoopOptions, progress: Progress, *, resume: bool
) -> list[Epoch]:
    """Train, and leave the best network and a checkpoint in a folder after every epoch.

    Parameters
    ----------
    task : TrainingTask
    folder : Path
        Exists. `MODEL`, `CHECKPOINT` with the weights it names, and `HISTORY` are written.
    options : LoopOptions
    progress : Progress
    resume : bool
        Go on from the checkpoint.

    Returns
    -------
    list of Epoch
        All, those before a checkpoint too.

    Raises
    ------
    ImgsimError
        There is no checkpoint that can be read, or the loss is no longer a number.
    KeyboardInterrupt
        The user stopped it; the checkpoint is that of the last finished epoch.
    """
    import torch

    groups = [(parameters, factor) for parameters, factor in task.parameter_groups() if parameters]
    optimizer = torch.optim.AdamW(
        [{"params": parameters} for parameters, _ in groups],
        lr=options.learning_rate,
        weight_decay=options.weight_decay,
    )
    history: list[Epoch] = []
    if resume:
        history = _load_checkpoint(task.module, optimizer, folder)
        progress.note(f"goes on after epoch {len(history)}")
    else:
        _save_checkpoint(task.module, optimizer, history, folder)
    factors = [factor for _, factor in groups]
    try:
        _train_epochs(task, optimizer, factors, history, folder, options, progress)
    except KeyboardInterrupt:
        progress.note("stopped; --resume goes on after the last whole epoch")
        raise
    return history


def _train_epochs(
    task: TrainingTask,
    optimizer: Any,
    factors: list[float],
    history: list[Epoch],
    folder: Path,
    options: LoopOptions,
    progress: Progress,
) -> None:
    """Train to the last epoch or an early stop; every epoch is added to the history."""
    while len(history) < options.epochs and not _stalled(history, options.patience):
        number = len(history) + 1
        rate = 0.5 * (1 + math.cos(math.pi * (number - 1) / options.epochs))
        for group, factor in zip(optimizer.param_groups, factors, strict=True):
            group["lr"] = options.learning_rate * factor * rate
        with torch_seed(options.seed * 1_000_003 + number):
            minimised, loss = _train_epoch(task, optimizer, number, options.epochs, progress)
        task.set_training(False)
        held_out = task.held_out_loss()
        if not all(map(math.isfinite, (minimised, loss, held_out))):
            raise ImgsimError(
                f"the loss of epoch {number} is no number", "try a lower --learning-rate"
            )
        best = all(held_out < epoch.held_out for epoch in history)
        history.append(Epoch(number, loss, held_out, best, minimised))
        if best:
            task.save(folder / MODEL)
        _save_checkpoint(task.module, optimizer, history, folder)
        progress.note(
            f"epoch {number} of {options.epochs}: loss {loss:.4g}, held out {held_out:.4g}"
            + (", the best so far" if best else "")
        )


def _train_epoch(
    task: TrainingTask, optimizer: Any, number: int, epochs: int, progress: Progress
) -> tuple[float, float]:
    """Train on every batch of an epoch once; return the means of what is minimised and shown."""
    task.set_training(True)
    minimised, shown, batches = 0.0, 0.0, 0
    progress.start(f"epoch {number} of {epochs}", task.batches_per_epoch, "batch")
    try:
        for batch in task.epoch_batches(number):
            optimizer.zero_grad(set_to_none=True)
            loss = task.loss(batch)
            loss.minimised.backward()
            optimizer.step()
            minimised += float(loss.minimised.detach())
            shown += float(loss.shown.detach())
            batches += 1
            progress.advance(1)
    finally:
        progress.finish()
    return minimised / max(1, batches), shown / max(1, batches)


def _stalled(history: list[Epoch], patience: int) -> bool:
    since_best = next((i for i, epoch in enumerate(reversed(history)) if epoch.best), 0)
    return since_best >= patience


def stopped_early(history: Sequence[Epoch], options: LoopOptions) -> bool:
    """Tell whether the held-out loss had stopped falling before the last allowed epoch."""
    return len(history) < options.epochs


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    """Seed torch's random numbers, and put their state back afterwards."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _save_checkpoint(module: Any, optimizer: Any, history: list[Epoch], folder: Path) -> None:
    """Write a checkpoint; the one before it is there until this one is whole."""
    import torch

    name = _CHECKPOINT_WEIGHTS.format(len(history))
    save_tensors(module.state_dict(), folder / name, {})
    state = {
        "weights": name,
        "optimizer": optimizer.state_dict(),
        "history": [[e.number, e.train, e.held_out, e.best, e.minimised] for e in history],
    }
    stream = io.BytesIO()
    torch.save(state, stream)
    write_whole(folder / CHECKPOINT, stream.getvalue())
    for other in folder.glob(_CHECKPOINT_WEIGHTS.format("*")):
        if other.name != name:
            other.unlink()
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["epoch", "train", "held_out", "best", "minimised"])
    table.writerows([e.number, e.train, e.held_out, int(e.best), e.minimised] for e in history)
    write_whole(folder / HISTORY, text.getvalue().encode())


def _load_checkpoint(module: Any, optimizer: Any, folder: Path) -> list[Epoch]:
    """Put a checkpoint's weights and optimizer state in place, and return its epochs."""
    import torch
    from safetensors.torch import load_file

    path = folder / CHECKPOINT
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        history = [Epoch(*values) for values in state["history"]]
        module.load_state_dict(load_file(folder / Path(state["weights"]).name))
        optimizer.load_state_dict(state["optimizer"])
    except Exception as error:  # torch, pickle, zipfile and safetensors each have their own
        raise ImgsimError(
            f"cannot go on from {path}: {' '.join(str(error).split())[:160]}",
            "start anew with --overwrite",
        ) from None
    return history


def save_tensors(state: dict[str, Any], path: Path, metadata: dict[str, str]) -> None:
    """Write tensors and texts as a safetensors file, see `write_whole`.

    Parameters
    ----------
    state : dict of str to torch.Tensor
        Of any shape, dtype and device.
    path : Path
    metadata : dict of str to str

    Raises
    ------
    ImgsimError
        The file cannot be written.
    """
    from safetensors.torch import save

    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
    write_whole(path, save(tensors, metadata))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one step: a reader sees all of it, or what was there before.

    Raises
    ------
    ImgsimError
        It cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ImgsimError(
            f"cannot write {path}: {error.strerror}", "choose another -o DIR"
        ) from None
