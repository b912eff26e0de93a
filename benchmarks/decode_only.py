"""The floor under the cost of a finder: reads and decodes every image of a folder, nothing else.

    python benchmarks/decode_only.py FOLDER --workers 2

Each file is decoded by Pillow to grey, JPEGs by its draft mode at the smallest scale whose shorter
side keeps 192 pixels, which is what hashes are made of. The workers are forked and begin with
Pillow imported. Files that are no image are left out. Prints how many were decoded.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor

from PIL import Image

SHORTER_SIDE = 192


def decode(path: str) -> bool:
    """Decode a file, and return whether it is an image."""
    try:
        with Image.open(path) as image:
            fitting = [s for s in (8, 4, 2, 1) if min(image.size) // s >= SHORTER_SIDE]
            scale = fitting[0] if fitting else 1
            image.draft("L", (image.width // scale, image.height // scale))
            image.convert("L")
    except OSError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    paths = sorted(
        os.path.join(top, name) for top, _, names in os.walk(given.folder) for name in names
    )
    if any(path.lower().endswith((".heic", ".heif")) for path in paths):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with ProcessPoolExecutor(given.workers) as pool:
        print(sum(pool.map(decode, paths, chunksize=32)))


if __name__ == "__main__":
    main()
