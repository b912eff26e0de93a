"""The steps that a training run takes whatever its network is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from imgsim.progress import Progress
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.results import Result
from imgsim.training import folder as folders
from imgsim.training import loop, pictures
from imgsim.training.folder import TrainingOptions
from imgsim.training.split import TrainingSplit, count_leaks, divide, write_split


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training run, and the folder that it writes into.

    Until `start`, the folder keeps what an earlier run wrote, so that whatever a user may have got
    wrong is found before anything is lost.

    Attributes
    ----------
    kind : str
        Of the network.
    paths : list of str
        Files and folders of images.
    folder : Path
    options : AutoencoderOptions or SiameseOptions
    read : RunOptions
        How files are found and read.
    resume : bool
        Go on from the checkpoint in the folder.
    started : float
        Seconds, of `time.perf_counter`.
    """

    kind: str
    paths: list[str]
    folder: Path
    options: TrainingOptions
    read: RunOptions
    resume: bool
    started: float = field(default_factory=time.perf_counter)

    @property
    def progress(self) -> Progress:
        """Where the run says how far it is."""
        return self.read.progress

    @property
    def weights(self) -> Path:
        """The file of the best network."""
        return self.folder / loop.MODEL

    def check_folder(self, *, overwrite: bool) -> None:
        """Check that the run may write into its folder; it is made if it is missing.

        Raises
        ------
        UsageError
            It may not, see `folder.check_folder`.
        MethodUnavailable
            The package that writes weights is not installed.
        """
        folders.check_folder(self.folder, self._settings, resume=self.resume, overwrite=overwrite)

    def divide(self, collection: Collection, classes: Sequence[str]) -> TrainingSplit:
        """Divide a collection as the options say, or as it was when the run began.

        Raises
        ------
        UsageError
            See `split.divide`.
        """
        options = self.options
        split_file = self.folder / folders.SPLIT if self.resume else options.split
        seed = options.loop.seed
        return divide(collection, classes, options.held_out, seed, self.read, split_file)

    def start(self, split: TrainingSplit, own_files: Iterable[str]) -> None:
        """Make the folder ready, write the split down, and tell the user about it.

        Parameters
        ----------
        split : TrainingSplit
        own_files : iterable of str
            Names of the files that only this kind of run writes.
        """
        if not self.resume:
            folders.start_folder(self.folder, self._settings, own_files)
        write_split(split, self.folder / folders.SPLIT)
        _describe(split, self.progress)

    def train(self, task: loop.TrainingTask, loss_name: str) -> list[loop.Epoch]:
        """Train, see `loop.train`, and draw the losses.

        Parameters
        ----------
        task : TrainingTask
        loss_name : str
            For the title of the drawing.
        """
        history = loop.train(
            task, self.folder, self.options.loop, self.progress, resume=self.resume
        )
        pictures.draw_losses(history, loss_name, self.folder / folders.LOSS)
        return history

    @property
    def _settings(self) -> dict[str, Any]:
        return folders.resume_settings(self.kind, self.paths, self.options)


@dataclass(frozen=True, slots=True, repr=False)
class TrainedNetwork(Result[loop.Epoch]):
    """A network that was trained, and how its training went.

    Attributes
    ----------
    weights : Path
        For ``--method KIND:weights=FILE``.
    images, held_out, families : int
        Pictures trained on, pictures held out, families of near duplicates among all of them.
    skipped : int
        Files that could not be read.
    epochs : tuple of Epoch
    stopped_early : bool
    seconds : float
        Of the whole run.
    """

    weights: Path
    images: int
    held_out: int
    families: int
    skipped: int
    epochs: tuple[loop.Epoch, ...]
    stopped_early: bool
    seconds: float

    def _items(self) -> tuple[loop.Epoch, ...]:
        return self.epochs

    @classmethod
    def of_run(
        cls,
        run: TrainingRun,
        split: TrainingSplit,
        skipped: int,
        history: Sequence[loop.Epoch],
        **own: Any,
    ) -> Self:
        """Fill in what every run tells; `own` are the further fields of a subclass."""
        return cls(
            weights=run.weights,
            images=len(split.train_rows),
            held_out=len(split.held_out_rows),
            families=len(np.unique(split.families)),
            skipped=skipped,
            epochs=tuple(history),
            stopped_early=loop.stopped_early(history, run.options.loop),
            seconds=time.perf_counter() - run.started,
            **own,
        )


def without_cache(read: RunOptions) -> RunOptions:
    """Return the same options without a cache: whole images have no place in one of features."""
    return replace(read, cache=None)


def _describe(split: TrainingSplit, progress: Progress) -> None:
    """Tell how many images are trained on and held out, and warn of leaks and missing classes."""
    families = len(np.unique(split.families))
    progress.note(
        f"{len(split.train_rows)} images to train on, {len(split.held_out_rows)} held out;"
        f" {families} families of near duplicates"
    )
    if leaks := count_leaks(split):
        progress.note(f"warning: {leaks} held-out images have near duplicates in training")
    missing = sorted(set(split.classes) - {split.classes[i] for i in split.held_out_rows})
    if missing:
        shown = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        progress.note(f"nothing is held out of {len(missing)} classes, too few families: {shown}")
