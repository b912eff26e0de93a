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
