"""The conformance kit: checks that every comparator must pass.

Run it in the tests of a package that adds a comparator (see `imgsim.plugin`):

>>> from imgsim.testing import check_comparator
>>> from imgsim.comparators.hashes import GradientHash
>>> check_comparator(GradientHash())

or from a terminal, for one that is installed:

    python -m imgsim.testing blockmean --golden golden.json

A golden file holds what `Extractor.extract` gave when it was written, so that rows that changed
without a new `version` are found: cached rows of the old kind would be compared with new ones.
Nothing writes it but `write_golden`, which is ``--update-golden`` on the command line.
"""

from imgsim.testing.checks import (
    check_comparator,
    check_distances,
    check_import,
    check_pairs,
    check_rows,
    check_scale,
    sample_images,
)
from imgsim.testing.golden import check_golden, write_golden

__all__ = [
    "check_comparator",
    "check_distances",
    "check_golden",
    "check_import",
    "check_pairs",
    "check_rows",
    "check_scale",
    "sample_images",
    "write_golden",
]
