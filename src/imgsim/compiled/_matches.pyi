from typing import Any

from numpy.typing import NDArray

def nearest(
    left: NDArray[Any],
    right: NDArray[Any],
    columns: NDArray[Any],
    row_bits: NDArray[Any],
    rows: NDArray[Any],
    column_bits: NDArray[Any],
    /,
) -> None: ...
def upright(
    points: NDArray[Any],
    target: NDArray[Any],
    tolerance: float,
    min_apart: float,
    min_scale: float,
    max_scale: float,
    agreeing: NDArray[Any],
    /,
) -> int: ...
