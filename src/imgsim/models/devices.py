"""Imports torch, chooses the device that a network runs on, and runs it in batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import ImgsimError, MethodUnavailable, UsageError, is_out_of_memory

CPU_BATCH = 2
"""Larger ones take as long for an image, and a single one is filled up to this."""
CUDA_BATCH = 64
"""As many images as are given to a network at once when files are read: of a larger batch the rest
would be filled up with black images, which take as long."""

_ARITHMETIC = threading.RLock()


@contextmanager
def required(package: str, hint: str = "pip install 'imgsim[deep]'") -> Iterator[None]:
    """Turn the failed import of a package into an error that says how to install it.

    Raises
    ------
    MethodUnavailable
        The import in the with block fails.
    """
    try:
        yield
    except ImportError as error:
        raise MethodUnavailable(f"{package} does not import: {error}", hint) from None


def require_torch() -> Any:
    """Import torch.

    Raises
    ------
    MethodUnavailable
        It is not installed, or does not work.
    """
    with required("torch"):
        import torch
    return torch


def require_torchvision() -> Any:
    """Import torchvision.

    Raises
    ------
    MethodUnavailable
        It is not installed, does not work, or does not fit the torch that is installed.
    """
    torch = require_torch()
    try:
        with required("torchvision"):
            import torchvision
    except RuntimeError as error:  # its operators were built for another torch
        text = " ".join(str(error).split())[:120]
        raise MethodUnavailable(
            f"torchvision does not fit torch {torch.__version__}: {text}",
            "install versions made for each other: pip install --upgrade torch torchvision",
        ) from None
    return torchvision


def choose_device(name: str) -> str:
    """Return the device of a name: ``auto`` is CUDA where there is one, else the CPU.

    Parameters
    ----------
    name : str
        cpu, cuda, cuda:1 or auto.

    Returns
    -------
    str
        As torch names it.

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


def run_in_batches(
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
        Takes up to a batch of the images, ndarray of uint8, shape (m, side, side, 3), and the size
        of a batch, which it fills up, so that an image's features do not depend on how many others
        there are. Returns ndarray of float32, shape (m, ...).

    Returns
    -------
    ndarray of float32, shape (n, ...)

    Raises
    ------
    ImgsimError
        The memory of a GPU is too small for a single image.
    RuntimeError
        That of the CPU is.
    """
    torch = require_torch()
    size = batch_size or (CPU_BATCH if device == "cpu" else CUDA_BATCH)
    done: list[NDArray[np.float32]] = []
    start = 0
    while start < len(images):
        try:
            with float32_arithmetic(device):
                done.append(run(images[start : start + size], size))
            start += size
            continue
        except RuntimeError as error:
            if not _out_of_memory(error) or (size == 1 and device == "cpu"):
                raise
        # the error is gone now, and with it what its traceback held on the device
        if size == 1:
            raise ImgsimError(
                f"a single image is too much for the memory of {device}",
                "end what else uses it, or use --device cpu",
            )
        size //= 2
        if device != "cpu":
            torch.cuda.empty_cache()
    return np.concatenate(done)


def _out_of_memory(error: RuntimeError) -> bool:
    """Return whether memory ran out: torch's own error, or one that a library below it named so."""
    torch = require_torch()
    return (
        isinstance(error, torch.OutOfMemoryError)
        or is_out_of_memory(error)
        or "ALLOC_FAILED" in str(error)
    )


@contextmanager
def float32_arithmetic(device: str) -> Iterator[None]:
    """Compute convolutions of float32 in float32 on CUDA too.

    By default torch rounds what they take to 10 bits there (TF32). Features are cached under one
    key for all devices, so they have to agree.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices
    """
    if device == "cpu":
        yield
        return
    cudnn = require_torch().backends.cudnn
    # torch 2.9 has new names; to mix them with the old ones is an error there
    place, name, exact = (
        (cudnn.conv, "fp32_precision", "ieee")
        if hasattr(cudnn, "conv")
        else (cudnn, "allow_tf32", False)
    )
    with _ARITHMETIC:  # the setting is that of the whole process
        before = getattr(place, name)
        setattr(place, name, exact)
        try:
            yield
        finally:
            setattr(place, name, before)


def padded(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Append black images up to the size of a batch.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side, 3)
    size : int
        At least n.

    Returns
    -------
    ndarray of uint8, shape (size, side, side, 3)
    """
    batch = np.zeros((size, *images.shape[1:]), np.uint8)
    batch[: len(images)] = images
    return batch


def padded_tensor(images: NDArray[np.uint8], size: int, device: str) -> Any:
    """Append black images up to the size of a batch, and put them on a device.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side, 3)
    size : int
        At least n.
    device : str

    Returns
    -------
    tensor of float32, shape (size, 3, side, side)
        In 0..255.
    """
    torch = require_torch()
    return torch.from_numpy(padded(images, size)).to(device).permute(0, 3, 1, 2).float()
