"""Runs a backbone by OpenVINO: the same features as by torch on the CPU, in less time."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError
from imgsim.models.backbone import Backbone, Pool, Precision, Scaling
from imgsim.models.devices import padded, require_torch, required
from imgsim.models.efficientnet import Package
from imgsim.models.weights import cached_until_changed

BATCH = 1
"""Images of a request: the requests run side by side, one a core."""

_HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


def require_openvino() -> Any:
    """Import openvino, without the package that would send reports on its use to its makers.

    Raises
    ------
    MethodUnavailable
        It is not installed, or does not work.
    """
    # openvino also works where this package is not installed
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    with required("openvino", "pip install 'imgsim[openvino]', or engine=torch"):
        import openvino
    return openvino


def check_device(name: str) -> None:
    """Refuse any device but the CPU.

    Raises
    ------
    UsageError
        Another one is asked for.
    """
    if name not in ("auto", "cpu"):
        raise UsageError(f"engine=openvino does not run on {name}", "use engine=torch")


class OpenVinoBackbone:
    """A `Backbone` compiled by OpenVINO for the CPU, called in the same way.

    Parameters
    ----------
    package, weights, precision
        As for `Backbone`.
    """

    def __init__(self, package: Package, weights: str, precision: Precision) -> None:
        self.openvino = require_openvino()
        self.backbone = Backbone(package, weights, "cpu", "fp32")
        self.precision = precision
        self._compiled: dict[tuple[object, ...], Any] = {}

    def __call__(
        self, images: NDArray[np.uint8], pool: Pool, scaling: Scaling, batch_size: int
    ) -> NDArray[np.float32]:
        """Compute features, see `Backbone.__call__`.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, side, side, 3)
        pool, scaling
            As for `Backbone.__call__`.
        batch_size : int
            0 for `BATCH`.

        Returns
        -------
        ndarray of float32, shape (n, 1280) or (n, 1280 * cells)
        """
        size = batch_size or BATCH
        compiled = self._compile((size, *images.shape[1:]), pool, scaling)
        done: list[NDArray[np.float32] | None] = [None] * -(-len(images) // size)

        def keep(request: Any, number: int) -> None:
            done[number] = request.get_output_tensor(0).data.copy()

        queue = self.openvino.AsyncInferQueue(compiled)
        queue.set_callback(keep)
        for number in range(len(done)):
            some = images[number * size : (number + 1) * size]
            queue.start_async([padded(some, size)], number)
        queue.wait_all()
        batches = [features for features in done if features is not None]
        return np.concatenate(batches)[: len(images)]

    def _compile(self, shape: tuple[int, ...], pool: Pool, scaling: Scaling) -> Any:
        key = (shape, pool, scaling)
        if key not in self._compiled:
            torch = require_torch()
            example = torch.zeros(shape, dtype=torch.uint8)
            with torch.no_grad():
                program = torch.export.export(self.backbone.end_to_end(pool, scaling), (example,))
            model = self.openvino.convert_model(program)
            model.reshape(list(shape))
            settings = {
                # by default it computes in bfloat16 where the processor can
                "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
                "PERFORMANCE_HINT": "THROUGHPUT",
            }
            self._compiled[key] = self.openvino.Core().compile_model(model, "CPU", settings)
        return self._compiled[key]


@cached_until_changed(2)
def load_openvino_backbone(
    weights: str, package: Package, precision: Precision
) -> OpenVinoBackbone:
    """Load and compile a backbone, once in a process."""
    return OpenVinoBackbone(package, weights, precision)
