"""The folder that a training run writes into: checked, emptied and described by its settings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from imgsim import __version__
from imgsim.errors import MethodUnavailable, UsageError
from imgsim.escapes import as_json
from imgsim.training.autoencoder_options import AutoencoderOptions
from imgsim.training.loop import CHECKPOINT, HISTORY, MODEL, write_whole
from imgsim.training.siamese_options import SiameseOptions

SETTINGS = "settings.json"
SPLIT = "split.csv"
LOSS = "loss.png"
_OF_EVERY_RUN = (MODEL, CHECKPOINT, HISTORY, SETTINGS, SPLIT, LOSS)

TrainingOptions = AutoencoderOptions | SiameseOptions


def folder_path(folder: str | os.PathLike[str]) -> Path:
    """Return the folder that a run writes into as a path.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        return Path(folder)
    except TypeError:
        raise UsageError(f"{folder!r} is no folder to write to"[:120], "give its path") from None


def resume_settings(kind: str, paths: Sequence[str], options: TrainingOptions) -> dict[str, Any]:
    """Collect the settings that a run must share with the one that it resumes.

    How long and where it runs may differ: the number of epochs, the patience and the device.

    Parameters
    ----------
    kind : str
        Of the network.
    paths : sequence of str
    options : AutoencoderOptions or SiameseOptions

    Returns
    -------
    dict of str to value
        As `SETTINGS` holds them.
    """
    settings = asdict(options)
    loop = settings.pop("loop")
    settings |= settings.pop("shape", {})
    settings.pop("device")
    return {
        "kind": kind,
        "version": __version__,
        "paths": list(paths),
        **settings,
        "split": None if options.split is None else str(options.split),
        **{name: loop[name] for name in ("learning_rate", "weight_decay", "seed")},
    }


def check_folder(
    folder: Path, settings: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> None:
    """Check, before all the work, that a run may write into a folder; it is made if it is missing.

    Parameters
    ----------
    folder : Path
    settings : mapping
        See `resume_settings`.
    resume, overwrite : bool
        Go on from the checkpoint in the folder, or replace what an earlier run wrote.

    Raises
    ------
    UsageError
        The folder holds something, or nothing to go on from; or other settings were used.
    MethodUnavailable
        What writes the weights is not installed.
    """
    if find_spec("safetensors") is None:
        raise MethodUnavailable("safetensors is not installed", "pip install 'imgsim[deep]'")
    if resume and overwrite:
        raise UsageError("both --resume and --overwrite", "give one of them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = os.listdir(folder)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}", "name another") from None
    if resume:
        _check_same(folder, settings)
    elif there and not (overwrite and SETTINGS in there):
        problem = "holds something else than a training run" if overwrite else "is not empty"
        hint = "--resume goes on from it, --overwrite starts anew"
        raise UsageError(
            f"{folder} {problem}",
            hint if SETTINGS in there else "name a folder that does not exist yet",
        )


def start_folder(folder: Path, settings: Mapping[str, Any], own_files: Iterable[str]) -> None:
    """Remove what an earlier run wrote, and nothing else, and write down the settings of this one.

    Parameters
    ----------
    folder : Path
    settings : mapping
        See `resume_settings`.
    own_files : iterable of str
        Names of the files that only this kind of run writes.
    """
    written = {*_OF_EVERY_RUN, *own_files}
    for name in os.listdir(folder):
        if name in written or name.startswith("checkpoint-"):
            (folder / name).unlink()
    text = as_json(settings, indent=2) + "\n"
    write_whole(folder / SETTINGS, text.encode("utf-8", "replace"))


def _check_same(folder: Path, settings: Mapping[str, Any]) -> None:
    try:
        earlier = json.loads((folder / SETTINGS).read_text("utf-8"))
    except (OSError, ValueError):
        raise UsageError(
            f"{folder} holds nothing to go on from", "leave --resume out to start"
        ) from None
    given = json.loads(json.dumps(settings))
    for name in given:
        if earlier.get(name) != given[name]:
            raise UsageError(
                f"{folder} was begun with {name}={earlier.get(name)}, not {given[name]}",
                "give the same options to --resume, or start anew with --overwrite",
            )
