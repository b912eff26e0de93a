"""A convolutional autoencoder: an encoder to a small latent, a decoder that reconstructs the image.

Source: G. E. Hinton and R. R. Salakhutdinov, "Reducing the Dimensionality of Data with Neural
Networks", Science 313, 2006, doi:10.1126/science.1127647; with strided convolutions as in
J. Masci et al., "Stacked Convolutional Auto-Encoders", ICANN 2011,
doi:10.1007/978-3-642-21735-7_7, and upsampling before convolutions instead of transposed ones,
which leave checkerboard artefacts (A. Odena, V. Dumoulin and C. Olah, Distill 2016,
doi:10.23915/distill.00003).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError
from imgsim.models import devices
from imgsim.models import weights as files
from imgsim.models.cam import Shift

KIND = "autoencoder"
STAGES = 5
"""Each halves width and height."""
STRIDE = 1 << STAGES
SHIFT: Shift = -1
"""Of the receptive fields of the latent's cells."""
MIN_COMPRESSION = 8
"""Of `Shape.compression`, so that the network cannot copy the image."""
LAYERS = (*(str(number) for number in range(1, STAGES + 1)), "latent")
"""Names of the encoder's layers: its stages, then the latent."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the image, the latent and the stages.

    Attributes
    ----------
    size : int
        Width and height in pixels of the image; a multiple of 32.
    latent : int
        Channels of the latent, which has a cell for each 32 x 32 pixels.
    width : int
        Channels of the first stage; later ones have more.

    Raises
    ------
    UsageError
        A size is out of range, or the latent is too large for the image.
    """

    size: int = 224
    latent: int = 64
    width: int = 16

    def __post_init__(self) -> None:
        if self.size % STRIDE or not STRIDE <= self.size <= 1024:
            raise UsageError(
                f"size={self.size} is no multiple of {STRIDE} up to 1024", "try --size 224"
            )
        most = 3 * STRIDE * STRIDE // MIN_COMPRESSION
        if not 1 <= self.latent <= most:
            raise UsageError(
                f"a latent of {self.latent} channels is not in 1..{most}",
                f"the latent is at least {MIN_COMPRESSION} times smaller than the image",
            )
        if not 1 <= self.width <= 256:
            raise UsageError(f"width={self.width} is not in 1..256", "try --width 16")

    @property
    def cells(self) -> int:
        """Cells of the latent across, and down."""
        return self.size // STRIDE

    @property
    def values(self) -> int:
        """Numbers in the latent."""
        return self.latent * self.cells * self.cells

    @property
    def compression(self) -> float:
        """Numbers in the image over numbers in the latent."""
        return 3 * self.size * self.size / self.values


def make_autoencoder(shape: Shape) -> Any:
    """Build a network with random weights: a torch module with the parts `encoder` and `decoder`.

    The encoder takes float32 tensors of images, shape (n, 3, size, size), in 0..1, and returns
    latents, shape (n, latent, cells, cells); the decoder takes these and returns images.
    """
    torch = devices.require_torch()
    nn = torch.nn
    widths = [shape.width * factor for factor in (1, 2, 4, 6, 8)]

    def stage(inside: int, outside: int, stride: int) -> list[Any]:
        return [
            nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outside),
            nn.LeakyReLU(0.1, inplace=True),
        ]

    down = [nn.Sequential(*stage(a, b, 2)) for a, b in pairwise([3, *widths])]
    up = [
        nn.Sequential(nn.Upsample(scale_factor=2), *stage(a, b, 1))
        for a, b in pairwise(widths[::-1])
    ]
    # the last doubling moves channels to pixels: convolutions over all pixels take most of the time
    last = [nn.Conv2d(widths[0], 12, 3, 1, 1, padding_mode="replicate"), nn.PixelShuffle(2)]
    network = nn.Module()
    network.encoder = nn.Sequential(*down, nn.Conv2d(widths[-1], shape.latent, 1))
    network.decoder = nn.Sequential(nn.Conv2d(shape.latent, widths[-1], 1), *up, *last)
    # the mean latent of the training images: angles are measured from it
    network.register_buffer("centre", torch.zeros(shape.latent, shape.cells, shape.cells))
    return network


class Autoencoder:
    """A trained network on a device.

    Parameters
    ----------
    weights : str
        A file that ``imgsim train autoencoder`` wrote.
    device : str
        See `devices.choose_device`.

    Raises
    ------
    UsageError
        There is no such device.
    WeightsUnusable
        The file is missing or damaged, or holds another network.
    """

    def __init__(self, weights: str, device: str) -> None:
        torch = devices.require_torch()
        self.device = devices.choose_device(device)
        path = files.locate(weights)
        self.shape = shape_of(files.metadata(path, KIND))
        self.network = make_autoencoder(self.shape)
        try:
            self.network.load_state_dict(files.load_state_dict(path))
        except RuntimeError as error:
            raise files.WeightsUnusable(
                f"{path} is damaged: {' '.join(str(error).split())[:160]}", "train it again"
            ) from None
        self.network.eval().requires_grad_(False)
        self.network.to(self.device, memory_format=torch.channels_last)

    def latents(self, images: NDArray[np.uint8], batch_size: int) -> NDArray[np.float32]:
        """Compute latents, less the mean latent of the training images.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, size, size, 3)
        batch_size : int
            0 for what suits the device.

        Returns
        -------
        ndarray of float32, shape (n, latent, cells, cells)
        """
        return self._run(
            images, batch_size, lambda x: self.network.encoder(x) - self.network.centre
        )

    def reconstruct(self, images: NDArray[np.uint8], batch_size: int = 0) -> NDArray[np.uint8]:
        """Encode and decode images.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, size, size, 3)
        batch_size : int
            0 for what suits the device.

        Returns
        -------
        ndarray of uint8, shape (n, size, size, 3)
        """
        decoded = self._run(
            images, batch_size, lambda x: self.network.decoder(self.network.encoder(x))
        )
        return np.round(decoded.transpose(0, 2, 3, 1).clip(0, 1) * 255).astype(np.uint8)

    def activations(self, image: NDArray[np.uint8], layer: str) -> NDArray[np.float32]:
        """Compute the activations of the channels of a layer.

        Parameters
        ----------
        image : ndarray of uint8, shape (size, size, 3)
        layer : str
            One of `LAYERS`.

        Returns
        -------
        ndarray of float32, shape (channels, height, width)

        Raises
        ------
        UsageError
            There is no such layer.
        """
        if layer not in LAYERS:
            raise UsageError(f"no layer {layer!r}", f"one of {', '.join(LAYERS)}")
        part = self.network.encoder[: LAYERS.index(layer) + 1]
        return np.asarray(self._run(image[None], 1, part)[0])

    def _run(self, images: NDArray[np.uint8], batch_size: int, part: Any) -> NDArray[np.float32]:
        torch = devices.require_torch()

        def run(some: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
            with torch.inference_mode():
                computed = part(devices.padded_tensor(some, size, self.device) / 255.0)
                return np.asarray(computed[: len(some)].float().cpu().numpy())

        return devices.run_in_batches(images, self.device, batch_size, run)


def shape_of(metadata: dict[str, Any]) -> Shape:
    """Return the shape of the network whose weights have this metadata."""
    return Shape(**{name: int(metadata[name]) for name in ("size", "latent", "width")})


@files.cached_until_changed(2)
def load_autoencoder(weights: str, device: str) -> Autoencoder:
    """Load a trained network, see `Autoencoder`; once in a process."""
    return Autoencoder(weights, device)
