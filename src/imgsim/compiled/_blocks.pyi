from typing import Any

from numpy.typing import NDArray

def errors(
    one: NDArray[Any],
    other: NDArray[Any],
    mask: NDArray[Any],
    width: int,
    shift: int,
    cells: NDArray[Any],
    /,
) -> None: ...
def gradients(
    image: NDArray[Any],
    width: int,
    start: int,
    stop: int,
    cells: NDArray[Any],
    pixels: NDArray[Any] | None,
    products: NDArray[Any] | None,
    /,
) -> None: ...
