from typing import Any

from numpy.typing import NDArray

def search(
    start: int,
    number: int,
    most: int,
    first: int,
    last: int,
    order: NDArray[Any],
    words: NDArray[Any],
    descriptors: NDArray[Any],
    about: NDArray[Any],
    closed: NDArray[Any] | None,
    codes: NDArray[Any],
    histogram: NDArray[Any] | None,
    limit: NDArray[Any] | None,
    share: NDArray[Any] | None,
    found: NDArray[Any] | None,
    /,
) -> tuple[int, int]: ...
def promising(
    pairs: NDArray[Any],
    descriptors: NDArray[Any],
    about: NDArray[Any],
    histogram: NDArray[Any],
    first: int,
    images: int,
    every: int,
    no_weight: int,
    usual: int,
    min_votes: int,
    min_weight: int,
    min_sure: int,
    few: int,
    kept: NDArray[Any],
    /,
) -> int: ...
def agreeing(
    pairs: NDArray[Any],
    cells: NDArray[Any],
    queries: NDArray[Any],
    others: NDArray[Any],
    weights: NDArray[Any],
    images: int,
    min_votes: int,
    least: int,
    least_mirrored: int,
    codes: NDArray[Any],
    found: NDArray[Any],
    /,
) -> int: ...
def sort(words: NDArray[Any], order: NDArray[Any], scratch: NDArray[Any], /) -> None: ...
