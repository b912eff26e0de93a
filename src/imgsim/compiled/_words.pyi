from typing import Any

from numpy.typing import NDArray

def find(
    segment: tuple[Any, ...],
    word: NDArray[Any],
    value: NDArray[Any],
    first: NDArray[Any],
    end: NDArray[Any],
    /,
) -> int: ...
def near(
    segment: tuple[Any, ...],
    max_bits: int,
    word: NDArray[Any],
    first: NDArray[Any],
    end: NDArray[Any],
    owners: NDArray[Any],
    own: NDArray[Any],
    descriptors: NDArray[Any],
    mirrored: NDArray[Any],
    counted: NDArray[Any],
    live: NDArray[Any],
    one: NDArray[Any],
    other: NDArray[Any],
    of_word: NDArray[Any],
    bits: NDArray[Any],
    /,
) -> int: ...
def check(segment: tuple[Any, ...], first: NDArray[Any], last: NDArray[Any], /) -> int: ...
