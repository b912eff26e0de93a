"""A network that OpenVINO runs: the same features as torch gives on the CPU, sooner."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import MethodUnavailable, UsageError
from imgsim.models.backbone import Backbone, Pool, Precision, Scaling
from imgsim.models.devices import require_torch
from imgsim.models.efficientnet import Package

BATCH = 1
"""Each core has an image of its own."""

_HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


def require_openvino() -> Any:
    """Import openvino, without the reports on its use that it would send to its makers.

    Raises
    ------
    MethodUnavailable
        It is not installed, or does not work.
    """
    # it does without this package where it is not installed
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise MethodUnavailable(
            f"openvino does not import: {error}", "pip install 'imgsim[openvino]', or engine=torch"
        ) from None
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
        """Compute features, see `Backbone.__call__`."""
        size = batch_size or BATCH
        compiled = self._compile((size, *images.shape[1:]), pool, scaling)
        done: list[NDArray[np.float32] | None] = [None] * -(-len(images) // size)

        def keep(request: Any, number: int) -> None:
            done[number] = request.get_output_tensor(0).data.copy()

        queue = self.openvino.AsyncInferQueue(compiled)
        queue.set_callback(keep)
        for number in range(len(done)):
            # every batch has the same size, as with torch
            part = images[number * size : (number + 1) * size]
            full = np.zeros((size, *images.shape[1:]), np.uint8)
            full[: len(part)] = part
            queue.start_async([full], number)
        queue.wait_all()
        found = [features for features in done if features is not None]
        return np.concatenate(found)[: len(images)]

    def _compile(self, shape: tuple[int, ...], pool: Pool, scaling: Scaling) -> Any:
        key = (shape, pool, scaling)
        if key not in self._compiled:
            torch = require_torch()
            example = torch.zeros(shape, dtype=torch.uint8)
            with torch.no_grad():
                program = torch.export.export(self.backbone.whole(pool, scaling), (example,))
            model = self.openvino.convert_model(program)
            model.reshape(list(shape))
            settings = {
                # else it takes bfloat16 where the processor has it
                "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
                "PERFORMANCE_HINT": "THROUGHPUT",
            }
            self._compiled[key] = self.openvino.Core().compile_model(model, "CPU", settings)
        return self._compiled[key]


@lru_cache(maxsize=2)
def backbone(package: Package, weights: str, precision: Precision) -> OpenVinoBackbone:
    """A backbone, compiled once in a process."""
    return OpenVinoBackbone(package, weights, precision)
