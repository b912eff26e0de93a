from typing import Any

from numpy.typing import NDArray

def search(
    start: int,
    stop: int,
    radius: int,
    plain: NDArray[Any],
    transposed: NDArray[Any],
    found: NDArray[Any],
    how: NDArray[Any],
    /,
) -> tuple[int, int]: ...
def after(
    start: int,
    radius: int,
    parts: int,
    part_bits: int,
    queries: NDArray[Any],
    rows: NDArray[Any],
    size: int,
    starts: NDArray[Any] | None,
    order: NDArray[Any] | None,
    found: NDArray[Any],
    distance: NDArray[Any],
    /,
) -> tuple[int, int]: ...
