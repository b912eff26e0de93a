from typing import Any

from numpy.typing import NDArray

def rest(equations: NDArray[Any], solution: NDArray[Any], rest: NDArray[Any], /) -> None: ...
def sums(
    equations: NDArray[Any], rest: NDArray[Any] | None, scale: float, sums: NDArray[Any], /
) -> None: ...
