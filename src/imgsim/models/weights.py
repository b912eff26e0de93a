"""Weights of networks: by name, fetched and checked, or from a file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from imgsim.errors import ImgsimError

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Published:
    """A file of weights that its authors publish.

    Attributes
    ----------
    url : str
    sha256_prefix : str
        The beginning of its sha256, which the authors put in the file's name. No full hash is
        published, so this is what a fetched file is checked against.
    scaling : {"imagenet", "advprop"}
        How images are scaled for them, see `backbone.scaling_of`.
    network : str
        The network that they belong to.
    """

    url: str
    sha256_prefix: str
    scaling: str
    network: str = "EfficientNet-b0"


_RELEASE = "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/"

PUBLISHED = {
    "imagenet": Published(f"{_RELEASE}efficientnet-b0-355c32eb.pth", "355c32eb", "imagenet"),
    "advprop": Published(f"{_RELEASE}adv-efficientnet-b0-b64d5a18.pth", "b64d5a18", "advprop"),
    "resnet34": Published(
        "https://download.pytorch.org/models/resnet34-b627a593.pth",
        "b627a593",
        "imagenet",
        "ResNet-34",
    ),
}
"""Of EfficientNet-b0, named as in efficientnet_pytorch, and of torchvision's ResNet-34."""


class WeightsUnusable(ImgsimError):
    """Weights cannot be had, read or fitted."""


def locate(weights: str, *, download: bool = False) -> Path:
    """Find the file of some weights.

    Parameters
    ----------
    weights : str
        A name in `PUBLISHED`, or a path.
    download : bool
        Fetch published weights that are not there yet.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    WeightsUnusable
        The file does not exist or cannot be fetched.
    """
    if weights not in PUBLISHED:
        path = Path(os.path.expanduser(weights))  # unlike Path's, without a home it raises nothing
        if path.is_file():
            return path
        names = " or ".join(PUBLISHED)
        raise WeightsUnusable(
            f"no weights at {weights}", f"name a .pth or .safetensors file, or {names}"
        )
    folder = _folder()
    if folder is None:
        raise _not_here(weights, "there is no home folder to keep them in")
    path = folder / PUBLISHED[weights].url.rsplit("/", 1)[1]
    if path.is_file():
        return path
    if not download:
        raise _not_here(weights, "they are not in the cache")
    return _fetch(weights, path)


def noted_by_training(weights: str, kind: str) -> dict[str, Any]:
    """Read what ``imgsim train`` noted in the file of a network; without torch.

    Parameters
    ----------
    weights : str
        A path; no published weights are of such a network.
    kind : str
        autoencoder or siamese.

    Raises
    ------
    WeightsUnusable
        There is no such file, or it holds another network.
    """
    path = Path(os.path.expanduser(weights))
    if not path.is_file():
        raise WeightsUnusable(
            f"no {kind} network at {weights}", f"train one: imgsim train {kind} PATH -o DIR"
        )
    return metadata(path, kind)


def _folder() -> Path | None:
    """Where published weights are kept; None for a user who has no home folder."""
    from platformdirs import user_cache_path

    folder = user_cache_path("imgsim", appauthor=False)
    return folder / "weights" if folder.is_absolute() else None


def _not_here(weights: str, reason: object) -> WeightsUnusable:
    published = PUBLISHED[weights]
    return WeightsUnusable(
        f"no {weights} weights of {published.network} here: {' '.join(str(reason).split())[:200]}",
        f"download {published.url} and give it by --weights FILE or IMGSIM_WEIGHTS",
    )


def _fetch(weights: str, path: Path) -> Path:
    import pooch

    published = PUBLISHED[weights]
    quiet = pooch.get_logger()
    quiet.setLevel("WARNING")
    try:
        fetched = Path(
            pooch.retrieve(
                published.url,
                known_hash=None,
                fname=path.name + ".part",
                path=path.parent,
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=60),
            )
        )
    except Exception as error:  # requests, urllib3 and sockets each have their own
        raise _not_here(weights, _cause(error)) from None
    if not digest(fetched).startswith(published.sha256_prefix):
        fetched.unlink()
        raise _not_here(weights, f"what came is not sha256 {published.sha256_prefix}…")
    fetched.replace(path)
    return path


def _cause(error: BaseException) -> BaseException:
    """Return the first error of a chain: that of the socket, without what libraries add to it."""
    while error.__context__ is not None and str(error.__context__):
        error = error.__context__
    return error


def digest(path: Path) -> str:
    """Return the sha256 of a file in hex; it is computed again only when the file changed."""
    status = path.stat()
    return _digest(os.fspath(path), status.st_size, status.st_mtime_ns)


@cache
def _digest(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cached_until_changed(
    maxsize: int,
) -> Callable[[Callable[Concatenate[str, P], T]], Callable[Concatenate[str, P], T]]:
    """Keep what a function loads from the weights that its first argument names.

    It is loaded once in a process, and again when the file of the weights changed.

    Parameters
    ----------
    maxsize : int
        How many results are kept.
    """

    def decorate(load: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
        @lru_cache(maxsize)
        def kept(sha256: str, weights: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return load(weights, *args, **kwargs)

        @wraps(load)
        def load_or_reuse(weights: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
            # mypy cannot know that they are hashable
            return kept(digest(locate(weights)), weights, *args, **kwargs)  # type: ignore[arg-type]

        return load_or_reuse

    return decorate


def metadata(path: Path, kind: str) -> dict[str, Any]:
    """Read what ``imgsim train`` noted in a file of weights; without torch.

    Parameters
    ----------
    path : Path
        A .safetensors file.
    kind : str
        Of the network that it must hold: autoencoder or siamese.

    Returns
    -------
    dict of str to value

    Raises
    ------
    WeightsUnusable
        It was not written by ``imgsim train KIND``.
    """
    return dict(_metadata(os.fspath(path), digest(path), kind))


_MAX_HEADER_BYTES = 100_000_000


@cache
def _metadata(path: str, digest: str, kind: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > _MAX_HEADER_BYTES:
                raise ValueError
            header = json.loads(stream.read(length))
        noted = json.loads(header["__metadata__"]["imgsim"])
        if noted["kind"] == kind:
            return dict(noted)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise WeightsUnusable(
        f"{path} holds no {kind} network", f"train one: imgsim train {kind} PATH -o DIR"
    )


def load_state_dict(path: Path) -> dict[str, Any]:
    """Read a state dict; nothing in the file is executed.

    Parameters
    ----------
    path : Path
        A .safetensors file, or one that ``torch.save`` wrote.

    Returns
    -------
    dict of str to torch.Tensor

    Raises
    ------
    WeightsUnusable
        The file holds no state dict.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return _finite(dict(load_file(path)), path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what torch.save does not write, which is refused
            state = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsUnusable:
        raise
    except Exception as error:  # pickle, zipfile, torch and safetensors each have their own
        raise WeightsUnusable(
            f"{path} holds no weights: {_why_not(path, error)}",
            "name a .pth state dict or a .safetensors file",
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(k, str) for k in state):
        raise WeightsUnusable(f"{path} holds no state dict", "save model.state_dict()")
    return _finite(state, path)


def _finite(state: dict[str, Any], path: Path) -> dict[str, Any]:
    import torch

    for name, value in state.items():
        if isinstance(value, torch.Tensor) and not torch.isfinite(value).all():
            raise not_finite(path, name)
    return state


def not_finite(path: Path, name: str) -> WeightsUnusable:
    """Return the error of weights that a training that went wrong left, by the name of a tensor."""
    return WeightsUnusable(
        f"the weights in {path} are not finite ({name})", "name others, or train them again"
    )


def _why_not(path: Path, error: Exception) -> str:
    """Why a file could not be read, where that is known; else what the library says."""
    try:
        with path.open("rb") as stream:
            begin = stream.read(4)
        if not begin:
            return "it is empty"
        if begin == _ZIP and not zipfile.is_zipfile(path):
            return "it is cut short"
    except OSError as failure:
        return failure.strerror or "it cannot be read"
    text = " ".join(str(error).split())
    if asked := _ASKS_FOR.search(text):
        return f"it asks for more than tensors ({asked[1]}), and nothing in it is run"
    if path.suffix == ".safetensors":
        return "it is no .safetensors file, or cut short"
    return text[:160] if begin == _ZIP else "it is no file that torch.save wrote"


_ZIP = b"PK\x03\x04"
_ASKS_FOR = re.compile(r"GLOBAL (\S+) was not an allowed")


def fit_state_dict(
    model: Any,
    state: dict[str, Any],
    path: Path,
    other_names: Sequence[str] = (),
    network: str = "EfficientNet-b0",
) -> None:
    """Load a state dict into a network, under its own key names or those of another package.

    The classifier is left out: only features are used. Of a trained Siamese network the encoder is
    taken.

    Parameters
    ----------
    model : torch.nn.Module
    state : dict of str to torch.Tensor
    path : Path
        The file of the state, for messages.
    other_names : sequence of str
        How another package calls the tensors of this network, in their order.
    network : str
        Its name, for messages.

    Raises
    ------
    WeightsUnusable
        Keys or shapes do not fit.
    """
    own = model.state_dict()
    state = {
        key.removeprefix("module.").removeprefix("encoder."): value for key, value in state.items()
    }
    if other_names and not set(own) & set(state):
        names = dict(zip(other_names, own, strict=True))
        state = {names.get(key, key): value for key, value in state.items()}
    wanted = [key for key in own if not key.startswith(("_fc.", "classifier.", "fc."))]
    missing = [key for key in wanted if key not in state]
    wrong = [key for key in wanted if key in state and state[key].shape != own[key].shape]
    if missing or wrong:
        shown = missing or [
            f"{key} is {tuple(state[key].shape)}, not {tuple(own[key].shape)}" for key in wrong
        ]
        kind = "are missing" if missing else "have another shape"
        raise WeightsUnusable(
            f"{path} does not fit {network}: {len(shown)} of {len(wanted)} tensors {kind}"
            f" ({', '.join(shown[:3])} …)",
            f"name weights of efficientnet_pytorch's or torchvision's {network}"
            if other_names
            else f"name weights of torchvision's {network}",
        )
    fitting = {
        key: state[key].float() if own[key].is_floating_point() else state[key] for key in wanted
    }
    model.load_state_dict(fitting, strict=False, assign=True)  # nothing is copied
