"""Why a pair of images is worth verifying, as bits of one number.

The bits below `KEYPOINTS` stand for `comparators.local.ORIENTATIONS`: that of the orientation in
which the right one's hash is like the left one's.
"""

from __future__ import annotations

from imgsim.comparators.local import ORIENTATIONS, Orientation

KEYPOINTS = 1 << len(ORIENTATIONS)
"""They share keypoints."""

MIRRORED = KEYPOINTS << 1
"""They share keypoints as a mirror would show one of them."""

NEGATIVE = MIRRORED << 1
"""The hash of one is like that of the other with light and dark exchanged."""

INSET = NEGATIVE << 1
"""The hash of one is like that of a picture set into the other."""

FIGURE = INSET << 1
"""The colours of two figures on an even ground are nearly equal."""


def bit_back(bit: int) -> int:
    """Return the bit of the orientation that takes one back; of other reasons the same."""
    if bit >= KEYPOINTS:
        return bit
    how = ORIENTATIONS[bit.bit_length() - 1]
    if how.transpose:
        how = Orientation(True, how.flip, how.mirror)
    return 1 << ORIENTATIONS.index(how)
