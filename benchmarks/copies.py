"""Make a folder of pictures and changed copies of them, with the truth beside.

    python benchmarks/copies.py DIR DATA/photos DATA/receipts --copies 2

Every file below the sources must show another picture.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from imgsim.pictures.changes import CHANGES, COMBINATIONS
from imgsim.pictures.copies import write_copies
from imgsim.read.discover import discover


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--copies", type=int, default=2, help="of each picture")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--combinations", action="store_true", help="also two and three changes")
    given = parser.parse_args()
    files = [Path(file.path) for file in discover(given.sources).files]
    copies = write_copies(
        files,
        given.folder,
        copies_per_image=given.copies,
        seed=given.seed,
        changes=CHANGES + COMBINATIONS if given.combinations else CHANGES,
    )
    for change, number in Counter(copy.change for copy in copies).most_common():
        print(f"{number:6}  {change}")


if __name__ == "__main__":
    main()
