"""Chooses the device that a network runs on, and feeds it in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import MethodUnavailable, UsageError

CPU_BATCH = 8
CUDA_BATCH = 256


def require_torch() -> Any:
    """Import torch, or say what is wrong with it.

    Raises
    ------
    MethodUnavailable
        It is not installed, or does not work.
    """
    try:
        import torch
    except ImportError as error:
        raise MethodUnavailable(
            f"torch does not import: {error}", "pip install 'imgsim[deep]'"
        ) from None
    return torch


def require_torchvision() -> Any:
    """Import torchvision, or say what is wrong with it."""
    torch = require_torch()
    try:
        import torchvision
    except ImportError as error:
        raise MethodUnavailable(
            f"torchvision does not import: {error}", "pip install 'imgsim[deep]'"
        ) from None
    except RuntimeError as error:  # its operators were built for another torch
        text = " ".join(str(error).split())[:120]
        raise MethodUnavailable(
            f"torchvision does not fit torch {torch.__version__}: {text}",
            "install versions made for each other: pip install --upgrade torch torchvision",
        ) from None
    return torchvision


def choose_device(name: str) -> str:
    """The device for a name: ``auto`` is CUDA where there is one, else the CPU.

    Raises
    ------
    UsageError
        There is no such device here.
    """
    torch = require_torch()
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind == "cpu" and not number:
        return "cpu"
    if kind == "cuda" and (not number or number.isdigit()):
        if not torch.cuda.is_available():
            raise UsageError("no CUDA device here", "use --device cpu or auto")
        if int(number or 0) >= torch.cuda.device_count():
            raise UsageError(f"no device {name} here", f"{torch.cuda.device_count()} are here")
        return name
    raise UsageError(f"no such device: {name}", "cpu, cuda, cuda:1 or auto")


def in_batches(
    images: NDArray[np.uint8],
    device: str,
    batch_size: int,
    run: Callable[[NDArray[np.uint8], int], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Run a network over images, a batch at a time.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side, 3)
    device : str
    batch_size : int
        0 for what suits the device. Halved when memory runs out.
    run : callable
        Takes some of the images and the size of a batch, which it fills up, so that an image's
        features do not depend on how many others there are.
    """
    torch = require_torch()
    size = batch_size or (CPU_BATCH if device == "cpu" else CUDA_BATCH)
    done: list[NDArray[np.float32]] = []
    start = 0
    while start < len(images):
        try:
            done.append(run(images[start : start + size], size))
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2
            torch.cuda.empty_cache()
            continue
        start += size
    return np.concatenate(done)


def filled(images: NDArray[np.uint8], size: int, device: str) -> Any:
    """Images and black ones up to the size of a batch, as float32 (size, 3, h, w) of 0..255."""
    torch = require_torch()
    full = np.zeros((size, *images.shape[1:]), np.uint8)
    full[: len(images)] = images
    return torch.from_numpy(full).to(device).permute(0, 3, 1, 2).float()
