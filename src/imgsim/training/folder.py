"""The folder that a training run writes into, and what it says about itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from imgsim import __version__
from imgsim.errors import MethodUnavailable, UsageError
from imgsim.progress import Progress
from imgsim.read.options import RunOptions
from imgsim.training.loop import CHECKPOINT, HISTORY, MODEL, write_whole
from imgsim.training.split import Split, leaks

SETTINGS = "settings.json"
SPLIT = "split.csv"
LOSS = "loss.png"
_OURS = (MODEL, CHECKPOINT, HISTORY, SETTINGS, SPLIT, LOSS)


def settings_of(kind: str, paths: Sequence[str], options: Any) -> dict[str, Any]:
    """What a run must have in common with the one that it goes on from.

    Not how long it takes and where it runs: the number of epochs, the patience and the device.

    Parameters
    ----------
    kind : str
        Of the network.
    paths : sequence of str
    options : AutoencoderOptions or SiameseOptions
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


def check(folder: Path, settings: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Check, before all the work, that a run may write into a folder; it is made if it is missing.

    Parameters
    ----------
    folder : Path
    settings : mapping
        What the run must have in common with the one it goes on from.
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
        what = "holds something else than a training run" if overwrite else "is not empty"
        can = "--resume goes on from it, --overwrite starts anew"
        raise UsageError(
            f"{folder} {what}",
            can if SETTINGS in there else "name a folder that does not exist yet",
        )


def begin(folder: Path, settings: Mapping[str, Any], more: Iterable[str]) -> None:
    """Remove what an earlier run wrote, and nothing else, and write down the settings of this one.

    Parameters
    ----------
    folder : Path
    settings : mapping
    more : iterable of str
        Names of the files that only this kind of run writes.
    """
    ours = {*_OURS, *more}
    for name in os.listdir(folder):
        if name in ours or name.startswith("checkpoint-"):
            (folder / name).unlink()
    write_json(folder / SETTINGS, settings)


def _check_same(folder: Path, settings: Mapping[str, Any]) -> None:
    try:
        known = json.loads((folder / SETTINGS).read_text("utf-8"))
    except (OSError, ValueError):
        raise UsageError(
            f"{folder} holds nothing to go on from", "leave --resume out to start"
        ) from None
    asked = json.loads(json.dumps(settings))
    for name in asked:
        if known.get(name) != asked[name]:
            raise UsageError(
                f"{folder} was begun with {name}={known.get(name)}, not {asked[name]}",
                "give the same options to --resume, or start anew with --overwrite",
            )


def write_json(path: Path, content: Any) -> None:
    """Write a document."""
    write_whole(
        path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    )


def without_cache(run: RunOptions) -> RunOptions:
    """Whole images are read to be trained on: they have no place in a cache of features."""
    return replace(run, cache=None)


def tell(split: Split, progress: Progress) -> None:
    """Say what is trained on, what is held out, and what is not as it should be."""
    families = len(np.unique(split.families))
    progress.note(
        f"{len(split.train_rows)} images to train on, {len(split.held_out_rows)} held out;"
        f" {families} families of near duplicates"
    )
    if found := leaks(split):
        progress.note(f"warning: {found} held-out images have near duplicates in training")
    names = sorted(set(split.classes) - {split.classes[i] for i in split.held_out_rows})
    if names:
        shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        progress.note(f"nothing is held out of {len(names)} classes, too few families: {shown}")
